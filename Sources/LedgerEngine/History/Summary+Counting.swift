internal import LedgerCore

// A user's bill, counted event by event, the newest first.

extension Summary {
    static let wrongOrder = Rejection.invalid("FROM is after TO")

    /// Nothing counted yet.
    init(
        user: UserOrdinal, _ from: Timestamp?, _ to: Timestamp?, by key: ShortText?, _ account: AccountImage,
        _ storage: StorageStanding?
    ) {
        self.init(
            user: user, from: from, to: to, account: account, storage: storage, spent: .zero, billing: [], sessions: [],
            purchased: .zero, purchases: 0, granted: .zero, adjusted: .zero, refunded: .zero, transferred: .zero,
            earned: .zero, expired: .zero, entries: 0)
        byLabel = key.map { LabelTotals(key: $0) }
    }

    /// Counts an event if it is of the interval; each is older than those before. False: it has become too long.
    mutating func take(_ event: Event) -> Bool {
        if let from, event.effectiveFrom < from { return true }
        if let to, event.effectiveFrom >= to { return true }
        count(event)
        return !isTooLong
    }

    private var isTooLong: Bool { byLabel?.isTooLong ?? false }

    /// Behind the oldest event.
    var result: HistoryResult {
        if let byLabel, byLabel.isTooLong {
            return .rejected(
                .invalid(
                    "the label \(byLabel.key) has more than \(LabelTotals.most) values here: ask for shorter ranges"))
        }
        var it = self
        it.billing.reverse()
        it.sort()
        return .summary(it)
    }

    private mutating func sort() {
        sessions.sort { $0.tier.rawValue < $1.tier.rawValue }
        meters.sort { $0.meter.string < $1.meter.string }
    }

    /// Adds what was counted of all older events, as a result.
    mutating func add(older: Summary) {
        spent += older.spent
        purchased += older.purchased
        purchases += older.purchases
        granted += older.granted
        adjusted += older.adjusted
        refunded += older.refunded
        transferred += older.transferred
        earned += older.earned
        expired += older.expired
        entries += older.entries
        // What is new here was seen last, and so comes first until all of it is turned around.
        let mine = billing
        billing.removeAll { total in older.billing.contains { $0.source == total.source } }
        for var total in older.billing.reversed() {
            if let same = mine.first(where: { $0.source == total.source }) {
                total.count += same.count
                total.amount += same.amount
            }
            billing.append(total)
        }
        for other in older.sessions {
            let index = index(of: other.tier)
            sessions[index].count += other.count
            sessions[index].nanoseconds += other.nanoseconds
            sessions[index].amount += other.amount
        }
        for other in older.meters {
            let index = index(of: other.meter, scale: other.scale)
            meters[index].count += other.count
            meters[index].quantity += other.quantity
            meters[index].amount += other.amount
        }
        if let labels = older.byLabel { byLabel?.add(labels) }
    }

    private mutating func count(_ event: Event) {
        let facts = event.facts
        expired += facts.expired
        if !facts.expired.isZero { entries += 1 }
        if let charge = facts.charge {
            spent += charge.amount
            add(charge.amount, to: charge.source)
            byLabel?.add(charge.amount, event.labels)
            entries += 1
        }
        if let moved = facts.movement {
            count(moved)
            entries += 1
        }
        if let usage = facts.usage { add(usage) }
        if let metered = facts.metered { add(metered) }
    }

    private mutating func count(_ moved: Facts.Movement) {
        switch moved.total {
        case .purchased:
            purchased += moved.amount
            purchases += 1
        case .granted: granted += moved.amount
        case .adjusted: adjusted += moved.isCredit ? moved.amount : -moved.amount
        case .refunded: refunded += moved.amount
        case .transferred: transferred += moved.isCredit ? moved.amount : -moved.amount
        case .earned: earned += moved.isCredit ? moved.amount : -moved.amount
        }
    }

    private mutating func add(_ amount: Money, to source: ShortText) {
        // The walk goes from new to old: a type seen again moves to where it appeared first.
        if let index = billing.firstIndex(where: { $0.source == source }) {
            var total = billing.remove(at: index)
            total.count += 1
            total.amount += amount
            billing.append(total)
        } else {
            billing.append(BillingTotal(source: source, count: 1, amount: MoneySum(nanos: Int128(amount.nanos))))
        }
    }

    private mutating func add(_ metered: Facts.Metered) {
        let index = index(of: metered.meter, scale: metered.quantity.scale)
        meters[index].count += 1
        meters[index].quantity += Int128(metered.quantity.count)
        meters[index].amount += metered.amount
    }

    private mutating func add(_ usage: Facts.Usage) {
        let index = index(of: usage.tier)
        sessions[index].count += usage.ends ? 1 : 0
        sessions[index].nanoseconds += Int128(usage.through.nanoseconds) - Int128(usage.from.nanoseconds)
        sessions[index].amount += usage.amount
    }

    /// Where a meter is counted, made if need be.
    private mutating func index(of meter: ShortText, scale: UInt8) -> Int {
        if let index = meters.firstIndex(where: { $0.meter == meter }) { return index }
        meters.append(MeterTotal(meter: meter, scale: scale, count: 0, quantity: 0, amount: .zero))
        return meters.count - 1
    }

    private mutating func index(of tier: Tier) -> Int {
        if let index = sessions.firstIndex(where: { $0.tier == tier }) { return index }
        sessions.append(SessionTotal(tier: tier, count: 0, nanoseconds: 0, amount: .zero))
        return sessions.count - 1
    }
}

extension Summary.LabelTotals {
    static let most = 10_000

    fileprivate var isTooLong: Bool { totals.count > Self.most }

    fileprivate mutating func add(_ older: Self) {
        for (value, total) in older.totals { totals[value, default: Total()].add(total) }
        others.add(older.others)
    }

    fileprivate mutating func add(_ amount: Money, _ labels: Labels) {
        if let value = labels[key] { totals[value, default: Total()].add(amount) } else { others.add(amount) }
    }
}

extension Summary.LabelTotals.Total {
    fileprivate mutating func add(_ amount: Money) {
        count += 1
        self.amount += amount
    }

    fileprivate mutating func add(_ other: Self) {
        count += other.count
        amount += other.amount
    }
}
