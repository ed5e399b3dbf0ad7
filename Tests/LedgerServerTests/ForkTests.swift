import LedgerClient
import LedgerCore
import LedgerEngine
import LedgerTestKit
import RESP
import Testing

@testable import LedgerServer

/// FORK: another world, which begins where this one is and never comes back to it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ForkTests {
    private func with(_ body: (Serving, RemoteLedger, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send(
                [
                    "USER CREATE a@b.example ID u_a TYPE pro NAME Ada", "CREDIT PURCHASE u_a 10 stripe",
                    "USER CREATE c@d.example ID u_b TYPE pro", "CREDIT PURCHASE u_b 100 stripe",
                    "SESSION START s1 u_a small TTL 30d", "SESSION START s2 u_b small TTL 30d",
                ].map(words))
            try await body(serving, client, clock)
            await client.close()
        }
    }

    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.send([words(line)])[0]
    }

    @Test func `time passes in it, sessions are charged and run out, and nothing of it reaches the ledger`()
        async throws
    {
        try await with { serving, client, _ in
            let before = try await ask(client, "WAIT 0").integer
            let made = try await ask(client, "FORK NEW f")
            #expect(made["users"]?.integer == 3 && made["lsn"]?.integer == before, "\(made)")
            #expect(try await ask(client, "FORK RUN f USER GET u_a")["name"]?.string == "Ada")
            // 10 USD at 0.025 an hour last 400 hours.
            let advanced = try await ask(client, "FORK ADVANCE f 20d")
            #expect(advanced["time"]?.string?.hasPrefix("2026-12-13T09:30:00") == true, "\(advanced)")
            let session = try await ask(client, "FORK RUN f SESSION GET s1")
            #expect(session["status"]?.string == "closed", "\(session)")
            #expect(try await ask(client, "FORK RUN f SESSION GET s2")["status"]?.string == "active")
            #expect(try await ask(client, "FORK RUN f CREDIT CHARGE u_b 5 api")["amount"]?.string == "5.00")

            let difference = try await ask(client, "FORK DIFF f COUNT 1")
            #expect(difference["sessions_exhausted"]?.integer == 1 && difference["users_changed"]?.integer == 2)
            let users = try #require(difference["users"]?.elements)
            #expect(users.count == 1 && users[0]["user"]?.string == "u_b", "\(users)")
            let both = try #require(try await ask(client, "FORK DIFF f")["users"]?.elements)
            let exhausted = try #require(both.first { $0["user"]?.string == "u_a" })
            #expect(exhausted["exhausted"]?.string?.hasPrefix("2026-12-10T01:3") == true, "\(exhausted)")
            // What is held for the next ten minutes of its session is not there.
            #expect(exhausted["available_before"]?.string == "9.995833333")

            // Here everything is as it was.
            #expect(try await ask(client, "WAIT 0").integer == before)
            #expect(try await ask(client, "SESSION GET s1")["status"]?.string == "active")
            #expect(try await ask(client, "CREDIT BALANCE u_b")["paid"]?.string == "99.995833333")
            let listed = try #require(try await ask(client, "FORK LIST").elements)
            // Its clock was moved on since it began, and both are told.
            #expect(listed.count == 1 && listed[0]["time"] == advanced["time"])
            #expect(listed[0]["began"] == made["began"] && made["began"] == made["time"])
            #expect(try await ask(client, "FORK DROP f").string == "OK")
            #expect(try await ask(client, "FORK RUN f PING").error?.text.contains("FORK NEW") == true)
        }
    }

    /// Without the permission that is named last, with all others.
    @Test(
        arguments: [
            ("USER GET u_a", "read"), ("AT lsn:LSN USER GET u_a", "read"), ("AT lsn:LSN CREDIT HISTORY u_a", "read"),
            ("AT lsn:LSN CREDIT LOTS u_a", "read"), ("CREDIT BALANCE u_a", "read"), ("WATCH u_a", "read"),
            ("CREDIT CHARGE u_a 1 api", "write"), ("DRYRUN CREDIT CHARGE u_a 1 api", "write"),
            ("DRYRUN CREDIT GRANT u_a 1 REASON r", "billing"), ("CREDIT GRANT u_a 1 REASON r", "billing"),
            ("EVAL 'return 1' 0", "read"), ("EVAL 'return 1' 0", "write"), ("EVAL 'return 1' 0", "billing"),
            ("EVAL 'return 1' 0", "monitor"), ("EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "read"),
        ])
    func `what a passport may not ask here it may not ask there`(line: String, missing: String) async throws {
        try await with { serving, client, _ in
            let lsn = try #require(try await ask(client, "WAIT 0").integer)
            let line = line.replacing("LSN", with: "\(lsn)")
            let others = ["read", "write", "billing", "admin", "monitor"].filter { $0 != missing }
            let made = try await ask(client, "PASSPORT CREATE admin n \(others.joined(separator: ",")) SCOPE all")
            let other = try await serving.connect(try #require(made["secret"]?.string))
            #expect(try await ask(other, "FORK NEW f").error == nil)
            let refused = try await ask(other, "FORK RUN f \(line)")
            #expect(refused.error?.code == "NOPERM", "\(refused)")
            #expect(try await ask(client, "FORK NEW f").error == nil)
            let answered = try await ask(client, "FORK RUN f \(line)")
            #expect(answered.error.map { $0.code == "NOSCRIPT" } ?? true, "\(answered)")
            await other.close()
        }
    }

    @Test func `time has an end, and RESET is one of forks`() async throws {
        try await with { serving, client, _ in
            let made = try await ask(client, "PASSPORT CREATE admin n admin SCOPE all")
            let other = try await serving.connect(try #require(made["secret"]?.string))
            #expect(try await ask(other, "FORK NEW f").error == nil)
            #expect(try await ask(other, "FORK RUN f RULE LIST").error == nil)
            let end = try await ask(other, "FORK ADVANCE f TO 9999-12-31").error
            #expect(end?.text.contains("2200-01-01") == true, "\(end?.text ?? "")")
            #expect(try await ask(other, "FORK ADVANCE f TO 2027-01-01").error == nil)
            #expect(try await ask(other, "RESET").string == "RESET")
            await other.close()
        }
    }

    @Test func `a new price is tried in it, and scripts work there`() async throws {
        try await with { _, client, _ in
            _ = try await ask(client, "FORK NEW f")
            let load = try await ask(
                client, "FORK RUN f RULE LOAD session_runtime \"return function() return usd'1', usd'1' end\"")
            #expect(load["version"]?.integer == 2, "\(load)")
            #expect(try await ask(client, "FORK RUN f RULE ACTIVATE session_runtime 2").error == nil)
            #expect(try await ask(client, "FORK RUN f SESSION QUOTE u_b small 2")["amount"]?.string == "2.00")
            #expect(try await ask(client, "SESSION QUOTE u_b small 2")["amount"]?.string == "0.05")
            let script = try await ask(
                client, "FORK RUN f EVAL \"return ledger.charge('u_b', '1', 'x').available\" 0")
            #expect(script.error == nil, "\(script)")
        }
    }

    @Test func `transactions work in it, and are its own`() async throws {
        try await with { serving, client, _ in
            func answers(_ lines: [String]) async throws -> [RESPValue] { try await client.send(lines.map(words)) }
            let done = try await answers([
                "FORK NEW f", "FORK RUN f MULTI", "FORK RUN f CREDIT CHARGE u_b 1 api", "CREDIT CHARGE u_b 2 api",
                "FORK RUN f CREDIT BALANCE u_b", "FORK RUN f EXEC", "CREDIT BALANCE u_b",
            ])
            #expect(done[1].string == "OK" && done[2].string == "QUEUED" && done[4].string == "QUEUED", "\(done)")
            #expect(done[3]["available"]?.string == "97.995833333")
            let executed = try #require(done[5].elements)
            #expect(executed.count == 2 && executed[1]["available"]?.string == "98.995833333", "\(executed)")
            #expect(done[6]["available"]?.string == "97.995833333")
            // Somebody changed a user that was watched; nothing was begun; it was given up.
            let watched = try await answers([
                "FORK RUN f WATCH u_a", "FORK RUN f CREDIT CHARGE u_a 1 api", "FORK RUN f MULTI", "FORK RUN f PING",
                "FORK RUN f EXEC", "FORK RUN f EXEC", "FORK RUN f MULTI", "FORK RUN f DISCARD", "FORK RUN f UNWATCH",
                "FORK RUN f CREDIT BALANCE u_a",
            ])
            #expect(watched[4] == .null, "\(watched[4])")
            #expect(watched[5].error?.text.contains("EXEC without MULTI") == true)
            #expect(watched[7].string == "OK" && watched[8].string == "OK" && watched[9].error == nil)
        }
    }

    @Test func `a transaction in it is not carried out where a command was refused, or somebody else speaks`()
        async throws
    {
        try await with { serving, client, _ in
            let reads = try #require(
                try await ask(client, "PASSPORT CREATE admin n read,admin SCOPE all")["secret"]?.string)
            let other = try await serving.connect(reads)
            for refused in ["CREDIT CHARGE u_a 1 api", "USER GETT u_a", "SHUTDOWN", "USER GET"] {
                let answers = try await other.send(
                    [
                        "FORK NEW f", "FORK RUN f MULTI", "FORK RUN f USER GET u_a", "FORK RUN f \(refused)",
                        "FORK RUN f EXEC", "FORK RUN f USER GET u_a", "FORK DROP f",
                    ].map(words))
                #expect(answers[2].string == "QUEUED" && answers[3].error != nil, "\(answers)")
                #expect(answers[4].error?.code == "EXECABORT", "\(refused): \(answers[4])")
                // It is over.
                #expect(answers[5]["user"]?.string == "u_a", "\(refused): \(answers[5])")
            }
            // What may be read by one passport is not handed to another.
            let blind = try #require(
                try await ask(client, "PASSPORT CREATE admin n admin SCOPE all")["secret"]?.string)
            let answers = try await other.send(
                ["FORK NEW f", "FORK RUN f MULTI", "FORK RUN f USER GET u_a", "AUTH \(blind)", "FORK RUN f EXEC"].map(
                    words))
            #expect(answers[3].string == "OK" && answers[4].error?.code == "EXECABORT", "\(answers)")
            await other.close()
        }
    }

    @Test func `in one piece or in many, the same has happened when time has passed`() async throws {
        try await with { _, client, _ in
            _ = try await client.send(
                ["STORAGE CREATE u_b r1 bucket 5", "ALLOWANCE SET u_a 1 EVERY month", "FORK NEW a", "FORK NEW b"].map(
                    words))
            #expect(try await ask(client, "FORK ADVANCE a 40d").error == nil)
            for _ in 0..<40 { #expect(try await ask(client, "FORK ADVANCE b 1d").error == nil) }
            let (a, b) = (try await ask(client, "FORK DIFF a"), try await ask(client, "FORK DIFF b"))
            for field in ["time", "spent", "users_changed", "sessions_exhausted"] {
                #expect(a[field] == b[field], "\(field): \(a), \(b)")
            }
            let rows = zip(try #require(a["users"]?.elements), try #require(b["users"]?.elements))
            for (one, two) in rows {
                for field in ["user", "available", "debt", "spent", "exhausted", "sessions_ended"] {
                    #expect(one[field] == two[field], "\(field): \(one), \(two)")
                }
                // At the time that it says, whenever something last happened to them.
                let user = try #require(one["user"]?.string)
                let balance = try await ask(client, "FORK RUN a CREDIT BALANCE \(user)")
                #expect(one["available"] == balance["available"], "\(user): \(one), \(balance)")
            }
            for line in ["CREDIT LOTS u_a", "INFO books", "SESSION LIST"] {
                let (one, two) = (
                    try await ask(client, "FORK RUN a \(line)"), try await ask(client, "FORK RUN b \(line)")
                )
                #expect(one == two, "\(line): \(one), \(two)")
            }
        }
    }

    @Test func `two forks know nothing of each other, and another connection's are not seen`() async throws {
        try await with { serving, client, _ in
            _ = try await client.send(["FORK NEW a", "FORK NEW b", "FORK RUN a CREDIT CHARGE u_a 3 api"].map(words))
            #expect(try await ask(client, "FORK RUN a CREDIT BALANCE u_a")["available"]?.string == "6.995833333")
            #expect(try await ask(client, "FORK RUN b CREDIT BALANCE u_a")["available"]?.string == "9.995833333")
            let other = try await serving.connect()
            #expect(try await ask(other, "FORK RUN a PING").error != nil)
            #expect(try await ask(other, "FORK LIST").elements?.isEmpty == true)
            #expect(try await ask(other, "INFO memory").string?.contains("forks:2") == true)
            await client.close()
            for _ in 0..<500 where try await ask(other, "INFO memory").string?.contains("forks:0") != true {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try await ask(other, "INFO memory").string?.contains("forks:0") == true)
            await other.close()
        }
    }

    @Test func `it is made beside writers, and holds what they had been answered`() async throws {
        try await with { serving, client, _ in
            let writer = try await serving.connect()
            async let charged = writer.send(Array(repeating: words("CREDIT CHARGE u_b 0.01 api"), count: 3000))
            for round in 0..<5 {
                let made = try await ask(client, "FORK NEW f\(round)")
                #expect(made.error == nil, "\(made)")
                #expect(try await ask(client, "FORK RUN f\(round) CREDIT CHARGE u_b 0.01 fork").error == nil)
                #expect(try await ask(client, "FORK DROP f\(round)").error == nil)
            }
            #expect(try await charged.allSatisfy { $0.error == nil })
            await writer.close()
        }
    }

    @Test(
        arguments: [
            ("FORK RUN f SHUTDOWN", "cannot be run in a fork"), ("FORK RUN f FORK NEW g", "cannot be run in a fork"),
            ("FORK RUN f AUTH x", "cannot be run in a fork"), ("FORK RUN f NONSENSE", "unknown command"),
            ("FORK RUN f", "wrong number"), ("FORK NEW f", "already"), ("FORK RUN g PING", "there is f"),
            ("FORK ADVANCE f -1d", "a duration"), ("FORK ADVANCE f TO 2020-01-01", "only rises"),
            ("FORK ADVANCE f TO soon", "a time"), ("FORK ADVANCE f 100000d", "at most 3660d"),
            ("FORK DIFF f COUNT 0", "COUNT"),
        ])
    func `what makes no sense is refused`(line: String, why: String) async throws {
        try await with { _, client, _ in
            _ = try await ask(client, "FORK NEW f")
            let answer = try await ask(client, line)
            #expect(answer.error?.text.contains(why) == true, "\(answer)")
        }
    }

    @Test func `more than there is memory for is refused`() async throws {
        try await Serving.with {
            $0.forkMemory = ForkRoom.bytesPerFork + 10 * ForkRoom.bytesPerUser
        } _: { serving in
            let client = try await serving.connect()
            #expect(try await ask(client, "FORK NEW a").error == nil)
            #expect(try await ask(client, "FORK NEW b").error?.text.contains("--fork-memory") == true)
            _ = try await ask(client, "FORK DROP a")
            var answer = try await ask(client, "FORK NEW b")
            for _ in 0..<500 where answer.error != nil {
                try await Task.sleep(for: .milliseconds(10))
                answer = try await ask(client, "FORK NEW b")
            }
            #expect(answer.error == nil)
            await client.close()
        }
    }
}
