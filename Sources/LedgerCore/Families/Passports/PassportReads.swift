package struct PassportRow: Sendable {
    package var ordinal: PassportOrdinal
    package var id: PassportID
    package var user: UserOrdinal
    package var userID: ShortText
    package var digest: Digest256
    package var lastFour: UInt32
    package var name: PersonalText
    package var permissions: Permissions
    package var scope: Scope
    package var created: Timestamp
    package var expires: Timestamp
    package var revoked: Bool
    package var rate: UInt32
    package var requiresKeys: Bool
    package var caps: Caps
    /// Charged, used and held.
    package var spentDay = Money.zero
    package var spentMonth = Money.zero
    /// A hint that the ledger does not keep: the answerer fills it in. `.distantPast`: unknown.
    package var lastUsed = Timestamp.distantPast
}

extension StateMachine {
    /// What readers see of a passport: no texts, and nothing that was spent.
    package func passportView(_ passport: PassportOrdinal) -> PassportRow {
        let row = store.passports[passport]
        return PassportRow(
            ordinal: passport, id: row.id, user: row.user, userID: ShortText(), digest: row.digest,
            lastFour: row.lastFour, name: .none, permissions: row.permissions, scope: row.scope,
            created: row.created, expires: row.expires, revoked: row.revoked, rate: row.extras.rate,
            requiresKeys: row.requiresKeys, caps: store.passports[row.root].extras.caps)
    }

    /// The same, with all that is known of it.
    func passportRow(_ passport: PassportOrdinal, at now: Timestamp) -> PassportRow {
        var row = passportView(passport)
        (row.userID, row.name) = (store.accounts[row.user].id, store.passports[passport].name)
        row.spentDay = spent(by: passport, .day, at: now)
        row.spentMonth = spent(by: passport, .month, at: now)
        return row
    }

    func passports(of user: UserOrdinal, _ page: Page, at now: Timestamp) -> QueryResult {
        let (slots, next) = walk(passports(of: user), page) { UInt64($0.index) + 1 }
        return .passports(slots.map { passportRow(PassportOrdinal(UInt32($0.index)), at: now) }, next: next)
    }
}
