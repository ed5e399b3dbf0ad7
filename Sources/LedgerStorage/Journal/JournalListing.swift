package import LedgerCore

/// A readable walk through a journal, for people: takes no lock, changes nothing, and is allowed beside a running
/// server (what is being written at that moment may be left out). Reads directories of format 0 too, whose events no
/// state is given any more.
package enum JournalListing {
    /// Hands the events `first`…`last` to `body` in order (default: all of them) until it returns false.
    /// Each batch is checked against the chain; damage anywhere but in a torn tail is thrown, after what lies before it
    /// was handed out. Cost: from the beginning of the segment that holds `first`.
    package static func forEach(
        _ path: String, on disk: any Disk, from first: LSN = LSN(1), through last: LSN? = nil,
        _ body: (JournaledEvent) -> Bool
    ) throws(StorageError) {
        let directory = try DataDirectory.inspect(path, on: disk, toList: true)
        var next = first
        var attempts = 0
        while true {
            let before = next
            let manifest = try Manifest.load(from: directory).manifest
            do throws(StorageError) {
                return try walk(directory, manifest, &next, last, body)
            } catch {
                guard error.mayPass else { throw error }
                attempts = next > before ? 0 : attempts + 1
                let hasMoved = try Manifest.load(from: directory).manifest.generation != manifest.generation
                guard attempts <= (hasMoved ? 100 : 3) else { throw error }
            }
        }
    }

    private static func walk(
        _ directory: DataDirectory, _ manifest: Manifest, _ next: inout LSN, _ last: LSN?,
        _ body: (JournaledEvent) -> Bool
    ) throws(StorageError) {
        let inspection = try JournalInspection(directory, manifest, pastCache: false)
        let begun = inspection.segments[...inspection.currentIndex]
        let first = next
        let start = begun.lastIndex(where: { $0.record.firstLSN <= first }) ?? 0
        _ = try inspection.scan(from: start, limit: last) { batch throws(StorageError) in
            var cursor = EventCursor(batch.payload)
            for index in 0..<batch.header.count {
                let lsn = LSN(batch.header.firstLSN.value + UInt64(index))
                guard let bytes = cursor.next() else {
                    throw StorageError(
                        .damagedBatch, batch.path, at: batch.offset, "its events do not fill its payload")
                }
                if lsn < next { continue }
                if let last, lsn > last { return .stop }
                next = lsn.next
                let event = JournaledEvent(
                    lsn: lsn, time: batch.header.time(ofEvent: index), bytes: bytes,
                    batchVersion: batch.header.version)
                guard body(event) else { return .stop }
            }
            return .onward
        }
    }
}
