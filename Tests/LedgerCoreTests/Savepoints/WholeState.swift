import LedgerTestKit

@testable import LedgerCore

/// All that a ledger is, by value: rows with what is derived in them, free slots in their order, what every index
/// stands for, the heap of timers as it lies. Two of them are equal when nothing that is decided later can differ.
struct WholeState: Equatable {
    struct Table<Row: Equatable>: Equatable {
        var slots: [Int32]
        var rows: [Row]
        var free: [Int32]

        init(_ slab: borrowing Slab<Row>) {
            let live = Array(slab.slots)
            slots = live.map(\.index)
            rows = []
            for slot in live { rows.append(slab[slot]) }
            free = slab.free.map(\.index)
        }
    }

    struct Index<Key: Equatable>: Equatable {
        var keys: [Key]
        var values: [UInt64]
    }

    struct Small: Equatable {
        var spaces: [Space]
        var meters: [Meter]
        var rules: [Rule]
        var active: [ActiveRule]
        var scheduled: [ScheduledRule]
        var limits: Limits
        var presence: Presence
        var refusals: RefusalRate
        var allowanceRound: AllowanceRound
    }

    struct Keys: Equatable {
        var entries: [CommandHistory.Entry]
        var found: [CommandHistory.Entry?]
        var retention: TimeSpan
        var capacity: UInt64
    }

    var lsn: LSN
    var time: Timestamp
    var accounts: Table<Account>
    var passports: Table<Passport>
    var lots: Table<Lot>
    var holds: Table<Hold>
    var sessions: Table<Session>
    var resources: Table<Resource>
    var instances: Table<Instance>
    var allowances: Table<Allowance>
    var small: Small
    var books: [BookAccountRow]
    var booksSum: Int128
    var history: Keys
    var byHash: [Index<Hash128>]
    var byNumber: [Index<UInt64>]
    var foundPassports: [Slot<Passport>]
    var foundLots: [Slot<Lot>]
    var timers: [TimerEntry]

    init(_ machine: borrowing StateMachine) {
        (lsn, time) = (machine.lastLSN, machine.lastTime)
        accounts = Table(machine.store.accounts)
        passports = Table(machine.store.passports)
        lots = Table(machine.store.lots)
        holds = Table(machine.store.holds)
        sessions = Table(machine.store.sessions)
        resources = Table(machine.store.resources)
        instances = Table(machine.store.instances)
        allowances = Table(machine.store.allowances)
        small = Small(
            spaces: machine.store.spaces, meters: machine.store.meters, rules: machine.store.rules,
            active: machine.store.active,
            scheduled: machine.store.scheduled, limits: machine.store.limits, presence: machine.store.presence,
            refusals: machine.store.refusals, allowanceRound: machine.store.allowanceRound)
        books = machine.store.books.rows
        booksSum = machine.store.books.sum
        let entries = machine.store.history.queue.positions.map { machine.store.history.queue[$0] }
        history = Keys(
            entries: entries, found: [], retention: machine.store.history.retention,
            capacity: machine.store.history.capacity)
        for entry in entries { history.found.append(machine.store.history.find(entry.key.scope, at: entry.time)) }
        byHash = []
        byNumber = []
        foundPassports = machine.store.passportIndex.sorted()
        foundLots = machine.store.lotIndex.sorted()
        timers = machine.store.timers.entries
        note(machine.store.userIndex)
        note(machine.store.external)
        note(machine.store.resourceIndex)
        note(machine.store.instanceIndex)
        note(machine.store.metered)
        note(machine.store.instanceByID)
        note(machine.store.holdIndex)
        note(machine.store.sessionIndex)
        note(machine.store.resourceByID)
        note(machine.store.refunded)
        note(machine.store.sessionTime)
        note(machine.store.spaceGrants)
        note(machine.store.allowanceIndex)
        note(machine.store.allowedUntil)
    }

    private mutating func note(_ index: borrowing HashIndex<Hash128>) {
        let all = index.sorted()
        byHash.append(Index(keys: all.map(\.key), values: all.map(\.value)))
    }

    private mutating func note(_ index: borrowing HashIndex<UInt64>) {
        let all = index.sorted()
        byNumber.append(Index(keys: all.map(\.key), values: all.map(\.value)))
    }
}
