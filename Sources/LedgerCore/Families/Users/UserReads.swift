extension StateMachine {
    package func userRow(_ user: UserOrdinal, at now: Timestamp) -> UserRow {
        let row = store.accounts[user]
        return UserRow(
            ordinal: user, id: row.id, email: row.email, name: row.name, type: row.type, state: row.state,
            created: row.created, account: image(user, at: now), sessions: Int(row.sessionCount),
            lastEvent: row.lastEvent)
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
}
