internal import Glibc
internal import LedgerClient
package import RESP
internal import Synchronization

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
        /// The ledger lives in this process: SHUTDOWN ends the prompt with it.
        package var isEmbedded = false

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
    private var port: any CommandPort

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

    // MARK: Ways to run

    private mutating func runAtTerminal() async -> Int32 {
        let catalogue = self.catalogue
        guard let editor = LineEditor(complete: { Completion.candidates(for: $0, in: catalogue) }) else {
            return await runStandardInput()
        }
        for line in options.history?.load() ?? [] { editor.remember(line) }
        var rendering = Rendering(layout: .tables(width: nil), usesColour: getenv("NO_COLOR") == nil)
        rendering.usesUnicode = String(cString: nl_langinfo(Int32(CODESET))) == "UTF-8"
        rendering.thisYear = Self.thisYear
        Interrupts.watch()
        Self.write("Florin at \(options.title). help explains, Tab completes, Ctrl-D leaves.\n")
        while true {
            switch await editor.readLine(prompt: options.title + "> ") {
            case .end:
                Self.write("\n")
                return 0
            case .interrupted: Self.write("^C\n")
            case .line(let line):
                if HistoryFile.keeps(line) {
                    editor.remember(line)
                    options.history?.append(line)
                }
                rendering.layout = options.layout ?? .tables(width: editor.columns)
                let outcome = await interruptible(line, rendering)
                Self.write(outcome.output + outcome.errors)
                if outcome.quits { return 0 }
            }
        }
    }

    private mutating func run(script: [String]) async -> Int32 {
        let rendering = Rendering(layout: options.layout ?? .tabs)
        var hasFailed = false
        for text in script {
            for line in text.split(whereSeparator: \.isNewline) {
                let outcome = await evaluate(String(line), rendering)
                Self.write(outcome.output)
                Self.write(outcome.errors, to: STDERR_FILENO)
                hasFailed = hasFailed || outcome.failed
                if outcome.quits { return hasFailed ? 1 : 0 }
            }
        }
        return hasFailed ? 1 : 0
    }

    private mutating func runStandardInput() async -> Int32 {
        let rendering = Rendering(layout: options.layout ?? .tabs)
        var hasFailed = false
        var pending: [UInt8] = []
        var isAtEnd = false
        while !isAtEnd {
            let chunk = await onThread { Self.readChunk() }
            isAtEnd = chunk.isEmpty
            pending += chunk
            var lines = pending.split(separator: 0x0a, omittingEmptySubsequences: false)
            pending = isAtEnd ? [] : Array(lines.removeLast())
            for line in lines {
                let outcome = await evaluate(String(decoding: line, as: UTF8.self), rendering)
                Self.write(outcome.output)
                Self.write(outcome.errors, to: STDERR_FILENO)
                hasFailed = hasFailed || outcome.failed
                if outcome.quits { return hasFailed ? 1 : 0 }
            }
        }
        return hasFailed ? 1 : 0
    }

    /// Runs one line, until Ctrl-C at the latest: then its answer is waited for no longer, and what follows goes over a
    /// new connection, for answers come in the order of the commands.
    private mutating func interruptible(_ line: String, _ rendering: Rendering) async -> Outcome {
        let (endings, ending) = AsyncStream.makeStream(of: (port: any CommandPort, outcome: Outcome)?.self)
        let copy = self
        Interrupts.clear()
        let command = Task {
            var prompt = copy
            let outcome = await prompt.evaluate(line, rendering)
            ending.yield((prompt.port, outcome))
        }
        let watch = Task {
            while !Interrupts.seen {
                do { try await Task.sleep(for: .milliseconds(30)) } catch { return }
            }
            ending.yield(nil)
        }
        defer { watch.cancel() }
        for await end in endings {
            if let end {
                port = end.port
                return end.outcome
            }
            break
        }
        command.cancel()
        var outcome = Outcome(errors: "\nno longer waiting; whether it was carried out is not known\n", failed: true)
        do { if let reconnect = options.reconnect { port = try await reconnect() } } catch {
            outcome.errors += "\(error)\n"
        }
        return outcome
    }

    private static var thisYear: Int {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        return Int(parts.tm_year) + 1900
    }

    // MARK: One line

    package struct Outcome: Sendable, Equatable {
        /// For standard output.
        package var output = ""
        /// For standard error, or for people in its place below the line.
        package var errors = ""
        package var failed = false
        package var quits = false

        package init(output: String = "", errors: String = "", failed: Bool = false, quits: Bool = false) {
            self.output = output
            self.errors = errors
            self.failed = failed
            self.quits = quits
        }
    }

    /// Runs one line: a command for the port, or one of the prompt's own. Empty lines and lines that begin with `#` do
    /// nothing.
    package mutating func evaluate(_ line: String, _ rendering: Rendering) async -> Outcome {
        var outcome = Outcome()
        guard let words = InlineWords.split(line) else {
            return Outcome(errors: "a quote is not closed, or something sticks to its end\n", failed: true)
        }
        guard let name = words.first.map({ String(decoding: $0, as: UTF8.self).lowercased() }), !name.hasPrefix("#")
        else { return outcome }
        switch name {
        case "quit", "exit":
            outcome.quits = true
            return outcome
        case "help":
            let topic = words.dropFirst().map { String(decoding: $0, as: UTF8.self) }
            if let help = Help.text(for: topic, in: catalogue, width: rendering.width) {
                outcome.output = help
            } else {
                outcome.errors =
                    "no help for \(DisplayText.sanitized(topic.joined(separator: " "))); help lists all commands\n"
                outcome.failed = true
            }
            return outcome
        default: break
        }
        var rendering = rendering
        rendering.brief = catalogue.command(for: words.map { String(decoding: $0, as: UTF8.self) })?.brief ?? []
        do {
            let answer = try await send(words)
            if answer.error != nil {
                outcome.errors = rendering.text(of: answer)
                outcome.failed = true
            } else {
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

    /// Sends, on a new connection if the old one is known to be gone: only where nothing was sent, never where the
    /// outcome is unknown.
    private mutating func send(_ words: [[UInt8]]) async throws -> RESPValue {
        do {
            return try await port.call(words)
        } catch ClientError.notConnected(let peer, let reason) {
            guard let reconnect = options.reconnect else { throw ClientError.notConnected(peer: peer, reason: reason) }
            port = try await reconnect()
            return try await port.call(words)
        }
    }

    private static func readChunk() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            var result = 0
            repeat { result = read(STDIN_FILENO, buffer.baseAddress, buffer.count) } while result < 0 && errno == EINTR
            count = max(result, 0)
        }
    }

    private static func write(_ text: String, to file: Int32 = STDOUT_FILENO) {
        var text = text
        text.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
                if count < 0 {
                    guard errno == EINTR || errno == EAGAIN else { return }
                } else {
                    written += count
                }
            }
        }
    }
}

/// Ctrl-C while a command is under way. The editor takes the key itself; between lines it is a signal, which would end
/// the process.
private enum Interrupts {
    private static let flag = Atomic<Bool>(false)

    static func watch() {
        clear()  // made here, for nothing may be made inside of the handler
        signal(SIGINT) { _ in Interrupts.flag.store(true, ordering: .relaxed) }
    }

    static func clear() { flag.store(false, ordering: .relaxed) }
    static var seen: Bool { flag.load(ordering: .relaxed) }
}
