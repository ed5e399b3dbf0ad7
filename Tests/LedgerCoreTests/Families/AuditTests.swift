import LedgerCore
import LedgerTestKit
import Testing

/// What a second audit found: credit that could be spent twice, prices that reached too far, and numbers that a client
/// could make too large.
@Suite struct AuditTests {
    private func double(_ book: PriceBook) -> PriceBook {
        PriceBook(
            rows: book.rows.map { row in
                guard case .tariff(let tariff) = row.answer else { return row }
                let doubled = Tariff(rate: tariff.rate * 2, listRate: tariff.listRate)
                return PriceBook.Row(query: row.query, answer: .tariff(doubled))
            })
    }

    private func closed(_ outcome: Decided) -> SessionClosed? {
        guard case .sessionClosed(let closed)? = outcome.event?.body else { return nil }
        return closed
    }

    // MARK: Credit

    @Test(arguments: [TimeSpan.zero, .days(30)])
    func `what a session used during a downtime is not available`(heartbeat: TimeSpan) {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "20")
        ledger.start("s1", "ann", .gpu, ttl: .days(30), heartbeat: heartbeat)  // 0.125 an hour
        ledger.wait(.hours(20))
        ledger.restart(downtime: .hours(20))
        // 2.50 used, 0.0208 held: what is left is 17.50.
        let left = Money("20")! - Money("2.5")!
        #expect(ledger.account("ann").available <= left)
        #expect(ledger.account("ann").available > left - Money("0.03")!)
        #expect(ledger.charge("ann", "19").rejection?.code == "INSUFFICIENT")
        ledger.stop("s1")
        #expect(ledger.account("ann").debt == .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `a deadline that was told moves by the time in which nobody could act on it`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.charge("ann", "9.97")
        ledger.start("s1", "ann", .gpu, ttl: .days(30))
        ledger.pass(.minutes(12), step: .seconds(10))
        #expect(ledger.session("s1")?.status == .exhausting)
        let deadline = ledger.session("s1")!.deadline
        ledger.wait(.days(5))
        ledger.restart(downtime: .days(5))
        ledger.settle()
        #expect(ledger.session("s1")?.deadline == deadline + .days(5))
        ledger.pass(.minutes(4), step: .seconds(1))
        #expect(ledger.session("s1") == nil)
        // The gap at 0.125 an hour, and a minute of grace.
        #expect(ledger.account("ann").debt <= Money("15")! + Money("0.0021")!)
        #expect(ledger.problems() == [])
    }

    @Test func `a view says less, never more, after the instant it was made for`() {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: Money("7")!, kind: .promo, expires: ledger.now + .hours(1),
                    reason: [])))
        ledger.start("s1", "ann", .medium)
        let view = ledger.machine.accountView(UserOrdinal(0), at: ledger.now)
        // Nothing fires meanwhile, as in a read-only ledger.
        for hours in 1...30 as ClosedRange<Int64> {
            let later = ledger.now + .hours(hours)
            #expect(view.lowerBound(at: later) <= ledger.machine.accountView(UserOrdinal(0), at: later).available)
        }
    }

    @Test func `new credit goes to the session that would end first`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let grace = TimeSpan.minutes(10).nanoseconds
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .exhaustionGrace, value: grace)))
        ledger.start("s1", "ann", .gpu, ttl: .days(1))  // 0.0208 for ten minutes
        ledger.pass(.minutes(3), step: .seconds(30))
        ledger.start("s2", "ann", .gpu, ttl: .days(1))
        ledger.charge("ann", "\(ledger.account("ann").available)")
        ledger.pass(.minutes(10) + .seconds(30), step: .seconds(10))
        #expect(ledger.session("s1")?.status == .exhausting && ledger.session("s2")?.status == .exhausting)
        // Enough for one of them: the younger one comes first in the list, the older one has the earlier deadline.
        ledger.command(
            .creditGrant(
                CreditGrant(user: ledger.hash("ann"), amount: Money("0.025")!, kind: .promo, reason: [])))
        #expect(ledger.session("s1")?.status == .active)
        #expect(ledger.session("s2")?.status == .exhausting)
        #expect(ledger.problems() == [])
    }

    // MARK: Prices

    @Test func `a monitored session that is never heard pays each day's price`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.start("s1", "ann", .gpu, ttl: .days(30), heartbeat: .days(29))
        ledger.pass(.hours(1), step: .minutes(10))
        ledger.activate(.sessionRuntime, 60, book: double(TestLedger.book(.sessionRuntime)))
        ledger.pass(.hours(119), step: .minutes(10))
        #expect(ledger.book("revenue:session_runtime") == 0)
        #expect(ledger.session("s1")?.rate == 250_000_000)
        let outcome = ledger.stop("s1")
        let closed = closed(outcome)!
        let elapsed = closed.usage.through - closed.started
        let expected =
            125_000_000 * Int128(TimeSpan.hours(24).nanoseconds) + 250_000_000
            * Int128((elapsed - .hours(24)).nanoseconds)
        #expect(closed.total == Rational.halfEven(expected, over: Tariff.hour))
        #expect(closed.segments == 2)
        #expect(ledger.book("revenue:session_runtime") == closed.total.nanos)
        guard case .replayed(let lsn) = ledger.stop("s1") else {
            Issue.record("a second stop is not replayed")
            return
        }
        #expect(lsn == outcome.event?.lsn)
        #expect(ledger.problems() == [])
    }

    @Test func `a price that changed on the third day does not reach back to the second`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.start("s1", "ann", .gpu, ttl: .days(30), heartbeat: .days(29))
        ledger.pass(.hours(70), step: .minutes(10))
        ledger.activate(.sessionRuntime, 60, book: double(TestLedger.book(.sessionRuntime)))
        ledger.pass(.hours(1), step: .minutes(10))
        ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s1"))))
        let closed = closed(ledger.stop("s1"))!
        let elapsed = Int128((closed.usage.through - closed.started).nanoseconds)
        #expect(closed.total == Rational.halfEven(125_000_000 * elapsed, over: Tariff.hour))
        #expect(ledger.problems() == [])
    }

    @Test func `a lost host pays the prices up to when it was last heard`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.start("s1", "ann", .gpu, ttl: .days(30), heartbeat: .days(3))
        ledger.activate(.sessionRuntime, 60, book: double(TestLedger.book(.sessionRuntime)))
        ledger.pass(.hours(30), step: .minutes(10))
        ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s1"))))
        let heard = ledger.session("s1")!
        ledger.pass(.days(4), step: .hours(1))
        #expect(ledger.session("s1") == nil)
        let expected =
            125_000_000 * Int128(TimeSpan.hours(24).nanoseconds) + 250_000_000
            * Int128((heard.lastHeard - heard.started - .hours(24)).nanoseconds)
        #expect(ledger.book("revenue:session_runtime") == Rational.halfEven(expected, over: Tariff.hour)!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `storage keeps the price of its size where a month begins under the same rule`() {
        var ledger = TestLedger()
        ledger.user("ann", .enterprise)
        ledger.purchase("ann", "1000")
        let list = ledger.price
        ledger.price = { query in
            guard case .storage(_, _, let megabytes) = query, case .priced(let priced) = list(query) else {
                return list(query)
            }
            let rate: Int64 = megabytes >= 1_000_000 ? 10_000_000 : 20_000_000
            return .priced(Priced(answer: .tariff(Tariff(rate: rate, listRate: rate)), rule: priced.rule))
        }
        // The rule's identity is the active one's.
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "big", kind: .bucket, megabytes: 2_000_000)))
        ledger.pass(.days(40), step: .hours(6))
        guard
            case .resources(let rows, _) = ledger.machine.read(
                .resources(user: ledger.hash("ann"), Page()), at: ledger.now)
        else {
            Issue.record("no list of resources")
            return
        }
        #expect(rows.map(\.rate) == [10_000_000])

        // Another rule: its book is asked for the size, and where it has no such row, for the next below.
        var book = TestLedger.book(.storage)
        for (megabytes, rate) in [(500_000, 8_000_000), (1_500_000, 5_000_000), (4_000_000, 1_000_000)]
            as [(Int64, Int64)]
        {
            book.rows.append(
                PriceBook.Row(
                    query: .storage(type: .enterprise, kind: .bucket, megabytes: megabytes),
                    answer: .tariff(Tariff(rate: rate, listRate: rate))))
        }
        ledger.activate(.storage, 70, book: book)
        ledger.pass(.days(31), step: .hours(6))
        guard
            case .resources(let repriced, _) = ledger.machine.read(
                .resources(user: ledger.hash("ann"), Page()), at: ledger.now)
        else {
            Issue.record("no list of resources")
            return
        }
        #expect(repriced.map(\.rate) == [5_000_000])
        #expect(ledger.problems() == [])
    }

    @Test func `a price that a resource could not have is not taken over`() {
        var ledger = TestLedger()
        ledger.user("ann", .admin)
        let list = ledger.price
        ledger.price = { query in
            guard case .storage = query, case .priced(let priced) = list(query) else { return list(query) }
            return .priced(Priced(answer: .tariff(Tariff(rate: 0, listRate: 0)), rule: priced.rule))
        }
        #expect(
            ledger.command(
                .storageCreate(
                    StorageCreate(
                        user: ledger.hash("ann"), resource: "huge", kind: .bucket, megabytes: 1_000_000_000_001))
            ).rejection?.code == "ERR")
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "huge", kind: .bucket, megabytes: 1_000_000_000_000)))
        var book = PriceBook()
        for type in UserType.allCases {
            book.rows.append(
                PriceBook.Row(
                    query: .storage(type: type, kind: .bucket, megabytes: 1000),
                    answer: .tariff(Tariff(rate: Tariff.maximumRate, listRate: Tariff.maximumRate))))
        }
        ledger.activate(.storage, 70, book: book)
        ledger.pass(.days(60), step: .hours(12))
        #expect(ledger.book("revenue:storage_creation") == 0)
        #expect(ledger.problems() == [])
    }

    @Test func `session time counts for the months it lies in, while it runs and after`() {
        var ledger = TestLedger()
        ledger.now = Timestamp("2026-01-30")!
        ledger.user("ann")
        ledger.purchase("ann", "100")
        func seconds(_ ledger: borrowing TestLedger) -> Int64? {
            let next = SessionStart(user: ledger.hash("ann"), session: "next", tier: .small)
            guard
                case .active(.sessionRuntime(_, _, let seconds)) = ledger.machine.prepare(
                    Request(actor: .none, command: .sessionStart(next)), at: ledger.now)
            else { return nil }
            return seconds
        }
        ledger.now = Timestamp("2026-02-27")!
        ledger.start("s1", "ann", .small, ttl: .days(30))
        ledger.pass(.hours(36), step: .hours(1))
        var used = seconds(ledger)
        #expect(used == Int64(129_600))
        ledger.pass(.hours(24), step: .hours(1))  // until noon of March 1st
        used = seconds(ledger)
        #expect(used == Int64(43_200))
        ledger.stop("s1")
        used = seconds(ledger)
        #expect(used == Int64(43_200))
        #expect(ledger.problems() == [])
    }

    // MARK: Numbers

    @Test func `no instant that 64 bits hold stops its own printing`() {
        for nanoseconds in [Int64.min, .min + 1, -9_223_372_036_000_000_000, -9_223_300_000_000_000_000, -1, 0, .max] {
            let time = Timestamp(nanoseconds: nanoseconds)
            #expect(!time.description.isEmpty)
            _ = Month(containing: time).start
            _ = Month(containing: time).end
        }
        #expect(Timestamp("-9223372036") == nil && Timestamp("-9223300000") == nil && Timestamp("9223372036") == nil)
        #expect(Timestamp("-9214560000") == Timestamp("1678-01-01"))
        #expect(Timestamp("1678-01-01") == .earliest && Timestamp("2261-12-31T23:59:59.999999999Z")! < .latest)
        #expect(Timestamp.never - .distantPast == TimeSpan(nanoseconds: .max))
        #expect(Timestamp.distantPast - .never == TimeSpan(nanoseconds: .min))
    }

    @Test func `debt ends where an account ends, and the rest stays unposted`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let ceiling = Money(nanos: StateMachine.accountCeiling)
        ledger.price = { query in
            .priced(
                Priced(
                    answer: .tariff(Tariff(rate: Tariff.maximumRate, listRate: Tariff.maximumRate)),
                    rule: RuleIdentity(digest: Digest256(words: .init(a: UInt64(query.rule.code) + 1)))))
        }
        ledger.command(
            .creditGrant(
                CreditGrant(user: ledger.hash("ann"), amount: Money("5000")!, kind: .promo, reason: [])))
        ledger.start("s1", "ann", .gpu, ttl: .days(30))
        #expect(
            ledger.charge("ann", "\(ceiling - Money("1000")! + ledger.account("ann").available)", over: true).event
                != nil)
        #expect(ledger.account("ann").debt == ceiling - Money("1000")!)
        ledger.wait(.days(4))
        ledger.restart(downtime: .days(4))
        ledger.settle()
        ledger.stop("s1")
        #expect(ledger.account("ann").debt <= ceiling)
        #expect(ledger.problems() == [])
    }

    @Test func `a charge source that a hold named is there when it is captured`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "1000")
        var refused = 0
        for n in 0..<1010 {
            let outcome = ledger.command(
                .holdPlace(
                    HoldPlace(
                        user: ledger.hash("ann"), amount: Money("0.01")!, timeToLive: .hours(1),
                        source: ShortText("src\(n)")!)))
            if outcome.event == nil { refused += 1 }
        }
        #expect(refused >= 10)
        #expect(ledger.problems() == [])
    }

    // MARK: Keys and passports

    @Test func `a key remembers a second stop and a record of before`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann")
        ledger.start("s2", "ann")
        ledger.stop("s1")
        func key(_ name: UInt64, _ arguments: UInt64) -> IdempotencyKey {
            IdempotencyKey(scope: Hash128(high: 9, low: name), arguments: Hash128(high: 8, low: arguments))
        }
        let names = ledger.machine.names
        guard case .replayed = ledger.command(.sessionStop(SessionStop(session: names.session("s1"))), key: key(1, 1))
        else {
            Issue.record("not replayed")
            return
        }
        #expect(
            ledger.command(.sessionStop(SessionStop(session: names.session("s2"))), key: key(1, 2)).rejection
                == .keyReused)
        #expect(ledger.session("s2") != nil)
        let record = { (id: ShortText, arguments: UInt64) in
            SessionRecord(
                session: id, user: names.user("ann"), tier: .small, from: Timestamp("1993-10-01")!,
                to: Timestamp("1993-10-02")!, arguments: Hash128(high: 1, low: arguments))
        }
        ledger.command(.sessionRecord(record("r1", 1)))
        guard case .recorded = ledger.command(.sessionRecord(record("r1", 2)), key: key(2, 1)) else {
            Issue.record("not recognised")
            return
        }
        #expect(ledger.command(.sessionRecord(record("r2", 3)), key: key(2, 2)).rejection == .keyReused)
        let last = try! ledger.journal.last!.event()
        guard case .answered(let answered) = last.body else {
            Issue.record("the key was not remembered")
            return
        }
        #expect(answered.recorded == Hash128(high: 1, low: 2))
        #expect(ledger.problems() == [])
    }

    @Test func `a passport issues none that may do more, outlives it or may ask more often, and is replaced once`() {
        var ledger = TestLedger()
        ledger.user("ann")
        func create(
            _ ledger: inout TestLedger, _ id: UInt64, _ permissions: Permissions = [.read, .admin],
            _ scope: Scope = .all,
            expires: Timestamp, rate: UInt32, actor: PassportOrdinal
        ) -> Decided {
            ledger.command(
                .passportCreate(
                    PassportCreate(
                        user: ledger.hash("ann"), id: PassportID(value: id), digest: .zero, lastFour: 0, name: [],
                        permissions: permissions, scope: scope, expires: expires, rate: rate)), actor: actor)
        }
        let soon = ledger.now + .hours(1)
        _ = create(&ledger, 1, expires: soon, rate: 10, actor: .none)
        let actor = PassportOrdinal(0)
        let more = create(&ledger, 2, [.read, .billing], expires: soon, rate: 5, actor: actor)
        #expect(more.rejection?.code == "NOPERM")
        #expect(more.rejection?.text == "a passport cannot issue more than it holds (read,admin, scope all)")
        #expect(create(&ledger, 8, [.admin], .own, expires: soon, rate: 1, actor: .none).event != nil)
        let own = PassportOrdinal(1)
        #expect(create(&ledger, 9, [.admin], .all, expires: soon, rate: 1, actor: own).rejection?.code == "NOPERM")
        #expect(create(&ledger, 9, [.admin], .own, expires: soon, rate: 1, actor: own).event != nil)
        #expect(create(&ledger, 2, expires: .never, rate: 5, actor: actor).rejection?.code == "NOPERM")
        #expect(create(&ledger, 3, expires: soon, rate: 0, actor: actor).rejection?.code == "NOPERM")
        #expect(create(&ledger, 4, expires: soon, rate: 11, actor: actor).rejection?.code == "NOPERM")
        #expect(create(&ledger, 5, expires: soon, rate: 10, actor: actor).event != nil)
        func rotate(_ ledger: inout TestLedger, to id: UInt64) -> Decided {
            ledger.command(
                .passportRotate(
                    PassportRotate(
                        old: PassportID(value: 5), id: PassportID(value: id), digest: .zero, lastFour: 0,
                        overlap: .minutes(10))))
        }
        #expect(rotate(&ledger, to: 6).event != nil)
        #expect(rotate(&ledger, to: 7).rejection?.code == "ERR")
        #expect(ledger.problems() == [])
    }
}
