import LedgerREPL
import LedgerTestKit
import Testing

private func content(_ text: String, cursor: Int? = nil, prompt: String = "> ", hint: String = "") -> ScreenContent {
    var content = ScreenContent()
    content.prompt = [StyledText(prompt, .prompt)]
    content.continuation = ". "
    content.text = Array(text)
    content.cursor = cursor ?? content.text.count
    content.hint = hint
    return content
}

/// A terminal and what is drawn in it, one content over the other.
private struct Drawing {
    var terminal: TerminalModel
    var frame: Frame?
    var usesColour = false

    init(_ columns: Int, _ rows: Int) { terminal = TerminalModel(columns: columns, rows: rows) }

    mutating func draw(_ content: ScreenContent) {
        let screen = Screen(columns: terminal.columns, rows: terminal.rows, usesColour: usesColour)
        let (text, next) = screen.draw(content, over: frame)
        terminal.write(text)
        frame = next
    }
}

@Suite struct `A line in a terminal` {
    @Test func `prompt, text, and the cursor in it`() {
        var drawing = Drawing(20, 5)
        drawing.draw(content("PING", cursor: 1))
        #expect(drawing.terminal.lines == ["> PING"])
        #expect((drawing.terminal.row, drawing.terminal.column) == (0, 3))
        #expect(drawing.terminal.unknown == [])
    }

    @Test func `long text breaks at the margin, and the cursor is where the next character will be`() {
        var drawing = Drawing(10, 5)
        drawing.draw(content("abcdefgh"))
        #expect(drawing.terminal.lines == ["> abcdefgh"])
        #expect((drawing.terminal.row, drawing.terminal.column) == (1, 0))
        drawing.draw(content("abcdefghi"))
        #expect(drawing.terminal.lines == ["> abcdefgh", "i"])
        #expect((drawing.terminal.row, drawing.terminal.column) == (1, 1))
        drawing.draw(content("abc"))
        #expect(drawing.terminal.lines == ["> abc"])
    }

    @Test func `wide characters are never cut in two, marks take no room`() {
        var drawing = Drawing(10, 5)
        drawing.draw(content("abcdefg木村"))
        #expect(drawing.terminal.lines == ["> abcdefg", "木村"])
        #expect((drawing.terminal.row, drawing.terminal.column) == (1, 4))
        drawing.draw(content("e\u{301}x", cursor: 1))
        #expect(drawing.terminal.lines == ["> e\u{301}x"])
        #expect(drawing.terminal.column == 3)
    }

    @Test func `lines stand below each other`() {
        var drawing = Drawing(20, 5)
        drawing.draw(content("one\ntwo", cursor: 5))
        #expect(drawing.terminal.lines == ["> one", ". two"])
        #expect((drawing.terminal.row, drawing.terminal.column) == (1, 3))
    }

    @Test func `text that is higher than the terminal shows the rows around the cursor`() {
        var drawing = Drawing(20, 3)
        let text = (1...9).map(String.init).joined(separator: "\n")
        drawing.draw(content(text))
        #expect(drawing.terminal.lines == [". 7", ". 8", ". 9"])
        drawing.draw(content(text, cursor: 0))
        #expect(drawing.terminal.lines == ["> 1", ". 2", ". 3"])
        #expect((drawing.terminal.row, drawing.terminal.column) == (0, 2))
        #expect(drawing.terminal.scrolledAway == [])
    }

    @Test func `at the bottom things scroll, and the next drawing is over the last`() {
        var drawing = Drawing(20, 4)
        drawing.terminal.write("1\r\n2\r\n3\r\n")
        drawing.draw(content("a\nb\nc"))
        #expect(drawing.terminal.lines == ["3", "> a", ". b", ". c"])
        drawing.draw(content("x"))
        #expect(drawing.terminal.lines == ["3", "> x"])
    }

    @Test func `a hint is cut where its row ends, and rows below are cut as well`() {
        var drawing = Drawing(12, 4)
        var hinted = content("PING", hint: " user amount source")
        hinted.below = ["a very long candidate", "b", "c", "d", "e"]
        drawing.draw(hinted)
        #expect(drawing.terminal.lines == ["> PING use…", "a very lon…", "b", "c"])
        #expect((drawing.terminal.row, drawing.terminal.column) == (0, 6))
    }

    @Test func `colours are those of the parts, and off where they are not wanted`() {
        var coloured = content("PING 1")
        coloured.styles = [StyledRange(0..<4, .command), StyledRange(5..<6, .number)]
        var drawing = Drawing(20, 2)
        drawing.usesColour = true
        drawing.draw(coloured)
        #expect(drawing.terminal.cells[0].prefix(9).map(\.style) == ["1", "1", "1", "1", "1", "1", "", "35", ""])
        let plain = Screen(columns: 20, rows: 2, usesColour: false).draw(coloured).text
        #expect(!plain.contains("m"))
    }

    @Test func `control characters do nothing to the terminal`() {
        var drawing = Drawing(40, 3)
        drawing.draw(content("a\u{7}b\u{1b}[2Jc\td\u{202e}e"))
        #expect(drawing.terminal.lines == [#"> a\x07b\x1b[2Jc    d\u{202e}e"#])
        #expect(drawing.terminal.bells == 0)
        #expect(drawing.terminal.unknown == [])
    }

    @Test func `after another width it is drawn anew, over the rows that the terminal broke`() {
        let screen = Screen(columns: 10, rows: 8, usesColour: false)
        let wide = Screen(columns: 40, rows: 8, usesColour: false)
        let (_, frame) = wide.draw(content("abcdefghijklmnopqrst"))
        // 22 columns are three rows of ten now, and the cursor is in the third.
        #expect(screen.draw(content("x"), over: frame).text.hasPrefix("\r\u{1b}[2A\u{1b}[J"))
    }

    @Test func `whatever is drawn over whatever, the terminal shows the last content alone`() {
        var random = SeededGenerator(seed: 3)
        let alphabet = ["a", "b", " ", "木", "é", "e\u{301}", "\n", "\t", "🙂"]
        for _ in 0..<300 {
            let (columns, rows) = (Int.random(in: 8...30, using: &random), Int.random(in: 4...12, using: &random))
            var drawing = Drawing(columns, rows)
            for _ in 0..<8 {
                let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    alphabet.randomElement(using: &random)!
                }
                var next = content(text.joined(), hint: Bool.random(using: &random) ? "hint" : "")
                next.cursor = Int.random(in: 0...next.text.count, using: &random)
                next.below = Bool.random(using: &random) ? ["one", "two"] : []
                drawing.draw(next)
                var alone = Drawing(columns, rows)
                alone.draw(next)
                let height = alone.frame!.widths.count
                #expect(
                    drawing.terminal.lines.suffix(height) == alone.terminal.lines.suffix(height)
                        || drawing.terminal.lines.count < height)
                #expect(drawing.terminal.column == alone.terminal.column)
                #expect(drawing.terminal.unknown == [])
            }
        }
    }
}

@Suite struct `A list in columns` {
    @Test func `goes down, then across, and says what it leaves out`() {
        #expect(ColumnList.rows(of: ["a", "bb", "c", "d", "e"], columns: 9, limit: 5) == ["a   d", "bb  e", "c"])
        #expect(ColumnList.rows(of: ["a", "b"], columns: 1, limit: 5) == ["a", "b"])
        let many = (0..<100).map { "w\($0)" }
        #expect(ColumnList.rows(of: many, columns: 10, limit: 3) == ["w0   w2", "w1   w3", "and 96 more"])
        #expect(ColumnList.rows(of: [], columns: 10, limit: 3) == [])
    }
}
