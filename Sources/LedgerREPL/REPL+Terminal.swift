internal import Glibc
internal import LedgerCore
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
        rendering.whole = LocalCommand.last.rawValue
        let wake = Signals.watch()
        let language = EditSession.Language.prompt(of: self)
        let editor: LineEditor? =
            isDumb
            ? nil
            : LineEditor(
                terminal: terminal, language: language,
                history: options.history?.load() ?? [], usesColour: rendering.usesColour, wake: wake,
                mustEnd: { Signals.mustEnd })
        let greeting = "Florin at \(options.title). help explains, Tab completes, Ctrl-D leaves."
        terminal.write(DisplayText.wrapped(greeting, to: terminal.size.columns, indent: 0) + "\n")
        // Of a directory's path the last part: the line is short.
        let title = options.title.split(separator: "/").last.map(String.init) ?? options.title
        var console = Console(terminal: terminal, editor: editor, rendering: rendering, wake: wake)
        while true {
            meetUsers()
            let place = await place()
            if let notice { terminal.write(notice + "\n") }
            notice = nil
            let prompt = title + place + "> "
            let styled = [StyledText(title, .prompt), StyledText(place, .faint), StyledText("> ", .prompt)]
            let input =
                if let editor {
                    await editor.readLine(prompt: styled, continuation: Self.continuation(of: prompt))
                } else {
                    await Self.readPlainLine(prompt, terminal, isComplete: language.isComplete)
                }
            switch input {
            case .end: return 0
            case .interrupted: continue
            case .line(let line): if await execute(line, at: &console) { return 0 }
            }
        }
    }

    /// What belongs to one terminal.
    struct Console: Sendable {
        let terminal: Terminal
        let editor: LineEditor?
        var rendering: Rendering
        let wake: Int32?
        /// What `\e` alone opens: the input before it.
        var lastInput = ""
    }

    /// Remembers input and runs its commands one after the other. True when the prompt is to end.
    private mutating func execute(_ input: String, at console: inout Console) async -> Bool {
        if HistoryFile.keeps(input) {
            console.editor?.remember(input)
            options.history?.append(input)
        }
        var splitter = self.splitter
        for command in splitter.split(input) {
            let size = console.terminal.size
            console.rendering.layout = options.layout ?? .tables(width: size.columns)
            console.rendering.rows = size.rows
            let isLua = kind(of: command) == .lua
            // Loosely: what `watch` is to run may be Lua, with quotes of its own.
            let words = isLua ? [] : ScannedText(command).commands.first?.map(\.text) ?? []
            var outcome: Outcome
            switch Self.local(words) {
            case .edit:
                let text =
                    words.count > 1
                    ? String(command.drop { $0.isWhitespace }.drop { !$0.isWhitespace }) : console.lastInput
                if await edit(text, at: &console) { return true }
                continue
            case .watch: outcome = await watch(command, words, at: console)
            case nil where CommandCatalogue.isRuleEdit(words) && isInTransaction: outcome = Self.needsEnd
            case nil where CommandCatalogue.isRuleEdit(words): outcome = await editRule(words, at: console)
            case .describe, .plot, .tail, .use, .leave, .last, .export, .reload, .help, .quit, nil:
                outcome = await interruptible(command, console.rendering, .person(console))
            }
            await show(outcome, size, console)
            if outcome.quits || Signals.mustEnd { return true }
            if outcome.wasInterrupted { break }
        }
        if HistoryFile.keeps(input), LocalCommand.named(String(input.prefix { !$0.isWhitespace })) != .edit {
            console.lastInput = input
        }
        return false
    }

    private func show(_ outcome: Outcome, _ size: (columns: Int, rows: Int), _ console: Console) async {
        if console.editor != nil, !outcome.output.isEmpty,
            Pager.isNeeded(for: outcome.output, columns: size.columns, rows: size.rows),
            let pager = Pager.command(Self.environment)
        {
            let code = await onThread { ChildProgram.run(pager, input: outcome.output) }
            Signals.clearInterrupt()
            // 126 and 127: the shell found none.
            if code == nil || code == 126 || code == 127 { console.terminal.write(outcome.output) }
        } else {
            console.terminal.write(outcome.output)
        }
        // Sentences are broken at blanks. What has colours was made to fit.
        let lines = outcome.errors.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.contains("\u{1b}") ? String(line) : DisplayText.wrapped(String(line), to: size.columns, indent: 0)
        }
        console.terminal.write(lines.joined(separator: "\n"))
    }

    private mutating func edit(_ text: String, at console: inout Console) async -> Bool {
        let command = TextEditor.command(Self.environment)
        let directory = Self.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let trimmed = text.drop { $0.isWhitespace }
        let outcome = await onThread {
            TextEditor.edit(String(trimmed), with: command, directory: directory, without: "nothing was run")
        }
        Signals.clearInterrupt()
        switch outcome {
        case .failed(let reason): console.terminal.write(reason + "\n")
        case .edited(let edited):
            var input = edited
            while input.last?.isWhitespace == true { input.removeLast() }
            guard !input.isEmpty else { return false }
            console.terminal.write(DisplayText.sanitized(input, multiline: true) + "\n")
            return await execute(input, at: &console)
        }
        return false
    }

    /// Completion knows the ids that were shown, a page of users to begin with, and asks for the users whose ids begin
    /// with what is typed where it knows none of these. Nobody waits for the page.
    private func meetUsers() {
        let (port, known, isInTransaction) = (reach, self.known, self.isInTransaction)
        let isFirst = known.search { text in
            guard !isInTransaction else { return }
            let words = text.isEmpty ? ["USER", "LIST", "COUNT", "100"] : ["USER", "FIND", text, "COUNT", "50"]
            guard let users = try? await port.call(words), users.error == nil else { return }
            known.learn(from: users)
        }
        if isFirst { Task { await known.search(for: "") } }
    }

    /// As wide as the prompt, so that lines stand below each other.
    private static func continuation(of prompt: String) -> String {
        String(repeating: " ", count: max(min(DisplayText.width(of: prompt), 24) - 2, 0)) + "> "
    }

    /// A line from a terminal that knows no escape sequences: no editing but its own.
    private static func readPlainLine(
        _ prompt: String, _ terminal: Terminal, isComplete: @escaping @Sendable (String) -> Bool
    ) async -> LineEditor.Input {
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
                    if isComplete(text) { return .line(text) }
                    terminal.write("> ")
                }
                bytes.append(byte)
            }
        }
    }

    /// Runs one command, until Ctrl-C at the latest: then its answer is waited for no longer, and what follows goes
    /// over a new connection, for answers come in the order of the commands.
    mutating func interruptible(
        _ command: String, _ rendering: Rendering, _ audience: Audience = .later
    ) async -> Outcome {
        var asked = self
        asked.audience = audience
        let copy = asked
        Signals.clearInterrupt()
        // A chunk of Lua is ended and says how far it came; what is followed ends when its present answer is there.
        let isLua = kind(of: command) == .lua
        let patience: Duration = isLua || Self.isFollowing(command) ? .seconds(2) : .zero
        let ended = await Self.unlessInterrupted(patience) {
            var prompt = copy
            let outcome = await prompt.evaluate(command, rendering)
            return (prompt, outcome)
        }
        if let ended {
            self = ended.0
            self.audience = .later
            guard ended.1.isUnknown else { return ended.1 }
            var outcome = ended.1
            await reconnect(&outcome)
            return outcome
        }
        var outcome = Outcome(errors: "\nno longer waiting; whether it was carried out is not known\n", failed: true)
        outcome.wasInterrupted = true
        // Of a transaction that may have come to its EXEC nobody can say that nothing of it was carried out.
        let name = command.split(whereSeparator: \.isWhitespace).first?.uppercased()
        if name == "EXEC" || isLua { ties.endTransaction() }
        await reconnect(&outcome)
        return outcome
    }

    /// Whether it goes on until Ctrl-C, and then ends by itself.
    private static func isFollowing(_ command: String) -> Bool {
        let first = command.split(whereSeparator: \.isWhitespace).first?.lowercased() ?? ""
        return [LocalCommand.tail.rawValue, "tail", "monitor"].contains(first)
    }

    /// What the work gives, or nil when there was Ctrl-C or the process is to end: the work is cancelled then, and
    /// waited for no longer than `patience`.
    static func unlessInterrupted<T: Sendable>(
        _ patience: Duration, _ work: @escaping @Sendable () async -> T
    ) async -> T? {
        let (endings, ending) = AsyncStream.makeStream(of: T?.self)
        let task = Task { ending.yield(await work()) }
        let watch = Task {
            do {
                while !Signals.wasInterrupted, !Signals.mustEnd { try await Task.sleep(for: .milliseconds(30)) }
                task.cancel()
                try await Task.sleep(for: patience)
            } catch { return }
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
    /// What is typed at a prompt: commands and Lua.
    package static func prompt(of repl: REPL) -> Self {
        let (catalogue, known, lua) = (repl.catalogue, repl.known, repl.lua)
        let commands = Self.commands(of: catalogue, known: known)
        @Sendable func isLua(_ text: String) -> Bool { repl.kind(of: text) == .lua }
        return EditSession.Language(
            complete: { before in
                guard isLua(before) else {
                    let found = commands.complete(before)
                    // A first word may also be the beginning of Lua.
                    guard found.words.isEmpty, InputKind.isName(before) else { return found }
                    return LuaText.candidates(before, catalogue, ids: { known.ids(of: $0) }, members: lua.names)
                }
                return LuaText.candidates(before, catalogue, ids: { known.ids(of: $0) }, members: lua.names)
            },
            highlight: { isLua($0) ? LuaText.styles(of: $0) : commands.highlight($0) },
            hint: { isLua($0) ? "" : commands.hint($0) },
            isComplete: { text in
                var splitter = repl.splitter
                // All but the last piece end by themselves.
                guard let last = splitter.split(text).last else { return true }
                return isLua(last) ? !LuaSource.isIncomplete(last) : commands.isComplete(last)
            })
    }

    /// What is typed at the prompt.
    package static func commands(of catalogue: CommandCatalogue, known: KnownIDs = KnownIDs()) -> Self {
        EditSession.Language(
            complete: { before in
                let fragment = String(Completion.fragment(of: before))
                let words = Completion.candidates(for: before, in: catalogue, forks: known.forks) {
                    known.ids(of: $0, beginning: fragment)
                }
                return EditSession.Candidates(length: Completion.fragment(of: before).count, words: words)
            },
            highlight: { Highlighter.styles(of: $0, in: catalogue) },
            hint: { Hint.text(for: $0, in: catalogue) },
            isComplete: { !CommandSplitter.isOpen($0) })
    }
}
