package import LedgerCore
internal import Synchronization

/// Appends batches. When `append` returns, the batch is on disk and every reader may see it.
///
/// One thread at a time calls it; which one may change between calls. One `pwrite` and one `fdatasync` a batch; nothing
/// is allocated per event. The first failed write or sync is the last thing it does: it stays latched, and only a
/// restart, which reads what the disk really holds, goes on.
///
/// Room is the caller's business *before* it decides anything: `Journal.batchesOfRoom` says how many batches are
/// certain to find zero-filled, synced room.
package final class JournalWriter: @unchecked Sendable {  // one thread at a time, see above
    private let directory: DataDirectory
    private let catalog: SegmentCatalog
    private let epoch: UInt64
    private var file: any DiskFile
    private var segment: UInt64
    private var capacity: Int
    private var offset: Int
    private var head: JournalHead
    private var isClosed: Bool
    private let closingBatch = BatchBuffer()
    /// Set once and for ever by the first failure.
    package private(set) var fault: StorageError?

    init(
        directory: DataDirectory, catalog: SegmentCatalog, epoch: UInt64, file: any DiskFile, segment: UInt64,
        capacity: Int, offset: Int, head: JournalHead, isClosed: Bool
    ) {
        self.directory = directory
        self.catalog = catalog
        self.epoch = epoch
        self.file = file
        self.segment = segment
        self.capacity = capacity
        self.offset = offset
        self.head = head
        self.isClosed = isClosed
    }

    package var nextLSN: LSN { head.nextLSN }
    package var lastTime: Timestamp { head.time }
    /// The place behind the last batch: what a snapshot of the state after it is bound to.
    package var position: JournalHead { head }

    /// Writes and syncs one batch of at least one event. Event i is LSN `firstLSN` + i, recorded at `baseTime` + i ns.
    /// Throws `.noRoom` (and nothing happened) only to callers that did not ask first; every other error is final.
    /// Returns the last LSN, now durable.
    @discardableResult
    package func append(
        _ batch: BatchBuffer, firstLSN: LSN, baseTime: Timestamp, booksSum: Int128
    ) throws(StorageError) -> LSN {
        precondition(!batch.isEmpty, "a batch without events was to be appended")
        precondition(firstLSN == head.nextLSN, "a batch does not go on with the next LSN")
        precondition(
            baseTime > head.time || (isClosed && baseTime >= head.time), "a batch is recorded before the last one")
        precondition(booksSum == 0, "the books of a batch do not sum to zero")
        var header = nextHeader(count: batch.count, payloadBytes: batch.payloadBytes, baseTime)
        // One block stays free behind every batch, so that a closing batch always finds room.
        try write(batch, &header, reserve: JournalFormat.block)
        isClosed = false
        return head.lastLSN
    }

    /// Writes an empty batch that says: everything before it is durable, and the ledger was alive at `time`. Called 100
    /// ms after the last batch and at a clean stop; between two batches only the first call needs to find room, and
    /// does.
    package func writeClosing(time: Timestamp) throws(StorageError) {
        if isClosed, time <= head.time { return }
        var header = nextHeader(count: 0, payloadBytes: 0, Swift.max(time, head.time))
        header.flags = .closing
        do throws(StorageError) {
            try write(closingBatch, &header, reserve: 0)
        } catch  where error.reason == .noRoom && isClosed {
            return  // an earlier one already covers every event
        }
        isClosed = true
    }

    private func nextHeader(count: Int, payloadBytes: Int, _ baseTime: Timestamp) -> BatchHeader {
        var header = BatchHeader(
            identity: directory.identity, segment: segment, sequence: head.nextSequence, firstLSN: head.nextLSN,
            durableThrough: head.lastLSN, baseTime: baseTime, count: count, payloadBytes: payloadBytes,
            previousChain: head.chain)
        header.epoch = epoch
        return header
    }

    private func write(_ batch: BatchBuffer, _ header: inout BatchHeader, reserve: Int) throws(StorageError) {
        if fault != nil { throw StorageError(.latched, file.path, at: offset) }
        if offset + header.paddedBytes + reserve > capacity {
            try rotate(for: header.paddedBytes + reserve)
            header.segment = segment
        }
        let (blocks, chain) = batch.finish(&header)
        do throws(StorageError) {
            try file.write(blocks, at: offset)
            try file.sync()
        } catch {
            fault = error
            throw error
        }
        let place = BatchPlace(
            firstLSN: header.firstLSN, offset: UInt32(offset / JournalFormat.block),
            blocks: UInt32(blocks.count / JournalFormat.block))
        offset += blocks.count
        head = head.after(header, chain: chain)
        catalog.contents.withLock { contents in
            if header.count > 0 { contents.segments[contents.currentIndex].batches.append(place) }
            contents.head = head
            contents.used = offset
        }
        catalog.durable.store(head.lastLSN.value, ordering: .releasing)
    }

    /// Goes on in the prepared segment. Its header is on disk before its first batch.
    private func rotate(for bytes: Int) throws(StorageError) {
        let next = catalog.contents.withLock { contents -> (file: any DiskFile, record: Manifest.Segment)? in
            guard let last = contents.segments.last, last.record.state == .prepared, let file = last.file else {
                return nil
            }
            return (file, last.record)
        }
        guard let next, JournalFormat.block + bytes <= next.record.fileBytes else {
            throw StorageError(.noRoom, file.path, at: offset)
        }
        var header = SegmentHeader(
            identity: directory.identity, number: next.record.number, firstLSN: head.nextLSN,
            firstSequence: head.nextSequence, previousChain: head.chain, capacity: next.record.fileBytes)
        header.epoch = epoch
        do throws(StorageError) {
            try next.file.write(header.encoded(), at: 0)
            try next.file.sync()
        } catch {
            fault = error
            throw error
        }
        catalog.contents.withLock { contents in
            let current = contents.currentIndex
            contents.segments[current].record.end(at: head, usedBytes: offset)
            contents.segments[current + 1].record.begin(at: head)
            contents.used = JournalFormat.block
        }
        file = next.file
        segment = next.record.number
        capacity = next.record.fileBytes
        offset = JournalFormat.block
    }
}

extension Manifest.Segment {
    mutating func begin(at head: JournalHead) {
        state = .raw
        firstLSN = head.nextLSN
        firstSequence = head.nextSequence
        previousChain = head.chain
    }

    mutating func end(at head: JournalHead, usedBytes: Int) {
        nextLSN = head.nextLSN
        nextSequence = head.nextSequence
        endChain = head.chain
        self.usedBytes = usedBytes
    }
}
