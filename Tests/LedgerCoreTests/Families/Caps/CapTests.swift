import LedgerTestKit
import Testing

@testable import LedgerCore

/// What may be spent a UTC day and month, by a user and with a passport.
@Suite struct CapTests {
    private func ledger(_ now: String = "2026-02-10T12:00:00Z") -> TestLedger {
        var ledger = TestLedger()
        ledger.now = Timestamp(now)!
        ledger.user("ann", .enterprise)
        ledger.user("bob", .enterprise)
        ledger.purchase("ann", "1000")
        ledger.purchase("bob", "1000")
        return ledger
    }

    /// Returns its ordinal.
    private func passport(
        _ ledger: inout TestLedger, _ id: UInt64, _ user: ShortText = "ann", day: String? = nil, month: String? = nil
    ) -> PassportOrdinal {
        var caps = Caps()
        if let day { caps.day = Money(day)!.nanos }
        if let month { caps.month = Money(month)!.nanos }
        ledger.command(
            .passportCreate(
                PassportCreate(
                    user: ledger.hash(user), id: PassportID(value: id), digest: .zero, lastFour: 0, name: [],
                    permissions: .all, scope: .all, caps: caps)))
        return ledger.machine.lookUp(passport: PassportID(value: id))!
    }

    private func charge(
        _ ledger: inout TestLedger, _ amount: String, by actor: PassportOrdinal, user: ShortText = "ann",
        over: Bool = false, key: IdempotencyKey? = nil
    ) -> Decided {
        ledger.command(
            .creditCharge(CreditCharge(user: ledger.hash(user), amount: Money(amount)!, source: "api", over: over)),
            key: key, actor: actor)
    }

    private func admit(
        _ ledger: inout TestLedger, _ session: ShortText, _ passport: PassportOrdinal, _ tier: Tier = .gpu,
        ttl: TimeSpan = .days(3), heartbeat: TimeSpan = .zero
    ) -> Decided {
        ledger.command(
            .sessionStart(
                SessionStart(
                    user: ledger.hash("ann"), session: session, tier: tier, timeToLive: ttl, heartbeat: heartbeat,
                    admitted: passport)))
    }

    private func limit(_ ledger: inout TestLedger, _ user: ShortText, _ period: CapPeriod, _ amount: String?) {
        let value = amount.map { Money($0)!.nanos } ?? Limits.none
        ledger.command(.userLimitSet(UserLimitSet(user: ledger.hash(user), period: period, value: value)))
    }

    private func reached(_ decided: Decided) -> CapReached? {
        if case .cap(let reached)? = decided.rejection { reached } else { nil }
    }

    private func spent(_ ledger: borrowing TestLedger, _ passport: PassportOrdinal, _ period: CapPeriod) -> Money {
        ledger.machine.spent(by: passport, period, at: ledger.machine.instant(ledger.now))
    }

    // MARK: What is refused

