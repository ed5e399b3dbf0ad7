import LedgerClient
import LedgerCommands
import LedgerCore
import LedgerEngine
import LedgerStorage
import LedgerTestKit
import Logging
import RESP
import Synchronization
import Testing

@testable import LedgerServer

/// TAIL and MONITOR.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FollowingTests {
    private func signIn(_ serving: Serving, _ protocol: Int = 2, receiveBuffer: Int32? = nil) async throws -> RawSocket
    {
        let socket = try RawSocket(port: serving.server.port, receiveBuffer: receiveBuffer)
        socket.send("HELLO \(`protocol`) AUTH default \(serving.passport)\r\nPING\r\n")
        _ = await socket.read(until: "+PONG\r\n")
        return socket
    }

    @discardableResult
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    private func prepare(_ client: RemoteLedger) async throws {
        for user in ["u_ada", "u_bob"] {
            try await ask(client, "USER CREATE \(user)@example.com ID \(user) TYPE pro").mustBeAnswer()
            try await ask(client, "CREDIT PURCHASE \(user) 1000 card").mustBeAnswer()
        }
    }

    /// The numbers of all events from the first on, as reads give them.
    private func readAll(_ client: RemoteLedger, count: Int, user: String = "") async throws -> [RESPValue] {
        var (events, next): ([RESPValue], Int64) = ([], 1)
        let last = try #require(try await ask(client, "WAIT 0").integer)
        while next <= last {
            let answer = try await ask(client, "TAIL FROM \(next) \(user) COUNT \(count) BLOCK 1")
            let found = try #require(answer.elements?[1].elements, "\(answer)")
            let after = try #require(answer.elements?[0].integer)
            #expect(found.count <= count && (after > next || found.isEmpty))
            events += found
            next = after
        }
        return events
    }

    @Test func `reads give every event once, in order, however they are cut, and go on where they left off`()
        async throws
    {
        try await Serving.with { serving in
            let client = try await serving.connect()
            try await prepare(client)
            for _ in 0..<50 { try await ask(client, "CREDIT CHARGE u_ada 0.01 api").mustBeAnswer() }
            let last = try #require(try await ask(client, "WAIT 0").integer)
            for count in [1, 7, 1000] {
                let events = try await readAll(client, count: count)
                #expect(events.compactMap { $0["lsn"]?.integer } == Array(1...last))
            }
            let ada = try await readAll(client, count: 9, user: "USER u_ada")
            #expect(ada.count > 50 && ada.allSatisfy { $0["user"]?.string == "u_ada" })
            let charge = try #require(ada.last)
            #expect(charge.pairs?.compactMap(\.key.string) == CommandTable.eventFields)
            #expect(charge["type"]?.string == "creditCharged" && charge["amount"]?.string == "0.01")
            #expect(charge["moves"]?.string == "debit" && charge["available"]?.string == "999.50")
        }
    }

    @Test func `every event about a hold names it, the first one too`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            try await prepare(client)
            let from = try #require(try await ask(client, "WAIT 0").integer) + 1
            let hold = try #require(try await ask(client, "HOLD PLACE u_ada 3")["id"]?.string)
            try await ask(client, "HOLD CAPTURE \(hold) 1").mustBeAnswer()
            try await ask(client, "HOLD VOID \(hold)").mustBeAnswer()
            let events = try #require(try await ask(client, "TAIL FROM \(from) COUNT 10 BLOCK 1").elements?[1].elements)
            #expect(events.map { $0["type"]?.string } == ["holdPlaced", "holdCaptured", "holdReleased"])
            #expect(events.allSatisfy { $0["hold"]?.string == hold }, "\(events)")
        }
    }

    @Test func `a read waits for what is not there yet, for as long as it says`() async throws {
        try await Serving.with { serving in
            let (one, other) = (try await serving.connect(), try await serving.connect())
            try await prepare(other)
            let last = try #require(try await ask(other, "WAIT 0").integer)
            let nothing = try await ask(one, "TAIL FROM $ BLOCK 20")
            #expect(nothing.elements?[0].integer == last + 1 && nothing.elements?[1].elements?.isEmpty == true)
            async let next = ask(one, "TAIL FROM now BLOCK 60s")
            // Two beyond the end: it waits for the second.
            let third = try await serving.connect()
            async let second = ask(third, "TAIL FROM \(last + 2) BLOCK 0")
            try await Task.sleep(nanoseconds: 100_000_000)
            for _ in 0..<2 { try await ask(other, "CREDIT CHARGE u_ada 1 api").mustBeAnswer() }
            #expect(try await next.elements?[1].elements?.first?["lsn"]?.integer == last + 1)
            #expect(try await second.elements?[1].elements?.first?["lsn"]?.integer == last + 2)
            // Only other users' events come: it says how far it looked.
            async let bob = ask(one, "TAIL FROM $ USER u_bob BLOCK 300")
            try await Task.sleep(nanoseconds: 50_000_000)
            try await ask(other, "CREDIT CHARGE u_ada 1 api").mustBeAnswer()
            let looked = try await bob
            #expect(looked.elements?[0].integer == last + 4 && looked.elements?[1].elements?.isEmpty == true)
            for (line, text) in [
                ("TAIL FROM 0", "before the first event"), ("TAIL FROM x", "the number of an event"),
                ("TAIL FROM 1 USER u_none", "no such user"), ("TAIL", "TAIL needs a second word"),
                ("TAIL STOP", "no TAIL is under way"),
            ] {
                let error = try await ask(one, line).error
                #expect(error?.text.contains(text) == true, "\(line): \(error?.text ?? "")")
            }
        }
    }

    @Test func `in RESP2 it is an answer, and what is behind it comes behind it`() async throws {
        try await Serving.with { serving in
            let socket = try await signIn(serving)
            socket.send("TAIL FROM 1 COUNT 1\r\nPING\r\n")
            let answer = await socket.read(until: "+PONG\r\n")
            #expect(answer.hasPrefix("*2\r\n:2\r\n*1\r\n*48\r\n$3\r\nlsn\r\n:1\r\n"), "\(answer)")
            #expect(answer.contains("ledgerCreated"))
            // Until the connection ends, nobody waits in vain.
            socket.send("TAIL FROM $\r\n")
            #expect(try await eventually { serving.engine.waiterCount == 1 })
        }
    }

    /// The numbers of the events in push messages.
    private static func pushes(_ text: String) -> [Int] {
        text.split(separator: ">2\r\n$4\r\ntail\r\n").filter { $0.hasPrefix("%24") }.compactMap { part in
            part.split(separator: "\r\n", maxSplits: 4).dropFirst(3).first.flatMap { Int($0.dropFirst()) }
        }
    }

    /// As ``RawSocket/read(until:)``, for what is long: looks at the end of what came only.
    private func readMuch(_ socket: RawSocket, until text: String) async -> String {
        var all: [UInt8] = []
        while true {
            guard let chunk = socket.readNow() else {
                try? await Task.sleep(nanoseconds: 1_000_000)
                continue
            }
            all += chunk
            let end = all.suffix(chunk.count + 1000)
            if chunk.isEmpty || String(decoding: end, as: UTF8.self).contains(text) {
                return String(decoding: all, as: UTF8.self)
            }
        }
    }

    @Test func `in RESP3 events are pushed, other commands are answered between them, and STOP says where to go on`()
        async throws
    {
        try await Serving.with { serving in
            let client = try await serving.connect()
            try await prepare(client)
            let last = try #require(try await ask(client, "WAIT 0").integer)
            let socket = try await signIn(serving, 3)
            socket.send("TAIL FROM 1\r\n")
            let old = await socket.read(until: ":\(last)\r\n$4\r\ntime")
            #expect(old.hasPrefix("+OK\r\n>2\r\n$4\r\ntail\r\n%24\r\n$3\r\nlsn\r\n:1\r\n"), "\(old.prefix(80))")
            #expect(Self.pushes(old) == Array(1...Int(last)))
            socket.send("TAIL FROM 1\r\n")
            #expect(await socket.read(until: "ends it").contains("-ERR a TAIL is under way"))
            async let new = socket.read(until: ":\(last + 3)\r\n$4\r\ntime")
            for _ in 0..<3 { try await ask(client, "CREDIT CHARGE u_ada 1 api").mustBeAnswer() }
            #expect(Self.pushes(await new) == [Int(last) + 1, Int(last) + 2, Int(last) + 3])
            socket.send("TAIL STOP\r\n")
            #expect(await socket.read(until: "\r\n").contains(":\(last + 4)\r\n"))
            try await ask(client, "CREDIT CHARGE u_ada 1 api").mustBeAnswer()
            // With COUNT it ends by itself, and says so.
            socket.send("TAIL FROM \(last + 2) USER u_ada COUNT 2\r\n")
            let some = await socket.read(until: "tail-end\r\n:\(last + 4)\r\n")
            #expect(Self.pushes(some) == [Int(last) + 2, Int(last) + 3])
            socket.send("PING\r\n")
            #expect(await socket.read(until: "+PONG\r\n") == "+PONG\r\n")
        }
    }

    @Test func `many who follow each get all of it, wherever they begin`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            try await prepare(client)
            let first = try #require(try await ask(client, "WAIT 0").integer)
            var sockets: [(socket: RawSocket, from: Int)] = []
            for from in [1, 1, Int(first), Int(first) + 1, Int(first) + 50] {
                let socket = try await signIn(serving, 3)
                socket.send("TAIL FROM \(from)\r\n")
                sockets.append((socket, from))
            }
            let ada = try await signIn(serving, 3)
            ada.send("TAIL FROM 1 USER u_ada COUNT 60\r\n")
            for _ in 0..<100 { try await ask(client, "CREDIT CHARGE u_ada 0.01 api").mustBeAnswer() }
            let last = try #require(try await ask(client, "WAIT 0").integer)
            for (socket, from) in sockets {
                let all = await readMuch(socket, until: ":\(last)\r\n$4\r\ntime")
                #expect(Self.pushes(all) == Array(from...Int(last)))
            }
            let some = Self.pushes(await readMuch(ada, until: "tail-end"))
            #expect(some.count == 60 && some == some.sorted() && Set(some).count == 60)
        }
    }

    @Test func `a reader that reads nothing for a while is not dropped, takes a bounded room, and misses nothing`()
        async throws
    {
        try await Serving.with {
            $0.slowSeconds = 1
        } _: { serving in
            let client = try await serving.connect()
            try await prepare(client)
            let socket = try await signIn(serving, 3, receiveBuffer: 4096)
            socket.send("TAIL FROM 1\r\n")
            let charge = LedgerServerTests.words("CREDIT CHARGE u_ada 0.01 api")
            for _ in 0..<10 { _ = try await client.send(Array(repeating: charge, count: 1000)) }
            let last = try #require(try await ask(client, "WAIT 0").integer)
            try await Task.sleep(nanoseconds: 2_500_000_000)
            let waiting = serving.server.counters.answersWaiting.load(ordering: .relaxed)
            #expect(waiting < 1 << 20, "\(waiting)")
            let all = await readMuch(socket, until: ":\(last)\r\n$4\r\ntime")
            #expect(Self.pushes(all) == Array(1...Int(last)))
        }
    }

    @Test func `who may follow no longer is told nothing more`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            try await prepare(client)
            let passport = try await ask(client, "PASSPORT CREATE u_ada follow admin SCOPE all")
            let (secret, id) = (passport["secret"]!.string!, passport["passport"]!.string!)
            var sockets: [RawSocket] = []
            for command in ["TAIL FROM $", "MONITOR"] {
                let socket = try RawSocket(port: serving.server.port)
                socket.send("HELLO 3 AUTH default \(secret)\r\n\(command)\r\n")
                _ = await socket.read(until: "+OK\r\n")
                sockets.append(socket)
            }
            try await ask(client, "PASSPORT REVOKE \(id)").mustBeAnswer()
            try await ask(client, "CREDIT CHARGE u_ada 1 api").mustBeAnswer()
            for socket in sockets { #expect(!(await socket.readAll()).contains("creditCharged")) }
            let reader = try await ask(client, "PASSPORT CREATE u_ada r read,write,billing,monitor SCOPE all")
            let other = try await serving.connect(reader["secret"]!.string!)
            for line in ["MONITOR", "TAIL FROM 1", "TAIL STOP"] {
                #expect(try await ask(other, line).error?.code == "NOPERM", "\(line)")
            }
        }
    }

    @Test(arguments: [2, 3]) func `MONITOR shows what others send, on whatever event loop, and no secret`(version: Int)
        async throws
    {
        try await Serving.with { serving in
            let clients = [try await serving.connect(), try await serving.connect(), try await serving.connect()]
            try await prepare(clients[0])
            let socket = try await signIn(serving, version)
            socket.send("MONITOR\r\n")
            #expect(await socket.read(until: "+OK\r\n") == "+OK\r\n")
            for (index, client) in clients.enumerated() {
                try await ask(client, "CREDIT CHARGE u_ada 1 api\(index)").mustBeAnswer()
            }
            _ = try await ask(clients[0], "PASSPORT VERIFY \(serving.passport)")
            _ = try await ask(clients[0], "FROBNICATE now")
            let shown = await socket.read(until: "\"now\"")
            socket.send("PING\r\nCREDIT BALANCE u_ada\r\nRESET\r\n")
            let text = shown + (await socket.read(until: "+RESET\r\n"))
            for index in 0..<3 { #expect(text.contains(#""CREDIT" "CHARGE" "u_ada" "1" "api\#(index)""#), "\(text)") }
            #expect(text.contains(#""PASSPORT" "VERIFY" "(redacted)""#) && text.contains(#""FROBNICATE" "now""#))
            #expect(!text.contains("fl_") && text.contains("+PONG\r\n"))
            #expect(text.contains("-ERR MONITOR is under way on this connection"))
            #expect(!serving.server.feeds.watching.isOn)
            socket.send("PING\r\n")
            #expect(await socket.read(until: "+PONG\r\n") == "+PONG\r\n")
        }
    }

    @Test func `who watches and does not read is told how many commands it missed`() async throws {
        try await Serving.with {
            $0.slowSeconds = 1
        } _: { serving in
            let client = try await serving.connect()
            let socket = try await signIn(serving, receiveBuffer: 4096)
            socket.send("MONITOR\r\n")
            _ = await socket.read(until: "+OK\r\n")
            let long = [Array("ECHO".utf8), Array(repeating: UInt8(ascii: "x"), count: 1000)]
            for _ in 0..<10 { _ = try await client.send(Array(repeating: long, count: 1000)) }
            let waiting = serving.server.counters.answersWaiting.load(ordering: .relaxed)
            #expect(waiting < 4 << 20, "\(waiting)")
            try await Task.sleep(nanoseconds: 2_500_000_000)
            var lines = 0
            var text = ""
            while !text.contains("commands are not shown") {
                _ = try await ask(client, "PING")
                if let bytes = socket.readNow() {
                    text = String(text.suffix(100)) + String(decoding: bytes, as: UTF8.self)
                }
                lines += 1
                try await Task.sleep(nanoseconds: 1_000_000)
                try #require(lines < 100_000)
            }
        }
    }

    @Test func `a port in this process reads events, and has nobody to watch`() async throws {
        let engine = try Engine.open(
            EngineConfiguration(.memory), logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
        ).engine
        let port = try await EmbeddedPort(
            engine: engine, version: "test", logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
        let answers = try await port.send(
            ["MONITOR", "TAIL FROM 1", "TAIL FROM 1 COUNT 2 BLOCK 1s"].map { LedgerServerTests.words($0) })
        #expect(answers[0].error?.code == "ERR" && answers[1].error?.text.contains("say BLOCK") == true)
        #expect(answers[2].elements?[1].elements?.count == 2)
        await port.close()
        engine.stop()
    }
}
