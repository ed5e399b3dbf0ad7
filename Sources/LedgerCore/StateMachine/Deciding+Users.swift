/// Users and passports.
extension StateMachine {
    /// Credit that a FREE user gets at sign-up, once per e-mail for ever.
    static let signUpBonus = Money(nanos: 5 * Money.dollar.nanos)

    func find(_ user: Hash128) throws(Rejection) -> UserOrdinal {
        guard let ordinal = store.userIndex[user] else { throw .notFound(.user) }
        return UserOrdinal(UInt32(ordinal))
    }

    /// New work needs an active user.
    func checkMayStart(_ user: UserOrdinal) throws(Rejection) {
        let state = store.accounts[Int32(user.value)].state
        guard state == .active else { throw .frozen(state) }
    }

    func checkNoDebt(_ user: UserOrdinal) throws(Rejection) {
        let debt = store.accounts[Int32(user.value)].debt
        guard debt.isZero else { throw .debt(debt) }
    }

    mutating func createUser(_ c: UserCreate, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        guard store.userIndex[names.user(c.id)] == nil else { throw .exists(.user) }
        guard store.external[emailName(c.emailHash)] == nil else { throw .exists(.email) }
        guard store.accounts.count < Int32.max - 1 else { throw .busy("the ledger has no room for another user") }
        let body = UserCreated(
            id: c.id, emailHash: c.emailHash, email: c.email, name: c.name, type: c.type,
            bonus: c.type == .free ? StateMachine.signUpBonus : .zero)
        let ordinal = UserOrdinal(UInt32(store.accounts.count))
        return .accepted(commit(.userCreated(body), user: ordinal, at: now, into: &batch))
    }

    mutating func setUser(_ c: UserSet, at now: Timestamp, into batch: inout EventBatch) throws(Rejection) -> Outcome {
        let user = try find(c.user)
        let slot = Int32(user.value)
        var body = UserChanged(
            field: .name, name: [], type: store.accounts[slot].type, state: store.accounts[slot].state)
        switch c.change {
        case .name(let name): body.name = name
        case .type(let type): (body.field, body.type) = (.type, type)
        case .state(let state): (body.field, body.state) = (.state, state)
        }
        if body.field == .state, store.accounts[slot].state == .closed, body.state != .closed {
            throw .frozen(.closed)
        }
        if body.field == .state, body.state != .active, isFirstAdmin(user) {
            throw .invalid(
                "the first admin cannot be \(body.state.text): nobody could open this ledger any more; revoke passports "
                    + "instead")
        }
        if body.field == .state, body.state == .closed {
            guard store.accounts[slot].firstSession < 0, store.accounts[slot].firstHold < 0,
                store.accounts[slot].firstResource < 0
            else { throw .invalid("the user still has sessions, holds or storage; end them first") }
        }
        let primary = commit(.userChanged(body), user: user, at: now, into: &batch)
        if body.field == .state, body.state == .banned {
            while case let session = store.accounts[slot].firstSession, session >= 0 {
                close(session, .banned, through: now, at: now, into: &batch)
            }
        }
        return .accepted(primary)
    }

    /// The user whom a first start makes: the owner's way in, also for `florin admin`.
    private func isFirstAdmin(_ user: UserOrdinal) -> Bool {
        guard store.passports.count > 0, store.passports[0].user == user else { return false }
        return store.accounts[Int32(user.value)].type == .admin
    }

    /// Nobody issues more than they hold. The engine itself (`asking.actor` is none) holds everything.
    private func checkMayIssue(
        _ permissions: Permissions, _ scope: Scope, expires: Timestamp, rate: UInt32
    ) throws(Rejection) {
        guard asking.actor != .none else { return }
        let issuer = store.passports[Int32(asking.actor.value)]
        guard permissions.isSubset(of: issuer.permissions), scope.rawValue <= issuer.scope.rawValue else {
            throw .denied(
                "a passport cannot issue more than it holds (\(issuer.permissions.text), scope \(issuer.scope.text))"
            )
        }
        guard expires <= issuer.expires else {
            throw .denied("a passport cannot issue one that outlives it (\(issuer.expires))")
        }
        guard issuer.rate == 0 || (rate > 0 && rate <= issuer.rate) else {
            throw .denied("a passport cannot issue one with more requests an hour than its own \(issuer.rate)")
        }
    }

    mutating func createPassport(
        _ c: PassportCreate, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        let user = try find(c.user)
        guard store.accounts[Int32(user.value)].state != .closed else { throw .frozen(.closed) }
        guard c.id.value != 0, store.passportIndex[c.id.value] == nil else { throw .exists(.passport) }
        try checkMayIssue(c.permissions, c.scope, expires: c.expires, rate: c.rate)
        guard c.expires > now else { throw .invalid("a passport cannot expire in the past") }
        let body = PassportCreated(
            id: c.id, digest: c.digest, lastFour: c.lastFour, name: c.name, permissions: c.permissions, scope: c.scope,
            expires: c.expires, rate: c.rate, replaces: PassportID(value: 0), replacedExpires: .never)
        return .accepted(commit(.passportCreated(body), user: user, at: now, into: &batch))
    }

    mutating func revokePassport(
        _ id: PassportID, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        guard let slot = store.passportIndex[id.value] else { throw .notFound(.passport) }
        guard !store.passports[Int32(slot)].revoked else { throw .closed(.passport) }
        return .accepted(commit(.passportRevoked(id), user: store.passports[Int32(slot)].user, at: now, into: &batch))
    }

    mutating func rotatePassport(
        _ c: PassportRotate, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        guard let slot = store.passportIndex[c.old.value] else { throw .notFound(.passport) }
        let old = store.passports[Int32(slot)]
        guard !old.revoked, old.expires > now else { throw .closed(.passport) }
        guard !old.replaced else {
            throw .invalid("this passport was replaced already; rotate the one that replaced it")
        }
        guard c.id.value != 0, store.passportIndex[c.id.value] == nil else { throw .exists(.passport) }
        try checkMayIssue(old.permissions, old.scope, expires: old.expires, rate: old.rate)
        let body = PassportCreated(
            id: c.id, digest: c.digest, lastFour: c.lastFour, name: old.name, permissions: old.permissions,
            scope: old.scope,
            expires: old.expires, rate: old.rate, replaces: c.old, replacedExpires: min(old.expires, now + c.overlap))
        return .accepted(commit(.passportCreated(body), user: old.user, at: now, into: &batch))
    }
}
