import LedgerClient
import LedgerREPL
import RESP
import Synchronization
import Testing

private let tables = Rendering(layout: .tables(width: 80))

/// A connection that can be lost, and the one that takes its place: both remember what they were asked.
private final class Line: Sendable {
    private let sent = Mutex<[String]>([])
    /// What the next command meets.
    private let fault = Mutex<ClientError?>(nil)

    var commands: [String] { sent.withLock { $0 } }

    /// From now on nothing is sent any more.
    func end() { fault.withLock { $0 = .notConnected(peer: "here:1", reason: "the server closed the connection") } }

    /// The next command is sent, and the connection ends before its answer.
    func endWithin() {
        fault.withLock {
            $0 = .connectionLost(peer: "here:1", answered: [], unanswered: 1, reason: "the server closed it")
        }
    }

    var port: FakePort {
        FakePort { words in
            let fault = self.fault.withLock { $0 }
            if case .notConnected? = fault { throw fault! }
            self.sent.withLock { $0.append(words.joined(separator: " ")) }
            if let fault {
                self.end()
                throw fault
            }
            switch words[0] {
            case "CREDIT": return map(["user": words[2], "amount": words.count > 3 ? words[3] : "0.00"])
            default: return .simple("OK")
            }
        }
    }
}

/// A prompt with a connection, and the ones that it may open later.
private struct Lines {
    let old = Line()
    let new = Line()
    let connections = Counter()

    final class Counter: Sendable {
        let count = Atomic<Int>(0)
    }

    func prompt() -> REPL {
        var repl = REPL(port: old.port, catalogue: .ledger, options: .init(title: "test"))
        let (new, connections) = (new, connections)
        repl.options.reconnect = {
            connections.count.add(1, ordering: .relaxed)
            return new.port
        }
        return repl
    }
}

extension REPL {
    fileprivate mutating func said(_ line: String) async -> String {
        let outcome = await evaluate(line, tables)
        return outcome.output + outcome.errors
    }
}

@Suite struct `A connection that is lost` {
    @Test func `within a transaction: what comes is refused until EXEC or DISCARD, and nothing of it is sent`() async {
        for end in ["EXEC", "discard"] {
            let lines = Lines()
            var repl = lines.prompt()
            _ = await repl.said("MULTI")
            _ = await repl.said("CREDIT CHARGE ada 1 api")
            lines.old.end()
            let refused = await repl.evaluate("CREDIT CHARGE ada 2 api", tables)
            #expect(refused.failed)
            #expect(refused.errors.hasPrefix("the transaction ended with the connection: nothing of it was carried "))
            // A script goes on without reading that.
            #expect(await repl.said("CREDIT CHARGE ada 3 api").hasPrefix("the transaction ended"))
            #expect(await repl.said("ledger.charge('ada', '4', 'api')").hasPrefix("the transaction ended"))
            #expect(await repl.said("describe ada").hasPrefix("the transaction ended"))
            #expect(lines.new.commands == [])
            #expect(await repl.said(end).hasPrefix(end == "EXEC" ? "EXECABORT the transaction ended with" : "OK"))
            #expect(lines.new.commands == [])
            #expect(await !repl.evaluate("CREDIT CHARGE ada 5 api", tables).failed)
            #expect(lines.new.commands == ["CREDIT CHARGE ada 5 api"])
            #expect(lines.connections.count.load(ordering: .relaxed) == 1)
        }
    }

    @Test func `behind WATCH: no transaction begins unguarded`() async {
        for (again, sent) in [("UNWATCH", []), ("WATCH ada", ["WATCH ada"])] as [(String, [String])] {
            let lines = Lines()
            var repl = lines.prompt()
            _ = await repl.said("WATCH ada")
            lines.old.end()
            #expect(await repl.said("CREDIT BALANCE ada").hasPrefix("what was watched is watched no more"))
            #expect(await repl.said("MULTI").hasPrefix("what was watched is watched no more"))
            #expect(lines.new.commands == [])
            #expect(await repl.said(again) == "OK\n")
            #expect(await repl.said("MULTI") == "OK\n")
            #expect(lines.new.commands == sent + ["MULTI"])
        }
    }

    @Test func `behind an AUTH of one's own: nothing is asked with another passport`() async {
        let lines = Lines()
        var repl = lines.prompt()
        _ = await repl.said("HELLO 3 AUTH default fl_other")
        lines.old.end()
        #expect(await repl.said("CREDIT CHARGE ada 1 api").hasPrefix("the passport of AUTH was forgotten"))
        #expect(await repl.said("PING").hasPrefix("the passport of AUTH was forgotten"))
        #expect(lines.new.commands == [])
        _ = await repl.said("AUTH fl_other")
        #expect(await repl.said("PING") == "OK\n")
        #expect(lines.new.commands == ["AUTH fl_other", "PING"])
        lines.new.end()
        #expect(await repl.said("PING").hasPrefix("the passport of AUTH was forgotten"))
    }

