internal import RESP

/// A text of a rule that was edited and is not loaded.
struct RuleDraft: Hashable, Sendable {
    var rule: String
    var text: String
}

/// `RULE EDIT`: the source of a rule in the user's editor, and from there into force. Nothing is loaded before the last
/// question is answered by yes; whatever ends it before that leaves the ledger as it was, and the text for the next
/// time.
extension REPL {
    mutating func editRule(_ words: [String], at console: Console) async -> Outcome {
        guard words.count == 3 || words.count == 4 else {
            return Outcome(errors: CommandCatalogue.ruleEdit.synopsis + "\n", failed: true)
        }
        Signals.clearInterrupt()
        do throws(Stop) {
            return try await edit(words[2], version: words.count == 4 ? words[3] : nil, at: console)
        } catch {
            return error.outcome
        }
    }

    /// Why it ends before the end.
    private struct Stop: Error {
        var outcome: Outcome

        init(_ text: String, failed: Bool = true, wasInterrupted: Bool = false) {
            outcome = Outcome(errors: text, failed: failed)
            outcome.wasInterrupted = wasInterrupted
            outcome.quits = Signals.mustEnd
        }
    }

    private mutating func edit(_ rule: String, version: String?, at console: Console) async throws(Stop) -> Outcome {
        let active = try await shown(["RULE", "SHOW", rule], console)
        var text: String
        if let version {
            text = Self.source(try await shown(["RULE", "SHOW", rule, version], console))
        } else if let draft, draft.rule == rule {
            text = draft.text
            say(
                "going on with the text that was not loaded; RULE EDIT \(rule) VERSION begins with that of a version\n",
                console)
        } else {
            text = Self.source(active)
        }
        let number = active["version"]?.string ?? ""
        var identity: String?
        if let version {
            let opened = text
            text = try await edited(text, Self.source(active))
            if Self.trimmed(text) == Self.trimmed(opened) {
                throw Stop(
                    "unchanged: nothing was done; RULE ACTIVATE \(rule) \(version) prices with it\n", failed: false)
            }
        } else {
            text = try await edited(text, Self.source(active))
        }
        while true {
            let check = try await answer(["RULE", "CHECK", rule, text], Self.nothing)
            let found = findings(check, console.rendering)
            identity = check["sha256"]?.string
            if found.isEmpty {
                draft = RuleDraft(rule: rule, text: text)
                let was = try await answer(["RULE", "CHECK", rule, number], Self.nothing)
                for note in check["notes"]?.elements ?? [] { say(line(note, console.rendering, "note: "), console) }
                let comparison = PriceComparison(was: was["prices"], now: check["prices"])
                say(comparison.text(console.rendering), console)
                break
            }
            draft = RuleDraft(rule: rule, text: text)
            say(found, console)
            guard await confirms("edit it again? [Y/n] ", standard: true, console) else { throw kept(rule) }
            text = try await edited(text, Self.source(active))
        }
        guard await confirms("load it and price with it from now on? [y/N] ", standard: false, console) else {
            throw kept(rule)
        }
        let now = try await shown(["RULE", "SHOW", rule], console)
        guard now["version"]?.string == number else {
            let other = now["version"]?.string ?? "none"
            throw Stop(
                "version \(other) was activated meanwhile: nothing was done; RULE EDIT \(rule) goes on with your text\n"
            )
        }
        let version: String
        if let known = try await loadedVersion(of: rule, identity, console) {
            version = known
        } else {
            version = try await load(text, rule, console)
        }
        return try await activate(version, of: rule, console)
    }

    /// Of a source that was loaded before: it is one version for ever.
    private mutating func loadedVersion(
        of rule: String, _ identity: String?, _ console: Console
    ) async throws(Stop) -> String? {
        let list = try await shown(["RULE", "LIST"], console)
        let rows = list.elements.map { items in Rendering.page(of: items)?.rows.map { .map($0) } ?? items } ?? []
        let known = rows.first { $0["rule"]?.string == rule && $0["sha256"]?.string == identity }
        return known?["version"]?.string
    }

    private mutating func load(_ text: String, _ rule: String, _ console: Console) async throws(Stop) -> String {
        let loaded = try await answer(
            ["RULE", "LOAD", rule, text], "whether it was loaded is not known (RULE LIST tells); nothing was activated")
        if let error = loaded.error {
            throw Stop(console.rendering.text(of: .error(error)) + "nothing was activated\n")
        }
        return loaded["version"]?.string ?? ""
    }

