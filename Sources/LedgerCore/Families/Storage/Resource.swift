/// A bucket or volume that accrues. What it has used up to `postedThrough` is in the books.
struct Resource: Recordable, Listed, Equatable {
    var id = ResourceID.none
    var user = UserOrdinal.none
    var external = ShortText()
    var kind = StorageKind.bucket
    var megabytes: Int64 = 0
    var created = Timestamp.distantPast
    var pricing = Pricing.blank
    /// Where the tariff's own clock starts.
    var pricedFrom = Timestamp.distantPast
    var month = Month(index: 0)
    /// This month's usage up to here is exactly `numerator` / (month in nanoseconds × 1000), `posted` of it charged.
    var postedThrough = Timestamp.distantPast
    var numerator = Int128(0)
    var posted = Money.zero
    var total = Money.zero
    var nextDaily = Timestamp.never
    /// The passport that it was created with.
    var spender = PassportOrdinal.none
    var labels = Labels.none
    // Derived.
    var links = Links<Resource>()
    var timerDue = Timestamp.never

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try c.text(&external)
        try c.choice(&kind)
        try c.signed(&megabytes)
        try c.time(&created)
        try pricing.code(with: &c)
        try c.time(&pricedFrom)
        var index = UInt32(bitPattern: month.index)
        try c.small(&index)
        month.index = Int32(bitPattern: index)
        try c.time(&postedThrough)
        try c.wide(&numerator)
        try c.money(&posted)
        try c.money(&total)
        try c.time(&nextDaily)
        try c.passport(&spender)
        try c.labels(&labels)
    }
}

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

    func findResource(_ name: Hash128) throws(Rejection) -> Slot<Resource> {
        guard let slot = store.resourceIndex.slot(name, in: Resource.self) else { throw .notFound(.resource) }
        return slot
    }

    mutating func insert(_ resource: Resource) {
        let slot = store.resources.insert(resource)
        store.resourceIndex.set(names.resource(resource.external), slot)
        store.resourceByID.set(resource.id.value, slot)
        store.link(slot, of: resource.user)
        store.accounts[resource.user].storedMegabytes += resource.megabytes
        store.accounts[resource.user].resourceCount += 1
        schedule(resource: slot)
    }

    mutating func schedule(resource slot: Slot<Resource>) {
        let (month, user) = (store.resources[slot].month, store.resources[slot].user)
        let isStopped = store.accounts[user].storageStopped != .never
        let due = isStopped ? month.end : min(store.resources[slot].nextDaily, month.end)
        guard due != store.resources[slot].timerDue else { return }
        store.resources[slot].timerDue = due
        store.timers.push(TimerEntry(due: due, kind: .accrual, born: store.resources[slot].id.value))
    }
}
