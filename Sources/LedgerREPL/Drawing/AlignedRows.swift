/// Rows of cells in columns, for drawings that are no tables.
struct AlignedRows {
    struct Cell {
        var text: String
        var isRight: Bool
        var style: Style

        init(_ text: String, isRight: Bool = false, _ style: Style = .plain) {
            self.text = text
            self.isRight = isRight
            self.style = style
        }
    }

    var rows: [[Cell]] = []

    /// Lines with `margin` blanks in front and two between columns; cut where they would be wider than `rendering`.
    func text(margin: Int = 2, _ rendering: Rendering) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], DisplayText.width(of: cell.text))
            }
        }
        var text = ""
        for row in rows {
            var line = String(repeating: " ", count: margin)
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - DisplayText.width(of: cell.text))
                let shown = rendering.usesColour ? cell.style.applied(to: cell.text) : cell.text
                let isLast = column == row.count - 1
                line += cell.isRight ? space + shown : shown + (isLast ? "" : space)
                if !isLast { line += "  " }
            }
            while line.last == " " { line.removeLast() }
            text += (rendering.width.map { DisplayText.cutStyled(line, to: $0) } ?? line) + "\n"
        }
        return text
    }
}

/// A duration in the two largest units that tell it: `27d 3h`, `9m 59s`, `12s`.
enum SpanText {
    static func text(seconds: Int64) -> String {
        let units: [(Int64, String)] = [(86400, "d"), (3600, "h"), (60, "m"), (1, "s")]
        var rest = max(seconds, 0)
        var words: [String] = []
        for (index, unit) in units.enumerated() where rest >= unit.0 || (index == units.count - 1 && words.isEmpty) {
            words.append("\(rest / unit.0)\(unit.1)")
            rest %= unit.0
            guard words.count == 1, index + 1 < units.count else { break }
            let next = units[index + 1]
            if rest >= next.0 { words.append("\(rest / next.0)\(next.1)") }
            break
        }
        return words.joined(separator: " ")
    }
}
