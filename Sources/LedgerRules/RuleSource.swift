internal import Glibc
package import LedgerCore

/// A rule's name and text: what the first start loads and activates.
package struct RuleSource: Hashable, Sendable {
    package var name: RuleName
    package var text: String

    package init(name: RuleName, text: String) {
        self.name = name
        self.text = text
    }

    /// The copy built into the binary: `Scripts/rules/*.lua`, byte for byte. No rule for bonuses.
    package static let defaults = [
        RuleSource(name: .sessionRuntime, text: DefaultRules.sessionRuntime),
        RuleSource(name: .storage, text: DefaultRules.storage),
        RuleSource(name: .spacePurchase, text: DefaultRules.spacePurchase),
    ]

    /// Reads `NAME.lua` for every rule of the ledger's own that the directory has; at least one must be there.
    package static func read(directory: String) throws(RuleError) -> [RuleSource] {
        var sources: [RuleSource] = []
        for name in RuleName.builtIn {
            let path = "\(directory)/\(name.text).lua"
            guard let file = fopen(path, "r") else {
                if errno == ENOENT { continue }
                throw RuleError(.source, "\(path): \(String(cString: strerror(errno)))")
            }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: RuleSandbox.maximumSource + 1)
            let count = fread(&bytes, 1, bytes.count, file)
            guard ferror(file) == 0 else { throw RuleError(.source, "\(path): it cannot be read") }
            guard count <= RuleSandbox.maximumSource else {
                throw RuleError(.source, "\(path): longer than \(RuleSandbox.maximumSource) bytes")
            }
            guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
                throw RuleError(.source, "\(path): not UTF-8")
            }
            sources.append(RuleSource(name: name, text: text))
        }
        guard !sources.isEmpty else {
            let names = RuleName.builtIn.map { "\($0.text).lua" }.joined(separator: ", ")
            throw RuleError(.source, "\(directory): none of \(names) is there")
        }
        return sources
    }
}
