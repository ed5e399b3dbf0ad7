/// SESSION RETIER: a running session goes on as another tier, under the version of the rule that priced it so far.
package struct SessionRetier: CommandType {
    package static let name: StaticString = "SESSION RETIER"
    package var session: Hash128
    package var tier: Tier
    package init(session: Hash128, tier: Tier) {
        self.session = session
        self.tier = tier
    }

    package var subject: Subject { .session(session) }
    package var dueBefore: DueBefore { .own(subject) }

    package func priceNeed(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceNeed {
        guard case .open(let slot)? = try? ledger.findSession(session) else { return .none }
        return .versions([question(slot, ledger, at: now)])
    }

    private func question(
        _ slot: Slot<Session>, _ ledger: borrowing StateMachine, at now: Timestamp
    ) -> PriceQuestion {
        let row = ledger.store.sessions[slot]
        return PriceQuestion(
            query: ledger.sessionQuery(row.user, tier, at: now, now: now), rule: row.rule)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard case .open(let slot) = try ledger.findSession(session) else { throw .closed(.session) }
        let row = ledger.store.sessions[slot]
        let type = ledger.type(of: row.user)
        guard ledger.store.limits.allows(tier, for: type) else {
            throw .limit(.tiers, ledger.store.limits[type, .tiers])
        }
        guard tier != row.tier else { throw .invalid("the session runs as \(tier.text) already") }
        let question = question(slot, ledger, at: decision.now)
        let pricing = try decision.priced([question])[0]
        let caps = CapsAtHand()
        let posted = ledger.reprice(slot, pricing, under: caps, &decision)
        ledger.renewRepriced(slot, under: caps, &decision)
        let after = ledger.store.sessions[slot]
        let event = SessionRetiered(
            session: row.id, external: row.external, type: type, tier: tier,
            rate: pricing.tariff.rate(at: decision.now - row.started),
            listRate: pricing.tariff.listRate, posted: posted, amount: after.posted - row.posted, status: after.status,
            leaseUntil: after.leaseUntil, deadline: ledger.deadline(of: slot))
        return .accepted(ledger.commit(event, user: row.user, linked: row.id.lsn, &decision))
    }
}

/// How a session goes on as another tier: what RETIER answers. The events before it in its group did it.
package struct SessionRetiered: EventType {
    package static let code = EventCode.sessionRetiered
    package static let blank = SessionRetiered(
        session: .none, external: ShortText(), type: .free, tier: .small, rate: 0, listRate: 0, posted: .none,
        amount: .zero, status: .active, leaseUntil: .never, deadline: .never)
    package var body: EventBody { .sessionRetiered(self) }

    package var session: SessionID
    package var external: ShortText
    package var type: UserType
    package var tier: Tier
    /// nano-USD per hour.
    package var rate: Int64
    package var listRate: Int64
    /// The posting that closed the segment before, and its amount; none of a monitored session, which is posted when it
    /// is heard.
    package var posted: LSN
    package var amount: Money
    package var status: SessionStatus
    package var leaseUntil: Timestamp
    package var deadline: Timestamp

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.text(&external)
        try c.choice(&type)
        try c.choice(&tier)
        try c.signed(&rate)
        try c.signed(&listRate)
        try c.lsn(&posted)
        try c.money(&amount)
        try c.choice(&status)
        try c.time(&leaseUntil)
        try c.time(&deadline)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.session(session, of: header.user) != nil ? nil : StateMachine.noSuchSession
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {}

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.session = external
        return facts
    }
}

extension StateMachine {
    /// So many segments of a monitored session wait for it to be heard.
    static let maximumRepricings = 64

    /// Ends a segment of a session at the instant of the decision and begins the next. What a monitored one used is not
    /// posted, for it may turn out to have ended before; unless so much waits already. The lock on its tariff stays.
    /// Returns the last posting, if there was one. Comes before the event that answers.
    @discardableResult
    mutating func reprice(
        _ slot: Slot<Session>, _ pricing: Pricing, under caps: CapsAtHand, _ decision: inout Decision
    ) -> LSN {
        var next = Repriced(pricing: pricing, locks: false)
        if store.sessions[slot].isMonitored, store.sessions[slot].repricings.count < Self.maximumRepricings {
            let (id, user) = (store.sessions[slot].id, store.sessions[slot].user)
            var after = store.sessions[slot].meter
            after.go(on: pricing, from: decision.now)
            next.lease = lease(slot, as: after, held: store.sessions[slot].pins.total, at: decision.now, under: caps)
            let event = SessionRepriced(session: id, at: decision.now, next: next)
            commit(event, user: user, linked: id.lsn, precedes: true, &decision)
            return .none
        }
        postRepricings(slot, before: decision.now, precedes: true, &decision)
        post(slot, through: decision.now, then: next, leasing: caps, precedes: true, &decision)
        return lastLSN
    }

    /// Under another price the old lease may no longer be covered, and what ends for want of credit may last: looks
    /// again at once.
    mutating func renewRepriced(_ slot: Slot<Session>, under caps: CapsAtHand, _ decision: inout Decision) {
        let isActive = store.sessions[slot].status == .active
        guard !isActive || store.sessions[slot].coveredUntil < store.sessions[slot].leaseUntil else { return }
        renew(slot, isRepriced: true, precedes: true, under: caps, &decision)
    }
}
