import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// When snapshots are audited, and how much of a core that takes.
@Suite struct AuditTests {
    private static let nanosecond = TimeSpan(nanoseconds: 1)
    private static let needs: [(Int, TimeSpan?, AuditNeed)] = [
        (0, nil, .none), (0, .hours(48), .none),
        // None was ever proven: the first is due at once.
        (1, nil, .due), (15, nil, .due), (16, nil, .late),
        (1, .zero, .none), (7, TimeSpan.hours(12) - nanosecond, .none), (8, .zero, .due), (1, .hours(12), .due),
        (15, TimeSpan.hours(24) - nanosecond, .due), (16, .zero, .late), (1, .hours(24), .late), (99, .days(99), .late),
    ]

    @Test(arguments: needs)
    func `an audit is due at eight snapshots or twelve hours, and late at sixteen or a day`(
        unproven: Int, age: TimeSpan?, need: AuditNeed
    ) {
        #expect(AuditNeed(unproven: unproven, age: age) == need)
    }

    // MARK: Pace

    /// A thread whose time passes when it works and when it sleeps.
    private final class Worker {
        var worked: UInt64 = 5
        var now: UInt64 = 7
        var slept: [UInt64] = []
        var mustHurry = false

        func pace(_ share: Double) -> Pace {
            Pace(
                share: share, times: { [self] in (worked, now) },
                sleep: { [self] nanoseconds in
                    slept.append(nanoseconds)
                    now += nanoseconds
                    return mustHurry
                })
        }

        func work(_ nanoseconds: UInt64) {
            worked += nanoseconds
            now += nanoseconds
        }
    }

    @Test func `whoever takes a twentieth of a core sleeps nineteen times as long as it works`() {
        let worker = Worker()
        let pace = worker.pace(Pace.usualShare)
        worker.work(Pace.piece - 1)
        pace.rest()
        #expect(worker.slept.isEmpty)
        worker.work(1)
        pace.rest()
        pace.rest()
        #expect(worker.slept.count == 1)
        #expect(abs(Int64(worker.slept[0]) - Int64(Pace.piece) * 19) < 1000)
        let all = worker.pace(1)
        worker.work(Pace.piece * 10)
        all.rest()
        #expect(worker.slept.count == 1)
    }

    @Test func `whoever is not done after five minutes gets twice as much, in the end a whole core`() {
        let worker = Worker()
        let pace = worker.pace(Pace.usualShare)
        var steps: [(percent: Int, minute: UInt64)] = []
        let began = worker.now
        while worker.now - began < 6 * Pace.patience {
            let (worked, now) = (worker.worked, worker.now)
            worker.work(Pace.piece)
            pace.rest()
            let share = Double(worker.worked - worked) / Double(worker.now - now)
            let percent = Int((share * 100).rounded())
            if steps.last?.percent != percent { steps.append((percent, (now - began) / 60_000_000_000)) }
        }
        #expect(steps.map(\.percent) == [5, 10, 20, 40, 80, 100])
        #expect(steps.map(\.minute) == [0, 5, 10, 15, 20, 25])
    }

    @Test func `whoever is told to hurry sleeps no more`() {
        let worker = Worker()
        let pace = worker.pace(Pace.usualShare)
        worker.mustHurry = true
        for _ in 0..<3 {
            worker.work(Pace.piece)
            pace.rest()
        }
        #expect(worker.slept.count == 1)
    }

    // MARK: In time

    /// Some ledger's audits, whose child writes down what it was asked and then does as `script` says.
    private final class Scene {
        let ledger: ToyLedger
        let clock = ManualClock(TestEngine.noon)
        let audits: Audits
        let log: String

        init(_ script: String) throws {
            let ledger = try ToyLedger(on: SimulatedDisk())
            var template = Array("/tmp/florin-audits-XXXXXX".utf8CString)
            let log = String(cString: mkdtemp(&template))
            self.ledger = ledger
            self.log = log
            audits = Audits(
                journal: ledger.journal,
                mode: .child(["/bin/sh", "-c", "echo \"$0 from $2 share $4\" >> \(log)/log; \(script)"]),
                clock: clock, logger: LogRecorder().logger, gate: Gate(logger: LogRecorder().logger),
                pokeWriter: {}, onDifference: {})
        }

        deinit {
            audits.stop()
            unlink(log + "/log")
            rmdir(log)
        }

