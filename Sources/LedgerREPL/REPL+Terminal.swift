internal import Glibc
internal import RESP

/// The prompt at a terminal, for people.
extension REPL {
    mutating func runAtTerminal() async -> Int32 {
        let terminal = Terminal()
        let isDumb = Terminal.isDumb(Self.environment)
        var rendering = Rendering(
            layout: .tables(width: nil), usesColour: !isDumb && Self.environment("NO_COLOR") == nil)
        rendering.usesUnicode = Terminal.isUTF8(Self.environment)
        rendering.thisYear = Self.thisYear
        let wake = Signals.watch()
        let language = EditSession.Language.commands(of: catalogue)
        let history = options.history?.load() ?? []
        let editor =
            isDumb
            ? nil
            : LineEditor(
                terminal: terminal, language: language, history: history, usesColour: rendering.usesColour, wake: wake,
                mustEnd: { Signals.mustEnd })
        terminal.write("Florin at \(options.title). help explains, Tab completes, Ctrl-D leaves.\n")
        while true {
            let prompt = options.title + "> "
            let input =
                if let editor {
                    await editor.readLine(
                        prompt: [StyledText(prompt, .prompt)], continuation: Self.continuation(of: prompt))
                } else {
                    await Self.readPlainLine(prompt, terminal)
                }
            switch input {
            case .end: return 0
            case .interrupted: continue
            case .line(let line):
                if HistoryFile.keeps(line) {
                    editor?.remember(line)
                    options.history?.append(line)
                }
                rendering.layout = options.layout ?? .tables(width: terminal.size.columns)
                for command in CommandSplitter.split(line) {
                    let outcome = await interruptible(command, rendering)
                    terminal.write(outcome.output + outcome.errors)
                    if outcome.quits || Signals.mustEnd { return 0 }
                    if outcome.wasInterrupted { break }
                }
            }
        }
    }

    /// As wide as the prompt, so that lines stand below each other.
    private static func continuation(of prompt: String) -> String {
        String(repeating: " ", count: max(min(DisplayText.width(of: prompt), 24) - 2, 0)) + "> "
    }

    /// A line from a terminal that knows no escape sequences: no editing but its own.
    private static func readPlainLine(_ prompt: String, _ terminal: Terminal) async -> LineEditor.Input {
        terminal.write(prompt)
        return await onThread {
            var bytes: [UInt8] = []
            while true {
                var byte: UInt8 = 0
                let count = read(terminal.input, &byte, 1)
                if count < 0, errno == EINTR, !Signals.mustEnd {
                    if Signals.wasInterrupted {
                        Signals.clearInterrupt()
                        terminal.write("\n")
                        return .interrupted
                    }
                    continue
                }
                if count <= 0 {
                    terminal.write("\n")
                    return bytes.isEmpty ? .end : .line(String(decoding: bytes, as: UTF8.self))
                }
                if byte == 0x0a {
                    let text = String(decoding: bytes, as: UTF8.self)
                    guard CommandSplitter.isOpen(text) else { return .line(text) }
                    terminal.write("> ")
                }
                bytes.append(byte)
            }
        }
    }

    /// Runs one command, until Ctrl-C at the latest: then its answer is waited for no longer, and what follows goes
    /// over a new connection, for answers come in the order of the commands.
    mutating func interruptible(_ command: String, _ rendering: Rendering) async -> Outcome {
        let copy = self
        Signals.clearInterrupt()
        let ended = await Self.unlessInterrupted {
            var prompt = copy
            let outcome = await prompt.evaluate(command, rendering)
            return (prompt, outcome)
        }
        if let ended {
            self = ended.0
            return ended.1
        }
        var outcome = Outcome(errors: "\nno longer waiting; whether it was carried out is not known\n", failed: true)
        outcome.wasInterrupted = true
        do { if let reconnect = options.reconnect { port = try await reconnect() } } catch {
            outcome.errors += "\(error)\n"
        }
        return outcome
    }

    /// What the work gives, or nil as soon as there is Ctrl-C or the process is to end; the work is cancelled then and
    /// not waited for.
    static func unlessInterrupted<T: Sendable>(_ work: @escaping @Sendable () async -> T) async -> T? {
        let (endings, ending) = AsyncStream.makeStream(of: T?.self)
        let task = Task { ending.yield(await work()) }
        let watch = Task {
            while !Signals.wasInterrupted, !Signals.mustEnd {
                do { try await Task.sleep(for: .milliseconds(30)) } catch { return }
            }
            ending.yield(nil)
        }
        defer {
            watch.cancel()
            task.cancel()
        }
        for await end in endings { return end }
        return nil
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private static var thisYear: Int {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        return Int(parts.tm_year) + 1900
    }
}

extension EditSession.Language {
    /// What is typed at the prompt.
    package static func commands(of catalogue: CommandCatalogue) -> Self {
        EditSession.Language(
            complete: { before in
                let words = Completion.candidates(for: before, in: catalogue)
                return (Completion.fragment(of: before).count, words)
            },
            highlight: { Highlighter.styles(of: $0, in: catalogue) },
            hint: { Hint.text(for: $0, in: catalogue) },
            isComplete: { !CommandSplitter.isOpen($0) })
    }
}
