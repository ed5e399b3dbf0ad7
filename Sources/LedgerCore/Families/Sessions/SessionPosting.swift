// What commands and timers share: a running session's usage is posted, its price changes, it is closed.
extension StateMachine {
    /// Posts a session's usage through `end` and releases what it held.
    @discardableResult
    mutating func close(
        _ slot: Slot<Session>, _ reason: SessionClosed.Reason, through end: Timestamp, note: PersonalText = .none,
        _ decision: inout Decision
    ) -> EventReference {
        sessionAtHand = slot
        let end = max(min(end, store.sessions[slot].ttlEnd), store.sessions[slot].postedThrough)
        // The receipt is the closing event's, whatever had to be posted before it.
        postRepricings(slot, before: end, precedes: true, &decision)
        let row = store.sessions[slot]
        var usage = row.meter.usage(through: end)
        let settlement = planUsage(
            row.user, usage.amount, of: .session, pins: row.pins, at: decision.creditInstant)
        usage.amount = settlement.total
        var left = row.pins
        _ = left.take(settlement.held.total)
        let event = SessionClosed(
            session: row.id, external: row.external, tier: row.pricing.tier, type: row.pricing.query.userType,
            reason: reason, started: row.started, usage: usage, total: row.posted + usage.amount, charges: row.charges,
            settlement: settlement, released: left.total, broken: broken(left), note: note)
        return commit(
            event, user: row.user, linked: row.id.lsn, effective: (usage.from, usage.through), labels: row.labels,
            &decision)
    }

    /// Posts a running session's usage, and from there on the price is `next`, where one is named. Under `caps`, where
    /// they are given, what that price needs held is held in the same event, if it can be said there.
    mutating func post(
        _ slot: Slot<Session>, through end: Timestamp, then next: Repriced? = nil, leasing caps: CapsAtHand? = nil,
        precedes: Bool = false, _ decision: inout Decision
    ) {
        sessionAtHand = slot
        let (id, user) = (store.sessions[slot].id, store.sessions[slot].user)
        let end = max(min(end, store.sessions[slot].ttlEnd), store.sessions[slot].postedThrough)
        var usage = store.sessions[slot].meter.usage(through: end)
        let settlement = planUsage(
            user, usage.amount, of: .session, pins: store.sessions[slot].pins, at: decision.creditInstant)
        usage.amount = settlement.total
        var event = SessionPosted(
            session: id, external: store.sessions[slot].external, tier: usage.pricing.tier, usage: usage,
            settlement: settlement, next: next)
        if let caps, let next, settlement.isHeld {
            var after = store.sessions[slot].meter
            after.book(usage, then: next.pricing)
            let held = store.sessions[slot].pins.total - settlement.held.total
            event.next?.lease = lease(slot, as: after, held: held, at: decision.now, under: caps)
        }
        commit(
            event, user: user, linked: id.lsn, effective: (usage.from, usage.through),
            labels: store.sessions[slot].labels, precedes: precedes, &decision)
    }

    /// Posts a monitored session's usage up to each change of its price before `end`: a posting has one price.
    mutating func postRepricings(
        _ slot: Slot<Session>, before end: Timestamp, precedes: Bool = false, _ decision: inout Decision
    ) {
        while let next = store.sessions[slot].repricings.first, next.at < end {
            let segment = Repriced(pricing: next.pricing, locks: false)
            post(slot, through: next.at, then: segment, precedes: precedes, &decision)
        }
    }

    /// The end of a tariff's lock. What a monitored session used is not posted there: it may turn out to have ended
    /// before.
    mutating func unlock(_ slot: Slot<Session>, _ decision: inout Decision) {
        let row = store.sessions[slot]
        let next = Repriced(pricing: nextPricing(session: slot), locks: true)
        if row.isMonitored {
            commit(
                SessionRepriced(session: row.id, at: row.lockEnd, next: next), user: row.user,
                linked: row.id.lsn, effective: (row.lockEnd, row.lockEnd), &decision)
        } else {
            post(slot, through: row.lockEnd, then: next, &decision)
        }
        // Under a new price the old lease no longer says what is covered: look again at once.
        if next.pricing != row.lastPricing { renew(slot, &decision) }
    }

    /// A tariff is fixed for a time.
    mutating func lock(_ slot: Slot<Session>, from instant: Timestamp) {
        store.sessions[slot].lockEnd = instant + Self.tariffLock
    }

    /// Counts what a posting charged, for the caps that it counts for.
    mutating func spend(
        _ slot: Slot<Session>, _ usage: MeteredUsage, _ settlement: Settlement, _ header: EventHeader
    ) {
        let (spender, started) = (store.sessions[slot].spender, store.sessions[slot].started)
        hold(by: spender, -settlement.held.total)
        count(spending: usage, of: header.user, by: spender, clock: started, at: header.asOf)
    }

    /// Counts session time for each month that it lies in: an input of rules.
    mutating func countSessionTime(_ user: UserOrdinal, _ usage: MeteredUsage) {
        var from = usage.from
        while from < usage.through {
            let month = Month(containing: from)
            let to = min(month.end, usage.through)
            let key = Store.monthKey(user, month)
            // No money: it may stop at the end of 64 bits, it must not wrap or trap there.
            let (sum, overflow) = (store.sessionTime[key] ?? 0).addingReportingOverflow(UInt64((to - from).nanoseconds))
            store.sessionTime.set(key, overflow ? .max : sum)
            from = to
        }
    }
}

