package import LedgerCore
internal import Synchronization

/// An event as it lies in the journal. `bytes` are valid during the call that hands it out.
package struct JournaledEvent {
    package let lsn: LSN
    /// When it was recorded.
    package let time: Timestamp
    package let bytes: UnsafeRawBufferPointer
    /// Of the batch. What version 0 wrote carries number and time in its bytes, and is met in listings only.
    package var batchVersion = JournalFormat.batch.current
}

/// Reads any durable event by its LSN, from any thread, beside the writer and beside sealing.
///
/// An event costs one batch (live segments) or one frame of about 128 KiB (sealed ones), read, checked and unpacked;
/// the last few megabytes of those are kept, so walking a user's chain downwards mostly finds its next event at hand.
/// Memory does not grow with history. A checksum that does not match is an error with file and offset, never data.
package final class JournalReader: Sendable {
    private let directory: DataDirectory
    private let catalog: SegmentCatalog
    private let cache: Lock<FrameCache>

    init(directory: DataDirectory, catalog: SegmentCatalog, cacheBytes: Int) {
        self.directory = directory
        self.catalog = catalog
        cache = Lock(FrameCache(limit: cacheBytes))
    }

    /// The last event anybody may see.
    package var durableLSN: LSN { LSN(catalog.durable.load(ordering: .acquiring)) }

    /// Hands the event to `body`. Throws `.noSuchEvent` outside 1…`durableLSN`.
    package func withEvent<R>(at lsn: LSN, _ body: (JournaledEvent) -> R) throws(StorageError) -> R {
        try frame(holding: lsn).withEvent(at: lsn, body)
    }

    /// Hands over the events `first`…`last` in order, until `body` returns false.
    package func forEach(
        from first: LSN, through last: LSN, _ body: (JournaledEvent) -> Bool
    ) throws(StorageError) {
        guard first <= last else { return }
        var lsn = first
        while true {
            let frame = try frame(holding: lsn)
            while frame.holds(lsn) {
                guard frame.withEvent(at: lsn, body), lsn < last else { return }
                lsn = lsn.next
            }
        }
    }

    // MARK: Frames

    private enum Location {
        case live(segment: UInt64, file: any DiskFile, place: BatchPlace)
        case sealed(segment: UInt64)
    }

    private func frame(holding lsn: LSN) throws(StorageError) -> EventFrame {
        guard let location = locate(lsn) else {
            throw StorageError(.noSuchEvent, directory.journal, "LSN \(lsn.value), the last is \(durableLSN.value)")
        }
        switch location {
        case .live(let segment, let file, let place):
            defer { unpin(segment) }
            let key = FrameCache.Key(segment: segment, firstLSN: place.firstLSN, isSealed: false)
            if let frame = cache.withLock({ $0.frame(key) }) { return frame }
            let frame = try readBatch(segment, file, place)
            cache.withLock { $0.insert(frame, key) }
            return frame
        case .sealed(let segment):
            let sealed = try sealedSegment(segment)
            guard let entry = sealed.frame(holding: lsn) else {
                throw StorageError(.noSuchEvent, sealed.file.path, "LSN \(lsn.value) is in none of its frames")
            }
            let key = FrameCache.Key(segment: segment, firstLSN: entry.firstLSN, isSealed: true)
            if let frame = cache.withLock({ $0.frame(key) }) { return frame }
            let bytes = try sealed.load(entry, with: ZstdDecompressor())
            guard let frame = EventFrame(sealed: bytes, entry) else {
                throw StorageError(
                    .damagedFrame, sealed.file.path, at: entry.offset, "its events are not where its index says")
            }
            cache.withLock { $0.insert(frame, key) }
            return frame
        }
    }

    /// Finds the file, and pins it if it is live: until `unpin` nobody recycles it.
    private func locate(_ lsn: LSN) -> Location? {
        guard !lsn.isNone, lsn <= durableLSN else { return nil }
        return catalog.contents.withLock { contents -> Location? in
            let index = contents.index(holding: lsn)
            guard index >= 0 else { return nil }
            let segment = contents.segments[index]
            guard let file = segment.file else { return .sealed(segment: segment.record.number) }
            guard let place = segment.place(of: lsn) else { return nil }
            contents.segments[index].pins += 1
            return .live(segment: segment.record.number, file: file, place: place)
        }
    }

    private func unpin(_ segment: UInt64) {
        catalog.contents.withLock { $0.segments[Int(segment) - 1].pins -= 1 }
    }

    private func readBatch(_ segment: UInt64, _ file: any DiskFile, _ place: BatchPlace) throws(StorageError)
        -> EventFrame
    {
        let offset = Int(place.offset) * JournalFormat.block
        guard
            let bytes = try file.readBytes(at: offset, count: Int(place.blocks) * JournalFormat.block)
        else { throw StorageError(.truncatedSegment, file.path, at: offset) }
        let header = bytes.withUnsafeBytes { raw -> BatchHeader? in
            guard
                case .header(let header) = BatchHeader.decode(raw), header.identity == directory.identity,
                header.segment == segment, header.firstLSN == place.firstLSN, header.paddedBytes == raw.count,
                raw.slice(JournalFormat.headerBytes, raw.count - JournalFormat.headerBytes).crc32c
                    == header.payloadChecksum
            else { return nil }
            return header
        }
        guard let header, let frame = EventFrame(live: bytes, header) else {
            throw StorageError(.damagedBatch, file.path, at: offset, "it does not read back as it was written")
        }
        return frame
    }

    private func sealedSegment(_ number: UInt64) throws(StorageError) -> SealedSegment {
        if let segment = cache.withLock({ $0.segment(number) }) { return segment }
        let segment = try SealedSegment.open(
            directory.sealed(number), expecting: number, of: directory.identity, on: directory.disk)
        cache.withLock { $0.insert(segment) }
        return segment
    }
}

