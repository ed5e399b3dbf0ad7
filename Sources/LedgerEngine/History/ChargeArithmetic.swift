internal import LedgerCore
internal import LedgerRules

extension Facts {
    /// What EXPLAIN explains: a charge, or what else moved credit, as if it were one.
    var explained: Charge? {
        charge
            ?? movement.map {
                Charge(amount: $0.amount, source: $0.source, settlement: $0.settlement ?? Settlement())
            }
    }
}

extension ChargeExplanation {
    /// `burned`: the lots that paid; `proof`: asks the rule again.
    init(_ event: Event, _ charge: Facts.Charge, burned: [LotOrigin], proof: (Pricing) -> Explanation) {
        self.init(
            event: event, amount: charge.amount, usage: charge.usage, pricing: charge.pricing,
            settlement: charge.settlement, lots: burned, ruleName: charge.pricing?.query.rule,
            proof: charge.pricing.map(proof), recomputed: nil, arithmetic: [])
        explainAmount()
    }

    /// Does the arithmetic again, from what the event says alone.
    private mutating func explainAmount() {
        if let usage {
            recomputed = Rational.halfEven(usage.numerator, over: usage.denominator)?.subtracting(usage.postedBefore)
            let tariff = usage.pricing.tariff
            arithmetic = [
                "rate \(Money(nanos: tariff.rate)) (list \(Money(nanos: tariff.listRate)))"
                    + (tariff.steps.isEmpty ? "" : ", then \(tariff.steps.count) steps"),
                "metered from \(usage.from) through \(usage.through): "
                    + "\(Decimal.seconds(TimeSpan(nanoseconds: usage.through.nanoseconds - usage.from.nanoseconds)))",
                "so far \(usage.numerator) / \(usage.denominator) nano-USD, rounded half to even",
                "less \(usage.postedBefore) posted before = \(usage.amount)",
            ]
        } else if let pricing {
            recomputed = pricing.amount
            arithmetic = ["the rule's amount: \(pricing.amount)"]
            if let share = event.facts.charge?.share {
                arithmetic.append("of it \(share.amount) to the space's creator")
            }
        } else if let derivation = event.facts.movement?.derivation {
            recomputed = Rational.halfEven(derivation.numerator, over: derivation.denominator)?.subtracting(
                derivation.before)
            arithmetic = [
                derivation.words,
                "\(derivation.numerator) / \(derivation.denominator) nano-USD, rounded half to even",
            ]
            if !derivation.before.isZero { arithmetic.append("less \(derivation.before) before") }
            if let recomputed, recomputed != amount {
                arithmetic.append("\(recomputed - amount) of \(recomputed) could not be taken")
            }
        } else {
            recomputed = amount
            arithmetic = ["the amount as it was asked: \(amount)"]
        }
    }
}

extension Decimal {
    /// `3600.5s`
    static func seconds(_ span: TimeSpan) -> String {
        let text = Money(nanos: span.nanoseconds).description
        return (text.hasSuffix(".00") ? String(text.dropLast(3)) : text) + "s"
    }
}
