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

    func priceBooks() -> [PriceBookRow] {
        store.active.compactMap { active in
            activeVersion(active.name).map {
                PriceBookRow(rule: ruleRow(store.rules[$0]), book: store.rules[$0].book)
            }
        }
    }
}
