/// What a user has and how it is taken: lots in burn order, pins, and the account they add up to.
extension StateMachine {
    // MARK: Looking

    /// Unpinned credit that is effective and unexpired at `now`.
    func spendable(_ user: UserOrdinal, at now: Timestamp) -> Money {
        let slot = Int32(user.value)
        var sum = store.accounts[slot].paid + store.accounts[slot].promo - store.accounts[slot].pending
        if now >= store.accounts[slot].nextExpiry {
            var lot = store.accounts[slot].firstLot
            while lot >= 0 {
                if store.lots[lot].expires <= now, !store.lots[lot].waiting { sum -= store.lots[lot].free }
                lot = store.lots[lot].links.next
            }
        }
        return sum
    }

    /// Usage up to `now` that is neither posted nor held for: storage, and sessions beyond what they hold.
    func unposted(_ user: UserOrdinal, at now: Timestamp) -> Money {
        let slot = Int32(user.value)
        var sum = Int128(0)
        if now > store.accounts[slot].coveredUntil {
            var session = store.accounts[slot].firstSession
            while session >= 0 {
                let cost = self.cost(of: session, at: now)
                let held = store.sessions[session].pins.total
                if cost > held { sum += Int128((cost - held).nanos) }
                session = store.sessions[session].links.next
            }
        }
        var resource = store.accounts[slot].firstResource
        while resource >= 0 {
            sum += Int128(accrued(resource, at: now).nanos)
            resource = store.resources[resource].links.next
        }
        // `available` subtracts it from at most four billion dollars: it must not overflow there.
        return Money(nanos: Int64(min(sum, Int128(StateMachine.accountCeiling))))
    }

    /// SPEC 3: unexpired lots − holds − accrued but unposted usage. May be negative while a session is in its grace.
    func available(_ user: UserOrdinal, at now: Timestamp) -> Money {
        spendable(user, at: now) - unposted(user, at: now)
    }

    /// The first `amount` of free credit in burn order, or all there is when that is less.
    func planFree(_ user: UserOrdinal, _ amount: Money, at now: Timestamp) -> LotAmounts {
        var plan = LotAmounts()
        var missing = amount
        var lot = store.accounts[Int32(user.value)].firstLot
        while lot >= 0, missing > .zero {
            if store.lots[lot].expires > now, !store.lots[lot].waiting {
                let part = min(store.lots[lot].free, missing)
                plan.append(LotAmount(lot: store.lots[lot].id, amount: part))
                missing -= part
            }
            lot = store.lots[lot].links.next
        }
        return plan
    }

    /// How consumed usage is met: from what its hold pinned, then credit that was free at `instant`, then debt. Never
    /// refused; what the account can owe no more (four billion dollars) stays unposted.
    func planUsage(_ user: UserOrdinal, _ amount: Money, pins: LotAmounts, at instant: Timestamp) -> Payment {
        var payment = Payment()
        var pins = pins
        payment.held = pins.take(min(pins.total, amount))
        let rest = amount - payment.held.total
        payment.free = planFree(user, rest, at: instant)
        let room = Money(nanos: StateMachine.accountCeiling) - store.accounts[Int32(user.value)].debt
        payment.debt = min(rest - payment.free.total, max(room, .zero))
        return payment
    }

    /// The part of `pins` whose lots have expired: on release it goes to breakage.
    func broken(_ pins: LotAmounts) -> Money {
        var sum = Money.zero
        for index in 0..<pins.count where store.lots[slot(of: pins[index].lot)].expired { sum += pins[index].amount }
        return sum
    }

    func slot(of lot: LotID) -> Int32 {
        guard let slot = store.lotIndex[lot.value] else { preconditionFailure("a lot that does not exist") }
        return Int32(slot)
    }

    // MARK: Changing, by `apply` alone

    /// Creates a lot, or gives credit back to it. Posts the user's side.
    mutating func credit(_ user: UserOrdinal, _ origin: LotOrigin, _ amount: Money, at now: Timestamp) {
        guard amount > .zero else { return }
        let slot = Int32(user.value)
        let lotSlot: Int32
        if let found = store.lotIndex[origin.id.value] {
            lotSlot = Int32(found)
            store.lots[lotSlot].remaining += amount
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
            lot.fundedBy = origin.fundedBy
            lot.waiting = origin.effective > now
            lotSlot = store.lots.insert(lot)
            store.lotIndex.set(origin.id.value, UInt64(lotSlot))
            link(lot: lotSlot)
            schedule(lot: lotSlot)
        }
        if store.lots[lotSlot].waiting { store.accounts[slot].pending += amount }
        add(slot, store.lots[lotSlot].kind, amount)
    }

    /// Puts a lot into its user's burn order.
    mutating func link(lot slot: Int32) {
        let user = Int32(store.lots[slot].user.value)
        var before: Int32 = -1
        var at = store.accounts[user].firstLot
        while at >= 0, !store.lots[slot].burnsBefore(store.lots[at]) {
            before = at
            at = store.lots[at].links.next
        }
        store.lots.link(slot, after: before, head: &store.accounts[user].firstLot)
        store.accounts[user].lotCount += 1
        store.accounts[user].nextExpiry = min(store.accounts[user].nextExpiry, store.lots[slot].expires)
    }

