internal import LedgerCore

/// A readable walk through a journal, for people: takes no lock, changes nothing, and is allowed beside a running server
/// (what is being written at that moment may be left out).
package enum JournalListing {
    /// Hands every event to `body` in order, from the first one of the ledger, until it returns false. Each batch is
    /// checked against the chain; damage anywhere but in a torn tail is thrown, after what lies before it was handed out.
    package static func forEach(
        _ path: String, on disk: any Disk, _ body: (JournaledEvent) -> Bool
    ) throws(StorageError) {
        let directory = try DataDirectory.inspect(path, on: disk)
        let inspection = try JournalInspection(directory, try Manifest.load(from: directory).manifest, pastCache: false)
        _ = try inspection.scan(from: 0) { batch throws(StorageError) in
            var cursor = EventCursor(batch.payload)
            for index in 0..<batch.header.count {
                guard let bytes = cursor.next() else {
                    throw StorageError(.damagedBatch, batch.path, at: batch.offset, "its events do not fill its payload")
                }
                let event = JournaledEvent(
                    lsn: LSN(batch.header.firstLSN.value + UInt64(index)), time: batch.header.time(ofEvent: index), bytes: bytes)
                guard body(event) else { return .stop }
            }
            return .onward
        }
    }
}
