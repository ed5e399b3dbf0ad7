/// Sessions: admitted against a lease, heard, posted, closed.
extension StateMachine {
    static let maximumTimeToLive = TimeSpan.days(30)
    /// RECORD bills at most so long a session: its nanoseconds, and the sums over a month's sessions, stay far within
    /// 64 bits.
    static let longestRecord = TimeSpan.days(36_525)

    mutating func startSession(
        _ c: SessionStart, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        let user = try find(c.user)
        let slot = Int32(user.value)
        let type = store.accounts[slot].type
        if c.admitted != .none {
            let passport = store.passports[Int32(c.admitted.value)]
            guard !passport.revoked, passport.expires > now, passport.user == user else {
                throw .passportInvalid
            }
        }
        guard store.external[names.session(c.session)] == nil else { throw .exists(.session) }
        guard c.timeToLive > .zero, c.timeToLive <= StateMachine.maximumTimeToLive else {
            throw .invalid("a session lasts 30 days at most")
        }
        try checkMayStart(user)
        guard store.limits.allows(c.tier, for: type) else { throw .limit(.tiers, store.limits[type, .tiers]) }
        guard Int64(store.accounts[slot].sessionCount) < store.limits[type, .sessions] else {
            throw .limit(.sessions, store.limits[type, .sessions])
        }
        try checkNoDebt(user)
        let pricing = try priced(price, for: sessionQuery(user, c.tier, at: now, now: now))
        // No lease where nothing can be charged: the price is looked at again when the tariff's lock ends.
        let isFree = pricing.tariff.highestRate == 0
        let lease = c.reserveFull || isFree ? c.timeToLive : min(StateMachine.lease, c.timeToLive)
        guard let needed = pricing.tariff.quote(from: .zero, to: lease) else {
            throw .invalid("the price does not fit in an amount")
        }
        let available = self.available(user, at: now)
        guard available >= needed else { throw .insufficient(available: available, needed: needed) }
        let reach = pricing.tariff.reach(from: .zero, budget: Int128(available.nanos) * Tariff.hour)
        let body = SessionStarted(
            session: c.session, tier: c.tier, type: type, pricing: pricing, ttlEnd: now + c.timeToLive,
            reserveFull: c.reserveFull,
            heartbeat: c.heartbeat, held: needed, pins: planFree(user, needed, at: now), leaseUntil: now + lease,
            emptyAt: now + reach, admitted: c.admitted)
        return .accepted(commit(.sessionStarted(body), user: user, at: now, into: &batch))
    }

    func sessionQuery(_ user: UserOrdinal, _ tier: Tier, at from: Timestamp, now: Timestamp) -> PriceQuery {
        .sessionRuntime(
            type: store.accounts[Int32(user.value)].type, tier: tier,
            secondsThisMonth: sessionSeconds(user, in: Month(containing: from), at: now))
    }

    func priced(_ price: PriceInput, for query: PriceQuery) throws(Rejection) -> Pricing {
        switch price {
        case .none: throw .rule("no price was given for \(query.rule.text)")
        case .failed(let text): throw .rule(text)
        case .priced(let priced): return Pricing(query: query, priced: priced)
        }
    }

    /// An open session's slot, or the event that answers for a closed one.
    private enum Found {
        case open(Int32)
        case closed(LSN)
    }

    private func findSession(_ session: Hash128) throws(Rejection) -> Found {
        guard let lsn = store.external[session] else { throw .notFound(.session) }
        if let slot = store.sessionIndex[BirthID(shard: shard, lsn: LSN(lsn)).value] { return .open(Int32(slot)) }
        return .closed(LSN(lsn))
    }

    mutating func hearSession(_ session: Hash128, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        guard case .open(let slot) = try findSession(session) else { throw .closed(.session) }
        let user = store.sessions[slot].user
        // A monitored session is posted here, where it is known to have lived; the group's primary event must be the
        // heartbeat, whose receipt this is.
        let body = SessionHeard(
            session: store.sessions[slot].id, status: store.sessions[slot].status,
            leaseUntil: store.sessions[slot].leaseUntil, deadline: store.sessions[slot].deadline)
        let primary = commit(
            .sessionHeard(body), user: user, linked: store.sessions[slot].id.lsn, at: now, into: &batch)
        if store.sessions[slot].heartbeat > .zero {
            postRepricings(slot, before: now, at: now, into: &batch)
            if store.sessions[slot].nextDaily <= now { post(slot, through: now, at: now, into: &batch) }
        }
        return .accepted(primary)
    }

