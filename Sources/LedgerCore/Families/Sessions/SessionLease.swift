// Leases and what happens where the next one cannot be covered.
extension Session {
    /// The end of the next lease. It continues the old one; where that is over for longer than a lease lasts, it starts
    /// anew. What ran free until now had its whole time to live for a lease: under a price it gets one like
    /// everybody's.
    @inline(__always)
    fileprivate func nextLease(at now: Timestamp, under pricing: Pricing) -> Timestamp {
        guard !reserveFull, pricing.tariff.highestRate > 0 else { return ttlEnd }
        let next = min(leaseUntil, now + StateMachine.lease) + StateMachine.lease
        return min(ttlEnd, next > now ? next : now + StateMachine.lease)
    }
}

/// What a lease needs beyond what is held, and what there is for it.
private struct LeaseFunds {
    var missing: Money
    var available: Money
    /// The cap that leaves least, and so much.
    var cap: CapReached?
    var room: Money

    var isCovered: Bool { available >= missing && room >= missing }
    /// What can be held.
    var added: Money { min(min(max(available, .zero), missing), room) }
    /// It is the cap that leaves too little, not the credit.
    var isCapped: Bool { room < min(max(available, .zero), missing) }
}

extension StateMachine {
    /// Holds enough for the next lease, or as much as there is and a deadline. `isRepriced`: under another price than
    /// before, so that what is held lasts for another time. Returns whether the lease is covered.
    @discardableResult
    mutating func renew(
        _ slot: Slot<Session>, isRepriced: Bool = false, precedes: Bool = false, under caps: CapsAtHand = CapsAtHand(),
        _ decision: inout Decision
    ) -> Bool {
        sessionAtHand = slot
        let (id, user) = (store.sessions[slot].id, store.sessions[slot].user)
        let until = store.sessions[slot].nextLease(at: decision.now, under: store.sessions[slot].lastPricing)
        let held = store.sessions[slot].pins.total
        let missing = max(store.sessions[slot].meter.cover(through: until) - held, .zero)
        let funds = funds(slot, missing: missing, at: decision.now, caps)
        let pins = planFree(user, funds.added, for: .session, at: decision.now, beside: slot)
        if funds.isCovered {
            let event = LeaseRenewed(session: id, lease: Lease(added: funds.added, pins: pins, until: until))
            commit(event, user: user, linked: id.lsn, precedes: precedes, &decision)
        } else if let event = exhaustion(slot, funds, pins, isRepriced: isRepriced, at: decision.now) {
            commit(event, user: user, linked: id.lsn, precedes: precedes, &decision)
        } else {
            return false
        }
        caps.hold(funds.added, for: slot, in: self)
        return funds.isCovered
    }

    /// What a session holds at once that goes on as `after` with `held`. Nil where what is held is enough; and where it
    /// is to be looked at afterwards (``renewRepriced(_:under:_:)``), because there is too little, or because what was
    /// used is to be settled first, which is so while any session of the user has used more than it holds. (A posting
    /// that takes what is held for it leaves a cap no less room than it had.)
    func lease(
        _ slot: Slot<Session>, as after: SessionMeter, held: Money, at now: Timestamp, under caps: CapsAtHand
    ) -> Lease? {
        let user = store.sessions[slot].user
        guard store.accounts[user].coveredUntil >= now,
            store.sessions[slot].status != .active || after.lasts(held: held) < store.sessions[slot].leaseUntil
        else { return nil }
        let until = store.sessions[slot].nextLease(at: now, under: after.lastPricing)
        let funds = funds(slot, missing: max(after.cover(through: until) - held, .zero), at: now, caps)
        guard funds.isCovered else { return nil }
        caps.hold(funds.added, for: slot, in: self)
        let pins = planFree(user, funds.added, for: .session, at: now, beside: slot)
        return Lease(added: funds.added, pins: pins, until: until)
    }

    private func funds(
        _ slot: Slot<Session>, missing: Money, at now: Timestamp, _ caps: CapsAtHand
    ) -> LeaseFunds {
        let user = store.sessions[slot].user
        let cap = caps.tightest(slot, in: self, at: now)
        // What this session itself consumed beyond its hold is part of what is missing: it is not counted twice.
        return LeaseFunds(
            missing: missing, available: available(user, for: .session, at: now, beside: slot), cap: cap,
            room: cap.map { max($0.cap - $0.spent, .zero) } ?? .max)
    }

