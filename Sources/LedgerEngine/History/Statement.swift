internal import LedgerCore
internal import LedgerStorage

// A user's statement: rows and sums, derived from the user's events alone.

extension History {
    /// Entries recorded in [from, to), newest first. The cursor is twice the LSN to go on with, plus one where that
    /// event's first row was on the page before.
    func history(
        _ user: Hash128, _ from: Timestamp?, _ to: Timestamp?, _ label: LabelFilter?, _ page: Page, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        guard let ordinal = reads.views.user(user), let last = reads.views.lastEvent(ordinal) else {
            return .rejected(.notFound(.user))
        }
        return try history(ordinal, from: last, from, to, label, page, for: asker)
    }

    /// The same from one of the user's events on; `counts`: only such rows.
    func history(
        _ ordinal: UserOrdinal, from last: LSN, _ from: Timestamp?, _ to: Timestamp?, _ label: LabelFilter?,
        _ page: Page, for asker: Asker, where counts: (HistoryRow) -> Bool = { _ in true }
    ) throws(StorageError) -> HistoryResult {
        var start = last
        if page.cursor != 0 {
            start = LSN(page.cursor / 2)
            guard start <= last, try event(at: start).user == ordinal else {
                return .rejected(StatementPage.otherCursor)
            }
        }
        var statement = StatementPage(from, to, label, page)
        let isWhole = try walk(from: start, for: asker) { event in
            statement.take(event, rows: { rows(of: $0) }, where: counts)
        }
        return isWhole ? statement.result : Self.givenUp
    }

    func rows(of event: Event) -> [HistoryRow] { event.rows(shard: shard) { clear($0, $1) } }

    // MARK: - Summary

    /// Sums over the entries whose effective time begins in [from, to). Cost: the user's whole thread, because an entry
    /// may count for any time before it was recorded.
    ///
    /// `through`: of the entries through that event of the user's alone, and nothing of the account.
    func summary(
        _ user: Hash128, _ from: Timestamp?, _ to: Timestamp?, by key: ShortText?, through last: LSN?,
        for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        guard let ordinal = reads.views.user(user) else { return .rejected(.notFound(.user)) }
        if let last { return try summary(ordinal, AccountImage(), nil, last, from, to, by: key, for: asker) }
        guard let standing = standing(ordinal, user) else { return .rejected(.notFound(.user)) }
        return try summary(
            ordinal, standing.account, standing.storage, standing.lastEvent, from, to, by: key, for: asker)
    }

    /// The same of an account as it stood with one of the user's events.
    func summary(
        _ ordinal: UserOrdinal, _ account: AccountImage, _ storage: StorageStanding?, _ last: LSN, _ from: Timestamp?,
        _ to: Timestamp?, by key: ShortText?, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        if let from, let to, to < from { return .rejected(Summary.wrongOrder) }
        var summary = Summary(user: ordinal, from, to, by: key, account, storage)
        guard try walk(from: last, for: asker, { summary.take($0) }) else { return Self.givenUp }
        return summary.result
    }

    /// An account as the writer has it, and the last event that made it so; as readers see it when the writer is gone.
    private func standing(
        _ ordinal: UserOrdinal, _ user: Hash128
    ) -> (account: AccountImage, storage: StorageStanding, lastEvent: LSN)? {
        if case .user(let row) = ask(.user(user)) { return (row.account, row.storage, row.lastEvent) }
        guard let (view, last) = reads.views.accountAndLastEvent(ordinal) else { return nil }
        return (AccountImage(view, at: clock.now()), StorageStanding(), last)
    }
}

extension AccountImage {
    init(_ view: AccountView, at now: Timestamp) {
        self.init()
        paid = view.paid
        promo = view.promo
        held = view.held
        debt = view.debt
        available = view.lowerBound(at: now)
    }
}
