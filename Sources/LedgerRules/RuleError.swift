/// Why there is no price. The command that needed it is refused with `RULE` and this text; nothing is ever priced 0
/// because a rule failed.
package struct RuleError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// No version of the rule is active, or the version is unknown.
        case missing
        /// The source does not compile, is too long, or does not return a function.
        case source
        /// The rule raised an error.
        case runtime
        /// It ran out of instructions.
        case budget
        /// It ran out of memory.
        case memory
        /// It returned something that is not a price.
        case result
    }

    package var kind: Kind
    /// One line, with the rule's name and, where there is one, the line of its source.
    package var text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        // It may quote what the rule returned, and goes out as one line of the protocol.
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        self.text =
            isPlain
            ? text : String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
    }

    package var description: String { text }
}
