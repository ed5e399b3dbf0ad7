import LedgerCommands
import LedgerCore
import LedgerRules
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// Storage priced again: back-tests of the rule `storage`.
@Suite(.timeLimit(.minutes(10))) struct StorageTrialTests {
    private static let stepped =
        "return function(t, kind, gb) return { {0, 200000003 + gb * 1000}, {300, 123456789}, {500, 987654321} } end"
    private static let other =
        "return function(t, kind, gb) return { {0, kind == 'bucket' and 300000007 or 77777777 + gb}, {100, 55555555} } end"

    private func test(
        _ t: TestEngine, _ text: RuleText, from: Timestamp = Timestamp("2020-01-01")!, by grouping: PriceGrouping? = nil
    ) throws -> BacktestReport {
        let draft = BacktestDraft(rule: .storage, text: text, from: from, to: .never, grouping: grouping)
        switch t.examine(.backtest(draft)) {
        case .backtested(let report): return report
        case let other: throw Unexpected("\(other)")
        }
    }

    private func lua(_ source: String) -> RuleText { .source(Array(source.utf8)) }

    private func revenue(_ t: TestEngine) throws -> Int128 {
        guard case .books(let rows) = t.read(.books) else { throw Unexpected("no books") }
        return rows.first { $0.account == "revenue:storage_creation" }?.balance ?? 0
    }

    /// Three months of storage of three users. `isPoor`: one of them does not pay for some of it.
    private func live(_ t: TestEngine, seed: UInt64, rule: String, isPoor: Bool) throws {
        var random = SeededGenerator(seed: seed)
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        guard case .accepted = t.load(.storage, rule), case .accepted = t.activate(.storage, 2) else {
            throw Unexpected("no rule")
        }
        let users = ["ada", "bob", "poor"]
        for (index, user) in users.enumerated() {
            try t.accept(t.createUser(user, [.pro, .enterprise, .pro][index]))
            try t.accept(t.purchase(user, isPoor && user == "poor" ? "12.00" : "10000.00"))
        }
        if isPoor {
            try t.accept(.limitSet(LimitSet(type: .pro, limit: .storageDebt, value: 3 * Money.dollar.nanos)))
        }
        for step in 0..<160 {
            t.clock.advance(by: TimeSpan(nanoseconds: number(1...100_000_000_000_000)))
            let user = users[Int(number(0...2))]
            let resource = ShortText("r\(number(0...9))")!
            let name = t.engine.names.resource(resource)
            switch number(0...9) {
            case 0...3:
                _ = t.run(
                    .storageCreate(
                        StorageCreate(
                            user: t.hash(user), resource: resource, kind: number(0...1) == 0 ? .bucket : .filestore,
                            megabytes: number(1...30_000))))
            case 4...6: _ = t.run(.storageResize(StorageResize(resource: name, megabytes: number(1...30_000))))
            case 7: _ = t.run(.storageDelete(StorageDelete(resource: name)))
            case 8:
                _ = t.run(
                    .userSet(UserSet(user: t.hash("ada"), change: .type(number(0...1) == 0 ? .pro : .enterprise))))
            default:
                if isPoor, step % 3 == 0 { _ = t.run(t.purchase("poor", "11.00")) }
            }
        }
        _ = t.work([.barrier])
    }

    @Test(arguments: 0..<6) func `the version that priced gives the books, to the nano`(seed: UInt64) throws {
        let t = try TestEngine()
        defer { t.stop() }
        try live(t, seed: seed, rule: Self.stepped, isPoor: true)
        let report = try test(t, .version(2), by: .tier)
        #expect(report.total.parts > 100 && report.total.unaffected == report.total.parts)
        #expect(report.total.old == report.total.new && report.failures.count == 0)
        #expect(try report.total.old.nanos == revenue(t))
        #expect(report.groups.map(\.name) == ["bucket", "filestore"])
        // From any instant on, though resources were under way then, and their tariffs had steps behind them.
        for day in 1..<60 {
            let part = try test(t, .version(2), from: TestEngine.noon + .days(Int64(day)))
            #expect(part.total.unaffected == part.total.parts, "day \(day)")
        }
    }

    @Test(arguments: 0..<4) func `another price is what a ledger that had it would have charged`(seed: UInt64) throws {
        let (t, there) = (try TestEngine(), try TestEngine())
        defer {
            t.stop()
            there.stop()
        }
        try live(t, seed: seed, rule: Self.stepped, isPoor: false)
        try live(there, seed: seed, rule: Self.other, isPoor: false)
        let report = try test(t, lua(Self.other))
        #expect(report.failures.count == 0)
        #expect(try report.total.new.nanos == revenue(there) && report.total.old.nanos == revenue(t))
        #expect(report.total.difference.nanos != 0)
    }

    @Test func `what was not paid for is not raised, and what stood still costs nothing`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("poor"))
        try t.accept(t.purchase("poor", "10.00"))
        for (name, size) in [("a", Int64(300_000)), ("b", 100_000)] {
            try t.accept(
                .storageCreate(
                    StorageCreate(
                        user: t.hash("poor"), resource: ShortText(name)!, kind: .filestore, megabytes: size)))
        }
        // Some days of credit, then debt, until less of it may be; then nothing for a month and its end, and then it is
        // paid for.
        t.clock.advance(by: .days(6))
        try t.accept(.limitSet(LimitSet(type: .pro, limit: .storageDebt, value: Money.dollar.nanos)))
        t.clock.advance(by: .days(40))
        _ = t.work([.barrier])
        _ = t.run(.storageResize(StorageResize(resource: t.engine.names.resource("a"), megabytes: 200_000)))
        t.clock.advance(by: .days(3))
        try t.accept(t.purchase("poor", "500.00"))
        t.clock.advance(by: .days(9))
        _ = t.work([.barrier])
        let same = try test(t, .version(1))
        #expect(same.total.unaffected == same.total.parts)
        #expect(try same.total.new.nanos == revenue(t))
        let report = try test(t, lua("return function() return 340000000 end"))
        // Twice as much for all but what was cut.
        var (expected, parts, cut, still) = (Int128(0), 0, 0, 0)
        for number in 1...t.engine.durableLSN.value {
            guard let part = try t.event(LSN(number)).priced, let stored = part.stored, let usage = part.usage else {
                continue
            }
            parts += 1
            if stored.isCapped { cut += 1 }
            if part.amount == .zero, usage.through - usage.from > .hours(1) { still += 1 }
            expected += Int128(part.amount.nanos) * (stored.isCapped ? 1 : 2)
        }
        #expect(cut > 0 && still > 0 && parts == report.total.parts)
        #expect(abs(report.total.new.nanos - expected) <= Int128(parts))
    }

    @Test func `a price above every ceiling is a failure, and names the first charge`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10000.00"))
        try t.accept(
            .storageCreate(
                StorageCreate(user: t.hash("ada"), resource: "r", kind: .bucket, megabytes: 500_000)))
        t.clock.advance(by: .days(3))
        _ = t.work([.barrier])
        let report = try test(t, lua("return function() return 10000000000000 end"))
        #expect(report.total.parts == 0 && report.failures.count > 0)
        #expect(report.failures.first?.contains("does not fit") == true)
    }
}
