/// What a user has and how it changes: lots in burn order, pins, and the account they add up to.
extension StateMachine {
    // MARK: Looking

    /// The part of `pins` whose lots have expired: on release it goes to breakage.
    func broken(_ pins: LotAmounts) -> Money {
        var sum = Money.zero
        for index in 0..<pins.count where store.lots[slot(of: pins[index].lot)].expired { sum += pins[index].amount }
        return sum
    }

    func slot(of lot: LotID) -> Slot<Lot> {
        guard let slot = self.lot(lot) else { preconditionFailure("a lot that does not exist") }
        return slot
    }

    /// The same for a lot of a user.
    func slot(of lot: LotID, of user: UserOrdinal) -> Slot<Lot> {
        guard let slot = find(lot: lot, of: user) else { preconditionFailure("a lot that does not exist") }
        return slot
    }

    /// A lot of a user, who is there; nil where the user has no such lot. What pays is nearly always among the first in
    /// burn order, which are at hand; the index of all lots lies elsewhere in memory.
    func find(lot id: LotID, of user: UserOrdinal) -> Slot<Lot>? {
        for slot in lots(of: user).prefix(2) where store.lots[slot].id == id { return slot }
        guard let slot = lot(id), store.lots[slot].user == user else { return nil }
        return slot
    }

    // MARK: Changing, by `apply` alone

    /// Creates a lot, or gives credit back to it. Posts the user's side.
    mutating func credit(_ user: UserOrdinal, _ origin: LotOrigin, _ amount: Money, at now: Timestamp) {
        guard amount > .zero else { return }
        let slot: Slot<Lot>
        if let found = lot(origin.id) {
            slot = found
            store.lots[slot].remaining += amount
        } else {
            var lot = Lot()
            lot.id = origin.id
            lot.user = user
            lot.kind = origin.kind
            lot.priority = origin.priority
            lot.remaining = amount
            lot.effective = origin.effective
            lot.expires = origin.expires
            lot.parent = origin.parent
            lot.scope = origin.scope
            lot.fundedBy = RowText(origin.fundedBy)
            lot.waiting = origin.effective > now
            slot = store.lots.insert(lot)
            store.lotIndex.insert(origin.id.value, slot)
            link(lot: slot)
            schedule(lot: slot)
        }
        if store.lots[slot].waiting { store.accounts[user].pending += amount }
        add(user, store.lots[slot].kind, amount)
    }

    /// Puts a lot into its user's burn order.
    mutating func link(lot slot: Slot<Lot>) {
        let user = store.lots[slot].user
        var before = Slot<Lot>.none
        for other in lots(of: user) {
            if store.lots[slot].burnsBefore(store.lots[other]) { break }
            before = other
        }
        store.link(slot, after: before, of: user)
        store.accounts[user].lotCount += 1
        if !store.lots[slot].scope.isEverything { store.accounts[user].scopedLots += 1 }
        if store.lots[slot].kind == .earning { store.accounts[user].earningLots += 1 }
        store.accounts[user].nextExpiry = min(store.accounts[user].nextExpiry, store.lots[slot].expires)
    }

    mutating func schedule(lot slot: Slot<Lot>) {
        let lot = store.lots[slot]
        if lot.waiting { store.timers.push(TimerEntry(due: lot.effective, kind: .lotEffective, born: lot.id.value)) }
        if !lot.expired { store.timers.push(TimerEntry(due: lot.expires, kind: .lotExpiry, born: lot.id.value)) }
    }

