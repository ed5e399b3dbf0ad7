import LedgerTestKit
import Testing

@testable import LedgerCore

/// A running session changes its tier, or its user another type: a segment ends, the next begins.
@Suite struct SegmentTests {
    /// nano-USD for so many hours of a tier.
    private static func cost(_ type: UserType, _ tier: Tier, hours: Int64) -> Int64 {
        TestLedger.rate(type, tier) * hours
    }

    private func ledger(_ type: UserType = .pro, credit: String = "100") -> TestLedger {
        var ledger = TestLedger()
        ledger.user("ann", type)
        ledger.purchase("ann", credit)
        return ledger
    }

    /// What the session's charges were, by tier, and whether they tile it.
    private func charges(_ ledger: borrowing TestLedger, _ session: ShortText) throws -> [(tier: Tier, nanos: Int64)] {
        var parts: [(tier: Tier, nanos: Int64)] = []
        var end: Timestamp?
        for journaled in ledger.journal {
            let facts = try journaled.event().facts
            guard facts.session == session, let usage = facts.usage else { continue }
            #expect(end == nil || usage.from == end, "a gap at \(usage.from)")
            end = usage.through
            parts.append((usage.tier, usage.amount.nanos))
        }
        return parts
    }

    // MARK: RETIER

    @Test func `a session goes on as another tier from the nanosecond on which that was decided`() throws {
        var ledger = ledger()
        ledger.start("s", "ann", .small, ttl: .days(3))
        ledger.pass(.hours(2))
        let event = try #require(ledger.retier("s", .gpu).event)
        guard case .sessionRetiered(let retiered) = event.body else {
            Issue.record("another event answers")
            return
        }
        #expect(retiered.tier == .gpu && retiered.rate == TestLedger.rate(.pro, .gpu) && retiered.status == .active)
        #expect(retiered.amount.nanos == Self.cost(.pro, .small, hours: 2) && !retiered.posted.isNone)
        #expect(retiered.leaseUntil > event.time && event.after == ledger.account("ann"))
        #expect(ledger.session("s")?.tier == .gpu && ledger.session("s")?.rate == TestLedger.rate(.pro, .gpu))
        let changed = event.asOf
        ledger.pass(.hours(1))
        let stop = try #require(ledger.stop("s").event)
        guard case .sessionClosed(let closed) = stop.body else { return }
        let exact =
            Int128(TestLedger.rate(.pro, .small)) * Int128((changed - closed.started).nanoseconds)
            + Int128(TestLedger.rate(.pro, .gpu)) * Int128((stop.asOf - changed).nanoseconds)
        #expect(closed.total == Rational.halfEven(exact, over: Tariff.hour) && closed.tier == .gpu)
        #expect(try charges(ledger, "s").map(\.tier) == [.small, .gpu])
        #expect(ledger.problems() == [])
    }

    @Test func `a tier that the type may not run, the one it has, and a session that is none are refused`() throws {
        var ledger = ledger(.free)
        ledger.start("s", "ann", .small)
        let before = ledger.journal.count
        #expect(ledger.retier("s", .large).rejection == .limit(.tiers, 3))
        #expect(ledger.retier("s", .small).rejection?.code == "ERR")
        #expect(ledger.retier("x", .medium).rejection == .notFound(.session))
        ledger.priceOfVersion = { _ in .failed("no price") }
        #expect(ledger.retier("s", .medium).rejection == .rule("no price"))
        #expect(ledger.journal.count == before)
        ledger.priceOfVersion = TestLedger.listPrice
        ledger.stop("s")
        #expect(ledger.retier("s", .medium).rejection == .closed(.session))
    }

    @Test func `the version that priced the session is asked, with what is true now, and its lock stays`() throws {
        var ledger = ledger()
        ledger.now = Timestamp("2026-03-03T00:00:00Z")!
        ledger.start("s", "ann", .small, ttl: .days(3))
        ledger.activate(.sessionRuntime, 77, book: dear)
        ledger.pass(.hours(5))
        var asked: [PriceQuestion] = []
        let need = ledger.machine.prepare(
            Request(
                actor: .none,
                command: .sessionRetier(SessionRetier(session: ledger.machine.names.session("s"), tier: .medium))),
            at: ledger.now)
        if case .versions(let questions) = need { asked = questions }
        #expect(asked.map(\.query) == [.sessionRuntime(type: .pro, tier: .medium, secondsThisMonth: 5 * 3600)])
        #expect(asked.first?.rule.digest.words.a == 1)
        ledger.retier("s", .medium)
        ledger.pass(.hours(18))
        #expect(ledger.session("s")?.rate == TestLedger.rate(.pro, .medium))
        ledger.pass(.hours(2))  // the lock that began with the session has ended
        #expect(ledger.session("s")?.rate == 1_000_000_000 && ledger.session("s")?.tier == .medium)
        #expect(ledger.problems() == [])
    }

