/// A read that the writer answers from its tables (at most 1,000 rows a page), in its place among the writes.
/// Lists come newest first; `cursor` 0 starts at the newest, the result's `next` continues, 0 when there is no more.
package enum Query: Sendable {
    case user(Hash128)
    /// `for`: how much there is for charges of this source.
    case balance(user: Hash128, for: ShortText? = nil)
    case users(Page)
    case find(UserSearch, Page)
    case passport(PassportID)
    case passports(user: Hash128, Page)
    case lots(user: Hash128, Page)
    case hold(HoldID)
    case holds(user: Hash128, Page)
    case session(Hash128)
    /// Open sessions, of one user and in one status where given.
    case sessions(user: Hash128?, status: SessionStatus?, Page)
    case resources(user: Hash128, Page)
    /// As far as the catalogue is shown to a user; nil: all of it.
    case spaces(Page, for: Subject? = nil)
    /// What a user owns, in one workspace where given.
    case instances(user: Hash128, workspace: ShortText?, Page)
    case limits(UserOrType?)
    /// What types and users are allowed; of a user, what counts for it.
    case allowances(UserOrType?, Page)
    case meters
    case rules
    /// The source of a version, or of the active version when none is named.
    case ruleSource(RuleName, version: UInt32?)
    /// As far as they are shown to a user; nil: all of them.
    case priceBooks(for: Subject? = nil)
    case books
    /// What is needed to quote: the engine asks the rule and finishes with ``SessionQuote``.
    case quote(user: Hash128, tier: Tier)
    /// Likewise for what a meter would count.
    case usageQuote(user: Hash128, meter: ShortText, billionths: Int64)
}

extension Query {
    /// The page that it asks for, where it asks for one.
    package var page: Page? {
        switch self {
        case .users(let page), .find(_, let page), .passports(_, let page), .lots(_, let page), .holds(_, let page),
            .sessions(_, _, let page), .resources(_, let page), .spaces(let page, _),
            .instances(_, _, let page), .allowances(_, let page):
            page
        case .user, .balance, .passport, .hold, .session, .limits, .meters, .rules, .ruleSource, .priceBooks, .books,
            .quote,
            .usageQuote:
            nil
        }
    }
}

/// Whose limits, whose allowance.
package enum UserOrType: Hashable, Sendable {
    case type(UserType)
    case user(Hash128)
}

/// Users who have this address, or whose id begins so; what is nil finds nobody.
package struct UserSearch: Hashable, Sendable {
    package var email: Hash128?
    package var beginning: ShortText?
    package init(email: Hash128?, beginning: ShortText?) {
        self.email = email
        self.beginning = beginning
    }
}

package struct Page: Hashable, Sendable {
    package var count: Int
    package var cursor: UInt64
    package init(count: Int = 100, cursor: UInt64 = 0) {
        self.count = count
        self.cursor = cursor
    }
}

package enum QueryResult: Sendable {
    case rejected(Rejection)
    case user(UserRow)
    case balance(BalanceRow)
    case users([UserRow], next: UInt64)
    case passport(PassportRow)
    case passports([PassportRow], next: UInt64)
    case lots([LotRow], next: UInt64)
    case hold(HoldRow)
    case holds([HoldRow], next: UInt64)
    case session(SessionRow)
    /// The session is closed or was recorded: its receipt is this event.
    case closedSession(LSN)
    case sessions([SessionRow], next: UInt64)
    case resources([ResourceRow], next: UInt64)
    case spaces([SpaceRow], next: UInt64)
    case instances([InstanceRow], next: UInt64)
    case limits([LimitRow])
    case allowances([AllowanceRow], next: UInt64)
    case meters([MeterRow])
    case rules([RuleRow])
    case ruleSource(RuleRow, source: [UInt8])
    case priceBooks([PriceBookRow])
    case books([BookRow])
    case quote(PriceQuery, user: UserRow)
}

package struct UserRow: Sendable {
    package var ordinal: UserOrdinal
    package var id: ShortText
    package var email: PersonalText
    package var name: PersonalText
    package var type: UserType
    package var state: UserState
    package var created: Timestamp
    package var account: AccountImage
    package var sessions: Int
    package var storage: StorageStanding
    package var lastEvent: LSN
}

package struct BalanceRow: Sendable {
    package var user: UserRow
    /// What there is for the source that was asked about.
    package var availableFor: Money?
    package var time: Timestamp
    package init(user: UserRow, availableFor: Money? = nil, time: Timestamp) {
        self.user = user
        self.availableFor = availableFor
        self.time = time
    }
}

