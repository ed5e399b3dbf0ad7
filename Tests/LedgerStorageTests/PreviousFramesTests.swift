import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

/// What a snapshot takes from the one before it, and that it is the same file as without.
@Suite struct PreviousFramesTests {
    private struct Frame {
        var section: UInt16 = 2
        var version: UInt8 = 1
        var rows = 4
        var bytes: [UInt8]

        /// One that compresses, and is like none of another seed, nor as long unless asked for.
        init(_ seed: UInt64, section: UInt16 = 2, count: Int? = nil) {
            var generator = SeededGenerator(seed: seed)
            self.section = section
            bytes = (0..<(count ?? 100 + Int(seed))).map { _ in UInt8.random(in: 0..<16, using: &generator) }
        }
    }

    private final class Scene {
        let disk = SimulatedDisk()
        let directory: DataDirectory

        init() throws { directory = try ToyLedger(on: disk).directory }

        func path(_ lsn: UInt64) -> String { directory.snapshot(LSN(lsn)) }

        /// The file of a snapshot of these frames, and how many were taken from `previous`.
        func write(
            _ lsn: UInt64, _ frames: [Frame], reusing previous: UInt64? = nil, meanwhile: () -> Void = {}
        ) throws -> (file: [UInt8], reused: Int) {
            let head = JournalHead(
                nextLSN: LSN(lsn + 1), nextSequence: lsn, chain: .zero, time: Timestamp(seconds: 1_700_000_000))
            let written = try SnapshotWriter.write(
                at: head, booksSum: 0, to: directory, reusing: previous.map { LSN($0) }
            ) { writer throws(StorageError) in
                for frame in frames {
                    try writer.frame(
                        section: frame.section, version: frame.version, rows: frame.rows, bytes: frame.bytes)
                    meanwhile()
                }
            }
            #expect(written.description.frames == frames.count)
            return (try #require(disk.bytes(of: path(lsn))), written.reusedFrames)
        }

        /// Writes `old`, then `new`, and says how many frames it took.
        func reused(
            _ old: [Frame], _ new: [Frame], sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> Int {
            let without = try write(2, new)
            _ = try write(1, old)
            let with = try write(2, new, reusing: 1)
            #expect(without.reused == 0 && with.file == without.file, sourceLocation: sourceLocation)
            return with.reused
        }
    }

    private static let frames = (0..<10).map { Frame(UInt64($0), section: $0 < 4 ? 2 : 3) }

    @Test func `frames that say the same are taken, and the file is the same as without`() throws {
        let scene = try Scene()
        #expect(try scene.reused(Self.frames, Self.frames) == 10)
        var some = Self.frames
        some[2].bytes[7] ^= 1  // as long as before
        some[5].bytes.append(3)
        some[9].bytes.removeLast()
        #expect(try scene.reused(Self.frames, some) == 7)
        #expect(try scene.reused(Self.frames, Self.frames.map { Frame(1000, section: $0.section) }) == 0)
    }

    @Test func `frames are found where others came or went before them`() throws {
        let scene = try Scene()
        var more = Self.frames
        more.insert(Frame(20), at: 1)
        more.insert(Frame(21, section: 3), at: 7)
        more.insert(Frame(22, section: 3), at: 9)
        #expect(try scene.reused(Self.frames, more) == 10)
        #expect(try scene.reused(more, Self.frames) == 10)
    }

    @Test func `where frames have changed time and again only some are tried, until one is as it was`() throws {
        let scene = try Scene()
        let old = (0..<20).map { Frame($0, count: 120) }
        var new = old
        for index in 0..<12 { new[index].bytes[3] ^= 1 }
        // Tried and changed: 0, 1, 4, 8. The next that is tried is 12.
        #expect(try scene.reused(old, new) == 8)
        new[12].bytes[3] ^= 1
        // 13, 14, 15 are as they were, and not tried.
        #expect(try scene.reused(old, new) == 4)
    }

    @Test func `the same bytes of another section, version or number of rows are another frame`() throws {
        let scene = try Scene()
        func changed(_ change: (inout Frame) -> Void) -> [Frame] {
            Self.frames.map { frame in
                var frame = frame
                change(&frame)
                return frame
            }
        }
        #expect(try scene.reused(Self.frames, changed { $0.section = 4 }) == 0)
        #expect(try scene.reused(Self.frames, changed { $0.version = 2 }) == 0)
        #expect(try scene.reused(Self.frames, changed { $0.rows = 5 }) == 0)
    }

    @Test func `whatever bit flips in the last snapshot, the next one is as it would be`() throws {
        let scene = try Scene()
        let old = try scene.write(1, Self.frames).file
        let without = try scene.write(2, Self.frames).file
        for byte in old.indices {
            scene.disk.replace(scene.path(1), with: old)
            scene.disk.flip(scene.path(1), byte: byte, bit: byte % 8)
            let next = try scene.write(2, Self.frames, reusing: 1)
            #expect(next.file == without && next.reused < Self.frames.count, "byte \(byte)")
        }
    }

    @Test(arguments: [-1, 1])
    func `a frame that unpacks to another length than its header says is not taken`(difference: Int) throws {
        let scene = try Scene()
        var old = try scene.write(1, Self.frames).file
        var new = Self.frames
        new[0].bytes = difference < 0 ? Array(new[0].bytes.dropLast()) : new[0].bytes + [0]
        // Its header's checksum is right.
        old.withUnsafeMutableBytes { file in
            let header = file.slice(SnapshotFormat.headerBytes, SnapshotFormat.frameHeaderBytes)
            header.store(UInt32(new[0].bytes.count), at: 12)
            header.store(UnsafeRawBufferPointer(header).slice(0, 28).crc32c, at: 28)
        }
        let without = try scene.write(2, new).file
        scene.disk.replace(scene.path(1), with: old)
        let next = try scene.write(2, new, reusing: 1)
        #expect(next.file == without && next.reused == new.count - 1)
    }

    @Test func `the last snapshot may go meanwhile, or not be there at all`() throws {
        let scene = try Scene()
        let without = try scene.write(2, Self.frames).file
        _ = try scene.write(1, Self.frames)
        let next = try scene.write(2, Self.frames, reusing: 1) { scene.disk.replace(scene.path(1), with: nil) }
        #expect(next.file == without && next.reused == Self.frames.count)
        let last = try scene.write(2, Self.frames, reusing: 1)
        #expect(last.file == without && last.reused == 0)
    }

    @Test func `a ledger's next snapshot takes what nobody touched, and is restored and audited as any`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 1 << 20)
        while ledger.counters.count < 300 { try ledger.append(events: 500) }
        try ledger.snapshot()
        let first = ledger.lastLSN
        // One of its three ranges of counters, and the row that names the LSN.
        try ledger.append(events: 1)
        let made = try ledger.snapshot()
        #expect(made.description.frames == 4 && made.reusedFrames == 2)
        #expect(
            try Fold.audit(ledger.lastLSN, from: first, of: ToyLedger.path, on: disk, as: ToyState.self) == [])
        let again = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 1 << 20)
        #expect(again.report.snapshotLSN == ledger.lastLSN && again.digest == ledger.digest)
    }
}
