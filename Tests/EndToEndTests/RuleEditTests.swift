import Glibc
import LedgerTestKit
import Testing

extension EndToEnd {
    /// `RULE EDIT` at a terminal, with an editor that does as it is told.
    @Suite struct RuleEdits {
        let workspace = Workspace()
        private var editor: String { workspace.path + "/editor" }

        private func prompt(rows: Int = 60) async throws -> PseudoTerminal {
            writeScript(editor, "exit 9")
            return try await PseudoTerminal.prompt(
                in: workspace, columns: 90, rows: rows, environment: ["VISUAL": editor])
        }

        private func leave(_ terminal: PseudoTerminal) async {
            #expect(await terminal.isAsking(), "\(terminal.screen.text)")
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
            #expect(terminal.screen.unknown == [])
            #expect(list(workspace.path).filter { $0.hasPrefix("florin-") } == [], "a temporary file was left")
        }

        private static let change = #"sed -i 's/medium = usd"0.075"/medium = usd"0.0875"/' "$1""#

        @Test func `what changes is shown, and after a yes it is the price`() async throws {
            let terminal = try await prompt()
            writeScript(editor, "stat -c %a \"$1\" > \(workspace.path)/mode; " + Self.change)
            #expect(await terminal.enter("RULE EDIT session_runtime", shows: "price with it from now on? [y/N]"))
            let shown = terminal.screen.text
            #expect(shown.contains("user type  for       was     now   change"), "\(shown)")
            #expect(shown.contains("free       medium  0.075  0.0875  +0.0125  +16.6 %"), "\(shown)")
            #expect(shown.contains("15 prices stay as they are"))
            #expect(readFile(workspace.path + "/mode") == "600\n")
            #expect(await terminal.press("y", shows: "RULE ROLLBACK session_runtime goes back"))
            #expect(terminal.screen.text.contains("version  │ 2"), "\(terminal.screen.text)")
            #expect(await terminal.enter("RULE SHOW session_runtime", shows: "0.0875"))
            // The same text again is the same version.
            #expect(await terminal.enter("RULE ROLLBACK session_runtime", shows: "version  │ 1"))
            #expect(await terminal.enter("RULE EDIT session_runtime", shows: "from now on? [y/N]"))
            #expect(await terminal.press("y", shows: "version  │ 2"))
            await leave(terminal)
        }

        @Test func `no, Ctrl-C, Enter: nothing is loaded, and the text is there the next time`() async throws {
            let terminal = try await prompt()
            for answer in ["n", "\u{3}", "\r", "\u{1b}"] {
                writeScript(editor, "grep -c 0\\\\.0875 \"$1\" > \(workspace.path)/seen; " + Self.change)
                #expect(await terminal.enter("RULE EDIT session_runtime", shows: "from now on? [y/N]"))
                #expect(await terminal.press(answer, shows: "RULE EDIT session_runtime goes on with this text"))
            }
            #expect(readFile(workspace.path + "/seen") == "1\n")
            #expect(await terminal.enter("RULE SHOW session_runtime 2", shows: "NOTFOUND"))
            // Typed ahead of the question, a yes is none.
            writeScript(editor, Self.change + "; sleep 1")
            #expect(await terminal.isAsking())
            terminal.type("RULE EDIT session_runtime 1\r")
            #expect(await terminal.wait { _ in !terminal.isRaw })
            try await Task.sleep(for: .milliseconds(300))
            #expect(await terminal.press("y", shows: "from now on? [y/N]"))
            try await Task.sleep(for: .milliseconds(200))
            #expect(await terminal.wait { $0.lines.last?.hasSuffix("[y/N]") ?? false })
            #expect(await terminal.press("n", shows: "nothing was done"))
            await leave(terminal)
        }

        @Test func `a mistake is shown with its line, and edited again`() async throws {
            let terminal = try await prompt()
            writeScript(editor, "printf 'return function()\\n  retrun 1\\nend\\n' > \"$1\"")
            #expect(await terminal.enter("RULE EDIT session_runtime", shows: "edit it again? [Y/n]"))
            #expect(terminal.screen.text.contains(":2:"), "\(terminal.screen.text)")
            writeScript(editor, "echo 'return function() return usd\"1\", usd\"1\" end' > \"$1\"")
            #expect(await terminal.press("\r", shows: "from now on? [y/N]"))
            #expect(await terminal.press("n", shows: "nothing was done"))
            writeScript(editor, "echo 'return 1' > \"$1\"")
            #expect(await terminal.enter("RULE EDIT session_runtime", shows: "edit it again? [Y/n]"))
            #expect(await terminal.press("\u{3}", shows: "nothing was done"))
            await leave(terminal)
        }

        @Test func `nothing is done where nothing was changed, the editor fails, or there is no rule or terminal`()
            async throws
        {
            let terminal = try await prompt()
            #expect(
                await terminal.enter("RULE EDIT session_runtime", shows: "nothing was done: \(editor) ended with 9"))
            writeScript(editor, "true")
            #expect(
                await terminal.enter("RULE EDIT session_runtime", shows: "that of the active version: nothing was done")
            )
            writeScript(editor, ": > \"$1\"")
            #expect(await terminal.enter("RULE EDIT session_runtime", shows: "the text is empty: nothing was done"))
            #expect(await terminal.enter("RULE EDIT nonsense", shows: "ERR"))
            #expect(await terminal.enter("RULE EDIT", shows: "RULE EDIT rule [version]"))
            #expect(await terminal.enter("RULE SHOW session_runtime 2", shows: "NOTFOUND"))
            await leave(terminal)
            let child = try workspace.start(Workspace.binary, ["repl", "-e", "RULE EDIT session_runtime"])
            #expect(await child.end() == .exit(1))
            #expect(child.errors == "RULE EDIT needs a terminal\n")
        }

        @Test func `in a fork it is the fork's price`() async throws {
            let terminal = try await prompt()
            writeScript(editor, Self.change)
            #expect(await terminal.enter("fork('a'):enter()", shows: "in fork a"))
            #expect(await terminal.enter("RULE EDIT session_runtime", shows: "from now on? [y/N]"))
            #expect(await terminal.press("y", shows: "goes back to the version before"))
            #expect(await terminal.enter(".leave", prompts: "memory"))
            #expect(await terminal.enter("RULE SHOW session_runtime 2", shows: "NOTFOUND"))
            await leave(terminal)
        }
    }
}
