import LedgerCore
import LedgerTestKit
import Testing

@Suite struct SessionTests {
    @Test func `starting holds ten minutes, stopping charges the exact time`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let started = ledger.start("s1", "ann", .medium).event!  // 0.0375 an hour
        #expect(started.after.held == Money("0.00625"))
        ledger.pass(.minutes(7), step: .seconds(30))
        let stopped = ledger.stop("s1").event!
        guard case .sessionClosed(let closed) = stopped.body else {
            Issue.record("not closed")
            return
        }
        let elapsed = Int128((closed.usage.through - closed.started).nanoseconds)
        #expect(closed.total == Rational.halfEven(37_500_000 * elapsed, over: Tariff.hour))
        #expect(stopped.after.held == .zero && stopped.after.paid == Money("10")! - closed.total)
        #expect(ledger.book("revenue:session_runtime") == closed.total.nanos)
        guard case .replayed(let lsn) = ledger.stop("s1") else {
            Issue.record("a second stop is not replayed")
            return
        }
        #expect(lsn == stopped.lsn)
        #expect(ledger.problems() == [])
    }

    @Test func `leases renew themselves and daily postings sum to the whole`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.start("s1", "ann", .gpu, ttl: .days(10))  // 0.125 an hour
        ledger.pass(.days(3), step: .minutes(5))
        #expect(ledger.session("s1")?.status == .active)
        let stopped = ledger.stop("s1").event!
        guard case .sessionClosed(let closed) = stopped.body else {
            Issue.record("not closed")
            return
        }
        #expect(closed.segments >= 4)
        let elapsed = Int128((closed.usage.through - closed.started).nanoseconds)
        #expect(closed.total == Rational.halfEven(125_000_000 * elapsed, over: Tariff.hour))
        #expect(ledger.book("revenue:session_runtime") == closed.total.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `what is held covers what was used until the lease ends`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .large)  // 0.05
        ledger.pass(.minutes(25))
        let row = ledger.session("s1")!
        #expect(row.held == Money("0.025"))  // three leases of ten minutes
        #expect(ledger.account("ann").available == Money("10")! - row.held)
    }

    @Test func `fifty admissions against credit for ten: ten are admitted`() {
        var ledger = TestLedger()
        ledger.user("ann", .enterprise)
        ledger.command(
            .creditGrant(CreditGrant(user: ledger.hash("ann"), amount: Money("0.5")!, kind: .promo, reason: [])))
        var admitted = 0
        for n in 0..<50 {
            let outcome = ledger.start(ShortText("s\(n)")!, "ann", .gpu, ttl: .hours(1), full: true)  // 0.05 each
            if outcome.event != nil { admitted += 1 } else { #expect(outcome.rejection?.code == "INSUFFICIENT") }
        }
        #expect(admitted == 10)
        #expect(ledger.account("ann").available == .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `an admission that is turned away is recorded with what was asked, and moves nothing`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.user("bob")
        let before = ledger.account("bob")
        #expect(ledger.start("s1", "ann", .gpu).rejection?.code == "LIMIT")
        #expect(ledger.start("s2", "bob", .gpu, ttl: .hours(3), full: true).rejection?.code == "INSUFFICIENT")
        // What says nothing about price or limits, or about admission, is not.
        #expect(ledger.start("s1", "nobody").rejection?.code == "NOTFOUND")
        #expect(ledger.charge("bob", "1").rejection?.code == "INSUFFICIENT")
        let refused = try ledger.journal.suffix(2).map { try $0.event() }
        guard case .refused(let limit) = refused[0].body, case .refused(let funds) = refused[1].body else {
            Issue.record("two refusals are the last events")
            return
        }
        #expect(limit.rejection.rejection == .limit(.tiers, 3))
        #expect(funds.rejection.rejection == .insufficient(available: .zero, needed: Money("0.375")!))
        #expect(funds.admission?.tier == .gpu && funds.admission?.timeToLive == .hours(3))
        #expect(funds.admission?.session == "s2" && funds.admission?.reserveFull == true)
        #expect(refused[1].after == before)
        #expect(ledger.problems() == [])
    }

    @Test func `a crowd without credit records so much a second, and no more`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let before = ledger.journal.count
        for n in 0..<100 { ledger.start(ShortText("s\(n)")!, "ann", .gpu) }
        #expect(ledger.journal.count - before == Int(StateMachine.refusedAdmissionsPerSecond))
        ledger.wait(.seconds(1))
        for n in 0..<100 { ledger.start(ShortText("s\(n)")!, "ann", .gpu) }
        #expect(ledger.journal.count - before == 2 * Int(StateMachine.refusedAdmissionsPerSecond))
        #expect(ledger.problems() == [])
    }

    @Test func `limits, tiers and states refuse new work`() {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        #expect(ledger.start("s1", "ann", .gpu).rejection == .limit(.tiers, 3))
        ledger.start("s1", "ann")
        ledger.start("s2", "ann")
        #expect(ledger.start("s3", "ann").rejection == .limit(.sessions, 2))
        #expect(ledger.start("s1", "ann").rejection == .exists(.session))
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.suspended))))
        ledger.stop("s2")
        #expect(ledger.start("s4", "ann").rejection == .frozen(.suspended))
        #expect(ledger.session("s1") != nil)
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.banned))))
        #expect(ledger.session("s1") == nil)
        #expect(ledger.problems() == [])
    }

    @Test func `the time to live ends a session at its very instant`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .large, ttl: .minutes(15))
        ledger.pass(.hours(1), step: .minutes(7))
        #expect(ledger.session("s1") == nil)
        #expect(ledger.book("revenue:session_runtime") == Money("0.0125")!.nanos)
        #expect(ledger.problems() == [])
    }

    // MARK: Heartbeats

    private func beat(_ ledger: inout TestLedger, _ session: ShortText) -> Decided {
        ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session(session))))
    }

    @Test func `a silent host is billed until it was last heard`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .large, heartbeat: .seconds(60))
        for _ in 0..<36 {
            ledger.pass(.seconds(50), step: .seconds(10))
            #expect(beat(&ledger, "s1").event != nil)
        }
        let heard = ledger.session("s1")!
        ledger.pass(.minutes(10), step: .seconds(10))
        #expect(ledger.session("s1") == nil)
        let expected = Rational.halfEven(
            50_000_000 * Int128((heard.lastHeard - heard.started).nanoseconds), over: Tariff.hour)!
        #expect(ledger.book("revenue:session_runtime") == expected.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `a host that falls silent in its first minutes is lost when its silence says so`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .large, heartbeat: .seconds(60))
        ledger.pass(.seconds(30), step: .seconds(10))
        #expect(beat(&ledger, "s1").event != nil)
        let heard = ledger.session("s1")!
        ledger.pass(.seconds(50), step: .seconds(10))
        #expect(ledger.session("s1") != nil)
        ledger.pass(.seconds(20), step: .seconds(10))
        #expect(ledger.session("s1") == nil)
        #expect(beat(&ledger, "s1").rejection?.code == "CLOSED")
        let expected = Rational.halfEven(
            50_000_000 * Int128((heard.lastHeard - heard.started).nanoseconds), over: Tariff.hour)!
        #expect(ledger.book("revenue:session_runtime") == expected.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `a host that was never heard is billed one lease`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .large, heartbeat: .seconds(60))
        ledger.pass(.minutes(30), step: .seconds(30))
        #expect(ledger.session("s1") == nil)
        #expect(ledger.book("revenue:session_runtime") == Rational.halfEven(50_000_000, over: 6)!.nanos)
    }

    @Test func `a monitored session that runs for days is posted when it is heard`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.start("s1", "ann", .gpu, ttl: .days(10), heartbeat: .minutes(30))
        for _ in 0..<(24 * 3 * 3) {
            ledger.pass(.minutes(20), step: .minutes(10))
            #expect(beat(&ledger, "s1").event != nil)
        }
        #expect(ledger.book("revenue:session_runtime") > 0)
        let heard = ledger.session("s1")!
        ledger.pass(.hours(2), step: .minutes(10))
        let expected = Rational.halfEven(
            125_000_000 * Int128((heard.lastHeard - heard.started).nanoseconds), over: Tariff.hour)!
        #expect(ledger.book("revenue:session_runtime") == expected.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `cancelling charges nothing, and only at the beginning`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .large)
        ledger.pass(.minutes(2))
        let cancelled = ledger.command(
            .sessionCancel(SessionCancel(session: ledger.machine.names.session("s1"), reason: [])))
        #expect(cancelled.event?.after.available == Money("10"))
        guard case .sessionClosed(let closed) = cancelled.event?.body else {
            Issue.record("not cancelled")
            return
        }
        #expect(closed.segments == 0)
        ledger.start("s2", "ann", .large)
        ledger.pass(.minutes(6))
        #expect(
            ledger.command(.sessionCancel(SessionCancel(session: ledger.machine.names.session("s2"), reason: [])))
                .rejection != nil)
        ledger.start("s3", "ann", .large)
        _ = beat(&ledger, "s3")
        #expect(
            ledger.command(.sessionCancel(SessionCancel(session: ledger.machine.names.session("s3"), reason: [])))
                .rejection != nil)
        #expect(ledger.problems() == [])
    }

    // MARK: Running out

    @Test func `a session without funds has a deadline, then stops, and owes at most its grace`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.charge("ann", "9.96")
        ledger.start("s1", "ann", .gpu)  // 0.125 an hour: 0.04 lasts 19.2 minutes
        ledger.pass(.minutes(11), step: .seconds(10))
        let row = ledger.session("s1")!
        #expect(row.status == .exhausting)
        #expect(row.deadline == row.emptyAt + .seconds(60))
        ledger.pass(.minutes(15), step: .seconds(10))
        #expect(ledger.session("s1") == nil)
        let account = ledger.account("ann")
        #expect(account.paid == .zero && account.held == .zero)
        #expect(account.debt > .zero && account.debt <= Money(nanos: 125_000_000 / 60 + 1))
        #expect(ledger.problems() == [])
    }

    @Test func `new credit saves an exhausting session`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.charge("ann", "9.96")
        ledger.start("s1", "ann", .gpu)
        ledger.pass(.minutes(19), step: .seconds(10))
        #expect(ledger.session("s1")?.status == .exhausting)
        ledger.purchase("ann", "10")
        #expect(ledger.session("s1")?.status == .active)
        ledger.pass(.hours(2))
        #expect(ledger.session("s1")?.status == .active)
        #expect(ledger.account("ann").debt == .zero)
        #expect(ledger.problems() == [])
    }

    // MARK: Recorded elsewhere

    private func record(_ ledger: inout TestLedger, _ id: ShortText, _ from: String, _ to: String) -> Decided {
        ledger.command(
            .sessionRecord(
                SessionRecord(
                    session: id, user: ledger.hash("ann"), tier: .medium, from: Timestamp(from)!, to: Timestamp(to)!,
                    arguments: Hash128(high: 1, low: UInt64(from.count + to.count)))))
    }

    @Test func `recorded usage is billed exactly, without limits or funds`() {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        let event = record(&ledger, "swf:1", "1993-10-01T00:00:00Z", "1993-10-01T00:20:01Z").event!
        guard case .sessionRecorded(let recorded) = event.body else {
            Issue.record("not recorded")
            return
        }
        #expect(recorded.usage.amount == Rational.halfEven(75_000_000 * 1201, over: 3600))
        #expect(event.effectiveFrom == Timestamp("1993-10-01")!)
        #expect(record(&ledger, "swf:2", "1993-10-01", "1993-10-01").event?.facts.charge?.amount == .zero)
        #expect(record(&ledger, "swf:3", "1993-10-02", "1993-10-01").rejection != nil)
        #expect(record(&ledger, "swf:4", "2026-01-01", "2027-01-01").rejection != nil)
        guard case .recorded(let lsn, _) = record(&ledger, "swf:1", "1993-10-01T00:00:00Z", "1993-10-01T00:20:01Z")
        else {
            Issue.record("a second record is not recognised")
            return
        }
        #expect(lsn == event.lsn)
        #expect(record(&ledger, "swf:5", "1990-01-01T00:00:00Z", "1993-10-01T00:20:01Z").event!.after.debt > .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `the seconds of a month are an input of the price`() {
        var ledger = TestLedger()
        ledger.user("ann")
        _ = record(&ledger, "a", "1993-10-01T00:00:00Z", "1993-10-01T01:00:00Z")
        _ = record(&ledger, "b", "1993-10-09T00:00:00Z", "1993-10-09T00:30:00Z")
        let next = SessionRecord(
            session: "c", user: ledger.hash("ann"), tier: .small, from: Timestamp("1993-10-30")!,
            to: Timestamp("1993-10-30")!, arguments: .zero)
        let need = ledger.machine.prepare(Request(actor: .none, command: .sessionRecord(next)), at: ledger.now)
        #expect(need == .active(.sessionRuntime(type: .pro, tier: .small, secondsThisMonth: 5400)))
    }

    // MARK: Downtime

    @Test func `after downtime leases are extended and nobody is lost who could not be heard`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.start("s1", "ann", .gpu, ttl: .days(3), heartbeat: .minutes(1))
        ledger.start("s2", "ann", .gpu, ttl: .days(3))
        _ = beat(&ledger, "s1")
        ledger.wait(.hours(30))
        ledger.restart(downtime: .hours(30))
        ledger.settle()
        #expect(ledger.session("s1") != nil && ledger.session("s2") != nil)
        #expect(beat(&ledger, "s1").event != nil)
        let stopped = ledger.stop("s2").event!
        guard case .sessionClosed(let closed) = stopped.body else {
            Issue.record("not closed")
            return
        }
        #expect(
            closed.total
                == Rational.halfEven(
                    125_000_000 * Int128((closed.usage.through - closed.started).nanoseconds), over: Tariff.hour))
        #expect(ledger.problems() == [])
    }

    @Test func `late timers give the same sums as punctual ones`() {
        func run(step: TimeSpan) -> (revenue: Int64, storage: Int64) {
            var ledger = TestLedger()
            ledger.user("ann")
            ledger.purchase("ann", "1000")
            ledger.start("s1", "ann", .gpu, ttl: .days(9))
            ledger.command(
                .storageCreate(
                    StorageCreate(user: ledger.hash("ann"), resource: "b1", kind: .filestore, megabytes: 123_456)))
            ledger.pass(.days(40), step: step)
            #expect(ledger.problems() == [])
            ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("b1"))))
            return (ledger.book("revenue:session_runtime"), ledger.book("revenue:storage_creation"))
        }
        let punctual = run(step: .minutes(10))
        let late = run(step: .days(20))
        #expect(punctual.revenue == late.revenue)
        // The instants of the commands differ by some nanoseconds of event numbering, the sums by less than a
        // nano-dollar each.
        #expect(abs(punctual.storage - late.storage) <= 2)
        #expect(punctual.revenue == 125_000_000 * 24 * 9)
    }
}
