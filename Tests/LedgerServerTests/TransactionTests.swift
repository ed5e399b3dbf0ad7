import LedgerClient
import LedgerCore
import LedgerEngine
import LedgerTestKit
import RESP
import Synchronization
import Testing

@testable import LedgerServer

/// MULTI, EXEC, DISCARD, WATCH, as Redis has them.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TransactionTests {
    private func with(_ body: (Serving, any CommandPort) async throws -> Void) async throws {
        try await Serving.with {
            $0.scriptMilliseconds = 2_000
        } _: { serving in
            try await serving.withTen(body)
        }
    }

    @Test func `what was queued is carried out in order, each command seeing those before it`() async throws {
        try await with { _, client in
            let answers = try await client.send(
                [
                    "MULTI", "CREDIT CHARGE u_a 1 api", "CREDIT BALANCE u_a", "CREDIT CHARGE u_a 100 api",
                    "USER CREATE c@d.example ID u_c", "CREDIT GRANT u_c 5 REASON hello", "USER GET u_c", "PING", "EXEC",
                ].map(words))
            #expect(answers[0].string == "OK")
            #expect(answers[1...7].allSatisfy { $0.string == "QUEUED" })
            let results = try #require(answers[8].elements)
            #expect(results.count == 7)
            #expect(results[0]["available"]?.string == "9.00")
            #expect(results[1]["available"]?.string == "9.00")
            // A refusal is an element and undoes nothing.
            #expect(results[2].error?.code == "INSUFFICIENT")
            #expect(results[3]["email"]?.string == "c@d.example")
            // Five of them are the credit of who signs up.
            #expect(results[4]["available"]?.string == "10.00")
            #expect(results[5]["email"]?.string == "c@d.example")
            #expect(results[6].string == "PONG")
            #expect(try await available(client) == "9.00")
            #expect(try await client.call("USER", "GET", "u_c")["email"]?.string == "c@d.example")
        }
    }

    @Test func `a command that cannot be queued ends it: nothing is carried out`() async throws {
        try await with { _, client in
            for bad in ["NONSENSE", "CREDIT CHARGE u_a", "AUTH x", "SNAPSHOT", "PASSPORT CREATE u_a n read", "MULTI"] {
                let answers = try await client.send(["MULTI", "CREDIT CHARGE u_a 1 api", bad, "EXEC"].map(words))
                #expect(answers[2].error != nil, "\(bad)")
                #expect(answers[3].error?.code == "EXECABORT", "\(bad)")
            }
            #expect(try await available(client) == "10.00")
            let discarded = try await client.send(["multi", "CREDIT CHARGE u_a 1 api", "DISCARD", "PING"].map(words))
            #expect(discarded[2].string == "OK" && discarded[3].string == "PONG")
            let reset = try await client.send(["MULTI", "RESET", "PING"].map(words))
            #expect(reset[1].string == "RESET" && reset[2].string == "PONG")
        }
    }

    @Test func `a command that is too long to be read, or that finds no room, ends it as well`() async throws {
        try await Serving.with {
            $0.answerLimit = 256 << 10
        } _: { serving in
            let admin = try await serving.connect()
            _ = try await admin.send(["USER CREATE a@b.example ID u_a", "CREDIT GRANT u_a 5 REASON r"].map(words))
            let long = String(repeating: "x", count: 40_000)
            let answers = try await admin.send([
                words("MULTI"), words("CREDIT CHARGE u_a 1 api"), ["ECHO", long].map { Array($0.utf8) }, words("EXEC"),
            ])
            #expect(answers[2].error != nil && answers[3].error?.code == "EXECABORT", "\(answers)")
            // MULTI itself is answered BUSY, and the rest of its transaction comes when there is room again.
            let socket = try RawSocket(port: serving.server.port, receiveBuffer: 1 << 16)
            socket.send("HELLO 2 AUTH default \(serving.passport)\r\nPING\r\n")
            _ = await socket.read(until: "+PONG\r\n")
            let echo = "ECHO \(String(repeating: "e", count: 30_000))\r\n"
            await Task.detached {
                for _ in 0..<1000 { socket.send(echo) }
                socket.send("MULTI\r\n")
            }.value
            let counters = serving.server.counters
            #expect(try await eventually { counters.commandsBusy.load(ordering: .relaxed) > 0 })
            try await Task.sleep(nanoseconds: 200_000_000)
            let busy = Int(counters.commandsBusy.load(ordering: .relaxed))
            var refused = 0
            while refused < busy { refused += await socket.read(until: "-BUSY").ranges(of: "-BUSY").count }
            socket.send("CREDIT CHARGE u_a 1 api\r\nEXEC\r\nECHO over\r\n")
            let rest = await socket.read(until: "over\r\n")
            #expect(rest.contains("+QUEUED") && rest.contains("-EXECABORT"), "\(rest.suffix(200))")
            #expect(try await admin.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "10.00")
            await admin.close()
        }
    }

    @Test func `a passport that is revoked meanwhile ends it, and another can be shown`() async throws {
        try await with { serving, admin in
            let made = try await admin.call("PASSPORT", "CREATE", "u_a", "n", "read,write")
            let client = try await serving.connect(try #require(made["secret"]?.string))
            _ = try await client.send(["MULTI", "CREDIT CHARGE u_a 1 api"].map(words))
            _ = try await admin.call("PASSPORT", "REVOKE", try #require(made["passport"]?.string))
            #expect(try await client.call("EXEC").error?.code == "NOAUTH")
            #expect(try await client.call("AUTH", "default", serving.passport).string == "OK")
            #expect(try await client.call("PING").string == "PONG")
            #expect(try await available(client) == "10.00")
            await client.close()
        }
    }

    @Test func `one that takes the ledger too long is taken back`() async throws {
        try await Serving.with {
            $0.scriptMilliseconds = 1
        } _: { serving in
            let client = try await serving.connect()
            let users = (0..<1000).map { words("USER CREATE u\($0)@b.example ID u\($0)") }
            _ = try await client.send(users)
            let lists = Array(repeating: words("USER LIST COUNT 1000"), count: 900)
            let answers = try await client.send(
                [words("MULTI"), words("CREDIT GRANT u1 1 REASON r")] + lists + [words("EXEC")])
            #expect(answers.last?.error?.text.contains("took more than 10 ms") == true, "\(answers.last!)")
            #expect(try await client.call("CREDIT", "BALANCE", "u1")["available"]?.string == "5.00")
            await client.close()
        }
    }

    @Test func `a hold that was placed and closed in it, or closed only, is known`() async throws {
        try await with { _, client in
            let placed = try await client.call("HOLD", "PLACE", "u_a", "2")
            let hold = try #require(placed["id"]?.string)
            let answers = try await client.send(
                ["MULTI", "HOLD CAPTURE \(hold) 1.5 FINAL", "HOLD GET \(hold)", "EXEC"].map(words))
            let got = try #require(answers[3].elements?[1])
            #expect(got["status"]?.string == "captured" && got["captured"]?.string == "1.50", "\(got)")
            let both = """
                local hold = ledger.hold.place('u_a', '1').id
                ledger.hold.void(hold)
                return ledger.hold.get(hold).status
                """
            #expect(try await client.call("EVAL", both, "0").string == "voided")
        }
    }

    @Test func `an id that is recorded twice in it with other arguments is refused, as it is outside of it`()
        async throws
    {
        try await with { _, client in
            let record = "SESSION RECORD r1 u_a small FROM 2026-01-01 TO 2026-01-01T0"
            let answers = try await client.send(
                ["MULTI", record + "1:00:00Z", record + "1:00:00Z", record + "2:00:00Z", "EXEC"].map(words))
            let results = try #require(answers[4].elements)
            #expect(results[0].error == nil && results[1].error == nil, "\(results)")
            #expect(results[2].error?.code == "EXISTS", "\(results[2])")
        }
    }

    @Test func `EXEC and DISCARD without MULTI are refused, an empty transaction is none`() async throws {
        try await with { _, client in
            #expect(try await client.call("EXEC").error?.text == "ERR EXEC without MULTI")
            #expect(try await client.call("DISCARD").error?.text == "ERR DISCARD without MULTI")
            let answers = try await client.send(["MULTI", "EXEC"].map(words))
            #expect(answers[1].elements?.isEmpty == true)
        }
    }

    @Test func `more commands than a transaction may have are refused while queueing`() async throws {
        try await with { _, client in
            let many = Array(repeating: words("CREDIT CHARGE u_a 0.001 api"), count: Transaction.most + 1)
            let answers = try await client.send([words("MULTI")] + many + [words("EXEC")])
            #expect(answers[Transaction.most].string == "QUEUED")
            #expect(answers[Transaction.most + 1].error?.text.contains("transaction=False") == true)
            #expect(answers.last?.error?.code == "EXECABORT")
            let fits = Array(repeating: words("CREDIT CHARGE u_a 0.001 api"), count: Transaction.most)
            let done = try await client.send([words("MULTI")] + fits + [words("EXEC")])
            #expect(done.last?.elements?.count == Transaction.most)
            #expect(try await available(client) == "9.00")
        }
    }

    @Test func `what it queues has a bound in bytes, counts while it waits, and goes when it will not be carried out`()
        async throws
    {
        try await with { serving, client in
            let kept = { serving.server.counters.answersWaiting.load(ordering: .relaxed) }
            let long = ["ECHO", String(repeating: "x", count: 30_000)].map { Array($0.utf8) }
            let some = try await client.send([words("MULTI")] + Array(repeating: long, count: 30))
            #expect(some.last?.string == "QUEUED")
            #expect(try await eventually { kept() > 900_000 && kept() < 1 << 20 })
            let others = try await client.send(Array(repeating: long, count: 50))
            let refused = others.compactMap { $0.error?.text }
            #expect(
                refused.count == 1
                    && refused[0].contains("at most 2 MiB; with redis-py use pipeline(transaction=False)"))
            #expect(others[30].string == "QUEUED" && others.last?.string == "QUEUED")
            #expect(try await eventually { kept() < 1000 })
            #expect(try await client.call("EXEC").error?.code == "EXECABORT")
            let whole = try await client.send([words("MULTI")] + Array(repeating: long, count: 60) + [words("EXEC")])
            #expect(whole.last?.elements?.count == 60 && whole.last?.elements?.last?.string?.count == 30_000)
            _ = try await client.send([words("MULTI")] + Array(repeating: long, count: 30))
            #expect(try await client.call("DISCARD").string == "OK")
            #expect(try await eventually { kept() < 1000 })
        }
    }

    @Test func `where those of all clients take too much together, what one has queued is dropped with BUSY`()
        async throws
    {
        try await Serving.with {
            $0.eventLoops = 1
            $0.answerLimitOverAll = 4 << 20
        } _: { serving in
            try await serving.withTen { serving, admin in
                let made = try await admin.call("PASSPORT", "CREATE", "u_a", "n", "read")
                let secret = try #require(made["secret"]?.string)
                let kept = { serving.server.counters.answersWaiting.load(ordering: .relaxed) }
                let long = ["ECHO", String(repeating: "x", count: 30_000)].map { Array($0.utf8) }
                var (clients, dropped): ([RemoteLedger], [RemoteLedger]) = ([], [])
                for _ in 0..<8 {
                    let client = try await serving.connect(secret)
                    clients.append(client)
                    let answers = try await client.send([words("MULTI")] + Array(repeating: long, count: 60))
                    let busy = answers.compactMap(\.error)
                    #expect(busy.allSatisfy { $0.code == "BUSY" && $0.text.contains("what it had queued is dropped") })
                    if !busy.isEmpty { dropped.append(client) }
                    #expect(kept() < 6 << 20)
                }
                #expect(dropped.count >= 5)
                for client in dropped { #expect(try await client.call("EXEC").error?.code == "EXECABORT") }
                // Who keeps little is served.
                #expect(try await admin.call("CREDIT", "CHARGE", "u_a", "1", "api").error == nil)
                for client in clients { await client.close() }
                #expect(try await eventually { kept() < 1000 })
            }
        }
    }

    @Test func `one that would be more than a piece of the journal is refused with what to do about it`() async throws {
        try await with { _, client in
            let charge = [
                "CREDIT", "CHARGE", "u_a", "0.001", "api", "DESCRIPTION", String(repeating: "d", count: 1000),
            ]
            let many = Array(repeating: charge.map { Array($0.utf8) }, count: 950)
            let answers = try await client.send([words("MULTI")] + many + [words("EXEC")])
            let text = try #require(answers.last?.error?.text, "\(answers.last!)")
            #expect(text.contains("bytes in one step") && text.contains("(with redis-py: pipeline(transaction=False))"))
            #expect(try await available(client) == "10.00")
        }
    }

    @Test func `where keys are required, each command that changes money has one of its own`() async throws {
        try await with { serving, admin in
            let made = try await admin.call(
                "PASSPORT", "CREATE", "admin", "s", "read,write", "SCOPE", "all", "KEYS", "required")
            let client = try await serving.connect(try #require(made["secret"]?.string))
            let charge = "CREDIT CHARGE u_a 1 api"
            let refused = try await client.send(["MULTI", charge + " KEY k", charge, "EXEC"].map(words))
            #expect(refused[1].string == "QUEUED")
            #expect(refused[2].error?.text.contains("CREDIT CHARGE must carry a KEY here") == true)
            #expect(refused[3].error?.code == "EXECABORT")
            #expect(try await available(admin) == "10.00")
            // Sent again, as a library does whose answer was lost, nothing is charged twice.
            for isReplayed in [Int64(0), 1] {
                let done = try await client.send(
                    ["MULTI", charge + " KEY k", charge + " KEY l", "CREDIT BALANCE u_a", "EXEC"].map(words))
                let results = try #require(done.last?.elements, "\(done)")
                #expect(results[0]["replayed"]?.integer == isReplayed && results[1]["replayed"]?.integer == isReplayed)
                #expect(results[2]["available"]?.string == "8.00")
            }
            await client.close()
        }
    }

    @Test func `what reads the journal is fetched, then all of it is carried out once`() async throws {
        try await with { _, client in
            let charge = try await client.call("CREDIT", "CHARGE", "u_a", "2", "api")
            let id = try #require(charge["id"]?.string)
            let answers = try await client.send(
                ["MULTI", "CREDIT CHARGE u_a 1 api", "CREDIT REFUND \(id) REASON no", "CREDIT HISTORY u_a", "EXEC"]
                    .map(words))
            let results = try #require(answers[4].elements)
            #expect(results[1]["amount"]?.string == "2.00")
            #expect(results[2].elements?.count == 2)
            #expect(try await available(client) == "9.00")
        }
    }

    @Test func `a user that was watched and has changed makes EXEC answer null`() async throws {
        try await with { serving, client in
            let other = try await serving.connect()
            for (between, isNull) in [("CREDIT CHARGE u_a 1 api", true), ("PING", false), ("UNWATCH", false)] {
                #expect(try await client.call("WATCH", "u_a", "u_nobody").string == "OK")
                if between == "UNWATCH" {
                    _ = try await client.call("UNWATCH")
                    _ = try await other.send([words("CREDIT CHARGE u_a 1 api")])
                } else {
                    _ = try await other.send([words(between)])
                }
                let answers = try await client.send(["MULTI", "CREDIT CHARGE u_a 0.5 api", "EXEC"].map(words))
                #expect((answers[2] == .null) == isNull, "\(between)")
            }
            // Somebody who was not there is somebody who changed.
            #expect(try await client.call("WATCH", "u_new").string == "OK")
            _ = try await other.send([words("USER CREATE n@b.example ID u_new")])
            let answers = try await client.send(["MULTI", "PING", "EXEC"].map(words))
            #expect(answers[2] == .null)
            #expect(try await client.send(["MULTI", "WATCH u_a", "EXEC"].map(words))[1].error != nil)
            await other.close()
        }
    }

    /// What is due to somebody who is watched comes before EXEC, though much more is due to others, who are passed.
    @Test func `a user that was watched has changed when something was due`() async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
            $0.timersPerUnit = 1
        } _: { serving in
            let client = try await serving.connect()
            for user in ["ann", "bob", "others"] {
                try await client.call(words("USER CREATE \(user)@b.example ID \(user) TYPE pro")).mustBeAnswer()
                try await client.call(words("CREDIT GRANT \(user) 10 REASON try")).mustBeAnswer()
            }
            for round in 1...5 {
                let many = Array(repeating: words("HOLD PLACE others 0.001 TTL 1m"), count: 700)
                for answer in try await client.send(many) { #expect(answer.error == nil) }
                try await client.call(words("HOLD PLACE ann 0.5 TTL 1m")).mustBeAnswer()
                #expect(try await client.call("WATCH", "ann").string == "OK")
                clock.advance(by: .minutes(2))
                let answers = try await client.send(["MULTI", "CREDIT CHARGE bob 1 api", "EXEC"].map(words))
                #expect(answers[2] == .null, "round \(round)")
            }
            #expect(try await client.call("CREDIT", "BALANCE", "bob")["available"]?.string == "10.00")
            await client.close()
        }
    }

    @Test func `a passport may do in a transaction what it may do without`() async throws {
        try await with { serving, client in
            let made = try await client.call("PASSPORT", "CREATE", "u_a", "n", "read", "SCOPE", "own")
            let secret = try #require(made["secret"]?.string)
            let own = try await serving.connect(secret)
            let answers = try await own.send(
                ["MULTI", "CREDIT BALANCE u_a", "CREDIT CHARGE u_a 1 api", "EXEC"].map(words))
            #expect(answers[1].string == "QUEUED")
            #expect(answers[2].error?.code == "NOPERM" && answers[3].error?.code == "EXECABORT")
            let read = try await own.send(["MULTI", "CREDIT BALANCE u_a", "EXEC"].map(words))
            #expect(read[2].elements?.first?["available"]?.string == "10.00")
            #expect(try await own.call("EVAL", "return 1", "0").error?.code == "NOPERM")
            await own.close()
        }
    }
}
