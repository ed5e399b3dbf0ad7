/// The ledger: one deterministic state machine over values. (Being built: the signatures below stay.)
package struct StateMachine: ~Copyable {
    /// The last applied event, `LSN.none` before the first.
    package private(set) var lastLSN: LSN = .none
    /// The recorded time of the last applied event.
    package private(set) var lastTime: Timestamp = .distantPast
    /// From `LedgerCreated`.
    package private(set) var ledger = Hash128.zero
    package private(set) var shard: UInt16 = 0
    package private(set) var names = Names(seed: .zero)

    /// An empty ledger, waiting for its first event (`LedgerCreated`).
    package init() {}

    // MARK: Deciding

    /// Begins a new ledger: decides and applies `LedgerCreated`. Only on an empty one.
    package mutating func create(_ genesis: LedgerCreated, at now: Timestamp, into batch: inout EventBatch) {}

    /// The question whose answer `decide` needs, or nil. Pure: asking changes nothing.
    package func prepare(_ request: Request, at now: Timestamp) -> PriceQuery? { nil }

    /// Decides a command and applies what was decided. Recorded times are `now`, or one nanosecond after the last event.
    /// A rejection changes nothing, except that a key remembers some of them.
    package mutating func decide(
        _ request: Request, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) -> Outcome { .rejected(.invalid("not built")) }

    /// Fires at most `limit` timers that are due, in due order. Returns how many; fewer than `limit` means none is left.
    package mutating func fireTimers(at now: Timestamp, limit: Int, into batch: inout EventBatch) -> Int { 0 }

    /// When the next timer is due; nil when there is none.
    package var nextTimer: Timestamp? { nil }

    // MARK: Reading

    package func read(_ query: Query, at now: Timestamp) -> QueryResult { .rejected(.invalid("not built")) }

    /// What readers see of a user. Cost: the user's open sessions and resources.
    package func accountView(_ user: UserOrdinal, at now: Timestamp) -> AccountView { fatalError("not built") }
    package func passportView(_ passport: PassportOrdinal) -> PassportRow { fatalError("not built") }
    /// A user's id, e-mail (sealed) and last event, which is the head of the thread through the journal.
    package func userRow(_ user: UserOrdinal, at now: Timestamp) -> UserRow { fatalError("not built") }
    package func lookUp(user: Hash128) -> UserOrdinal? { nil }
    package func lookUp(passport: PassportID) -> PassportOrdinal? { nil }
    package var userCount: Int { 0 }
    package var passportCount: Int { 0 }
    package var limits: Limits { .defaults }
    /// The source of a rule version, journaled for ever; the active identity of each name.
    package func ruleSource(_ identity: RuleIdentity) -> (name: RuleName, source: [UInt8])? { nil }
    package func activeRule(_ name: RuleName) -> RuleIdentity? { nil }
    /// Identity of a version number, for RULE ACTIVATE and SHOW.
    package func ruleIdentity(_ name: RuleName, version: UInt32) -> RuleIdentity? { nil }
    /// What ROLLBACK would activate.
    package func previousRule(_ name: RuleName) -> RuleIdentity? { nil }
    /// Counters for INFO.
    package var counts: [(name: String, count: Int)] { [] }

    // MARK: Replay and snapshots

    /// Replays one journaled event: decodes, applies, and checks it against its own after-image.
    /// The event's LSN must be `lastLSN + 1`.
    package mutating func replay(_ bytes: UnsafeRawBufferPointer) throws(StateError) {}

    /// The sum over every account of the books; zero at every LSN.
    package var booksSum: Int128 { 0 }

    /// Writes every table, in a canonical order.
    package func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {}

    /// Loads one frame of a snapshot into an empty ledger; frames come in the order they were written.
    package mutating func restore(section: UInt16, rows: Int, bytes: UnsafeRawBufferPointer) throws(StateError) {}

    /// Ends a restore: rebuilds what is derived (indexes, timers, sums) and checks it.
    package mutating func finishRestoring() throws(StateError) {}

    /// Recomputes every invariant from the rows; one sentence for each that does not hold. Cost: a pass over all state.
    package func violations() -> [String] { [] }
}

/// What a session would cost: the engine computes it from a rule's answer. Rounded up.
package struct SessionQuote: Sendable {
    package var amount: Money
    package var pricing: Pricing
    package init(pricing: Pricing, duration: TimeSpan) {
        self.pricing = pricing
        self.amount = pricing.tariff.quote(from: .zero, to: duration) ?? .max
    }
}
