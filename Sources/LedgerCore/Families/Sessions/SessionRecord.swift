/// SESSION RECORD: bills usage that was measured elsewhere. Never refused for funds.
package struct SessionRecord: CommandType {
    package static let name: StaticString = "SESSION RECORD"
    // The order keeps it small: it lies in the writer's queue as it is.
    package var user: Hash128
    package var from: Timestamp
    package var to: Timestamp
    /// Hash of all arguments: the same id with the same arguments answers with the stored receipt.
    package var arguments: Hash128
    package var session: ShortText
    package var tier: Tier
    package init(session: ShortText, user: Hash128, tier: Tier, from: Timestamp, to: Timestamp, arguments: Hash128) {
        self.session = session
        self.user = user
        self.tier = tier
        self.from = from
        self.to = to
        self.arguments = arguments
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    /// So long a session at most: its nanoseconds, and the sums over a month's sessions, stay far within 64 bits.
    static let longest = TimeSpan.days(36_525)

    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? {
        guard let user = ledger.user(user), ledger.store.external[ledger.names.session(session)] == nil else {
            return nil
        }
        return ledger.sessionQuery(user, tier, at: from, now: now)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let now = decision.now
        if let lsn = ledger.store.external[ledger.names.session(session)] {
            return .recorded(LSN(lsn), arguments: arguments)
        }
        let user = try ledger.find(user)
        try ledger.checkMayBook(user)
        guard from >= .earliest else { throw .invalid("FROM is before 1678") }
        guard from <= to else { throw .invalid("FROM is after TO") }
        guard to <= now else { throw .invalid("TO is in the future") }
        guard from + Self.longest >= to else { throw .invalid("FROM is more than 100 years before TO") }
        let pricing = try decision.priced(ledger.sessionQuery(user, tier, at: from, now: now))
        let numerator = pricing.tariff.integral(from: .zero, to: to - from)
        guard let amount = Rational.halfEven(numerator, over: Tariff.hour) else {
            throw .invalid("the price does not fit in an amount")
        }
        let usage = MeteredUsage(
            amount: amount, from: from, through: to, numerator: numerator, denominator: Tariff.hour,
            postedBefore: .zero, pricing: pricing)
        let settlement = ledger.planUsage(user, amount, of: .recorded(.session), at: now)
        guard settlement.total == amount else {
            throw .invalid("an account owes at most \(StateMachine.ceiling)")
        }
        let event = SessionRecorded(
            session: session, tier: tier, type: ledger.type(of: user), usage: usage, settlement: settlement,
            arguments: arguments)
        return .accepted(ledger.commit(event, user: user, effective: (from, to), &decision))
    }
}

package struct SessionRecorded: EventType {
    package static let code = EventCode.sessionRecorded
    package static let blank = SessionRecorded(
        session: ShortText(), tier: .small, type: .free, usage: .blank, settlement: Settlement(), arguments: .zero)
    package var body: EventBody { .sessionRecorded(self) }

    package var session: ShortText
    package var tier: Tier
    package var type: UserType
    package var usage: MeteredUsage
    package var settlement: Settlement
    package var arguments: Hash128

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&session)
        try c.choice(&tier)
        try c.choice(&type)
        try usage.code(with: &c)
        try settlement.code(with: &c)
        try c.hash(&arguments)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard usage.from >= .earliest, usage.through <= header.time else {
            return "records a session of no time that there was"
        }
        return ledger.objection(to: usage, over: Tariff.hour, .sessionRuntime)
            ?? ledger.objection(to: settlement, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.pay(header.user, settlement)
        ledger.store.books.post(.sessionRuntime, usage.amount)
        ledger.count(spending: usage, of: header.user, by: header.actor, clock: usage.from, at: header.asOf)
        ledger.store.external.set(ledger.names.session(session), header.lsn.value)
        ledger.countSessionTime(header.user, usage)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.session = session
        facts.charge = Facts.Charge(usage, Sources.sessionRuntime, settlement)
        facts.usage = Facts.Usage(
            tier: tier, from: usage.from, through: usage.through, amount: usage.amount, ends: true)
        facts.recorded = Facts.Recorded(subject: .session, arguments: arguments)
        facts.text = .words("\(tier.text) session, recorded")
        return facts
    }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? { PricedPart(whole: usage) }
}
