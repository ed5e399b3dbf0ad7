/// The rows of the tables. Each lists its recorded fields once (`code`); links and due instants are derived.

struct Account: Recordable {
    var id = ShortText()
    var email: SealedText = []
    var name: SealedText = []
    var emailHash = Hash128.zero
    var type = UserType.free
    var state = UserState.active
    var created = Timestamp.distantPast
    var createdBy = LSN.none

    /// Unpinned credit by kind of lot; pinned credit is `held`. Together they are what the lots hold.
    var paid = Money.zero
    var promo = Money.zero
    var held = Money.zero
    var debt = Money.zero
    /// The user's last event: head of the thread through the journal.
    var lastEvent = LSN.none

    // Derived.
    /// Lots not yet effective, a part of `paid` and `promo`.
    var pending = Money.zero
    /// No lot expires before this.
    var nextExpiry = Timestamp.never
    var firstLot: Int32 = -1
    var firstHold: Int32 = -1
    var firstSession: Int32 = -1
    var firstResource: Int32 = -1
    var firstPassport: Int32 = -1
    var lotCount: Int32 = 0
    var sessionCount: Int32 = 0
    var exhaustingCount: Int32 = 0
    var holdCount: Int32 = 0
    var resourceCount: Int32 = 0
    var storedMegabytes: Int64 = 0
    /// Until when what its sessions hold covers what they use: the earliest of theirs.
    var coveredUntil = Timestamp.never

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.bytes(&email)
        try c.bytes(&name)
        try c.hash(&emailHash)
        try c.choice(&type)
        try c.choice(&state)
        try c.time(&created)
        try c.lsn(&createdBy)
        try c.money(&paid)
        try c.money(&promo)
        try c.money(&held)
        try c.money(&debt)
        try c.lsn(&lastEvent)
    }
}

struct Passport: Recordable, Listed {
    var id = PassportID(value: 0)
    var user = UserOrdinal.none
    var digest = Digest256.zero
    var lastFour: UInt32 = 0
    var name: SealedText = []
    var permissions: Permissions = []
    var scope = Scope.own
    var created = Timestamp.distantPast
    var expires = Timestamp.never
    var revoked = false
    /// It was rotated: `expires` is the end of the overlap.
    var replaced = false
    var rate: UInt32 = 0
    var links = Links()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.unsigned(&id.value)
        try c.user(&user)
        try c.digest(&digest)
        try c.small(&lastFour)
        try c.bytes(&name)
        try c.small(&permissions.rawValue)
        try c.choice(&scope)
        try c.time(&created)
        try c.time(&expires)
        try c.bool(&revoked)
        try c.bool(&replaced)
        try c.small(&rate)
    }
}

struct Lot: Recordable, Listed {
    var id = LotID.none
    var user = UserOrdinal.none
    var kind = LotKind.paid
    var priority: UInt8 = 50
    /// The whole lot, pinned part included.
    var remaining = Money.zero
    var pinned = Money.zero
    var effective = Timestamp.distantPast
    var expires = Timestamp.never
    var parent = LotID.none
    var scope: ShortText = "*"
    var fundedBy = ShortText()
    /// The expiry was recorded; what is left is pinned by holds.
    var expired = false
    /// Not yet effective when it was created, and no `lotEffective` came since.
    var waiting = false
    var links = Links()

    var free: Money { remaining - pinned }
    var origin: LotOrigin {
        LotOrigin(
            id: id, kind: kind, priority: priority, effective: effective, expires: expires, parent: parent,
            scope: scope, fundedBy: fundedBy)
    }

    /// SPEC 4: priority, sooner expiry, zero cost basis, older, id.
    func burnsBefore(_ other: Lot) -> Bool {
        (priority, expires.nanoseconds, kind.isPaid ? 1 : 0, id.lsn.value)
            < (other.priority, other.expires.nanoseconds, other.kind.isPaid ? 1 : 0, other.id.lsn.value)
    }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try c.choice(&kind)
        try c.small(&priority)
        try c.money(&remaining)
        try c.money(&pinned)
        try c.time(&effective)
        try c.time(&expires)
        try c.id(&parent)
        try c.text(&scope)
        try c.text(&fundedBy)
        try c.bool(&expired)
        try c.bool(&waiting)
    }
}

struct Hold: Recordable, Listed {
    var id = HoldID.none
    var user = UserOrdinal.none
    var pins = LotAmounts()
    var source = ShortText()
    var placed = Timestamp.distantPast
    var expires = Timestamp.never
    var links = Links()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try pins.code(with: &c)
        try c.text(&source)
        try c.time(&placed)
        try c.time(&expires)
    }
}

