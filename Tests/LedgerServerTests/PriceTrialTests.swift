import LedgerClient
import LedgerCore
import LedgerEngine
import LedgerTestKit
import RESP
import Testing

@testable import LedgerServer

/// Prices tried out over the wire.
@Suite(.timeLimit(.minutes(5))) struct PriceTrialTests {
    private static let clock = Timestamp("2026-11-23T09:30:00Z")!

    private func with(_ body: (Serving, RemoteLedger, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock(Self.clock)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            for line in ["USER CREATE a@b.example ID u_a TYPE pro", "CREDIT PURCHASE u_a 1000 card"] {
                try await client.call(words(line)).mustBeAnswer()
            }
            try await body(serving, client, clock)
            await client.close()
        }
    }

    private func record(_ client: RemoteLedger, _ name: String, _ tier: String = "small") async throws -> String {
        let answer = try await client.call(
            words("SESSION RECORD \(name) u_a \(tier) FROM 2026-11-23T07:00:00Z TO 2026-11-23T09:00:00Z"))
        return try #require(answer["charge"]?.string)
    }

    @Test func `a back-test of the active version changes nothing, and of another says what it would`() async throws {
        try await with { _, client, _ in
            for number in 0..<20 { _ = try await record(client, "r\(number)", number % 2 == 0 ? "small" : "gpu") }
            let span = "FROM 2026-11-01 TO 2026-12-01"
            let same = try await client.call(words("RULE BACKTEST session_runtime 1 \(span)"))
            #expect(same["parts"] == .integer(20) && same["unaffected"] == .integer(20))
            #expect(same["revenue_old"]?.string == "3.00" && same["difference"]?.string == "0.00")
            let source = "return function(t, tier) return tier == 'gpu' and usd'0.2' or usd'0.02' end"
            let other = try await client.call(
                words("RULE BACKTEST session_runtime") + [Array(source.utf8)] + words("\(span) BY tier"))
            #expect(other["revenue_new"]?.string == "4.40" && other["lower"] == .integer(10))
            let groups = try #require(other["groups"]?.elements)
            #expect(groups.map { $0["group"]?.string } == ["small", "gpu"])
            #expect(groups.map { $0["difference"]?.string } == ["-0.10", "1.50"])
            let none = try await client.call(words("RULE BACKTEST session_runtime 1 FROM 2020-01-01 TO 2020-02-01"))
            #expect(
                none.error?.text
                    == "ERR nothing that session_runtime priced began between 2020-01-01T00:00:00Z and 2020-02-01T00:00:00Z"
            )
        }
    }

    @Test func `a step says what ran, beside what was billed`() async throws {
        try await with { _, client, _ in
            let charge = try await record(client, "r1", "medium")
            let it = try await client.call("RULE", "STEP", charge)
            #expect(it["billed"]?.string == "0.075" && it["amount"]?.string == "0.075" && it["cut"] == .integer(0))
            #expect(it["answer"]?.string == "0.0375" && it["answer"]?.string == it["billed_answer"]?.string)
            let last = try #require(it["steps"]?.elements?.last)
            #expect(last["source"]?.string == "  return per_hour[user_type][tier], per_hour.free[tier]")
            #expect(last["locals"]?["tier"]?.string == #""medium""#)
            let draft = try await client.call(
                "RULE", "STEP", charge, "return function(t, tier, s)\n  local rate = usd'0.05'\n  return rate\nend")
            #expect(draft["amount"]?.string == "0.10" && draft["billed"]?.string == "0.075")
            #expect(draft["steps"]?.elements?.map { $0["line"] } == [4, 2, 3].map { .integer($0) })
            let broken = try await client.call("RULE", "STEP", charge, "return function() local x\nreturn x.y end")
            #expect(broken["amount"] == .null && broken["answer"] == .null)
            #expect(broken["error"]?.string?.contains("attempt to index") == true)
            #expect(broken["steps"]?.elements?.count == 3)
        }
    }

    @Test func `a part of a session is stepped through from the session's beginning`() async throws {
        try await with { _, client, clock in
            try await client.call(words("SESSION START s u_a small TTL 9d")).mustBeAnswer()
            clock.advance(by: .days(3))
            let end = try await client.call(words("SESSION STOP s"))
            let charges = try #require(end["charges"]?.elements)
            #expect(charges.count > 2)
            for charge in charges {
                let it = try await client.call("RULE", "STEP", try #require(charge.string))
                #expect(it["amount"] == it["billed"])
            }
            // Dearer from its 48th hour on: the last part lies behind that.
            let source = "return function() return { {0, usd'0.025'}, {48, usd'0.25'} } end"
            let first = try await client.call("RULE", "STEP", try #require(charges[0].string), source)
            #expect(first["amount"] == first["billed"])
            let last = try await client.call("RULE", "STEP", try #require(charges.last?.string), source)
            #expect(
                last["billed"]?.string.flatMap { Money($0) }.map { Money(nanos: $0.nanos * 10).description }
                    == last["amount"]?.string)
        }
    }

    @Test func `a shadow prices beside the active version, and is told from it`() async throws {
        try await with { _, client, _ in
            #expect(
                try await client.call("RULE", "DIFF", "session_runtime").error?.text
                    == "ERR no version shadows session_runtime")
            let source = "return function(t, tier) if tier == 'gpu' then error('no') end return usd'0.03' end"
            try await client.call("RULE", "LOAD", "session_runtime", source).mustBeAnswer()
            let begun = try await client.call(words("RULE SHADOW session_runtime 2 FOR 1d"))
            #expect(begun["note"]?.string == "a restart of the server ends it" && begun["running"] == .integer(1))
            for number in 0..<20 { _ = try await record(client, "r\(number)", number % 2 == 0 ? "small" : "gpu") }
            var diff = try await client.call("RULE", "DIFF", "session_runtime")
            for _ in 0..<1000 where diff["failed"] != .integer(10) || diff["parts"] != .integer(10) {
                try await Task.sleep(for: .milliseconds(10))
                diff = try await client.call("RULE", "DIFF", "session_runtime")
            }
            #expect(diff["higher"] == .integer(10) && diff["difference"]?.string == "0.10")
            #expect(diff["median_change"]?.string == "20" && diff["worst_user"]?.string == "u_a")
            #expect(diff["first_failure"]?.string?.contains("no") == true && diff["failed_revenue"]?.string == "2.50")
            #expect(try await client.call(words("RULE SHADOW session_runtime 1")).error?.code == "ERR")
            let ended = try await client.call(words("RULE SHADOW session_runtime off"))
            #expect(ended["note"]?.string == "it has ended" && ended["parts"] == .integer(10))
            #expect(try await client.call("RULE", "DIFF", "session_runtime").error != nil)
        }
    }

    @Test func `storage is priced again, shadowed, and stepped through`() async throws {
        try await with { _, client, clock in
            let double = "return function(t, kind) return kind == 'bucket' and usd'0.04' or usd'0.34' end"
            try await client.call("RULE", "LOAD", "storage", double).mustBeAnswer()
            try await client.call(words("RULE SHADOW storage 2")).mustBeAnswer()
            try await client.call(words("STORAGE CREATE u_a disk filestore 300")).mustBeAnswer()
            try await client.call(words("STORAGE CREATE u_a files bucket 100")).mustBeAnswer()
            clock.advance(by: .days(40))
            let end = try await client.call(words("STORAGE DELETE disk"))
            try await client.call(words("STORAGE RESIZE files 10")).mustBeAnswer()
            let span = "FROM 2026-11-01 TO 2027-12-01 BY tier"
            let same = try await client.call(words("RULE BACKTEST storage 1 \(span)"))
            #expect(same["unaffected"] == same["parts"] && same["difference"]?.string == "0.00")
            let other = try await client.call(words("RULE BACKTEST storage 2 \(span)"))
            #expect(other["groups"]?.elements?.compactMap { $0["group"]?.string } == ["bucket", "filestore"])
            #expect(other["higher"] == other["parts"] && (other["parts"]?.integer ?? 0) > 60)
            var diff = try await client.call("RULE", "DIFF", "storage")
            for _ in 0..<1000 where diff["parts"] != other["parts"] {
                try await Task.sleep(for: .milliseconds(10))
                diff = try await client.call("RULE", "DIFF", "storage")
            }
            for field in ["parts", "higher", "revenue_old", "revenue_new", "difference"] {
                #expect(diff[field] == other[field], "\(field)")
            }
            let charge = try #require(end["charge"]?.string)
            let step = try await client.call("RULE", "STEP", charge)
            #expect(step["amount"] == step["billed"] && step["inputs"]?["kind"]?.string == "filestore")
            // Dearer from the tenth day on, counted from where its price was looked at last: the month's beginning.
            let source = "return function() return { {0, usd'0.17'}, {216, usd'1.7'} } end"
            let later = try await client.call("RULE", "STEP", charge, source)
            let (billed, amount) = (later["billed"]?.string, later["amount"]?.string)
            #expect(billed != nil && amount == billed, "\(later)")
        }
    }

    @Test func `commands are decided anew, in the room that forks have`() async throws {
        try await with { _, client, clock in
            try await client.call(words("USER CREATE b@b.example ID u_b TYPE pro")).mustBeAnswer()
            try await client.call(words("CREDIT GRANT u_b 0.005 REASON try")).mustBeAnswer()
            clock.advance(by: .minutes(1))
            try await client.call(words("SESSION START s u_b small TTL 10m")).mustBeAnswer()
            let span = "FROM 2026-11-23T09:30:30Z TO 2027-01-01"
            let same = try await client.call(words("RULE BACKTEST session_runtime 1 \(span) ADMIT"))
            #expect(same["admit"]?["same"] == .integer(1) && same["admit"]?["alike"] == .integer(1))
            #expect(same["admit"]?["differences"]?.elements?.count == 0)
            #expect((same["admit"]?["events_a_second"]?.integer ?? 0) > 0)
            let source = "return function() return usd'0.05' end"
            let test = words("RULE BACKTEST session_runtime") + [Array(source.utf8)]
            let other = try await client.call(test + words("\(span) ADMIT"))
            let refused = try #require(other["admit"]?["refused"]?.elements?.first)
            #expect(refused["command"]?.string == "SESSION START" && refused["code"]?.string == "INSUFFICIENT")
            #expect(refused["count"] == .integer(1))
            #expect(try await client.call(words("INFO memory")).string?.contains("forks:0") == true)
            // In another world as well, where the session has ended by itself.
            try await client.call(words("FORK NEW w")).mustBeAnswer()
            try await client.call(words("FORK ADVANCE w 1h")).mustBeAnswer()
            let there = try await client.call(words("FORK RUN w RULE BACKTEST session_runtime 1 \(span) ADMIT"))
            #expect(there["admit"]?["same"] == .integer(1) && there["parts"] == .integer(1))
            #expect((there["admit"]?["timers"]?.integer ?? 0) > 0)
            #expect(there["admit"]?["timers_unlike"] == .integer(0))
            try await client.call(words("FORK DROP w")).mustBeAnswer()
        }
        try await Serving.with {
            $0.forkMemory = 1 << 20
        } _: { serving in
            let client = try await serving.connect()
            let none = try await client.call(
                words("RULE BACKTEST session_runtime 1 FROM 2020-01-01 TO 2030-01-01 ADMIT"))
            #expect(none.error?.text.contains("raise --fork-memory") == true)
            await client.close()
        }
    }

    @Test func `what no rule priced has no steps`() async throws {
        try await with { _, client, _ in
            let charge = try await client.call(words("CREDIT CHARGE u_a 1 api"))
            let id = try #require(charge["id"]?.string)
            #expect(try await client.call("RULE", "STEP", id).error?.text == "ERR no rule priced this")
            #expect(try await client.call("RULE", "STEP", "c_zzz").error?.code == "NOTFOUND")
            #expect(try await client.call("RULE", "STEP", id, "7").error?.text == "ERR no rule priced this")
            let priced = try await record(client, "r1")
            #expect(try await client.call("RULE", "STEP", priced, "7").error?.text == "NOTFOUND no such rule version")
            #expect(try await client.call("RULE", "STEP", priced, "return 1").error?.code == "RULE")
            let space = try await client.call(words("SPACE PURCHASE u_a web-dev w i"))
            let half = try await client.call(
                "RULE", "STEP", try #require(space["charge"]?.string), "return function(t, s, p) return p // 2 end")
            #expect(half["amount"]?.string == "1.00" && half["billed"]?.string == "2.00")
            #expect(half["inputs"]?["space"]?.string == "web-dev")
        }
    }
}
