import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// Every bit that can flip, flipped: noticed every time.
@Suite(.timeLimit(.minutes(15))) struct BitRotTests {
    /// A stopped ledger whose one live segment has at least 64 KiB of batches of all sizes.
    private static func stoppedLedger() throws -> (disk: SimulatedDisk, path: String, used: Int) {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, seed: 5, segmentBytes: 128 << 10)
        while ledger.journal.catalog.contents.withLock({ $0.used }) < 68 << 10 {
            try ledger.append(events: nil, ballast: 700)
            try ledger.append(events: 40, ballast: 60)
        }
        let path = ledger.directory.segment(1)
        try ledger.close()
        return (disk, path, ledger.journal.catalog.contents.withLock { $0.used })
    }

    /// The batches of a segment with the place in the chain where each begins.
    private static func batches(_ bytes: [UInt8], _ header: SegmentHeader) throws -> [(
        offset: Int, size: Int, head: JournalHead
    )] {
        var found: [(offset: Int, size: Int, head: JournalHead)] = []
        var head = JournalHead.genesis
        var begins = head
        _ = try RawSegmentScan(file: MemoryFile(bytes), header: header, pastCache: false).run(head: &head) {
            batch throws(StorageError) in
            found.append((batch.offset, batch.header.paddedBytes, begins))
            begins = begins.after(batch.header, chain: batch.chain)
            return .onward
        }
        return found
    }

    @Test(arguments: 0..<4)
    func `every bit of a journal of more than 64 KiB`(part: Int) throws {
        let (disk, path, used) = try Self.stoppedLedger()
        let bytes = disk.bytes(of: path)!
        guard case .header(let header) = bytes.withUnsafeBytes({ SegmentHeader.decode($0) }) else { fatalError() }
        let batches = try Self.batches(bytes, header)
        #expect(used - 4096 >= 64 << 10)
        #expect(batches.last!.offset + batches.last!.size == used)

        // A flip in one batch changes nothing before it, so each is tried in a segment that begins with its batch and
        // goes on with the next. What must come out: an error, or an end right there with another batch behind it
        // (which a start refuses). The last one, closing, has nobody behind it: there the manifest's watermark refuses.
        var missed = 0
        for (index, batch) in batches.enumerated() where index % 4 == part {
            let isLast = index == batches.count - 1
            let end = isLast ? batch.offset + batch.size : batches[index + 1].offset + batches[index + 1].size
            var small = header
            small.capacity = 4096 + end - batch.offset
            let file = MemoryFile(Array(bytes[..<4096] + bytes[batch.offset..<end]))
            for bit in (4096 * 8)..<((4096 + batch.size) * 8) {
                file.bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                var head = batch.head
                do throws(StorageError) {
                    let ending = try RawSegmentScan(file: file, header: small, pastCache: false).run(head: &head) {
                        _ throws(StorageError) in .onward
                    }
                    if head != batch.head || (ending.follower == nil && !isLast) { missed += 1 }
                } catch {
                    if error.offset == nil { missed += 1 }
                }
                file.bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            }
        }
        #expect(missed == 0)
    }

    @Test func `sampled flips through a whole start`() throws {
        let (disk, path, used) = try Self.stoppedLedger()
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<600 {
            let byte = Int.random(in: 0..<used, using: &generator)
            let bit = Int.random(in: 0..<8, using: &generator)
            disk.flip(path, byte: byte, bit: bit)
            do throws(StorageError) {
                _ = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 128 << 10)
                Issue.record("bit \(bit) of byte \(byte) was accepted")
            } catch {
                #expect(error.path == path && error.offset != nil, "\(error)")
            }
            disk.flip(path, byte: byte, bit: bit)
        }
        _ = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 128 << 10)
    }

    @Test func `every bit of a snapshot`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, seed: 5)
        for _ in 0..<10 { try ledger.append() }
        try ledger.snapshot()
        let path = ledger.directory.snapshot(ledger.lastLSN)
        let size = disk.bytes(of: path)!.count
        var missed = 0
        for bit in 0..<(size * 8) {
            disk.flip(path, byte: bit / 8, bit: bit % 8)
            do throws(StorageError) {
                _ = try SnapshotReader.verify(path, ledger.directory)
                missed += 1
            } catch {
                if error.path != path { missed += 1 }
            }
            disk.flip(path, byte: bit / 8, bit: bit % 8)
        }
        #expect(missed == 0)
        _ = try SnapshotReader.verify(path, ledger.directory)
    }

    @Test func `a damaged snapshot costs time, not data: an older one takes its place, or none`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, seed: 5)
        for _ in 0..<3 { try ledger.append() }
        try ledger.snapshot()
        let older = ledger.lastLSN
        for _ in 0..<3 { try ledger.append() }
        try ledger.snapshot()
        let newer = ledger.lastLSN
        for _ in 0..<3 { try ledger.append() }
        let digest = ledger.digest
        var generator = SeededGenerator(seed: 1)
        for round in 0..<60 {
            let dead = disk.afterProcessDeath()
            let path = ledger.directory.snapshot(newer)
            dead.flip(
                path, byte: Int.random(in: 0..<dead.bytes(of: path)!.count, using: &generator),
                bit: Int.random(in: 0..<8, using: &generator))
            let both = round % 3 == 0
            if both { dead.flip(ledger.directory.snapshot(older), byte: 40, bit: 1) }
            let again = try ToyLedger(on: dead)
            #expect(again.digest == digest)
            #expect(again.report.snapshotLSN == (both ? nil : older))
            #expect(again.report.rejectedSnapshots.first?.reason == .damagedSnapshot)
            #expect(again.report.rejectedSnapshots.first?.path == path)
            #expect(again.journal.snapshots.map(\.lsn) == (both ? [] : [older]))
        }
    }

    @Test func `every bit of a sealed segment is under a checksum`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, seed: 5, segmentBytes: 16 << 10)
        try ledger.fill(sealedSegments: 1)
        let path = ledger.directory.sealed(1)
        let start = JournalHead.genesis
        func readAll() throws(StorageError) {
            let sealed = try SealedSegment.open(path, expecting: 1, of: ToyLedger.identity, on: disk)
            var head = start
            _ = try SealedSegmentScan(segment: sealed, pastCache: false).run(head: &head) { _ throws(StorageError) in
                .onward
            }
        }
        try readAll()
        var missed = 0
        for bit in 0..<(disk.bytes(of: path)!.count * 8) {
            disk.flip(path, byte: bit / 8, bit: bit % 8)
            do throws(StorageError) {
                try readAll()
                missed += 1
            } catch {
                if error.path != path { missed += 1 }
            }
            disk.flip(path, byte: bit / 8, bit: bit % 8)
        }
        #expect(missed == 0)
    }

    @Test func `a reader meets a flipped bit with an error that names file and offset`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, seed: 5, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 1)
        let sealed = ledger.directory.sealed(1)
        disk.flip(sealed, byte: 200, bit: 0)
        do {
            try ledger.journal.reader.withEvent(at: LSN(1)) { _ in }
            Issue.record("accepted")
        } catch {
            #expect(error.reason == .damagedFrame && error.path == sealed && error.offset == 128)
        }
        let live = ledger.directory.segment(2)
        try ledger.append()
        let lsn = ledger.lastLSN
        let offset = ledger.journal.catalog.contents.withLock { $0.used } - 4096
        disk.flip(live, byte: offset + 220, bit: 0)
        do {
            try ledger.journal.reader.withEvent(at: lsn) { _ in }
            Issue.record("accepted")
        } catch {
            #expect(error.reason == .damagedBatch && error.path == live && error.offset == offset)
        }
    }

    @Test func `one damaged manifest copy is a warning, two are a refusal`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, seed: 5)
        try ledger.append()
        let digest = ledger.digest
        var generator = SeededGenerator(seed: 1)
        for round in 0..<40 {
            let dead = disk.afterProcessDeath()
            let paths = ledger.directory.manifests
            let path = paths[round % 2]
            dead.flip(
                path, byte: Int.random(in: 0..<dead.bytes(of: path)!.count, using: &generator),
                bit: Int.random(in: 0..<8, using: &generator))
            let again = try ToyLedger(on: dead)
            #expect(again.digest == digest)
            #expect(again.report.warnings.count == 1)
            // And both are whole again.
            #expect(try ToyLedger(on: dead.afterProcessDeath()).report.warnings.isEmpty)
        }
        let dead = disk.afterProcessDeath()
        for path in ledger.directory.manifests { dead.flip(path, byte: 60, bit: 2) }
        #expect(reason { () throws(StorageError) in try ToyLedger(on: dead) } == .damagedManifest)
    }
}
