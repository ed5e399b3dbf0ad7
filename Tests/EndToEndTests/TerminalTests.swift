import Glibc
import LedgerTestKit
import Testing

extension EndToEnd {
    /// `florin repl` at a terminal, as a person uses it.
    @Suite struct Terminals {
        let workspace = Workspace()

        private func prompt(
            columns: Int = 80, rows: Int = 24, environment: [String: String] = [:], _ arguments: [String] = []
        ) async throws -> PseudoTerminal {
            try await PseudoTerminal.prompt(
                in: workspace, columns: columns, rows: rows, environment: environment, arguments)
        }

        private func isAsking(_ terminal: PseudoTerminal) async -> Bool { await terminal.isAsking() }

        @Test func `a user is made, described, charged; completion, colour, history; the terminal is left as it was`()
            async throws
        {
            let terminal = try await prompt(columns: 100, rows: 40)
            terminal.type("user create bob@example.com ID bob type pro\r")
            #expect(await terminal.wait { $0.text.contains("available │ 0.00") })
            #expect(await isAsking(terminal))
            terminal.type("CREDIT PURCHASE b\t25 stripe\r")
            #expect(await terminal.wait(for: "total     │ 25.00"))
            terminal.type("describe bob\r")
            #expect(await terminal.wait(for: "paid  25.00"))
            terminal.type("bob\r")
            #expect(await terminal.wait(for: "sessions  │"))
            terminal.type("\u{12}purch")
            #expect(await terminal.wait(for: "search: purch  CREDIT PURCHASE bob 25 stripe"))
            terminal.type("\u{3}\u{3}quit\r")
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
            #expect(terminal.screen.unknown == [])
            let again = try await prompt()
            again.type("\u{1b}[A\u{1b}[A\u{1b}[A")
            #expect(await again.wait(for: "describe bob"))
            again.type("\u{3}\u{4}")
            #expect(await again.waitForEnd() == 0)
        }

        @Test func `Ctrl-Z stops it with the terminal as it was, and it comes back`() async throws {
            let terminal = try await prompt()
            terminal.type("ECHO one")
            #expect(await terminal.wait(for: "ECHO one"))
            #expect(terminal.isRaw)
            terminal.type("\u{1a}")
            // A session of its own has nobody who could continue it, so the kernel may let the stop pass.
            if let process = terminal.process { kill(process, SIGCONT) }
            #expect(await terminal.wait { $0.lines.count(where: { $0.hasSuffix("ECHO one") }) == 2 })
            terminal.type("\r")
            #expect(await terminal.wait { $0.lines.contains("one") })
            #expect(await isAsking(terminal))
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
        }

        @Test func `a smaller window is drawn anew, and a closed one ends the prompt, its ledger closed`() async throws
        {
            let terminal = try await prompt(["--data", workspace.data])
            terminal.type("USER CREATE ada@example.com ID ada\r")
            #expect(await terminal.wait(for: "available"))
            terminal.type("ECHO aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd")
            #expect(await terminal.wait(for: "dddddddddd"))
            terminal.resize(columns: 40, rows: 20)
            #expect(await terminal.wait { $0.lines.last?.hasSuffix("dd") ?? false && $0.lines.last!.count < 40 })
            terminal.close()
            #expect(await terminal.waitForEnd() == 0)
        }

        @Test func `SIGTERM ends it in order, also while a line is edited`() async throws {
            let terminal = try await prompt()
            terminal.type("half a line")
            #expect(await terminal.wait(for: "half a line"))
            kill(terminal.process!, SIGTERM)
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
        }

