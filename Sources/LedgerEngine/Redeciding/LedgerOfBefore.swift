internal import LedgerCore
internal import LedgerStorage
internal import Logging

extension Journal {
    /// A ledger as it was at some event before an instant, to be replayed from there: of the newest snapshot that is
    /// older, else empty. Safe beside the writer; takes as long as loading the snapshot, and the memory of a ledger.
    func ledger(before time: Timestamp, logger: Logger) -> StateMachine {
        let hold = holdFiles()
        defer { withExtendedLifetime(hold) {} }
        for snapshot in snapshots.reversed() where snapshot.time < time {
            var ledger = StateMachine()
            do throws(StorageError) {
                _ = try SnapshotReader.load(
                    directory.snapshot(snapshot.lsn), directory, of: snapshot.lsn, into: &ledger)
                return ledger
            } catch {
                // An older one, or the whole journal, is as good.
                logger.warning("a snapshot could not be used", metadata: ["fault": "\(error)"])
            }
        }
        return StateMachine()
    }
}

extension StateMachine {
    /// Replays events behind its last one up to the first group that was recorded at `time` or later, once the ledger
    /// has begun: until its first passport it is the start that decides. True: it stands before that group.
    mutating func replay(_ slice: EventSlice, before time: Timestamp) throws(StorageError) -> Bool {
        var isThere = false
        try slice.visit { (journaled) throws(StorageError) in
            do throws(StateError) {
                if journaled.time >= time, passportCount > 0 {
                    let event = try Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time)
                    isThere = event.group == event.lsn
                    guard !isThere else { return false }
                }
                try replay(journaled.bytes, lsn: journaled.lsn, time: journaled.time)
                return true
            } catch {
                throw StorageError(.refusedByState, "journal", "LSN \(journaled.lsn.value): \(error.reason)")
            }
        }
        return isThere
    }
}
