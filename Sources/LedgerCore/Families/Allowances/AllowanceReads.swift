package struct AllowanceRow: Sendable {
    /// Empty: of all users of the type who have none of their own.
    package var user = ShortText()
    package var type: UserType
    package var terms: AllowanceTerms
    /// When the next lot comes, where one user is asked about.
    package var next = Timestamp.never
}

extension StateMachine {
    /// Of all: those of types first, then users' own, newest user first.
    func allowances(of subject: UserOrType?, _ page: Page) throws(Rejection) -> QueryResult {
        switch subject {
        case .type(let type): return .allowances([row(type)].compactMap(\.self), next: 0)
        case .user(let user):
            let user = try find(user)
            return .allowances([row(user)].compactMap(\.self), next: 0)
        case nil: return allowances(page)
        }
    }

    private func allowances(_ page: Page) -> QueryResult {
        var rows = page.cursor == 0 ? UserType.allCases.compactMap { row($0) } : []
        var left = page.cursor == 0 ? store.accounts.count : min(Int(clamping: page.cursor) - 1, store.accounts.count)
        let end = max(0, left - Self.longestSearch)
        guard store.allowances.count > 0 else { return .allowances(rows, next: 0) }
        while left > end, rows.count < page.count {
            left -= 1
            let user = UserOrdinal(UInt32(left))
            if ownAllowance(user) != nil, let row = row(user) { rows.append(row) }
        }
        return .allowances(rows, next: left > 0 ? UInt64(left) + 1 : 0)
    }

    private func row(_ type: UserType) -> AllowanceRow? {
        let terms = store.allowanceRound[type]
        return terms.isNone ? nil : AllowanceRow(type: type, terms: terms)
    }

    /// What counts for a user.
    private func row(_ user: UserOrdinal) -> AllowanceRow? {
        let account = store.accounts[user]
        guard let terms = allowance(of: user) else { return nil }
        let isOwn = ownAllowance(user) != nil
        return AllowanceRow(
            user: isOwn ? account.id : ShortText(), type: account.type, terms: terms, next: nextAllowance(user))
    }
}
