import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// Whole segments gone wrong: refused every time, each with its reason.
@Suite(.timeLimit(.minutes(15))) struct SegmentFaultTests {
    static let segmentBytes = 16 << 10

    /// A stopped ledger of twenty segments: sealed ones, and at the end live ones (nobody sealed those yet).
    private static func twentySegments(seed: UInt64 = 1, identity: LedgerIdentity = ToyLedger.identity) throws
        -> SimulatedDisk
    {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, seed: seed, segmentBytes: segmentBytes, identity: identity)
        while ledger.journal.segmentCount < 20 {
            if ledger.journal.segmentCount < 17 {
                try ledger.journal.maintain()
            } else {
                try ledger.journal.prepareSpare()
            }
            try ledger.append(events: 2, ballast: 100)
        }
        try ledger.close()
        return disk
    }

    private static func path(_ number: Int, _ disk: SimulatedDisk) -> String {
        let name = String(repeating: "0", count: 10 - String(number).count) + String(number)
        let sealed = "/data/journal/\(name).sealed"
        return disk.paths.contains(sealed) ? sealed : "/data/journal/\(name).segment"
    }

    private static func start(_ disk: SimulatedDisk) -> StorageError? {
        do throws(StorageError) {
            _ = try ToyLedger(on: disk, segmentBytes: segmentBytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func `the twenty segments themselves are fine`() throws {
        let disk = try Self.twentySegments()
        #expect(disk.paths.count(where: { $0.hasSuffix(".sealed") }) >= 15)
        #expect(Self.path(20, disk).hasSuffix(".segment"))
        #expect(Self.start(disk) == nil)
    }

    @Test func `a missing segment, whichever it is`() throws {
        let whole = try Self.twentySegments()
        for number in 1...20 {
            let disk = whole.afterProcessDeath()
            disk.replace(Self.path(number, disk), with: nil)
            let error = Self.start(disk)
            #expect(
                error?.reason == .missingSegment && error?.path == Self.path(number, whole),
                "segment \(number): \(error as Any)")
        }
    }

    @Test func `a truncated segment`() throws {
        let whole = try Self.twentySegments()
        for number in 1...20 {
            for keep in [0, 1, 100, 4096, 8192] {
                let disk = whole.afterProcessDeath()
                let path = Self.path(number, disk)
                let bytes = disk.bytes(of: path)!
                guard keep < bytes.count else { continue }
                disk.replace(path, with: Array(bytes[..<keep]))
                #expect(Self.start(disk)?.reason == .truncatedSegment, "segment \(number) cut to \(keep)")
            }
        }
    }

    @Test func `a live segment whose later batches are gone at a batch boundary`() throws {
        let whole = try Self.twentySegments()
        for number in 17...20 {
            let disk = whole.afterProcessDeath()
            let path = Self.path(number, disk)
            guard path.hasSuffix(".segment") else { continue }
            var bytes = disk.bytes(of: path)!
            for index in 8192..<bytes.count { bytes[index] = 0 }
            if bytes == disk.bytes(of: path)! { continue }
            disk.replace(path, with: bytes)
            let error = Self.start(disk)
            #expect(
                error?.reason == (number == 20 ? .lostAcknowledged : .damagedBatch),
                "segment \(number): \(error as Any)")
            #expect(error?.offset == 8192)
        }
    }

    @Test func `two segments swapped, and one duplicated over another`() throws {
        let whole = try Self.twentySegments()
        for number in 1..<20 {
            let (a, b) = (Self.path(number, whole), Self.path(number + 1, whole))
            guard a.hasSuffix(".sealed") == b.hasSuffix(".sealed") else { continue }
            let swapped = whole.afterProcessDeath()
            swapped.replace(a, with: whole.bytes(of: b))
            swapped.replace(b, with: whole.bytes(of: a))
            #expect(Self.start(swapped)?.reason == .misplacedSegment, "segments \(number) and \(number + 1)")
            let duplicated = whole.afterProcessDeath()
            duplicated.replace(b, with: whole.bytes(of: a))
            #expect(Self.start(duplicated)?.reason == .misplacedSegment, "segment \(number) twice")
        }
    }

    @Test func `a segment of another ledger`() throws {
        let whole = try Self.twentySegments()
        let other = try Self.twentySegments(identity: LedgerIdentity(uuid: LedgerUUID(high: 9, low: 9)))
        for number in 1...20 {
            let path = Self.path(number, whole)
            let bytes = try #require(other.bytes(of: path), "segment \(number)")
            let disk = whole.afterProcessDeath()
            disk.replace(path, with: bytes)
            #expect(Self.start(disk)?.reason == .foreignLedger, "segment \(number)")
        }
    }

    @Test func `a segment of this ledger's other past`() throws {
        let whole = try Self.twentySegments(seed: 1)
        let other = try Self.twentySegments(seed: 2)
        for number in 1...20 {
            let path = Self.path(number, whole)
            let bytes = try #require(other.bytes(of: path), "segment \(number)")
            try #require(bytes != whole.bytes(of: path), "segment \(number) has no other past")
            let disk = whole.afterProcessDeath()
            disk.replace(path, with: bytes)
            let reason = Self.start(disk)?.reason
            #expect(
                [.misplacedSegment, .brokenChain, .damagedBatch].contains(reason), "segment \(number): \(reason as Any)"
            )
        }
    }

    @Test func `a segment full of zeroes`() throws {
        let whole = try Self.twentySegments()
        for number in 1...20 {
            let disk = whole.afterProcessDeath()
            let path = Self.path(number, disk)
            disk.replace(path, with: [UInt8](repeating: 0, count: disk.bytes(of: path)!.count))
            let reason = Self.start(disk)?.reason
            #expect(
                reason == (path.hasSuffix(".sealed") ? .truncatedSegment : .damagedSegmentHeader)
                    || reason == .damagedSegmentHeader, "segment \(number): \(reason as Any)")
        }
    }

    @Test func `a segment that holds data and that no manifest lists`() throws {
        let whole = try Self.twentySegments()
        let disk = whole.afterProcessDeath()
        let last = Self.path(20, disk)
        // As if both manifests had been put back to a time before segment 20.
        let listed = try Manifest.load(from: DataDirectory.inspect("/data", on: disk)).manifest
        var old = listed
        old.segments = Array(listed.segments.prefix(19))
        old.segments[18] = Manifest.Segment(
            number: 19, state: .raw, firstLSN: old.segments[18].firstLSN, firstSequence: old.segments[18].firstSequence,
            previousChain: old.segments[18].previousChain, fileBytes: Self.segmentBytes)
        old.watermark = .genesis
        for copy in ["/data/manifest.a", "/data/manifest.b"] { disk.replace(copy, with: old.encoded()) }
        let error = Self.start(disk)
        #expect(error?.reason == .unlistedSegment)
        #expect(error?.path == last || error?.path.hasSuffix("21.segment") == true)
    }

    @Test func `a prepared segment that lost its header although batches follow it`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: Self.segmentBytes)
        try ledger.journal.prepareSpare()
        while ledger.journal.segmentCount < 2 { try ledger.append(events: 1) }
        // The manifest still calls it prepared: nobody has updated it since.
        let dead = disk.afterProcessDeath()
        dead.flip("/data/journal/0000000002.segment", byte: 30, bit: 0)
        #expect(Self.start(dead)?.reason == .damagedSegmentHeader)
    }
}
