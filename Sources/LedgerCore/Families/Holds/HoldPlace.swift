/// HOLD PLACE: reserves credit for what is about to be used.
package struct HoldPlace: CommandType {
    package static let name: StaticString = "HOLD PLACE"
    package var user: Hash128
    package var amount: Money
    package var timeToLive: TimeSpan
    /// The revenue account that captures go to.
    package var source: ShortText
    package init(user: Hash128, amount: Money, timeToLive: TimeSpan, source: ShortText) {
        self.user = user
        self.amount = amount
        self.timeToLive = timeToLive
        self.source = source
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        try ledger.checkMayStart(user)
        try ledger.checkNoDebt(user)
        try ledger.checkSource(source)
        guard ledger.store.accounts[user].holdCount < StateMachine.maximumHolds else {
            throw .invalid("the account has \(StateMachine.maximumHolds) open holds already")
        }
        let use = CreditUse.source(source)
        let available = ledger.available(user, for: use, at: decision.now)
        try ledger.checkCaps(user, decision.actor, amount, at: decision.now)
        guard available >= amount else { throw .insufficient(available: available, needed: amount) }
        let event = HoldPlaced(
            amount: amount, expires: decision.now + timeToLive, source: source,
            pins: ledger.planFree(user, amount, for: use, at: decision.now))
        return .accepted(ledger.commit(event, user: user, &decision))
    }
}

package struct HoldPlaced: EventType {
    package static let code = EventCode.holdPlaced
    package static let blank = HoldPlaced(amount: .zero, expires: .never, source: ShortText(), pins: LotAmounts())
    package var body: EventBody { .holdPlaced(self) }

    package var amount: Money
    package var expires: Timestamp
    package var source: ShortText
    package var pins: LotAmounts

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.time(&expires)
        try c.text(&source)
        try pins.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.objection(toTaking: pins, of: header.user, from: .free)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        var hold = Hold()
        (hold.id, hold.user, hold.pins, hold.source) = (header.id(shard: ledger.shard), header.user, pins, source)
        (hold.placed, hold.expires, hold.spender) = (header.asOf, expires, header.actor)
        hold.labels = header.labels
        ledger.pin(header.user, pins)
        ledger.insert(hold)
        _ = ledger.store.books.open(.revenue, source)  // there is room now; the capture must not find it gone
    }
}
