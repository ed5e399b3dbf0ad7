package import LedgerCore
internal import Synchronization

/// Appends batches. When `append` returns, they are on disk and every reader may see them.
///
/// One thread at a time calls it; which one may change between calls. One `pwritev` and one `fdatasync` a batch: the
/// events go to the kernel from the memory in which they were decided, between a header and zeroes, and are copied
/// nowhere on the way; nothing is allocated per event. The first failed write or sync is the last thing it does: it
/// stays latched, and only a restart, which reads what the disk really holds, goes on.
///
/// Room is the caller's business *before* it decides anything: `Journal.batchesOfRoom` says how many batches are
/// certain to find zero-filled, synced room.
package final class JournalWriter: @unchecked Sendable {  // one thread at a time, see above
    private let directory: DataDirectory
    private let catalog: SegmentCatalog
    private var file: any DiskFile
    private var segment: UInt64
    private var capacity: Int
    private var offset: Int
    private var head: JournalHead
    private var isClosed: Bool
    private let header = AlignedBuffer(count: JournalFormat.headerBytes)
    private let zeroes = AlignedBuffer(count: JournalFormat.block)
    /// Set once, by the first failure, and never cleared.
    package private(set) var fault: StorageError?
    /// Told when the journal went on in another segment: since which ``MonotonicTime`` it has been at it. Set once,
    /// before the first unit.
    package var onRotation: (UInt64) -> Void = { _ in }

    init(
        directory: DataDirectory, catalog: SegmentCatalog, file: any DiskFile, segment: UInt64,
        capacity: Int, offset: Int, head: JournalHead, isClosed: Bool
    ) {
        self.directory = directory
        self.catalog = catalog
        self.file = file
        self.segment = segment
        self.capacity = capacity
        self.offset = offset
        self.head = head
        self.isClosed = isClosed
        zeroes.bytes.zero()
    }

    package var nextLSN: LSN { head.nextLSN }
    package var lastTime: Timestamp { head.time }
    /// The place behind the last batch: what a snapshot of the state after it is bound to.
    package var position: JournalHead { head }

    /// Writes and syncs a unit: in one batch, or in several where it is larger than one, cut between its groups.
    /// Throws `.noRoom` only to callers that did not ask first (and nothing of the batch without room happened); every
    /// other error is final.
    package func append(_ unit: LogUnit) throws(StorageError) {
        precondition(unit.firstLSN == head.nextLSN, "a unit does not go on with the next LSN")
        precondition(unit.booksSum == 0, "the books of a unit do not sum to zero")
        var written = LogUnit.Border(events: 0, bytes: 0)
        var end = written
        for border in unit.borders {
            if border.bytes - written.bytes > JournalFormat.maximumPayload {
                try append(unit, from: written, to: end)
                written = end
                precondition(
                    border.bytes - written.bytes <= JournalFormat.maximumPayload, "a group is larger than a batch")
            }
            end = border
        }
        try append(unit, from: written, to: end)
    }

    private func append(
        _ unit: LogUnit, from start: LogUnit.Border, to end: LogUnit.Border
    ) throws(StorageError) {
        precondition(end.events > start.events, "a batch without events was to be appended")
        let baseTime = Timestamp(nanoseconds: unit.baseTime.nanoseconds + Int64(start.events))
        precondition(
            baseTime > head.time || (isClosed && baseTime >= head.time), "a batch is recorded before the last one")
        let payload = unit.payload.slice(start.bytes, end.bytes - start.bytes)
        var header = nextHeader(count: end.events - start.events, payloadBytes: payload.count, baseTime)
        // One block stays free behind every batch, so that a closing batch always finds room.
        try write(payload, &header, reserve: JournalFormat.block)
        isClosed = false
    }

    /// Writes an empty batch that says: everything before it is durable, and the ledger was alive at `time`. Called 100
    /// ms after the last batch and at a clean stop; between two batches only the first call needs to find room, and
    /// does.
    package func writeClosing(time: Timestamp) throws(StorageError) {
        if isClosed, time <= head.time { return }
        var header = nextHeader(count: 0, payloadBytes: 0, Swift.max(time, head.time))
        header.flags = .closing
        do throws(StorageError) {
            try write(UnsafeRawBufferPointer(start: nil, count: 0), &header, reserve: 0)
        } catch  where error.reason == .noRoom && isClosed {
            return  // an earlier one already covers every event
        }
        isClosed = true
    }

    private func nextHeader(count: Int, payloadBytes: Int, _ baseTime: Timestamp) -> BatchHeader {
        BatchHeader(
            identity: directory.identity, segment: segment, sequence: head.nextSequence, firstLSN: head.nextLSN,
            durableThrough: head.lastLSN, baseTime: baseTime, count: count, payloadBytes: payloadBytes,
            previousChain: head.chain)
    }

    private func write(
        _ payload: UnsafeRawBufferPointer, _ header: inout BatchHeader, reserve: Int
    ) throws(StorageError) {
        if fault != nil { throw StorageError(.latched, file.path, at: offset) }
        if offset + header.paddedBytes + reserve > capacity {
            try rotate(for: header.paddedBytes + reserve)
            header.segment = segment
        }
        header.cover(payload)
        header.encode(into: self.header.bytes)
        let chain = BatchHeader.chainHash(header: self.header.readable, payload: payload)
        do throws(StorageError) {
            try file.write([self.header.readable, payload, zeroes.readable.slice(0, header.paddingBytes)], at: offset)
            try file.sync()
        } catch {
            fault = error
            throw error
        }
        let place = BatchPlace(
            firstLSN: header.firstLSN, offset: UInt32(offset / JournalFormat.block),
            blocks: UInt32(header.paddedBytes / JournalFormat.block))
        offset += header.paddedBytes
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
        let began = MonotonicTime.now
        let next = catalog.contents.withLock { contents -> (file: any DiskFile, record: Manifest.Segment)? in
            guard let last = contents.segments.last, last.record.state == .prepared, let file = last.file else {
                return nil
            }
            return (file, last.record)
        }
        guard let next, JournalFormat.block + bytes <= next.record.fileBytes else {
            throw StorageError(.noRoom, file.path, at: offset)
        }
        let header = SegmentHeader(
            identity: directory.identity, number: next.record.number, firstLSN: head.nextLSN,
            firstSequence: head.nextSequence, previousChain: head.chain, capacity: next.record.fileBytes)
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
        onRotation(began)
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
