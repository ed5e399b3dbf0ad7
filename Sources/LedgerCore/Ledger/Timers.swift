/// What becomes due at an instant, in the order in which it is handled there (SPEC 9).
enum TimerKind: UInt8, Comparable {
    case activation = 0
    case accrual = 1
    /// A session's end, daily posting or tariff lock.
    case session = 2
    case lotEffective = 3
    /// A round of allowances. `born` is 0.
    case allowance = 4
    case holdExpiry = 5
    case lotExpiry = 6
    /// The end of a lease or of a grace: what there is then decides, so everything else at that instant goes first.
    case exhaustion = 7
    /// The end of what runs on debt. `born` is the ordinal of its user.
    case fundsEnd = 8
    /// A look at storage that accrues to debt. `born` is the ordinal of its user.
    case unpaidStorage = 9

    static func < (a: TimerKind, b: TimerKind) -> Bool { a.rawValue < b.rawValue }
}

/// What happens because time passes. A timer decides at the instant at which it was due, as of that instant, in that
/// order, however late it fires: what is charged, and which credit pays it, is what a ledger that was awake would have
/// decided. Only what needs somebody to be heard or told counts from when the ledger could (see ``EngineStarted``).
extension StateMachine {
    /// When the next timer is due; nil when there is none. A stale entry may make it too early, never too late.
    package var nextTimer: Timestamp? { store.timers.first?.due }

    /// Fires timers that are due, in due order, each a group of its own: at most `limit`, and no further one once there
    /// are many bytes, so that all of one call fits into a batch of the journal. `isDone`: none is left that is due.
    /// `cost`: what it took, in timers; a part of a round of allowances counts for as many as it takes the time of.
    package mutating func fireTimers(
        at now: Timestamp, limit: Int, into decision: inout Decision
    ) -> (fired: Int, cost: Int, isDone: Bool) {
        let now = instant(now)
        var (fired, cost) = (0, 0)
        let start = decision.batch.byteCount
        while let entry = store.timers.first, entry.due <= now {
            guard cost < limit, decision.batch.byteCount - start < groupLimit / 16 else { return (fired, cost, false) }
            _ = store.timers.pop()
            decision.begin(due: entry.due, recorded: now)
            let first = store.allowanceRound.next.value
            if fire(entry, &decision) {
                fired += 1
                cost += entry.kind == .allowance ? 1 + lookedAt(since: first) / Self.looksPerTimer : 1
            }
            decision.batch.endGroup()
        }
        return (fired, cost, true)
    }

    /// Users of a round that are looked at in the time that a timer takes.
    private static let looksPerTimer = 32

    private func lookedAt(since first: UInt32) -> Int {
        let next = store.allowanceRound.next.value
        return Int(next > first ? next : UInt32(store.accounts.count)) - Int(first)
    }

    /// Throws out the entries of rows that are gone, once they are most of the queue: a hold that is captured within a
    /// second would otherwise be remembered until it would have expired. A few entries with each event, so that nobody
    /// waits for a sweep of millions; three of four are stale then, so more go than come.
    mutating func sweepTimers() {
        let open =
            store.lots.count + store.holds.count + store.sessions.count + store.resources.count + store.scheduled.count
        guard store.timers.count > 16_384 + 4 * open else { return store.timers.needsNoSweep() }
        // The queue is moved out, so that its rows can be looked at, and back.
        var timers = TimerQueue()
        swap(&timers, &store.timers)
        if !timers.sweep({ isCurrent($0) }) { timers.compact { isCurrent($0) } }
        swap(&timers, &store.timers)
    }

    /// Whether its row agrees with an entry.
    private func isCurrent(_ entry: TimerEntry) -> Bool {
        let id = BirthID(value: entry.born)
        switch entry.kind {
        case .activation: return store.scheduled.contains { $0.lsn.value == entry.born }
        case .lotEffective: return lot(id).map { store.lots[$0].waiting } ?? false
        case .lotExpiry: return lot(id).map { !store.lots[$0].expired && store.lots[$0].expires == entry.due } ?? false
        case .holdExpiry: return hold(id) != nil
        case .accrual: return resource(id).map { store.resources[$0].timerDue == entry.due } ?? false
        case .session, .exhaustion:
            return session(id).map {
                store.sessions[$0].timerDue == entry.due && store.sessions[$0].timerKind == entry.kind
            } ?? false
        case .allowance: return store.allowanceRound.due == entry.due
        case .unpaidStorage: return store.accounts[UserOrdinal(UInt32(entry.born))].storageCheck == entry.due
        case .fundsEnd: return store.accounts[UserOrdinal(UInt32(entry.born))].fundsEnd == entry.due
        }
    }

