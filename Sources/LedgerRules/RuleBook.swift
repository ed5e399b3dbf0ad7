internal import Crypto
package import LedgerCore

/// The active version of every rule, compiled: the writer's own, asked once per command that needs a price.
///
/// It mirrors what the journal says (`RuleActivated`): who applies these events tells it, and after a restart fills
/// it from the state. One Lua state for each active rule, made when it is first asked and thrown away after any error;
/// making it anew takes microseconds, for nothing is compiled here. Versions that may become active soon wait as
/// bytecode.
///
/// Unchecked Sendable: it is not copyable and no Lua state ever leaves it, so a thread that holds it is the only user.
package struct RuleBook: ~Copyable, @unchecked Sendable {
    /// Goes into every identity. Raised when rules get other arguments, other functions or another reading of results.
    package static let interfaceVersion: UInt32 = 1

    /// By code.
    private var builtIn: [Active?]
    private var meters: [ShortText: Active] = [:]
    /// Compiled and not active: activated later, or active before. The most recent last.
    private var ready: [CompiledRule] = []
    private static let maximumReady = 8

    package init() {
        builtIn = RuleName.builtIn.map { _ in nil }
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

    /// Keeps a version that may be activated, so that nobody need compile it then. The oldest of several gives way.
    package mutating func keep(_ rule: CompiledRule) {
        ready.removeAll { $0.name == rule.name && $0.identity == rule.identity }
        if ready.count == Self.maximumReady { ready.removeFirst() }
        ready.append(rule)
    }

    /// From now on `price` asks this version. `source` is called when it was not kept; should it not compile any more,
    /// every question is answered with that error.
    package mutating func activate(_ name: RuleName, _ identity: RuleIdentity, source: () -> String) {
        guard identity != self.active(name) else { return }
        let compiled: Result<CompiledRule, RuleError>
        if let index = ready.firstIndex(where: { $0.name == name && $0.identity == identity }) {
            compiled = .success(ready.remove(at: index))
        } else {
            compiled = Result { () throws(RuleError) in try CompiledRule(name, source: source()) }
        }
        deactivate(name)
        self[name] = Active(identity: identity, compiled: compiled)
    }

    private subscript(name: RuleName) -> Active? {
        _read {
            if case .meter(let meter) = name { yield meters[meter] } else { yield builtIn[Int(name.code)] }
        }
        _modify {
            if case .meter(let meter) = name { yield &meters[meter] } else { yield &builtIn[Int(name.code)] }
        }
    }

    package mutating func deactivate(_ name: RuleName) {
        if case .success(let before)? = self[name]?.compiled { keep(before) }
        self[name] = nil
    }

    package func active(_ name: RuleName) -> RuleIdentity? { self[name]?.identity }

    // MARK: - Prices

    /// Asks the active version. Without one: no bonus on a purchase, and an error for everything else.
    package mutating func price(_ query: PriceQuery) throws(RuleError) -> Priced {
        let name = query.rule
        guard self[name] != nil else {
            if name == .purchaseBonus { return Priced(answer: .amount(.zero), rule: .none) }
            throw RuleError(
                .missing,
                """
                no rule '\(name.text)' is active: RULE LOAD \(name.text) <source>, then \
                RULE ACTIVATE \(name.text) <version>
                """
            )
        }
        return try self[name]!.ask(query)
    }

    /// Asks the versions that the questions name, whether they are active or not. Those that are not at hand are
    /// compiled, which may take some milliseconds each; `source` gives what they are compiled from.
    package mutating func price(
        _ questions: [PriceQuestion], source: (RuleIdentity) -> String
    ) throws(RuleError) -> [Priced] {
        var former: [Active] = []
        var answers: [Priced] = []
        for question in questions {
            let name = question.query.rule
            if self.active(name) == question.rule {
                answers.append(try price(question.query))
                continue
            }
            var index = former.firstIndex { $0.identity == question.rule }
            if index == nil {
                former.append(
                    Active(identity: question.rule, compiled: .success(try version(name, question.rule, source))))
                index = former.count - 1
            }
            answers.append(try former[index!].ask(question.query))
        }
        return answers
    }

    private mutating func version(
        _ name: RuleName, _ identity: RuleIdentity, _ source: (RuleIdentity) -> String
    ) throws(RuleError) -> CompiledRule {
        if let kept = ready.first(where: { $0.name == name && $0.identity == identity }) { return kept }
        let compiled = try CompiledRule(name, source: source(identity))
        keep(compiled)
        return compiled
    }

    private struct Active {
        let identity: RuleIdentity
        let compiled: Result<CompiledRule, RuleError>
        var vm: RuleVM?

        mutating func ask(_ query: PriceQuery) throws(RuleError) -> Priced {
            let vm: RuleVM
            if let ready = self.vm { vm = ready } else { vm = try RuleVM(try compiled.get()) }
            do throws(RuleError) {
                let answer = try vm.evaluate(query)
                self.vm = vm
                return Priced(answer: answer, rule: identity)
            } catch {
                self.vm = nil
                throw error
            }
        }
    }
}
