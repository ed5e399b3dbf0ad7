import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct JournalFormatTests {
    static var header: BatchHeader {
        var header = BatchHeader(
            identity: LedgerIdentity(uuid: LedgerUUID(high: 1, low: 2), shard: 3), segment: 4, sequence: 5,
            firstLSN: LSN(6), durableThrough: LSN(5), baseTime: Timestamp(seconds: 7), count: 8, payloadBytes: 900,
            previousChain: Digest256([UInt8](repeating: 9, count: 32)))
        header.flags = [.closing]
        header.booksSum = -11
        header.payloadChecksum = 12
        return header
    }

    @Test func `a batch header reads back as it was written`() {
        let bytes = [UInt8](record: 192) { Self.header.encode(into: $0) }
        guard case .header(let decoded) = bytes.withUnsafeBytes({ BatchHeader.decode($0) }) else {
            Issue.record("not decoded")
            return
        }
        #expect(decoded == Self.header)
        #expect(decoded.lastLSN == LSN(13))
        #expect(decoded.paddedBytes == 4096)
    }

    @Test func `no flipped bit of a batch header goes unnoticed`() {
        var bytes = [UInt8](record: 192) { Self.header.encode(into: $0) }
        for bit in 0..<(192 * 8) {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            if case .none = bytes.withUnsafeBytes({ BatchHeader.decode($0) }) {} else { Issue.record("bit \(bit)") }
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test func `a batch that needs a newer reader is refused by name, not misread`() {
        var bytes = [UInt8](record: 192) { Self.header.encode(into: $0) }
        bytes[6] = 2
        bytes.withUnsafeMutableBytes { $0.store(UnsafeRawBufferPointer($0).slice(0, 188).crc32c, at: 188) }
        guard case .unreadable(.newer(minimumReader: 2, reads: 1)) = bytes.withUnsafeBytes({ BatchHeader.decode($0) })
        else {
            Issue.record("believed")
            return
        }
    }

    @Test func `a length beyond the limit is not believed even under a valid checksum`() {
        var header = Self.header
        header.payloadBytes = JournalFormat.maximumPayload + 1
        let bytes = [UInt8](record: 192) { header.encode(into: $0) }
        if case .none = bytes.withUnsafeBytes({ BatchHeader.decode($0) }) {} else { Issue.record("believed") }
    }

    @Test func `a segment header reads back, and none of its bits can flip unnoticed`() {
        let header = SegmentHeader(
            identity: LedgerIdentity(uuid: LedgerUUID(high: 1, low: 2)), number: 3, firstLSN: LSN(4), firstSequence: 5,
            previousChain: Digest256([UInt8](repeating: 6, count: 32)), capacity: 65536)
        var bytes = header.encoded()
        guard case .header(let decoded) = bytes.withUnsafeBytes({ SegmentHeader.decode($0) }) else {
            Issue.record("not decoded")
            return
        }
        #expect(decoded == header)
        for bit in 0..<(4096 * 8) {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            if case .none = bytes.withUnsafeBytes({ SegmentHeader.decode($0) }) {} else { Issue.record("bit \(bit)") }
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }

    @Test func `an event's length is not believed beyond its payload`() {
        var payload: [UInt8] = [3, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0]
        payload.withUnsafeBytes { raw in
            #expect(EventCursor.tiles(raw, count: 2))
            #expect(!EventCursor.tiles(raw, count: 1))
            #expect(!EventCursor.tiles(raw, count: 3))
        }
        payload[0] = 8
        payload.withUnsafeBytes { raw in
            var cursor = EventCursor(raw)
            #expect(cursor.next() == nil)
            #expect(!cursor.isAtEnd)
        }
    }

    @Test func `a manifest reads back, and none of its bits can flip unnoticed`() {
        var manifest = Manifest(identity: ToyLedger.identity)
        manifest.generation = 9
        manifest.watermark = JournalHead(
            nextLSN: LSN(77), nextSequence: 8, chain: Digest256([UInt8](repeating: 1, count: 32)),
            time: Timestamp(seconds: 5))
        manifest.segments = [
            Manifest.Segment(
                number: 1, state: .sealed, firstLSN: LSN(1), nextLSN: LSN(40), firstSequence: 1, nextSequence: 5),
            Manifest.Segment(number: 2, state: .raw, firstLSN: LSN(40), firstSequence: 5, fileBytes: 65536),
        ]
        manifest.snapshots = [
            Manifest.Snapshot(lsn: LSN(33), time: Timestamp(seconds: 4), fileBytes: 100, digest: .zero, chain: .zero)
        ]
        var bytes = manifest.encoded()
        guard case .manifest(let decoded) = bytes.withUnsafeBytes({ Manifest.decode($0) }) else {
            Issue.record("not decoded")
            return
        }
        #expect(decoded == manifest)
        for bit in 0..<(bytes.count * 8) {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            if case .damaged = bytes.withUnsafeBytes({ Manifest.decode($0) }) {} else { Issue.record("bit \(bit)") }
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        for count in 0..<bytes.count {
            if case .damaged = bytes.withUnsafeBytes({ Manifest.decode($0.slice(0, count)) }) {
            } else {
                Issue.record("cut \(count)")
            }
        }
    }
}
