// Time into money: what sessions have used, exactly, at an instant. Questions to a row as it lies: it is large, and
// they are asked of every session of a user, again and again.

/// What a session has used, and what it costs from there on.
struct SessionMeter: Equatable {
    var started = Timestamp.distantPast
    /// Usage up to here is in the books: exactly `numerator` / `Tariff.hour`, of which `posted` was charged.
    var postedThrough = Timestamp.distantPast
    var numerator = Int128(0)
    var posted = Money.zero
    /// The price of the segment that is posted next; it says the tier and the type of user as well.
    var pricing = Pricing.blank
    /// Segments of a monitored session after `pricing`, in order, each from its instant on: its usage is posted only
    /// when it is heard, its price changes whether it is heard or not.
    var repricings: [Repricing] = []

    /// The price that holds from the last repricing on.
    @inline(__always)
    var lastPricing: Pricing { repricings.last?.pricing ?? pricing }

    /// The exact usage through `end`, at the prices that held on the way, to be divided by ``Tariff/hour``.
    @inline(__always)
    func numerator(through end: Timestamp) -> Int128 {
        guard let first = repricings.first, first.at < end else {
            return numerator + pricing.tariff.integral(from: postedThrough - started, to: end - started)
        }
        var sum = numerator
        var from = postedThrough
        var tariff = pricing.tariff
        for next in repricings where next.at < end {
            sum += tariff.integral(from: from - started, to: next.at - started)
            (from, tariff) = (next.at, next.pricing.tariff)
        }
        return sum + tariff.integral(from: from - started, to: end - started)
    }

    /// The posting that brings its charges up to `end`, which is not behind its next repricing.
    @inline(__always)
    func usage(through end: Timestamp) -> MeteredUsage {
        let numerator = self.numerator(through: end)
        let total = StateMachine.inBounds(Rational.halfEven(numerator, over: Tariff.hour))
        return MeteredUsage(
            amount: total - posted, from: postedThrough, through: end, numerator: numerator,
            denominator: Tariff.hour, postedBefore: posted, pricing: pricing)
    }

    /// What it used and has not been charged, through `end`.
    @inline(__always)
    func cost(through end: Timestamp) -> Money {
        StateMachine.inBounds(Rational.halfEven(numerator(through: end), over: Tariff.hour)) - posted
    }

    /// What must be held so that it is covered through `end`; rounded up.
    @inline(__always)
    func cover(through end: Timestamp) -> Money {
        StateMachine.inBounds(Rational.up(numerator(through: end), over: Tariff.hour)) - posted
    }

    /// Until when `held` lasts.
    @inline(__always)
    func lasts(held: Money) -> Timestamp {
        var budget = max((Int128(held.nanos) + Int128(posted.nanos)) * Tariff.hour - numerator, 0)
        guard !repricings.isEmpty else {
            return started + pricing.tariff.reach(from: postedThrough - started, budget: budget)
        }
        var from = postedThrough
        var tariff = pricing.tariff
        for next in repricings {
            let cost = tariff.integral(from: from - started, to: next.at - started)
            if cost > budget { break }
            budget -= cost
            (from, tariff) = (next.at, next.pricing.tariff)
        }
        return started + tariff.reach(from: from - started, budget: budget)
    }
}

extension Session {
    @inline(__always) var started: Timestamp { meter.started }
    @inline(__always) var postedThrough: Timestamp { meter.postedThrough }
    @inline(__always) var posted: Money { meter.posted }
    @inline(__always) var pricing: Pricing { meter.pricing }
    @inline(__always) var lastPricing: Pricing { meter.lastPricing }
    @inline(__always) var repricings: [Repricing] { meter.repricings }

    /// How far its usage may be counted at `now`: not beyond its end.
    @inline(__always)
    func meteredUntil(_ now: Timestamp) -> Timestamp { max(postedThrough, min(now, ttlEnd)) }
}

extension StateMachine {
    /// When a session next needs attention, and for what. Field by field: as one question it would copy the row.
    func nextDue(session slot: Slot<Session>) -> (due: Timestamp, kind: TimerKind) {
        var boundary = min(min(store.sessions[slot].ttlEnd, store.sessions[slot].lostAt), store.sessions[slot].lockEnd)
        // A monitored session is posted when it is heard: it may turn out to have ended at its last heartbeat.
        if store.sessions[slot].heartbeat == .zero { boundary = min(boundary, store.sessions[slot].nextDaily) }
        var exhaustion = store.sessions[slot].leaseUntil
        if store.sessions[slot].status == .exhausting {
            exhaustion = min(store.sessions[slot].deadline, store.sessions[slot].capResets)
        }
        return boundary <= exhaustion ? (boundary, .session) : (exhaustion, .exhaustion)
    }

    /// What a session used and has not been charged, through `now`, as it would be posted.
    func cost(of slot: Slot<Session>, at now: Timestamp) -> Money {
        store.sessions[slot].meter.cost(through: store.sessions[slot].meteredUntil(now))
    }

    /// Rates and times to live have ceilings, so a session's cost fits in 64 bits, and so does a resource's month.
    static func inBounds(_ amount: Money?) -> Money {
        guard let amount else { preconditionFailure("metered usage outgrew 64 bits in spite of its ceilings") }
        return amount
    }

    /// Looks anew until when a session is covered, after what it holds, used or costs has changed.
    mutating func refreshCover(session slot: Slot<Session>) {
        let until = store.sessions[slot].meter.lasts(held: store.sessions[slot].pins.total)
        let before = store.sessions[slot].coveredUntil
        let user = store.sessions[slot].user
        store.sessions[slot].coveredUntil = until
        if usageAtHand.isAbout(user) { noteUsageAtHand(slot) }
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
            let to = min(store.sessions[session].meteredUntil(now), month.end)
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
            store.rules[index].identity != row.rule
        else { return row.lastPricing }
        let rule = store.rules[index]
        for answer in rule.book.rows {
            guard case .sessionRuntime(row.type, row.tier, _) = answer.query else { continue }
            return Pricing(query: answer.query, priced: Priced(answer: answer.answer, rule: rule.identity))
        }
        return row.lastPricing
    }
}
