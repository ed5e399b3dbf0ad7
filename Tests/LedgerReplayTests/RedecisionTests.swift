import Glibc
import LedgerCore
import LedgerEngine
import LedgerServer
import LedgerStorage
import LedgerTestKit
import RESP
import Testing

/// `RULE BACKTEST … ADMIT`: what was recorded is decided anew.
@Suite(.timeLimit(.minutes(10))) struct RedecisionTests {
    private static let seeds = getenv("FLORIN_REPLAY_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 4

    private func test(
        _ ledger: Ledger, _ rule: String, from: Timestamp, to: String = "2100-01-01"
    ) async throws -> RESPValue {
        try await ledger.ask("AUTH \(ledger.secret)")
        let answer = try await ledger.port.call(
            ["RULE", "BACKTEST"].map { Array($0.utf8) }
                + rule.split(separator: " ", maxSplits: 1).map { Array($0.utf8) }
                + "FROM \(from) TO \(to) ADMIT COUNT 5".split(separator: " ").map { Array($0.utf8) })
        return try #require(answer["admit"], "\(answer)")
    }

    private func expectSame(_ it: RESPValue, _ place: SourceLocation = #_sourceLocation) {
        let differences = it["differences"]?.elements?.map { $0.string ?? "" }
        #expect(differences == [], sourceLocation: place)
        #expect(it["same"] == .integer(1) && it["alike"] == it["commands"], sourceLocation: place)
        for field in ["unlike", "moot", "skipped", "let_in", "timers_unlike", "ended_earlier", "ended_later"] {
            #expect(it[field] == .integer(0), "\(field)", sourceLocation: place)
        }
        #expect(it["refused"]?.elements == [] && it["ended"]?.elements == [], sourceLocation: place)
        #expect(it["revenue_old"] == it["revenue_new"] && it["owed_old"] == it["owed_new"], sourceLocation: place)
        #expect(it["exhausted_old"] == it["exhausted_new"], sourceLocation: place)
        #expect((it["events"]?.integer ?? 0) > 0 && (it["commands"]?.integer ?? 0) > 0, sourceLocation: place)
    }

    /// Half of the time on a ledger that goes by a machine's clock. It is stopped and started again on the way, where
    /// it leaves a snapshot.
    @Test(arguments: 1...seeds)
    func `a random month decided anew gives every receipt again, to the byte`(seed: UInt64) async throws {
        let disk = MemoryDisk()
        let isDriven = seed % 2 == 0
        var ledger = try await Ledger(disk: disk, isDriven: isDriven) { $0.checkpoints = .inProcess }
        var traffic = RandomTraffic(ledger, seed: seed, isDriven: isDriven)
        try await traffic.prepare()
        var middle = Ledger.begins
        for step in 0..<600 {
            if step == 300 {
                middle = traffic.now
                try await ledger.must("AUTH \(ledger.secret)", "SNAPSHOT")
                await ledger.stop()
                let pause = TimeSpan.minutes(isDriven ? 0 : 7)
                ledger = try await Ledger(
                    disk: disk, at: traffic.now + pause, isDriven: isDriven, secret: ledger.secret)
                traffic.go(on: ledger)
            }
            try await traffic.step()
        }
        // A meter's version was active from the beginning and to the end. From there, from some days later, and from
        // behind the snapshot on.
        let whole = try await test(ledger, "meter:egress 1", from: Ledger.begins + .seconds(1))
        expectSame(whole)
        #expect((whole["timers"]?.integer ?? 0) > 0)
        expectSame(try await test(ledger, "meter:egress 1", from: Ledger.begins + .days(3)))
        expectSame(try await test(ledger, "meter:egress 1", from: middle + .seconds(1)))
        // A rule that others took the place of stays in force here.
        let other = try await test(ledger, "session_runtime 3", from: Ledger.begins + .seconds(1))
        #expect(other["same"] == .integer(0) && other["timers_unlike"] == .integer(0))
        #expect((other["alike"]?.integer ?? 0) > 100)
        await ledger.stop()
    }

    @Test func `every kind of event is decided anew as it was`() async throws {
        let ledger = try await Ledger()
        try await EveryKind.happens(on: ledger)
        // From the first passport on; nobody activates another rule for bought spaces.
        let it = try await test(ledger, "space_purchase 1", from: Timestamp("2000-01-01")!)
        expectSame(it)
        #expect((it["events"]?.integer ?? 0) > Int64(ledger.engine.durableLSN.value) - 30)
        await ledger.stop()
    }

    @Test func `what many clients asked at once is decided anew as it was`() async throws {
        let ledger = try await Ledger()
        var first = RandomTraffic(ledger, seed: 11)
        try await first.prepare()
        try await first.fromManyClients(of: ledger)
        expectSame(try await test(ledger, "meter:egress 1", from: Ledger.begins + .seconds(1)))
        await ledger.stop()
    }

    @Test func `a snapshot that is damaged is passed over`() async throws {
        let ledger = try await Ledger { $0.checkpoints = .inProcess }
        var traffic = RandomTraffic(ledger, seed: 21)
        try await traffic.prepare()
        for _ in 0..<80 { try await traffic.step() }
        try await ledger.must("AUTH \(ledger.secret)", "SNAPSHOT")
        let from = traffic.now + .seconds(1)
        for _ in 0..<80 { try await traffic.step() }
        let whole = try await test(ledger, "meter:egress 1", from: from)
        expectSame(whole)
        let snapshots = "\(Ledger.path)/snapshots"
        let name = try #require(try ledger.disk.list(snapshots).first { $0.hasSuffix(".snapshot") })
        let file = try ledger.disk.open("\(snapshots)/\(name)", .readWrite)
        try file.write([UInt8](repeating: 0xA5, count: 64), at: try file.size() / 2)
        let again = try await test(ledger, "meter:egress 1", from: from)
        expectSame(again)
        #expect(again["events"] == whole["events"] && again["revenue_new"] == whole["revenue_new"])
        await ledger.stop()
    }

    // MARK: Another price

    /// Three users with a little credit, and what two of them do with it for some hours.
    private func work(on ledger: Ledger) async throws -> [String: RESPValue] {
        var answers: [String: RESPValue] = [:]
        func ask(_ lines: String...) async throws {
            for line in lines { answers[line] = try await ledger.ask(line) }
        }
        let now = Ledger.begins
        func at(_ minutes: Int64) -> String { "CLOCK SET \(now + .minutes(minutes))" }
        try await ask(
            "AUTH \(ledger.secret)", "USER CREATE a@b.example ID ada TYPE pro",
            "USER CREATE b@b.example ID bob TYPE pro",
            "USER CREATE c@b.example ID eve TYPE pro", "CREDIT GRANT ada 0.10 REASON try",
            "CREDIT GRANT bob 0.01 REASON try", "CREDIT PURCHASE eve 10 card", at(1),
            // At 0.025 an hour it runs for two and a half hours; twice as dear, its credit ends after two.
            "SESSION START long ada small TTL 10h", "SESSION START ok eve small TTL 10h",
            // Its lease of ten minutes costs 0.00417, twice as dear 0.00833: then the next one has no credit.
            "SESSION START short bob small TTL 10h", at(12), "SESSION HEARTBEAT short", at(20), "SESSION STOP short",
            // 0.0018 or so are left of it, twice as dear nothing.
            "CREDIT CHARGE bob 0.001 api", at(151), "SESSION STOP long", "SESSION STOP ok", at(160),
            "SESSION START again ada small TTL 5m", at(163), "SESSION STOP again", at(200))
        return answers
    }

    private static let double = "return function(t, tier) return usd'0.05' end"
    private static let half = "return function(t, tier) return usd'0.0125' end"

    @Test func `who would have been refused, and whose session had ended earlier`() async throws {
        let ledger = try await Ledger()
        let then = try await work(on: ledger)
        for (line, answer) in then { #expect(answer.error == nil, "\(line)") }
        let it = try await test(ledger, "session_runtime \(Self.double)", from: Ledger.begins + .seconds(1))

        // The same, at the double price from the beginning.
        let other = try await Ledger()
        try await other.ask("AUTH \(other.secret)")
        let load = ["RULE", "LOAD", "session_runtime", Self.double].map { Array($0.utf8) }
        #expect(try await other.port.call(load).error == nil)
        try await other.must("RULE ACTIVATE session_runtime 2")
        let now = try await work(on: other)
        func end(_ session: String) async throws -> (status: String?, ended: String?, reason: String?) {
            let row = try await other.ask("SESSION GET \(session)")
            return (row["status"]?.string, row["ended"]?.string, row["reason"]?.string)
        }
        let refused = now.filter { $0.value.error != nil }.map { "\($0.value.error!.code) \($0.key)" }.sorted()
        #expect(refused.contains { $0.contains("SESSION START again") }, "\(refused)")

        // What was refused there is refused here, and counted with what it came to.
        let told = (it["refused"]?.elements ?? []).map { "\($0["code"]?.string ?? "") \($0["command"]?.string ?? "")" }
        let primary = refused.filter { !$0.hasPrefix("CLOSED") && !$0.hasPrefix("NOTFOUND") }
        #expect(told.sorted() == primary.map { $0.split(separator: " ").prefix(3).joined(separator: " ") }.sorted())
        // And what ended there ends here, at the same instant for the same reason.
        let ended = it["ended"]?.elements ?? []
        #expect(ended.contains { $0["session"]?.string == "long" && $0["user"]?.string == "ada" })
        for row in ended {
            let session = row["session"]?.string ?? ""
            let there = try await end(session)
            #expect(there.ended == row["ended"]?.string && there.reason == "funds", "\(session)")
            #expect(row["reason"]?.string == "funds" && row["recorded_reason"]?.string == "stopped")
        }
        #expect(it["ended_earlier"]?.integer == Int64(ended.count) && it["ended_later"] == .integer(0))
        let long = ended.first { $0["session"]?.string == "long" }
        let (by, stopped) = (long?["earlier_by"]?.string, then["SESSION STOP long"]?["ended"]?.string)
        let (at, was) = (Timestamp(long?["ended"]?.string ?? ""), Timestamp(stopped ?? ""))
        if let by, let at, let was {
            #expect(Money(by).map { TimeSpan(nanoseconds: $0.nanos) } == was - at && by != "0")
        } else {
            Issue.record("\(ended)")
        }
        #expect(it["exhausted_old"] == .integer(0) && it["same"] == .integer(0))
        // The books of both are those of both.
        func revenue(_ ledger: Ledger) async throws -> String? {
            let books = try await ledger.ask("INFO books").string ?? ""
            let line = books.split(whereSeparator: \.isNewline).first { $0.contains("session_runtime:") }
            return line?.split(separator: ":").last.map(String.init)
        }
        #expect(try await revenue(ledger) == it["revenue_old"]?.string)
        #expect(try await revenue(other) == it["revenue_new"]?.string)
        await ledger.stop()
        await other.stop()
    }

    /// Commands of some weeks, by people with little credit, with the minutes at which they are asked. `#7` stands for
    /// the id that the seventh was answered.
    private func weeks(seed: UInt64) -> [(number: Int, minute: Int64, line: String)] {
        var random = SeededGenerator(seed: seed)
        func number(_ below: Int64) -> Int64 { Int64(random.next() % UInt64(below)) }
        let (users, tiers) = (["u0", "u1"], ["small", "medium", "large", "gpu"])
        var lines: [(Int, Int64, String)] = []
        var (holds, charges): ([Int], [Int]) = ([], [])
        var minute = Int64(1)
        for step in 0..<400 {
            minute += 1 + number(number(8) == 0 ? 900 : 90)
            let user = users[Int(number(2))]
            let session = "s\(max(0, step - Int(number(25))))"
            let hold = "#\(holds.suffix(4).randomElement(using: &random) ?? 0)"
            let charge = "#\(charges.suffix(6).randomElement(using: &random) ?? 0)"
            let line: String
            switch number(17) {
            case 0...3:
                line =
                    "SESSION START s\(step) \(user) \(tiers[Int(number(4))]) TTL \(1 + number(4000))m"
                    + (number(4) == 0 ? " HEARTBEAT 5h" : "")
            case 4, 5: line = "SESSION STOP \(session)"
            case 6: line = "SESSION HEARTBEAT \(session)"
            case 7: line = "SESSION RETIER \(session) \(tiers[Int(number(4))])"
            case 8:
                charges.append(step)
                line = "CREDIT CHARGE \(user) 0.00\(1 + number(9)) api"
            case 9: line = "STORAGE CREATE \(user) r\(step) bucket \(1 + number(40))"
            case 10:
                charges.append(step)
                line = "SESSION RECORD r\(step) \(user) small FROM \(Ledger.begins) TO \(Ledger.begins + .minutes(20))"
            case 11: line = "CREDIT ADJUST \(user) 0.\(1 + number(3)) REASON paid"
            case 12:
                holds.append(step)
                line = "HOLD PLACE \(user) 0.0\(1 + number(9)) TTL \(100 + number(3000))m SOURCE job"
            case 13: line = "HOLD CAPTURE \(hold) 0.00\(1 + number(9))" + (number(2) == 0 ? " FINAL" : "")
            case 14: line = "HOLD VOID \(hold)"
            case 15: line = "CREDIT REFUND \(charge)" + (number(2) == 0 ? " 0.0001" : "") + " REASON again"
            default:
                let end = Ledger.begins + .minutes(minute + 3000)
                line = "CREDIT GRANT \(user) 0.0\(1 + number(9)) EXPIRES \(end) REASON try"
            }
            lines.append((step, minute, line))
        }
        return lines
    }

    /// Asks it, each at its minute; returns what each was answered.
    private func live(
        _ lines: [(number: Int, minute: Int64, line: String)], on ledger: Ledger
    ) async throws -> [RESPValue] {
        for user in 0..<2 { try await ledger.must("USER CREATE u\(user)@b.example ID u\(user) TYPE pro") }
        var ids: [String: String] = [:]
        var answers: [RESPValue] = []
        for (number, minute, line) in lines {
            try await ledger.must("CLOCK SET \(Ledger.begins + .minutes(minute))")
            let words = line.split(separator: " ").map { $0.hasPrefix("#") ? ids[String($0)] ?? "c_zz" : String($0) }
            let answer = try await ledger.ask(words.joined(separator: " "))
            ids["#\(number)"] = answer["charge"]?.string ?? answer["id"]?.string
            answers.append(answer)
        }
        return answers
    }

    @Test(arguments: 1...seeds)
    func `weeks at another price come to what a ledger with that price would have`(seed: UInt64) async throws {
        let source =
            "return function(t, tier) return { {0, tier == 'gpu' and 300000000 or 80000000}, {2, 40000000} } end"
        let ledger = try await Ledger()
        try await ledger.ask("AUTH \(ledger.secret)")
        let asked = weeks(seed: seed)
        let answers = try await live(asked, on: ledger)
        let accepted = zip(asked, answers).filter { $1.error == nil }.map(\.0)
        let it = try await test(ledger, "session_runtime \(source)", from: Ledger.begins + .seconds(1))

        // What was accepted, asked of a ledger in which that price was in force.
        let other = try await Ledger()
        try await other.ask("AUTH \(other.secret)")
        let load = ["RULE", "LOAD", "session_runtime", source].map { Array($0.utf8) }
        #expect(try await other.port.call(load).error == nil)
        try await other.must("RULE ACTIVATE session_runtime 2")
        let there = try await live(accepted, on: other)
        var refused: [String: Int64] = [:]
        for ((_, _, line), answer) in zip(accepted, there) {
            guard let code = answer.error?.code, code != "CLOSED", code != "NOTFOUND" else { continue }
            refused["\(line.split(separator: " ").prefix(2).joined(separator: " ")) \(code)", default: 0] += 1
        }
        let told = (it["refused"]?.elements ?? []).map {
            ("\($0["command"]?.string ?? "") \($0["code"]?.string ?? "")", $0["count"]?.integer ?? 0)
        }
        #expect(Dictionary(told) { $0 + $1 } == refused)
        #expect(!refused.isEmpty)
        // Events lie nanoseconds elsewhere where another number of them happened at an instant.
        func revenue(_ ledger: Ledger) async throws -> Int64 {
            let books = try await ledger.ask("INFO books").string ?? ""
            let line = books.split(whereSeparator: \.isNewline).first { $0.contains("session_runtime:") }
            return Money(line?.split(separator: ":").last.map(String.init) ?? "")?.nanos ?? -1
        }
        let new = Money(it["revenue_new"]?.string ?? "")?.nanos ?? -2
        #expect(abs(try await revenue(other) - new) <= 200)
        #expect(it["revenue_old"]?.string == "\(Money(nanos: try await revenue(ledger)))")
        // Those that ended for want of credit ended there, then.
        for row in it["ended"]?.elements ?? [] where row["reason"]?.string == "funds" {
            let found = try await other.ask("SESSION GET \(row["session"]?.string ?? "")")
            #expect(found["reason"]?.string == "funds")
            let (a, b) = (Timestamp(found["ended"]?.string ?? ""), Timestamp(row["ended"]?.string ?? ""))
            if let a, let b { #expect(abs((a - b).nanoseconds) < 1_000_000, "\(row)") } else { #expect(a == b) }
        }
        // A second STOP is answered, and recorded nowhere.
        #expect((1...Int64(accepted.count)).contains(it["commands"]?.integer ?? 0))
        let (timers, unlike) = (it["timers"]?.integer ?? 0, it["unlike"]?.integer ?? 0)
        #expect(timers > 10 && unlike > 10, "\(timers) \(unlike)")
        await ledger.stop()
        await other.stop()
    }

    @Test func `who was turned away, and would not be, is counted and not begun`() async throws {
        let ledger = try await Ledger()
        try await ledger.must(
            "AUTH \(ledger.secret)", "USER CREATE a@b.example ID ada TYPE pro", "CREDIT GRANT ada 0.003 REASON try",
            "CLOCK SET \(Ledger.begins + .minutes(1))")
        // A lease costs 0.00417, half as dear 0.00208.
        for number in 1...3 {
            #expect(try await ledger.ask("SESSION START s\(number) ada small").error?.code == "INSUFFICIENT")
        }
        let it = try await test(ledger, "session_runtime \(Self.half)", from: Ledger.begins + .seconds(1))
        #expect(it["let_in"] == .integer(3) && it["commands"] == .integer(0))
        #expect(it["unknown"]?.elements?.contains { $0.string?.contains("counted, not begun") ?? false } == true)
        let same = try await test(ledger, "session_runtime 1", from: Ledger.begins + .seconds(1))
        #expect(same["let_in"] == .integer(0) && same["differences"]?.elements == [])
        await ledger.stop()
    }

    @Test func `only what was recorded in that time is decided, and a rule that fails its check is not`() async throws {
        let ledger = try await Ledger()
        _ = try await work(on: ledger)
        let whole = try await test(ledger, "session_runtime 1", from: Ledger.begins + .seconds(1))
        let first = try await test(
            ledger, "session_runtime 1", from: Ledger.begins + .seconds(1), to: "\(Ledger.begins + .minutes(15))")
        let second = try await test(ledger, "session_runtime 1", from: Ledger.begins + .minutes(15))
        for field in ["events", "commands", "timers"] {
            #expect((first[field]?.integer ?? 0) + (second[field]?.integer ?? 0) == whole[field]?.integer, "\(field)")
        }
        let span = "FROM 2020-01-01 TO 2100-01-01 ADMIT".split(separator: " ").map { Array($0.utf8) }
        let broken = ["RULE", "BACKTEST", "session_runtime", "return function(t) return t == 'pro' and 1 or nil end"]
        let answer = try await ledger.port.call(broken.map { Array($0.utf8) } + span)
        #expect(answer.error?.code == "RULE", "\(answer)")
        let none = try await ledger.ask("RULE BACKTEST session_runtime 1 FROM 2099-01-01 TO 2100-01-01 ADMIT")
        #expect(none.error?.text.contains("nothing was recorded between") == true, "\(none)")
        await ledger.stop()
    }
}
