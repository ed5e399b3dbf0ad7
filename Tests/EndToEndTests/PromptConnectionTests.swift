import Glibc
import LedgerTestKit
import Testing

extension EndToEnd {
    /// The prompt and what its connection is for.
    @Suite struct PromptConnections {
        let workspace = Workspace()

        private func prompt(of server: ServerProcess) async throws -> PseudoTerminal {
            try await PseudoTerminal.prompt(
                in: workspace, columns: 100, rows: 40, environment: ["FLORIN_PASSPORT": server.passport],
                ["--connect", "127.0.0.1:\(server.port)"])
        }

        private func leave(_ terminal: PseudoTerminal) async {
            #expect(await terminal.isAsking(), "\(terminal.screen.text)")
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
        }

        @Test func `a transaction that the server took with it is not carried out in parts`() async throws {
            let server = try await ServerProcess.start(workspace)
            let terminal = try await prompt(of: server)
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada TYPE pro", shows: "available"))
            #expect(await terminal.enter("CREDIT PURCHASE ada 25 stripe", shows: "available │ 25.00"))
            #expect(await terminal.enter("MULTI", prompts: " multi>"))
            #expect(await terminal.enter("CREDIT CHARGE ada 1 api", shows: "QUEUED"))
            await server.crash()
            let again = try await ServerProcess.start(
                workspace, "--port", "\(server.port)", environment: ["FLORIN_ADMIN_PASSPORT": server.passport])
            #expect(await terminal.enter("CREDIT CHARGE ada 2 api", shows: "the transaction ended with the connection"))
            #expect(await terminal.enter("CREDIT CHARGE ada 3 api", shows: "the transaction ended with the connection"))
            #expect(await terminal.enter("EXEC", shows: "EXECABORT"))
            #expect(await terminal.enter("CREDIT BALANCE ada", shows: "available │ 25.00"))
            #expect(await terminal.enter("CREDIT CHARGE ada 4 api", shows: "available │ 21.00"))
            await leave(terminal)
            await again.stop()
        }

        @Test func `MONITOR shows what others send until Ctrl-C, no secret in it, and shifts no answer`() async throws {
            let server = try await ServerProcess.start(workspace)
            let terminal = try await prompt(of: server)
            let client = try await server.connect()
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada TYPE pro", shows: "available"))
            #expect(await terminal.enter("MONITOR", shows: "commands of all clients, until Ctrl-C"))
            for _ in 0..<2000 where !terminal.screen.text.contains("\"BALANCE\" \"ada\"") {
                try await client.must("CREDIT BALANCE ada")
                terminal.read(milliseconds: 10)
            }
            try await client.must("AUTH \(server.passport)")
            #expect(await terminal.wait(for: "\"AUTH\" \"(redacted)\""))
            #expect(!terminal.screen.everything.contains(server.passport))
            terminal.type("\u{3}")
            #expect(await terminal.isAsking(), "\(terminal.screen.text)")
            #expect(await terminal.enter("ECHO one", shows: "one"))
            try await client.must("CREDIT BALANCE ada")
            #expect(await terminal.enter("ECHO two", shows: "two"))
            #expect(await terminal.enter("HELLO 2", shows: "HELLO 2 would change the protocol"))
            #expect(await terminal.enter("RESET", shows: "RESET"))
            #expect(await terminal.enter("CREDIT BALANCE ada", shows: "available │ 0.00"))
            await leave(terminal)
            await server.stop()
        }

        @Test func `what was watched is not forgotten by Ctrl-C without a word`() async throws {
            let terminal = try await PseudoTerminal.prompt(in: workspace, columns: 100, rows: 40)
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada", shows: "available"))
            #expect(await terminal.enter("WATCH ada", shows: "OK"))
            terminal.type("WAIT 999999\r")
            #expect(await terminal.wait { _ in !terminal.isRaw })
            try await Task.sleep(for: .milliseconds(100))
            #expect(await terminal.press("\u{3}", shows: "what ended with the connection: what was watched"))
            #expect(await terminal.enter("MULTI", shows: "what was watched is watched no more"))
            #expect(await terminal.enter("UNWATCH", shows: "OK"))
            #expect(await terminal.enter("MULTI", prompts: " multi>"))
            #expect(await terminal.enter("RESET", shows: "RESET"))
            #expect(await terminal.enter("EXEC", shows: "EXEC without MULTI"))
            await leave(terminal)
        }

        @Test func `in a window of one row, or one column, it goes on`() async throws {
            let terminal = try await PseudoTerminal.prompt(in: workspace)
            #expect(await terminal.enter("USER CREATE ada@example.com ID ada", shows: "available"))
            #expect(await terminal.isAsking())
            for (columns, rows) in [(80, 1), (80, 2), (1, 1), (1, 24)] {
                terminal.resize(columns: columns, rows: rows)
                terminal.type("watch 0.1 describe ada\r")
                #expect(await terminal.wait { _ in !terminal.isRaw })
                for _ in 0..<50 { terminal.read(milliseconds: 10) }
                terminal.type("x")
                #expect(await terminal.wait { _ in terminal.isRaw })
            }
            terminal.resize(columns: 80, rows: 24)
            terminal.type("\r")
            #expect(await terminal.isAsking())
            // Wherever on the screen: what the small windows left of earlier lines may still be drawn over.
            terminal.type("PING\r")
            #expect(await terminal.wait { $0.everything.contains("PONG") }, "\(terminal.screen.text)")
            await leave(terminal)
        }

        @Test func `movements and revenue are drawn, in memory and beside a server`() async throws {
            let server = try await ServerProcess.start(workspace)
            let terminals = [try await PseudoTerminal.prompt(in: workspace), try await prompt(of: server)]
            for terminal in terminals {
                #expect(await terminal.enter("USER CREATE ada@example.com ID ada", shows: "available"))
                #expect(await terminal.enter("CREDIT CHARGE ada 1.25 api", shows: "3.75"))
                #expect(await terminal.enter("plot(ledger.history('ada'))", shows: "5.00 ┤"))
                #expect(await terminal.enter("r = revenue('1h', 3)"))
                #expect(await terminal.enter("r[4].total", shows: "1.25"), "\(terminal.screen.text)")
                #expect(await terminal.enter("plot(r)", shows: "1.25 ┤"))
                await leave(terminal)
            }
            await server.stop()
        }

        @Test func `errors of piped input name their lines, of its Lua, too`() async throws {
            let input = #"PING\n\nNONSENSE x\nfor i = 1, 2 do\n  error("no")\nend\nECHO still\nx = = 1\n"#
            let run = try await workspace.run("sh", ["-c", "printf '\(input)' | \(Workspace.binary) repl"])
            #expect(run.end == .exit(1))
            #expect(run.output == "PONG\nstill\n")
            let errors = run.errors.split(separator: "\n")
            #expect(errors.first?.hasPrefix("line 3: ERR unknown command 'NONSENSE'") == true, "\(run.errors)")
            #expect(errors.contains("line 4: LUA line 5: no"), "\(run.errors)")
            #expect(errors.last == "line 8: LUA column 5: unexpected symbol near '='", "\(run.errors)")
            let script = try await workspace.florin("repl", "-e", "PING\nNONSENSE x", "-e", "NONSENSE y")
            #expect(script.errors.contains("line 2: ERR unknown command"), "\(script.errors)")
            #expect(script.errors.ranges(of: "line ").count == 1, "\(script.errors)")
        }
    }
}
