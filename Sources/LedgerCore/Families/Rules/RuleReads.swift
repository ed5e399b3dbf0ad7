package struct RuleRow: Sendable {
    package var name: RuleName
    package var version: UInt32
    package var identity: RuleIdentity
    package var loaded: Timestamp
    package var active: Bool
    /// When it became active, or will; `.never` otherwise.
    package var activation: Timestamp
}

package struct PriceBookRow: Sendable {
    package var rule: RuleRow
    package var book: PriceBook
    /// What the rule was not asked when it became active: the engine asks it now.
    package var unpriced: [PriceQuery] = []
    package init(rule: RuleRow, book: PriceBook) {
        self.rule = rule
        self.book = book
    }
}

extension StateMachine {
    func ruleRow(_ rule: Rule) -> RuleRow {
        let active = store.active.first { $0.name == rule.name }
        let isActive = active?.versions.last == rule.version
        let scheduled = store.scheduled.first { $0.name == rule.name && $0.identity == rule.identity }
        return RuleRow(
            name: rule.name, version: rule.version, identity: rule.identity, loaded: rule.loaded, active: isActive,
            activation: isActive ? active!.since : scheduled?.at ?? .never)
    }

    func ruleSource(_ name: RuleName, version: UInt32?) throws(Rejection) -> QueryResult {
        let index =
            version.map { version in store.rules.firstIndex { $0.name == name && $0.version == version } }
            ?? activeVersion(name)
        guard let index else { throw .notFound(.rule) }
        return .ruleSource(ruleRow(store.rules[index]), source: store.rules[index].source)
    }

    /// The prices that were found when each rule became active, as far as they are shown to `user` (nil: all of them).
    func priceBooks(for user: UserOrdinal?) -> [PriceBookRow] {
        store.active.compactMap { active in
            activeVersion(active.name).map {
                var row = PriceBookRow(rule: ruleRow(store.rules[$0]), book: store.rules[$0].book)
                if active.name == .spacePurchase { completeSpaces(&row, for: user) }
                return row
            }
        }
    }

    /// Leaves out spaces that are not shown, and says what is to be asked about those that came since: the newest
    /// ``longestPage`` at most. Cost: the catalogue.
    private func completeSpaces(_ row: inout PriceBookRow, for user: UserOrdinal?) {
        var priced: Set<PriceQuery> = []
        row.book.rows.removeAll { known in
            guard case .spacePurchase(_, let space, _, _) = known.query else { return false }
            priced.insert(known.query)
            guard let user, let number = self.space(space) else { return false }
            return !isShown(space: number, to: user)
        }
        var visited = 0
        for number in store.spaces.indices.reversed() where visited < Self.longestPage {
            visited += 1
            guard user.map({ isShown(space: number, to: $0) }) ?? true else { continue }
            let questions = UserType.allCases.map { store.spaces[number].entry.query($0) }
            row.unpriced += questions.filter { !priced.contains($0) }
        }
    }
}
