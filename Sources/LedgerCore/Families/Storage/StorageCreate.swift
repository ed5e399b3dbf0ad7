/// STORAGE CREATE: a bucket or volume begins to accrue.
package struct StorageCreate: CommandType {
    package static let name: StaticString = "STORAGE CREATE"
    package var user: Hash128
    package var resource: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package init(user: Hash128, resource: ShortText, kind: StorageKind, megabytes: Int64) {
        self.user = user
        self.resource = resource
        self.kind = kind
        self.megabytes = megabytes
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? {
        ledger.user(user).map { .storage(type: ledger.type(of: $0), kind: kind, megabytes: megabytes) }
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        guard ledger.resource(named: resource) == nil else { throw .exists(.resource) }
        try ledger.checkMayStart(user)
        try ledger.checkSize(megabytes)
        guard ledger.store.accounts[user].resourceCount < StateMachine.maximumResources else {
            throw .invalid("the account has \(StateMachine.maximumResources) resources already")
        }
        try ledger.checkStorageLimit(user, megabytes, beside: ledger.store.accounts[user].storedMegabytes)
        try ledger.checkNoDebt(user)
        let query = PriceQuery.storage(type: ledger.type(of: user), kind: kind, megabytes: megabytes)
        let pricing = try decision.priced(query)
        try ledger.checkFunds(
            user, decision.actor, pricing, megabytes: megabytes, growingBy: megabytes, at: decision.now)
        let event = StorageCreated(resource: resource, kind: kind, megabytes: megabytes, pricing: pricing)
        return .accepted(ledger.commit(event, user: user, &decision))
    }
}

package struct StorageCreated: EventType {
    package static let code = EventCode.storageCreated
    package static let blank = StorageCreated(resource: ShortText(), kind: .bucket, megabytes: 0, pricing: .blank)
    package var body: EventBody { .storageCreated(self) }

    package var resource: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package var pricing: Pricing

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&resource)
        try c.choice(&kind)
        try c.signed(&megabytes)
        try pricing.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard ledger.resource(named: resource) == nil else { return "creates a resource twice" }
        return ledger.objection(toSize: megabytes, pricing)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        var row = Resource()
        (row.id, row.user, row.external) = (header.id(shard: ledger.shard), header.user, resource)
        (row.kind, row.megabytes, row.pricing) = (kind, megabytes, pricing)
        (row.created, row.pricedFrom, row.postedThrough) = (header.asOf, header.asOf, header.asOf)
        row.month = Month(containing: header.asOf)
        row.spender = header.actor
        row.nextDaily = StateMachine.daily(header.user, after: header.asOf)
        row.labels = header.labels
        ledger.insert(row)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.storage = resource
        return facts
    }
}

extension StateMachine {
    func checkSize(_ megabytes: Int64) throws(Rejection) {
        guard megabytes <= Self.maximumMegabytes else { throw .invalid("a resource has at most 1000000000 GB") }
    }

    func checkStorageLimit(_ user: UserOrdinal, _ megabytes: Int64, beside others: Int64) throws(Rejection) {
        let limit = store.limits[store.accounts[user].type, .storage]
        guard limit == Limits.none || megabytes <= limit - min(limit, others) else { throw .limit(.storage, limit) }
    }

    /// A month's cost must be bearable at all, and a day of what is added must be there.
    func checkFunds(
        _ user: UserOrdinal, _ passport: PassportOrdinal, _ pricing: Pricing, megabytes: Int64, growingBy added: Int64,
        at now: Timestamp
    ) throws(Rejection) {
        guard Self.isAffordable(pricing, megabytes) else {
            throw .invalid("a resource cannot cost more than 1000000.00 a month")
        }
        guard added > 0 else { return }
        let day = pricing.tariff.integral(from: .zero, to: .days(1)) * Int128(added)
        let needed = Rational.up(day, over: Self.denominator(Month(containing: now))) ?? .max
        try checkCaps(user, passport, needed, at: now)
        let available = self.available(user, for: .storage, at: now)
        guard available >= needed else { throw .insufficient(available: available, needed: needed) }
    }

    func objection(toSize megabytes: Int64, _ pricing: Pricing) -> String? {
        if let objection = objection(to: pricing, .storage) { return objection }
        return megabytes >= 0 && megabytes <= Self.maximumMegabytes && Self.isAffordable(pricing, megabytes)
            ? nil : "has a resource beyond every ceiling"
    }
}