    @Test func `RESET goes on with a connection as at the beginning, whatever was lost`() async {
        let lines = Lines()
        var repl = lines.prompt()
        _ = await repl.said("AUTH fl_other")
        _ = await repl.said("WATCH ada")
        _ = await repl.said("MULTI")
        lines.old.end()
        #expect(await repl.said("PING").hasPrefix("the transaction ended"))
        #expect(await repl.said("RESET") == "RESET\n")
        #expect(await repl.said("CREDIT CHARGE ada 1 api").contains("ada"))
        #expect(lines.new.commands.last == "CREDIT CHARGE ada 1 api")
    }

    @Test func `what was ended before is asked for no more`() async {
        let lines = Lines()
        var repl = lines.prompt()
        for line in ["WATCH ada", "MULTI", "CREDIT CHARGE ada 1 api", "EXEC", "WATCH ada", "UNWATCH"] {
            _ = await repl.said(line)
        }
        lines.old.end()
        #expect(await repl.said("PING") == "OK\n")
    }

    @Test func `an EXEC whose answer is lost has ended the transaction, a MULTI may have begun one`() async {
        let exec = Lines()
        var repl = exec.prompt()
        _ = await repl.said("WATCH ada")
        _ = await repl.said("MULTI")
        exec.old.endWithin()
        #expect(await repl.said("EXEC").contains("outcome unknown"))
        #expect(await repl.said("PING") == "OK\n")
        let multi = Lines()
        repl = multi.prompt()
        multi.old.endWithin()
        #expect(await repl.said("MULTI").contains("outcome unknown"))
        #expect(await repl.said("CREDIT CHARGE ada 1 api").hasPrefix("the transaction ended"))
        #expect(multi.new.commands == [])
    }

    @Test func `without any of that it is opened again, as ever`() async {
        let lines = Lines()
        var repl = lines.prompt()
        lines.old.end()
        #expect(await repl.said("CREDIT CHARGE ada 1 api").contains("ada"))
        #expect(lines.new.commands == ["CREDIT CHARGE ada 1 api"])
    }
}

@Suite struct `What would shift answers` {
    @Test(arguments: [
        "HELLO 2", "hello 2 AUTH default fl_x", "ledger.hello(2)", "ledger.quit()", "TAIL FROM 1",
        "ledger.tail.from('1')",
    ])
    func `is refused here, and says what to do instead`(line: String) async {
        let lines = Lines()
        var repl = lines.prompt()
        repl.options.monitor = { _ in Issue.record("nothing may be opened") }
        let outcome = await repl.evaluate(line, tables)
        #expect(outcome.failed, "\(outcome)")
        #expect(lines.old.commands == [] && lines.new.commands == [])
        #expect(await repl.said("HELLO 3") == "OK\n")
        #expect(await repl.said("TAIL FROM 1 BLOCK 1") == "OK\n")
    }

    @Test func `RESET is a new connection: the old one's protocol and passport are gone with it`() async {
        let lines = Lines()
        var repl = lines.prompt()
        _ = await repl.said("MULTI")
        #expect(await repl.place() == " multi")
        #expect(await repl.said("RESET") == "RESET\n")
        #expect(await repl.place() == "")
        #expect(await repl.said("PING") == "OK\n")
        #expect(lines.old.commands == ["MULTI", "RESET"])
        #expect(lines.new.commands.last == "PING")
    }

    @Test func `MONITOR has a connection of its own, and somebody to see it`() async {
        let lines = Lines()
        var repl = lines.prompt()
        let opened = Atomic<Int>(0)
        repl.options.monitor = { each in
            opened.add(1, ordering: .relaxed)
            each("1795426200.123456 [0 127.0.0.1:50000] \"PING\"")
            throw RESPError(code: "NOPERM", message: "MONITOR needs admin")
        }
        #expect(await repl.said("MONITOR") == "MONITOR goes on and on: nobody is here to see it\n")
        #expect(await repl.said("ledger.monitor()").contains("MONITOR needs a connection of its own"))
        repl.options.script = ["MONITOR"]
        #expect(await repl.run() == 1)
        #expect(opened.load(ordering: .relaxed) == 1)
        _ = await repl.said("AUTH fl_other")
        #expect(await repl.said("MONITOR").contains("shows FLORIN_PASSPORT and not the passport of AUTH"))
        #expect(lines.old.commands == ["AUTH fl_other"])
        // Where nobody else speaks to the ledger, it says so itself.
        repl.options.monitor = nil
        #expect(await repl.said("monitor") == "OK\n")
    }
}
