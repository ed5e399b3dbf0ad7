internal import LedgerCore

/// The words of a request as the slow log and the log may show them.
package enum Masking {
    package static let mostWords = 32
    package static let longestWord = 128

    /// Secrets, e-mail addresses, names of people and free text are replaced, long words cut, unprintable ones described.
    /// Never fails, whatever the words are.
    package static func masked(_ words: Words) -> [String] {
        guard words.count > 0 else { return [] }
        let (meaning, value) = CommandIndex.shared.find(words[0], words.count > 1 ? words[1] : nil)
        let id = meaning == .command ? CommandID(rawValue: value) : nil
        var shown: [String] = []
        for index in 0..<words.count {
            if index == mostWords - 1, words.count > mostWords {
                shown.append("... (\(words.count - index) more arguments)")
                break
            }
            shown.append(isSecret(index, words, id) ? "(hidden)" : text(words[index]))
        }
        return shown
    }

    private static func isSecret(_ index: Int, _ words: Words, _ id: CommandID?) -> Bool {
        if Echo.looksSecret(words[index]) { return true }
        guard let id else {
            // Unknown commands: the name may be shown, its arguments may be anything.
            return index > 0 && Echo.folded(words[0]) == "AUTH"
        }
        let grammar = Grammar.of(id)
        guard index >= grammar.nameWords else { return false }
        switch id {
        case .auth: return true
        case .hello: return index > 1 && Echo.folded(words[index]) != "AUTH"
        default: break
        }
        let position = index - grammar.nameWords
        if position < grammar.positional { return hides(grammar[position].kind) }
        // The value of an option: hidden where any option of that name hides.
        let before = Name(words[index - 1])
        for field in grammar.positional..<grammar.count where grammar[field].token == before {
            return hides(grammar[field].kind)
        }
        return false
    }

    private static func hides(_ kind: FieldKind) -> Bool { kind == .secret || kind.isPersonal }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        guard bytes.count > longestWord else {
            return Echo.isPrintable(bytes) ? String(decoding: bytes, as: UTF8.self) : "(\(bytes.count) bytes)"
        }
        let start = UnsafeRawBufferPointer(rebasing: bytes[..<longestWord])
        // A cut may part a character; what is left of it is not worth showing.
        let shown = start.allSatisfy { $0 >= 0x20 && $0 < 0x7f } ? String(decoding: start, as: UTF8.self) : ""
        return "\(shown)... (\(bytes.count - longestWord) more bytes)"
    }
}
