/// A session that is about to begin, for who asks how long credit lasts with it.
struct Starting {
    var tariff: Tariff
}

// When a user's credit runs out if nothing changes.
extension StateMachine {
    /// The instant from which on something that runs (sessions beyond their time to live as well) or is stored finds no
    /// lot to pay for it: each lot pays for what its scope names, until it expires and not before it is effective.
    /// `.never` when that is not within the time that a ledger records. To the nanosecond for sessions; storage counts
    /// in whole nano-USD an hour, rounded up. Cost: the user's lots, sessions and resources, sorted.
    func emptyAt(_ user: UserOrdinal, at now: Timestamp, with starting: Starting? = nil) -> Timestamp {
        runway(of: user, at: now, with: starting).end()
    }

    /// How long credit lasts, what uses it now, and what of it ends first by itself. Cost: as ``emptyAt(_:at:with:)``.
    func runwayRow(_ user: UserOrdinal, at now: Timestamp) -> RunwayRow {
        let row = store.accounts[user]
        let runway = runway(of: user, at: now)
        var it = RunwayRow(
            userID: row.id, time: now, sessions: Int(row.sessionCount), sessionRate: runway.rate(of: .sessions),
            storageRate: runway.rate(of: .storage), available: available(user, for: .anything, at: now), debt: row.debt)
        for slot in resources(of: user) where row.storageStopped == .never {
            it.megabytes += store.resources[slot].megabytes
        }
        for slot in lots(of: user) where store.lots[slot].expires > now && store.lots[slot].free > .zero {
            let lot = store.lots[slot]
            if !lot.scope.isEverything, !lot.waiting || lot.effective <= now { it.scoped += lot.free }
            guard lot.expires != .never, lot.expires <= it.firstExpiry else { continue }
            if lot.expires < it.firstExpiry { (it.firstExpiry, it.expiring) = (lot.expires, .zero) }
            it.expiring += lot.free
        }
        it.emptyAt = runway.end()
        return it
    }

    private func runway(of user: UserOrdinal, at now: Timestamp, with starting: Starting? = nil) -> Runway {
        var runway = Runway(now: now)
        for slot in lots(of: user) where store.lots[slot].expires > now { runway.add(store.lots[slot]) }
        for slot in sessions(of: user) {
            let row = store.sessions[slot]
            // What is pinned for it cannot expire, and what it used is paid from there first.
            runway.owe(cost(of: slot, at: now) - row.pins.total, .sessions)
            runway.use(row.lastPricing.tariff, since: row.started)
        }
        if let starting { runway.use(starting.tariff, since: now) }
        runway.owe(Money(nanos: Int64(clamping: accruedStorage(user, at: now))), .storage)
        var stored = Int128(0)
        for slot in resources(of: user) where store.accounts[user].storageStopped == .never {
            let row = store.resources[slot]
            if row.pricing.tariff.steps.isEmpty {
                stored += Int128(row.pricing.tariff.rate) * Int128(row.megabytes)
            } else {
                runway.store(row.pricing.tariff, Int128(row.megabytes), since: row.pricedFrom)
            }
        }
        if stored > 0 { runway.store(stored) }
        return runway
    }
}

/// Credit and what uses it, from an instant on. Amounts are nano-USD times the nanoseconds of an hour, so that a rate
/// an hour times a time is one of them.
private struct Runway {
    enum Use: Int, CaseIterable {
        case sessions, storage
    }
    private struct Demand {
        var rate = Int128(0)
        var owed = Int128(0)
        /// No lot before this one pays for it any more.
        var next = 0
    }
    private struct Part {
        var left: Int128
        var isOpen: Bool
        let pays: [2 of Bool]
    }
    private enum Change {
        case rate(Use, Int128)
        case effective(Int)
        case expires(Int)
    }
    private let now: Timestamp
    private var demands: [2 of Demand] = .init(repeating: Demand())
    /// In burn order.
    private var lots: [Part] = []
    /// What is pinned for sessions and not used: nothing takes it away, and it pays for them first.
    private var pool = Int128(0)
    /// What is in open lots.
    private var credit = Int128(0)
    private var changes: [(at: Timestamp, change: Change)] = []

    init(now: Timestamp) { self.now = now }

    /// What is used now, in nano-USD an hour.
    func rate(of use: Use) -> Int64 { Int64(clamping: demands[use.rawValue].rate) }

    /// In burn order.
    mutating func add(_ lot: Lot) {
        guard lot.free > .zero else { return }
        let number = lots.count
        let left = Int128(lot.free.nanos) * Tariff.hour
        let isOpen = !lot.waiting || lot.effective <= now
        lots.append(
            Part(
                left: left, isOpen: isOpen, pays: [lot.scope.pays(for: .session), lot.scope.pays(for: .storage)]))
        if isOpen { credit += left } else { changes.append((lot.effective, .effective(number))) }
        if lot.expires != .never { changes.append((lot.expires, .expires(number))) }
    }

    mutating func owe(_ amount: Money, _ use: Use) { demands[use.rawValue].owed += Int128(amount.nanos) * Tariff.hour }

