extension CommandTable {
    private static let ruleFields = ["rule", "version", "sha256", "loaded", "active", "activation"]

    static let priceCommands: [CommandSpec] = [
        CommandSpec(
            .priceInfo, "PRICE INFO", .prices, .read, .table, [], "The active price book.",
            notes: [
                "For each active rule: its version, and its prices by user type, in USD per hour, per GB-month or once."
            ],
            reply: .other("a map: rule → version, sha256, since, unit, prices (user type → what → price)"),
            examples: ["PRICE INFO"]),
        CommandSpec(
            .explain, "EXPLAIN", .prices, .readOwn, .history, [.need("charge", .charge)],
            "Why a charge is what it is: inputs, rule, arithmetic, lots; and the proof, by asking the rule again.",
            notes: [
                "`inputs` is a map, `lots` a list of maps (`lot kind amount from`, from `hold` or `free`), `arithmetic` a list of sentences. `answer` is the rate per hour or GB-month, or the amount, that the rule gave."
            ],
            reply: .map([
                "charge", "lsn", "time", "user", "source", "amount", "from", "to", "rule", "sha256", "inputs", "answer",
                "list", "arithmetic", "recomputed", "lots", "owed", "proof", "agrees",
            ]),
            examples: ["EXPLAIN c_4q"]),
        CommandSpec(
            .ruleLoad, "RULE LOAD", .prices, .adminAll, .write, [.need("rule", .ruleName), .need("source", .source)],
            key: true, "Journal a new version of a rule; it prices nothing until it is activated.",
            reply: .receipt(["rule", "version", "sha256"]),
            examples: ["RULE LOAD purchase_bonus \"return function(t, amount) return amount // 10 end\""]),
        CommandSpec(
            .ruleList, "RULE LIST", .prices, .adminAll, .table, [], "All versions of all rules.",
            reply: .list(ruleFields), examples: ["RULE LIST"]),
        CommandSpec(
            .ruleShow, "RULE SHOW", .prices, .adminAll, .table,
            [.need("rule", .ruleName), .may("version", .version, "the active one unless told")], "A rule's source.",
            reply: .map(ruleFields + ["source"]), examples: ["RULE SHOW session_runtime"]),
        CommandSpec(
            .ruleCheck, "RULE CHECK", .prices, .adminAll, .operations,
            [.need("rule", .ruleName), .need("source", .source, "or the number of a loaded version")],
            "Try a source without keeping it: does it load, and answer every question it can be asked with a price?",
            reply: .map(["rule", "sha256", "passes", "findings", "prices"]),
            examples: ["RULE CHECK purchase_bonus \"return function() return 0 end\""]),
        CommandSpec(
            .ruleActivate, "RULE ACTIVATE", .prices, .adminAll, .write,
            [.need("rule", .ruleName), .need("version", .version), .option("AT", "t", .time, "now unless told")],
            key: true, "Price with this version from now on, or from a time on.",
            reply: .receipt(["rule", "version", "sha256", "at"]), examples: ["RULE ACTIVATE session_runtime 2"]),
        CommandSpec(
            .ruleRollback, "RULE ROLLBACK", .prices, .adminAll, .write, [.need("rule", .ruleName)], key: true,
            "Price with the version that was active before.", reply: .receipt(["rule", "version", "sha256", "at"]),
            examples: ["RULE ROLLBACK session_runtime"]),
        CommandSpec(
            .limitList, "LIMIT LIST", .prices, .adminAll, .table, [], "What each type of user may have at most.",
            notes: [
                "`overdraft`, with `exhaustion_grace`: the most that one user's sessions can spend beyond their credit."
            ],
            reply: .list(["type", "limit", "value", "overdraft"]), examples: ["LIMIT LIST"]),
        CommandSpec(
            .limitSet, "LIMIT SET", .prices, .adminAll, .write,
            [.need("type", .userType), .need("limit", .limitName), .need("value", .limitValue, "none: no limit")],
            key: true, "Change a limit.",
            notes: [
                "Values: `sessions` and `requests_per_hour` whole numbers; `tiers` a list like small,medium; `storage_gb` decimal; `purchase_min` and `purchase_max` amounts; `exhaustion_grace` a duration."
            ],
            reply: .receipt(["type", "limit", "value"]), examples: ["LIMIT SET free sessions 3"]),
    ]

    static let operationCommands: [CommandSpec] = [
        CommandSpec(
            .info, "INFO", .operations, .adminAll, .operations, [.may("section", .words)], "How the server is.",
            reply: .other("text: # Section, then name:value lines"), examples: ["INFO", "INFO persistence"]),
        CommandSpec(
            .slowlogGet, "SLOWLOG GET", .operations, .adminAll, .operations, [.may("count", .count, "10 unless told")],
            "The commands that kept the writer longest of late, newest first.",
            notes: [
                "The words are the command's name and the id of the user it names: no other argument is kept. Redis' last two fields, the client's address and name, are empty: the writer knows no connections."
            ],
            reply: .other("a list of [id, unix seconds, microseconds, words, \"\", \"\"]"),
            examples: ["SLOWLOG GET 5"]),
        CommandSpec(
            .slowlogLen, "SLOWLOG LEN", .operations, .adminAll, .operations, [], "How many entries the slow log has.",
            reply: .other("an integer"), examples: ["SLOWLOG LEN"]),
        CommandSpec(
            .slowlogReset, "SLOWLOG RESET", .operations, .adminAll, .operations, [], "Empty the slow log.",
            reply: .other("OK"), examples: ["SLOWLOG RESET"]),
        CommandSpec(
            .dbsize, "DBSIZE", .operations, .adminAll, .operations, [], "How many users there are.",
            reply: .other("an integer"), examples: ["DBSIZE"]),
        CommandSpec(
            .wait, "WAIT", .operations, .anyPassport, .operations,
            [
                .need("lsn", .lsn),
                .may("timeout", .timeout, "a duration, or milliseconds; 0 or nothing: as long as it takes"),
            ],
            "Wait until reads of this connection see an event, so that writes of another connection can be read here.",
            reply: .other("the last event that reads see, which is smaller than asked after a timeout"),
            examples: ["WAIT 4711 5s"]),
        CommandSpec(
            .snapshot, "SNAPSHOT", .operations, .adminAll, .operations, [], "Begin a snapshot in the background.",
            notes: ["The prompt and the importer on a data directory are answered when the snapshot is made."],
            reply: .other("a line"), examples: ["SNAPSHOT"]),
        CommandSpec(
            .clockAccept, "CLOCK ACCEPT", .operations, .adminAll, .write, [], key: true,
            "Go on although the wall clock deviates, after that made the ledger read-only.",
            notes: ["Recorded time stays the ledger's own, which only rises; it follows the wall clock slowly."],
            reply: .receipt([]),
            examples: ["CLOCK ACCEPT"]),
        CommandSpec(
            .shutdown, "SHUTDOWN", .operations, .adminAll, .operations,
            [.may("mode", .words, "both mean the same here", shown: "SAVE|NOSAVE")],
            "Stop the server: what was asked is answered, everything is on disk.",
            reply: .other("none: the connection closes"), examples: ["SHUTDOWN"]),
    ]
}
