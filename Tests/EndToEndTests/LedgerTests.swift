import Glibc
import LedgerClient
import LedgerCore
import RESP
import Testing

extension EndToEnd {
    /// What the ledger promises, asked through the port.
    @Suite struct Ledger {
        let workspace = Workspace()

        @Test func `of 50 parallel admissions against credit for 10, exactly 10 are admitted`() async throws {
            let server = try await ServerProcess.start(workspace)
            let admin = try await server.connect()
            // A lease of a large session of a pro user is 10 minutes at 0.05 an hour, rounded up.
            try await admin.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await admin.must("LIMIT SET pro sessions none")
            let lease = try #require(Money("0.008333334"))
            try await admin.must("CREDIT ADJUST u_ada \(Money(nanos: lease.nanos * 10)) REASON \"ten leases\"")
            let secret = try #require(try await admin.must("PASSPORT CREATE u_ada key write").text("secret"))

            var clients: [RemoteLedger] = []
            for _ in 0..<10 { clients.append(try await server.connect()) }
            let answers = try await withThrowingTaskGroup(of: RESPValue.self) { tasks in
                for number in 0..<50 {
                    let client = clients[number % clients.count]
                    tasks.addTask { try await client.ask("SESSION ADMIT \(secret) job-\(number) large") }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.filter { $0.error == nil }.count == 10)
            #expect(answers.filter { $0.error?.code == "INSUFFICIENT" }.count == 40)
            let balance = try await admin.must("CREDIT BALANCE u_ada")
            #expect(balance.text("held") == "\(Money(nanos: lease.nanos * 10))")
            for client in clients + [admin] { await client.close() }
            await server.stop()
            try await workspace.expectSound()
        }

        @Test func `an address that was changed is changed after a crash, too`() async throws {
            var server = try await ServerProcess.start(workspace)
            var admin = try await server.connect()
            try await admin.must("USER CREATE ada@exämple.de ID u_ada PERSON 17")
            try await admin.must("USER SET u_ada EMAIL ada@new.example")
            try await admin.must("USER CREATE bob@example.com ID u_bob PERSON 17")
            try await admin.must("SNAPSHOT")
            try await admin.must("USER SET u_bob EMAIL ADA@xn--exmple-cua.de")
            await admin.close()
            await server.crash()
            server = try await ServerProcess.start(workspace)
            admin = try await server.connect()
            #expect(try await admin.must("USER GET u_ada").text("email") == "ada@new.example")
            #expect(try await admin.must("USER GET u_bob").text("email") == "ADA@xn--exmple-cua.de")
            for taken in ["Ada@NEW.example", "ada@EXÄMPLE.de"] {
                #expect(try await admin.refusal(of: "USER CREATE \(taken)") == "EXISTS")
            }
            // Given up, and so free; a person and an address that had their bonus get none.
            #expect(try await admin.must("USER CREATE bob@example.com ID u_eve").text("bonus") == "0.00")
            #expect(try await admin.must("USER CREATE eve@example.com PERSON 17").text("bonus") == "0.00")
            await admin.close()
            await server.stop()
            try await workspace.expectSound()
            let journal = try await workspace.florin("journal", workspace.data, "--json")
            #expect(journal.end == .exit(0) && !journal.output.contains("new.example"))
        }

        @Test func `a revoked passport opens nothing more, on connections that are open too`() async throws {
            let server = try await ServerProcess.start(workspace)
            let admin = try await server.connect()
            try await admin.must("USER CREATE ada@example.com ID u_ada")
            let issued = try await admin.must("PASSPORT CREATE u_ada key read,write SCOPE all")
            let secret = try #require(issued.text("secret"))
            let client = try await server.connect(secret)
            try await client.must("CREDIT BALANCE u_ada")
            try await admin.must("PASSPORT REVOKE \(issued.text("passport")!)")
            #expect(try await client.refusal(of: "CREDIT BALANCE u_ada") == "NOAUTH")
            #expect(try await client.refusal(of: "CREDIT CHARGE u_ada 1 api") == "NOAUTH")
            #expect(try await client.must("PING").string == "PONG")
            #expect(try await admin.refusal(of: "PASSPORT VERIFY \(secret)") == "NOPERM")
            await #expect(throws: ClientError.self) { try await server.connect(secret) }
            #expect(try await admin.must("CREDIT BALANCE u_ada").text("available") == "5.00")
            await client.close()
            await admin.close()
            await server.stop()
        }

        @Test func `a user's own passport reads its user and does nothing else`() async throws {
            let server = try await ServerProcess.start(workspace)
            let admin = try await server.connect()
            for user in ["ada", "bob"] {
                try await admin.must("USER CREATE \(user)@example.com ID u_\(user)")
                try await admin.must("SESSION START s_\(user) u_\(user) small")
                try await admin.must("SESSION START closed_\(user) u_\(user) small")
                try await admin.must("SESSION STOP closed_\(user)")
            }
            let hold = try await admin.must("HOLD PLACE u_bob 1").text("id") ?? ""
            let charge = try await admin.must("CREDIT CHARGE u_bob 0.01 api").text("id") ?? ""
            let secret = try await admin.must("PASSPORT CREATE u_ada own read,write,billing,admin").text("secret")
            let client = try await server.connect(secret)
            for allowed in [
                "CREDIT BALANCE u_ada", "CREDIT HISTORY u_ada", "USER SUMMARY u_ada", "USER GET u_ada",
                "SESSION GET s_ada",
                "SESSION GET closed_ada", "SESSION QUOTE u_ada small 2", "SESSION LIST USER u_ada", "SPACE LIST",
                "PRICE INFO",
            ] {
                try await client.must(allowed)
            }
            for denied in [
                "CREDIT BALANCE u_bob", "CREDIT HISTORY u_bob", "USER SUMMARY u_bob", "USER GET u_bob", "USER LIST",
                "SESSION GET s_bob", "SESSION GET closed_bob", "SESSION GET nobody", "HOLD GET \(hold)",
                "EXPLAIN \(charge)",
                "SESSION QUOTE u_bob small 2", "SESSION LIST", "SESSION STOP s_ada", "SESSION HEARTBEAT s_ada",
                "SESSION START x u_ada small", "CREDIT PURCHASE u_ada 10 stripe", "CREDIT CHARGE u_ada 1 api",
                "CREDIT GRANT u_ada 5 REASON x", "USER SET u_ada TYPE admin", "PASSPORT CREATE u_ada x read",
                "STORAGE CREATE u_ada r bucket 1", "RULE LIST", "LIMIT LIST", "INFO", "SHUTDOWN",
                "CREDIT BALANCE nobody",
            ] {
                let code = try await client.refusal(of: denied)
                #expect(code == "NOPERM", "\(denied): \(code ?? "allowed")")
            }
            await client.close()
            await admin.close()
            await server.stop()
        }

        @Test func `a price changes while the server runs, for new sessions only, and goes back`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 100 stripe")
            #expect(try await client.must("SESSION START before u_ada medium").text("rate") == "0.0375")
            let double = """
                return function(user_type, tier) return 2 * usd"0.0375", usd"0.0375" end
                """
            let loaded = try await client.call(["RULE", "LOAD", "session_runtime", double])
            let version = try #require(loaded.text("version"))
            #expect(try await client.must("SESSION START meanwhile u_ada medium").text("rate") == "0.0375")
            try await client.must("RULE ACTIVATE session_runtime \(version)")
            #expect(try await client.must("SESSION START after u_ada medium").text("rate") == "0.075")
            #expect(try await client.must("SESSION GET before").text("rate") == "0.0375")
            for bad in [
                "return function() return 0.5 end", "return function() while true do end end", "syntax error",
                "return function() return -1 end", "return function() return nil end",
                "return function() local t = {} for i = 1, 1e9 do t[i] = i end return 1 end",
            ] {
                let check = try await client.call(["RULE", "CHECK", "session_runtime", bad])
                #expect(check.error != nil || check.text("passes") == "0" || check.text("passes") == "false", "\(bad)")
                let load = try await client.call(["RULE", "LOAD", "session_runtime", bad])
                guard load.error == nil else { continue }
                let refusal = try await client.refusal(of: "RULE ACTIVATE session_runtime \(load.text("version")!)")
                #expect(refusal == "RULE", "\(bad)")
            }
            try await client.must("RULE ROLLBACK session_runtime")
            #expect(try await client.must("SESSION START later u_ada medium").text("rate") == "0.0375")
            let receipt = try await client.must("SESSION STOP after")
            let explanation = try await client.must("EXPLAIN \(receipt.text("charge") ?? "")")
            #expect(["1", "true"].contains(explanation.text("agrees")), "\(explanation)")
            await client.close()
            await server.stop()
            try await workspace.expectSound()
        }

