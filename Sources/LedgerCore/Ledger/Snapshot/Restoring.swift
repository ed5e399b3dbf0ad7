extension StateMachine {
    package static func reads(section: UInt16, version: UInt8) -> Bool {
        SnapshotSection(rawValue: section).map { version >= 1 && version <= $0.version } ?? false
    }

    /// Takes one frame of a snapshot into an empty ledger; frames come in the order they were written. What belongs to
    /// a user comes in the order of birth, in every version.
    package mutating func restore(_ frame: consuming FrameRows) throws(StateError) {
        switch frame.rows {
        case .ledger(let rows): for row in rows { restore(row) }
        case .limits(let rows): for row in rows { store.limits[row.type, row.limit] = row.value }
        case .books(let rows): for row in rows { try store.books.restore(row) }
        case .rules(let rows): store.rules += rows
        case .active(let rows): store.active += rows
        case .scheduled(let rows): for row in rows { restore(row) }
        case .spaces(let rows): store.spaces += rows
        case .meters(let rows): store.meters += rows
        case .users(let rows):
            store.accounts.take(rows.room)
            for row in rows { restore(row) }
        case .passports(let rows):
            store.passports.take(rows.room)
            for row in rows { try restore(row) }
        case .lots(let rows):
            store.lots.take(rows.room)
            for row in rows { try restore(row) }
        case .holds(let rows):
            store.lotIndex.settle()
            store.holds.take(rows.room)
            for row in rows {
                try check(row.user)
                try check(row.pins)
                insert(row)
            }
        case .sessions(let rows):
            store.lotIndex.settle()
            store.sessions.take(rows.room)
            for row in rows {
                try check(row.user)
                try check(row.pins)
                insert(row)
            }
        case .resources(let rows):
            store.resources.take(rows.room)
            for row in rows {
                try check(row.user)
                insert(row)
            }
        case .instances(let rows):
            store.instances.take(rows.room)
            for row in rows {
                try check(row.user)
                insert(row)
            }
        case .external(let rows): for row in rows { store.external.setLater(row.key, row.value) }
        case .refunded(let rows): for row in rows { store.refunded.setLater(row.key, row.value) }
        case .sessionTime(let rows): for row in rows { store.sessionTime.setLater(row.key, row.value) }
        case .keys(let rows): for row in rows { store.history.remember(row) }
        case .allowances(let rows): for row in rows { try restore(row) }
        case .allowedUntil(let rows): for row in rows { try restore(allowedUntil: row) }
        case .spaceGrants(let rows): for row in rows { try restore(grant: row) }
        case .metered(let rows):
            for row in rows {
                guard row.value <= UInt64(Int64.max) else { throw StateError("more was used than can be counted") }
                store.metered.setLater(row.key, row.value)
            }
        }
    }

    private mutating func restore(_ row: LedgerRow) {
        (ledger, shard, seed, lastLSN, lastTime) = (row.ledger, row.shard, row.seed, row.lastLSN, row.lastTime)
        names = Names(seed: seed)
        isDriven = row.isDriven
        store.history.retention = row.keyRetention
        store.history.capacity = row.keyCapacity
        store.refusals = row.refusals
        store.presence = row.presence
        (store.allowanceRound.due, store.allowanceRound.next) = (row.allowanceDue, row.allowanceNext)
        scheduleAllowances()
    }

    private mutating func restore(_ row: ScheduledRule) {
        store.scheduled.append(row)
        store.timers.push(TimerEntry(due: row.at, kind: .activation, born: row.lsn.value))
    }

    private mutating func restore(_ row: consuming Account) {
        let (name, end, unpaid) = (names.user(row.id), row.fundsEnd, row.storageUnpaidSince)
        let slot = store.accounts.insert(row)
        store.userIndex.setLater(name, slot)
        schedule(fundsEnd: end, of: UserOrdinal(UInt32(slot.index)))
        checkStorage(UserOrdinal(UInt32(slot.index)), at: unpaid)
    }

    private mutating func restore(_ row: consuming Passport) throws(StateError) {
        try check(row.user)
        let (id, user) = (row.id, row.user)
        let slot = store.passports.insert(row)
        store.passportIndex.insertLater(id.value, slot)
        store.link(slot, of: user)
    }

    private mutating func restore(_ row: consuming Lot) throws(StateError) {
        try check(row.user)
        let (id, user, pending) = (row.id, row.user, row.waiting ? row.free : .zero)
        let slot = store.lots.insert(row)
        store.lotIndex.insertLater(id.value, slot)
        if !pending.isZero { store.accounts[user].pending += pending }
        link(lot: slot)
        schedule(lot: slot)
        if store.lots[slot].expired { refreshNextExpiry(user) }
    }

    private mutating func restore(_ row: Allowance) throws(StateError) {
        if row.user == .none {
            store.allowanceRound[row.type] = row.terms
        } else {
            try check(row.user)
            set(allowance: row.terms, of: row.user)
        }
    }

    private mutating func restore(allowedUntil row: NumberRow) throws(StateError) {
        try check(UserOrdinal(UInt32(truncatingIfNeeded: row.key &- 1)))
        store.allowedUntil.set(row.key, row.value)
    }

    private mutating func restore(grant row: NumberRow) throws(StateError) {
        try check(UserOrdinal(UInt32(truncatingIfNeeded: row.key)))
        guard row.key >> 32 >= 1, row.key >> 32 <= UInt64(store.spaces.count) else {
            throw StateError("a grant is of a space that does not exist")
        }
        store.spaceGrants.set(row.key, row.value)
    }

    private func check(_ user: UserOrdinal) throws(StateError) {
        guard user.value < UInt32(store.accounts.count) else {
            throw StateError("a row belongs to a user that does not exist")
        }
    }

    private func check(_ pins: LotAmounts) throws(StateError) {
        for index in 0..<pins.count where lot(pins[index].lot) == nil {
            throw StateError("a hold pins a lot that does not exist")
        }
    }

    /// Behind the last frame: the indexes find what was restored. `both` does two things, maybe at the same time: they
    /// have nothing in common, for half of the indexes are apart from the state meanwhile.
    package mutating func settle(_ both: (_ one: () -> Void, _ other: @escaping @Sendable () -> Void) -> Void) {
        var apart = IndexesApart()
        apart.exchange(&store)
        withUnsafeMutablePointer(to: &apart) { apart in
            // Nobody but the other one touches it, and `both` returns when that is done.
            nonisolated(unsafe) let apart = apart
            both(
                {
                    store.userIndex.settle()
                    store.external.settle()
                    store.metered.settle()
                }, { apart.pointee.settle() })
        }
        apart.exchange(&store)
    }

    /// Ends a restore on one thread: what was derived on the way must agree with itself.
    package mutating func finishRestoring() throws(StateError) {
        settle { one, other in
            one()
            other()
        }
        if let first = violations().first { throw StateError.doesNotHoldTogether(first) }
    }
}

/// Some of a ledger's indexes, in a place of their own.
private struct IndexesApart: ~Copyable {
    private var passports = RowIndex<Passport>()
    private var lots = RowIndex<Lot>()
    private var refunded = HashIndex<UInt64>()
    private var sessionTime = HashIndex<UInt64>()

    mutating func exchange(_ store: inout Store) {
        swap(&passports, &store.passportIndex)
        swap(&lots, &store.lotIndex)
        swap(&refunded, &store.refunded)
        swap(&sessionTime, &store.sessionTime)
    }

    mutating func settle() {
        passports.settle()
        lots.settle()
        refunded.settle()
        sessionTime.settle()
    }
}

extension StateError {
    /// Of a snapshot whose rows break an invariant.
    package static func doesNotHoldTogether(_ violation: String) -> StateError {
        StateError("the snapshot does not hold together: \(violation)")
    }
}