    @Test func `to the nano-dollar, and says what is spent, the cap and when it begins anew`() throws {
        var ledger = ledger()
        let key = passport(&ledger, 1, day: "10")
        #expect(charge(&ledger, "9.5", by: key).event != nil)
        let refused = try #require(reached(charge(&ledger, "0.500000001", by: key)))
        #expect(
            refused.isPassports && refused.period == .day && refused.cap == Money("10") && refused.spent == Money("9.5")
        )
        #expect(refused.needed == Money("0.500000001") && refused.resets == Timestamp("2026-02-11"))
        #expect(charge(&ledger, "0.5", by: key).event != nil)
        #expect(charge(&ledger, "0.000000001", by: key).rejection?.code == "CAP")
        // Others, and the same user's other passports, are not concerned.
        let other = passport(&ledger, 2)
        #expect(charge(&ledger, "50", by: other).event != nil)
        ledger.now = Timestamp("2026-02-10T23:59:59.999999999Z")!
        #expect(charge(&ledger, "1", by: key).rejection?.code == "CAP")
        ledger.now = Timestamp("2026-02-11")!
        #expect(charge(&ledger, "10", by: key).event != nil)
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [
        ("2028-02-29T10:00:00Z", "2028-03-01"), ("2026-02-28T10:00:00Z", "2026-03-01"),
        ("2026-12-31T23:59:59Z", "2027-01-01"),
    ])
    func `a month ends where it ends`(now: String, end: String) throws {
        var ledger = ledger(now)
        let key = passport(&ledger, 1, month: "10")
        #expect(charge(&ledger, "10", by: key).event != nil)
        let refused = try #require(reached(charge(&ledger, "0.01", by: key)))
        #expect(refused.period == .month && refused.resets == Timestamp(end))
        ledger.now = refused.resets - TimeSpan(nanoseconds: 100)
        #expect(charge(&ledger, "0.01", by: key).rejection?.code == "CAP")
        ledger.now = refused.resets
        #expect(charge(&ledger, "10", by: key).event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `open holds count, captures are booked beyond it, and refunds free nothing`() throws {
        var ledger = ledger()
        let key = passport(&ledger, 1, day: "10")
        let place = { (ledger: inout TestLedger, amount: String) in
            ledger.command(
                .holdPlace(
                    HoldPlace(user: ledger.hash("ann"), amount: Money(amount)!, timeToLive: .hours(2), source: "job")),
                actor: key)
        }
        let hold = try #require(place(&ledger, "6").event).id(shard: 0)
        #expect(place(&ledger, "4.000000001").rejection?.code == "CAP")
        let second = try #require(place(&ledger, "4").event).id(shard: 0)
        ledger.command(.holdVoid(HoldVoid(hold: second)))
        #expect(spent(ledger, key, .day) == Money("6"))
        ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("15")!, final: true, over: true)))
        #expect(spent(ledger, key, .day) == Money("15"))
        #expect(charge(&ledger, "0.01", by: key).rejection?.code == "CAP")
        let booked = try #require(charge(&ledger, "1", by: key, over: true).event)
        ledger.command(.creditRefund(CreditRefund(charge: booked, lots: lots(ledger), amount: nil, reason: [])))
        #expect(spent(ledger, key, .day) == Money("16"))
        #expect(ledger.problems() == [])
    }

    private func lots(_ ledger: borrowing TestLedger) -> [LotOrigin] {
        let query = Query.lots(user: ledger.hash("ann"), Page(count: 100))
        guard case .lots(let rows, _) = ledger.machine.read(query, at: ledger.now) else { return [] }
        return rows.map(\.origin)
    }

    @Test func `fifty admissions against a cap for ten: ten are admitted`() {
        var ledger = ledger()
        // Ten minutes of `gpu` at 0.05 an hour, rounded up.
        let lease = Rational.up(
            Int128(TestLedger.rate(.enterprise, .gpu)) * Int128(TimeSpan.minutes(10).nanoseconds), over: Tariff.hour)!
        let key = passport(&ledger, 1, day: "\(Money(nanos: lease.nanos * 10))")
        var admitted = 0
        for number in 0..<50 {
            let outcome = admit(&ledger, ShortText("s\(number)")!, key)
            if outcome.event != nil { admitted += 1 } else { #expect(outcome.rejection?.code == "CAP") }
        }
        #expect(admitted == 10)
        #expect(ledger.problems() == [])
    }

    @Test func `what one passport holds for many users may be more than 64 bits of nano-dollars`() {
        var ledger = TestLedger()
        ledger.now = Timestamp("2026-02-10T12:00:00Z")!
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let key = passport(&ledger, 1)
        let most = "\(Money(nanos: StateMachine.accountCeiling))"
        for number in 0..<5 {
            let user = ShortText("u\(number)")!
            ledger.user(user)
            ledger.grant(user, most)
            let hold = HoldPlace(user: ledger.hash(user), amount: Money(most)!, timeToLive: .hours(1), source: "job")
            #expect(ledger.command(.holdPlace(hold), actor: key).event != nil)
        }
        ledger.command(
            .passportSet(PassportSet(passport: PassportID(value: 1), day: Money("5000000000")!.nanos, month: nil)))
        #expect(charge(&ledger, "1", by: key).rejection?.code == "CAP")
        ledger.pass(.hours(2), step: .hours(1))
        #expect(spent(ledger, key, .day) == .zero && charge(&ledger, "1", by: key).event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `a refusal is remembered by its key`() {
        var ledger = ledger()
        let passport = passport(&ledger, 1, day: "1")
        let key = IdempotencyKey(scope: Hash128(high: 9, low: 9), arguments: 5)
        #expect(charge(&ledger, "2", by: passport, key: key).rejection?.code == "CAP")
        ledger.command(.passportSet(PassportSet(passport: PassportID(value: 1), day: Limits.none, month: nil)))
        guard case .replayed(let lsn) = charge(&ledger, "2", by: passport, key: key) else {
            Issue.record("it was decided anew")
            return
        }
        let event = try? ledger.journal[Int(lsn.value) - 1].event()
        guard case .refused(let refused)? = event?.body, case .cap(let cap) = refused.rejection.rejection else {
            Issue.record("another refusal")
            return
        }
        #expect(cap.cap == Money("1") && cap.needed == Money("2"))
    }

    // MARK: Sessions

    @Test func `a session is exhausting at its cap, stops after its grace, and others go on`() throws {
        var ledger = ledger()
        let key = passport(&ledger, 1, day: "0.1")  // two hours of 0.05
        #expect(admit(&ledger, "s", key).event != nil)
        ledger.start("t", "ann", .gpu, ttl: .days(3))
        ledger.pass(.hours(2) + .seconds(30), step: .seconds(30))
        #expect(ledger.session("s")?.status == .exhausting && ledger.session("t")?.status == .active)
        #expect(admit(&ledger, "u", key).rejection?.code == "CAP")
        ledger.pass(.minutes(7), step: .seconds(30))
        let closed = try #require(
            try ledger.journal.compactMap { journaled -> SessionClosed? in
                if case .sessionClosed(let closed) = try journaled.event().body { closed } else { nil }
            }.first)
        #expect(closed.external == "s" && closed.reason == .cap)
        #expect(closed.total <= Money(nanos: 100_000_000 + 50_000_000 / 60 + 1) && closed.total >= Money("0.1")!)
        #expect(ledger.session("t") != nil && ledger.account("ann").debt == .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `at midnight a cap begins anew, and with it a session that was exhausting`() {
        var ledger = ledger("2026-02-28T21:59:30Z")
        let key = passport(&ledger, 1, day: "0.1")
        ledger.command(
            .limitSet(LimitSet(type: .enterprise, limit: .exhaustionGrace, value: TimeSpan.minutes(5).nanoseconds)))
        #expect(admit(&ledger, "s", key).event != nil)
        ledger.advance(to: Timestamp("2026-02-28T23:59:50Z")!)
        #expect(ledger.session("s")?.status == .exhausting)
        ledger.advance(to: Timestamp("2026-03-01T00:00:00Z")!)
        #expect(ledger.session("s")?.status == .active)
        ledger.advance(to: Timestamp("2026-03-01T01:30:00Z")!)
        #expect(ledger.session("s")?.status == .active)
        ledger.advance(to: Timestamp("2026-03-01T02:10:00Z")!)
        #expect(ledger.session("s") == nil)
        #expect(ledger.problems() == [])
    }

    @Test func `usage counts on the day on which it was, posted or not`() {
        var ledger = ledger("2026-02-27T22:00:00Z")
        let key = passport(&ledger, 1)
        #expect(admit(&ledger, "s", key, .gpu, ttl: .days(5)).event != nil)
        #expect(admit(&ledger, "m", key, .gpu, ttl: .days(5), heartbeat: .days(2)).event != nil)
        ledger.advance(to: Timestamp("2026-02-28T03:00:00Z")!)
        // Three hours each since midnight, and what is left of a lease.
        let lease = Rational.up(Int128(50_000_000) * Int128(TimeSpan.minutes(10).nanoseconds), over: Tariff.hour)!
        let today = spent(ledger, key, .day)
        #expect(today >= Money("0.3")! && today.nanos <= 300_000_000 + 2 * lease.nanos + 10, "\(today)")
        let month = spent(ledger, key, .month)
        #expect(month >= Money("0.5")! && month.nanos <= 500_000_000 + 2 * lease.nanos + 10, "\(month)")
        ledger.stop("s")
        ledger.stop("m")
        #expect(abs(spent(ledger, key, .day).nanos - 300_000_000) < 1000)
        #expect(abs(spent(ledger, key, .month).nanos - 500_000_000) < 1000)
        ledger.advance(to: Timestamp("2026-03-01T00:00:00Z")!)
        #expect(spent(ledger, key, .day) == .zero && spent(ledger, key, .month) == .zero)
        let user = ledger.machine.spent(of: UserOrdinal(0), .month, at: ledger.now)
        #expect(user == .zero)
        // What was used elsewhere, over midnight: its part of this day counts.
        ledger.now = Timestamp("2026-03-01T04:00:00Z")!
        ledger.command(
            .sessionRecord(
                SessionRecord(
                    session: "r", user: ledger.hash("ann"), tier: .gpu, from: Timestamp("2026-02-28T20:00:00Z")!,
                    to: Timestamp("2026-03-01T02:00:00Z")!, arguments: .zero)), actor: key)
        #expect(spent(ledger, key, .day) == Money("0.1") && spent(ledger, key, .month) == Money("0.1"))
        #expect(ledger.problems() == [])
    }

    @Test func `a cap that is raised renews what it was about to end`() {
        var ledger = ledger()
        let key = passport(&ledger, 1, day: "0.1")
        #expect(admit(&ledger, "s", key).event != nil)
        ledger.pass(.hours(2) + .seconds(30), step: .seconds(30))
        #expect(ledger.session("s")?.status == .exhausting)
        ledger.command(.passportSet(PassportSet(passport: PassportID(value: 1), day: Money("5")!.nanos, month: nil)))
        #expect(ledger.session("s")?.status == .active)
        #expect(ledger.problems() == [])
    }

    // MARK: Who

    @Test func `rotation inherits caps and what was spent`() throws {
        var ledger = ledger()
        let old = passport(&ledger, 1, day: "10")
        #expect(charge(&ledger, "6", by: old).event != nil)
        ledger.command(
            .passportRotate(
                PassportRotate(
                    old: PassportID(value: 1), id: PassportID(value: 2), digest: .zero, lastFour: 0, overlap: .hours(1))
            ))
        let new = ledger.machine.lookUp(passport: PassportID(value: 2))!
        #expect(charge(&ledger, "4.01", by: new).rejection?.code == "CAP")
        #expect(charge(&ledger, "3", by: new).event != nil && charge(&ledger, "1", by: old).event != nil)
        #expect(charge(&ledger, "0.01", by: new).rejection?.code == "CAP")
        ledger.command(.passportSet(PassportSet(passport: PassportID(value: 2), day: Money("11")!.nanos, month: nil)))
        #expect(charge(&ledger, "1", by: old).event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `nobody lets spend more than they may`() {
        var ledger = ledger()
        let mine = passport(&ledger, 1, day: "10")
        let create = PassportCreate(
            user: ledger.hash("ann"), id: PassportID(value: 5), digest: .zero, lastFour: 0, name: [],
            permissions: .read,
            scope: .own)
        #expect(ledger.command(.passportCreate(create), actor: mine).rejection?.code == "NOPERM")
        var capped = create
        capped.caps.day = Money("10")!.nanos
        #expect(ledger.command(.passportCreate(capped), actor: mine).event != nil)
        let raise = PassportSet(passport: PassportID(value: 1), day: Money("11")!.nanos, month: nil)
        #expect(ledger.command(.passportSet(raise), actor: mine).rejection?.code == "NOPERM")
        #expect(
            ledger.command(.passportSet(PassportSet(passport: PassportID(value: 9), day: 1, month: nil))).rejection
                == .notFound(.passport))
        ledger.command(.passportRevoke(PassportRevoke(passport: PassportID(value: 5))))
        #expect(
            ledger.command(.passportSet(PassportSet(passport: PassportID(value: 5), day: 1, month: nil))).rejection
                == .closed(.passport))
    }

    @Test func `a user's cap holds whoever spends, in the place of its type's`() throws {
        var ledger = ledger()
        let (a, b) = (passport(&ledger, 1), passport(&ledger, 2, "bob"))
        ledger.command(.limitSet(LimitSet(type: .enterprise, limit: .capDay, value: Money("20")!.nanos)))
        limit(&ledger, "ann", .day, "10")
        #expect(charge(&ledger, "6", by: a).event != nil && charge(&ledger, "4", by: b).event != nil)
        let refused = try #require(reached(charge(&ledger, "0.01", by: a)))
        #expect(!refused.isPassports && refused.cap == Money("10"))
        #expect(charge(&ledger, "20", by: b, user: "bob").event != nil)
        #expect(charge(&ledger, "0.01", by: b, user: "bob").rejection?.code == "CAP")
        guard case .limits(let rows) = ledger.machine.read(.limits(.user(ledger.hash("ann"))), at: ledger.now) else {
            return
        }
        #expect(rows.map(\.limit) == [.capDay, .capMonth] && rows[0].spent == Money("10") && rows[0].user == "ann")
        #expect(rows[0].resets == Timestamp("2026-02-11") && rows[1].value == Limits.none)
        limit(&ledger, "ann", .day, nil)
        #expect(charge(&ledger, "10", by: a).event != nil)
        #expect(charge(&ledger, "0.01", by: a).rejection?.code == "CAP")
        #expect(ledger.problems() == [])
    }

    @Test func `storage counts for its user as it accrues, and a day of more of it must fit`() {
        var ledger = ledger()
        limit(&ledger, "ann", .day, "1")
        let create = { (ledger: inout TestLedger, name: ShortText, gigabytes: Int64) in
            ledger.command(
                .storageCreate(
                    StorageCreate(
                        user: ledger.hash("ann"), resource: name, kind: .filestore, megabytes: gigabytes * 1000)))
        }
        #expect(create(&ledger, "big", 200).rejection?.code == "CAP")  // 1.21 a day
        #expect(create(&ledger, "data", 100).event != nil)
        ledger.pass(.hours(11), step: .hours(1))
        let spent = ledger.machine.spent(of: UserOrdinal(0), .day, at: ledger.now)
        #expect(spent > Money("0.27")! && spent < Money("0.29")!, "\(spent)")
        ledger.pass(.hours(2), step: .hours(1))
        #expect(ledger.machine.spent(of: UserOrdinal(0), .day, at: ledger.now) < Money("0.03")!)
        #expect(ledger.problems() == [])
    }
}
