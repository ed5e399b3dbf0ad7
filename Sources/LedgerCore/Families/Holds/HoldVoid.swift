/// HOLD VOID: gives back what a hold reserved.
package struct HoldVoid: CommandType {
    package static let name: StaticString = "HOLD VOID"
    package var hold: HoldID
    package init(hold: HoldID) { self.hold = hold }

    package var subject: Subject { .hold(hold) }
    package var dueBefore: DueBefore { .own(subject) }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let slot = try ledger.openHold(hold, at: decision.now)
        let user = ledger.store.holds[slot].user
        let answer = ledger.releaseHold(slot, .voided, &decision)
        ledger.renewExhausting(user, &decision)
        return .accepted(answer)
    }
}

extension StateMachine {
    @discardableResult
    mutating func releaseHold(
        _ slot: Slot<Hold>, _ reason: HoldReleased.Reason, _ decision: inout Decision
    ) -> EventReference {
        let hold = store.holds[slot]
        let event = HoldReleased(hold: hold.id, reason: reason, released: hold.pins.total, broken: broken(hold.pins))
        return commit(event, user: hold.user, linked: hold.id.lsn, labels: hold.labels, &decision)
    }
}

package struct HoldReleased: EventType {
    package static let code = EventCode.holdReleased
    package static let blank = HoldReleased(hold: .none, reason: .voided, released: .zero, broken: .zero)
    package var body: EventBody { .holdReleased(self) }

    package enum Reason: UInt8, Sendable {
        case voided = 0, expired = 1
        package var text: String {
            switch self {
            case .voided: "voided"
            case .expired: "expired"
            }
        }
    }
    package var hold: HoldID
    package var reason: Reason
    package var released: Money
    package var broken: Money

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&hold)
        try c.choice(&reason)
        try c.money(&released)
        try c.money(&broken)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.hold(hold, of: header.user) != nil ? nil : "releases a hold that is not open"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) { ledger.endHold(ledger.hold(hold)!) }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.expired = broken
        facts.hold = Facts.HoldChange(
            hold: hold, captured: .zero, released: released, expired: broken, ends: reason.text)
        return facts
    }
}
