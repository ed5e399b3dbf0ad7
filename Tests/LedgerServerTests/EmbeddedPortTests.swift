import LedgerEngine
import LedgerServer
import LedgerTestKit
import Logging
import RESP
import Testing

/// The same dispatcher without a socket.
@Suite(.timeLimit(.minutes(10))) struct EmbeddedPortTests {
    private func open() async throws -> (engine: Engine, port: EmbeddedPort) {
        let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        let engine = try Engine.open(EngineConfiguration(.memory), logger: logger).engine
        return (engine, try await EmbeddedPort(engine: engine, version: "test", logger: logger))
    }

    @Test func `posted commands are answered in bytes, between those that are sent`() async throws {
        let (engine, port) = try await open()
        func echoes(_ range: Range<Int>) -> [[[UInt8]]] { range.map { words("ECHO \($0)") } }
        func post(_ commands: [[[UInt8]]]) -> PostedCommands {
            var writer = RESPWriter()
            for command in commands { writer.command(command) }
            return port.post(EncodedCommands(bytes: writer.bytes, count: commands.count))
        }
        let first = post(echoes(0..<5000))
        #expect(try await port.send(echoes(7..<9)) == [.text("7"), .text("8")])
        let second = post(echoes(0..<1) + [words("NOSUCH")])
        #expect(try await first.replies() == (0..<5000).flatMap { Array("$\("\($0)".utf8.count)\r\n\($0)\r\n".utf8) })
        #expect(try await second.replies().starts(with: Array("$1\r\n0\r\n-ERR".utf8)))
        engine.stop()
        await port.close()
    }

    @Test func `commands are answered in order, more of them than fit into a pipeline`() async throws {
        let (engine, port) = try await open()
        _ = try await port.send([
            words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 1000 stripe"),
        ])
        let commands = (0..<20_000).map { words($0 % 2 == 0 ? "CREDIT CHARGE u_a 0.01 api" : "ECHO \($0)") }
        let answers = try await port.send(commands)
        #expect(answers.count == commands.count)
        #expect(answers.enumerated().allSatisfy { $0 % 2 == 0 || $1.string == "\($0)" })
        #expect(try await port.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "900.00")
        engine.stop()
        await port.close()
    }

    @Test func `calls of several tasks do not mix their answers`() async throws {
        let (engine, port) = try await open()
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            for task in 0..<8 {
                tasks.addTask {
                    for round in 0..<50 {
                        let sent = (0..<20).map { "\(task)-\(round)-\($0)" }
                        let answers = try await port.send(sent.map { words("ECHO \($0)") })
                        guard answers.map(\.string) == sent else { return false }
                    }
                    return true
                }
            }
            for try await isRight in tasks { #expect(isRight) }
        }
        engine.stop()
        await port.close()
    }

    @Test func `nobody is asked for a passport, and an empty command is an error`() async throws {
        let (engine, port) = try await open()
        #expect(try await port.call("USER", "LIST").error == nil)
        #expect(try await port.send([[]])[0].error?.code == "ERR")
        let issued = try await port.send([
            words("USER CREATE a@b.example ID u_a"),
            words("PASSPORT CREATE u_a key read,write,billing,admin SCOPE all"),
        ])
        #expect(issued[1]["secret"]?.string?.hasPrefix("fl_") == true)
        engine.stop()
        await port.close()
    }

    @Test func `a snapshot is answered when it is there, or why there is none`() async throws {
        let (engine, port) = try await open()
        _ = try await port.send([words("USER CREATE a@b.example ID u_a")])
        let answer = try await port.call("SNAPSHOT")
        #expect(
            answer.string?.hasPrefix("Snapshot at LSN ") == true
                || answer.error?.text.hasPrefix("ERR no snapshot: ") == true)
        #expect(try await port.call("PING").string == "PONG")
        engine.stop()
        #expect(try await port.call("SNAPSHOT").error?.text.hasPrefix("ERR no snapshot: ") == true)
        await port.close()
    }

    @Test func `another connection takes the place of one, with which all ends that was its own`() async throws {
        let (engine, first) = try await open()
        try await ForkLimitTests.fill(first)
        try await first.call("FORK", "NEW", "f").mustBeAnswer()
        let answer = Task { try await first.call("FORK", "ADVANCE", "f", "3660d") }
        let second = try await first.another()
        await #expect(throws: EmbeddedPortError.self) { try await answer.value }
        await #expect(throws: EmbeddedPortError.self) { try await first.call("PING") }
        #expect(try await second.call("FORK", "LIST").elements?.isEmpty == true)
        #expect(try await second.call("CLIENT", "ID").integer == 2)
        // Its memory is given back to the room that both have, though it had ten years to go.
        let isGone = try await eventually {
            try await second.call("INFO", "memory").string?.contains("forks:0\r\n") == true
        }
        #expect(isGone)
        try await second.call("FORK", "NEW", "f").mustBeAnswer()
        #expect(try await second.call("INFO", "forks").string?.contains("client=2,addr=embedded,user=,") == true)
        // The same ledger, and not the end of it.
        #expect(try await second.call("CREDIT", "CHARGE", "u_b", "1", "api").error == nil)
        let third = try await second.another()
        #expect(try await third.call("PING").string == "PONG")
        engine.stop()
        await third.close()
    }

    @Test func `two ledgers in one process do not know of each other`() async throws {
        let (first, one) = try await open()
        let (second, two) = try await open()
        _ = try await one.send([words("USER CREATE a@b.example ID u_a")])
        #expect(try await two.call("USER", "GET", "u_a").error?.code == "NOTFOUND")
        _ = try await two.send([words("USER CREATE a@b.example ID u_a TYPE pro")])
        #expect(try await one.call("USER", "GET", "u_a")["type"]?.string == "free")
        #expect(try await two.call("USER", "GET", "u_a")["type"]?.string == "pro")
        first.stop()
        second.stop()
        await one.close()
        await two.close()
    }
}
