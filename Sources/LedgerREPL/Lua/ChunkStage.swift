internal import LedgerScript
internal import RESP
internal import Synchronization

/// What a chunk of Lua shows and asks while it runs: a copy of the prompt works for it, and what became of that is the
/// prompt's in the end.
final class ChunkStage: Sendable {
    private struct State {
        var prompt: REPL
        /// What nobody sees before the end.
        var outcome = REPL.Outcome()
        /// A `watch` of a function is under way.
        var drawing: DrawingInPlace?
        /// What belongs to its next drawing.
        var drawn = ""
        /// The chunk does what goes on until Ctrl-C.
        var isEndless = false
    }

    private let state: Mutex<State>
    private let rendering: Rendering

    init(_ prompt: REPL, _ rendering: Rendering) {
        var prompt = prompt
        prompt.isWithinChunk = true
        state = Mutex(State(prompt: prompt))
        self.rendering = rendering
    }

    /// Gives the prompt back what the chunk has changed of it, and the outcome what was not shown. Answers whether
    /// Ctrl-C is how it was to end.
    func end(_ prompt: inout REPL, _ outcome: inout REPL.Outcome) -> Bool {
        state.withLock { state in
            state.drawing?.end()
            prompt.take(from: state.prompt)
            outcome = state.outcome
            if state.drawing != nil, !state.isEndless { outcome.output += state.drawn }
            return state.isEndless
        }
    }

    /// A command of the ledger's, in the world where the chunk is at that moment.
    func call(_ words: [[UInt8]]) async throws -> RESPValue {
        var prompt = state.withLock { $0.prompt }
        defer { keep(prompt) }
        let answer = try await prompt.send([words])[0]
        prompt.known.learn(from: answer)
        prompt.known.note(words, answered: answer)
        return answer
    }

    func show(_ item: LuaSession.Item, _ last: (words: [[UInt8]], answer: RESPValue)?) async -> RESPValue {
        var prompt = state.withLock { $0.prompt }
        var outcome = REPL.Outcome()
        switch item {
        case .text(let text): outcome.output = text
        case .series(let points): outcome.output = prompt.drawn(points, rendering)
        case .value(let value): if value != .nothing { prompt.show([value], last, rendering, &outcome) }
        case .command(let words):
            guard let local = LocalCommand.named(words[0]) else { return .null }
            outcome = await prompt.run(local, words, rendering)
        case .tail(let words):
            state.withLock { $0.isEndless = true }
            var arguments: [String] = []
            for (name, value) in zip(["USER", "FROM"], words) where !value.isEmpty { arguments += [name, value] }
            outcome = await prompt.tail(arguments, rendering)
            if !Task.isCancelled { state.withLock { $0.isEndless = false } }
        case .enter(let name):
            outcome = await prompt.enter([name], rendering)
            if outcome.failed { return Self.raised(outcome.errors) }
        case .leave:
            outcome = prompt.leave(rendering)
            if outcome.failed { return Self.raised(outcome.errors) }
        case .undrawable(let reason): return Self.raised(reason)
        case .revenue(let span, let parts):
            let answer = await prompt.revenue(span, parts)
            keep(prompt)
            return answer
        case .watch(let every, let text, let isVariable): return await watch(every, text, isVariable, prompt)
        case .draw(let every, let title): return draw(every, title, prompt)
        case .frame: return .boolean(await frame())
        }
        keep(prompt)
        emit(outcome)
        return .null
    }

    private static func raised(_ text: String) -> RESPValue {
        .error(RESPError(code: "", message: String(text.prefix { !$0.isNewline })))
    }

    private func keep(_ prompt: REPL) {
        state.withLock { $0.prompt.take(from: prompt) }
    }

    private func emit(_ outcome: REPL.Outcome) {
        state.withLock { state in
            state.outcome.failed = state.outcome.failed || outcome.failed
            if state.drawing != nil {
                state.drawn += outcome.output + outcome.errors
            } else if !state.prompt.audience.take(outcome.output, outcome.errors) {
                state.outcome.output += outcome.output
                state.outcome.errors += outcome.errors
            }
        }
    }

    // MARK: watch

    /// True: the text is no command, and the chunk is to draw it.
    private func watch(_ every: String, _ text: String, _ isVariable: Bool, _ prompt: REPL) async -> RESPValue {
        guard case .person(let console) = prompt.audience else { return Self.raised("watch needs a terminal") }
        if prompt.kind(of: text, isVariable: { _ in isVariable }) == .lua { return .boolean(true) }
        var prompt = prompt
        state.withLock { $0.isEndless = true }
        let words = ["watch", every] + text.split(whereSeparator: \.isWhitespace).map(String.init)
        let outcome = await prompt.watch(words.joined(separator: " "), words, at: console)
        if !Task.isCancelled { state.withLock { $0.isEndless = false } }
        keep(prompt)
        return outcome.failed ? Self.raised(outcome.errors) : .null
    }

    private func draw(_ every: String, _ title: String, _ prompt: REPL) -> RESPValue {
        guard case .person(let console) = prompt.audience else { return Self.raised("watch needs a terminal") }
        guard let span = REPL.interval(every) else {
            return Self.raised("watch(f, \"1s\") takes a time from 0.1s to 1h, not \(DisplayText.sanitized(every))")
        }
        switch DrawingInPlace.begin(at: console, title: REPL.title(every, title), milliseconds: span) {
        case .success(let drawing):
            state.withLock { ($0.drawing, $0.drawn) = (drawing, "") }
            return .null
        case .failure(let reason): return Self.raised(reason.text)
        }
    }

    /// Draws what was shown since the last time, and waits. False: a key was pressed, and the drawing stays.
    private func frame() async -> Bool {
        let drawing = state.withLock { state in
            state.drawing?.draw(state.drawn)
            state.drawn = ""
            state.isEndless = true
            return state.drawing
        }
        let goesOn = await drawing?.wait() ?? false
        state.withLock { state in
            if goesOn || Signals.wasInterrupted {
                // Ctrl-C is on its way to the chunk, too.
                state.isEndless = !goesOn
            } else {
                state.drawing?.end()
                (state.drawing, state.isEndless) = (nil, false)
            }
        }
        return goesOn
    }
}
