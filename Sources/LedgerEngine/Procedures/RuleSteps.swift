internal import LedgerCommands
package import LedgerCore
package import LedgerRules

/// What RULE STEP found.
package struct RuleSteps: Sendable {
    package var charge: ChargeID
    package var pricing: Pricing
    /// As it was charged.
    package var billed: Money
    package var trace: RuleTrace
    /// What the charge would be; nil: the rule failed, or what it priced is not priced again.
    package var amount: Money?
}

extension Engine {
    /// RULE STEP:
    ///
    /// 1. the charge is read, with what its rule was asked;
    /// 2. of a part of a session, the session's beginning: there the hours of its tariff count from;
    /// 3. the rule runs, line by line.
    func stepRule(_ charge: ChargeID, _ text: RuleText?) -> Step {
        .read(.explain(charge)) { result in
            guard case .explanation(let it) = result else { return .end(result) }
            let part = it.event.priced
            guard let pricing = it.pricing ?? part?.pricing, pricing.priced.rule != .none else {
                return .answer(.rejected(.invalid("no rule priced this")))
            }
            guard let text = text ?? self.ruleSource(pricing.priced.rule).map({ .source(Array($0.utf8)) }) else {
                return .answer(.rejected(.notFound(.rule)))
            }
            let steps = { (started: Timestamp) in
                self.stepRule(charge, pricing, part, billed: part?.amount ?? it.amount, text, started: started)
            }
            guard let part, !part.session.isNone, part.started == .never else { return steps(.never) }
            return .read(event: part.session.lsn) { steps($0.asOf) }
        }
    }

    private func stepRule(
        _ charge: ChargeID, _ pricing: Pricing, _ part: PricedPart?, billed: Money, _ text: RuleText,
        started: Timestamp
    ) -> Step {
        .examine(.step(pricing.query, text)) { verdict in
            switch verdict {
            case .traced(let trace):
                var steps = RuleSteps(charge: charge, pricing: pricing, billed: billed, trace: trace, amount: nil)
                if let part, case .success(let answer) = trace.outcome {
                    var charges = HypotheticalCharges()
                    steps.amount = charges.amount(of: part, answered: answer, started: started)
                }
                return .answer(.ruleSteps(steps))
            case .refused(let rejection): return .answer(.rejected(rejection))
            case .loads, .checked, .priced, .backtested, .shadow: preconditionFailure("steps were asked as such")
            }
        }
    }
}
