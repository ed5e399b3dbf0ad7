internal import LedgerCore
internal import LedgerStorage

// A user's statement: rows and sums, derived from the user's events alone.

extension History {
    /// Entries recorded in [from, to), newest first. The cursor is twice the LSN to go on with, plus one where that
    /// event's first row was on the page before.
    func history(
        _ user: Hash128, _ from: Timestamp?, _ to: Timestamp?, _ label: LabelFilter?, _ page: Page, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        guard let ordinal = reads.views.user(user), let last = reads.views.lastEvent(ordinal) else {
            return .rejected(.notFound(.user))
        }
        return try history(ordinal, from: last, from, to, label, page, for: asker)
    }

    /// The same from one of the user's events on; `counts`: only such rows.
    func history(
        _ ordinal: UserOrdinal, from last: LSN, _ from: Timestamp?, _ to: Timestamp?, _ label: LabelFilter?,
        _ page: Page, for asker: Asker, where counts: (HistoryRow) -> Bool = { _ in true }
    ) throws(StorageError) -> HistoryResult {
        var start = last
        var skip = 0
        if page.cursor != 0 {
            start = LSN(page.cursor / 2)
            skip = Int(page.cursor % 2)
            guard start <= last, try event(at: start).user == ordinal else {
                return .rejected(.invalid("CURSOR is not one that this user's HISTORY gave"))
            }
        }
        let count = max(1, min(page.count, 10_000))
        var rows: [HistoryRow] = []
        var next: UInt64 = 0
        let isWhole = try walk(from: start, for: asker) { event in
            if let from, event.asOf < from { return false }
            if let to, event.asOf >= to { return true }
            if let label, !label.admits(event.labels) {
                skip = 0  // the cursor of another filter
                return true
            }
            for (index, row) in self.rows(of: event).enumerated() {
                if skip > 0 {
                    skip -= 1
                    continue
                }
                guard counts(row) else { continue }
                guard rows.count < count else {
                    next = event.lsn.value * 2 + UInt64(index)
                    return false
                }
                rows.append(row)
            }
            return true
        }
        return isWhole ? .history(rows, next: next) : Self.givenUp
    }

