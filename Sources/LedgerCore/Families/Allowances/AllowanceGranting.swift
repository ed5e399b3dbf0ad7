/// What an allowance gives for a period.
package struct AllowanceGranted: EventType {
    package static let code = EventCode.allowanceGranted
    package static let blank = AllowanceGranted(amount: .zero, lot: .blank, carried: .zero, from: .none)
    package var body: EventBody { .allowanceGranted(self) }

    /// New credit. What the account has no room for is not given.
    package var amount: Money
    /// It ends with the period.
    package var lot: LotOrigin
    /// What goes on from the lot of the period before; no new credit.
    package var carried: Money
    package var from: LotID

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try lot.code(with: &c)
        try c.money(&carried)
        try c.id(&from)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        if let objection = ledger.objection(to: lot, of: header.user)
            ?? ledger.objection(toCredit: amount, repaid: .zero, of: header.user)
        {
            return objection
        }
        guard !carried.isZero else { return nil }
        guard let before = ledger.lot(from, of: header.user), before.kind == lot.kind, !before.expired, !before.waiting,
            from != lot.id
        else { return "carries on what is not there" }
        return ledger.objection(toTaking: carriedPart, of: header.user, from: .free)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.burn(header.user, carriedPart)
        ledger.store.books.post(StateMachine.costAccount(lot.kind), -amount)
        ledger.credit(header.user, lot, amount + carried, at: header.asOf)
        ledger.set(allowedUntil: lot.expires, of: header.user)
    }

    private var carriedPart: LotAmounts {
        var parts = LotAmounts()
        if !carried.isZero { parts.append(LotAmount(lot: from, amount: carried)) }
        return parts
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.born = [lot]
        guard !amount.isZero else { return facts }
        facts.movement = Facts.Movement(
            isCredit: true, amount: amount, source: AllowanceTerms.source, kind: .entry, total: .granted)
        let more = carried.isZero ? "" : ", and \(carried) of the one before"
        facts.text = .words("allowance until \(lot.expires)\(more)")
        return facts
    }
}

/// How far a round has come: whose turn it is next, or that it is over and the next one is due at the next midnight.
package struct AllowanceRoundAdvanced: EventType {
    package static let code = EventCode.allowanceRoundAdvanced
    package static let isAboutUser = false
    package static let blank = AllowanceRoundAdvanced(next: .none)
    package var body: EventBody { .allowanceRoundAdvanced(self) }

    /// `.none`: nobody's, it is over.
    package var next: UserOrdinal

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.user(&next) }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.store.allowanceRound.due != .never
            && (next == .none || next.value < UInt32(ledger.store.accounts.count))
            ? nil : "goes on with a round of allowances that there is not"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        if next == .none {
            let hasMore = ledger.store.allowanceRound.isForTypes || ledger.store.allowances.count > 0
            let due = ledger.store.allowanceRound.due
            ledger.store.allowanceRound.due = hasMore ? CalendarPeriod.day.end(at: due) : .never
            ledger.store.allowanceRound.next = UserOrdinal(0)
        } else {
            ledger.store.allowanceRound.next = next
        }
        ledger.scheduleAllowances()
    }
}

// A round goes through all users, in the order of their ordinals, as of the instant at which it was due: every
// midnight, and when a type gets an allowance. Who has had the lot of a period that is not over is passed by, so a
// round may be begun again at any time.
extension StateMachine {
    /// Looked at, at most, in one group of events.
    static let allowanceStep: UInt32 = 20_000

    /// Goes on with the round that is due, as far as one group of events goes.
    mutating func goOnWithAllowances(_ decision: inout Decision) {
        let users = UInt32(store.accounts.count)
        let first = store.allowanceRound.next.value
        var next = first
        while next < users, next - first < Self.allowanceStep, decision.groupSize < groupLimit / 16 {
            guard giveAllowance(UserOrdinal(next), &decision) else { break }
            next += 1
        }
        commit(AllowanceRoundAdvanced(next: next < users ? UserOrdinal(next) : .none), &decision)
    }

    /// Returns false when the user is to be taken up again: there is more to post before than a group takes.
    mutating func giveAllowance(_ user: UserOrdinal, _ decision: inout Decision) -> Bool {
        guard let terms = allowance(of: user), allowedUntil(user) <= decision.now else { return true }
        var carried = Money.zero
        let before = terms.rollover > .zero ? lotToCarryOn(user, terms, at: decision.now) : nil
        if let before {
            // What was used until now may have burned it: that comes first, as where a lot expires.
            guard settleUsage(before: before, of: user, &decision) else { return false }
            carried = lot(before, of: user).map { min($0.free, terms.rollover) } ?? .zero
        }
        grantAllowance(terms, to: user, carried: carried, from: carried.isZero ? .none : before ?? .none, &decision)
        renewExhausting(user, &decision)
        return true
    }

    /// Whether the round that is due, or under way, has something for a user.
    func waitsForAllowance(_ user: UserOrdinal) -> Bool {
        let due = store.allowanceRound.due
        return due != .never && allowedUntil(user) <= due && allowance(of: user) != nil
    }

    /// The lot that an allowance of the same scope gave for the period that ends now.
    private func lotToCarryOn(_ user: UserOrdinal, _ terms: AllowanceTerms, at now: Timestamp) -> LotID? {
        for slot in lots(of: user) {
            let lot = store.lots[slot]
            if lot.expires == now, lot.kind == .promo, lot.fundedBy.text == AllowanceTerms.source, lot.parent == .none,
                lot.scope == terms.scope, !lot.expired
            {
                return lot.id
            }
        }
        return nil
    }

    /// The first lot of an allowance that begins to count: at once and whole, unless a round is due, which will give
    /// it, or the user has had one for a period that is not over. Returns what was given.
    @discardableResult
    mutating func beginAllowance(
        _ terms: AllowanceTerms?, of user: UserOrdinal, precedes: Bool = false, _ decision: inout Decision
    ) -> Money {
        guard let terms, allowedUntil(user) <= decision.now, store.allowanceRound.due > decision.now else {
            return .zero
        }
        return grantAllowance(terms, to: user, carried: .zero, from: .none, precedes: precedes, &decision)
    }

    @discardableResult
    private mutating func grantAllowance(
        _ terms: AllowanceTerms, to user: UserOrdinal, carried: Money, from: LotID, precedes: Bool = false,
        _ decision: inout Decision
    ) -> Money {
        let amount = min(terms.amount, creditRoom(user))
        var lot = LotOrigin(
            .promo, born: BirthID(shard: shard, lsn: lastLSN.next), at: decision.now,
            fundedBy: AllowanceTerms.source)
        lot.expires = terms.period.end(at: decision.now)
        lot.scope = terms.scope
        commit(
            AllowanceGranted(amount: amount, lot: lot, carried: carried, from: from), user: user,
            linked: from == .none ? .none : from.lsn, precedes: precedes, &decision)
        return amount
    }

    // MARK: Changing, by `apply` alone

    /// The next round is due then at the latest. One that is under way or due earlier begins again.
    mutating func set(allowanceRound due: Timestamp) {
        store.allowanceRound.next = UserOrdinal(0)
        guard due < store.allowanceRound.due else { return }  // there is a timer for it already
        store.allowanceRound.due = due
        scheduleAllowances()
    }

    mutating func scheduleAllowances() {
        store.timers.push(TimerEntry(due: store.allowanceRound.due, kind: .allowance, born: 0))
    }
}