    private mutating func activate(
        _ version: String, of rule: String, _ console: Console
    ) async throws(Stop) -> Outcome {
        // Ctrl-C from here on ends the waiting, not what was confirmed.
        Signals.clearInterrupt()
        let activated = try await answer(
            ["RULE", "ACTIVATE", rule, version],
            "whether version \(version) was activated is not known (RULE LIST tells)")
        if let error = activated.error {
            throw Stop(console.rendering.text(of: .error(error)) + "version \(version) is loaded, and not active\n")
        }
        draft = nil
        learn(activated)
        return Outcome(
            output: console.rendering.text(of: activated)
                + "RULE ROLLBACK \(DisplayText.sanitized(rule)) goes back to the version before\n")
    }

    private static let nothing = "nothing was done"

    private func kept(_ rule: String) -> Stop {
        Stop(
            "nothing was done; RULE EDIT \(DisplayText.sanitized(rule)) goes on with this text\n", failed: false,
            wasInterrupted: Signals.wasInterrupted)
    }

    // MARK: Steps

    private func edited(_ text: String, _ active: String) async throws(Stop) -> String {
        let command = TextEditor.command(Self.environment)
        let directory = Self.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let outcome = await onThread {
            TextEditor.edit(text, with: command, directory: directory, suffix: ".lua", without: "nothing was done")
        }
        Signals.clearInterrupt()
        switch outcome {
        case .failed(let reason): throw Stop(reason + "\n")
        case .edited(let edited):
            guard !Signals.mustEnd else { throw Stop("") }
            if Self.trimmed(edited).isEmpty { throw Stop("the text is empty: nothing was done\n") }
            if Self.trimmed(edited) == Self.trimmed(active) {
                throw Stop("the text is that of the active version: nothing was done\n", failed: false)
            }
            return edited
        }
    }

    /// Editors end a text with a line end, whatever it ended with.
    private static func trimmed(_ text: String) -> Substring {
        var rest = text[...]
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }

    /// What RULE CHECK finds wrong, a line each.
    private func findings(_ check: RESPValue, _ rendering: Rendering) -> String {
        if let error = check.error { return rendering.text(of: .error(error)) }
        return (check["findings"]?.elements ?? []).map { line($0, rendering) }.joined()
    }

    private func line(_ value: RESPValue, _ rendering: Rendering, _ head: String = "") -> String {
        let text = head + DisplayText.sanitized(value.string ?? "", multiline: true)
        return DisplayText.wrapped(text, to: rendering.width, indent: 2) + "\n"
    }

    private static func source(_ rule: RESPValue) -> String { rule["source"]?.string ?? "" }

    private func say(_ text: String, _ console: Console) { console.terminal.write(text) }

    /// An answer that is no refusal.
    private mutating func shown(_ words: [String], _ console: Console) async throws(Stop) -> RESPValue {
        let answer = try await answer(words, Self.nothing)
        if let error = answer.error { throw Stop(console.rendering.text(of: .error(error))) }
        return answer
    }

    /// `unknown` is what can be said after Ctrl-C.
    private mutating func answer(_ words: [String], _ unknown: String) async throws(Stop) -> RESPValue {
        let (copy, bytes) = (self, words.map { Array($0.utf8) })
        let ended = await Self.unlessInterrupted(.zero) { () -> (REPL, Result<RESPValue, any Error>) in
            var prompt = copy
            do { return (prompt, .success(try await prompt.send([bytes])[0])) } catch {
                return (prompt, .failure(error))
            }
        }
        guard let ended else {
            var outcome = Outcome()
            await reconnect(&outcome)
            throw Stop("\nno longer waiting; \(unknown)\n\(outcome.errors)", wasInterrupted: true)
        }
        take(from: ended.0)
        switch ended.1 {
        case .success(let value): return value
        case .failure(let error): throw Stop("\(error)\n")
        }
    }

    /// Asks, and takes one key for an answer: what was typed before the question is none. Ctrl-C, Ctrl-D, Escape, a
    /// terminal that goes: no. Enter: `standard`.
    private func confirms(_ question: String, standard: Bool, _ console: Console) async -> Bool {
        let (terminal, wake) = (console.terminal, console.wake)
        return await onThread { terminal.ask(question, wake: wake, standard: standard) }
    }
}
