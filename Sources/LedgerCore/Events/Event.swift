/// What the ledger decided: the only thing that is recorded, and the only input of `apply`. An event carries its price,
/// its time and its ids, so replaying it needs no rule, no clock and no randomness.
///
/// Every event touches the rows of one user at most (and sums in the books). A command that moves several things gives
/// a group of events that lie in one batch; the first, the *primary*, carries all that the command's receipt says.
package struct Event: Sendable {
    /// Its number; +1 each.
    package var lsn: LSN
    /// Recorded time: strictly increasing.
    package var time: Timestamp
    /// Whose rows it touches, or `.none`.
    package var user: UserOrdinal
    /// Which passport asked, or `.none` for the engine itself.
    package var actor: PassportOrdinal
    /// The primary event of its group: its own LSN when it stands alone or comes first.
    package var group: LSN
    /// The user's event before this one: the thread on which a history hangs.
    package var previous: LSN
    /// When it counts, [from, to). The recorded time when nothing else was said.
    package var effectiveFrom: Timestamp
    package var effectiveTo: Timestamp
    /// The idempotency key that asked for it.
    package var key: IdempotencyKey?
    /// What it corrects, refunds or belongs to.
    package var linked: LSN
    /// The user's account after it: `apply` must arrive at the same numbers.
    package var after: AccountImage
    package var body: EventBody

    /// The id of what this event created.
    package func id(shard: UInt16) -> BirthID { BirthID(shard: shard, lsn: lsn) }
}

extension Event {
    /// What this event charged, how it was paid and for what; nil when it is no charge.
    package var chargeParts: (amount: Money, payment: Payment, source: ShortText)? {
        switch body {
        case .creditCharged(let e): (e.amount, e.payment, e.source)
        case .holdCaptured(let e): (e.amount, e.payment, e.source)
        case .sessionPosted(let e): (e.usage.amount, e.payment, Sources.sessionRuntime)
        case .sessionClosed(let e): (e.usage.amount, e.payment, Sources.sessionRuntime)
        case .sessionRecorded(let e): (e.usage.amount, e.payment, Sources.sessionRuntime)
        case .storagePosted(let e): (e.usage.amount, e.payment, Sources.storageCreation)
        case .storageResized(let e): (e.posted.usage.amount, e.posted.payment, Sources.storageCreation)
        case .storageDeleted(let e): (e.posted.usage.amount, e.posted.payment, Sources.storageCreation)
        case .spacePurchased(let e): (e.amount, e.payment, Sources.spacePurchase)
        default: nil
        }
    }

    /// Credit that went to breakage with this event: what was released of lots that had expired meanwhile, what was
    /// refunded to such lots, or a lot's end.
    package var expired: Money {
        switch body {
        case .holdCaptured(let capture): return capture.broken
        case .holdReleased(let release): return release.broken
        case .sessionClosed(let closed): return closed.broken
        case .lotExpired(let lot): return lot.amount
        case .creditRefunded(let refund):
            return refund.parts.reduce(.zero) { $1.lot.expires <= time ? $0 + $1.amount : $0 }
        default: return .zero
        }
    }
}

/// A user's account in numbers.
package struct AccountImage: Hashable, Sendable {
    package var paid = Money.zero
    package var promo = Money.zero
    package var held = Money.zero
    package var debt = Money.zero
    /// What could be spent at the recorded time: unexpired lots less holds less usage accrued but not posted.
    package var available = Money.zero
    package init() {}
}

/// The kinds of events, by what happened. Codes in `EventKind` are journaled and never reused.
package enum EventBody: Sendable {
    case ledgerCreated(LedgerCreated)
    case engineStarted(EngineStarted)
    case clockAccepted
    case ruleLoaded(RuleLoaded)
    case ruleScheduled(RuleScheduled)
    case ruleActivated(RuleActivated)
    case limitsSet(LimitSet)
    case userCreated(UserCreated)
    case userChanged(UserChanged)
    case passportCreated(PassportCreated)
    case passportRevoked(PassportID)
    case creditPurchased(CreditPurchased)
    case creditGranted(CreditGranted)
    case creditCharged(CreditCharged)
    case creditAdjusted(CreditAdjusted)
    case creditRefunded(CreditRefunded)
    case holdPlaced(HoldPlaced)
    case holdCaptured(HoldCaptured)
    case holdReleased(HoldReleased)
    case sessionStarted(SessionStarted)
    case sessionHeard(SessionHeard)
    case leaseRenewed(LeaseRenewed)
    case sessionExhausting(SessionExhausting)
    case sessionPosted(SessionPosted)
    case sessionRepriced(SessionRepriced)
    case sessionClosed(SessionClosed)
    case sessionRecorded(SessionRecorded)
    case storageCreated(StorageCreated)
    case storageResized(StorageResized)
    case storagePosted(StoragePosted)
    case storageDeleted(StorageDeleted)
    case spaceAdded(SpaceAdded)
    case spacePurchased(SpacePurchased)
    case lotExpired(LotExpired)
    case lotEffective(LotID)
    case refused(Refused)
    case answered(Answered)
}

