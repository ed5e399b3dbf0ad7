package import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// A version of a rule beside the active one, without effect: a follower, which asks it what each part that the rule
/// priced would have cost, when that is in the journal already. It can neither fail nor slow a charge. When its time is
/// over it follows no more, and what it found stays.
///
/// Unchecked Sendable: `repricer` and `next` belong to the followers' thread; what it found lies under a lock.
final class Shadow: Follower, @unchecked Sendable {
    let name: String
    let rule: RuleName
    let version: UInt32
    let identity: RuleIdentity
    let since: Timestamp
    /// What is recorded from then on does not count.
    let until: Timestamp
    private let shard: UInt16
    private let leave: @Sendable (_ name: String) -> Void
    private var repricer: Repricer
    private var next: LSN
    private let found: Lock<Found>

    /// What it has found so far. Memory: a number for each user who was charged.
    private struct Found: Sendable {
        var through: LSN
        var isOver = false
        var total = RepricingTally()
        var failures = RepricingFailures()
        var changes = RelativeChanges()
        var differences: [UInt32: Int128] = [:]
    }

    /// Nanoseconds of one turn: other followers wait meanwhile.
    private static let turn: UInt64 = 20_000_000

    /// `leave`: makes it follow no more. Called on the followers' thread, with its name, when its time is over.
    init(
        _ name: String, _ compiled: CompiledRule, version: UInt32, since: Timestamp, until: Timestamp, from: LSN,
        reader: JournalReader, shard: UInt16, leave: @escaping @Sendable (_ name: String) -> Void
    ) {
        self.name = name
        rule = compiled.name
        self.version = version
        identity = compiled.identity
        self.since = since
        self.until = until
        self.shard = shard
        self.leave = leave
        repricer = Repricer(compiled, reader: reader)
        next = from.next
        found = Lock(Found(through: from))
    }

    func position() throws(FollowerError) -> LSN { next }

    func take(_ events: EventSlice) throws(FollowerError) -> LSN {
        let began = MonotonicTime.now
        var at = events.first
        var isOver = false
        try events.visit { (event) throws(FollowerError) in
            at = event.lsn.next
            isOver = event.time >= until
            guard !isOver else { return false }
            try count(event)
            return MonotonicTime.now - began < Self.turn
        }
        next = at
        found.withLock {
            $0.through = LSN(at.value - 1)
            $0.isOver = isOver
        }
        if isOver { leave(name) }
        return at
    }

    private func count(_ event: JournaledEvent) throws(FollowerError) {
        do throws(StateError) {
            guard let (header, part) = try PricedPart.read(event.bytes, lsn: event.lsn, time: event.time),
                part.pricing.query.rule == rule, part.pricing.priced.rule != .none
            else { return }
            let outcome: Repricer.Outcome
            do throws(StorageError) {
                outcome = try repricer.price(part, header)
            } catch {
                throw StateError("\(error)")
            }
            found.withLock { found in
                switch outcome {
                case .priced(let amount):
                    found.total.add(part.amount, amount)
                    found.changes.add(part.amount, amount)
                    found.differences[header.user.value, default: 0] +=
                        Int128(amount.nanos) - Int128(part.amount.nanos)
                case .failed(let error): found.failures.add(part, header, shard: shard, error)
                }
            }
        } catch {
            throw FollowerError("LSN \(event.lsn.value): \(error.reason)")
        }
    }

    /// Whether nothing more will count.
    func isOver(at now: Timestamp) -> Bool { now >= until || found.withLock { $0.isOver } }

    /// Cost: the users who were charged.
    func report(at now: Timestamp, userID: (UserOrdinal) -> ShortText) -> ShadowReport {
        var report = ShadowReport(
            rule: rule, version: version, identity: identity, since: since, until: until, isOver: isOver(at: now),
            through: .none, total: RepricingTally(), failures: RepricingFailures(), median: 0, high: 0,
            worstUser: ShortText(), worstDifference: .zero)
        let worst = found.withLock { found -> UInt32? in
            report.through = found.through
            (report.total, report.failures) = (found.total, found.failures)
            (report.median, report.high) = (found.changes.percentile(50), found.changes.percentile(95))
            let worst = found.differences.max { $0.value == $1.value ? $0.key > $1.key : $0.value < $1.value }
            guard let worst, worst.value > 0 else { return nil }
            report.worstDifference = MoneySum(nanos: worst.value)
            return worst.key
        }
        if let worst { report.worstUser = userID(UserOrdinal(worst)) }
        return report
    }
}

/// What RULE DIFF shows.
package struct ShadowReport: Sendable {
    package var rule: RuleName
    package var version: UInt32
    package var identity: RuleIdentity
    package var since: Timestamp
    /// `.never`: until it is ended.
    package var until: Timestamp
    package var isOver: Bool
    /// The last event that it has looked at.
    package var through: LSN
    package var total: RepricingTally
    package var failures: RepricingFailures
    /// Of the relative changes, in thousandths: half of the parts changed by at most so much, 95 of 100 by at most so
    /// much.
    package var median: Int
    package var high: Int
    /// Who would pay the most more; empty: nobody more.
    package var worstUser: ShortText
    package var worstDifference: MoneySum
}

/// How much amounts changed, in thousandths of what they were: a histogram of a fixed size, from −100 % to +900 %.
package struct RelativeChanges: Sendable {
    private var counts = [Int](repeating: 0, count: Self.highest - Self.lowest + 1)
    private var total = 0

    package static let lowest = -1000
    /// What rose by more counts as that, as does what cost nothing before.
    package static let highest = 9000

    package init() {}

    package mutating func add(_ old: Money, _ new: Money) {
        let change =
            old == new
            ? 0
            : old.nanos <= 0
                ? Int128(Self.highest) : (Int128(new.nanos) - Int128(old.nanos)) * 1000 / Int128(old.nanos)
        counts[Int(min(max(change, Int128(Self.lowest)), Int128(Self.highest))) - Self.lowest] += 1
        total += 1
    }

    /// So many of a hundred changed by at most this; 0 where there is none.
    package func percentile(_ percent: Int) -> Int {
        var left = max((total * percent + 99) / 100, 1)
        guard total > 0 else { return 0 }
        for (index, count) in counts.enumerated() {
            left -= count
            if left <= 0 { return index + Self.lowest }
        }
        return Self.highest
    }
}