    mutating func stopSession(_ session: Hash128, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        switch try findSession(session) {
        case .closed(let lsn): return .replayed(lsn)
        case .open(let slot):
            let user = store.sessions[slot].user
            let primary = close(slot, .stopped, through: now, at: now, into: &batch)
            renewExhausting(user, at: now, into: &batch)
            return .accepted(primary)
        }
    }

    mutating func cancelSession(
        _ session: Hash128, reason: SealedText, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        guard case .open(let slot) = try findSession(session) else { throw .closed(.session) }
        guard !store.sessions[slot].heard else {
            throw .invalid("a session that was heard cannot be cancelled; stop it")
        }
        guard now - store.sessions[slot].started <= StateMachine.cancelWindow else {
            throw .invalid("a session can be cancelled within 5 minutes of its start; stop it")
        }
        let user = store.sessions[slot].user
        let primary = close(
            slot, .cancelled, through: store.sessions[slot].started, note: reason, at: now, into: &batch)
        renewExhausting(user, at: now, into: &batch)
        return .accepted(primary)
    }

    mutating func recordSession(
        _ c: SessionRecord, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        if let lsn = store.external[names.session(c.session)] { return .recorded(LSN(lsn), arguments: c.arguments) }
        let user = try find(c.user)
        guard store.accounts[Int32(user.value)].state != .closed else { throw .frozen(.closed) }
        guard c.from >= .earliest else { throw .invalid("FROM is before 1678") }
        guard c.from <= c.to else { throw .invalid("FROM is after TO") }
        guard c.to <= now else { throw .invalid("TO is in the future") }
        guard c.from + StateMachine.longestRecord >= c.to else {
            throw .invalid("FROM is more than 100 years before TO")
        }
        let pricing = try priced(price, for: sessionQuery(user, c.tier, at: c.from, now: now))
        let numerator = pricing.tariff.integral(from: .zero, to: c.to - c.from)
        guard let amount = Rational.halfEven(numerator, over: Tariff.hour) else {
            throw .invalid("the price does not fit in an amount")
        }
        let usage = MeteredUsage(
            amount: amount, from: c.from, through: c.to, numerator: numerator, denominator: Tariff.hour,
            postedBefore: .zero, pricing: pricing)
        let payment = planUsage(user, amount, pins: LotAmounts(), at: now)
        guard payment.total == amount else { throw .invalid("an account owes at most \(StateMachine.ceiling)") }
        let body = SessionRecorded(
            session: c.session, tier: c.tier, type: store.accounts[Int32(user.value)].type, usage: usage,
            payment: payment, arguments: c.arguments)
        return .accepted(commit(.sessionRecorded(body), user: user, effective: (c.from, c.to), at: now, into: &batch))
    }

    // MARK: What both commands and timers do

    /// Posts a session's usage through `end` and releases what it held. What its hold does not cover is paid with the
    /// credit of the instant `due`, by default now.
    @discardableResult
    mutating func close(
        _ slot: Int32, _ reason: SessionClosed.Reason, through end: Timestamp, note: SealedText = [],
        due: Timestamp? = nil, at now: Timestamp, into batch: inout EventBatch
    ) -> Event {
        let end = max(min(end, store.sessions[slot].ttlEnd), store.sessions[slot].postedThrough)
        // The receipt is the closing event's, whatever had to be posted before it.
        asking.isPreliminary = true
        postRepricings(slot, before: end, due: due, at: now, into: &batch)
        asking.isPreliminary = false
        let row = store.sessions[slot]
        var usage = self.usage(of: slot, through: end)
        let payment = planUsage(row.user, usage.amount, pins: row.pins, at: due?.instantBefore ?? now)
        usage.amount = payment.total
        var left = row.pins
        _ = left.take(payment.held.total)
        let body = SessionClosed(
            session: row.id, external: row.external, tier: row.tier, type: row.type, reason: reason,
            started: row.started,
            usage: usage, total: row.posted + usage.amount,
            segments: row.segments + (reason == .cancelled ? 0 : 1), payment: payment,
            released: left.total, broken: broken(left), note: note)
        return commit(
            .sessionClosed(body), user: row.user, linked: row.id.lsn, effective: (usage.from, usage.through), at: now,
            into: &batch)
    }

    /// Posts a running session's usage, and from there on the price is `pricing`, where one is named. What its hold
    /// does not cover is paid with the credit of the instant `due`, by default now.
    mutating func post(
        _ slot: Int32, through end: Timestamp, then pricing: Pricing? = nil, due: Timestamp? = nil, at now: Timestamp,
        into batch: inout EventBatch
    ) {
        let row = store.sessions[slot]
        let end = max(min(end, row.ttlEnd), row.postedThrough)
        var usage = self.usage(of: slot, through: end)
        let payment = planUsage(row.user, usage.amount, pins: row.pins, at: due?.instantBefore ?? now)
        usage.amount = payment.total
        let body = SessionPosted(
            session: row.id, external: row.external, tier: row.tier, usage: usage, payment: payment, repriced: pricing)
        commit(
            .sessionPosted(body), user: row.user, linked: row.id.lsn, effective: (usage.from, usage.through), at: now,
            into: &batch)
    }

