import Glibc
import LedgerCore
import LedgerEngine
import LedgerReplay
import LedgerRules
import LedgerServer
import RESP
import Testing

@Suite(.timeLimit(.minutes(10))) struct ReplayTests {
    private static let seeds = getenv("FLORIN_REPLAY_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 4

    private func expectEqual(_ report: ReplayReport, _ place: SourceLocation = #_sourceLocation) {
        #expect(report.refusals.first == [], sourceLocation: place)
        #expect(report.unplayed == [:], sourceLocation: place)
        #expect(report.firstDeviation == nil, sourceLocation: place)
        #expect(report.comparison?.differences.first == [], sourceLocation: place)
        #expect(report.isDriven && report.isEqual, sourceLocation: place)
    }

    /// Half of the time on a ledger that goes by a machine's clock. It is stopped and started again on the way.
    private func month(seed: UInt64, steps: Int) async throws -> MemoryDisk {
        let disk = MemoryDisk()
        let isDriven = seed % 2 == 0
        var ledger = try await Ledger(disk: disk, isDriven: isDriven)
        var traffic = RandomTraffic(ledger, seed: seed, isDriven: isDriven)
        try await traffic.prepare()
        for step in 0..<steps {
            if step == steps / 2 {
                await ledger.stop()
                let pause = TimeSpan.minutes(isDriven ? 0 : 7)
                ledger = try await Ledger(
                    disk: disk, at: traffic.now + pause, isDriven: isDriven, secret: ledger.secret)
                traffic.go(on: ledger)
            }
            try await traffic.step()
        }
        await ledger.stop()
        return disk
    }

    @Test(arguments: 1...seeds)
    func `a random month comes to the same books and balances`(seed: UInt64) async throws {
        let disk = try await month(seed: seed, steps: 600)
        let ledger = try await Ledger.new()
        let report = try await ledger.replay(disk)
        await ledger.stop()
        expectEqual(report)
        #expect(report.timerGroups > 0 && report.starts > 0 && report.remembered > 0)
        #expect(report.beginnings == [])
    }

    @Test func `what many clients asked at once comes to the same`() async throws {
        let disk = MemoryDisk()
        let recorded = try await Ledger(disk: disk)
        var first = RandomTraffic(recorded, seed: 9)
        try await first.prepare()
        try await first.fromManyClients(of: recorded)
        await recorded.stop()
        let ledger = try await Ledger.new()
        let report = try await ledger.replay(disk)
        await ledger.stop()
        expectEqual(report)
    }

    @Test func `every kind of event can be replayed`() async throws {
        let disk = MemoryDisk()
        let recorded = try await Ledger(disk: disk)
        try await EveryKind.happens(on: recorded)
        await recorded.stop()
        let ledger = try await Ledger.new()
        let report = try await ledger.replay(disk)
        await ledger.stop()
        expectEqual(report)
        let kinds = try Ledger.kinds(on: disk)
        #expect(Set(EventCode.allCases).subtracting(kinds) == [])
    }

    @Test func `passports act for themselves, and what they are asked by is written anew`() async throws {
        let disk = MemoryDisk()
        let recorded = try await Ledger(disk: disk)
        try await recorded.must(
            "AUTH \(recorded.secret)", "USER CREATE ada@b.example ID ada NAME Ada PERSON p1",
            "CREDIT PURCHASE ada 20 card")
        let made = try await recorded.ask("PASSPORT CREATE ada laptop read,write,billing SCOPE all CAP_DAY 2")
        try await recorded.must(
            "AUTH \(made["secret"]?.string ?? "")", "CREDIT CHARGE ada 1.5 api DESCRIPTION calls KEY k1 LABELS team=ml",
            "AUTH \(recorded.secret)", "PASSPORT SET \(made["passport"]?.string ?? "") CAP_DAY 3")
        await recorded.stop()
        let ledger = try await Ledger.new()
        let report = try await ledger.replay(disk)
        expectEqual(report)
        let rows = try await ledger.ask("PASSPORT LIST ada").elements?.last?.elements ?? []
        #expect(rows.map { $0["spent_day"]?.string } == ["1.50"] && rows.map { $0["cap_day"]?.string } == ["3.00"])
        let user = try await ledger.ask("USER GET ada")
        #expect(user["email"]?.string?.hasSuffix("@replay.example") == true)
        #expect(user["name"]?.string == "rep")
        let history = try await ledger.ask("CREDIT HISTORY ada COUNT 1").elements?.last?.elements ?? []
        #expect(history.first?["labels"]?["team"]?.string == "ml")
        await ledger.stop()
    }

    @Test func `a ledger that goes by its own time gets the load, and is not compared`() async throws {
        let disk = try await month(seed: 3, steps: 200)
        let ledger = try await Ledger(at: Ledger.begins + .days(400), isDriven: false)
        let report = try await ledger.replay(disk)
        #expect(!report.isDriven && report.comparison == nil && report.isEqual)
        #expect(report.timesSet == 0 && report.sent > 100)
        // What has expired since cannot be granted, and so on: it is counted.
        #expect(report.refusals.count > 0 && report.refusals.count < report.sent / 2)
        try await ledger.must("AUTH \(ledger.secret)")
        #expect(try await ledger.ask("DBSIZE").integer == Int64(report.commands["USER CREATE", default: 0] + 1))
        await ledger.stop()
    }

    @Test func `recorded time goes by as fast as is asked`() async throws {
        let disk = MemoryDisk()
        let recorded = try await Ledger(disk: disk)
        let later = Ledger.begins + .seconds(30)
        try await recorded.must(
            "USER CREATE ada@b.example ID ada", "CLOCK SET \(later)", "CREDIT PURCHASE ada 20 card")
        await recorded.stop()
        let ledger = try await Ledger.new()
        let report = try await ledger.replay(disk) { $0.speed = 60 }
        await ledger.stop()
        expectEqual(report)
        #expect(report.seconds >= 0.49 && report.speed == 60)
    }

    // MARK: Beginnings

    @Test func `rules that a ledger began with are loaded where the server has others`() async throws {
        let source = RuleSource(name: .purchaseBonus, text: "return function(t, amount) return amount // 10 end")
        let disk = MemoryDisk()
        let recorded = try await Ledger(disk: disk) { $0.rules = .sources(RuleSource.defaults + [source]) }
        try await recorded.must(
            "USER CREATE ada@b.example ID ada", "CREDIT PURCHASE ada 20 card",
            "RULE LOAD purchase_bonus \"return function() return 1 end\"", "RULE ACTIVATE purchase_bonus 2",
            "CREDIT PURCHASE ada 20 card", "RULE ROLLBACK purchase_bonus", "CREDIT PURCHASE ada 20 card")
        await recorded.stop()
        let ledger = try await Ledger.new()
        let report = try await ledger.replay(disk)
        await ledger.stop()
        expectEqual(report)
        #expect(report.beginnings == ["the rule purchase_bonus was another one: it was loaded"])
    }

    @Test func `what a server prices that the recording did not is said, and its outcome found`() async throws {
        let disk = MemoryDisk()
        let recorded = try await Ledger(disk: disk)
        try await recorded.must("USER CREATE ada@b.example ID ada", "CREDIT PURCHASE ada 20 card")
        await recorded.stop()
        let source = RuleSource(name: .purchaseBonus, text: "return function(t, amount) return amount // 10 end")
        let ledger = try await Ledger.new { $0.rules = .sources(RuleSource.defaults + [source]) }
        let report = try await ledger.replay(disk)
        await ledger.stop()
        #expect(report.beginnings.count == 1 && !report.isEqual)
        #expect(report.comparison?.differences.first.contains("user ada, promo: recorded 5.00, replayed 7.00") == true)
        #expect(report.refusals.count == 0)
    }

    @Test func `only a new ledger takes a recording`() async throws {
        let disk = MemoryDisk()
        let recorded = try await Ledger(disk: disk)
        await recorded.stop()
        let ledger = try await Ledger.new()
        try await ledger.must("USER CREATE ada@b.example ID ada")
        let refusal = await #expect(throws: ReplayError.self) { try await ledger.replay(disk) }
        #expect(refusal?.description.contains("new ledger") == true)
        await ledger.stop()
    }

    @Test func `a directory without a ledger is refused`() async throws {
        let ledger = try await Ledger.new()
        await #expect(throws: ReplayError.self) { try await ledger.replay(MemoryDisk()) }
        await ledger.stop()
    }
}
