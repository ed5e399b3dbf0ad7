package import LedgerCore

/// One version of a rule, for who asks it about much that was recorded: a question that was asked before is answered
/// from memory, and arguments at which the rule never looks (``UnreadArgument``) do not tell questions apart.
///
/// Used by one thread at a time. Memory: at most ``mostKnown`` answers.
package struct RepeatedQuestions: ~Copyable {
    private let rule: CompiledRule
    private var vm: RuleVM?
    /// By type and tier, for rules that look at nothing else.
    private var pairs: [Result<PriceAnswer, RuleError>?]
    private var known: [PriceQuery: Result<PriceAnswer, RuleError>] = [:]
    /// How often the rule was run.
    package private(set) var calls = 0
    /// How often it ran out of its budget or of memory.
    package private(set) var runaways = 0

    private static let mostKnown = 65_536
    /// A rule that ran away so often is not run again: each time may cost some milliseconds.
    private static let mostRunaways = 100

    package init(_ rule: CompiledRule) {
        self.rule = rule
        let isByPair = rule.ignoresUsage && rule.name == .sessionRuntime
        pairs = isByPair ? Array(repeating: nil, count: UserType.allCases.count * Tier.allCases.count) : []
    }

    /// What it answers, validated, or why it does not. Some nanoseconds where it was asked before.
    package mutating func ask(_ query: PriceQuery) -> Result<PriceAnswer, RuleError> {
        if !pairs.isEmpty, case .sessionRuntime(let type, let tier, _) = query {
            let pair = Int(type.rawValue) * Tier.allCases.count + Int(tier.rawValue)
            if let answer = pairs[pair] { return answer }
            let answer = run(query)
            pairs[pair] = answer
            return answer
        }
        var query = query
        if rule.ignoresUsage, case .usage(let meter, let type, let quantity, _) = query {
            query = .usage(meter: meter, type: type, quantity: quantity, thisMonth: 0)
        }
        if let answer = known[query] { return answer }
        let answer = run(query)
        if known.count >= Self.mostKnown { known.removeAll(keepingCapacity: true) }
        known[query] = answer
        return answer
    }

    private mutating func run(_ query: PriceQuery) -> Result<PriceAnswer, RuleError> {
        guard runaways < Self.mostRunaways else {
            return .failure(
                RuleError(
                    .budget,
                    "\(query.call): not asked any more, after it ran out of its budget \(runaways) times"))
        }
        calls += 1
        do throws(RuleError) {
            let vm = if let ready = self.vm { ready } else { try RuleVM(rule) }
            self.vm = vm
            return .success(try vm.evaluate(query))
        } catch {
            vm = nil
            if error.kind == .budget || error.kind == .memory { runaways += 1 }
            return .failure(error.kind == .result ? error : RuleError(error.kind, "\(query.call): \(error.text)"))
        }
    }
}