/// How an amount was met: from what a hold had pinned, from free lots in burn order, and what was missing became debt.
package struct Payment: Hashable, Sendable {
    package var held = LotAmounts()
    package var free = LotAmounts()
    package var debt = Money.zero
    package init() {}
    package var total: Money { held.total + free.total + debt }
}

/// Why an amount is what it is: the question a rule was asked, its answer, and which rule answered.
package struct Pricing: Hashable, Sendable {
    package var query: PriceQuery
    package var priced: Priced
    package init(query: PriceQuery, priced: Priced) {
        self.query = query
        self.priced = priced
    }
    package var tariff: Tariff {
        guard case .tariff(let tariff) = priced.answer else { preconditionFailure("a metered price without a tariff") }
        return tariff
    }
    package var amount: Money {
        guard case .amount(let amount) = priced.answer else {
            preconditionFailure("a one-time price without an amount")
        }
        return amount
    }
}

/// What a lot is, apart from how much of it is left: enough to bring back a lot that was burned whole.
package struct LotOrigin: Hashable, Sendable {
    package var id: LotID
    package var kind: LotKind
    package var priority: UInt8
    package var effective: Timestamp
    package var expires: Timestamp
    package var parent: LotID
    /// What it may pay for; `*` is everything, and all there is for now.
    package var scope: ShortText
    /// Who paid for it (a payment method, `grant`, `bonus`), shown as its source.
    package var fundedBy: ShortText
    package init(
        id: LotID, kind: LotKind, priority: UInt8, effective: Timestamp, expires: Timestamp, parent: LotID = .none,
        scope: ShortText = "*", fundedBy: ShortText
    ) {
        self.scope = scope
        self.id = id
        self.kind = kind
        self.priority = priority
        self.effective = effective
        self.expires = expires
        self.parent = parent
        self.fundedBy = fundedBy
    }
}

package struct LedgerCreated: Sendable {
    package var ledger: Hash128  // the UUID
    package var shard: UInt16
    package var hashSeed: Hash128
    /// What one credit is, and how many decimal digits of it an amount counts.
    package var currency: ShortText = "USD"
    package var scale: UInt8 = 9
    package init(ledger: Hash128, shard: UInt16 = 0, hashSeed: Hash128) {
        self.ledger = ledger
        self.shard = shard
        self.hashSeed = hashSeed
    }
}

package struct EngineStarted: Sendable {
    package var version: ShortText
    package var downtime: TimeSpan
    package var keyRetention: TimeSpan
    package var keyCapacity: UInt64
}

package struct RuleLoaded: Sendable {
    package var name: RuleName
    package var identity: RuleIdentity
    package var version: UInt32
    package var source: [UInt8]
}

package struct RuleScheduled: Sendable {
    package var name: RuleName
    package var identity: RuleIdentity
    package var version: UInt32
    package var at: Timestamp
    package var book: PriceBook
}

package struct RuleActivated: Sendable {
    package var name: RuleName
    package var identity: RuleIdentity
    package var version: UInt32
    package var book: PriceBook
    package var rollback: Bool
    /// The `RuleScheduled` event that asked for it, when a timer fired it.
    package var scheduled: LSN
}

package struct UserCreated: Sendable {
    package var id: ShortText
    package var emailHash: Hash128
    package var email: SealedText
    package var name: SealedText
    package var type: UserType
    /// Credit at sign-up, a promo lot born with this event; zero for types that get none or e-mails that had it before.
    package var bonus: Money
}

package struct UserChanged: Sendable {
    package enum Field: UInt8, Sendable { case name = 0, type = 1, state = 2 }
    package var field: Field
    package var name: SealedText
    package var type: UserType
    package var state: UserState
}

