/// Everything the ledger knows: tables, indexes, books. Owned by one ``StateMachine``; changed by `apply` alone.
struct Store: ~Copyable {
    var accounts = Slab<Account>()
    var passports = Slab<Passport>()
    var lots = Slab<Lot>()
    var holds = Slab<Hold>()
    var sessions = Slab<Session>()
    var resources = Slab<Resource>()
    var spaces: [Space] = []
    var rules: [Rule] = []
    var active: [ActiveRule] = []
    var scheduled: [ScheduledRule] = []
    var limits = Limits.defaults
    var books = Books()
    var history = CommandHistory()
    var refusals = RefusalRate()

    /// Hash of the user's id → ordinal.
    var userIndex = HashIndex<Hash128>()
    /// Passport id → ordinal.
    var passportIndex = HashIndex<UInt64>()
    /// Birth id → slot.
    var lotIndex = HashIndex<UInt64>()
    var holdIndex = HashIndex<UInt64>()
    var sessionIndex = HashIndex<UInt64>()
    /// Names that are unique for ever: hash → the LSN that answers for it. A session's is its start while it is open
    /// and its close afterwards.
    var external = HashIndex<Hash128>()
    /// Hash of a live resource's name → slot.
    var resourceIndex = HashIndex<Hash128>()
    /// Birth id of a live resource → slot.
    var resourceByID = HashIndex<UInt64>()
    /// Charge (LSN) → nano-USD already refunded.
    var refunded = HashIndex<UInt64>()
    /// User ‖ month → nanoseconds of session time in that month, posted or recorded.
    var sessionTime = HashIndex<UInt64>()

    /// What becomes due, and when. Derived: no snapshot holds it.
    var timers = TimerQueue()

    static func monthKey(_ user: UserOrdinal, _ month: Month) -> UInt64 {
        UInt64(user.value) << 32 | UInt64(UInt32(bitPattern: month.index &+ 1 &+ (1 << 20)))
    }

    func activeVersion(_ name: RuleName) -> Int? {
        guard let version = active.first(where: { $0.name == name })?.versions.last else { return nil }
        return rules.firstIndex { $0.name == name && $0.version == version }
    }
}
