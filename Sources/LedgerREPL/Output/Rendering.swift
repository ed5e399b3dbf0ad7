package import RESP

/// Draws answers: tables for people, tab-separated lines for programs.
///
/// For people a map is a table of two columns, an array of maps a table with a column per field, numbers at the right.
/// Where the table is wider than the terminal, columns with nothing in them are left out, times are shortened, only the
/// fields that matter most are shown, text is cut, in this order and no more of it than helps; what is not shown is
/// named below. Numbers and secrets are never cut; when that does not help either, the rows are drawn one below the
/// other, each whole. Fields that hold tables or text of several lines follow the table.
package struct Rendering: Sendable {
    package enum Layout: Sendable, Hashable {
        /// For people; `width` in columns, nil for as wide as it takes.
        case tables(width: Int?)
        /// For programs: `field<TAB>value` lines for a map, a header and tab-separated rows for an array of maps, and
        /// a line `CURSOR<TAB>c` behind a page that is not the last.
        case tabs
        /// For programs: one value of JSON a line, see ``Rendering/json(of:)``.
        case json
    }

    package var layout: Layout
    package var usesColour: Bool
    /// Box drawing characters; without, `|`, `-` and `+`.
    package var usesUnicode: Bool
    /// The fields of a list that matter most; empty: all the same.
    package var brief: [String] = []
    /// Times of this year are shown without it where room is short.
    package var thisYear: Int?
    /// The command that shows an answer whole: said below what had to be cut.
    package var whole: String?
    /// The terminal's height, for what is drawn to fit it.
    package var rows: Int?

    package init(layout: Layout, usesColour: Bool = false, usesUnicode: Bool = true) {
        self.layout = layout
        self.usesColour = usesColour
        self.usesUnicode = usesUnicode
    }

    /// The terminal's, where there is one.
    var width: Int? { if case .tables(let width) = layout { width } else { nil } }

    /// The answer as lines, each with its line end. Errors are drawn too; where they belong is the caller's business.
    package func text(of value: RESPValue) -> String {
        switch layout {
        case .tables(let width): tables(value.plain, width: width)
        case .tabs: tabs(value.plain)
        case .json: Self.json(of: value) + "\n"
        }
    }

    static let null = "(null)"
    private static let nothing = "(empty)\n"

    // MARK: For people

    private func tables(_ value: RESPValue, width: Int?) -> String {
        switch value {
        case .error(let error): return self.error(error)
        case .map(let pairs): return pairs.isEmpty ? Self.nothing : record(pairs, width: width)
        case .array(let items), .set(let items), .push(let items):
            guard !items.isEmpty else { return Self.nothing }
            if let rows = Self.rows(of: items) { return list(rows, width: width) }
            if let page = Self.page(of: items) {
                let table = page.rows.isEmpty ? Self.nothing : list(page.rows, width: width)
                return table + (page.more.map { "(more: CURSOR \($0))\n" } ?? "")
            }
            return items.map { inline($0.plain, isNested: false) + "\n" }.joined()
        case .bulk(let bytes), .verbatim(_, let bytes):
            return ended(DisplayText.sanitized(bytes, multiline: true))
        case .simple, .integer, .null, .boolean, .double, .bigNumber, .attributed: return coloured(cell(value)) + "\n"
        }
    }

    private func error(_ error: RESPError) -> String {
        let code = DisplayText.sanitized(error.code)
        let message = DisplayText.sanitized(error.message)
        let text = code.isEmpty ? message : code + " " + message
        let lines = width.map { DisplayText.wrapped(text, to: $0, indent: 0) } ?? text
        guard usesColour else { return lines + "\n" }
        return code.isEmpty
            ? "\u{1b}[31m\(lines)\u{1b}[0m\n" : "\u{1b}[1;31m\(code)\u{1b}[0m\(lines.dropFirst(code.count))\n"
    }

    /// A table, and how many rows it has.
    private func list(_ rows: [[RESPPair]], width: Int?) -> String {
        let (table, hidden, isCut) = grid(rows, width: width)
        let count = "(" + (rows.count == 1 ? "1 row" : "\(rows.count) rows")
        var note = hidden.isEmpty ? "" : "; not shown: " + hidden.joined(separator: ", ")
        if let whole, isCut || !hidden.isEmpty { note += "; \(whole) shows all" }
        return table + DisplayText.wrapped(count + note + ")", to: width, indent: 1) + "\n"
    }

    /// Two columns, then what does not fit into a cell, under its name.
    private func record(_ pairs: [RESPPair], width: Int?) -> String {
        var fields: [(name: String, cell: Cell)] = []
        var sections = ""
        for pair in pairs {
            let name = inline(pair.key.plain, isNested: false)
            if let block = block(pair.value.plain, width: width) {
                sections += name + ":\n" + block
            } else {
                fields.append((name, cell(pair.value.plain)))
            }
        }
        let names = fields.map { DisplayText.width(of: $0.name) }.max() ?? 0
        var text = ""
        for field in fields {
            var name = styled(padded(field.name, to: names), "1")
            // Nothing is cut here: there is all the room below.
            let room = width.map { max($0 - names - 3, 8) }
            let lines = field.cell.isProtected ? [field.cell.text] : wrapped(field.cell.text, to: room)
            for line in lines {
                text += name + bar + coloured(Cell(text: line, kind: field.cell.kind)) + "\n"
                name = String(repeating: " ", count: names)
            }
        }
        return text + sections
    }

    private func wrapped(_ text: String, to width: Int?) -> [String] {
        width.map { DisplayText.wrapped(text, to: $0) } ?? [text]
    }

    /// Text of a value that deserves lines of its own: tables within tables, and text of several lines.
    private func block(_ value: RESPValue, width: Int?) -> String? {
        switch value {
        case .map(let pairs) where !pairs.isEmpty:
            return indented(record(pairs, width: width.map { $0 - 2 }))
        case .array(let items), .set(let items):
            guard let rows = Self.rows(of: items) else { return nil }
            let (table, hidden, isCut) = grid(rows, width: width.map { $0 - 2 })
            var notes = hidden.isEmpty ? [] : ["not shown: " + hidden.joined(separator: ", ")]
            if let whole, isCut || !hidden.isEmpty { notes.append("\(whole) shows all") }
            guard !notes.isEmpty else { return indented(table) }
            let note = "(" + notes.joined(separator: "; ") + ")"
            return indented(table + DisplayText.wrapped(note, to: width.map { $0 - 2 }, indent: 1) + "\n")
        case .bulk(let bytes), .verbatim(_, let bytes):
            guard bytes.dropLast().contains(0x0a) else { return nil }
            return indented(ended(DisplayText.sanitized(bytes, multiline: true)))
        case .map, .simple, .error, .integer, .null, .boolean, .double, .bigNumber, .push, .attributed: return nil
        }
    }

    /// The rows of an array that holds nothing but maps.
    static func rows(of items: [RESPValue]) -> [[RESPPair]]? {
        guard !items.isEmpty else { return nil }
        var rows: [[RESPPair]] = []
        for item in items {
            guard case .map(let pairs) = item.plain else { return nil }
            rows.append(pairs)
        }
        return rows
    }

    /// `[cursor, [map, …]]`, as lists answer; cursor 0 says that there is no more.
    static func page(of items: [RESPValue]) -> (rows: [[RESPPair]], more: String?)? {
        guard items.count == 2, let cursor = items[0].string, case .array(let listed) = items[1].plain,
            let rows = listed.isEmpty ? [] : rows(of: listed)
        else { return nil }
        return (rows, cursor == "0" ? nil : DisplayText.sanitized(cursor))
    }

    /// Names of all columns in the order of their first appearance, and each row's cells under them.
    private func columns(of rows: [[RESPPair]]) -> (names: [String], cells: [[Cell]]) {
        var names: [String] = []
        var places: [String: Int] = [:]
        var cells: [[Cell]] = []
        for row in rows {
            var line = [Cell](repeating: Cell(text: "", kind: .nothing), count: names.count)
            for pair in row {
                let name = inline(pair.key.plain, isNested: false)
                let place = places[name] ?? names.count
                if place == names.count {
                    places[name] = place
                    names.append(name)
                    line.append(Cell(text: "", kind: .nothing))
                }
                line[place] = cell(pair.value.plain)
            }
            cells.append(line)
        }
        for index in cells.indices {
            while cells[index].count < names.count { cells[index].append(Cell(text: "", kind: .nothing)) }
        }
        return (names, cells)
    }

    /// The table, the names of the fields that it leaves out, and whether anything it shows is less than the whole.
    private func grid(_ rows: [[RESPPair]], width: Int?) -> (text: String, hidden: [String], isCut: Bool) {
        var grid = Grid(columns(of: rows))
        guard !grid.names.isEmpty else { return (Self.nothing, [], false) }
        guard let width else { return (text(of: grid), [], false) }
        let full = grid.width
        if grid.width > width { grid.keep { _, column in column.contains { $0.kind != .null && $0.kind != .nothing } } }
        if grid.width > width { grid.shortenTimes(thisYear: thisYear) }
        if grid.leastWidth > width, !brief.isEmpty {
            var wanted = Set(brief)
            // Where these are too wide, too, the last of them go first, but not more than half.
            for name in brief.suffix(brief.count / 2).reversed() {
                var most = grid
                most.keep { name, _ in wanted.contains(name) }
                if most.leastWidth <= width { break }
                wanted.remove(name)
            }
            // And of the others, those for which there is room all the same.
            for other in grid.names where !wanted.contains(other) {
                var wider = grid
                wider.keep { name, _ in name == other || wanted.contains(name) }
                if wider.width <= width { wanted.insert(other) }
            }
            grid.keep { name, _ in wanted.contains(name) }
        }
        guard grid.leastWidth <= width else { return (stacked(rows, width: width), [], false) }
        grid.narrow(to: width)
        return (text(of: grid), grid.hidden, full > width)
    }

    /// A table about to be drawn: what it shows, and how wide its columns are.
    private struct Grid {
        var names: [String]
        /// Row by row.
        var cells: [[Cell]]
        /// Columns that were taken out.
        var hidden: [String] = []
        var isNumeric: [Bool] = []
        var widths: [Int] = []
        /// How narrow each column may become.
        var least: [Int] = []

        init(_ columns: (names: [String], cells: [[Cell]])) {
            (names, cells) = columns
            measure()
        }

        var width: Int { widths.reduce(3 * (names.count - 1), +) }
        var leastWidth: Int { least.reduce(3 * (names.count - 1), +) }

        private mutating func measure() {
            widths = names.map(DisplayText.width(of:))
            least = widths
            isNumeric = [Bool](repeating: false, count: names.count)
            for column in names.indices {
                let kinds = cells.map { $0[column].kind }
                isNumeric[column] = kinds.contains(.number) && !kinds.contains(.text)
                for row in cells {
                    let cell = row[column]
                    widths[column] = max(widths[column], DisplayText.width(of: cell.text))
                    if cell.isProtected { least[column] = max(least[column], DisplayText.width(of: cell.text)) }
                }
                least[column] = min(max(least[column], Rendering.leastTextWidth), widths[column])
            }
        }

        /// Takes out the columns that are not wanted; never all of them.
        mutating func keep(_ isWanted: (_ name: String, _ column: [Cell]) -> Bool) {
            let kept = names.indices.filter { column in isWanted(names[column], cells.map { $0[column] }) }
            guard !kept.isEmpty, kept.count < names.count else { return }
            hidden = names.indices.filter { !kept.contains($0) }.map { names[$0] } + hidden
            names = kept.map { names[$0] }
            cells = cells.map { row in kept.map { row[$0] } }
            measure()
        }

        /// `2026-11-27T07:33:15.123456789Z` as `2026-11-27 07:33:15`, and without the year where all of a column are of
        /// this one: in columns that hold times and nothing else.
        mutating func shortenTimes(thisYear: Int?) {
            for column in names.indices {
                let texts = cells.map { $0[column] }.filter { $0.kind == .text }.map(\.text)
                guard !texts.isEmpty, texts.allSatisfy(Rendering.isTime) else { continue }
                let year = thisYear.map { "\($0)-" }
                let isThisYear = year.map { year in texts.allSatisfy { $0.hasPrefix(year) } } ?? false
                for row in cells.indices where cells[row][column].kind == .text {
                    let text = cells[row][column].text
                    let day = text.prefix(10).dropFirst(isThisYear ? 5 : 0)
                    cells[row][column].text = "\(day) \(text.dropFirst(11).prefix(8))"
                    cells[row][column].isTime = true
                }
            }
            measure()
        }

        /// Takes from the widest column that may give, until all fit.
        mutating func narrow(to limit: Int) {
            var excess = width - limit
            while excess > 0 {
                let widest = names.indices.filter { widths[$0] > least[$0] }.max { widths[$0] < widths[$1] }!
                widths[widest] -= 1
                excess -= 1
            }
        }
    }

    /// As the ledger writes times: RFC 3339 in UTC.
    private static func isTime(_ text: String) -> Bool {
        let pattern = Array("0000-00-00T00:00:00".utf8)
        let bytes = Array(text.utf8)
        guard bytes.count > pattern.count, bytes.last == UInt8(ascii: "Z") else { return false }
        func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
        return zip(pattern, bytes).allSatisfy { isDigit($0) ? isDigit($1) : $0 == $1 }
            && bytes[pattern.count..<(bytes.count - 1)].allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
    }

    private func text(of grid: Grid) -> String {
        func line(_ cells: [Cell], bold: Bool = false) -> String {
            var parts: [String] = []
            for column in grid.names.indices {
                let text = DisplayText.cut(cells[column].text, to: grid.widths[column])
                let isLast = column == grid.names.count - 1 && !grid.isNumeric[column]
                let space = String(repeating: " ", count: grid.widths[column] - DisplayText.width(of: text))
                let shown = bold ? styled(text, "1") : coloured(Cell(text: text, kind: cells[column].kind))
                parts.append(grid.isNumeric[column] ? space + shown : shown + (isLast ? "" : space))
            }
            return parts.joined(separator: bar) + "\n"
        }
        let rule = grid.widths.map { String(repeating: usesUnicode ? "─" : "-", count: $0) }
            .joined(separator: usesUnicode ? "─┼─" : "-+-")
        return line(grid.names.map { Cell(text: $0, kind: .text) }, bold: true) + rule + "\n"
            + grid.cells.map { line($0) }.joined()
    }

    /// Rows as records, for tables that would have to be cut too much.
    private func stacked(_ rows: [[RESPPair]], width: Int) -> String {
        var text = ""
        for (index, row) in rows.enumerated() {
            let title = (usesUnicode ? "── " : "-- ") + "\(index + 1) "
            let line = String(repeating: usesUnicode ? "─" : "-", count: max(min(width, 40) - title.count, 2))
            text += title + line + "\n" + record(row, width: width)
        }
        return text
    }

    private static let leastTextWidth = 12

    private var bar: String { usesUnicode ? " │ " : " | " }

    private func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(width - DisplayText.width(of: text), 0))
    }

    private func indented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map { $0.isEmpty ? "\n" : "  " + $0 + "\n" }.joined()
    }

    private func ended(_ text: String) -> String { text.hasSuffix("\n") ? text : text + "\n" }

    private func styled(_ text: String, _ code: String) -> String {
        usesColour && !text.isEmpty ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }

    private func coloured(_ cell: Cell) -> String {
        switch cell.kind {
        case .null: styled(cell.text, "2")
        case .error: styled(cell.text, "31")
        case .text, .number, .nothing: cell.text
        }
    }

    // MARK: For programs

    private func lines(_ rows: [[RESPPair]]) -> String {
        guard !rows.isEmpty else { return "" }
        let (names, cells) = columns(of: rows)
        return ([names] + cells.map { $0.map(\.text) }).map { $0.joined(separator: "\t") + "\n" }.joined()
    }

    private func tabs(_ value: RESPValue) -> String {
        switch value {
        case .error(let error): return DisplayText.sanitized(error.text) + "\n"
        case .map(let pairs):
            return pairs.map {
                inline($0.key.plain, isNested: false) + "\t" + inline($0.value.plain, isNested: false) + "\n"
            }
            .joined()
        case .array(let items), .set(let items), .push(let items):
            if let rows = Self.rows(of: items) { return lines(rows) }
            if let page = Self.page(of: items) { return lines(page.rows) + (page.more.map { "CURSOR\t\($0)\n" } ?? "") }
            return items.map { inline($0.plain, isNested: false) + "\n" }.joined()
        case .bulk(let bytes), .verbatim(_, let bytes):
            return ended(DisplayText.sanitized(bytes, multiline: true))
        case .simple, .integer, .null, .boolean, .double, .bigNumber, .attributed:
            return inline(value, isNested: false) + "\n"
        }
    }
}
