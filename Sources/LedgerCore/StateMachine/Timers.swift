/// What happens because time passes. Timers fire through the same writer as commands, in due order, and give the same
/// events whether they fire on time or catch up after days: what is charged, and which credit pays it, depends on when
/// something was due, never on when it was done.
extension StateMachine {
    /// When the next timer is due; nil when there is none. A stale entry may make it too early, never too late.
    package var nextTimer: Timestamp? { store.timers.first?.due }

    /// Fires at most `limit` timers that are due, in due order. Returns how many; fewer than `limit` means none is
    /// left.
    package mutating func fireTimers(at now: Timestamp, limit: Int, into batch: inout EventBatch) -> Int {
        let now = max(now, lastTime)
        var fired = 0
        while fired < limit, let entry = store.timers.first, entry.due <= now {
            _ = store.timers.pop()
            asking = Asking()
            if fire(entry, at: now, into: &batch) { fired += 1 }
        }
        return fired
    }

    /// Throws out the entries of rows that are gone, once they are most of the queue: a hold that is captured within a
    /// second would otherwise be remembered until it would have expired. What is kept is at most twice the open rows,
    /// so each sweep halves the queue and costs a constant for every entry that was ever pushed.
    mutating func sweepTimers() {
        let open =
            store.lots.count + store.holds.count + store.sessions.count + store.resources.count + store.scheduled.count
        guard store.timers.count > 16_384 + 4 * open else { return }
        var timers = TimerQueue()
        swap(&timers, &store.timers)
        timers.compact { isCurrent($0) }
        swap(&timers, &store.timers)
    }

    /// Whether its row agrees with an entry.
    private func isCurrent(_ entry: TimerEntry) -> Bool {
        switch entry.kind {
        case .activation: store.scheduled.contains { $0.lsn.value == entry.born }
        case .lotEffective: store.lotIndex[entry.born].map { store.lots[Int32($0)].waiting } ?? false
        case .lotExpiry:
            store.lotIndex[entry.born].map {
                !store.lots[Int32($0)].expired && store.lots[Int32($0)].expires == entry.due
            } ?? false
        case .holdExpiry: store.holdIndex[entry.born] != nil
        case .accrual: store.resourceByID[entry.born].map { store.resources[Int32($0)].timerDue == entry.due } ?? false
        case .session, .exhaustion:
            store.sessionIndex[entry.born].map {
                store.sessions[Int32($0)].timerDue == entry.due && store.sessions[Int32($0)].timerKind == entry.kind
            } ?? false
        }
    }

    /// Returns false for an entry that its row disagrees with.
    private mutating func fire(_ entry: TimerEntry, at now: Timestamp, into batch: inout EventBatch) -> Bool {
        switch entry.kind {
        case .activation:
            guard let scheduled = store.scheduled.first(where: { $0.lsn.value == entry.born }),
                let rule = store.rules.first(where: { $0.name == scheduled.name && $0.identity == scheduled.identity })
            else { return false }
            let body = RuleActivated(
                name: scheduled.name, identity: scheduled.identity, version: rule.version, book: scheduled.book,
                rollback: false,
                scheduled: scheduled.lsn)
            commit(
                .ruleActivated(body), linked: scheduled.lsn, effective: (entry.due, entry.due), at: now, into: &batch)
        case .lotEffective:
            guard let slot = store.lotIndex[entry.born], store.lots[Int32(slot)].waiting else { return false }
            let user = store.lots[Int32(slot)].user
            commit(
                .lotEffective(store.lots[Int32(slot)].id), user: user, effective: (entry.due, entry.due), at: now,
                into: &batch)
            renewExhausting(user, at: now, into: &batch)
        case .lotExpiry:
            guard let slot = store.lotIndex[entry.born], !store.lots[Int32(slot)].expired,
                store.lots[Int32(slot)].expires == entry.due
            else { return false }
            settleUsage(before: entry, of: store.lots[Int32(slot)].user, at: now, into: &batch)
            // What was used while it was good may have burned it whole.
            guard let lot = store.lotIndex[entry.born].map({ store.lots[Int32($0)] }) else { return true }
            commit(
                .lotExpired(LotExpired(lot: lot.id, amount: lot.free)), user: lot.user, linked: lot.id.lsn,
                effective: (entry.due, entry.due), at: now, into: &batch)
        case .holdExpiry:
            guard let slot = store.holdIndex[entry.born] else { return false }
            let event = releaseHold(Int32(slot), .expired, due: entry.due, at: now, into: &batch)
            renewExhausting(event.user, at: now, into: &batch)
        case .accrual:
            guard let slot = store.resourceByID[entry.born].map({ Int32($0) }),
                store.resources[slot].timerDue == entry.due
            else { return false }
            postStorage(slot, through: entry.due, at: now, into: &batch)
        case .session, .exhaustion:
            guard let slot = store.sessionIndex[entry.born].map({ Int32($0) }),
                store.sessions[slot].timerDue == entry.due, store.sessions[slot].timerKind == entry.kind
            else { return false }
            fire(session: slot, due: entry.due, at: now, into: &batch)
        }
        return true
    }

