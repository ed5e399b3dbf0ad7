import LedgerClient
import LedgerEngine
import LedgerTestKit
import Logging
import RESP
import ServiceLifecycle
import Synchronization
import Testing

@testable import LedgerServer

/// The edge's bounds, made small enough to run into.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ServerTests {
    @Test func `with room for next to nothing every command is still answered, in order`() async throws {
        try await Serving.with {
            $0.batchCapacity = 3
            $0.batchesInFlight = 1
            $0.maxPipeline = 5
            $0.turnBudget = 2
        } _: { serving in
            let setup = try await serving.connect()
            _ = try await setup.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 1000 stripe"),
            ])
            try await withThrowingTaskGroup(of: [RESPValue].self) { tasks in
                for _ in 0..<6 {
                    tasks.addTask {
                        let client = try await serving.connect()
                        var commands: [[[UInt8]]] = []
                        for number in 0..<100 {
                            commands.append(words("CREDIT CHARGE u_a 0.01 api"))
                            commands.append(words("ECHO \(number)"))
                            if number % 10 == 0 { commands.append(words("CREDIT HISTORY u_a COUNT 1")) }
                        }
                        let answers = try await client.send(commands)
                        await client.close()
                        return answers
                    }
                }
                for try await answers in tasks {
                    let echoes = answers.compactMap { value -> String? in
                        if case .bulk = value { value.string } else { nil }
                    }
                    #expect(echoes == (0..<100).map(String.init))
                    let numbers = answers.compactMap { $0["lsn"]?.integer }
                    #expect(numbers.count == 100 && numbers == numbers.sorted())
                }
            }
            let balance = try await setup.call("CREDIT", "BALANCE", "u_a")
            #expect(balance["available"]?.string == "994.00")
            await setup.close()
        }
    }

    @Test func `one client's flood does not keep another waiting for its end`() async throws {
        try await Serving.with {
            $0.eventLoops = 1
        } _: { serving in
            let flood = try RawSocket(port: serving.server.port)
            flood.send("AUTH \(serving.passport)\r\n")
            _ = await flood.read(until: "+OK\r\n")
            let other = try await serving.connect()
            let count = 20_000
            let sending = Task.detached { flood.send(String(repeating: "PING\r\n", count: count)) }
            for _ in 0..<50 { _ = try await other.call("PING") }
            #expect(await sending.value)
            var received = 0
            while received < count * 7 {
                received += flood.readNow()?.count ?? 0
                await Task.yield()
            }
            #expect(received == count * 7)
            await other.close()
        }
    }

    @Test func `half a request is not waited for for ever`() async throws {
        try await Serving.with {
            $0.partialRequestSeconds = 0
        } _: { serving in
            let socket = try RawSocket(port: serving.server.port)
            socket.send("AUTH \(serving.passport)\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhel")
            #expect(await socket.readAll().hasSuffix("-ERR request not complete within 0 s, closing\r\n"))
            // A whole request does not fall under it: whoever comes later with half a one goes, the client stays.
            let client = try await serving.connect()
            #expect(try await client.call("PING").string == "PONG")
            let later = try RawSocket(port: serving.server.port)
            later.send("AUTH \(serving.passport)\r\n*2\r\n")
            #expect(await later.readAll().hasSuffix("closing\r\n"))
            #expect(try await client.call("PING").string == "PONG")
            await client.close()
        }
    }

    @Test func `who neither takes answers nor sends anything is dropped after a while`() async throws {
        try await Serving.with {
            $0.slowSeconds = 0
        } _: { serving in
            let socket = try RawSocket(port: serving.server.port, receiveBuffer: 4096)
            socket.send("AUTH \(serving.passport)\r\n")
            _ = await socket.read(until: "+OK\r\n")
            let line = "ECHO " + String(repeating: "z", count: 30_000) + "\r\n"
            // More than the kernel's buffers hold: some of it has to wait in the server.
            _ = await Task.detached { socket.send(String(repeating: line, count: 700)) }.value
            while serving.server.counters.clientsDropped.load(ordering: .relaxed) == 0 {
                try await Task.sleep(nanoseconds: 20_000_000)
            }
        }
    }

    @Test func `secrets that are none, and passports of others, do not get in`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            for passport in ["", "nonsense", "fl_0123456789_x", String(serving.passport.dropLast()) + "!"] {
                await #expect(throws: ClientError.self, "\(passport)") { try await serving.connect(passport) }
            }
            #expect(serving.server.counters.authFailures.load(ordering: .relaxed) >= 1)
            let client = try await serving.connect()
            #expect(try await client.call("AUTH", "nonsense").error?.code == "WRONGPASS")
            // A failed AUTH leaves the connection as it was.
            #expect(try await client.call("USER", "LIST").error == nil)
            _ = try await client.call("RESET")
            #expect(try await client.call("USER", "LIST").error?.code == "NOAUTH")
            await client.close()
        }
    }

    @Test func `answers say what they know: holds, names, times, and why not`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 10 stripe"),
            ])
            let hold = try await client.call("HOLD", "PLACE", "u_a", "5")["id"]?.string ?? ""
            _ = try await client.call("HOLD", "CAPTURE", hold, "2")
            let open = try await client.call("HOLD", "GET", hold)
            #expect(open["original"]?.string == "5.00" && open["captured"]?.string == "2.00")
            #expect(open["remaining"]?.string == "3.00" && open["status"]?.string == "open")
            _ = try await client.call("HOLD", "VOID", hold)
            let closed = try await client.call("HOLD", "GET", hold)
            #expect(closed["original"]?.string == "5.00" && closed["captured"]?.string == "2.00")
            #expect(closed["remaining"]?.string == "0.00" && closed["status"]?.string == "voided")
            #expect(closed["released"]?.string == "3.00" && closed["expired"]?.string == "0.00")
            #expect(try await client.call("HOLD", "VOID", hold).error?.text == "CLOSED this hold is closed")
            for _ in 0..<2 {  // the second answer is the key's
                for other in ["h_1", "h_5", "h_zzzz"] {
                    let none = try await client.call("HOLD", "VOID", other, "KEY", other)
                    #expect(none.error?.text == "NOTFOUND no such hold", "\(other)")
                    #expect(try await client.call("HOLD", "CAPTURE", other, "1").error?.code == "NOTFOUND")
                }
                #expect(try await client.call("HOLD", "VOID", hold, "KEY", "k").error?.code == "CLOSED")
            }
            #expect(try await client.send([words("USER SET u_a NAME \"Ada L.\"")])[0]["value"]?.string == "Ada L.")
            #expect(try await client.send([words("USER SET u_a NAME \"\"")])[0]["value"] == .null)
            let first = try await client.call("CREDIT", "BALANCE", "u_a")["time"]?.string ?? ""
            try await Task.sleep(for: .milliseconds(5))
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["time"]?.string ?? "" > first)

            let charge = try await client.call("CREDIT", "CHARGE", "u_a", "1", "api")["id"]?.string ?? ""
            _ = try await client.call("CREDIT", "REFUND", charge, "REASON", "r")
            let again = try await client.call("CREDIT", "REFUND", charge, "REASON", "r")
            #expect(again.error?.text == "CLOSED this charge was refunded in full")
            let passport = try await client.call("PASSPORT", "CREATE", "u_a", "n", "read")["passport"]?.string ?? ""
            _ = try await client.call("PASSPORT", "REVOKE", passport)
            for command in ["REVOKE", "ROTATE"] {
                let refused = try await client.call("PASSPORT", command, passport)
                #expect(refused.error?.text == "CLOSED this passport was revoked, replaced or has expired")
            }
            let rollback = try await client.call("RULE", "ROLLBACK", "storage")
            #expect(rollback.error?.text == "NOTFOUND no version was active before")
            let source = "return function() return 5 end"
            #expect(try await client.call("RULE", "LOAD", "purchase_bonus", source)["version"]?.integer == 1)
            let known = try await client.call("RULE", "LOAD", "purchase_bonus", source)
            #expect(known.error?.text == "EXISTS this source was loaded before, as version 1")
            await client.close()
        }
    }

    @Test func `HELLO and CLIENT tell who speaks`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.call("CLIENT", "SETNAME", "worker-1")
            _ = try await client.call("CLIENT", "SETINFO", "LIB-NAME", "tests")
            #expect(try await client.call("CLIENT", "GETNAME").string == "worker-1")
            let number = try await client.call("CLIENT", "ID").integer ?? 0
            let line = try await client.call("CLIENT", "INFO").string ?? ""
            #expect(line.contains("id=\(number) ") && line.contains("name=worker-1") && line.contains("lib-name=tests"))
            let hello = try await client.call("HELLO", "3")
            #expect(hello["proto"]?.integer == 3 && hello["version"]?.string == "test")
            #expect(try await client.call("HELLO", "4").error?.code == "NOPROTO")
            let info = try await client.call("INFO", "server").string ?? ""
            #expect(info.contains("tcp_port:\(serving.server.port)\r\n"))
            await client.close()
        }
    }

    @Test func `before there is a ledger behind the port, whoever comes is told so, and may come again`() async throws {
        let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        var configuration = ServerConfiguration()
        configuration.port = 0
        let bound = try await BoundPort(configuration, logger: logger)
        let loading = "the ledger is being recovered; try again soon"
        let early = try RawSocket(port: bound.port)
        #expect(await early.readAll() == "-LOADING \(loading)\r\n")
        await #expect {
            _ = try await RemoteLedger.connect(host: "127.0.0.1", port: bound.port, passport: "fl_x")
        } throws: { error in
            "\(error)" == "127.0.0.1:\(bound.port) serves nobody else now: \(loading)"
        }
        await #expect(throws: ServerError.self) {
            var taken = configuration
            taken.port = bound.port
            _ = try await BoundPort(taken, logger: logger)
        }

        let opened = try Engine.open(EngineConfiguration(.memory), logger: logger)
        let server = try await Server(bound, engine: opened.engine, version: "test", logger: logger)
        let group = ServiceGroup(services: [server], logger: logger)
        let running = Task { try await group.run() }
        let client = try await RemoteLedger.connect(
            host: "127.0.0.1", port: bound.port, passport: opened.adminSecret!.text)
        #expect(try await client.call("PING").string == "PONG")
        await client.close()
        await group.triggerGracefulShutdown()
        try await running.value

        let unused = try await BoundPort(configuration, logger: logger)
        let port = unused.port
        await unused.release()
        #expect(throws: RawSocket.Refused.self) { _ = try RawSocket(port: port) }
    }

    @Test func `when the engine has stopped, writes are refused as BUSY and nobody waits`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            serving.engine.stop()
            #expect(try await client.call("USER", "CREATE", "a@b.example").error?.code == "BUSY")
            #expect(try await client.call("CREDIT", "HISTORY", "admin").error?.code == "BUSY")
            #expect(try await client.call("PING").string == "PONG")
            await client.close()
        }
    }
}
