package import LedgerCore

/// What BACKTEST … ADMIT found: what became of the commands of a time at another price.
package struct RedecisionReport: Sendable {
    /// Commands that were accepted then and are refused now.
    package struct Refused: Sendable {
        package var command: String
        package var code: String
        package var count: Int
        /// What they came to in the books, sessions by the end of the time.
        package var amount: MoneySum
    }

    /// A session that ended for want of credit, or at a cap, earlier than it did.
    package struct Ended: Sendable {
        package var session: ShortText
        package var user: ShortText
        package var ended: Timestamp
        package var reason: String
        /// When it ended in the books, and why; `.never`: it still ran when the time was over.
        package var recorded: Timestamp
        package var recordedReason: String?

        package var earlierBy: TimeSpan? { recorded == .never ? nil : recorded - ended }
    }

    /// Of the journal, from the first to the last that was looked at.
    package var events = 0
    package var through = LSN.none
    package var commands = 0
    /// Of them, those with the same receipt: byte for byte where the rule is the one that priced then; else with the
    /// same events, users and amounts.
    package var alike = 0
    /// Accepted as then, with another receipt.
    package var unlike = 0
    /// About something that is not there in the other world, or not any more.
    package var moot = 0
    /// Those that would have put the rule on trial out of force.
    package var skipped = 0
    package var refused: [Refused] = []
    /// Admissions that were refused then for want of credit, and would be let in.
    package var letIn = 0
    /// Events of timers; of them, those that are not as they were (told only where the rule is the one of then).
    package var timers = 0
    package var timersUnlike = 0
    package var endedEarlier = 0
    /// Nanoseconds, over all sessions that ended in both worlds.
    package var earlierBy = Int128(0)
    package var endedLater = 0
    package var ended: [Ended] = []
    /// Users of whom a session ended for want of credit.
    package var exhaustedOld = 0
    package var exhaustedNew = 0
    /// Of what the rule prices.
    package var old = MoneySum.zero
    package var new = MoneySum.zero
    /// Of all charges, what became debt.
    package var owedOld = MoneySum.zero
    package var owedNew = MoneySum.zero
    /// The rule is the one that priced then: everything must be alike.
    package var isSame = false
    /// The first commands that are not alike.
    package var differences: [String] = []
    /// What cannot be known, in sentences.
    package var unknown: [String] = []
    /// Making the ledger of before, and deciding.
    package var loaded = TimeSpan.zero
    package var decided = TimeSpan.zero

    package var difference: MoneySum { MoneySum(nanos: new.nanos - old.nanos) }
    /// Events a second, decided anew.
    package var rate: Int64 {
        decided > .zero ? Int64(Int128(events) * 1_000_000_000 / Int128(decided.nanoseconds)) : 0
    }
}
