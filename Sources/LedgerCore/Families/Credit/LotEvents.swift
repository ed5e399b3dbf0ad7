/// A lot's end: what of it nobody had used or held goes to breakage.
package struct LotExpired: EventType {
    package static let code = EventCode.lotExpired
    package static let blank = LotExpired(lot: .none, amount: .zero)
    package var body: EventBody { .lotExpired(self) }

    package var lot: LotID
    package var amount: Money

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&lot)
        try c.money(&amount)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard let lot = ledger.lot(lot, of: header.user), !lot.expired else { return StateMachine.noSuchLot }
        return lot.free == amount ? nil : "expires another amount than the lot has"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.expire(lot: ledger.slot(of: lot), amount)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.expired = amount
        return facts
    }
}

/// A lot that waited for its time may be spent from now on.
package struct LotEffective: EventType {
    package static let code = EventCode.lotEffective
    package static let blank = LotEffective(lot: .none)
    package var body: EventBody { .lotEffective(self) }

    package var lot: LotID

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.id(&lot) }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.lot(lot, of: header.user)?.waiting == true ? nil : StateMachine.noSuchLot
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.slot(of: lot)
        ledger.store.lots[slot].waiting = false
        ledger.store.accounts[header.user].pending -= ledger.store.lots[slot].free
    }
}
