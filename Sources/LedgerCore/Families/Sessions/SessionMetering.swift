// Time into money: what sessions have used, exactly, at an instant.
extension StateMachine {
    /// How far a session's usage may be counted at `now`: not beyond its end.
    func meteredUntil(_ session: Slot<Session>, at now: Timestamp) -> Timestamp {
        max(store.sessions[session].postedThrough, min(now, store.sessions[session].ttlEnd))
    }

    /// The exact usage of a session through `end`, at the prices that held on the way, to be divided by
    /// ``Tariff/hour``.
    func numerator(_ session: Slot<Session>, through end: Timestamp) -> Int128 {
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
    func cost(of session: Slot<Session>, at now: Timestamp) -> Money {
        let total = Rational.halfEven(numerator(session, through: meteredUntil(session, at: now)), over: Tariff.hour)
        return bounded(total) - store.sessions[session].posted
    }

    /// Rates and times to live have ceilings, so a session's cost fits in 64 bits, and so does a resource's month.
    func bounded(_ amount: Money?) -> Money {
        guard let amount else { preconditionFailure("metered usage outgrew 64 bits in spite of its ceilings") }
        return amount
    }

    /// The posting that brings a session's charges up to `end`, which is not behind its next repricing.
    func usage(of session: Slot<Session>, through end: Timestamp) -> MeteredUsage {
        let row = store.sessions[session]
        let numerator = self.numerator(session, through: end)
        let total = bounded(Rational.halfEven(numerator, over: Tariff.hour))
        return MeteredUsage(
            amount: total - row.posted, from: row.postedThrough, through: end, numerator: numerator,
            denominator: Tariff.hour, postedBefore: row.posted, pricing: row.pricing)
    }

    /// What must be held so that a session is covered through `end`; rounded up.
    func cover(_ session: Slot<Session>, through end: Timestamp) -> Money {
        bounded(Rational.up(numerator(session, through: end), over: Tariff.hour)) - store.sessions[session].posted
    }

    /// Until when `held` lasts.
    func lasts(_ session: Slot<Session>, held: Money) -> Timestamp {
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
    mutating func refreshCover(session slot: Slot<Session>) {
        let until = lasts(slot, held: store.sessions[slot].pins.total)
        let before = store.sessions[slot].coveredUntil
        let user = store.sessions[slot].user
        store.sessions[slot].coveredUntil = until
        if until <= store.accounts[user].coveredUntil {
            store.accounts[user].coveredUntil = until
        } else if before <= store.accounts[user].coveredUntil {
            refreshCover(account: user)
        }
    }

    /// Cost: the user's open sessions.
    mutating func refreshCover(account user: UserOrdinal) {
        var until = Timestamp.never
        for session in sessions(of: user) { until = min(until, store.sessions[session].coveredUntil) }
        store.accounts[user].coveredUntil = until
    }

    /// What a user's sessions ran in a month, in whole seconds: what was posted or recorded of it, and what open
    /// sessions have used since. Cost: the user's open sessions.
    func sessionSeconds(_ user: UserOrdinal, in month: Month, at now: Timestamp) -> Int64 {
        var sum = store.sessionTime[Store.monthKey(user, month)] ?? 0
        for session in sessions(of: user) {
            let from = max(store.sessions[session].postedThrough, month.start)
            let to = min(meteredUntil(session, at: now), month.end)
            if from < to { sum = sum.addingReportingOverflow(UInt64((to - from).nanoseconds)).partialValue }
        }
        return Int64(clamping: sum / 1_000_000_000)
    }

    /// What a rule is asked about a session from `from` on.
    func sessionQuery(_ user: UserOrdinal, _ tier: Tier, at from: Timestamp, now: Timestamp) -> PriceQuery {
        .sessionRuntime(
            type: store.accounts[user].type, tier: tier,
            secondsThisMonth: sessionSeconds(user, in: Month(containing: from), at: now))
    }

    /// The price of a session where its tariff's lock ends: the active book's, or the one it has while that rule is
    /// still the active one (a book knows no inputs but type and tier).
    func nextPricing(session slot: Slot<Session>) -> Pricing {
        let row = store.sessions[slot]
        guard let index = activeVersion(.sessionRuntime),
            store.rules[index].identity != row.lastPricing.priced.rule
        else { return row.lastPricing }
        let rule = store.rules[index]
        for answer in rule.book.rows {
            guard case .sessionRuntime(row.type, row.tier, _) = answer.query else { continue }
            return Pricing(query: answer.query, priced: Priced(answer: answer.answer, rule: rule.identity))
        }
        return row.lastPricing
    }
}
