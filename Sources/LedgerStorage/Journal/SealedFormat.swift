internal import LedgerCore

// A sealed segment
// ================
//
// What a full live segment becomes: the same batches without their padding, compressed, with an index, so that any
// event is found by its LSN at the price of one frame. Immutable from its first day; never deleted.
//
//      ├ header ┼ frame ┼ frame ┼ frame ┼ … ┼ index: 48 bytes a frame ┼ footer ┤
//        128 B                                                          128 B
//
// The uncompressed frames, one after the other, are the batches of the segment: header (192 bytes, unchanged), payload,
// header, payload, … A frame ends at about 128 KiB, after any event, so it may begin in the middle of a batch: the
// index says how many of its first events belong to a batch that began before. Headers are kept whole, so the chain can
// be computed again from a sealed segment alone, bit for bit, and proves that nothing was lost on the way.
//
//   header                                 index entry                              footer
//     0   4  magic "FSLD"                    0  8  LSN of the first event in it       0   4  magic "FEND"
//     4   2  version                         8  8  offset in the file                 4   4  number of frames
//     6   2  oldest reader                  16  4  compressed length                  8   8  offset of the index
//     8  16  ledger UUID                    20  4  length                            16   8  next LSN
//    24   8  segment number                 24  4  CRC32C of the compressed bytes    24   8  next batch sequence
//    32   8  first LSN                      28  4  events of a batch begun before    32  32  chain hash at the end
//    40   8  first batch sequence           32  8  time of the first event in it     64   8  time at the end
//    48  32  chain hash before it           40  4  number of events                  72   8  bytes used when live
//    80   2  shard                          44  4  zero                              80   4  CRC32C of the index
//                                                                                   84  40  zero (later: a user index)
//   124   4  CRC32C of bytes 0 to 123                                               124   4  CRC32C of bytes 0 to 123
//
// Frames tile the file from byte 128 to the index without a gap, so every byte lies under one of the checksums.

enum SealedFormat {
    static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 0)
    static let headerMagic: UInt32 = 0x444C_5346  // "FSLD"
    static let footerMagic: UInt32 = 0x444E_4546  // "FEND"
    static let headerBytes = 128
    static let entryBytes = 48
    static let footerBytes = 128
    /// Where a frame ends: large enough to compress well, small enough to be opened for one event.
    static let frameTarget = 128 << 10
    /// No frame is larger: an event is at most one payload.
    static let frameLimit = frameTarget + JournalFormat.maximumPayload + JournalFormat.headerBytes

    /// What a header says of its file, if it can be believed.
    static func holding(_ header: UnsafeRawBufferPointer) -> Holding {
        guard header.count == headerBytes, header.number(at: 0) == headerMagic,
            header.slice(0, 124).crc32c == header.number(at: 124)
        else { return .nothing }
        if let fault = version.objection(to: header) { return .unreadable(fault) }
        return .segment(
            header.number(at: 24), LedgerIdentity(uuid: header.uuid(at: 8), shard: header.number(at: 80)))
    }
}

/// One frame of a sealed segment, as its index describes it.
struct SealedFrame: Sendable, Equatable {
    var firstLSN: LSN
    var offset: Int
    var compressedBytes: Int
    var bytes: Int
    var checksum: UInt32
    var continued: Int
    var firstTime: Timestamp
    var count: Int
}

/// The index of one sealed segment, and its open file. Immutable, shared by readers.
final class SealedSegment: Sendable {
    let file: any DiskFile
    let identity: LedgerIdentity
    let number: UInt64
    let start: JournalHead
    let end: JournalHead
    let usedBytes: Int
    let fileBytes: Int
    let frames: [SealedFrame]

    /// Reads and checks header, footer and index, not the frames. `expecting` says which segment this should be.
    static func open(
        _ path: String, expecting number: UInt64, of identity: LedgerIdentity, on disk: any Disk,
        pastCache: Bool = false
    ) throws(StorageError) -> SealedSegment {
        try SealedSegment(path, number, identity, disk, pastCache)
    }

