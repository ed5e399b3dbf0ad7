/// One user as lock-free readers see it. Where nothing but storage accrues, it says what is available to the nano-USD,
/// as the ledger itself would, until `validUntil`; while sessions use more than they hold, a bound from below.
package struct AccountView: Hashable, Sendable {
    package var user: UserOrdinal
    package var type: UserType
    package var state: UserState
    package var paid: Money
    package var promo: Money
    package var held: Money
    package var debt: Money
    /// At `asOf`.
    package var available: Money
    package var asOf: Timestamp
    /// What `available` loses in an hour at most, until `validUntil`.
    package var slope: Int64
    package var validUntil: Timestamp
    /// What of `available` no expiry takes away, and what that loses in an hour at most: so much is there even when the
    /// timers wait.
    package var lasting: Money
    package var lastingSlope: Int64
    /// How exactly `available` falls; nil where only `slope` is known.
    package var storage: StorageAccrual?

    package init(
        user: UserOrdinal, type: UserType, state: UserState, paid: Money, promo: Money, held: Money, debt: Money,
        available: Money, asOf: Timestamp, slope: Int64, validUntil: Timestamp, lasting: Money? = nil,
        lastingSlope: Int64? = nil, storage: StorageAccrual? = nil
    ) {
        self.user = user
        self.type = type
        self.state = state
        self.paid = paid
        self.promo = promo
        self.held = held
        self.debt = debt
        self.available = available
        self.asOf = asOf
        self.slope = slope
        self.validUntil = validUntil
        self.lasting = lasting ?? available
        self.lastingSlope = lastingSlope ?? slope
        self.storage = storage
    }

    /// A bound from below that never waits for anybody: what VERIFY answers. Exact where ``exact(at:)`` is.
    package func lowerBound(at now: Timestamp) -> Money {
        if let exact = exact(at: now) { return exact.available }
        let isValid = now < validUntil
        let (amount, slope) = isValid ? (available, slope) : (min(lasting, available), lastingSlope)
        guard slope > 0, now > asOf else { return amount }
        let hour = Int128(TimeSpan.hours(1).nanoseconds)
        let used = Int128(slope) * Int128((now - asOf).nanoseconds)
        return Money(nanos: Int64(clamping: Int128(amount.nanos) - (used + hour - 1) / hour))
    }

    /// The same account at `now`, as the ledger would say it; nil where it must be asked.
    package func exact(at now: Timestamp) -> AccountView? {
        guard now < validUntil, slope == 0 || storage != nil else { return nil }
        guard let storage, now > asOf else { return self }
        var view = self
        let used = storage.unposted(after: now - asOf) - storage.unposted(after: .zero)
        view.available = Money(nanos: available.nanos - used)
        (view.asOf, view.slope, view.storage) = (now, 0, nil)
        return view
    }
}

/// What a user's resources accrue within a month, all together: a straight line, rounded once.
package struct StorageAccrual: Hashable, Sendable {
    /// Of the month: with the size in megabytes, its nanoseconds times 1000 divide.
    package var days: UInt8
    /// Not posted at the beginning: `whole` nano-USD and `rest` of the divisor. (`rest` may be up to twice the divisor,
    /// so that `whole` and what was posted before keep the half-even rounding.)
    package var whole: Int64
    package var rest: UInt64
    /// A nanosecond adds so much to `rest`.
    package var growth: UInt64
    package init(days: UInt8, whole: Int64, rest: UInt64, growth: UInt64) {
        self.days = days
        self.whole = whole
        self.rest = rest
        self.growth = growth
    }

    /// In nano-USD.
    func unposted(after span: TimeSpan) -> Int64 {
        let divisor = Int128(days) * Int128(Calendar.nanosecondsPerDay) * 1000
        guard divisor > 0 else { return 0 }
        let numerator = Int128(rest) + Int128(growth) * Int128(span.nanoseconds)
        let used = Rational.halfEven(numerator, over: divisor).map { Int128($0.nanos) } ?? Int128(Int64.max)
        // As the ledger bounds it: no more than an account can have.
        return Int64(min(max(Int128(whole) + used, 0), Int128(StateMachine.accountCeiling)))
    }
}

