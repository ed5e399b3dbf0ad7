/// Rule versions and which of them counts; and which price a command needs.
extension StateMachine {
    /// The question whose answer `decide` needs, or nil. Pure: asking changes nothing. Commands that will be refused or
    /// replayed anyway need no price.
    package func prepare(_ request: Request, at now: Timestamp) -> PriceQuery? {
        let now = max(now, lastTime)
        if let key = request.key, store.history.find(key.scope, at: now) != nil { return nil }
        func ordinal(_ user: Hash128) -> UserOrdinal? { store.userIndex[user].map { UserOrdinal(UInt32($0)) } }
        switch request.command {
        case .creditPurchase(let c):
            guard let user = ordinal(c.user) else { return nil }
            return .purchaseBonus(type: store.accounts[Int32(user.value)].type, amount: c.amount)
        case .sessionStart(let c):
            guard let user = ordinal(c.user), store.external[names.session(c.session)] == nil else { return nil }
            return sessionQuery(user, c.tier, at: now, now: now)
        case .sessionRecord(let c):
            guard let user = ordinal(c.user), store.external[names.session(c.session)] == nil else { return nil }
            return sessionQuery(user, c.tier, at: c.from, now: now)
        case .storageCreate(let c):
            guard let user = ordinal(c.user) else { return nil }
            return .storage(type: store.accounts[Int32(user.value)].type, kind: c.kind, megabytes: c.megabytes)
        case .storageResize(let resource, let megabytes):
            guard let slot = store.resourceIndex[resource] else { return nil }
            let row = store.resources[Int32(slot)]
            return .storage(type: store.accounts[Int32(row.user.value)].type, kind: row.kind, megabytes: megabytes)
        case .spacePurchase(let c):
            guard let user = ordinal(c.user), let space = store.spaces.first(where: { $0.space.id == c.space })?.space
            else { return nil }
            return .spacePurchase(
                type: store.accounts[Int32(user.value)].type, space: c.space, listPrice: space.cost,
                gigabytes: space.gigabytes)
        default:
            return nil
        }
    }

    mutating func loadRule(_ c: RuleLoad, at now: Timestamp, into batch: inout EventBatch) throws(Rejection) -> Outcome
    {
        if let known = store.rules.first(where: { $0.name == c.name && $0.identity == c.identity }) {
            throw .ruleExists(version: known.version)
        }
        guard c.source.count <= 16 * 1024 else { throw .invalid("a rule's source is at most 16 KiB") }
        let version = UInt32(store.rules.count { $0.name == c.name }) + 1
        return .accepted(
            commit(
                .ruleLoaded(RuleLoaded(name: c.name, identity: c.identity, version: version, source: c.source)),
                at: now,
                into: &batch))
    }

    mutating func activateRule(_ c: RuleActivate, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        guard let rule = store.rules.first(where: { $0.name == c.name && $0.identity == c.identity }) else {
            throw .notFound(.rule)
        }
        if let at = c.at, at > now {
            return .accepted(
                commit(
                    .ruleScheduled(
                        RuleScheduled(name: c.name, identity: c.identity, version: rule.version, at: at, book: c.book)),
                    at: now, into: &batch))
        }
        if let index = store.activeVersion(c.name), store.rules[index].version == rule.version {
            throw .invalid("this version is active already")
        }
        return .accepted(
            commit(
                .ruleActivated(
                    RuleActivated(
                        name: c.name, identity: c.identity, version: rule.version, book: c.book, rollback: false,
                        scheduled: .none)),
                at: now, into: &batch))
    }

    mutating func rollBackRule(_ c: RuleRollback, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        guard let previous = previousRule(c.name),
            let rule = store.rules.first(where: { $0.identity == previous && $0.name == c.name })
        else { throw .noVersionBefore }
        return .accepted(
            commit(
                .ruleActivated(
                    RuleActivated(
                        name: c.name, identity: previous, version: rule.version, book: rule.book, rollback: true,
                        scheduled: .none)),
                at: now, into: &batch))
    }
}
