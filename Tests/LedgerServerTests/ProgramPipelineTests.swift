import LedgerClient
import LedgerCommands
import LedgerCore
import LedgerEngine
import LedgerTestKit
import RESP
import Synchronization
import Testing

@testable import LedgerServer

/// Scripts of one connection that are sent without waiting: decided in their order, whatever each of them needs, and
/// synced together.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ProgramPipelineTests {
    private func with(
        milliseconds: Int = 2_000, _ body: (Serving, RemoteLedger) async throws -> Void
    ) async throws {
        try await Serving.with {
            $0.scriptMilliseconds = milliseconds
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 100 stripe"),
            ])
            try await body(serving, client)
            await client.close()
        }
    }

    private func eval(_ source: String, _ words: String...) -> [[UInt8]] {
        (["EVAL", source] + (words.isEmpty ? ["0"] : words)).map { Array($0.utf8) }
    }

    private func syncs(_ client: RemoteLedger) async throws -> Int {
        let info = try await client.call("INFO", "all").string ?? ""
        let line = try #require(info.split(separator: "\r\n").first { $0.hasPrefix("syncs:") }, "\(info)")
        return try #require(Int(line.dropFirst(6)))
    }

    @Test func `a hundred share few syncs, and each is answered with what it decided`() async throws {
        try await with { _, client in
            let before = try await syncs(client)
            let charge = eval("return ledger.charge('u_a', '0.01', 'api').available")
            let answers = try await client.send(Array(repeating: charge, count: 100))
            let left: [String?] = (1...Int64(100)).map { "\(Money(nanos: 100_000_000_000 - $0 * 10_000_000))" }
            #expect(answers.map(\.string) == left)
            #expect(try await syncs(client) - before < 20)
        }
    }

    @Test func `a client that does not read its answers is owed no more than the limit, and gets all when it does`()
        async throws
    {
        try await Serving.with {
            $0.answerLimit = 256 << 10
        } _: { serving in
            let client = try await serving.connect()
            let socket = try RawSocket(port: serving.server.port, receiveBuffer: 1 << 16)
            socket.send("HELLO 2 AUTH default \(serving.passport)\r\nPING\r\n")
            _ = await socket.read(until: "+PONG\r\n")
            // More than the kernel and the limit hold.
            let source = "local e = string.rep('e', 50000) return e .. e .. e .. e .. e .. '<' .. ARGV[1] .. '>'"
            for number in 1...100 { socket.send("EVAL \"\(source)\" 0 \(number)\r\n") }
            let counters = serving.server.counters
            #expect(try await eventually { counters.answersWaiting.load(ordering: .relaxed) > 256 << 10 })
            for _ in 0..<20 { _ = try await client.call("PING") }
            #expect(counters.answersWaiting.load(ordering: .relaxed) < 8 << 20)
            var (bytes, end) = (0, [UInt8]())
            while !String(decoding: end, as: UTF8.self).contains("<100>") {
                guard let chunk = socket.readNow() else {
                    try await Task.sleep(nanoseconds: 5_000_000)
                    continue
                }
                bytes += chunk.count
                end = Array((end + chunk).suffix(20))
            }
            #expect(bytes > 100 * 250_000)
            socket.send("PING\r\n")
            _ = await socket.read(until: "+PONG\r\n")
            #expect(counters.clientsDropped.load(ordering: .relaxed) == 0)
            await client.close()
        }
    }

    @Test func `what reads the journal is decided in its place among them`() async throws {
        try await with { _, client in
            // Each finds what the one before it has charged, as the newest row.
            let link = """
                local newest = ledger.history("u_a", { count = 1 })[2][1].source
                if newest ~= ARGV[1] then error("behind " .. newest) end
                return ledger.charge("u_a", "0.01", ARGV[2]).available
                """
            var (requests, last): ([[[UInt8]]], String) = ([], "stripe")
            for number in 0..<60 {
                requests.append(eval(link, "0", last, "n\(number)"))
                last = "n\(number)"
                if number % 7 == 3 {
                    // Others between them, of every kind.
                    requests.append(words("CREDIT CHARGE u_a 0.01 w\(number)"))
                    last = "w\(number)"
                    requests.append(words("CREDIT HISTORY u_a COUNT 1"))
                    requests.append(words("MULTI"))
                    requests.append(words("CREDIT CHARGE u_a 0.01 m\(number)"))
                    requests.append(words("EXEC"))
                    last = "m\(number)"
                } else if number % 7 == 5 {
                    // What needs nothing of the journal must not get ahead either; nor what fails.
                    requests.append(eval("return ledger.charge('u_a', '0.01', ARGV[1]).available", "0", "p\(number)"))
                    requests.append(eval("ledger.charge('u_a', '0.01', 'no') error('no')"))
                    last = "p\(number)"
                }
            }
            let answers = try await client.send(requests)
            let errors = answers.compactMap { $0.error?.text }
            #expect(errors.count == 8 && errors.allSatisfy { $0 == "ERR script:1: no" }, "\(errors)")
            let history = try await client.call("CREDIT", "HISTORY", "u_a", "COUNT", "1")
            #expect(history.elements?[1].elements?[0]["source"]?.string == last)
        }
    }

    /// Any of what a connection may send, about two users.
    private func request(_ random: inout SeededGenerator) -> [[[UInt8]]] {
        let user = Bool.random(using: &random) ? "u_a" : "u_b"
        let number = "\(Int.random(in: 1...4, using: &random))"
        switch Int.random(in: 0..<13, using: &random) {
        case 0, 1:
            return [eval("return ledger.charge(ARGV[1], usd'0.01' * tonumber(ARGV[2]), 'api')", "0", user, number)]
        case 2, 3:
            let source = """
                local page = ledger.history(ARGV[1], { count = ARGV[2] })
                return { page, ledger.charge(ARGV[1], usd"0.01" * #page[2], "seen") }
                """
            return [eval(source, "0", user, number)]
        case 4: return [words("CREDIT CHARGE \(user) 0.0\(number) api")]
        case 5: return [words("CREDIT HISTORY \(user) COUNT \(number)")]
        case 6:
            return [
                words("MULTI"), words("CREDIT CHARGE \(user) 0.0\(number) m"), words("CREDIT HISTORY \(user) COUNT 2"),
                words("EXEC"),
            ]
        case 7: return [eval("ledger.charge('u_a', '0.01', 'no') error('no' .. #ledger.history('u_b')[2])")]
        case 8: return [eval("return ledger.charge(ARGV[1], '0.05', 'keyed')", "1", "key:\(number)", user)]
        case 9:
            let source = """
                local charge = ledger.charge(ARGV[1], "1", "own")
                local refund = ledger.refund(charge.id, { amount = "0.25", reason = "r" })
                return { charge, refund, ledger.explain(charge.id), ledger.history(ARGV[1], { count = 3 }) }
                """
            return [eval(source, "0", user)]
        case 10: return [words("CREDIT BALANCE \(user)"), words("USER SUMMARY \(user)")]
        case 11: return [eval("return ledger.transfer('u_a', 'u_b', ARGV[1], { reason = 'r' })", "0", number)]
        default: return [eval("return ledger.user.summary(ARGV[1]).total_spent", "0", user), words("PING")]
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func `all at once they are answered what they are answered one by one`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let requests = (0..<150).flatMap { _ in request(&random) }
        var answers: [[RESPValue]] = []
        for atOnce in [true, false] {
            let clock = ManualClock(OwnWritesTests.morning)
            try await OwnWritesTests.serve(clock) { serving in
                let client = try await serving.connect()
                for line in [
                    "USER CREATE a@b.example ID u_a TYPE pro", "CREDIT PURCHASE u_a 100 stripe",
                    "USER CREATE c@d.example ID u_b TYPE pro", "CREDIT PURCHASE u_b 100 stripe",
                ] { try await client.call(words(line)).mustBeAnswer() }
                var found: [RESPValue] = []
                if atOnce { found = try await client.send(requests) }
                for request in atOnce ? [] : requests { found.append(try await client.call(request)) }
                answers.append(found.map { ReadYourWritesTests.comparable($0, .ping) })
                await client.close()
            }
        }
        for (index, (one, other)) in zip(answers[0], answers[1]).enumerated() where one != other {
            let asked = requests[index].map { String(decoding: $0, as: UTF8.self) }
            Issue.record("\(asked): \(one) at once, \(other) alone")
            break
        }
        #expect(answers[0].count == requests.count && answers[0].count { $0.error != nil } < requests.count / 4)
    }

    @Test func `what is replayed under its key, or comes behind a passport's end, holds nothing up`() async throws {
        try await with { serving, client in
            let keyed = eval("return ledger.charge('u_a', '1', 'api').available", "1", "key:once")
            let reading = eval("return #ledger.history('u_a')[2]")
            let first = try await client.call(keyed)
            let answers = try await client.send([keyed, reading, keyed, reading, keyed, keyed])
            #expect(
                answers.map { $0.string ?? "\($0.integer ?? 0)" } == ["99.00", "2", "99.00", "2", "99.00", "99.00"])
            #expect(answers[0] == first)
            let made = try await client.call("PASSPORT", "CREATE", "u_a", "own", "read,write,admin", "SCOPE", "all")
            let other = try await serving.connect(try #require(made["secret"]?.string))
            let ended = try await other.send([
                keyed, reading, words("MULTI"), words("PASSPORT REVOKE \(made["passport"]?.string ?? "")"),
                words("EXEC"),
                reading, keyed, keyed,
            ])
            #expect(ended[1].integer == 3 && ended[4].elements?.count == 1, "\(ended)")
            #expect(ended[5...].allSatisfy { $0.error?.code == "NOAUTH" }, "\(ended)")
            await other.close()
        }
    }

    @Test func `several connections that send many at once decide on what is there`() async throws {
        try await with { serving, client in
            let source = """
                for _, row in ipairs(ledger.history("u_a", { count = 1000 })[2]) do
                  if row.source == ARGV[1] then return "already" end
                end
                assert(ledger.charge("u_a", "0.01", ARGV[1]))
                return "charged"
                """
            let requests = (0..<25).map { eval(source, "0", "once\($0)") }
            let said = try await withThrowingTaskGroup(of: [RESPValue].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let one = try await serving.connect()
                        let answers = try await one.send(requests)
                        await one.close()
                        return answers
                    }
                }
                return try await group.reduce(into: [[RESPValue]]()) { $0.append($1) }
            }
            for index in requests.indices {
                let words = said.map { $0[index].string ?? "\($0[index])" }
                #expect(words.sorted() == ["already", "already", "already", "charged"])
            }
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "99.75")
        }
    }

    @Test func `it is the turn of one at a time, and of none when they have had their share`() {
        let order = ProgramOrder(allowance: 100)
        #expect(order.isTurn(of: 0) && !order.isTurn(of: 1))
        order.advance(past: 1)
        #expect(order.isTurn(of: 0))
        order.advance(past: 0)
        order.advance(past: 0)
        #expect(!order.isTurn(of: 0) && order.isTurn(of: 1) && !order.isTurn(of: 2))
        order.spend(60)
        #expect(order.isTurn(of: 1))
        order.spend(40)
        #expect(!order.isTurn(of: 1))
        order.beginAnew()
        #expect(order.isTurn(of: 1))
    }

    @Test func `others have their turn between those that take long`() async throws {
        try await with(milliseconds: 200) { serving, client in
            let other = try await serving.connect()
            let source = """
                local n = 0
                for i = 1, tonumber(ARGV[1]) do n = n + i end
                return ledger.charge("u_a", "0.01", "long").lsn
                """
            // As long as it takes for all of them to be some goes of 200 ms, on whatever machine.
            var turns = 50_000
            while true {
                let clock = ContinuousClock()
                let began = clock.now
                let requests = Array(repeating: eval(source, "0", "\(turns)"), count: 64)
                // From before the first until behind the last, however late a busy machine takes them up.
                let isAnswered = Atomic<Bool>(false)
                async let others = {
                    var charged: [Int64] = []
                    while !isAnswered.load(ordering: .relaxed) {
                        let receipt = try await other.call("CREDIT", "CHARGE", "u_a", "0.01", "api")
                        charged.append(receipt["lsn"]?.integer ?? 0)
                    }
                    return charged
                }()
                let found = try await client.send(requests)
                isAnswered.store(true, ordering: .relaxed)
                let between = try await others
                let lsns = found.compactMap(\.integer)
                #expect(lsns == lsns.sorted() && lsns.count == 64, "\(found.compactMap { $0.error?.text })")
                turns *= 2
                if clock.now - began < .seconds(2) { continue }
                // In one go, there would be nobody between them: two, for a packet may have come in two pieces.
                let inside = between.filter { $0 > lsns.first ?? 0 && $0 < lsns.last ?? 0 }
                #expect(inside.count >= 2, "\(between) \(lsns)")
                break
            }
            await other.close()
        }
    }

    @Test func `a connection that goes away in the middle leaves the first of them, and no hole`() async throws {
        try await with { serving, client in
            for round in 0..<10 {
                let source = """
                    local h = ledger.history("u_a", { count = 1 })[2][1]
                    return ledger.charge("u_a", "0.01", "r" .. ARGV[1] .. "n" .. ARGV[2]).lsn
                    """
                var requests = RESPWriter(version: .v2)
                for number in 0..<30 {
                    let request = eval(source, "0", "\(round)", "\(number)")
                    requests.array(request.count)
                    for word in request { requests.bulk(word) }
                }
                try await sendAndGo(serving, requests.bytes, waits: round % 2 == 0)
                try await Task.sleep(for: .milliseconds(20))
                let rows = try await client.call("CREDIT", "HISTORY", "u_a", "COUNT", "100")
                let mine = (rows.elements?[1].elements ?? []).compactMap { $0["source"]?.string }
                    .filter { $0.hasPrefix("r\(round)n") }
                #expect(mine.reversed().elementsEqual((0..<mine.count).map { "r\(round)n\($0)" }), "\(mine)")
            }
        }
    }

    /// Sends requests, and closes the connection: at once, or with the first answer.
    private func sendAndGo(_ serving: Serving, _ requests: [UInt8], waits: Bool) async throws {
        let socket = try RawSocket(port: serving.server.port)
        socket.send("HELLO 2 AUTH default \(serving.passport)\r\nPING\r\n")
        _ = await socket.read(until: "+PONG\r\n")
        socket.send(requests)
        if waits { _ = await socket.read(until: "\r\n") }
    }
}
