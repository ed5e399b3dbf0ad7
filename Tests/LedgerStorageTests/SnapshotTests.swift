import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct SnapshotTests {
    @Test func `a restored snapshot is the state it was made of`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<80 {
            if ledger.journal.batchesOfRoom == 0 { try ledger.journal.maintain() }
            try ledger.append()
        }
        try ledger.snapshot()
        var state = ToyState()
        let description = try SnapshotReader.load(
            ledger.directory.snapshot(ledger.lastLSN), ledger.directory, into: &state)
        #expect(StateDigest.of(state) == ledger.digest)
        #expect(description.digest == ledger.digest)
        #expect(description.head == ledger.journal.head)
        #expect(description.frames > 2)
        #expect(state.counters == ledger.counters)
    }

    @Test func `a start takes the newest snapshot and only the tail behind it`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 3)
        try ledger.snapshot()
        let snapshot = ledger.lastLSN
        try ledger.append(events: 5)
        let digest = ledger.digest
        let again = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 32 << 10)
        #expect(again.report.snapshotLSN == snapshot)
        #expect(again.report.replayedEvents == 5)
        #expect(again.digest == digest)
    }

    @Test func `a snapshot of another history of the same ledger is not continued`() throws {
        func run(seed: UInt64) throws -> (SimulatedDisk, ToyLedger) {
            let disk = SimulatedDisk()
            let ledger = try ToyLedger(on: disk, seed: seed)
            for _ in 0..<3 { try ledger.append(events: 2) }
            try ledger.snapshot()
            try ledger.append(events: 2)
            return (disk, ledger)
        }
        let (disk, ledger) = try run(seed: 1)
        let (other, _) = try run(seed: 2)
        let path = ledger.directory.snapshot(LSN(6))
        let dead = disk.afterProcessDeath()
        dead.replace(path, with: other.bytes(of: path))
        let again = try ToyLedger(on: dead)
        #expect(again.digest == ledger.digest)
        #expect(again.report.snapshotLSN == nil)
        #expect(again.report.rejectedSnapshots.first?.reason == .damagedSnapshot)
    }

    @Test func `two snapshots under each other's names are not believed`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<3 {
            try ledger.append(events: 3)
            try ledger.snapshot()
        }
        try ledger.append(events: 1)
        let dead = disk.afterProcessDeath()
        let (second, third) = (ledger.directory.snapshot(LSN(6)), ledger.directory.snapshot(LSN(9)))
        let bytes = dead.bytes(of: third)!
        dead.replace(third, with: dead.bytes(of: second)!)
        dead.replace(second, with: bytes)
        let again = try ToyLedger(on: dead)
        #expect(again.digest == ledger.digest)
        #expect(again.report.snapshotLSN == LSN(3))
        #expect(again.report.rejectedSnapshots.map(\.path) == [third, second])
        #expect(again.report.rejectedSnapshots.allSatisfy { $0.detail.contains("under another's name") })
    }

    @Test func `a missing folder of snapshots is made again, and said`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        try ledger.snapshot()
        try ledger.append(events: 1)
        let dead = disk.afterProcessDeath()
        dead.removeTree(ledger.directory.snapshots)
        let again = try ToyLedger(on: dead)
        #expect(again.digest == ledger.digest)
        #expect(again.report.warnings.contains { $0.contains("/data/snapshots was missing") })
        #expect(again.report.rejectedSnapshots.map(\.reason) == [.missingSnapshot])
        try again.snapshot()
        #expect(try ToyLedger(on: dead.afterProcessDeath()).report.snapshotLSN == LSN(4))
    }

    @Test func `a missing snapshot is reported and replaced by an older one`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        try ledger.snapshot()
        try ledger.append(events: 3)
        try ledger.snapshot()
        let dead = disk.afterProcessDeath()
        dead.replace(ledger.directory.snapshot(LSN(6)), with: nil)
        let again = try ToyLedger(on: dead)
        #expect(again.report.snapshotLSN == LSN(3))
        #expect(again.report.rejectedSnapshots.map(\.reason) == [.missingSnapshot])
        #expect(again.digest == ledger.digest)
    }

    @Test func `an audit runs beside the writer, from the first event or from a snapshot`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 2)
        try ledger.snapshot()
        let lsn = ledger.lastLSN
        let hold = ledger.journal.holdPresentFiles()
        // The writer goes on, through several segments, sealed behind it; also while the audit looks for its own.
        try ledger.fill(sealedSegments: 5)
        let manifests = try ledger.directory.manifests.map { try #require(disk.bytes(of: $0)) }
        #expect(try audit(lsn, from: .none, on: disk) == [])
        try ledger.fill(sealedSegments: 7)
        let later = disk.afterProcessDeath()
        for (path, bytes) in zip(ledger.directory.manifests, manifests) { later.replace(path, with: bytes) }
        #expect(try audit(lsn, from: .none, on: later) == [])
        withExtendedLifetime(hold) {}
        try ledger.append(events: 4)
        try ledger.snapshot()
        #expect(try audit(ledger.lastLSN, from: lsn, on: disk) == [])
    }

    @Test func `an audit finds a snapshot that is not what the journal leads to, whatever its checksums say`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        try ledger.snapshot()
        let good = ledger.lastLSN
        try ledger.append(events: 3)
        let made = try SnapshotWriter.write(at: ledger.journal.head, booksSum: 0, to: ledger.directory) {
            writer throws(StorageError) in
            try writer.frame(section: 9, version: 1, rows: 1, bytes: [1])
        }
        #expect(!made.description.isFolded)
        let found = try audit(ledger.lastLSN, from: good, on: disk)
        #expect(found.contains(9) && found.count > 1)
        // Whatever it is to begin with, never with itself.
        #expect(try audit(ledger.lastLSN, from: LSN(.max), on: disk) == found)
        // It was not begun with, though it is newer: the audit of what comes behind it finds nothing.
        try ledger.append(events: 3)
        try ledger.snapshot()
        #expect(try audit(ledger.lastLSN, from: good, on: disk) == [])
    }

    @Test func `an audit never looks behind its LSN, where the writer may be at work`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        try ledger.snapshot()
        try ledger.append(events: 3)
        // What lies behind is being written at this moment: half a batch.
        let half = disk.afterProcessDeath()
        half.flip(ledger.directory.segment(1), byte: 8192 + 300, bit: 0)
        #expect(try audit(LSN(3), from: .none, on: half) == [])
    }

    @Test func `an audit at the middle of a batch, or behind the end, is refused`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        for lsn in [LSN(2), LSN(4)] {
            #expect(reason { () throws(StorageError) in try audit(lsn, from: .none, on: disk) } == .noSuchEvent)
        }
    }

    private func audit(_ lsn: LSN, from base: LSN, on disk: SimulatedDisk) throws(StorageError) -> [UInt16] {
        try Fold.audit(lsn, from: base, of: ToyLedger.path, on: disk, as: ToyState.self)
    }

    @Test(arguments: [true, false])
    func `what an audit distrusts is never begun with again, listed or not`(isListed: Bool) throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        try ledger.snapshot()
        let proven = try #require(ledger.journal.snapshots.last)
        try ledger.append(events: 2)
        try ledger.snapshot()
        let later = ledger.lastLSN
        let bytes = disk.bytes(of: ledger.directory.snapshot(later))
        try AuditRecord(lsn: proven.lsn, time: proven.time, digest: proven.digest.hex, distrustsLater: true)
            .save(to: ledger.directory)
        if !isListed {
            // The end came between the manifest and the file.
            try ledger.journal.dropSnapshots { $0 == later }
            disk.replace(ledger.directory.snapshot(later), with: bytes)
        }
        let dead = disk.afterProcessDeath()
        let again = try ToyLedger(on: dead)
        #expect(again.report.snapshotLSN == proven.lsn)
        #expect(again.report.warnings.contains { $0.contains("not what the journal leads to") })
        #expect(again.digest == ledger.digest)
        #expect(again.journal.snapshots.map(\.lsn) == [proven.lsn])
        #expect(try !dead.exists(again.directory.snapshot(later)))
        // It is over: the next ones are as good as any.
        #expect(AuditRecord.load(from: again.directory)?.distrustsLater == false)
        try again.append(events: 2)
        try again.snapshot()
        let third = try ToyLedger(on: dead.afterProcessDeath())
        #expect(third.report.snapshotLSN == again.lastLSN)
    }

    @Test func `a record of an audit that makes no sense is none`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        let record = AuditRecord(lsn: LSN(7), time: Timestamp(seconds: 9), digest: "00ff")
        try record.save(to: ledger.directory)
        #expect(AuditRecord.load(from: ledger.directory) == record)
        for text in [
            "", "lsn", "lsn 7 time 9 digest 00ff", "lsn x time 9 digest 00ff proven", "lsn 7 time 9 digest 00ff later",
        ] {
            disk.replace(ledger.directory.audited, with: Array(text.utf8))
            #expect(AuditRecord.load(from: ledger.directory) == nil, "\(text)")
        }
    }

    @Test func `a stopped ledger's snapshots do not push out the proven one`() throws {
        let disk = SimulatedDisk()
        for round in 0..<4 {
            let ledger = try ToyLedger(on: disk)
            try ledger.append(events: 2)
            try ledger.close()
            let made = try #require(try Fold.toEnd(of: ToyLedger.path, on: disk, as: ToyState.self))
            let directory = try DataDirectory.inspect(ToyLedger.path, on: disk)
            if round == 0 {
                try AuditRecord(lsn: made.lsn, time: made.time, digest: made.digest.hex).save(to: directory)
            }
            #expect(try disk.exists(directory.snapshot(LSN(2))))
        }
    }

    @Test func `snapshots that are needed are not thinned out, and others can be given up`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        var made: [LSN] = []
        for _ in 0..<4 {
            try ledger.append(events: 2)
            try ledger.snapshot()
            made.append(ledger.lastLSN)
        }
        try ledger.journal.thinSnapshots(now: ledger.journal.head.time, keeping: [made[0]])
        #expect(ledger.journal.snapshots.map(\.lsn).contains(made[0]))
        try ledger.journal.dropSnapshots { $0 > made[0] }
        #expect(ledger.journal.snapshots.map(\.lsn) == [made[0]])
        let again = try ToyLedger(on: disk.afterProcessDeath())
        #expect(again.report.snapshotLSN == made[0])
        #expect(again.digest == ledger.digest)
    }

    @Test func `a stopped ledger is folded to its end`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<4 { try ledger.append(events: 3) }
        let digest = ledger.digest
        try ledger.close()
        let snapshot = try Fold.toEnd(of: ToyLedger.path, on: disk, as: ToyState.self)
        #expect(snapshot?.lsn == LSN(12))
        #expect(snapshot?.digest == digest)
        let again = try ToyLedger(on: disk)
        #expect(again.report.snapshotLSN == LSN(12))
        #expect(again.report.replayedEvents == 0)
    }

    @Test func `the past is read by LSN and by time`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        var digests: [LSN: Digest256] = [:]
        var times: [LSN: Timestamp] = [:]
        for round in 0..<60 {
            try ledger.journal.maintain()
            try ledger.append(events: 3)
            digests[ledger.lastLSN] = ledger.digest
            times[ledger.lastLSN] = ledger.journal.head.time
            if round % 20 == 10 { try ledger.snapshot() }
        }
        let directory = ledger.directory
        for lsn in [LSN(3), LSN(33), LSN(36), LSN(99), LSN(180)] {
            let byLSN = try Replay<ToyState>.run(directory, to: .lsn(lsn))
            #expect(StateDigest.of(byLSN.state) == digests[lsn])
            let byTime = try Replay<ToyState>.run(directory, to: .time(times[lsn]!))
            #expect(StateDigest.of(byTime.state) == digests[lsn])
        }
        // Inside a batch: event by event.
        #expect(try Replay<ToyState>.run(directory, to: .lsn(LSN(100))).state.lastLSN == LSN(100))
        let early = Timestamp(nanoseconds: times[LSN(99)]!.nanoseconds - 1)
        #expect(try Replay<ToyState>.run(directory, to: .time(early)).state.lastLSN == LSN(98))
        #expect(try Replay<ToyState>.run(directory, to: .time(Timestamp(seconds: 1))).state.lastLSN == .none)
    }

    @Test func `the ladder keeps the two newest, then one each hour, day and month`() {
        let now = Timestamp(seconds: 1_700_000_000)
        // Every ten minutes for 70 days.
        let all = (0..<10_080).map { (lsn: LSN(UInt64($0 + 1)), time: now - .minutes(10 * Int64(10_079 - $0))) }
        let dropped = Set(SnapshotLadder.dropped(from: all, now: now))
        let kept = all.filter { !dropped.contains($0.lsn) }
        #expect(kept.suffix(2).map(\.lsn) == all.suffix(2).map(\.lsn))
        let day = kept.filter { $0.time > now - .days(1) }
        #expect(day.count == 25 || day.count == 26)
        let month = kept.filter { $0.time <= now - .days(1) && $0.time > now - .days(31) }
        #expect((30...31).contains(month.count))
        let older = kept.filter { $0.time <= now - .days(31) }
        #expect((2...3).contains(older.count))
        // Thinning what is thin changes nothing.
        #expect(SnapshotLadder.dropped(from: kept.map { ($0.lsn, $0.time) }, now: now).isEmpty)
        #expect(SnapshotLadder.dropped(from: [], now: now).isEmpty)
        #expect(SnapshotLadder.dropped(from: Array(all.suffix(2)), now: now).isEmpty)
    }

    @Test func `a thinned snapshot's file goes only after the manifests have forgotten it`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<5 {
            try ledger.append(events: 1)
            try ledger.snapshot()
        }
        let before = disk.log.count
        let dropped = try ledger.journal.thinSnapshots(now: Timestamp(seconds: 1_900_000_000))
        #expect(dropped == [LSN(3), LSN(2), LSN(1)])
        let log = disk.log[before...]
        let forgotten = log.lastIndex { $0.contains("manifest") }!
        let removed = log.firstIndex { $0.hasPrefix("remove /data/snapshots") }!
        #expect(forgotten < removed)
        #expect(ledger.journal.snapshots.map(\.lsn) == [LSN(4), LSN(5)])
    }
}
