/// SESSION STOP: charges what it used and releases the rest. A second one gives the first receipt again.
package struct SessionStop: CommandType {
    package static let name: StaticString = "SESSION STOP"
    package var session: Hash128
    package init(session: Hash128) { self.session = session }

    package var subject: Subject { .session(session) }
    package var dueBefore: DueBefore { .own(subject) }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        switch try ledger.findSession(session) {
        case .closed(let lsn): return .replayed(lsn)
        case .open(let slot):
            let user = ledger.store.sessions[slot].user
            let answer = ledger.close(slot, .stopped, through: decision.now, &decision)
            ledger.renewExhausting(user, &decision)
            return .accepted(answer)
        }
    }
}

/// SESSION CANCEL: provisioning failed, nothing is charged.
package struct SessionCancel: CommandType {
    package static let name: StaticString = "SESSION CANCEL"
    package var session: Hash128
    package var reason: PersonalText
    package init(session: Hash128, reason: PersonalText) {
        self.session = session
        self.reason = reason
    }

    package var subject: Subject { .session(session) }
    package var dueBefore: DueBefore { .own(subject) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&reason)
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard case .open(let slot) = try ledger.findSession(session) else { throw .closed(.session) }
        let row = ledger.store.sessions[slot]
        guard !row.heard else { throw .invalid("a session that was heard cannot be cancelled; stop it") }
        guard decision.now - row.started <= StateMachine.cancelWindow else {
            throw .invalid("a session can be cancelled within 5 minutes of its start; stop it")
        }
        let answer = ledger.close(slot, .cancelled, through: row.started, note: reason, &decision)
        ledger.renewExhausting(row.user, &decision)
        return .accepted(answer)
    }
}

package struct SessionClosed: EventType {
    package static let code = EventCode.sessionClosed
    package static let blank = SessionClosed(
        session: .none, external: ShortText(), tier: .small, type: .free, reason: .stopped, started: .distantPast,
        usage: .blank, total: .zero, charges: [], settlement: Settlement(), released: .zero, broken: .zero, note: .none)
    package var body: EventBody { .sessionClosed(self) }

    package enum Reason: UInt8, CaseIterable, Sendable {
        case stopped = 0, lost = 1, ttl = 2, funds = 3, banned = 4, cancelled = 5, cap = 6
        package var text: String {
            switch self {
            case .stopped: "stopped"
            case .lost: "lost"
            case .ttl: "ttl"
            case .funds: "funds"
            case .banned: "banned"
            case .cancelled: "cancelled"
            case .cap: "cap"
            }
        }
    }
    package var session: SessionID
    package var external: ShortText
    package var tier: Tier
    package var type: UserType
    package var reason: Reason
    package var started: Timestamp
    package var usage: MeteredUsage
    /// What the whole session cost.
    package var total: Money
    /// The events that charged for it before this one, oldest first.
    package var charges: [LSN]
    package var settlement: Settlement
    package var released: Money
    package var broken: Money
    package var note: PersonalText

    /// This event is a charge too, but for a session that never was.
    package var isCharge: Bool { reason != .cancelled }
    package var segments: Int { charges.count + (isCharge ? 1 : 0) }

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.text(&external)
        try c.choice(&tier)
        try c.choice(&type)
        try c.choice(&reason)
        try c.time(&started)
        try usage.code(with: &c)
        try c.money(&total)
        try c.numbers(&charges)
        try settlement.code(with: &c)
        try c.money(&released)
        try c.money(&broken)
        try c.personal(&note)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard ledger.session(session, of: header.user)?.external == external else { return StateMachine.noSuchSession }
        return ledger.objection(to: usage, of: session, header.user, settlement: settlement)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.session(session)!
        let user = header.user
        ledger.pay(user, settlement)
        ledger.store.books.post(.sessionRuntime, usage.amount)
        ledger.spend(slot, usage, settlement, header)
        _ = ledger.store.sessions[slot].pins.take(settlement.held.total)
        ledger.hold(by: ledger.store.sessions[slot].spender, -ledger.store.sessions[slot].pins.total)
        ledger.release(user, ledger.store.sessions[slot].pins)
        ledger.store.external.set(ledger.names.session(external), header.lsn.value)
        if isCharge { ledger.countSessionTime(user, usage) }
        ledger.count(ledger.store.sessions[slot], -1)
        ledger.store.accounts[user].sessionCount -= 1
        ledger.store.sessionIndex.remove(session.value)
        let cover = ledger.store.sessions[slot].coveredUntil
        ledger.store.unlink(slot, of: user)
        ledger.store.sessions.remove(slot)
        if ledger.usageAtHand.isAbout(user) { ledger.usageAtHand.remove(slot) }
        if cover <= ledger.store.accounts[user].coveredUntil { ledger.refreshCover(account: user) }
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.session = external
        facts.expired = broken
        facts.sessionCharges = charges
        facts.text = .words("\(tier.text) session, \(reason.text)")
        guard isCharge else { return facts }
        facts.charge = Facts.Charge(usage, Sources.sessionRuntime, settlement)
        facts.usage = Facts.Usage(
            tier: tier, from: usage.from, through: usage.through, amount: usage.amount, ends: true)
        return facts
    }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? {
        isCharge ? PricedPart(usage, of: session, started: started, isLast: true) : nil
    }
}
