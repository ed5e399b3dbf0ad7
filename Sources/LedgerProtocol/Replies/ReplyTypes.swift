package import LedgerCore

/// The texts a receipt shows besides what its event holds: about `event.user`, and nobody else.
package struct ReceiptNames: Hashable, Sendable {
    /// The user's id; empty for events of the ledger itself.
    package var user: ShortText
    /// The user's e-mail in the clear; nil when its key is gone. Read only where ``needsEmail(_:)``.
    package var email: [UInt8]?

    package init(user: ShortText, email: [UInt8]? = nil) {
        self.user = user
        self.email = email
    }

    /// Whether an event's receipt shows an e-mail address; decrypt none otherwise.
    package static func needsEmail(_ event: Event) -> Bool {
        switch event.body {
        case .userCreated, .sessionStarted: true
        default: false
        }
    }
}

/// `PASSPORT VERIFY`.
package struct VerifyReply: Sendable {
    package var passport: PassportID
    package var user: ShortText
    package var email: [UInt8]?
    package var type: UserType
    package var state: UserState
    package var permissions: Permissions
    package var scope: Scope
    package var available: Money
    package var debt: Money

    package init(
        passport: PassportID, user: ShortText, email: [UInt8]?, type: UserType, state: UserState,
        permissions: Permissions, scope: Scope, available: Money, debt: Money
    ) {
        self.passport = passport
        self.user = user
        self.email = email
        self.type = type
        self.state = state
        self.permissions = permissions
        self.scope = scope
        self.available = available
        self.debt = debt
    }
}

/// `CREDIT BALANCE`.
package struct BalanceReply: Sendable {
    package var user: ShortText
    package var type: UserType
    package var state: UserState
    package var available: Money
    package var paid: Money
    package var promo: Money
    package var held: Money
    package var debt: Money
    /// The instant `available` was computed for.
    package var time: Timestamp

    package init(
        user: ShortText, type: UserType, state: UserState, available: Money, paid: Money, promo: Money, held: Money,
        debt: Money, time: Timestamp
    ) {
        self.user = user
        self.type = type
        self.state = state
        self.available = available
        self.paid = paid
        self.promo = promo
        self.held = held
        self.debt = debt
        self.time = time
    }
}

/// `EXPLAIN`: the event of a charge with what was found about its rule.
package struct ExplainReply: Sendable {
    package var event: Event
    package var user: ShortText
    /// Version of the rule that priced it; nil when no rule did.
    package var ruleVersion: UInt32?
    /// One sentence about asking the rule again, and whether the answer was the same; nil when no rule was asked.
    package var proof: String?
    package var agrees: Bool?

    package init(event: Event, user: ShortText, ruleVersion: UInt32? = nil, proof: String? = nil, agrees: Bool? = nil) {
        self.event = event
        self.user = user
        self.ruleVersion = ruleVersion
        self.proof = proof
        self.agrees = agrees
    }
}

/// `SESSION QUOTE`.
package struct QuoteReply: Sendable {
    package var user: ShortText
    package var type: UserType
    package var tier: Tier
    package var duration: TimeSpan
    package var quote: SessionQuote
    package var available: Money

    package init(
        user: ShortText, type: UserType, tier: Tier, duration: TimeSpan, quote: SessionQuote, available: Money
    ) {
        self.user = user
        self.type = type
        self.tier = tier
        self.duration = duration
        self.quote = quote
        self.available = available
    }
}

/// `RULE CHECK`.
package struct RuleCheckReply: Sendable {
    package var rule: RuleName
    package var identity: RuleIdentity
    /// What is wrong; empty: it may be activated.
    package var findings: [String]
    package var book: PriceBook

    package init(rule: RuleName, identity: RuleIdentity, findings: [String], book: PriceBook) {
        self.rule = rule
        self.identity = identity
        self.findings = findings
        self.book = book
    }
}

/// A connection as `CLIENT INFO` and `HELLO` show it.
package struct ClientReply: Sendable {
    package var id: UInt64
    package var address: String
    package var localAddress: String
    package var name: ShortText
    package var library: ShortText
    package var libraryVersion: ShortText
    /// Seconds since it was opened, and since its last command.
    package var age: Int64
    package var idle: Int64
    /// The user of its passport; empty before AUTH.
    package var user: ShortText

    package init(
        id: UInt64, address: String, localAddress: String, name: ShortText = ShortText(),
        library: ShortText = ShortText(), libraryVersion: ShortText = ShortText(), age: Int64, idle: Int64,
        user: ShortText = ShortText()
    ) {
        self.id = id
        self.address = address
        self.localAddress = localAddress
        self.name = name
        self.library = library
        self.libraryVersion = libraryVersion
        self.age = age
        self.idle = idle
        self.user = user
    }
}

/// One entry of `SLOWLOG GET`; `words` are masked (``Masking``).
package struct SlowlogEntry: Sendable {
    package var id: UInt64
    package var time: Timestamp
    package var duration: TimeSpan
    package var words: [String]
    package var address: String
    package var name: ShortText

    package init(id: UInt64, time: Timestamp, duration: TimeSpan, words: [String], address: String, name: ShortText) {
        self.id = id
        self.time = time
        self.duration = duration
        self.words = words
        self.address = address
        self.name = name
    }
}
