// Storage that nobody pays for. It accrues to debt for a time (`storage_grace`) and up to a ceiling (`storage_debt`);
// then it is due to be deleted, which is for the platform to do, and nothing more accrues until the debt is paid.

/// How a user's storage stands.
package struct StorageStanding: Hashable, Sendable {
    package enum Status: UInt8, NamedCase, Sendable {
        case active = 0
        /// What accrues becomes debt.
        case unpaid = 1
        /// Nothing accrues; the platform may delete it.
        case deleteDue = 2
        package var text: String {
            switch self {
            case .active: "active"
            case .unpaid: "unpaid"
            case .deleteDue: "delete_due"
            }
        }
    }
    package var status = Status.active
    /// Since a posting first became debt; `.never` where none is owed.
    package var unpaidSince = Timestamp.never
    /// Since when it is due, or when it will be at the latest.
    package var deleteDue = Timestamp.never
    package init() {}
}

extension StateMachine {
    func storageStanding(_ user: UserOrdinal) -> StorageStanding {
        let row = store.accounts[user]
        var standing = StorageStanding()
        guard row.storageUnpaidSince != .never else { return standing }
        standing.unpaidSince = row.storageUnpaidSince
        standing.status = row.storageStopped == .never ? .unpaid : .deleteDue
        standing.deleteDue = row.storageStopped == .never ? storageGraceEnd(user) : row.storageStopped
        return standing
    }

    private func storageGraceEnd(_ user: UserOrdinal) -> Timestamp {
        let row = store.accounts[user]
        let grace = min(store.limits[row.type, .storageGrace], TimeSpan.days(3650).nanoseconds)
        return row.storageUnpaidSince + TimeSpan(nanoseconds: grace)
    }

    /// How much more storage may accrue to debt.
    func storageDebtRoom(_ user: UserOrdinal) -> Money {
        let ceiling = store.limits[store.accounts[user].type, .storageDebt]
        return Money(nanos: min(ceiling, Self.accountCeiling)) - store.accounts[user].storageOwed
    }

    // MARK: Changing, by `apply` alone

    /// A posting of storage became debt, or would have beyond the ceiling.
    mutating func oweForStorage(_ user: UserOrdinal, _ posted: StoragePosted, at instant: Timestamp) {
        guard posted.settlement.debt > .zero || posted.isCapped else { return }
        store.accounts[user].storageOwed += posted.settlement.debt
        guard store.accounts[user].storageUnpaidSince == .never else { return }
        store.accounts[user].storageUnpaidSince = instant
        checkStorage(user, at: instant)
    }

    /// The debt is paid. What stopped goes on with an event of its own.
    mutating func forgetUnpaidStorage(_ user: UserOrdinal) {
        store.accounts[user].storageOwed = .zero
        store.accounts[user].storageUnpaidSince = .never
        store.accounts[user].storageCheck = .never
    }

    /// Unpaid storage is looked at when something about it may have changed: when it was first owed for, where its
    /// rates or limits changed, and from there on whenever it may have come to its end. Derived, and so no event.
    mutating func checkStorage(_ user: UserOrdinal, at instant: Timestamp) {
        guard store.accounts[user].storageUnpaidSince != .never, store.accounts[user].storageStopped == .never else {
            return
        }
        store.accounts[user].storageCheck = instant
        store.timers.push(TimerEntry(due: instant, kind: .unpaidStorage, born: UInt64(user.value)))
    }

    /// The same for all users of a type. Cost: the resources.
    mutating func checkStorage(of type: UserType, at instant: Timestamp) {
        for head in store.resources.slots where store.resources[head].links.previous.isNone {  // once for each user
            let user = store.resources[head].user
            if store.accounts[user].type == type { checkStorage(user, at: instant) }
        }
    }

    // MARK: Its end

    /// When unpaid storage comes to its end, if nothing changes, or is to be looked at again before: the same from
    /// whenever it is looked at. Cost: the user's resources.
    private func storageEnd(_ user: UserOrdinal, from instant: Timestamp) -> Timestamp {
        var (end, at) = (storageGraceEnd(user), instant)
        for slot in resources(of: user) { at = max(at, store.resources[slot].postedThrough) }
        var list = resources(of: user)
        guard at < end, let month = list.next().map({ store.resources[$0].month }) else { return end }
        // Over the denominator of the month. A posting rounds each resource: up by less than one.
        let denominator = Self.denominator(month)
        var (room, growth) = (Int128(storageDebtRoom(user).nanos) * denominator, Int128(0))
        for slot in resources(of: user) {
            let row = store.resources[slot]
            let unposted =
                numerator(resource: slot, through: accrues(slot, until: at))
                - Int128(row.posted.nanos) * denominator
            room -= unposted + denominator
            growth += row.growth(at: at)
            // From there on another rate may hold.
            end = min(end, row.nextChange(after: at))
            // A boundary's timers have not all fired: it is looked at again when they have.
            guard row.month == month else { return max(end, at + TimeSpan(nanoseconds: 1)) }
            guard room > 0 else { return at }
        }
        guard growth > 0 else { return end }
        let span = (room + growth - 1) / growth
        return span < Int128(end.nanoseconds) - Int128(at.nanoseconds)
            ? Timestamp(nanoseconds: at.nanoseconds + Int64(span)) : end
    }

