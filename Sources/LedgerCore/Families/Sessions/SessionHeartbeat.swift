/// SESSION HEARTBEAT: its host is alive.
package struct SessionHeartbeat: CommandType {
    package static let name: StaticString = "SESSION HEARTBEAT"
    package var session: Hash128
    package init(session: Hash128) { self.session = session }

    package var subject: Subject { .session(session) }
    package var dueBefore: DueBefore { .own(subject) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard case .open(let slot) = try ledger.findSession(session) else { throw .closed(.session) }
        let row = ledger.store.sessions[slot]
        // A monitored session is posted here, where it is known to have lived; the heartbeat answers, whose receipt
        // this is.
        let event = SessionHeard(
            session: row.id, status: row.status, leaseUntil: row.leaseUntil, deadline: ledger.deadline(of: slot))
        let answer = ledger.commit(event, user: row.user, linked: row.id.lsn, &decision)
        if row.isMonitored {
            ledger.postRepricings(slot, before: decision.now, &decision)
            if row.nextDaily <= decision.now { ledger.post(slot, through: decision.now, &decision) }
        }
        return .accepted(answer)
    }
}

package struct SessionHeard: EventType {
    package static let code = EventCode.sessionHeard
    package static let blank = SessionHeard(session: .none, status: .active, leaseUntil: .never, deadline: .never)
    package var body: EventBody { .sessionHeard(self) }

    package var session: SessionID
    package var status: SessionStatus
    package var leaseUntil: Timestamp
    package var deadline: Timestamp

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.choice(&status)
        try c.time(&leaseUntil)
        try c.time(&deadline)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.session(session, of: header.user) != nil ? nil : StateMachine.noSuchSession
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = ledger.session(session)!
        ledger.store.sessions[slot].heard = true
        ledger.store.sessions[slot].lastHeard = header.asOf
        if ledger.store.sessions[slot].isMonitored {
            ledger.store.sessions[slot].lostAt = header.asOf + ledger.store.sessions[slot].heartbeat
        }
        // Only what is due sooner needs a timer of its own; else the old one looks again when it comes.
        if ledger.nextDue(session: slot).due < ledger.store.sessions[slot].timerDue {
            ledger.schedule(session: slot)
        }
    }
}
