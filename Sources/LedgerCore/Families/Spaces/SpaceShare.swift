/// What of a purchase went on to whoever made the space.
package struct SpaceShare: Hashable, Sendable {
    package var creator: UserOrdinal
    package var amount: Money
}

extension SpaceShare: Recordable {
    static let blank = SpaceShare(creator: .none, amount: .zero)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.user(&creator)
        try c.money(&amount)
    }
}

/// The creator's share of a purchase, in the purchase's group: a percentage of what was burned of bought credit, for
/// what was given away cannot be earned. All sales go to one lot as long as something of it is left, so that a space
/// which sells well does not fill its creator's account with lots.
package struct ShareEarned: EventType {
    package static let code = EventCode.shareEarned
    package static let blank = ShareEarned(space: ShortText(), bought: .zero, percent: 0, amount: .zero, lot: .blank)
    package var body: EventBody { .shareEarned(self) }

    package var space: ShortText
    /// What the purchase burned of bought credit.
    package var bought: Money
    /// In hundredths of a percent.
    package var percent: UInt16
    package var amount: Money
    package var lot: LotOrigin

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&space)
        try c.money(&bought)
        try c.small(&percent)
        try c.money(&amount)
        try lot.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard amount > .zero, amount <= bought, lot.kind == .earning else { return "earns what is no share" }
        return ledger.objection(to: lot, of: header.user)
            ?? ledger.objection(toCredit: amount, repaid: .zero, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.books.post(StateMachine.costAccount(lot.kind), -amount)
        ledger.credit(header.user, lot, amount, at: header.asOf)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.movement = Facts.Movement(
            isCredit: true, amount: amount, source: Sources.earning, kind: .entry, total: .earned,
            derivation: Facts.Derivation(
                numerator: Int128(bought.nanos) * Int128(percent), denominator: SpaceEntry.whole, before: .zero,
                words: "\(SpaceEntry.text(percent))% of \(bought) that was paid with bought credit"))
        facts.text = .words("share of \(space)")
        if lot.id.lsn == header.lsn { facts.born = [lot] }
        return facts
    }
}

/// A refund takes the share back in proportion, rounded over all refunds of the purchase together: the last one leaves
/// nothing of it. First from what the creator earned, then from what else is free, as a correction does; what is
/// missing is owed. (Only then: a creator who has credit is not kept from work for a share of it.) A closed account is
/// not run into debt, for nobody would repay it: what is missing there stays our cost.
package struct ShareReturned: EventType {
    package static let code = EventCode.shareReturned
    package static let blank = ShareReturned(
        space: ShortText(), share: .zero, price: .zero, refunded: .zero, before: .zero, amount: .zero,
        settlement: Settlement())
    package var body: EventBody { .shareReturned(self) }

    package var space: ShortText
    /// Of the whole purchase.
    package var share: Money
    /// What the purchase had cost.
    package var price: Money
    /// Of the price, with all refunds so far.
    package var refunded: Money
    /// What earlier refunds had to take of the share.
    package var before: Money
    package var amount: Money
    package var settlement: Settlement

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&space)
        try c.money(&share)
        try c.money(&price)
        try c.money(&refunded)
        try c.money(&before)
        try c.money(&amount)
        try settlement.code(with: &c)
    }

    /// Of `share`, where so much of the price was refunded.
    static func due(_ share: Money, refunded: Money, of price: Money) -> Money {
        Rational.halfEven(Int128(share.nanos) * Int128(refunded.nanos), over: Int128(price.nanos)) ?? .zero
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard share > .zero, share <= price, refunded > .zero, refunded <= price, amount > .zero, before >= .zero,
            amount <= share, settlement.total == amount
        else { return "returns what is no share" }
        return ledger.objection(to: settlement, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.pay(header.user, settlement)
        ledger.store.books.post(StateMachine.costAccount(.earning), amount)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.movement = Facts.Movement(
            isCredit: false, amount: amount, source: Sources.earning, kind: .entry, total: .earned,
            settlement: settlement,
            derivation: Facts.Derivation(
                numerator: Int128(share.nanos) * Int128(refunded.nanos), denominator: Int128(price.nanos),
                before: before, words: "the share \(share) of a price of \(price), of which \(refunded) is refunded"))
        facts.text = .words("share of \(space), returned")
        return facts
    }
}

extension StateMachine {
    /// The creator's share of a purchase; nil where there is none: of a creator's own purchase, where nothing bought
    /// was burned, and where the creator's account is banned, ended, or full.
    func share(of number: Int, boughtBy buyer: UserOrdinal, _ settlement: Settlement) -> (UserOrdinal, ShareEarned)? {
        let space = store.spaces[number]
        let creator = space.creator
        guard space.entry.share > 0, creator != .none, creator != buyer else { return nil }
        switch store.accounts[creator].state {
        case .active, .suspended: break
        case .banned, .closed, .deleted: return nil
        }
        var bought = Money.zero
        for part in settlement.burned where store.lots[slot(of: part.lot)].kind.isPaid { bought += part.amount }
        let numerator = Int128(bought.nanos) * Int128(space.entry.share)
        guard let amount = Rational.halfEven(numerator, over: SpaceEntry.whole), amount > .zero else { return nil }
        let open = lots(of: creator).first { store.lots[$0].kind == .earning }.map { store.lots[$0].origin }
        guard hasRoom(creator, amount, lots: open == nil ? 1 : 0) else { return nil }
        let event = ShareEarned(
            space: space.entry.id, bought: bought, percent: space.entry.share, amount: amount, lot: open ?? .blank)
        return (creator, event)
    }

    private func hasRoom(_ user: UserOrdinal, _ amount: Money, lots: Int32) -> Bool {
        do throws(Rejection) {
            try checkRoom(user, amount, lots: lots, of: 2 * Self.maximumLots)
            return true
        } catch {
            return false
        }
    }

    /// Takes the creator's share of a refunded purchase back. `before`: what was refunded of it until now.
    mutating func returnShare(
        of charge: CreditRefund.Charge, refunded before: Money, by refund: LSN, precedes: Bool,
        _ decision: inout Decision
    ) {
        guard let share = charge.facts.share, charge.facts.amount > .zero else { return }
        let price = charge.facts.amount
        let refunded = Money(nanos: Int64(store.refunded[charge.lsn.value] ?? 0))
        let taken = ShareReturned.due(share.amount, refunded: before, of: price)
        let due = ShareReturned.due(share.amount, refunded: refunded, of: price) - taken
        guard due > .zero else { return }
        let settlement = planReturn(share.creator, due, at: decision.now)
        guard settlement.total > .zero else { return }
        let event = ShareReturned(
            space: charge.facts.space, share: share.amount, price: price, refunded: refunded, before: taken,
            amount: settlement.total, settlement: settlement)
        commit(event, user: share.creator, linked: refund, precedes: precedes, &decision)
    }

    private func planReturn(_ creator: UserOrdinal, _ amount: Money, at now: Timestamp) -> Settlement {
        let match = CreditMatch(self, creator, for: .correction, at: now, beside: .none)
        var settlement = Settlement()
        settlement.free = match.plan(min(amount, max(match.available, .zero)), first: .earning)
        let room = Self.ceiling - store.accounts[creator].debt
        if !store.accounts[creator].state.hasEnded {
            settlement.debt = min(amount - settlement.free.total, max(room, .zero))
        }
        return settlement
    }
}
