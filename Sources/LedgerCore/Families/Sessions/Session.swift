/// A running session. What it has used up to `postedThrough` is in the books; what it may use next is held.
struct Session: Recordable, Listed, Equatable {
    var id = SessionID.none
    var user = UserOrdinal.none
    var external = ShortText()
    var meter = SessionMeter()
    var ttlEnd = Timestamp.never
    var reserveFull = false
    /// Zero: not monitored.
    var heartbeat = TimeSpan.zero
    var heard = false
    var lastHeard = Timestamp.distantPast
    /// When silence means that the host is lost.
    var lostAt = Timestamp.never
    var leaseUntil = Timestamp.never
    var status = SessionStatus.active
    var emptyAt = Timestamp.never
    /// `.never` while it is not exhausting, and where the type's ceiling of debt says when it ends.
    var deadline = Timestamp.never
    /// Until when the tariff is fixed.
    var lockEnd = Timestamp.never
    var nextDaily = Timestamp.never
    /// Of what was posted, what became debt since its user last owed nothing.
    var owed = Money.zero
    /// The events that charged for it, oldest first: what its receipt names, and what can be refunded.
    var charges: [LSN] = []
    var pins = LotAmounts()
    /// The passport whose caps it counts for: the user's own that admitted it, else the one that started it.
    var spender = PassportOrdinal.none
    /// While it is exhausting because of a cap: when that begins anew.
    var capResets = Timestamp.never
    var labels = Labels.none
    // Derived.
    var links = Links<Session>()
    var timerDue = Timestamp.never
    var timerKind = TimerKind.session
    /// Until when what is held covers its usage.
    var coveredUntil = Timestamp.never

    /// The version of the rule that said its price from the last repricing on.
    @inline(__always)
    var rule: RuleIdentity { lastPricing.priced.rule }
    /// What it runs as now.
    @inline(__always)
    var tier: Tier { lastPricing.tier }
    var type: UserType { lastPricing.query.userType }
    @inline(__always)
    var isMonitored: Bool { heartbeat > .zero }
    /// Runs without credit until its user's debt reaches a ceiling.
    @inline(__always)
    var runsOnDebt: Bool { status == .exhausting && deadline == .never }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try c.text(&external)
        try meter.pricing.code(with: &c)
        try c.time(&meter.started)
        try c.time(&ttlEnd)
        try c.bool(&reserveFull)
        try c.span(&heartbeat)
        try c.bool(&heard)
        try c.time(&lastHeard)
        try c.time(&lostAt)
        try c.time(&leaseUntil)
        try c.choice(&status)
        try c.time(&emptyAt)
        try c.time(&deadline)
        try c.time(&lockEnd)
        try c.time(&nextDaily)
        try c.time(&meter.postedThrough)
        try c.wide(&meter.numerator)
        try c.money(&meter.posted)
        try c.money(&owed)
        try c.numbers(&charges)
        try pins.code(with: &c)
        try c.passport(&spender)
        try c.time(&capResets)
        try c.list(&meter.repricings, blank: .blank)
        try c.labels(&labels)
    }
}

package enum SessionStatus: UInt8, NamedCase, Sendable {
    case active = 0
    /// The next lease could not be covered; there is a deadline.
    case exhausting = 1
    case closed = 2
    package var text: String {
        switch self {
        case .active: "active"
        case .exhausting: "exhausting"
        case .closed: "closed"
        }
    }
}

struct Repricing: Recordable, Hashable {
    var at: Timestamp
    var pricing: Pricing

    static let blank = Repricing(at: .distantPast, pricing: .blank)

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.time(&at)
        try pricing.code(with: &c)
    }
}

/// The price of a session from where another segment begins.
package struct Repriced: Recordable, Hashable, Sendable {
    package var pricing: Pricing
    /// It is fixed anew for a time: the lock on the one before had ended.
    package var locks: Bool
    /// What is held at once, where the old lease does not cover the new price.
    package var lease: Lease?
    package init(pricing: Pricing, locks: Bool) {
        self.pricing = pricing
        self.locks = locks
    }

    static let blank = Repriced(pricing: .blank, locks: false)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try pricing.code(with: &c)
        try c.bool(&locks)
        try c.optional(&lease, blank: .blank)
    }
}

/// More of a user's credit is held for a session: it is covered until `until`.
package struct Lease: Recordable, Hashable, Sendable {
    package var added: Money
    package var pins: LotAmounts
    package var until: Timestamp

    static let blank = Lease(added: .zero, pins: LotAmounts(), until: .never)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&added)
        try pins.code(with: &c)
        try c.time(&until)
    }
}

extension StateMachine {
    static let lease = TimeSpan.minutes(10)
    static let cancelWindow = TimeSpan.minutes(5)
    /// How long a tariff is fixed.
    static let tariffLock = TimeSpan.hours(24)
    static let maximumTimeToLive = TimeSpan.days(30)

    /// An open session's place, or the event that answers for a closed one.
    enum FoundSession {
        case open(Slot<Session>)
        case closed(LSN)
    }

    func findSession(_ name: Hash128) throws(Rejection) -> FoundSession {
        guard let lsn = store.external[name] else { throw .notFound(.session) }
        if let slot = session(BirthID(shard: shard, lsn: LSN(lsn))) { return .open(slot) }
        return .closed(LSN(lsn))
    }

    func session(_ id: SessionID, of user: UserOrdinal) -> Session? {
        guard let slot = session(id), store.sessions[slot].user == user else { return nil }
        return store.sessions[slot]
    }

    static let noSuchSession = "is about a session that is not open"

    mutating func insert(_ session: Session) {
        let slot = store.sessions.insert(session)
        store.sessionIndex.set(session.id.value, slot)
        store.link(slot, of: session.user)
        store.accounts[session.user].sessionCount += 1
        count(session, 1)
        hold(by: session.spender, session.pins.total)
        refreshCover(session: slot)
        schedule(session: slot)
    }

    // MARK: Due instants

    mutating func schedule(session slot: Slot<Session>) {
        let (due, kind) = nextDue(session: slot)
        guard due != store.sessions[slot].timerDue || kind != store.sessions[slot].timerKind else { return }
        store.sessions[slot].timerDue = due
        store.sessions[slot].timerKind = kind
        store.timers.push(TimerEntry(due: due, kind: kind, born: store.sessions[slot].id.value))
    }
}
