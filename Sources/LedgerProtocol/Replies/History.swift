package import LedgerCore

/// One movement of a user's credit, as `CREDIT HISTORY` shows it.
package struct HistoryRow: Hashable, Sendable {
    package static let fields = [
        "id", "time", "from", "to", "type", "amount", "available", "source", "description", "session", "storage",
    ]

    package enum Direction: Hashable, Sendable { case credit, debit }

    package var id: BirthID
    package var kind: BirthKind
    package var time: Timestamp
    package var from: Timestamp
    package var to: Timestamp
    package var direction: Direction
    package var amount: Money
    /// What could be spent after the event it belongs to.
    package var available: Money
    package var source: String
    /// Still sealed.
    package var description: SealedText
    package var session: ShortText
    package var storage: ShortText
}
