import LedgerClient
import LedgerTestKit
import RESP
import Testing

@testable import LedgerServer

/// MULTI is refused: of the transaction nothing is run, and the connection is as it was.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TransactionTests {
    @Test func `of a transaction that was refused nothing is run, until it ends`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 10 stripe"),
            ])
            for (end, code) in [("EXEC", "EXECABORT"), ("exec", "EXECABORT")] {
                let answers = try await client.send(
                    ["MULTI", "CREDIT CHARGE u_a 1 api", "MULTI", "NONSENSE", "CREDIT BALANCE u_a", end].map(words))
                for answer in answers.prefix(5) {
                    #expect(answer.error?.code == "ERR" && answer.error?.text.contains("transaction=False") == true)
                }
                #expect(answers[5].error?.code == code)
                #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "10.00")
            }
            let discarded = try await client.send(["multi", "CREDIT CHARGE u_a 1 api", "DISCARD", "PING"].map(words))
            #expect(discarded[1].error != nil && discarded[2].string == "OK" && discarded[3].string == "PONG")
            // Whoever the connection belongs to next begins anew.
            for anew in ["AUTH \(serving.passport)", "HELLO 3 AUTH default \(serving.passport)"] {
                let answers = try await client.send(["MULTI", "AUTH nonsense", "PING", anew, "PING"].map(words))
                #expect(answers[1].error?.code == "WRONGPASS" && answers[2].error?.code == "ERR")
                #expect(answers[3].error == nil && answers[4].string == "PONG")
            }
            let reset = try await client.send(["MULTI", "RESET", "PING"].map(words))
            #expect(reset[1].string == "RESET" && reset[2].string == "PONG")
            await client.close()
            // Without MULTI they are what they were.
            let other = try await serving.connect()
            #expect(try await other.call("EXEC").error?.text.contains("EXEC: transactions are not available") == true)
            #expect(try await other.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "10.00")
            await other.close()
        }
    }

    @Test func `who waits for the answer to MULTI goes on as before`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            for _ in 0..<3 {
                let error = try await client.call("MULTI").error
                #expect(error?.code == "ERR" && error?.text.contains("transaction=False") == true)
                #expect(try await client.call("PING").string == "PONG")
                #expect(try await client.call("USER", "LIST").error == nil)
            }
            // Two of them, and a half-closed connection, are answered as well.
            let socket = try RawSocket(port: serving.server.port)
            socket.send("AUTH \(serving.passport)\r\nMULTI\r\n")
            socket.shutDownWriting()
            let lines = await socket.readAll().split(separator: "\r\n")
            #expect(lines.count == 2 && lines[0] == "+OK" && lines[1].hasPrefix("-ERR MULTI"))
            await client.close()
        }
    }

    @Test func `a transaction in many packets is passed over to its end`() async throws {
        try await Serving.with {
            $0.transactionMilliseconds = 2000
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 10 stripe"),
            ])
            let socket = try RawSocket(port: serving.server.port)
            socket.send("AUTH \(serving.passport)\r\nMULTI\r\n")
            #expect(await socket.read(until: "+OK\r\n") == "+OK\r\n")
            // MULTI came alone, its error is held back: what comes now was sent without having read it.
            socket.send("CREDIT CHARGE u_a 1 api\r\n")
            #expect(await socket.read(until: "DISCARD ends this").hasPrefix("-ERR MULTI"))
            // From here on it takes as long as it takes.
            try await Task.sleep(for: .milliseconds(2200))
            socket.send("CREDIT CHARGE u_a 1 api\r\n")
            #expect(await socket.read(until: "\r\n").hasPrefix("-ERR not run, because MULTI was refused"))
            socket.send("EXEC\r\nCREDIT BALANCE u_a\r\n")
            let rest = await socket.read(until: "available")
            #expect(rest.hasPrefix("-EXECABORT"))
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "10.00")
            await client.close()
        }
    }
}