    private init(
        _ path: String, _ number: UInt64, _ identity: LedgerIdentity, _ disk: any Disk, _ pastCache: Bool
    ) throws(StorageError) {
        let file = try disk.open(path, .read)
        let fileBytes = try file.size()
        self.file = file
        self.fileBytes = fileBytes
        guard fileBytes >= SealedFormat.headerBytes + SealedFormat.footerBytes else {
            throw StorageError(
                .truncatedSegment, path, at: fileBytes, "a sealed segment has at least a header and a footer")
        }
        guard
            let header = try file.readBytes(at: 0, count: SealedFormat.headerBytes, pastCache: pastCache),
            let footer = try file.readBytes(
                at: fileBytes - SealedFormat.footerBytes, count: SealedFormat.footerBytes, pastCache: pastCache)
        else { throw StorageError(.truncatedSegment, path, at: fileBytes) }
        start = try header.withUnsafeBytes { raw in
            Result { () throws(StorageError) in try Self.checkHeader(raw, path, number, identity) }
        }.get()
        let described = try footer.withUnsafeBytes { raw in
            Result { () throws(StorageError) in
                try Self.checkFooter(raw, path, at: fileBytes - SealedFormat.footerBytes)
            }
        }.get()
        let indexBytes = described.frames * SealedFormat.entryBytes
        guard described.indexOffset + indexBytes + SealedFormat.footerBytes == fileBytes else {
            throw StorageError(.truncatedSegment, path, at: fileBytes, "the index lies elsewhere")
        }
        guard
            let index = try file.readBytes(at: described.indexOffset, count: indexBytes, pastCache: pastCache),
            index.withUnsafeBytes({ $0.crc32c }) == described.indexChecksum
        else {
            throw StorageError(.damagedFrame, path, at: described.indexOffset, "the index's checksum does not match")
        }
        frames = index.withUnsafeBytes { raw in
            (0..<described.frames).map { Self.entry(raw.slice($0 * SealedFormat.entryBytes, SealedFormat.entryBytes)) }
        }
        var offset = SealedFormat.headerBytes
        for frame in frames {
            guard frame.offset == offset, frame.bytes <= SealedFormat.frameLimit else {
                throw StorageError(.damagedFrame, path, at: offset, "the index does not tile the file")
            }
            offset += frame.compressedBytes
        }
        guard offset == described.indexOffset else {
            throw StorageError(.damagedFrame, path, at: offset, "the index does not tile the file")
        }
        self.identity = identity
        self.number = number
        end = described.end
        usedBytes = described.usedBytes
    }

    private static func checkHeader(
        _ header: UnsafeRawBufferPointer, _ path: String, _ number: UInt64, _ identity: LedgerIdentity
    ) throws(StorageError) -> JournalHead {
        guard
            header.number(at: 0) == SealedFormat.headerMagic, header.slice(0, 124).crc32c == header.number(at: 124)
        else { throw StorageError(.damagedSegmentHeader, path, at: 0) }
        if let fault = SealedFormat.version.objection(to: header) { throw fault.error(path, at: 0) }
        guard header.uuid(at: 8) == identity.uuid, header.number(at: 80) == identity.shard else {
            throw StorageError(.foreignLedger, path, "it belongs to ledger \(header.uuid(at: 8))")
        }
        let found: UInt64 = header.number(at: 24)
        guard found == number else { throw StorageError(.misplacedSegment, path, "it holds segment \(found)") }
        return JournalHead(
            nextLSN: LSN(header.number(at: 32)), nextSequence: header.number(at: 40), chain: header.digest(at: 48),
            time: .distantPast)
    }

    private struct Described {
        var frames: Int
        var indexOffset: Int
        var indexChecksum: UInt32
        var end: JournalHead
        var usedBytes: Int
    }

