import LedgerTestKit
import Testing

@testable import LedgerCore

/// Credit that comes anew with every day, week or month.
@Suite struct AllowanceTests {
    static func ledger(_ now: String = "2026-02-10T12:00:00Z") -> TestLedger {
        var ledger = TestLedger()
        ledger.now = Timestamp(now)!
        ledger.user("ann")
        ledger.user("bob", .enterprise)
        return ledger
    }

    /// What was given: amount, what was carried on, from when until when.
    struct Given: Equatable {
        var user: UInt32
        var amount: String
        var carried = "0.00"
        var from: String
        var until: String
    }

    static func given(_ ledger: borrowing TestLedger) throws -> [Given] {
        try ledger.journal.compactMap { journaled in
            let event = try journaled.event()
            guard case .allowanceGranted(let it) = event.body else { return nil }
            return Given(
                user: event.user.value, amount: "\(it.amount)", carried: "\(it.carried)", from: "\(it.lot.effective)",
                until: "\(it.lot.expires)")
        }
    }

    private func lots(_ ledger: borrowing TestLedger, _ user: ShortText) -> [LotRow] {
        guard
            case .lots(let rows, _) = ledger.machine.read(
                .lots(user: ledger.hash(user), Page(count: 100)), at: ledger.now)
        else { return [] }
        return rows
    }

    // MARK: Periods

    @Test func `the first comes at once and whole, the next when its period has ended`() throws {
        var ledger = Self.ledger()
        let set = try #require(ledger.allow("ann", "20", .month).event)
        guard case .allowanceChanged(let changed) = set.body else {
            Issue.record("\(set.body)")
            return
        }
        #expect(changed.granted == Money("20") && changed.next == Timestamp("2026-03-01"))
        #expect(set.after.available == Money("20") && set.after.promo == Money("20"))
        #expect(ledger.book("promo_cost") == -20_000_000_000)
        let lot = try #require(lots(ledger, "ann").first)
        #expect(lot.origin.kind == .promo && lot.origin.fundedBy == "allowance" && lot.origin.priority == 20)
        #expect(lot.origin.expires == Timestamp("2026-03-01"))

        ledger.charge("ann", "7.5")
        ledger.now = Timestamp("2026-02-28T23:59:59.9999999Z")!
        ledger.settle()
        #expect(ledger.account("ann").available == Money("12.5"))
        ledger.now = Timestamp("2026-03-01")!
        ledger.settle()
        #expect(ledger.account("ann").available == Money("20"))
        #expect(ledger.book("breakage") == 12_500_000_000 && ledger.book("promo_cost") == -40_000_000_000)
        #expect(lots(ledger, "ann").count == 1)
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [
        (CalendarPeriod.day, "2026-02-10T12:00:00Z", ["2026-02-11", "2026-02-12", "2026-02-13"]),
        (.day, "2028-02-28T00:00:00Z", ["2028-02-29", "2028-03-01", "2028-03-02"]),
        (.week, "2026-02-10T12:00:00Z", ["2026-02-16", "2026-02-23", "2026-03-02"]),
        (.week, "2026-12-28T00:00:00Z", ["2027-01-04", "2027-01-11", "2027-01-18"]),
        (.week, "2026-12-27T23:59:59.9999999Z", ["2026-12-28", "2027-01-04", "2027-01-11"]),
        (.month, "2027-12-31T23:59:59.9999999Z", ["2028-01-01", "2028-02-01", "2028-03-01"]),
        (.month, "2028-02-29T23:00:00Z", ["2028-03-01", "2028-04-01", "2028-05-01"]),
        (.month, "2028-02-01T00:00:00Z", ["2028-03-01", "2028-04-01", "2028-05-01"]),
    ])
    func `periods are those of the UTC calendar`(period: CalendarPeriod, now: String, ends: [String]) throws {
        var ledger = Self.ledger(now)
        ledger.allow("ann", "1", period)
        for end in ends.dropLast() {
            ledger.now = Timestamp(end)!
            ledger.settle()
        }
        let given = try Self.given(ledger)
        #expect(given.map(\.until) == ends.map { "\(Timestamp($0)!)" })
        #expect(given.dropFirst().map(\.from) == ends.dropLast().map { "\(Timestamp($0)!)" })
        #expect(ledger.problems() == [])
    }

