package import LedgerCore
package import LedgerRules

/// A read of the journal, answered by a reader thread: takes as long as the disk takes.
package enum HistoryRequest: Hashable, Sendable {
    /// An event by its number (a closed session's receipt, `QueryResult.closedSession`).
    case event(LSN)
    /// `Outcome.replayed`: the receipt of the first time. A remembered refusal comes back as `.remembered`.
    case replayed(LSN)
    /// `Outcome.recorded`: the first receipt when its arguments are these, else `.rejected(.exists(…))`.
    case recorded(LSN, arguments: Hash128)
    /// CREDIT HISTORY: entries recorded in [from, to), newest first; `cursor` 0 begins at the newest.
    case history(user: Hash128, from: Timestamp?, to: Timestamp?, label: LabelFilter? = nil, Page)
    /// USER SUMMARY: entries whose effective time begins in [from, to). `through`: of the entries through that event of
    /// the user's alone, and nothing of the account.
    case summary(user: Hash128, from: Timestamp?, to: Timestamp?, by: ShortText? = nil, through: LSN? = nil)
    /// AT: what is asked about a user as of a moment.
    indirect case past(user: Hash128, Moment, PastQuestion)
    /// DIFF.
    case difference(user: Hash128, Moment, Moment)
    /// EXPLAIN.
    case explain(ChargeID)
    /// What `Command.creditRefund` needs to know of a charge.
    case refund(ChargeID)
    /// Likewise of a closed or recorded session: the event that answers for it.
    case refundSession(LSN)
    /// A hold that is closed: its placing event and what became of it. `through`: by that event of its user's.
    case hold(HoldID, through: LSN? = nil)
    /// Short reads in one go, such as the receipts that one client has not taken yet.
    indirect case several([HistoryRequest])
}

package enum HistoryResult: Sendable {
    case rejected(Rejection)
    /// A refusal that was given before, under the same key, at that time.
    case remembered(Rejection, since: Timestamp)
    case event(Event)
    case history([HistoryRow], next: UInt64)
    case summary(Summary)
    case past(PastAccount)
    case worth(KnownWorth)
    indirect case difference(Difference)
    case explanation(ChargeExplanation)
    case refund([CreditRefund.Charge])
    case hold(ClosedHold)
    /// In the order of the requests.
    case several([HistoryResult])
    /// The journal could not be read: `ERR`, and logged.
    case fault(String)
}

/// One line of a user's statement. Over all of a user's rows, credits − debits = paid + promo + held − debt.
package struct HistoryRow: Sendable {
    package var lsn: LSN
    package var id: BirthID
    package var kind: BirthKind
    /// Recorded.
    package var time: Timestamp
    /// Effective [from, to).
    package var from: Timestamp
    package var to: Timestamp
    package var isCredit: Bool
    package var amount: Money
    /// Afterwards.
    package var available: Money
    /// `stripe`, `promo`, `session_runtime`, a charge's source…
    package var source: ShortText
    /// Free text in the clear, or a few words about what it was.
    package var description: String
    /// The session's or resource's own id; empty where it is about neither.
    package var session: ShortText
    package var storage: ShortText
    package var labels = Labels.none
    /// The description is a text of somebody's.
    package var isPersonal = false
}

