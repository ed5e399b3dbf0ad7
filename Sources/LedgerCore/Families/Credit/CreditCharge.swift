/// CREDIT CHARGE: takes credit for what the platform sold.
package struct CreditCharge: CommandType {
    package static let name: StaticString = "CREDIT CHARGE"
    package var user: Hash128
    package var amount: Money
    package var source: ShortText
    package var description: PersonalText
    /// It was consumed already: beyond what is available, the rest becomes debt.
    package var over: Bool
    package init(
        user: Hash128, amount: Money, source: ShortText, description: PersonalText = .none, over: Bool = false
    ) {
        self.user = user
        self.amount = amount
        self.source = source
        self.description = description
        self.over = over
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&description)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        if over {
            try ledger.checkMayBook(user)
        } else {
            try ledger.checkMayStart(user)
            try ledger.checkNoDebt(user)
        }
        try ledger.checkSource(source)
        let use = CreditUse.source(source)
        let available = ledger.available(user, for: use, at: decision.now)
        if !over { try ledger.checkCaps(user, decision.actor, amount, at: decision.now) }
        guard available >= amount || over else { throw .insufficient(available: available, needed: amount) }
        let settlement = try ledger.settleFree(user, amount, for: use, at: decision.now)
        return .accepted(
            ledger.commit(
                CreditCharged(amount: amount, source: source, settlement: settlement, description: description),
                user: user, &decision))
    }
}

package struct CreditCharged: EventType {
    package static let code = EventCode.creditCharged
    package static let blank = CreditCharged(
        amount: .zero, source: ShortText(), settlement: Settlement(), description: .none)
    package var body: EventBody { .creditCharged(self) }

    package var amount: Money
    package var source: ShortText
    package var settlement: Settlement
    package var description: PersonalText

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.text(&source)
        try settlement.code(with: &c)
        try c.personal(&description)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.objection(to: settlement, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.pay(header.user, settlement)
        ledger.store.books.post(at: ledger.store.books.open(.revenue, source), amount)
        ledger.count(spending: amount, of: header.user, by: header.actor, at: header.asOf)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.charge = Facts.Charge(amount: amount, source: source, settlement: settlement)
        facts.text = .personal(description)
        return facts
    }
}
