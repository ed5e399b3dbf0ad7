import LedgerClient
import LedgerCore
import LedgerEngine
import LedgerTestKit
import RESP
import Testing

@testable import LedgerServer

/// Charges and holds that a script has made itself: refunded, explained and looked up in it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OwnChargesTests {
    /// What each line gives on its own, or all of them in one script: the events, without where they came from.
    private func events(_ lines: [String], inScript: Bool) async throws -> [RESPValue] {
        var found: [RESPValue] = []
        try await OwnWritesTests.with { _, one, _ in
            for line in [
                "USER CREATE a@b.example ID u_a TYPE pro", "CREDIT PURCHASE u_a 10 card",
                "CREDIT GRANT u_a 1 REASON r", "USER CREATE c@d.example ID u_c", "CREDIT PURCHASE u_c 100 card",
                "SPACE ADD lab COST 5 SIZE 1 CREATOR u_c SHARE 10",
            ] { try await one.call(words(line)).mustBeAnswer() }
            let first = try #require(try await one.call("WAIT", "0").integer) + 1
            if inScript {
                var call = ["EVAL", OwnWritesTests.lines, "2", "h_0", "c_0"].map { Array($0.utf8) }
                for line in lines { call += [Array("\(words(line).count)".utf8)] + words(line) }
                try await one.call(call).mustBeAnswer()
            } else {
                var made = ["$charge": "", "$hold": ""]
                for line in lines {
                    let filled = made.reduce(line) { $0.replacing($1.key, with: $1.value) }
                    let answer = try await one.call(words(filled))
                    answer.mustBeAnswer()
                    for id in [answer["id"]?.string, answer["charge"]?.string].compactMap(\.self) {
                        if id.hasPrefix("c_") { made["$charge"] = id }
                        if id.hasPrefix("h_") { made["$hold"] = id }
                    }
                }
            }
            let tail = try await one.call("TAIL", "FROM", "\(first)", "COUNT", "1000", "BLOCK", "1")
            for event in try #require(tail.elements?[1].elements) where event["type"]?.string != "scriptRan" {
                found.append(.map((event.pairs ?? []).filter { $0.key.string != "origin" }))
            }
        }
        return found
    }

    @Test(arguments: [
        // Two lots and debt; in parts, then the rest.
        [
            "CREDIT CHARGE u_a 3 api LABELS team=ml", "CREDIT REFUND $charge 1.25 REASON r",
            "CREDIT REFUND $charge REASON r",
        ],
        ["CREDIT CHARGE u_a 12 api OVER", "CREDIT REFUND $charge REASON r"],
        ["CREDIT CHARGE u_a 12 api OVER", "CREDIT PURCHASE u_a 10 card", "CREDIT REFUND $charge REASON r"],
        ["CREDIT GRANT u_a 2 REASON r", "CREDIT CHARGE u_a 2.5 api", "CREDIT REFUND $charge 2 REASON r"],
        ["HOLD PLACE u_a 2", "HOLD CAPTURE $hold 1 FINAL", "CREDIT REFUND $charge REASON r"],
        ["SESSION RECORD s u_a small FROM 2026-11-23T08:00:00Z TO 2026-11-23T09:00:00Z", "CREDIT REFUND s REASON r"],
        ["SPACE PURCHASE u_a lab w i", "CREDIT REFUND $charge REASON r"],
        ["USER CREATE n@d.example ID u_n", "CREDIT CHARGE u_n 2 api", "CREDIT REFUND $charge 0.5 REASON r"],
    ]) func `a refund of a script's own charge gives what the commands give one by one`(lines: [String]) async throws {
        let (script, alone) = (try await events(lines, inScript: true), try await events(lines, inScript: false))
        #expect(alone.count >= lines.count)
        #expect(script == alone)
    }

    @Test func `a session that is stopped in a script can be refunded in it, with what was posted of it before`()
        async throws
    {
        let clock = ManualClock(OwnWritesTests.morning)
        try await OwnWritesTests.serve(clock) { serving in
            let client = try await serving.connect()
            for line in [
                "USER CREATE a@b.example ID u_a TYPE pro", "CREDIT PURCHASE u_a 20 card",
                "SESSION START job u_a medium TTL 4d",
            ] { try await client.call(words(line)).mustBeAnswer() }
            clock.advance(by: .hours(60))
            let source = """
                local stopped = ledger.session.stop("job")
                local refund = assert(ledger.refund("job", { reason = "broken" }))
                local second, why = ledger.refund(stopped.charge, { reason = "broken" })
                return { tostring(#stopped.charges >= 4), stopped.amount, refund.total, why.code, refund.available }
                """
            let values = try await client.call("EVAL", source, "0")
            #expect(
                values.elements?.map(\.string) == ["true", "2.25", "2.25", "CLOSED", "20.00"], "\(values)")
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "20.00")
            await client.close()
        }
    }

    @Test func `what a script is told of charges and holds of its own is what EXPLAIN and HOLD GET say afterwards`()
        async throws
    {
        try await OwnWritesTests.with { _, one, other in
            _ = try await ReadYourWritesTests.Ground(one)
            let source = """
                local function charge(of) return of.charge or of.id end
                local session = charge(ledger.session.record{ session = "own", user = "u_a", tier = "gpu",
                  from = "2026-11-23T08:00:00Z", to = "2026-11-23T08:10:00Z" })
                local space = charge(ledger.space.purchase("u_a", "web-dev", "w", "i"))
                local hold = ledger.hold.place("u_a", "3").id
                ledger.hold.capture(hold, "1")
                ledger.hold.capture(ARGV[1], "0.5")
                ledger.hold.void(hold)
                ledger.hold.void(ARGV[1])
                return { session, ledger.explain(session), space, ledger.explain(space), hold, ledger.hold.get(hold),
                  ARGV[1], ledger.hold.get(ARGV[1]) }
                """
            let before = try #require(try await one.call("HOLD", "PLACE", "u_a", "2")["id"]?.string)
            try await one.call("HOLD", "CAPTURE", before, "0.25").mustBeAnswer()
            let said = try await one.call("EVAL", source, "0", before)
            let values = try #require(said.elements, "\(said)")
            for (place, read) in [(0, "explain"), (2, "explain"), (4, "hold.get"), (6, "hold.get")] {
                let id = try #require(values[place].string)
                let alone = try await other.call("EVAL", "return ledger.\(read)(ARGV[1])", "0", id)
                #expect(values[place + 1] == alone && alone.error == nil, "\(id)")
            }
            #expect(values[1]["proof"]?.string?.hasSuffix("reproduced") == true, "\(values[1])")
            #expect(values[7]["captured"]?.string == "0.75", "\(values[7])")
        }
    }

    @Test func `of what is taken back nothing can be read or refunded`() async throws {
        try await OwnWritesTests.with { _, one, _ in
            var ground = try await ReadYourWritesTests.Ground(one)
            let last = try await one.call("WAIT", "0").integer
            let refused = try await one.call(
                "EVAL",
                """
                local charge = ledger.charge("u_a", "2", "api").id
                assert(ledger.refund(charge, { reason = "r" }))
                assert(#ledger.history("u_a", { count = 2 })[2] == 2)
                error(charge .. " " .. ledger.history("u_a", { count = 1 })[2][1].source)
                """, "0")
            let text = try #require(refused.error?.text)
            #expect(text.hasSuffix(" api"), "\(text)")
            let id = try #require(text.split(separator: " ").first { $0.hasPrefix("c_") }.map(String.init))
            #expect(try await one.call("WAIT", "0").integer == last)
            for line in ["CREDIT REFUND \(id) REASON r", "EXPLAIN \(id)"] {
                #expect(try await one.call(words(line)).error?.code == "NOTFOUND", "\(line)")
            }
            ground.number += 1
            try await ground.prepare("CREDIT CHARGE u_a 1 api")
            // The next one has its number.
            #expect(ground.names["charge"] == id)
            #expect(
                try await one.call("CREDIT", "HISTORY", "u_a", "COUNT", "1").elements?[1].elements?[0]["amount"]?.string
                    == "1.00")
        }
    }
}