    /// A lot may pay for everything that was used while it was good: before its rest expires, what nothing was posted
    /// or held for is posted up to that instant, as long as the lot has credit. A monitored session is not: nobody
    /// knows yet whether it still ran.
    private mutating func settleUsage(
        before expiry: TimerEntry, of user: UserOrdinal, at now: Timestamp, into batch: inout EventBatch
    ) {
        var resource = store.accounts[Int32(user.value)].firstResource
        while resource >= 0, hasFreeCredit(lot: expiry.born) {
            if accrued(resource, at: expiry.due) > .zero {
                postStorage(resource, through: expiry.due, at: now, into: &batch)
            }
            resource = store.resources[resource].links.next
        }
        var session = store.accounts[Int32(user.value)].firstSession
        while session >= 0, hasFreeCredit(lot: expiry.born) {
            let row = store.sessions[session]
            if row.heartbeat == .zero, cost(of: session, at: expiry.due) > row.pins.total {
                post(session, through: expiry.due, due: expiry.due, at: now, into: &batch)
            }
            session = row.links.next
        }
    }

    private func hasFreeCredit(lot id: UInt64) -> Bool {
        store.lotIndex[id].map { store.lots[Int32($0)].free > .zero } ?? false
    }

    private mutating func fire(session slot: Int32, due: Timestamp, at now: Timestamp, into batch: inout EventBatch) {
        let row = store.sessions[slot]
        // Its entry is used up: whatever is next due must be queued again, even at the same instant.
        store.sessions[slot].timerDue = .never
        if row.lostAt <= due {
            // Silent for too long: it ended when it was last heard, or with its first lease if it never was.
            close(
                slot, .lost, through: row.heard ? row.lastHeard : row.started + StateMachine.lease, due: due, at: now,
                into: &batch)
        } else if row.ttlEnd <= due {
            close(slot, .ttl, through: row.ttlEnd, due: due, at: now, into: &batch)
        } else if row.lockEnd <= due {
            unlock(slot, due: due, at: now, into: &batch)
        } else if row.heartbeat == .zero, row.nextDaily <= due {
            post(slot, through: row.nextDaily, due: due, at: now, into: &batch)
        } else if row.status == .exhausting, row.deadline <= due {
            if !renew(slot, at: now, into: &batch), store.sessions[slot].deadline <= due {
                close(slot, .funds, through: row.deadline, due: due, at: now, into: &batch)
            }
        } else if row.status == .active, row.leaseUntil <= due {
            renew(slot, due: due, at: now, into: &batch)
        } else {
            schedule(session: slot)
        }
        if store.sessionIndex[row.id.value] != nil {
            schedule(session: slot)
        } else {
            renewExhausting(row.user, at: now, into: &batch)
        }
    }
}

extension Timestamp {
    /// What is due at an instant is settled with the credit that was good until then: a lot that expires there still
    /// pays.
    var instantBefore: Timestamp { self - TimeSpan(nanoseconds: 1) }
}
