import LedgerClient
import LedgerCommands
import LedgerCore
import LedgerEngine
import LedgerStorage
import LedgerTestKit
import RESP
import Testing

@testable import LedgerServer

/// DRYRUN: what a command would answer and record, and nothing of it there afterwards.
@Suite(.timeLimit(.minutes(10))) struct DryRunTests {
    private let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)

    private func with(
        disk: SimulatedDisk? = nil, _ body: (Serving, RemoteLedger) async throws -> Void
    ) async throws {
        try await Serving.with { _ in
        } engine: {
            if let disk {
                $0 = EngineConfiguration(.directory("/ledger"))
                $0.disk = disk
            }
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            try await ask(client, "USER CREATE ada@example.com ID u_ada TYPE pro").mustBeAnswer()
            try await ask(client, "CREDIT PURCHASE u_ada 100 card").mustBeAnswer()
            try await body(serving, client)
        }
    }

    @discardableResult
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    private func types(_ found: RESPValue) -> [String] {
        (found["events"]?.elements ?? []).compactMap { $0["type"]?.string }
    }

    @Test func `a charge says its receipt, its events and what it does to the books, and is not there`() async throws {
        try await with { _, client in
            let before = try await ask(client, "CREDIT BALANCE u_ada")
            let tried = try await ask(client, "DRYRUN CREDIT CHARGE u_ada 1.5 api LABELS team=ml KEY once")
            #expect(tried.pairs?.compactMap(\.key.string) == CommandTable.spec(.dryRun).reply.fields)
            #expect(tried["refused"] == .null && tried["more_events"] == .integer(0))
            #expect(tried["receipt"]?["amount"]?.string == "1.50" && tried["receipt"]?["available"]?.string == "98.50")
            #expect(tried["receipt"]?["replayed"] == .integer(0))
            let event = try #require(tried["events"]?.elements?.first)
            #expect(event.pairs?.compactMap(\.key.string) == CommandTable.eventFields)
            #expect(event["type"]?.string == "creditCharged" && event["user"]?.string == "u_ada")
            #expect(event["moves"]?.string == "debit" && event["amount"]?.string == "1.50")
            #expect(event["source"]?.string == "api" && event["available"]?.string == "98.50")
            #expect(event["labels"]?["team"]?.string == "ml" && event["lsn"] == tried["lsn"])
            #expect(
                tried["books"]?["users:paid"]?.string == "-1.50" && tried["books"]?["revenue:api"]?.string == "1.50")
            // Neither the charge nor its key is there: the same command is now carried out, with that very number.
            #expect(try await ask(client, "CREDIT BALANCE u_ada") == before)
            let done = try await ask(client, "CREDIT CHARGE u_ada 1.5 api LABELS team=ml KEY once")
            #expect(done["replayed"] == .integer(0) && done["lsn"] == tried["lsn"])
            #expect(done["id"] == tried["receipt"]?["id"] && done["available"]?.string == "98.50")
            // With the key of one that was: the answer of then.
            let again = try await ask(client, "DRYRUN CREDIT CHARGE u_ada 1.5 api LABELS team=ml KEY once")
            #expect(again["receipt"]?["replayed"] == .integer(1) && again["receipt"]?["id"] == done["id"])
            #expect(types(again) == [] && again["books"]?.pairs?.isEmpty == true)
            let other = try await ask(client, "DRYRUN CREDIT CHARGE u_ada 2 api KEY once")
            #expect(other["refused"]?["code"]?.string == "KEYREUSED" && other["receipt"] == .null)
        }
    }

    @Test func `what would be refused says how`() async throws {
        try await with { _, client in
            func code(_ line: String) async throws -> String? {
                let found = try await ask(client, "DRYRUN " + line)
                #expect(found["receipt"] == .null, "\(line): \(found)")
                return found["refused"]?["code"]?.string
            }
            #expect(try await code("CREDIT CHARGE u_ada 1000 api") == "INSUFFICIENT")
            #expect(try await code("CREDIT CHARGE u_bob 1 api") == "NOTFOUND")
            #expect(try await code("USER CREATE ada@example.com ID u_ada2") == "EXISTS")
            #expect(try await code("CREDIT REFUND c_zzz REASON r") == "NOTFOUND")
            #expect(try await code("HOLD VOID h_zzz") == "NOTFOUND")
            #expect(try await code("SESSION STOP none") == "NOTFOUND")
            #expect(try await code("RULE LOAD session_runtime \"return (\"") == "RULE")
            #expect(try await code("RULE ACTIVATE session_runtime 77") == "NOTFOUND")
            // A refusal that its KEY remembers would be an event, and is none.
            let lsn = try await ask(client, "WAIT 0")
            let refused = try await ask(client, "DRYRUN CREDIT CHARGE u_ada 1000 api KEY k")
            #expect(types(refused) == ["refused"] && refused["refused"]?["code"]?.string == "INSUFFICIENT")
            #expect(try await ask(client, "WAIT 0") == lsn)
            let hold = try await ask(client, "HOLD PLACE u_ada 1")
            let id = try #require(hold["id"]?.string)
            try await ask(client, "HOLD VOID \(id)").mustBeAnswer()
            #expect(try await code("HOLD VOID \(id)") == "CLOSED")
        }
    }

    @Test func `a new passport has no secret, and a new user no key`() async throws {
        let disk = SimulatedDisk()
        try await with(disk: disk) { _, client in
            let keys = try #require(disk.paths.first { $0.hasSuffix("/keys") })
            let before = disk.bytes(of: keys)
            let user = try await ask(client, "DRYRUN USER CREATE bob@example.com ID u_bob NAME Bob")
            #expect(
                user["receipt"]?["email"]?.string == "bob@example.com" && user["receipt"]?["user"]?.string == "u_bob")
            #expect(types(user).first == "userCreated")
            #expect(user["events"]?.elements?.first?["user"]?.string == "u_bob")
            #expect(disk.bytes(of: keys) == before)
            #expect(try await ask(client, "USER GET u_bob").error?.code == "NOTFOUND")

            let passport = try await ask(client, "DRYRUN PASSPORT CREATE u_ada laptop read,write")
            #expect(passport["receipt"]?["secret"]?.string == "(not made)")
            #expect(passport["receipt"]?["name"]?.string == "laptop")
            #expect(try await ask(client, "PASSPORT LIST u_ada").elements?[1].elements?.isEmpty == true)
            let named = try await ask(client, "DRYRUN USER SET u_ada NAME \"Ada L.\"")
            #expect(named["receipt"]?["value"]?.string == "Ada L.")
            #expect(try await ask(client, "USER GET u_ada")["name"] == .null)
            // Deleting forgets nothing.
            let gone = try await ask(client, "DRYRUN USER DELETE u_ada FORFEIT")
            #expect(gone["receipt"]?["forfeited"]?.string == "100.00", "\(gone)")
            #expect(try await ask(client, "USER GET u_ada")["email"]?.string == "ada@example.com")
            // The next user gets the place that was tried, and everything of its own.
            try await ask(client, "USER CREATE carl@example.com ID u_carl NAME Carl").mustBeAnswer()
            let carl = try await ask(client, "USER GET u_carl")
            #expect(carl["email"]?.string == "carl@example.com" && carl["name"]?.string == "Carl")
        }
    }

    @Test func `commands of several steps are tried with their last`() async throws {
        try await with { _, client in
            let charge = try await ask(client, "CREDIT CHARGE u_ada 2 api")
            let refund = try await ask(client, "DRYRUN CREDIT REFUND \(charge["id"]!.string!) 0.5 REASON slow")
            #expect(refund["receipt"]?["amount"]?.string == "0.50" && types(refund) == ["creditRefunded"])
            let rule = "RULE LOAD purchase_bonus \"return function(type, amount) return amount end\""
            let loaded = try await ask(client, "DRYRUN " + rule)
            #expect(types(loaded) == ["ruleLoaded"], "\(loaded)")
            let version = try await ask(client, rule)["version"]
            #expect(version == loaded["receipt"]?["version"])
            let activated = try await ask(client, "DRYRUN RULE ACTIVATE purchase_bonus \(version!.integer!)")
            #expect(types(activated) == ["ruleActivated"], "\(activated)")
            // The active one is the one of before, also for who computes prices.
            #expect(try await ask(client, "CREDIT PURCHASE u_ada 10 card")["bonus"]?.string == "0.00")
            let passport = try await ask(client, "PASSPORT CREATE u_ada key write SCOPE all RATE 2")
            let secret = try #require(passport["secret"]?.string)
            for _ in 0..<5 {
                let admitted = try await ask(client, "DRYRUN SESSION ADMIT \(secret) job gpu")
                #expect(admitted["receipt"]?["email"]?.string == "ada@example.com", "\(admitted)")
                #expect(types(admitted).first == "sessionStarted")
            }
            #expect(try await ask(client, "SESSION LIST USER u_ada").elements?[1].elements?.isEmpty == true)
            try await ask(client, "SESSION ADMIT \(secret) job gpu").mustBeAnswer()
            clock.advance(by: .minutes(30))
            let stopped = try await ask(client, "DRYRUN SESSION STOP job")
            #expect(stopped["receipt"]?["amount"]?.string == "0.0625", "\(stopped)")
            #expect(try await ask(client, "SESSION GET job")["status"]?.string == "active")
            let retyped = try await ask(client, "DRYRUN USER SET u_ada TYPE enterprise")
            #expect(types(retyped).contains("userChanged") && types(retyped).count > 1, "\(retyped)")
            #expect(try await ask(client, "USER GET u_ada")["type"]?.string == "pro")
        }
    }

    @Test func `what cannot be tried says why, and who may not do it may not try it`() async throws {
        try await with { serving, client in
            for (line, text) in [
                ("CREDIT BALANCE u_ada", "CREDIT BALANCE can be asked as it is"),
                ("DRYRUN CREDIT CHARGE u_ada 1 api", "DRYRUN can be asked as it is"),
                ("CLOCK ACCEPT", "CLOCK says what would come of it"), ("SHUTDOWN", "can be asked as it is"),
                ("CREDIT CHARGE u_ada", "wrong number of arguments for 'credit charge'"),
                ("FROBNICATE", "unknown command 'FROBNICATE'"),
            ] {
                let error = try await ask(client, "DRYRUN " + line).error
                #expect(error?.code == "ERR" && error?.text.contains(text) == true, "\(line): \(error?.text ?? "")")
            }
            #expect(try await ask(client, "DRYRUN").error?.text.contains("use DRYRUN command …") == true)
            let reader = try await ask(client, "PASSPORT CREATE u_ada r read SCOPE all")
            let other = try await serving.connect(reader["secret"]!.string!)
            #expect(
                try await ask(other, "DRYRUN CREDIT CHARGE u_ada 1 api").error?.text
                    == "NOPERM CREDIT CHARGE needs a passport with permission write")
            let careful = try await ask(client, "PASSPORT CREATE u_ada w write SCOPE all KEYS required")
            let writer = try await serving.connect(careful["secret"]!.string!)
            let refused = try await ask(writer, "DRYRUN CREDIT CHARGE u_ada 1 api").error
            #expect(refused?.text.contains("must carry a KEY") == true)
            try await ask(writer, "DRYRUN CREDIT CHARGE u_ada 1 api KEY k").mustBeAnswer()
        }
    }

    @Test
    func `tried in the middle of a pipeline it sees what came before it, and what comes behind sees nothing of it`()
        async throws
    {
        try await with { _, client in
            let lines = [
                "CREDIT CHARGE u_ada 1 api", "DRYRUN CREDIT CHARGE u_ada 10 api", "CREDIT CHARGE u_ada 2 api",
                "CREDIT BALANCE u_ada",
            ]
            let answers = try await client.send(lines.map { LedgerServerTests.words($0) })
            #expect(answers[1]["receipt"]?["available"]?.string == "89.00")
            #expect(answers[2]["available"]?.string == "97.00" && answers[3]["available"]?.string == "97.00")
            #expect(answers[2]["lsn"] == answers[1]["lsn"])
        }
    }
}