    /// What an event moved on its user's account: nothing, one row, or two (a charge, and credit that expired in the
    /// hold it ended), newest first.
    func rows(of event: Event) -> [HistoryRow] {
        let facts = event.facts
        var rows: [HistoryRow] = []
        func row(_ kind: BirthKind, credit: Bool, _ amount: Money, _ source: ShortText, _ text: FactText) {
            let description =
                switch text {
                case .none: ""
                case .words(let words): words
                case .personal(let text): clear(text, event.user)
                }
            rows.append(
                HistoryRow(
                    lsn: event.lsn, id: event.id(shard: shard), kind: kind, time: event.asOf,
                    from: event.effectiveFrom, to: event.effectiveTo, isCredit: credit, amount: amount,
                    available: event.after.available, source: source, description: description,
                    session: facts.session, storage: facts.storage, labels: event.labels))
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

    // MARK: - Summary

    /// Sums over the entries whose effective time begins in [from, to). Cost: the user's whole thread, because an entry
    /// may count for any time before it was recorded.
    func summary(
        _ user: Hash128, _ from: Timestamp?, _ to: Timestamp?, by key: ShortText?, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        guard let ordinal = reads.views.user(user), let standing = standing(ordinal, user) else {
            return .rejected(.notFound(.user))
        }
        return try summary(
            ordinal, standing.account, standing.storage, standing.lastEvent, from, to, by: key, for: asker)
    }

    /// The same of an account as it stood with one of the user's events.
    func summary(
        _ ordinal: UserOrdinal, _ account: AccountImage, _ storage: StorageStanding?, _ last: LSN, _ from: Timestamp?,
        _ to: Timestamp?, by key: ShortText?, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        if let from, let to, to < from { return .rejected(.invalid("FROM is after TO")) }
        var summary = Summary(user: ordinal, from: from, to: to, account: account, storage: storage)
        summary.byLabel = key.map { Summary.LabelTotals(key: $0) }
        let isWhole = try walk(from: last, for: asker) { event in
            if let from, event.effectiveFrom < from { return true }
            if let to, event.effectiveFrom >= to { return true }
            summary.count(event)
            return !(summary.byLabel?.isTooLong ?? false)
        }
        guard isWhole else { return Self.givenUp }
        if let byLabel = summary.byLabel, byLabel.isTooLong {
            return .rejected(
                .invalid(
                    "the label \(byLabel.key) has more than \(Summary.LabelTotals.most) values here: ask for shorter ranges"
                ))
        }
        summary.billing.reverse()
        summary.sessions.sort { $0.tier.rawValue < $1.tier.rawValue }
        summary.meters.sort { $0.meter.string < $1.meter.string }
        return .summary(summary)
    }

    /// An account as the writer has it, and the last event that made it so; as readers see it when the writer is gone.
    private func standing(
        _ ordinal: UserOrdinal, _ user: Hash128
    ) -> (account: AccountImage, storage: StorageStanding, lastEvent: LSN)? {
        if case .user(let row) = ask(.user(user)) { return (row.account, row.storage, row.lastEvent) }
        guard let (view, last) = reads.views.accountAndLastEvent(ordinal) else { return nil }
        return (AccountImage(view, at: clock.now()), StorageStanding(), last)
    }
}

extension Summary {
    fileprivate init(
        user: UserOrdinal, from: Timestamp?, to: Timestamp?, account: AccountImage, storage: StorageStanding?
    ) {
        self.init(
            user: user, from: from, to: to, account: account, storage: storage, spent: .zero, billing: [], sessions: [],
            purchased: .zero, purchases: 0, granted: .zero, adjusted: .zero, refunded: .zero, transferred: .zero,
            earned: .zero, expired: .zero, entries: 0)
    }

    fileprivate mutating func count(_ event: Event) {
        let facts = event.facts
        expired += facts.expired
        if !facts.expired.isZero { entries += 1 }
        if let charge = facts.charge {
            spent += charge.amount
            add(charge.amount, to: charge.source)
            byLabel?.add(charge.amount, event.labels)
            entries += 1
        }
        if let moved = facts.movement {
            count(moved)
            entries += 1
        }
        if let usage = facts.usage { add(usage) }
        if let metered = facts.metered { add(metered) }
    }

    private mutating func count(_ moved: Facts.Movement) {
        switch moved.total {
        case .purchased:
            purchased += moved.amount
            purchases += 1
        case .granted: granted += moved.amount
        case .adjusted: adjusted += moved.isCredit ? moved.amount : -moved.amount
        case .refunded: refunded += moved.amount
        case .transferred: transferred += moved.isCredit ? moved.amount : -moved.amount
        case .earned: earned += moved.isCredit ? moved.amount : -moved.amount
        }
    }

    private mutating func add(_ amount: Money, to source: ShortText) {
        // The walk goes from new to old: a type seen again moves to where it appeared first.
        if let index = billing.firstIndex(where: { $0.source == source }) {
            var total = billing.remove(at: index)
            total.count += 1
            total.amount += amount
            billing.append(total)
        } else {
            billing.append(BillingTotal(source: source, count: 1, amount: MoneySum(nanos: Int128(amount.nanos))))
        }
    }

    private mutating func add(_ metered: Facts.Metered) {
        if !meters.contains(where: { $0.meter == metered.meter }) {
            meters.append(
                MeterTotal(
                    meter: metered.meter, scale: metered.quantity.scale, count: 0, quantity: 0, amount: .zero))
        }
        let index = meters.firstIndex { $0.meter == metered.meter }!
        meters[index].count += 1
        meters[index].quantity += Int128(metered.quantity.count)
        meters[index].amount += metered.amount
    }

    private mutating func add(_ usage: Facts.Usage) {
        if !sessions.contains(where: { $0.tier == usage.tier }) {
            sessions.append(SessionTotal(tier: usage.tier, count: 0, nanoseconds: 0, amount: .zero))
        }
        let index = sessions.firstIndex { $0.tier == usage.tier }!
        sessions[index].count += usage.ends ? 1 : 0
        sessions[index].nanoseconds += Int128(usage.through.nanoseconds) - Int128(usage.from.nanoseconds)
        sessions[index].amount += usage.amount
    }
}

extension Summary.LabelTotals {
    static let most = 10_000

    fileprivate var isTooLong: Bool { totals.count > Self.most }

    fileprivate mutating func add(_ amount: Money, _ labels: Labels) {
        if let value = labels[key] { totals[value, default: Total()].add(amount) } else { others.add(amount) }
    }
}

extension Summary.LabelTotals.Total {
    fileprivate mutating func add(_ amount: Money) {
        count += 1
        self.amount += amount
    }
}

extension AccountImage {
    init(_ view: AccountView, at now: Timestamp) {
        self.init()
        paid = view.paid
        promo = view.promo
        held = view.held
        debt = view.debt
        available = view.lowerBound(at: now)
    }
}
