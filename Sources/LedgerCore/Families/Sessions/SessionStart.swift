/// SESSION START, and SESSION ADMIT once the engine has verified the user's passport.
package struct SessionStart: CommandType {
    package static let name: StaticString = "SESSION START"
    package var user: Hash128
    package var session: ShortText
    package var tier: Tier
    package var timeToLive: TimeSpan
    /// `RESERVE full`: hold the whole time to live at once.
    package var reserveFull: Bool
    /// Zero: no monitoring.
    package var heartbeat: TimeSpan
    /// The user's passport for `SESSION ADMIT`; `.none` for `SESSION START`.
    package var admitted: PassportOrdinal
    package init(
        user: Hash128, session: ShortText, tier: Tier, timeToLive: TimeSpan = .hours(24), reserveFull: Bool = false,
        heartbeat: TimeSpan = .zero, admitted: PassportOrdinal = .none
    ) {
        self.user = user
        self.session = session
        self.tier = tier
        self.timeToLive = timeToLive
        self.reserveFull = reserveFull
        self.heartbeat = heartbeat
        self.admitted = admitted
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? {
        guard let user = ledger.user(user), ledger.store.external[ledger.names.session(session)] == nil else {
            return nil
        }
        return ledger.sessionQuery(user, tier, at: now, now: now)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let now = decision.now
        let user = try ledger.find(user)
        let type = ledger.type(of: user)
        if admitted != .none {
            let passport = ledger.store.passports[admitted]
            guard !passport.revoked, passport.expires > now, passport.user == user else { throw .passportInvalid }
        }
        guard ledger.store.external[ledger.names.session(session)] == nil else { throw .exists(.session) }
        guard timeToLive > .zero, timeToLive <= StateMachine.maximumTimeToLive else {
            throw .invalid("a session lasts 30 days at most")
        }
        try ledger.checkMayStart(user)
        guard ledger.store.limits.allows(tier, for: type) else {
            throw .limit(.tiers, ledger.store.limits[type, .tiers])
        }
        guard Int64(ledger.store.accounts[user].sessionCount) < ledger.store.limits[type, .sessions] else {
            throw .limit(.sessions, ledger.store.limits[type, .sessions])
        }
        try ledger.checkNoDebt(user)
        let pricing = try decision.priced(ledger.sessionQuery(user, tier, at: now, now: now))
        // No lease where nothing can be charged: the price is looked at again when the tariff's lock ends.
        let isFree = pricing.tariff.highestRate == 0
        let lease = reserveFull || isFree ? timeToLive : min(StateMachine.lease, timeToLive)
        guard let needed = pricing.tariff.quote(from: .zero, to: lease) else {
            throw .invalid("the price does not fit in an amount")
        }
        try ledger.checkCaps(user, admitted == .none ? decision.actor : admitted, needed, at: now)
        let available = ledger.available(user, for: .session, at: now)
        guard available >= needed else { throw .insufficient(available: available, needed: needed) }
        let pins = ledger.planFree(user, needed, for: .session, at: now)
        let event = SessionStarted(
            session: session, tier: tier, type: type, pricing: pricing, ttlEnd: now + timeToLive,
            reserveFull: reserveFull, heartbeat: heartbeat, held: needed, pins: pins, leaseUntil: now + lease,
            emptyAt: ledger.emptyAt(user, at: now, with: Starting(tariff: pricing.tariff)),
            admitted: admitted)
        return .accepted(ledger.commit(event, user: user, &decision))
    }
}

package struct SessionStarted: EventType {
    package static let code = EventCode.sessionStarted
    package static let blank = SessionStarted(
        session: ShortText(), tier: .small, type: .free, pricing: .blank, ttlEnd: .never, reserveFull: false,
        heartbeat: .zero, held: .zero, pins: LotAmounts(), leaseUntil: .never, emptyAt: .never, admitted: .none)
    package var body: EventBody { .sessionStarted(self) }

    package var session: ShortText
    package var tier: Tier
    package var type: UserType
    package var pricing: Pricing
    package var ttlEnd: Timestamp
    package var reserveFull: Bool
    package var heartbeat: TimeSpan
    package var held: Money
    package var pins: LotAmounts
    package var leaseUntil: Timestamp
    package var emptyAt: Timestamp
    package var admitted: PassportOrdinal

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&session)
        try c.choice(&tier)
        try c.choice(&type)
        try pricing.code(with: &c)
        try c.time(&ttlEnd)
        try c.bool(&reserveFull)
        try c.span(&heartbeat)
        try c.money(&held)
        try pins.code(with: &c)
        try c.time(&leaseUntil)
        try c.time(&emptyAt)
        try c.passport(&admitted)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard ledger.isKnown(admitted) else { return "was admitted with a passport that is not there" }
        guard ledger.store.external[ledger.names.session(session)] == nil else {
            return "starts a session that is there"
        }
        guard ttlEnd >= .earliest, ttlEnd - header.asOf <= StateMachine.maximumTimeToLive else {
            return "starts a session that lasts longer than one may"
        }
        return ledger.objection(to: pricing, .sessionRuntime)
            ?? ledger.objection(toTaking: pins, of: header.user, from: .free)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        var row = Session()
        (row.id, row.user, row.external) = (header.id(shard: ledger.shard), header.user, session)
        row.meter = SessionMeter(started: header.asOf, postedThrough: header.asOf, pricing: pricing)
        row.lastHeard = header.asOf
        (row.ttlEnd, row.reserveFull, row.heartbeat) = (ttlEnd, reserveFull, heartbeat)
        (row.leaseUntil, row.pins, row.spender) = (leaseUntil, pins, admitted == .none ? header.actor : admitted)
        row.labels = header.labels
        if row.isMonitored { row.lostAt = header.asOf + max(heartbeat, StateMachine.lease) }
        row.lockEnd = header.asOf + StateMachine.tariffLock
        row.nextDaily = StateMachine.daily(header.user, after: header.asOf + StateMachine.cancelWindow)
        ledger.pin(header.user, pins)
        ledger.store.external.set(ledger.names.session(session), header.lsn.value)
        ledger.insert(row)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.session = session
        return facts
    }
}