/// Some neighbouring events, unpacked: a live batch or a sealed frame. Any of them is one array look-up away.
final class EventFrame: Sendable {
    let firstLSN: LSN
    private let bytes: [UInt8]
    /// Where each event begins in `bytes`; its length is in the four bytes before.
    private let starts: [UInt32]
    /// From which event on which base time counts: event i of a run was recorded at `time` + (i − `index`) ns.
    private let runs: [(index: Int, time: Timestamp)]

    init?(live bytes: [UInt8], _ header: BatchHeader) {
        guard
            let starts = bytes.withUnsafeBytes({ raw -> [UInt32]? in
                var reader = StartReader(
                    raw, at: JournalFormat.headerBytes, end: JournalFormat.headerBytes + header.payloadBytes)
                for _ in 0..<header.count where !reader.readEvent() { return nil }
                return reader.isAtEnd ? reader.starts : nil
            })
        else { return nil }
        firstLSN = header.firstLSN
        self.bytes = bytes
        self.starts = starts
        runs = [(0, header.baseTime)]
    }

    init?(sealed bytes: [UInt8], _ frame: SealedFrame) {
        let parsed = bytes.withUnsafeBytes { raw -> (starts: [UInt32], runs: [(index: Int, time: Timestamp)])? in
            var reader = StartReader(raw, at: 0, end: raw.count)
            var runs: [(index: Int, time: Timestamp)] = []
            if frame.continued > 0 { runs.append((0, frame.firstTime)) }
            // A batch that is cut by the end of the frame goes on in the next one.
            for _ in 0..<frame.continued where !reader.isAtEnd { if !reader.readEvent() { return nil } }
            while !reader.isAtEnd {
                guard let header = reader.readHeader() else { return nil }
                if header.count > 0 { runs.append((reader.starts.count, header.baseTime)) }
                for _ in 0..<header.count where !reader.isAtEnd { if !reader.readEvent() { return nil } }
            }
            return reader.starts.count == frame.count ? (reader.starts, runs) : nil
        }
        guard let parsed else { return nil }
        firstLSN = frame.firstLSN
        self.bytes = bytes
        starts = parsed.starts
        runs = parsed.runs
    }

    var nextLSN: LSN { LSN(firstLSN.value + UInt64(starts.count)) }

    func holds(_ lsn: LSN) -> Bool { lsn >= firstLSN && lsn.value - firstLSN.value < UInt64(starts.count) }

    /// The LSN is one of the frame's.
    func withEvent<R>(at lsn: LSN, _ body: (JournaledEvent) -> R) -> R {
        let index = Int(lsn.value - firstLSN.value)
        let run = runs.last(where: { $0.index <= index })!
        let start = Int(starts[index])
        return bytes.withUnsafeBytes { raw in
            let length = Int(raw.number(at: start - 4, as: UInt32.self))
            return body(
                JournaledEvent(
                    lsn: lsn, time: Timestamp(nanoseconds: run.time.nanoseconds + Int64(index - run.index)),
                    bytes: raw.slice(start, length)))
        }
    }

