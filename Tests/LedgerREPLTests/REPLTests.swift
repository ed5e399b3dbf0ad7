import Glibc
import LedgerClient
import LedgerREPL
import RESP
import Synchronization
import Testing

private let tables = Rendering(layout: .tables(width: nil))

private let echo = FakePort { words in
    switch words[0] {
    case "FAIL": .error(RESPError(code: "NOTFOUND", message: "no user u_9"))
    case "BREAK":
        throw ClientError.connectionLost(peer: "here:1", answered: [], unanswered: 1, reason: "it broke")
    default: .array(words.map { .text($0) })
    }
}

private func prompt(_ port: any CommandPort = echo) -> REPL {
    REPL(port: port, catalogue: sampleCatalogue, options: .init(title: "test"))
}

@Suite struct `The prompt` {
    @Test func `a line is cut into words and sent`() async {
        var repl = prompt()
        #expect(await repl.evaluate(#"ping "a b" 'c "d"' e"#, tables).output == "ping\na b\nc \"d\"\ne\n")
    }

    @Test(arguments: ["", "   ", "# a comment 'with an apostrophe'"])
    func `empty lines and comments do nothing`(line: String) async {
        var repl = prompt(
            FakePort { _ in
                Issue.record("nothing may be sent")
                return .null
            })
        #expect(await repl.evaluate(line, tables) == REPL.Outcome())
    }

    @Test func `errors fail and go where errors go`() async {
        var repl = prompt()
        let rejected = await repl.evaluate("FAIL", tables)
        #expect(rejected == REPL.Outcome(errors: "NOTFOUND no user u_9\n", failed: true))
        let broken = await repl.evaluate("BREAK", tables)
        #expect(broken.errors.hasPrefix("connection to here:1 lost: it broke; outcome unknown for 1 command; "))
        #expect(broken.failed)
        #expect(await repl.evaluate("say \"open", tables).failed)
    }

    @Test func `SHUTDOWN needs no answer, and ends the prompt of a ledger in this process`() async {
        struct Closed: Error {}
        for isEmbedded in [true, false] {
            var repl = prompt(
                FakePort { _ in
                    if isEmbedded { throw Closed() }
                    throw ClientError.connectionLost(peer: "here:1", answered: [], unanswered: 1, reason: "it closed")
                })
            repl.options.isEmbedded = isEmbedded
            #expect(
                await repl.evaluate("shutdown", tables) == REPL.Outcome(output: "stopped\n", quits: isEmbedded))
            repl.options.script = ["SHUTDOWN"]
            #expect(await repl.run() == 0)
        }
        var refused = prompt(FakePort { _ in .error(RESPError(code: "NOPERM", message: "no")) })
        #expect(await refused.evaluate("SHUTDOWN", tables) == REPL.Outcome(errors: "NOPERM no\n", failed: true))
    }

    @Test(arguments: ["quit", "QUIT", "exit"])
    func `quit leaves`(line: String) async {
        var repl = prompt()
        #expect(await repl.evaluate(line, tables) == REPL.Outcome(quits: true))
    }

    @Test func `help answers without the server`() async {
        var repl = prompt(
            FakePort { _ in
                Issue.record("nothing may be sent")
                return .null
            })
        #expect(await repl.evaluate("help charge", tables).output.hasPrefix("CREDIT CHARGE user amount source"))
        #expect(await repl.evaluate("HELP", tables).output.contains("CREDIT"))
        #expect(await repl.evaluate("help nonsense", tables).failed)
    }

    @Test func `a command that was not sent is sent on a new connection, one that may have been is not`() async {
        let connections = Atomic<Int>(0)
        let dead = FakePort { _ in throw ClientError.notConnected(peer: "here:1", reason: "gone") }
        var repl = prompt(dead)
        #expect(await repl.evaluate("PING", tables).errors == "not connected to here:1: gone; nothing was sent\n")
        repl.options.reconnect = {
            connections.add(1, ordering: .relaxed)
            return echo
        }
        #expect(await repl.evaluate("PING", tables).output == "PING\n")
        #expect(await repl.evaluate("BREAK", tables).failed)
        #expect(connections.load(ordering: .relaxed) == 1)
    }

    @Test func `a source may be the text of a file, and no other word is`() async throws {
        let path = "/tmp/florin-source-\(getpid()).lua"
        let file = try #require(fopen(path, "w"))
        fputs("return 1", file)
        fclose(file)
        defer { unlink(path) }
        var repl = REPL(port: echo, catalogue: .ledger, options: .init(title: "test"))
        for (line, sent) in [
            ("RULE CHECK storage @\(path)", "RULE\nCHECK\nstorage\nreturn 1\n"),
            ("rule backtest storage @\(path) FROM 1 TO 2", "rule\nbacktest\nstorage\nreturn 1\nFROM\n1\nTO\n2\n"),
            ("EVAL @\(path) 0", "EVAL\nreturn 1\n0\n"),
            ("FORK RUN f RULE LOAD storage @\(path)", "FORK\nRUN\nf\nRULE\nLOAD\nstorage\nreturn 1\n"),
            ("DRYRUN RULE LOAD storage @\(path)", "DRYRUN\nRULE\nLOAD\nstorage\nreturn 1\n"),
            ("CREDIT CHARGE u 1 @\(path)", "CREDIT\nCHARGE\nu\n1\n@\(path)\n"),
            ("RULE SHOW @\(path)", "RULE\nSHOW\n@\(path)\n"),
        ] {
            let outcome = await repl.evaluate(line, tables)
            #expect(outcome.output == sent && !outcome.failed, "\(line): \(outcome)")
        }
        for (path, why) in [("/no/such.lua", "No such file or directory"), ("/tmp", "Is a directory")] {
            let outcome = await repl.evaluate("RULE CHECK storage @\(path)", tables)
            #expect(outcome.errors == "@\(path): \(why)\n" && outcome.failed)
        }
    }

    @Test func `a script's exit code says whether all went well`() async {
        for (script, code) in [(["PING", "ECHO a\nECHO b"], 0), (["PING\nFAIL\nPING"], 1), (["quit", "FAIL"], 0)] {
            var repl = prompt()
            repl.options.script = script
            #expect(await repl.run() == Int32(code))
        }
    }
}
