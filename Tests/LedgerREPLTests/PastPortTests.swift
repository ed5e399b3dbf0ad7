import LedgerCore
import LedgerREPL
import RESP
import Testing

/// A prompt at a moment that is past, by way of a server.
@Suite struct PastPortTests {
    /// Shows what it was asked, and knows where its past ends.
    private static let server = FakePort { words in
        if words == ["AT", "lsn:9", "INFO", "ledger"] {
            return .verbatim(format: "txt", Array("# Ledger\r\nlast_lsn:9\r\nread_only:no\r\n".utf8))
        }
        return .array(words.map { .text($0) })
    }

    private func asked(_ line: String) async throws -> String {
        let port = try await PastPort.open(Self.server, at: .event(LSN(9)))
        let answer = try await port.send([InlineWords.split(line)!])[0]
        return answer.error?.text ?? answer.elements?.compactMap(\.string).joined(separator: " ") ?? answer.string ?? ""
    }

    @Test(
        arguments: [
            ("CREDIT BALANCE ada", "AT lsn:9 CREDIT BALANCE ada"), ("session list", "AT lsn:9 session list"),
            ("DBSIZE", "AT lsn:9 DBSIZE"), ("PING", "PING"), ("HELP charge", "HELP charge"), ("WAIT 0", "9"),
            ("DIFF ada lsn:1 lsn:5", "DIFF ada lsn:1 lsn:5"), ("AT lsn:5 DBSIZE", "AT lsn:5 DBSIZE"),
            ("NONSENSE 1", "NONSENSE 1"),
            ("CREDIT CHARGE ada 1 api", "READONLY what was recorded cannot be changed"),
            ("EVAL 'return 1' 0", "READONLY what was recorded cannot be changed"),
            (
                "FORK NEW f",
                "ERR FORK NEW cannot be asked here, AT lsn:9: it is about the connection, or about what comes"
            ),
            ("SHUTDOWN", "ERR SHUTDOWN cannot be asked here, AT lsn:9: it is about the server as it is now"),
        ])
    func `reads are asked AT the moment, the connection's own go through, the rest is refused`(
        line: String, sent: String
    ) async throws {
        #expect(try await asked(line) == sent)
    }

    @Test func `answers come in the order of the commands`() async throws {
        let port = try await PastPort.open(Self.server, at: .event(LSN(9)))
        let lines = ["CREDIT CHARGE ada 1 api", "PING", "WAIT 0", "USER GET ada", "SNAPSHOT"]
        let answers = try await port.send(lines.map { InlineWords.split($0)! })
        #expect(
            answers.map { $0.error?.code ?? $0.elements?.first?.string ?? $0.string } == [
                "READONLY", "PING", "9", "AT", "ERR",
            ])
        let again = port.by(FakePort { .array($0.map { .text($0) }) })
        #expect(try await again.call("USER", "LIST").elements?.count == 4)
    }

    @Test func `a moment that is none is told at once, and who may not load it all reads one user's past`() async throws
    {
        let none = FakePort { _ in .error(RESPError(code: "ERR", message: "there is no event 9 yet")) }
        await #expect(throws: RESPError.self) { try await PastPort.open(none, at: .event(LSN(9))) }
        let own = FakePort { words in
            words.contains("INFO") ? .error(RESPError(code: "NOPERM", message: "no")) : .array(words.map { .text($0) })
        }
        let port = try await PastPort.open(own, at: .event(LSN(9)))
        #expect(try await port.call("CREDIT", "BALANCE", "ada").elements?.first?.string == "AT")
        #expect(try await port.call("WAIT", "0").error?.code == "ERR")
    }

    @Test func `the prompt shows the moment, and that nothing can be written`() async throws {
        var repl = REPL(
            port: try await PastPort.open(Self.server, at: .event(LSN(9))), catalogue: .ledger,
            options: .init(title: "here"))
        repl.options.moment = "2026-11-01T00:00:00Z"
        #expect(await repl.place() == " 9 at:2026-11-01T00:00:00Z ro")
    }

    @Test func `a copy is loaded anew by .reload, and nothing else is`() async {
        let tables = Rendering(layout: .tables(width: nil))
        var repl = REPL(port: Self.server, catalogue: .ledger, options: .init(title: "here"))
        let none = await repl.evaluate(".reload", tables)
        #expect(none.failed && none.errors.contains("there is nothing to load anew"))
        repl.options.reload = { (FakePort { _ in .text("new") }, "as of LSN 12") }
        #expect(await repl.evaluate(".reload", tables).output == "as of LSN 12\n")
        #expect(await repl.evaluate("PING", tables).output == "new\n")
        #expect(await repl.evaluate(".reload now", tables).failed)
    }
}
