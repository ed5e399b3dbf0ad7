internal import Crypto
package import LedgerCore

/// The versions of every rule, and which of them is active: the writer's own, asked once per command that needs a
/// price.
///
/// It mirrors what the journal says (`RuleLoaded`, `RuleActivated`): whoever applies these events tells it, and after a
/// restart fills it from the state. Sources compile when they are first needed and again after a version was stopped by
/// its budget, whose Lua state is thrown away.
///
/// Unchecked Sendable: it is not copyable and no Lua state ever leaves it, so a thread that holds it is the only user.
package struct RuleBook: ~Copyable, @unchecked Sendable {
    /// Goes into every identity. Raised when rules get other arguments, other functions or another reading of results.
    package static let interfaceVersion: UInt32 = 1

    private var versions: [Key: Version] = [:]
    private var active: [Version?]
    private let sandbox: RuleSandbox

    package init(sandbox: RuleSandbox = .rule) {
        self.sandbox = sandbox
        active = Array(repeating: nil, count: RuleName.allCases.count)
    }

    /// SHA-256 over the source and the interface version.
    package static func identity(of source: String) -> RuleIdentity {
        var source = source
        var hash = SHA256()
        source.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        withUnsafeBytes(of: interfaceVersion.littleEndian) { hash.update(bufferPointer: $0) }
        return RuleIdentity(digest: hash.finalize().withUnsafeBytes { Digest256(bytes: $0) })
    }

    // MARK: - Versions

    /// Compiles a source and keeps it: what `RULE LOAD` does before it is journaled. Nothing is kept when it throws.
    /// Loading a version again is harmless.
    @discardableResult
    package mutating func load(_ name: RuleName, source: String) throws(RuleError) -> RuleIdentity {
        let vm = try RuleVM(name, source: source, sandbox: sandbox)
        let identity = keep(name, source: source)
        versions[Key(name: name, identity: identity)]?.vm = vm
        return identity
    }

    /// Keeps a source that the journal holds already; it compiles when it is first asked.
    @discardableResult
    package mutating func keep(_ name: RuleName, source: String) -> RuleIdentity {
        let identity = Self.identity(of: source)
        let key = Key(name: name, identity: identity)
        if versions[key] == nil { versions[key] = Version(name: name, identity: identity, source: source) }
        return identity
    }

    package func source(of name: RuleName, _ identity: RuleIdentity) -> String? {
        versions[Key(name: name, identity: identity)]?.source
    }

    /// From now on `price` asks this version; nil: none. The version must have been loaded or kept.
    package mutating func activate(_ name: RuleName, _ identity: RuleIdentity?) {
        guard let identity else {
            active[Int(name.rawValue)] = nil
            return
        }
        let version = versions[Key(name: name, identity: identity)]
        precondition(version != nil, "a rule was activated that was never loaded")
        active[Int(name.rawValue)] = version
    }

    package func active(_ name: RuleName) -> RuleIdentity? { active[Int(name.rawValue)]?.identity }

    // MARK: - Prices

    /// Asks the active version. Without one: no bonus on a purchase, and an error for everything else.
    package mutating func price(_ query: PriceQuery) throws(RuleError) -> Priced {
        let name = query.rule
        guard let version = active[Int(name.rawValue)] else {
            if name == .purchaseBonus { return Priced(answer: .amount(.zero), rule: .none) }
            throw RuleError(
                .missing,
                """
                no rule '\(name.text)' is active: RULE LOAD \(name.text) <source>, then \
                RULE ACTIVATE \(name.text) <version>
                """
            )
        }
        return try ask(version, query)
    }

    private func ask(_ version: Version, _ query: PriceQuery) throws(RuleError) -> Priced {
        let vm: RuleVM
        if let ready = version.vm {
            vm = ready
        } else {
            vm = try RuleVM(version.name, source: version.source, sandbox: sandbox)
            version.vm = vm
        }
        do throws(RuleError) {
            return Priced(answer: try vm.evaluate(query), rule: version.identity)
        } catch {
            if vm.isSpent { version.vm = nil }
            throw error
        }
    }

    private struct Key: Hashable {
        var name: RuleName
        var identity: RuleIdentity
    }

    private final class Version {
        let name: RuleName
        let identity: RuleIdentity
        let source: String
        var vm: RuleVM?

        init(name: RuleName, identity: RuleIdentity, source: String) {
            self.name = name
            self.identity = identity
            self.source = source
        }
    }
}
