/// How long a cap counts. Raw values are journaled.
package enum CapPeriod: UInt8, NamedCase, Sendable {
    case day = 0
    case month = 1

    package var text: String {
        switch self {
        case .day: "cap_day"
        case .month: "cap_month"
        }
    }

    private var calendar: CalendarPeriod {
        switch self {
        case .day: .day
        case .month: .month
        }
    }

    func start(at now: Timestamp) -> Timestamp { calendar.start(at: now) }
    func end(at now: Timestamp) -> Timestamp { calendar.end(at: now) }
}

/// What may be spent a UTC day and month, nano-USD; ``Limits/none``: as much as there is.
package struct Caps: Recordable, Hashable, Sendable {
    package var day = Limits.none
    package var month = Limits.none
    package init() {}

    package subscript(period: CapPeriod) -> Int64 {
        get {
            switch period {
            case .day: day
            case .month: month
            }
        }
        set {
            switch period {
            case .day: day = newValue
            case .month: month = newValue
            }
        }
    }

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.signed(&day)
        try c.signed(&month)
    }
}

/// A cap that leaves too little.
package struct CapReached: Recordable, Hashable, Sendable {
    /// Of the passport; else of the user.
    package var isPassports = false
    package var period = CapPeriod.day
    package var cap = Money.zero
    /// Charged, used and held in this period.
    package var spent = Money.zero
    package var needed = Money.zero
    package var resets = Timestamp.never
    package init() {}

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.bool(&isPassports)
        try c.choice(&period)
        try c.money(&cap)
        try c.money(&spent)
        try c.money(&needed)
        try c.time(&resets)
    }

    var text: String {
        "\(period.text) of \(isPassports ? "the passport" : "the user") is \(cap): \(spent) is spent or held, "
            + "\(needed) is needed; it begins anew at \(resets)"
    }
}

// Spent counts on the day of use, what is not posted yet included, and whatever is held. Refunds free nothing.
extension StateMachine {
    /// New work must fit under the caps of its user and of the passport that it is done with.
    func checkCaps(
        _ user: UserOrdinal, _ passport: PassportOrdinal, _ needed: Money, at now: Timestamp
    ) throws(Rejection) {
        guard let tightest = tightestCap(user, passport, at: now),
            tightest.spent.adding(needed) ?? .max > tightest.cap
        else { return }
        var reached = tightest
        reached.needed = needed
        throw .cap(reached)
    }

    /// The cap that leaves least; nil where there is none. Cost where there is one: the user's sessions and resources.
    private func tightestCap(_ user: UserOrdinal, _ passport: PassportOrdinal, at now: Timestamp) -> CapReached? {
        CapsAtHand.tightest(caps(by: passport, at: now) + caps(user, at: now))
    }

    /// A passport's caps and what is spent of them; its user's do not count.
    func caps(by passport: PassportOrdinal, at now: Timestamp) -> [CapReached] {
        guard passport != .none else { return [] }
        return reached(store.passports[root(passport)].extras.caps, isPassports: true, at: now) {
            spent(by: passport, $0, at: now)
        }
    }

    func caps(_ user: UserOrdinal, at now: Timestamp) -> [CapReached] {
        reached(caps(of: user), isPassports: false, at: now) { spent(of: user, $0, at: now) }
    }

    private func reached(
        _ caps: Caps, isPassports: Bool, at now: Timestamp, spent: (CapPeriod) -> Money
    ) -> [CapReached] {
        guard caps != Caps() else { return [] }
        var all: [CapReached] = []
        for period in CapPeriod.allCases where caps[period] != Limits.none {
            var cap = CapReached()
            (cap.isPassports, cap.period, cap.cap) = (isPassports, period, Money(nanos: caps[period]))
            cap.spent = spent(period)
            cap.resets = period.end(at: now)
            all.append(cap)
        }
        return all
    }

    /// The user's own, else those of the type.
    func caps(of user: UserOrdinal) -> Caps {
        var caps = store.accounts[user].caps
        let type = store.accounts[user].type
        if caps.day == Limits.none { caps.day = store.limits[type, .capDay] }
        if caps.month == Limits.none { caps.month = store.limits[type, .capMonth] }
        return caps
    }

    func spent(of user: UserOrdinal, _ period: CapPeriod, at now: Timestamp) -> Money {
        let start = period.start(at: now)
        var sum =
            Int128(store.accounts[user].spending.spent(period, at: now).nanos) + Int128(store.accounts[user].held.nanos)
        for slot in sessions(of: user) { sum += unheld(slot, since: start, at: now) }
        for slot in resources(of: user) {
            sum += Int128((accrued(slot, at: now) - max(accrued(slot, at: start), .zero)).nanos)
        }
        return Money(nanos: Int64(clamping: sum))
    }

    /// Of sessions for other users than the passport's own, what is held counts as a whole.
    func spent(by passport: PassportOrdinal, _ period: CapPeriod, at now: Timestamp) -> Money {
        let root = root(passport)
        let (user, extras) = (store.passports[root].user, store.passports[root].extras)
        let start = period.start(at: now)
        var sum = Int128(extras.spending.spent(period, at: now).nanos) + extras.held
        for slot in sessions(of: user)
        where store.sessions[slot].spender != .none && self.root(store.sessions[slot].spender) == root {
            sum += unheld(slot, since: start, at: now)
        }
        return Money(nanos: Int64(clamping: sum))
    }

    /// What a session used since `start` and may use from what it holds, less all that it holds.
    private func unheld(_ slot: Slot<Session>, since start: Timestamp, at now: Timestamp) -> Int128 {
        let (held, used) = (store.sessions[slot].pins.total, cost(of: slot, at: now))
        let before = start > store.sessions[slot].postedThrough ? cost(of: slot, at: start) : .zero
        return Int128((used - before).nanos) + Int128(max(held - used, .zero).nanos) - Int128(held.nanos)
    }
}
