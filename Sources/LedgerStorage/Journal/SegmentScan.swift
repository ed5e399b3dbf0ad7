package import LedgerCore

/// What a scan hands out for each batch, in order. The pointers are valid during the call only.
package struct ScannedBatch {
    package let header: BatchHeader
    package let headerBytes: UnsafeRawBufferPointer
    package let payload: UnsafeRawBufferPointer
    package let chain: Digest256
    package let path: String
    /// Where the batch begins: in the file of a live segment; for a sealed one, in its uncompressed stream.
    package let offset: Int
    package let isLive: Bool
}

/// What a visitor of batches wants next.
package enum ScanStep {
    case onward
    case stop
}

/// How the scan of a live segment ended. Whether that is a torn tail or damage is for the caller to decide, who knows
/// whether a segment follows and what the witnesses say.
struct RawEnding {
    /// The place behind the last good batch, in bytes: where the next one would begin.
    var offset: Int
    /// The visitor stopped it.
    var stopped = false
    /// Why the bytes at `offset` are no batch, when they look as if they had been meant to be one.
    var objection: String?
    /// A batch of this very segment further behind: what came before it cannot have been torn.
    var follower: Int?
    /// Everything from `offset` on is zero (recycled files are not).
    var isBlank = true
    /// The first place behind `offset`, as far as a batch might reach, that holds neither zeroes nor what an older life
    /// of the file left there, although nothing at `offset` looks as if it had been meant to be a batch.
    var remains: Int?
    /// The durable-through of a torn batch whose header survived.
    var durableThrough = LSN.none
}

/// Reads a live segment front to back, batch by batch, believing nothing that does not fit the chain.
struct RawSegmentScan {
    let file: any DiskFile
    let header: SegmentHeader
    let pastCache: Bool

    /// Visits the batches from the segment's beginning, moving `head` along. Throws what can never be a torn tail: a
    /// header that passes its checksum and yet does not belong there.
    func run(
        head: inout JournalHead, limit: LSN? = nil, _ visit: (ScannedBatch) throws(StorageError) -> ScanStep
    ) throws(StorageError) -> RawEnding {
        var window = SegmentWindow(file: file, limit: header.capacity, pastCache: pastCache)
        var offset = JournalFormat.block
        while offset + JournalFormat.block <= header.capacity {
            if let limit, head.lastLSN >= limit { return RawEnding(offset: offset, stopped: true) }
            let block = try window.bytes(at: offset, count: JournalFormat.block)
            guard let found = try believableHeader(in: block, at: offset) else {
                return try examineTail(at: offset, torn: nil, why: objection(to: block), &window)
            }
            if let objection = head.objection(to: found) {
                throw StorageError(.brokenChain, file.path, at: offset, objection)
            }
            guard offset + found.paddedBytes <= header.capacity else {
                throw StorageError(.damagedBatch, file.path, at: offset, "the batch leaves its segment")
            }
            let bytes = try window.bytes(at: offset, count: found.paddedBytes)
            guard bytes.count == found.paddedBytes else {
                return try examineTail(at: offset, torn: found, why: "the file ends in it", &window)
            }
            let body = bytes.slice(JournalFormat.headerBytes, bytes.count - JournalFormat.headerBytes)
            guard body.crc32c == found.payloadChecksum else {
                return try examineTail(at: offset, torn: found, why: "the payload's checksum does not match", &window)
            }
            let payload = bytes.slice(JournalFormat.headerBytes, found.payloadBytes)
            guard EventCursor.tiles(payload, count: found.count) else {
                throw StorageError(.damagedBatch, file.path, at: offset, "its events do not fill its payload")
            }
            let headerBytes = bytes.slice(0, JournalFormat.headerBytes)
            let chain = BatchHeader.chainHash(header: headerBytes, payload: payload)
            let step = try visit(
                ScannedBatch(
                    header: found, headerBytes: headerBytes, payload: payload, chain: chain, path: file.path,
                    offset: offset, isLive: true))
            if step == .stop { return RawEnding(offset: offset, stopped: true) }
            head = head.after(found, chain: chain)
            offset += found.paddedBytes
        }
        return RawEnding(offset: offset)
    }

    /// The header at a block's start, if it is one of this segment. Old bytes of an earlier life are nil; bytes that
    /// can only be here by mistake are an error.
    private func believableHeader(in block: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) -> BatchHeader?
    {
        switch BatchHeader.decode(block) {
        case .none: return nil
        case .unreadable(let fault): throw fault.error(file.path, at: offset)
        case .header(let found):
            guard found.identity == header.identity else {
                throw StorageError(.foreignLedger, file.path, at: offset, "a batch of ledger \(found.identity.uuid)")
            }
            guard found.segment <= header.number else {
                throw StorageError(.misplacedSegment, file.path, at: offset, "a batch of segment \(found.segment)")
            }
            return found.segment == header.number ? found : nil
        }
    }

    /// Whether a block that is no batch was meant to be one of this segment: for the message only, decides nothing.
    private func objection(to block: UnsafeRawBufferPointer) -> String? {
        guard block.count >= JournalFormat.headerBytes else { return "the segment ends here" }
        if case .header = BatchHeader.decode(block) { return nil }  // an older life, whole
        let resembles =
            [
                block.number(at: 0, as: UInt32.self) == JournalFormat.batchMagic,
                block.uuid(at: 8) == header.identity.uuid,
                block.number(at: 24, as: UInt64.self) == header.number,
            ].count(where: { $0 }) >= 2
        return resembles ? "the header's checksum does not match" : nil
    }

