/// A terminal as far as programs here use one: what they wrote, and what it looks like then. It knows the text cursor,
/// the right margin (a full row waits for the next character before it breaks), scrolling, wide and combining
/// characters, and the few escape sequences that are written; any other fails loudly by ending up in `unknown`.
package struct TerminalModel: Sendable {
    package struct Cell: Hashable, Sendable {
        /// Empty behind a wide character.
        package var text = " "
        /// The parameters of the last SGR sequence.
        package var style = ""
    }

    package private(set) var columns: Int
    package private(set) var rows: Int
    package private(set) var cells: [[Cell]]
    package private(set) var row = 0
    package private(set) var column = 0
    /// Rows that were scrolled away.
    package private(set) var scrolledAway: [String] = []
    package private(set) var bells = 0
    package private(set) var isPasteMarked = false
    /// Escape sequences that the model does not know.
    package private(set) var unknown: [String] = []

    private var isAtMargin = false
    private var style = ""
    private var escape: [UInt8]?
    private var pending: [UInt8] = []

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        cells = Array(repeating: Array(repeating: Cell(), count: columns), count: rows)
    }

    /// What stands in each row, without the blanks at its end; no rows below the last that has anything.
    package var lines: [String] {
        var lines = cells.map(Self.text)
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    package var text: String { lines.joined(separator: "\n") }

    /// Everything since the beginning.
    package var everything: String { (scrolledAway + lines).joined(separator: "\n") }

    private static func text(of row: [Cell]) -> String {
        var text = row.map(\.text).joined()
        while text.last == " " { text.removeLast() }
        return text
    }

    /// Another size, the way terminals without reflow do it: what is outside is gone.
    package mutating func resize(columns: Int, rows: Int) {
        while row >= rows {
            scrolledAway.append(Self.text(of: cells.removeFirst()))
            row -= 1
        }
        cells = (0..<rows).map { index in
            let old = index < cells.count ? cells[index] : []
            return Array(old.prefix(columns)) + Array(repeating: Cell(), count: max(columns - old.count, 0))
        }
        self.columns = columns
        self.rows = rows
        column = min(column, columns - 1)
        isAtMargin = false
    }

    package mutating func write(_ text: String) { write(Array(text.utf8)) }

    package mutating func write(_ bytes: [UInt8]) {
        for byte in bytes { take(byte) }
    }

    private mutating func take(_ byte: UInt8) {
        if escape != nil {
            escape!.append(byte)
            if escape!.count == 1 ? byte != UInt8(ascii: "[") : (0x40..<0x7f).contains(byte) { endEscape() }
            return
        }
        switch byte {
        case 0x1b: escape = []
        case 0x07: bells += 1
        case 0x08: if column > 0 { column -= 1 }
        case 0x0d:
            column = 0
            isAtMargin = false
        case 0x0a: lineFeed()
        case 0..<0x20: unknown.append("control \(byte)")
        default:
            pending.append(byte)
            let needed =
                switch pending[0] {
                case ..<0x80: 1
                case ..<0xe0: 2
                case ..<0xf0: 3
                default: 4
                }
            guard pending.count >= needed else { return }
            for scalar in String(decoding: pending, as: UTF8.self).unicodeScalars { put(scalar) }
            pending = []
        }
    }

    private mutating func lineFeed() {
        isAtMargin = false
        guard row == rows - 1 else {
            row += 1
            return
        }
        scrolledAway.append(Self.text(of: cells.removeFirst()))
        cells.append(Array(repeating: Cell(), count: columns))
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        let width = Self.width(of: scalar)
        if width == 0 {
            let place = isAtMargin ? column : max(column - 1, 0)
            cells[row][place].text.unicodeScalars.append(scalar)
            return
        }
        if isAtMargin || column + width > columns {
            column = 0
            lineFeed()
        }
        cells[row][column] = Cell(text: String(scalar), style: style)
        if width == 2 { cells[row][column + 1] = Cell(text: "", style: style) }
        column += width
        if column >= columns {
            column = columns - 1
            isAtMargin = true
        }
    }

    private static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xff00...0xff60, 0x1f300...0x1faff:
            return 2
        default: return 1
        }
    }

    private mutating func endEscape() {
        let sequence = String(decoding: escape!, as: UTF8.self)
        escape = nil
        guard sequence.hasPrefix("["), let final = sequence.last else {
            unknown.append(sequence)
            return
        }
        let inner = sequence.dropFirst().dropLast()
        let number = Int(inner) ?? 1
        switch final {
        case "A": row = max(row - number, 0)
        case "B": row = min(row + number, rows - 1)
        case "C": column = min(column + number, columns - 1)
        case "D": column = max(column - number, 0)
        case "H": (row, column) = (0, 0)
        case "J":
            if inner == "2" {
                cells = Array(repeating: Array(repeating: Cell(), count: columns), count: rows)
            } else {
                clear(row, from: column)
                for below in (row + 1)..<max(rows, row + 1) { clear(below, from: 0) }
            }
        case "K": clear(row, from: column)
        case "m": style = inner == "0" ? "" : String(inner)
        case "h" where inner == "?2004": isPasteMarked = true
        case "l" where inner == "?2004": isPasteMarked = false
        default: unknown.append(sequence)
        }
        if "ABCDH".contains(final) { isAtMargin = false }
    }

    private mutating func clear(_ row: Int, from column: Int) {
        for place in column..<columns { cells[row][place] = Cell() }
    }
}
