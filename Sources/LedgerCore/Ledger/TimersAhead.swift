// More may be due at one instant than anybody should wait for: what a month's storage of everybody comes to, an
// allowance for all users of a type. A command about one user does not wait for what is due to others. What is due to
// its own user goes first, in the order that it always has; the rest follows when its turn comes, as of the instant at
// which it was due. Users share nothing that these timers and commands look at but caps of passports that act for many,
// and who has to do with one of these waits. So everybody gets what a ledger that was awake would have given, and only
// the order among users is another one. Whatever is about more waits for all.

/// What of all that is due must have happened before something is decided or answered.
package enum DueBefore: Sendable {
    /// All of it.
    case everything
    /// What is due to one user.
    case own(Subject)
    /// None of it: time changes nothing that is looked at.
    case nothing
}

extension StateMachine {
    /// More rows than this are not looked through for what is due to one user: it waits for its turn.
    private static let rowsAhead: Int32 = 256

    /// Fires what is due to the user whom a command or a query is about, ahead of what is due to others, at most
    /// `limit` timers. `actor`: the passport that asks. Returns whether it may be decided now; else there is more, or
    /// all that is due must be fired first. Cost: the user's rows for each timer that is due to it, and once more.
    package mutating func fireTimers(
        ahead due: DueBefore, by actor: PassportOrdinal, at now: Timestamp, limit: Int, into decision: inout Decision
    ) -> (fired: Int, isReady: Bool) {
        let now = instant(now)
        guard case .own(let subject) = due else {
            if case .nothing = due { return (0, true) }
            return (0, false)
        }
        // Prices are everybody's, and so is the next round of allowances, which begins where this one ends.
        let round = store.allowanceRound.due
        guard !store.scheduled.contains(where: { $0.at <= now }), round > now || CalendarPeriod.day.end(at: round) > now
        else { return (0, false) }
        guard subject != .newUser else { return (0, round > now && isOwn(actor, of: nil)) }
        // What is not there is refused, whatever is due, or made in the same transaction.
        guard let user = user(of: subject) else { return (0, isOwn(actor, of: nil)) }
        guard mayPass(user, actor) else { return (0, false) }
        if case .passport(let id) = subject, let used = passport(id), !isOwn(used, of: user) { return (0, false) }
        var fired = 0
        let start = decision.batch.byteCount
        while let entry = nextDue(to: user, by: now) {
            guard fired < limit, decision.batch.byteCount - start < groupLimit / 16 else { return (fired, false) }
            decision.begin(due: entry.due, recorded: now, origin: .timerAhead)
            // Of a round, this user's part; not all of it where there is more to post before than a group takes.
            let isWhole = entry.kind == .allowance ? giveAllowance(user, &decision) : fire(entry, &decision)
            decision.batch.endGroup()
            guard isWhole else { return (fired, false) }
            fired += 1
        }
        return (fired, true)
    }

    /// Whether nothing that is due to others can matter to a user: no passport that asks, or with which work of this
    /// user is under way, has a cap to which others' usage counts.
    private func mayPass(_ user: UserOrdinal, _ actor: PassportOrdinal) -> Bool {
        let row = store.accounts[user]
        let rows = row.lotCount + row.holdCount + row.sessionCount + row.resourceCount
        guard rows <= Self.rowsAhead, isOwn(actor, of: user) else { return false }
        for slot in holds(of: user) where !isOwn(store.holds[slot].spender, of: user) { return false }
        for slot in sessions(of: user) where !isOwn(store.sessions[slot].spender, of: user) { return false }
        for slot in resources(of: user) where !isOwn(store.resources[slot].spender, of: user) { return false }
        return true
    }

    /// Whether a passport has no cap, or one that only its own user's usage counts to. `user`: who that must be.
    private func isOwn(_ passport: PassportOrdinal, of user: UserOrdinal?) -> Bool {
        guard passport != .none else { return true }
        let root = store.passports[root(passport)]
        return root.extras.caps == Caps() || root.scope == .own && (user == nil || root.user == user)
    }

    /// What is due to a user first, in the order of ``TimerEntry``.
    private func nextDue(to user: UserOrdinal, by now: Timestamp) -> TimerEntry? {
        var first: TimerEntry?
        func note(_ due: Timestamp, _ kind: TimerKind, _ born: UInt64) {
            guard due <= now else { return }
            let entry = TimerEntry(due: due, kind: kind, born: born)
            if first.map({ entry < $0 }) ?? true { first = entry }
        }
        for slot in lots(of: user) {
            let row = store.lots[slot]
            if row.waiting { note(row.effective, .lotEffective, row.id.value) }
            if !row.expired { note(row.expires, .lotExpiry, row.id.value) }
        }
        for slot in holds(of: user) { note(store.holds[slot].expires, .holdExpiry, store.holds[slot].id.value) }
        for slot in sessions(of: user) {
            note(store.sessions[slot].timerDue, store.sessions[slot].timerKind, store.sessions[slot].id.value)
        }
        for slot in resources(of: user) {
            note(store.resources[slot].timerDue, .accrual, store.resources[slot].id.value)
        }
        let row = store.accounts[user]
        note(row.storageCheck, .unpaidStorage, UInt64(user.value))
        note(row.fundsEnd, .fundsEnd, UInt64(user.value))
        if waitsForAllowance(user) { note(store.allowanceRound.due, .allowance, 0) }
        return first
    }
}
