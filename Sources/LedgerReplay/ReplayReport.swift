package import LedgerCore

/// What came of a replay.
package struct ReplayReport: Sendable {
    /// Something that is counted, and said in words the first few times.
    package struct Findings: Sendable {
        package private(set) var count = 0
        package private(set) var first: [String] = []
        package static let shown = 10

        package mutating func add(_ text: @autoclosure () -> String) {
            count += 1
            if first.count < Self.shown { first.append(text()) }
        }
    }

    /// The recorded ledger beside the one that replayed it.
    package struct Comparison: Sendable {
        package var accounts = 0
        package var users = 0
        package var differences = Findings()
        package var isEqual: Bool { differences.count == 0 }
    }

    /// The server's time is the recording's: what comes of it can be compared.
    package var isDriven = false
    /// Recorded seconds to a second of the replay; nil: as fast as it goes.
    package var speed: Double?
    /// Of the recording.
    package var events = 0
    package var groups = 0
    /// When the first and the last command or due instant were recorded.
    package var from = Timestamp.never
    package var through = Timestamp.distantPast
    /// Groups that timers gave: nothing is sent for them but the time.
    package var timerGroups = 0
    /// Starts and pauses.
    package var starts = 0
    /// Commands of the recording that were sent, by their name.
    package var commands: [String: Int] = [:]
    /// Refusals and answers kept under a KEY, which are not asked again. Where time is driven each is a CLOCK ACCEPT,
    /// so that the events behind it have the same numbers and times.
    package var remembered = 0
    package var timesSet = 0
    package var signIns = 0
    /// From the first command to the last answer.
    package var seconds = 0.0
    /// What the recorded ledger accepted and this one refused, by the code of the error; and in words.
    package var refused: [String: Int] = [:]
    package var refusals = Findings()
    /// Groups that no command gives, by what they are.
    package var unplayed: [String: Int] = [:]
    /// How the two ledgers differ from their beginning.
    package var beginnings: [String] = []
    /// The first event whose number is not where it was expected: from about there on one ledger has recorded what the
    /// other has not. That alone says nothing of the values.
    package var firstDeviation: LSN?
    /// Nil without a driven clock.
    package var comparison: Comparison?

    package var sent: Int { commands.values.reduce(0, +) }
    /// Commands of the recording, a second.
    package var rate: Double { seconds > 0 ? Double(sent) / seconds : 0 }
    /// Nothing is known to be unlike the recording. Without a driven clock nothing can be.
    package var isEqual: Bool { comparison?.isEqual ?? true }

    package init() {}
}
