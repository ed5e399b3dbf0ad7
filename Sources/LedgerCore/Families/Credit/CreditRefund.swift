/// CREDIT REFUND: gives charges back the way they came, the last one first: first the debt that is still owed, then the
/// lots, the last burned first. Debt that has been repaid since comes back as what repaid it: bought credit as bought
/// credit.
package struct CreditRefund: CommandType {
    package static let name: StaticString = "CREDIT REFUND"
    /// A charge and the lots it burned, as they stand in the journal: events never change, so the engine may read them
    /// ahead of the decision.
    package struct Charge: Sendable {
        package var lsn: LSN
        package var user: UserOrdinal
        package var facts: Facts.Charge
        package var lots: [LotOrigin]
        /// The refund has them too.
        package var labels: Labels
        package init(
            lsn: LSN, user: UserOrdinal, facts: Facts.Charge, lots: [LotOrigin], labels: Labels = .none
        ) {
            self.lsn = lsn
            self.user = user
            self.facts = facts
            self.lots = lots
            self.labels = labels
        }
    }
    /// All of one session, or one; the last posted first.
    package var charges: [Charge]
    /// nil: all that has not been refunded yet.
    package var amount: Money?
    package var reason: PersonalText
    package init(charges: [Charge], amount: Money?, reason: PersonalText) {
        self.charges = charges
        self.amount = amount
        self.reason = reason
    }

    package var subject: Subject { charges.first.map { .ordinal($0.user) } ?? .nobody }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&reason)
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool {
        // A refund names every lot it gives back to, with all that a lot is: at most 150 bytes.
        let parts = charges.reduce(0) { $0 + $1.facts.settlement.held.count + $1.facts.settlement.free.count }
        // And the lots of a creator whose share it takes, at most 20 each.
        let taken = charges.reduce(0) { sum, charge in
            sum + (charge.facts.share.map { Int(ledger.store.accounts[$0.creator].lotCount) } ?? 0)
        }
        let labels = charges.reduce(0) { $0 + $1.labels.text.count }
        return charges.count * 512 + parts * 150 + taken * 20 + labels > ledger.groupLimit / 2
            || mayRenewMany(in: ledger)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard let user = charges.first?.user, user != .none,
            charges.allSatisfy({ $0.user == user && $0.lsn <= ledger.lastLSN })
        else { throw .notFound(.charge) }
        try ledger.checkIsThere(user)
        var left = Int128(0)
        for charge in charges { left += Int128(ledger.refundable(charge).nanos) }
        guard left > 0 else { throw .closed(.charge) }
        let total = amount ?? Money(nanos: Int64(min(left, Int128(StateMachine.accountCeiling))))
        guard Int128(total.nanos) <= left else {
            throw .invalid("only \(Money(nanos: Int64(clamping: left))) is left to refund")
        }
        // Looked at as a whole first: after the first event nothing may stand in the way.
        var lots = Int32(0)
        for charge in charges { lots += Int32(clamping: charge.lots.count) + 2 }
        try ledger.checkRoom(user, total, lots: lots, of: 2 * StateMachine.maximumLots)
        for charge in charges {
            for part in charge.facts.settlement.burned where !charge.lots.contains(where: { $0.id == part.lot }) {
                throw .notFound(.charge)
            }
        }
        // The last entry answers: what the account looks like behind it is what the whole refund leaves.
        var rest = total
        for charge in charges where rest > .zero {
            let amount = min(ledger.refundable(charge), rest)
            guard amount > .zero else { continue }
            rest -= amount
            let isLast = rest == .zero
            var event = ledger.refund(amount, of: charge, at: decision.now, reason: isLast ? reason : .none)
            if isLast, charges.count > 1 { event.total = total }
            let before = ledger.refunded(charge)
            let refund = ledger.commit(
                event, user: user, linked: charge.lsn, labels: charge.labels, precedes: !isLast, &decision)
            ledger.returnShare(of: charge, refunded: before, by: refund.lsn, precedes: !isLast, &decision)
        }
        guard let answer = decision.answer else { throw .closed(.charge) }
        ledger.resumeStorage(user, &decision)
        ledger.renewExhausting(user, &decision)
        return .accepted(answer)
    }
}

extension StateMachine {
    fileprivate func refunded(_ charge: CreditRefund.Charge) -> Money {
        Money(nanos: Int64(store.refunded[charge.lsn.value] ?? 0))
    }

    fileprivate func refundable(_ charge: CreditRefund.Charge) -> Money { charge.facts.amount - refunded(charge) }

