internal import LedgerCore

/// Which number an event has in the ledger that replays, by its number in the recording.
///
/// Where time is driven, both ledgers record the same events, so their numbers lie a constant apart from the first
/// command on: that also names what timers made. Where one ledger records something that the other does not, the
/// distance changes there, and what was born before keeps the one it had. (Timers that are due together are cut into
/// rounds by the bytes of their events, and these depend on how late they fired.) Elsewhere only what was answered is
/// known.
struct RecordedNumbers {
    private struct Distance {
        let from: UInt64
        let distance: Int64
    }
    private let isDriven: Bool
    private var distances: [Distance] = []
    /// Without a driven clock: by the recording's number.
    private var answered: [UInt64: UInt64] = [:]
    /// The last event of the recording whose command was answered.
    private(set) var last = LSN.none
    /// The last event of a round of timers: behind it the distance may be another one.
    private var lastOfTimers = LSN.none
    /// Where the distance changed first, and how often it did.
    private(set) var firstChange: LSN?
    private(set) var changes = 0

    init(isDriven: Bool) { self.isDriven = isDriven }

    /// `server` is the number that the recording's event `recorded` has there. In the order of the recording.
    mutating func learn(_ recorded: LSN, is server: LSN) {
        guard isDriven else {
            answered[recorded.value] = server.value
            return
        }
        let distance = Int64(server.value) - Int64(recorded.value)
        guard distances.last?.distance != distance else { return }
        if !distances.isEmpty {
            changes += 1
            if firstChange == nil { firstChange = recorded }
        }
        distances.append(Distance(from: recorded.value, distance: distance))
    }

    /// The command behind `recorded` was answered, whatever the answer.
    mutating func answered(_ recorded: LSN) { last = max(last, recorded) }

    mutating func timers(through recorded: LSN) { lastOfTimers = recorded }

    /// Nil where nobody knows.
    func server(_ recorded: LSN) -> LSN? {
        guard isDriven else { return answered[recorded.value].map { LSN($0) } }
        // Almost always the last one.
        guard let found = distances.last(where: { $0.from <= recorded.value }) ?? distances.first else { return nil }
        return LSN(UInt64(max(0, Int64(recorded.value) + found.distance)))
    }

    /// Whether an event can be named before everything under way was answered.
    func isKnown(_ recorded: LSN) -> Bool { recorded <= last || isDriven && lastOfTimers <= last }
}
