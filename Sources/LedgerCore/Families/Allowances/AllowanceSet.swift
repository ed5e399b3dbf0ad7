/// ALLOWANCE SET and REMOVE for one user, in the place of what its type gives. The first lot comes at once and whole,
/// if none came before for a period that is not over.
package struct AllowanceSet: CommandType {
    package static let name: StaticString = "ALLOWANCE SET"
    package var user: Hash128
    /// None: it is removed. A lot that was given stays until its end.
    package var terms: AllowanceTerms
    package init(user: Hash128, terms: AllowanceTerms) {
        self.user = user
        self.terms = terms
    }

    package var subject: Subject { .user(user) }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { mayRenewMany(in: ledger) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        guard !terms.isNone || ledger.ownAllowance(user) != nil else { throw .notFound(.allowance) }
        try ledger.checkMayBook(user)
        try terms.check()
        let granted = terms.isNone ? .zero : ledger.beginAllowance(terms, of: user, precedes: true, &decision)
        let next = terms.isNone ? .never : max(ledger.allowedUntil(user), decision.now)
        let answer = ledger.commit(
            AllowanceChanged(terms: terms, granted: granted, next: next), user: user, &decision)
        ledger.renewExhausting(user, &decision)
        return .accepted(answer)
    }
}

package struct AllowanceChanged: EventType {
    package static let code = EventCode.allowanceChanged
    package static let blank = AllowanceChanged(terms: .none, granted: .zero, next: .never)
    package var body: EventBody { .allowanceChanged(self) }

    package var terms: AllowanceTerms
    /// What was given with it.
    package var granted: Money
    /// When the next lot comes.
    package var next: Timestamp

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try terms.code(with: &c)
        try c.money(&granted)
        try c.time(&next)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { terms.objection }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.set(allowance: terms, of: header.user)
        guard !terms.isNone else { return }
        ledger.set(allowanceRound: CalendarPeriod.day.end(at: header.asOf))
    }
}

/// The same for all users of a type who have none of their own. The ledger goes through its users at once.
package struct TypeAllowanceSet: CommandType, EventType {
    package static let name: StaticString = "ALLOWANCE SET"
    package static let code = EventCode.typeAllowanceSet
    package static let isAboutUser = false
    package static let blank = TypeAllowanceSet(type: .free, terms: .none)
    package var body: EventBody { .typeAllowanceSet(self) }

    package var type: UserType
    package var terms: AllowanceTerms
    package init(type: UserType, terms: AllowanceTerms) {
        self.type = type
        self.terms = terms
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard !terms.isNone || !ledger.store.allowanceRound[type].isNone else { throw .notFound(.allowance) }
        try terms.check()
        return .accepted(ledger.commit(self, &decision))
    }

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&type)
        try terms.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        terms.objection ?? (header.asOf == header.time ? nil : "allows something as of another time")
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.allowanceRound[type] = terms
        if !terms.isNone { ledger.set(allowanceRound: header.asOf) }
    }
}
