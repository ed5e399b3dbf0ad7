// Leases and what happens where the next one cannot be covered.
extension StateMachine {
    /// Holds enough for the next lease, or as much as there is and a deadline. `isRepriced`: under another price than
    /// before, so that what is held lasts for another time. Returns whether the lease is covered.
    @discardableResult
    mutating func renew(
        _ slot: Slot<Session>, isRepriced: Bool = false, precedes: Bool = false, _ decision: inout Decision
    ) -> Bool {
        let now = decision.now
        let row = store.sessions[slot]
        let isFree = row.lastPricing.tariff.highestRate == 0
        // A renewal continues the old lease; one that is later than a whole lease starts anew. What ran free until now
        // had its whole time to live for a lease: under a price it gets one like everybody's.
        let next = min(row.leaseUntil, now + Self.lease) + Self.lease
        let until = isFree || row.reserveFull ? row.ttlEnd : min(row.ttlEnd, next > now ? next : now + Self.lease)
        let held = row.pins.total
        let missing = max(cover(slot, through: until) - held, .zero)
        // What this session itself consumed beyond its hold is part of `missing`: do not count it twice.
        let available = self.available(row.user, for: .session, at: now, beside: slot)
        let cap = tightestCap(row.user, row.spender, at: now)
        let room = cap.map { max($0.cap - $0.spent, .zero) } ?? .max
        let added = min(min(max(available, .zero), missing), room)
        let pins = planFree(row.user, added, for: .session, at: now, beside: slot)
        guard available < missing || room < missing else {
            let event = LeaseRenewed(session: row.id, added: added, pins: pins, leaseUntil: until)
            commit(event, user: row.user, linked: row.id.lsn, precedes: precedes, &decision)
            return true
        }
        // In its grace a session stays as it is, whatever it costs by now.
        let isTold = row.status == .exhausting && !(isRepriced && row.emptyAt > now)
        guard !isTold || added > .zero || row.capResets <= now else { return false }
        let isCapped = room < min(max(available, .zero), missing)
        let emptyAt = min(lasts(slot, held: held + added), row.ttlEnd)
        let grace = self.grace(row)
        // The deadline counts from when somebody could be told. Later credit moves it as far as it lasts and no
        // further: or a cent a minute would buy grace without end.
        let told = max(max(emptyAt, now), store.presence.since)
        let runsOnDebt = !isCapped && (row.runsOnDebt || (row.status == .active && debtCeiling(row.user) != nil))
        let later = isTold && !row.runsOnDebt
        let event = SessionExhausting(
            session: row.id, added: added, pins: pins, emptyAt: emptyAt,
            deadline: runsOnDebt ? .never : later ? max(row.deadline, emptyAt + grace) : told + grace,
            capResets: isCapped ? cap?.resets ?? .never : .never)
        commit(event, user: row.user, linked: row.id.lsn, precedes: precedes, &decision)
        return false
    }

    /// New credit first helps the sessions that are about to end for want of it, the one that would end first before
    /// others.
    mutating func renewExhausting(_ user: UserOrdinal, _ decision: inout Decision) {
        guard store.accounts[user].exhaustingCount > 0 else { return }
        var waiting: [(deadline: Timestamp, id: SessionID)] = []
        for slot in sessions(of: user) where store.sessions[slot].status == .exhausting {
            waiting.append((store.sessions[slot].deadline, store.sessions[slot].id))
        }
        waiting.sort { ($0.deadline.nanoseconds, $0.id.value) < ($1.deadline.nanoseconds, $1.id.value) }
        for waiting in waiting {
            // A timer cannot be refused: what is left then is tried again at its deadline.
            if decision.origin == .timer, decision.groupSize > groupLimit / 2 { return }
            if let slot = session(waiting.id) { renew(slot, &decision) }
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

    fileprivate func objection(toPinning pins: LotAmounts, for session: SessionID, _ user: UserOrdinal) -> String? {
        guard self.session(session, of: user) != nil else { return Self.noSuchSession }
        return objection(toTaking: pins, of: user, from: .free)
    }
}

/// More of a user's credit is held for a session, until `leaseUntil`.
package struct LeaseRenewed: EventType {
    package static let code = EventCode.leaseRenewed
    package static let blank = LeaseRenewed(session: .none, added: .zero, pins: LotAmounts(), leaseUntil: .never)
    package var body: EventBody { .leaseRenewed(self) }

    package var session: SessionID
    package var added: Money
    package var pins: LotAmounts
    package var leaseUntil: Timestamp

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.money(&added)
        try pins.code(with: &c)
        try c.time(&leaseUntil)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.objection(toPinning: pins, for: session, header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.session(session)!
        ledger.extend(slot, pins)
        ledger.exhaustion(of: slot, .active, emptyAt: .never, deadline: .never, capResets: .never)
        ledger.store.sessions[slot].leaseUntil = leaseUntil
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
