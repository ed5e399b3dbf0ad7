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
    /// What the charge would be; nil: the rule failed, or its price does not fit in an amount.
    package var amount: Money?
}

extension Engine {
    /// RULE STEP:
    ///
    /// 1. the charge is read, with what its rule was asked;
    /// 2. the rule runs, line by line;
    /// 3. where a price has steps, the event is read from which their hours count: a session's beginning, a resource's
    ///    last change of price.
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
            return .examine(.step(pricing.query, text)) { verdict in
                switch verdict {
                case .traced(let trace):
                    let steps = RuleSteps(
                        charge: charge, pricing: pricing, billed: part?.amount ?? it.amount, trace: trace, amount: nil)
                    return self.charge(part, it.event.previous, in: steps)
                case .refused(let rejection): return .answer(.rejected(rejection))
                case .loads, .checked, .priced, .backtested, .shadow: preconditionFailure("steps were asked as such")
                }
            }
        }
    }

    /// Fills in what the charge would be. `previous`: its user's event before it.
    private func charge(_ part: PricedPart?, _ previous: LSN, in steps: RuleSteps) -> Step {
        guard let part, case .success(let answer) = steps.trace.outcome else { return .answer(.ruleSteps(steps)) }
        let finish = { (started: Timestamp) -> Step in
            var (steps, charges) = (steps, HypotheticalCharges())
            steps.amount = charges.amount(of: part, answered: answer, started: started)
            return .answer(.ruleSteps(steps))
        }
        guard HypotheticalCharges.needsStart(part, answer) else { return finish(.never) }
        guard let stored = part.stored else { return .read(event: part.session.lsn) { finish($0.asOf) } }
        return since(previous, ofPrice: stored.resource, finish)
    }

    /// Since when a resource has its price, back from an event of its user on.
    private func since(_ lsn: LSN, ofPrice resource: ResourceID, _ then: @escaping (Timestamp) -> Step) -> Step {
        .read(event: max(lsn, resource.lsn)) { event in
            if event.lsn == resource.lsn { return then(event.asOf) }
            if let part = event.priced, part.stored?.resource == resource, part.stored?.isRepriced == true,
                let usage = part.usage
            {
                return then(usage.through)
            }
            return self.since(event.previous, ofPrice: resource, then)
        }
    }
}