    @Test func `the calendar holds at both ends of time`() {
        for t in [Timestamp.distantPast, .earliest, .latest, .never] {
            for period in CalendarPeriod.allCases {
                #expect(period.start(at: t) <= t && period.end(at: t) >= t, "\(period) of \(t.nanoseconds)")
            }
        }
        #expect(CalendarPeriod.week.start(at: Timestamp("1969-12-28T10:00:00Z")!) == Timestamp("1969-12-22"))
        #expect(CalendarPeriod.week.end(at: Timestamp("1969-12-28T10:00:00Z")!) == Timestamp("1969-12-29"))
        #expect(CalendarPeriod.week.start(at: Timestamp("1970-01-05")!) == Timestamp("1970-01-05"))
    }

    @Test func `each once, however long the ledger was down`() throws {
        var awake = Self.ledger()
        var down = Self.ledger()
        func begin(_ ledger: inout TestLedger) {
            ledger.allow("ann", "1", .day, rollover: "0.25")
            ledger.allow("bob", "30", .month)
            ledger.charge("ann", "0.4")
        }
        begin(&awake)
        begin(&down)
        awake.pass(.days(40), step: .hours(1))
        var restored = try down.restored()
        func sleep(_ ledger: inout TestLedger) {
            ledger.wait(.days(40))
            ledger.restart(downtime: .days(40))
            ledger.settle()
        }
        sleep(&down)
        sleep(&restored)
        let expected = try Self.given(awake)
        #expect(expected.filter { $0.user == 0 }.count == 41 && expected.filter { $0.user == 1 }.count == 2)
        #expect(try Self.given(down) == expected)
        #expect(try Self.given(restored) == Array(expected.dropFirst(2)))
        #expect(awake.account("ann") == down.account("ann") && awake.account("bob") == restored.account("bob"))
        #expect(down.book("promo_cost") == -(41 + 60) * 1_000_000_000)
        #expect(down.problems() == [] && awake.problems() == [])
    }

    // MARK: What goes on

