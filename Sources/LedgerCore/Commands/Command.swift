/// What a client asks of the ledger: a wish. It names users, sessions and the like by their keyed hash (``Names``), so
/// a command is a small value; only texts that the ledger must remember travel with it.
///
/// Free text and personal fields (`SealedText`) are encrypted before they come here: the core never sees them in the
/// clear.
package enum Command: Sendable {
    case userCreate(UserCreate)
    case userSet(UserSet)
    case passportCreate(PassportCreate)
    case passportRevoke(PassportID)
    case passportRotate(PassportRotate)
    case creditPurchase(CreditPurchase)
    case creditGrant(CreditGrant)
    case creditCharge(CreditCharge)
    case creditAdjust(CreditAdjust)
    indirect case creditRefund(CreditRefund)
    case holdPlace(HoldPlace)
    case holdCapture(HoldCapture)
    case holdVoid(HoldID)
    case sessionStart(SessionStart)
    case sessionHeartbeat(session: Hash128)
    case sessionStop(session: Hash128)
    case sessionCancel(session: Hash128, reason: SealedText)
    case sessionRecord(SessionRecord)
    case storageCreate(StorageCreate)
    case storageResize(resource: Hash128, megabytes: Int64)
    case storageDelete(resource: Hash128)
    indirect case spaceAdd(SpaceAdd)
    indirect case spacePurchase(SpacePurchase)
    case ruleLoad(RuleLoad)
    case ruleActivate(RuleActivate)
    case ruleRollback(RuleRollback)
    case limitSet(LimitSet)
    case clockAccept
    case engineStart(EngineStart)
}

/// Bytes that only a user's own key opens: nonce, ciphertext, tag. Empty means absent.
package typealias SealedText = [UInt8]

/// A command with the passport that asks and, where given, its idempotency key.
package struct Request: Sendable {
    package var actor: PassportOrdinal
    package var key: IdempotencyKey?
    package var command: Command

    package init(actor: PassportOrdinal, key: IdempotencyKey? = nil, command: Command) {
        self.actor = actor
        self.key = key
        self.command = command
    }
}

/// `KEY k`: `scope` is the hash of passport, command name and key; `arguments` the hash of everything else that was
/// asked.
package struct IdempotencyKey: Hashable, Sendable {
    package var scope: Hash128
    package var arguments: Hash128
    package init(scope: Hash128, arguments: Hash128) {
        self.scope = scope
        self.arguments = arguments
    }
}

package struct UserCreate: Sendable {
    package var id: ShortText
    /// HMAC of the normalised e-mail: finds a second sign-up without keeping the address.
    package var emailHash: Hash128
    package var email: SealedText
    package var name: SealedText
    package var type: UserType
    package init(id: ShortText, emailHash: Hash128, email: SealedText, name: SealedText, type: UserType) {
        self.id = id
        self.emailHash = emailHash
        self.email = email
        self.name = name
        self.type = type
    }
}

package struct UserSet: Sendable {
    package enum Change: Sendable {
        case name(SealedText)
        case type(UserType)
        case state(UserState)
    }
    package var user: Hash128
    package var change: Change
    package init(user: Hash128, change: Change) {
        self.user = user
        self.change = change
    }
}

package struct PassportCreate: Sendable {
    package var user: Hash128
    package var id: PassportID
    /// HMAC-SHA-256 of the whole secret under the server's pepper.
    package var digest: Digest256
    package var lastFour: UInt32
    package var name: SealedText
    package var permissions: Permissions
    package var scope: Scope
    package var expires: Timestamp
    /// Requests per hour, 0 for no limit of its own.
    package var rate: UInt32
    package init(
        user: Hash128, id: PassportID, digest: Digest256, lastFour: UInt32, name: SealedText, permissions: Permissions,
        scope: Scope, expires: Timestamp = .never, rate: UInt32 = 0
    ) {
        self.user = user
        self.id = id
        self.digest = digest
        self.lastFour = lastFour
        self.name = name
        self.permissions = permissions
        self.scope = scope
        self.expires = expires
        self.rate = rate
    }
}

package struct PassportRotate: Sendable {
    package var old: PassportID
    package var id: PassportID
    package var digest: Digest256
    package var lastFour: UInt32
    /// How long the old secret stays valid.
    package var overlap: TimeSpan
    package init(old: PassportID, id: PassportID, digest: Digest256, lastFour: UInt32, overlap: TimeSpan) {
        self.old = old
        self.id = id
        self.digest = digest
        self.lastFour = lastFour
        self.overlap = overlap
    }
}

package struct CreditPurchase: Sendable {
    package var user: Hash128
    package var amount: Money
    package var method: ShortText
    /// The provider's id, unique per method for ever; empty when none was given.
    package var reference: ShortText
    package init(user: Hash128, amount: Money, method: ShortText, reference: ShortText = ShortText()) {
        self.user = user
        self.amount = amount
        self.method = method
        self.reference = reference
    }
}

package struct CreditGrant: Sendable {
    package var user: Hash128
    package var amount: Money
    /// `.promo` or `.compensation`.
    package var kind: LotKind
    /// nil: at once.
    package var effective: Timestamp?
    package var expires: Timestamp
    package var reason: SealedText
    package init(
        user: Hash128, amount: Money, kind: LotKind, effective: Timestamp? = nil, expires: Timestamp = .never,
        reason: SealedText
    ) {
        self.user = user
        self.amount = amount
        self.kind = kind
        self.effective = effective
        self.expires = expires
        self.reason = reason
    }
}

