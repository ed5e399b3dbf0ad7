internal import LedgerCore
internal import RESP

/// The prompt's own commands.
extension REPL {
    /// Nil for those that need a terminal and are its business: see `REPL+Terminal.swift`.
    mutating func run(_ local: LocalCommand, _ words: [String], _ rendering: Rendering) async -> Outcome {
        let arguments = Array(words.dropFirst())
        if isInTransaction, [.describe, .plot, .tail, .use, .leave].contains(local) { return Self.needsEnd }
        switch local {
        case .quit: return Outcome(quits: true)
        case .help: return help(arguments, rendering)
        case .describe:
            guard arguments.count == 1 else { return usage(local) }
            return await describe(arguments[0], rendering)
        case .plot: return await plot(arguments, rendering)
        case .tail: return await tail(arguments, rendering)
        case .use: return await use(arguments, rendering)
        case .leave:
            guard arguments.isEmpty else { return usage(local) }
            return leave(rendering)
        case .last:
            guard arguments.isEmpty else { return usage(local) }
            guard let last else { return Outcome(errors: "there is no last answer yet\n", failed: true) }
            var whole = rendering
            if case .tables = whole.layout { whole.layout = .tables(width: nil) }
            whole.whole = nil
            return Outcome(output: whole.text(of: last))
        case .export: return export(arguments)
        case .reload: return await reload(arguments)
        case .watch, .edit: return Outcome(errors: "\(local.rawValue) needs a terminal\n", failed: true)
        }
    }

    private mutating func reload(_ arguments: [String]) async -> Outcome {
        guard arguments.isEmpty else { return usage(.reload) }
        guard let reload = options.reload else {
            return Outcome(
                errors:
                    "there is nothing to load anew: only a copy stays behind, of a directory that another process has open\n",
                failed: true)
        }
        do {
            let loaded = try await reload()
            returnToLedger()
            port = loaded.port
            (ties, lost) = (ConnectionTies(), ConnectionTies())
            return Outcome(output: loaded.notice + "\n")
        } catch {
            return Outcome(errors: "\(error)\n", failed: true)
        }
    }

    static let needsEnd = Outcome(
        errors: "between MULTI and EXEC there are only commands: EXEC or DISCARD first\n", failed: true)

    /// The prompt's own command that a line is. `WATCH ada` is the ledger's, `watch 1 …` is not.
    static func local(_ words: [String]) -> LocalCommand? {
        guard let first = words.first, let local = LocalCommand.named(first) else { return nil }
        if first == "WATCH", words.count > 1, interval(words[1]) == nil { return nil }
        return local
    }

    func usage(_ local: LocalCommand) -> Outcome {
        Outcome(errors: "\(local.synopsis): \(local.summary)\n", failed: true)
    }

    private func help(_ words: [String], _ rendering: Rendering) -> Outcome {
        if let help = Help.text(for: words, in: catalogue, width: rendering.width) { return Outcome(output: help) }
        let topic = DisplayText.sanitized(words.joined(separator: " "))
        let meant = Suggestion.sentence(for: words, in: catalogue).map { "; \($0)" } ?? ""
        return Outcome(
            errors: "no help for \(topic)\(meant.isEmpty ? "; help lists all commands" : meant)\n", failed: true)
    }

    // MARK: Users

    private mutating func describe(_ user: String, _ rendering: Rendering) async -> Outcome {
        do {
            let answers = try await send(UserOverview.commands(for: user).map { $0.map { Array($0.utf8) } })
            let overview = UserOverview(answers: answers)
            if let error = overview.error { return Outcome(errors: rendering.text(of: .error(error)), failed: true) }
            learn(overview.value)
            guard case .tables = rendering.layout else { return Outcome(output: rendering.text(of: overview.value)) }
            return Outcome(output: overview.text(rendering))
        } catch {
            return Outcome(errors: "\(error)\n", failed: true)
        }
    }

    /// Movements that a plot takes at most; the last ones.
    private static let mostPoints = 100_000