    /// Looks behind the first unbelievable place for anything that should not be there.
    private func examineTail(
        at offset: Int, torn: BatchHeader?, why: String?, _ window: inout SegmentWindow
    ) throws(StorageError) -> RawEnding {
        var ending = RawEnding(offset: offset, objection: why)
        if let torn { ending.durableThrough = torn.durableThrough }
        // What lies inside a torn batch is its payload, whatever it looks like.
        let quiet = torn.map { offset + $0.paddedBytes } ?? offset + JournalFormat.block
        var place = offset
        while place < header.capacity {
            let block = try window.bytes(at: place, count: JournalFormat.block)
            if block.isEmpty { break }
            if !block.isZero { ending.isBlank = false }
            if place >= quiet, ending.follower == nil, case .header(let found) = BatchHeader.decode(block),
                found.identity == header.identity, found.segment == header.number
            {
                ending.follower = place
            }
            place += JournalFormat.block
        }
        return ending
    }
}

/// A moving view of a file: large reads, small looks.
struct SegmentWindow {
    private let file: any DiskFile
    private let pastCache: Bool
    private let buffer: AlignedBuffer
    private var start = 0
    private var count = 0

    init(file: any DiskFile, limit: Int, pastCache: Bool) {
        buffer = AlignedBuffer(count: min(4 << 20, Swift.max(limit, JournalFormat.block)))
        self.file = file
        self.pastCache = pastCache
    }

    /// The bytes at a place, fewer only where the file ends. Valid until the next call. `count` is at most 4 MiB.
    mutating func bytes(at offset: Int, count wanted: Int) throws(StorageError) -> UnsafeRawBufferPointer {
        if offset < start || offset + wanted > start + count {
            start = offset
            count = 0
            count =
                try pastCache
                ? file.readPastCache(into: buffer.bytes, at: offset) : file.read(into: buffer.bytes, at: offset)
        }
        return buffer.readable.slice(offset - start, Swift.max(0, min(wanted, start + count - offset)))
    }
}

/// Reads a sealed segment front to back: every frame, every batch, the chain to the end.
struct SealedSegmentScan {
    let segment: SealedSegment
    let pastCache: Bool

    func run(
        head: inout JournalHead, limit: LSN? = nil, _ visit: (ScannedBatch) throws(StorageError) -> ScanStep
    ) throws(StorageError) -> Bool {
        let decompressor = ZstdDecompressor()
        let path = segment.file.path
        var stream: [UInt8] = []  // uncompressed and not yet visited
        var streamStart = 0
        for frame in segment.frames {
            stream.append(contentsOf: try segment.load(frame, with: decompressor, pastCache: pastCache))
            var used = 0
            let outcome = stream.withUnsafeBytes { bytes in
                Result { () throws(StorageError) -> Bool in
                    while let batch = try batch(in: bytes, at: used, head: head, frame, streamStart) {
                        if let limit, head.lastLSN >= limit { return false }
                        if try visit(batch) == .stop { return false }
                        head = head.after(batch.header, chain: batch.chain)
                        used += JournalFormat.headerBytes + batch.header.payloadBytes
                    }
                    return true
                }
            }
            guard try outcome.get() else { return false }
            stream.removeFirst(used)
            streamStart += used
        }
        guard stream.isEmpty, head.nextLSN == segment.end.nextLSN, head.nextSequence == segment.end.nextSequence,
            head.chain == segment.end.chain
        else {
            throw StorageError(
                .brokenChain, path, at: segment.fileBytes, "the batches do not lead to the segment's end")
        }
        return true
    }

    /// The whole batch at a place of the stream; nil when it goes on in the next frame.
    private func batch(
        in stream: UnsafeRawBufferPointer, at offset: Int, head: JournalHead, _ frame: SealedFrame, _ streamStart: Int
    ) throws(StorageError) -> ScannedBatch? {
        let rest = stream.slice(offset, stream.count - offset)
        guard rest.count >= JournalFormat.headerBytes else { return nil }
        let path = segment.file.path
        guard case .header(let header) = BatchHeader.decode(rest) else {
            throw StorageError(.damagedFrame, path, at: frame.offset, "it holds no batch where one begins")
        }
        guard header.identity == segment.identity, header.segment == segment.number else {
            throw StorageError(.foreignLedger, path, at: frame.offset, "a batch of segment \(header.segment)")
        }
        if let objection = head.objection(to: header) {
            throw StorageError(.brokenChain, path, at: frame.offset, objection)
        }
        guard rest.count >= JournalFormat.headerBytes + header.payloadBytes else { return nil }
        let headerBytes = rest.slice(0, JournalFormat.headerBytes)
        let payload = rest.slice(JournalFormat.headerBytes, header.payloadBytes)
        guard header.payloadMatches(payload), EventCursor.tiles(payload, count: header.count) else {
            throw StorageError(.damagedFrame, path, at: frame.offset, "a batch's payload does not match its checksum")
        }
        let chain = BatchHeader.chainHash(header: headerBytes, payload: payload)
        return ScannedBatch(
            header: header, headerBytes: headerBytes, payload: payload, chain: chain, path: path,
            offset: streamStart + offset, isLive: false)
    }
}
