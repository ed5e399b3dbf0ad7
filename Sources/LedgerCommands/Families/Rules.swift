internal import LedgerCore

extension CommandTable {
    static let ruleCommands = [
        priceInfo, explain, ruleLoad, ruleList, ruleShow, ruleCheck, ruleActivate, ruleRollback,
    ]

    private static let ruleFields = ["rule", "version", "sha256", "loaded", "active", "activation"]

    private static let priceInfo = CommandSpec(
        .priceInfo, "PRICE INFO", .prices, .read, .list, [], "The active price book.",
        notes: [
            "For each active rule: its version, and its prices by user type, in USD per hour, per GB-month or once; of a meter: for some quantities at the beginning of a month.",
            "Spaces are those that the passport may see, at most the newest 1000.",
        ],
        reply: .other("a map: rule → version, sha256, since, unit, prices (user type → what → price)"),
        examples: ["PRICE INFO"]
    ) { a, _ in ParsedCommand(a, .query(.priceBooks())) }

    private static let explain = CommandSpec(
        .explain, "EXPLAIN", .prices, .readOwn, .history, [.need("charge", .entry)],
        "Why a charge is what it is: inputs, rule, arithmetic, lots; and the proof, by asking the rule again.",
        notes: [
            "`inputs` is a map, `lots` a list of maps (`lot kind amount from`, from `hold` or `free`), `arithmetic` a list of sentences. `answer` is the rate per hour or GB-month, or the amount, that the rule gave.",
            "An entry that no rule priced (an adjustment, a transfer) is explained by its amount and the lots it took from.",
        ],
        reply: .map([
            "charge", "lsn", "time", "user", "source", "amount", "from", "to", "rule", "sha256", "inputs", "answer",
            "list", "arithmetic", "recomputed", "lots", "owed", "proof", "agrees", "labels",
        ]),
        examples: ["EXPLAIN c_4q"]
    ) { a, _ throws(CommandError) in
        let charge = try a.birth(0, among: [.charge, .entry])
        return ParsedCommand(a, .explain(charge), on: .charge(charge))
    }

    private static let ruleLoad = CommandSpec(
        .ruleLoad, "RULE LOAD", .prices, .adminAll, .procedure, [.need("rule", .ruleName), .need("source", .source)],
        key: true, "Journal a new version of a rule; it prices nothing until it is activated.",
        reply: .receipt(["rule", "version", "sha256"]),
        examples: ["RULE LOAD purchase_bonus \"return function(t, amount) return amount // 10 end\""]
    ) { a, _ throws(CommandError) in
        ParsedCommand(a, .ruleLoad(try a.ruleName(0), source: try a.source(1)))
    }

    private static let ruleList = CommandSpec(
        .ruleList, "RULE LIST", .prices, .adminAll, .list, [], "All versions of all rules.",
        reply: .list(ruleFields), examples: ["RULE LIST"]
    ) { a, _ in ParsedCommand(a, .query(.rules)) }

    private static let ruleShow = CommandSpec(
        .ruleShow, "RULE SHOW", .prices, .adminAll, .list,
        [.need("rule", .ruleName), .may("version", .version, "default: the active one")], "A rule's source.",
        reply: .map(ruleFields + ["source"]), examples: ["RULE SHOW session_runtime"]
    ) { a, _ throws(CommandError) in
        ParsedCommand(a, .query(.ruleSource(try a.ruleName(0), version: a.has(1) ? try a.integer32(1) : nil)))
    }

    private static let ruleCheck = CommandSpec(
        .ruleCheck, "RULE CHECK", .prices, .adminAll, .operations,
        [.need("rule", .ruleName), .need("source", .source, "or the number of a loaded version")],
        "Try a source without keeping it: does it load, and answer every question it can be asked with a price?",
        notes: [
            "`findings` refuse an activation: a question without a price, a float, another answer when asked again. `notes` do not; they say what is worth knowing before: a volume discount and the very second or unit from which it holds, a larger quantity that costs less, the largest step in price, places that make floating-point numbers, and the question that cost most of the instruction budget.",
            "Discounts and steps are found by sampling: from nothing to some thousand hours or a million units, halving between samples that differ. A step between two samples with the same price is not seen. No `findings` and no `notes` but the last is what a flat price list gets.",
        ],
        reply: .map(["rule", "sha256", "passes", "findings", "notes", "worst_instructions", "prices"]),
        examples: ["RULE CHECK purchase_bonus \"return function() return 0 end\""]
    ) { a, _ throws(CommandError) in
        ParsedCommand(a, .ruleCheck(try a.ruleName(0), try a.ruleText(1)))
    }

    private static let ruleActivate = CommandSpec(
        .ruleActivate, "RULE ACTIVATE", .prices, .adminAll, .procedure,
        [.need("rule", .ruleName), .need("version", .version), .option("AT", "t", .time, "default: now")],
        key: true, "Price with this version from now on, or from a time on.",
        reply: .receipt(["rule", "version", "sha256", "at"]), examples: ["RULE ACTIVATE session_runtime 2"]
    ) { a, _ throws(CommandError) in
        let at = try a.time("AT")
        if at == .never { throw .invalid("AT is never: a version that is not activated prices nothing already") }
        return ParsedCommand(a, .ruleActivate(try a.ruleName(0), version: try a.integer32(1), at: at))
    }

    private static let ruleRollback = CommandSpec(
        .ruleRollback, "RULE ROLLBACK", .prices, .adminAll, .write, [.need("rule", .ruleName)], key: true,
        "Price with the version that was active before.", reply: .receipt(["rule", "version", "sha256", "at"]),
        examples: ["RULE ROLLBACK session_runtime"]
    ) { a, _ throws(CommandError) in
        ParsedCommand(a, .mutation(.ruleRollback(RuleRollback(name: try a.ruleName(0)))))
    }
}