/// Usage of a running session, from where it was last posted to `usage.through`.
package struct SessionPosted: EventType {
    package static let code = EventCode.sessionPosted
    package static let blank = SessionPosted(
        session: .none, external: ShortText(), tier: .small, usage: .blank, settlement: Settlement(), next: nil)
    package var body: EventBody { .sessionPosted(self) }

    package var session: SessionID
    package var external: ShortText
    package var tier: Tier
    package var usage: MeteredUsage
    package var settlement: Settlement
    /// Its price from here on, where another segment begins.
    package var next: Repriced?

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.text(&external)
        try c.choice(&tier)
        try usage.code(with: &c)
        try settlement.code(with: &c)
        try c.optional(&next, blank: .blank)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        if let objection = ledger.objection(to: usage, of: session, header.user, settlement: settlement) {
            return objection
        }
        guard let next else { return nil }
        guard next.lease == nil || settlement.isHeld else { return "holds credit that it may be about to spend" }
        return ledger.objection(to: next, of: session, header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.session(session)!
        ledger.pay(header.user, settlement)
        ledger.store.books.post(.sessionRuntime, usage.amount)
        ledger.spend(slot, usage, settlement, header)
        _ = ledger.store.sessions[slot].pins.take(settlement.held.total)
        ledger.store.sessions[slot].owed += settlement.debt
        ledger.store.sessions[slot].meter.book(usage, then: next?.pricing)
        if let next, next.locks { ledger.lock(slot, from: usage.through) }
        ledger.store.sessions[slot].charges.append(header.lsn)
        ledger.store.sessions[slot].nextDaily = StateMachine.daily(header.user, after: usage.through)
        ledger.countSessionTime(header.user, usage)
        if let lease = next?.lease { ledger.begin(lease, of: slot) }
        ledger.refreshCover(session: slot)
        ledger.schedule(session: slot)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.session = external
        facts.charge = Facts.Charge(usage, Sources.sessionRuntime, settlement)
        facts.usage = Facts.Usage(
            tier: tier, from: usage.from, through: usage.through, amount: usage.amount, ends: false)
        facts.text = .words("\(tier.text) session, so far")
        return facts
    }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? { PricedPart(usage, of: session, started: .never, isLast: false) }
}

/// The price of a monitored session from an instant on. No money moves: what it used is posted when it is heard.
package struct SessionRepriced: EventType {
    package static let code = EventCode.sessionRepriced
    package static let blank = SessionRepriced(session: .none, at: .distantPast, next: .blank)
    package var body: EventBody { .sessionRepriced(self) }

    package var session: SessionID
    package var at: Timestamp
    package var next: Repriced

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.time(&at)
        try next.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard let row = ledger.session(session, of: header.user) else { return StateMachine.noSuchSession }
        guard at >= row.started, at <= row.ttlEnd else { return "reprices a session beyond its time" }
        return ledger.objection(to: next, of: session, header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.session(session)!
        ledger.store.sessions[slot].meter.go(on: next.pricing, from: at)
        if next.locks { ledger.lock(slot, from: at) }
        if let lease = next.lease { ledger.begin(lease, of: slot) }
        ledger.refreshCover(session: slot)
        ledger.schedule(session: slot)
    }
}

extension SessionMeter {
    /// Its usage is in the books through `usage.through`, and its price is `next` from there on.
    mutating func book(_ usage: MeteredUsage, then next: Pricing?) {
        numerator = usage.numerator
        posted += usage.amount
        postedThrough = usage.through
        guard let next else { return }
        pricing = next
        // Its lock went on from there already.
        if repricings.first?.at == usage.through { repricings.removeFirst() }
    }

    /// Its price is another from `instant` on, which is not in the books yet.
    mutating func go(on next: Pricing, from instant: Timestamp) {
        if lastPricing != next { repricings.append(Repricing(at: instant, pricing: next)) }
    }
}

// What replay asks of usage before it applies an event.
extension StateMachine {
    func objection(to next: Repriced, of session: SessionID, _ user: UserOrdinal) -> String? {
        objection(to: next.pricing, .sessionRuntime)
            ?? next.lease.flatMap { objection(toPinning: $0.pins, for: session, user) }
    }

    func objection(to usage: MeteredUsage, over denominator: Int128, _ rule: RuleName) -> String? {
        guard usage.denominator == denominator, usage.numerator >= 0, usage.amount >= .zero else {
            return "has usage that is none"
        }
        return objection(to: usage.pricing, rule)
    }

    func objection(
        to usage: MeteredUsage, of id: SessionID, _ user: UserOrdinal, settlement: Settlement
    ) -> String? {
        guard let row = session(id, of: user) else { return Self.noSuchSession }
        guard usage.through >= row.postedThrough, usage.through <= max(row.ttlEnd, row.postedThrough),
            usage.from == row.postedThrough
        else { return "posts a session beyond its time" }
        // At the highest price for all of its time, a session's sums are far within their bounds.
        guard usage.numerator <= Self.maximumSession, let posted = row.posted.adding(usage.amount),
            posted.nanos <= .max / 2
        else { return "posts more than a session can cost" }
        return objection(to: usage, over: Tariff.hour, .sessionRuntime)
            ?? objection(to: settlement, of: user, pinned: row.pins)
    }

    private static var maximumSession: Int128 {
        Int128(Tariff.maximumRate) * Int128(maximumTimeToLive.nanoseconds)
    }
}
