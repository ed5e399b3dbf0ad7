/// USER DELETE: a person is forgotten, the books are not. Nothing of the user's may still be open and nothing be owed;
/// the credit that is left goes to breakage, what was bought only where that is said (`FORFEIT`).
///
/// The event is what counts. The user's key is destroyed when it is durable, before anybody is answered; and every
/// start destroys the keys of all users whom the ledger calls deleted, for one that was cut short in between.
package struct UserDelete: CommandType {
    package static let name: StaticString = "USER DELETE"
    package var consequence: Consequence { .userDeleted(user) }
    package var user: Hash128
    /// Gives up bought credit as well.
    package var forfeit: Bool
    package init(user: Hash128, forfeit: Bool) {
        self.user = user
        self.forfeit = forfeit
    }

    package var subject: Subject { .user(user) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        let row = ledger.store.accounts[user]
        guard row.state != .deleted else { throw .closed(.user) }
        guard !ledger.hasFirstPassport(user) else {
            throw .denied("the first admin cannot be deleted: nobody could open this ledger any more")
        }
        let obstacles = obstacles(row)
        guard obstacles.isEmpty else { throw .invalid("the user still has \(obstacles.joined(separator: ", "))") }
        let answer = ledger.commit(UserDeleted(bought: row.paid, other: row.promo), user: user, &decision)
        for slot in ledger.passports(of: user) {
            decision.batch.touchedPassports.append(PassportOrdinal(UInt32(slot.index)))
        }
        return .accepted(answer)
    }

    /// Everything that stands in the way, so that nobody is told one thing after the other.
    private func obstacles(_ row: Account) -> [String] {
        func several(_ count: Int32, _ one: String, _ many: String) -> String? {
            count == 0 ? nil : "\(count) \(count == 1 ? one : many)"
        }
        let bought = forfeit || row.paid.isZero ? nil : "\(row.paid) of bought credit (FORFEIT gives it up)"
        return [
            several(row.sessionCount, "open session", "open sessions"), several(row.holdCount, "hold", "holds"),
            several(row.resourceCount, "resource of storage", "resources of storage"),
            row.debt.isZero ? nil : "a debt of \(row.debt)", bought,
        ].compactMap { $0 }
    }
}

/// A user is no more. Id and books stay, and the names that a sign-up bonus was given to; the address is free again.
package struct UserDeleted: EventType {
    package static let code = EventCode.userDeleted
    package static let blank = UserDeleted(bought: .zero, other: .zero)
    package var body: EventBody { .userDeleted(self) }

    /// Credit that went to breakage: all that there was.
    package var bought: Money
    package var other: Money

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&bought)
        try c.money(&other)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        let row = ledger.store.accounts[header.user]
        guard row.firstSession.isNone, row.firstHold.isNone, row.firstResource.isNone, row.held.isZero,
            row.debt.isZero
        else { return "deletes a user who has something open" }
        return row.paid == bought && row.promo == other ? nil : "gives up another amount than the user has"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let user = header.user
        ledger.forfeit(user)
        ledger.forgetUnpaidStorage(user)
        ledger.store.accounts[user].storageStopped = .never
        ledger.forgetAllowance(of: user)
        ledger.giveBack(email: ledger.store.accounts[user].emailHash)
        ledger.store.accounts[user].emailHash = .zero
        ledger.store.accounts[user].email = .none
        ledger.store.accounts[user].name = .none
        ledger.store.accounts[user].state = .deleted
        for passport in ledger.passports(of: user) {
            ledger.store.passports[passport].revoked = true
            ledger.store.passports[passport].name = .none
        }
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.expired = bought + other
        return facts
    }
}

extension StateMachine {
    /// Whom the ledger calls deleted, ascending: their keys must be gone. Cost: a pass over the users.
    package var deletedUsers: [UserOrdinal] {
        (0..<UInt32(store.accounts.count)).map { UserOrdinal($0) }.filter { isDeleted($0) }
    }

    /// False for an ordinal that nobody has yet.
    package func isDeleted(_ user: UserOrdinal) -> Bool {
        user.value < UInt32(store.accounts.count) && store.accounts[user].state == .deleted
    }

    /// Of a deleted user nothing is changed any more, whatever else is allowed for a closed one.
    func checkIsThere(_ user: UserOrdinal) throws(Rejection) {
        guard store.accounts[user].state != .deleted else { throw .frozen(.deleted) }
    }
}