    private var dear: PriceBook {
        PriceBook(
            rows: TestLedger.book(.sessionRuntime).rows.map {
                PriceBook.Row(
                    query: $0.query, answer: .tariff(Tariff(rate: 1_000_000_000, listRate: 1_000_000_000)))
            })
    }

    @Test func `what a monitored session used is posted in its segments when it is heard`() throws {
        var ledger = ledger()
        ledger.start("s", "ann", .small, ttl: .days(3), heartbeat: .hours(3))
        ledger.pass(.hours(1))
        let event = try #require(ledger.retier("s", .large).event)
        guard case .sessionRetiered(let retiered) = event.body else { return }
        #expect(retiered.posted.isNone && retiered.amount == .zero)
        ledger.pass(.hours(1))
        ledger.retier("s", .gpu)
        #expect(try charges(ledger, "s").isEmpty && ledger.session("s")?.tier == .gpu)
        ledger.pass(.hours(1))
        ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s"))))
        #expect(try charges(ledger, "s").map(\.tier) == [.small, .large])
        ledger.stop("s")
        #expect(try charges(ledger, "s").map(\.tier) == [.small, .large, .gpu])
        #expect(ledger.problems() == [])
    }

    @Test func `a host that was silent since before the change pays nothing of the new tier`() throws {
        var ledger = ledger()
        ledger.start("s", "ann", .small, ttl: .days(3), heartbeat: .hours(1))
        ledger.pass(.hours(1) - .minutes(5))
        ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s"))))
        ledger.pass(.minutes(5))
        ledger.retier("s", .gpu)
        ledger.pass(.hours(2))
        let parts = try charges(ledger, "s")
        #expect(parts.map(\.tier) == [.small] && ledger.session("s") == nil)
        #expect(ledger.problems() == [])
    }

    @Test func `no number of changes makes a silent session grow without end`() throws {
        var ledger = ledger()
        ledger.start("s", "ann", .small, ttl: .days(3), heartbeat: .days(2))
        for index in 0..<200 {
            ledger.pass(.minutes(1))
            #expect(ledger.retier("s", index % 2 == 0 ? .medium : .small).event != nil)
        }
        let slot = try #require(ledger.machine.store.sessions.slots.first { _ in true })
        #expect(ledger.machine.store.sessions[slot].repricings.count <= StateMachine.maximumRepricings)
        ledger.stop("s")
        #expect(ledger.problems() == [])
    }

    // MARK: Funds

    @Test func `a lease that credit does not cover is exhausting, and no change of tier makes its grace longer`() throws
    {
        var ledger = ledger(credit: "10")
        ledger.start("s", "ann", .small, ttl: .days(3))
        ledger.drain("ann")
        let event = try #require(ledger.retier("s", .gpu).event)
        guard case .sessionRetiered(let retiered) = event.body else { return }
        #expect(retiered.status == .exhausting && retiered.deadline > event.time)
        // What was held for ten minutes of `small` lasts for two of `gpu`, and then there is a minute's grace.
        #expect(retiered.deadline - event.time <= .minutes(3) + .seconds(1))
        ledger.advance(to: retiered.deadline - .seconds(30))
        #expect(ledger.session("s")?.status == .exhausting)
        for tier in [Tier.small, .gpu, .large, .gpu] {
            guard case .sessionRetiered(let again)? = ledger.retier("s", tier).event?.body else { return }
            #expect(again.deadline == retiered.deadline)
        }
        ledger.advance(to: retiered.deadline)
        #expect(ledger.session("s") == nil)
        #expect(ledger.account("ann").debt.nanos <= TestLedger.rate(.pro, .gpu) / 60)
        #expect(ledger.problems() == [])
    }

    @Test func `a cheaper tier saves a session that was exhausting`() throws {
        var ledger = ledger(credit: "10")
        ledger.start("s", "ann", .gpu, ttl: .minutes(30))
        ledger.drain("ann")
        ledger.pass(.minutes(10) + .seconds(10))
        #expect(ledger.session("s")?.status == .exhausting)
        ledger.purchase("ann", "10")
        #expect(ledger.session("s")?.status == .active)
        ledger.drain("ann")
        ledger.retier("s", .small)
        #expect(ledger.session("s")?.status == .active)
        #expect(ledger.problems() == [])
    }

    // MARK: Type

