package import RESP

/// Values for other programs: JSON and CSV.
///
/// Amounts, times and ids are strings in JSON as they are on the wire: a number there would be a double to most who
/// read it, and money is none. A page of a list is an object, `{"rows":[…],"cursor":"…"}`, its cursor null on the last
/// page.
extension Rendering {
    package static func json(of value: RESPValue) -> String {
        switch value.plain {
        case .null: return "null"
        case .boolean(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        case .error(let error):
            var text = JSONText()
            text.add("code", text: error.code)
            text.add("message", text: error.message)
            return "{\"error\":\(text.text)}"
        case .double(let text), .bigNumber(let text): return isJSONNumber(text) ? text : JSONText.quoted(text)
        case .simple(let text): return JSONText.quoted(text)
        case .bulk(let bytes), .verbatim(_, let bytes): return JSONText.quoted(String(decoding: bytes, as: UTF8.self))
        case .array(let items), .set(let items), .push(let items):
            if let page = page(of: items) {
                var text = JSONText()
                text.add("rows", raw: "[" + page.rows.map { json(of: .map($0)) }.joined(separator: ",") + "]")
                text.add("cursor", raw: page.more.map(JSONText.quoted) ?? "null")
                return text.text
            }
            return "[" + items.map { json(of: $0) }.joined(separator: ",") + "]"
        case .map(let pairs):
            var text = JSONText()
            for pair in pairs { text.add(name(of: pair.key), raw: json(of: pair.value)) }
            return text.text
        case .attributed(_, let value): return json(of: value)
        }
    }

    /// Lines as RFC 4180 has them, with a line of names first: a row for each map of a list, one row for a map alone.
    /// What is no list of maps is a column `value`. Tables within cells are JSON.
    package static func csv(of value: RESPValue) -> String {
        let rows: [[RESPPair]]
        switch value.plain {
        case .map(let pairs): rows = [pairs]
        case .array(let items), .set(let items), .push(let items):
            rows =
                self.rows(of: items) ?? page(of: items)?.rows
                ?? items.map { [RESPPair(.text("value"), $0)] }
        case .simple, .error, .integer, .bulk, .null, .boolean, .double, .bigNumber, .verbatim, .attributed:
            rows = [[RESPPair(.text("value"), value)]]
        }
        var names: [String] = []
        var places: [String: Int] = [:]
        for pair in rows.joined() where places[name(of: pair.key)] == nil {
            places[name(of: pair.key)] = names.count
            names.append(name(of: pair.key))
        }
        var text = line(names)
        for row in rows {
            var cells = [String](repeating: "", count: names.count)
            for pair in row { cells[places[name(of: pair.key)]!] = csvCell(pair.value) }
            text += line(cells)
        }
        return text
    }

    /// How many rows an export of it has.
    static func rowCount(of value: RESPValue) -> Int {
        guard let items = value.elements else { return 1 }
        return rows(of: items)?.count ?? page(of: items)?.rows.count ?? items.count
    }

    private static func line(_ cells: [String]) -> String {
        cells.map { cell in
            guard cell.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return cell }
            return "\"" + cell.replacing("\"", with: "\"\"") + "\""
        }.joined(separator: ",") + "\r\n"
    }

    private static func csvCell(_ value: RESPValue) -> String {
        switch value.plain {
        case .null: ""
        case .map, .array, .set, .push: json(of: value)
        case .simple, .integer, .bulk, .boolean, .double, .bigNumber, .verbatim: value.string ?? ""
        case .error(let error): error.text
        case .attributed: ""  // plain has none
        }
    }

    private static func name(of key: RESPValue) -> String { key.string ?? json(of: key) }

    private static func isJSONNumber(_ text: String) -> Bool {
        var digits = text[...]
        if digits.first == "-" { digits = digits.dropFirst() }
        guard let first = digits.first, first.isASCII, first.isNumber else { return false }
        if first == "0", let second = digits.dropFirst().first, second.isNumber { return false }
        return digits.utf8.allSatisfy { $0 &- 0x30 < 10 || "eE+-.".utf8.contains($0) } && Double(text) != nil
            && digits.last?.isNumber == true
    }
}
