/// An enum whose cases have a name that people type and read, and the protocol carries.
package protocol NamedCase: CaseIterable {
    var text: String { get }
}

extension NamedCase {
    /// Exactly a case's name; nil for any other text. Cost: a comparison for each case.
    package init?(text: String) {
        guard let match = Self.allCases.first(where: { $0.text == text }) else { return nil }
        self = match
    }
}