    @Test(arguments: [TimeSpan.zero, .minutes(40)])
    func `another type reaches running sessions, those that were free and those past their lock`(
        heartbeat: TimeSpan
    ) throws {
        var ledger = ledger(.admin)
        ledger.start("s", "ann", .large, ttl: .days(30), heartbeat: heartbeat)
        func pass(_ ledger: inout TestLedger, _ minutes: Int64) {
            for _ in 0..<(minutes / 30) {
                ledger.pass(.minutes(30))
                guard heartbeat > .zero else { continue }
                ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s"))))
            }
        }
        pass(&ledger, 50 * 60)
        #expect(ledger.account("ann").available == Money("100")!)
        let event = try #require(ledger.setType("ann", .pro).event)
        #expect(event.after == ledger.account("ann"))
        #expect(ledger.session("s")?.rate == TestLedger.rate(.pro, .large) && ledger.session("s")?.type == .pro)
        pass(&ledger, 30 * 60)
        ledger.setType("ann", .enterprise)
        pass(&ledger, 60)
        let stop = try #require(ledger.stop("s").event)
        guard case .sessionClosed(let closed) = stop.body else { return }
        let expected = Self.cost(.pro, .large, hours: 30) + Self.cost(.enterprise, .large, hours: 1)
        #expect(abs(closed.total.nanos - expected) < 1000 && closed.type == .enterprise)
        #expect(ledger.problems() == [])
    }

    @Test func `a type that may not run what runs is refused, and nothing changes`() throws {
        var ledger = ledger()
        ledger.start("s", "ann", .gpu)
        ledger.start("t", "ann", .small)
        let before = ledger.frames()
        #expect(ledger.setType("ann", .free).rejection == .limit(.tiers, 3))
        ledger.priceOfVersion = { _ in .failed("no price") }
        #expect(ledger.setType("ann", .enterprise).rejection == .rule("no price"))
        #expect(ledger.frames() == before)
    }

    @Test func `more sessions than the new type may have run on`() throws {
        var ledger = ledger()
        for name in ["a", "b", "c", "d"] as [ShortText] { ledger.start(name, "ann", .small) }
        #expect(ledger.setType("ann", .free).event != nil)
        #expect(ledger.session("d")?.rate == TestLedger.rate(.free, .small))
        #expect(ledger.start("e", "ann").rejection == .limit(.sessions, 2))
        #expect(ledger.problems() == [])
    }

    @Test func `a thousand sessions change in one group, or none of them`() throws {
        var ledger = ledger(.admin, credit: "5000")
        for index in 0..<1000 {
            ledger.start(ShortText("s\(index)")!, "ann", Tier.allCases[index % 4], ttl: .days(2))
        }
        ledger.pass(.hours(1), step: .hours(1))
        let before = ledger.frames()
        ledger.machine.groupLimit = 60 << 10
        #expect(ledger.setType("ann", .enterprise).rejection?.code == "ERR")
        #expect(ledger.frames() == before)
        ledger.machine.groupLimit = 900 << 10
        let count = ledger.journal.count
        let event = try #require(ledger.setType("ann", .enterprise).event)
        let group = try ledger.journal[count...].map { try $0.event() }
        #expect(group.count == 1001 && group.allSatisfy { $0.group == event.group } && event.isLastOfGroup)
        #expect(group.reduce(0) { $0 + ($1.facts.charge == nil ? 0 : 1) } == 1000)
        #expect(ledger.session("s7")?.rate == TestLedger.rate(.enterprise, .gpu))
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [TimeSpan.zero, .hours(2)])
    func `a dearer segment and what is held for it are one event, which holds no more than a lease`(
        heartbeat: TimeSpan
    ) throws {
        var ledger = ledger(.enterprise)
        ledger.start("s", "ann", .large, ttl: .days(2), heartbeat: heartbeat)
        ledger.pass(.minutes(7))
        let held = ledger.account("ann").held
        let count = ledger.journal.count
        let event = try #require(ledger.setType("ann", .pro).event)
        let group = try ledger.journal[count...].map { try $0.event() }
        var lease: Lease?
        switch group[0].body {
        case .sessionPosted(let posted): lease = posted.next?.lease
        case .sessionRepriced(let repriced): lease = repriced.next.lease
        default: break
        }
        let taken = try #require(lease)
        #expect(group.count == 2 && taken.added > .zero && ledger.session("s")?.status == .active)
        #expect(ledger.session("s")?.leaseUntil == taken.until && taken.until > event.asOf)
        let used = group[0].facts.charge?.amount ?? .zero
        #expect(event.after.held == held - used + taken.added)
        let started = try #require(ledger.session("s")?.started)
        let exact =
            Int128(TestLedger.rate(.enterprise, .large)) * Int128((group[0].asOf - started).nanoseconds)
            + Int128(TestLedger.rate(.pro, .large)) * Int128((taken.until - group[0].asOf).nanoseconds)
        #expect(event.after.held + used == Rational.up(exact, over: Tariff.hour))
        #expect(ledger.problems() == [])
    }

