extension StateMachine {
    package static func reads(section: UInt16, version: UInt8) -> Bool {
        SnapshotSection(rawValue: section).map { version >= 1 && version <= $0.version } ?? false
    }

    /// Loads one frame of a snapshot into an empty ledger; frames come in the order they were written. What belongs to
    /// a user comes in the order of birth, in every version.
    package mutating func restore(
        section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer
    ) throws(StateError) {
        guard let section = SnapshotSection(rawValue: section), version <= section.version else {
            throw StateError(
                "a snapshot has section \(section) in version \(version), which this program does not know")
        }
        // These look for rows of others.
        if section == .holds || section == .sessions { store.lotIndex.settle() }
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
        if let first = violations().first { throw StateError("the snapshot does not hold together: \(first)") }
    }
}
