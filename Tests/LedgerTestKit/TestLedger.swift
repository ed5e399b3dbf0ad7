package import LedgerCore

/// A state machine with a price list and a clock in hand: commands in, receipts out, and every event kept, so that a
/// test can replay the whole ledger and compare.
package struct TestLedger: ~Copyable {
    package var machine = StateMachine()
    package var now = Timestamp("2026-01-10T00:00:00Z")!
    /// Every event, as it would be journaled.
    package var journal: [[UInt8]] = []
    package var price: (PriceQuery) -> PriceInput = TestLedger.listPrice
    private var batch = EventBatch()
    private var nextPassport: UInt64 = 1

    package init() {
        machine.create(
            LedgerCreated(ledger: Hash128(high: 1, low: 2), hashSeed: Hash128(high: 3, low: 4)), at: now, into: &batch)
        collect()
        command(
            .engineStart(EngineStart(version: "test", downtime: .zero, keyRetention: .hours(24), keyCapacity: 1_000)))
        activate(.sessionRuntime, 1)
        activate(.storage, 2)
        activate(.spacePurchase, 3)
    }

    package mutating func activate(_ name: RuleName, _ id: UInt64, book: PriceBook? = nil) {
        let identity = RuleIdentity(digest: Digest256(words: .init(a: id)))
        command(.ruleLoad(RuleLoad(name: name, identity: identity, source: Array("-- \(name.text)".utf8))))
        command(
            .ruleActivate(RuleActivate(name: name, identity: identity, at: nil, book: book ?? TestLedger.book(name))))
    }

    // MARK: Prices

    /// SPEC 6's table in nano-USD per hour.
    package static func rate(_ type: UserType, _ tier: Tier) -> Int64 {
        let free: [Int64] = [50_000_000, 75_000_000, 100_000_000, 250_000_000]
        let share: [Int64] = [100, 50, 20, 0]
        return free[Int(tier.rawValue)] * share[Int(type.rawValue)] / 100
    }

    package static func listPrice(_ query: PriceQuery) -> PriceInput {
        let rule = RuleIdentity(digest: Digest256(words: .init(a: UInt64(query.rule.rawValue) + 1)))
        switch query {
        case .sessionRuntime(let type, let tier, _):
            return .priced(
                Priced(answer: .tariff(Tariff(rate: rate(type, tier), listRate: rate(.free, tier))), rule: rule))
        case .storage(_, let kind, _):
            let rate: Int64 = kind == .bucket ? 20_000_000 : 170_000_000
            return .priced(Priced(answer: .tariff(Tariff(rate: rate, listRate: rate)), rule: rule))
        case .spacePurchase(_, _, let price, _): return .priced(Priced(answer: .amount(price), rule: rule))
        case .purchaseBonus: return .priced(Priced(answer: .amount(.zero), rule: .none))
        }
    }

    package static func book(_ name: RuleName) -> PriceBook {
        var rows: [PriceBook.Row] = []
        func add(_ query: PriceQuery) {
            if case .priced(let priced) = listPrice(query) {
                rows.append(PriceBook.Row(query: query, answer: priced.answer))
            }
        }
        for type in UserType.allCases {
            switch name {
            case .sessionRuntime:
                for tier in Tier.allCases { add(.sessionRuntime(type: type, tier: tier, secondsThisMonth: 0)) }
            case .storage: for kind in StorageKind.allCases { add(.storage(type: type, kind: kind, megabytes: 1000)) }
            default: break
            }
        }
        return PriceBook(rows: rows)
    }

    // MARK: Doing

    /// Lets time pass up to `instant` without firing anything.
    package mutating func wait(_ span: TimeSpan) { now = now + span }

    /// Fires everything that is due.
    package mutating func settle() {
        while machine.fireTimers(at: now, limit: 64, into: &batch) == 64 { collect() }
        collect()
    }

    /// Lets time pass and fires every timer on time, in steps of at most `step`.
    package mutating func pass(_ span: TimeSpan, step: TimeSpan = .minutes(1)) {
        let end = now + span
        while now < end {
            now = min(end, now + step)
            settle()
        }
    }

    @discardableResult
    package mutating func command(_ command: Command, key: IdempotencyKey? = nil, actor: PassportOrdinal = .none)
        -> Outcome
    {
        settle()
        let request = Request(actor: actor, key: key, command: command)
        let query = machine.prepare(request, at: now)
        let outcome = machine.decide(request, price: query.map(price) ?? .none, at: now, into: &batch)
        collect()
        return outcome
    }

    /// The first thing after a start says how long nobody was there, before any timer fires.
    package mutating func restart(downtime: TimeSpan) {
        let start = EngineStart(version: "test", downtime: downtime, keyRetention: .hours(24), keyCapacity: 1_000)
        _ = machine.decide(Request(actor: .none, command: .engineStart(start)), price: .none, at: now, into: &batch)
        collect()
    }

    private mutating func collect() {
        var position = 0
        while position < batch.bytes.count {
            var length = 0
            for index in 0..<4 { length |= Int(batch.bytes[position + index]) << (8 * index) }
            journal.append(Array(batch.bytes[position + 4..<position + 4 + length]))
            position += 4 + length
        }
        batch.removeAll()
    }

    // MARK: Short forms

    package func hash(_ user: ShortText) -> Hash128 { machine.names.user(user) }

    @discardableResult
    package mutating func user(_ id: ShortText, _ type: UserType = .pro) -> Outcome {
        let mail = machine.names.hash(.email, id)
        return command(
            .userCreate(UserCreate(id: id, emailHash: mail, email: Array("sealed".utf8), name: [], type: type)))
    }

    @discardableResult
    package mutating func purchase(_ user: ShortText, _ amount: String, reference: ShortText = ShortText()) -> Outcome {
        command(
            .creditPurchase(
                CreditPurchase(user: hash(user), amount: Money(amount)!, method: "stripe", reference: reference)))
    }

    @discardableResult
    package mutating func charge(_ user: ShortText, _ amount: String, over: Bool = false, key: IdempotencyKey? = nil)
        -> Outcome
    {
        command(
            .creditCharge(CreditCharge(user: hash(user), amount: Money(amount)!, source: "api", over: over)), key: key)
    }

    @discardableResult
    package mutating func start(
        _ session: ShortText, _ user: ShortText, _ tier: Tier = .small, ttl: TimeSpan = .hours(24),
        heartbeat: TimeSpan = .zero,
        full: Bool = false
    ) -> Outcome {
        command(
            .sessionStart(
                SessionStart(
                    user: hash(user), session: session, tier: tier, timeToLive: ttl, reserveFull: full,
                    heartbeat: heartbeat)))
    }

    @discardableResult
    package mutating func stop(_ session: ShortText) -> Outcome {
        command(.sessionStop(session: machine.names.session(session)))
    }

    package func account(_ user: ShortText) -> AccountImage {
        guard case .user(let row) = machine.read(.user(hash(user)), at: now) else {
            preconditionFailure("no user \(user)")
        }
        return row.account
    }

    package func session(_ id: ShortText) -> SessionRow? {
        guard case .session(let row) = machine.read(.session(machine.names.session(id)), at: now) else { return nil }
        return row
    }

    /// Balance of a book account, in nano-USD.
    package func book(_ name: String) -> Int64 {
        guard case .books(let rows) = machine.read(.books, at: now) else { return 0 }
        return Int64(rows.first { $0.account == name }?.balance ?? 0)
    }

    // MARK: Proving

    /// The state in canonical bytes.
    package func frames() -> [[UInt8]] {
        var sink = FrameCollector()
        machine.writeSnapshot(to: &sink)
        return sink.frames.map { [UInt8($0.section)] + $0.bytes }
    }

    /// What does not hold: invariants, replay from the first event, snapshot and back. Empty when all is well.
    package func problems() -> [String] {
        var problems = machine.violations()
        let expected = frames()
        var replayed = StateMachine()
        for event in journal {
            do {
                try event.withUnsafeBytes { try replayed.replay($0) }
            } catch {
                problems.append("replay: \(error)")
                return problems
            }
        }
        var sink = FrameCollector()
        replayed.writeSnapshot(to: &sink)
        if sink.frames.map({ [UInt8($0.section)] + $0.bytes }) != expected {
            problems.append("replay gives another state")
        }

        var restored = StateMachine()
        do {
            for frame in sink.frames {
                try frame.bytes.withUnsafeBytes {
                    try restored.restore(section: frame.section, rows: frame.rows, bytes: $0)
                }
            }
            try restored.finishRestoring()
        } catch {
            problems.append("restore: \(error)")
            return problems
        }
        var again = FrameCollector()
        restored.writeSnapshot(to: &again)
        if again.frames.map({ [UInt8($0.section)] + $0.bytes }) != expected {
            problems.append("restore gives another state")
        }
        if restored.nextTimer != machine.nextTimer {
            // The live queue may hold stale entries that come up earlier and do nothing; never later.
            if let live = machine.nextTimer, let fresh = restored.nextTimer, live <= fresh { return problems }
            if machine.nextTimer != nil, restored.nextTimer == nil { return problems }
            problems.append("restored timers are due at another time")
        }
        return problems
    }
}

/// Keeps a snapshot's frames in memory.
package struct FrameCollector: SnapshotSink {
    package typealias Failure = Never
    package var frames: [(section: UInt16, rows: Int, bytes: [UInt8])] = []
    package init() {}
    package mutating func frame(section: UInt16, rows: Int, bytes: [UInt8]) {
        frames.append((section, rows, bytes))
    }
}

extension Outcome {
    package var event: Event? { if case .accepted(let event) = self { event } else { nil } }
    package var rejection: Rejection? { if case .rejected(let rejection) = self { rejection } else { nil } }
}
