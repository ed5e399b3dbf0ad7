/// Everything the ledger knows: tables, indexes, books. Owned by one ``StateMachine``; changed by `apply` alone.
struct Store: ~Copyable {
    var accounts = Slab<Account>()
    var passports = Slab<Passport>()
    var lots = Slab<Lot>()
    var holds = Slab<Hold>()
    var sessions = Slab<Session>()
    var resources = Slab<Resource>()
    var instances = Slab<Instance>()
    var allowances = Slab<Allowance>()
    @Saved var spaces: [Space] = []
    @Saved var meters: [Meter] = []
    @Saved var rules: [Rule] = []
    @Saved var active: [ActiveRule] = []
    @Saved var scheduled: [ScheduledRule] = []
    @Saved var limits = Limits.defaults
    @Saved var presence = Presence()
    @Saved var refusals = RefusalRate()
    @Saved var allowanceRound = AllowanceRound()
    var books = Books()
    var history = CommandHistory()

    /// Hash of the user's id → ordinal.
    var userIndex = HashIndex<Hash128>()
    /// By passport id.
    var passportIndex = RowIndex<Passport>()
    /// By birth id.
    var lotIndex = RowIndex<Lot>()
    /// Birth id → slot.
    var holdIndex = HashIndex<UInt64>()
    var sessionIndex = HashIndex<UInt64>()
    /// Names that are unique for all time: hash → the LSN that answers for it. A session's is its start while it is
    /// open and its close afterwards.
    var external = HashIndex<Hash128>()
    /// Hash of a live resource's name → slot.
    var resourceIndex = HashIndex<Hash128>()
    /// Birth id of a live resource → slot.
    var resourceByID = HashIndex<UInt64>()
    /// Hash of an instance's name → slot, while the user owns it.
    var instanceIndex = HashIndex<Hash128>()
    /// The charge that paid for an instance → slot.
    var instanceByID = HashIndex<UInt64>()
    /// Charge (LSN) → nano-USD already refunded.
    var refunded = HashIndex<UInt64>()
    /// User ‖ month → nanoseconds of session time in that month, posted or recorded.
    var sessionTime = HashIndex<UInt64>()
    /// User, month and meter → what was recorded, see ``StateMachine/meteredKey(_:_:_:)``.
    var metered = HashIndex<Hash128>()
    /// Space ‖ user to whom it is granted → the LSN of the grant.
    var spaceGrants = HashIndex<UInt64>()

    /// User → slot of its own allowance, see ``StateMachine/ownAllowance(_:)``.
    var allowanceIndex = HashIndex<UInt64>()
    /// User → the end of the period for which the last lot of an allowance was given.
    var allowedUntil = HashIndex<UInt64>()

    /// What becomes due, and when. Derived: no snapshot holds it.
    var timers = TimerQueue()

    static func monthKey(_ user: UserOrdinal, _ month: Month) -> UInt64 {
        UInt64(user.value) << 32 | UInt64(UInt32(bitPattern: month.index &+ 1 &+ (1 << 20)))
    }
}

// MARK: - Rows of a user, in lists

extension Store {
    /// Behind `before`, or in front of all where that is none.
    mutating func link(_ lot: Slot<Lot>, after before: Slot<Lot>, of user: UserOrdinal) {
        lots.link(lot, after: before, head: &accounts[user].firstLot)
    }
    mutating func link(_ hold: Slot<Hold>, of user: UserOrdinal) {
        holds.link(hold, head: &accounts[user].firstHold)
    }
    mutating func link(_ session: Slot<Session>, of user: UserOrdinal) {
        sessions.link(session, head: &accounts[user].firstSession)
    }
    mutating func link(_ resource: Slot<Resource>, of user: UserOrdinal) {
        resources.link(resource, head: &accounts[user].firstResource)
    }
    mutating func link(_ passport: Slot<Passport>, of user: UserOrdinal) {
        passports.link(passport, head: &accounts[user].firstPassport)
    }
    mutating func link(_ instance: Slot<Instance>, of user: UserOrdinal) {
        instances.link(instance, head: &accounts[user].firstInstance)
    }

    mutating func unlink(_ lot: Slot<Lot>, of user: UserOrdinal) {
        lots.unlink(lot, head: &accounts[user].firstLot)
    }
    mutating func unlink(_ hold: Slot<Hold>, of user: UserOrdinal) {
        holds.unlink(hold, head: &accounts[user].firstHold)
    }
    mutating func unlink(_ session: Slot<Session>, of user: UserOrdinal) {
        sessions.unlink(session, head: &accounts[user].firstSession)
    }
    mutating func unlink(_ resource: Slot<Resource>, of user: UserOrdinal) {
        resources.unlink(resource, head: &accounts[user].firstResource)
    }
    mutating func unlink(_ instance: Slot<Instance>, of user: UserOrdinal) {
        instances.unlink(instance, head: &accounts[user].firstInstance)
    }
}