    /// Posts a monitored session's usage up to each change of its price before `end`: a posting has one price.
    private mutating func postRepricings(
        _ slot: Int32, before end: Timestamp, due: Timestamp? = nil, at now: Timestamp, into batch: inout EventBatch
    ) {
        while let next = store.sessions[slot].repricings.first, next.at < end {
            post(slot, through: next.at, then: next.pricing, due: due, at: now, into: &batch)
        }
    }

    /// The end of a tariff's lock. What a monitored session used is not posted there: it may turn out to have ended
    /// before.
    mutating func unlock(_ slot: Int32, due: Timestamp, at now: Timestamp, into batch: inout EventBatch) {
        let row = store.sessions[slot]
        let pricing = nextPricing(session: slot)
        if row.heartbeat == .zero {
            post(slot, through: row.lockEnd, then: pricing, due: due, at: now, into: &batch)
        } else {
            commit(
                .sessionRepriced(SessionRepriced(session: row.id, at: row.lockEnd, pricing: pricing)), user: row.user,
                linked: row.id.lsn, effective: (row.lockEnd, row.lockEnd), at: now, into: &batch)
        }
        // Under a new price the old lease no longer says what is covered: look again at once.
        if pricing != row.lastPricing { renew(slot, due: due, at: now, into: &batch) }
    }

    /// Holds enough for the next lease, or as much as there is and a deadline, which counts from when that was `due`
    /// (by default now). Returns whether the lease is covered.
    @discardableResult
    mutating func renew(
        _ slot: Int32, due: Timestamp? = nil, at now: Timestamp, into batch: inout EventBatch
    ) -> Bool {
        let row = store.sessions[slot]
        let isFree = row.lastPricing.tariff.highestRate == 0
        // A late renewal continues the old lease; one that is later than a whole lease starts anew. What ran free until
        // now had its whole time to live for a lease: under a price it gets one like everybody's.
        let next = min(row.leaseUntil, now + StateMachine.lease) + StateMachine.lease
        let until =
            isFree || row.reserveFull ? row.ttlEnd : min(row.ttlEnd, next > now ? next : now + StateMachine.lease)
        let held = row.pins.total
        let missing = max(cover(slot, through: until) - held, .zero)
        // What this session itself consumed beyond its hold is part of `missing`: do not count it twice.
        let uncovered = max(cost(of: slot, at: now) - held, .zero)
        let available = self.available(row.user, at: now) + uncovered
        guard available < missing else {
            let body = LeaseRenewed(
                session: row.id, added: missing, pins: planFree(row.user, missing, at: now), leaseUntil: until)
            commit(.leaseRenewed(body), user: row.user, linked: row.id.lsn, at: now, into: &batch)
            return true
        }
        let added = max(available, .zero)
        guard row.status == .active || added > .zero else { return false }
        let emptyAt = min(lasts(slot, held: held + added), row.ttlEnd)
        let grace = self.grace(row.type)
        let body = SessionExhausting(
            session: row.id, added: added, pins: planFree(row.user, added, at: now), emptyAt: emptyAt,
            // Later credit moves the deadline as far as it lasts and no further: or a cent a minute would buy grace for
            // ever.
            deadline: row.status == .active ? max(emptyAt, due ?? now) + grace : max(row.deadline, emptyAt + grace))
        commit(.sessionExhausting(body), user: row.user, linked: row.id.lsn, at: now, into: &batch)
        return false
    }

    /// New credit first helps the sessions that are about to end for want of it, the one that would end first before
    /// others.
    mutating func renewExhausting(_ user: UserOrdinal, at now: Timestamp, into batch: inout EventBatch) {
        guard store.accounts[Int32(user.value)].exhaustingCount > 0 else { return }
        var waiting: [(deadline: Timestamp, id: UInt64)] = []
        var slot = store.accounts[Int32(user.value)].firstSession
        while slot >= 0 {
            let row = store.sessions[slot]
            if row.status == .exhausting { waiting.append((row.deadline, row.id.value)) }
            slot = row.links.next
        }
        waiting.sort { ($0.deadline.nanoseconds, $0.id) < ($1.deadline.nanoseconds, $1.id) }
        for session in waiting {
            guard let slot = store.sessionIndex[session.id] else { continue }
            renew(Int32(slot), at: now, into: &batch)
        }
    }
}
