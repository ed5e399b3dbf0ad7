import LedgerREPL
import LedgerTestKit
import Testing

/// A buffer written with `|` for the cursor.
private func buffer(_ text: String) -> EditBuffer {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false)
    var buffer = EditBuffer(parts.joined())
    buffer.move(to: parts[0].count)
    return buffer
}

private func shown(_ buffer: EditBuffer) -> String {
    var characters = buffer.characters
    characters.insert("|", at: buffer.cursor)
    return String(characters)
}

private func after(_ text: String, _ change: (inout EditBuffer) -> Void) -> String {
    var buffer = buffer(text)
    change(&buffer)
    return shown(buffer)
}

@Suite struct `A line being edited` {
    @Test func `text goes in at the cursor`() {
        #expect(after("ab|c") { $0.insert("xy") } == "abxy|c")
        #expect(after("|") { $0.insert("木") } == "木|")
    }

    @Test func `marks join the character before them, and the cursor is never within one`() {
        #expect(after("e|x") { $0.insert("\u{301}") } == "e\u{301}|x")
        var family = buffer("|")
        for scalar in "👩‍👩‍👧".unicodeScalars { family.insert(String(scalar)) }
        #expect(family.characters.count == 1 && family.cursor == 1)
        family.backspace()
        #expect(family.isEmpty)
    }

    @Test func `characters go, before and behind`() {
        #expect(after("ab|c") { $0.backspace() } == "a|c")
        #expect(after("|abc") { $0.backspace() } == "|abc")
        #expect(after("ab|c") { $0.delete() } == "ab|")
        #expect(after("abc|") { $0.delete() } == "abc|")
    }

    @Test func `cuts of a line`() {
        #expect(after("one t|wo\nx") { $0.cutToLineEnd() } == "one t|\nx")
        #expect(after("one|\ntwo") { $0.cutToLineEnd() } == "one|two")
        #expect(after("a\none t|wo") { $0.cutToLineStart() } == "a\n|wo")
        #expect(after("a\n|wo") { $0.cutToLineStart() } == "a|wo")
        #expect(after("credit charge u_1  |x") { $0.cutToBlank() } == "credit charge |x")
        #expect(after("credit charge-it u_1|") { $0.cutWordBack() } == "credit charge-it |")
        #expect(after("a.b|") { $0.cutWordBack() } == "a.|")
        #expect(after("|one, two") { $0.cutWordForward() } == "|, two")
    }

    @Test func `what was cut comes back, and cuts in a row come back as one`() {
        #expect(
            after("one two three|") {
                $0.cutToBlank()
                $0.cutToBlank()
                $0.moveToStart()
                $0.yank()
            } == "two three|one ")
        #expect(
            after("one two|") {
                $0.cutToBlank()
                $0.moveLeft()
                $0.cutToBlank()
                $0.yank()
            } == "one| ")
        #expect(
            after("|abc def") {
                $0.cutWordForward()
                $0.cutToLineEnd()
                $0.yank()
            } == "abc def|")
    }

    @Test func `neighbours change places`() {
        #expect(after("ab|c") { $0.transpose() } == "acb|")
        #expect(after("abc|") { $0.transpose() } == "acb|")
        #expect(after("|abc") { $0.transpose() } == "|abc")
        #expect(after("a|") { $0.transpose() } == "a|")
    }

    @Test func `words, lines, and case`() {
        #expect(after("one two|") { $0.moveWordLeft() } == "one |two")
        #expect(after("one| two") { $0.moveWordRight() } == "one two|")
        #expect(after("a\nb|c\nd") { $0.moveToLineStart() } == "a\n|bc\nd")
        #expect(after("a\nb|c\nd") { $0.moveToLineEnd() } == "a\nbc|\nd")
        #expect(after("|credit x") { $0.changeCase { $0.uppercased() } } == "CREDIT| x")
    }

    @Test func `up and down keep the column where they can`() {
        #expect(after("abcd\nx\nabc|d") { _ = $0.moveUp() } == "abcd\nx|\nabcd")
        #expect(after("ab|cd\nxyz") { _ = $0.moveDown() } == "abcd\nxy|z")
        var first = buffer("a|b")
        #expect(!first.moveUp() && !first.moveDown())
    }

    @Test func `undo goes back step by step`() {
        var line = buffer("|")
        line.insert("a")
        line.insert("b")
        line.cutToLineStart()
        line.undo()
        #expect(shown(line) == "ab|")
        line.undo()
        #expect(shown(line) == "a|")
        line.undo()
        line.undo()
        #expect(shown(line) == "|")
    }

    @Test func `whatever is done, the cursor stays in the text, and the text is what a naive editor has`() {
        var random = SeededGenerator(seed: 4)
        let operations: [(inout EditBuffer) -> Void] = [
            { $0.backspace() }, { $0.delete() }, { $0.cutToLineEnd() }, { $0.cutToLineStart() }, { $0.cutToBlank() },
            { $0.cutWordBack() }, { $0.cutWordForward() }, { $0.yank() }, { $0.transpose() }, { $0.moveLeft() },
            { $0.moveRight() }, { $0.moveWordLeft() }, { $0.moveWordRight() }, { _ = $0.moveUp() },
            { _ = $0.moveDown() }, { $0.undo() }, { $0.moveToLineStart() }, { $0.moveToLineEnd() },
            { $0.replaceBeforeCursor(2, with: "xyz") },
        ]
        for _ in 0..<200 {
            var buffer = EditBuffer()
            for _ in 0..<60 {
                if Bool.random(using: &random) {
                    let text = ["a", " ", "\n", "é", "\u{301}", "木", "🇩", "👩", "\u{200d}"].randomElement(
                        using: &random)!
                    buffer.insert(text)
                } else {
                    operations.randomElement(using: &random)!(&buffer)
                }
                #expect((0...buffer.characters.count).contains(buffer.cursor))
                // Characters stay those that the text has: none in pieces, none stuck together.
                #expect(Array(buffer.text).count <= buffer.characters.count)
            }
        }
    }
}
