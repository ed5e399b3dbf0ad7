/// How a piece of text is meant: what it looks like is one table, of colours that can be read on light and on dark
/// terminals.
package enum Style: Hashable, Sendable, CaseIterable {
    case plain, prompt, command, option, number, string, comment, unknown, faint, chosen

    /// The parameters of ECMA-48's SGR; empty for text as it is.
    package var code: String {
        switch self {
        case .plain: ""
        case .prompt, .command: "1"
        case .option: "36"
        case .number: "35"
        case .string: "32"
        case .comment, .faint: "2"
        case .unknown: "31"
        case .chosen: "7"
        }
    }

    /// The text between the escapes that make it look so.
    package func applied(to text: String) -> String {
        code.isEmpty || text.isEmpty ? text : "\u{1b}[\(code)m\(text)\u{1b}[0m"
    }
}

/// Characters of a text, by their places, and what they are.
package struct StyledRange: Hashable, Sendable {
    package var range: Range<Int>
    package var style: Style

    package init(_ range: Range<Int>, _ style: Style) {
        self.range = range
        self.style = style
    }
}

/// A piece of text that looks the same all along.
package struct StyledText: Hashable, Sendable {
    package var text: String
    package var style: Style

    package init(_ text: String, _ style: Style = .plain) {
        self.text = text
        self.style = style
    }
}
