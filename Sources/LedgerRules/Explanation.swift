package import LedgerCore

/// The proof of a price: the journaled question put once more to the journaled source, in a fresh Lua state.
///
/// The journal's answer is what was charged, whatever comes out here; a difference means that the rule is not a pure
/// function of its arguments, or that the records were tampered with.
package struct Explanation: Sendable {
    package enum Outcome: Hashable, Sendable {
        /// The rule gives the journaled answer again.
        case reproduced
        /// It gives another one.
        case differs(PriceAnswer)
        /// It fails now.
        case failed(RuleError)
        /// The source is not the one whose identity was journaled.
        case otherSource(RuleIdentity)
        /// No rule was active: there is nothing to run.
        case noRule
    }

    package let query: PriceQuery
    package let priced: Priced
    package let outcome: Outcome

    /// `source` is nil when `priced.rule` is ``RuleIdentity/none``.
    package init(_ query: PriceQuery, priced: Priced, source: String?, sandbox: RuleSandbox = .rule) {
        self.query = query
        self.priced = priced
        outcome = Self.reproduce(query, priced, source, sandbox)
    }

    /// With what the rule, as the journal names it, answers to that question now; nil: there was no rule.
    package init(_ query: PriceQuery, priced: Priced, again: Result<PriceAnswer, RuleError>?) {
        self.query = query
        self.priced = priced
        outcome =
            switch again {
            case nil: .noRule
            case .success(let answer)?: answer == priced.answer ? .reproduced : .differs(answer)
            case .failure(let error)?: .failed(error)
            }
    }

    private static func reproduce(
        _ query: PriceQuery, _ priced: Priced, _ source: String?, _ sandbox: RuleSandbox
    ) -> Outcome {
        guard priced.rule != .none, let source else { return .noRule }
        let identity = RuleBook.identity(of: source)
        guard identity == priced.rule else { return .otherSource(identity) }
        do throws(RuleError) {
            let answer = try RuleVM(query.rule, source: source, sandbox: sandbox).evaluate(query)
            return answer == priced.answer ? .reproduced : .differs(answer)
        } catch {
            return .failed(error)
        }
    }

    package var agrees: Bool { outcome == .reproduced || outcome == .noRule }

    /// One line: `session_runtime("free", "small", 0) = 0.05 per hour, reproduced`.
    package var sentence: String {
        let unit =
            switch query.rule {
            case .sessionRuntime: " per hour"
            case .storage: " per GB-month"
            case .spacePurchase, .purchaseBonus, .meter: ""
            }
        let recorded = "\(query.call) = \(priced.answer.described)\(unit)"
        switch outcome {
        case .reproduced: return "\(recorded), reproduced"
        case .differs(let answer): return "\(recorded), but the rule now says \(answer.described)"
        case .failed(let error): return "\(recorded), but the rule now fails: \(error.text)"
        case .otherSource(let identity):
            return "\(recorded), but the source at hand is another one, \(identity.digest.hex)"
        case .noRule: return "\(recorded), no rule was active"
        }
    }
}
