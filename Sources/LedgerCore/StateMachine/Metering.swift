/// Time into money: what sessions and resources have used, exactly, at an instant.
extension StateMachine {
    /// How far a session's usage may be counted at `now`: not beyond its end.
    func meteredUntil(_ session: Int32, at now: Timestamp) -> Timestamp {
        max(store.sessions[session].postedThrough, min(now, store.sessions[session].ttlEnd))
    }

    /// The exact usage of a session through `end`, to be divided by ``Tariff/hour``.
    func numerator(_ session: Int32, through end: Timestamp) -> Int128 {
        let row = store.sessions[session]
        return row.numerator
            + row.pricing.tariff.integral(from: row.postedThrough - row.started, to: end - row.started)
    }

    /// What a session used and has not been charged, through `now`, as it would be posted.
    func cost(of session: Int32, at now: Timestamp) -> Money {
        let total =
            Rational.halfEven(numerator(session, through: meteredUntil(session, at: now)), over: Tariff.hour) ?? .max
        return total - store.sessions[session].posted
    }

    /// The posting that brings a session's charges up to `end`.
    func usage(of session: Int32, through end: Timestamp) -> MeteredUsage {
        let row = store.sessions[session]
        let numerator = self.numerator(session, through: end)
        let total = Rational.halfEven(numerator, over: Tariff.hour) ?? .max
        return MeteredUsage(
            amount: total - row.posted, from: row.postedThrough, through: end, numerator: numerator,
            denominator: Tariff.hour, postedBefore: row.posted, pricing: row.pricing)
    }

    /// What must be held so that a session is covered through `end`; rounded up.
    func cover(_ session: Int32, through end: Timestamp) -> Money {
        (Rational.up(numerator(session, through: end), over: Tariff.hour) ?? .max) - store.sessions[session].posted
    }

    /// Until when `held` lasts.
    func lasts(_ session: Int32, held: Money) -> Timestamp {
        let row = store.sessions[session]
        let budget = (Int128(held.nanos) + Int128(row.posted.nanos)) * Tariff.hour - row.numerator
        let reach = row.pricing.tariff.reach(from: row.postedThrough - row.started, budget: max(budget, 0))
        return row.started + reach
    }

    // MARK: Storage

    static func denominator(_ month: Month) -> Int128 { Int128(month.length.nanoseconds) * 1000 }

    /// The exact usage of a resource in its month through `end` (≤ the month's end).
    func numerator(resource slot: Int32, through end: Timestamp) -> Int128 {
        let row = store.resources[slot]
        let integral = row.pricing.tariff.integral(from: row.postedThrough - row.pricedFrom, to: end - row.pricedFrom)
        return row.numerator + integral * Int128(row.megabytes)
    }

    /// Accrued and not posted at `now`; beyond the end of the posted month the month's own price continues until the
    /// boundary's timer has fired.
    func accrued(_ slot: Int32, at now: Timestamp) -> Money {
        let row = store.resources[slot]
        let end = max(row.postedThrough, min(now, row.month.end))
        let total =
            Rational.halfEven(numerator(resource: slot, through: end), over: StateMachine.denominator(row.month))
            ?? .max
        return total - row.posted
    }

    func usage(resource slot: Int32, through end: Timestamp) -> MeteredUsage {
        let row = store.resources[slot]
        let numerator = self.numerator(resource: slot, through: end)
        let denominator = StateMachine.denominator(row.month)
        let total = Rational.halfEven(numerator, over: denominator) ?? .max
        return MeteredUsage(
            amount: total - row.posted, from: row.postedThrough, through: end, numerator: numerator,
            denominator: denominator,
            postedBefore: row.posted, pricing: row.pricing)
    }

    // MARK: Daily instants

    /// The first daily instant of a user after `t`: spread over the day by the user's ordinal, so that not everyone is
    /// posted at midnight.
    static func daily(_ user: UserOrdinal, after t: Timestamp) -> Timestamp {
        let offset = Int64(UInt64(user.value &+ 1).spread % 86_400) * 1_000_000_000
        let day = Calendar.floorDay(t) * Calendar.nanosecondsPerDay + offset
        return Timestamp(nanoseconds: day > t.nanoseconds ? day : day + Calendar.nanosecondsPerDay)
    }

    /// The answer of the active price book, for what changes price without a command.
    func bookPrice(_ matches: (PriceQuery) -> Bool, _ name: RuleName) -> Pricing? {
        guard let index = store.activeVersion(name) else { return nil }
        let rule = store.rules[index]
        guard let row = rule.book.rows.first(where: { matches($0.query) }) else { return nil }
        return Pricing(query: row.query, priced: Priced(answer: row.answer, rule: rule.identity))
    }
}
