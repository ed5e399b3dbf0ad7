// Time and size into money: what resources have used, exactly, at an instant.
extension StateMachine {
    static func denominator(_ month: Month) -> Int128 { Int128(month.length.nanoseconds) * 1000 }

    /// The exact usage of a resource in its month through `end` (≤ the month's end).
    func numerator(resource slot: Slot<Resource>, through end: Timestamp) -> Int128 {
        let row = store.resources[slot]
        // Everything was posted when it stopped, and nothing accrues since.
        guard store.accounts[row.user].storageStopped == .never else { return row.numerator }
        let integral = row.pricing.tariff.integral(from: row.postedThrough - row.pricedFrom, to: end - row.pricedFrom)
        return row.numerator + integral * Int128(row.megabytes)
    }

    /// What a resource accrued and was not posted at `now`, as it would be posted.
    func accrued(_ slot: Slot<Resource>, at now: Timestamp) -> Money {
        let row = store.resources[slot]
        let total = Rational.halfEven(
            numerator(resource: slot, through: accrues(slot, until: now)), over: StateMachine.denominator(row.month))
        return StateMachine.inBounds(total) - row.posted
    }

    /// What all of a user's resources accrued and was not posted, in nano-USD: rounded once, not once for each, so that
    /// a view of the account (``AccountView``) knows it as exactly as the ledger does. Cost: the user's resources.
    func accruedStorage(_ user: UserOrdinal, at now: Timestamp) -> Int128 {
        var (sum, numerator, posted) = (Int128(0), Int128(0), Int128(0))
        var month: Month?
        for slot in resources(of: user) {
            let own = store.resources[slot].month
            if let before = month, own != before {
                // Only between the timers of one instant, or while they wait.
                sum += StateMachine.unposted(numerator, before, posted)
                (numerator, posted) = (0, 0)
            }
            month = own
            numerator += self.numerator(resource: slot, through: accrues(slot, until: now))
            posted += Int128(store.resources[slot].posted.nanos)
        }
        return month.map { sum + StateMachine.unposted(numerator, $0, posted) } ?? 0
    }

    /// Beyond the end of the posted month nothing is counted until the boundary's timer has fired.
    func accrues(_ slot: Slot<Resource>, until now: Timestamp) -> Timestamp {
        max(store.resources[slot].postedThrough, min(now, store.resources[slot].month.end))
    }

    /// Parts that were rounded up when they were posted may have been a little more than the whole.
    private static func unposted(_ numerator: Int128, _ month: Month, _ posted: Int128) -> Int128 {
        guard let whole = Rational.halfEven(numerator, over: denominator(month)) else { return Int128(Int64.max) }
        return max(Int128(whole.nanos) - posted, 0)
    }

    func usage(resource slot: Slot<Resource>, through end: Timestamp) -> MeteredUsage {
        let row = store.resources[slot]
        let numerator = self.numerator(resource: slot, through: end)
        let denominator = StateMachine.denominator(row.month)
        let total = StateMachine.inBounds(Rational.halfEven(numerator, over: denominator))
        return MeteredUsage(
            amount: total - row.posted, from: row.postedThrough, through: end, numerator: numerator,
            denominator: denominator, postedBefore: row.posted, pricing: row.pricing)
    }

    /// The price of a resource where a month begins: the one it has while rule and user type are the same, else what
    /// the active book says of the largest size that is not above its own. A price that the resource could not have
    /// been created at is not taken over.
    func nextPricing(resource slot: Slot<Resource>) -> Pricing {
        let row = store.resources[slot]
        let type = store.accounts[row.user].type
        guard let index = activeVersion(.storage) else { return row.pricing }
        let rule = store.rules[index]
        if case .storage(type, _, _) = row.pricing.query, rule.identity == row.pricing.priced.rule {
            return row.pricing
        }
        var best: (megabytes: Int64, row: PriceBook.Row)?
        for answer in rule.book.rows {
            guard case .storage(type, row.kind, let megabytes) = answer.query else { continue }
            let isBetter =
                switch best?.megabytes {
                case nil: true
                case let held? where held <= row.megabytes: megabytes <= row.megabytes && megabytes > held
                case let held?: megabytes < held
                }
            if isBetter { best = (megabytes, answer) }
        }
        guard let best else { return row.pricing }
        let pricing = Pricing(query: best.row.query, priced: Priced(answer: best.row.answer, rule: rule.identity))
        return StateMachine.isAffordable(pricing, row.megabytes) ? pricing : row.pricing
    }
}
