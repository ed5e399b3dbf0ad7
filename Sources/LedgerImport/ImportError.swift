/// Why an import stopped. One sentence for stderr, naming the file and the line wherever there is one.
///
/// Whatever was billed before stays billed; a repeated import bills the rest and nothing twice.
package struct ImportError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The log cannot be read, or is not in the Standard Workload Format.
        case file
        /// The map does not load, fails, or returns something that cannot be billed.
        case map
        /// The ledger refused something.
        case ledger
        /// The connection ended; what was under way may or may not have been billed.
        case interrupted
    }

    package var kind: Kind
    package var text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = cleaned(text)
    }

    package var description: String { text }
}

/// Text from a log, a map or a ledger in a message: control characters and what turns the writing direction become
/// escapes. Nothing in a file can steer the terminal it is imported from.
func cleaned(_ raw: String) -> String {
    var text = ""
    for scalar in raw.unicodeScalars {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0: text += (scalar.value < 0x10 ? "\\x0" : "\\x") + String(scalar.value, radix: 16)
        case 0x2028...0x202e, 0x2066...0x2069, 0xfeff: text += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text
}
