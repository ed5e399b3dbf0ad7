import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// `florin verify` says yes to what is sound and finds what was planted.
@Suite(.timeLimit(.minutes(15))) struct VerificationTests {
    private static func ledger() throws -> (SimulatedDisk, ToyLedger) {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 2)
        try ledger.snapshot()
        for _ in 0..<3 { try ledger.append(events: 2) }
        try ledger.snapshot()
        try ledger.journal.maintain()
        try ledger.append(events: 2)
        return (disk, ledger)
    }

    private static func verify(_ disk: SimulatedDisk) throws(StorageError) -> VerificationReport {
        try Verification<ToyState>.run(ToyLedger.path, on: disk)
    }

    @Test func `a sound ledger is called sound, with its counts`() throws {
        let (disk, ledger) = try Self.ledger()
        try ledger.close()
        let operations = disk.operations
        let report = try Self.verify(disk)
        #expect(report.isSound, "\(report.findings.map(\.text))")
        #expect(report.findings.isEmpty)
        #expect(report.events == Int(ledger.lastLSN.value))
        #expect(report.lastLSN == ledger.lastLSN)
        #expect(report.digest == ledger.digest)
        #expect(report.chain == ledger.journal.head.chain)
        #expect(report.snapshots == 2)
        #expect(report.sealedSegments == 2)
        #expect(report.segments == ledger.journal.segmentCount)
        #expect(disk.operations == operations)  // it changed nothing
    }

    @Test func `a running server's directory is left alone`() throws {
        let (disk, ledger) = try Self.ledger()
        #expect(reason { () throws(StorageError) in try Self.verify(disk) } == .inUse)
        withExtendedLifetime(ledger) {}
    }

    @Test func `a torn tail is a note, not damage`() throws {
        let (disk, ledger) = try Self.ledger()
        let offset = ledger.journal.catalog.contents.withLock { $0.used } - 4096
        let dead = disk.afterProcessDeath()
        dead.flip(ledger.directory.segment(UInt64(ledger.journal.segmentCount)), byte: offset + 250, bit: 0)
        let report = try Self.verify(dead)
        #expect(report.isSound)
        #expect(report.findings.count == 1 && report.findings[0].kind == .note)
        #expect(report.lastLSN.value == ledger.lastLSN.value - 2)
    }

    @Test func `planted damage in any file is found`() throws {
        let (disk, ledger) = try Self.ledger()
        try ledger.close()
        var generator = SeededGenerator(seed: 2)
        let skipped = ["/data/LOCK", "/data/journal/spare"]
        for path in disk.paths where !skipped.contains(where: path.hasPrefix) {
            let size = disk.bytes(of: path)!.count
            let isLive = path.hasSuffix(".segment")
            let number = DataDirectory.number(in: String(path.split(separator: "/").last!), suffix: ".segment")
            guard !isLive || number == UInt64(ledger.journal.segmentCount) else { continue }  // prepared: nothing in it
            let used = isLive ? ledger.journal.catalog.contents.withLock { $0.used } : size
            for _ in 0..<6 {
                let dead = disk.afterProcessDeath()
                let byte = Int.random(in: 0..<used, using: &generator)
                dead.flip(path, byte: byte, bit: Int.random(in: 0..<8, using: &generator))
                do throws(StorageError) {
                    let report = try Self.verify(dead)
                    #expect(!report.isSound, "\(path) byte \(byte)")
                } catch {
                    #expect(path.hasSuffix("FLORIN"), "\(path): \(error)")
                }
            }
        }
    }

    @Test func `a snapshot that is no fold of the journal is found, however well its checksums match`() throws {
        let (disk, ledger) = try Self.ledger()
        let lsn = ledger.journal.snapshots[0].lsn
        // A state with one more on one counter, in a perfectly good file.
        let replay = try Replay<ToyState>.run(ledger.directory, to: .batch(lsn))
        var forged = ToyState()
        var rows: [UInt8] = []
        for (counter, value) in replay.state.counters.sorted(by: { $0.key < $1.key }) {
            rows += [UInt8](record: 16) {
                $0.store(UInt64(counter), at: 0)
                $0.store(value + 1, at: 8)
            }
        }
        let meta = [UInt8](record: 16) {
            $0.store(lsn.value, at: 0)
            $0.store(replay.state.lastTime.nanoseconds, at: 8)
        }
        try meta.withUnsafeBytes { bytes in
            Result { () throws(StateError) in try forged.restore(section: 1, rows: 1, bytes: bytes) }
        }.get()
        try rows.withUnsafeBytes { bytes in
            Result { () throws(StateError) in try forged.restore(section: 2, rows: rows.count / 16, bytes: bytes) }
        }.get()
        _ = try SnapshotWriter.write(forged, at: replay.head, to: ledger.directory)
        try ledger.journal.adoptSnapshot(at: lsn)
        try ledger.close()
        let report = try Self.verify(disk)
        #expect(report.findings.contains { $0.text.contains("replaying from the first event leads to another state") })
        #expect(report.findings.contains { $0.text.contains("leads to another state than the journal from genesis") })
    }

    /// Writes a batch as the writer would, with something wrong in it that no checksum can see.
    private static func plant(_ change: (inout BatchHeader) -> Void, counter: UInt32 = 1) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        let head = ledger.journal.head
        let batch = BatchBuffer()
        let time = head.time + .seconds(1)
        batch.append(ToyEvent(lsn: head.nextLSN, time: time, counter: counter, delta: 5).bytes)
        var header = BatchHeader(
            identity: ToyLedger.identity, segment: 1, sequence: head.nextSequence, firstLSN: head.nextLSN,
            durableThrough: head.lastLSN, baseTime: time, count: 1, payloadBytes: batch.payloadBytes,
            previousChain: head.chain)
        change(&header)
        let (blocks, _) = batch.finish(&header)
        let dead = disk.afterProcessDeath()
        let path = ledger.directory.segment(1)
        var bytes = dead.bytes(of: path)!
        bytes.replaceSubrange(8192..<(8192 + blocks.count), with: blocks)
        dead.replace(path, with: bytes)
        return dead
    }

    @Test func `books that do not sum to zero are found`() throws {
        #expect(try Self.verify(Self.plant { _ in }).isSound)
        let report = try Self.verify(Self.plant { $0.booksSum = 1 })
        #expect(report.findings.contains { $0.text.contains("the books sum to 1") })
    }

    @Test func `time that runs backwards is found`() throws {
        let report = try Self.verify(Self.plant { $0.baseTime = Timestamp(seconds: 5) })
        #expect(report.findings.contains { $0.text.contains("recorded before") })
    }

    @Test func `a state digest that does not match is found`() throws {
        let report = try Self.verify(Self.plant { $0.stateDigest = Digest256([UInt8](repeating: 4, count: 32)) })
        #expect(report.findings.contains { $0.text.contains("another digest") })
    }

    @Test func `a claim of durability for what comes later is found`() throws {
        let report = try Self.verify(Self.plant { $0.durableThrough = LSN(9) })
        #expect(report.findings.contains { $0.text.contains("calls LSNs durable") })
    }

    @Test func `a broken invariant is found`() throws {
        let report = try Self.verify(Self.plant({ _ in }, counter: .max))
        #expect(report.findings.contains { $0.text.contains("the last counter may not be used") })
    }

    @Test func `an event that the state refuses is found`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 1)
        let batch = BatchBuffer()
        batch.append([1, 2, 3])
        let time = ledger.journal.head.time + .seconds(1)
        try ledger.journal.writer.append(batch, firstLSN: LSN(2), baseTime: time, booksSum: 0)
        let report = try Self.verify(disk.afterProcessDeath())
        #expect(report.findings.contains { $0.error?.reason == .refusedByState && $0.error?.offset == 8192 })
    }
}