        /// One more snapshot, and a look at whether anything is due.
        @discardableResult
        func snapshot() throws -> LSN {
            if ledger.journal.batchesOfRoom == 0 { try ledger.journal.maintain() }
            try ledger.append(events: 1)
            try ledger.snapshot()
            try audits.adopt(ledger.lastLSN)
            audits.consider()
            return ledger.lastLSN
        }

        /// What the children were asked.
        var asked: [String] {
            let text = (try? PosixDisk().contents(of: log + "/log")) ?? []
            return String(decoding: text, as: UTF8.self).split(separator: "\n").map { String($0) }
        }

        func isProven(_ lsn: LSN) -> Bool {
            holdsInTime { audits.status.lsn == lsn && audits.status.verdict == "ok" }
        }
    }

    @Test func `the first snapshot is audited, then every eighth, or the next one after twelve hours`() throws {
        let scene = try Scene("exit 0")
        let first = try scene.snapshot()
        #expect(scene.isProven(first))
        for _ in 0..<7 { try scene.snapshot() }
        #expect(scene.asked.count == 1 && scene.audits.status.verdict == "ok")
        let ninth = try scene.snapshot()
        #expect(scene.isProven(ninth))
        try scene.snapshot()
        scene.clock.advance(by: .hours(12) - .seconds(1))
        scene.audits.consider()
        #expect(scene.audits.status.verdict == "ok")
        scene.clock.advance(by: .seconds(1))
        let tenth = scene.ledger.lastLSN
        scene.audits.consider()
        #expect(scene.isProven(tenth))
        // Nothing new, nothing to audit, however long.
        scene.clock.advance(by: .days(3))
        scene.audits.consider()
        #expect(scene.audits.status.verdict == "ok")
        // After so long it is late from its beginning.
        let eleventh = try scene.snapshot()
        #expect(scene.isProven(eleventh))
        #expect(
            scene.asked == [
                "\(first.value) from 0 share 0.05", "\(ninth.value) from \(first.value) share 0.05",
                "\(tenth.value) from \(ninth.value) share 0.05", "\(eleventh.value) from \(tenth.value) share 1.0",
            ])
    }

    @Test func `an audit that is under way when the sixteenth snapshot comes goes on without rest`() throws {
        // As one that sleeps until there is no more time for it.
        let scene = try Scene("cat; exit 0")
        let first = try scene.snapshot()
        for _ in 0..<14 { try scene.snapshot() }
        #expect(holdsInTime { scene.asked.count == 1 })
        #expect(scene.audits.status.verdict == "running" && scene.audits.needed.contains(first))
        try scene.snapshot()
        #expect(scene.isProven(first))
        // Fifteen have come since: the next is due, and not late.
        scene.audits.consider()
        #expect(holdsInTime { scene.asked.count == 2 })
        #expect(scene.asked[1] == "\(scene.ledger.lastLSN.value) from \(first.value) share 0.05")
        #expect(scene.audits.status.verdict == "running")
        try scene.snapshot()
        #expect(scene.isProven(LSN(scene.ledger.lastLSN.value - 1)))
    }

    @Test func `an audit that is under way when a day is over goes on without rest`() throws {
        let scene = try Scene("[ $2 = 0 ] || cat; exit 0")
        let first = try scene.snapshot()
        #expect(scene.isProven(first))
        let second = try scene.snapshot()
        scene.clock.advance(by: .hours(12))
        scene.audits.consider()
        #expect(holdsInTime { scene.asked.count == 2 })
        scene.clock.advance(by: .hours(12) - .seconds(1))
        scene.audits.consider()
        #expect(scene.audits.status.verdict == "running")
        scene.clock.advance(by: .seconds(1))
        scene.audits.consider()
        #expect(scene.isProven(second))
    }

    @Test func `the snapshot that was proven last is never thinned out`() throws {
        let t = try TestEngine { $0.checkpoints = .inProcess }
        defer { t.stop() }
        func snapshot() throws -> LSN {
            try t.accept(t.createUser("u\(t.engine.durableLSN.value)"))
            return try t.snapshot().get()
        }
        let proven = try snapshot()
        t.engine.lookAfter()
        #expect(holdsInTime { (try? t.info().auditVerdict) == "ok" })
        // All within one hour, of which the ladder keeps the two newest.
        let later = [try snapshot(), try snapshot(), try snapshot(), try snapshot()]
        #expect(t.engine.journal.snapshots.map(\.lsn) == [proven] + later.suffix(2))
        #expect(try t.info().auditedLSN == proven)
    }
}
