/// Why an amount is what it is: the question a rule was asked, its answer, and which rule answered. One reference: it
/// is large, never changes, and lies in many rows and events at once.
package struct Pricing: Sendable {
    private final class Terms: Sendable {
        let query: PriceQuery
        let priced: Priced
        init(_ query: PriceQuery, _ priced: Priced) {
            self.query = query
            self.priced = priced
        }
    }

    private var terms: Terms

    package init(query: PriceQuery, priced: Priced) { terms = Terms(query, priced) }

    package var query: PriceQuery { terms.query }
    package var priced: Priced { terms.priced }
    package var tariff: Tariff {
        guard case .tariff(let tariff) = terms.priced.answer else {
            preconditionFailure("a metered price without a tariff")
        }
        return tariff
    }
    /// Of a session.
    package var tier: Tier {
        guard case .sessionRuntime(_, let tier, _) = terms.query else { preconditionFailure("the price of no session") }
        return tier
    }
    package var amount: Money {
        guard case .amount(let amount) = terms.priced.answer else {
            preconditionFailure("a one-time price without an amount")
        }
        return amount
    }
}

extension Pricing: Hashable {
    package static func == (a: Pricing, b: Pricing) -> Bool {
        a.terms === b.terms || a.terms.query == b.terms.query && a.terms.priced == b.terms.priced
    }
    package func hash(into hasher: inout Hasher) {
        hasher.combine(terms.query)
        hasher.combine(terms.priced)
    }
}

/// What a session would cost: the engine computes it from a rule's answer. Rounded up.
package struct SessionQuote: Sendable {
    package var amount: Money
    package var pricing: Pricing
    /// Nil where the price of so long a time does not fit in an amount.
    package init?(pricing: Pricing, duration: TimeSpan) {
        guard let amount = pricing.tariff.quote(from: .zero, to: duration) else { return nil }
        self.pricing = pricing
        self.amount = amount
    }
}

extension StateMachine {
    /// What replay asks of a price before it applies an event.
    func objection(to pricing: Pricing, _ rule: RuleName) -> String? {
        guard pricing.query.rule == rule, case .tariff(let tariff) = pricing.priced.answer else {
            return "has a price of another kind"
        }
        var from = TimeSpan.zero
        var isGood = tariff.rate >= 0 && tariff.rate <= Tariff.maximumRate
        for step in tariff.steps {
            isGood = isGood && step.from > from && step.rate >= 0 && step.rate <= Tariff.maximumRate
            from = step.from
        }
        return isGood ? nil : "has a price beyond every ceiling"
    }
}

// MARK: - Bytes

extension Tariff: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.signed(&rate)
        try c.signed(&listRate)
        try c.list(&steps, blank: Step(from: .zero, rate: 0))
    }
}

extension Tariff.Step: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.span(&from)
        try c.signed(&rate)
    }
}

extension PriceQuery: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var name = rule
        try name.code(with: &c)
        if name != rule {
            switch name {
            case .sessionRuntime: self = .sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0)
            case .storage: self = .storage(type: .free, kind: .bucket, megabytes: 0)
            case .spacePurchase: self = .spacePurchase(type: .free, space: ShortText(), listPrice: .zero, gigabytes: 0)
            case .purchaseBonus: self = .purchaseBonus(type: .free, amount: .zero)
            case .meter(let meter):
                let nothing = MeterQuantity(count: 0, scale: 0)
                self = .usage(meter: meter, type: .free, quantity: nothing, thisMonth: 0)
            }
        }
        switch self {
        case .sessionRuntime(var type, var tier, var seconds):
            try c.choice(&type)
            try c.choice(&tier)
            try c.signed(&seconds)
            if C.reads { self = .sessionRuntime(type: type, tier: tier, secondsThisMonth: seconds) }
        case .storage(var type, var kind, var megabytes):
            try c.choice(&type)
            try c.choice(&kind)
            try c.signed(&megabytes)
            if C.reads { self = .storage(type: type, kind: kind, megabytes: megabytes) }
        case .spacePurchase(var type, var space, var price, var gigabytes):
            try c.choice(&type)
            try c.text(&space)
            try c.money(&price)
            try c.signed(&gigabytes)
            if C.reads { self = .spacePurchase(type: type, space: space, listPrice: price, gigabytes: gigabytes) }
        case .purchaseBonus(var type, var amount):
            try c.choice(&type)
            try c.money(&amount)
            if C.reads { self = .purchaseBonus(type: type, amount: amount) }
        case .usage(let meter, var type, var quantity, var thisMonth):
            try c.choice(&type)
            try quantity.code(with: &c)
            try c.signed(&thisMonth)
            if C.reads { self = .usage(meter: meter, type: type, quantity: quantity, thisMonth: thisMonth) }
        }
    }
}

extension MeterQuantity: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.signed(&count)
        try c.small(&scale)
        guard count >= 0, scale <= Self.maximumScale else {
            return try c.fail("a quantity is none that can be counted")
        }
    }
}

extension PriceAnswer: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var isTariff = false
        if case .tariff = self { isTariff = true }
        let was = isTariff
        try c.bool(&isTariff)
        if isTariff != was { self = isTariff ? .tariff(.free) : .amount(.zero) }
        switch self {
        case .tariff(var tariff):
            try tariff.code(with: &c)
            if C.reads { self = .tariff(tariff) }
        case .amount(var amount):
            try c.money(&amount)
            if C.reads { self = .amount(amount) }
        }
    }
}

extension Pricing: Recordable {
    static let blank = Pricing(
        query: .purchaseBonus(type: .free, amount: .zero), priced: Priced(answer: .amount(.zero), rule: .none))

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var (query, priced) = (terms.query, terms.priced)
        try query.code(with: &c)
        try priced.answer.code(with: &c)
        try c.rule(&priced.rule)
        // What was only written is still the same.
        if C.reads { terms = Terms(query, priced) }
    }
}

extension PriceBook: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.list(&rows, blank: Row(query: Pricing.blank.query, answer: .amount(.zero)))
    }
}

extension PriceBook.Row: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try query.code(with: &c)
        try answer.code(with: &c)
    }
}