    /// Events of the frame in order, those from `first` on that lie before `next`, until `body` returns false. Costs no
    /// search for each of them.
    func visit<Failure: Error>(
        from first: LSN, to next: LSN, _ body: (JournaledEvent) throws(Failure) -> Bool
    ) throws(Failure) {
        let end = Int(next.value - firstLSN.value)
        let ended = bytes.withUnsafeBytes { raw in
            Result { () throws(Failure) in
                var index = Int(first.value - firstLSN.value)
                var run = runs.lastIndex { $0.index <= index }!
                while index < end {
                    while run + 1 < runs.count, runs[run + 1].index <= index { run += 1 }
                    let start = Int(starts[index])
                    let event = JournaledEvent(
                        lsn: LSN(firstLSN.value + UInt64(index)),
                        time: Timestamp(nanoseconds: runs[run].time.nanoseconds + Int64(index - runs[run].index)),
                        bytes: raw.slice(start, Int(raw.number(at: start - 4, as: UInt32.self))))
                    guard try body(event) else { return }
                    index += 1
                }
            }
        }
        try ended.get()
    }

    /// What it costs to keep.
    var weight: Int { bytes.count + starts.count * 4 }
}

/// Finds where events begin. Believes no length that leaves the bytes.
private struct StartReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset: Int
    private let end: Int
    private(set) var starts: [UInt32] = []

    init(_ bytes: UnsafeRawBufferPointer, at offset: Int, end: Int) {
        self.bytes = bytes
        self.offset = offset
        self.end = end
    }

    var isAtEnd: Bool { offset == end }

    mutating func readEvent() -> Bool {
        guard end - offset >= 4 else { return false }
        let length = Int(bytes.number(at: offset, as: UInt32.self))
        guard length <= end - offset - 4 else { return false }
        starts.append(UInt32(offset + 4))
        offset += 4 + length
        return true
    }

    mutating func readHeader() -> BatchHeader? {
        guard end - offset >= JournalFormat.headerBytes,
            case .header(let header) = BatchHeader.decode(bytes.slice(offset, end - offset))
        else { return nil }
        offset += JournalFormat.headerBytes
        return header
    }
}

/// The frames and indexes used last. Bounded by bytes and by number; forgets the ones unused for longest.
private struct FrameCache: Sendable {
    struct Key: Hashable, Sendable {
        var segment: UInt64
        var firstLSN: LSN
        var isSealed: Bool
    }

    private let limit: Int
    private var frames: [Key: (frame: EventFrame, used: UInt64)] = [:]
    private var segments: [UInt64: (segment: SealedSegment, used: UInt64)] = [:]
    private var weight = 0
    private var clock: UInt64 = 0
    private static let segmentLimit = 16

    init(limit: Int) { self.limit = limit }

    mutating func frame(_ key: Key) -> EventFrame? {
        clock += 1
        guard let entry = frames[key] else { return nil }
        frames[key]!.used = clock
        return entry.frame
    }

    mutating func insert(_ frame: EventFrame, _ key: Key) {
        guard frames[key] == nil else { return }
        frames[key] = (frame, clock)
        weight += frame.weight
        while weight > limit, frames.count > 1, let oldest = frames.min(by: { $0.value.used < $1.value.used }) {
            weight -= oldest.value.frame.weight
            frames[oldest.key] = nil
        }
    }

    mutating func segment(_ number: UInt64) -> SealedSegment? {
        clock += 1
        guard let entry = segments[number] else { return nil }
        segments[number]!.used = clock
        return entry.segment
    }

    mutating func insert(_ segment: SealedSegment) {
        segments[segment.number] = (segment, clock)
        if segments.count > Self.segmentLimit, let oldest = segments.min(by: { $0.value.used < $1.value.used }) {
            segments[oldest.key] = nil
        }
    }
}

// MARK: - Following

extension JournalReader {
    /// The durable events from `first` on that lie together, in one batch or one frame, none beyond `last` and at most
    /// `limit` of them. Nil: there is none yet. Throws `.noSuchEvent` for LSN 0.
    package func slice(from first: LSN, through last: LSN, limit: Int) throws(StorageError) -> EventSlice? {
        let last = min(last, durableLSN)
        guard first <= last else { return nil }
        let frame = try frame(holding: first)
        let end = min(frame.nextLSN.value, last.value + 1, first.value + UInt64(limit))
        return EventSlice(frame: frame, first: first, next: LSN(end))
    }
}

/// Some neighbouring events, in order: at least one. It holds the memory in which they lie, and no file.
package struct EventSlice: Sendable {
    private let frame: EventFrame
    package let first: LSN
    /// Behind the last one.
    package let next: LSN

    init(frame: EventFrame, first: LSN, next: LSN) {
        self.frame = frame
        self.first = first
        self.next = next
    }

    package var count: Int { Int(next.value - first.value) }

    /// Hands them to `body` in order, until it returns false. Their bytes are valid during its call.
    package func visit<Failure: Error>(_ body: (JournaledEvent) throws(Failure) -> Bool) throws(Failure) {
        try frame.visit(from: first, to: next, body)
    }
}
