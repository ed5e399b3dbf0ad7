internal import LedgerCore

/// The words of one request sorted into the fields of its command, and read from there with checks. Every error names
/// the field and says what was expected; nothing is allocated before there is one.
struct Arguments {
    let id: CommandID
    let words: Words
    let grammar: Grammar
    /// The word that holds each field's value (for a flag: the flag itself), or -1.
    private var place = InlineArray<16, Int32>(repeating: -1)
    private(set) var hasOptions = false

    init(_ id: CommandID, _ words: Words) throws(CommandError) {
        self.id = id
        self.words = words
        grammar = Grammar.of(id)
        try sort()
    }

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
                if id == .passportCreate, ["CAP_DAY", "CAP_MONTH"].contains(Echo.folded(words[index])) {
                    throw .invalid(
                        "\(Echo.folded(words[index])) is not available in this version: spend caps come later")
                }
                throw .invalid("unknown option \(Echo.quoted(words[index])) for \(spec.name): use \(spec.usage)")
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

    func refusal(_ field: Int) -> CommandError {
        let shown = Echo.shown(bytes(field)).map { " '\($0)'" } ?? ""
        return .invalid("\(label(field))\(shown) is not \(grammar[field].kind.expected)")
    }

    /// Why a name with the beginning of a passport in it, or a text with a whole one, is not taken.
    func secretRefusal(_ field: Int) -> CommandError {
        .invalid("\(label(field)) contains fl_, as passports do: a passport must not be recorded")
    }

    // MARK: Names

    /// A name of at most 64 printable bytes.
    @inline(__always)
    func name(_ field: Int) throws(CommandError) -> UnsafeRawBufferPointer {
        let bytes = bytes(field)
        guard bytes.count > 0, bytes.count <= ShortText.capacity, Echo.isPrintable(bytes) else { throw refusal(field) }
        return bytes
    }

    /// As ``name(_:)``, for names that the ledger keeps: a secret in their place is a mishap that must not be recorded.
    func keptName(_ field: Int) throws(CommandError) -> ShortText {
        let bytes = try name(field)
        guard !Echo.looksSecret(bytes) else { throw secretRefusal(field) }
        return ShortText(bytes)!
    }

    /// A word of `A–Z a–z 0–9 . _ : -`.
    @inline(__always)
    func word(_ field: Int) throws(CommandError) -> ShortText {
        let bytes = bytes(field)
        guard bytes.count > 0, bytes.count <= ShortText.capacity,
            bytes.allSatisfy({ Base62.value(of: $0) != nil || $0 == 0x2e || $0 == 0x5f || $0 == 0x3a || $0 == 0x2d })
        else { throw refusal(field) }
        guard !Echo.looksSecret(bytes) else { throw secretRefusal(field) }
        return ShortText(bytes)!
    }

    func text(_ field: Int) throws(CommandError) -> SealedText {
        let bytes = bytes(field)
        let shortest = grammar[field].kind == .personName ? 0 : 1
        guard bytes.count >= shortest, bytes.count <= 1024, Echo.isUTF8(bytes) else { throw refusal(field) }
        guard !Echo.holdsSecret(bytes) else { throw secretRefusal(field) }
        return SealedText(bytes)
    }

    func text(_ token: StaticString) throws(CommandError) -> SealedText {
        guard let field = given(token) else { return [] }
        return try text(field)
    }

    func source(_ field: Int) throws(CommandError) -> [UInt8] {
        let bytes = bytes(field)
        guard bytes.count > 0, bytes.count <= 64 << 10, Echo.isUTF8(bytes) else { throw refusal(field) }
        guard !Echo.holdsSecret(bytes) else { throw secretRefusal(field) }
        return [UInt8](bytes)
    }

    /// Something before and after one `@`, no blanks, a dot in the domain: enough to catch mix-ups; only mail proves
    /// more.
    func email(_ field: Int) throws(CommandError) -> SealedText {
        let bytes = bytes(field)
        guard !Echo.looksSecret(bytes) else { throw secretRefusal(field) }
        guard bytes.count <= 254, Echo.isPrintable(bytes), !bytes.contains(0x20),
            let at = bytes.firstIndex(of: 0x40), at > 0, at <= 64, bytes.lastIndex(of: 0x40) == at
        else { throw refusal(field) }
        let domain = bytes[(at + 1)...]
        guard let dot = domain.lastIndex(of: 0x2e), dot > at + 1, dot < bytes.count - 1, domain.first != 0x2e,
            domain.first != 0x2d
        else { throw refusal(field) }
        return SealedText(bytes)
    }

    // MARK: Amounts and numbers

    @inline(__always)
    func amount(_ field: Int) throws(CommandError) -> Money {
        guard let amount = Money(parsing: bytes(field)), amount.nanos > 0 else { throw refusal(field) }
        return amount
    }

    func price(_ field: Int) throws(CommandError) -> Money {
        guard let amount = Money(parsing: bytes(field)) else { throw refusal(field) }
        return amount
    }

