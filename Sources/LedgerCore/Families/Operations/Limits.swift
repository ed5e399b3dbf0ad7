/// The limits a user type has. Raw values are journaled.
package enum LimitName: UInt8, NamedCase, Sendable {
    /// Concurrent sessions.
    case sessions = 0
    /// Allowed tiers, a bit set by ``Tier`` raw value.
    case tiers = 1
    /// Storage of all resources together, in megabytes (shown in GB).
    case storage = 2
    /// ADMIT and VERIFY in a sliding hour; kept beside the read view, never journaled.
    case requestsPerHour = 3
    /// Smallest and largest purchase, nano-USD.
    case purchaseMinimum = 4
    case purchaseMaximum = 5
    /// How long a session outlives its credit, nanoseconds.
    case exhaustionGrace = 6
    /// Where it is set, sessions outlive their credit until their user owes so much, nano-USD, and no grace counts.
    case exhaustionDebt = 7
    /// What storage accrues to debt at most before it is due to be deleted, nano-USD; and for how long, nanoseconds.
    case storageDebt = 8
    case storageGrace = 9
    /// What a user may spend a UTC day and month, nano-USD.
    case capDay = 10
    case capMonth = 11

    package var text: String {
        switch self {
        case .sessions: "sessions"
        case .tiers: "tiers"
        case .storage: "storage_gb"
        case .requestsPerHour: "requests_per_hour"
        case .purchaseMinimum: "purchase_min"
        case .purchaseMaximum: "purchase_max"
        case .exhaustionGrace: "exhaustion_grace"
        case .exhaustionDebt: "exhaustion_debt"
        case .storageDebt: "storage_debt"
        case .storageGrace: "storage_grace"
        case .capDay: CapPeriod.day.text
        case .capMonth: CapPeriod.month.text
        }
    }
}

/// Limits are data: one value for each user type and name.
package struct Limits: Hashable, Sendable {
    /// "No limit".
    package static let none = Int64.max

    private var values: [Int64]

    package subscript(type: UserType, limit: LimitName) -> Int64 {
        get { values[Int(type.rawValue) * LimitName.allCases.count + Int(limit.rawValue)] }
        set { values[Int(type.rawValue) * LimitName.allCases.count + Int(limit.rawValue)] = newValue }
    }

    /// What a new ledger starts with (SPEC 5).
    package static let defaults: Limits = {
        var limits = Limits(values: Array(repeating: none, count: UserType.allCases.count * LimitName.allCases.count))
        let everyTier = Tier.allCases.reduce(Int64(0)) { $0 | 1 << Int64($1.rawValue) }
        let smallAndMedium: Int64 = 1 << Int64(Tier.small.rawValue) | 1 << Int64(Tier.medium.rawValue)
        let table: [(UserType, sessions: Int64, tiers: Int64, gigabytes: Int64, requests: Int64)] = [
            (.free, 2, smallAndMedium, 10, 1_000),
            (.pro, 20, everyTier, 1_000, 20_000),
            (.enterprise, 200, everyTier, 100_000, 500_000),
            (.admin, 1_000, everyTier, none, none),
        ]
        for row in table {
            limits[row.0, .sessions] = row.sessions
            limits[row.0, .tiers] = row.tiers
            limits[row.0, .storage] = row.gigabytes == none ? none : row.gigabytes * 1000
            limits[row.0, .requestsPerHour] = row.requests
            limits[row.0, .purchaseMinimum] = 10 * Money.dollar.nanos
            limits[row.0, .purchaseMaximum] = 10_000 * Money.dollar.nanos
            limits[row.0, .exhaustionGrace] = TimeSpan.seconds(60).nanoseconds
            limits[row.0, .storageDebt] = 25 * Money.dollar.nanos
            limits[row.0, .storageGrace] = TimeSpan.days(7).nanoseconds
        }
        return limits
    }()

    package func allows(_ tier: Tier, for type: UserType) -> Bool {
        self[type, .tiers] & 1 << Int64(tier.rawValue) != 0
    }
}
