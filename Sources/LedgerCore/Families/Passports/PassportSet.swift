/// PASSPORT SET: what may be spent with a passport, and with those that replace it.
package struct PassportSet: CommandType {
    package static let name: StaticString = "PASSPORT SET"
    package var passport: PassportID
    /// nano-USD or ``Limits/none``; nil: as it is.
    package var day: Int64?
    package var month: Int64?
    package init(passport: PassportID, day: Int64?, month: Int64?) {
        self.passport = passport
        self.day = day
        self.month = month
    }

    package var subject: Subject { .passport(passport) }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard let ordinal = ledger.passport(passport) else { throw .notFound(.passport) }
        let row = ledger.store.passports[ordinal]
        guard !row.revoked, row.expires > decision.now else { throw .closed(.passport) }
        var caps = ledger.store.passports[row.root].extras.caps
        if let day { caps.day = day }
        if let month { caps.month = month }
        try ledger.check(decision.actor, mayCap: caps)
        let answer = ledger.commit(PassportChanged(passport: passport, caps: caps), user: row.user, &decision)
        ledger.renewExhausting(row.user, &decision)
        return .accepted(answer)
    }
}

package struct PassportChanged: EventType {
    package static let code = EventCode.passportChanged
    package static let blank = PassportChanged(passport: PassportID(value: 0), caps: Caps())
    package var body: EventBody { .passportChanged(self) }

    package var passport: PassportID
    package var caps: Caps

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.unsigned(&passport.value)
        try caps.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.passport(passport) != nil ? nil : "changes a passport that is not there"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.passports[ledger.root(ledger.passport(passport)!)].changeExtras { $0.caps = caps }
    }
}
