/// What a metered rule returns: a price per unit of time, constant or in steps. Rates are nano-USD per hour for
/// sessions and per GB-month for storage. A tariff is data: once journaled it prices without Lua.
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
    /// Above this, a rule's result is refused: 10,000 USD per hour or GB-month. At this rate a thousand sessions of
    /// thirty days still fit in ``Money``.
    package static let maximumRate: Int64 = 10_000 * 1_000_000_000
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

/// What the core asks a rule: every input that a rule may see is in here, and is journaled with the answer.
///
/// Indirect are the questions that carry names: they are asked once, while those about what runs lie in each of its
/// rows and go from there into every posting.
package enum PriceQuery: Hashable, Sendable {
    /// `session_runtime(user_type, tier, seconds_this_month)` → tariff in nano-USD per hour.
    case sessionRuntime(type: UserType, tier: Tier, secondsThisMonth: Int64)
    /// `storage(user_type, kind, gigabytes)` → tariff in nano-USD per GB-month. `megabytes` / 1000 reaches the rule
    /// floored to whole GB.
    case storage(type: UserType, kind: StorageKind, megabytes: Int64)
    /// `space_purchase(user_type, space, list_price, size_gb)` → amount in nano-USD.
    indirect case spacePurchase(type: UserType, space: ShortText, listPrice: Money, gigabytes: Int64)
    /// `purchase_bonus(user_type, amount)` → amount in nano-USD.
    case purchaseBonus(type: UserType, amount: Money)
    /// `meter:NAME(user_type, quantity, quantity_this_month)` → amount in nano-USD. Both quantities reach the rule as
    /// counts of 10^-scale units; the month is that of the usage, and what it had before.
    indirect case usage(meter: ShortText, type: UserType, quantity: MeterQuantity, thisMonth: Int64)

    package var rule: RuleName {
        switch self {
        case .sessionRuntime: .sessionRuntime
        case .storage: .storage
        case .spacePurchase: .spacePurchase
        case .purchaseBonus: .purchaseBonus
        case .usage(let meter, _, _, _): .meter(meter)
        }
    }

    package var userType: UserType {
        switch self {
        case .sessionRuntime(let type, _, _), .storage(let type, _, _), .spacePurchase(let type, _, _, _),
            .purchaseBonus(let type, _), .usage(_, let type, _, _):
            type
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

// MARK: - Integration

extension Tariff {
    /// nano-USD times nanoseconds of metering between two instants after the start: exact, to be divided by an hour
    /// (``Tariff/hour``) when it becomes money. `from` ≤ `to`. Never overflows: rates are at most ``maximumRate``,
    /// spans have 64 bits, so the sum stays below 10^32.
    package func integral(from: TimeSpan, to: TimeSpan) -> Int128 {
        if steps.isEmpty { return Int128(rate) * Int128(to.nanoseconds - from.nanoseconds) }
        var sum = Int128(0)
        var start = Int64(0)
        var rate = self.rate
        for index in 0...steps.count {
            let end = index < steps.count ? steps[index].from.nanoseconds : Int64.max
            let (low, high) = (max(start, from.nanoseconds), min(end, to.nanoseconds))
            if low < high { sum += Int128(rate) * Int128(high - low) }
            if index < steps.count { (start, rate) = (end, steps[index].rate) }
        }
        return sum
    }

    /// The denominator of ``integral(from:to:)`` for a rate per hour.
    package static let hour = Int128(3_600_000_000_000)

    /// What metering between two instants costs, rounded up; nil when it does not fit in 64 bits.
    package func quote(from: TimeSpan, to: TimeSpan) -> Money? {
        Rational.up(integral(from: from, to: to), over: Tariff.hour)
    }

    /// The rate at an instant after the start.
    package func rate(at elapsed: TimeSpan) -> Int64 {
        steps.last { $0.from <= elapsed }?.rate ?? rate
    }

    /// How far metering from `from` gets with a budget of `numerator` (nano-USD × nanoseconds): the inverse of
    /// ``integral(from:to:)``, rounded down. `.max` when the budget is never used up.
    package func reach(from: TimeSpan, budget: Int128) -> TimeSpan {
        var left = budget
        var at = from.nanoseconds
        var rate = self.rate(at: from)
        for step in steps where step.from > from {
            let cost = Int128(rate) * Int128(step.from.nanoseconds - at)
            if cost > left { break }
            left -= cost
            (at, rate) = (step.from.nanoseconds, step.rate)
        }
        guard rate > 0 else { return TimeSpan(nanoseconds: .max) }
        return TimeSpan(nanoseconds: Int64(clamping: Int128(at) + left / Int128(rate)))
    }
}