    func signedAmount(_ field: Int) throws(CommandError) -> Money {
        guard let amount = Money(parsing: bytes(field), signed: true), !amount.isZero else { throw refusal(field) }
        return amount
    }

    func cents(_ field: Int) throws(CommandError) -> Money {
        let amount = try amount(field)
        guard amount.nanos % Money.cent.nanos == 0 else { throw refusal(field) }
        return amount
    }

    /// GB with three decimals at most are whole megabytes.
    func megabytes(_ field: Int) throws(CommandError) -> Int64 {
        let gigabytes = try amount(field)
        guard gigabytes.nanos % 1_000_000 == 0 else { throw refusal(field) }
        return gigabytes.nanos / 1_000_000
    }

    func integer(_ field: Int, _ range: ClosedRange<UInt64>) throws(CommandError) -> UInt64 {
        guard let value = Decimal.parse(bytes(field)), range.contains(value) else { throw refusal(field) }
        return value
    }

    func page() throws(CommandError) -> Page {
        var page = Page()
        if let field = given("COUNT") { page.count = Int(try integer(field, 1...10_000)) }
        if let field = given("CURSOR") { page.cursor = try integer(field, 0...UInt64.max) }
        return page
    }

    // MARK: Time

    @inline(__always)
    func time(_ field: Int) throws(CommandError) -> Timestamp {
        guard let time = Timestamp(parsing: bytes(field)) else { throw refusal(field) }
        return time
    }

    func time(_ token: StaticString) throws(CommandError) -> Timestamp? {
        guard let field = given(token) else { return nil }
        return try time(field)
    }

    func span(_ field: Int, from shortest: TimeSpan, to longest: TimeSpan = .days(30)) throws(CommandError) -> TimeSpan
    {
        guard let span = TimeSpan(parsing: bytes(field)), span >= shortest, span <= longest else {
            throw refusal(field)
        }
        return span
    }

    func span(_ token: StaticString, from shortest: TimeSpan) throws(CommandError) -> TimeSpan? {
        guard let field = given(token) else { return nil }
        return try span(field, from: shortest)
    }

    /// Decimal hours; a fraction finer than a nanosecond is cut.
    func hours(_ field: Int) throws(CommandError) -> TimeSpan {
        guard let hours = Money(parsing: bytes(field)), hours.nanos <= 1_000_000 * Money.dollar.nanos else {
            throw refusal(field)
        }
        return TimeSpan(nanoseconds: hours.nanos * 3600)
    }

    /// FROM and TO of a read: [from, to), everything unless told.
    func range() throws(CommandError) -> (from: Timestamp?, to: Timestamp?) {
        let (from, to) = (try time("FROM"), try time("TO"))
        if let from, let to, from > to { throw .invalid("FROM is after TO") }
        return (from, to)
    }

    // MARK: Ids

    func birth(_ field: Int, as kind: BirthKind) throws(CommandError) -> BirthID {
        guard let id = BirthID(parsing: bytes(field), as: kind) else { throw refusal(field) }
        return id
    }

    func passport(_ field: Int) throws(CommandError) -> PassportID {
        guard let id = PassportID(parsing: bytes(field)) else { throw refusal(field) }
        return id
    }

    /// What has not the shape of a secret gets the answer of a secret that is not ours.
    func secret(_ field: Int) throws(CommandError) -> Secret {
        guard let secret = Secret(bytes(field)) else { throw .invalidSecret }
        return secret
    }

    // MARK: Words of a closed list

    /// Compares without regard to case. Not for the hot path: a list of cases is allocated.
    func choice<T: CaseIterable>(_ field: Int, _ text: (T) -> String) throws(CommandError) -> T {
        let bytes = bytes(field)
        for option in T.allCases where Self.equal(bytes, text(option)) { return option }
        throw refusal(field)
    }

    func tier(_ field: Int) throws(CommandError) -> Tier {
        switch Name(bytes(field)) {
        case Name("small"): return .small
        case Name("medium"): return .medium
        case Name("large"): return .large
        case Name("gpu"): return .gpu
        default: throw refusal(field)
        }
    }

    func isWord(_ field: Int, _ word: String) -> Bool { Self.equal(bytes(field), word) }

    /// `word` is in lower case.
    @inline(__always)
    private static func equal(_ bytes: UnsafeRawBufferPointer, _ word: String) -> Bool {
        guard bytes.count == word.utf8.count else { return false }
        return bytes.elementsEqual(word.utf8) { ($0 &- 0x41 < 26 ? $0 | 0x20 : $0) == $1 }
    }

    func permissions(_ field: Int) throws(CommandError) -> Permissions {
        let text = String(decoding: bytes(field).prefix(64), as: UTF8.self)
        guard bytes(field).count <= 64, let permissions = Permissions(text: text), !permissions.isEmpty else {
            throw refusal(field)
        }
        return permissions
    }
}