package struct PassportCreated: Sendable {
    package var id: PassportID
    package var digest: Digest256
    package var lastFour: UInt32
    package var name: SealedText
    package var permissions: Permissions
    package var scope: Scope
    package var expires: Timestamp
    package var rate: UInt32
    /// The passport this one replaces and until when that one is still good; `PassportID(0)` when it replaces none.
    package var replaces: PassportID
    package var replacedExpires: Timestamp
}

package struct CreditPurchased: Sendable {
    package var amount: Money
    package var method: ShortText
    package var reference: ShortText
    package var repaid: Money
    /// The bonus that follows as an event of its own.
    package var bonus: Money
    package var bonusPricing: Pricing?
}

package struct CreditGranted: Sendable {
    package var amount: Money
    package var lot: LotOrigin
    package var reason: SealedText
}

package struct CreditCharged: Sendable {
    package var amount: Money
    package var source: ShortText
    package var payment: Payment
    package var description: SealedText
}

package struct CreditAdjusted: Sendable {
    /// Signed.
    package var amount: Money
    package var reason: SealedText
    package var reference: ShortText
    /// Positive: debt that it repaid. What is left became a lot.
    package var repaid: Money
    /// Negative: how it was met.
    package var payment: Payment
}

package struct CreditRefunded: Sendable {
    package struct Part: Hashable, Sendable {
        package var lot: LotOrigin
        package var amount: Money
    }
    package var charge: ChargeID
    package var source: ShortText
    package var amount: Money
    /// Debt of the charge that is forgiven.
    package var forgiven: Money
    package var parts: [Part]
    package var reason: SealedText
}

package struct HoldPlaced: Sendable {
    package var amount: Money
    package var expires: Timestamp
    package var source: ShortText
    package var pins: LotAmounts
}

package struct HoldCaptured: Sendable {
    package var hold: HoldID
    package var amount: Money
    package var source: ShortText
    package var payment: Payment
    /// The capture ended the hold (`FINAL`, or nothing is left); what was left went back.
    package var final: Bool
    package var released: Money
    /// The part of `released` whose lots had expired meanwhile.
    package var broken: Money
}

package struct HoldReleased: Sendable {
    package enum Reason: UInt8, Sendable { case voided = 0, expired = 1 }
    package var hold: HoldID
    package var reason: Reason
    package var released: Money
    package var broken: Money
}

package struct SessionStarted: Sendable {
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
}

package struct SessionHeard: Sendable {
    package var session: SessionID
    package var status: SessionStatus
    package var leaseUntil: Timestamp
    package var deadline: Timestamp
}

/// More of a user's credit is held for a session, until `leaseUntil`.
package struct LeaseRenewed: Sendable {
    package var session: SessionID
    package var added: Money
    package var pins: LotAmounts
    package var leaseUntil: Timestamp
}

package struct SessionExhausting: Sendable {
    package var session: SessionID
    package var added: Money
    package var pins: LotAmounts
    /// When what is held runs out, and when the session is stopped if nothing comes.
    package var emptyAt: Timestamp
    package var deadline: Timestamp
}

/// Usage of a running session, from where it was last posted to `through`.
package struct SessionPosted: Sendable {
    package var session: SessionID
    package var external: ShortText
    package var tier: Tier
    package var usage: MeteredUsage
    package var payment: Payment
    /// The tariff from here on, when the lock on the old one ended.
    package var repriced: Pricing?
}

/// The price of a monitored session from an instant on, where its tariff's lock ended. No money moves: what it used is
/// posted when it is heard.
package struct SessionRepriced: Sendable {
    package var session: SessionID
    package var at: Timestamp
    package var pricing: Pricing
}

/// An exact running charge: `amount` = round(numerator ÷ denominator) − what was posted before.
package struct MeteredUsage: Hashable, Sendable {
    package var amount: Money
    package var from: Timestamp
    package var through: Timestamp
    package var numerator: Int128
    package var denominator: Int128
    package var postedBefore: Money
    package var pricing: Pricing
}

package struct SessionClosed: Sendable {
    package enum Reason: UInt8, CaseIterable, Sendable {
        case stopped = 0, lost = 1, ttl = 2, funds = 3, banned = 4, cancelled = 5
        package var text: String {
            switch self {
            case .stopped: "stopped"
            case .lost: "lost"
            case .ttl: "ttl"
            case .funds: "funds"
            case .banned: "banned"
            case .cancelled: "cancelled"
            }
        }
    }
    package var session: SessionID
    package var external: ShortText
    package var tier: Tier
    package var type: UserType
    package var reason: Reason
    package var started: Timestamp
    package var usage: MeteredUsage
    /// The whole session: what it cost and how many postings it took.
    package var total: Money
    package var segments: UInt32
    package var payment: Payment
    package var released: Money
    package var broken: Money
    package var note: SealedText
}

