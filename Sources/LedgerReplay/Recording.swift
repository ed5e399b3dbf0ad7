internal import LedgerCore
internal import LedgerStorage

/// A recorded journal: its groups of events one after the other, and the ledger that they lead to. Read-only, and
/// allowed beside a running server; what that writes meanwhile belongs to the recording until its end was met.
final class Recording {
    private let directory: String
    private let disk: any Disk
    /// The ledger after all groups that were folded (``fold(_:)``).
    private(set) var ledger = StateMachine()

    private struct Raw {
        let lsn: LSN
        let time: Timestamp
        let bytes: [UInt8]
    }
    private var slice: ArraySlice<Raw> = []
    private var next = LSN(1)

    /// Events of one look at the journal. Each look reads its segment from the beginning.
    private static let sliceEvents = 32_768

    /// Throws when `directory` is no data directory, or one whose events this program gives no state to any more.
    init(_ directory: String, on disk: any Disk) throws(ReplayError) {
        self.directory = directory
        self.disk = disk
        try read()
        guard !slice.isEmpty else { throw ReplayError("\(directory): the journal has no events") }
    }

    /// The next group, or nil at the end. A group that is not all there yet is left out.
    func group() throws(ReplayError) -> RecordedGroup? {
        var events: [Event] = []
        var raw: [[UInt8]] = []
        while true {
            if slice.isEmpty { try read() }
            guard let one = slice.popFirst() else { return nil }
            let event = try Self.decode(one.bytes, one.lsn, one.time)
            events.append(event)
            raw.append(one.bytes)
            if event.isLastOfGroup { return RecordedGroup(events: events, bytes: raw) }
        }
    }

    /// Applies a group to `ledger`, with all the checks of a recovery.
    func fold(_ group: RecordedGroup) throws(ReplayError) {
        for (event, bytes) in zip(group.events, group.bytes) {
            do {
                try bytes.withUnsafeBytes { try ledger.replay($0, lsn: event.lsn, time: event.time) }
            } catch {
                throw ReplayError("\(directory): \(Self.reason(error))")
            }
        }
    }

    /// Any event of the recording. Cost: from the beginning of its segment.
    func event(_ lsn: LSN) throws(ReplayError) -> Event? {
        var found: Raw?
        try walk(from: lsn, through: lsn) { found = $0 }
        guard let found else { return nil }
        return try Self.decode(found.bytes, found.lsn, found.time)
    }

    private func read() throws(ReplayError) {
        var raw: [Raw] = []
        try walk(from: next, through: nil, most: Self.sliceEvents) { raw.append($0) }
        slice = raw[...]
        if let last = raw.last { next = last.lsn.next }
    }

    private func walk(
        from first: LSN, through last: LSN?, most: Int = .max, _ body: (Raw) -> Void
    ) throws(ReplayError) {
        var count = 0
        var isOld = false
        do throws(StorageError) {
            try JournalListing.forEach(directory, on: disk, from: first, through: last) { journaled in
                guard journaled.batchVersion > 0 else {
                    isOld = true
                    return false
                }
                body(Raw(lsn: journaled.lsn, time: journaled.time, bytes: Array(journaled.bytes)))
                count += 1
                return count < most
            }
        } catch {
            throw ReplayError("\(error)")
        }
        if isOld { throw ReplayError("\(directory): a journal of format 0 can be listed and not replayed") }
    }

    private static func decode(_ bytes: [UInt8], _ lsn: LSN, _ time: Timestamp) throws(ReplayError) -> Event {
        do {
            return try bytes.withUnsafeBytes { try Event(decoding: $0, lsn: lsn, time: time) }
        } catch {
            throw ReplayError("LSN \(lsn.value): \(reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String { (error as? StateError)?.reason ?? "\(error)" }
}

/// What one command, one start or one round of timers gave.
struct RecordedGroup {
    let events: [Event]
    /// The same events as they were journaled.
    let bytes: [[UInt8]]

    var time: Timestamp { events[0].time }
    var end: Timestamp { events[events.count - 1].time }
    var lastLSN: LSN { events[events.count - 1].lsn }
    var isOfTimers: Bool { events[0].origin.isTimer }
}
