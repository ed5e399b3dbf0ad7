internal import LedgerCore

extension CommandTable {
    static let limitCommands = [
        limitList, limitSet,
    ]

    private static let limitList = CommandSpec(
        .limitList, "LIMIT LIST", .prices, .adminAll, .list,
        [.may("who", .limitSubject, "default: every type", shown: "type|user:ID")],
        "What each type of user may have at most; of one user, what may be spent.",
        notes: [
            "Of a user: `cap_day` and `cap_month`, its own or those of its type, what is `spent` or held of it in this UTC day or month, and when it begins anew (`resets`).",
            "`overdraft`, with `exhaustion_grace` or, where it is set, `exhaustion_debt`: the most that one user's sessions can spend beyond their credit while the ledger runs. `downtime_per_hour`: what an hour may add in which it is away and can stop nothing.",
        ],
        reply: .list(["type", "limit", "value", "overdraft", "downtime_per_hour", "spent", "resets"]),
        examples: ["LIMIT LIST", "LIMIT LIST user:u_ada"]
    ) { a, context throws(CommandError) in
        ParsedCommand(a, .query(.limits(a.has(0) ? try a.limitSubject(0, context) : nil)))
    }

    private static let limitSet = CommandSpec(
        .limitSet, "LIMIT SET", .prices, .adminAll, .gate,
        [
            .need("who", .limitSubject, shown: "type|user:ID"), .need("limit", .limitName),
            .need("value", .limitValue, "none: no limit"),
        ],
        key: true, "Change a limit.",
        notes: [
            "Values: `sessions` and `requests_per_hour` whole numbers; `tiers` a list like small,medium; `storage_gb` decimal; `purchase_min` and `purchase_max` amounts; `exhaustion_grace` and `storage_grace` durations; `exhaustion_debt`, `storage_debt`, `cap_day` and `cap_month` amounts.",
            "A user of its own has `cap_day` and `cap_month`, in the place of those of its type; none: as the type. What counts for them is what `PASSPORT CREATE` says of a passport's, and what storage accrues.",
            "What becomes of sessions without credit: they stop after `exhaustion_grace`, with `0s` at once; where `exhaustion_debt` is set, they run on until their user's debt reaches it, and no grace counts.",
            "What becomes of storage without credit: it accrues to debt for `storage_grace`, and up to `storage_debt`, whichever comes first; see `STORAGE LIST`.",
        ],
        reply: .receipt(["type", "limit", "value"]),
        examples: ["LIMIT SET free sessions 3", "LIMIT SET user:u_ada cap_day 10"]
    ) { a, context throws(CommandError) in
        let limit: LimitName = try a.choice(1, \.text)
        switch try a.limitSubject(0, context) {
        case .type(let type):
            let set = LimitSet(type: type, limit: limit, value: try a.limitValue(2, of: limit))
            return ParsedCommand(a, .mutation(.limitSet(set)))
        case .user(let user):
            guard let period = CapPeriod.allCases.first(where: { $0.text == limit.text }) else {
                throw .invalid("a user of its own has the limits cap_day and cap_month; \(limit.text) is its type's")
            }
            let set = UserLimitSet(user: user, period: period, value: try a.limitValue(2, of: limit))
            return ParsedCommand(a, .mutation(.userLimitSet(set)), on: .user(user))
        }
    }
}

extension Arguments {
    /// The id behind `user:`; nil where it is none.
    static func userName(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        name(bytes, behind: "user:")
    }

    /// A type of user, or `user:` and the id of one.
    func limitSubject(_ field: Int, _ context: ParseContext) throws(CommandError) -> UserOrType {
        guard let name = Self.userName(bytes(field)) else { return .type(try choice(field, \.text)) }
        guard name.count <= ShortText.capacity, Echo.isPrintable(name) else { throw refusal(field) }
        return .user(context.names.hash(.user, name))
    }

    /// The value of a LIMIT SET that was read before.
    var limitValue: Int64? {
        guard let limit: LimitName = try? choice(1, \.text) else { return nil }
        return try? limitValue(2, of: limit)
    }

    /// A count, megabytes, nano-USD, nanoseconds or a set of tiers, by the kind of the limit.
    func limitValue(_ field: Int, of limit: LimitName) throws(CommandError) -> Int64 {
        let bytes = bytes(field)
        let shown = Echo.shown(bytes).map { " '\($0)'" } ?? ""
        func refusal(_ expected: String) -> CommandError { .invalid("value\(shown) is not \(expected)") }
        let mayBeNone = limit != .tiers && limit != .exhaustionGrace && limit != .storageGrace
        if mayBeNone, isWord(field, "none") { return Limits.none }
        switch limit {
        case .sessions, .requestsPerHour:
            guard let value = Decimal.parse(bytes), value < UInt64(UInt32.max) else {
                throw refusal("a whole number or none")
            }
            return Int64(value)
        case .tiers:
            var set: Int64 = 0
            for word in String(decoding: bytes.prefix(64), as: UTF8.self).split(
                separator: ",", omittingEmptySubsequences: false)
            {
                guard let tier = Tier(text: word.lowercased()) else {
                    throw refusal("a list of tiers like small,medium")
                }
                set |= 1 << Int64(tier.rawValue)
            }
            return set
        case .storage:
            guard let gigabytes = Money(parsing: bytes), gigabytes.nanos % 1_000_000 == 0 else {
                throw refusal("a number of GB with at most 3 fraction digits, or none")
            }
            return gigabytes.nanos / 1_000_000
        case .purchaseMinimum, .purchaseMaximum:
            guard let amount = Money(parsing: bytes), amount.nanos % Money.cent.nanos == 0 else {
                throw refusal("an amount in whole cents, or none")
            }
            return amount.nanos
        case .exhaustionDebt, .storageDebt, .capDay, .capMonth:
            guard let amount = Money(parsing: bytes), amount <= Money(nanos: StateMachine.accountCeiling) else {
                throw refusal("an amount of at most \(Money(nanos: StateMachine.accountCeiling)), or none")
            }
            return amount.nanos
        case .exhaustionGrace, .storageGrace:
            guard let span = TimeSpan(parsing: bytes), span <= .days(30) else {
                throw refusal("a duration from 0s to 30d")
            }
            return span.nanoseconds
        }
    }
}
