/// Usage that was consumed before it is booked.
enum ConsumedUsage {
    /// Of a running session, of a resource: it counted against what is available before it is posted.
    case session, storage
    /// Measured elsewhere; nobody knew of it before.
    case recorded(CreditUse)

    var use: CreditUse {
        switch self {
        case .session: .session
        case .storage: .storage
        case .recorded(let use): use
        }
    }
}

/// What a user may spend at an instant, and which lots it comes from. While every lot pays for everything, sums that
/// the account keeps answer; a lot with a scope makes a ``CreditMatch`` of each look, at the cost of the user's lots,
/// sessions and resources.
extension StateMachine {
    /// SPEC 3: unexpired lots that pay for `use` − holds − accrued but unposted usage that no other lot covers. May be
    /// negative while a session is in its grace. `own`: a session whose own usage is not counted.
    func available(
        _ user: UserOrdinal, for use: CreditUse, at now: Timestamp, beside own: Slot<Session> = .none
    ) -> Money {
        guard !mustMatch(user, use) else {
            return CreditMatch(self, user, for: use, at: now, beside: own).available
        }
        let usage = unpostedUsage(user, at: now, beside: own)
        return spendable(user, at: now) - Self.bounded(usage.sessions + usage.storage)
    }

    /// The first `amount` of credit for `use` in burn order, or all there is when that is less.
    func planFree(
        _ user: UserOrdinal, _ amount: Money, for use: CreditUse, at now: Timestamp, beside own: Slot<Session> = .none
    ) -> LotAmounts {
        guard amount > .zero else { return LotAmounts() }
        guard !mustMatch(user, use) else {
            return CreditMatch(self, user, for: use, at: now, beside: own).plan(amount)
        }
        return planFree(user, amount, at: now)
    }

    /// Whether some lot does not pay for it.
    @inline(__always)
    private func mustMatch(_ user: UserOrdinal, _ use: CreditUse) -> Bool {
        store.accounts[user].scopedLots > 0 || use.isMovement && store.accounts[user].earningLots > 0
    }

    /// The same where every lot pays for everything.
    private func planFree(_ user: UserOrdinal, _ amount: Money, at now: Timestamp) -> LotAmounts {
        var plan = LotAmounts()
        var missing = amount
        guard missing > .zero else { return plan }
        for lot in lots(of: user) where isSpendable(lot, at: now) {
            let part = min(store.lots[lot].free, missing)
            plan.append(LotAmount(lot: store.lots[lot].id, amount: part))
            missing -= part
            if missing <= .zero { break }
        }
        return plan
    }

    /// How consumed usage is met: from what its hold pinned, then credit that was free at `instant`, then debt. Never
    /// refused; what the account (four billion dollars), or storage, can owe no more is not met.
    func planUsage(
        _ user: UserOrdinal, _ amount: Money, of usage: ConsumedUsage, pins: LotAmounts = LotAmounts(),
        at instant: Timestamp
    ) -> Settlement {
        var settlement = Settlement()
        var pins = pins
        settlement.held = pins.take(min(pins.total, amount))
        let rest = amount - settlement.held.total
        if store.accounts[user].scopedLots == 0 {
            settlement.free = planFree(user, rest, at: instant)
        } else if rest > .zero {
            settlement.free = CreditMatch(self, user, for: usage.use, at: instant, beside: .none).plan(rest, of: usage)
        }
        var room = Money(nanos: StateMachine.accountCeiling) - store.accounts[user].debt
        if case .storage = usage { room = min(room, storageDebtRoom(user)) }
        settlement.debt = min(rest - settlement.free.total, max(room, .zero))
        return settlement
    }

    /// How `amount` is met from credit for `use`, and debt where that is not enough.
    func settleFree(
        _ user: UserOrdinal, _ amount: Money, for use: CreditUse, at now: Timestamp
    ) throws(Rejection) -> Settlement {
        var settlement = Settlement()
        let available = max(available(user, for: use, at: now), .zero)
        settlement.free = planFree(user, min(amount, available), for: use, at: now)
        settlement.debt = amount - settlement.free.total
        try checkDebtRoom(user, settlement.debt)
        return settlement
    }

    // MARK: Credit and usage

    func isSpendable(_ lot: Slot<Lot>, at now: Timestamp) -> Bool {
        store.lots[lot].expires > now && !store.lots[lot].waiting
    }

    /// Unpinned credit that is effective and unexpired at `now`.
    private func spendable(_ user: UserOrdinal, at now: Timestamp) -> Money {
        var sum = store.accounts[user].paid + store.accounts[user].promo - store.accounts[user].pending
        if now >= store.accounts[user].nextExpiry {
            for lot in lots(of: user) where store.lots[lot].expires <= now && !store.lots[lot].waiting {
                sum -= store.lots[lot].free
            }
        }
        return sum
    }

    /// Usage up to `now` that is neither posted nor held for, in nano-USD: sessions beyond what they hold, and storage.
    func unpostedUsage(
        _ user: UserOrdinal, at now: Timestamp, beside own: Slot<Session> = .none
    ) -> (sessions: Int128, storage: Int128) {
        (uncovered(user, at: now, beside: own), accruedStorage(user, at: now))
    }

    /// It is subtracted from at most four billion dollars, which must not overflow.
    static func bounded(_ usage: Int128) -> Money { Money(nanos: Int64(min(usage, Int128(accountCeiling)))) }
}
