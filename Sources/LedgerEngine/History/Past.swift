package import LedgerCore
internal import LedgerStorage

/// What is asked about one user as of a moment that is past.
package enum PastQuestion: Hashable, Sendable {
    case balance
    /// What is known today about then: by effective time. Of an account, that is its net worth alone.
    case knownBalance
    case user
    case history(from: Timestamp?, to: Timestamp?, label: LabelFilter?, Page, known: Bool)
    case summary(from: Timestamp?, to: Timestamp?, by: ShortText?)
}

/// A user and the account as they stood with an event.
package struct PastAccount: Sendable {
    package var user: UserOrdinal
    package var type = UserType.free
    package var state = UserState.active
    package var created = Timestamp.distantPast
    package var email = PersonalText.none
    package var name = PersonalText.none
    package var sessions = 0
    package var account = AccountImage()
    /// The last event of the user's by then.
    package var lsn: LSN
    package var time: Timestamp

    init(_ last: Event) {
        (user, account, lsn, time) = (last.user, last.after, last.lsn, last.time)
    }
}

/// What an account was worth at a moment: as it was recorded then, and as is known today.
package struct KnownWorth: Sendable {
    package var user: UserOrdinal
    package var moment: Timestamp
    package var recorded: MoneySum
    package var known: MoneySum
    /// Entries that count for then and were recorded later, and the reverse.
    package var corrections: Int
}

/// What became of an account between two moments.
package struct Difference: Sendable {
    package var user: UserOrdinal
    /// Nil: the user was not created yet.
    package var before: PastAccount?
    package var after: PastAccount
    /// Events about the user in between.
    package var events = 0
    package var credits: [Total] = []
    package var debits: [Total] = []

    package struct Total: Sendable {
        package var source: ShortText
        package var count = 0
        package var amount = MoneySum.zero
    }
}

// A user's past, folded from the user's thread of events: each names the one before, and has the account after it.
extension History {
    /// AT. Cost: the user's events from then to now, which are passed over, and those that the answer is made of.
    func past(
        _ user: Hash128, _ moment: Moment, _ question: PastQuestion, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        let (ordinal, last): (UserOrdinal, Event)
        switch try head(of: user, at: moment, for: asker) {
        case .none(let result): return result
        case .before(let created): return .rejected(.notYet(created: created))
        case .event(let user, let event): (ordinal, last) = (user, event)
        }
        switch question {
        case .balance, .user: return try account(at: last, for: asker).map { .past($0) } ?? Self.givenUp
        case .knownBalance: return try worth(ordinal, moment, for: asker)
        case .history(let from, let to, let label, let page, let known):
            if known { return try knownHistory(ordinal, moment, from, to, label, page, for: asker) }
            return try history(ordinal, from: last.lsn, from, to, label, page, for: asker)
        case .summary(let from, let to, let key):
            return try summary(ordinal, last.after, nil, last.lsn, from, to, by: key, for: asker)
        }
    }

    /// DIFF. Cost: as of AT at `first`.
    func difference(
        _ user: Hash128, _ first: Moment, _ second: Moment, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        let last: Event
        if let future = future(first) ?? future(second) { return .rejected(future) }
        guard try instant(of: first) <= instant(of: second) else { return .rejected(.invalid("from is after to")) }
        switch try head(of: user, at: second, for: asker) {
        case .none(let result): return result
        case .before(let created): return .rejected(.notYet(created: created))
        case .event(_, let event): last = event
        }
        guard let after = try account(at: last, for: asker) else { return Self.givenUp }
        var difference = Difference(user: last.user, after: after)
        var start: Event?
        let isWhole = try walk(from: last.lsn, for: asker) { event in
            guard !first.includes(event.header) else {
                start = event
                return false
            }
            difference.count(event)
            return true
        }
        guard isWhole else { return Self.givenUp }
        if let start {
            guard let before = try account(at: start, for: asker) else { return Self.givenUp }
            difference.before = before
        }
        difference.credits.reverse()
        difference.debits.reverse()
        return .difference(difference)
    }

    private enum Head {
        case event(UserOrdinal, Event)
        /// The user was created later.
        case before(created: Timestamp)
        case none(HistoryResult)
    }

    /// The last event of the user's that was recorded by then.
    private func head(of user: Hash128, at moment: Moment, for asker: Asker) throws(StorageError) -> Head {
        if let future = future(moment) { return .none(.rejected(future)) }
        guard let ordinal = reads.views.user(user), let last = reads.views.lastEvent(ordinal) else {
            return .none(.rejected(.notFound(.user)))
        }
        var (found, created): (Event?, Timestamp) = (nil, .distantPast)
        let isWhole = try walk(from: last, for: asker) { event in
            created = event.time
            guard moment.includes(event.header) else { return true }
            found = event
            return false
        }
        guard isWhole else { return .none(Self.givenUp) }
        return found.map { .event(ordinal, $0) } ?? .before(created: created)
    }

