/// Why a load test cannot go on: one sentence for people. Whatever was started by then is ended.
package struct LoadError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// The scenario or the command line is wrong, not the world.
    package let isUsage: Bool

    package init(_ description: String, isUsage: Bool = false) {
        self.description = description
        self.isUsage = isUsage
    }

    static func usage(_ description: String) -> LoadError { LoadError(description, isUsage: true) }
}
