import LedgerCore
import LedgerStorage
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct TimerTests {
    /// Returns when the event after `lsn` is durable.
    private func wait(_ t: TestEngine, past lsn: LSN) {
        let done = Latch()
        t.engine.wait(for: lsn.next) { _ in done.open() }
        done.wait()
    }

    @Test func `timers fire without any traffic`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let hold = HoldPlace(user: t.hash("ada"), amount: Money("4.00")!, timeToLive: .minutes(1), source: "api")
        try t.accept(.holdPlace(hold))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        #expect(t.engine.reads.views.account(ada)?.available == Money("6.00"))
        let last = t.engine.durableLSN
        t.clock.advance(by: .seconds(61))
        wait(t, past: last)
        #expect(t.engine.reads.views.account(ada)?.available == Money("10.00"))
    }

    @Test func `no command is decided before more timers than one unit takes`() throws {
        let gate = SyncGate()
        let t = try TestEngine(disk: gate.disk())
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "100.00"))
        let hold = Command.holdPlace(
            HoldPlace(user: t.hash("ada"), amount: .cent, timeToLive: .minutes(1), source: "api"))
        _ = t.work((0..<5000).map { _ in hold.item(t.adminOrdinal) })
        try t.accept(
            .sessionStart(SessionStart(user: t.hash("ada"), session: "s-1", tier: .small, heartbeat: .minutes(15))))
        // While the writer waits for its disk an hour passes: the holds expire first, then the silent host is lost.
        gate.close()
        let first = WorkBatch { _ in }
        first.append(t.charge("ada", "1.00").item(t.adminOrdinal))
        #expect(t.engine.submit(first))
        gate.waitForSync()
        t.clock.advance(by: .hours(1))
        let done = Latch()
        let late = WorkBatch { _ in done.open() }
        late.append(
            Command.sessionHeartbeat(SessionHeartbeat(session: t.engine.names.session("s-1"))).item(t.adminOrdinal))
        #expect(t.engine.submit(late))
        gate.open()
        done.wait()
        guard case .outcome(.rejected(.closed(.session))) = late.results[0] else {
            throw Unexpected("a heartbeat revived a host that was lost: \(late.results[0])")
        }
    }

    @Test func `a lease is extended by the time nobody was there`() throws {
        let disk = MemoryDisk()
        let start = TestEngine.noon
        do {
            let t = try TestEngine(disk: disk, at: start)
            try t.accept(t.createUser("ada"))
            try t.accept(t.purchase("ada", "10.00"))
            try t.accept(
                .sessionStart(SessionStart(user: t.hash("ada"), session: "s-1", tier: .small, heartbeat: .minutes(15))))
            t.stop()
        }
        // Two hours down: the host was silent because nobody listened.
        let t = try TestEngine(disk: disk, at: start + .hours(2))
        defer { t.stop() }
        #expect(t.work([.barrier]).count == 1)
        guard case .session(let row) = t.read(.session(t.engine.names.session("s-1"))) else {
            throw Unexpected("the session was lost with the server")
        }
        #expect(row.status == .active)
        let last = t.engine.durableLSN
        t.clock.advance(by: .minutes(16))
        wait(t, past: last)
        #expect(t.work([.barrier]).count == 1)
        guard case .closedSession(let lsn) = t.read(.session(t.engine.names.session("s-1"))) else {
            throw Unexpected("a silent session goes on")
        }
        guard case .event(let event) = t.history(.event(lsn)), case .sessionClosed(let closed) = event.body else {
            throw Unexpected("no receipt")
        }
        #expect(closed.reason == .lost)
    }
}
