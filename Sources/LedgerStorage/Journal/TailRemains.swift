internal import LedgerCore

// What lies behind the tail?
// ==========================
//
// A batch whose first sector never reached the disk, or was lost on it, has no header that anybody could object to: the
// journal ends before it as if it had never been. Cutting it is right (nobody can tell it from one that was never
// acknowledged, see `JournalFormat`), saying nothing is not. What it leaves are blocks that are neither zero nor old.
//
//      new batches ─────────────┐ tail
//      ├── batch ──┼── batch ───┤ … rest of an old batch … ┼── old batch ──┼── old batch ──┼ …
//                               └─ no header: whose is it? ┘ its header says which batch came before it
//
// A recycled file has the rest of an old batch behind the tail nearly always, and its header is overwritten. The next
// old header names the life and the batch before it, and that life is sealed: so those blocks are compared with what
// the sealed segment says stood there, byte for byte.

extension JournalInspection {
    /// The first unexplained block behind the tail of the current segment, within reach of one batch.
    func remains(behind tail: Int, _ file: any DiskFile) throws(StorageError) -> Int? {
        let header = segments[currentIndex].header!
        var window = SegmentWindow(file: file, limit: header.capacity, pastCache: false)
        var unexplained: [Int] = []
        var place = tail
        while place + JournalFormat.block <= header.capacity {
            let reach = (unexplained.first ?? tail) + JournalFormat.maximumBatch
            guard place < reach else { break }
            let block = try window.bytes(at: place, count: JournalFormat.block)
            if case .header(let old) = BatchHeader.decode(block), old.identity == directory.identity,
                old.segment < header.number
            {
                if let first = unexplained.first {
                    guard let batch = try batch(before: old) else { return first }
                    let start = place - batch.count
                    for place in unexplained {
                        let found = try window.bytes(at: place, count: JournalFormat.block)
                        let isOld =
                            place >= start
                            && batch[(place - start)..<(place - start + JournalFormat.block)].elementsEqual(found)
                        if !isOld { return place }
                    }
                    unexplained = []
                }
                // Past its payload, if that is all there; else block by block, to be held against the next header.
                let whole = try window.bytes(at: place, count: min(old.paddedBytes, header.capacity - place))
                let body = whole.slice(JournalFormat.headerBytes, whole.count - JournalFormat.headerBytes)
                place += body.crc32c == old.payloadChecksum ? old.paddedBytes : JournalFormat.block
            } else {
                if !block.isZero { unexplained.append(place) }
                place += JournalFormat.block
            }
            if unexplained.isEmpty, place >= tail + JournalFormat.maximumBatch { break }
        }
        return unexplained.first
    }

    /// The batch before one of an older life, as it stood in its live file; nil when that life is not sealed here, the
    /// batch was its first, or its sealed copy is damaged (which is for others to say: here it only explains nothing).
    private func batch(before old: BatchHeader) throws(StorageError) -> [UInt8]? {
        let index = Int(clamping: old.segment) - 1
        guard segments.indices.contains(index), segments[index].isSealed else { return nil }
        let sealed = try openSealed(index)
        var found: [UInt8]?
        var head = sealed.start
        do throws(StorageError) {
            _ = try SealedSegmentScan(segment: sealed, pastCache: false).run(head: &head) {
                batch throws(StorageError) in
                guard batch.header.sequence + 1 == old.sequence else { return .onward }
                var bytes = Array(batch.headerBytes) + Array(batch.payload)
                bytes += [UInt8](repeating: 0, count: batch.header.paddedBytes - bytes.count)
                found = bytes
                return .stop
            }
        } catch  where !error.isOfTheSystem {
            return nil
        }
        return found
    }
}
