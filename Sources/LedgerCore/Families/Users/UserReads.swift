package struct UserRow: Sendable {
    package var ordinal: UserOrdinal
    package var id: ShortText
    package var email: PersonalText
    package var name: PersonalText
    package var type: UserType
    package var state: UserState
    package var created: Timestamp
    package var account: AccountImage
    package var sessions: Int
    package var storage: StorageStanding
    package var lastEvent: LSN
}

extension StateMachine {
    package func userRow(_ user: UserOrdinal, at now: Timestamp) -> UserRow {
        let row = store.accounts[user]
        return UserRow(
            ordinal: user, id: row.id, email: row.email, name: row.name, type: row.type, state: row.state,
            created: row.created, account: image(user, at: now), sessions: Int(row.sessionCount),
            storage: storageStanding(user), lastEvent: row.lastEvent)
    }

    /// What a user is found and shown by.
    package func idAndEmail(of user: UserOrdinal) -> (id: ShortText, email: PersonalText) {
        (store.accounts[user].id, store.accounts[user].email)
    }

    /// Some text that was sealed under the user's key, if there is any.
    package func sealedText(of user: UserOrdinal) -> PersonalText {
        let email = store.accounts[user].email
        return email.isEmpty ? store.accounts[user].name : email
    }

    /// The head of a user's thread through the journal.
    package func lastEvent(of user: UserOrdinal) -> LSN { store.accounts[user].lastEvent }

    func users(_ page: Page, at now: Timestamp) -> QueryResult {
        var rows: [UserRow] = []
        var ordinal =
            page.cursor == 0 ? store.accounts.count : min(Int(clamping: page.cursor) - 1, store.accounts.count)
        while ordinal > 0, rows.count < page.count {
            ordinal -= 1
            rows.append(userRow(UserOrdinal(UInt32(ordinal)), at: now))
        }
        return .users(rows, next: ordinal > 0 ? UInt64(ordinal) + 1 : 0)
    }

    /// Who has the address and who has the id come first, then those whose id begins so, newest first.
    func find(_ search: UserSearch, _ page: Page, at now: Timestamp) -> QueryResult {
        let holder = search.email.flatMap { self.holder(ofEmail: $0) }
        guard let beginning = search.beginning else {
            return .users(page.cursor == 0 ? holder.map { [userRow($0, at: now)] } ?? [] : [], next: 0)
        }
        var first = [holder, user(names.user(beginning))].compactMap(\.self)
        if first.count == 2, first[0] == first[1] { first.removeLast() }
        var rows = page.cursor == 0 ? first.map { userRow($0, at: now) } : []
        var left = page.cursor == 0 ? store.accounts.count : min(Int(clamping: page.cursor) - 1, store.accounts.count)
        let end = max(0, left - Self.longestSearch)
        while left > end, rows.count < page.count {
            left -= 1
            let user = UserOrdinal(UInt32(left))
            if store.accounts[user].id.hasPrefix(beginning), !first.contains(user) {
                rows.append(userRow(user, at: now))
            }
        }
        return .users(rows, next: left > 0 ? UInt64(left) + 1 : 0)
    }
}
