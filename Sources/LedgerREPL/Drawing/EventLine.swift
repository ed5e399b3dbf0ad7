internal import LedgerCore
package import RESP

/// An event of TAIL on one line: for people what matters of it, for programs all of it.
package enum EventLine {
    /// `day` is that of the line before: people are told when another one begins.
    package static func text(of event: RESPValue, _ rendering: Rendering, day: inout String) -> String {
        switch rendering.layout {
        case .json: return Rendering.json(of: event) + "\n"
        case .tabs:
            let values = event.pairs?.map { pair in
                pair.value.plain == .null ? "" : rendering.inline(pair.value.plain, isNested: false)
            }
            return (values?.joined(separator: "\t") ?? rendering.inline(event.plain, isNested: false)) + "\n"
        case .tables(let width):
            let line = line(event, width, rendering)
            let today = String(event["time"]?.string?.prefix(10) ?? "")
            guard today != day else { return line }
            day = today
            let head = DisplayText.sanitized(today)
            return (rendering.usesColour ? Style.faint.applied(to: head) : head) + "\n" + line
        }
    }

    /// `  1042  13:31:12  creditCharged      ada      -0.25  → 29.7375  api  c_1CK`
    private static func line(_ event: RESPValue, _ width: Int?, _ rendering: Rendering) -> String {
        func field(_ name: String) -> String? {
            guard let text = event[name]?.string, !text.isEmpty else { return nil }
            return DisplayText.sanitized(text)
        }
        func styled(_ text: String, _ style: Style) -> String {
            rendering.usesColour ? style.applied(to: text) : text
        }
        // Columns, where there is room for them.
        let isWide = width.map { $0 >= 80 } ?? true
        func padded(_ text: String, _ width: Int, isRight: Bool = false) -> String {
            let space = String(repeating: " ", count: isWide ? max(width - DisplayText.width(of: text), 0) : 0)
            return isRight ? space + text : text + space
        }
        var parts = [
            styled(padded(field("lsn") ?? "", 6, isRight: true), .faint),
            styled(time(field("time") ?? ""), .faint),
            padded(field("type") ?? "", 17), padded(field("user") ?? "", 6),
        ]
        if let amount = field("amount") {
            let isCredit = field("moves") == "credit"
            let sign = amount.hasPrefix("-") ? "" : isCredit ? "+" : field("moves") == "debit" ? "-" : ""
            parts.append(styled(padded(sign + amount, 6, isRight: true), isCredit ? .string : .plain))
        }
        // What is left stands before what may be cut: a number that lost digits is another number.
        if let available = field("available"), field("moves") != nil || available != "0.00" {
            parts.append(styled((rendering.usesUnicode ? "→ " : "-> ") + available, .faint))
        }
        if let debt = field("debt"), let owed = Money(debt), owed > .zero { parts.append("debt \(debt)") }
        let place = field("session") ?? field("storage") ?? field("hold")
        parts += [field("source"), place, field("moves") == nil ? nil : field("id")].compactMap { $0 }
        var line = parts.joined(separator: "  ")
        while line.last == " " { line.removeLast() }
        return (width.map { DisplayText.cutStyled(line, to: $0) } ?? line) + "\n"
    }

    /// `2026-11-29T13:31:12.25Z` as `13:31:12`.
    private static func time(_ text: String) -> String {
        text.count >= 19 && text.hasSuffix("Z") ? String(text.dropFirst(11).prefix(8)) : text
    }
}
