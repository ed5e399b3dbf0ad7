internal import RESP

/// What could follow what has been typed, faint behind the cursor. Pure.
package enum Hint {
    package static func text(for line: String, in catalogue: CommandCatalogue) -> String {
        guard let last = CommandSplitter.split(line).last, !line.hasSuffix("\n"), let words = InlineWords.split(last),
            !words.isEmpty
        else { return "" }
        var texts = words.map { String(decoding: $0, as: UTF8.self) }
        let isWordOpen = last.last.map { !$0.isWhitespace } ?? false
        if let local = LocalCommand.named(texts[0]) {
            // What stands before a command of the ledger's, then that command's own.
            guard local.takesCommand, texts.count > local.wordsBeforeCommand + 1 else {
                return texts.count == 1 ? gap(isWordOpen) + local.arguments : ""
            }
            texts.removeFirst(local.wordsBeforeCommand + 1)
        }
        guard let command = catalogue.command(for: texts) else { return "" }
        let given = texts.dropFirst(command.name.count)
        // A word that is still being typed may be anything: it is not counted before a blank follows.
        if isWordOpen, !given.isEmpty { return "" }
        var grammar = ArgumentGrammar(command)
        for word in given { _ = grammar.take(word) }
        let rest = grammar.rest
        return rest.isEmpty ? "" : gap(isWordOpen) + rest
    }

    private static func gap(_ isWordOpen: Bool) -> String { isWordOpen ? " " : "" }
}
