internal import LedgerCore

/// The words of one request sorted into the fields of its command, and read from there with checks. Every error names
/// the field and says what was expected; nothing is allocated before there is one.
struct Arguments {
    let id: CommandID
    let words: Words
    private let shape: UnsafePointer<Grammar>
    /// The word that holds each field's value (for a flag: the flag itself), or -1.
    private var place = InlineArray<16, Int32>(repeating: -1)
    private(set) var hasOptions = false

    init(_ id: CommandID, _ words: Words) throws(CommandError) {
        self.id = id
        self.words = words
        shape = Grammar.place(of: id)
        try sort()
    }

    /// Where it lies, for ever: not a copy of it in every request.
    var grammar: Grammar { @inline(__always) unsafeAddress { shape } }

    // MARK: Sorting words into fields

    private mutating func sort() throws(CommandError) {
        var index = grammar.nameWords
        guard words.count - index >= grammar.needed else { throw wrongCount() }
        for field in 0..<grammar.positional where index < words.count {
            // An optional argument gives way to an option's word: CREDIT REFUND c_1 REASON r.
            if field >= grammar.needed, option(words[index]) != nil { break }
            place[field] = Int32(truncatingIfNeeded: index)
            index += 1
        }
        if grammar.isVariadic { return }
        while index < words.count {
            guard let field = option(words[index]) else {
                if grammar.count == grammar.positional { throw wrongCount() }
                throw unknownOption(words[index])
            }
            guard place[field] < 0 else { throw .invalid("option \(label(field)) is given twice") }
            if grammar[field].kind != .flag {
                index += 1
                guard index < words.count else {
                    throw .invalid("option \(label(field)) needs a value: \(grammar[field].kind.expected)")
                }
            }
            place[field] = Int32(truncatingIfNeeded: index)
            hasOptions = true
            index += 1
        }
        for field in grammar.positional..<grammar.count where grammar[field].isRequired && place[field] < 0 {
            throw .invalid("\(spec.name) needs the option \(label(field)): use \(spec.usage)")
        }
    }

    @inline(__always)
    private func option(_ word: UnsafeRawBufferPointer) -> Int? {
        let name = Name(word)
        guard name != .none else { return nil }
        for field in grammar.positional..<grammar.count where grammar[field].token == name { return field }
        return nil
    }

    /// Says which option may have been meant.
    private func unknownOption(_ word: UnsafeRawBufferPointer) -> CommandError {
        let near = CommandTable.nearest(Echo.folded(word), among: spec.options.compactMap(\.token))
        let meant = near.map { " (did you mean \($0)?)" } ?? ""
        return .invalid("unknown option \(Echo.quoted(word)) for \(spec.name)\(meant): use \(spec.usage)")
    }

    private func wrongCount() -> CommandError {
        .invalid("wrong number of arguments for '\(spec.name.lowercased())': use \(spec.usage)")
    }

    // MARK: Finding fields

    private var spec: CommandSpec { CommandTable.spec(id) }

    /// What errors call a field.
    private func label(_ field: Int) -> String {
        let field = spec.fields[field]
        return field.token ?? field.name
    }

    /// Where an option stands in the grammar; nil when it was not given.
    @inline(__always)
    func given(_ token: StaticString) -> Int? {
        guard hasOptions else { return nil }
        let name = Name(token)
        for field in grammar.positional..<grammar.count where place[field] >= 0 && grammar[field].token == name {
            return field
        }
        return nil
    }

    func has(_ token: StaticString) -> Bool { given(token) != nil }
    func has(_ field: Int) -> Bool { place[field] >= 0 }

    /// The bytes of a field that was given.
    @inline(__always)
    func bytes(_ field: Int) -> UnsafeRawBufferPointer { words[Int(place[field])] }

    /// The words from the first positional argument on, for commands with a grammar of their own.
    var rest: [String] {
        (grammar.nameWords..<words.count).map { String(decoding: words[$0], as: UTF8.self) }
    }

    func refusal(_ field: Int) -> CommandError { refusal(field, "is not \(grammar[field].kind.expected)") }

    func refusal(_ field: Int, _ why: String) -> CommandError {
        let shown = Echo.shown(bytes(field)).map { " '\($0)'" } ?? ""
        return .invalid("\(label(field))\(shown) \(why)")
    }

    /// Why a name with the beginning of a passport in it, or a text with a whole one, is not taken.
    func secretRefusal(_ field: Int) -> CommandError {
        .invalid("\(label(field)) contains fl_, as passports do: a passport must not be recorded")
    }
}
