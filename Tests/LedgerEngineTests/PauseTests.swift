import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// Time nobody could decide counts as downtime, whatever it was and however it ended.
@Suite(.timeLimit(.minutes(10))) struct PauseTests {
    private static let closed: ClockStatus = {
        var status = ClockStatus()
        status.refusal = "the wall clock was set"
        return status
    }()

    /// A ledger with a session whose host is lost after 15 minutes of silence.
    private func open(_ disk: any Disk) throws -> TestEngine {
        let t = try TestEngine(disk: disk)
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        try t.accept(
            .sessionStart(SessionStart(user: t.hash("ada"), session: "s-1", tier: .small, heartbeat: .minutes(15))))
        return t
    }

    /// Returns when the writer has seen what the clock says.
    private func set(_ status: ClockStatus, _ t: TestEngine) {
        t.clock.set(status)
        while (t.engine.readOnly != nil) != (status.refusal != nil) { t.engine.lookAfter() }
        _ = t.work([.barrier])
    }

    private func runs(_ t: TestEngine) -> Bool {
        guard case .session(let row) = t.read(.session(t.engine.names.session("s-1"))) else { return false }
        return row.status == .active
    }

    /// Of every start that was recorded, the first one aside.
    private func downtimes(_ t: TestEngine) -> [TimeSpan] {
        _ = t.work([.barrier])
        var spans: [TimeSpan] = []
        for lsn in 1...t.engine.durableLSN.value {
            if case .event(let event) = t.history(.event(LSN(lsn))), case .engineStarted(let it) = event.body {
                spans.append(it.downtime)
            }
        }
        return Array(spans.dropFirst())
    }

    /// The last sign of life is an event, some nanoseconds behind the beginning of its batch.
    private func isNear(_ spans: [TimeSpan], _ right: [TimeSpan]) -> Bool {
        spans.count == right.count && zip(spans, right).allSatisfy { ($0 - $1).nanoseconds.magnitude < 1_000_000 }
    }

    // MARK: Read-only

    @Test func `a pause that ends with a clean stop counts from its beginning`() throws {
        let disk = MemoryDisk()
        let t = try open(disk)
        set(Self.closed, t)
        t.clock.advance(by: .hours(2))
        _ = t.work([.barrier])
        t.stop()
        let u = try TestEngine(disk: disk, at: TestEngine.noon + .hours(3))
        defer { u.stop() }
        #expect(runs(u))
        let spans = downtimes(u)
        #expect(isNear(spans, [.hours(3)]), "\(spans)")
    }

    @Test func `a pause that ends with a crash counts from its beginning`() throws {
        let disk = SimulatedDisk()
        let t = try open(disk)
        set(Self.closed, t)
        t.clock.advance(by: .hours(2))
        _ = t.work([.barrier])
        let u = try TestEngine(disk: disk.afterPowerCut(seed: 1), at: TestEngine.noon + .hours(3))
        defer { u.stop() }
        t.stop()
        #expect(runs(u))
        let spans = downtimes(u)
        #expect(isNear(spans, [.hours(3)]), "\(spans)")
    }

    @Test func `the closing batch of an idle ledger says nothing of the pause after it`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk) { $0.closingDelay = TimeSpan(nanoseconds: 200_000_000) }
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        // Its batch is closed after the pause has begun.
        set(Self.closed, t)
        t.clock.advance(by: .hours(2))
        var report: RecoveryReport
        repeat {
            _ = t.work([.barrier])
            report = try Recovery.open("/ledger", on: disk.afterPowerCut(seed: 2), as: StateMachine.self).report
        } while !report.wasClosed
        #expect(report.lastAlive < TestEngine.noon + .seconds(1))
    }

    @Test func `starts that may not decide anything lose nothing of it`() throws {
        let disk = MemoryDisk()
        try open(disk).stop()
        for hour in 1...3 {
            let t = try TestEngine(disk: disk, at: TestEngine.noon + .hours(Int64(hour))) {
                ($0.clock as? ManualClock)?.set(Self.closed)
            }
            guard case .rejected(.readOnly) = t.run(t.purchase("ada", "10.00")) else { throw Unexpected("decided") }
            t.clock.advance(by: .minutes(30))
            _ = t.work([.barrier])
            t.stop()
        }
        let t = try TestEngine(disk: disk, at: TestEngine.noon + .hours(4))
        defer { t.stop() }
        #expect(runs(t))
        let spans = downtimes(t)
        #expect(isNear(spans, [.hours(4)]), "\(spans)")
    }

    @Test func `a pause that ends by itself counts, and the next one by itself`() throws {
        let t = try open(MemoryDisk())
        defer { t.stop() }
        for _ in 0..<2 {
            set(Self.closed, t)
            t.clock.advance(by: .hours(1))
            set(ClockStatus(), t)
            #expect(runs(t))
        }
        #expect(downtimes(t) == [.hours(1), .hours(1)])
    }

    // MARK: CLOCK ACCEPT

    @Test func `accepting records the pause before, and the step behind it`() throws {
        let disk = SimulatedDisk()
        let t = try open(disk)
        defer { t.stop() }
        var status = Self.closed
        status.deviation = .hours(5)
        set(status, t)
        t.clock.advance(by: .hours(2))
        let accepted = try t.accept(.clockAccept(ClockAccept()))
        #expect(downtimes(t) == [.hours(2), .hours(5)])
        #expect(runs(t))
        guard case .event(let before) = t.history(.event(LSN(accepted.lsn.value - 1))),
            case .engineStarted = before.body
        else { throw Unexpected("the pause is not in front of what ends it") }
    }

    @Test func `a step by CLOCK ACCEPT is downtime, also where nothing was refused`() throws {
        let t = try open(MemoryDisk())
        defer { t.stop() }
        for (step, downtimes) in [(TimeSpan.seconds(4), []), (.minutes(50), [TimeSpan.minutes(50)])] {
            var status = ClockStatus()
            status.deviation = step
            t.clock.set(status)
            try t.accept(.clockAccept(ClockAccept()))
            #expect(self.downtimes(t) == downtimes)
        }
        #expect(runs(t))
    }

    @Test func `CLOCK says beforehand what accepting ends`() throws {
        let t = try open(MemoryDisk())
        defer { t.stop() }
        try t.accept(
            .holdPlace(HoldPlace(user: t.hash("ada"), amount: .cent, timeToLive: .hours(1), source: "api")))
        try t.accept(
            .creditGrant(
                CreditGrant(
                    user: t.hash("ada"), amount: Money("3.00")!, kind: .promo, effective: nil,
                    expires: t.clock.now() + .hours(4), reason: .clear(Array("welcome".utf8)))))
        func report() throws -> ClockReport {
            guard case .clock(let report) = t.work([.clock])[0] else { throw Unexpected("no report") }
            return report
        }
        #expect(try report().mode == .ok)
        #expect(try report().overdue == Overdue())
        var status = Self.closed
        for (deviation, lots, holds, sessions) in [
            (TimeSpan.hours(-5), 0, 0, 0), (.hours(2), 0, 1, 0), (.hours(25), 1, 1, 1),
        ] {
            status.deviation = deviation
            set(status, t)
            let report = try report()
            #expect(report.mode == .readOnly)
            #expect(report.step == max(.zero, deviation))
            #expect((report.overdue.lots, report.overdue.holds, report.overdue.sessions) == (lots, holds, sessions))
            #expect(report.overdue.credit == Int128(lots) * 3_000_000_000)
        }
        try t.accept(.clockAccept(ClockAccept()))
        _ = t.work([.barrier])
        #expect(try report().overdue == Overdue())
        #expect(try report().mode == .ok)
        #expect(try t.user("ada").account.promo == Money.zero)
    }

    // MARK: The process

    @Test func `a stopped process and a suspended machine are downtime`() throws {
        let t = try open(MemoryDisk())
        defer { t.stop() }
        t.clock.sleep(for: .hours(8))
        #expect(runs(t))
        t.clock.sleep(for: .minutes(20))
        #expect(runs(t))
        #expect(downtimes(t) == [.hours(8), .minutes(20)])
    }

    @Test func `it is recorded before anything that was due meanwhile`() throws {
        let t = try open(MemoryDisk())
        defer { t.stop() }
        let last = t.engine.durableLSN
        t.clock.sleep(for: .hours(30))  // leases, the daily post, the time to live
        _ = t.work([.barrier])
        guard case .event(let first) = t.history(.event(last.next)), case .engineStarted = first.body else {
            throw Unexpected("something came first")
        }
        #expect(t.engine.durableLSN > last.next)
    }

    @Test func `no longer than the limit is no pause`() throws {
        let t = try TestEngine { $0.pauseLimit = .minutes(1) }
        defer { t.stop() }
        for _ in 0..<3 {
            t.clock.sleep(for: .minutes(1))
            _ = t.work([.barrier])
        }
        #expect(downtimes(t) == [])
        t.clock.sleep(for: .seconds(61))
        #expect(downtimes(t) == [.seconds(61)])
    }

    @Test func `a process that is stopped and then ended still counts`() throws {
        let disk = MemoryDisk()
        let t = try open(disk)
        _ = t.work([.barrier])
        t.clock.sleep(for: .hours(2))
        t.stop()
        let u = try TestEngine(disk: disk, at: TestEngine.noon + .hours(3))
        defer { u.stop() }
        #expect(runs(u))
        let spans = downtimes(u)
        // The last event's time may lie some nanoseconds behind the clock: no two events have the same.
        #expect(spans.count == 2 && spans.first == .hours(2))
        #expect(spans.last! <= .hours(1) && spans.last! > .minutes(59))
    }

    // MARK: The rule itself

    @Test func `a look at which nothing could be decided is no sign of life`() {
        let sign = Pauses.LastSign()
        var pauses = Pauses(since: nil, limit: .seconds(5), lastSign: sign)
        func look(_ second: Int64) -> ClockLook {
            ClockLook(time: TestEngine.noon + .seconds(second), uptime: second * 1_000_000_000)
        }
        pauses.note(look(0), isRefused: false)
        pauses.canDecide(at: look(0))
        // No room, and nobody says why yet.
        for second: Int64 in 1...5 { pauses.note(look(second), isRefused: false) }
        #expect(!pauses.isOpen)
        pauses.note(look(6), isRefused: true)
        #expect(pauses.isOpen && sign.time == look(0).time)
        pauses.canDecide(at: look(7))
        #expect(sign.time == look(0).time)
        #expect(pauses.end(at: look(9).time) == .seconds(9))
        #expect(!pauses.isOpen)
        // The ledger's time may step; only time that passed makes a pause.
        pauses.canDecide(at: look(9))
        pauses.note(ClockLook(time: look(9000).time, uptime: look(10).uptime), isRefused: false)
        #expect(!pauses.isOpen)
    }
}