package struct SessionRecorded: Sendable {
    package var session: ShortText
    package var tier: Tier
    package var type: UserType
    package var usage: MeteredUsage
    package var payment: Payment
    package var arguments: Hash128
}

package struct StorageCreated: Sendable {
    package var resource: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package var pricing: Pricing
}

/// Accrual up to a boundary, and what holds from there.
package struct StoragePosted: Sendable {
    package var resource: ResourceID
    package var external: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package var usage: MeteredUsage
    package var payment: Payment
    /// The price of the month that begins here, when a month ended.
    package var repriced: Pricing?
}

package struct StorageResized: Sendable {
    package var posted: StoragePosted
    package var megabytes: Int64
    package var pricing: Pricing
}

package struct StorageDeleted: Sendable {
    package var posted: StoragePosted
    /// What the resource cost in all its life.
    package var total: Money
}

package struct SpaceAdded: Sendable {
    package var space: SpaceAdd
}

package struct SpacePurchased: Sendable {
    package var space: ShortText
    package var workspace: ShortText
    package var instance: ShortText
    package var gigabytes: Int64
    package var amount: Money
    package var pricing: Pricing
    package var payment: Payment
}

package struct LotExpired: Sendable {
    package var lot: LotID
    package var amount: Money
}

/// A refusal worth keeping: under an idempotency key, so that it is answered alike again; and an admission that the
/// ledger turned away, so that a back-test can see what another price or limit would have let in.
package struct Refused: Sendable {
    package var rejection: RecordedRejection
    /// What was asked for, when it was a session.
    package var admission: RefusedAdmission?
}

/// A command under a new key that an earlier event had answered already (a second STOP, a session recorded before): the
/// key remembers that answer.
package struct Answered: Sendable {
    package var event: LSN
    /// What a RECORD asked: the earlier event answers the same arguments, others are refused with `EXISTS`.
    package var recorded: Hash128?
}

package struct RefusedAdmission: Hashable, Sendable {
    package var session: ShortText
    package var tier: Tier
    package var timeToLive: TimeSpan
    package var reserveFull: Bool
    package init(_ start: SessionStart) {
        session = start.session
        tier = start.tier
        timeToLive = start.timeToLive
        reserveFull = start.reserveFull
    }
}

/// The rejections that are journaled, and how.
package struct RecordedRejection: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case insufficient = 0, closed = 1, exists = 2, debt = 3, limit = 4, frozen = 5
    }
    package var kind: Kind
    package var subject: Rejection.Subject = .user
    package var available: Money = .zero
    /// What was needed; the debt.
    package var needed: Money = .zero
    package var limit: LimitName = .sessions
    package var limitValue: Int64 = 0
    package var state: UserState = .active

    package init?(_ rejection: Rejection) {
        switch rejection {
        case .insufficient(let available, let needed):
            (kind, self.available, self.needed) = (.insufficient, available, needed)
        case .closed(let subject): (kind, self.subject) = (.closed, subject)
        case .exists(let subject): (kind, self.subject) = (.exists, subject)
        case .ruleExists: (kind, subject) = (.exists, .rule)
        case .debt(let debt): (kind, needed) = (.debt, debt)
        case .limit(let name, let value): (kind, limit, limitValue) = (.limit, name, value)
        case .frozen(let state): (kind, self.state) = (.frozen, state)
        default: return nil
        }
    }

    package var rejection: Rejection {
        switch kind {
        case .insufficient: .insufficient(available: available, needed: needed)
        case .closed: .closed(subject)
        case .exists: .exists(subject)
        case .debt: .debt(needed)
        case .limit: .limit(limit, limitValue)
        case .frozen: .frozen(state)
        }
    }

    /// Whether an idempotency key answers with it again (SPEC 9): what later credit or a changed limit would let in is
    /// asked anew.
    package var isRememberedByKey: Bool {
        switch kind {
        case .insufficient, .closed, .exists: true
        case .debt, .limit, .frozen: false
        }
    }

    /// Whether it says that an admission was turned away for want of credit or by a limit.
    package var turnsAway: Bool {
        switch kind {
        case .insufficient, .debt, .limit, .frozen: true
        case .closed, .exists: false
        }
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
