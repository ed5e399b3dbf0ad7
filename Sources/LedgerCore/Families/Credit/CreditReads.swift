package struct BalanceRow: Sendable {
    package var user: UserRow
    /// What there is for the source that was asked about.
    package var availableFor: Money?
    package var time: Timestamp
    package init(user: UserRow, availableFor: Money? = nil, time: Timestamp) {
        self.user = user
        self.availableFor = availableFor
        self.time = time
    }
}

package struct LotRow: Sendable {
    package var origin: LotOrigin
    package var remaining: Money
    package var pinned: Money
    /// Its place in the order in which the user's lots burn, from 1.
    package var order: Int
}

extension StateMachine {
    func balance(of user: UserOrdinal, for source: ShortText?, at now: Timestamp) -> BalanceRow {
        BalanceRow(
            user: userRow(user, at: now), availableFor: source.map { available(user, for: .source($0), at: now) },
            time: now)
    }

    func lots(of user: UserOrdinal, _ page: Page) -> QueryResult {
        var rows: [LotRow] = []
        var order = 0
        for slot in lots(of: user) {
            order += 1
            let lot = store.lots[slot]
            if page.cursor == 0 || lot.id.value <= page.cursor {
                rows.append(LotRow(origin: lot.origin, remaining: lot.remaining, pinned: lot.pinned, order: order))
            }
        }
        rows.sort { $0.origin.id.value > $1.origin.id.value }
        let next = rows.count > page.count ? rows[page.count].origin.id.value : 0
        return .lots(Array(rows.prefix(page.count)), next: next)
    }
}
