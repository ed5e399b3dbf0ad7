import Glibc
import LedgerTestKit
import Testing

/// `florin repl` at a terminal of its own.
extension PseudoTerminal {
    static func prompt(
        in workspace: Workspace, columns: Int = 80, rows: Int = 24, environment: [String: String] = [:],
        _ arguments: [String] = []
    ) async throws -> PseudoTerminal {
        let terminal = try PseudoTerminal(columns: columns, rows: rows)
        var variables = [
            "HOME": workspace.path, "TERM": "xterm", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PAGER": "",
            "TMPDIR": workspace.path,
        ]
        for (name, value) in environment { variables[name] = value }
        try terminal.start(Workspace.binary, ["repl"] + arguments, environment: variables)
        #expect(await terminal.isAsking(), "\(terminal.screen.text)")
        return terminal
    }

    /// Whether the prompt waits for keys. What is typed before that is the terminal's own business, Ctrl-D above all.
    func isAsking() async -> Bool {
        await wait { screen in
            guard let last = screen.lines.last, last.hasSuffix(">") else { return false }
            return screen.isPasteMarked || last.hasPrefix("memory") && screen.unknown.isEmpty && !isRaw
        }
    }

    /// Types a line at the prompt, and waits until something stands below it.
    func enter(_ line: String, shows text: String) async -> Bool {
        guard await isAsking() else { return false }
        return await press(line + "\r", shows: text)
    }

    /// The same for keys, whatever waits for them.
    func press(_ keys: String, shows text: String) async -> Bool {
        let rows = screen.everything.split(separator: "\n", omittingEmptySubsequences: false).count
        type(keys)
        return await wait { screen in
            screen.everything.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(rows)
                .contains { $0.contains(text) }
        }
    }

    /// Types a line and waits for the next prompt, which has `text` in it.
    func enter(_ line: String, prompts text: String = ">") async -> Bool {
        guard await enter(line, shows: text) else { return false }
        return await isAsking()
    }
}

/// A program of `sh`, for who is to be an editor or a pager.
func writeScript(_ path: String, _ text: String) {
    writeFile(path, "#!/bin/sh\n" + text + "\n")
    chmod(path, 0o755)
}