    /// Why a moment cannot be asked about; nil: it is past.
    private func future(_ moment: Moment) -> Rejection? {
        moment.refusal(now: clock.now(), last: reader.durableLSN)
    }

    private func instant(of moment: Moment) throws(StorageError) -> Timestamp {
        switch moment {
        case .time(let time): time
        case .event(let lsn): try event(at: lsn).time
        }
    }

    /// What the user was with an event: from there back to the creation. Nil: given up.
    private func account(at last: Event, for asker: Asker) throws(StorageError) -> PastAccount? {
        var (it, fold) = (PastAccount(last), Fold())
        guard try walk(from: last.lsn, for: asker, { fold.take($0, &it) }) else { return nil }
        return it
    }

    /// What is known of a user, from new to old: the first word on each matter is the last one.
    private struct Fold {
        private var (hasType, hasState, hasEmail, hasName) = (false, false, false, false)

        mutating func take(_ event: Event, _ it: inout PastAccount) -> Bool {
            if case .userChanged(let change) = event.body {
                switch change.field {
                case .type: set(&it.type, change.type, &hasType)
                case .state: set(&it.state, change.state, &hasState)
                case .email: set(&it.email, change.email, &hasEmail)
                case .name: set(&it.name, change.name, &hasName)
                }
            } else if case .userDeleted = event.body {
                set(&it.state, .deleted, &hasState)
                set(&it.email, .none, &hasEmail)
                set(&it.name, .none, &hasName)
            } else if case .sessionStarted = event.body {
                it.sessions += 1
            } else if case .sessionClosed = event.body {
                it.sessions -= 1
            } else if case .userCreated(let created) = event.body {
                set(&it.type, created.type, &hasType)
                set(&it.email, created.email, &hasEmail)
                set(&it.name, created.name, &hasName)
                it.created = event.time
            }
            return true
        }

        private func set<T>(_ value: inout T, _ new: T, _ isSet: inout Bool) {
            guard !isSet else { return }
            (value, isSet) = (new, true)
        }
    }

    // MARK: What is known today

    private func worth(
        _ user: UserOrdinal, _ moment: Moment, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        let time = try instant(of: moment)
        var it = KnownWorth(user: user, moment: time, recorded: .zero, known: .zero, corrections: 0)
        guard let newest = reads.views.lastEvent(user) else { return .rejected(.notFound(.user)) }
        let isWhole = try walk(from: newest, for: asker) { event in
            for row in rows(of: event) {
                let (wasRecorded, counts) = (moment.includes(event.header), row.from <= time)
                let amount = row.isCredit ? row.amount : -row.amount
                if wasRecorded { it.recorded += amount }
                if counts { it.known += amount }
                if wasRecorded != counts { it.corrections += 1 }
            }
            return true
        }
        return isWhole ? .worth(it) : Self.givenUp
    }

    /// Rows that count for a time by then, whenever they were recorded.
    private func knownHistory(
        _ user: UserOrdinal, _ moment: Moment, _ from: Timestamp?, _ to: Timestamp?,
        _ label: LabelFilter?, _ page: Page, for asker: Asker
    ) throws(StorageError) -> HistoryResult {
        guard let newest = reads.views.lastEvent(user) else { return .rejected(.notFound(.user)) }
        let time = try instant(of: moment)
        return try history(user, from: newest, from, to, label, page, for: asker) { $0.from <= time }
    }
}

extension Moment {
    /// Why it cannot be asked about; nil: it is past.
    func refusal(now: Timestamp, last: LSN) -> Rejection? {
        switch self {
        case .time(let time): time <= now ? nil : .invalid("\(time) is still to come: it is \(now)")
        case .event(let lsn):
            lsn <= last ? nil : .invalid("there is no event \(lsn.value) yet: the last is \(last.value)")
        }
    }
}

extension Difference {
    fileprivate mutating func count(_ event: Event) {
        events += 1
        let facts = event.facts
        if !facts.expired.isZero { Self.add(facts.expired, "expiry", &debits) }
        if let charge = facts.charge { Self.add(charge.amount, charge.source, &debits) }
        guard let moved = facts.movement else { return }
        if moved.isCredit {
            Self.add(moved.amount, moved.source, &credits)
        } else {
            Self.add(moved.amount, moved.source, &debits)
        }
    }

    private static func add(_ amount: Money, _ source: ShortText, _ totals: inout [Total]) {
        if !totals.contains(where: { $0.source == source }) { totals.append(Total(source: source)) }
        let index = totals.firstIndex { $0.source == source }!
        totals[index].count += 1
        totals[index].amount += amount
    }
}
