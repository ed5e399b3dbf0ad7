/// How a user's free credit meets what was used and is not posted yet, where some of it may not pay for everything.
///
/// As of an instant, sessions (beyond what they hold) and then storage take from the lots that pay for them, in burn
/// order. What they leave of a lot is there for other uses; what no lot covers is missing from every one of them. The
/// same parts are taken when the usage is posted, so a posting changes nothing that was available.
struct CreditMatch {
    private struct Share {
        let lot: LotID
        let kind: LotKind
        /// Whether it may pay for what is asked about.
        let pays: Bool
        let free: Money
        var sessions = Money.zero
        var storage = Money.zero
        var left: Money { free - sessions - storage }
    }
    /// In burn order.
    private var shares: [Share] = []
    /// Usage that no lot covers.
    private var uncovered = Money.zero

    /// Cost: the user's lots, sessions and resources. `own`: a session whose usage is not counted.
    init(
        _ ledger: borrowing StateMachine, _ user: UserOrdinal, for use: CreditUse, at now: Timestamp,
        beside own: Slot<Session>
    ) {
        let unposted = ledger.unpostedUsage(user, at: now, beside: own)
        var (sessions, storage) = (unposted.sessions, unposted.storage)
        func take(_ share: inout Money, _ free: Money, _ rest: inout Int128) {
            share = Money(nanos: Int64(min(Int128(free.nanos), rest)))
            rest -= Int128(share.nanos)
        }
        for slot in ledger.lots(of: user) where ledger.isSpendable(slot, at: now) {
            let lot = ledger.store.lots[slot]
            var share = Share(lot: lot.id, kind: lot.kind, pays: lot.pays(for: use), free: lot.free)
            if sessions > 0, lot.scope.pays(for: .session) { take(&share.sessions, lot.free, &sessions) }
            if storage > 0, lot.scope.pays(for: .storage) { take(&share.storage, share.left, &storage) }
            shares.append(share)
        }
        uncovered = StateMachine.bounded(sessions + storage)
    }

    /// May be negative.
    var available: Money {
        var sum = Money.zero
        for share in shares where share.pays { sum += share.left }
        return sum - uncovered
    }

    /// The first `amount` in burn order of what usage leaves, or all there is when that is less.
    func plan(_ amount: Money) -> LotAmounts {
        var rest = amount
        return plan { min($0.pays ? $0.left : .zero, rest).taken(from: &rest) }
    }

    /// The same, but lots of one kind before all others.
    func plan(_ amount: Money, first kind: LotKind) -> LotAmounts {
        var rest = amount
        let first = shares.map { min($0.pays && $0.kind == kind ? $0.left : .zero, rest).taken(from: &rest) }
        var index = 0
        return plan { share in
            defer { index += 1 }
            guard share.pays, share.kind != kind else { return first[index] }
            return min(share.left, rest).taken(from: &rest)
        }
    }

    /// How `amount` of `usage` is posted: what was matched to it first (or, where it is new, what is left), then
    /// whatever is free and pays for it. Nobody comes to owe while a lot has credit for it.
    func plan(_ amount: Money, of usage: ConsumedUsage) -> LotAmounts {
        var rest = amount
        let first = shares.map { share in
            let own =
                switch usage {
                case .session: share.sessions
                case .storage: share.storage
                case .recorded: share.pays ? share.left : .zero
                }
            return min(own, rest).taken(from: &rest)
        }
        var index = 0
        return plan { share in
            defer { index += 1 }
            let more = share.pays ? min(share.free - first[index], rest) : .zero
            return first[index] + more.taken(from: &rest)
        }
    }

    private func plan(_ amount: (Share) -> Money) -> LotAmounts {
        var plan = LotAmounts()
        for share in shares { plan.append(LotAmount(lot: share.lot, amount: amount(share))) }
        return plan
    }
}

extension Money {
    fileprivate func taken(from rest: inout Money) -> Money {
        rest -= self
        return self
    }
}
