internal import LedgerCore
internal import LedgerStorage

// A user's statement: rows and sums, derived from the user's events alone.

extension History {
    /// Entries recorded in [from, to), newest first. The cursor is twice the LSN to go on with, plus one where that
    /// event's first row was on the page before.
    func history(
        _ user: Hash128, _ from: Timestamp?, _ to: Timestamp?, _ page: Page, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        guard let ordinal = reads.views.user(user), let last = reads.views.lastEvent(ordinal) else {
            return .rejected(.notFound(.user))
        }
        var start = last
        var skip = 0
        if page.cursor != 0 {
            start = LSN(page.cursor / 2)
            skip = Int(page.cursor % 2)
            guard start <= last, try event(at: start).user == ordinal else {
                return .rejected(.invalid("CURSOR is none of this user's"))
            }
        }
        let count = max(1, min(page.count, 10_000))
        var rows: [HistoryRow] = []
        var next: UInt64 = 0
        let isWhole = try walk(from: start, for: asker) { event in
            if let from, event.time < from { return false }
            if let to, event.time >= to { return true }
            for (index, row) in self.rows(of: event).enumerated() {
                if skip > 0 {
                    skip -= 1
                    continue
                }
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
        var rows: [HistoryRow] = []
        func row(_ kind: BirthKind, credit: Bool, _ amount: Money, _ source: ShortText, _ description: String = "") {
            var row = HistoryRow(
                lsn: event.lsn, id: event.id(shard: shard), kind: kind, time: event.time, from: event.effectiveFrom,
                to: event.effectiveTo, isCredit: credit, amount: amount, available: event.after.available,
                source: source, description: description, session: ShortText(), storage: ShortText())
            (row.session, row.storage) = event.body.subject
            rows.append(row)
        }
        let broken = event.expired
        if !broken.isZero { row(.entry, credit: false, broken, "expiry", "credit expired") }
        if let charge = event.body.charge {
            row(.charge, credit: false, charge.amount, charge.source, chargeText(event))
            return rows
        }
        switch event.body {
        case .userCreated(let user) where !user.bonus.isZero:
            row(.entry, credit: true, user.bonus, "sign_up", "credit at sign-up")
        case .creditPurchased(let purchase):
            row(.purchase, credit: true, purchase.amount, purchase.method, purchase.reference.string)
        case .creditGranted(let grant):
            row(.entry, credit: true, grant.amount, ShortText(grant.lot.kind.text)!, clear(grant.reason, event.user))
        case .creditAdjusted(let adjust):
            row(
                .entry, credit: !adjust.amount.isNegative, Money(nanos: Int64(clamping: adjust.amount.nanos.magnitude)),
                "adjustment", clear(adjust.reason, event.user))
        case .creditRefunded(let refund):
            row(.entry, credit: true, refund.amount, refund.source, clear(refund.reason, event.user))
        default: break
        }
        return rows
    }

    private func chargeText(_ event: Event) -> String {
        switch event.body {
        case .creditCharged(let charge): return clear(charge.description, event.user)
        case .holdCaptured(let capture): return "captured from \(capture.hold.text(as: .hold))"
        case .sessionPosted(let posted): return "\(posted.tier.text) session, so far"
        case .sessionClosed(let closed): return "\(closed.tier.text) session, \(closed.reason.text)"
        case .sessionRecorded(let recorded): return "\(recorded.tier.text) session, recorded"
        case .storagePosted(let posted): return posted.words
        case .storageResized(let resized): return resized.posted.words
        case .storageDeleted(let deleted): return deleted.posted.words
        case .spacePurchased(let purchase): return "\(purchase.space), \(purchase.instance) in \(purchase.workspace)"
        default: return ""
        }
    }

    // MARK: - Summary

    /// Sums over the entries whose effective time begins in [from, to). Cost: the user's whole thread, because an entry
    /// may count for any time before it was recorded.
    func summary(
        _ user: Hash128, _ from: Timestamp?, _ to: Timestamp?, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        guard let ordinal = reads.views.user(user), let standing = standing(ordinal, user) else {
            return .rejected(.notFound(.user))
        }
        if let from, let to, to < from { return .rejected(.invalid("FROM is after TO")) }
        var summary = Summary(user: ordinal, from: from, to: to, account: standing.account)
        let last = standing.lastEvent
        let isWhole = try walk(from: last, for: asker) { event in
            if let from, event.effectiveFrom < from { return true }
            if let to, event.effectiveFrom >= to { return true }
            summary.count(event)
            return true
        }
        guard isWhole else { return Self.givenUp }
        summary.billing.reverse()
        summary.sessions.sort { $0.tier.rawValue < $1.tier.rawValue }
        return .summary(summary)
    }

    /// An account and the last event that made it so: from the view where that is exact, else from the writer.
    private func standing(_ ordinal: UserOrdinal, _ user: Hash128) -> (account: AccountImage, lastEvent: LSN)? {
        let now = clock.now()
        guard let (view, last) = reads.views.accountAndLastEvent(ordinal) else { return nil }
        if view.slope == 0, now < view.validUntil { return (AccountImage(view, at: now), last) }
        if case .user(let row) = ask(.user(user)) { return (row.account, row.lastEvent) }
        return (AccountImage(view, at: now), last)
    }
}

extension Summary {
    fileprivate init(user: UserOrdinal, from: Timestamp?, to: Timestamp?, account: AccountImage) {
        self.init(
            user: user, from: from, to: to, account: account, spent: .zero, billing: [], sessions: [], purchased: .zero,
            purchases: 0, granted: .zero, adjusted: .zero, refunded: .zero, expired: .zero, entries: 0)
    }

    fileprivate mutating func count(_ event: Event) {
        expired += event.expired
        if !event.expired.isZero { entries += 1 }
        var counts = true
        if let charge = event.body.charge {
            spent += charge.amount
            add(charge.amount, to: charge.source)
        } else {
            switch event.body {
            case .userCreated(let user):
                granted += user.bonus
                counts = !user.bonus.isZero
            case .creditPurchased(let purchase):
                purchased += purchase.amount
                purchases += 1
            case .creditGranted(let grant): granted += grant.amount
            case .creditAdjusted(let adjust): adjusted += adjust.amount
            case .creditRefunded(let refund): refunded += refund.amount
            default: counts = false
            }
        }
        if counts { entries += 1 }
        addSession(event)
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

    private mutating func addSession(_ event: Event) {
        switch event.body {
        case .sessionPosted(let posted): addSession(posted.tier, posted.usage, ended: 0)
        case .sessionClosed(let closed) where closed.reason != .cancelled:
            addSession(closed.tier, closed.usage, ended: 1)
        case .sessionRecorded(let recorded): addSession(recorded.tier, recorded.usage, ended: 1)
        default: break
        }
    }

    private mutating func addSession(_ tier: Tier, _ usage: MeteredUsage, ended: Int) {
        if !sessions.contains(where: { $0.tier == tier }) {
            sessions.append(SessionTotal(tier: tier, count: 0, nanoseconds: 0, amount: .zero))
        }
        let index = sessions.firstIndex { $0.tier == tier }!
        sessions[index].count += ended
        sessions[index].nanoseconds += Int128(usage.through.nanoseconds) - Int128(usage.from.nanoseconds)
        sessions[index].amount += usage.amount
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

extension StoragePosted {
    fileprivate var words: String {
        let gigabytes = Money(nanos: megabytes * 1_000_000)
        return "\(kind.text), \(gigabytes) GB"
    }
}

extension EventBody {
    /// The session's or resource's own id, where the event is about one.
    fileprivate var subject: (session: ShortText, storage: ShortText) {
        switch self {
        case .sessionPosted(let posted): (posted.external, ShortText())
        case .sessionClosed(let closed): (closed.external, ShortText())
        case .sessionRecorded(let recorded): (recorded.session, ShortText())
        case .storagePosted(let posted): (ShortText(), posted.external)
        case .storageResized(let resized): (ShortText(), resized.posted.external)
        case .storageDeleted(let deleted): (ShortText(), deleted.posted.external)
        default: (ShortText(), ShortText())
        }
    }
}