        @Test func `reads in a pipeline see exactly what came before them`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 1000 stripe")
            var commands: [[[UInt8]]] = []
            for _ in 0..<200 {
                commands.append(["CREDIT", "CHARGE", "u_ada", "0.01", "api"].map { Array($0.utf8) })
                commands.append(["CREDIT", "BALANCE", "u_ada"].map { Array($0.utf8) })
                commands.append(["CREDIT", "HISTORY", "u_ada", "COUNT", "1"].map { Array($0.utf8) })
            }
            let answers = try await client.send(commands)
            for index in stride(from: 0, to: answers.count, by: 3) {
                let available = answers[index].text("available")
                #expect(answers[index + 1].text("available") == available)
                #expect(answers[index + 2].elements?[1].elements?.first?.text("available") == available)
            }
            #expect(answers.last?.elements?[1].elements?.first?.text("available") == "998.00")

            // Across connections, WAIT gives the same.
            let other = try await server.connect()
            let receipt = try await client.must("CREDIT CHARGE u_ada 1 api")
            let seen = try await other.send(
                [["WAIT", receipt.text("lsn")!], ["CREDIT", "BALANCE", "u_ada"]].map { $0.map { Array($0.utf8) } })
            #expect(seen[1].text("available") == "997.00")
            #expect(try await other.must("WAIT 999999999 50ms").integer ?? 0 > 0)
            await other.close()
            await client.close()
            await server.stop()
        }

