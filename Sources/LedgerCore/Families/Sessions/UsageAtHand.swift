/// What the sessions of one user have used beyond what they hold at one instant, kept while a group about them grows:
/// every event says what is available behind it, and to ask all sessions for each would cost their square. Not state:
/// a sum made anew is the same.
struct UsageAtHand {
    private var user = UserOrdinal.none
    private var at = Timestamp.distantPast
    private var sum = Int128(0)
    /// Of those that have used more than they hold, by slot.
    private var parts: [Int32: Int64] = [:]

    func isAbout(_ other: UserOrdinal) -> Bool { user == other }

    /// The sum but for one session; nil: not known.
    func known(_ user: UserOrdinal, at now: Timestamp, beside own: Slot<Session>) -> Int128? {
        guard user == self.user, now == at else { return nil }
        return sum - Int128(parts[own.index] ?? 0)
    }

    /// Cost: the user's sessions.
    init(_ ledger: borrowing StateMachine, _ user: UserOrdinal, at now: Timestamp) {
        self.user = user
        at = now
        for slot in ledger.sessions(of: user) { add(slot, ledger) }
    }

    init() {}

    private mutating func add(_ slot: Slot<Session>, _ ledger: borrowing StateMachine) {
        let part = ledger.uncovered(slot, at: at)
        guard part > 0 else { return }
        parts[slot.index] = part
        sum += Int128(part)
    }

    mutating func note(_ slot: Slot<Session>, in ledger: borrowing StateMachine) {
        remove(slot)
        add(slot, ledger)
    }

    mutating func remove(_ slot: Slot<Session>) {
        if let part = parts.removeValue(forKey: slot.index) { sum -= Int128(part) }
    }
}

extension StateMachine {
    /// Nano-USD that a session has used beyond what it holds.
    fileprivate func uncovered(_ slot: Slot<Session>, at now: Timestamp) -> Int64 {
        guard now > store.sessions[slot].coveredUntil else { return 0 }
        return max(cost(of: slot, at: now) - store.sessions[slot].pins.total, .zero).nanos
    }

    /// The sum over a user's sessions but for `own`. Cost: the user's sessions, unless it is at hand.
    func uncovered(_ user: UserOrdinal, at now: Timestamp, beside own: Slot<Session>) -> Int128 {
        guard now > store.accounts[user].coveredUntil else { return 0 }
        if let known = usageAtHand.known(user, at: now, beside: own) {
            assert(known == uncoveredAnew(user, at: now, beside: own), "what is at hand is not what was used")
            return known
        }
        return uncoveredAnew(user, at: now, beside: own)
    }

    private func uncoveredAnew(_ user: UserOrdinal, at now: Timestamp, beside own: Slot<Session>) -> Int128 {
        var sum = Int128(0)
        for slot in sessions(of: user) where slot != own { sum += Int128(uncovered(slot, at: now)) }
        return sum
    }

    /// Another event of a group is about a user: what all of the user's sessions have used is kept at hand.
    mutating func keepUsageAtHand(_ user: UserOrdinal, at now: Timestamp) {
        guard now > store.accounts[user].coveredUntil, store.accounts[user].sessionCount > 1,
            usageAtHand.known(user, at: now, beside: .none) == nil
        else { return }
        usageAtHand = UsageAtHand(self, user, at: now)
    }

    /// What a session holds, used or costs has changed.
    mutating func noteUsageAtHand(_ slot: Slot<Session>) {
        var atHand = UsageAtHand()
        swap(&atHand, &usageAtHand)
        atHand.note(slot, in: self)
        swap(&atHand, &usageAtHand)
    }
}
