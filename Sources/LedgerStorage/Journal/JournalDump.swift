package import LedgerCore

/// Reads a journal front to back without opening the ledger: for `florin journal` and other tools that only look. Takes no
/// lock; beside a running server, ask for events up to an LSN that is durable.
package enum JournalDump {
    /// Hands over every event from `first` on, with the header of its batch, until `body` returns false. Checks all it
    /// reads; a torn tail ends it. Cost: from the beginning of the segment that holds `first`.
    package static func forEach(
        in directory: DataDirectory, from first: LSN = LSN(1), through last: LSN? = nil,
        _ body: (JournaledEvent, BatchHeader) -> Bool
    ) throws(StorageError) {
        let inspection = try JournalInspection(directory, try Manifest.load(from: directory).manifest, pastCache: false)
        let begun = inspection.segments[...inspection.currentIndex]
        let start = begun.lastIndex(where: { $0.record.firstLSN <= first }) ?? 0
        _ = try inspection.scan(from: start, limit: last) { batch throws(StorageError) in
            var cursor = EventCursor(batch.payload)
            for index in 0..<batch.header.count {
                let lsn = LSN(batch.header.firstLSN.value + UInt64(index))
                guard let bytes = cursor.next() else {
                    throw StorageError(.damagedBatch, batch.path, at: batch.offset, "its events do not fill its payload")
                }
                if lsn < first { continue }
                if let last, lsn > last { return .stop }
                let event = JournaledEvent(lsn: lsn, time: batch.header.time(ofEvent: index), bytes: bytes)
                guard body(event, batch.header) else { return .stop }
            }
            return .onward
        }
    }
}
