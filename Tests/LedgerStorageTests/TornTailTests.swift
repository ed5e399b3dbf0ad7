import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// The last batch reached the disk in part, or not at all, or not to its end. Nothing of it was ever acknowledged.
@Suite(.timeLimit(.minutes(15))) struct TornTailTests {
    /// A ledger just before and just after its last batch, on a disk where old bytes lie behind the tail or none.
    struct Scene {
        let disk: SimulatedDisk
        let path: String
        let before: [UInt8]
        let after: [UInt8]
        /// Where the last batch lies.
        let batch: Range<Int>
        let lastLSN: LSN
        let digest: Digest256

        init(overOldBytes: Bool, events: Int, ballast: Int) throws {
            let disk = SimulatedDisk()
            let ledger = try ToyLedger(on: disk, seed: 42, segmentBytes: 64 << 10)
            if overOldBytes {
                try ledger.fill(sealedSegments: 4)
                while ledger.journal.catalog.contents.withLock({ $0.used }) != 4096 + 8192 { try Self.step(ledger) }
            } else {
                for _ in 0..<3 { try ledger.append() }
            }
            digest = ledger.digest
            lastLSN = ledger.lastLSN
            let number = UInt64(ledger.journal.segmentCount)
            path = ledger.directory.segment(number)
            let start = ledger.journal.catalog.contents.withLock { $0.used }
            before = disk.bytes(of: path)!
            try ledger.append(events: events, ballast: ballast)
            after = disk.bytes(of: path)!
            batch = start..<ledger.journal.catalog.contents.withLock { $0.used }
            self.disk = disk.afterProcessDeath()
            if overOldBytes { try #require(!before[batch].allSatisfy { $0 == 0 }) }
        }

        private static func step(_ ledger: ToyLedger) throws(StorageError) {
            try ledger.append(events: 1, ballast: 10)
            try ledger.journal.maintain()
        }

        /// Starts on a disk that holds these bytes, and expects everything but the last batch.
        func expectCut(_ bytes: [UInt8], _ what: String) throws {
            let disk = disk.afterProcessDeath()
            disk.replace(path, with: bytes)
            let ledger = try ToyLedger(on: disk, seed: 9, segmentBytes: 64 << 10)
            #expect(ledger.lastLSN == lastLSN, "\(what)")
            #expect(ledger.digest == digest, "\(what)")
            // And the room is good for use again, through one more start.
            try ledger.append(events: 1, ballast: 10)
            let again = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 64 << 10)
            #expect(again.digest == ledger.digest, "\(what)")
        }

        /// What a scan of these bytes accepts, without a whole start: quick enough for every byte.
        func acceptedByScan(_ bytes: [UInt8]) throws(StorageError) -> LSN {
            guard case .header(let header) = bytes.withUnsafeBytes({ SegmentHeader.decode($0) }) else { fatalError() }
            var head = JournalHead(
                nextLSN: header.firstLSN, nextSequence: header.firstSequence, chain: header.previousChain,
                time: .distantPast)
            let ending = try RawSegmentScan(file: MemoryFile(bytes), header: header, pastCache: false).run(head: &head)
            {
                _ throws(StorageError) in .onward
            }
            if let follower = ending.follower { throw StorageError(.damagedBatch, path, at: follower) }
            return head.lastLSN
        }
    }

    @Test(arguments: [false, true])
    func `cut at every byte of the last batch, over zeroes and over old bytes`(overOldBytes: Bool) throws {
        let scene = try Scene(overOldBytes: overOldBytes, events: 30, ballast: 120)
        #expect(scene.batch.count == 4096)
        for cut in scene.batch {
            let bytes = Array(scene.after[..<cut] + scene.before[cut...])
            if bytes == scene.after { continue }  // the rest happened to be the same
            #expect(try scene.acceptedByScan(bytes) == scene.lastLSN, "cut at \(cut)")
            if cut % 512 < 2 || cut % 97 == 0 || cut - scene.batch.lowerBound == 192 {
                try scene.expectCut(bytes, "cut at \(cut)")
            }
        }
        #expect(try scene.acceptedByScan(scene.after) > scene.lastLSN)
    }

    @Test(arguments: [false, true])
    func `any subset of the last batch's sectors, over zeroes and over old bytes`(overOldBytes: Bool) throws {
        let scene = try Scene(overOldBytes: overOldBytes, events: 30, ballast: 120)
        for subset in 0..<256 {
            let bytes = Self.keeping({ subset >> $0 & 1 == 1 }, scene)
            if bytes == scene.after { continue }
            try scene.expectCut(bytes, "sectors \(subset)")
        }
    }

    @Test(arguments: [false, true])
    func `sampled subsets of a batch of many sectors`(overOldBytes: Bool) throws {
        let scene = try Scene(overOldBytes: overOldBytes, events: 60, ballast: 500)
        #expect(scene.batch.count >= 3 * 4096)
        var generator = SeededGenerator(seed: 3)
        for round in 0..<2000 {
            let subset = Set((0..<scene.batch.count / 512).filter { _ in Bool.random(using: &generator) })
            let bytes = Self.keeping(subset.contains, scene)
            if bytes == scene.after { continue }
            #expect(try scene.acceptedByScan(bytes) == scene.lastLSN)
            if round % 40 == 0 { try scene.expectCut(bytes, "sectors \(subset.sorted())") }
        }
    }

    private static func keeping(_ isKept: (Int) -> Bool, _ scene: Scene) -> [UInt8] {
        var bytes = scene.before
        for sector in 0..<scene.batch.count / 512 where isKept(sector) {
            let range = (scene.batch.lowerBound + sector * 512)..<(scene.batch.lowerBound + sector * 512 + 512)
            bytes.replaceSubrange(range, with: scene.after[range])
        }
        return bytes
    }

    @Test(arguments: [false, true], [1, 3])
    func `the last batch without its first sectors is cut, and said`(overOldBytes: Bool, sectors: Int) throws {
        let scene = try Scene(overOldBytes: overOldBytes, events: 60, ballast: 500)
        for blank in [false, true] {
            // The disk never wrote them (what was there before stays), or lost them (zeroes).
            var bytes = scene.after
            let lost = scene.batch.lowerBound..<(scene.batch.lowerBound + 512 * sectors)
            bytes.replaceSubrange(
                lost, with: blank ? [UInt8](repeating: 0, count: lost.count)[...] : scene.before[lost])
            let disk = scene.disk.afterProcessDeath()
            disk.replace(scene.path, with: bytes)
            let verified = try Verification<ToyState>.run(ToyLedger.path, on: disk.afterProcessDeath())
            #expect(verified.isSound)
            #expect(
                verified.findings.contains {
                    $0.kind == .note && $0.text.contains("byte \(scene.batch.lowerBound) is not empty")
                })
            let ledger = try ToyLedger(on: disk, segmentBytes: 64 << 10)
            #expect(ledger.lastLSN == scene.lastLSN)
            #expect(
                ledger.report.warnings.contains { $0.contains("behind byte \(scene.batch.lowerBound) was not empty") },
                "\(ledger.report)")
            // Said once: it is gone now.
            #expect(try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 64 << 10).report.warnings.isEmpty)
        }
    }

    @Test func `what an older life left behind the tail is not worth a word`() throws {
        // Batches of all sizes, so that tails fall into the middle of old batches, through many lives and starts.
        for seed in 0..<12 {
            let disk = SimulatedDisk()
            var ledger = try ToyLedger(on: disk, seed: UInt64(seed), segmentBytes: 64 << 10)
            try ledger.fill(sealedSegments: 4)
            for step in 0..<40 {
                try ledger.append(events: 1 + step % 5, ballast: [10, 3000, 300, 9000][(step + seed) % 4])
                try ledger.journal.maintain()
                if step % 9 == 3 { try ledger.writeClosing() }
                let dead = disk.afterProcessDeath()
                #expect(try Verification<ToyState>.run(ToyLedger.path, on: dead).findings.isEmpty, "\(seed), \(step)")
                if step % 10 == 7 {
                    ledger.journal.release()
                    ledger = try ToyLedger(on: disk, seed: UInt64(seed), segmentBytes: 64 << 10)
                    #expect(ledger.report.warnings.isEmpty, "\(seed), \(step)")
                }
            }
        }
    }

    @Test func `a file that ends inside the last batch is refused, for segments never shrink`() throws {
        let scene = try Scene(overOldBytes: false, events: 30, ballast: 120)
        let disk = scene.disk.afterProcessDeath()
        disk.replace(scene.path, with: Array(scene.after[..<(scene.batch.lowerBound + 100)]))
        #expect(
            reason { () throws(StorageError) in try ToyLedger(on: disk, segmentBytes: 64 << 10) } == .truncatedSegment)
    }

    @Test func `a torn tail is cut only if nothing valid follows`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<4 { try ledger.append(events: 2) }
        let path = ledger.directory.segment(1)
        // The third of four batches, in its payload: the fourth still stands behind it.
        let dead = disk.afterProcessDeath()
        dead.flip(path, byte: 3 * 4096 + 200, bit: 1)
        do {
            _ = try ToyLedger(on: dead)
            Issue.record("accepted")
        } catch {
            #expect(error.reason == .damagedBatch)
            #expect(error.path == path)
            #expect(error.offset == 3 * 4096)
        }
        // And in its header.
        let other = disk.afterProcessDeath()
        other.flip(path, byte: 3 * 4096 + 5, bit: 0)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: other) } == .damagedBatch)
    }

    @Test func `the last batch damaged after a closing batch is refused, not cut`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        try ledger.append(events: 2)
        try ledger.writeClosing()
        let dead = disk.afterProcessDeath()
        dead.flip(ledger.directory.segment(1), byte: 2 * 4096 + 300, bit: 3)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: dead) } == .damagedBatch)
    }

    @Test func `batches gone from the end are noticed where a manifest or a snapshot knows of them`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<3 { try ledger.append(events: 2) }
        let path = ledger.directory.segment(1)
        let blank = [UInt8](repeating: 0, count: 4096)

        try ledger.snapshot()
        let withSnapshot = disk.afterProcessDeath()
        var bytes = withSnapshot.bytes(of: path)!
        bytes.replaceSubrange((3 * 4096)..<(4 * 4096), with: blank)
        withSnapshot.replace(path, with: bytes)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: withSnapshot) } == .lostAcknowledged)

        try ledger.append(events: 1)
        try ledger.close()
        let stopped = disk.afterProcessDeath()
        bytes = stopped.bytes(of: path)!
        // Even the closing batch alone: the manifest of a clean stop knows its number.
        bytes.replaceSubrange((5 * 4096)..<(6 * 4096), with: blank)
        stopped.replace(path, with: bytes)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: stopped) } == .lostAcknowledged)
    }

    @Test func `a torn batch that knows of more than there is means loss`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<2 { try ledger.append(events: 2) }
        // A batch in the place of the second one, torn, whose header says that LSN 4 was durable.
        var header = BatchHeader(
            identity: ToyLedger.identity, segment: 1, sequence: 2, firstLSN: LSN(3), durableThrough: LSN(4),
            baseTime: Timestamp(seconds: 1_800_000_000), count: 1, payloadBytes: 60, previousChain: .zero)
        let dead = disk.afterProcessDeath()
        let path = ledger.directory.segment(1)
        var bytes = dead.bytes(of: path)!
        guard case .header(let second) = bytes.withUnsafeBytes({ BatchHeader.decode($0.slice(8192, 4096)) }) else {
            Issue.record("the second batch is not where it should be")
            return
        }
        header.previousChain = second.previousChain
        bytes.replaceSubrange(8192..<(8192 + 192), with: [UInt8](record: 192) { header.encode(into: $0) })
        dead.replace(path, with: bytes)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: dead) } == .lostAcknowledged)
    }

    @Test func `bytes inside a torn batch that look like a batch are payload`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        let digest = ledger.digest
        // An event that carries a whole, valid-looking batch of this segment at a block boundary.
        var decoy = BatchHeader(
            identity: ToyLedger.identity, segment: 1, sequence: 9, firstLSN: LSN(9), durableThrough: LSN(8),
            baseTime: Timestamp(seconds: 1_800_000_000), count: 0, payloadBytes: 0, previousChain: .zero)
        decoy.payloadChecksum = [UInt8](repeating: 0, count: 4096 - 192).withUnsafeBytes { crc32c($0) }
        var ballast = [UInt8](repeating: 1, count: 4096 - 192 - 4 - 12)
        ballast += [UInt8](record: 192) { decoy.encode(into: $0) } + [UInt8](repeating: 0, count: 8000)
        let event = ToyEvent(
            lsn: LSN(3), time: Timestamp(seconds: 1_800_000_000), counter: 1, delta: 1, ballast: ballast)
        var batch = EventPayload()
        batch.append(event.bytes)
        try ledger.journal.writer.append(batch, firstLSN: LSN(3), baseTime: event.time, booksSum: 0)
        let path = ledger.directory.segment(1)
        guard case .header = disk.bytes(of: path)!.withUnsafeBytes({ BatchHeader.decode($0.slice(3 * 4096, 4096)) })
        else {
            Issue.record("the decoy is not where it should be")
            return
        }
        let dead = disk.afterProcessDeath()
        dead.flip(path, byte: 4 * 4096 + 100, bit: 0)
        let again = try ToyLedger(on: dead)
        #expect(again.digest == digest)
        #expect(again.report.tornTail?.offset == 8192)
        // And once cut, nothing of it is left to be met behind the next, smaller batch.
        try again.append(events: 1, ballast: 10)
        #expect(try ToyLedger(on: dead.afterProcessDeath()).digest == again.digest)
    }

    @Test func `what a start has shown, no later crash takes back`() throws {
        // The batch was written and never synced when the process died. The next start finds it, and shows it.
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        disk.cutPower(atOperation: 2)
        #expect(reasonOrNil { () throws(StorageError) in try ledger.append(events: 3) } != nil)
        let next = disk.afterProcessDeath()
        let again = try ToyLedger(on: next)
        #expect(again.lastLSN == LSN(5))
        for seed in 0..<10 {
            #expect(try ToyLedger(on: next.afterPowerCut(seed: UInt64(seed))).lastLSN == LSN(5))
        }
    }
}