    /// Returns false for an entry that its row disagrees with.
    mutating func fire(_ entry: TimerEntry, _ decision: inout Decision) -> Bool {
        guard isCurrent(entry) else { return false }
        let id = BirthID(value: entry.born)
        switch entry.kind {
        case .activation: activate(LSN(entry.born), &decision)
        case .lotEffective:
            let user = store.lots[slot(of: id)].user
            commit(LotEffective(lot: id), user: user, &decision)
            renewExhausting(user, &decision)
        case .lotExpiry: expire(id, &decision)
        case .allowance: goOnWithAllowances(&decision)
        case .holdExpiry:
            let slot = hold(id)!
            let user = store.holds[slot].user
            releaseHold(slot, .expired, &decision)
            renewExhausting(user, &decision)
        case .accrual: postStorage(resource(id)!, through: entry.due, &decision)
        case .session, .exhaustion: fire(session(id)!, &decision)
        case .unpaidStorage: lookAtStorage(UserOrdinal(UInt32(entry.born)), &decision)
        case .fundsEnd: endRunningOnDebt(UserOrdinal(UInt32(entry.born)), &decision)
        }
        return true
    }

    private mutating func activate(_ lsn: LSN, _ decision: inout Decision) {
        guard let scheduled = store.scheduled.first(where: { $0.lsn == lsn }),
            let rule = rule(scheduled.name, scheduled.identity)
        else { return }
        let event = RuleActivated(
            name: scheduled.name, identity: scheduled.identity, version: rule.version, book: scheduled.book,
            rollback: false, scheduled: scheduled.lsn)
        commit(event, linked: scheduled.lsn, &decision)
    }

    private mutating func expire(_ id: LotID, _ decision: inout Decision) {
        let user = store.lots[slot(of: id)].user
        guard settleUsage(before: id, of: user, &decision) else {
            // There is more than goes into one group: it comes up again, at once.
            return store.timers.push(TimerEntry(due: decision.now, kind: .lotExpiry, born: id.value))
        }
        // What was used while it was good may have burned it whole.
        guard let slot = lot(id) else { return }
        commit(LotExpired(lot: id, amount: store.lots[slot].free), user: user, linked: id.lsn, &decision)
    }

    /// A lot may pay for everything that was used while it was good: before its rest expires, what nothing was posted
    /// or held for is posted up to that instant, as long as the lot has credit. A monitored session is not: nobody
    /// knows yet whether it still ran. Returns false when there is more to post than half a group takes.
    mutating func settleUsage(before lot: LotID, of user: UserOrdinal, _ decision: inout Decision) -> Bool {
        let due = decision.now
        for resource in resources(of: user) where hasFreeCredit(lot) && accrued(resource, at: due) > .zero {
            guard decision.groupSize < groupLimit / 2 else { return false }
            postStorage(resource, through: due, &decision)
        }
        for session in sessions(of: user) where hasFreeCredit(lot) {
            let row = store.sessions[session]
            guard !row.isMonitored, cost(of: session, at: due) > row.pins.total else { continue }
            guard decision.groupSize < groupLimit / 2 else { return false }
            post(session, through: due, &decision)
        }
        return true
    }

    private func hasFreeCredit(_ id: LotID) -> Bool { lot(id).map { store.lots[$0].free > .zero } ?? false }

    private mutating func fire(_ slot: Slot<Session>, _ decision: inout Decision) {
        let due = decision.now
        let row = store.sessions[slot]
        // Its entry is used up: whatever is next due must be queued again, even at the same instant.
        store.sessions[slot].timerDue = .never
        if row.lostAt <= due {
            // Silent for too long: it ended when it was last heard, or with its first lease if it never was.
            close(slot, .lost, through: row.heard ? row.lastHeard : row.started + Self.lease, &decision)
        } else if row.ttlEnd <= due {
            close(slot, .ttl, through: row.ttlEnd, &decision)
        } else if row.lockEnd <= due {
            unlock(slot, &decision)
        } else if !row.isMonitored, row.nextDaily <= due {
            post(slot, through: row.nextDaily, &decision)
        } else if row.status == .exhausting, row.deadline <= due {
            if !renew(slot, &decision), store.sessions[slot].deadline <= due {
                let isCapped = store.sessions[slot].capResets != .never
                close(slot, isCapped ? .cap : .funds, through: row.deadline, &decision)
            }
        } else if row.status == .exhausting, row.capResets <= due {
            renew(slot, &decision)
        } else if row.status == .active, row.leaseUntil <= due {
            renew(slot, &decision)
        }
        if session(row.id) != nil {
            schedule(session: slot)
        } else {
            renewExhausting(row.user, &decision)
        }
    }
}
