internal import LedgerCore

/// Prices tried out on what was used, without effect on anybody.
extension CommandTable {
    static let priceTrialCommands = [ruleBacktest, ruleShadow, ruleDiff, ruleStep]

    private static let sourceOrVersion = "or the number of a loaded version"

    private static let ruleBacktest = CommandSpec(
        .ruleBacktest, "RULE BACKTEST", .prices, .adminAll, .operations,
        [
            .need("rule", .ruleName), .need("source", .source, sourceOrVersion), .must("FROM", "t", .time),
            .must("TO", "t", .time, "exclusive"), .option("BY", "what", .priceGrouping),
            .option("COUNT", "n", .count, "so many users, sessions or differences at most", standard: "10"),
            .flag("ADMIT", "decide the commands of that time anew as well"),
        ],
        "Price the recorded usage of a time again, with another version or a source that is not kept: what would have come in?",
        notes: [
            "Usage is what the journal has with what its rule was asked: parts of sessions and of storage as they were posted, recorded sessions, purchases of spaces, records of meters, bonuses on purchases. What began in [FROM, TO) counts, as in USER SUMMARY. What no rule priced is not usage.",
            "The arithmetic is that of the books, and exact: with the version that priced it, `revenue_new` is `revenue_old` to the nano-dollar. A session's parts are rounded as one sum, a resource's as one for each month; what was posted of it before FROM stays as it is. Storage that was cut at the ceiling of its debt is not raised, and what stood still unpaid costs nothing. Only amounts change: nobody is refused or stopped here for want of credit.",
            "`BY user` lists those first who would pay the most more; of spaces, `BY tier` tells the space, of storage its kind. A part that the rule fails to price is counted in `failed` and `failed_revenue` and in no other sum; `first_failure` names the first one's charge and says why. A rule that ran out of its budget a hundred times is not run any more: whatever was not asked before counts as failed.",
            "It reads the journal beside everything else, on a thread of low priority; one runs at a time, a few wait, and one whose client goes is given up. A rule that looks at what was used in the month is run for each session; one that does not is run once for each type and tier, which is many times as fast.",
            "`ADMIT` takes the ledger as it was at FROM, puts the rule in force in it, and decides the commands that were recorded in [FROM, TO) anew, with what is due between them: a map `admit` says who would have been refused, and which sessions would have ended earlier for want of credit. Its `revenue_old` and `revenue_new` are what was charged by it in that time. With the version that was in force (`same` 1) every receipt must come out as it was, to the byte: `differences` lists what does not. With another, `alike` are those with the same events and amounts, `moot` those about something that is not there then, and an activation of another version is passed over (`skipped`).",
            "`refused` is a list of `command`, `code`, `count`, `amount` (what it came to in the books); `ended` of `session`, `user`, `ended`, `reason`, `recorded`, `recorded_reason`, `earlier_by` (seconds). `let_in` are admissions that were refused then and would not be. `unknown` says what no journal tells. It needs the memory of a fork (--fork-memory) while it runs.",
        ],
        reply: .map([
            "rule", "sha256", "from", "to", "through", "parts", "unaffected", "higher", "lower", "revenue_old",
            "revenue_new", "difference", "failed", "failed_revenue", "first_failure", "groups", "admit", "seconds",
        ]),
        examples: [
            "RULE BACKTEST session_runtime 2 FROM 2026-11-01 TO 2026-12-01 BY user COUNT 5",
            "RULE BACKTEST session_runtime 2 FROM 2026-11-01 TO 2026-12-01 ADMIT",
            "RULE BACKTEST space_purchase \"return function(t, space, price) return price // 2 end\" FROM 2026-11-01 TO 2026-12-01",
        ]
    ) { a, _ throws(CommandError) in
        let name = try a.ruleName(0)
        let range = try a.range()
        let grouping: PriceGrouping? = try a.choice("BY", \.text)
        switch (grouping, name) {
        case (.tier, .purchaseBonus), (.tier, .meter):
            throw .invalid("BY tier is for sessions, storage and spaces: \(name.text) knows no tier")
        case (.tier, .sessionRuntime), (.tier, .storage), (.tier, .spacePurchase), (.type, _), (.user, _), (nil, _):
            break
        }
        var draft = BacktestDraft(
            rule: name, text: try a.ruleText(1), from: range.from ?? .distantPast, to: range.to ?? .never,
            grouping: grouping, admits: a.has("ADMIT"))
        if let field = a.given("COUNT") { draft.count = Int(try a.integer(field, 1...10_000)) }
        return ParsedCommand(a, .ruleBacktest(draft))
    }

