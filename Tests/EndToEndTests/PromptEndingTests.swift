import Glibc
import LedgerTestKit
import Testing

extension EndToEnd {
    /// A terminal that goes away, and Ctrl-C, in the middle of anything.
    @Suite struct PromptEndings {
        let workspace = Workspace()

        /// An editor that says where it is, and stays.
        private func staying(_ name: String) -> String {
            let path = workspace.path + "/" + name
            writeScript(path, "echo $$ > \(workspace.path)/pid; echo here it is; exec sleep 600")
            return path
        }

        private static let busy: [(line: String, shows: String)] = [
            ("WAIT 999999", ""), ("print('runs') while true do end", "runs"),
            ("watch 1 ECHO still", "every 1s: ECHO still"),
            ("watch(function() print('still') end)", "every 1s: a function"),
            (".tail", "userCreated"), ("help", "here it is"), ("\\e ECHO a", "here it is"),
            // More than a pipe takes before somebody reads.
            ("('a line of text\\n'):rep(20000)", "here it is"),
            ("RULE EDIT session_runtime", "here it is"),
        ]

        /// Types the line, and waits until it is under way.
        private func begin(_ busy: (line: String, shows: String), at terminal: PseudoTerminal) async {
            if busy.shows.isEmpty {
                terminal.type(busy.line + "\r")
            } else {
                #expect(await terminal.enter(busy.line, shows: busy.shows), "\(terminal.screen.text)")
            }
            #expect(await terminal.wait { _ in !terminal.isRaw })
            try? await Task.sleep(for: .milliseconds(100))
        }

        @Test(arguments: busy.map(\.line))
        func `the terminal is closed`(line: String) async throws {
            let busy = try #require(Self.busy.first { $0.line == line })
            let terminal = try await PseudoTerminal.prompt(
                in: workspace, rows: 12,
                environment: ["PAGER": staying("pager"), "EDITOR": staying("editor")], ["--data", workspace.data])
            await begin(busy, at: terminal)
            terminal.close()
            #expect(await terminal.waitForEnd() == 0)
            if let text = readFile(workspace.path + "/pid"), let child = Int32(text.dropLast()) {
                for _ in 0..<500 where kill(child, 0) == 0 { try await Task.sleep(for: .milliseconds(10)) }
                #expect(kill(child, 0) != 0, "the editor or pager is still there")
            }
            // The ledger was closed in order.
            let check = try workspace.start(Workspace.binary, ["verify", workspace.data])
            #expect(await check.end() == .exit(0), "\(check.errors)")
        }

        @Test(arguments: busy.map(\.line))
        func `the process is told to end`(line: String) async throws {
            let busy = try #require(Self.busy.first { $0.line == line })
            let terminal = try await PseudoTerminal.prompt(
                in: workspace, rows: 12, environment: ["PAGER": staying("pager"), "EDITOR": staying("editor")])
            await begin(busy, at: terminal)
            kill(terminal.process!, SIGTERM)
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
        }

        @Test(arguments: busy.map(\.line))
        func `Ctrl-C, and the prompt is there again`(line: String) async throws {
            let busy = try #require(Self.busy.first { $0.line == line })
            let terminal = try await PseudoTerminal.prompt(
                in: workspace, rows: 12, environment: ["PAGER": staying("pager"), "EDITOR": staying("editor")])
            await begin(busy, at: terminal)
            terminal.type("\u{3}")
            #expect(await terminal.isAsking(), "\(terminal.screen.text)")
            #expect(await terminal.enter("PING", shows: "PONG"))
            #expect(await terminal.isAsking())
            terminal.type("\u{4}")
            #expect(await terminal.waitForEnd() == 0)
            #expect(!terminal.isRaw)
        }
    }
}
