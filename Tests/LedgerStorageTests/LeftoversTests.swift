import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

/// Files beside the listed ones: what nobody needs goes, everything else is named and stays.
struct LeftoversTests {
    private static let segmentBytes = 16 << 10

    /// Dead in the middle of its work: sealed segments, live ones, a spare.
    private static func ledger(identity: LedgerIdentity = ToyLedger.identity) throws -> (SimulatedDisk, ToyLedger) {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: segmentBytes, identity: identity)
        try ledger.fill(sealedSegments: 3)
        while ledger.journal.segmentCount < 6 {
            try ledger.journal.prepareSpare()
            try ledger.append(events: 2, ballast: 100)
        }
        return (disk, ledger)
    }

    private static func start(_ disk: SimulatedDisk, segmentBytes: Int = segmentBytes) -> StorageError? {
        do throws(StorageError) {
            _ = try ToyLedger(on: disk, segmentBytes: segmentBytes)
            return nil
        } catch {
            return error
        }
    }

    private static func move(_ path: String, to target: String, on disk: SimulatedDisk) {
        disk.replace(target, with: disk.bytes(of: path)!)
        disk.replace(path, with: nil)
    }

    private static func everything(_ disk: SimulatedDisk) -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: disk.paths.filter { $0 != "/data/LOCK" }.map { ($0, disk.bytes(of: $0)!) })
    }

    @Test(
        arguments: ["0000000009.segment", "spare-8.segment", "0000000002.segment", "7.segment"],
        [segmentBytes, 32 << 10])
    func `a live segment under another name is named and stays, byte for byte`(name: String, segmentBytes: Int) throws {
        let (disk, ledger) = try Self.ledger()
        let digest = ledger.digest
        let dead = disk.afterProcessDeath()
        let (path, target) = (ledger.directory.segment(4), "/data/journal/" + name)
        #expect(dead.paths.contains(path))
        Self.move(path, to: target, on: dead)
        let before = Self.everything(dead)
        let error = Self.start(dead, segmentBytes: segmentBytes)
        #expect(error?.reason == .missingSegment && error?.path == path)
        #expect(error?.detail.contains("\(target) holds segment 4 of this ledger") == true, "\(error as Any)")
        #expect(Self.everything(dead) == before)
        // Its own name back, and all is well.
        Self.move(target, to: path, on: dead)
        #expect(try ToyLedger(on: dead, segmentBytes: Self.segmentBytes).digest == digest)
    }

    @Test(arguments: ["0000000009.segment", "spare-8.segment"], [segmentBytes, 32 << 10])
    func `a copy of a live segment, with or without its header, stops the start`(name: String, segmentBytes: Int) throws
    {
        let (disk, ledger) = try Self.ledger()
        for isHeadless in [false, true] {
            let dead = disk.afterProcessDeath()
            var bytes = dead.bytes(of: ledger.directory.segment(5))!
            if isHeadless { bytes.replaceSubrange(0..<4096, with: [UInt8](repeating: 0, count: 4096)) }
            dead.replace("/data/journal/" + name, with: bytes)
            let before = Self.everything(dead)
            let error = Self.start(dead, segmentBytes: segmentBytes)
            #expect(error?.reason == .misplacedSegment && error?.path == "/data/journal/" + name, "\(error as Any)")
            #expect(error?.detail.contains("it holds segment 5 of this ledger") == true)
            #expect(Self.everything(dead) == before)
        }
    }

    @Test(arguments: ["0000000009.segment", "spare-8.segment", "0000000009.sealed", "0000000005.sealed"])
    func `another ledger's segment is not ours to remove`(name: String) throws {
        let (disk, _) = try Self.ledger()
        let (other, theirs) = try Self.ledger(identity: LedgerIdentity(uuid: LedgerUUID(high: 9, low: 9)))
        let dead = disk.afterProcessDeath()
        let path = name.hasSuffix(".sealed") ? theirs.directory.sealed(2) : theirs.directory.segment(5)
        dead.replace("/data/journal/" + name, with: other.bytes(of: path)!)
        let before = Self.everything(dead)
        let error = Self.start(dead)
        #expect(error?.reason == .foreignLedger, "\(error as Any)")
        #expect(error?.detail.contains("of another ledger") == true)
        #expect(Self.everything(dead) == before)
    }

    @Test func `what an interrupted step left goes, or is used again`() throws {
        let (disk, ledger) = try Self.ledger()
        let digest = ledger.digest
        let dead = disk.afterProcessDeath()
        let zeroes = [UInt8](repeating: 0, count: Self.segmentBytes)
        let sealedLife = dead.paths.first { $0.contains("spare-") }.map { dead.bytes(of: $0)! } ?? zeroes
        dead.replace("/data/journal/0000000009.segment", with: zeroes)  // named, not listed yet
        dead.replace("/data/journal/0000000008.segment", with: sealedLife)
        dead.replace("/data/journal/spare-70.segment", with: zeroes)
        dead.replace("/data/journal/spare-71.segment", with: zeroes + zeroes)
        for name in [
            "manifest.a.tmp", "keys.tmp", "journal/0000000003.sealed.tmp", "journal/0000000009.segment.tmp",
            "snapshots/00000000000000000005.snapshot.tmp",
        ] { dead.replace("/data/" + name, with: [1, 2, 3]) }
        let again = try ToyLedger(on: dead, segmentBytes: Self.segmentBytes)
        #expect(again.digest == digest)
        #expect(again.report.warnings.isEmpty, "\(again.report.warnings)")
        #expect(!dead.paths.contains { $0.hasSuffix(".tmp") })
        #expect(
            !dead.paths.contains { $0.contains("0000000009") || $0.contains("0000000008") || $0.contains("spare-71") })
        #expect(dead.paths.contains("/data/journal/spare-70.segment"))
    }

    @Test func `files and folders of other names are left alone, and said`() throws {
        let (disk, ledger) = try Self.ledger()
        let digest = ledger.digest
        let dead = disk.afterProcessDeath()
        let files = [
            "my.tmp", "journal/notes.tmp", "journal/3.sealed.tmp", "snapshots/copy.snapshot.tmp", "journal/readme",
        ]
        for name in files { dead.replace("/data/" + name, with: [1, 2, 3]) }
        try dead.makeDirectory("/data/your.tmp")
        try dead.makeDirectory("/data/journal/0000000009.segment")
        let again = try ToyLedger(on: dead, segmentBytes: Self.segmentBytes)
        #expect(again.digest == digest)
        for name in files {
            #expect(dead.bytes(of: "/data/" + name) == [1, 2, 3])
            #expect(again.report.warnings.contains { $0.contains("/data/" + name) }, "\(name)")
        }
        #expect(again.report.warnings.contains { $0.contains("/data/your.tmp") })
        #expect(again.report.warnings.contains { $0.contains("/data/journal/0000000009.segment") })
    }

    @Test func `a refused start changes nothing`() throws {
        let (disk, ledger) = try Self.ledger()
        let dead = disk.afterProcessDeath()
        dead.replace("/data/manifest.a.tmp", with: [1])
        dead.flip(ledger.directory.segment(5), byte: 4096 + 300, bit: 1)  // damage in the middle of the journal
        let operations = dead.operations
        #expect(Self.start(dead)?.reason == .damagedBatch)
        #expect(dead.log.dropFirst(operations).allSatisfy { $0.hasSuffix("/LOCK") }, "\(dead.log)")
    }
}