    private static func checkFooter(
        _ footer: UnsafeRawBufferPointer, _ path: String, at offset: Int
    ) throws(StorageError) -> Described {
        guard
            footer.number(at: 0) == SealedFormat.footerMagic, footer.slice(0, 124).crc32c == footer.number(at: 124)
        else { throw StorageError(.truncatedSegment, path, at: offset, "it does not end like a sealed segment") }
        let end = JournalHead(
            nextLSN: LSN(footer.number(at: 16)), nextSequence: footer.number(at: 24), chain: footer.digest(at: 32),
            time: Timestamp(nanoseconds: footer.number(at: 64)))
        return Described(
            frames: Int(footer.number(at: 4, as: UInt32.self)),
            indexOffset: Int(clamping: footer.number(at: 8, as: UInt64.self)), indexChecksum: footer.number(at: 80),
            end: end, usedBytes: Int(clamping: footer.number(at: 72, as: UInt64.self)))
    }

    private static func entry(_ bytes: UnsafeRawBufferPointer) -> SealedFrame {
        SealedFrame(
            firstLSN: LSN(bytes.number(at: 0)), offset: Int(clamping: bytes.number(at: 8, as: UInt64.self)),
            compressedBytes: Int(bytes.number(at: 16, as: UInt32.self)),
            bytes: Int(bytes.number(at: 20, as: UInt32.self)),
            checksum: bytes.number(at: 24), continued: Int(bytes.number(at: 28, as: UInt32.self)),
            firstTime: Timestamp(nanoseconds: bytes.number(at: 32)), count: Int(bytes.number(at: 40, as: UInt32.self)))
    }

    /// Reads, checks and decompresses one frame.
    func load(
        _ frame: SealedFrame, with decompressor: borrowing ZstdDecompressor, pastCache: Bool = false
    ) throws(StorageError) -> [UInt8] {
        guard
            let compressed = try file.readBytes(at: frame.offset, count: frame.compressedBytes, pastCache: pastCache),
            compressed.withUnsafeBytes({ $0.crc32c }) == frame.checksum
        else { throw differing(frame) }
        guard let bytes = compressed.withUnsafeBytes({ decompressor.decompress($0, count: frame.bytes) }) else {
            throw StorageError(.damagedFrame, file.path, at: frame.offset, "it does not decompress")
        }
        return bytes
    }

    /// Holds every frame against its checksum and unpacks none: a pass over the file, in reads of 4 MiB.
    func checkFrames() throws(StorageError) {
        var window = SegmentWindow(file: file, limit: fileBytes, pastCache: false)
        for frame in frames {
            let compressed = try window.bytes(at: frame.offset, count: frame.compressedBytes)
            guard compressed.count == frame.compressedBytes, compressed.crc32c == frame.checksum else {
                throw differing(frame)
            }
        }
    }

    private func differing(_ frame: SealedFrame) -> StorageError {
        StorageError(.damagedFrame, file.path, at: frame.offset, "its checksum does not match")
    }

    /// The frame that holds an event; nil when the segment does not.
    func frame(holding lsn: LSN) -> SealedFrame? {
        var low = 0
        var high = frames.count
        while low < high {  // the last frame that begins at or before it
            let middle = (low + high) / 2
            if frames[middle].firstLSN <= lsn { low = middle + 1 } else { high = middle }
        }
        // Frames without events (closing batches alone) share their first LSN with the next frame that has some.
        guard low > 0, lsn.value - frames[low - 1].firstLSN.value < UInt64(frames[low - 1].count) else { return nil }
        return frames[low - 1]
    }
}

// MARK: - Writing

/// Turns batches, given in order, into a sealed file. Compresses as it goes; holds one frame in memory.
struct SealedWriter: ~Copyable {
    private var file: NewFile
    private let compressor = ZstdCompressor()
    private let start: JournalHead
    private var end: JournalHead
    private var frames: [SealedFrame] = []
    private var offset = SealedFormat.headerBytes
    private var bytes: [UInt8] = []
    private var current = SealedFrame(
        firstLSN: .none, offset: 0, compressedBytes: 0, bytes: 0, checksum: 0, continued: 0, firstTime: .distantPast,
        count: 0)