        @Test func `the editor opens on the last input, and what comes back is run`() async throws {
            let editor = workspace.path + "/editor"
            writeScript(editor, "sed -i 's/one/two words/' \"$1\"; stat -c %a \"$1\" > \(workspace.path)/mode")
            let terminal = try await prompt(environment: ["VISUAL": editor])
            terminal.type("ECHO 'one'\r")
            #expect(await terminal.wait { $0.lines.contains("one") })
            terminal.type("\\e\r")
            #expect(await terminal.wait { $0.lines.contains("two words") })
            #expect(readFile(workspace.path + "/mode") == "600\n")
            terminal.type("\\e ECHO 'one more'\r")
            #expect(await terminal.wait { $0.lines.contains("two words more") })
            writeScript(editor, "exit 3")
            terminal.type("\\e\r")
            #expect(await terminal.wait(for: "nothing was run: "))
            #expect(await isAsking(terminal))
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
        }

        @Test func `what is higher than the terminal goes to the pager`() async throws {
            let pager = workspace.path + "/pager"
            writeScript(pager, "wc -l > \(workspace.path)/lines; echo paged")
            let terminal = try await prompt(rows: 12, environment: ["PAGER": pager])
            terminal.type("PING\rHELP\rhelp\r")
            #expect(await terminal.wait { $0.everything.split(separator: "\n").contains("paged") })
            #expect((Int(readFile(workspace.path + "/lines")?.split(separator: "\n").first ?? "") ?? 0) > 12)
            #expect(await isAsking(terminal))
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
        }

        @Test func `watch draws in place until a key`() async throws {
            let terminal = try await prompt()
            terminal.type("watch 0.1 ECHO still\r")
            #expect(await terminal.wait(for: "every 0.1s: ECHO still, until a key"))
            try await Task.sleep(for: .milliseconds(500))
            terminal.read()
            #expect(terminal.screen.lines.count { $0 == "still" } == 1)
            terminal.type("x")
            #expect(await terminal.wait { $0.lines.last?.hasPrefix("memory") ?? false })
            terminal.type("watch 5 WAIT 99999\r")
            #expect(await terminal.wait { _ in !terminal.isRaw })
            try await Task.sleep(for: .milliseconds(300))
            terminal.type("\u{3}")
            #expect(await terminal.wait(for: "no longer waiting"))
            terminal.type("watch 1 watch 1 PING\r")
            #expect(await terminal.wait(for: "watch cannot be watched"))
            #expect(await isAsking(terminal))
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
        }

        @Test func `Lua: chunks of several lines, globals, and Ctrl-C for one without end`() async throws {
            let terminal = try await prompt(columns: 100)
            terminal.type("USER CREATE bob@example.com ID bob TYPE pro\rCREDIT PURCHASE bob 25 stripe\r")
            #expect(await terminal.wait(for: "total     │ 25.00"))
            #expect(await isAsking(terminal))
            terminal.type("for i = 1, 2 do\rledger.charge('bob', usd'0.5' * i, 'api')\rend\r")
            #expect(await isAsking(terminal))
            terminal.type("ledger.credit.balance('bob').available\r")
            #expect(await terminal.wait { $0.lines.contains("23.50") })
            #expect(await isAsking(terminal))
            terminal.type("n = 0 while true do n = n + 1 end\r")
            try await Task.sleep(for: .milliseconds(300))
            terminal.type("\u{3}")
            #expect(await terminal.wait(for: "interrupted"))
            #expect(await isAsking(terminal))
            terminal.type("n > 1000\r")
            #expect(await terminal.wait { $0.lines.contains("true") })
            #expect(await isAsking(terminal))
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
        }

        @Test func `a terminal that knows no escapes gets none`() async throws {
            let terminal = try await prompt(environment: ["TERM": "dumb"])
            terminal.type("ECHO 'a\nb'\n")
            #expect(await terminal.wait { $0.lines.contains("b") })
            terminal.type("\u{3}")
            terminal.type("PING\n\u{4}")
            #expect(await terminal.waitForEnd() == 0)
            #expect(terminal.screen.unknown == [])
            #expect(terminal.screen.cells.joined().allSatisfy { $0.style.isEmpty })
        }
    }
}
