import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// Power cuts anywhere: what was acknowledged is there, what was not is wholly there or not at all, and the ledger goes
/// on.
@Suite(.timeLimit(.minutes(15))) struct CrashTests {
    static let segmentBytes = 24 << 10

    /// Digests of every state that a run went through, by LSN; what was acknowledged last; what was on its way.
    final class Witness {
        var digests: [LSN: Digest256] = [:]
        var acknowledged = LSN.none
    }

    /// A bit of everything, until it is done or the power goes. Every step is decided by the seed.
    private func live(_ disk: SimulatedDisk, seed: UInt64, steps: Int, _ witness: Witness) throws(StorageError) {
        var generator = SeededGenerator(seed: seed)
        let ledger = try ToyLedger(on: disk, seed: seed, segmentBytes: Self.segmentBytes)
        witness.digests[ledger.lastLSN] = ledger.digest
        for _ in 0..<steps {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: try ledger.journal.maintain()
            case 1: try ledger.writeClosing()
            case 2, 5, 6: if !ledger.lastLSN.isNone { try ledger.snapshot() }
            case 3: try ledger.journal.thinSnapshots(now: Timestamp(seconds: 1_900_000_000))
            case 4: _ = try ledger.journal.sealNext()
            default:
                if ledger.journal.batchesOfRoom == 0 { try ledger.journal.maintain() }
                // The state has applied the batch before it is written, as the engine does.
                try append(ledger, ballast: Int.random(in: 0...500, using: &generator), witness)
            }
        }
        if Bool.random(using: &generator) { try ledger.close() }
    }

    private func append(_ ledger: ToyLedger, ballast: Int, _ witness: Witness) throws(StorageError) {
        do throws(StorageError) {
            try ledger.append(ballast: ballast)
            witness.digests[ledger.lastLSN] = ledger.digest
            witness.acknowledged = ledger.lastLSN
        } catch {
            witness.digests[ledger.lastLSN] = ledger.digest  // perhaps it reached the disk all the same
            throw error
        }
    }

    /// Starts on what the crash left, and compares with what was witnessed.
    private func expectSound(_ disk: SimulatedDisk, _ witness: Witness, _ what: String) {
        do throws(StorageError) {
            guard try DataDirectory.kind(of: ToyLedger.path, on: disk) == .ledger else {
                #expect(witness.acknowledged == .none, "\(what)")
                return
            }
            let ledger = try ToyLedger(on: disk, seed: 77, segmentBytes: Self.segmentBytes)
            #expect(ledger.lastLSN >= witness.acknowledged, "\(what): acknowledged batches are gone")
            let digest = ledger.lastLSN.isNone ? ledger.digest : witness.digests[ledger.lastLSN]
            #expect(digest == ledger.digest, "\(what): LSN \(ledger.lastLSN.value) is no state that ever was")
            #expect(try ledger.allEvents().count == Int(ledger.lastLSN.value), "\(what)")
            witness.digests[ledger.lastLSN] = ledger.digest
            witness.acknowledged = ledger.lastLSN
            // It goes on, and what it does next survives too.
            try ledger.journal.maintain()
            for _ in 0..<3 { try append(ledger, ballast: 100, witness) }
            try ledger.close()
            let report = try Verification<ToyState>.run(ToyLedger.path, on: disk.afterProcessDeath())
            #expect(report.isSound, "\(what): \(report.findings.map(\.text))")
            #expect(report.digest == witness.digests[report.lastLSN], "\(what)")
        } catch {
            Issue.record("\(what): \(error)")
        }
    }

    @Test(arguments: 0..<8)
    func `power cuts at random operations, many seeds, several in a row`(part: Int) {
        for round in 0..<30 {
            let seed = UInt64(part * 1000 + round)
            var generator = SeededGenerator(seed: seed)
            var disk = SimulatedDisk()
            let witness = Witness()
            for life in 0..<3 {
                disk.cutPower(atOperation: Int.random(in: 1...260, using: &generator))
                do throws(StorageError) { try live(disk, seed: seed &* 10 + UInt64(life), steps: 60, witness) } catch {
                    if !disk.isOff { Issue.record("seed \(seed), life \(life): \(error)") }
                }
                disk = disk.afterPowerCut(seed: generator.next())
            }
            expectSound(disk, witness, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<4)
    func `a power cut at each operation of one life, from creation to a clean stop`(part: Int) throws {
        // A life in which everything happens, and how many operations it has when no power is cut.
        let wanted = [("rename", "spare-"), ("rename", "sealed"), ("rename", "snapshot"), ("remove", "snapshots/")]
        var seed: UInt64 = 0
        var calm = SimulatedDisk()
        repeat {
            seed += 1
            calm = SimulatedDisk()
            try live(calm, seed: seed, steps: 50, Witness())
        } while !wanted.allSatisfy { wish in calm.log.contains { $0.hasPrefix(wish.0) && $0.contains(wish.1) } }
        for operation in stride(from: 1 + part, through: calm.operations, by: 4) {
            let disk = SimulatedDisk()
            let witness = Witness()
            disk.cutPower(atOperation: operation)
            do throws(StorageError) { try live(disk, seed: seed, steps: 50, witness) } catch {}
            for cut in 0..<2 {
                let copy = Witness()
                copy.digests = witness.digests
                copy.acknowledged = witness.acknowledged
                let what = "operation \(operation) (\(calm.log[operation - 1])), cut \(cut)"
                expectSound(disk.afterPowerCut(seed: UInt64(cut)), copy, what)
            }
        }
    }

    @Test func `a power cut at each operation of a start after a crash`() throws {
        // A torn tail, a spare, a sealed segment whose live file is still there, a snapshot half written.
        let first = SimulatedDisk()
        let witness = Witness()
        let ledger = try ToyLedger(on: first, seed: 3, segmentBytes: Self.segmentBytes)
        for _ in 0..<30 {
            try append(ledger, ballast: 300, witness)
            try ledger.journal.maintain()
        }
        try ledger.snapshot()
        first.cutPower(atOperation: 1)
        do throws(StorageError) { try append(ledger, ballast: 3000, witness) } catch {}
        for seed in 0..<6 {
            let crashed = first.afterPowerCut(seed: UInt64(seed))
            let calm = crashed.afterProcessDeath()
            _ = try ToyLedger(on: calm, segmentBytes: Self.segmentBytes)
            for operation in 1...max(1, calm.operations) {
                let disk = crashed.afterProcessDeath()
                disk.cutPower(atOperation: operation)
                do throws(StorageError) { _ = try ToyLedger(on: disk, segmentBytes: Self.segmentBytes) } catch {}
                let copy = Witness()
                copy.digests = witness.digests
                copy.acknowledged = witness.acknowledged
                expectSound(disk.afterPowerCut(seed: 5), copy, "crash \(seed), operation \(operation) of the start")
            }
        }
    }

    @Test func `a process that dies loses nothing that it wrote`() throws {
        for seed in 0..<20 {
            let disk = SimulatedDisk()
            let witness = Witness()
            disk.cutPower(atOperation: 40 + seed * 7)
            do throws(StorageError) { try live(disk, seed: UInt64(seed), steps: 60, witness) } catch {}
            expectSound(disk.afterProcessDeath(), witness, "seed \(seed)")
        }
    }
}
