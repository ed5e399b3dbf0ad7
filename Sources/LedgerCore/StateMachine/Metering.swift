/// Time into money: what sessions and resources have used, exactly, at an instant.
extension StateMachine {
    /// How far a session's usage may be counted at `now`: not beyond its end.
    func meteredUntil(_ session: Int32, at now: Timestamp) -> Timestamp {
        max(store.sessions[session].postedThrough, min(now, store.sessions[session].ttlEnd))
    }

    /// The exact usage of a session through `end`, at the prices that held on the way, to be divided by
    /// ``Tariff/hour``.
    func numerator(_ session: Int32, through end: Timestamp) -> Int128 {
        let row = store.sessions[session]
        var sum = row.numerator
        var from = row.postedThrough
        var tariff = row.pricing.tariff
        for next in row.repricings where next.at < end {
            sum += tariff.integral(from: from - row.started, to: next.at - row.started)
            (from, tariff) = (next.at, next.pricing.tariff)
        }
        return sum + tariff.integral(from: from - row.started, to: end - row.started)
    }

    /// What a session used and has not been charged, through `now`, as it would be posted.
    func cost(of session: Int32, at now: Timestamp) -> Money {
        let total = Rational.halfEven(numerator(session, through: meteredUntil(session, at: now)), over: Tariff.hour)
        return bounded(total) - store.sessions[session].posted
    }

    /// Rates and times to live have ceilings, so a session's cost fits in 64 bits, and so does a resource's month.
    private func bounded(_ amount: Money?) -> Money {
        guard let amount else { preconditionFailure("metered usage outgrew 64 bits in spite of its ceilings") }
        return amount
    }

    /// The posting that brings a session's charges up to `end`, which is not behind its next repricing.
    func usage(of session: Int32, through end: Timestamp) -> MeteredUsage {
        let row = store.sessions[session]
        let numerator = self.numerator(session, through: end)
        let total = bounded(Rational.halfEven(numerator, over: Tariff.hour))
        return MeteredUsage(
            amount: total - row.posted, from: row.postedThrough, through: end, numerator: numerator,
            denominator: Tariff.hour, postedBefore: row.posted, pricing: row.pricing)
    }

    /// What must be held so that a session is covered through `end`; rounded up.
    func cover(_ session: Int32, through end: Timestamp) -> Money {
        bounded(Rational.up(numerator(session, through: end), over: Tariff.hour)) - store.sessions[session].posted
    }

    /// Until when `held` lasts.
    func lasts(_ session: Int32, held: Money) -> Timestamp {
        let row = store.sessions[session]
        var budget = max((Int128(held.nanos) + Int128(row.posted.nanos)) * Tariff.hour - row.numerator, 0)
        var from = row.postedThrough
        var tariff = row.pricing.tariff
        for next in row.repricings {
            let cost = tariff.integral(from: from - row.started, to: next.at - row.started)
            if cost > budget { break }
            budget -= cost
            (from, tariff) = (next.at, next.pricing.tariff)
        }
        return row.started + tariff.reach(from: from - row.started, budget: budget)
    }

    /// Looks anew until when a session is covered, after what it holds, used or costs has changed.
    mutating func refreshCover(session slot: Int32) {
        let until = lasts(slot, held: store.sessions[slot].pins.total)
        let before = store.sessions[slot].coveredUntil
        let user = Int32(store.sessions[slot].user.value)
        store.sessions[slot].coveredUntil = until
        if until <= store.accounts[user].coveredUntil {
            store.accounts[user].coveredUntil = until
        } else if before <= store.accounts[user].coveredUntil {
            refreshCover(account: user)
        }
    }

    /// Cost: the user's open sessions.
    mutating func refreshCover(account user: Int32) {
        var until = Timestamp.never
        var session = store.accounts[user].firstSession
        while session >= 0 {
            until = min(until, store.sessions[session].coveredUntil)
            session = store.sessions[session].links.next
        }
        store.accounts[user].coveredUntil = until
    }

    /// What a user's sessions ran in a month, in whole seconds: what was posted or recorded of it, and what open
    /// sessions have used since. Cost: the user's open sessions.
    func sessionSeconds(_ user: UserOrdinal, in month: Month, at now: Timestamp) -> Int64 {
        var sum = store.sessionTime[Store.monthKey(user, month)] ?? 0
        var session = store.accounts[Int32(user.value)].firstSession
        while session >= 0 {
            let from = max(store.sessions[session].postedThrough, month.start)
            let to = min(meteredUntil(session, at: now), month.end)
            if from < to { sum = sum.addingReportingOverflow(UInt64((to - from).nanoseconds)).partialValue }
            session = store.sessions[session].links.next
        }
        return Int64(clamping: sum / 1_000_000_000)
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
        let total = Rational.halfEven(
            numerator(resource: slot, through: end), over: StateMachine.denominator(row.month))
        return bounded(total) - row.posted
    }

    func usage(resource slot: Int32, through end: Timestamp) -> MeteredUsage {
        let row = store.resources[slot]
        let numerator = self.numerator(resource: slot, through: end)
        let denominator = StateMachine.denominator(row.month)
        let total = bounded(Rational.halfEven(numerator, over: denominator))
        return MeteredUsage(
            amount: total - row.posted, from: row.postedThrough, through: end, numerator: numerator,
            denominator: denominator, postedBefore: row.posted, pricing: row.pricing)
    }

    // MARK: Daily instants

    /// The first daily instant of a user after `t`: spread over the day by the user's ordinal, so that not everyone is
    /// posted at midnight.
    static func daily(_ user: UserOrdinal, after t: Timestamp) -> Timestamp {
        let offset = Int64(UInt64(user.value &+ 1).spread % 86_400) * 1_000_000_000
        let day = Calendar.floorDay(t) * Calendar.nanosecondsPerDay + offset
        return Timestamp(nanoseconds: day > t.nanoseconds ? day : day + Calendar.nanosecondsPerDay)
    }

    // MARK: Prices that change without a command

    /// The price of a session where its tariff's lock ends: the active book's, or the one it has while that rule is
    /// still the active one (a book knows no inputs but type and tier).
    func nextPricing(session slot: Int32) -> Pricing {
        let row = store.sessions[slot]
        guard let index = store.activeVersion(.sessionRuntime),
            store.rules[index].identity != row.lastPricing.priced.rule
        else { return row.lastPricing }
        let rule = store.rules[index]
        for answer in rule.book.rows {
            guard case .sessionRuntime(row.type, row.tier, _) = answer.query else { continue }
            return Pricing(query: answer.query, priced: Priced(answer: answer.answer, rule: rule.identity))
        }
        return row.lastPricing
    }

    /// The price of a resource where a month begins: the one it has while rule and user type are the same, else what
    /// the active book says of the largest size that is not above its own. A price that the resource could not have
    /// been created at is not taken over.
    func nextPricing(resource slot: Int32) -> Pricing {
        let row = store.resources[slot]
        let type = store.accounts[Int32(row.user.value)].type
        guard let index = store.activeVersion(.storage) else { return row.pricing }
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
