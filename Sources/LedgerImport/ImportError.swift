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
        self.text = text
    }

    package var description: String { text }
}
