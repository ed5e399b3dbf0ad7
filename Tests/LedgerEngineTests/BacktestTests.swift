import LedgerCommands
import LedgerCore
import LedgerRules
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct BacktestTests {
    private static let longAgo = Timestamp("2020-01-01T00:00:00Z")!
    private static let stepped =
        "return function(t, tier, seconds) return { {0, 51234567 + seconds % 1000}, {3, 12345678} } end"

    private func test(
        _ t: TestEngine, _ text: RuleText, from: Timestamp = longAgo, to: Timestamp = .never,
        by grouping: PriceGrouping? = nil, count: Int = 10
    ) throws -> BacktestReport {
        try test(t, .sessionRuntime, text, from: from, to: to, by: grouping, count: count)
    }

    private func test(
        _ t: TestEngine, _ rule: RuleName, _ text: RuleText, from: Timestamp = longAgo,
        to: Timestamp = .never, by grouping: PriceGrouping? = nil, count: Int = 10
    ) throws -> BacktestReport {
        let draft = BacktestDraft(rule: rule, text: text, from: from, to: to, grouping: grouping, count: count)
        switch t.examine(.backtest(draft)) {
        case .backtested(let report): return report
        case let other: throw Unexpected("\(other)")
        }
    }

    private func refusal(
        _ t: TestEngine, _ rule: RuleName, _ text: RuleText, from: Timestamp = longAgo,
        to: Timestamp = .never
    ) -> String? {
        guard case .refused(let why) = t.examine(.backtest(BacktestDraft(rule: rule, text: text, from: from, to: to)))
        else { return nil }
        return why.text
    }

    private func lua(_ source: String) -> RuleText { .source(Array(source.utf8)) }

    private func revenue(_ t: TestEngine, _ account: String) throws -> Int128 {
        guard case .books(let rows) = t.read(.books) else { throw Unexpected("no books") }
        return rows.first { $0.account == account }?.balance ?? 0
    }

    private func events(_ t: TestEngine) throws -> [Event] {
        try (1...t.engine.durableLSN.value).map { try t.event(LSN($0)) }
    }

    /// Some weeks of sessions of every kind, priced by one version from the first to the last.
    private func live(_ t: TestEngine, seed: UInt64, steps: Int = 300, rule: String = stepped) throws {
        var random = SeededGenerator(seed: seed)
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        guard case .accepted = t.load(.sessionRuntime, rule), case .accepted = t.activate(.sessionRuntime, 2) else {
            throw Unexpected("no rule")
        }
        let users = ["ada", "bob", "cleo"]
        for (index, user) in users.enumerated() {
            try t.accept(t.createUser(user, [.pro, .enterprise, .pro][index]))
            try t.accept(t.purchase(user, "300.00"))
        }
        var sessions: [ShortText] = []
        for step in 0..<steps {
            t.clock.advance(by: TimeSpan(nanoseconds: number(1...9_000_000_000_000)))
            let user = users[Int(number(0...2))]
            let name = ShortText("s\(step)")!
            let tier = Tier.allCases[Int(number(0...3))]
            let some =
                sessions.isEmpty
                ? Hash128.zero : t.engine.names.session(sessions[Int(number(0...Int64(sessions.count - 1)))])
            switch number(0...7) {
            case 0, 1:
                let start = SessionStart(
                    user: t.hash(user), session: name, tier: tier, timeToLive: .hours(number(1...200)),
                    heartbeat: number(0...3) == 0 ? .hours(30) : .zero)
                if case .accepted = t.run(.sessionStart(start)) { sessions.append(name) }
            case 2, 3: _ = t.run(.sessionStop(SessionStop(session: some)))
            case 4: _ = t.run(.sessionRetier(SessionRetier(session: some, tier: tier)))
            case 5: _ = t.run(.sessionHeartbeat(SessionHeartbeat(session: some)))
            case 6:
                _ = t.run(
                    .userSet(UserSet(user: t.hash(user), change: .type(number(0...1) == 0 ? .pro : .enterprise))))
            default:
                _ = t.run(
                    .sessionRecord(
                        SessionRecord(
                            session: name, user: t.hash(user), tier: tier,
                            from: t.clock.now() - TimeSpan(nanoseconds: number(0...90_000_000_000_000)),
                            to: t.clock.now(), arguments: .zero)))
            }
        }
        _ = t.work([.barrier])
    }

    // MARK: What it finds

    @Test(arguments: 0..<4) func `the version that priced gives the books, to the nano`(seed: UInt64) throws {
        let t = try TestEngine()
        defer { t.stop() }
        try live(t, seed: seed)
        let report = try test(t, .version(2))
        #expect(report.total.parts > 50 && report.total.unaffected == report.total.parts)
        #expect(report.total.old == report.total.new && report.failures.count == 0)
        #expect(try report.total.old.nanos == revenue(t, "revenue:session_runtime"))
        let charged = try events(t).compactMap(\.facts.charge).filter { $0.source == "session_runtime" }
        #expect(charged.count == report.total.parts)
        #expect(charged.reduce(Int128(0)) { $0 + Int128($1.amount.nanos) } == report.total.old.nanos)
        // From any instant on, though sessions were under way then.
        for day in 1..<20 {
            let part = try? test(t, .version(2), from: TestEngine.noon + .days(Int64(day)))
            #expect(part.map { $0.total.unaffected == $0.total.parts } ?? true)
        }
    }

    @Test(arguments: 0..<4) func `another price is what whole sessions cost at it`(seed: UInt64) throws {
        let t = try TestEngine()
        defer { t.stop() }
        try live(t, seed: seed)
        // Those that run still are in the journal in part only.
        t.clock.advance(by: .days(40))
        _ = t.work([.barrier])
        let rate: Int64 = 123_456_789
        let report = try test(t, lua("return function() return \(rate) end"))
        var expected = Int128(0)
        for event in try events(t) {
            let span: TimeSpan
            switch event.body {
            case .sessionClosed(let it) where it.isCharge: span = it.usage.through - it.started
            case .sessionRecorded(let it): span = it.usage.through - it.usage.from
            default: continue
            }
            expected += Int128(
                Rational.halfEven(Int128(rate) * Int128(span.nanoseconds), over: Tariff.hour)!.nanos)
        }
        #expect(report.total.new.nanos == expected)
        #expect(report.total.difference.nanos == report.total.new.nanos - report.total.old.nanos)
        #expect(report.total.parts == report.total.unaffected + report.total.higher + report.total.lower)
    }

    @Test func `groups sum up to the whole, and the users hit hardest come first`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try live(t, seed: 9)
        let rule = lua(
            "return function(t, tier, s) return t == 'pro' and 90000000 or tier == 'gpu' and 10 or 40000000 end")
        let whole = try test(t, rule).total
        for grouping in PriceGrouping.allCases {
            let groups = try test(t, rule, by: grouping).groups
            #expect(groups.reduce(0) { $0 + $1.tally.parts } == whole.parts, "\(grouping)")
            #expect(groups.reduce(Int128(0)) { $0 + $1.tally.new.nanos } == whole.new.nanos, "\(grouping)")
            #expect(groups.reduce(0) { $0 + $1.tally.unaffected } == whole.unaffected, "\(grouping)")
        }
        #expect(try test(t, rule, by: .type).groups.map(\.name) == ["pro", "enterprise"])
        #expect(try test(t, rule, by: .tier).groups.map(\.name) == ["small", "medium", "large", "gpu"])
        let users = try test(t, rule, by: .user).groups
        #expect(Set(users.map(\.name)) == ["ada", "bob", "cleo"])
        #expect(users.map(\.tally.difference.nanos) == users.map(\.tally.difference.nanos).sorted(by: >))
        let worst = try test(t, rule, by: .user, count: 1).groups
        #expect(worst.map(\.name) == [users[0].name] && worst[0].tally == users[0].tally)
    }

    @Test func `what began before, or later, does not count`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        let now = t.clock.now()
        for hour in 1...10 {
            try t.accept(
                .sessionRecord(
                    SessionRecord(
                        session: ShortText("r\(hour)")!, user: t.hash("ada"), tier: .small,
                        from: now - .hours(Int64(hour)), to: now - .hours(Int64(hour)) + .minutes(30),
                        arguments: .zero)))
        }
        let free = lua("return function() return 0 end")
        #expect(try test(t, free).total.parts == 10)
        #expect(try test(t, free, from: now - .hours(4)).total.parts == 4)
        #expect(try test(t, free, from: now - .hours(4), to: now - .hours(2)).total.parts == 2)
        #expect(try test(t, free, to: now - .hours(9)).total.parts == 1)
        let half = try test(t, lua("return function() return usd'0.0125' end")).total
        #expect(half.new.nanos * 2 == half.old.nanos && half.lower == 10)
        #expect(
            refusal(t, .sessionRuntime, free, to: Self.longAgo + .days(1))?.hasPrefix(
                "nothing that session_runtime priced") == true)
        #expect(refusal(t, .spacePurchase, lua("return function(t, s, p) return p end")) != nil)
        #expect(refusal(t, .sessionRuntime, .version(7)) == "no such rule version")
        #expect(refusal(t, .sessionRuntime, lua("return 1"))?.contains("the source must end with") == true)
    }

    @Test func `spaces, meters and bonuses are priced again by what they were asked`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        guard case .accepted = t.load(.purchaseBonus, "return function(t, amount) return amount // 10 end"),
            case .accepted = t.activate(.purchaseBonus, 1)
        else { throw Unexpected("no bonus") }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "100.00"))
        try t.accept(.meterAdd(MeterAdd(name: "calls", unit: "calls")))
        guard case .accepted = t.load(.meter("calls"), "return function(t, n, before) return n * 1000 + before end"),
            case .accepted = t.activate(.meter("calls"), 1)
        else { throw Unexpected("no meter") }
        for number in 1...5 {
            try t.accept(
                .usageRecord(
                    UsageRecord(
                        id: ShortText("u\(number)")!, user: t.hash("ada"), meter: "calls",
                        billionths: 3_000_000_000, arguments: .zero)))
        }
        for (index, space) in ["web-dev", "web-dev", "research"].enumerated() {
            try t.accept(
                .spacePurchase(
                    SpacePurchase(
                        user: t.hash("ada"), space: ShortText(space)!, workspace: "w",
                        instance: ShortText("i\(index)")!)))
        }
        let spaces = try test(
            t, .spacePurchase, lua("return function(t, s, price) return price + 1 end"), by: .tier)
        #expect(spaces.groups.map(\.name) == ["research", "web-dev"] && spaces.total.difference.nanos == 3)
        #expect(try test(t, .meter("calls"), .version(1)).total.difference.nanos == 0)
        let calls = try test(t, .meter("calls"), lua("return function(t, n) return n * 1000 end")).total
        // before: 0, 3, 6, 9, 12
        #expect(calls.difference.nanos == -30 && calls.unaffected == 1)
        let bonus = try test(t, .purchaseBonus, lua("return function(t, amount) return amount // 5 end")).total
        #expect(bonus.old.nanos == 10_000_000_000 && bonus.new.nanos == 20_000_000_000)
    }

    // MARK: Rules that fail

    @Test func `parts that a rule fails to price are counted apart, and the first is named`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try live(t, seed: 5)
        let whole = try test(t, .version(2), by: .tier)
        let gpu = try #require(whole.groups.first { $0.name == "gpu" }).tally
        for (source, why) in [
            ("error('no gpu')", "no gpu"), ("while true do end", "still running"), ("return 0.5", "the float 0.5"),
            ("local s = 'x' while true do s = s .. s end", "out of memory"),
        ] {
            let report = try test(
                t, lua("return function(t, tier) if tier == 'gpu' then \(source) end return 51234567 end"))
            #expect(report.failures.count == gpu.parts && report.failures.amount == gpu.old, "\(source)")
            #expect(report.total.parts == whole.total.parts - gpu.parts, "\(source)")
            let first = try #require(report.failures.first)
            #expect(first.hasPrefix("c_") && first.contains(why) && first.contains("session_runtime("), "\(first)")
        }
    }

    @Test func `a rule that runs away for every session is not run for all of them`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        let now = t.clock.now()
        let commands = (0..<400).map { number in
            Command.sessionRecord(
                SessionRecord(
                    session: ShortText("r\(number)")!, user: t.hash("ada"), tier: .small, from: now - .hours(1),
                    to: now - .minutes(1), arguments: .zero)
            ).item(t.adminOrdinal)
        }
        _ = t.work(commands)
        // Each was asked about another number of seconds.
        let report = try test(t, lua("return function(t, tier, s) while s >= 0 do end end"))
        #expect(report.total.parts == 0 && report.failures.count == 400)
    }

    // MARK: Who waits

    @Test func `one whose asker has gone is given up, and so is one that the engine's end finds`() throws {
        let t = try TestEngine()
        try live(t, seed: 6, steps: 40)
        let asker = Asker()
        asker.leave()
        let draft = BacktestDraft(rule: .sessionRuntime, text: .version(2), from: Self.longAgo, to: .never)
        let verdict = Box<RuleVerdict?>(nil)
        let accepted = t.engine.examine(.backtest(draft), for: asker) { verdict.set($0) }
        #expect(accepted && holdsInTime { verdict.get() != nil })
        guard case .refused(.busy) = verdict.get() else { throw Unexpected("it was run") }
        // And where commands were to be decided anew.
        verdict.set(nil)
        var anew = draft
        anew.admits = true
        #expect(t.engine.examine(.backtest(anew), for: asker) { verdict.set($0) })
        #expect(holdsInTime { verdict.get() != nil })
        guard case .refused(.busy) = verdict.get() else { throw Unexpected("it was run") }
        let answered = Box(0)
        for _ in 0..<4 { _ = t.engine.examine(.backtest(draft)) { _ in answered.update { $0 += 1 } } }
        let before = answered.get()
        t.stop()
        #expect(answered.get() >= before)
        guard case .refused(.busy) = t.examine(.backtest(draft)) else { throw Unexpected("it is closed") }
    }

    @Test func `a full queue says no`() throws {
        let t = try TestEngine { $0.backtestCapacity = 0 }
        defer { t.stop() }
        guard
            case .refused(.busy) = t.examine(
                .backtest(BacktestDraft(rule: .sessionRuntime, text: .version(1), from: Self.longAgo, to: .never)))
        else { throw Unexpected("it was not busy") }
    }

    // MARK: What is priced

    @Test func `what an event says was priced is what it says was charged`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try live(t, seed: 7)
        var priced = 0
        for event in try events(t) {
            var reader = PartOf()
            let part = event.body.visit(&reader)
            let charge = event.facts.charge
            if let part, part.pricing.query.rule != .purchaseBonus {
                #expect(part.amount == charge?.amount && part.pricing == charge?.pricing)
                priced += 1
            } else if part == nil {
                #expect(charge?.pricing == nil)
            }
        }
        #expect(priced > 50)
    }

    private struct PartOf: EventVisitor {
        mutating func visit<E: EventType>(_ event: borrowing E) -> PricedPart? {
            E.isPriced ? event.priced : nil
        }
    }
}
