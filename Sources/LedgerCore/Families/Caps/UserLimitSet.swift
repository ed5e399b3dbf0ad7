/// LIMIT SET user:ID: what one user may spend a day or a month, in the place of what the type may.
package struct UserLimitSet: CommandType {
    package static let name: StaticString = "LIMIT SET"
    package var user: Hash128
    package var period: CapPeriod
    /// nano-USD; ``Limits/none``: what the type says.
    package var value: Int64
    package init(user: Hash128, period: CapPeriod, value: Int64) {
        self.user = user
        self.period = period
        self.value = value
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        try ledger.checkMayBook(user)
        let answer = ledger.commit(UserLimited(period: period, value: value), user: user, &decision)
        ledger.renewExhausting(user, &decision)
        return .accepted(answer)
    }
}

package struct UserLimited: EventType {
    package static let code = EventCode.userLimitSet
    package static let blank = UserLimited(period: .day, value: Limits.none)
    package var body: EventBody { .userLimitSet(self) }

    package var period: CapPeriod
    package var value: Int64

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&period)
        try c.signed(&value)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.accounts[header.user].caps[period] = value
    }
}