// MARK: - Every table

/// Something to be done with a table of whatever kind.
protocol TableVisitor {
    mutating func visit<Table: Undoable & ~Copyable>(_ table: inout Table)
}

extension Store {
    /// Every table, in one order. What is missing here would keep what was rolled back: a test compares the whole
    /// state.
    mutating func visitTables<V: TableVisitor>(_ visitor: inout V) {
        visitor.visit(&accounts)
        visitor.visit(&passports)
        visitor.visit(&lots)
        visitor.visit(&holds)
        visitor.visit(&sessions)
        visitor.visit(&resources)
        visitor.visit(&instances)
        visitor.visit(&allowances)
        visitor.visit(&_spaces)
        visitor.visit(&_meters)
        visitor.visit(&_rules)
        visitor.visit(&_active)
        visitor.visit(&_scheduled)
        visitor.visit(&_limits)
        visitor.visit(&_presence)
        visitor.visit(&_refusals)
        visitor.visit(&_allowanceRound)
        visitor.visit(&books)
        visitor.visit(&history)
        visitor.visit(&userIndex)
        visitor.visit(&passportIndex)
        visitor.visit(&lotIndex)
        visitor.visit(&holdIndex)
        visitor.visit(&sessionIndex)
        visitor.visit(&external)
        visitor.visit(&resourceIndex)
        visitor.visit(&resourceByID)
        visitor.visit(&instanceIndex)
        visitor.visit(&instanceByID)
        visitor.visit(&refunded)
        visitor.visit(&sessionTime)
        visitor.visit(&metered)
        visitor.visit(&spaceGrants)
        visitor.visit(&allowanceIndex)
        visitor.visit(&allowedUntil)
        visitor.visit(&timers)
    }
}

// MARK: - Rows by what names them

extension Slab where Row == Account {
    subscript(user: UserOrdinal) -> Account {
        _read { yield self[Slot(index: Int32(bitPattern: user.value))] }
        _modify { yield &self[Slot(index: Int32(bitPattern: user.value))] }
    }
}

extension Slab where Row == Passport {
    subscript(passport: PassportOrdinal) -> Passport {
        _read { yield self[Slot(index: Int32(bitPattern: passport.value))] }
        _modify { yield &self[Slot(index: Int32(bitPattern: passport.value))] }
    }
}

extension HashIndex {
    /// The value as a row's place.
    func slot<Row>(_ key: Key, in table: Row.Type = Row.self) -> Slot<Row>? {
        self[key].map { Slot(index: Int32(truncatingIfNeeded: $0)) }
    }

    mutating func set<Row>(_ key: Key, _ slot: Slot<Row>) { set(key, UInt64(slot.index)) }
    mutating func setLater<Row>(_ key: Key, _ slot: Slot<Row>) { setLater(key, UInt64(slot.index)) }
}

extension StateMachine {
    func user(_ name: Hash128) -> UserOrdinal? { store.userIndex[name].map { UserOrdinal(UInt32($0)) } }
    func passport(_ id: PassportID) -> PassportOrdinal? {
        store.passportIndex.find(id.value) { store.passports[$0].id == id }
            .map { PassportOrdinal(UInt32(bitPattern: $0.index)) }
    }
    func lot(_ id: LotID) -> Slot<Lot>? { store.lotIndex.find(id.value) { store.lots[$0].id == id } }
    func hold(_ id: HoldID) -> Slot<Hold>? { store.holdIndex.slot(id.value) }
    func session(_ id: SessionID) -> Slot<Session>? {
        // Who decides about a session has just looked at its row; the index lies elsewhere in memory.
        if store.sessions.isLive(sessionAtHand), store.sessions[sessionAtHand].id == id { return sessionAtHand }
        return store.sessionIndex.slot(id.value)
    }
    func resource(_ id: ResourceID) -> Slot<Resource>? { store.resourceByID.slot(id.value) }
    func resource(named name: ShortText) -> Slot<Resource>? { store.resourceIndex.slot(names.resource(name)) }

    // A user's rows, without an allocation. The one that was given out may be removed on the way.
    func lots(of user: UserOrdinal) -> SlabList<Lot> { store.lots.list(from: store.accounts[user].firstLot) }
    func holds(of user: UserOrdinal) -> SlabList<Hold> { store.holds.list(from: store.accounts[user].firstHold) }
    func sessions(of user: UserOrdinal) -> SlabList<Session> {
        store.sessions.list(from: store.accounts[user].firstSession)
    }
    func passports(of user: UserOrdinal) -> SlabList<Passport> {
        store.passports.list(from: store.accounts[user].firstPassport)
    }
    func resources(of user: UserOrdinal) -> SlabList<Resource> {
        store.resources.list(from: store.accounts[user].firstResource)
    }
    func instances(of user: UserOrdinal) -> SlabList<Instance> {
        store.instances.list(from: store.accounts[user].firstInstance)
    }
}
