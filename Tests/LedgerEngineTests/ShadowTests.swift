import LedgerCommands
import LedgerCore
import LedgerRules
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(5))) struct ShadowTests {
    private let dearer = "return function(t, tier) return tier == 'small' and usd'0.05' or usd'0.0375' end"

    private func version(_ t: TestEngine, _ source: String, _ rule: RuleName = .sessionRuntime) throws -> UInt32 {
        guard case .accepted(let event) = t.load(rule, source), case .ruleLoaded = event.body else {
            throw Unexpected("not loaded")
        }
        guard case .rules(let rows) = t.read(.rules) else { throw Unexpected("no rules") }
        return rows.filter { $0.name == rule }.map(\.version).max()!
    }

    private func begin(
        _ t: TestEngine, _ version: UInt32, _ rule: RuleName = .sessionRuntime, for span: TimeSpan? = nil
    ) throws -> ShadowReport {
        switch t.examine(.shadow(rule, version: version, for: span)) {
        case .shadow(let report): return report
        case let other: throw Unexpected("\(other)")
        }
    }

    private func report(_ t: TestEngine, _ rule: RuleName = .sessionRuntime) -> ShadowReport? {
        guard case .shadow(let report) = t.examine(.shadowReport(rule)) else { return nil }
        return report
    }

    /// What it has found when it has seen everything.
    private func settled(_ t: TestEngine, _ rule: RuleName = .sessionRuntime) throws -> ShadowReport {
        let last = t.engine.durableLSN
        #expect(holdsInTime { report(t, rule)?.through == last })
        return try #require(report(t, rule))
    }

    private func record(_ t: TestEngine, _ user: String, _ number: Int, _ tier: Tier = .small) throws {
        try t.accept(
            .sessionRecord(
                SessionRecord(
                    session: ShortText("r\(number)")!, user: t.hash(user), tier: tier,
                    from: t.clock.now() - .hours(2), to: t.clock.now() - .hours(1), arguments: .zero)))
    }

    @Test func `a shadow says what it would have charged, from its beginning on, and moves nothing`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.createUser("bob"))
        try record(t, "ada", 0)
        let other = try version(t, dearer)
        let begun = try begin(t, other)
        #expect(begun.version == other && !begun.isOver && begun.total.parts == 0 && begun.until == .never)
        for number in 1...10 { try record(t, "ada", number) }
        for number in 11...20 { try record(t, "ada", number, .medium) }
        for number in 21...22 { try record(t, "bob", number) }
        let found = try settled(t)
        // Small is 0.025 for these users, medium 0.0375.
        #expect(found.total.parts == 22 && found.total.unaffected == 10 && found.total.higher == 12)
        #expect(found.total.difference == MoneySum(nanos: 12 * 25_000_000))
        #expect(found.median == 1000 && found.high == 1000)
        #expect(found.worstUser == "ada" && found.worstDifference == MoneySum(nanos: 10 * 25_000_000))
        #expect(try t.user("bob").account.debt == Money("0.075")! - Money("0.025")!)
        // It shows in INFO like every follower.
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        #expect(info.followers.map(\.name) == ["shadow1_session_runtime"])
        #expect(info.followers[0].failures == 0)
    }

    @Test func `what runs was begun before, and its parts are counted all the same`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "100.00"))
        try t.accept(.sessionStart(SessionStart(user: t.hash("ada"), session: "s", tier: .small, timeToLive: .days(9))))
        t.clock.advance(by: .days(2))
        _ = t.work([.barrier])
        _ = try begin(t, try version(t, "return function() return { {0, 1000000}, {48, 3600000} } end"))
        t.clock.advance(by: .days(2))
        try t.accept(.sessionStop(SessionStop(session: t.engine.names.session("s"))))
        let found = try settled(t)
        // From the last posting before on at the first step's price, from hour 48 on at the other.
        let posted = found.total
        #expect(posted.lower >= 2 && posted.higher == 0)
        #expect(posted.new.nanos >= 48 * 3_600_000 && posted.new.nanos < 48 * 3_600_000 + 24 * 1_000_000)
    }

    @Test func `a shadow that errs, or runs away, is counted and never touches the real price`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        let hostile = try version(
            t, "return function(t, tier) if tier == 'gpu' then while true do end end error('never') end")
        _ = try begin(t, hostile)
        for number in 0..<300 { try record(t, "ada", number, number % 2 == 0 ? .gpu : .small) }
        let found = try settled(t)
        #expect(found.total.parts == 0 && found.failures.count == 300)
        #expect(found.failures.amount.nanos == 150 * 125_000_000 + 150 * 25_000_000)
        #expect(found.failures.first?.contains("still running") == true)
        #expect(try t.user("ada").account.debt == Money(nanos: 150 * 125_000_000 + 150 * 25_000_000))
    }

    @Test func `there is one for each rule, until it is ended or its time is over`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "100.00"))
        let other = try version(t, dearer)
        #expect(report(t) == nil)
        _ = try begin(t, other, for: .hours(1))
        guard case .refused(.invalid(let text)) = t.examine(.shadow(.sessionRuntime, version: 1, for: nil)) else {
            throw Unexpected("a second one")
        }
        #expect(text.contains("version 2 shadows session_runtime already"))
        guard case .refused(.notFound(.rule)) = t.examine(.shadow(.spacePurchase, version: 9, for: nil)) else {
            throw Unexpected("version 9")
        }
        let spaces = try version(t, "return function(t, s, price) return price * 2 end", .spacePurchase)
        _ = try begin(t, spaces, .spacePurchase)
        try record(t, "ada", 1)
        try t.accept(
            .spacePurchase(SpacePurchase(user: t.hash("ada"), space: "web-dev", workspace: "w", instance: "i")))
        #expect(try settled(t).total.parts == 1)
        #expect(try settled(t, .spacePurchase).total.difference == MoneySum(nanos: 2_000_000_000))
        t.clock.advance(by: .hours(2))
        try record(t, "ada", 2)
        let over = try settled(t)
        #expect(over.total.parts == 1 && over.isOver)
        guard case .shadow(let last) = t.examine(.shadowEnd(.sessionRuntime)) else { throw Unexpected("not ended") }
        #expect(last.total == over.total)
        guard case .refused(.invalid) = t.examine(.shadowEnd(.sessionRuntime)) else { throw Unexpected("ended twice") }
        // And another begins with nothing.
        #expect(try begin(t, other).total.parts == 0)
    }

    private func followers(_ t: TestEngine) throws -> [String] {
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        return info.followers.map(\.name)
    }

    @Test func `one whose time is over looks at no event more, and gives way to another`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        let other = try version(t, dearer)
        _ = try begin(t, other, for: .hours(1))
        try record(t, "ada", 1)
        #expect(try settled(t).total.parts == 1)
        #expect(try followers(t) == ["shadow1_session_runtime"])
        t.clock.advance(by: .hours(2))
        try record(t, "ada", 2)
        #expect(try holdsInTime { try followers(t).isEmpty })
        let over = try #require(report(t))
        #expect(over.isOver && over.total.parts == 1)
        try record(t, "ada", 3)
        let next = try begin(t, 1, for: .hours(1))
        #expect(next.version == 1 && !next.isOver && next.total.parts == 0)
        #expect(try followers(t) == ["shadow2_session_runtime"])
        // Also where nothing has happened since its time was over.
        t.clock.advance(by: .hours(2))
        #expect(report(t)?.isOver == true)
        #expect(try begin(t, other).version == other)
        #expect(try followers(t) == ["shadow3_session_runtime"])
        try record(t, "ada", 4)
        #expect(try settled(t).total.parts == 1)
    }

    @Test func `of sixteen the one that was over first gives way`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let rules = try (0...Shadows.most).map { number in
            let meter = ShortText("m\(number)")!
            try t.accept(.meterAdd(MeterAdd(name: meter, unit: "x")))
            let rule = RuleName.meter(meter)
            #expect(try version(t, "return function() return usd'1' end", rule) == 1)
            return rule
        }
        for (hours, rule) in rules.dropLast().enumerated() { _ = try begin(t, 1, rule, for: .hours(Int64(hours + 1))) }
        guard case .refused(.invalid(let text)) = t.examine(.shadow(rules[16], version: 1, for: nil)) else {
            throw Unexpected("a seventeenth")
        }
        #expect(text == "16 rules are shadowed already")
        t.clock.advance(by: .minutes(150))
        _ = try begin(t, 1, rules[16])
        #expect(report(t, rules[0]) == nil && report(t, rules[1])?.isOver == true && report(t, rules[2]) != nil)
    }

    @Test func `percentiles are those of the sorted changes`() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<50 {
            var changes = RelativeChanges()
            var sorted: [Int] = []
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                let old = Int64.random(in: 1...5000, using: &random)
                let new = Int64.random(in: 0...80_000, using: &random)
                changes.add(Money(nanos: old), Money(nanos: new))
                sorted.append(min(Int((new - old) * 1000 / old), RelativeChanges.highest))
            }
            sorted.sort()
            for percent in [1, 50, 95, 100] {
                #expect(changes.percentile(percent) == sorted[max((sorted.count * percent + 99) / 100, 1) - 1])
            }
        }
        var changes = RelativeChanges()
        #expect(changes.percentile(50) == 0)
        changes.add(.zero, .zero)
        #expect(changes.percentile(50) == 0)
        changes.add(.zero, .dollar)
        #expect(changes.percentile(95) == RelativeChanges.highest)
        changes.add(.max, .zero)
        #expect(changes.percentile(1) == RelativeChanges.lowest)
    }
}
