/// CREDIT PURCHASE: a trusted caller says that a user paid.
package struct CreditPurchase: CommandType {
    package static let name: StaticString = "CREDIT PURCHASE"
    package var user: Hash128
    package var amount: Money
    package var method: ShortText
    /// The provider's id, unique per method for all time; empty when none was given.
    package var reference: ShortText
    package init(user: Hash128, amount: Money, method: ShortText, reference: ShortText = ShortText()) {
        self.user = user
        self.amount = amount
        self.method = method
        self.reference = reference
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? {
        ledger.user(user).map { .purchaseBonus(type: ledger.type(of: $0), amount: amount) }
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        let type = ledger.type(of: user)
        if !reference.isEmpty, ledger.store.external[ledger.purchaseName(method, reference)] != nil {
            throw .exists(.purchase)
        }
        try ledger.checkMayBook(user)
        guard amount.nanos % Money.cent.nanos == 0 else { throw .invalid("a purchase is in whole cents") }
        let (minimum, maximum) = (
            ledger.store.limits[type, .purchaseMinimum], ledger.store.limits[type, .purchaseMaximum]
        )
        guard minimum == Limits.none || amount.nanos >= minimum else { throw .limit(.purchaseMinimum, minimum) }
        guard amount.nanos <= maximum else { throw .limit(.purchaseMaximum, maximum) }
        guard ledger.store.books.canOpen(.cash, method) else {
            throw .invalid("there are \(Books.maximumNamed) payment methods already")
        }
        let (bonus, pricing) = try bonus(type, decision)
        try ledger.checkRoom(user, amount)
        try ledger.checkRoom(
            user, Money(nanos: amount.nanos + min(bonus.nanos, StateMachine.accountCeiling)), lots: 2)
        let answer = ledger.commit(
            CreditPurchased(
                amount: amount, method: method, reference: reference,
                repaid: min(ledger.store.accounts[user].debt, amount), bonus: bonus, bonusPricing: pricing),
            user: user, &decision)
        if bonus > .zero {
            var lot = LotOrigin(
                .bonus, born: BirthID(shard: ledger.shard, lsn: ledger.lastLSN.next), at: decision.now,
                fundedBy: "bonus")
            lot.parent = BirthID(shard: ledger.shard, lsn: answer.lsn)
            ledger.commit(
                CreditGranted(amount: bonus, lot: lot, reason: .none), user: user, linked: answer.lsn, &decision)
        }
        ledger.resumeStorage(user, &decision)
        ledger.renewExhausting(user, &decision)
        return .accepted(answer)
    }

    private func bonus(_ type: UserType, _ decision: borrowing Decision) throws(Rejection) -> (Money, Pricing?) {
        switch decision.price {
        case .none, .several: return (.zero, nil)
        case .failed(let text): throw .rule(text)
        case .priced(let priced):
            let answered = Pricing(query: .purchaseBonus(type: type, amount: amount), priced: priced)
            return (answered.amount, priced.rule == .none ? nil : answered)
        }
    }
}

package struct CreditPurchased: EventType {
    package static let code = EventCode.creditPurchased
    package static let blank = CreditPurchased(
        amount: .zero, method: ShortText(), reference: ShortText(), repaid: .zero, bonus: .zero, bonusPricing: nil)
    package var body: EventBody { .creditPurchased(self) }

    package var amount: Money
    package var method: ShortText
    package var reference: ShortText
    package var repaid: Money
    /// The bonus that follows as an event of its own.
    package var bonus: Money
    package var bonusPricing: Pricing?

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.text(&method)
        try c.text(&reference)
        try c.money(&repaid)
        try c.money(&bonus)
        try c.optional(&bonusPricing, blank: .blank)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.objection(toCredit: amount, repaid: repaid, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.books.post(at: ledger.store.books.open(.cash, method), -amount)
        ledger.repay(header.user, repaid)
        ledger.store.accounts[header.user].debtRepaidByPurchases += repaid
        ledger.credit(header.user, lot(header, shard: ledger.shard), amount - repaid, at: header.asOf)
        if !reference.isEmpty {
            ledger.store.external.set(ledger.purchaseName(method, reference), header.lsn.value)
        }
    }

    private func lot(_ header: EventHeader, shard: UInt16) -> LotOrigin {
        LotOrigin(.paid, born: header.id(shard: shard), at: header.asOf, fundedBy: method)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.movement = Facts.Movement(
            isCredit: true, amount: amount, source: method, kind: .purchase, total: .purchased)
        facts.text = .words(reference.string)
        if amount > repaid { facts.born = [lot(header, shard: 0)] }
        return facts
    }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? { bonusPricing.map { PricedPart(bonus, $0) } }
}

extension StateMachine {
    func purchaseName(_ method: ShortText, _ reference: ShortText) -> Hash128 {
        names.hash(.reference, [method, reference])
    }
}
