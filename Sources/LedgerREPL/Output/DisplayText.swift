/// Text as a terminal shows it: how wide it is, how to cut it, and how to keep it from steering the terminal.
package enum DisplayText {
    /// The number of columns.
    package static func width(of text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width(of: $1) }
    }

    /// A character is as wide as its widest scalar; what follows the first only modifies it.
    static func width(of character: Character) -> Int {
        var width = 0
        for scalar in character.unicodeScalars {
            width = max(width, Self.width(of: scalar))
            if scalar.value == 0xfe0f { width = 2 }  // asks for the emoji form
        }
        return width
    }

    /// At most `limit` columns; what is cut away is shown by `…`.
    package static func cut(_ text: String, to limit: Int) -> String {
        guard width(of: text) > limit else { return text }
        guard limit > 0 else { return "" }
        var result = ""
        var used = 0
        for character in text {
            let next = width(of: character)
            guard used + next <= limit - 1 else { break }
            result.append(character)
            used += next
        }
        return result + "…"
    }

    /// Lines of at most `limit` columns, broken at blanks where there are any; nothing is lost but the blanks at the
    /// breaks.
    package static func wrapped(_ text: String, to limit: Int) -> [String] {
        guard limit > 0, width(of: text) > limit else { return [text] }
        var lines: [String] = []
        var line = ""
        var used = 0
        // The last blank of the line, and the columns up to behind it.
        var blank: (index: String.Index, used: Int)?
        for character in text {
            let next = width(of: character)
            if used + next > limit, character == " " {
                lines.append(line)
                (line, used, blank) = ("", 0, nil)
                continue
            }
            if used + next > limit, !line.isEmpty {
                if let last = blank {
                    lines.append(String(line[..<last.index]))
                    line = String(line[line.index(after: last.index)...])
                    used -= last.used
                } else {
                    lines.append(line)
                    (line, used) = ("", 0)
                }
                blank = nil
            }
            line.append(character)
            used += next
            if character == " " { blank = (line.index(before: line.endIndex), used) }
        }
        return lines + [line]
    }

    /// The same with everything behind the first line moved to the right.
    package static func wrapped(_ text: String, to limit: Int?, indent: Int) -> String {
        guard let limit else { return text }
        // What is narrower than a few words is better left to the terminal.
        return wrapped(text, to: max(limit - indent, 20))
            .joined(separator: "\n" + String(repeating: " ", count: indent))
    }

    /// Bytes of a server as harmless text: control characters and bidirectional overrides become escapes, what is no
    /// UTF-8 becomes U+FFFD. Line ends and tabs stay where `multiline`.
    package static func sanitized(_ bytes: some Sequence<UInt8>, multiline: Bool = false) -> String {
        var text = ""
        var input = bytes.makeIterator()
        var parser = Unicode.UTF8.ForwardParser()
        while true {
            switch parser.parseScalar(from: &input) {
            case .valid(let encoded):
                append(Unicode.UTF8.decode(encoded), to: &text, multiline: multiline)
            case .error: text += "\u{fffd}"
            case .emptyInput:
                return text
            }
        }
    }

    package static func sanitized(_ text: String, multiline: Bool = false) -> String {
        sanitized(text.utf8, multiline: multiline)
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String, multiline: Bool) {
        switch scalar.value {
        case 0x0a where multiline, 0x09 where multiline: text.unicodeScalars.append(scalar)
        case 0x0d where multiline: break
        case 0x0a: text += "\\n"
        case 0x0d: text += "\\r"
        case 0x09: text += "\\t"
        case 0..<0x20, 0x7f..<0xa0:
            text += scalar.value < 0x10 ? "\\x0" : "\\x"
            text += String(scalar.value, radix: 16)
        case 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069, 0xfeff:
            text += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: text.unicodeScalars.append(scalar)
        }
    }

    /// East Asian wide and emoji: 2; combining and invisible: 0; all else 1.
    private static func width(of scalar: Unicode.Scalar) -> Int {
        let value = scalar.value
        if value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
            0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f,
            0x1f680...0x1f6ff, 0x1f900...0x1faff, 0x20000...0x3fffd:
            return 2
        default:
            return scalar.properties.isEmojiPresentation ? 2 : 1
        }
    }
}
