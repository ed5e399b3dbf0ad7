/// HOLD CAPTURE: charges what was used of a hold, perhaps in parts.
package struct HoldCapture: CommandType {
    package static let name: StaticString = "HOLD CAPTURE"
    package var hold: HoldID
    package var amount: Money
    package var final: Bool
    package var over: Bool
    package init(hold: HoldID, amount: Money, final: Bool, over: Bool) {
        self.hold = hold
        self.amount = amount
        self.final = final
        self.over = over
    }

    package var subject: Subject { .hold(hold) }
    package var dueBefore: DueBefore { .own(subject) }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let slot = try ledger.openHold(hold, at: decision.now)
        let user = ledger.store.holds[slot].user
        var pins = ledger.store.holds[slot].pins
        let held = pins.total
        guard amount <= held || over else { throw .insufficient(available: held, needed: amount) }
        let captured = pins.take(min(held, amount))
        var settlement = try ledger.settleFree(
            user, amount - captured.total, for: .source(ledger.store.holds[slot].source), at: decision.now)
        settlement.held = captured
        let ends = final || pins.total.isZero
        let event = HoldCaptured(
            hold: hold, amount: amount, source: ledger.store.holds[slot].source, settlement: settlement, final: ends,
            released: ends ? pins.total : .zero, broken: ends ? ledger.broken(pins) : .zero)
        let labels = ledger.store.holds[slot].labels
        let answer = ledger.commit(event, user: user, linked: hold.lsn, labels: labels, &decision)
        if ends { ledger.renewExhausting(user, &decision) }
        return .accepted(answer)
    }
}

package struct HoldCaptured: EventType {
    package static let code = EventCode.holdCaptured
    package static let blank = HoldCaptured(
        hold: .none, amount: .zero, source: ShortText(), settlement: Settlement(), final: false, released: .zero,
        broken: .zero)
    package var body: EventBody { .holdCaptured(self) }

    package var hold: HoldID
    package var amount: Money
    package var source: ShortText
    package var settlement: Settlement
    /// The capture ended the hold (`FINAL`, or nothing is left); what was left went back.
    package var final: Bool
    package var released: Money
    /// The part of `released` whose lots had expired meanwhile.
    package var broken: Money

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&hold)
        try c.money(&amount)
        try c.text(&source)
        try settlement.code(with: &c)
        try c.bool(&final)
        try c.money(&released)
        try c.money(&broken)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard let hold = ledger.hold(hold, of: header.user) else { return "captures a hold that is not open" }
        return ledger.objection(to: settlement, of: header.user, pinned: hold.pins)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.hold(hold)!
        ledger.pay(header.user, settlement)
        ledger.store.books.post(at: ledger.store.books.open(.revenue, source), amount)
        _ = ledger.store.holds[slot].pins.take(settlement.held.total)
        let spender = ledger.store.holds[slot].spender
        ledger.hold(by: spender, -settlement.held.total)
        ledger.count(spending: amount, of: header.user, by: spender, at: header.asOf)
        if final { ledger.endHold(slot) }
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.charge = Facts.Charge(amount: amount, source: source, settlement: settlement)
        facts.expired = broken
        facts.text = .words("captured from \(hold.text(as: .hold))")
        facts.hold = Facts.HoldChange(
            hold: hold, captured: amount, released: released, expired: broken, ends: final ? "captured" : nil)
        return facts
    }
}