    mutating func use(_ tariff: Tariff, since start: Timestamp) {
        var current = Int128(tariff.rate(at: now - start))
        demands[Use.sessions.rawValue].rate += current
        for step in tariff.steps where start + step.from > now {
            changes.append((start + step.from, .rate(.sessions, Int128(step.rate) - current)))
            current = Int128(step.rate)
        }
    }

    /// `amount`: nano-USD a GB-month, times megabytes. Months differ in length: two years ahead each is looked at.
    mutating func store(_ amount: Int128) {
        var current = Int128(0)
        var month = Month(containing: now)
        for _ in 0..<Self.months {
            change(&current, to: amount, in: month, at: month.start)
            month.index += 1
        }
    }

    /// A price with steps: its clock begins anew with every month.
    mutating func store(_ tariff: Tariff, _ megabytes: Int128, since start: Timestamp) {
        var (current, start) = (Int128(0), start)
        var month = Month(containing: now)
        for _ in 0..<Self.months {
            change(&current, to: Int128(tariff.rate) * megabytes, in: month, at: start)
            for step in tariff.steps where start + step.from < month.end {
                change(&current, to: Int128(step.rate) * megabytes, in: month, at: start + step.from)
            }
            month.index += 1
            start = month.start
        }
    }

    private static let months = 24

    private mutating func change(_ current: inout Int128, to amount: Int128, in month: Month, at instant: Timestamp) {
        let denominator = StateMachine.denominator(month)
        let hourly = (amount * Tariff.hour + denominator - 1) / denominator
        if instant <= now {
            demands[Use.storage.rawValue].rate += hourly - current
        } else {
            changes.append((instant, .rate(.storage, hourly - current)))
        }
        current = hourly
    }

    // MARK: Burning

    /// From one instant at which something changes, or a lot is used up, to the next.
    consuming func end() -> Timestamp {
        changes.sort { $0.at < $1.at }
        pool = max(-demands[Use.sessions.rawValue].owed, 0)
        for use in Use.allCases where !burn(max(demands[use.rawValue].owed, 0), use) { return now }
        var at = now
        var coming = changes[...]
        while true {
            while let next = coming.first, next.at <= at {
                make(next.change)
                coming.removeFirst()
            }
            guard credit + pool > 0 else { return at }
            let untilChange = coming.first.map { Int128($0.at.nanoseconds) - Int128(at.nanoseconds) }
            guard let untilUsedUp else { return at }
            guard let span = untilChange.map({ min($0, untilUsedUp) }) ?? (untilUsedUp == .max ? nil : untilUsedUp)
            else { return .never }
            for use in Use.allCases where !burn(span * demands[use.rawValue].rate, use) { return at }
            let next = Int128(at.nanoseconds) + span
            guard next < Int128(Timestamp.latest.nanoseconds) else { return .never }
            at = Timestamp(nanoseconds: Int64(next))
        }
    }

    /// How many nanoseconds whatever pays now lasts, at least one: the lots behind it pay the rest of that one. `.max`
    /// where nothing is used, nil where nothing pays for what is.
    private var untilUsedUp: Int128? {
        mutating get {
            var span = Int128.max
            var payers: [2 of Int?] = [nil, nil]
            for use in Use.allCases where demands[use.rawValue].rate > 0 {
                let rate = demands[use.rawValue].rate
                if use == .sessions, pool > 0 {
                    span = max(pool / rate, 1)
                    continue
                }
                guard let lot = payer(use) else { return nil }
                payers[use.rawValue] = lot
                let isShared = use == .storage && payers[0] == lot
                span = min(span, max(lots[lot].left / (isShared ? rate + demands[0].rate : rate), 1))
            }
            return span
        }
    }

    private mutating func payer(_ use: Use) -> Int? {
        while demands[use.rawValue].next < lots.count {
            let number = demands[use.rawValue].next
            if lots[number].isOpen, lots[number].left > 0, lots[number].pays[use.rawValue] { return number }
            demands[use.rawValue].next += 1
        }
        return nil
    }

    /// Burns in burn order, for sessions from the pool of what is pinned first. Returns whether that was enough.
    private mutating func burn(_ amount: Int128, _ use: Use) -> Bool {
        var rest = amount
        if use == .sessions {
            rest -= min(amount, pool)
            pool -= min(amount, pool)
        }
        while rest > 0 {
            guard let number = payer(use) else { return false }
            let used = min(lots[number].left, rest)
            lots[number].left -= used
            credit -= used
            rest -= used
        }
        return true
    }

    private mutating func make(_ change: Change) {
        switch change {
        case .rate(let use, let difference): demands[use.rawValue].rate += difference
        case .effective(let number):
            lots[number].isOpen = true
            credit += lots[number].left
            for use in Use.allCases { demands[use.rawValue].next = min(demands[use.rawValue].next, number) }
        case .expires(let number):
            if lots[number].isOpen { credit -= lots[number].left }
            (lots[number].left, lots[number].isOpen) = (0, false)
        }
    }
}
