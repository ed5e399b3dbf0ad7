/// What a metered rule returns: a price per unit of time, constant or in steps. Rates are nano-USD per hour for sessions
/// and per GB-month for storage. A tariff is data: once journaled it prices without Lua, for ever.
package struct Tariff: Hashable, Sendable {
    /// From `from` after the start of metering onwards, `rate` applies, until the next step.
    package struct Step: Hashable, Sendable {
        package var from: TimeSpan
        package var rate: Int64
        package init(from: TimeSpan, rate: Int64) {
            self.from = from
            self.rate = rate
        }
    }

    /// The rate from the start.
    package var rate: Int64
    /// What the list asks, kept as a memo (an admin's zero charge still shows it).
    package var listRate: Int64
    /// Further steps in ascending order of `from` (> 0); empty for a constant rate, and then nothing is allocated.
    package var steps: [Step]

    package init(rate: Int64, listRate: Int64, steps: [Step] = []) {
        self.rate = rate
        self.listRate = listRate
        self.steps = steps
    }

    package static let free = Tariff(rate: 0, listRate: 0)
    /// Above this, a rule's result is refused: one million USD per hour or GB-month.
    package static let maximumRate: Int64 = 1_000_000 * 1_000_000_000
    package static let maximumSteps = 64

    /// The highest rate any of its steps asks.
    package var highestRate: Int64 { steps.reduce(rate) { max($0, $1.rate) } }
}

/// Which rule priced something: its source's SHA-256 (with the interface version) is its identity.
package struct RuleIdentity: Hashable, Sendable {
    package var digest: Digest256
    package init(digest: Digest256) { self.digest = digest }
    package static let none = RuleIdentity(digest: .zero)
}

/// The prices that are rules. Raw values are journaled.
package enum RuleName: UInt8, CaseIterable, Sendable {
    case sessionRuntime = 0
    case storage = 1
    case spacePurchase = 2
    case purchaseBonus = 3

    package var text: String {
        switch self {
        case .sessionRuntime: "session_runtime"
        case .storage: "storage"
        case .spacePurchase: "space_purchase"
        case .purchaseBonus: "purchase_bonus"
        }
    }

    package init?(text: String) {
        guard let name = RuleName.allCases.first(where: { $0.text == text }) else { return nil }
        self = name
    }
}

/// What the core asks a rule: every input that a rule may see is in here, and is journaled with the answer.
package enum PriceQuery: Hashable, Sendable {
    /// `session_runtime(user_type, tier, seconds_this_month)` → tariff in nano-USD per hour.
    case sessionRuntime(type: UserType, tier: Tier, secondsThisMonth: Int64)
    /// `storage(user_type, kind, gigabytes)` → tariff in nano-USD per GB-month. `megabytes` / 1000 reaches the rule floored to whole GB.
    case storage(type: UserType, kind: StorageKind, megabytes: Int64)
    /// `space_purchase(user_type, space, list_price, size_gb)` → amount in nano-USD.
    case spacePurchase(type: UserType, space: ShortText, listPrice: Money, gigabytes: Int64)
    /// `purchase_bonus(user_type, amount)` → amount in nano-USD.
    case purchaseBonus(type: UserType, amount: Money)

    package var rule: RuleName {
        switch self {
        case .sessionRuntime: .sessionRuntime
        case .storage: .storage
        case .spacePurchase: .spacePurchase
        case .purchaseBonus: .purchaseBonus
        }
    }
}

/// What a rule answered, validated: integers, ≥ 0, below the ceilings.
package enum PriceAnswer: Hashable, Sendable {
    case tariff(Tariff)
    case amount(Money)
}

/// A rule's answer together with the rule that gave it.
package struct Priced: Hashable, Sendable {
    package var answer: PriceAnswer
    package var rule: RuleIdentity
    package init(answer: PriceAnswer, rule: RuleIdentity) {
        self.answer = answer
        self.rule = rule
    }
}

/// The answers of a rule for every user type × tier (or storage kind), computed when it is activated. Timers that
/// change a price (end of a tariff lock, a new storage month) read it here and never run Lua.
package struct PriceBook: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        package var query: PriceQuery
        package var answer: PriceAnswer
        package init(query: PriceQuery, answer: PriceAnswer) {
            self.query = query
            self.answer = answer
        }
    }
    package var rows: [Row]
    package init(rows: [Row] = []) { self.rows = rows }
}
