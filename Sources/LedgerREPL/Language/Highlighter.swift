/// Which part of a command is what, for colour while it is typed. Pure.
package enum Highlighter {
    package static func styles(of text: String, in catalogue: CommandCatalogue) -> [StyledRange] {
        let scanned = ScannedText(text)
        var styles = scanned.comments.map { StyledRange($0, .comment) }
        let end = text.count
        for words in scanned.commands where !words.isEmpty {
            styles += self.styles(of: words, endsAt: end, catalogue)
        }
        return styles
    }

    /// A word at the very end of the text is still being typed: it is wrong only if nothing begins like it.
    private static func styles(of words: [ScannedWord], endsAt end: Int, _ catalogue: CommandCatalogue) -> [StyledRange]
    {
        let texts = words.map(\.text)
        if let local = LocalCommand.named(texts[0]) {
            var styles = [StyledRange(words[0].range, .command)]
            let rest = Array(words.dropFirst(local.wordsBeforeCommand + 1))
            if local.takesCommand, !rest.isEmpty { styles += self.styles(of: rest, endsAt: end, catalogue) }
            return styles
        }
        if let command = catalogue.command(for: texts), !words[0].isQuoted {
            let count = command.name.count
            let names = words[..<count].map { StyledRange($0.range, .command) }
            return names + arguments(words.dropFirst(count), of: command)
        }
        if words.count == 1, Identifier.isPlain(texts[0]) { return [] }
        // How many of the words some command begins with; and if the next is unfinished, with how much of it.
        let known = texts.indices.prefix { place in
            catalogue.commands.contains { $0.name.begins(with: Array(texts[...place])) }
        }.count
        var styles = words[..<known].map { StyledRange($0.range, .command) }
        if known < words.count {
            let word = words[known]
            let isBegun = word.range.upperBound == end && Completion.isBegun(Array(texts[...known]), in: catalogue)
            styles.append(StyledRange(word.range, isBegun ? .plain : .unknown))
        }
        return styles
    }

    private static func arguments(_ words: ArraySlice<ScannedWord>, of command: CommandCatalogue.Command)
        -> [StyledRange]
    {
        var grammar = ArgumentGrammar(command)
        var styles: [StyledRange] = []
        for word in words {
            let isOption = grammar.take(word.text)
            if isOption {
                styles.append(StyledRange(word.range, .option))
            } else if word.isQuoted {
                styles.append(StyledRange(word.range, .string))
            } else if isNumber(word.text) {
                styles.append(StyledRange(word.range, .number))
            }
        }
        return styles
    }

    /// Amounts, counts, durations, days: what begins like a number.
    private static func isNumber(_ text: String) -> Bool {
        let digits = text.drop { $0 == "-" || $0 == "+" }
        guard digits.first?.isASCII == true, digits.first?.isNumber == true else { return false }
        return digits.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".:-".contains($0)) }
    }
}

/// What a command's grammar allows behind the words typed so far.
struct ArgumentGrammar {
    private let command: CommandCatalogue.Command
    private let required: Int
    private var position = 0
    private var unused: [CommandCatalogue.Option]
    private var awaited: CommandCatalogue.Argument?

    init(_ command: CommandCatalogue.Command) {
        self.command = command
        required = command.arguments.count { !$0.isOptional }
        unused = command.options
    }

    /// Whether the word is an option's name.
    mutating func take(_ word: String) -> Bool {
        if awaited != nil {
            awaited = nil
        } else if position >= required,
            let index = unused.firstIndex(where: { $0.name.lowercased() == word.lowercased() })
        {
            awaited = unused.remove(at: index).value
            return true
        } else if position < command.arguments.count {
            position += 1
        }
        return false
    }

    /// The argument, or the option's value, that comes next.
    var argument: CommandCatalogue.Argument? {
        awaited ?? (position < command.arguments.count ? command.arguments[position] : nil)
    }

    /// Options not given yet, where options may stand.
    var options: [CommandCatalogue.Option] { awaited == nil && position >= required ? unused : [] }

    /// What is still to come, as help writes it.
    var rest: String {
        var words: [String] = []
        if let awaited { words.append(awaited.name) }
        for argument in command.arguments.dropFirst(position) {
            words.append(argument.isOptional ? "[\(argument.name)]" : argument.name)
        }
        words += unused.map(\.synopsis)
        return words.joined(separator: " ")
    }
}