/// A user's bill between two instants (SPEC 3: by effective time).
package struct Summary: Sendable {
    package var user: UserOrdinal
    package var from: Timestamp?
    package var to: Timestamp?
    /// paid + promo + held − debt, now.
    package var account: AccountImage
    /// Nil where it is of a moment that is past.
    package var storage: StorageStanding?
    /// Everything charged: the sum over `billing`.
    package var spent: MoneySum
    /// Charges by billing type, in the order of their first appearance in time; refunds count in `refunded`.
    package var billing: [BillingTotal]
    package var sessions: [SessionTotal]
    package var purchased: MoneySum
    package var purchases: Int
    /// Granted, bonus, compensation, sign-up.
    package var granted: MoneySum
    package var adjusted: MoneySum
    package var refunded: MoneySum
    /// Received from other users, less what was sent to them.
    package var transferred: MoneySum
    /// Shares of spaces that others bought, less what was taken back.
    package var earned: MoneySum
    package var expired: MoneySum
    /// What meters counted, by name.
    package var meters: [MeterTotal] = []
    /// How many rows of the history were counted.
    package var entries: Int
    /// Where it was asked for: what was spent, by the values of a label.
    package var byLabel: LabelTotals?

    package struct BillingTotal: Sendable {
        package var source: ShortText
        package var count: Int
        package var amount: MoneySum
    }
    package struct MeterTotal: Sendable {
        package var meter: ShortText
        package var scale: UInt8
        package var count: Int
        /// Units of 10^-scale.
        package var quantity: Int128
        package var amount: MoneySum
    }
    /// What was charged, by the values of one label, ascending. All of it together is `spent`.
    package struct LabelTotals: Sendable {
        package let key: ShortText
        package internal(set) var totals: [ShortText: Total] = [:]
        /// Without that label.
        package internal(set) var others = Total()

        package struct Total: Sendable {
            package var count = 0
            package var amount = MoneySum.zero
        }

        package init(key: ShortText) { self.key = key }

        package var sorted: [(value: ShortText, total: Total)] {
            totals.map { ($0.key, $0.value) }.sorted { $0.value.precedes($1.value) }
        }
    }
    package struct SessionTotal: Sendable {
        package var tier: Tier
        /// Sessions that ended in the interval (or were recorded there).
        package var count: Int
        package var nanoseconds: Int128
        package var amount: MoneySum
    }
}

/// EXPLAIN: everything that made a charge what it is.
package struct ChargeExplanation: Sendable {
    package var event: Event
    package var amount: Money
    /// The metered usage, when it is one: its exact fraction and what was posted before.
    package var usage: MeteredUsage?
    package var pricing: Pricing?
    package var settlement: Settlement
    /// Every lot that was burned, with what it is.
    package var lots: [LotOrigin]
    package var ruleName: RuleName?
    /// The rule run once more.
    package var proof: Explanation?
    /// Amount as recomputed from the fraction.
    package var recomputed: Money?
    /// One sentence a step: rate × time, rounding, less what was posted.
    package var arithmetic: [String]
}

package struct ClosedHold: Sendable {
    package let placed: Event
    package var captured = MoneySum.zero
    package var released = MoneySum.zero
    /// Of `released`, what had expired.
    package var expired = MoneySum.zero
    /// `captured`, `voided`, `expired`, or `open`.
    package var status = "open"
    package var closed = Timestamp.never

    /// Nil where the event placed none.
    package init?(placed: Event) {
        guard case .holdPlaced = placed.body else { return nil }
        self.placed = placed
    }

    /// Adds what an event says about this hold, if anything.
    package mutating func add(_ event: Event, of hold: HoldID) {
        guard let change = event.facts.hold, change.hold == hold else { return }
        captured += change.captured
        released += change.released
        expired += change.expired
        if let end = change.ends { (status, closed) = (end, event.asOf) }
    }
}

extension Event {
    /// What was answered first under the key that this event was journaled with.
    package enum FirstAnswer {
        /// The receipt of this event.
        case receipt
        case refusal(Rejection)
        /// That of an earlier event; of a recorded session or usage, if its arguments were these.
        case earlier(LSN, arguments: Hash128?)
    }

    package var firstAnswer: FirstAnswer {
        if case .refused(let refused) = body { return .refusal(refused.rejection.rejection) }
        guard case .answered(let answered) = body else { return .receipt }
        return .earlier(answered.answer, arguments: answered.recorded)
    }

    /// What this event of a recorded session or usage says to one who records with these arguments.
    package func recorded(_ arguments: Hash128) -> HistoryResult {
        let recorded = facts.recorded
        guard recorded?.arguments == arguments else { return .rejected(.exists(recorded?.subject ?? .session)) }
        return .event(self)
    }
}
