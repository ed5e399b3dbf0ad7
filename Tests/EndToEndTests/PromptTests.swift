import Glibc
import LedgerTestKit
import Testing

extension EndToEnd {
    /// What goes on at the prompt for a while: forks, chunks that show as they run, `watch`, `.tail`.
    @Suite struct Prompts {
        let workspace = Workspace()

        private func leave(_ terminal: PseudoTerminal) async {
            #expect(await terminal.isAsking(), "\(terminal.screen.text)")
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
            #expect(terminal.screen.unknown == [])
        }

        /// In a fork, by the binary's own engine and over a connection.
        private func visitFork(_ terminal: PseudoTerminal) async {
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada", shows: "available │ 5.00"))
            #expect(await terminal.enter("SESSION START job ada small TTL 30d", shows: "ttl_end"))
            #expect(await terminal.enter("f = fork() f:enter()", shows: "in fork f1, at 20"))
            #expect(await terminal.isAsking())
            #expect(terminal.screen.lines.last!.hasSuffix(" fork:f1>"))
            #expect(await terminal.enter("f:advance('20d').name", prompts: " fork:f1+20d>"))
            // 5.00 at 0.05 an hour are 100 hours.
            #expect(await terminal.enter("SESSION GET job", shows: "│ closed"))
            #expect(await terminal.enter("CREDIT PURCHASE ada 25 stripe", shows: "total     │ 25.00"))
            #expect(await terminal.enter("ledger.credit.balance('ada').paid", shows: "24.99"))
            #expect(await terminal.enter("describe ada", shows: "paid 24.99"))
            #expect(await terminal.enter(".leave"))
            #expect(!(terminal.screen.lines.last ?? "").contains("fork"))
            #expect(await terminal.enter("SESSION GET job", shows: "│ active"), "\(terminal.screen.text)")
            #expect(await terminal.enter(".use f", shows: "in fork f1"))
            #expect(await terminal.enter("f:drop()", shows: "fork f1 is gone: this is the ledger again"))
            #expect(await terminal.isAsking())
            #expect(!terminal.screen.lines.last!.contains("fork:"))
        }

        @Test func `a fork is entered and left, in this process`() async throws {
            let terminal = try await PseudoTerminal.prompt(in: workspace, columns: 100, rows: 40)
            await visitFork(terminal)
            await leave(terminal)
        }

        @Test func `a fork is entered and left, over a connection`() async throws {
            let server = try await ServerProcess.start(workspace)
            let terminal = try await PseudoTerminal.prompt(
                in: workspace, columns: 100, rows: 40, environment: ["FLORIN_PASSPORT": server.passport],
                ["--connect", "127.0.0.1:\(server.port)"])
            await visitFork(terminal)
            await leave(terminal)
            await server.stop()
        }

        @Test func `Ctrl-C leaves a fork only where a command is waited for no longer, and says so`() async throws {
            let terminal = try await PseudoTerminal.prompt(in: workspace, columns: 100, rows: 40)
            #expect(await terminal.enter("f = fork() g = fork() f:enter()", shows: "in fork f1"))
            #expect(await terminal.enter("print('on') while true do end", shows: "on"))
            #expect(await terminal.press("\u{3}", shows: "interrupted"))
            #expect(await terminal.isAsking())
            #expect(terminal.screen.lines.last!.hasSuffix(" fork:f1>"))
            terminal.type("WAIT 999999\r")
            #expect(await terminal.wait { _ in !terminal.isRaw })
            try await Task.sleep(for: .milliseconds(100))
            #expect(await terminal.press("\u{3}", shows: "fork f1 is gone: this is the ledger again"))
            #expect(terminal.screen.text.contains("what ended with the connection: fork f2"))
            #expect(await terminal.enter("g:diff()", shows: "this connection has no fork 'f2'"))
            // Nor is their memory kept by the connection that was given up.
            for _ in 0..<50 where !terminal.screen.text.contains("forks_memory_bytes:0") {
                #expect(await terminal.enter("INFO memory", shows: "forks_memory_bytes:"))
            }
            #expect(terminal.screen.text.contains("forks_memory_bytes:0"))
            await leave(terminal)
        }