    /// What becomes of a session whose next lease is not covered; nil: it stays as it is. In its grace that is so,
    /// whatever it costs by now.
    private func exhaustion(
        _ slot: Slot<Session>, _ funds: LeaseFunds, _ pins: LotAmounts, isRepriced: Bool, at now: Timestamp
    ) -> SessionExhausting? {
        let row = store.sessions[slot]
        let isTold = row.status == .exhausting && !(isRepriced && row.emptyAt > now)
        guard !isTold || funds.added > .zero || row.capResets <= now else { return nil }
        let emptyAt = min(row.meter.lasts(held: row.pins.total + funds.added), row.ttlEnd)
        var event = SessionExhausting(
            session: row.id, added: funds.added, pins: pins, emptyAt: emptyAt, deadline: .never,
            capResets: funds.isCapped ? funds.cap?.resets ?? .never : .never)
        let mayRunOnDebt = row.runsOnDebt || row.status == .active && debtCeiling(row.user) != nil
        if !funds.isCapped, mayRunOnDebt { return event }
        let grace = self.grace(row)
        if isTold, !row.runsOnDebt {
            // Later credit moves the deadline as far as it lasts and no further: or a cent a minute would buy grace
            // without end.
            event.deadline = max(row.deadline, emptyAt + grace)
        } else {
            // It counts from when somebody could be told.
            event.deadline = max(max(emptyAt, now), store.presence.since) + grace
        }
        return event
    }

    /// New credit first helps the sessions that are about to end for want of it, the one that would end first before
    /// others.
    mutating func renewExhausting(_ user: UserOrdinal, _ decision: inout Decision) {
        guard store.accounts[user].exhaustingCount > 0 else { return }
        var waiting: [(deadline: Timestamp, id: SessionID)] = []
        for slot in sessions(of: user) where store.sessions[slot].status == .exhausting {
            waiting.append((store.sessions[slot].deadline, store.sessions[slot].id))
        }
        let caps = CapsAtHand()
        waiting.sort { ($0.deadline.nanoseconds, $0.id.value) < ($1.deadline.nanoseconds, $1.id.value) }
        for waiting in waiting {
            // A timer cannot be refused: what is left then is tried again at its deadline.
            if decision.origin.isTimer, decision.groupSize > groupLimit / 2 { return }
            if let slot = session(waiting.id) { renew(slot, under: caps, &decision) }
        }
    }

    /// Whether new credit of a user may renew more sessions than half a group takes. A renewal has at most 150 bytes
    /// and 20 for each part that it pins; each lot is a part of one renewal, but for one at each border.
    func mayRenewMany(_ user: UserOrdinal) -> Bool {
        let (sessions, lots) = (Int(store.accounts[user].exhaustingCount), Int(store.accounts[user].lotCount))
        return sessions > 0 && sessions * 150 + (sessions + lots) * 20 > groupLimit / 2
    }

    fileprivate mutating func extend(_ slot: Slot<Session>, _ pins: LotAmounts) {
        pin(store.sessions[slot].user, pins)
        hold(by: store.sessions[slot].spender, pins.total)
        for index in 0..<pins.count { store.sessions[slot].pins.append(pins[index]) }
    }

    /// A lease begins that is covered.
    mutating func begin(_ lease: Lease, of slot: Slot<Session>) {
        extend(slot, lease.pins)
        if store.sessions[slot].status != .active {
            exhaustion(of: slot, .active, emptyAt: .never, deadline: .never, capResets: .never)
        }
        store.sessions[slot].leaseUntil = lease.until
    }

    func objection(toPinning pins: LotAmounts, for session: SessionID, _ user: UserOrdinal) -> String? {
        guard self.session(session, of: user) != nil else { return Self.noSuchSession }
        return objection(toTaking: pins, of: user, from: .free)
    }
}

/// A session's next lease is covered.
package struct LeaseRenewed: EventType {
    package static let code = EventCode.leaseRenewed
    package static let blank = LeaseRenewed(session: .none, lease: .blank)
    package var body: EventBody { .leaseRenewed(self) }

    package var session: SessionID
    package var lease: Lease

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try lease.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.objection(toPinning: lease.pins, for: session, header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.session(session)!
        ledger.begin(lease, of: slot)
        ledger.refreshCover(session: slot)
        ledger.schedule(session: slot)
    }
}

/// The next lease could not be covered: what there is is held, and there is a deadline.
package struct SessionExhausting: EventType {
    package static let code = EventCode.sessionExhausting
    package static let blank = SessionExhausting(
        session: .none, added: .zero, pins: LotAmounts(), emptyAt: .never, deadline: .never, capResets: .never)
    package var body: EventBody { .sessionExhausting(self) }

    package var session: SessionID
    package var added: Money
    package var pins: LotAmounts
    /// When what is held runs out, and when the session is stopped if nothing comes: `.never` where a ceiling of debt
    /// says that.
    package var emptyAt: Timestamp
    package var deadline: Timestamp
    /// It is a cap that leaves too little: when that begins anew, the lease is tried again.
    package var capResets: Timestamp

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.money(&added)
        try pins.code(with: &c)
        try c.time(&emptyAt)
        try c.time(&deadline)
        try c.time(&capResets)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.objection(toPinning: pins, for: session, header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.session(session)!
        ledger.extend(slot, pins)
        ledger.exhaustion(of: slot, .exhausting, emptyAt: emptyAt, deadline: deadline, capResets: capResets)
        ledger.refreshCover(session: slot)
        ledger.schedule(session: slot)
    }
}
