/// Where a ``StateMachine`` stands: who it is, what it applied last, and what it has at hand while it decides.
struct Standing {
    fileprivate var lastLSN = LSN.none
    fileprivate var lastTime = Timestamp.distantPast
    fileprivate var ledger = Hash128.zero
    fileprivate var shard: UInt16 = 0
    fileprivate var isDriven = false
    fileprivate var names = Names(seed: .zero)
    fileprivate var seed = Hash128.zero
    fileprivate var activations: UInt64 = 0
    fileprivate var sessionAtHand = Slot<Session>.none
    fileprivate var usageAtHand = UsageAtHand()
    fileprivate var groupLimit = 900 << 10
}

extension StateMachine {
    /// The last applied event, `LSN.none` before the first.
    package internal(set) var lastLSN: LSN {
        get { standing.lastLSN }
        set { standing.lastLSN = newValue }
    }
    /// The recorded time of the last applied event.
    package internal(set) var lastTime: Timestamp {
        get { standing.lastTime }
        set { standing.lastTime = newValue }
    }
    /// From `LedgerCreated`.
    package internal(set) var ledger: Hash128 {
        get { standing.ledger }
        set { standing.ledger = newValue }
    }
    package internal(set) var shard: UInt16 {
        get { standing.shard }
        set { standing.shard = newValue }
    }
    package internal(set) var isDriven: Bool {
        get { standing.isDriven }
        set { standing.isDriven = newValue }
    }
    package internal(set) var names: Names {
        get { standing.names }
        set { standing.names = newValue }
    }
    var seed: Hash128 {
        get { standing.seed }
        set { standing.seed = newValue }
    }
    /// How often another version of a rule became active since this was made: for who keeps them compiled. Not state.
    package internal(set) var activations: UInt64 {
        get { standing.activations }
        set { standing.activations = newValue }
    }
    /// No group of events is larger, in bytes: it must fit into one batch of the journal. A command that would give
    /// more is refused whole; a timer leaves the rest for later.
    package var groupLimit: Int {
        get { standing.groupLimit }
        set { standing.groupLimit = newValue }
    }
    /// The session that is being decided about: looked at before the index of all is. Whatever it is, it decides
    /// nothing. Not state.
    var sessionAtHand: Slot<Session> {
        get { standing.sessionAtHand }
        set { standing.sessionAtHand = newValue }
    }
    /// What the sessions of the user used that is being decided about. Not state.
    var usageAtHand: UsageAtHand {
        _read { yield standing.usageAtHand }
        _modify { yield &standing.usageAtHand }
    }
}
