/// CREDIT GRANT: promo credit or a compensation.
package struct CreditGrant: CommandType {
    package static let name: StaticString = "CREDIT GRANT"
    package var user: Hash128
    package var amount: Money
    /// `.promo` or `.compensation`.
    package var kind: LotKind
    /// nil: at once.
    package var effective: Timestamp?
    package var expires: Timestamp
    package var scope: CreditScope
    package var reason: PersonalText
    package init(
        user: Hash128, amount: Money, kind: LotKind, effective: Timestamp? = nil, expires: Timestamp = .never,
        scope: CreditScope = .everything, reason: PersonalText
    ) {
        self.user = user
        self.amount = amount
        self.kind = kind
        self.effective = effective
        self.expires = expires
        self.scope = scope
        self.reason = reason
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&reason)
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        try ledger.checkMayBook(user)
        guard kind == .promo || kind == .compensation else { throw .invalid("a grant is promo or compensation") }
        let effective = max(effective ?? decision.now, decision.now)
        guard expires > effective else { throw .invalid("a grant must expire after it becomes effective") }
        try ledger.checkRoom(user, amount, for: [scope])
        var lot = LotOrigin(
            kind, born: BirthID(shard: ledger.shard, lsn: ledger.lastLSN.next), at: effective,
            fundedBy: kind == .promo ? "grant" : "compensation")
        lot.expires = expires
        lot.scope = scope
        let answer = ledger.commit(
            CreditGranted(amount: amount, lot: lot, reason: reason), user: user,
            effective: effective > decision.now ? (effective, effective) : nil, &decision)
        ledger.renewExhausting(user, &decision)
        return .accepted(answer)
    }
}

package struct CreditGranted: EventType {
    package static let code = EventCode.creditGranted
    package static let blank = CreditGranted(amount: .zero, lot: .blank, reason: .none)
    package var body: EventBody { .creditGranted(self) }

    package var amount: Money
    package var lot: LotOrigin
    package var reason: PersonalText

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try lot.code(with: &c)
        try c.personal(&reason)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.objection(to: lot, of: header.user)
            ?? ledger.objection(toCredit: amount, repaid: .zero, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.books.post(StateMachine.costAccount(lot.kind), -amount)
        ledger.credit(header.user, lot, amount, at: header.asOf)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.movement = Facts.Movement(
            isCredit: true, amount: amount, source: ShortText(lot.kind.text)!, kind: .entry, total: .granted)
        facts.text = .personal(reason)
        facts.born = [lot]
        return facts
    }
}
