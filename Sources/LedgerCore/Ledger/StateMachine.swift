/// The ledger: one deterministic state machine over values.
///
/// A command passes three steps. `prepare` says which price it needs; the caller asks the rule. `decide` looks at the
/// state and says no, or commits a group of events: each is numbered, applied, imaged and written at once. `apply` is
/// the only code that changes state, and it is the same code that replays a journal. There is no clock, no randomness,
/// no I/O in here: the time, the prices and every random id arrive as arguments.
///
/// What a command or an event *is* stands in its family's folder; here are the few verbs that all of them share.
package struct StateMachine: ~Copyable {
    // Two addresses and nothing else: whoever looks at a field of a state machine that lies inside something may copy
    // the whole of it for that.
    //
    // Safe because the state machine is noncopyable and so the only owner, and hands out nothing but borrows. (Given
    // out by address: a coroutine that yields a value moves it whole for each look, where nothing is optimised.)
    private let storage: UnsafeMutablePointer<Store>
    private let place: UnsafeMutablePointer<Standing>
    var store: Store {
        unsafeAddress { UnsafePointer(storage) }
        unsafeMutableAddress { storage }
    }
    var standing: Standing {
        unsafeAddress { UnsafePointer(place) }
        unsafeMutableAddress { place }
    }

    /// An empty ledger, waiting for its first event (`LedgerCreated`).
    package init() {
        storage = .allocate(capacity: 1)
        storage.initialize(to: Store())
        place = .allocate(capacity: 1)
        place.initialize(to: Standing())
    }

    deinit {
        storage.deinitialize(count: 1)
        storage.deallocate()
        place.deinitialize(count: 1)
        place.deallocate()
    }

    // MARK: Deciding

    /// Begins a new ledger: decides and applies `LedgerCreated`. Only on an empty one.
    package mutating func create(_ genesis: LedgerCreated, at now: Timestamp, into decision: inout Decision) {
        precondition(lastLSN.isNone, "a ledger began that has begun already")
        decision.begin(due: now, recorded: now)
        decision.origin = .command
        commit(genesis, &decision)
        decision.batch.endGroup()
    }

    /// When the next command is decided that is asked at `now`: after everything that was recorded, so that the instant
    /// of the decision is the recorded time of its first event.
    package func instant(_ now: Timestamp) -> Timestamp { max(now, lastTime + TimeSpan(nanoseconds: 1)) }

    /// The questions whose answers `decide` needs. Pure: asking changes nothing.
    package func prepare(_ request: Request, at now: Timestamp) -> PriceNeed {
        let now = instant(now)
        if let key = request.key, store.history.find(key.scope, at: now) != nil { return .none }
        return priceNeed(request.command, at: now)
    }

    /// Decides a command and applies what was decided, as of `now`, or a nanosecond after the last event. A rejection
    /// moves no money; some are recorded (see ``Refused``).
    package mutating func decide(
        _ request: Request, price: PriceInput, at now: Timestamp, into decision: inout Decision
    ) -> Outcome {
        let now = instant(now)
        if let refusal = refusal(of: request.actor, at: now) { return .rejected(refusal) }
        if let key = request.key {
            if let entry = store.history.find(key.scope, at: now) { return remembered(entry, key) }
            if store.history.isFull(at: now) {
                return .rejected(
                    .busy("the table of idempotency keys is full; raise --key-memory or lower --key-retention"))
            }
        }
        decision.begin(request, price: price, at: now)
        defer { decision.batch.endGroup() }
        do throws(Rejection) {
            let outcome = try route(request.command, &decision)
            if request.key != nil {
                // A key that came with what was answered long ago remembers that answer too (SPEC 9).
                switch outcome {
                case .replayed(let lsn): commit(Answered(answer: lsn, recorded: nil), &decision)
                case .recorded(let lsn, let arguments): commit(Answered(answer: lsn, recorded: arguments), &decision)
                case .accepted, .rejected: break
                }
            }
            return outcome
        } catch {
            record(error, of: request, &decision)
            return .rejected(error)
        }
    }

    private func remembered(_ entry: CommandHistory.Entry, _ key: IdempotencyKey) -> Outcome {
        entry.key.arguments == key.arguments ? .replayed(entry.lsn) : .rejected(.keyReused)
    }

    /// What a key answers without deciding anything, or nil: `decide` looks there first, and so does who counts or
    /// checks before it.
    package func remembered(_ request: Request, at now: Timestamp) -> Outcome? {
        let now = instant(now)
        guard let key = request.key, refusal(of: request.actor, at: now) == nil,
            let entry = store.history.find(key.scope, at: now)
        else { return nil }
        return remembered(entry, key)
    }

    /// Decides it; what may give more events than a batch can take is taken back whole when it does.
    private mutating func route(_ command: Command, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard mayGiveManyEvents(command) else { return try decide(command, &decision) }
        let savepoint = openSavepoint(decision)
        do throws(Rejection) {
            let outcome = try decide(command, &decision)
            guard decision.groupSize <= groupLimit else {
                let size = decision.groupSize
                throw .invalid("this would be \(size) bytes in one step, and at most \(groupLimit) go: do it in parts")
            }
            closeSavepoint()
            return outcome
        } catch {
            rollBack(to: savepoint, &decision)
            closeSavepoint()
            throw error
        }
    }

    /// Numbers, applies, images and writes one event. Everything was checked before: this must succeed. `asOf`: it
    /// counts from before it was recorded. `precedes`: it comes before the event that answers the command. `labels`: of
    /// what it belongs to, where that is older than the command.
    @discardableResult
    mutating func commit<E: EventType>(
        _ event: E, user: UserOrdinal = .none, linked: LSN = .none,
        effective: (from: Timestamp, to: Timestamp)? = nil, asOf: Timestamp? = nil, labels: Labels? = nil,
        precedes: Bool = false, _ decision: inout Decision
    ) -> EventReference {
        var header = EventHeader(
            lsn: lastLSN.next, time: max(decision.recorded, lastTime + TimeSpan(nanoseconds: 1)))
        if decision.group.isNone { decision.group = header.lsn }
        header.group = decision.group
        header.actor = decision.actor
        header.origin = decision.origin
        if let asOf = asOf ?? (decision.origin.isTimer ? decision.now : nil) { header.asOf = asOf }
        header.linked = linked
        (header.effectiveFrom, header.effectiveTo) = effective ?? (header.asOf, header.asOf)
        header.user = user
        if user != .none, user.value < UInt32(store.accounts.count) { header.previous = store.accounts[user].lastEvent }
        let answers = decision.answer == nil && !precedes
        if answers { header.key = decision.key }
        header.labels = labels ?? (answers ? decision.labels : .none)
        apply(event, header)
        precondition(store.books.sum == 0, "the postings of an event do not sum to zero")
        if user != .none, header.group != header.lsn { keepUsageAtHand(user, at: header.decided) }
        let image = user == .none ? nil : self.image(user, at: header.decided)
        let reference = decision.batch.append(&header, event, image)
        if answers { decision.answer = reference }
        return reference
    }

    /// The one way in which state changes: when an event is decided, and the same again when it is replayed.
    @inline(__always)
    mutating func apply<E: EventType>(_ event: E, _ header: EventHeader) {
        event.apply(to: &self, header)
        if header.user != .none {
            store.accounts[header.user].lastEvent = header.lsn
            refreshFundsEnd(header.user, at: header.asOf)
        }
        if let key = header.key {
            store.history.remember(CommandHistory.Entry(key: key, lsn: header.lsn, time: header.time))
        }
        store.history.forget(at: header.time)
        sweepTimers()
        lastLSN = header.lsn
        lastTime = header.time
    }

    func image(_ user: UserOrdinal, at now: Timestamp) -> AccountImage {
        var image = AccountImage()
        image.paid = store.accounts[user].paid
        image.promo = store.accounts[user].promo
        image.held = store.accounts[user].held
        image.debt = store.accounts[user].debt
        image.available = available(user, for: .anything, at: now)
        return image
    }

    /// The sum over every account of the books; zero at every LSN.
    package var booksSum: Int128 { store.books.sum }
}

