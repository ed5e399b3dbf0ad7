internal import LedgerCore

/// A page of a user's statement, filled event by event, the newest first. Its cursor is twice the LSN to go on with,
/// plus one where that event's first row was on the page before.
struct StatementPage {
    private let from: Timestamp?
    private let to: Timestamp?
    private let label: LabelFilter?
    private let count: Int
    /// Rows of the first event that were on the page before.
    private var skip: Int
    private var rows: [HistoryRow] = []
    private var next: UInt64 = 0

    static let otherCursor = Rejection.invalid("CURSOR is not one that this user's HISTORY gave")

    /// Of entries recorded in [from, to). The first event is that of the page's cursor, if it has one.
    init(_ from: Timestamp?, _ to: Timestamp?, _ label: LabelFilter?, _ page: Page) {
        (self.from, self.to, self.label) = (from, to, label)
        count = max(1, min(page.count, 10_000))
        skip = Int(page.cursor % 2)
    }

    var result: HistoryResult { .history(rows, next: next) }

    /// Takes an event, older than those before; `counts`: only such rows of it. False: the page ends here.
    mutating func take(
        _ event: Event, rows ofEvent: (Event) -> [HistoryRow], where counts: (HistoryRow) -> Bool = { _ in true }
    ) -> Bool {
        if let from, event.asOf < from { return false }
        defer { skip = 0 }
        if let to, event.asOf >= to { return true }
        // Else the cursor is one of another filter.
        if let label, !label.admits(event.labels) { return true }
        for (index, row) in ofEvent(event).enumerated() where index >= skip && counts(row) {
            guard rows.count < count else {
                next = event.lsn.value * 2 + UInt64(index)
                return false
            }
            rows.append(row)
        }
        return true
    }

    /// Takes what is older than all that it has, of which a whole page was asked for.
    mutating func take(older others: [HistoryRow], next cursor: UInt64) {
        let room = count - rows.count
        rows += others.prefix(room)
        next = cursor
        guard others.count > room else { return }
        // The second row of an event whose first is on this page, or the first of another.
        let isSecond = room > 0 && others[room - 1].lsn == others[room].lsn
        next = others[room].lsn.value * 2 + (isSecond ? 1 : 0)
    }
}

extension Event {
    /// What it moved on its user's account: nothing, one row, or two (a charge, and credit that expired in the hold it
    /// ended), newest first. `open`: a personal text of a user in the clear.
    func rows(shard: UInt16, _ open: (PersonalText, UserOrdinal) -> String) -> [HistoryRow] {
        let facts = facts
        var rows: [HistoryRow] = []
        func row(_ kind: BirthKind, credit: Bool, _ amount: Money, _ source: ShortText, _ text: FactText) {
            var (description, isPersonal) = ("", false)
            switch text {
            case .none: break
            case .words(let words): description = words
            case .personal(let text): (description, isPersonal) = (open(text, user), true)
            }
            rows.append(
                HistoryRow(
                    lsn: lsn, id: id(shard: shard), kind: kind, time: asOf, from: effectiveFrom, to: effectiveTo,
                    isCredit: credit, amount: amount, available: after.available, source: source,
                    description: description, session: facts.session, storage: facts.storage, labels: labels,
                    isPersonal: isPersonal))
        }
        if !facts.expired.isZero {
            row(.entry, credit: false, facts.expired, "expiry", .words("credit expired"))
        }
        if let charge = facts.charge { row(.charge, credit: false, charge.amount, charge.source, facts.text) }
        if let moved = facts.movement {
            row(moved.kind, credit: moved.isCredit, moved.amount, moved.source, facts.text)
        }
        return rows
    }
}