    mutating func schedule(lot slot: Int32) {
        let lot = store.lots[slot]
        if lot.waiting { store.timers.push(TimerEntry(due: lot.effective, kind: .lotEffective, born: lot.id.value)) }
        if !lot.expired { store.timers.push(TimerEntry(due: lot.expires, kind: .lotExpiry, born: lot.id.value)) }
    }

    /// Burns free credit. Posts the user's side.
    mutating func burn(_ user: UserOrdinal, _ parts: LotAmounts) {
        var isStale = false
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot)
            precondition(store.lots[lot].free >= parts[index].amount, "a lot burns more than it has")
            store.lots[lot].remaining -= parts[index].amount
            add(Int32(user.value), store.lots[lot].kind, -parts[index].amount)
            if removeIfEmpty(lot) { isStale = true }
        }
        if isStale { refreshNextExpiry(Int32(user.value)) }
    }

    /// Pins free credit for a hold: it moves from `paid` and `promo` to `held`.
    mutating func pin(_ user: UserOrdinal, _ parts: LotAmounts) {
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot)
            precondition(store.lots[lot].free >= parts[index].amount, "a hold pins more than a lot has")
            store.lots[lot].pinned += parts[index].amount
            add(Int32(user.value), store.lots[lot].kind, -parts[index].amount)
        }
        hold(Int32(user.value), parts.total)
    }

    /// Captures pinned credit.
    mutating func capture(_ user: UserOrdinal, _ parts: LotAmounts) {
        var isStale = false
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot)
            precondition(store.lots[lot].pinned >= parts[index].amount, "a capture takes more than is pinned")
            store.lots[lot].pinned -= parts[index].amount
            store.lots[lot].remaining -= parts[index].amount
            if removeIfEmpty(lot) { isStale = true }
        }
        if isStale { refreshNextExpiry(Int32(user.value)) }
        hold(Int32(user.value), -parts.total)
    }

    /// Releases pinned credit: back to its lots, and to breakage where they have expired.
    mutating func release(_ user: UserOrdinal, _ parts: LotAmounts) {
        var broken = Money.zero
        for index in 0..<parts.count {
            let lot = slot(of: parts[index].lot)
            let amount = parts[index].amount
            store.lots[lot].pinned -= amount
            if store.lots[lot].expired {
                store.lots[lot].remaining -= amount
                broken += amount
                _ = removeIfEmpty(lot)  // an expired lot has no expiry to come
            } else {
                add(Int32(user.value), store.lots[lot].kind, amount)
            }
        }
        hold(Int32(user.value), -parts.total)
        store.books.post(.breakage, broken)
    }

    /// Takes a payment from the user's side of the books; the caller posts the other side.
    mutating func pay(_ user: UserOrdinal, _ payment: Payment) {
        capture(user, payment.held)
        burn(user, payment.free)
        owe(user, payment.debt)
    }

    mutating func owe(_ user: UserOrdinal, _ amount: Money) {
        store.accounts[Int32(user.value)].debt += amount
        store.books.post(.userDebt, -amount)
    }

    private mutating func add(_ account: Int32, _ kind: LotKind, _ amount: Money) {
        if kind.isPaid {
            store.accounts[account].paid += amount
            store.books.post(.userPaid, amount)
        } else {
            store.accounts[account].promo += amount
            store.books.post(.userPromo, amount)
        }
    }

    private mutating func hold(_ account: Int32, _ amount: Money) {
        store.accounts[account].held += amount
        store.books.post(.userHeld, amount)
    }

    /// The expiry of a lot: its free part leaves the account.
    mutating func expire(lot slot: Int32, _ amount: Money) {
        let user = Int32(store.lots[slot].user.value)
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

    mutating func refreshNextExpiry(_ user: Int32) {
        var next = Timestamp.never
        var lot = store.accounts[user].firstLot
        while lot >= 0 {
            if !store.lots[lot].expired { next = min(next, store.lots[lot].expires) }
            lot = store.lots[lot].links.next
        }
        store.accounts[user].nextExpiry = next
    }

    /// Returns whether the user's next expiry may have gone with it. (Left alone, it would send every read of the
    /// account looking for a lot that is no more.)
    private mutating func removeIfEmpty(_ slot: Int32) -> Bool {
        guard store.lots[slot].remaining.isZero else { return false }
        precondition(store.lots[slot].pinned.isZero, "an empty lot is still pinned")
        let user = Int32(store.lots[slot].user.value)
        let expires = store.lots[slot].expires
        store.lots.unlink(slot, head: &store.accounts[user].firstLot)
        store.lotIndex.remove(store.lots[slot].id.value)
        store.lots.remove(slot)
        store.accounts[user].lotCount -= 1
        return expires != .never && expires <= store.accounts[user].nextExpiry
    }
}
