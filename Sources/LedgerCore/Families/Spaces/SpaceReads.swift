extension StateMachine {
    func spaces(_ page: Page, publicOnly: Bool) -> QueryResult {
        // The catalogue only grows: the cursor is a space's number in it, from 1.
        var number = page.cursor == 0 ? store.spaces.count : min(Int(clamping: page.cursor), store.spaces.count)
        var rows: [SpaceRow] = []
        while number > 0 {
            let space = store.spaces[number - 1]
            if space.space.isPublic || !publicOnly {
                // Where the next page begins, if there is one.
                guard rows.count < page.count else { break }
                let creator = space.creator == .none ? ShortText() : passportView(space.creator).userID
                rows.append(SpaceRow(space: space.space, creator: creator, created: space.created))
            }
            number -= 1
        }
        return .spaces(rows, next: UInt64(number))
    }
}
