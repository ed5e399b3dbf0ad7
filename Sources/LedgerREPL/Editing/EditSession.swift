/// One line being entered, key by key. Pure: keys in, content to show out; ``LineEditor`` does the rest.
package struct EditSession: Sendable {
    /// What the editor does not know of the language that is typed.
    package struct Language: Sendable {
        package var complete: @Sendable (_ beforeCursor: String) -> Candidates
        package var highlight: @Sendable (_ text: String) -> [StyledRange]
        /// What could follow a text whose end the cursor is at.
        package var hint: @Sendable (_ text: String) -> String
        /// Whether Enter ends the input; otherwise it begins another line.
        package var isComplete: @Sendable (_ text: String) -> Bool

        package init(
            complete: @escaping @Sendable (String) -> Candidates = { _ in Candidates(length: 0, words: []) },
            highlight: @escaping @Sendable (String) -> [StyledRange] = { _ in [] },
            hint: @escaping @Sendable (String) -> String = { _ in "" },
            isComplete: @escaping @Sendable (String) -> Bool = { _ in true }
        ) {
            self.complete = complete
            self.highlight = highlight
            self.hint = hint
            self.isComplete = isComplete
        }
    }

    /// What may stand where the cursor is.
    package struct Candidates: Sendable {
        /// How many characters before the cursor a word replaces.
        package var length: Int
        package var words: [String]
        /// What follows a word that is the only one.
        package var suffix: String

        package init(length: Int, words: [String], suffix: String = " ") {
            self.length = length
            self.words = words
            self.suffix = suffix
        }
    }

    package enum Effect: Hashable, Sendable {
        /// Show the content.
        case draw
        /// The same on an empty screen.
        case clear
        case bell
        case accept(String)
        case interrupt
        case end
        case suspend
    }

    package private(set) var buffer = EditBuffer()
    package var history: InputHistory
    package var language: Language
    package var prompt: [StyledText] = []
    package var continuation = "> "

    /// C-r is under way.
    private struct Search {
        var text = ""
        /// The entry found last.
        var found: Int?
        var isFailing = false
        /// What to go back to.
        var before: EditBuffer
    }

    private var search: Search?
    private var candidates: [String] = []
    /// C-q or C-v: the next key is text, whatever it is.
    private var isQuoting = false

    package init(language: Language = Language(), history: InputHistory = InputHistory()) {
        self.language = language
        self.history = history
    }

    /// An empty line, or one with a text to begin with.
    package mutating func begin(prompt: [StyledText], continuation: String, text: String = "") {
        self.prompt = prompt
        self.continuation = continuation
        buffer.set(text)
        history.stopWalking()
        search = nil
        candidates = []
    }

    // MARK: Content

    package func content(columns: Int, rows: Int) -> ScreenContent {
        var content = ScreenContent()
        content.continuation = continuation
        if let search {
            let title = search.isFailing ? "nothing has: " : "search: "
            content.prompt = [StyledText(title, .faint), StyledText(search.text), StyledText("  ", .faint)]
        } else {
            content.prompt = prompt
        }
        content.text = buffer.characters
        content.cursor = buffer.cursor
        // A very long text is not worth a wait at every key.
        if buffer.characters.count < 20_000 {
            content.styles = language.highlight(buffer.text)
            if search == nil, candidates.isEmpty, buffer.isAtEnd, !buffer.isEmpty {
                content.hint = language.hint(buffer.text)
            }
        }
        content.below = ColumnList.rows(of: candidates, columns: columns - 1, limit: max(rows / 2, 2))
        return content
    }

    /// As it stays in the terminal when it is done with.
    package func finalContent() -> ScreenContent {
        var content = ScreenContent()
        content.prompt = prompt
        content.continuation = continuation
        content.text = buffer.characters
        content.cursor = buffer.characters.count
        if buffer.characters.count < 20_000 { content.styles = language.highlight(buffer.text) }
        return content
    }

    // MARK: Keys

    package mutating func handle(_ key: Key) -> Effect {
        if isQuoting {
            isQuoting = false
            if key == .tab { return edit { $0.insert("\t") } }
        }
        if search != nil, let effect = handleSearching(key) { return effect }
        candidates = []
        switch key {
        case .text(let text): return edit { $0.insert(text) }
        case .paste(let text): return edit { $0.insert(text) }
        case .enter:
            if language.isComplete(buffer.text) { return .accept(buffer.text) }
            return edit {
                $0.moveToEnd()
                $0.insert("\n")
            }
        case .altEnter: return edit { $0.insert("\n") }
        case .tab: return complete()
        case .backspace: return edit { $0.backspace() }
        case .delete: return edit { $0.delete() }
        case .altBackspace: return edit { $0.cutWordBack() }
        case .up: return moveUp()
        case .down: return moveDown()
        case .left: return move { $0.moveLeft() }
        case .right: return move { $0.moveRight() }
        case .wordLeft: return move { $0.moveWordLeft() }
        case .wordRight: return move { $0.moveWordRight() }
        case .home: return move { $0.moveToLineStart() }
        case .end: return move { $0.moveToLineEnd() }
        case .pageUp: return walk(older: true)
        case .pageDown: return walk(older: false)
        case .control(let letter): return handleControl(letter)
        case .alt(let character): return handleAlt(character)
        case .escape, .backTab, .insert, .unknown: return .draw
        }
    }

    private mutating func handleControl(_ letter: Character) -> Effect {
        switch letter {
        case "a": return move { $0.moveToLineStart() }
        case "e": return move { $0.moveToLineEnd() }
        case "b": return move { $0.moveLeft() }
        case "f": return move { $0.moveRight() }
        case "h": return edit { $0.backspace() }
        case "k": return edit { $0.cutToLineEnd() }
        case "u": return edit { $0.cutToLineStart() }
        case "w": return edit { $0.cutToBlank() }
        case "y": return edit { $0.yank() }
        case "t": return edit { $0.transpose() }
        case "_": return edit { $0.undo() }
        case "p": return moveUp()
        case "n": return moveDown()
        case "l": return .clear
        case "c": return .interrupt
        case "z": return .suspend
        case "d":
            if buffer.isEmpty { return .end }
            return edit { $0.delete() }
        case "r":
            search = Search(before: buffer)
            return .draw
        case "v", "q":
            isQuoting = true
            return .draw
        case "g": return .draw
        default: return .bell
        }
    }

    private mutating func handleAlt(_ character: Character) -> Effect {
        switch character {
        case "b", "B": return move { $0.moveWordLeft() }
        case "f", "F": return move { $0.moveWordRight() }
        case "d", "D": return edit { $0.cutWordForward() }
        case "u", "U": return edit { $0.changeCase { $0.uppercased() } }
        case "l", "L": return edit { $0.changeCase { $0.lowercased() } }
        case "<": return move { $0.moveToStart() }
        case ">": return move { $0.moveToEnd() }
        default: return .bell
        }
    }

    private mutating func edit(_ change: (inout EditBuffer) -> Void) -> Effect {
        history.stopWalking()
        change(&buffer)
        return .draw
    }

    private mutating func move(_ change: (inout EditBuffer) -> Void) -> Effect {
        change(&buffer)
        return .draw
    }

    private mutating func moveUp() -> Effect { buffer.moveUp() ? .draw : walk(older: true) }
    private mutating func moveDown() -> Effect { buffer.moveDown() ? .draw : walk(older: false) }

    private mutating func walk(older: Bool) -> Effect {
        let text = buffer.text
        guard let entry = older ? history.older(current: text) : history.newer(current: text) else { return .bell }
        buffer.set(entry)
        return .draw
    }

    // MARK: Completion

    private mutating func complete() -> Effect {
        let found = language.complete(buffer.beforeCursor)
        let (length, words) = (found.length, found.words)
        guard let first = words.first else { return .bell }
        if words.count == 1 {
            let isFollowed =
                found.suffix == " " && buffer.cursor < buffer.characters.count
                && buffer.characters[buffer.cursor].isWhitespace
            return edit { $0.replaceBeforeCursor(length, with: isFollowed ? first : first + found.suffix) }
        }
        var common = Array(first)
        for word in words.dropFirst() {
            let same = zip(common, word).prefix { $0.lowercased() == $1.lowercased() }.count
            common.removeLast(common.count - same)
        }
        candidates = words
        guard common.count > length else { return .draw }
        return edit { $0.replaceBeforeCursor(length, with: String(common)) }
    }

    // MARK: Search

    /// Nil when the key ends the search and means what it always means.
    private mutating func handleSearching(_ key: Key) -> Effect? {
        switch key {
        case .text(let text), .paste(let text):
            search!.text += text
            find(again: false)
            return .draw
        case .backspace, .control("h"):
            if !search!.text.isEmpty { search!.text.removeLast() }
            search!.found = nil
            find(again: false)
            return .draw
        case .control("r"):
            find(again: true)
            return .draw
        case .control("s"):
            if let found = search!.found {
                if let next = history.search(search!.text, after: found, other: buffer.text) { show(next) }
            }
            return .draw
        case .control("g"), .control("c"):
            buffer = search!.before
            search = nil
            return .draw
        case .escape:
            search = nil
            return .draw
        case .enter, .altEnter, .tab, .backTab, .altBackspace, .up, .down, .left, .right, .wordLeft, .wordRight, .home,
            .end, .pageUp, .pageDown, .insert, .delete, .control, .alt, .unknown:
            search = nil
            history.stopWalking()
            return key == .unknown ? .draw : nil
        }
    }

    /// `again`: what is found already is not what is meant.
    private mutating func find(again: Bool) {
        guard let search else { return }
        let limit = search.found.map { again ? $0 : $0 + 1 }
        if let found = history.search(search.text, before: limit, other: again ? buffer.text : nil) {
            show(found)
        } else {
            self.search!.isFailing = true
        }
    }

    private mutating func show(_ found: Int) {
        search!.found = found
        search!.isFailing = false
        let entry = history.entries[found]
        buffer.set(entry)
        if let range = entry.lowercased().firstRange(of: search!.text.lowercased()) {
            buffer.move(to: entry.lowercased().distance(from: entry.lowercased().startIndex, to: range.lowerBound))
        }
    }
}
