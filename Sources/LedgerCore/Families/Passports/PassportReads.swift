extension StateMachine {
    package func passportView(_ passport: PassportOrdinal) -> PassportRow {
        let row = store.passports[passport]
        return PassportRow(
            ordinal: passport, id: row.id, user: row.user, userID: store.accounts[row.user].id, digest: row.digest,
            lastFour: row.lastFour, name: row.name, permissions: row.permissions, scope: row.scope,
            created: row.created, expires: row.expires, revoked: row.revoked, rate: row.rate,
            requiresKeys: row.requiresKeys)
    }

    func passports(of user: UserOrdinal, _ page: Page) -> QueryResult {
        let list = store.passports.list(from: store.accounts[user].firstPassport)
        let (slots, next) = walk(list, page) { UInt64($0.index) + 1 }
        return .passports(slots.map { passportView(PassportOrdinal(UInt32($0.index))) }, next: next)
    }
}
