/// Whether scripts and transactions may use a command.
package enum ScriptUse: Hashable, Sendable {
    case yes
    /// It reads the journal: what is not at hand is fetched first, and the script run anew.
    case aside
    /// It may not, and why.
    case no(String)

    package var isAllowed: Bool {
        switch self {
        case .yes, .aside: true
        case .no: false
        }
    }
}

extension CommandSpec {
    /// A script runs where the ledger decides: what the connection, the server or a thread of its own answers is not to
    /// be had there.
    package var script: ScriptUse {
        switch id {
        case .ping, .echo, .select, .time: return .yes
        case .dryRun: return .no("what a script does can be taken back as a whole: raise an error")
        case .at, .diff: return .no("it reads a user's whole past")
        case .passportCreate, .passportRotate: return .no("it makes a secret, which is shown once and kept nowhere")
        case .ruleLoad, .ruleCheck, .ruleActivate, .ruleRollback, .ruleBacktest, .ruleShadow, .ruleDiff, .ruleStep:
            return .no("a rule is examined beside the ledger")
        case .clockAccept, .clockSet: return .no("it moves the ledger's time, which stands still meanwhile")
        // The rest is told by who answers.
        case .auth, .hello, .quit, .reset, .clientSetName, .clientGetName, .clientSetInfo, .clientID, .clientInfo,
            .clientList, .configGet, .command, .commandCount, .commandInfo, .commandDocs, .commandList, .help,
            .userCreate, .userGet, .userSet, .userDelete, .userList, .userFind, .userSummary, .passportVerify,
            .passportList, .passportSet, .passportRevoke, .creditPurchase, .creditGrant, .creditCharge, .creditAdjust,
            .creditRefund, .creditTransfer, .creditBalance, .creditLots, .creditHistory, .allowanceSet,
            .allowanceRemove, .allowanceList, .holdPlace, .holdCapture, .holdVoid, .holdGet, .holdList, .sessionQuote,
            .sessionAdmit, .sessionStart, .sessionHeartbeat, .sessionRetier, .sessionStop, .sessionGet, .sessionCancel,
            .sessionRecord, .sessionList, .storageCreate, .storageResize, .storageDelete, .storageList, .spaceAdd,
            .spaceGrant, .spaceRevoke, .spaceList, .spacePurchase, .spaceOwned, .meterAdd, .meterList, .usageRecord,
            .usageQuote, .priceInfo, .explain, .ruleList, .ruleShow, .limitList, .limitSet, .info, .slowlogGet,
            .slowlogLen, .slowlogReset, .latencyLatest, .latencyRecent, .latencyHistogram, .dbsize, .snapshot, .clock,
            .wait, .shutdown, .scriptLoad, .scriptExists, .scriptFlush, .scriptKill, .multi, .discard, .unwatch,
            .runway, .monitor, .tailFrom, .tailStop,
            .eval, .evalSHA, .exec, .watch, .forkNew, .forkRun, .forkAdvance, .forkDiff, .forkList, .forkDrop:
            break
        }
        switch lane {
        case .write, .gate, .view, .table, .list: return .yes
        case .history, .procedure: return .aside
        case .program: return .no("one is under way")
        case .connection, .identity, .operations, .barrier, .following:
            return .no("it is about the connection or the server")
        }
    }
}

extension CommandTable {
    /// Fields of answers that hold an amount of money: what a script gets as one. A build for debugging holds every
    /// answer that it writes against it. (`recorded` is an instant in the answer to RULE BACKTEST, which no amount is
    /// written like.)
    package static let moneyFields: Set<String> = [
        "accrued", "amount", "author_share", "available", "available_before", "available_for", "billed", "bonus",
        "burn_rate", "cap_day", "cap_month", "captured", "cost", "credits", "current_balance", "debt", "debt_before",
        "difference", "downtime_per_hour", "expired", "expiring", "expiring_credit", "failed_revenue", "forfeited",
        "forgiven", "granted", "held", "known", "lapsed", "list", "list_price", "list_rate", "original", "overdraft",
        "owed", "owed_new", "owed_old", "paid", "pinned", "posted", "promo", "rate", "recomputed", "recorded",
        "released", "remaining", "repaid", "revenue_new", "revenue_old", "rollover", "scoped", "session_rate", "spent",
        "spent_day", "spent_month", "storage_rate", "total", "total_adjusted", "total_earned", "total_expired",
        "total_granted", "total_purchased", "total_refunded", "total_spent", "total_transferred", "worst_difference",
    ]
}
