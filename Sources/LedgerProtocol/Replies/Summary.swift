internal import LedgerCore

/// `USER SUMMARY`.
package struct SummaryReply: Sendable {
    package static let fields = [
        "user", "from", "to", "current_balance", "debt", "total_purchased", "total_bonus", "total_granted",
        "total_refunded", "total_adjusted", "total_expired", "total_spent", "entries", "credits_by_source",
        "spent_by_source", "entries_by_source",
    ]
}
