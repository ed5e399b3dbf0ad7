internal import LedgerCore
internal import LedgerStorage

/// Puts another snapshot in the place of the one through this event, in the directory of a stopped ledger: every
/// checksum is right, and it says something else.
package func forgeSnapshot(through lsn: UInt64, in path: String) throws {
    let directory = try DataDirectory.inspect(path, on: PosixDisk())
    let head = try SnapshotReader.describe(directory.snapshot(LSN(lsn)), directory).head
    _ = try SnapshotWriter.write(at: head, booksSum: 0, to: directory) { writer throws(StorageError) in
        try writer.frame(section: 99, version: 1, rows: 1, bytes: [1, 2, 3])
    }
}