    /// A look at unpaid storage: where it may have come to its end everything is posted, for credit may have paid some
    /// of it. What does not fit into one group comes up again, at once.
    mutating func lookAtStorage(_ user: UserOrdinal, _ decision: inout Decision) {
        let due = decision.now
        store.accounts[user].storageCheck = .never
        guard store.accounts[user].resourceCount > 0 else { return }
        var end = storageEnd(user, from: due)
        if end <= due {
            for slot in resources(of: user) where store.resources[slot].postedThrough < due {
                guard decision.groupSize < groupLimit / 2 else { return checkStorage(user, at: due) }
                postStorage(slot, through: due, &decision)
            }
            end = storageEnd(user, from: due)
        }
        guard end <= due else { return checkStorage(user, at: end) }
        let row = store.accounts[user]
        commit(
            StorageDeleteDue(since: row.storageUnpaidSince, owed: row.storageOwed, resources: row.resourceCount),
            user: user, &decision)
    }

    /// The debt is paid: what stopped accrues from now on.
    mutating func resumeStorage(_ user: UserOrdinal, _ decision: inout Decision) {
        guard store.accounts[user].storageStopped != .never, store.accounts[user].debt.isZero else { return }
        commit(StorageResumed(stopped: store.accounts[user].storageStopped), user: user, &decision)
    }
}

extension Resource {
    /// What a nanosecond adds to its numerator.
    fileprivate func growth(at instant: Timestamp) -> Int128 {
        Int128(pricing.tariff.rate(at: max(instant, pricedFrom) - pricedFrom)) * Int128(megabytes)
    }

    /// The next step of its price, or the end of its month.
    fileprivate func nextChange(after instant: Timestamp) -> Timestamp {
        for step in pricing.tariff.steps where pricedFrom + step.from > instant {
            return min(pricedFrom + step.from, month.end)
        }
        return month.end
    }
}

/// Storage was not paid for as long, or for as much, as it may be: it is due to be deleted, and nothing accrues.
package struct StorageDeleteDue: EventType {
    package static let code = EventCode.storageDeleteDue
    package static let blank = StorageDeleteDue(since: .never, owed: .zero, resources: 0)
    package var body: EventBody { .storageDeleteDue(self) }

    /// When a posting first became debt.
    package var since: Timestamp
    /// What storage has come to owe since.
    package var owed: Money
    package var resources: Int32

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.time(&since)
        try c.money(&owed)
        var count = UInt32(bitPattern: resources)
        try c.small(&count)
        resources = Int32(bitPattern: count)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        let row = ledger.store.accounts[header.user]
        return row.storageUnpaidSince == since && since != .never && row.storageStopped == .never
            ? nil : "calls storage unpaid that is not"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.accounts[header.user].storageStopped = header.asOf
        ledger.store.accounts[header.user].storageCheck = .never
        for slot in ledger.resources(of: header.user) { ledger.schedule(resource: slot) }
    }
}

/// The debt was paid: a user's storage accrues again from here on.
package struct StorageResumed: EventType {
    package static let code = EventCode.storageResumed
    package static let blank = StorageResumed(stopped: .never)
    package var body: EventBody { .storageResumed(self) }

    /// Since when nothing accrued.
    package var stopped: Timestamp

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.time(&stopped) }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard stopped != .never, ledger.store.accounts[header.user].storageStopped == stopped else {
            return "resumes storage that did not stop"
        }
        for slot in ledger.resources(of: header.user) {
            let row = ledger.store.resources[slot]
            guard header.asOf >= row.postedThrough, header.asOf <= row.month.end else {
                return "resumes a resource beyond its month"
            }
        }
        return nil
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.accounts[header.user].storageStopped = .never
        ledger.forgetUnpaidStorage(header.user)
        for slot in ledger.resources(of: header.user) {
            ledger.store.resources[slot].postedThrough = header.asOf
            ledger.store.resources[slot].nextDaily = StateMachine.daily(header.user, after: header.asOf)
            ledger.schedule(resource: slot)
        }
    }
}
