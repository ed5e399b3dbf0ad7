import LedgerClient
import LedgerTestKit
import RESP
import Testing

@testable import LedgerServer

/// EVAL, EVALSHA and SCRIPT against a ledger.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ScriptTests {
    private func with(
        milliseconds: Int = 2_000, _ body: (Serving, any CommandPort) async throws -> Void
    ) async throws {
        try await Serving.with {
            $0.scriptMilliseconds = milliseconds
        } _: { serving in
            try await serving.withTen(body)
        }
    }

    private func lsn(_ client: any CommandPort) async throws -> Int64? {
        try await client.call("WAIT", "0").integer
    }

    @Test func `a script sees its own writes and branches on refusals`() async throws {
        try await with { _, client in
            let source = """
                local first = ledger.charge(ARGV[1], usd"4", "api")
                local second, why = ledger.charge(ARGV[1], usd"7", "api")
                if second then error("that was too much") end
                ledger.user.create{ email = "n@b.example", id = "u_n" }
                ledger.grant{ user = "u_n", amount = first.amount // 2, reason = "half" }
                local s = ledger.session.start("s1", "u_a", "small")
                ledger.session.heartbeat("s1")
                local stopped = ledger.session.stop("s1")
                return { first.available, why.code, ledger.credit.balance("u_n").available,
                         ledger.user.get("u_n").email, stopped.amount, ledger.session.get("s1").status }
                """
            let answer = try await client.call("EVAL", source, "0", "u_a")
            let values = try #require(answer.elements, "\(answer)")
            #expect(values.map(\.string) == ["6.00", "INSUFFICIENT", "7.00", "n@b.example", "0.00", "closed"])
            #expect(try await available(client) == "6.00")
            #expect(try await client.call("CREDIT", "BALANCE", "u_n")["available"]?.string == "7.00")
        }
    }

    @Test(
        arguments: [
            "ledger.charge('u_a', '1', 'api') error('no')", "ledger.charge('u_a', '1', 'api') while true do end",
            "ledger.charge('u_a', '1', 'api') pcall(function() while true do end end) return 1",
            "ledger.charge('u_a', '1', 'api') assert(ledger.charge('u_a', '100', 'api'))",
            "ledger.charge('u_a', '1', 'api') local t = {} for i = 1, 1e9 do t[i] = {i} end",
            "ledger.user.create{email='x@y.example', id='u_x'} ledger.grant{user='u_x', amount='1', reason='r'} error()",
            "ledger.user.set('u_a', {email='new@b.example'}) error('no')",
            "ledger.user.delete('u_a', {forfeit=true}) error('no')",
            "ledger.limit.set('pro', 'sessions', '1') error('no')",
            "ledger.charge('u_a', '1', 'api') return 'fl_0123456789_x'",
            "for i = 1, 20000 do ledger.charge('u_a', '0.000001', 'api') end",
        ])
    func `of a script that fails nothing is left`(source: String) async throws {
        try await with(milliseconds: 100) { _, client in
            let before = try await lsn(client)
            let answer = try await client.call("EVAL", source, "0")
            #expect(answer.error != nil, "\(answer)")
            #expect(try await lsn(client) == before)
            #expect(try await available(client) == "10.00")
            #expect(try await client.call("USER", "GET", "u_x").error?.code == "NOTFOUND")
            #expect(try await client.call("USER", "GET", "u_a")["email"]?.string == "a@b.example")
            #expect(try await client.call("CREDIT", "CHARGE", "u_a", "1", "api")["available"]?.string == "9.00")
            // The next one gets the ordinal of the user who was not created, with a key of its own.
            _ = try await client.call("USER", "CREATE", "z@y.example", "ID", "u_z", "NAME", "Zoe")
            #expect(try await client.call("USER", "GET", "u_z")["name"]?.string == "Zoe")
        }
    }

    @Test func `a key gives the value of the first time and runs nothing`() async throws {
        try await with { _, client in
            let source = "return { ledger.charge(ARGV[1], ARGV[2], 'api').available, n = 1.5 }"
            let first = try await client.call("EVAL", source, "1", "key:order-1", "u_a", "3")
            #expect(first.error == nil)
            let again = try await client.call("EVAL", source, "1", "key:order-1", "u_a", "3")
            #expect(again == first)
            let sha = try #require(try await client.call("SCRIPT", "LOAD", source).string)
            #expect(try await client.call("EVALSHA", sha, "1", "key:order-1", "u_a", "3") == first)
            #expect(try await available(client) == "7.00")
            // What is kept is not long.
            let long = "ledger.charge('u_a', '1', 'api') return string.rep('x', 20000)"
            #expect(try await client.call("EVAL", long, "1", "key:long").error != nil)
            #expect(try await available(client) == "7.00")
            let other = try await client.call("EVAL", source, "1", "key:order-1", "u_a", "4")
            #expect(other.error?.code == "KEYREUSED")
            // Also one that changed nothing.
            let reading = "return ledger.credit.balance('u_a').available"
            #expect(try await client.call("EVAL", reading, "1", "key:r").string == "7.00")
            _ = try await client.call("CREDIT", "CHARGE", "u_a", "1", "api")
            #expect(try await client.call("EVAL", reading, "1", "key:r").string == "7.00")
            #expect(try await client.call("EVAL", reading, "0").string == "6.00")
        }
    }

    @Test func `its events say that they are of a script, and those of EXEC of a transaction`() async throws {
        try await with { _, client in
            let first = try #require(try await lsn(client)) + 1
            _ = try await client.call("EVAL", "ledger.charge('u_a', usd'1', 'api')", "0")
            for words in [["MULTI"], ["CREDIT", "CHARGE", "u_a", "1", "api"], ["EXEC"]] {
                #expect(try await client.call(words).error == nil)
            }
            _ = try await client.call("CREDIT", "CHARGE", "u_a", "1", "api")
            let events = try await client.call("TAIL", "FROM", "\(first)", "USER", "u_a", "BLOCK", "1")
            let origins = events.elements?[1].elements?.map { $0["origin"]?.string }
            #expect(origins == ["script", "transaction", "command"])
        }
    }

    @Test func `where keys are required, one of the script does for all of it, or each call has its own`() async throws
    {
        try await with { serving, admin in
            let made = try await admin.call(
                "PASSPORT", "CREATE", "admin", "s", "read,write,admin", "SCOPE", "all", "KEYS", "required")
            let client = try await serving.connect(try #require(made["secret"]?.string))
            let source = "local done, why = ledger.charge('u_a', '1', 'api') return done and done.available or why.text"
            let refused = try await client.call("EVAL", source, "0")
            #expect(refused.string?.contains("CREDIT CHARGE must carry a KEY here") == true, "\(refused)")
            for _ in 0..<2 {
                #expect(try await client.call("EVAL", source, "1", "key:one").string == "9.00")
                let inner = "return ledger.charge{ user = 'u_a', amount = '1', source = 'api', key = 'k' }.available"
                #expect(try await client.call("EVAL", inner, "0").string == "8.00")
            }
            #expect(
                try await client.call("EVAL", "return ledger.credit.balance('u_a').available", "0").string == "8.00")
            await client.close()
        }
    }

    @Test func `a script that only reads leaves no event`() async throws {
        try await with { _, client in
            let before = try await lsn(client)
            let answer = try await client.call("EVAL", "return ledger.credit.lots('u_a')[2][1].available", "0")
            #expect(answer.error == nil)
            #expect(try await lsn(client) == before)
        }
    }

    @Test func `what reads the journal is fetched, and the script run anew with what it was`() async throws {
        try await with { _, client in
            let id = try #require(try await client.call("CREDIT", "CHARGE", "u_a", "2", "api")["id"]?.string)
            let source = """
                ledger.charge("u_a", usd"1", "api")
                local refund = ledger.refund(ARGV[1], { reason = "no" })
                local history = ledger.credit.history("u_a")
                return { refund.amount, #history[2], ledger.explain(ARGV[1]).amount }
                """
            let values = try await client.call("EVAL", source, "0", id)
            #expect(values.elements?.map(\.string) == ["2.00", "4", "2.00"], "\(values)")
            #expect(try await available(client) == "9.00")
        }
    }

    @Test func `it may need 64 records of the journal, and of one that needs more nothing is left`() async throws {
        try await with(milliseconds: 10_000) { _, client in
            let charges = try await client.send(Array(repeating: words("CREDIT CHARGE u_a 0.01 api"), count: 65))
            let ids = charges.compactMap { $0["id"]?.string }
            let source = """
                ledger.charge("u_a", usd"1", "api")
                local sum = usd"0"
                for _, id in ipairs(ARGV) do sum = sum + assert(ledger.explain(id)).amount end
                return sum
                """
            #expect(try await client.call(["EVAL", source, "0"] + ids.prefix(64)).string == "0.64")
            #expect(try await available(client) == "8.35")
            let text = try await client.call(["EVAL", source, "0"] + ids).error?.text
            #expect(text?.contains("a program may need 64 records of the journal") == true, "\(text ?? "no error")")
            #expect(text?.contains("pipeline(transaction=False)") == true)
            let explained = ids.map { words("EXPLAIN \($0)") }
            let answers = try await client.send(
                [words("MULTI"), words("CREDIT CHARGE u_a 1 api")] + explained + [words("EXEC")])
            #expect(answers.last?.error?.text == text)
            #expect(try await available(client) == "8.35")
        }
    }

    @Test func `what it read of the journal is as new as what it decides on`() async throws {
        try await with { serving, admin in
            let source = """
                local h = ledger.history("u_a", { count = 1000 })
                for _, row in ipairs(h[2]) do if row.source == ARGV[1] then return "already" end end
                assert(ledger.charge("u_a", usd"0.01", ARGV[1]))
                return "charged"
                """
            let clients = try await [serving.connect(), serving.connect(), serving.connect(), serving.connect()]
            for round in 0..<10 {
                let said = try await withThrowingTaskGroup(of: String?.self) { group in
                    for client in clients {
                        group.addTask { try await client.call("EVAL", source, "0", "once\(round)").string }
                    }
                    return try await group.reduce(into: [String?]()) { $0.append($1) }
                }
                #expect(said.filter { $0 == "charged" }.count == 1 && said.filter { $0 == "already" }.count == 3)
            }
            #expect(try await available(admin) == "9.90")
            for client in clients { await client.close() }
        }
    }

    @Test func `a refusal that is passed on or raised keeps its code`() async throws {
        try await with { _, client in
            for source in [
                "return ledger.charge('u_a', '100', 'api')", "return redis.call('CREDIT', 'CHARGE', 'u_a', '100', 'x')",
                "assert(ledger.charge('u_a', '100', 'api'))",
                "local ok, e = pcall(redis.call, 'CREDIT', 'CHARGE', 'u_a', '100', 'x') return redis.error_reply(e.err)",
            ] {
                #expect(try await client.call("EVAL", source, "0").error?.code == "INSUFFICIENT", "\(source)")
            }
            // A line of any length is answered.
            for (source, count) in [("ok", 70_000), ("err", 4096)] {
                let answer = try await client.call("EVAL", "return { \(source) = string.rep('x', 70000) }", "0")
                #expect((answer.string ?? answer.error?.text)?.count == count)
            }
        }
    }

    @Test func `a script that revokes the passport it came with is taken back`() async throws {
        try await with { serving, admin in
            let made = try await admin.call("PASSPORT", "CREATE", "u_a", "s", "read,write,admin", "SCOPE", "all")
            let client = try await serving.connect(try #require(made["secret"]?.string))
            let source = "ledger.charge('u_a', '1', 'api') return ledger.passport.revoke(ARGV[1]).id"
            let id = try #require(made["passport"]?.string)
            #expect(try await client.call("EVAL", source, "0", id).error?.code == "NOAUTH")
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "10.00")
            await client.close()
        }
    }

    @Test func `labels stay texts, and RESP2 has null for false`() async throws {
        try await with { serving, client in
            _ = try await client.call("CREDIT", "CHARGE", "u_a", "1", "api", "LABELS", "total=05,team=ml")
            let source = "return ledger.history('u_a', {count = 1})[2][1].labels.total"
            #expect(try await client.call("EVAL", source, "0").string == "05")
            #expect(try await client.call("EVAL", "return false", "0") == .boolean(false))
            let socket = try RawSocket(port: serving.server.port)
            socket.send("HELLO 2 AUTH default \(serving.passport)\r\nEVAL 'return {false,true}' 0\r\nPING\r\n")
            #expect(await socket.read(until: "+PONG\r\n").hasSuffix("*2\r\n$-1\r\n:1\r\n+PONG\r\n"))
            for _ in 0..<2 {
                socket.send("EVAL 'return false' 1 key:f\r\nPING\r\n")
                #expect(await socket.read(until: "+PONG\r\n") == "$-1\r\n+PONG\r\n")
            }
        }
    }

    @Test func `texts about people are returned, and not kept under a key`() async throws {
        try await with { _, client in
            _ = try await client.call("USER", "SET", "u_a", "NAME", "Ada Lovelace")
            let source =
                "local u = ledger.user.get('u_a') return { u.name, u.email, ledger.charge('u_a', '1', 'x').id }"
            #expect(try await client.call("EVAL", source, "0").elements?[0].string == "Ada Lovelace")
            #expect(try await client.call("EVAL", source, "1", "key:p").error?.text.contains("about a person") == true)
            _ = try await client.call("CREDIT", "CHARGE", "u_a", "0.5", "x", "DESCRIPTION", "for Ada's lessons")
            let rows = "return ledger.history('u_a', {count = 1})[2][1].description"
            #expect(try await client.call("EVAL", rows, "0").string == "for Ada's lessons")
            #expect(try await client.call("EVAL", rows, "1", "key:r").error?.text.contains("about a person") == true)
            let ids = "local u = ledger.user.get('u_a') return { u.user, #u.name }"
            #expect(try await client.call("EVAL", ids, "1", "key:q").elements?[0].string == "u_a")
            #expect(try await available(client) == "8.50")
        }
    }

    @Test func `EVALSHA knows what was loaded, until it is flushed`() async throws {
        try await with { _, client in
            #expect(
                try await client.call("EVALSHA", "6b1bf486c81ceb7edf3c093f4c48582e38c0e791", "0").error?.code
                    == "NOSCRIPT")
            let sha = try #require(try await client.call("SCRIPT", "LOAD", "return 1").string)
            #expect(sha == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
            #expect(try await client.call("EVALSHA", sha.uppercased(), "0").integer == 1)
            let exists = try await client.call("SCRIPT", "EXISTS", sha, "nonsense")
            #expect(exists.elements == [.integer(1), .integer(0)])
            #expect(try await client.call("SCRIPT", "FLUSH").string == "OK")
            #expect(try await client.call("EVALSHA", sha, "0").error?.code == "NOSCRIPT")
            #expect(try await client.call("SCRIPT", "LOAD", "return (").error?.text.contains("script:1:") == true)
        }
    }

    @Test func `it is killed from another connection`() async throws {
        try await with(milliseconds: 60_000) { serving, client in
            let other = try await serving.connect()
            #expect(try await other.call("SCRIPT", "KILL").error?.code == "NOTBUSY")
            async let running = client.call("EVAL", "ledger.charge('u_a', '1', 'api') while true do end", "0")
            var killed = false
            for _ in 0..<2_000 where !killed {
                killed = try await other.call("SCRIPT", "KILL").string == "OK"
                if !killed { try await Task.sleep(for: .milliseconds(5)) }
            }
            #expect(killed)
            #expect(try await running.error?.text.contains("SCRIPT KILL") == true)
            #expect(try await available(client) == "10.00")
            await other.close()
        }
    }

    @Test func `it computes with the amounts of every answer`() async throws {
        try await with { _, client in
            _ = try await client.call("SESSION", "START", "s1", "u_a", "small")
            let source = """
                local r = ledger.runway("u_a")
                local limits = ledger.limit.list("pro")
                local cost = usd"0"
                for _, row in ipairs(limits) do cost = cost + (row.downtime_per_hour or 0 * cost) end
                return { r.burn_rate * 24, r.session_rate * 2 + r.storage_rate, r.scoped + r.available - r.available,
                         r.expiring * 2, type(r.seconds_left), type(cost) }
                """
            let values = try await client.call("EVAL", source, "0")
            #expect(
                values.elements?.map(\.string) == ["0.60", "0.05", "0.00", "0.00", "string", "money"], "\(values)")
        }
    }

    @Test func `arguments that do not fit are refused`() async throws {
        try await with { _, client in
            for bad in ["", "x", "2 a", "1 key:", "-1"] {
                let answer = try await client.send([words("EVAL 'return 1' \(bad)")])[0]
                #expect(answer.error?.code == "ERR", "\(bad): \(answer)")
            }
            let counted = try await client.call("EVAL", "return {KEYS[2], ARGV[1]}", "2", "a", "b", "c")
            #expect(counted.elements?.map(\.string) == ["b", "c"])
            let nested = try await client.call("EVAL", "return ledger.call('EVAL', 'return 1', 0)", "0")
            #expect(nested.error?.text.contains("cannot be used in a script") == true)
        }
    }

    @Test func `what a script did is there after a restart, with the event that says so`() async throws {
        try await with { serving, client in
            _ = try await client.call("EVAL", "ledger.charge('u_a', '1', 'api') return 'done'", "1", "key:k")
            let history = try await client.call("CREDIT", "HISTORY", "u_a")
            #expect(history.elements?[1].elements?.count == 2)
        }
    }
}
