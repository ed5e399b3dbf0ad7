internal import Logging
internal import NIOCore

/// Log lines that anybody can cause who can connect. Of each kind there is at most one a second for an address, and
/// after ``mostAddresses`` of them one for all others together; what is left out is counted and told a second later. So
/// nobody fills the disk through the log, and no attempt goes unmentioned.
///
/// Belongs to its event loop.
final class RareNotices {
    private struct Subject: Hashable {
        let message: String
        let host: String
    }

    static let mostAddresses = 64

    private let logger: Logger
    private let eventLoop: any EventLoop
    /// What was told within the last second, and how often it has happened since.
    private var leftOut: [Subject: Int] = [:]

    init(_ logger: Logger, _ eventLoop: any EventLoop) {
        self.logger = logger
        self.eventLoop = eventLoop
    }

    func note(_ message: String, _ client: Client, _ more: @autoclosure () -> Logger.Metadata) {
        var subject = Subject(message: message, host: client.host)
        if leftOut[subject] == nil, leftOut.count >= Self.mostAddresses {
            subject = Subject(message: message, host: "others")
        }
        if let count = leftOut[subject] {
            leftOut[subject] = count + 1
        } else {
            logger.notice("\(message)", metadata: more().merging(["client": "\(client.address)"]) { $1 })
            rest(subject)
        }
    }

    private func rest(_ subject: Subject) {
        leftOut[subject] = 0
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .seconds(1)) { bound.value.tellRest(subject) }
    }

    private func tellRest(_ subject: Subject) {
        guard let count = leftOut.removeValue(forKey: subject), count > 0 else { return }
        logger.notice("\(subject.message)", metadata: ["client": "\(subject.host)", "more": "\(count)"])
        rest(subject)
    }
}
