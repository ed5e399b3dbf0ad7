/// USAGE RECORD: bills what a meter counted. Never refused for funds.
package struct UsageRecord: CommandType {
    package static let name: StaticString = "USAGE RECORD"
    package var user: Hash128
    /// Hash of all arguments: the same id with the same arguments answers with the stored receipt.
    package var arguments: Hash128
    /// Unique for all time.
    package var id: ShortText
    package var meter: ShortText
    package var billionths: Int64
    /// When it was used; nil: now.
    package var at: Timestamp?
    package init(
        id: ShortText, user: Hash128, meter: ShortText, billionths: Int64, at: Timestamp? = nil, arguments: Hash128
    ) {
        self.id = id
        self.user = user
        self.meter = meter
        self.billionths = billionths
        self.at = at
        self.arguments = arguments
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? {
        guard let user = ledger.user(user), let meter = ledger.meter(meter),
            ledger.store.external[ledger.names.hash(.usage, id)] == nil
        else { return nil }
        return ledger.usageQuery(user, meter, billionths, at: at ?? now)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        if let lsn = ledger.store.external[ledger.names.hash(.usage, id)] {
            return .recorded(LSN(lsn), arguments: arguments)
        }
        let user = try ledger.find(user)
        guard let number = ledger.meter(meter) else { throw .notFound(.meter) }
        try ledger.checkMayBook(user)
        let at = at ?? decision.now
        guard at >= .earliest else { throw .invalid("AT is before 1678") }
        guard at <= decision.now else { throw .invalid("AT is in the future") }
        let row = ledger.store.meters[number]
        guard let query = ledger.usageQuery(user, number, billionths, at: at) else {
            throw .invalid("meter \(row.name) counts \(row.unit) with at most \(row.scale) fraction digits")
        }
        guard case .usage(_, _, let quantity, let before) = query,
            !before.addingReportingOverflow(quantity.count).overflow
        else { throw .invalid("the user used more of this meter in a month than can be counted") }
        let pricing = try decision.priced(query)
        let settlement = ledger.planUsage(
            user, pricing.amount, of: .recorded(.source(meter)), at: decision.now)
        guard settlement.total == pricing.amount else {
            throw .invalid("an account owes at most \(StateMachine.ceiling)")
        }
        let event = UsageRecorded(
            id: id, unit: row.unit, pricing: pricing, settlement: settlement, arguments: arguments)
        return .accepted(ledger.commit(event, user: user, effective: (at, at), &decision))
    }
}

package struct UsageRecorded: EventType {
    package static let code = EventCode.usageRecorded
    package static let blank = UsageRecorded(
        id: ShortText(), unit: ShortText(), pricing: .blank, settlement: Settlement(), arguments: .zero)
    package var body: EventBody { .usageRecorded(self) }

    package var id: ShortText
    package var unit: ShortText
    /// With meter and quantity, which the rule was asked about.
    package var pricing: Pricing
    package var settlement: Settlement
    package var arguments: Hash128

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.text(&unit)
        try pricing.code(with: &c)
        try settlement.code(with: &c)
        try c.hash(&arguments)
    }

    /// The meter's name and how much of it; nil where the price is of something else.
    package var used: (meter: ShortText, quantity: MeterQuantity)? {
        guard case .usage(let meter, _, let quantity, _) = pricing.query else { return nil }
        return (meter, quantity)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard header.effectiveFrom >= .earliest, header.effectiveFrom <= header.time else {
            return "records usage of no time that there was"
        }
        guard case .usage(let name, _, let quantity, let before) = pricing.query,
            case .amount(let amount) = pricing.priced.answer, !amount.isNegative,
            let meter = ledger.meter(name), quantity.count >= 0, quantity.scale == ledger.store.meters[meter].scale,
            before == ledger.metered(header.user, meter, in: Month(containing: header.effectiveFrom)),
            !before.addingReportingOverflow(quantity.count).overflow
        else { return "records what no meter counted" }
        guard ledger.store.external[ledger.names.hash(.usage, id)] == nil else { return "records what is recorded" }
        return ledger.objection(to: settlement, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        guard let (name, quantity) = used, let meter = ledger.meter(name) else {
            preconditionFailure("usage of no meter")
        }
        ledger.pay(header.user, settlement)
        ledger.store.books.post(at: ledger.store.books.open(.revenue, name), pricing.amount)
        ledger.count(
            spending: pricing.amount, usedAt: header.effectiveFrom, of: header.user, by: header.actor, at: header.asOf)
        ledger.store.external.set(ledger.names.hash(.usage, id), header.lsn.value)
        let month = Month(containing: header.effectiveFrom)
        let sum = ledger.metered(header.user, meter, in: month) + quantity.count
        ledger.store.metered.set(ledger.meteredKey(header.user, meter, month), UInt64(bitPattern: sum))
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        guard let (meter, quantity) = used, case .amount(let amount) = pricing.priced.answer else { return facts }
        facts.charge = Facts.Charge(amount: amount, source: meter, settlement: settlement, pricing: pricing)
        facts.metered = Facts.Metered(meter: meter, quantity: quantity, amount: amount)
        facts.recorded = Facts.Recorded(subject: .usage, arguments: arguments)
        facts.text = .words("\(quantity) \(unit)")
        return facts
    }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? {
        guard used != nil, case .amount(let amount) = pricing.priced.answer else { return nil }
        return PricedPart(amount, pricing)
    }
}

extension StateMachine {
    /// What a rule is asked about so many billionths of a unit, used at an instant; nil where the meter counts no such
    /// parts.
    func usageQuery(_ user: UserOrdinal, _ meter: Int, _ billionths: Int64, at instant: Timestamp) -> PriceQuery? {
        let row = store.meters[meter]
        guard let quantity = MeterQuantity(billionths: billionths, scale: row.scale) else { return nil }
        return .usage(
            meter: row.name, type: type(of: user), quantity: quantity,
            thisMonth: metered(user, meter, in: Month(containing: instant)))
    }
}