    init(
        file: any DiskFile, identity: LedgerIdentity, number: UInt64, start: JournalHead
    ) throws(StorageError) {
        self.file = NewFile(file)
        self.start = start
        end = start
        bytes.reserveCapacity(SealedFormat.frameLimit)
        current.firstLSN = start.nextLSN
        let header = [UInt8](record: SealedFormat.headerBytes) { bytes in
            bytes.store(SealedFormat.headerMagic, at: 0)
            SealedFormat.version.stamp(bytes)
            bytes.store(identity.uuid, at: 8)
            bytes.store(number, at: 24)
            bytes.store(start.nextLSN.value, at: 32)
            bytes.store(start.nextSequence, at: 40)
            bytes.store(start.chain, at: 48)
            bytes.store(identity.shard, at: 80)
            bytes.store(UnsafeRawBufferPointer(bytes).slice(0, 124).crc32c, at: 124)
        }
        try self.file.write(header, at: 0)
    }

    mutating func add(
        _ header: BatchHeader, headerBytes: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, chain: Digest256
    ) throws(StorageError) {
        if bytes.count >= SealedFormat.frameTarget {
            try flush(next: header.firstLSN, continued: 0, at: header.baseTime)
        }
        bytes.append(contentsOf: headerBytes)
        if current.count == 0 { current.firstTime = header.baseTime }
        var cursor = EventCursor(payload)
        for index in 0..<header.count {
            if bytes.count >= SealedFormat.frameTarget {
                try flush(
                    next: LSN(header.firstLSN.value + UInt64(index)), continued: header.count - index,
                    at: header.time(ofEvent: index))
            }
            let begin = cursor.offset
            guard cursor.next() != nil else { preconditionFailure("a checked payload ends too early") }
            bytes.append(contentsOf: payload.slice(begin, cursor.offset - begin))
            current.count += 1
        }
        end = end.after(header, chain: chain)
    }

    private mutating func flush(next lsn: LSN, continued: Int, at time: Timestamp) throws(StorageError) {
        let compressed = bytes.withUnsafeBytes { compressor.compress($0) }
        current.offset = offset
        current.bytes = bytes.count
        current.compressedBytes = compressed.count
        current.checksum = compressed.withUnsafeBytes { $0.crc32c }
        try file.write(compressed, at: offset)
        offset += compressed.count
        frames.append(current)
        bytes.removeAll(keepingCapacity: true)
        current = SealedFrame(
            firstLSN: lsn, offset: 0, compressedBytes: 0, bytes: 0, checksum: 0, continued: continued, firstTime: time,
            count: 0)
    }

    /// Writes what is left, the index and the footer, and syncs. Returns the size of the file.
    mutating func finish(usedBytes: Int) throws(StorageError) -> Int {
        if !bytes.isEmpty { try flush(next: end.nextLSN, continued: 0, at: end.time) }
        let frames = frames
        let index = [UInt8](record: frames.count * SealedFormat.entryBytes) { bytes in
            for (number, frame) in frames.enumerated() {
                let entry = bytes.slice(number * SealedFormat.entryBytes, SealedFormat.entryBytes)
                entry.store(frame.firstLSN.value, at: 0)
                entry.store(UInt64(frame.offset), at: 8)
                entry.store(UInt32(frame.compressedBytes), at: 16)
                entry.store(UInt32(frame.bytes), at: 20)
                entry.store(frame.checksum, at: 24)
                entry.store(UInt32(frame.continued), at: 28)
                entry.store(frame.firstTime.nanoseconds, at: 32)
                entry.store(UInt32(frame.count), at: 40)
            }
        }
        let end = end
        let offset = offset
        let footer = [UInt8](record: SealedFormat.footerBytes) { bytes in
            bytes.store(SealedFormat.footerMagic, at: 0)
            bytes.store(UInt32(frames.count), at: 4)
            bytes.store(UInt64(offset), at: 8)
            bytes.store(end.nextLSN.value, at: 16)
            bytes.store(end.nextSequence, at: 24)
            bytes.store(end.chain, at: 32)
            bytes.store(end.time.nanoseconds, at: 64)
            bytes.store(UInt64(usedBytes), at: 72)
            bytes.store(index.withUnsafeBytes { $0.crc32c }, at: 80)
            bytes.store(UnsafeRawBufferPointer(bytes).slice(0, 124).crc32c, at: 124)
        }
        try file.write(index + footer, at: offset)
        try file.sync()
        return offset + index.count + footer.count
    }
}
