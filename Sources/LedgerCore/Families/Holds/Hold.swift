/// Credit that is reserved: it pins lots, which cannot expire or be spent meanwhile.
struct Hold: Recordable, Listed, Equatable {
    var id = HoldID.none
    var user = UserOrdinal.none
    var pins = LotAmounts()
    var source = ShortText()
    var placed = Timestamp.distantPast
    var expires = Timestamp.never
    /// The passport that it was placed with.
    var spender = PassportOrdinal.none
    var labels = Labels.none
    var links = Links<Hold>()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try pins.code(with: &c)
        try c.text(&source)
        try c.time(&placed)
        try c.time(&expires)
        try c.passport(&spender)
        try c.labels(&labels)
    }
}

extension StateMachine {
    func openHold(_ id: HoldID, at now: Timestamp) throws(Rejection) -> Slot<Hold> {
        guard let slot = hold(id) else {
            // An id that was never given is unknown; what was given and is gone is closed. The journal knows which.
            throw id.shard == shard && id.lsn <= lastLSN ? .closed(.hold) : .notFound(.hold)
        }
        guard store.holds[slot].expires > now else { throw .closed(.hold) }
        return slot
    }

    func hold(_ id: HoldID, of user: UserOrdinal) -> Hold? {
        guard let slot = hold(id), store.holds[slot].user == user else { return nil }
        return store.holds[slot]
    }

    mutating func insert(_ hold: Hold) {
        let slot = store.holds.insert(hold)
        store.holdIndex.set(hold.id.value, slot)
        store.link(slot, of: hold.user)
        store.accounts[hold.user].holdCount += 1
        self.hold(by: hold.spender, hold.pins.total)
        store.timers.push(TimerEntry(due: hold.expires, kind: .holdExpiry, born: hold.id.value))
    }

    mutating func endHold(_ slot: Slot<Hold>) {
        let hold = store.holds[slot]
        release(hold.user, hold.pins)
        self.hold(by: hold.spender, -hold.pins.total)
        store.unlink(slot, of: hold.user)
        store.accounts[hold.user].holdCount -= 1
        store.holdIndex.remove(hold.id.value)
        store.holds.remove(slot)
    }
}
