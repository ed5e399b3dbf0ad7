internal import RESP

/// What may stand where the cursor is. Pure: a line in, words out.
package enum Completion {
    /// Completions of the fragment before the cursor, which begins behind the last blank or comma. `line` is the text
    /// up to the cursor; of several lines the last one counts. Names follow the case in which the line is being typed.
    /// `ids` says which ids of a kind are known (``KnownIDs``), and `forks` are the names of those that were made.
    package static func candidates(
        for line: String, in catalogue: CommandCatalogue, forks: [String] = [],
        ids: (KnownIDs.Kind) -> [String] = { _ in [] }
    ) -> [String] {
        let line = CommandSplitter.split(line).last ?? ""
        let wordStart = line.lastIndex { $0.isWhitespace }.map(line.index(after:)) ?? line.startIndex
        // A list under construction is one word; its last item is completed.
        let isWithinList = line[wordStart...].contains(",")
        let fragment = String(self.fragment(of: line))
        guard let typed = InlineWords.split(String(line[..<wordStart])) else { return [] }
        var words = typed.map { String(decoding: $0, as: UTF8.self) }

        let isLowercase = (fragment.first ?? words.last?.first)?.isLowercase ?? false
        func cased(_ name: String) -> String { isLowercase ? name.lowercased() : name }
        func fitting(_ candidates: [String]) -> [String] {
            var seen: Set<String> = []
            return candidates.filter { $0.hasPrefixIgnoringCase(fragment) && seen.insert($0.lowercased()).inserted }
        }

        var isFirst = true
        if let first = words.first, let local = LocalCommand.named(first), local != .help {
            isFirst = false
            switch local {
            case .describe: return words.count == 1 && !isWithinList ? fitting(ids(.user)) : []
            case .plot:
                if isWithinList { return [] }
                return words.count == 1
                    ? fitting(ids(.user)) : words.count.isMultiple(of: 2) ? fitting(["FROM", "TO"].map(cased)) : []
            case .export: return words.count == 1 && !isWithinList ? fitting(["csv", "json"]) : []
            case .watch, .edit:
                guard words.count > local.wordsBeforeCommand else { return [] }
                words.removeFirst(local.wordsBeforeCommand + 1)
            case .tail:
                if isWithinList { return [] }
                if words.last?.uppercased() == "USER" { return fitting(ids(.user)) }
                return words.count.isMultiple(of: 2) ? [] : fitting(["FROM", "USER"].map(cased))
            case .use: return words.count == 1 && !isWithinList ? fitting(forks) : []
            case .leave, .last, .reload, .quit, .help: return []
            }
        }
        guard let first = words.first else {
            if isWithinList { return [] }
            let names = catalogue.commands.map { cased($0.name[0]) }
            guard isFirst else { return fitting(names) }
            let local = LocalCommand.allCases.map(\.rawValue)
            return fitting(names + local.map { fragment.first?.isUppercase == true ? $0.uppercased() : $0 })
        }
        let isHelp = LocalCommand.named(first) == .help
        let given = isHelp ? Array(words.dropFirst()) : words
        let begun = catalogue.commands.filter { $0.name.count > given.count && $0.name.begins(with: given) }
        var names = begun.map { cased($0.name[given.count]) }
        if isHelp, given.isEmpty { names += LocalCommand.allCases.map(\.rawValue) }
        if !isHelp, let command = catalogue.command(for: given) {
            var grammar = ArgumentGrammar(command)
            for word in given.dropFirst(command.name.count) { _ = grammar.take(word) }
            if isWithinList { return grammar.argument.map { $0.isList ? fitting($0.choices) : [] } ?? [] }
            names += grammar.argument?.choices ?? []
            names += grammar.options.map { cased($0.name) }
            for kind in grammar.argument?.ids ?? [] { names += ids(kind) }
        }
        return isWithinList ? [] : fitting(names)
    }

    /// What of the line before the cursor a candidate replaces.
    package static func fragment(of line: String) -> Substring {
        let start = line.lastIndex { $0.isWhitespace || $0 == "," }.map(line.index(after:)) ?? line.startIndex
        return line[start...]
    }

    /// Whether some command's name begins with the words, the last of which may be unfinished.
    static func isBegun(_ words: [String], in catalogue: CommandCatalogue) -> Bool {
        guard let last = words.last else { return true }
        let place = words.count - 1
        if place == 0, LocalCommand.allCases.contains(where: { $0.rawValue.hasPrefixIgnoringCase(last) }) {
            return true
        }
        return catalogue.commands.contains {
            $0.name.count > place && $0.name.begins(with: Array(words.dropLast()))
                && $0.name[place].hasPrefixIgnoringCase(last)
        }
    }
}