extension StateMachine {
    /// What readers see of a user. Cost: the user's open sessions and resources, and the lots where some have a scope.
    package func accountView(_ user: UserOrdinal, at now: Timestamp) -> AccountView {
        // Many events at once move the ledger's instant on, a little ahead of the clock.
        let now = instant(now)
        // Field by field: a copy of the row would count references for each charge.
        var validUntil = min(store.accounts[user].nextExpiry, store.accounts[user].fundsEnd)
        if store.accounts[user].pending > .zero {
            for lot in lots(of: user) where store.lots[lot].waiting {
                validUntil = min(validUntil, store.lots[lot].effective)
            }
        }
        let isCovered = now < store.accounts[user].coveredUntil
        if isCovered { validUntil = min(validUntil, store.accounts[user].coveredUntil) }
        // Which lots usage takes from is the ledger's to say where they do not all pay for everything.
        if store.accounts[user].scopedLots > 0, !isCovered || store.accounts[user].resourceCount > 0 {
            validUntil = now
        }
        var sessions = Int128(0)
        for session in self.sessions(of: user) {
            validUntil = min(validUntil, nextDue(session: session).due)
            sessions += Int128(store.sessions[session].lastPricing.tariff.highestRate)
        }
        var storage = Int128(0)
        for resource in resources(of: user) where store.accounts[user].storageStopped == .never {
            let r = store.resources[resource]
            validUntil = min(validUntil, min(r.nextDaily, r.month.end))
            let elapsed = max(now, r.pricedFrom) - r.pricedFrom
            for step in r.pricing.tariff.steps where step.from > elapsed {
                validUntil = min(validUntil, r.pricedFrom + step.from)
            }
            let monthly = Int128(r.pricing.tariff.highestRate) * Int128(r.megabytes) * Tariff.hour
            let denominator = StateMachine.denominator(r.month)
            storage += (monthly + denominator - 1) / denominator
        }
        for hold in holds(of: user) { validUntil = min(validUntil, store.holds[hold].expires) }
        return AccountView(
            user: user, type: store.accounts[user].type, state: store.accounts[user].state,
            paid: store.accounts[user].paid, promo: store.accounts[user].promo, held: store.accounts[user].held,
            debt: store.accounts[user].debt, available: available(user, for: .anything, at: now), asOf: now,
            slope: Int64(clamping: isCovered ? storage : storage + sessions), validUntil: validUntil,
            lasting: lasting(user, at: now), lastingSlope: Int64(clamping: storage + sessions),
            storage: isCovered ? accrual(user, at: now) : nil)
    }

    /// The line on which a user's storage accrues from `now` on, until a boundary or a step of a price; nil without
    /// storage, and where the months of resources differ (a boundary's timers have not all fired) or a number does not
    /// fit.
    private func accrual(_ user: UserOrdinal, at now: Timestamp) -> StorageAccrual? {
        var (numerator, posted, growth) = (Int128(0), Int128(0), Int128(0))
        var month: Month?
        for slot in resources(of: user) where store.accounts[user].storageStopped == .never {
            let row = store.resources[slot]
            guard month == nil || month == row.month, now >= row.pricedFrom, now < row.month.end else { return nil }
            month = row.month
            numerator += self.numerator(resource: slot, through: accrues(slot, until: now))
            posted += Int128(row.posted.nanos)
            growth += Int128(row.pricing.tariff.rate(at: now - row.pricedFrom)) * Int128(row.megabytes)
        }
        guard let month, let growth = UInt64(exactly: growth) else { return nil }
        let divisor = StateMachine.denominator(month)
        var (whole, rest) = numerator.quotientAndRemainder(dividingBy: divisor)
        if whole % 2 != 0 { (whole, rest) = (whole - 1, rest + divisor) }
        guard let whole = Int64(exactly: whole - posted) else { return nil }
        let days = month.length.nanoseconds / Calendar.nanosecondsPerDay
        return StorageAccrual(days: UInt8(days), whole: whole, rest: UInt64(rest), growth: growth)
    }

    /// What of `available` no expiry takes away. Cost: nothing where no lot has one, else the user's lots.
    private func lasting(_ user: UserOrdinal, at now: Timestamp) -> Money {
        guard store.accounts[user].nextExpiry != .never else { return available(user, for: .anything, at: now) }
        var sum = Money.zero
        for slot in lots(of: user) {
            if store.lots[slot].expires == .never, !store.lots[slot].waiting, store.lots[slot].scope.isEverything {
                sum += store.lots[slot].free
            }
        }
        let usage = unpostedUsage(user, at: now)
        return sum - Self.bounded(usage.sessions + usage.storage)
    }
}
