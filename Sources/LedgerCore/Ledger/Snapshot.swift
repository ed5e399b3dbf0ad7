/// The tables as frames. Sections come in the order of their numbers; within one, rows come in the order of ordinals or
/// sorted by key, so that equal states give equal bytes. Derived state (links, sums by account, timers) is not written.
enum SnapshotSection: UInt16, CaseIterable {
    case ledger = 1, limits, books, rules, active, scheduled, spaces
    case users, passports, lots, holds, sessions, resources
    case external, refunded, sessionTime, keys
    case allowances, allowedUntil, spaceGrants, instances, meters, metered

    static let rowsPerFrame = 65_536

    /// The version of its rows that is written today. A row's new field stands behind `if c.version >= n` in its
    /// `code(with:)`, and n stands here.
    var version: UInt8 {
        switch self {
        case .ledger: 2
        case .limits, .books, .rules, .active, .scheduled, .spaces, .users, .passports, .lots, .holds,
            .sessions, .resources, .external, .refunded, .sessionTime, .keys, .allowances, .allowedUntil, .spaceGrants,
            .instances, .meters, .metered:
            1
        }
    }
}

/// The one row of section `ledger`.
private struct LedgerRow: Recordable {
    var ledger = Hash128.zero
    var shard: UInt16 = 0
    var seed = Hash128.zero
    var lastLSN = LSN.none
    var lastTime = Timestamp.distantPast
    var keyRetention = TimeSpan.zero
    var keyCapacity: UInt64 = 0
    var refusals = RefusalRate()
    var presence = Presence()
    var allowanceDue = Timestamp.never
    var allowanceNext = UserOrdinal(0)
    var isDriven = false

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.hash(&ledger)
        try c.small(&shard)
        try c.hash(&seed)
        try c.lsn(&lastLSN)
        try c.time(&lastTime)
        try c.span(&keyRetention)
        try c.unsigned(&keyCapacity)
        try c.signed(&refusals.second)
        try c.unsigned(&refusals.recorded)
        try c.time(&presence.since)
        try c.time(&allowanceDue)
        try c.user(&allowanceNext)
        if c.version >= 2 { try c.bool(&isDriven) }
    }
}

private struct HashRow: Recordable {
    var key = Hash128.zero
    var value: UInt64 = 0
    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.hash(&key)
        try c.unsigned(&value)
    }
}

private struct NumberRow: Recordable {
    var key: UInt64 = 0
    var value: UInt64 = 0
    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.unsigned(&key)
        try c.unsigned(&value)
    }
}

/// Collects rows and passes full frames on.
private struct FrameWriter<Sink: SnapshotSink & ~Copyable>: ~Copyable {
    var columns: ColumnWriter
    let section: SnapshotSection

    init(_ section: SnapshotSection) {
        self.section = section
        columns = ColumnWriter(version: section.version)
    }

    mutating func row<T: Recordable>(_ row: T, to sink: inout Sink) throws(Sink.Failure) {
        var row = row
        columns.row(&row)
        if columns.rows == SnapshotSection.rowsPerFrame { try flush(to: &sink) }
    }

    mutating func flush(to sink: inout Sink) throws(Sink.Failure) {
        guard columns.rows > 0 else { return }
        let rows = columns.rows
        try sink.frame(section: section.rawValue, version: section.version, rows: rows, bytes: columns.finish())
    }
}

