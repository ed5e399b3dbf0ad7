package import LedgerCore

/// A state that is a fold of the journal's events: what this module needs to know about the ledger, and all it knows.
/// `StateMachine` is the one that counts; tests fold toys.
package protocol JournaledState: ~Copyable {
    /// Empty, before the first event.
    init()
    /// Applies the event after `lastLSN`.
    mutating func replay(_ bytes: UnsafeRawBufferPointer) throws(StateError)
    var lastLSN: LSN { get }
    var lastTime: Timestamp { get }
    /// Zero, always.
    var booksSum: Int128 { get }
    func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure)
    mutating func restore(section: UInt16, rows: Int, bytes: UnsafeRawBufferPointer) throws(StateError)
    mutating func finishRestoring() throws(StateError)
    /// A sentence for each invariant that does not hold.
    func violations() -> [String]
    /// Users have ordinals from 0.
    var userCount: Int { get }
    /// Whether the state holds text that was sealed under this user's key: then there was one. False for an ordinal
    /// that nobody has yet.
    func hasSealedText(_ user: UserOrdinal) -> Bool
    /// Some of it, for a look whether the key still opens it; empty where there is none.
    func sealedText(_ user: UserOrdinal) -> SealedText
}

extension JournaledState where Self: ~Copyable {
    package var userCount: Int { 0 }
    package func hasSealedText(_ user: UserOrdinal) -> Bool { false }
    package func sealedText(_ user: UserOrdinal) -> SealedText { [] }
}

extension StateMachine: JournaledState {
    package func hasSealedText(_ user: UserOrdinal) -> Bool { !sealedText(user).isEmpty }

    package func sealedText(_ user: UserOrdinal) -> SealedText {
        guard user.value < UInt32(userCount) else { return [] }
        let row = userRow(user, at: lastTime)
        return row.email.isEmpty ? row.name : row.email
    }
}

extension JournaledState where Self: ~Copyable {
    /// Applies the events of a batch that come after `lastLSN`, while `wanted` says so; true when none was refused by
    /// it. Afterwards the state agrees with what the batch says of it.
    mutating func apply(
        _ batch: ScannedBatch, while wanted: (LSN, Timestamp) -> Bool = { _, _ in true }
    ) throws(StorageError) -> Bool {
        var cursor = EventCursor(batch.payload)
        for index in 0..<batch.header.count {
            let lsn = LSN(batch.header.firstLSN.value + UInt64(index))
            guard let event = cursor.next() else {
                throw StorageError(.damagedBatch, batch.path, at: batch.offset, "its events do not fill its payload")
            }
            if lsn <= lastLSN { continue }
            guard wanted(lsn, batch.header.time(ofEvent: index)) else { return false }
            do throws(StateError) {
                try replay(event)
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
