/// CREDIT TRANSFER: one user gives credit to another. The lots keep what they are (kind, expiry, priority, scope, who
/// funded them) and remember the purchase that they came from; it is never a purchase, and never repays debt.
package struct CreditTransfer: CommandType {
    package static let name: StaticString = "CREDIT TRANSFER"
    package var from: Hash128
    package var to: Hash128
    package var amount: Money
    /// The sender's own: the receiver's statement names the sender instead.
    package var reason: PersonalText
    package init(from: Hash128, to: Hash128, amount: Money, reason: PersonalText) {
        self.from = from
        self.to = to
        self.amount = amount
        self.reason = reason
    }

    package var subject: Subject { .user(from) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&reason)
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool {
        ledger.user(to).map { ledger.mayRenewMany($0) } ?? false
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let (sender, receiver) = (try ledger.find(from), try ledger.find(to))
        guard sender != receiver else { throw .invalid("a user cannot transfer credit to itself") }
        guard amount > .zero else { throw .invalid("a transfer is above zero") }
        for user in [sender, receiver] {
            let state = ledger.store.accounts[user].state
            guard state == .active else { throw .frozen(state) }
        }
        try ledger.checkNoDebt(sender)
        let available = ledger.available(sender, for: .movement, at: decision.now)
        guard available >= amount else { throw .insufficient(available: available, needed: amount) }
        let parts = ledger.planFree(sender, amount, for: .movement, at: decision.now)
        guard parts.count <= CreditReceived.maximumLots else {
            throw .invalid("\(amount) lies in more than \(CreditReceived.maximumLots) lots; transfer less")
        }
        let lots = (0..<parts.count).map { index in
            LotPart(
                lot: ledger.store.lots[ledger.slot(of: parts[index].lot)].origin, amount: parts[index].amount)
        }
        try ledger.checkRoom(receiver, amount, for: lots.map(\.lot.scope))

        let (sent, received) = (ledger.store.accounts[sender], ledger.store.accounts[receiver])
        let answer = ledger.commit(
            CreditSent(to: received.id, amount: amount, parts: parts, reason: reason), user: sender, &decision)
        ledger.commit(
            CreditReceived(from: sent.id, amount: amount, parts: lots), user: receiver, linked: answer.lsn, &decision)
        ledger.renewExhausting(receiver, &decision)
        return .accepted(answer)
    }
}

/// The sender's side: its lots give.
package struct CreditSent: EventType {
    package static let code = EventCode.creditSent
    package static let blank = CreditSent(to: ShortText(), amount: .zero, parts: LotAmounts(), reason: .none)
    package var body: EventBody { .creditSent(self) }

    /// The receiver's id.
    package var to: ShortText
    package var amount: Money
    package var parts: LotAmounts
    package var reason: PersonalText

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&to)
        try c.money(&amount)
        try parts.code(with: &c)
        try c.personal(&reason)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard amount > .zero, parts.total == amount else { return "sends parts that are not its amount" }
        return ledger.objection(toTaking: parts, of: header.user, from: .free)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.books.post(.transfers, amount)
        ledger.burn(header.user, parts)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        var settlement = Settlement()
        settlement.free = parts
        facts.movement = Facts.Movement(
            isCredit: false, amount: amount, source: "transfer", kind: .entry, total: .transferred,
            settlement: settlement)
        facts.text = .personal(reason)
        return facts
    }
}

/// The receiver's side, right after the sender's: lots of its own.
package struct CreditReceived: EventType {
    package static let code = EventCode.creditReceived
    package static let blank = CreditReceived(from: ShortText(), amount: .zero, parts: [])
    package var body: EventBody { .creditReceived(self) }

    /// An event names at most so many lots: their number is a byte of their id.
    package static let maximumLots = 256

    /// The sender's id.
    package var from: ShortText
    package var amount: Money
    /// Of the sender's lots.
    package var parts: [LotPart]

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&from)
        try c.money(&amount)
        try c.list(&parts, blank: .blank)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard amount > .zero, parts.count <= Self.maximumLots,
            parts.allSatisfy({ $0.amount > .zero && $0.amount <= amount }),
            parts.reduce(Int128(0), { $0 + Int128($1.amount.nanos) }) == Int128(amount.nanos)
        else { return "receives parts that are not its amount" }
        guard ledger.store.books.balance(.transfers) == Int128(amount.nanos) else { return "receives what nobody sent" }
        return ledger.objection(toCredit: amount, repaid: .zero, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.books.post(.transfers, -amount)
        for (lot, part) in zip(lots(header, shard: ledger.shard), parts) {
            ledger.credit(header.user, lot, part.amount, at: header.asOf)
        }
    }

    private func lots(_ header: EventHeader, shard: UInt16) -> [LotOrigin] {
        parts.enumerated().map { index, part in
            var lot = part.lot
            if lot.parent == .none { lot.parent = lot.id }
            lot.id = header.id(shard: shard, index: UInt8(index))
            return lot
        }
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.movement = Facts.Movement(
            isCredit: true, amount: amount, source: "transfer", kind: .entry, total: .transferred)
        facts.text = .words("transfer from \(from)")
        facts.born = lots(header, shard: 0)
        return facts
    }
}
