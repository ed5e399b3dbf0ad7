/// USER SET: one thing about a user at a time.
package struct UserSet: CommandType {
    package static let name: StaticString = "USER SET"
    package var consequence: Consequence { .emailChanged }
    package enum Change: Sendable {
        case name(PersonalText)
        case type(UserType)
        case state(UserState)
        case email(PersonalText, hash: Hash128)
    }
    package var user: Hash128
    package var change: Change
    package init(user: Hash128, change: Change) {
        self.user = user
        self.change = change
    }

    package var subject: Subject { .user(user) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        switch change {
        case .name(var text):
            try seal(&text)
            change = .name(text)
        case .email(var text, let hash):
            try seal(&text)
            change = .email(text, hash: hash)
        case .type, .state: break
        }
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool {
        guard let user = ledger.user(user) else { return false }
        let row = ledger.store.accounts[user]
        switch change {
        case .state(.banned): return row.sessionCount > 0
        case .type: return mayRenewMany(in: ledger) || row.sessionCount > 0 || row.resourceCount > 0
        case .name, .state, .email: return false
        }
    }

    package func priceNeed(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceNeed {
        guard case .type(let type) = change, let user = ledger.user(user), type != ledger.type(of: user) else {
            return .none
        }
        let questions = TypeChange(ledger, user, to: type, at: now).questions
        return questions.isEmpty || questions.count > StateMachine.maximumQuestions ? .none : .versions(questions)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        try ledger.checkIsThere(user)
        let row = ledger.store.accounts[user]
        var event = UserChanged(
            field: .name, name: .none, type: row.type, state: row.state, email: .none, emailHash: .zero)
        switch change {
        case .name(let name): event.name = name
        case .type(let type):
            (event.field, event.type) = (.type, type)
            if type != row.type {
                let change = TypeChange(ledger, user, to: type, at: decision.now)
                let prices = try change.prices(in: ledger, decision)
                change.carryOut(in: &ledger, at: prices, &decision)
            }
        case .state(let state):
            (event.field, event.state) = (.state, state)
            try checkState(state, user, row, ledger)
        case .email(let email, let hash):
            (event.field, event.email, event.emailHash) = (.email, email, hash)
            try ledger.checkMayBook(user)
            guard hash == row.emailHash || !ledger.isTaken(email: hash) else { throw .exists(.email) }
        }
        let answer = ledger.commit(event, user: user, &decision)
        if case .type = change {
            ledger.beginAllowance(ledger.allowance(of: user), of: user, &decision)
            ledger.renewExhausting(user, &decision)
        }
        if case .state(.banned) = change {
            for session in ledger.sessions(of: user) {
                ledger.close(session, .banned, through: decision.now, &decision)
            }
        }
        return .accepted(answer)
    }

    private func checkState(
        _ state: UserState, _ user: UserOrdinal, _ row: Account, _ ledger: borrowing StateMachine
    ) throws(Rejection) {
        guard state != .deleted else { throw .invalid("USER DELETE deletes a user") }
        if row.state == .closed, state != .closed { throw .frozen(.closed) }
        if state != .active, ledger.isFirstAdmin(user) {
            throw .invalid(
                "the first admin cannot be \(state.text): nobody could open this ledger any more; revoke passports "
                    + "instead")
        }
        if state == .closed {
            guard row.firstSession.isNone, row.firstHold.isNone, row.firstResource.isNone else {
                throw .invalid("the user still has sessions, holds or storage; end them first")
            }
        }
    }
}

package struct UserChanged: EventType {
    package static let code = EventCode.userChanged
    package static let blank = UserChanged(
        field: .name, name: .none, type: .free, state: .active, email: .none, emailHash: .zero)
    package var body: EventBody { .userChanged(self) }

    package enum Field: UInt8, Sendable { case name = 0, type = 1, state = 2, email = 3 }
    package var field: Field
    package var name: PersonalText
    package var type: UserType
    package var state: UserState
    package var email: PersonalText
    package var emailHash: Hash128

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&field)
        switch field {
        case .name: try c.personal(&name)
        case .type: try c.choice(&type)
        case .state: try c.choice(&state)
        case .email:
            try c.personal(&email)
            try c.hash(&emailHash)
        }
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        field == .state && state == .deleted ? "deletes a user as nothing but a deletion does" : nil
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        switch field {
        case .name: ledger.store.accounts[header.user].name = name
        case .type:
            ledger.store.accounts[header.user].type = type
            ledger.checkStorage(header.user, at: header.asOf)
        case .state: ledger.store.accounts[header.user].state = state
        case .email:
            let before = ledger.store.accounts[header.user].emailHash
            if before != emailHash { ledger.giveBack(email: before) }
            ledger.take(email: emailHash, by: header)
            ledger.store.accounts[header.user].email = email
            ledger.store.accounts[header.user].emailHash = emailHash
        }
    }
}

extension StateMachine {
    /// The user whom a first start makes: the owner's way in, also for `florin admin`.
    func isFirstAdmin(_ user: UserOrdinal) -> Bool {
        hasFirstPassport(user) && store.accounts[user].type == .admin
    }

    /// Whatever type the user has by now.
    func hasFirstPassport(_ user: UserOrdinal) -> Bool {
        store.passports.count > 0 && store.passports[PassportOrdinal(0)].user == user
    }
}