    @Test func `a dearer type is held for as far as a cap leaves room, and the rest is exhausting`() throws {
        var ledger = ledger(.enterprise, credit: "1000")
        for index in 0..<40 { ledger.start(ShortText("s\(index)")!, "ann", .gpu, ttl: .days(2)) }
        ledger.pass(.minutes(7))
        let spent = ledger.machine.spent(of: ledger.machine.lookUp(user: ledger.hash("ann"))!, .day, at: ledger.now)
        let perSession = Money(nanos: spent.nanos / 40)
        // Room for some of them: what is held already, and the like again for ten.
        let cap = spent + Money(nanos: perSession.nanos * 10)
        ledger.command(.userLimitSet(UserLimitSet(user: ledger.hash("ann"), period: .day, value: cap.nanos)))
        let count = ledger.journal.count
        try #require(ledger.setType("ann", .pro).event)
        var (leased, exhausting) = (0, 0)
        for event in try ledger.journal[count...].map({ try $0.event() }) {
            switch event.body {
            case .sessionPosted(let posted): leased += posted.next?.lease == nil ? 0 : 1
            case .sessionExhausting: exhausting += 1
            default: break
            }
        }
        #expect(leased > 0 && exhausting > 0 && leased + exhausting == 40)
        let user = ledger.machine.lookUp(user: ledger.hash("ann"))!
        #expect(ledger.machine.spent(of: user, .day, at: ledger.now) <= cap)
        #expect(ledger.problems() == [])
    }

    @Test func `what is available behind each event counts all that the other sessions have used`() throws {
        var ledger = ledger(.enterprise, credit: "10")
        for index in 0..<40 { ledger.start(ShortText("s\(index)")!, "ann", .gpu, ttl: .days(2)) }
        // Into the grace of those whose credit is used up.
        while ledger.account("ann").available >= .zero { ledger.pass(.seconds(20)) }
        let before = ledger.account("ann").available - ledger.account("ann").debt
        let count = ledger.journal.count
        try #require(ledger.setType("ann", .admin).event)
        let group = try ledger.journal[count...].map { try $0.event() }
        #expect(group.count > 40)
        // What was used beyond all credit was missing before it was posted, and is owed behind it.
        for event in group where event.facts.charge != nil {
            #expect(event.after.available - event.after.debt == before)
        }
        #expect(ledger.problems() == [])
    }

    @Test func `running storage is priced anew, whatever sizes there are`() throws {
        var ledger = ledger(.admin)
        ledger.price = Self.byVolume
        ledger.priceOfVersion = { question in
            guard case .priced(var priced) = Self.byVolume(question.query) else { return .none }
            priced.rule = question.rule
            return .priced(priced)
        }
        for index in 1...100 {
            ledger.command(
                .storageCreate(
                    StorageCreate(
                        user: ledger.hash("ann"), resource: ShortText("r\(index)")!,
                        kind: index % 10 == 0 ? .filestore : .bucket, megabytes: Int64(index) * 1000)))
        }
        ledger.pass(.hours(3), step: .hours(1))
        let need = ledger.machine.prepare(
            Request(actor: .none, command: .userSet(UserSet(user: ledger.hash("ann"), change: .type(.enterprise)))),
            at: ledger.now)
        guard case .versions(let questions) = need else { return }
        #expect(questions.count <= StateMachine.maximumQuestions && questions.count > 30)
        #expect(ledger.setType("ann", .enterprise).event != nil)
        guard
            case .resources(let rows, _) = ledger.machine.read(
                .resources(user: ledger.hash("ann"), Page(count: 200)), at: ledger.now)
        else { return }
        #expect(rows.count == 100)
        for row in rows {
            // As enterprise a GB costs a tenth, and something more for each GB that there is.
            let size = row.megabytes / 1000
            #expect(row.rate >= 2_000_000 + (size - 4) && row.rate <= 2_000_000 + size, "\(row.resource): \(row.rate)")
        }
        #expect(ledger.problems() == [])
    }

    private static func byVolume(_ query: PriceQuery) -> PriceInput {
        guard case .storage(let type, _, let megabytes) = query else { return TestLedger.listPrice(query) }
        let rate = (type == .enterprise ? 2_000_000 : 20_000_000) + megabytes / 1000
        return .priced(
            Priced(
                answer: .tariff(Tariff(rate: rate, listRate: rate)),
                rule: RuleIdentity(digest: Digest256(words: .init(a: 2)))))
    }
}
