/// What the editor shows, as a value.
package struct ScreenContent: Hashable, Sendable {
    package var prompt: [StyledText] = []
    /// In front of every further line of the text.
    package var continuation = ""
    package var text: [Character] = []
    package var styles: [StyledRange] = []
    /// A place in the text.
    package var cursor = 0
    /// Faint, behind the text; cut where its row ends.
    package var hint = ""
    /// Rows below the text.
    package var below: [String] = []

    package init() {}
}

/// Where things stand in the terminal since they were drawn: what the next drawing must know about the last one.
package struct Frame: Hashable, Sendable {
    /// The columns that each row took.
    package var widths: [Int]
    package var cursorRow: Int
    package var cursorColumn: Int
}

/// Draws content: a pure function to the text that makes a terminal show it, over what was shown before.
///
/// Rows are broken here and not by the terminal, which leaves every terminal's own idea of its right margin out of it:
/// the same content stands in the same cells everywhere. Each drawing goes to the first row of the last one, clears
/// from there, and writes all rows again; it is a few hundred bytes in one write.
package struct Screen: Sendable {
    package var columns: Int
    package var rows: Int
    package var usesColour: Bool

    package init(columns: Int, rows: Int, usesColour: Bool) {
        self.columns = max(columns, 2)
        self.rows = max(rows, 1)
        self.usesColour = usesColour
    }

    private struct Cell {
        var text: String
        var width: Int
        var style: Style
    }

    private struct Layout {
        var rows: [[Cell]] = [[]]
        var width = 0
        var widths: [Int] { rows.map { $0.reduce(0) { $0 + $1.width } } }

        mutating func add(_ cell: Cell, columns: Int) {
            if width + cell.width > columns, !rows[rows.count - 1].isEmpty { breakRow() }
            rows[rows.count - 1].append(cell)
            width += cell.width
        }

        mutating func breakRow() {
            rows.append([])
            width = 0
        }
    }

    /// The text that draws `content`, and where it then stands. Not more rows than the terminal has: of a longer text,
    /// those around the cursor.
    package func draw(_ content: ScreenContent, over last: Frame? = nil) -> (text: String, frame: Frame) {
        var layout = Layout()
        for piece in content.prompt { add(piece.text, piece.style, to: &layout) }
        var cursor = (row: 0, column: 0)
        let styles = styles(of: content)
        for index in 0...content.text.count {
            if index == content.cursor {
                // At the right margin the cursor stands where the next character will.
                if layout.width >= columns { layout.breakRow() }
                cursor = (layout.rows.count - 1, layout.width)
            }
            guard index < content.text.count else { break }
            let character = content.text[index]
            if character.isNewline {
                layout.breakRow()
                add(content.continuation, .faint, to: &layout)
            } else {
                layout.add(cell(character, styles[index], at: layout.width), columns: columns)
            }
        }
        if !content.hint.isEmpty, layout.width < columns - 1 {
            add(DisplayText.cut(content.hint, to: columns - 1 - layout.width), .faint, to: &layout)
        }
        var shown = layout.rows
        if shown.count > rows {
            let top = max(min(cursor.row - rows + 1, shown.count - rows), 0)
            shown = Array(shown[top..<(top + rows)])
            cursor.row -= top
        }
        for line in content.below.prefix(rows - shown.count) {
            let cut = DisplayText.cut(line, to: columns - 1)
            shown.append([Cell(text: cut, width: DisplayText.width(of: cut), style: .plain)])
        }
        let frame = Frame(
            widths: shown.map { $0.reduce(0) { $0 + $1.width } }, cursorRow: cursor.row, cursorColumn: cursor.column)
        var text = last.map { toOrigin(of: $0) } ?? "\r"
        text += "\u{1b}[J" + shown.map { line(of: $0) }.joined(separator: "\r\n")
        text += up(shown.count - 1 - cursor.row) + "\r" + right(cursor.column)
        return (text, frame)
    }

    /// From where the cursor stands to the beginning of the first row. A terminal that became narrower since has broken
    /// the rows that were too wide for it.
    private func toOrigin(of frame: Frame) -> String {
        func height(_ width: Int) -> Int { max((width + columns - 1) / columns, 1) }
        let above = frame.widths[..<frame.cursorRow].reduce(0) { $0 + height($1) }
        return "\r" + up(above + frame.cursorColumn / columns)
    }

    private func add(_ text: String, _ style: Style, to layout: inout Layout) {
        for character in text {
            if character.isNewline {
                layout.breakRow()
            } else {
                layout.add(cell(character, style, at: layout.width), columns: columns)
            }
        }
    }

    private func cell(_ character: Character, _ style: Style, at column: Int) -> Cell {
        if character == "\t" {
            let width = min(4 - column % 4, max(columns - column, 1))
            return Cell(text: String(repeating: " ", count: width), width: width, style: style)
        }
        let text = DisplayText.sanitized(String(character))
        return Cell(text: text, width: min(DisplayText.width(of: text), columns), style: style)
    }

    private func styles(of content: ScreenContent) -> [Style] {
        var styles = [Style](repeating: .plain, count: content.text.count)
        guard usesColour else { return styles }
        for span in content.styles {
            for index in span.range.clamped(to: 0..<styles.count) { styles[index] = span.style }
        }
        return styles
    }

    /// Neighbours of one style share its escapes.
    private func line(of cells: [Cell]) -> String {
        var text = ""
        var run = ""
        var style = Style.plain
        for cell in cells {
            if cell.style != style {
                text += styled(run, style)
                (run, style) = ("", cell.style)
            }
            run += cell.text
        }
        return text + styled(run, style)
    }

    private func styled(_ text: String, _ style: Style) -> String { usesColour ? style.applied(to: text) : text }

    private func up(_ count: Int) -> String { count > 0 ? "\u{1b}[\(count)A" : "" }
    private func right(_ count: Int) -> String { count > 0 ? "\u{1b}[\(count)C" : "" }
}

/// Words in columns, the way `ls` fills them: down, then across.
package enum ColumnList {
    /// Rows of at most `columns`; of more rows than `limit`, the last says how many words are left out.
    package static func rows(of words: [String], columns: Int, limit: Int) -> [String] {
        guard !words.isEmpty, limit > 0 else { return [] }
        let words = words.map { DisplayText.sanitized($0) }
        let width = (words.map(DisplayText.width(of:)).max() ?? 0) + 2
        let across = max((columns + 1) / width, 1)
        var height = (words.count + across - 1) / across
        var shown = words.count
        if height > limit {
            height = max(limit - 1, 1)
            shown = height * across
        }
        var rows = (0..<height).map { row in
            var line = ""
            for index in stride(from: row, to: shown, by: height) {
                line += words[index]
                if index + height < shown {
                    line += String(repeating: " ", count: width - DisplayText.width(of: words[index]))
                }
            }
            return line
        }
        if shown < words.count { rows = Array(rows.prefix(limit - 1)) + ["and \(words.count - shown) more"] }
        return rows
    }
}