    private mutating func plot(_ arguments: [String], _ rendering: Rendering) async -> Outcome {
        var options: [String: String] = [:]
        for place in stride(from: 1, to: arguments.count - 1, by: 2) {
            options[arguments[place].uppercased()] = arguments[place + 1]
        }
        guard !arguments.isEmpty, options.count * 2 + 1 == arguments.count,
            options.keys.allSatisfy({ $0 == "FROM" || $0 == "TO" })
        else { return usage(.plot) }
        do {
            let history = try await self.history(of: arguments[0], options)
            if let error = history.error { return Outcome(errors: rendering.text(of: .error(error)), failed: true) }
            let series = RESPValue.array(
                history.points.map {
                    .map([
                        RESPPair(.text("time"), .text("\(Timestamp(nanoseconds: $0.time))")),
                        RESPPair(.text("available"), .text("\(Money(nanos: $0.value))")),
                    ])
                })
            last = series
            guard case .tables = rendering.layout else { return Outcome(output: rendering.text(of: series)) }
            guard !history.points.isEmpty else { return Outcome(output: "nothing moved\n") }
            let plot = Plot(history.points, usesUnicode: rendering.usesUnicode)
            let title = "available of \(DisplayText.sanitized(arguments[0])), times in UTC"
            let cut = history.isCut ? ", the last \(Self.mostPoints) movements" : ""
            let rows = min(max((rendering.rows ?? 24) * 2 / 3, 8), 20)
            return Outcome(output: title + cut + "\n" + plot.text(columns: rendering.width ?? 80, rows: rows))
        } catch {
            return Outcome(errors: "\(error)\n", failed: true)
        }
    }

    private mutating func history(of user: String, _ options: [String: String]) async throws
        -> (points: [Plot.Point], isCut: Bool, error: RESPError?)
    {
        func point(_ time: RESPValue?, _ available: RESPValue?) -> Plot.Point? {
            guard let time = time?.string.flatMap({ Timestamp($0) }),
                let amount = available?.string.flatMap({ Money($0, signed: true) })
            else { return nil }
            return Plot.Point(time: time.nanoseconds, value: amount.nanos)
        }
        var points: [Plot.Point] = []
        // The end of the curve is now, unless another is asked for.
        if options["TO"] == nil {
            let balance = try await send([["CREDIT", "BALANCE", user].map { Array($0.utf8) }])[0]
            if let error = balance.error { return ([], false, error) }
            if let now = point(balance["time"], balance["available"]) { points.append(now) }
        }
        var cursor = "0"
        repeat {
            var words = ["CREDIT", "HISTORY", user, "COUNT", "10000", "CURSOR", cursor]
            for (name, value) in options { words += [name, value] }
            let answer = try await send([words.map { Array($0.utf8) }])[0]
            if let error = answer.error { return ([], false, error) }
            let page = answer.elements.flatMap { Rendering.page(of: $0) }
            for row in page?.rows ?? [] {
                let row = RESPValue.map(row)
                if let point = point(row["time"], row["available"]) { points.append(point) }
            }
            cursor = page?.more ?? "0"
        } while cursor != "0" && points.count < Self.mostPoints && !Task.isCancelled
        // A point alone, now, is no curve.
        if points.count == 1, options["TO"] == nil { points = [] }
        return (points.sorted { $0.time < $1.time }, cursor != "0", nil)
    }

    // MARK: The last answer

    private func export(_ arguments: [String]) -> Outcome {
        guard arguments.count == 2, ["csv", "json"].contains(arguments[0].lowercased()) else { return usage(.export) }
        guard let last else { return Outcome(errors: "there is no last answer yet\n", failed: true) }
        let isJSON = arguments[0].lowercased() == "json"
        let text = isJSON ? Rendering.json(of: last) + "\n" : Rendering.csv(of: last)
        var path = arguments[1]
        if path.hasPrefix("~/"), let home = Self.environment("HOME") { path = home + path.dropFirst() }
        let shown = DisplayText.sanitized(path)
        if let reason = TextFile.write(text, to: path) { return Outcome(errors: "\(shown): \(reason)\n", failed: true) }
        let count = Rendering.rowCount(of: last)
        return Outcome(output: "\(count == 1 ? "1 row" : "\(count) rows") in \(shown)\n")
    }

    /// An answer is what `.last` shows, and its ids can be completed.
    mutating func learn(_ answer: RESPValue) {
        last = answer
        known.learn(from: answer)
    }

    // MARK: Ids alone

    /// What a word alone may name: a user, a session, whatever was shown at this prompt, or what its letter says.
    func commands(for word: String) -> [[String]] {
        if let session = known.session(of: word) { return [["SESSION", "GET", session]] }
        if known.contains(word, as: .user) { return [["USER", "GET", word]] }
        if known.contains(word, as: .session) { return [["SESSION", "GET", word]] }
        return Identifier.command(for: word).map { [$0] } ?? []
    }

    /// A word that no command is: a user's id, or a session's. Nil when it is neither.
    mutating func look(up word: String) async throws -> RESPValue? {
        guard word.utf8.count <= 64, word.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        let answers = try await send(
            [["USER", "GET", word], ["SESSION", "GET", word]].map { $0.map { Array($0.utf8) } })
        return answers.first { $0.error == nil }
    }
}