extension StateMachine {
    /// Writes every table, in a canonical order.
    package func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        for section in SnapshotSection.allCases {
            var frames = FrameWriter<Sink>(section)
            switch section {
            case .ledger:
                let row = LedgerRow(
                    ledger: ledger, shard: shard, seed: seed, lastLSN: lastLSN, lastTime: lastTime,
                    keyRetention: store.history.retention, keyCapacity: store.history.capacity,
                    refusals: store.refusals, presence: store.presence, allowanceDue: store.allowanceRound.due,
                    allowanceNext: store.allowanceRound.next, isDriven: isDriven)
                try frames.row(row, to: &sink)
            case .limits:
                for type in UserType.allCases {
                    for limit in LimitName.allCases {
                        let row = LimitSet(type: type, limit: limit, value: store.limits[type, limit])
                        try frames.row(row, to: &sink)
                    }
                }
            case .books:
                for row in store.books.rows { try frames.row(row, to: &sink) }
            case .rules: for row in store.rules { try frames.row(row, to: &sink) }
            case .active: for row in store.active { try frames.row(row, to: &sink) }
            case .scheduled: for row in store.scheduled { try frames.row(row, to: &sink) }
            case .spaces: for row in store.spaces { try frames.row(row, to: &sink) }
            case .users:
                for user in 0..<UInt32(store.accounts.count) {
                    try frames.row(store.accounts[UserOrdinal(user)], to: &sink)
                }
            case .passports:
                for passport in 0..<UInt32(store.passports.count) {
                    try frames.row(store.passports[PassportOrdinal(passport)], to: &sink)
                }
            case .lots: for slot: Slot<Lot> in byBirth(store.lotIndex) { try frames.row(store.lots[slot], to: &sink) }
            case .holds:
                for slot: Slot<Hold> in byBirth(store.holdIndex) { try frames.row(store.holds[slot], to: &sink) }
            case .sessions:
                for slot: Slot<Session> in byBirth(store.sessionIndex) {
                    try frames.row(store.sessions[slot], to: &sink)
                }
            case .resources:
                for slot: Slot<Resource> in byBirth(store.resourceByID) {
                    try frames.row(store.resources[slot], to: &sink)
                }
            case .external:
                for entry in store.external.sorted() {
                    try frames.row(HashRow(key: entry.key, value: entry.value), to: &sink)
                }
            case .refunded:
                for entry in store.refunded.sorted() {
                    try frames.row(NumberRow(key: entry.key, value: entry.value), to: &sink)
                }
            case .sessionTime:
                for entry in store.sessionTime.sorted() {
                    try frames.row(NumberRow(key: entry.key, value: entry.value), to: &sink)
                }
            case .keys:
                for entry in store.history.entries { try frames.row(entry, to: &sink) }
            case .allowances:
                for row in allowanceRows { try frames.row(row, to: &sink) }
            case .allowedUntil:
                for entry in store.allowedUntil.sorted() {
                    try frames.row(NumberRow(key: entry.key, value: entry.value), to: &sink)
                }
            case .spaceGrants:
                for entry in store.spaceGrants.sorted() {
                    try frames.row(NumberRow(key: entry.key, value: entry.value), to: &sink)
                }
            case .instances:
                for slot: Slot<Instance> in byBirth(store.instanceByID) {
                    try frames.row(store.instances[slot], to: &sink)
                }
            case .meters: for row in store.meters { try frames.row(row, to: &sink) }
            case .metered:
                for entry in store.metered.sorted() {
                    try frames.row(HashRow(key: entry.key, value: entry.value), to: &sink)
                }
            }
            try frames.flush(to: &sink)
        }
    }

    private func byBirth<Row>(_ index: borrowing HashIndex<UInt64>) -> [Slot<Row>] {
        index.sorted().map { Slot(index: Int32($0.value)) }
    }

    package static func reads(section: UInt16, version: UInt8) -> Bool {
        SnapshotSection(rawValue: section).map { version >= 1 && version <= $0.version } ?? false
    }

    /// Loads one frame of a snapshot into an empty ledger; frames come in the order they were written.
    package mutating func restore(
        section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer
    ) throws(StateError) {
        guard let section = SnapshotSection(rawValue: section), version <= section.version else {
            throw StateError(
                "a snapshot has section \(section) in version \(version), which this program does not know")
        }
        // Rows of another section may look for those of this one.
        if section != restoring { settleIndexes() }
        restoring = section
        var reader = try ColumnReader(bytes, version: version)
        for _ in 0..<rows { try restoreRow(section, &reader) }
        guard reader.isAtEnd else { throw StateError("a frame of section \(section) has bytes that nothing reads") }
    }

    private mutating func restoreRow(_ section: SnapshotSection, _ reader: inout ColumnReader) throws(StateError) {
        switch section {
        case .ledger:
            var row = LedgerRow()
            try reader.row(&row)
            (ledger, shard, seed, lastLSN, lastTime) = (row.ledger, row.shard, row.seed, row.lastLSN, row.lastTime)
            names = Names(seed: seed)
            isDriven = row.isDriven
            store.history.retention = row.keyRetention
            store.history.capacity = row.keyCapacity
            store.refusals = row.refusals
            store.presence = row.presence
            (store.allowanceRound.due, store.allowanceRound.next) = (row.allowanceDue, row.allowanceNext)
            scheduleAllowances()
        case .limits:
            var row = LimitSet(type: .free, limit: .sessions, value: 0)
            try reader.row(&row)
            store.limits[row.type, row.limit] = row.value
        case .books:
            var row = BookAccountRow()
            try reader.row(&row)
            try store.books.restore(row)
        case .rules:
            var row = Rule()
            try reader.row(&row)
            store.rules.append(row)
        case .active:
            var row = ActiveRule()
            try reader.row(&row)
            store.active.append(row)
        case .scheduled:
            var row = ScheduledRule()
            try reader.row(&row)
            store.scheduled.append(row)
            store.timers.push(TimerEntry(due: row.at, kind: .activation, born: row.lsn.value))
        case .spaces:
            var row = Space()
            try reader.row(&row)
            store.spaces.append(row)
        case .users:
            var row = Account()
            try reader.row(&row)
            let (name, end, unpaid) = (names.user(row.id), row.fundsEnd, row.storageUnpaidSince)
            let slot = store.accounts.insert(row)
            store.userIndex.setLater(name, slot)
            schedule(fundsEnd: end, of: UserOrdinal(UInt32(slot.index)))
            checkStorage(UserOrdinal(UInt32(slot.index)), at: unpaid)
        case .passports:
            var row = Passport()
            try reader.row(&row)
            try check(row.user)
            let (id, user) = (row.id, row.user)
            let slot = store.passports.insert(row)
            store.passportIndex.setLater(id.value, slot)
            store.link(slot, of: user)
        case .lots:
            var row = Lot()
            try reader.row(&row)
            try check(row.user)
            let (id, user, pending) = (row.id, row.user, row.waiting ? row.free : .zero)
            let slot = store.lots.insert(row)
            store.lotIndex.setLater(id.value, slot)
            store.accounts[user].pending += pending
            link(lot: slot)
            schedule(lot: slot)
            if store.lots[slot].expired { refreshNextExpiry(user) }
        case .holds:
            var row = Hold()
            try reader.row(&row)
            try check(row.user)
            try check(row.pins)
            insert(row)
        case .sessions:
            var row = Session()
            try reader.row(&row)
            try check(row.user)
            try check(row.pins)
            insert(row)
        case .resources:
            var row = Resource()
            try reader.row(&row)
            try check(row.user)
            insert(row)
        case .external:
            var row = HashRow()
            try reader.row(&row)
            store.external.setLater(row.key, row.value)
        case .refunded:
            var row = NumberRow()
            try reader.row(&row)
            store.refunded.setLater(row.key, row.value)
        case .sessionTime:
            var row = NumberRow()
            try reader.row(&row)
            store.sessionTime.setLater(row.key, row.value)
        case .keys:
            var row = CommandHistory.Entry()
            try reader.row(&row)
            store.history.remember(row)
        case .allowances:
            var row = Allowance()
            try reader.row(&row)
            if row.user == .none {
                store.allowanceRound[row.type] = row.terms
            } else {
                try check(row.user)
                set(allowance: row.terms, of: row.user)
            }
        case .allowedUntil:
            var row = NumberRow()
            try reader.row(&row)
            try check(UserOrdinal(UInt32(truncatingIfNeeded: row.key &- 1)))
            store.allowedUntil.set(row.key, row.value)
        case .spaceGrants:
            var row = NumberRow()
            try reader.row(&row)
            try check(UserOrdinal(UInt32(truncatingIfNeeded: row.key)))
            guard row.key >> 32 >= 1, row.key >> 32 <= UInt64(store.spaces.count) else {
                throw StateError("a grant is of a space that does not exist")
            }
            store.spaceGrants.set(row.key, row.value)
        case .instances:
            var row = Instance()
            try reader.row(&row)
            try check(row.user)
            insert(row)
        case .meters:
            var row = Meter()
            try reader.row(&row)
            store.meters.append(row)
        case .metered:
            var row = HashRow()
            try reader.row(&row)
            guard row.value <= UInt64(Int64.max) else { throw StateError("more was used than can be counted") }
            store.metered.setLater(row.key, row.value)
        }
    }

    private func check(_ user: UserOrdinal) throws(StateError) {
        guard user.value < UInt32(store.accounts.count) else {
            throw StateError("a row belongs to a user that does not exist")
        }
    }

    private func check(_ pins: LotAmounts) throws(StateError) {
        for index in 0..<pins.count where store.lotIndex[pins[index].lot.value] == nil {
            throw StateError("a hold pins a lot that does not exist")
        }
    }

    private mutating func settleIndexes() {
        store.userIndex.settle()
        store.passportIndex.settle()
        store.lotIndex.settle()
        store.external.settle()
        store.refunded.settle()
        store.sessionTime.settle()
        store.metered.settle()
    }

    /// Ends a restore: what was derived on the way must agree with itself.
    package mutating func finishRestoring() throws(StateError) {
        settleIndexes()
        restoring = nil
        if let first = violations().first { throw StateError("the snapshot does not hold together: \(first)") }
    }
}
