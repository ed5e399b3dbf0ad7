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

    /// Lines with `margin` blanks in front and two between columns. What would be wider than `rendering` goes on in the
    /// next line, below its own column where there is room for some words: a number that lost digits is another number,
    /// so nothing is cut but a single word that is wider than the whole line.
    func text(margin: Int = 2, _ rendering: Rendering) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], DisplayText.width(of: cell.text))
            }
        }
        return rows.map { lines(of: $0, widths, margin, rendering).map { $0 + "\n" }.joined() }.joined()
    }

    /// Room that is worth to be filled with words.
    private static let leastRoom = 24

    private func lines(of row: [Cell], _ widths: [Int], _ margin: Int, _ rendering: Rendering) -> [String] {
        func styled(_ text: String, _ cell: Cell) -> String {
            rendering.usesColour && !text.isEmpty ? cell.style.applied(to: text) : text
        }
        func blanks(_ count: Int) -> String { String(repeating: " ", count: max(count, 0)) }
        var lines: [String] = []
        var line = blanks(margin)
        var used = margin
        for (column, cell) in row.enumerated() {
            let width = DisplayText.width(of: cell.text)
            let isLast = column == row.count - 1
            let gap = column == 0 ? 0 : 2
            guard let limit = rendering.width, used + gap + max(width, cell.isRight ? widths[column] : 0) > limit else {
                let space = widths[column] - width
                line += blanks(gap) + blanks(cell.isRight ? space : 0) + styled(cell.text, cell)
                line += blanks(cell.isRight || isLast ? 0 : space)
                used += gap + (isLast ? width : widths[column])
                continue
            }
            guard width > 0 else { continue }
            var indent = used + gap
            if isLast, !cell.isRight, limit - indent >= Self.leastRoom {
                line += blanks(gap)
            } else {
                if column > 0 { lines.append(line) }
                indent = margin + 2
                line = blanks(indent)
            }
            let room = max(limit - indent, 1)
            let parts = Self.parts(of: cell.text, room)
            line += styled(parts[0], cell)
            for part in parts.dropFirst() {
                lines.append(line)
                line = blanks(indent) + styled(part, cell)
            }
            used = indent + DisplayText.width(of: parts[parts.count - 1])
        }
        return (lines + [line]).map { line in
            var line = line
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// Broken at blanks alone: a word that is too wide by itself is cut, and shows it.
    private static func parts(of text: String, _ room: Int) -> [String] {
        var parts = [""]
        for word in text.split(separator: " ") {
            let line = parts[parts.count - 1]
            let longer = line.isEmpty ? String(word) : line + " " + word
            if line.isEmpty || DisplayText.width(of: longer) <= room {
                parts[parts.count - 1] = longer
            } else {
                parts.append(String(word))
            }
        }
        return parts.map { DisplayText.cut($0, to: room) }
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
