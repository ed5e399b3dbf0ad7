internal import LedgerCore
package import RESP

/// An event of TAIL on one line: for people what matters of it, for programs all of it.
package enum EventLine {
    package static func text(of event: RESPValue, _ rendering: Rendering) -> String {
        switch rendering.layout {
        case .json: return Rendering.json(of: event) + "\n"
        case .tabs:
            let values = event.pairs?.map { pair in
                pair.value.plain == .null ? "" : rendering.inline(pair.value.plain, isNested: false)
            }
            return (values?.joined(separator: "\t") ?? rendering.inline(event.plain, isNested: false)) + "\n"
        case .tables(let width): return line(event, width, rendering)
        }
    }

    /// `  1042  11-29 13:31:12  charged  ada      -0.25  api  c_1CK  available 29.7375`
    private static func line(_ event: RESPValue, _ width: Int?, _ rendering: Rendering) -> String {
        func field(_ name: String) -> String? {
            guard let text = event[name]?.string, !text.isEmpty else { return nil }
            return DisplayText.sanitized(text)
        }
        func styled(_ text: String, _ style: Style) -> String {
            rendering.usesColour ? style.applied(to: text) : text
        }
        func padded(_ text: String, _ width: Int, isRight: Bool = false) -> String {
            let space = String(repeating: " ", count: max(width - DisplayText.width(of: text), 0))
            return isRight ? space + text : text + space
        }
        var parts = [
            styled(padded(field("lsn") ?? "", 6, isRight: true), .faint),
            styled(time(field("time") ?? "", rendering.thisYear, isShort: width.map { $0 < 80 } ?? false), .faint),
            padded(field("type") ?? "", 17), padded(field("user") ?? "", 6),
        ]
        if let amount = field("amount") {
            let isCredit = field("moves") == "credit"
            let sign = amount.hasPrefix("-") ? "" : isCredit ? "+" : field("moves") == "debit" ? "-" : ""
            parts.append(styled(padded(sign + amount, 6, isRight: true), isCredit ? .string : .plain))
        }
        let place = field("session") ?? field("storage") ?? field("hold")
        parts += [field("source"), place, field("moves") == nil ? nil : field("id")].compactMap { $0 }
        let isAboutCredit = ["moves", "session", "storage", "hold"].contains { field($0) != nil }
        if isAboutCredit, let available = field("available") { parts.append(styled("available \(available)", .faint)) }
        if let debt = field("debt"), let owed = Money(debt), owed > .zero { parts.append("debt \(debt)") }
        var line = parts.joined(separator: "  ")
        while line.last == " " { line.removeLast() }
        return (width.map { DisplayText.cutStyled(line, to: $0) } ?? line) + "\n"
    }

    /// `2026-11-29T13:31:12.25Z` as `11-29 13:31:12`, with the year where it is another one; in short, without the day.
    private static func time(_ text: String, _ thisYear: Int?, isShort: Bool) -> String {
        guard text.count >= 19, text.hasSuffix("Z") else { return text }
        if isShort { return String(text.dropFirst(11).prefix(8)) }
        let isThisYear = thisYear.map { text.hasPrefix("\($0)-") } ?? false
        return "\(text.prefix(10).dropFirst(isThisYear ? 5 : 0)) \(text.dropFirst(11).prefix(8))"
    }
}
