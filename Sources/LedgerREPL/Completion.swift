internal import RESP

/// What may stand where the cursor is. Pure: a line in, words out.
package enum Completion {
    /// The prompt's own commands.
    package static let localCommands = ["help", "quit"]

    /// Completions of the fragment before the cursor, which begins behind the last blank or comma. `line` is the text
    /// up to the cursor. Names follow the case in which the line is being typed.
    package static func candidates(for line: String, in catalogue: CommandCatalogue) -> [String] {
        let wordStart = line.lastIndex { $0 == " " || $0 == "\t" }.map(line.index(after:)) ?? line.startIndex
        // A list under construction is one word; its last item is completed.
        let listStart = line[wordStart...].lastIndex(of: ",").map(line.index(after:))
        let isWithinList = listStart != nil
        let fragment = String(line[(listStart ?? wordStart)...])
        guard let typed = InlineWords.split(String(line[..<wordStart])) else { return [] }
        let words = typed.map { String(decoding: $0, as: UTF8.self) }

        let isLowercase = (fragment.first ?? words.last?.first)?.isLowercase ?? false
        func cased(_ name: String) -> String { isLowercase ? name.lowercased() : name }
        func fitting(_ candidates: [String]) -> [String] {
            var seen: Set<String> = []
            return candidates.filter { $0.hasPrefixIgnoringCase(fragment) && seen.insert($0.lowercased()).inserted }
        }

        guard let first = words.first else {
            if isWithinList { return [] }
            let names = catalogue.commands.map { cased($0.name[0]) }
            return fitting(names + localCommands.map { fragment.first?.isUppercase == true ? $0.uppercased() : $0 })
        }
        let isHelp = first.lowercased() == "help"
        let given = isHelp ? Array(words.dropFirst()) : words
        let begun = catalogue.commands.filter { $0.name.count > given.count && $0.name.begins(with: given) }
        var names = begun.map { cased($0.name[given.count]) }
        if !isHelp, let command = catalogue.command(for: given) {
            let next = Expectation(of: command, after: given.dropFirst(command.name.count))
            if isWithinList { return next.argument.map { $0.isList ? fitting($0.choices) : [] } ?? [] }
            names += next.argument?.choices ?? []
            names += next.options.map { cased($0.name) }
        }
        return isWithinList ? [] : fitting(names)
    }

    /// What a command's grammar allows behind the words typed so far.
    private struct Expectation {
        /// The argument, or the option's value, that comes next.
        var argument: CommandCatalogue.Argument?
        /// Options not given yet, where options may stand.
        var options: [CommandCatalogue.Option] = []

        init(of command: CommandCatalogue.Command, after words: ArraySlice<String>) {
            let required = command.arguments.count { !$0.isOptional }
            var position = 0
            var unused = command.options
            var awaited: CommandCatalogue.Argument?
            for word in words {
                if awaited != nil {
                    awaited = nil
                } else if position >= required,
                    let index = unused.firstIndex(where: { $0.name.lowercased() == word.lowercased() })
                {
                    awaited = unused.remove(at: index).value
                } else if position < command.arguments.count {
                    position += 1
                }
            }
            if let awaited {
                argument = awaited
                return
            }
            if position < command.arguments.count { argument = command.arguments[position] }
            if position >= required { options = unused }
        }
    }
}

extension CommandCatalogue {
    /// The command that the words begin with; the longest name wins.
    func command(for words: [String]) -> Command? {
        commands.filter { words.begins(with: $0.name) }.max { $0.name.count < $1.name.count }
    }
}

extension [String] {
    func begins(with words: [String]) -> Bool {
        count >= words.count && zip(self, words).allSatisfy { $0.lowercased() == $1.lowercased() }
    }
}

extension String {
    func hasPrefixIgnoringCase(_ prefix: String) -> Bool { lowercased().hasPrefix(prefix.lowercased()) }
}