// MARK: - Commands of every type

// A visitor cannot borrow the ledger, so it is given a pointer: valid, and the only access, for the length of the call
// that made it.

extension StateMachine {
    mutating func decide(_ command: Command, _ decision: inout Decision) throws(Rejection) -> Outcome {
        try withUnsafeMutablePointer(to: &self) { (ledger) throws(Rejection) -> Outcome in
            try withUnsafeMutablePointer(to: &decision) { (decision) throws(Rejection) -> Outcome in
                var visitor = Deciding(ledger: ledger, decision: decision)
                return try command.visit(&visitor)
            }
        }
    }

    func priceNeed(_ command: Command, at now: Timestamp) -> PriceNeed {
        withUnsafePointer(to: self) { ledger in
            var visitor = Pricing(ledger: ledger, now: now)
            return command.visit(&visitor)
        }
    }

    func mayGiveManyEvents(_ command: Command) -> Bool {
        withUnsafePointer(to: self) { ledger in
            var visitor = Counting(ledger: ledger)
            return command.visit(&visitor)
        }
    }

    private struct Deciding: CommandVisitor {
        let ledger: UnsafeMutablePointer<StateMachine>
        let decision: UnsafeMutablePointer<Decision>
        mutating func visit<C: CommandType>(_ command: borrowing C) throws(Rejection) -> Outcome {
            try command.decide(in: &ledger.pointee, &decision.pointee)
        }
    }

    private struct Pricing: CommandVisitor {
        let ledger: UnsafePointer<StateMachine>
        let now: Timestamp
        mutating func visit<C: CommandType>(_ command: borrowing C) -> PriceNeed {
            command.priceNeed(in: ledger.pointee, at: now)
        }
    }

    private struct Counting: CommandVisitor {
        let ledger: UnsafePointer<StateMachine>
        mutating func visit<C: CommandType>(_ command: borrowing C) -> Bool {
            command.mayGiveManyEvents(in: ledger.pointee)
        }
    }
}