    /// Burns free credit. Posts the user's side.
    mutating func burn(_ user: UserOrdinal, _ parts: LotAmounts) {
        var isStale = false
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot, of: user)
            precondition(store.lots[lot].free >= parts[index].amount, "a lot burns more than it has")
            store.lots[lot].remaining -= parts[index].amount
            add(user, store.lots[lot].kind, -parts[index].amount)
            if removeIfEmpty(lot) { isStale = true }
        }
        if isStale { refreshNextExpiry(user) }
    }

    /// Pins free credit for a hold: it moves from `paid` and `promo` to `held`.
    mutating func pin(_ user: UserOrdinal, _ parts: LotAmounts) {
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot, of: user)
            precondition(store.lots[lot].free >= parts[index].amount, "a hold pins more than a lot has")
            store.lots[lot].pinned += parts[index].amount
            add(user, store.lots[lot].kind, -parts[index].amount)
        }
        hold(user, parts.total)
    }

    /// Captures pinned credit.
    mutating func capture(_ user: UserOrdinal, _ parts: LotAmounts) {
        var isStale = false
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot, of: user)
            precondition(store.lots[lot].pinned >= parts[index].amount, "a capture takes more than is pinned")
            store.lots[lot].pinned -= parts[index].amount
            store.lots[lot].remaining -= parts[index].amount
            if removeIfEmpty(lot) { isStale = true }
        }
        if isStale { refreshNextExpiry(user) }
        hold(user, -parts.total)
    }

    /// Releases pinned credit: back to its lots, and to breakage where they have expired.
    mutating func release(_ user: UserOrdinal, _ parts: LotAmounts) {
        var broken = Money.zero
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot, of: user)
            let amount = parts[index].amount
            store.lots[lot].pinned -= amount
            if store.lots[lot].expired {
                store.lots[lot].remaining -= amount
                broken += amount
                _ = removeIfEmpty(lot)  // an expired lot has no expiry to come
            } else {
                add(user, store.lots[lot].kind, amount)
            }
        }
        hold(user, -parts.total)
        store.books.post(.breakage, broken)
    }

    /// Takes a settlement from the user's side of the books; the caller posts the other side.
    mutating func pay(_ user: UserOrdinal, _ settlement: Settlement) {
        if !settlement.held.isEmpty { capture(user, settlement.held) }
        burn(user, settlement.free)
        if !settlement.debt.isZero { owe(user, settlement.debt) }
    }

    mutating func repay(_ user: UserOrdinal, _ amount: Money) { owe(user, -amount) }

    mutating func owe(_ user: UserOrdinal, _ amount: Money) {
        store.accounts[user].debt += amount
        store.books.post(.userDebt, -amount)
        guard amount.isNegative, store.accounts[user].debt.isZero else { return }
        for session in sessions(of: user) { store.sessions[session].owed = .zero }
        forgetUnpaidStorage(user)
    }

    private mutating func add(_ user: UserOrdinal, _ kind: LotKind, _ amount: Money) {
        if kind.isPaid {
            store.accounts[user].paid += amount
            store.books.post(.userPaid, amount)
        } else {
            store.accounts[user].promo += amount
            store.books.post(.userPromo, amount)
        }
    }

    private mutating func hold(_ user: UserOrdinal, _ amount: Money) {
        store.accounts[user].held += amount
        store.books.post(.userHeld, amount)
    }

    /// The expiry of a lot: its free part leaves the account.
    mutating func expire(lot slot: Slot<Lot>, _ amount: Money) {
        let user = store.lots[slot].user
        precondition(store.lots[slot].free == amount, "a lot expires with another amount than it has")
        store.lots[slot].expired = true
        store.lots[slot].remaining -= amount
        if store.lots[slot].waiting {
            store.accounts[user].pending -= amount
            store.lots[slot].waiting = false
        }
        add(user, store.lots[slot].kind, -amount)
        store.books.post(.breakage, amount)
        _ = removeIfEmpty(slot)
        refreshNextExpiry(user)
    }

    /// All credit of a user goes to breakage. Nothing of it is pinned.
    mutating func forfeit(_ user: UserOrdinal) {
        var broken = Money.zero
        for slot in lots(of: user) {
            let lot = store.lots[slot]
            store.lots[slot].remaining = .zero
            add(user, lot.kind, -lot.remaining)
            broken += lot.remaining
            _ = removeIfEmpty(slot)
        }
        store.accounts[user].pending = .zero
        store.accounts[user].nextExpiry = .never
        store.books.post(.breakage, broken)
    }

    mutating func refreshNextExpiry(_ user: UserOrdinal) {
        var next = Timestamp.never
        for lot in lots(of: user) where !store.lots[lot].expired { next = min(next, store.lots[lot].expires) }
        store.accounts[user].nextExpiry = next
    }

    /// Returns whether the user's next expiry may have gone with it. (Left alone, it would send every read of the
    /// account looking for a lot that is no more.)
    private mutating func removeIfEmpty(_ slot: Slot<Lot>) -> Bool {
        guard store.lots[slot].remaining.isZero else { return false }
        precondition(store.lots[slot].pinned.isZero, "an empty lot is still pinned")
        let user = store.lots[slot].user
        let expires = store.lots[slot].expires
        if !store.lots[slot].scope.isEverything { store.accounts[user].scopedLots -= 1 }
        if store.lots[slot].kind == .earning { store.accounts[user].earningLots -= 1 }
        store.unlink(slot, of: user)
        store.lotIndex.remove(store.lots[slot].id.value, slot)
        store.lots.remove(slot)
        store.accounts[user].lotCount -= 1
        return expires != .never && expires <= store.accounts[user].nextExpiry
    }
}
