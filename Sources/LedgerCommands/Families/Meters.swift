internal import LedgerCore

extension CommandTable {
    static let meterCommands = [
        meterAdd, meterList, usageRecord, usageQuote,
    ]

    private static let meterAdd = CommandSpec(
        .meterAdd, "METER ADD", .meter, .adminAll, .write,
        [
            .need("meter", .word, "the billing type, and its revenue account"), .must("UNIT", "u", .label),
            .option("DESCRIPTION", "d", .text),
            .option("SCALE", "n", .scale, "fraction digits of a quantity", standard: "0"),
        ],
        key: true, "Add a billing type: something of the platform's own that is counted and priced by a rule.",
        notes: [
            "Its price is the rule `meter:` and its name: `function(user_type, quantity, quantity_this_month)`, which returns an amount. Both quantities are integers: with `SCALE 3`, 2.5 units are 2500. Load it with `RULE LOAD`, then `RULE ACTIVATE`; ready ones are in `Scripts/rules/meters`.",
            "It may not be a word that the ledger's own entries show. There are at most 256 meters, and they stay.",
        ],
        reply: .receipt(["meter", "unit", "scale"]),
        examples: ["METER ADD api_calls UNIT calls", "METER ADD egress UNIT GB SCALE 9 DESCRIPTION \"traffic out\""]
    ) { a, _ throws(CommandError) in
        let scale = try a.given("SCALE").map { field throws(CommandError) in try a.integer(field, 0...9) } ?? 0
        let add = MeterAdd(
            name: try a.chargeSource(0), unit: try a.keptName(1), description: try a.plainText("DESCRIPTION"),
            scale: UInt8(scale))
        return ParsedCommand(a, .mutation(.meterAdd(add)))
    }

    private static let meterList = CommandSpec(
        .meterList, "METER LIST", .meter, .read, .list, [], "All meters, newest first.",
        notes: ["`version` is that of the rule that prices it; null: none does yet."],
        reply: .list(["meter", "unit", "scale", "description", "version", "created"]), examples: ["METER LIST"]
    ) { a, _ in ParsedCommand(a, .query(.meters)) }

    private static let usageRecord = CommandSpec(
        .usageRecord, "USAGE RECORD", .meter, .writeAll, .write,
        [
            .need("usage", .reference, "unique for all time"), .need("user", .user), .need("meter", .word),
            .need("quantity", .quantity),
            .option("AT", "t", .time, "when it was used, not later than now; default: now"),
        ],
        key: true, labels: true, "Bill what a meter counted, at the price of the rule that is active now.",
        notes: [
            "No limits, caps or funds check; what credit does not cover becomes debt. The same id with the same arguments (labels among them) gives the first answer, replayed; with others: EXISTS.",
            "`quantity_this_month` of the rule is what was recorded before for the user, the meter and the UTC month of `AT`.",
        ],
        reply: .receipt([
            "user", "usage", "meter", "quantity", "unit", "charge", "at", "amount", "owed", "available", "debt",
        ]),
        examples: [
            "USAGE RECORD req-2026-11-23 u_ada api_calls 1200", "USAGE RECORD out-7 u_ada egress 0.25 AT 2026-11-22",
        ]
    ) { a, context throws(CommandError) in
        let user = try a.user(1, context)
        let at = try a.time("AT")
        let record = UsageRecord(
            id: try a.keptName(0), user: user, meter: try a.word(2), billionths: try a.quantity(3), at: at,
            arguments: a.argumentsHash(context.names))
        return ParsedCommand(a, .mutation(.usageRecord(record)), on: .user(user))
    }

    private static let usageQuote = CommandSpec(
        .usageQuote, "USAGE QUOTE", .meter, .readOwn, .table,
        [.need("user", .user), .need("meter", .word), .need("quantity", .quantity)],
        "What a quantity would cost now; nothing is recorded.",
        reply: .map(["user", "type", "meter", "quantity", "amount", "available", "enough", "sha256"]),
        examples: ["USAGE QUOTE u_ada api_calls 1200"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let quote = ParsedCommand.Ask.usageQuote(user: user, meter: try a.word(1), billionths: try a.quantity(2))
        return ParsedCommand(a, quote, on: .user(user))
    }
}