    private static let shadowFields = [
        "rule", "version", "sha256", "since", "until", "running", "through", "parts", "unaffected", "higher", "lower",
        "revenue_old", "revenue_new", "difference", "median_change", "p95_change", "worst_user", "worst_difference",
        "failed", "failed_revenue", "first_failure",
    ]

    private static let ruleShadow = CommandSpec(
        .ruleShadow, "RULE SHADOW", .prices, .adminAll, .operations,
        [
            .need("rule", .ruleName), .need("version", .versionOrOff, shown: "version|OFF"),
            .option("FOR", "d", .lifetime, "default: until OFF"),
        ],
        "Let a loaded version price beside the active one, without effect, or end that.",
        notes: [
            "From now on the version is asked about each part that the rule prices, when that is in the journal: nobody is charged by it or waits for it, and one that fails or runs away is counted in `failed`. RULE DIFF shows what it has found; OFF answers that a last time.",
            "One version at a time for each rule, 16 rules at most; one whose time (FOR) is over costs nothing more, is shown until OFF, and gives way to a new one. It is a follower (INFO followers shows how far it is) and is not journaled: a restart of the server ends it, as `note` says.",
        ],
        reply: .map(shadowFields + ["note"]),
        examples: ["RULE SHADOW session_runtime 2 FOR 7d", "RULE SHADOW session_runtime OFF"]
    ) { a, _ throws(CommandError) in
        let name = try a.ruleName(0)
        let span = try a.span("FOR", from: .seconds(1))
        if a.isWord(1, "off" as StaticString) {
            guard span == nil else { throw .invalid("FOR is for a version; OFF ends at once") }
            return ParsedCommand(a, .ruleShadow(name, version: nil, span: nil))
        }
        return ParsedCommand(a, .ruleShadow(name, version: try a.integer32(1), span: span))
    }

    private static let ruleDiff = CommandSpec(
        .ruleDiff, "RULE DIFF", .prices, .adminAll, .operations, [.need("rule", .ruleName)],
        "What a rule's shadow has found so far: what would cost more, what less, and how much.",
        notes: [
            "Parts are counted as RULE BACKTEST counts them, from when the shadow began. `median_change` and `p95_change` are percent of what the parts cost, of all parts: half of them, and 95 of 100, changed by at most so much (counted in tenths, up to 900.0, as is what cost nothing before). `worst_user` is who would pay the most more in sum."
        ],
        reply: .map(shadowFields), examples: ["RULE DIFF session_runtime"]
    ) { a, _ throws(CommandError) in ParsedCommand(a, .ruleDiff(try a.ruleName(0))) }

    private static let ruleStep = CommandSpec(
        .ruleStep, "RULE STEP", .prices, .adminAll, .history,
        [.need("charge", .entry), .may("source", .source, sourceOrVersion + "; default: the text that priced it")],
        "Run a rule on what it was asked for a charge, line by line.",
        notes: [
            "`steps` are maps of `line`, `source` (the line) and `locals`: what is in sight before the line runs, as text. The source itself runs anew for every question, so its own lines come first. Entries of a table are shown where they are at most eight.",
            "`answer` is what the rule answers now, `amount` what the charge would be by it; `billed_answer` and `billed` are what they were. A rule that fails is shown up to where it did, and `error` says why. At most 1000 steps are shown; `cut` is 1 where more ran. The budgets are those of every price.",
            "Nothing is kept, and nothing is charged: a draft can be run on any charge that a rule priced.",
        ],
        reply: .map([
            "charge", "rule", "sha256", "inputs", "steps", "cut", "answer", "error", "amount", "billed_answer",
            "billed",
        ]),
        examples: ["RULE STEP c_4q", "RULE STEP c_4q \"return function(t, tier) return usd'0.04' end\""]
    ) { a, _ throws(CommandError) in
        let charge = try a.birth(0, among: [.charge, .entry])
        return ParsedCommand(a, .ruleStep(charge, a.has(1) ? try a.ruleText(1) : nil), on: .charge(charge))
    }
}
