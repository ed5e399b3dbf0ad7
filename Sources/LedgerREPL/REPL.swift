internal import Glibc
internal import LedgerClient
package import RESP

/// The prompt: reads lines, sends commands, draws answers. At a terminal for people, otherwise for scripts.
package struct REPL: Sendable {
    package struct Options: Sendable {
        /// Where commands go, for the prompt: `127.0.0.1:7411`, a directory's name, `memory`.
        package var title: String
        /// Lines to run instead of reading any (`-e`); each may hold several, separated by line ends.
        package var script: [String]?
        /// Overrides the layout that fits: tables at a terminal, tabs elsewhere.
        package var layout: Rendering.Layout?
        /// Nil keeps no history.
        package var history: HistoryFile?
        /// Opens a new connection when the old one turns out to be gone before a command was sent, and when somebody
        /// does not want to wait for an answer any longer.
        package var reconnect: (@Sendable () async throws -> any CommandPort)?
        /// Hands on the lines of MONITOR, by a connection of their own (they are answers to nothing, and would be taken
        /// for those to other commands), until the task is cancelled or that connection ends. Throws what was refused.
        /// Nil where nobody else speaks to the ledger.
        package var monitor: (@Sendable (_ each: @escaping @Sendable (String) -> Void) async throws -> Void)?
        /// The ledger lives in this process: SHUTDOWN ends the prompt with it.
        package var isEmbedded = false
        /// The ledger is looked at as it was then: shown in the prompt.
        package var moment: String?
        /// Loads the ledger anew, where it is a copy of one that goes on: a new way to it, and what to say.
        package var reload: (@Sendable () async throws -> (port: any CommandPort, notice: String))?

        package init(
            title: String, script: [String]? = nil, layout: Rendering.Layout? = nil, history: HistoryFile? = nil,
            reconnect: (@Sendable () async throws -> any CommandPort)? = nil
        ) {
            self.title = title
            self.script = script
            self.layout = layout
            self.history = history
            self.reconnect = reconnect
        }

        /// The history file of the user who runs this process.
        package static var userHistory: HistoryFile? {
            HistoryFile.defaultPath { getenv($0).map { String(cString: $0) } }.map(HistoryFile.init(path:))
        }
    }

    package var catalogue: CommandCatalogue
    package var options: Options
    /// The connection, whatever world its commands are for; see ``reach``.
    var port: any CommandPort
    /// The ledger, or a fork that was entered.
    package internal(set) var world = World.ledger
    /// What the connection has that a new one would not have.
    var ties = ConnectionTies()
    /// What the connection before it had, until somebody says to go on without it.
    var lost = ConnectionTies()
    /// What a person is to be told before the next line is read.
    package internal(set) var notice: String?
    /// Who sees what a chunk of Lua shows while it runs.
    var audience = Audience.later
    /// Where in its input what is run began: errors say so, for nobody sees the line that they are about.
    var firstLine: Int?
    /// Somebody works for a chunk that is under way, and keeps the state of Lua.
    var isWithinChunk = false
    /// What RULE EDIT was left with.
    var draft: RuleDraft?
    /// What `.last` shows.
    package var last: RESPValue?
    package let known = KnownIDs()
    let lua = LuaSession()
    /// The ledger was seen to take no writes.
    var isReadOnly = false
    /// Whether it still does has to be asked.
    var mustAskMode = true

    package init(port: any CommandPort, catalogue: CommandCatalogue, options: Options) {
        self.port = port
        self.catalogue = catalogue
        self.options = options
    }

    /// Runs until the input ends or `quit`. The exit code: 0, or 1 when a script had any command answered by an error
    /// or not answered. At a terminal always 0.
    package mutating func run() async -> Int32 {
        if let script = options.script { return await run(script: script) }
        if isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 { return await runAtTerminal() }
        return await runStandardInput()
    }

    // MARK: Scripts

    private mutating func run(script: [String]) async -> Int32 {
        let rendering = Rendering(layout: options.layout ?? .tabs)
        audience = .program
        var hasFailed = false
        for text in script {
            var splitter = self.splitter
            let pieces = splitter.numbered(text)
            for piece in pieces {
                firstLine = pieces.count > 1 ? piece.line : nil
                guard await runOfScript(piece.text, rendering, &hasFailed) else { return hasFailed ? 1 : 0 }
            }
        }
        return hasFailed ? 1 : 0
    }

    private mutating func runStandardInput() async -> Int32 {
        let rendering = Rendering(layout: options.layout ?? .tabs)
        audience = .program
        var hasFailed = false
        var splitter = self.splitter
        var pending: [UInt8] = []
        var isAtEnd = false
        while !isAtEnd {
            let chunk = await onThread { Self.readChunk() }
            isAtEnd = chunk.isEmpty
            pending += chunk
            var lines = pending.split(separator: 0x0a, omittingEmptySubsequences: false)
            pending = Array(lines.removeLast())
            if isAtEnd, !pending.isEmpty { lines.append(pending[...]) }
            for line in lines {
                guard let input = splitter.take(String(decoding: line, as: UTF8.self)) else { continue }
                firstLine = splitter.firstLine
                guard await runOfScript(input, rendering, &hasFailed) else { return hasFailed ? 1 : 0 }
            }
        }
        if let last = splitter.finish() {
            firstLine = splitter.firstLine
            _ = await runOfScript(last, rendering, &hasFailed)
        }
        return hasFailed ? 1 : 0
    }

    /// False when the script is to end here.
    private mutating func runOfScript(_ command: String, _ rendering: Rendering, _ hasFailed: inout Bool) async -> Bool
    {
        let outcome = await evaluate(command, rendering)
        writeAll(outcome.output, to: STDOUT_FILENO)
        let place = outcome.errors.isEmpty ? nil : firstLine
        writeAll((place.map { "line \($0): " } ?? "") + outcome.errors, to: STDERR_FILENO)
        hasFailed = hasFailed || outcome.failed
        return !outcome.quits
    }

    private static func readChunk() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            var result = 0
            repeat { result = read(STDIN_FILENO, buffer.baseAddress, buffer.count) } while result < 0 && errno == EINTR
            count = max(result, 0)
        }
    }

    // MARK: One line

    /// Where that goes which is shown in the middle of something.
    enum Audience: Sendable {
        /// To the outcome, which somebody shows later.
        case later
        /// To standard output and standard error.
        case program
        case person(Console)
    }

    package struct Outcome: Sendable, Equatable {
        /// For standard output.
        package var output = ""
        /// For standard error, or for people in its place below the line.
        package var errors = ""
        package var failed = false
        package var quits = false
        /// Ctrl-C ended the waiting: nothing that was to follow is to be run.
        package var wasInterrupted = false
        /// A command was sent, and its answer is still to come.
        var isUnknown = false

        package init(output: String = "", errors: String = "", failed: Bool = false, quits: Bool = false) {
            self.output = output
            self.errors = errors
            self.failed = failed
            self.quits = quits
        }
    }

    /// Runs one command: one for the port, one of the prompt's own, or an id alone, which shows what it names. Empty
    /// lines and lines that begin with `#` do nothing.
    package mutating func evaluate(_ line: String, _ rendering: Rendering) async -> Outcome {
        var outcome = Outcome()
        if line.first(where: { !$0.isWhitespace }) == "#" { return outcome }
        if kind(of: line) == .lua { return await evaluateLua(line, rendering) }
        guard let words = InlineWords.split(line) else {
            return Outcome(errors: "a quote is not closed, or something sticks to its end\n", failed: true)
        }
        guard let name = words.first.map({ String(decoding: $0, as: UTF8.self).lowercased() }) else { return outcome }
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        if let local = Self.local(texts) { return await run(local, texts, rendering) }
        if CommandCatalogue.isRuleEdit(texts) { return Outcome(errors: "RULE EDIT needs a terminal\n", failed: true) }
        if let followed = await tailCommand(texts, rendering) { return followed }
        if let watched = await monitorCommand(texts, rendering) { return watched }
        let isCommand = catalogue.command(for: texts) != nil
        let sent =
            words.count == 1 && !isCommand ? commands(for: texts[0]).first.map { $0.map { Array($0.utf8) } } : nil
        var rendering = rendering
        rendering.brief = catalogue.command(for: texts)?.brief ?? []
        do {
            var answer = try await send([sent ?? words])[0]
            if let error = answer.error, sent == nil, !isCommand, error.message.hasPrefix("unknown command") {
                // Not a command: perhaps what it is the name of.
                if words.count == 1, let found = try await look(up: texts[0]) { answer = found }
            }
            if let error = answer.error {
                outcome.errors = rendering.text(of: answer)
                outcome.failed = true
                if error.code == "READONLY" { mustAskMode = true }
                if error.message.hasPrefix("unknown command"), !error.message.contains("did you mean"),
                    let meant = Suggestion.sentence(for: texts, in: catalogue)
                {
                    outcome.errors += meant + "\n"
                }
            } else {
                learn(answer)
                known.note(words, answered: answer)
                outcome.output = rendering.text(of: answer)
            }
        } catch {
            // A ledger that stops as it was told to has no other answer.
            if name == "shutdown", Self.isEnd(error) {
                outcome.output = "stopped\n"
                outcome.quits = options.isEmbedded
                return outcome
            }
            outcome.errors = "\(error)\n"
            outcome.failed = true
        }
        return outcome
    }

    /// Whether the ledger ended before it answered a command that had been sent.
    private static func isEnd(_ error: any Error) -> Bool {
        switch error as? ClientError {
        case .connectionLost: true
        case .some: false
        case nil: true  // a port in this process has no other reason
        }
    }
}
