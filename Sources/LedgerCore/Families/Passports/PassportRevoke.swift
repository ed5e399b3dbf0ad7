/// PASSPORT REVOKE: in force with its receipt.
package struct PassportRevoke: CommandType {
    package static let name: StaticString = "PASSPORT REVOKE"
    package var passport: PassportID
    package init(passport: PassportID) { self.passport = passport }

    package var subject: Subject { .passport(passport) }
    package var dueBefore: DueBefore { .own(subject) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard let ordinal = ledger.passport(passport) else { throw .notFound(.passport) }
        guard !ledger.store.passports[ordinal].revoked else { throw .closed(.passport) }
        let user = ledger.store.passports[ordinal].user
        let answer = ledger.commit(PassportRevoked(passport: passport), user: user, &decision)
        decision.batch.touchedPassports.append(ordinal)
        return .accepted(answer)
    }
}

package struct PassportRevoked: EventType {
    package static let code = EventCode.passportRevoked
    package static let blank = PassportRevoked(passport: PassportID(value: 0))
    package var body: EventBody { .passportRevoked(self) }

    package var passport: PassportID

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.unsigned(&passport.value) }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.passport(passport) != nil ? nil : "revokes a passport that is not there"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.passports[ledger.passport(passport)!].revoked = true
    }
}
