/// Lua as it is typed: its tokens, for colour and completion. Pure.
enum LuaText {
    struct Token {
        enum Kind { case name, keyword, number, string, comment, symbol }
        var kind: Kind
        /// Places of characters.
        var range: Range<Int>
        var text: String
    }

    static func tokens(of text: String) -> [Token] {
        let characters = Array(text)
        var tokens: [Token] = []
        var place = 0
        func rest(_ wanted: String) -> Bool { characters[place...].starts(with: wanted) }
        while place < characters.count {
            let start = place
            let character = characters[place]
            let kind: Token.Kind
            if character.isWhitespace {
                place += 1
                continue
            } else if rest("--") {
                place += 2
                if !skipLong(characters, &place) {
                    while place < characters.count, !characters[place].isNewline { place += 1 }
                }
                kind = .comment
            } else if character == "\"" || character == "'" {
                place += 1
                while place < characters.count, characters[place] != character, !characters[place].isNewline {
                    place += characters[place] == "\\" ? 2 : 1
                }
                place = min(place + 1, characters.count)
                kind = .string
            } else if skipLong(characters, &place) {
                kind = .string
            } else if isNameStart(character) {
                while place < characters.count, isNameStart(characters[place]) || isDigit(characters[place]) {
                    place += 1
                }
                kind = InputKind.keywords.contains(String(characters[start..<place])) ? .keyword : .name
            } else if isDigit(character) {
                while place < characters.count,
                    isDigit(characters[place]) || isNameStart(characters[place]) || characters[place] == "."
                {
                    place += 1
                }
                kind = .number
            } else {
                place += 1
                kind = .symbol
            }
            tokens.append(Token(kind: kind, range: start..<place, text: String(characters[start..<place])))
        }
        return tokens
    }

    /// `[[…]]`, `[=[…]=]`.
    private static func skipLong(_ characters: [Character], _ place: inout Int) -> Bool {
        var end = place
        guard end < characters.count, characters[end] == "[" else { return false }
        end += 1
        var level = 0
        while end < characters.count, characters[end] == "=" {
            level += 1
            end += 1
        }
        guard end < characters.count, characters[end] == "[" else { return false }
        let mark = Array("]" + String(repeating: "=", count: level) + "]")
        while end < characters.count, !characters[end...].starts(with: mark) { end += 1 }
        place = min(end + mark.count, characters.count)
        return true
    }

    private static func isNameStart(_ character: Character) -> Bool {
        character == "_" || character.isASCII && character.isLetter
    }
    private static func isDigit(_ character: Character) -> Bool { character.isASCII && character.isNumber }

    static func styles(of text: String) -> [StyledRange] {
        tokens(of: text).compactMap { token in
            switch token.kind {
            case .keyword: StyledRange(token.range, .command)
            case .number: StyledRange(token.range, .number)
            case .string: StyledRange(token.range, .string)
            case .comment: StyledRange(token.range, .comment)
            case .name, .symbol: nil
            }
        }
    }

    // MARK: Completion

    /// What a script always has.
    static let names = [
        "describe", "error", "fork", "ipairs", "leave", "ledger", "math", "money", "pairs", "pcall", "plot", "print",
        "revenue", "select", "show", "string", "table", "tail", "tonumber", "tostring", "type", "usd", "watch",
    ]

    /// `members` gives the names in a table, by its path; of the globals where there is none.
    static func candidates(
        _ before: String, _ catalogue: CommandCatalogue, ids: (KnownIDs.Kind) -> [String],
        members: ([String]) -> [String]
    ) -> EditSession.Candidates {
        func candidates(_ begun: String, _ words: [String], suffix: String = "") -> EditSession.Candidates {
            var seen: Set<String> = []
            let fitting = words.filter { $0.hasPrefix(begun) && !$0.hasPrefix("__") && seen.insert($0).inserted }
            return EditSession.Candidates(length: begun.count, words: fitting, suffix: suffix)
        }
        let tokens = tokens(of: before)
        guard let last = tokens.last, last.kind != .comment else { return candidates("", []) }
        let isOpen = last.range.upperBound == before.count
        if last.kind == .string {
            // An id, within quotes that are still open.
            guard isOpen, let quote = last.text.first, last.text.count == 1 || last.text.last != quote else {
                return candidates("", [])
            }
            return candidates(
                String(last.text.dropFirst()), ids(.user) + ids(.session) + ids(.hold), suffix: "\(quote)")
        }
        var path: [String] = []
        var place = tokens.count - 1
        let begun = isOpen && last.kind == .name ? last.text : ""
        if !begun.isEmpty { place -= 1 }
        // A method is chosen as a field is: `f:advance`.
        while place >= 1, [".", ":"].contains(tokens[place].text), tokens[place - 1].kind == .name {
            path.insert(tokens[place - 1].text, at: 0)
            place -= 2
        }
        if !path.isEmpty {
            let prefix = path.joined(separator: ".") + "."
            let commands = LuaSession.paths.filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count) }
            let nouns = commands.filter { $0.contains(".") }.map { String($0.prefix { $0 != "." }) }
            let verbs = commands.filter { !$0.contains(".") }.map(String.init)
            let words = (Set(verbs + nouns + (path[0] == "ledger" ? [] : members(path)))).sorted()
            let fitting = words.filter { $0.hasPrefix(begun) }
            return candidates(begun, words, suffix: fitting.count == 1 && nouns.contains(fitting[0]) ? "." : "")
        }
        var words: [String] = []
        if place >= 0, let command = call(around: tokens[...place], catalogue) {
            words = (command.arguments.map(\.name) + command.options.map { $0.name.lowercased() }).map { $0 + " = " }
            // Behind `{` and `,` there is a name; behind `=`, a value.
            let isName = tokens[place].text == "{" || tokens[place].text == ","
            if isName || begun.isEmpty { return candidates(begun, isName ? words : []) }
            words = []
        }
        guard !begun.isEmpty else { return candidates("", []) }
        return candidates(begun, words + members([]) + names + InputKind.keywords.sorted())
    }

    /// The command in whose braces the text ends: `ledger.credit.charge{user = "ada", `.
    private static func call(around tokens: ArraySlice<Token>, _ catalogue: CommandCatalogue) -> CommandCatalogue
        .Command?
    {
        var depth = 0
        for index in tokens.indices.reversed() {
            switch tokens[index].text {
            case "}", ")", "]": depth += 1
            case "{", "(", "[":
                guard depth == 0 else {
                    depth -= 1
                    continue
                }
                var words: [String] = []
                var place = index - 1
                if tokens[index].text == "{", place >= 0, tokens[place].text == "(" { place -= 1 }
                while place >= 0, tokens[place].kind == .name {
                    words.insert(tokens[place].text, at: 0)
                    guard place >= 2, tokens[place - 1].text == "." else { break }
                    place -= 2
                }
                guard words.first == "ledger" else { return nil }
                return LuaSession.command(at: words.joined(separator: "."), in: catalogue)
            default: break
            }
        }
        return nil
    }
}
