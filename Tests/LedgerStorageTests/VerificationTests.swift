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
        try forged.restore(ToyFrame(section: 1, version: 1, rows: 1, bytes: meta))
        try forged.restore(ToyFrame(section: 2, version: 1, rows: rows.count / 16, bytes: rows))
        _ = try SnapshotWriter.write(forged, at: replay.head, to: ledger.directory)
        try ledger.journal.adoptSnapshot(at: lsn)
        try ledger.close()
        let report = try Self.verify(disk)
        #expect(report.findings.contains { $0.text.contains("replaying from the first event leads to another state") })
        #expect(report.findings.contains { $0.text.contains("leads to another state than the whole journal") })
    }

    /// Writes a batch as the writer would, with something wrong in it that no checksum can see.
    private static func plant(_ change: (inout BatchHeader) -> Void, counter: UInt32 = 1) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        let head = ledger.journal.head
        var batch = EventPayload()
        let time = head.time + .seconds(1)
        batch.append(ToyEvent(lsn: head.nextLSN, time: time, counter: counter, delta: 5).bytes)
        var header = BatchHeader(
            identity: ToyLedger.identity, segment: 1, sequence: head.nextSequence, firstLSN: head.nextLSN,
            durableThrough: head.lastLSN, baseTime: time, count: 1, payloadBytes: batch.bytes.count,
            previousChain: head.chain)
        change(&header)
        let blocks = header.blocks(with: batch.bytes)
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
        var batch = EventPayload()
        batch.append([1, 2, 3])
        let time = ledger.journal.head.time + .seconds(1)
        try ledger.journal.writer.append(batch, firstLSN: LSN(2), baseTime: time, booksSum: 0)
        let report = try Self.verify(disk.afterProcessDeath())
        #expect(report.findings.contains { $0.error?.reason == .refusedByState && $0.error?.offset == 8192 })
    }

    // MARK: What else a start needs

    /// A stopped ledger of three users, two of them with text, and the pepper in the directory.
    private static func peopled() throws -> (SimulatedDisk, DataDirectory) {
        let (disk, ledger) = try Self.ledger()
        let keys = try KeyStore(ledger.directory, ledgerIsNew: true)
        for user in [0, 2] { try keys.ensureKey(UserOrdinal(UInt32(user)), isNewUser: true) }
        try keys.sync()
        _ = try Pepper.open(ledger.directory, ledgerIsNew: true)
        try ledger.close()
        return (disk, ledger.directory)
    }

    private static func findings(
        _ disk: SimulatedDisk, pepper: String? = nil
    ) throws(StorageError) -> [VerificationReport.Finding] {
        let report = try Verification<PeopledToy>.run(ToyLedger.path, on: disk.afterProcessDeath(), pepper: pepper)
        #expect(report.isComplete)
        return report.findings
    }

    @Test func `a directory that is whole is sound, also where nothing can be written`() throws {
        let (disk, _) = try Self.peopled()
        #expect(try Self.findings(disk).isEmpty)
        disk.isReadOnly = true
        #expect(try Verification<PeopledToy>.run(ToyLedger.path, on: disk).findings.isEmpty)
    }

    @Test func `lost and damaged keys are found`() throws {
        let (disk, directory) = try Self.peopled()
        let whole = disk.bytes(of: directory.keys)!
        let hole = whole[..<4224] + [UInt8](repeating: 0, count: 64) + whole[4288...]
        for (bytes, reasons) in [
            (nil, [.missingKeyFile]), (Array(whole[..<4096]), [.missingKey, .missingKey]), (Array(hole), [.missingKey]),
        ] as [([UInt8]?, [StorageError.Reason])] {
            disk.replace(directory.keys, with: bytes)
            #expect(try Self.findings(disk).map(\.error?.reason) == reasons)
        }
        disk.replace(directory.keys, with: whole)
        disk.flip(directory.keys, byte: 4096 + 20, bit: 0)
        #expect(try Self.findings(disk).map(\.error?.reason) == [.damagedKey])
        // Destroyed is not lost.
        disk.replace(directory.keys, with: whole)
        let dead = disk.afterProcessDeath()
        try KeyStore(DataDirectory(disk: dead, path: "/data", identity: directory.identity), ledgerIsNew: false)
            .destroy([UserOrdinal(2)])
        #expect(try Self.findings(dead).isEmpty)
    }

    @Test func `a start says how many keys are lost, and where the first was`() throws {
        let (disk, directory) = try Self.peopled()
        #expect(
            try Recovery.open(ToyLedger.path, on: disk.afterProcessDeath(), as: PeopledToy.self).report.warnings.isEmpty
        )
        disk.replace(directory.keys, with: Array(disk.bytes(of: directory.keys)![..<4096]))
        let report = try Recovery.open(ToyLedger.path, on: disk, as: PeopledToy.self).report
        #expect(report.warnings.count == 1)
        #expect(report.warnings.first?.contains("2 users have lost the key") == true, "\(report.warnings)")
        #expect(report.warnings.first?.contains("at byte 4096") == true)
    }

    @Test func `a lost, changed or foreign pepper is found; one that lies elsewhere is asked for`() throws {
        let (disk, directory) = try Self.peopled()
        let (pepper, check) = (disk.bytes(of: directory.pepper)!, disk.bytes(of: directory.pepperCheck)!)
        disk.replace(directory.pepperCheck, with: nil)
        #expect(try Self.findings(disk).map(\.error?.reason) == [.damagedPepper])
        disk.replace(directory.pepperCheck, with: check)

        var different = pepper
        different[20] = different[20] == 0x61 ? 0x62 : 0x61
        disk.replace(directory.pepper, with: different)
        #expect(try Self.findings(disk).map(\.error?.reason) == [.differentPepper])

        disk.replace(directory.pepper, with: nil)
        let notes = try Self.findings(disk)
        #expect(notes.count == 1 && notes[0].kind == .note && notes[0].text.contains("the pepper was not checked"))
        try disk.makeDirectory("/secrets")
        #expect(try Self.findings(disk, pepper: "/secrets/florin").map(\.error?.reason) == [.missingPepper])
        disk.replace("/secrets/florin", with: pepper)
        #expect(try Self.findings(disk, pepper: "/secrets/florin").isEmpty)
    }

    @Test func `files that a start would refuse are found, those that it would tidy away are not touched`() throws {
        let (disk, directory) = try Self.peopled()
        disk.replace("/data/manifest.a.tmp", with: [1])
        #expect(try Self.findings(disk).isEmpty)
        disk.replace(directory.sealed(9), with: disk.bytes(of: directory.sealed(1))!)
        #expect(try Self.findings(disk).map(\.error?.reason) == [.misplacedSegment])
        let report = try Verification<PeopledToy>.run(ToyLedger.path, on: disk)
        #expect(!report.isSound)
        #expect(disk.paths.contains("/data/manifest.a.tmp"))
    }

    @Test func `damage says how far the journal could be followed`() throws {
        let (disk, ledger) = try Self.ledger()
        try ledger.close()
        disk.flip(ledger.directory.sealed(2), byte: 200, bit: 0)
        let report = try Self.verify(disk.afterProcessDeath())
        #expect(!report.isComplete)
        #expect(report.lastLSN > .none && report.lastLSN < ledger.lastLSN)
        for copy in ["/data/manifest.a", "/data/manifest.b"] { disk.replace(copy, with: nil) }
        let early = try Self.verify(disk)
        #expect(!early.isComplete && early.lastLSN == .none && !early.isSound)
    }
}
