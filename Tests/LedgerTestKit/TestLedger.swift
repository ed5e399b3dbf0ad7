package import LedgerCore

/// A state machine with a price list and a clock in hand: commands in, receipts out, and every event kept, so that a
/// test can replay the whole ledger and compare.
package struct TestLedger: ~Copyable {
    package var machine = StateMachine()
    package var now = Timestamp("2026-01-10T00:00:00Z")!
    /// Every event, as it would be journaled.
    package var journal: [Journaled] = []
    /// The time of the batch that each of them lies in.
    package var batchTimes: [Timestamp] = []
    package var price: (PriceQuery) -> PriceInput = TestLedger.listPrice
    /// What a version says that is asked by its name.
    package var priceOfVersion: (PriceQuestion) -> PriceInput = TestLedger.listPrice
    private var decision = Decision()
    private var nextPassport: UInt64 = 1

    package init() {
        machine.create(
            LedgerCreated(ledger: Hash128(high: 1, low: 2), hashSeed: Hash128(high: 3, low: 4)), at: now,
            into: &decision)
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
        let rule = RuleIdentity(digest: Digest256(words: .init(a: UInt64(query.rule.code) + 1)))
        switch query {
        case .sessionRuntime(let type, let tier, _):
            return .priced(
                Priced(answer: .tariff(Tariff(rate: rate(type, tier), listRate: rate(.free, tier))), rule: rule))
        case .storage(_, let kind, _):
            let rate: Int64 = kind == .bucket ? 20_000_000 : 170_000_000
            return .priced(Priced(answer: .tariff(Tariff(rate: rate, listRate: rate)), rule: rule))
        case .spacePurchase(_, _, let price, _): return .priced(Priced(answer: .amount(price), rule: rule))
        case .purchaseBonus: return .priced(Priced(answer: .amount(.zero), rule: .none))
        case .usage(_, _, let quantity, _):
            return .priced(Priced(answer: .amount(Money(nanos: quantity.count * 1_000_003)), rule: rule))
        }
    }

    package static func listPrice(_ question: PriceQuestion) -> PriceInput {
        guard case .priced(var priced) = listPrice(question.query) else { return .none }
        priced.rule = question.rule
        return .priced(priced)
    }

    /// What rules say to what a command asks.
    package func prices(_ need: PriceNeed) -> PriceInput {
        switch need {
        case .none: return .none
        case .active(let query): return price(query)
        case .versions(let questions):
            var answers: [Priced] = []
            for question in questions {
                let answer = priceOfVersion(question)
                guard case .priced(let priced) = answer else { return answer }
                answers.append(priced)
            }
            return .several(answers)
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
        while !machine.fireTimers(at: now, limit: 64, into: &decision).isDone { collect() }
        collect()
    }

    /// Fires at most so many of the timers that are due, and leaves the others.
    package mutating func settle(atMost limit: Int) {
        _ = machine.fireTimers(at: now, limit: limit, into: &decision)
        collect()
    }

    /// Fires what must have happened before something is decided: what is due to its user, where that is all, else
    /// everything. Returns whether it was not everything.
    @discardableResult
    package mutating func settle(before due: DueBefore, actor: PassportOrdinal = .none) -> Bool {
        while true {
            let before = journal.count
            if goOn(before: due, actor: actor) { return true }
            if journal.count == before { break }
        }
        settle()
        return false
    }

    /// The same as far as one step goes. Returns whether that was all.
    package mutating func goOn(before due: DueBefore, actor: PassportOrdinal = .none) -> Bool {
        let ahead = machine.fireTimers(ahead: due, by: actor, at: now, limit: 64, into: &decision)
        collect()
        return ahead.isReady
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
    package mutating func command(
        _ command: Command, key: IdempotencyKey? = nil, labels: Labels = .none, actor: PassportOrdinal = .none
    ) -> Decided {
        settle()
        return decide(command, key: key, labels: labels, actor: actor)
    }

    /// Decides a command, whatever is due.
    @discardableResult
    package mutating func decide(
        _ command: Command, key: IdempotencyKey? = nil, labels: Labels = .none, actor: PassportOrdinal = .none
    ) -> Decided {
        let request = Request(actor: actor, key: key, labels: labels, command: command)
        let price = prices(machine.prepare(request, at: now))
        let outcome = machine.decide(request, price: price, at: now, into: &decision)
        let decided = Decided(outcome, in: decision.batch)
        collect()
        return decided
    }

    /// The first thing after a start says how long nobody was there, before any timer fires.
    package mutating func restart(downtime: TimeSpan) {
        let start = EngineStart(version: "test", downtime: downtime, keyRetention: .hours(24), keyCapacity: 1_000)
        _ = machine.decide(Request(actor: .none, command: .engineStart(start)), price: .none, at: now, into: &decision)
        collect()
    }

    private mutating func collect() {
        journal += Journaled.events(of: decision.batch)
        batchTimes += Array(repeating: decision.batch.baseTime, count: decision.batch.count)
        decision.batch.removeAll()
    }

    // MARK: Short forms

    package func hash(_ user: ShortText) -> Hash128 { machine.names.user(user) }

    @discardableResult
    package mutating func user(_ id: ShortText, _ type: UserType = .pro) -> Decided {
        let mail = machine.names.hash(.email, id)
        return command(
            .userCreate(
                UserCreate(id: id, emailHash: mail, email: PersonalText(sealed: Array("sealed".utf8)), type: type)))
    }

    @discardableResult
    package mutating func purchase(_ user: ShortText, _ amount: String, reference: ShortText = ShortText()) -> Decided {
        command(
            .creditPurchase(
                CreditPurchase(user: hash(user), amount: Money(amount)!, method: "stripe", reference: reference)))
    }

    @discardableResult
    package mutating func charge(_ user: ShortText, _ amount: String, over: Bool = false, key: IdempotencyKey? = nil)
        -> Decided
    {
        command(
            .creditCharge(CreditCharge(user: hash(user), amount: Money(amount)!, source: "api", over: over)), key: key)
    }

    @discardableResult
    package mutating func start(
        _ session: ShortText, _ user: ShortText, _ tier: Tier = .small, ttl: TimeSpan = .hours(24),
        heartbeat: TimeSpan = .zero,
        full: Bool = false
    ) -> Decided {
        command(
            .sessionStart(
                SessionStart(
                    user: hash(user), session: session, tier: tier, timeToLive: ttl, reserveFull: full,
                    heartbeat: heartbeat)))
    }

    @discardableResult
    package mutating func retier(_ session: ShortText, _ tier: Tier, key: IdempotencyKey? = nil) -> Decided {
        command(.sessionRetier(SessionRetier(session: machine.names.session(session), tier: tier)), key: key)
    }

    @discardableResult
    package mutating func setType(_ user: ShortText, _ type: UserType) -> Decided {
        command(.userSet(UserSet(user: hash(user), change: .type(type))))
    }

    @discardableResult
    package mutating func stop(_ session: ShortText) -> Decided {
        command(.sessionStop(SessionStop(session: machine.names.session(session))))
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
                try event.replay(into: &replayed)
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
                    try restored.restore(
                        FrameRows(section: frame.section, version: frame.version, rows: frame.rows, bytes: $0))
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
        // Looks at unpaid storage are hints that decide nothing by themselves: a restored queue begins with one.
        while let fresh = restored.nextTimer, let live = machine.nextTimer, fresh < live {
            var decision = Decision()
            _ = restored.fireTimers(at: fresh, limit: 64, into: &decision)
            guard decision.batch.isEmpty else { break }
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
    package var frames: [(section: UInt16, version: UInt8, rows: Int, bytes: [UInt8])] = []
    package init() {}
    package mutating func frame(section: UInt16, version: UInt8, rows: Int, bytes: [UInt8]) {
        frames.append((section, version, rows, bytes))
    }
}

/// An event as it lies in a journal.
package struct Journaled: Hashable, Sendable {
    package var bytes: [UInt8]
    package var lsn: LSN
    package var time: Timestamp

    package init(bytes: [UInt8], lsn: LSN, time: Timestamp) {
        self.bytes = bytes
        self.lsn = lsn
        self.time = time
    }

    package static func events(of batch: borrowing EventBatch) -> [Journaled] {
        var events: [Journaled] = []
        var position = 0
        while position < batch.byteCount {
            var length = 0
            for index in 0..<4 { length |= Int(batch.bytes[position + index]) << (8 * index) }
            let number = UInt64(events.count)
            events.append(
                Journaled(
                    bytes: Array(batch.bytes[position + 4..<position + 4 + length]),
                    lsn: LSN(batch.firstLSN.value + number),
                    time: Timestamp(nanoseconds: batch.baseTime.nanoseconds + Int64(number))))
            position += 4 + length
        }
        return events
    }

    package func event() throws(StateError) -> Event { try Self.read(bytes, lsn, time) }

    /// The same number and time with other bytes.
    package func event(_ bytes: [UInt8]) throws(StateError) -> Event { try Self.read(bytes, lsn, time) }

    package func replay(into state: inout StateMachine) throws(StateError) {
        var failure: StateError?
        bytes.withUnsafeBytes { bytes in
            do throws(StateError) { try state.replay(bytes, lsn: lsn, time: time) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private static func read(_ bytes: [UInt8], _ lsn: LSN, _ time: Timestamp) throws(StateError) -> Event {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(StateError) in try Event(decoding: bytes, lsn: lsn, time: time) }
        }
        return try result.get()
    }
}

/// What became of a command, with the event itself where one was committed.
package enum Decided: Sendable {
    case accepted(Event)
    case replayed(LSN)
    case recorded(LSN, arguments: Hash128)
    case rejected(Rejection)

    package init(_ outcome: Outcome, in batch: borrowing EventBatch) {
        switch outcome {
        case .accepted(let reference):
            let events = Journaled.events(of: batch)
            let index = Int(reference.lsn.value - batch.firstLSN.value)
            self = .accepted(try! events[index].event())
        case .replayed(let lsn): self = .replayed(lsn)
        case .recorded(let lsn, let arguments): self = .recorded(lsn, arguments: arguments)
        case .rejected(let rejection): self = .rejected(rejection)
        }
    }

    package var event: Event? { if case .accepted(let event) = self { event } else { nil } }
    package var rejection: Rejection? { if case .rejected(let rejection) = self { rejection } else { nil } }
}

/// In tests a list of bytes stands for a text that is sealed already.
extension PersonalText: ExpressibleByArrayLiteral {
    package init(arrayLiteral bytes: UInt8...) { self.init(sealed: bytes) }
}

extension SpaceEntry {
    package static func test(
        _ id: ShortText, _ cost: String, isPublic: Bool = true, share: UInt16 = 0
    ) -> SpaceEntry {
        SpaceEntry(
            id: id, name: id, description: [], category: "c", gigabytes: 5, cost: Money(cost)!, isPublic: isPublic,
            share: share)
    }
}

extension IdempotencyKey {
    package init(scope: Hash128, arguments: Hash128) { self.init(scope: scope, arguments: arguments.low) }
}

extension CreditRefund {
    /// A refund of one charge, as the engine would have read it.
    package init(charge: Event, lots: [LotOrigin], amount: Money?, reason: PersonalText) {
        guard let facts = charge.facts.charge else {
            self.init(charges: [], amount: amount, reason: reason)
            return
        }
        self.init(
            charges: [Charge(lsn: charge.lsn, user: charge.user, facts: facts, lots: lots)], amount: amount,
            reason: reason)
    }
}
