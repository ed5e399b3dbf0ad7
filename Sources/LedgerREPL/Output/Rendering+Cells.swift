internal import RESP

/// Values on one line: the cells of tables.
extension Rendering {
    struct Cell {
        enum Kind { case text, number, null, error, nothing }
        var text: String
        var kind: Kind
        /// A time that was shortened already.
        var isTime = false

        /// What must not be cut: a number that lost digits is another number, and a secret is shown once.
        var isProtected: Bool { kind == .number || isTime || text.hasPrefix("fl_") }
    }

    func cell(_ value: RESPValue) -> Cell {
        let text = inline(value, isNested: false)
        switch value {
        case .null: return Cell(text: text, kind: .null)
        case .error: return Cell(text: text, kind: .error)
        case .array, .set, .map, .push, .attributed, .boolean: return Cell(text: text, kind: .text)
        case .simple, .integer, .bulk, .double, .bigNumber, .verbatim:
            return Cell(text: text, kind: Self.isDecimal(text) ? .number : .text)
        }
    }

    static func isDecimal(_ text: String) -> Bool {
        var digits = 0
        var points = 0
        for (index, byte) in text.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
            case UInt8(ascii: "."): points += 1
            case UInt8(ascii: "-") where index == 0: break
            default: return false
            }
        }
        return digits > 0 && points <= 1
    }

    /// A value on one line; inside others text is quoted where it could be mistaken.
    func inline(_ value: RESPValue, isNested: Bool) -> String {
        switch value {
        case .null: return Self.null
        case .integer(let number): return String(number)
        case .boolean(let flag): return flag ? "true" : "false"
        case .error(let error): return DisplayText.sanitized(error.text)
        case .simple(let text), .double(let text), .bigNumber(let text):
            return quoted(DisplayText.sanitized(text), isNested)
        case .bulk(let bytes), .verbatim(_, let bytes): return quoted(DisplayText.sanitized(bytes), isNested)
        case .array(let items), .set(let items), .push(let items):
            return "[" + items.map { inline($0.plain, isNested: true) }.joined(separator: ", ") + "]"
        case .map(let pairs):
            return "{"
                + pairs.map {
                    inline($0.key.plain, isNested: true) + ": " + inline($0.value.plain, isNested: true)
                }.joined(separator: ", ") + "}"
        case .attributed(_, let value): return inline(value, isNested: isNested)
        }
    }

    func quoted(_ text: String, _ isNested: Bool) -> String {
        guard isNested else { return text }
        let isPlain =
            !text.isEmpty
            && !text.utf8.contains { byte in
                byte <= 0x20 || ",:[]{}\"".utf8.contains(byte)
            }
        return isPlain ? text : "\"" + text.flatMap { $0 == "\"" ? ["\\", "\""] : [$0] } + "\""
    }
}