        @Test func `malformed commands get a code and change nothing`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 100 stripe REF pi_1")
            try await client.must("SESSION START s1 u_ada small")
            try await client.must("SESSION STOP s1")
            let before = try await client.must("USER GET u_ada").text("available")
            for (line, code) in [
                ("CREDIT CHARGE u_ada 1e3 api", "ERR"), ("CREDIT CHARGE u_ada +1 api", "ERR"),
                ("CREDIT CHARGE u_ada .5 api", "ERR"),
                ("CREDIT CHARGE u_ada 1. api", "ERR"), ("CREDIT CHARGE u_ada \" 1\" api", "ERR"),
                ("CREDIT CHARGE u_ada NaN api", "ERR"),
                ("CREDIT CHARGE u_ada 0.0000000001 api", "ERR"), ("CREDIT CHARGE u_ada -1 api", "ERR"),
                ("CREDIT CHARGE u_ada 99999999999999999999 api", "ERR"), ("CREDIT CHARGE u_ada 1", "ERR"),
                ("CREDIT CHARGE u_ada 1 api MORE", "ERR"), ("CREDIT CHARGE nobody 1 api", "NOTFOUND"),
                ("CREDIT CHARGE u_ada 1000 api", "INSUFFICIENT"), ("CREDIT PURCHASE u_ada 9.99 stripe", "LIMIT"),
                ("CREDIT PURCHASE u_ada 10.001 stripe", "ERR"), ("CREDIT PURCHASE u_ada 50 stripe REF pi_1", "EXISTS"),
                ("SESSION GET nothing", "NOTFOUND"), ("SESSION HEARTBEAT s1", "CLOSED"),
                ("SESSION START s2 u_ada huge", "ERR"),
                ("SESSION QUOTE u_ada small -1", "ERR"), ("CREDIT HISTORY u_ada FROM 2026-02-01 TO 2026-01-01", "ERR"),
                ("SESSION RECORD r1 u_ada small FROM 2999-01-01T00:00:00Z TO 2999-01-01T01:00:00Z", "ERR"),
                ("SESSION RECORD r1 u_ada small FROM 100 TO 50", "ERR"), ("HOLD CAPTURE h_zzz 1", "NOTFOUND"),
                ("EVAL x 0", "ERR"), ("EXEC", "ERR"),
                ("CREDIT", "ERR"), ("CREDIT CHARG u_ada 1 api", "ERR"), ("FLUSHALL", "ERR"),
                ("PASSPORT CREATE u_ada x root", "ERR"), ("SELECT 1", "ERR"),
            ] {
                let found = try await client.refusal(of: line)
                #expect(found == code, "\(line): \(found ?? "accepted")")
            }
            #expect(try await client.must("SESSION STOP s1").text("replayed") == "1")
            let charge = "CREDIT CHARGE u_ada 0.01 api KEY k1"
            try await client.must(charge)
            #expect(try await client.must(charge).text("replayed") == "1")
            #expect(try await client.refusal(of: "CREDIT CHARGE u_ada 0.02 api KEY k1") == "KEYREUSED")
            let after = try await client.must("USER GET u_ada").text("available")
            #expect(Money(before ?? "")?.nanos == Money(after ?? "").map { $0.nanos + 10_000_000 })
            await client.close()
            await server.stop()
            try await workspace.expectSound()
        }
    }
}
