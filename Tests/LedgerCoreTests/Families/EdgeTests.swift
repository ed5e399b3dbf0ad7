import LedgerCore
import LedgerTestKit
import Testing

/// What an audit of the ledger's edges found: each of these once stopped the process, kept money, or gave it away.
@Suite struct EdgeTests {
    private func record(_ ledger: inout TestLedger, _ id: String, from: Timestamp, to: Timestamp) -> Decided {
        ledger.command(
            .sessionRecord(
                SessionRecord(
                    session: ShortText(id)!, user: ledger.hash("ann"), tier: .small, from: from, to: to,
                    arguments: .zero)))
    }

    @Test func `a recorded session can be long, but not longer than time is counted`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let never = Timestamp(nanoseconds: .min + 1)
        #expect(record(&ledger, "s0", from: never, to: ledger.now).rejection?.code == "ERR")
        #expect(record(&ledger, "s1", from: Timestamp("1678-01-01")!, to: ledger.now).rejection?.code == "ERR")
        #expect(record(&ledger, "s2", from: never, to: never).rejection?.code == "ERR")
        #expect(record(&ledger, "s3", from: .earliest, to: .earliest).event != nil)
        // Eight of them begin in one month: more nanoseconds than 64 bits hold.
        for n in 0..<8 {
            let from = Timestamp("1926-02-01")!
            #expect(record(&ledger, "long\(n)", from: from, to: Timestamp("2026-01-01")!).event != nil)
        }
        #expect(ledger.problems() == [])
    }

    @Test func `the passport that nobody has is not found`() {
        var ledger = TestLedger()
        ledger.user("ann")
        for n in 1...600 as ClosedRange<UInt64> { _ = passport(&ledger, n) }
        #expect(ledger.machine.lookUp(passport: PassportID(value: 0)) == nil)
        #expect(
            ledger.command(.passportRevoke(PassportRevoke(passport: PassportID(value: 0)))).rejection
                == .notFound(.passport))
        #expect(ledger.problems() == [])
    }

    private func passport(
        _ ledger: inout TestLedger, _ id: UInt64, expires: Timestamp = .never, actor: PassportOrdinal = .none
    ) -> Decided {
        ledger.command(
            .passportCreate(
                PassportCreate(
                    user: ledger.hash("ann"), id: PassportID(value: id), digest: .zero, lastFour: 0, name: [],
                    permissions: .all, scope: .all, expires: expires)), actor: actor)
    }

    @Test func `a passport decides nothing once it is revoked, expired, or its user banned`() {
        var ledger = TestLedger()
        ledger.user("ann")
        _ = passport(&ledger, 1)
        _ = passport(&ledger, 2, expires: ledger.now + .minutes(5))
        _ = passport(&ledger, 3)
        func grant(_ ledger: inout TestLedger, _ actor: UInt32) -> Decided {
            ledger.command(
                .creditGrant(CreditGrant(user: ledger.hash("ann"), amount: .dollar, kind: .promo, reason: [])),
                actor: PassportOrdinal(actor))
        }
        #expect(grant(&ledger, 0).event != nil && grant(&ledger, 1).event != nil)
        ledger.command(.passportRevoke(PassportRevoke(passport: PassportID(value: 1))))
        #expect(grant(&ledger, 0).rejection?.code == "WRONGPASS")
        ledger.wait(.minutes(5))
        #expect(grant(&ledger, 1).rejection?.code == "WRONGPASS")
        #expect(grant(&ledger, 2).event != nil)
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.banned))))
        #expect(grant(&ledger, 2).rejection == .frozen(.banned))
        #expect(ledger.account("ann").available == Money("3"))
    }

    @Test func `what ran free gets one lease, not its whole life, when it gets a price`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.command(.creditGrant(CreditGrant(user: ledger.hash("ann"), amount: .dollar, kind: .promo, reason: [])))
        ledger.price = { query in
            if case .sessionRuntime = query {
                return .priced(Priced(answer: .tariff(.free), rule: RuleIdentity(digest: .init(words: .init(a: 77)))))
            }
            return TestLedger.listPrice(query)
        }
        ledger.start("s1", "ann", .gpu, ttl: .days(30))
        #expect(ledger.session("s1")?.held == .zero)
        // After a day the book's price holds: 0.125 an hour, a dollar lasts eight hours and 84 would be needed for the
        // rest.
        ledger.pass(.hours(25), step: .minutes(5))
        #expect(ledger.session("s1")?.status == .active)
        ledger.pass(.hours(8), step: .minutes(1))
        #expect(ledger.session("s1") == nil)
        #expect(ledger.account("ann").debt > .zero && ledger.account("ann").debt < Money("0.01")!)
        #expect(ledger.problems() == [])
    }

    @Test func `small credit moves a deadline as far as it lasts and no further`() {
        var ledger = TestLedger()
        ledger.user("ann")
        func give(_ ledger: inout TestLedger, _ amount: Money) {
            ledger.command(
                .creditGrant(CreditGrant(user: ledger.hash("ann"), amount: amount, kind: .promo, reason: [])))
        }
        give(&ledger, Money("0.025")!)  // twelve minutes at 0.125
        ledger.start("s1", "ann", .gpu)
        ledger.pass(.minutes(11))
        #expect(ledger.session("s1")?.status == .exhausting)
        for _ in 0..<600 where ledger.session("s1") != nil {
            give(&ledger, Money(nanos: 1))
            ledger.pass(.seconds(1), step: .seconds(1))
        }
        #expect(ledger.session("s1") == nil)
        // A minute of grace at 0.125 an hour, whatever came in.
        #expect(ledger.account("ann").debt <= Money("0.002083334")!)
        #expect(ledger.problems() == [])
    }

    @Test func `keys that are too old do not fill the table`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.command(
            .engineStart(EngineStart(version: "test", downtime: .zero, keyRetention: .hours(1), keyCapacity: 3)))
        func grant(_ ledger: inout TestLedger, _ key: UInt64) -> Decided {
            ledger.command(
                .creditGrant(CreditGrant(user: ledger.hash("ann"), amount: .dollar, kind: .promo, reason: [])),
                key: IdempotencyKey(scope: Hash128(high: 1, low: key), arguments: Hash128(high: 2, low: key)))
        }
        for key in 1...3 as ClosedRange<UInt64> { #expect(grant(&ledger, key).event != nil) }
        #expect(grant(&ledger, 4).rejection?.code == "BUSY")
        ledger.wait(.minutes(61))  // nothing else happens: no event has swept them out
        #expect(grant(&ledger, 4).event != nil)
        guard case .replayed = grant(&ledger, 4) else {
            Issue.record("the key was not remembered")
            return
        }
        #expect(ledger.problems() == [])
    }

    @Test func `a rollback leads away from a version that was activated twice`() {
        var ledger = TestLedger()
        func identity(_ id: UInt64) -> RuleIdentity { RuleIdentity(digest: Digest256(words: .init(a: id))) }
        func activate(_ ledger: inout TestLedger, _ id: UInt64, at: Timestamp?) -> Decided {
            ledger.command(
                .ruleActivate(
                    RuleActivate(
                        name: .sessionRuntime, identity: identity(id), at: at, book: TestLedger.book(.sessionRuntime))))
        }
        ledger.command(.ruleLoad(RuleLoad(name: .sessionRuntime, identity: identity(50), source: [0x2d, 0x2d])))
        #expect(activate(&ledger, 50, at: ledger.now + .hours(1)).event != nil)
        #expect(activate(&ledger, 50, at: nil).event != nil)
        ledger.pass(.hours(2), step: .minutes(30))
        #expect(ledger.machine.activeRule(.sessionRuntime) == identity(50))
        #expect(ledger.command(.ruleRollback(RuleRollback(name: .sessionRuntime))).event != nil)
        #expect(ledger.machine.activeRule(.sessionRuntime) == identity(1))
        #expect(ledger.problems() == [])
    }

    @Test func `a view is valid for ever once the lot that would expire is gone`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: .dollar, kind: .promo, expires: ledger.now + .hours(1), reason: []
                )))
        let ordinal = ledger.machine.lookUp(user: ledger.hash("ann"))!
        #expect(ledger.machine.accountView(ordinal, at: ledger.now).validUntil < .never)
        ledger.charge("ann", "2")
        #expect(ledger.machine.accountView(ordinal, at: ledger.now).validUntil == .never)
    }

    @Test func `no charge burns more lots than an event can name`() {
        var ledger = TestLedger()
        ledger.user("ann")
        var granted = 0
        func grant(_ ledger: inout TestLedger) -> Decided {
            ledger.command(
                .creditGrant(CreditGrant(user: ledger.hash("ann"), amount: Money(nanos: 1), kind: .promo, reason: [])))
        }
        while granted < 10_000, grant(&ledger).event != nil { granted += 1 }
        #expect(granted == 8_000)
        #expect(grant(&ledger).rejection?.code == "ERR")
        let charge = ledger.charge("ann", "0.000008").event!
        #expect(ledger.journal.last!.bytes.count < 1 << 20)
        #expect(grant(&ledger).event != nil)
        // And given back, it fits too.
        guard case .creditCharged(let charged) = charge.body else {
            Issue.record("not a charge")
            return
        }
        var lots: [LotOrigin] = []
        for index in 0..<charged.settlement.free.count {
            lots.append(
                LotOrigin(
                    id: charged.settlement.free[index].lot, kind: .promo, priority: 20, effective: ledger.now,
                    expires: .never, fundedBy: "grant"))
        }
        #expect(
            ledger.command(.creditRefund(CreditRefund(charge: charge, lots: lots, amount: nil, reason: []))).event
                != nil)
        #expect(ledger.journal.last!.bytes.count < 1 << 20)
        #expect(ledger.account("ann").available == Money(nanos: 8_001))
    }

    @Test func `a host that is heard every two days pays each day's price`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.start("s1", "ann", .gpu, ttl: .days(10), heartbeat: .days(3))  // 0.125
        ledger.pass(.hours(12), step: .minutes(30))
        let double = PriceBook(
            rows: TestLedger.book(.sessionRuntime).rows.map { row in
                guard case .tariff(let tariff) = row.answer else { return row }
                return PriceBook.Row(
                    query: row.query, answer: .tariff(Tariff(rate: tariff.rate * 2, listRate: tariff.listRate)))
            })
        ledger.activate(.sessionRuntime, 60, book: double)
        let started = ledger.session("s1")!.started
        ledger.pass(.hours(48) - .hours(12), step: .minutes(30))
        ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s1"))))
        let stopped = ledger.stop("s1").event!
        guard case .sessionClosed(let closed) = stopped.body else {
            Issue.record("not closed")
            return
        }
        let elapsed = closed.usage.through - started
        // A day at the old price, the rest at the new one.
        let expected =
            125_000_000 * Int128(TimeSpan.hours(24).nanoseconds) + 250_000_000
            * Int128((elapsed - .hours(24)).nanoseconds)
        #expect(closed.total == Rational.halfEven(expected, over: Tariff.hour))
        #expect(ledger.problems() == [])
    }

    @Test func `what is long over leaves no timers behind`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        func timers(_ ledger: borrowing TestLedger) -> Int {
            ledger.machine.counts.first { $0.name == "timers" }!.count
        }
        let kept = ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: .cent, timeToLive: .hours(1), source: "job"))
        ).event!
        for _ in 0..<20_000 {
            guard
                let hold = ledger.command(
                    .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: .cent, timeToLive: .days(30), source: "job"))
                ).event
            else {
                Issue.record("no hold")
                return
            }
            ledger.command(.holdVoid(HoldVoid(hold: hold.id(shard: 0))))
            ledger.journal.removeAll()
        }
        #expect(timers(ledger) < 17_000)
        ledger.pass(.hours(2), step: .minutes(30))
        #expect(ledger.account("ann").available == Money("10"))
        if case .hold = ledger.machine.read(.hold(kept.id(shard: 0)), at: ledger.now) {
            Issue.record("the hold that was kept did not expire")
        }
    }
}
