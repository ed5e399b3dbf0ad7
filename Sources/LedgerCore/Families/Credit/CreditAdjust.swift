/// CREDIT ADJUST: a correction by hand, up or down. Also for a closed user: it must be recordable while there is one.
package struct CreditAdjust: CommandType {
    package static let name: StaticString = "CREDIT ADJUST"
    package var user: Hash128
    /// Negative takes credit away (then debt), positive repays debt first.
    package var amount: Money
    package var reason: PersonalText
    package var reference: ShortText
    package init(user: Hash128, amount: Money, reason: PersonalText, reference: ShortText = ShortText()) {
        self.user = user
        self.amount = amount
        self.reason = reason
        self.reference = reference
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&reason)
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        try ledger.checkIsThere(user)
        guard !amount.isZero else { throw .invalid("an adjustment of zero adjusts nothing") }
        if !reference.isEmpty, ledger.store.external[ledger.names.hash(.adjustment, reference)] != nil {
            throw .exists(.adjustment)
        }
        var event = CreditAdjusted(
            amount: amount, reason: reason, reference: reference, repaid: .zero, settlement: Settlement())
        if amount.isNegative {
            event.settlement = try ledger.settleFree(user, -amount, for: .correction, at: decision.now)
        } else {
            try ledger.checkRoom(user, amount)
            event.repaid = min(ledger.store.accounts[user].debt, amount)
        }
        let answer = ledger.commit(event, user: user, &decision)
        ledger.resumeStorage(user, &decision)
        if !amount.isNegative { ledger.renewExhausting(user, &decision) }
        return .accepted(answer)
    }
}

package struct CreditAdjusted: EventType {
    package static let code = EventCode.creditAdjusted
    package static let blank = CreditAdjusted(
        amount: .zero, reason: .none, reference: ShortText(), repaid: .zero, settlement: Settlement())
    package var body: EventBody { .creditAdjusted(self) }

    /// Signed.
    package var amount: Money
    package var reason: PersonalText
    package var reference: ShortText
    /// Positive: debt that it repaid. What is left became a lot.
    package var repaid: Money
    /// Negative: how it was met.
    package var settlement: Settlement

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.personal(&reason)
        try c.text(&reference)
        try c.money(&repaid)
        try settlement.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard amount.isNegative else { return ledger.objection(toCredit: amount, repaid: repaid, of: header.user) }
        guard amount.nanos > -.max else { return "adjusts by more than there can be" }
        return ledger.objection(to: settlement, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.books.post(.adjustments, -amount)
        if amount.isNegative {
            ledger.pay(header.user, settlement)
        } else {
            ledger.repay(header.user, repaid)
            ledger.credit(header.user, lot(header, shard: ledger.shard), amount - repaid, at: header.asOf)
        }
        if !reference.isEmpty {
            ledger.store.external.set(ledger.names.hash(.adjustment, reference), header.lsn.value)
        }
    }

    private func lot(_ header: EventHeader, shard: UInt16) -> LotOrigin {
        LotOrigin(.adjustment, born: header.id(shard: shard), at: header.asOf, fundedBy: "adjustments")
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.movement = Facts.Movement(
            isCredit: !amount.isNegative, amount: Money(nanos: Int64(clamping: amount.nanos.magnitude)),
            source: "adjustment", kind: .entry, total: .adjusted,
            settlement: amount.isNegative ? settlement : nil)
        facts.text = .personal(reason)
        if amount > repaid { facts.born = [lot(header, shard: 0)] }
        return facts
    }
}
