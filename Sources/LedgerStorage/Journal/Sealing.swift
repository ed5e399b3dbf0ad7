internal import LedgerCore

/// Makes the sealed file of one full live segment: compress, sync, read back past the cache, compare, name.
struct Sealing {
    let directory: DataDirectory
    let record: Manifest.Segment

    /// Returns the size of the sealed file, which is durable under its name when this returns. Leaves nothing behind
    /// when it fails.
    func run() throws(StorageError) -> Int {
        let disk = directory.disk
        let path = directory.sealed(record.number)
        let temporary = path + ".tmp"
        try disk.removeIfPresent(temporary)
        let size: Int
        do throws(StorageError) {
            size = try compress(into: try disk.open(temporary, .create))
            try compare(temporary, size)
            try disk.rename(temporary, to: path)
        } catch {
            try? disk.removeIfPresent(temporary)
            throw error
        }
        try disk.syncDirectory(directory.journal)
        return size
    }

    private var start: JournalHead {
        JournalHead(
            nextLSN: record.firstLSN, nextSequence: record.firstSequence, chain: record.previousChain,
            time: .distantPast)
    }

    private func compress(into file: any DiskFile) throws(StorageError) -> Int {
        let live = try directory.disk.open(directory.segment(record.number), .read)
        guard
            let block = try live.readBytes(count: JournalFormat.block),
            case .header(let header) = block.withUnsafeBytes({ SegmentHeader.decode($0) }),
            header.number == record.number,
            header.identity == directory.identity
        else { throw StorageError(.damagedSegmentHeader, live.path, at: 0) }
        var writer = try SealedWriter(
            file: file, identity: directory.identity, number: record.number, start: start)
        var head = start
        let ending = try RawSegmentScan(file: live, header: header, pastCache: false).run(head: &head) {
            batch throws(StorageError) in
            try writer.add(batch.header, headerBytes: batch.headerBytes, payload: batch.payload, chain: batch.chain)
            return .onward
        }
        guard head.nextSequence == record.nextSequence, head.chain == record.endChain else {
            throw StorageError(
                .damagedBatch, live.path, at: ending.offset,
                "\(ending.objection ?? "no batch \(head.nextSequence)"); the segment goes to batch \(record.nextSequence - 1)"
            )
        }
        return try writer.finish(usedBytes: record.usedBytes)
    }

    private func compare(_ path: String, _ size: Int) throws(StorageError) {
        let sealed = try SealedSegment.open(
            path, expecting: record.number, of: directory.identity, on: directory.disk, pastCache: true)
        var head = start
        _ = try SealedSegmentScan(segment: sealed, pastCache: true).run(head: &head) { _ throws(StorageError) in .onward
        }
        guard sealed.fileBytes == size, head.nextLSN == record.nextLSN, head.chain == record.endChain else {
            throw StorageError(.damagedFrame, path, "it does not read back as it was written")
        }
    }
}
