/// Text being edited, and the cursor in it. Pure; every operation leaves the cursor between two characters (as people
/// count them: an accent or a family of emoji is no place for a cursor).
package struct EditBuffer: Hashable, Sendable {
    package private(set) var characters: [Character] = []
    /// 0 is before the first character.
    package private(set) var cursor = 0
    /// What was cut last (C-k, C-u, C-w …), for C-y.
    package private(set) var cut = ""
    /// Cuts that follow each other without anything in between belong together.
    private var isCutting = false
    private var undone: [Moment] = []

    private struct Moment: Hashable {
        var characters: [Character]
        var cursor: Int
    }

    private static let mostUndone = 200

    package init(_ text: String = "") { set(text) }

    package var text: String { String(characters) }
    package var isEmpty: Bool { characters.isEmpty }
    package var beforeCursor: String { String(characters[..<cursor]) }
    package var isAtEnd: Bool { cursor == characters.count }

    /// Another text, the cursor behind it. What was cut stays.
    package mutating func set(_ text: String) {
        characters = Array(text)
        cursor = characters.count
        undone = []
        isCutting = false
    }

    // MARK: Insertion

    package mutating func insert(_ text: String) {
        guard !text.isEmpty else { return }
        remember()
        isCutting = false
        splice(text)
    }

    /// Marks that modify join the character before the cursor, and may join the one behind.
    private mutating func splice(_ text: String) {
        let start = max(cursor - 1, 0)
        let end = min(cursor + 1, characters.count)
        let left = String(characters[start..<cursor]) + text
        let pieces = Array(left + String(characters[cursor..<end]))
        characters.replaceSubrange(start..<end, with: pieces)
        cursor = start + min(left.count, pieces.count)
    }

    /// Replaces the `length` characters before the cursor.
    package mutating func replaceBeforeCursor(_ length: Int, with text: String) {
        remember()
        isCutting = false
        let start = max(cursor - length, 0)
        characters.removeSubrange(start..<cursor)
        cursor = start
        splice(text)
    }

    // MARK: Deletion

    package mutating func backspace() { remove(max(cursor - 1, 0)..<cursor) }
    package mutating func delete() { remove(cursor..<min(cursor + 1, characters.count)) }

    private mutating func remove(_ range: Range<Int>) {
        isCutting = false
        guard !range.isEmpty else { return }
        remember()
        characters.removeSubrange(range)
        cursor = range.lowerBound
    }

    /// To the end of the line; at its end, the line end itself.
    package mutating func cutToLineEnd() {
        let end = lineEnd(from: cursor)
        cutOut(cursor..<(end == cursor ? min(end + 1, characters.count) : end), isForward: true)
    }

    package mutating func cutToLineStart() {
        let start = lineStart(from: cursor)
        cutOut((start == cursor ? max(start - 1, 0) : start)..<cursor, isForward: false)
    }

    /// Back to a blank, as C-w does in shells.
    package mutating func cutToBlank() {
        var start = cursor
        while start > 0, characters[start - 1].isWhitespace { start -= 1 }
        while start > 0, !characters[start - 1].isWhitespace { start -= 1 }
        cutOut(start..<cursor, isForward: false)
    }

    package mutating func cutWordBack() { cutOut(wordStart..<cursor, isForward: false) }
    package mutating func cutWordForward() { cutOut(cursor..<wordEnd, isForward: true) }

    private mutating func cutOut(_ range: Range<Int>, isForward: Bool) {
        guard !range.isEmpty else { return }
        remember()
        let piece = String(characters[range])
        cut = isCutting ? (isForward ? cut + piece : piece + cut) : piece
        characters.removeSubrange(range)
        cursor = range.lowerBound
        isCutting = true
    }

    package mutating func yank() { insert(cut) }

    /// The character before the cursor and the one behind it change places; at the end, the last two.
    package mutating func transpose() {
        isCutting = false
        guard characters.count >= 2, cursor > 0 else { return }
        remember()
        let second = min(cursor, characters.count - 1)
        characters.swapAt(second - 1, second)
        cursor = second + 1
    }

    /// From the cursor to the end of the word.
    package mutating func changeCase(_ change: (String) -> String) {
        isCutting = false
        let range = cursor..<wordEnd
        guard !range.isEmpty else { return }
        remember()
        let changed = Array(change(String(characters[range])))
        characters.replaceSubrange(range, with: changed)
        cursor = range.lowerBound + changed.count
    }

    package mutating func undo() {
        isCutting = false
        guard let moment = undone.popLast() else { return }
        (characters, cursor) = (moment.characters, moment.cursor)
    }

    private mutating func remember() {
        undone.append(Moment(characters: characters, cursor: cursor))
        if undone.count > Self.mostUndone { undone.removeFirst() }
    }

    // MARK: Movement

    package mutating func moveLeft() { move(to: cursor - 1) }
    package mutating func moveRight() { move(to: cursor + 1) }
    package mutating func moveToLineStart() { move(to: lineStart(from: cursor)) }
    package mutating func moveToLineEnd() { move(to: lineEnd(from: cursor)) }
    package mutating func moveToStart() { move(to: 0) }
    package mutating func moveToEnd() { move(to: characters.count) }
    package mutating func moveWordLeft() { move(to: wordStart) }
    package mutating func moveWordRight() { move(to: wordEnd) }

    package mutating func move(to place: Int) {
        isCutting = false
        cursor = min(max(place, 0), characters.count)
    }

    /// False on the first line: there is none above.
    package mutating func moveUp() -> Bool {
        let start = lineStart(from: cursor)
        guard start > 0 else { return false }
        let above = lineStart(from: start - 1)
        move(to: min(above + cursor - start, start - 1))
        return true
    }

    /// False on the last line.
    package mutating func moveDown() -> Bool {
        let end = lineEnd(from: cursor)
        guard end < characters.count else { return false }
        let column = cursor - lineStart(from: cursor)
        move(to: min(end + 1 + column, lineEnd(from: end + 1)))
        return true
    }

    private func lineStart(from place: Int) -> Int {
        characters[..<place].lastIndex { $0.isNewline }.map { $0 + 1 } ?? 0
    }

    private func lineEnd(from place: Int) -> Int {
        characters[place...].firstIndex { $0.isNewline } ?? characters.count
    }

    /// A word is letters and digits; `_` is a part of ids.
    private static func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }

    private var wordStart: Int {
        var place = cursor
        while place > 0, !Self.isWord(characters[place - 1]) { place -= 1 }
        while place > 0, Self.isWord(characters[place - 1]) { place -= 1 }
        return place
    }

    private var wordEnd: Int {
        var place = cursor
        while place < characters.count, !Self.isWord(characters[place]) { place += 1 }
        while place < characters.count, Self.isWord(characters[place]) { place += 1 }
        return place
    }
}
