/// Text that has colours in it: what it takes on a screen without them.
extension DisplayText {
    /// Rows that lines take where they are broken every `columns` columns.
    package static func height(of text: String, columns: Int) -> Int {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        return lines.reduce(0) { $0 + max((width(of: withoutStyles(String($1))) + columns - 1) / max(columns, 1), 1) }
    }

    /// Without the sequences that begin with ESC and end with `m`.
    static func withoutStyles(_ text: String) -> String {
        guard text.utf8.contains(0x1b) else { return text }
        var result = String.UnicodeScalarView()
        var isEscape = false
        for scalar in text.unicodeScalars {
            if scalar.value == 0x1b {
                isEscape = true
            } else if isEscape {
                isEscape = scalar != "m"
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    /// The lines of a text in a window of so many columns and rows: each cut where it is too wide, and where there are
    /// more than fit, the last one says how many are left out.
    package static func fitted(_ text: String, columns: Int, rows: Int) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        if lines.count > rows {
            let kept = max(rows - 1, 0)
            lines = rows > 0 ? Array(lines.prefix(kept)) + ["and \(lines.count - kept) lines more"] : []
        }
        return lines.map { cutStyled($0, to: columns) }
    }

    /// At most `limit` columns of a line, its colours whole.
    package static func cutStyled(_ line: String, to limit: Int) -> String {
        if width(of: withoutStyles(line)) <= limit { return line }
        guard limit > 0 else { return "" }
        var result = ""
        var used = 0
        var isEscape = false
        for character in line {
            if character == "\u{1b}" { isEscape = true }
            if isEscape {
                result.append(character)
                isEscape = character != "m"
                continue
            }
            let next = width(of: character)
            guard used + next <= limit - 1 else { break }
            result.append(character)
            used += next
        }
        return result + "…" + (line.utf8.contains(0x1b) ? "\u{1b}[0m" : "")
    }
}