    @Test func `what is left goes on up to the maximum, what is held stays where it was`() throws {
        var ledger = Self.ledger()
        ledger.allow("ann", "10", .day, rollover: "4")
        ledger.charge("ann", "7")
        ledger.now = Timestamp("2026-02-11")!
        ledger.settle()
        #expect(try Self.given(ledger).last?.carried == "3.00")
        #expect(ledger.account("ann").available == Money("13") && ledger.book("breakage") == 0)
        // Four of thirteen go on, two are held, the rest expires.
        let hold = ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("2")!, timeToLive: .days(3), source: "job"))
        ).event!.id(shard: 0)
        ledger.now = Timestamp("2026-02-12")!
        ledger.settle()
        #expect(try Self.given(ledger).last?.carried == "4.00")
        #expect(ledger.account("ann").available == Money("14") && ledger.book("breakage") == 7_000_000_000)
        ledger.command(.holdVoid(HoldVoid(hold: hold)))
        #expect(ledger.account("ann").available == Money("14") && ledger.book("breakage") == 9_000_000_000)
        #expect(ledger.book("promo_cost") == -30_000_000_000)
        #expect(ledger.problems() == [])
    }

    @Test func `what was used until midnight is paid by the day's own lot, and only the rest goes on`() throws {
        var ledger = Self.ledger()
        ledger.allow("ann", "10", .day, rollover: "10")
        ledger.command(
            .storageCreate(
                StorageCreate(
                    user: ledger.hash("ann"), resource: "disk", kind: .filestore, megabytes: 50_000)))
        ledger.now = Timestamp("2026-02-11")!
        ledger.settle()
        // Half a day of 28, 50 GB at 0.17.
        let used = Rational.halfEven(8_500_000_000, over: 56)!
        #expect(try Self.given(ledger).last?.carried == "\(Money("10")! - used)")
        #expect(ledger.account("ann").available == Money("20")! - used)
        #expect(ledger.problems() == [])
    }

    @Test func `credit for one thing does not become credit for everything`() throws {
        var ledger = Self.ledger()
        ledger.allow("ann", "10", .day, rollover: "10", for: CreditScope("api")!)
        #expect(ledger.account("ann").available == .zero)
        #expect(ledger.charge("ann", "1").event != nil)
        ledger.now = Timestamp("2026-02-11")!
        ledger.settle()
        #expect(try Self.given(ledger).last?.carried == "9.00")
        ledger.allow("ann", "10", .day, rollover: "10")
        ledger.now = Timestamp("2026-02-12")!
        ledger.settle()
        #expect(try Self.given(ledger).last?.carried == "0.00")
        #expect(ledger.account("ann").available == Money("10") && ledger.book("breakage") == 19_000_000_000)
        #expect(ledger.problems() == [])
    }

    // MARK: Once in a period

    @Test func `within a period that had its lot nothing is given again, whatever is changed`() throws {
        var ledger = Self.ledger()
        ledger.allow(type: .pro, "3", .day)
        ledger.allow(type: .enterprise, "5", .month)
        ledger.settle()
        #expect(try Self.given(ledger).map(\.amount) == ["3.00", "5.00"])
        for type in [UserType.enterprise, .pro, .free, .pro] { ledger.setType("ann", type) }
        ledger.allow("ann", "100", .day)
        ledger.command(.allowanceSet(AllowanceSet(user: ledger.hash("ann"), terms: .none)))
        ledger.allow("ann", "50", .week)
        ledger.allow(type: .pro, "4", .day)
        ledger.settle()
        #expect(try Self.given(ledger).count == 2)
        // From the next one on, what was said last.
        ledger.now = Timestamp("2026-02-11")!
        ledger.settle()
        #expect(
            try Self.given(ledger).suffix(1) == [
                Given(user: 0, amount: "50.00", from: "2026-02-11T00:00:00Z", until: "2026-02-16T00:00:00Z")
            ])
        #expect(ledger.problems() == [])
    }

    @Test func `a command that is sent again with its key gives nothing again`() throws {
        var ledger = Self.ledger()
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 1), arguments: Hash128(high: 1, low: 1))
        let first = ledger.allow("ann", "10", .day, key: key)
        let second = ledger.allow("ann", "10", .day, key: key)
        guard case .replayed(let lsn) = second else {
            Issue.record("not replayed")
            return
        }
        #expect(lsn == first.event?.lsn)
        #expect(try Self.given(ledger).count == 1)
    }

    // MARK: Types

    @Test func `all of a type have it but those with an own one, and whoever comes to it`() throws {
        var ledger = Self.ledger()
        ledger.user("cem")
        ledger.user("dot")
        ledger.user("eve")
        ledger.allow("cem", "9", .month)
        ledger.command(.userSet(UserSet(user: ledger.hash("dot"), change: .state(.suspended))))
        ledger.command(.userSet(UserSet(user: ledger.hash("eve"), change: .state(.closed))))
        let events = ledger.journal.count
        ledger.allow(type: .pro, "2", .day)
        ledger.settle()
        #expect(try Self.given(ledger).map(\.user) == [2, 0, 3])
        #expect(try ledger.journal[(events + 1)...].map { try $0.event().origin } == [.timer, .timer, .timer])
        // A new user, and one of another type.
        ledger.user("fay")
        ledger.setType("bob", .pro)
        #expect(try Self.given(ledger).suffix(2).map(\.user) == [5, 1])
        #expect(ledger.account("fay").available == Money("2") && ledger.account("bob").available == Money("2"))
        // Without the own one, that of the type counts, when the month is over.
        ledger.command(.allowanceSet(AllowanceSet(user: ledger.hash("cem"), terms: .none)))
        ledger.now = Timestamp("2026-02-11")!
        ledger.settle()
        #expect(try Self.given(ledger).suffix(4).map(\.user) == [0, 1, 3, 5])
        ledger.now = Timestamp("2026-03-01")!
        ledger.settle()
        #expect(try Self.given(ledger).suffix(5).map(\.user) == [0, 1, 2, 3, 5])
        // And no more, but for what was given.
        ledger.command(.typeAllowanceSet(TypeAllowanceSet(type: .pro, terms: .none)))
        #expect(ledger.account("cem").available == Money("2"))
        let count = try Self.given(ledger).count
        ledger.pass(.days(3), step: .hours(1))
        #expect(try Self.given(ledger).count == count && ledger.account("cem").available == .zero)
        #expect(ledger.machine.store.allowanceRound.due == .never)
        #expect(ledger.problems() == [])
    }

    @Test func `a round of many users goes in steps, and a restart in its middle gives nobody anything twice`() throws {
        var ledger = Self.ledger()
        for number in 0..<200 { ledger.user(ShortText("u\(number)")!, .free) }
        ledger.machine.groupLimit = 16 << 10
        ledger.allow(type: .free, "0.5", .day, rollover: "0.1")
        var decision = Decision()
        let fired = ledger.machine.fireTimers(at: ledger.now, limit: 7, into: &decision)
        #expect(!fired.isDone)
        let half = Journaled.events(of: decision.batch).count
        var sink = FrameCollector()
        ledger.machine.writeSnapshot(to: &sink)
        var twin = StateMachine()
        for frame in sink.frames {
            try frame.bytes.withUnsafeBytes {
                try twin.restore(
                    FrameRows(section: frame.section, version: frame.version, rows: frame.rows, bytes: $0))
            }
        }
        try twin.finishRestoring()
        twin.groupLimit = 16 << 10
        let now = ledger.now
        func finish(_ machine: inout StateMachine) throws -> [Journaled] {
            var events: [Journaled] = []
            var decision = Decision()
            while !machine.fireTimers(at: now, limit: 7, into: &decision).isDone {
                events += Journaled.events(of: decision.batch)
                decision.batch.removeAll()
            }
            return events + Journaled.events(of: decision.batch)
        }
        let (rest, twins) = (try finish(&ledger.machine), try finish(&twin))
        #expect(rest == twins && half > 5 && rest.count > 150)
        let given = try rest.count { if case .allowanceGranted = try $0.event().body { true } else { false } }
        let before = try Journaled.events(of: decision.batch).count {
            if case .allowanceGranted = try $0.event().body { true } else { false }
        }
        #expect(given + before == 200)
        #expect(twin.violations() == [] && ledger.machine.violations() == [])
    }

    @Test func `a deleted user has none, and the address gets no second one`() {
        var ledger = Self.ledger()
        ledger.allow("ann", "5", .day)
        ledger.command(.userDelete(UserDelete(user: ledger.hash("ann"), forfeit: false)))
        #expect(ledger.machine.store.allowances.count == 0 && ledger.machine.store.allowedUntil.count == 0)
        ledger.pass(.days(2), step: .hours(1))
        #expect(ledger.allow("ann", "5", .day).rejection == .frozen(.deleted))
        #expect(ledger.problems() == [])
    }

    // MARK: Around it

    @Test func `a session that runs out goes on with the next lot`() throws {
        var ledger = Self.ledger("2026-02-10T23:00:00Z")
        ledger.command(
            .limitSet(LimitSet(type: .enterprise, limit: .exhaustionGrace, value: TimeSpan.minutes(30).nanoseconds)))
        ledger.allow("bob", "0.04", .day)
        ledger.start("s", "bob", .small, ttl: .days(2))  // 0.04 an hour at most
        ledger.now = Timestamp("2026-02-10T23:59:59Z")!
        ledger.settle()
        ledger.now = Timestamp("2026-02-11T00:01:00Z")!
        ledger.settle()
        #expect(ledger.session("s")?.status == .active)
        #expect(ledger.problems() == [])
    }

    @Test func `an account that is full is given what it has room for`() throws {
        var ledger = Self.ledger()
        ledger.command(.creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("3999999999")!, reason: [])))
        #expect(ledger.allow("ann", "3", .day).event != nil)
        #expect(try Self.given(ledger).map(\.amount) == ["1.00"])
        ledger.now = Timestamp("2026-02-11")!
        ledger.settle()
        // The lot that ends makes room only afterwards.
        #expect(try Self.given(ledger).map(\.amount) == ["1.00", "0.00"])
        ledger.now = Timestamp("2026-02-12")!
        ledger.settle()
        #expect(try Self.given(ledger).map(\.amount) == ["1.00", "0.00", "1.00"])
        #expect(ledger.problems() == [])
    }

    @Test func `what cannot be is refused`() {
        var ledger = Self.ledger()
        let none = AllowanceTerms.none
        func set(_ user: ShortText, _ terms: AllowanceTerms) -> Rejection? {
            ledger.command(.allowanceSet(AllowanceSet(user: ledger.hash(user), terms: terms))).rejection
        }
        #expect(set("nobody", AllowanceTerms(amount: .cent, period: .day)) == .notFound(.user))
        #expect(set("ann", none) == .notFound(.allowance))
        #expect(
            ledger.command(.typeAllowanceSet(TypeAllowanceSet(type: .free, terms: none))).rejection
                == .notFound(.allowance))
        let most = StateMachine.ceiling
        for (amount, rollover) in [(most + Money(nanos: 1), Money.zero), (.cent, most + Money(nanos: 1))] {
            let terms = AllowanceTerms(amount: amount, period: .week, rollover: rollover)
            #expect(set("ann", terms)?.code == "ERR")
            #expect(
                ledger.command(.typeAllowanceSet(TypeAllowanceSet(type: .free, terms: terms))).rejection?.code == "ERR")
        }
        for (state, code) in [(UserState.suspended, nil), (.banned, nil), (.closed, "FROZEN")] as [(_, String?)] {
            ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(state))))
            #expect(set("ann", AllowanceTerms(amount: most, period: .month))?.code == code)
        }
        #expect(ledger.problems() == [])
    }

    @Test func `lists say what counts for a user, and page through users' own`() throws {
        var ledger = Self.ledger()
        for number in 0..<7 { ledger.user(ShortText("u\(number)")!, .free) }
        ledger.allow(type: .pro, "2", .week)
        for number in [1, 3, 5] { ledger.allow(ShortText("u\(number)")!, "1", .day) }
        ledger.settle()
        func list(_ subject: UserOrType?, _ page: Page = Page()) -> ([AllowanceRow], UInt64) {
            guard case .allowances(let rows, let next) = ledger.machine.read(.allowances(subject, page), at: ledger.now)
            else { return ([], 99) }
            return (rows, next)
        }
        let ann = try #require(list(.user(ledger.hash("ann"))).0.first)
        #expect(ann.user.isEmpty && ann.terms.amount == Money("2") && ann.next == Timestamp("2026-02-16"))
        let own = try #require(list(.user(ledger.hash("u3"))).0.first)
        #expect(own.user == "u3" && own.next == Timestamp("2026-02-11"))
        #expect(list(.user(ledger.hash("bob"))).0.isEmpty && list(.type(.free)).0.isEmpty)
        #expect(list(.type(.pro)).0.map(\.terms.period) == [.week])
        var (found, cursor): ([ShortText], UInt64) = ([], 0)
        repeat {
            let (rows, next) = list(nil, Page(count: 2, cursor: cursor))
            found += rows.map { $0.user.isEmpty ? "type" : $0.user }
            cursor = next
        } while cursor != 0
        #expect(found == ["type", "u5", "u3", "u1"])
    }
}

extension TestLedger {
    @discardableResult
    mutating func allow(
        _ user: ShortText, _ amount: String, _ period: CalendarPeriod, rollover: String = "0",
        for scope: CreditScope = .everything, key: IdempotencyKey? = nil
    ) -> Decided {
        let terms = AllowanceTerms(
            amount: Money(amount)!, period: period, rollover: Money(rollover)!, scope: scope)
        return command(.allowanceSet(AllowanceSet(user: hash(user), terms: terms)), key: key)
    }

    @discardableResult
    mutating func allow(
        type: UserType, _ amount: String, _ period: CalendarPeriod, rollover: String = "0"
    ) -> Decided {
        let terms = AllowanceTerms(amount: Money(amount)!, period: period, rollover: Money(rollover)!)
        return command(.typeAllowanceSet(TypeAllowanceSet(type: type, terms: terms)))
    }
}
