/// Why a recording cannot be replayed, or no further: one sentence for people.
package struct ReplayError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
