package struct SpaceRow: Sendable {
    package var space: SpaceEntry
    /// The user who made it; empty for what the ledger began with.
    package var creator: ShortText
    package var created: Timestamp
}

package struct InstanceRow: Sendable {
    /// The purchase, and the charge.
    package var id: ChargeID
    package var space: ShortText
    package var workspace: ShortText
    package var instance: ShortText
    package var gigabytes: Int64
    package var purchased: Timestamp
    package var amount: Money
}

extension StateMachine {
    /// The catalogue, newest first, as far as it is shown to `user`; nil: all of it.
    func spaces(_ page: Page, for user: UserOrdinal?) -> QueryResult {
        // The catalogue only grows: the cursor is a space's number in it, from 1.
        var number = page.cursor == 0 ? store.spaces.count : min(Int(clamping: page.cursor), store.spaces.count)
        let end = max(0, number - Self.longestSearch)
        var rows: [SpaceRow] = []
        while number > end {
            if user.map({ isShown(space: number - 1, to: $0) }) ?? true {
                // Where the next page begins, if there is one.
                guard rows.count < page.count else { break }
                let space = store.spaces[number - 1]
                let creator = space.creator == .none ? ShortText() : store.accounts[space.creator].id
                rows.append(SpaceRow(space: space.entry, creator: creator, created: space.created))
            }
            number -= 1
        }
        return .spaces(rows, next: UInt64(number))
    }

    /// What a user owns, newest first, in one workspace where given.
    func instances(of user: UserOrdinal, in workspace: ShortText?, _ page: Page) -> QueryResult {
        let (slots, next) = walk(
            instances(of: user), page, number: { store.instances[$0].id.value },
            where: { workspace == nil || store.instances[$0].workspace == workspace })
        let rows = slots.map { slot in
            let row = store.instances[slot]
            return InstanceRow(
                id: row.id, space: row.space, workspace: row.workspace, instance: row.name, gigabytes: row.gigabytes,
                purchased: row.purchased, amount: row.amount)
        }
        return .instances(rows, next: next)
    }
}
