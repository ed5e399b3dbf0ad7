package import LedgerCore

/// A state to which the journal's events lead: what this module needs to know about the ledger, and all it knows.
/// `StateMachine` is the one that counts; tests replay toys.
package protocol JournaledState: ~Copyable {
    /// Empty, before the first event.
    init()
    /// Applies the event after `lastLSN`. Its number and the time at which it was recorded follow from its place in the
    /// journal and are not among its bytes.
    mutating func replay(_ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) throws(StateError)
    /// Asks for the memory that an event will need when its turn comes. Changes nothing, and believes nothing.
    func prefetch(_ event: UnsafeRawBufferPointer, _ step: PrefetchStep)
    var lastLSN: LSN { get }
    var lastTime: Timestamp { get }
    /// Zero, always.
    var booksSum: Int128 { get }
    func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure)
    /// A frame of a snapshot, read as far as that goes without the state: a thread of its own does it.
    associatedtype FrameRows: Sendable
    /// `version` is the one its section had in the program that wrote it: every version that was ever released is
    /// read, and what a newer program wrote is refused.
    static func read(
        section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer
    ) throws(StateError) -> FrameRows
    /// Takes one frame of a snapshot.
    mutating func restore(_ frame: consuming FrameRows) throws(StateError)
    /// Whether it knows a section's rows in this version. A snapshot with others is left to the program that made it.
    static func reads(section: UInt16, version: UInt8) -> Bool
    /// Behind the last frame: what is left to be done with the tables, in two parts that have nothing in common. `both`
    /// may do them at the same time, and returns when both are done.
    mutating func settle(_ both: (_ one: () -> Void, _ other: @escaping @Sendable () -> Void) -> Void)
    /// What half of the rows are by themselves. Only reads: two threads do one each at once.
    func audit(_ half: Half) -> RowAudit
    /// A sentence for each invariant that does not hold, with the audits of both halves: a snapshot that leads to one
    /// is refused.
    func violations(with halves: [RowAudit]) -> [String]
    /// The same, asked at any time.
    func violations() -> [String]
    /// Users have ordinals from 0.
    var userCount: Int { get }
    /// Whether the state holds text that was sealed under this user's key: then there was one. False for an ordinal
    /// that nobody has yet.
    func hasSealedText(_ user: UserOrdinal) -> Bool
    /// Some of it, for a look whether the key still opens it; empty where there is none.
    func sealedText(_ user: UserOrdinal) -> [UInt8]
    /// Whether the user was deleted: then there must be no key any more.
    func isDeleted(_ user: UserOrdinal) -> Bool
}

extension JournaledState where Self: ~Copyable {
    package func prefetch(_ event: UnsafeRawBufferPointer, _ step: PrefetchStep) {}
    package static func reads(section: UInt16, version: UInt8) -> Bool { version == 1 }
    package mutating func settle(_ both: (_ one: () -> Void, _ other: @escaping @Sendable () -> Void) -> Void) {}
    package func audit(_ half: Half) -> RowAudit { RowAudit() }
    package func violations() -> [String] { violations(with: Half.allCases.map { audit($0) }) }
    package var userCount: Int { 0 }
    package func hasSealedText(_ user: UserOrdinal) -> Bool { false }
    package func sealedText(_ user: UserOrdinal) -> [UInt8] { [] }
    package func isDeleted(_ user: UserOrdinal) -> Bool { false }
}

extension StateMachine: JournaledState {
    package static func read(
        section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer
    ) throws(StateError) -> FrameRows {
        try FrameRows(section: section, version: version, rows: rows, bytes: bytes)
    }

    package func hasSealedText(_ user: UserOrdinal) -> Bool {
        user.value < UInt32(userCount) && !sealedText(of: user).isEmpty
    }

    package func sealedText(_ user: UserOrdinal) -> [UInt8] {
        user.value < UInt32(userCount) ? sealedText(of: user).sealedBytes : []
    }
}

extension JournaledState where Self: ~Copyable {
    /// Applies the events of a batch that come after `lastLSN`, while `wanted` says so; true when none was refused by
    /// it. Afterwards the state agrees with what the batch says of it.
    mutating func apply(
        _ batch: ScannedBatch, while wanted: (LSN, Timestamp) -> Bool = { _, _ in true }
    ) throws(StorageError) -> Bool {
        guard batch.header.version >= JournalFormat.oldestReplayed else {
            throw FormatFault.older(version: batch.header.version, reads: JournalFormat.oldestReplayed)
                .error(batch.path, at: batch.offset)
        }
        var cursor = EventCursor(batch.payload)
        var ahead = EventsAhead(batch.payload)
        for index in 0..<batch.header.count {
            let lsn = LSN(batch.header.firstLSN.value + UInt64(index))
            guard let event = cursor.next() else {
                throw StorageError(.damagedBatch, batch.path, at: batch.offset, "its events do not fill its payload")
            }
            ahead.move(self)
            if lsn <= lastLSN { continue }
            let time = batch.header.time(ofEvent: index)
            guard wanted(lsn, time) else { return false }
            do throws(StateError) {
                try replay(event, lsn: lsn, time: time)
            } catch {
                throw StorageError(.refusedByState, batch.path, at: batch.offset, "LSN \(lsn.value): \(error.reason)")
            }
            guard lastLSN == lsn else {
                throw StorageError(
                    .refusedByState, batch.path, at: batch.offset,
                    "LSN \(lsn.value) left the state at LSN \(lastLSN.value)")
            }
        }
        if batch.header.lastLSN == lastLSN, booksSum != batch.header.booksSum {
            throw StorageError(
                .refusedByState, batch.path, at: batch.offset,
                "after LSN \(lastLSN.value) the books sum to \(booksSum), the batch says \(batch.header.booksSum)")
        }
        return true
    }
}

/// Looks ahead in a batch: users drawn at random are in no cache, and the processor fetches their rows while events
/// before theirs are applied. Accounts come first, for they say where lots are.
private struct EventsAhead {
    private var accounts: EventCursor
    private var lots: EventCursor
    private var lead = 0

    init(_ payload: UnsafeRawBufferPointer) {
        accounts = EventCursor(payload)
        lots = EventCursor(payload)
    }

    /// One event onward; before the first, as far as it is to be ahead.
    mutating func move<State: JournaledState & ~Copyable>(_ state: borrowing State) {
        repeat {
            if let event = accounts.next() { state.prefetch(event, .account) }
            if lead >= 8, let event = lots.next() { state.prefetch(event, .lot) }
            lead += 1
        } while lead < 16
    }
}