        @Test func `what a chunk shows is there while it runs, tables and all`() async throws {
            let terminal = try await PseudoTerminal.prompt(in: workspace, columns: 100, rows: 40)
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada", shows: "available"))
            let chunk = "print('now') describe('ada') show(ledger.credit.balance('ada')) while true do end"
            #expect(await terminal.enter(chunk, shows: "lots, in the order"))
            #expect(await terminal.wait { $0.lines.contains("now") && $0.text.contains("debt      │ 0.00") })
            terminal.type("\u{3}")
            #expect(await terminal.wait(for: "interrupted"))
            await leave(terminal)
            // And for who reads a pipe.
            let child = try workspace.start(
                Workspace.binary, ["repl", "-e", "print('now')", "-e", "print('first') while true do end"])
            for _ in 0..<6000 where child.output != "now\nfirst\n" && child.poll() == nil {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(child.output == "now\nfirst\n")
            child.signal(SIGKILL)
            _ = await child.end()
        }

        @Test func `watch draws a function in place, until a key, Ctrl-C, or an error`() async throws {
            let terminal = try await PseudoTerminal.prompt(in: workspace, rows: 30)
            #expect(await terminal.enter("n = 0"))
            let chunk = "watch(function() n = n + 1 print('round', n) return { twice = n * 2 } end, '0.1s')"
            #expect(await terminal.enter(chunk, shows: "every 0.1s: a function, until a key"))
            #expect(await terminal.wait(for: "twice │ 10"))
            #expect(terminal.screen.lines.count { $0.hasPrefix("round") } == 1, "\(terminal.screen.text)")
            terminal.type("x")
            #expect(await terminal.isAsking())
            #expect(!terminal.screen.everything.contains("interrupted"))
            #expect(await terminal.enter("watch(function() print('again') end)", shows: "every 1s: a function"))
            #expect(await terminal.wait { $0.lines.contains("again") })
            terminal.type("\u{3}")
            #expect(await terminal.isAsking())
            #expect(!terminal.screen.everything.contains("interrupted"))
            #expect(await terminal.enter("watch(function() print('before') error('no') end)", shows: "LUA"))
            #expect(terminal.screen.lines.contains("before"))
            #expect(
                await terminal.enter("watch(function() end, 'soon')", shows: "takes a time from 0.1s to 1h, not soon"))
            #expect(await terminal.enter("watch('ECHO still', 0.1)", shows: "every 0.1s: ECHO still, until a key"))
            terminal.type("x")
            #expect(await terminal.enter("watch('n + 0.5', '0.1s')", shows: "every 0.1s: n + 0.5, until a key"))
            #expect(await terminal.wait { $0.lines.contains { $0.hasSuffix(".5") } })
            terminal.type("x")
            let step = "watch('n = n + 1 return { thrice = n * 3 }', '0.1s')"
            #expect(await terminal.enter(step, shows: "thrice │"))
            terminal.type("x")
            #expect(await terminal.enter("watch('= 1')", shows: "LUA watch('= 1'): unexpected symbol near '='"))
            await leave(terminal)
        }

        @Test func `tail shows the last events and each new one, those of timers too, until Ctrl-C`() async throws {
            let terminal = try await PseudoTerminal.prompt(in: workspace, columns: 120, rows: 40)
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada", shows: "available"))
            #expect(await terminal.enter("USER CREATE bob@example.com ID bob", shows: "bob"))
            #expect(await terminal.enter("CREDIT CHARGE bob 0.25 api", shows: "4.75"))
            #expect(await terminal.enter("HOLD PLACE ada 2 TTL 2s", shows: "expires"))
            #expect(await terminal.enter(".tail USER ada", shows: "+5.00"))
            // The hold ends by itself.
            #expect(await terminal.wait { $0.text.contains("holdReleased") }, "\(terminal.screen.text)")
            #expect(!terminal.screen.text.contains("-0.25"))
            terminal.type("\u{3}")
            #expect(await terminal.isAsking())
            #expect(await terminal.enter("TAIL FROM 1 USER bob COUNT 2", shows: "-0.25"))
            #expect(await terminal.enter("tail('bob')", shows: "-0.25"))
            terminal.type("\u{3}")
            #expect(await terminal.isAsking())
            #expect(!terminal.screen.everything.contains("interrupted"))
            #expect(await terminal.enter(".tail USER nobody", shows: "NOTFOUND"))
            #expect(await terminal.enter(".tail 5", shows: ".tail [FROM lsn] [USER u]: "))
            #expect(await terminal.enter("PING", shows: "PONG"))
            await leave(terminal)
        }

        @Test func `tail goes on behind its last event when the server is there again`() async throws {
            let server = try await ServerProcess.start(workspace)
            let terminal = try await PseudoTerminal.prompt(
                in: workspace, columns: 120, rows: 40, environment: ["FLORIN_PASSPORT": server.passport],
                ["--connect", "127.0.0.1:\(server.port)"])
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada", shows: "available"))
            #expect(await terminal.enter(".tail USER ada", shows: "+5.00"))
            let client = try await server.connect()
            try await client.must("CREDIT CHARGE ada 0.25 api")
            #expect(await terminal.wait(for: "-0.25"))
            await server.crash()
            #expect(await terminal.wait(for: "the connection is lost; trying again"))
            let again = try await ServerProcess.start(
                workspace, "--port", "\(server.port)", environment: ["FLORIN_ADMIN_PASSPORT": server.passport])
            try await again.connect(server.passport).must("CREDIT CHARGE ada 0.50 api")
            #expect(await terminal.wait(for: "connected again; the events go on from"))
            #expect(await terminal.wait(for: "-0.50"))
            #expect(terminal.screen.everything.split(separator: "\n").count { $0.contains("-0.25") } == 1)
            terminal.type("\u{3}")
            #expect(await terminal.enter("PING", shows: "PONG"))
            await leave(terminal)
            await again.stop()
        }
    }
}
