/// A session that is about to begin, for who asks how long credit lasts with it.
struct Starting {
    var tariff: Tariff
}

// When a user's credit runs out if nothing changes.
extension StateMachine {
    /// The instant at which all that runs (sessions beyond their time to live as well) and all that is stored has used
    /// up what lots there are, each of which pays until it expires and not before it is effective. `.never` when that
    /// is not within the time that a ledger records. To the nanosecond for sessions; storage counts in whole nano-USD
    /// an hour, rounded up. Cost: the user's lots, sessions and resources, sorted.
    func emptyAt(_ user: UserOrdinal, at now: Timestamp, with starting: Starting? = nil) -> Timestamp {
        var runway = Runway(now: now)
        for slot in lots(of: user) where store.lots[slot].expires > now {
            let lot = store.lots[slot]
            runway.add(lot.free, from: lot.waiting ? lot.effective : now, until: lot.expires)
        }
        for slot in sessions(of: user) {
            let row = store.sessions[slot]
            // What is pinned for it cannot expire, and what it used is paid from there first.
            runway.owe(cost(of: slot, at: now) - row.pins.total)
            runway.use(row.lastPricing.tariff, since: row.started)
        }
        if let starting { runway.use(starting.tariff, since: now) }
        runway.owe(Money(nanos: Int64(clamping: accruedStorage(user, at: now))))
        var stored = Int128(0)
        for slot in resources(of: user) {
            let row = store.resources[slot]
            if row.pricing.tariff.steps.isEmpty {
                stored += Int128(row.pricing.tariff.rate) * Int128(row.megabytes)
            } else {
                runway.store(row.pricing.tariff, Int128(row.megabytes), since: row.pricedFrom)
            }
        }
        if stored > 0 { runway.store(stored) }
        return runway.end()
    }
}

/// Credit and what uses it, from an instant on. Amounts are nano-USD times the nanoseconds of an hour, so that a rate
/// an hour times a time is one of them.
private struct Runway {
    private enum Change {
        case rate(Int128)
        case effective(Int)
        case expires(Int)
    }
    private let now: Timestamp
    private var rate = Int128(0)
    /// In burn order.
    private var lots: [(left: Int128, isOpen: Bool)] = []
    private var credit = Int128(0)
    private var owed = Int128(0)
    private var changes: [(at: Timestamp, change: Change)] = []

    init(now: Timestamp) { self.now = now }

    mutating func add(_ amount: Money, from: Timestamp, until: Timestamp) {
        guard amount > .zero else { return }
        let number = lots.count
        lots.append((Int128(amount.nanos) * Tariff.hour, from <= now))
        if from <= now { credit += lots[number].left } else { changes.append((from, .effective(number))) }
        if until != .never { changes.append((until, .expires(number))) }
    }

    mutating func owe(_ amount: Money) { owed += Int128(amount.nanos) * Tariff.hour }

    mutating func use(_ tariff: Tariff, since start: Timestamp) {
        var current = Int128(tariff.rate(at: now - start))
        rate += current
        for step in tariff.steps where start + step.from > now {
            changes.append((start + step.from, .rate(Int128(step.rate) - current)))
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
        if instant <= now { rate += hourly - current } else { changes.append((instant, .rate(hourly - current))) }
        current = hourly
    }

    consuming func end() -> Timestamp {
        changes.sort { $0.at < $1.at }
        // What is pinned and not used counts as credit that nothing takes away.
        var pool = max(-owed, 0)
        if owed > 0 { burn(owed, &pool) }
        var at = now
        for next in changes + [(.never, .rate(0))] {
            if credit + pool <= 0 { return at }
            if rate > 0 {
                let lasts = (credit + pool) / rate
                let span = Int128(next.at.nanoseconds) - Int128(at.nanoseconds)
                if lasts < span || (lasts == span && next.at != .never) {
                    let end = Int128(at.nanoseconds) + lasts
                    return end < Int128(Timestamp.latest.nanoseconds) ? Timestamp(nanoseconds: Int64(end)) : .never
                }
                if next.at == .never { return .never }
                burn(span * rate, &pool)
            }
            at = next.at
            switch next.change {
            case .rate(let difference): rate += difference
            case .effective(let number):
                lots[number].isOpen = true
                credit += lots[number].left
            case .expires(let number):
                if lots[number].isOpen { credit -= lots[number].left }
                lots[number] = (0, false)
            }
        }
        return .never
    }

    /// Burns from the pool of what is pinned, then in burn order.
    private mutating func burn(_ amount: Int128, _ pool: inout Int128) {
        var rest = amount - min(amount, pool)
        pool -= min(amount, pool)
        for number in lots.indices where lots[number].isOpen && rest > 0 {
            let used = min(lots[number].left, rest)
            lots[number].left -= used
            credit -= used
            rest -= used
        }
        if rest > 0 { pool -= rest }
    }
}
