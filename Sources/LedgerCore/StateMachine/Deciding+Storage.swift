/// Storage and spaces.
extension StateMachine {
    /// A resource may not cost more than a million dollars a month: so no month of it overflows anything.
    static let maximumMonthly = Int128(1_000_000) * Int128(Money.dollar.nanos)

    /// A resource is at most an exabyte, whatever it costs, and a user has at most so many: so their sum fits in 64
    /// bits.
    static let maximumMegabytes: Int64 = 1_000_000_000_000
    static let maximumResources: Int32 = 10_000

    static func isAffordable(_ pricing: Pricing, _ megabytes: Int64) -> Bool {
        Int128(pricing.tariff.highestRate) * Int128(megabytes) / 1000 <= maximumMonthly
    }

    private func checkMonthly(_ pricing: Pricing, _ megabytes: Int64) throws(Rejection) {
        guard StateMachine.isAffordable(pricing, megabytes) else {
            throw .invalid("a resource cannot cost more than 1000000.00 a month")
        }
    }

    private func checkSize(_ megabytes: Int64) throws(Rejection) {
        guard megabytes <= StateMachine.maximumMegabytes else {
            throw .invalid("a resource has at most 1000000000 GB")
        }
    }

    /// What a day of `megabytes` costs, rounded up.
    private func dayOfAccrual(_ pricing: Pricing, _ megabytes: Int64, at now: Timestamp) -> Money {
        let day = pricing.tariff.integral(from: .zero, to: .days(1)) * Int128(megabytes)
        return Rational.up(day, over: StateMachine.denominator(Month(containing: now))) ?? .max
    }

    private func findResource(_ resource: Hash128) throws(Rejection) -> Int32 {
        guard let slot = store.resourceIndex[resource] else { throw .notFound(.resource) }
        return Int32(slot)
    }

    mutating func createStorage(
        _ c: StorageCreate, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        let user = try find(c.user)
        let account = Int32(user.value)
        let type = store.accounts[account].type
        guard store.resourceIndex[names.resource(c.resource)] == nil else { throw .exists(.resource) }
        try checkMayStart(user)
        try checkSize(c.megabytes)
        guard store.accounts[account].resourceCount < StateMachine.maximumResources else {
            throw .invalid("the account has \(StateMachine.maximumResources) resources already")
        }
        let limit = store.limits[type, .storage]
        guard limit == Limits.none || c.megabytes <= limit - min(limit, store.accounts[account].storedMegabytes) else {
            throw .limit(.storage, limit)
        }
        try checkNoDebt(user)
        let pricing = try priced(price, for: .storage(type: type, kind: c.kind, megabytes: c.megabytes))
        try checkMonthly(pricing, c.megabytes)
        let needed = dayOfAccrual(pricing, c.megabytes, at: now)
        let available = self.available(user, at: now)
        guard available >= needed else { throw .insufficient(available: available, needed: needed) }
        let body = StorageCreated(resource: c.resource, kind: c.kind, megabytes: c.megabytes, pricing: pricing)
        return .accepted(commit(.storageCreated(body), user: user, at: now, into: &batch))
    }

    mutating func resizeStorage(
        _ resource: Hash128, megabytes: Int64, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        let slot = try findResource(resource)
        let row = store.resources[slot]
        let account = Int32(row.user.value)
        let type = store.accounts[account].type
        let grows = megabytes > row.megabytes
        try checkSize(megabytes)
        if grows {
            try checkMayStart(row.user)
            let limit = store.limits[type, .storage]
            let others = store.accounts[account].storedMegabytes - row.megabytes
            guard limit == Limits.none || megabytes <= limit - min(limit, others) else { throw .limit(.storage, limit) }
            try checkNoDebt(row.user)
        }
        let pricing = try priced(price, for: .storage(type: type, kind: row.kind, megabytes: megabytes))
        try checkMonthly(pricing, megabytes)
        if grows {
            let needed = dayOfAccrual(pricing, megabytes - row.megabytes, at: now)
            let available = self.available(row.user, at: now)
            guard available >= needed else { throw .insufficient(available: available, needed: needed) }
        }
        let body = StorageResized(posted: posting(slot, through: now, at: now), megabytes: megabytes, pricing: pricing)
        return .accepted(
            commit(
                .storageResized(body), user: row.user, linked: row.id.lsn,
                effective: (body.posted.usage.from, body.posted.usage.through), at: now, into: &batch))
    }

    mutating func deleteStorage(_ resource: Hash128, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        let slot = try findResource(resource)
        let row = store.resources[slot]
        let posted = posting(slot, through: now, at: now)
        let body = StorageDeleted(posted: posted, total: row.total + posted.usage.amount)
        return .accepted(
            commit(
                .storageDeleted(body), user: row.user, linked: row.id.lsn,
                effective: (posted.usage.from, posted.usage.through), at: now, into: &batch))
    }

    /// Accrual of a resource up to a boundary, at most to the end of its month, where the active book's price takes
    /// over; paid with the credit of `instant`.
    func posting(_ slot: Int32, through end: Timestamp, at instant: Timestamp) -> StoragePosted {
        let row = store.resources[slot]
        let end = max(min(end, row.month.end), row.postedThrough)
        var usage = self.usage(resource: slot, through: end)
        let payment = planUsage(row.user, usage.amount, pins: LotAmounts(), at: instant)
        usage.amount = payment.total
        return StoragePosted(
            resource: row.id, external: row.external, kind: row.kind, megabytes: row.megabytes, usage: usage,
            payment: payment, repriced: end == row.month.end ? nextPricing(resource: slot) : nil)
    }

    /// Posts accrual through `due`, paid with the credit of that instant.
    mutating func postStorage(_ slot: Int32, through due: Timestamp, at now: Timestamp, into batch: inout EventBatch) {
        let body = posting(slot, through: due, at: due.instantBefore)
        commit(
            .storagePosted(body), user: store.resources[slot].user, linked: body.resource.lsn,
            effective: (body.usage.from, body.usage.through), at: now, into: &batch)
    }

    // MARK: Spaces

    mutating func addSpace(_ c: SpaceAdd, at now: Timestamp, into batch: inout EventBatch) throws(Rejection) -> Outcome
    {
        guard !store.spaces.contains(where: { $0.space.id == c.id }) else { throw .exists(.space) }
        return .accepted(commit(.spaceAdded(SpaceAdded(space: c)), at: now, into: &batch))
    }

    mutating func purchaseSpace(
        _ c: SpacePurchase, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        let user = try find(c.user)
        guard let space = store.spaces.first(where: { $0.space.id == c.space })?.space else { throw .notFound(.space) }
        guard store.external[instanceName(user, c.workspace, c.instance)] == nil else { throw .exists(.instance) }
        try checkMayStart(user)
        try checkNoDebt(user)
        let query = PriceQuery.spacePurchase(
            type: store.accounts[Int32(user.value)].type, space: c.space, listPrice: space.cost,
            gigabytes: space.gigabytes)
        let pricing = try priced(price, for: query)
        let available = self.available(user, at: now)
        guard available >= pricing.amount else { throw .insufficient(available: available, needed: pricing.amount) }
        var payment = Payment()
        payment.free = planFree(user, pricing.amount, at: now)
        let body = SpacePurchased(
            space: c.space, workspace: c.workspace, instance: c.instance, gigabytes: space.gigabytes,
            amount: pricing.amount, pricing: pricing, payment: payment)
        return .accepted(commit(.spacePurchased(body), user: user, at: now, into: &batch))
    }
}
