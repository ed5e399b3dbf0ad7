// Sessions whose credit is used up: how long they go on, and how much that can cost. Their user's type says which of
// two holds: a grace, counted from when the credit was gone (none: they stop at once), or a ceiling of debt.
extension StateMachine {
    /// Until what debt a user's sessions run on; nil where a grace counts.
    func debtCeiling(_ user: UserOrdinal) -> Money? { debtCeiling(store.accounts[user].type) }

    func debtCeiling(_ type: UserType) -> Money? {
        let ceiling = store.limits[type, .exhaustionDebt]
        return ceiling == Limits.none ? nil : Money(nanos: min(ceiling, Self.accountCeiling))
    }

    /// How long a session of this type outlives its credit.
    private func grace(_ type: UserType) -> TimeSpan {
        TimeSpan(nanoseconds: min(store.limits[type, .exhaustionGrace], TimeSpan.days(365).nanoseconds))
    }

    /// The same, less the time that the session has had already while its user owed: credit that repays nothing must
    /// not buy one grace after the other.
    func grace(_ row: Session) -> TimeSpan {
        let (grace, rate) = (grace(row.type), row.lastPricing.tariff.highestRate)
        guard row.owed > .zero, rate > 0 else { return grace }
        let used = (Int128(row.owed.nanos) * Tariff.hour + Int128(rate) - 1) / Int128(rate)
        return TimeSpan(nanoseconds: Int64(max(Int128(grace.nanoseconds) - used, 0)))
    }

    /// When a session is stopped if no credit comes; `.never` unless it is exhausting.
    func deadline(of slot: Slot<Session>) -> Timestamp {
        let row = store.sessions[slot]
        return row.runsOnDebt ? store.accounts[row.user].fundsEnd : row.deadline
    }

    // MARK: Changing, by `apply` alone

    mutating func exhaustion(
        of slot: Slot<Session>, _ status: SessionStatus, emptyAt: Timestamp, deadline: Timestamp, capResets: Timestamp
    ) {
        count(store.sessions[slot], -1)
        store.sessions[slot].status = status
        store.sessions[slot].emptyAt = emptyAt
        store.sessions[slot].deadline = deadline
        store.sessions[slot].capResets = capResets
        count(store.sessions[slot], 1)
    }

    mutating func count(_ row: Session, _ change: Int32) {
        if row.status == .exhausting { store.accounts[row.user].exhaustingCount += change }
        if row.runsOnDebt { store.accounts[row.user].onDebtCount += change }
    }

    /// Looks anew when what runs on debt ends, after anything about a user has changed. Not before the instant of that
    /// change, and not while nobody could be told.
    mutating func refreshFundsEnd(_ user: UserOrdinal, at instant: Timestamp) {
        guard store.accounts[user].onDebtCount > 0 || store.accounts[user].fundsEnd != .never else { return }
        var end = debtReachesCeiling(user)
        if end != .never { end = max(max(end, instant), store.presence.since) }
        guard end != store.accounts[user].fundsEnd else { return }
        store.accounts[user].fundsEnd = end
        schedule(fundsEnd: end, of: user)
    }

    /// The same for all users of some types. Cost: the open sessions.
    mutating func refreshFundsEnd(at instant: Timestamp, where isMeant: (UserType) -> Bool) {
        for head in store.sessions.slots where store.sessions[head].links.previous.isNone {  // once for each user
            let user = store.sessions[head].user
            if isMeant(store.accounts[user].type) { refreshFundsEnd(user, at: instant) }
        }
    }

    mutating func schedule(fundsEnd end: Timestamp, of user: UserOrdinal) {
        if end != .never { store.timers.push(TimerEntry(due: end, kind: .fundsEnd, born: UInt64(user.value))) }
    }

    // MARK: The ceiling

    /// The last instant at which a user's debt, with what the sessions that run on it have used, is within the ceiling.
    /// A nano-USD for each session is left for rounding. Cost: the user's sessions, sorted.
    private func debtReachesCeiling(_ user: UserOrdinal) -> Timestamp {
        guard let ceiling = debtCeiling(user) else {
            // The type has a grace by now: it counts from when their credit was gone.
            var end = Timestamp.never
            for slot in sessions(of: user) where store.sessions[slot].runsOnDebt { end = min(end, graceEnd(slot)) }
            return end
        }
        var changes: [(at: Timestamp, rate: Int128)] = []
        for slot in sessions(of: user) where store.sessions[slot].runsOnDebt {
            var rate = Int128(0)
            for next in store.sessions[slot].rates(from: store.sessions[slot].coveredUntil) {
                changes.append((next.at, Int128(next.rate) - rate))
                rate = Int128(next.rate)
            }
        }
        changes.sort { $0.at < $1.at }
        let room = Int128((ceiling - store.accounts[user].debt).nanos) - Int128(store.accounts[user].onDebtCount)
        var (left, rate, at) = (max(room, 0) * Tariff.hour, Int128(0), Timestamp.distantPast)
        for change in changes {
            if rate > 0 {
                let span = Int128(change.at.nanoseconds) - Int128(at.nanoseconds)
                if rate * span > left { return Timestamp(nanoseconds: at.nanoseconds + Int64(left / rate)) }
                left -= rate * span
            }
            (rate, at) = (rate + change.rate, change.at)
        }
        return .never
    }

