import LedgerClient
import LedgerREPL
import RESP
import Synchronization
import Testing

private let tables = Rendering(layout: .tables(width: 80))

/// A ledger with forks: remembers what it was asked.
private final class World: Sendable {
    private let asked = Mutex<[String]>([])
    private let forks = Mutex<[String]>([])

    var commands: [String] { asked.withLock { $0 } }

    func end(_ fork: String) { forks.withLock { $0.removeAll { $0 == fork } } }

    var port: FakePort {
        FakePort { words in
            self.asked.withLock { $0.append(words.joined(separator: " ")) }
            switch words.prefix(2).joined(separator: " ").uppercased() {
            case "FORK NEW":
                self.forks.withLock { $0.append(words[2]) }
                return map(["name": words[2], "lsn": "17", "time": "2026-11-29T12:00:00Z", "users": "1"])
            case "FORK DROP":
                self.end(words[2])
                return .simple("OK")
            case "FORK LIST":
                return .array(
                    self.forks.withLock { $0 }.map {
                        map([
                            "name": $0, "lsn": "17", "time": "2026-12-19T15:00:00.5Z", "began": "2026-11-29T12:00:00Z",
                            "users": "1",
                        ])
                    })
            case "FORK RUN":
                guard self.forks.withLock({ $0.contains(words[2]) }) else {
                    return .error(RESPError(code: "ERR", message: "this connection has no fork '\(words[2])'"))
                }
                return Self.answer(Array(words.dropFirst(3)), lsn: 21, user: "eve")
            default: return Self.answer(words, lsn: 17, user: "ada")
            }
        }
    }

    private static func answer(_ words: [String], lsn: Int64, user: String) -> RESPValue {
        switch words[0] {
        case "WAIT": .integer(lsn)
        case "INFO": .text("read_only:no\r\n")
        case "USER" where words[1] == "LIST": .array([.text("0"), .array([map(["user": user])])])
        case "CREDIT": map(["user": words[2], "available": user == "eve" ? "1.00" : "5.00"])
        default: .simple("PONG")
        }
    }
}

private func prompt(_ port: any CommandPort) -> REPL {
    REPL(port: port, catalogue: .ledger, options: .init(title: "test"))
}

@Suite struct `Inside a fork` {
    @Test func `what is typed happens in it until it is left, and the prompt says so`() async {
        let world = World()
        var repl = prompt(world.port)
        #expect(await repl.place() == " 17")
        _ = await repl.evaluate("f = fork()", tables)
        let entered = await repl.evaluate(".use f", tables)
        #expect(entered.output.hasPrefix("in fork f1, at 2026-12-19T15:00:00.5"))
        #expect(await repl.place() == " 21 fork:f1+20d3h")
        #expect(await repl.evaluate("CREDIT BALANCE ada", tables).output.contains("1.00"))
        #expect(await repl.evaluate("ledger.credit.balance('ada').available", tables).output == "1.00\n")
        _ = await repl.evaluate("FORK ADVANCE f1 20d", tables)
        #expect(world.commands.last == "FORK ADVANCE f1 20d")
        #expect(await repl.evaluate(".leave", tables) == REPL.Outcome())
        #expect(await repl.place() == " 17")
        #expect(await repl.evaluate("CREDIT BALANCE ada", tables).output.contains("5.00"))
        #expect(world.commands.count { $0.hasPrefix("FORK RUN f1 CREDIT BALANCE ada") } == 2)
    }

    @Test func `by its name, from Lua in the middle of a chunk, and back`() async {
        let world = World()
        var repl = prompt(world.port)
        _ = await repl.evaluate("FORK NEW what-if", tables)
        #expect(await !repl.evaluate(".use what-if", tables).failed)
        #expect(await repl.place() == " 21 fork:what-if+20d3h")
        _ = await repl.evaluate(".leave", tables)
        let text = await repl.evaluate(
            "g = fork() a = ledger.credit.balance('ada').available g:enter() "
                + "b = ledger.credit.balance('ada').available leave() "
                + "print(a, b, ledger.credit.balance('ada').available)", tables)
        #expect(text.output.hasSuffix("5.00\t1.00\t5.00\n"), "\(text)")
        #expect(await repl.place() == " 17")
        _ = await repl.evaluate("g:enter()", tables)
        #expect(await repl.place() == " 21 fork:f1+20d3h")
    }

    @Test func `who is not there is told`() async {
        let world = World()
        var repl = prompt(world.port)
        #expect(await repl.evaluate(".use f", tables).errors == "no fork f: f = fork() makes one\n")
        _ = await repl.evaluate("FORK NEW a", tables)
        #expect(await repl.evaluate(".use b", tables).errors == "no fork b: there is a\n")
        #expect(await repl.evaluate(".use", tables).errors.hasPrefix(".use fork: "))
        #expect(await repl.evaluate(".leave", tables).errors == "this is the ledger itself: no fork was entered\n")
        #expect(await repl.evaluate("leave()", tables).errors.contains("no fork was entered"))
        #expect(Completion.candidates(for: ".use ", in: .ledger, forks: repl.known.forks) == ["a"])
    }

    @Test func `one that is gone is left at the next prompt, and nothing that was typed for it reaches the ledger`()
        async
    {
        let world = World()
        var repl = prompt(world.port)
        _ = await repl.evaluate("FORK NEW a", tables)
        _ = await repl.evaluate(".use a", tables)
        world.end("a")
        #expect(await repl.evaluate("CREDIT CHARGE ada 5 api", tables).errors.contains("has no fork 'a'"))
        #expect(!world.commands.contains { $0.hasPrefix("CREDIT CHARGE") })
        #expect(await repl.place() == " 17")
        #expect(repl.notice == "fork a is gone: this is the ledger again")
    }

    @Test func `on a new connection there is no fork, and what was meant for it is not sent to the ledger`() async {
        let (old, new) = (World(), World())
        let isBroken = Atomic<Bool>(false)
        let port = old.port
        var repl = prompt(
            FakePort { words in
                guard !isBroken.load(ordering: .relaxed) else {
                    throw ClientError.notConnected(peer: "here:1", reason: "gone")
                }
                return try port.answer(words)
            })
        repl.options.reconnect = { new.port }
        _ = await repl.evaluate("FORK NEW a", tables)
        _ = await repl.evaluate(".use a", tables)
        isBroken.store(true, ordering: .relaxed)
        #expect(await repl.evaluate("CREDIT CHARGE ada 5 api", tables).failed)
        #expect(new.commands == ["FORK RUN a CREDIT CHARGE ada 5 api"])
    }

    @Test func `ids that were met in it are not offered outside`() async {
        let world = World()
        var repl = prompt(world.port)
        _ = await repl.evaluate("USER LIST", tables)
        _ = await repl.evaluate("FORK NEW a", tables)
        _ = await repl.evaluate(".use a", tables)
        _ = await repl.evaluate("USER LIST", tables)
        #expect(repl.known.ids(of: .user) == ["eve", "ada"])
        _ = await repl.evaluate(".leave", tables)
        #expect(repl.known.ids(of: .user) == ["ada"])
    }
}