package struct PassportRow: Sendable {
    package var ordinal: PassportOrdinal
    package var id: PassportID
    package var user: UserOrdinal
    package var userID: ShortText
    package var digest: Digest256
    package var lastFour: UInt32
    package var name: PersonalText
    package var permissions: Permissions
    package var scope: Scope
    package var created: Timestamp
    package var expires: Timestamp
    package var revoked: Bool
    package var rate: UInt32
    package var requiresKeys: Bool
    package var caps: Caps
    /// Charged, used and held.
    package var spentDay = Money.zero
    package var spentMonth = Money.zero
    /// A hint that the ledger does not keep: the answerer fills it in. `.distantPast`: unknown.
    package var lastUsed = Timestamp.distantPast
}

package struct LotRow: Sendable {
    package var origin: LotOrigin
    package var remaining: Money
    package var pinned: Money
    /// Its place in the order in which the user's lots burn, from 1.
    package var order: Int
}

package struct HoldRow: Sendable {
    package var id: HoldID
    package var user: UserOrdinal
    package var userID: ShortText
    package var amount: Money
    package var source: ShortText
    package var placed: Timestamp
    package var expires: Timestamp
    package var labels = Labels.none
}

package struct SessionRow: Sendable {
    package var id: SessionID
    package var session: ShortText
    package var user: UserOrdinal
    package var userID: ShortText
    package var type: UserType
    package var tier: Tier
    package var status: SessionStatus
    package var started: Timestamp
    /// nano-USD per hour now.
    package var rate: Int64
    package var held: Money
    package var leaseUntil: Timestamp
    package var emptyAt: Timestamp
    /// `.never` unless exhausting.
    package var deadline: Timestamp
    package var ttlEnd: Timestamp
    package var heartbeat: TimeSpan
    package var lastHeard: Timestamp
    /// Up to the instant of the read.
    package var elapsed: TimeSpan
    package var amount: Money
    package var labels = Labels.none
}

package struct ResourceRow: Sendable {
    package var id: ResourceID
    package var resource: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package var created: Timestamp
    /// nano-USD per GB-month.
    package var rate: Int64
    /// Accrued and not posted, at the instant of the read.
    package var accrued: Money
    /// Posted in all its life.
    package var posted: Money
    package var standing: StorageStanding
    package var labels = Labels.none
}

package struct SpaceRow: Sendable {
    package var space: SpaceEntry
    /// The user who made it; empty for what the ledger began with.
    package var creator: ShortText
    package var created: Timestamp
}

package struct InstanceRow: Sendable {
    /// The purchase, and the charge.
    package var id: ChargeID
    package var space: ShortText
    package var workspace: ShortText
    package var instance: ShortText
    package var gigabytes: Int64
    package var purchased: Timestamp
    package var amount: Money
}

package struct LimitRow: Sendable {
    package var type: UserType
    /// Empty for what holds for all of the type.
    package var user = ShortText()
    package var limit: LimitName
    package var value: Int64
    /// For the limit that says how sessions outlive their credit: the largest overdraft that those of one user of this
    /// type can make together, while the ledger runs. nil elsewhere and without an active rule.
    package var overdraft: Money?
    /// What each hour may add to it in which the ledger is away, for it can stop nothing then.
    package var downtimePerHour: Money?
    /// Of a user's cap: what was charged, used and held, and when it begins anew.
    package var spent: Money?
    package var resets = Timestamp.never
}

package struct AllowanceRow: Sendable {
    /// Empty: of all users of the type who have none of their own.
    package var user = ShortText()
    package var type: UserType
    package var terms: AllowanceTerms
    /// When the next lot comes, where one user is asked about.
    package var next = Timestamp.never
}

package struct MeterRow: Sendable {
    package var name: ShortText
    package var unit: ShortText
    package var scale: UInt8
    package var description: [UInt8]
    /// Of the rule that prices it; nil: none does yet.
    package var version: UInt32?
    package var created: Timestamp
}

package struct RuleRow: Sendable {
    package var name: RuleName
    package var version: UInt32
    package var identity: RuleIdentity
    package var loaded: Timestamp
    package var active: Bool
    /// When it became active, or will; `.never` otherwise.
    package var activation: Timestamp
}

package struct PriceBookRow: Sendable {
    package var rule: RuleRow
    package var book: PriceBook
    /// What the rule was not asked when it became active: the engine asks it now.
    package var unpriced: [PriceQuery] = []
    package init(rule: RuleRow, book: PriceBook) {
        self.rule = rule
        self.book = book
    }
}

/// One account of the business's books. Liabilities to users and revenue are positive, assets and costs negative; the
/// sum over all is zero.
package struct BookRow: Sendable {
    package var account: String
    package var balance: Int128
}

/// What a ledger has to catch up with after it was away.
package struct Overdue: Hashable, Sendable {
    package var lots = 0
    /// Credit of those lots, in nano-USD: it expires now, but for what is still to be charged for the time they were
    /// good.
    package var credit = Int128(0)
    package var holds = 0
    /// Sessions whose time to live has ended.
    package var sessions = 0
    package init() {}
}
