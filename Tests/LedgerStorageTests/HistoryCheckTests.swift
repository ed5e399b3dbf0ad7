import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

/// Damage in what a snapshot stands for: no balance hangs on it, and a start refuses all the same.
@Suite(.timeLimit(.minutes(5))) struct HistoryCheckTests {
    static let segmentBytes = 768 << 10

    /// A stopped ledger of some sealed segments, all but the last of them behind a snapshot.
    private static func ledger(sealedSegments: Int = 4) throws -> ToyLedger {
        let ledger = try ToyLedger(on: SimulatedDisk(), seed: 3, segmentBytes: segmentBytes)
        try ledger.fill(sealedSegments: sealedSegments - 1)
        try ledger.snapshot()
        try ledger.fill(sealedSegments: sealedSegments)
        try ledger.close()
        return ledger
    }

    private static func start(_ disk: SimulatedDisk, checksHistory: Bool = true) throws(StorageError) -> RecoveryReport
    {
        let recovered = try Recovery.open(
            ToyLedger.path, on: disk, as: ToyState.self,
            options: Recovery.Options(segmentBytes: segmentBytes, checksHistory: checksHistory))
        return recovered.report
    }

    @Test func `a flipped bit in any frame stops the start, which names the place and changes nothing`() throws {
        let ledger = try Self.ledger()
        let disk = ledger.disk as! SimulatedDisk
        let report = try Self.start(disk.afterProcessDeath())
        #expect(report.snapshotLSN != nil && report.unread == nil)
        var generator = SeededGenerator(seed: 8)
        var frames = 0
        for number in UInt64(1)...4 {
            let path = ledger.directory.sealed(number)
            let sealed = try SealedSegment.open(path, expecting: number, of: ToyLedger.identity, on: disk)
            for frame in sealed.frames {
                frames += 1
                let dead = disk.afterProcessDeath()
                dead.flip(
                    path, byte: frame.offset + Int.random(in: 0..<frame.compressedBytes, using: &generator),
                    bit: Int.random(in: 0..<8, using: &generator))
                let before = dead.operations
                do throws(StorageError) {
                    _ = try Self.start(dead)
                    Issue.record("segment \(number), frame at \(frame.offset): accepted")
                } catch {
                    #expect(error.reason == .damagedFrame && error.path == path && error.offset == frame.offset)
                }
                #expect(!dead.log.dropFirst(before).contains { $0.contains("journal/") || $0.contains("manifest") })
            }
        }
        #expect(frames > 4)
    }

    @Test func `what the start is told not to read is told apart, and found by whoever reads it`() throws {
        let ledger = try Self.ledger()
        let dead = (ledger.disk as! SimulatedDisk).afterProcessDeath()
        let path = ledger.directory.sealed(2)
        dead.flip(path, byte: 1000, bit: 3)
        let unread = try #require(try Self.start(dead, checksHistory: false).unread)
        var seen = 0
        do throws(StorageError) {
            _ = try unread.run {
                seen += 1
                return true
            }
            Issue.record("accepted")
        } catch {
            #expect(error.reason == .damagedFrame && error.path == path && error.offset == 128)
            #expect(error.description.contains("--check-history background"))
        }
        #expect(seen == 2)
        #expect(try !unread.run { false })
        dead.flip(path, byte: 1000, bit: 3)
        seen = 0
        #expect(
            try unread.run {
                seen += 1
                return true
            })
        #expect(seen == 3)
    }

    @Test func `without a snapshot the replay has read all of it`() throws {
        let ledger = try ToyLedger(on: SimulatedDisk(), segmentBytes: Self.segmentBytes)
        try ledger.fill(sealedSegments: 3)
        try ledger.close()
        let unread = try #require(try Self.start(ledger.disk as! SimulatedDisk, checksHistory: false).unread)
        #expect(try unread.run { false })
    }

    @Test func `a history of many segments needs few open files`() throws {
        let ledger = try ToyLedger(on: SimulatedDisk(), segmentBytes: 16 << 10)
        try ledger.fill(sealedSegments: 60)
        try ledger.close()
        let disk = (ledger.disk as! SimulatedDisk).afterProcessDeath()
        _ = try ToyLedger(on: disk, segmentBytes: 16 << 10)
        #expect(disk.mostOpenFiles > 0 && disk.mostOpenFiles < 12, "\(disk.mostOpenFiles)")
        #expect(try Verification<ToyState>.run(ToyLedger.path, on: disk).isSound)
        #expect(disk.mostOpenFiles < 12, "\(disk.mostOpenFiles)")
    }
}
