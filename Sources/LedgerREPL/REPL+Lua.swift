internal import LedgerScript
internal import RESP

/// Lua at the prompt.
extension REPL {
    /// What a line is, as far as this prompt knows.
    func kind(of input: String) -> InputKind {
        let (lua, isWithinChunk) = (self.lua, self.isWithinChunk)
        // A chunk that is under way keeps the state: nobody can be asked.
        return kind(of: input) { !isWithinChunk && lua.isVariable($0) }
    }

    func kind(of input: String, isVariable: (String) -> Bool) -> InputKind {
        let known = self.known
        return InputKind.of(input, in: catalogue, isVariable: isVariable) { id in
            KnownIDs.Kind.allCases.contains { known.contains(id, as: $0) }
        }
    }

    /// A text cut into what is run at once.
    var splitter: InputSplitter {
        let copy = self
        return InputSplitter(kind: { copy.kind(of: $0) }, isIncomplete: LuaSource.isIncomplete)
    }

    /// Runs a chunk. What it prints, describes and draws is shown while it runs, where `audience` has a place for it;
    /// the rest is the outcome's.
    mutating func evaluateLua(_ source: String, _ rendering: Rendering) async -> Outcome {
        guard !isWithinChunk else {
            return Outcome(
                errors: "a chunk is under way: what it watches may be a function, or a command\n", failed: true)
        }
        let stage = ChunkStage(self, rendering)
        let run = await lua.run(source, { try await stage.call($0) }, show: { await stage.show($0, $1) })
        var outcome = Outcome()
        let isQuiet = stage.end(&self, &outcome)
        switch run.end {
        case .values(let values): show(values, run.last, rendering, &outcome)
        case .failed(let error): fail(error, source, rendering, &outcome)
        case .lost(let error):
            outcome.errors += "\(error)\n"
            outcome.failed = true
        case .interrupted(let isUnknown):
            outcome.wasInterrupted = true
            outcome.isUnknown = isUnknown
            // For what goes on until Ctrl-C it is no failure.
            if isQuiet, !isUnknown { break }
            outcome.errors += "interrupted"
            outcome.errors += isUnknown ? "; whether its last command was carried out is not known\n" : "\n"
            outcome.failed = true
        }
        return outcome
    }

    mutating func show(
        _ values: [ScriptValue], _ call: (words: [[UInt8]], answer: RESPValue)?, _ rendering: Rendering,
        _ outcome: inout Outcome
    ) {
        // What a command of the ledger gives that was refused.
        if values.count == 2, values[0] == .nothing, case .table(let table) = values[1],
            case .text(let code)? = table["code"], case .text(let text)? = table["text"]
        {
            let error = RESPError(
                code: String(decoding: code, as: UTF8.self), message: String(decoding: text, as: UTF8.self))
            outcome.errors += rendering.text(of: .error(error))
            outcome.failed = true
            return
        }
        guard !values.isEmpty else { return }
        // Lua knows no order of fields: an answer that came through it unchanged is shown as it came.
        if let call, values.count == 1, ScriptValue(call.answer).withoutNothing == values[0] {
            let words = call.words.map { String(decoding: $0, as: UTF8.self) }
            var rendering = rendering
            rendering.brief = catalogue.command(for: words)?.brief ?? []
            learn(call.answer)
            outcome.output += rendering.text(of: call.answer)
            return
        }
        let shown = values.map { RESPValue($0) }
        learn(shown.count == 1 ? shown[0] : .array(shown))
        for value in shown { outcome.output += rendering.text(of: value) }
    }

    private func fail(_ error: ScriptError, _ source: String, _ rendering: Rendering, _ outcome: inout Outcome) {
        outcome.failed = true
        if error.kind == .refusal {
            outcome.errors += rendering.text(of: .error(RESPError(parsing: error.text)))
            return
        }
        let text = LuaSource.located(error, in: source, firstLine: firstLine ?? 1)
        outcome.errors += rendering.text(of: .error(RESPError(code: "LUA", message: text)))
        guard let missing = LuaSource.missingName(error.text) else { return }
        let fields = LuaSession.paths.flatMap { $0.split(separator: ".").dropFirst().map(String.init) }
        let names = missing.isGlobal ? LuaText.names + lua.names(in: []) : fields + LuaSession.forkMethods
        if let near = Suggestion.nearest(to: missing.name, among: names) { outcome.errors += "did you mean \(near)?\n" }
    }

    func drawn(_ points: [Plot.Point], _ rendering: Rendering) -> String {
        guard case .tables = rendering.layout else {
            return rendering.text(of: .array(points.map { .integer($0.value) }))
        }
        guard !points.isEmpty else { return "nothing to draw\n" }
        let rows = min(max((rendering.rows ?? 24) * 2 / 3, 8), 20)
        var plot = Plot(points.sorted { $0.time < $1.time }, usesUnicode: rendering.usesUnicode)
        plot.isNumbered = points.allSatisfy { $0.time <= points.count }
        return plot.text(columns: rendering.width ?? 80, rows: rows)
    }
}

extension ScriptValue {
    /// As a table of Lua is: a field that is nil is none.
    fileprivate var withoutNothing: ScriptValue {
        guard case .table(var table) = self else { return self }
        table.list = table.list.map(\.withoutNothing)
        table.fields = table.fields.filter { $0.value != .nothing }.map { ($0.name, $0.value.withoutNothing) }
            .sorted { $0.0 < $1.0 }
        return .table(table)
    }
}