    private func graceEnd(_ slot: Slot<Session>) -> Timestamp {
        store.sessions[slot].emptyAt + grace(store.sessions[slot])
    }

    /// The ceiling is reached: what runs on debt is closed. What does not fit into one group comes up again, at once.
    mutating func endRunningOnDebt(_ user: UserOrdinal, _ decision: inout Decision) {
        let (due, hasCeiling) = (decision.now, debtCeiling(user) != nil)
        for slot in sessions(of: user) where store.sessions[slot].runsOnDebt {
            guard hasCeiling || graceEnd(slot) <= due else { continue }
            guard decision.groupSize < groupLimit / 2 else { return schedule(fundsEnd: due, of: user) }
            close(slot, .funds, through: due, &decision)
        }
        renewExhausting(user, &decision)
    }

    // MARK: What it can cost

    /// What the sessions of one user can use with nothing left.
    struct Overdraft {
        var most: Money
        var downtimePerHour: Money
    }

    /// By user type. What runs does so at the dearest tier that it could change to, through the grace that it has or
    /// will get; the rest that the limits allow, at the highest rate. Nil without an active rule. Cost: the open
    /// sessions.
    func overdrafts() -> [Overdraft]? {
        guard let active = activeVersion(.sessionRuntime) else { return nil }
        var known: [RuleIdentity: [Int64]] = [:]
        func highest(_ rule: RuleIdentity, _ type: UserType) -> Int64 {
            if known[rule] == nil { known[rule] = highestRates(of: rule) }
            return known[rule]![Int(type.rawValue)]
        }
        let current = store.rules[active].identity
        // In nano-USD times nanoseconds, and nano-USD an hour.
        func possible(_ type: UserType, running: Int) -> (most: Int128, hourly: Int128) {
            let sessions = Int128(max(min(store.limits[type, .sessions], 1 << 32) - Int64(running), 0))
            let hourly = sessions * Int128(highest(current, type))
            return (debtCeiling(type) == nil ? hourly * Int128(grace(type).nanoseconds) : 0, hourly)
        }
        var most = UserType.allCases.map { possible($0, running: 0) }
        for head in store.sessions.slots where store.sessions[head].links.previous.isNone {  // once for each user
            let user = store.sessions[head].user
            let type = store.accounts[user].type
            var sum = possible(type, running: Int(store.accounts[user].sessionCount))
            for slot in sessions(of: user) {
                let row = store.sessions[slot]
                let version = row.rule
                let rate = max(row.lastPricing.tariff.highestRate, highest(version, type), highest(current, type))
                sum.hourly += Int128(rate)
                if row.deadline != .never {
                    sum.most += Int128(rate) * Int128(max((row.deadline - row.emptyAt).nanoseconds, 0))
                } else if debtCeiling(type) == nil {
                    sum.most += Int128(rate) * Int128(grace(type).nanoseconds)
                }
            }
            let place = Int(type.rawValue)
            most[place] = (max(most[place].most, sum.most), max(most[place].hourly, sum.hourly))
        }
        return UserType.allCases.map { type in
            let (used, hourly) = most[Int(type.rawValue)]
            let ceiling = Int128((debtCeiling(type) ?? .zero).nanos)
            return Overdraft(
                most: Rational.up(used + ceiling * Tariff.hour, over: Tariff.hour) ?? .max,
                downtimePerHour: Money(nanos: Int64(clamping: hourly)))
        }
    }

    /// By user type: what a version's price book asks at most of the tiers that the type may run.
    private func highestRates(of rule: RuleIdentity) -> [Int64] {
        var rates = UserType.allCases.map { _ in Int64(0) }
        for row in self.rule(.sessionRuntime, rule)?.book.rows ?? [] {
            guard case .sessionRuntime(let type, let tier, _) = row.query, case .tariff(let tariff) = row.answer,
                store.limits.allows(tier, for: type)
            else { continue }
            rates[Int(type.rawValue)] = max(rates[Int(type.rawValue)], tariff.highestRate)
        }
        return rates
    }
}

extension Session {
    /// What it costs an hour from `instant` on, and where that changes, until its time to live ends.
    fileprivate func rates(from instant: Timestamp) -> [(at: Timestamp, rate: Int64)] {
        guard instant < ttlEnd else { return [] }
        var rates: [(at: Timestamp, rate: Int64)] = []
        var (start, tariff) = (instant, pricing.tariff)
        func add(until end: Timestamp) {
            guard start < end else { return }
            rates.append((start, tariff.rate(at: start - started)))
            for step in tariff.steps where started + step.from > start && started + step.from < end {
                rates.append((started + step.from, step.rate))
            }
        }
        for next in repricings where next.at < ttlEnd {
            add(until: next.at)
            (start, tariff) = (max(start, next.at), next.pricing.tariff)
        }
        add(until: ttlEnd)
        rates.append((ttlEnd, 0))
        return rates
    }
}
