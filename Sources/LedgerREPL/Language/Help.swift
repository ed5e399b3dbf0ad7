/// `help`, `help credit`, `help charge`, `help grace`.
package enum Help {
    /// Words may name a command, the beginning of one, or any word of its name; where no name has them, the commands
    /// are listed whose help has all of them. Nil when nothing has. Lines are broken at blanks to fit into `width`
    /// columns.
    package static func text(for words: [String], in catalogue: CommandCatalogue, width: Int? = nil) -> String? {
        if words.isEmpty { return overview(catalogue, width) }
        if words.count == 1, words[0].lowercased() == "lua" { return lua(width) }
        let exact = catalogue.commands.filter { $0.name.count == words.count && $0.name.begins(with: words) }
        if exact.count == 1, catalogue.commands.count(where: { $0.name.begins(with: words) }) == 1 {
            return details(exact[0], width)
        }
        var found = catalogue.commands.filter { $0.name.begins(with: words) }
        if found.isEmpty {
            let wanted = words.map { $0.lowercased() }
            found = catalogue.commands.filter { command in
                wanted.allSatisfy { word in command.name.contains { $0.lowercased() == word } }
            }
        }
        if found.isEmpty {
            found = catalogue.commands.filter {
                $0.title.lowercased().contains(words.joined(separator: " ").lowercased())
            }
        }
        let local = words.count == 1 ? LocalCommand.named(words[0]) : nil
        if let local, found.isEmpty || local.rawValue == words[0].lowercased() {
            return local.synopsis + "\n  " + DisplayText.wrapped(local.summary, to: width, indent: 2) + "\n"
        }
        if found.isEmpty {
            let wanted = words.map { $0.lowercased() }
            found = catalogue.commands.filter { command in
                let text = allText(of: command).lowercased()
                return wanted.allSatisfy { text.contains($0) }
            }
        }
        guard !found.isEmpty else { return nil }
        return found.count == 1 ? details(found[0], width) : list(found, width)
    }

    private static func allText(of command: CommandCatalogue.Command) -> String {
        let fields = command.arguments.map { "\($0.name) \($0.note)" } + command.options.map { "\($0.name) \($0.note)" }
        return ([command.title, command.summary] + command.notes + fields).joined(separator: "\n")
    }

    /// One line for each first word, its second words behind it.
    private static func overview(_ catalogue: CommandCatalogue, _ limit: Int?) -> String {
        var nouns: [String] = []
        var verbs: [String: [String]] = [:]
        for command in catalogue.commands {
            let noun = command.name[0]
            if verbs[noun] == nil { nouns.append(noun) }
            verbs[noun, default: []].append(command.name.dropFirst().joined(separator: " "))
        }
        let width = nouns.map(\.count).max() ?? 0
        var text = ""
        for noun in nouns where verbs[noun] != [""] {
            let rest = verbs[noun]!.filter { !$0.isEmpty }.joined(separator: " · ")
            text += row(noun, width, rest, limit)
        }
        let single = nouns.filter { verbs[$0] == [""] }
        if !single.isEmpty {
            text += DisplayText.wrapped(single.joined(separator: " · "), to: limit, indent: 0) + "\n"
        }
        text += "\nThe prompt's own:\n"
        let own = LocalCommand.allCases.map(\.synopsis).map(DisplayText.width(of:)).max() ?? 0
        for local in LocalCommand.allCases { text += row(local.synopsis, own, local.summary, limit) }
        let sentences = [
            "A line is one command: NOUN VERB arguments OPTION value …  Quote words with blanks: \"a b\" or 'a b'; an open quote goes on in the next line.",
            "What is no command is Lua, with every command a function and amounts exact: ledger.charge(\"ada\", usd\"0.75\" * 3, \"api\"). help lua says what else there is.",
            "help credit lists, help charge explains, help grace finds what speaks of it. An id alone (a user's, h_…, c_…, a session's) shows what it names.",
            "Tab completes, Ctrl-R searches what was typed before, Ctrl-C throws the line away, quit or Ctrl-D leaves.",
        ]
        return text + "\n" + sentences.map { DisplayText.wrapped($0, to: limit, indent: 0) + "\n" }.joined()
    }

    /// What Lua has at the prompt besides the language.
    private static func lua(_ limit: Int?) -> String {
        let rows = [
            (
                "ledger.charge(…)",
                "Every command: by its noun and verb (ledger.credit.charge), or by the verb where that says enough. Arguments in order, or by name: ledger.charge{ user = \"ada\", amount = usd\"1\", source = \"api\" }. What is refused gives nil and why."
            ),
            ("usd\"0.05\"", "An amount, to the nano-dollar. Floats are none."),
            ("_", "The last value. What is set stays until you leave."),
            ("print(v), show(v)", "Shows values at once: as text, or as the table that an expression alone would be."),
            (
                "describe(u), plot(u)",
                "As describe and plot do; plot also draws a page of CREDIT HISTORY, and any list of amounts, or of rows."
            ),
            (
                "revenue(\"7d\", 12)",
                "What the whole ledger booked in the last seven days, in twelve parts, to be drawn by plot(revenue(\"7d\")). Each part loads the ledger as it was (AT), which admins may."
            ),
            ("tail(user, from)", "Shows events as they come, until Ctrl-C. Both may be left out."),
            (
                "watch(f, \"1s\")",
                "Calls f every second and draws what it shows or returns in place, until a key. Text does, too: a command, or Lua."
            ),
            (
                "f = fork()",
                "A copy of the whole ledger, to try things out: f:enter() and leave() (as .use f and .leave), f:advance(\"20d\"), f:rule(name, source) or a version's number, f:diff(), f:run(\"CREDIT\", \"BALANCE\", \"ada\"), f:drop()."
            ),
        ]
        let width = rows.map { DisplayText.width(of: $0.0) }.max() ?? 0
        let head =
            "Lua 5.4, without files and clocks; an open block goes on in the next line, Ctrl-C ends one that never ends."
        return DisplayText.wrapped(head, to: limit, indent: 0) + "\n\n"
            + rows.map { row($0.0, width, $0.1, limit) }.joined()
    }

    /// A name, and what is to be said of it, in a column of its own.
    private static func row(_ name: String, _ width: Int, _ text: String, _ limit: Int?, margin: String = "") -> String
    {
        let indent = margin.count + width + 2
        return margin + name + String(repeating: " ", count: max(width - DisplayText.width(of: name), 0) + 2)
            + DisplayText.wrapped(text, to: limit, indent: indent) + "\n"
    }

    private static func list(_ commands: [CommandCatalogue.Command], _ limit: Int?) -> String {
        let width = commands.map(\.title.count).max() ?? 0
        return commands.map { row($0.title, width, $0.summary, limit) }.joined()
    }

    private static func details(_ command: CommandCatalogue.Command, _ limit: Int?) -> String {
        func paragraph(_ text: String) -> String {
            "  " + DisplayText.wrapped(text, to: limit, indent: 2) + "\n"
        }
        // The usage line is wide enough without the margin of what it is broken into.
        var text =
            limit.map { DisplayText.wrapped(command.synopsis, to: max($0 - 4, 20)).joined(separator: "\n    ") }
            ?? command.synopsis
        text += "\n"
        for sentence in [command.summary] + command.notes where !sentence.isEmpty { text += paragraph(sentence) }
        var fields = command.arguments.map { ($0.name, explanation($0.note, $0)) }
        fields += command.options.map { ($0.name, explanation($0.note, $0.value)) }
        fields.removeAll { $0.1.isEmpty }
        let width = fields.map(\.0.count).max() ?? 0
        for (name, note) in fields {
            text += row(name, width, note, limit, margin: "    ")
        }
        if !command.permission.isEmpty { text += paragraph("needs: " + command.permission) }
        for example in command.examples { text += "  > " + example + "\n" }
        return text
    }

    /// The owner's words, or the choices where it has none.
    private static func explanation(_ note: String, _ argument: CommandCatalogue.Argument?) -> String {
        guard note.isEmpty, let argument, !argument.choices.isEmpty else { return note }
        return argument.choices.joined(separator: ", ") + (argument.isList ? " (several joined by commas)" : "")
    }
}
