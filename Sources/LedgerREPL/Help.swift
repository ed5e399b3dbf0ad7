/// `help`, `help credit`, `help charge`.
package enum Help {
    /// Words may name a command, the beginning of one, or any word of its name. Nil when nothing has such a name.
    package static func text(for words: [String], in catalogue: CommandCatalogue) -> String? {
        if words.isEmpty { return overview(catalogue) }
        let exact = catalogue.commands.filter { $0.name.count == words.count && $0.name.begins(with: words) }
        if exact.count == 1, catalogue.commands.count(where: { $0.name.begins(with: words) }) == 1 {
            return details(exact[0])
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
        guard !found.isEmpty else { return nil }
        return found.count == 1 ? details(found[0]) : list(found)
    }

    /// One line for each first word, its second words behind it.
    private static func overview(_ catalogue: CommandCatalogue) -> String {
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
            text += noun + String(repeating: " ", count: width - noun.count + 2) + rest + "\n"
        }
        let single = nouns.filter { verbs[$0] == [""] }
        if !single.isEmpty { text += single.joined(separator: " · ") + "\n" }
        return text
            + """

            A line is one command: NOUN VERB arguments OPTION value …  Quote words with blanks: "a b" or 'a b'.
            help credit lists, help charge explains, Tab completes, quit or Ctrl-D leaves.

            """
    }

    private static func list(_ commands: [CommandCatalogue.Command]) -> String {
        let width = commands.map(\.title.count).max() ?? 0
        return commands.map {
            $0.title + String(repeating: " ", count: width - $0.title.count + 2) + $0.summary + "\n"
        }.joined()
    }

    private static func details(_ command: CommandCatalogue.Command) -> String {
        var text = command.synopsis + "\n"
        for sentence in [command.summary] + command.notes where !sentence.isEmpty { text += "  " + sentence + "\n" }
        var fields = command.arguments.map { ($0.name, explanation($0.note, $0)) }
        fields += command.options.map { ($0.name, explanation($0.note, $0.value)) }
        fields.removeAll { $0.1.isEmpty }
        let width = fields.map(\.0.count).max() ?? 0
        for (name, note) in fields {
            text += "    " + name + String(repeating: " ", count: width - name.count + 2) + note + "\n"
        }
        if !command.permission.isEmpty { text += "  needs: " + command.permission + "\n" }
        for example in command.examples { text += "  > " + example + "\n" }
        return text
    }

    /// The owner's words, or the choices where it has none.
    private static func explanation(_ note: String, _ argument: CommandCatalogue.Argument?) -> String {
        guard note.isEmpty, let argument, !argument.choices.isEmpty else { return note }
        return argument.choices.joined(separator: ", ") + (argument.isList ? " (several joined by commas)" : "")
    }
}
