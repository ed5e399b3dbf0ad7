internal import NIOCore

/// How long a connection is waited for. Pure: the instants are given.
///
/// Slow is who takes no byte of its answers while it sends nothing: who still writes its pipeline reads later.
/// A request may stay half sent so long, counted from the last complete one; and so long there is to show a passport.
struct Patience {
    enum Missed: Equatable {
        case passport, request, answers
    }

    private let configuration: Limits
    struct Limits {
        var passport: TimeAmount
        var request: TimeAmount
        var answers: TimeAmount
    }

    /// Since when a request has been half here.
    private var partialSince: NIODeadline?
    /// When the other side last sent or took something.
    private var progress: NIODeadline
    private var hasReceived = false
    /// Bytes of answers that the other side took so far.
    private var taken = 0

    init(_ limits: Limits, opened: NIODeadline) {
        configuration = limits
        progress = opened
    }

    /// Bytes came.
    mutating func received() { hasReceived = true }

    /// A turn is over. `isPartial`: the beginning of a request is left, and the rest is waited for.
    mutating func turnEnded(performed: Bool, isPartial: Bool, at now: @autoclosure () -> NIODeadline) {
        guard isPartial else {
            partialSince = nil
            return
        }
        if performed || partialSince == nil { partialSince = now() }
    }

    /// Looks at all deadlines. `taken`: bytes of answers that the other side took so far; `untaken`: whether some are
    /// there that it could take. `isUnread`: what it sends is not read for now, so it may be sending.
    mutating func check(
        at now: NIODeadline, strangerSince: NIODeadline?, taken: Int, untaken: Bool, isUnread: Bool
    ) -> Missed? {
        if taken != self.taken || hasReceived || isUnread || !untaken { progress = now }
        self.taken = taken
        hasReceived = false
        if let strangerSince, now - strangerSince > configuration.passport { return .passport }
        if let partialSince, now - partialSince > configuration.request { return .request }
        return now - progress > configuration.answers ? .answers : nil
    }
}