struct Session: Recordable, Listed {
    var id = SessionID.none
    var user = UserOrdinal.none
    var external = ShortText()
    var tier = Tier.small
    var type = UserType.free
    var pricing = Pricing.blank
    var started = Timestamp.distantPast
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
    var deadline = Timestamp.never
    /// Until when the tariff is fixed.
    var lockEnd = Timestamp.never
    var nextDaily = Timestamp.never
    /// Usage up to here is in the books: exactly `numerator` / `Tariff.hour`, of which `posted` was charged.
    var postedThrough = Timestamp.distantPast
    var numerator = Int128(0)
    var posted = Money.zero
    var segments: UInt32 = 0
    var pins = LotAmounts()
    var admitted = PassportOrdinal.none
    /// Prices of a monitored session after `pricing`, in order, each from its instant on: its usage is posted only when
    /// it is heard, its price changes whether it is heard or not.
    var repricings: [Repricing] = []
    // Derived.
    var links = Links()
    var timerDue = Timestamp.never
    var timerKind = TimerKind.session
    /// Until when what is held covers its usage.
    var coveredUntil = Timestamp.never

    /// The price that holds from the last repricing on.
    var lastPricing: Pricing { repricings.last?.pricing ?? pricing }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try c.text(&external)
        try c.choice(&tier)
        try c.choice(&type)
        try pricing.code(with: &c)
        try c.time(&started)
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
        try c.time(&postedThrough)
        try c.wide(&numerator)
        try c.money(&posted)
        try c.small(&segments)
        try pins.code(with: &c)
        try c.passport(&admitted)
        try c.list(&repricings, blank: .blank)
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

struct Resource: Recordable, Listed {
    var id = ResourceID.none
    var user = UserOrdinal.none
    var external = ShortText()
    var kind = StorageKind.bucket
    var megabytes: Int64 = 0
    var created = Timestamp.distantPast
    var pricing = Pricing.blank
    /// Where the tariff's own clock starts.
    var pricedFrom = Timestamp.distantPast
    var month = Month(index: 0)
    /// This month's usage up to here is exactly `numerator` / (month in nanoseconds × 1000), `posted` of it charged.
    var postedThrough = Timestamp.distantPast
    var numerator = Int128(0)
    var posted = Money.zero
    var total = Money.zero
    var nextDaily = Timestamp.never
    // Derived.
    var links = Links()
    var timerDue = Timestamp.never

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try c.text(&external)
        try c.choice(&kind)
        try c.signed(&megabytes)
        try c.time(&created)
        try pricing.code(with: &c)
        try c.time(&pricedFrom)
        var index = UInt32(bitPattern: month.index)
        try c.small(&index)
        month.index = Int32(bitPattern: index)
        try c.time(&postedThrough)
        try c.wide(&numerator)
        try c.money(&posted)
        try c.money(&total)
        try c.time(&nextDaily)
    }
}

struct Space: Recordable {
    var space = SpaceAdd(
        id: ShortText(), name: ShortText(), description: [], category: ShortText(), gigabytes: 0, cost: .zero,
        isPublic: false)
    var creator = PassportOrdinal.none
    var created = Timestamp.distantPast
    var lsn = LSN.none

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try space.code(with: &c)
        try c.passport(&creator)
        try c.time(&created)
        try c.lsn(&lsn)
    }
}

/// One loaded version of a rule. Rules are few and kept for ever.
struct Rule: Recordable {
    var name = RuleName.sessionRuntime
    var version: UInt32 = 0
    var identity = RuleIdentity.none
    var source: [UInt8] = []
    var loaded = Timestamp.distantPast
    /// The last activation's answers.
    var book = PriceBook()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&name)
        try c.small(&version)
        try c.rule(&identity)
        try c.bytes(&source)
        try c.time(&loaded)
        try book.code(with: &c)
    }
}

/// Which version of a rule counts, and which counted before it.
struct ActiveRule: Recordable {
    var name = RuleName.sessionRuntime
    /// Versions in the order in which they became active; the last one counts.
    var versions: [UInt32] = []
    var since = Timestamp.distantPast

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&name)
        var wrapped = versions.map(Number.init)
        try c.list(&wrapped, blank: Number(value: 0))
        versions = wrapped.map(\.value)
        try c.time(&since)
    }

    private struct Number: Recordable {
        var value: UInt32
        mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.small(&value) }
    }
}

/// An activation that waits for its time.
struct ScheduledRule: Recordable {
    var lsn = LSN.none
    var name = RuleName.sessionRuntime
    var identity = RuleIdentity.none
    var at = Timestamp.never
    var book = PriceBook()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.lsn(&lsn)
        try c.choice(&name)
        try c.rule(&identity)
        try c.time(&at)
        try book.code(with: &c)
    }
}