package struct CreditCharge: Sendable {
    package var user: Hash128
    package var amount: Money
    package var source: ShortText
    package var description: SealedText
    /// Beyond what is available, the rest becomes debt.
    package var over: Bool
    package init(user: Hash128, amount: Money, source: ShortText, description: SealedText = [], over: Bool = false) {
        self.user = user
        self.amount = amount
        self.source = source
        self.description = description
        self.over = over
    }
}

package struct CreditAdjust: Sendable {
    package var user: Hash128
    /// Negative takes credit away (then debt), positive repays debt first.
    package var amount: Money
    package var reason: SealedText
    package var reference: ShortText
    package init(user: Hash128, amount: Money, reason: SealedText, reference: ShortText = ShortText()) {
        self.user = user
        self.amount = amount
        self.reason = reason
        self.reference = reference
    }
}

package struct CreditRefund: Sendable {
    /// The charge and the lots it burned, as they stand in the journal: events never change, so the engine may read
    /// them ahead of the decision.
    package var charge: Event
    package var lots: [LotOrigin]
    /// nil: all that has not been refunded yet.
    package var amount: Money?
    package var reason: SealedText
    package init(charge: Event, lots: [LotOrigin], amount: Money?, reason: SealedText) {
        self.charge = charge
        self.lots = lots
        self.amount = amount
        self.reason = reason
    }
}

package struct HoldPlace: Sendable {
    package var user: Hash128
    package var amount: Money
    package var timeToLive: TimeSpan
    /// The revenue account that captures go to.
    package var source: ShortText
    package init(user: Hash128, amount: Money, timeToLive: TimeSpan, source: ShortText) {
        self.user = user
        self.amount = amount
        self.timeToLive = timeToLive
        self.source = source
    }
}

package struct HoldCapture: Sendable {
    package var hold: HoldID
    package var amount: Money
    package var final: Bool
    package var over: Bool
    package init(hold: HoldID, amount: Money, final: Bool, over: Bool) {
        self.hold = hold
        self.amount = amount
        self.final = final
        self.over = over
    }
}

package struct SessionStart: Sendable {
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
}

package struct SessionRecord: Sendable {
    package var session: ShortText
    package var user: Hash128
    package var tier: Tier
    package var from: Timestamp
    package var to: Timestamp
    /// Hash of all arguments: the same id with the same arguments answers with the stored receipt.
    package var arguments: Hash128
    package init(session: ShortText, user: Hash128, tier: Tier, from: Timestamp, to: Timestamp, arguments: Hash128) {
        self.session = session
        self.user = user
        self.tier = tier
        self.from = from
        self.to = to
        self.arguments = arguments
    }
}

package struct StorageCreate: Sendable {
    package var user: Hash128
    package var resource: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package init(user: Hash128, resource: ShortText, kind: StorageKind, megabytes: Int64) {
        self.user = user
        self.resource = resource
        self.kind = kind
        self.megabytes = megabytes
    }
}

/// A catalogue entry: what a space costs is rule input, not the price itself.
package struct SpaceAdd: Sendable {
    package var id: ShortText
    package var name: ShortText
    package var description: [UInt8]
    package var category: ShortText
    package var gigabytes: Int64
    package var cost: Money
    package var isPublic: Bool
    package init(
        id: ShortText, name: ShortText, description: [UInt8], category: ShortText, gigabytes: Int64, cost: Money,
        isPublic: Bool
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.category = category
        self.gigabytes = gigabytes
        self.cost = cost
        self.isPublic = isPublic
    }
}

package struct SpacePurchase: Sendable {
    package var user: Hash128
    package var space: ShortText
    package var workspace: ShortText
    package var instance: ShortText
    package init(user: Hash128, space: ShortText, workspace: ShortText, instance: ShortText) {
        self.user = user
        self.space = space
        self.workspace = workspace
        self.instance = instance
    }
}

package struct RuleLoad: Sendable {
    package var name: RuleName
    package var identity: RuleIdentity
    package var source: [UInt8]
    package init(name: RuleName, identity: RuleIdentity, source: [UInt8]) {
        self.name = name
        self.identity = identity
        self.source = source
    }
}

package struct RuleActivate: Sendable {
    package var name: RuleName
    package var identity: RuleIdentity
    /// nil: now.
    package var at: Timestamp?
    /// What the rule asks for every type × tier or kind, computed by the engine before the command is decided.
    package var book: PriceBook
    package init(name: RuleName, identity: RuleIdentity, at: Timestamp?, book: PriceBook) {
        self.name = name
        self.identity = identity
        self.at = at
        self.book = book
    }
}

package struct RuleRollback: Sendable {
    package var name: RuleName
    package init(name: RuleName) { self.name = name }
}

package struct LimitSet: Sendable {
    package var type: UserType
    package var limit: LimitName
    /// Count, megabytes, nanoseconds or nano-USD by the limit's kind; `Limits.none` for no limit; for `tiers` a bit
    /// set.
    package var value: Int64
    package init(type: UserType, limit: LimitName, value: Int64) {
        self.type = type
        self.limit = limit
        self.value = value
    }
}

/// The first command after a start: says how long nobody was there, and settings that decisions depend on.
package struct EngineStart: Sendable {
    package var version: ShortText
    package var downtime: TimeSpan
    package var keyRetention: TimeSpan
    package var keyCapacity: UInt64
    package init(version: ShortText, downtime: TimeSpan, keyRetention: TimeSpan, keyCapacity: UInt64) {
        self.version = version
        self.downtime = downtime
        self.keyRetention = keyRetention
        self.keyCapacity = keyCapacity
    }
}
