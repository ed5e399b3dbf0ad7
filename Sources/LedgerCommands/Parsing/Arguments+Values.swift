internal import LedgerCore

/// Fields as values. Each checks, and throws an error that names the field and says what was expected.
extension Arguments {
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
        guard Self.isWord(bytes) else { throw refusal(field) }
        guard !Echo.looksSecret(bytes) else { throw secretRefusal(field) }
        return ShortText(bytes)!
    }

    @inline(__always)
    private static func isWord(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 0 && bytes.count <= ShortText.capacity
            && bytes.allSatisfy({ Base62.value(of: $0) != nil || $0 == 0x2e || $0 == 0x5f || $0 == 0x3a || $0 == 0x2d })
    }

    func text(_ field: Int) throws(CommandError) -> PersonalText { PersonalText(clear: try plainText(field)) }

    /// Free text that is nobody's own.
    func plainText(_ field: Int) throws(CommandError) -> [UInt8] {
        let bytes = bytes(field)
        let shortest = grammar[field].kind == .personName ? 0 : 1
        guard bytes.count >= shortest, bytes.count <= 1024, Echo.isUTF8(bytes) else { throw refusal(field) }
        guard !Echo.holdsSecret(bytes) else { throw secretRefusal(field) }
        return [UInt8](bytes)
    }

    /// As ``keptName(_:)``, of an option; nil when it was not given.
    func keptName(_ token: StaticString) throws(CommandError) -> ShortText? {
        guard let field = given(token) else { return nil }
        return try keptName(field)
    }

    @inline(__always)
    func user(_ field: Int, _ context: ParseContext) throws(CommandError) -> Hash128 {
        context.names.hash(.user, try name(field))
    }

    func user(_ token: StaticString, _ context: ParseContext) throws(CommandError) -> Hash128? {
        guard let field = given(token) else { return nil }
        return try user(field, context)
    }

    @inline(__always)
    func session(_ field: Int, _ context: ParseContext) throws(CommandError) -> Hash128 {
        context.names.hash(.session, try name(field))
    }

    /// Where a charge's revenue is to go: a word that no entry of the ledger's own shows as its source.
    func chargeSource(_ field: Int) throws(CommandError) -> ShortText {
        let source = try word(field)
        try refuseReserved(bytes(field))
        return source
    }

    private func refuseReserved(_ source: UnsafeRawBufferPointer) throws(CommandError) {
        // In whatever case: nobody who reads a bill should have to look twice.
        for reserved in CommandTable.reservedSources where Self.equal(source, reserved) {
            throw .invalid(
                "source '\(ShortText(source)!)' is a word for entries that the ledger makes itself; choose another one")
        }
    }

    /// What credit may pay for: billing types and sources of charges; everything where nothing is said.
    func creditScope(_ token: StaticString) throws(CommandError) -> CreditScope {
        guard let field = given(token) else { return .everything }
        let list = bytes(field)
        guard let text = ShortText(list) else { throw refusal(field) }
        guard !Echo.looksSecret(list) else { throw secretRefusal(field) }
        var named: [ShortText] = []
        for part in list.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let part = UnsafeRawBufferPointer(rebasing: part)
            guard Self.isWord(part), let source = ShortText(part) else { throw refusal(field) }
            if !Sources.billingTypes.contains(source) { try refuseReserved(part) }
            guard !named.contains(source) else { throw .invalid("\(token) names '\(source)' twice") }
            named.append(source)
        }
        return CreditScope(text)!
    }

    func text(_ token: StaticString) throws(CommandError) -> PersonalText {
        PersonalText(clear: try plainText(token))
    }

    func plainText(_ token: StaticString) throws(CommandError) -> [UInt8] {
        guard let field = given(token) else { return [] }
        return try plainText(field)
    }

    func source(_ field: Int) throws(CommandError) -> [UInt8] {
        let bytes = bytes(field)
        guard bytes.count > 0, bytes.count <= 64 << 10, Echo.isUTF8(bytes) else { throw refusal(field) }
        guard !Echo.holdsSecret(bytes) else { throw secretRefusal(field) }
        return [UInt8](bytes)
    }

    /// Something before and after one `@`, no blanks, a dot in the domain: enough to catch mix-ups; only mail proves
    /// more. Whether there can be such a domain is for ``emailHash(_:_:)`` to say.
    func email(_ field: Int) throws(CommandError) -> PersonalText {
        let bytes = bytes(field)
        guard !Echo.looksSecret(bytes) else { throw secretRefusal(field) }
        guard bytes.count <= 254, Echo.isPrintable(bytes), !bytes.contains(0x20),
            let at = bytes.firstIndex(of: 0x40), at > 0, at <= 64, bytes.lastIndex(of: 0x40) == at
        else { throw refusal(field) }
        // The full stop, and what IDNA takes for one.
        let labels = String(decoding: bytes[(at + 1)...], as: UTF8.self).unicodeScalars.split(
            omittingEmptySubsequences: false,
            whereSeparator: { [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"].contains($0) })
        guard labels.count > 1, !labels.contains(where: \.isEmpty), labels[0].first != "-" else { throw refusal(field) }
        return PersonalText(clear: [UInt8](bytes))
    }

    /// Of a field that ``email(_:)`` took.
    func emailHash(_ field: Int, _ context: ParseContext) throws(CommandError) -> Hash128 {
        do throws(UnusableEmail) {
            return try context.emailHash(bytes(field))
        } catch {
            throw refusal(field, error.reason)
        }
    }

    /// Of the platform's own word for a person; zero when it was not given.
    func personHash(_ token: StaticString, _ context: ParseContext) throws(CommandError) -> Hash128 {
        guard let field = given(token) else { return .zero }
        let bytes = bytes(field)
        guard bytes.count >= 1, bytes.count <= 255 else { throw refusal(field) }
        guard !Echo.looksSecret(bytes) else { throw secretRefusal(field) }
        return context.personHash(bytes)
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

    /// nano-USD, or ``Limits/none``; nil when the option was not given.
    func cap(_ token: StaticString) throws(CommandError) -> Int64? {
        guard let field = given(token) else { return nil }
        if isWord(field, "none") { return Limits.none }
        return try price(field).nanos
    }

    /// In hundredths of a percent.
    func percent(_ field: Int) throws(CommandError) -> UInt16 {
        let hundredth = Money.cent.nanos
        guard let percent = Money(parsing: bytes(field)), percent.nanos % hundredth == 0,
            percent.nanos <= 100 * Money.dollar.nanos
        else { throw refusal(field) }
        return UInt16(percent.nanos / hundredth)
    }

    /// In billionths.
    func quantity(_ field: Int) throws(CommandError) -> Int64 { try price(field).nanos }

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

    func integer32(_ field: Int) throws(CommandError) -> UInt32 {
        UInt32(try integer(field, 1...UInt64(UInt32.max)))
    }

    func integer32(_ token: StaticString) throws(CommandError) -> UInt32? {
        guard let field = given(token) else { return nil }
        return try integer32(field)
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
        switch TimeText(bytes(field)) {
        case .time(let time): return time
        case .malformed: throw refusal(field)
        case .number:
            throw refusal(
                field,
                "is no unix time between 1980 and 2199: write RFC 3339 (like 2026-11-23T09:30:00Z or 2026-11-23)"
                    + " or unix seconds (like 1795426200)")
        case .outOfRange:
            throw refusal(field, "is out of range: times go from 1678-01-01 to 2261-12-31, and 9999-12-31 means never")
        }
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

    /// Decimal hours with at most nine fraction digits.
    func hours(_ field: Int) throws(CommandError) -> TimeSpan {
        guard let hours = Money(parsing: bytes(field)), hours.nanos <= 1_000_000 * Money.dollar.nanos else {
            throw refusal(field)
        }
        return TimeSpan(nanoseconds: hours.nanos * 3600)
    }

    /// FROM and TO of a read: [from, to), everything where there is none.
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

    /// A charge where it is written as one, else a session.
    func chargeOrSession(_ field: Int, _ context: ParseContext) throws(CommandError) -> (ChargeID?, Hash128) {
        if let charge = BirthID(parsing: bytes(field), as: .charge) { return (charge, .zero) }
        return (nil, try session(field, context))
    }

    /// An id of one of these kinds.
    func birth(_ field: Int, among kinds: [BirthKind]) throws(CommandError) -> BirthID {
        for kind in kinds {
            if let id = BirthID(parsing: bytes(field), as: kind) { return id }
        }
        throw refusal(field)
    }

    func passport(_ field: Int) throws(CommandError) -> PassportID {
        guard let id = PassportID(parsing: bytes(field)) else { throw refusal(field) }
        return id
    }

    /// What has not the shape of a secret gets the answer of a secret that the ledger does not know.
    func secret(_ field: Int) throws(CommandError) -> Secret {
        guard let secret = Secret(bytes(field)) else { throw .invalidSecret }
        return secret
    }

    // MARK: Words of a closed list

    /// Compares without regard to case. Not for the hot path: a list of cases is allocated.
    func choice<T: CaseIterable>(_ field: Int, _ text: (T) -> String) throws(CommandError) -> T {
        try choice(field, among: T.allCases, text)
    }

    func choice<T: CaseIterable>(_ token: StaticString, _ text: (T) -> String) throws(CommandError) -> T? {
        guard let field = given(token) else { return nil }
        return try choice(field, text)
    }

    /// Where not every case may be asked for.
    func choice<T>(_ field: Int, among choices: some Collection<T>, _ text: (T) -> String) throws(CommandError) -> T {
        let bytes = bytes(field)
        for choice in choices where Self.equal(bytes, text(choice)) { return choice }
        throw refusal(field)
    }

    /// One of two words: whether it is the first. Nil when the option was not given.
    func isFirst(_ token: StaticString, of first: String, or second: String) throws(CommandError) -> Bool? {
        guard let field = given(token) else { return nil }
        if isWord(field, first) { return true }
        guard isWord(field, second) else { throw refusal(field) }
        return false
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

    /// The ledger's own in whatever case; a meter's name as it is.
    func ruleName(_ field: Int) throws(CommandError) -> RuleName {
        let bytes = bytes(field)
        for name in RuleName.builtIn where Self.equal(bytes, name.text) { return name }
        guard let meter = Self.meterName(bytes), Self.isWord(meter) else { throw refusal(field) }
        guard !Echo.looksSecret(meter) else { throw secretRefusal(field) }
        return .meter(ShortText(meter)!)
    }

    /// What stands behind `meter:`.
    static func meterName(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        name(bytes, behind: RuleName.meterPrefix)
    }

    /// What stands behind a prefix, in whatever case that is; nil where there is none.
    static func name(_ bytes: UnsafeRawBufferPointer, behind prefix: String) -> UnsafeRawBufferPointer? {
        let length = prefix.utf8.count
        guard bytes.count > length, equal(UnsafeRawBufferPointer(rebasing: bytes[..<length]), prefix) else {
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: bytes[length...])
    }

    func isWord(_ field: Int, _ word: String) -> Bool { Self.equal(bytes(field), word) }

    /// Without an allocation. `word` is in lower case.
    @inline(__always)
    func isWord(_ field: Int, _ word: StaticString) -> Bool { Self.equal(bytes(field), word) }

    @inline(__always)
    static func equal(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for (index, byte) in bytes.enumerated()
        where (byte &- 0x41 < 26 ? byte | 0x20 : byte) != word.utf8Start[index] { return false }
        return true
    }

    /// `word` is in lower case.
    @inline(__always)
    static func equal(_ bytes: UnsafeRawBufferPointer, _ word: String) -> Bool {
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

    func permission(_ field: Int) throws(CommandError) -> Permissions {
        for (permission, name) in Permissions.names where isWord(field, name) { return permission }
        throw refusal(field)
    }
}
