internal import CLua
package import LedgerCore

/// A rule's source, compiled and run once: proof that it loads, and what a ``RuleVM`` is made from in microseconds.
///
/// Compiling takes up to some milliseconds (``CompileCost``), in a Lua state that is thrown away afterwards. It is a
/// value: a thread that may take its time makes it, the writer uses it.
package struct CompiledRule: Sendable {
    package let name: RuleName
    package let identity: RuleIdentity
    let sandbox: RuleSandbox
    /// Bytecode of the linked interpreter, which goes nowhere but into states of this process.
    let code: [UInt8]
    /// A session's tariff, or a meter's amount, is the same whatever its user used this month.
    let ignoresUsage: Bool

    package init(_ name: RuleName, source: String, sandbox: RuleSandbox = .rule) throws(RuleError) {
        self.name = name
        self.sandbox = sandbox
        var source = source
        try Self.measure(name, &source)
        let state = try RuleVM.makeState(sandbox)
        defer { clua_free(state) }
        let status = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { clua_load(state, $0.baseAddress, $0.count, name.text) }
        }
        guard status == .CLUA_OK else { throw RuleVM.error(status, in: state, loading: true) }
        code = Array(unsafeUninitializedCapacity: clua_code(state, nil, 0)) { buffer, count in
            count = clua_code(state, buffer.baseAddress, buffer.count)
        }
        identity = RuleBook.identity(of: source)
        ignoresUsage = name.knowsUsage && source.withUTF8 { UnreadArgument.isUnread(2, in: $0) }
    }

    /// Refuses what would take long to compile.
    private static func measure(_ name: RuleName, _ source: inout String) throws(RuleError) {
        let limit = RuleSandbox.maximumSource
        guard source.utf8.count <= limit else {
            throw RuleError(.source, "\(name.text): the source is longer than \(limit) bytes")
        }
        let steps = source.withUTF8 { CompileCost($0).steps }
        guard steps <= CompileCost.maximum else {
            throw RuleError(
                .source,
                """
                \(name.text): the source is too hard to compile: too many names in functions within functions, or too \
                many conditions (\(steps) steps of \(CompileCost.maximum))
                """)
        }
    }
}

extension RuleName {
    /// Its third argument is what the user has used in the month.
    fileprivate var knowsUsage: Bool {
        switch self {
        case .sessionRuntime, .meter: true
        case .storage, .spacePurchase, .purchaseBonus: false
        }
    }
}
