package struct HoldRow: Sendable {
    package var id: HoldID
    package var user: UserOrdinal
    package var userID: ShortText
    package var amount: Money
    package var source: ShortText
    package var placed: Timestamp
    package var expires: Timestamp
    package var labels = Labels.none
}

extension StateMachine {
    func holdRow(_ slot: Slot<Hold>) -> HoldRow {
        let row = store.holds[slot]
        return HoldRow(
            id: row.id, user: row.user, userID: store.accounts[row.user].id, amount: row.pins.total,
            source: row.source, placed: row.placed, expires: row.expires, labels: row.labels)
    }

    func holds(of user: UserOrdinal, _ page: Page) -> QueryResult {
        let (slots, next) = walk(holds(of: user), page) { store.holds[$0].id.value }
        return .holds(slots.map { holdRow($0) }, next: next)
    }
}
