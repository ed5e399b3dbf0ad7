/// What a line of input is: a command of the ledger, one of the prompt's own, or Lua.
///
/// A line whose first words are a command is a command, and everything else is Lua. Where both could be meant: words
/// before an `=` are Lua (`time = 5`), and so is a variable before an operator (`time + 1`); a noun of the table with
/// any verb behind it is a command, so that a misspelt verb is told as such; two words side by side are no Lua, so they
/// are a misspelt command; a word alone is a variable if there is such a one, or what a variable has (`f1.users`), and
/// otherwise the id of something. Pure.
package enum InputKind: Hashable, Sendable {
    /// Blank, or a comment.
    case nothing
    case command
    case lua

    /// `isKnown`: an id that was shown, which comes before a variable of that name.
    package static func of(
        _ input: String, in catalogue: CommandCatalogue, isVariable: (String) -> Bool = { _ in false },
        isKnown: (String) -> Bool = { _ in false }
    ) -> InputKind {
        let start = input.drop { $0.isWhitespace }
        if start.isEmpty { return .nothing }
        if start.first == "#" { return .command }  // a comment of commands: they know what to do with it
        if start.hasPrefix("--") { return .lua }
        // No Lua begins so: it is one of the prompt's own, perhaps misspelt.
        if let mark = start.first, mark == "." || mark == "\\", start.dropFirst().first?.isLetter == true {
            return .command
        }
        let words = ScannedText(String(start.prefix { !$0.isNewline })).commands.first ?? []
        let texts = words.map(\.text)
        guard let first = texts.first else { return .nothing }
        if texts.count > 1, texts[1].hasPrefix("=") { return .lua }
        func isValue(_ name: String) -> Bool { !isKnown(name) && isVariable(name) }
        if texts.count > 1, operators.contains(texts[1]), isValue(first) { return .lua }
        if LocalCommand.named(first) != nil || catalogue.command(for: texts) != nil { return .command }
        if texts.count == 1 {
            if isName(first) { return isValue(first) || literals.contains(first) ? .lua : .command }
            let holder = String(first.prefix { $0 != "." && $0 != ":" })
            if holder != first, isName(holder), !isKnown(first), isVariable(holder) { return .lua }
            return isID(first) ? .command : .lua
        }
        if catalogue.commands.contains(where: { $0.name[0].lowercased() == first.lowercased() }) { return .command }
        let isWordBehind = texts[1].first.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
        let isInfix = operators.contains(texts[1])
        return isName(first) && !keywords.contains(first) && isWordBehind && !isInfix ? .command : .lua
    }

    /// A name in Lua.
    static func isName(_ word: some StringProtocol) -> Bool {
        guard let first = word.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return word.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
        }
    }

    /// What could be an id and is no sum of variables: letters and digits with `-`, `:`, `.` or `@` between, such as
    /// `job-81`. What begins with a library of Lua's own is a field of it.
    private static func isID(_ word: String) -> Bool {
        guard word.utf8.count <= 64, word.first?.isLetter ?? false, word.contains(where: { $0.isNumber || $0 == "@" })
        else { return false }
        guard !["ledger.", "money.", "math.", "string.", "table."].contains(where: word.hasPrefix) else { return false }
        return word.utf8.allSatisfy { byte in
            "_-:.@".utf8.contains(byte) || byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
        }
    }

    private static let operators: Set = [
        "+", "-", "*", "/", "//", "%", "^", "..", "<", ">", "<=", ">=", "~=", "and", "or",
    ]

    static let literals: Set = ["nil", "true", "false", "_"]

    static let keywords: Set = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ]
}

/// Cuts lines into what is run at once: commands, one a line unless a quote is open; chunks of Lua, which end where
/// they are whole.
package struct InputSplitter {
    private let kind: (String) -> InputKind
    private let isIncomplete: (String) -> Bool
    private var pending = ""
    private var isBegun = false
    private var taken = 0
    /// The line in which the piece that was given last began, or the one that is under way; the first is 1.
    package private(set) var firstLine = 1

    package init(kind: @escaping (String) -> InputKind, isIncomplete: @escaping (String) -> Bool) {
        self.kind = kind
        self.isIncomplete = isIncomplete
    }

    /// What ends with this line.
    package mutating func take(_ line: String) -> String? {
        pending += isBegun ? "\n" + line : line
        taken += 1
        if !isBegun { firstLine = taken }
        isBegun = true
        let goesOn =
            switch kind(pending) {
            case .nothing: false
            case .command: CommandSplitter.isOpen(pending)
            case .lua: isIncomplete(pending)
            }
        return goesOn ? nil : finish()
    }

    /// What was begun and not ended.
    package mutating func finish() -> String? {
        defer { (pending, isBegun) = ("", false) }
        return isBegun ? pending : nil
    }

    /// All of a text; one chunk of Lua, where that is what it is as a whole.
    package mutating func split(_ text: String) -> [String] { numbered(text).map(\.text) }

    /// The same, with the line in which each piece begins; the first is 1.
    package mutating func numbered(_ text: String) -> [(line: Int, text: String)] {
        var text = text
        while text.last?.isNewline == true { text.removeLast() }
        if kind(text) == .lua, !isIncomplete(text), LuaSource.isWhole(text) { return [(1, text)] }
        var pieces: [(line: Int, text: String)] = []
        taken = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let piece = take(String(line)) { pieces.append((firstLine, piece)) }
        }
        return pieces + (finish().map { [(firstLine, $0)] } ?? [])
    }
}