    /// What a refund of `amount` gives back, less what earlier refunds returned already.
    fileprivate func refund(
        _ amount: Money, of charge: CreditRefund.Charge, at now: Timestamp, reason: PersonalText
    ) -> CreditRefunded {
        var skip = refunded(charge)
        var rest = amount
        func portion(_ part: Money) -> Money {
            let skipped = min(skip, part)
            skip -= skipped
            let used = min(part - skipped, rest)
            rest -= used
            return used
        }
        let settlement = charge.facts.settlement
        let account = store.accounts[charge.user]
        let debt = portion(settlement.debt)
        let forgiven = min(debt, account.debt)
        let asBought = min(debt - forgiven, account.debtRepaidByPurchases)
        var parts: [LotPart] = []
        for part in settlement.burned.reversed() {
            let used = portion(part.amount)
            guard used > .zero, let origin = charge.lots.first(where: { $0.id == part.lot }) else { continue }
            parts.append(LotPart(lot: origin, amount: used))
        }
        // Lots of their own; their index is filled in where the event is applied.
        for (kind, amount) in [(LotKind.paid, asBought), (.adjustment, debt - forgiven - asBought)] where amount > .zero
        {
            parts.append(
                LotPart(lot: LotOrigin(kind, born: .none, at: now, fundedBy: "refund"), amount: amount))
        }
        return CreditRefunded(
            charge: BirthID(shard: shard, lsn: charge.lsn), source: charge.facts.source, amount: amount,
            forgiven: forgiven, asBought: asBought, parts: parts, total: nil, reason: reason)
    }
}

extension Settlement {
    /// Every lot it took from, in burn order.
    var burned: [LotAmount] { (0..<held.count).map { held[$0] } + (0..<free.count).map { free[$0] } }
}

package struct CreditRefunded: EventType {
    package static let code = EventCode.creditRefunded
    package static let blank = CreditRefunded(
        charge: .none, source: ShortText(), amount: .zero, forgiven: .zero, asBought: .zero, parts: [], total: nil,
        reason: .none)
    package var body: EventBody { .creditRefunded(self) }

    package var charge: ChargeID
    package var source: ShortText
    package var amount: Money
    /// Debt of the charge that is forgiven.
    package var forgiven: Money
    /// Of `amount`, debt that bought credit had repaid: it comes back as bought credit.
    package var asBought: Money
    /// A lot has no id where it is one of its own.
    package var parts: [LotPart]
    /// What the whole group gives back, where several charges are refunded; in the last event.
    package var total: Money?
    package var reason: PersonalText

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&charge)
        try c.text(&source)
        try c.money(&amount)
        try c.money(&forgiven)
        try c.money(&asBought)
        try c.list(&parts, blank: .blank)
        var several = total != nil
        try c.bool(&several)
        if several {
            var sum = total ?? .zero
            try c.money(&sum)
            total = sum
        }
        try c.personal(&reason)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard !charge.lsn.isNone, charge.lsn <= ledger.lastLSN else { return "refunds a charge that is not there" }
        guard ledger.objection(toCredit: amount, repaid: forgiven, of: header.user) == nil, asBought >= .zero,
            asBought <= ledger.store.accounts[header.user].debtRepaidByPurchases
        else { return "refunds more than there can be" }
        if let instance = ledger.instance(charge), ledger.store.instances[instance].user != header.user {
            return "refunds what somebody else bought"
        }
        var rest = amount - forgiven
        var own: UInt8 = 0
        for part in parts {
            guard part.amount > .zero, part.amount <= rest else { return "refunds parts that are not its amount" }
            rest -= part.amount
            if part.lot.id.isNone {
                guard own < 8 else { return "makes more lots than a refund does" }
                own += 1
            } else if part.lot.expires > header.asOf, let objection = ledger.objection(to: part.lot, of: header.user) {
                return objection
            }
        }
        guard rest.isZero else { return "refunds parts that are not its amount" }
        return (ledger.store.refunded[charge.lsn.value] ?? 0) <= UInt64(Int64.max)
            ? nil : "refunds more than there can be"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.books.post(.refunds, -amount)
        ledger.repay(header.user, forgiven)
        ledger.store.accounts[header.user].debtRepaidByPurchases -= asBought
        for part in named(header, shard: ledger.shard) {
            if part.lot.expires <= header.asOf {
                ledger.store.books.post(.breakage, part.amount)
            } else {
                ledger.credit(header.user, part.lot, part.amount, at: header.asOf)
            }
        }
        let refunded = (ledger.store.refunded[charge.lsn.value] ?? 0) + UInt64(amount.nanos)
        ledger.store.refunded.set(charge.lsn.value, refunded)
        // What was bought with it is the user's until all of it is given back.
        if let instance = ledger.instance(charge), refunded >= UInt64(ledger.store.instances[instance].amount.nanos) {
            ledger.end(instance: instance)
        }
    }

    /// The parts, lots of their own with the ids that this event gives them.
    private func named(_ header: EventHeader, shard: UInt16) -> [LotPart] {
        var own: UInt8 = 0
        return parts.map { part in
            guard part.lot.id.isNone else { return part }
            var part = part
            part.lot.id = header.id(shard: shard, index: own)
            own += 1
            return part
        }
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.movement = Facts.Movement(
            isCredit: true, amount: amount, source: source, kind: .entry, total: .refunded)
        facts.text = .personal(reason)
        facts.expired = parts.reduce(.zero) { $1.lot.expires <= header.asOf ? $0 + $1.amount : $0 }
        facts.born = zip(parts, named(header, shard: 0)).filter { $0.0.lot.id.isNone }.map(\.1.lot)
        return facts
    }
}
