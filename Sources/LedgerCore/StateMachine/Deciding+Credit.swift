/// Purchases, grants, charges, adjustments, refunds, holds.
extension StateMachine {
    /// No user's credit or debt may come near the end of 64 bits: four billion dollars each.
    package static let accountCeiling: Int64 = 4_000_000_000 * 1_000_000_000
    static var ceiling: Money { Money(nanos: accountCeiling) }

    /// No user has more lots: a charge names every lot that it burns, a refund every lot that it fills again, and an
    /// event must fit into a batch of the journal. Refunds may go to twice as many.
    static let maximumLots: Int32 = 8_000
    /// No user has more open holds: what is looked at for each event of a user is bounded.
    static let maximumHolds: Int32 = 10_000

    /// Room for so much more credit, in `lots` more lots.
    func checkRoom(_ user: UserOrdinal, _ amount: Money, lots: Int32 = 1, of maximum: Int32 = maximumLots)
        throws(Rejection)
    {
        let row = store.accounts[Int32(user.value)]
        guard row.lotCount + lots <= maximum else {
            throw .invalid("the account has \(row.lotCount) lots of credit already")
        }
        let sum = Int128(row.paid.nanos) + Int128(row.promo.nanos) + Int128(row.held.nanos) + Int128(amount.nanos)
        guard sum <= Int128(StateMachine.accountCeiling) else {
            throw .invalid("an account holds at most \(StateMachine.ceiling) of credit")
        }
    }

    func checkDebtRoom(_ user: UserOrdinal, _ amount: Money) throws(Rejection) {
        let sum = Int128(store.accounts[Int32(user.value)].debt.nanos) + Int128(amount.nanos)
        guard sum <= Int128(StateMachine.accountCeiling) else {
            throw .invalid("an account owes at most \(StateMachine.ceiling)")
        }
    }

    mutating func purchase(
        _ c: CreditPurchase, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        let user = try find(c.user)
        let slot = Int32(user.value)
        let type = store.accounts[slot].type
        if !c.reference.isEmpty {
            guard store.external[names.hash(.reference, [c.method, c.reference])] == nil else {
                throw .exists(.reference)
            }
        }
        guard store.accounts[slot].state != .closed else { throw .frozen(.closed) }
        guard c.amount.nanos % Money.cent.nanos == 0 else { throw .invalid("a purchase is in whole cents") }
        let minimum = store.limits[type, .purchaseMinimum]
        guard minimum == Limits.none || c.amount.nanos >= minimum else { throw .limit(.purchaseMinimum, minimum) }
        guard c.amount.nanos <= store.limits[type, .purchaseMaximum] else {
            throw .limit(.purchaseMaximum, store.limits[type, .purchaseMaximum])
        }
        guard store.books.canOpen(.cash, c.method) else {
            throw .invalid("there are \(Books.maximumNamed) payment methods already")
        }
        var bonus = Money.zero
        var pricing: Pricing?
        switch price {
        case .none: break
        case .failed(let text): throw .rule(text)
        case .priced(let priced):
            let answered = Pricing(query: .purchaseBonus(type: type, amount: c.amount), priced: priced)
            bonus = answered.amount
            if priced.rule != .none { pricing = answered }
        }
        try checkRoom(user, c.amount)
        try checkRoom(user, Money(nanos: c.amount.nanos + min(bonus.nanos, StateMachine.accountCeiling)), lots: 2)
        let repaid = min(store.accounts[slot].debt, c.amount)
        let primary = commit(
            .creditPurchased(
                CreditPurchased(
                    amount: c.amount, method: c.method, reference: c.reference, repaid: repaid, bonus: bonus,
                    bonusPricing: pricing)),
            user: user, at: now, into: &batch)
        if bonus > .zero {
            var lot = LotOrigin(
                id: BirthID(shard: shard, lsn: lastLSN.next), kind: .bonus, priority: LotKind.bonus.defaultPriority,
                effective: primary.time, expires: .never, fundedBy: "bonus")
            lot.parent = primary.id(shard: shard)
            commit(
                .creditGranted(CreditGranted(amount: bonus, lot: lot, reason: [])), user: user, linked: primary.lsn,
                at: now, into: &batch)
        }
        renewExhausting(user, at: now, into: &batch)
        return .accepted(primary)
    }

    mutating func grant(_ c: CreditGrant, at now: Timestamp, into batch: inout EventBatch) throws(Rejection) -> Outcome
    {
        let user = try find(c.user)
        guard store.accounts[Int32(user.value)].state != .closed else { throw .frozen(.closed) }
        guard c.kind == .promo || c.kind == .compensation else { throw .invalid("a grant is promo or compensation") }
        let effective = max(c.effective ?? now, now)
        guard c.expires > effective else { throw .invalid("a grant must expire after it becomes effective") }
        try checkRoom(user, c.amount)
        let lot = LotOrigin(
            id: BirthID(shard: shard, lsn: lastLSN.next), kind: c.kind, priority: c.kind.defaultPriority,
            effective: effective, expires: c.expires, fundedBy: c.kind == .promo ? "grant" : "compensation")
        let primary = commit(
            .creditGranted(CreditGranted(amount: c.amount, lot: lot, reason: c.reason)), user: user,
            effective: effective > now ? (effective, effective) : nil, at: now, into: &batch)
        renewExhausting(user, at: now, into: &batch)
        return .accepted(primary)
    }

    mutating func charge(_ c: CreditCharge, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        let user = try find(c.user)
        try checkMayStart(user)
        if !c.over { try checkNoDebt(user) }  // OVER says that it was consumed already
        guard store.books.canOpen(.revenue, c.source) else {
            throw .invalid("there are \(Books.maximumNamed) charge sources already")
        }
        let available = self.available(user, at: now)
        guard available >= c.amount || c.over else { throw .insufficient(available: available, needed: c.amount) }
        var payment = Payment()
        payment.free = planFree(user, min(c.amount, max(available, .zero)), at: now)
        payment.debt = c.amount - payment.free.total
        try checkDebtRoom(user, payment.debt)
        return .accepted(
            commit(
                .creditCharged(
                    CreditCharged(amount: c.amount, source: c.source, payment: payment, description: c.description)),
                user: user, at: now, into: &batch))
    }

    mutating func adjust(_ c: CreditAdjust, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        let user = try find(c.user)  // also a closed one: a correction must always be recordable
        guard !c.amount.isZero else { throw .invalid("an adjustment of zero adjusts nothing") }
        if !c.reference.isEmpty {
            guard store.external[names.hash(.adjustment, c.reference)] == nil else { throw .exists(.reference) }
        }
        var body = CreditAdjusted(
            amount: c.amount, reason: c.reason, reference: c.reference, repaid: .zero, payment: Payment())
        if c.amount.isNegative {
            let amount = -c.amount
            body.payment.free = planFree(user, min(amount, max(available(user, at: now), .zero)), at: now)
            body.payment.debt = amount - body.payment.free.total
            try checkDebtRoom(user, body.payment.debt)
        } else {
            try checkRoom(user, c.amount)
            body.repaid = min(store.accounts[Int32(user.value)].debt, c.amount)
        }
        let primary = commit(.creditAdjusted(body), user: user, at: now, into: &batch)
        if !c.amount.isNegative { renewExhausting(user, at: now, into: &batch) }
        return .accepted(primary)
    }

    /// Gives a charge back the way it came: first the debt it left, as far as it is still owed, then the lots, the last
    /// burned first. What was debt and has been repaid since comes back as a lot of its own.
    mutating func refund(_ c: CreditRefund, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        guard let (charged, payment, source) = c.charge.chargeParts, c.charge.user != .none, c.charge.lsn <= lastLSN
        else {
            throw .notFound(.charge)
        }
        let user = c.charge.user
        let already = Money(nanos: Int64(store.refunded[c.charge.lsn.value] ?? 0))
        let left = charged - already
        guard left > .zero else { throw .closed(.charge) }
        let amount = c.amount ?? left
        guard amount <= left else { throw .invalid("only \(left) of this charge is left to refund") }
        try checkRoom(user, amount, lots: 0, of: .max)

        // The order of return, less what earlier refunds returned already.
        var skip = already
        var rest = amount
        func portion(_ part: Money) -> Money {
            let skipped = min(skip, part)
            skip -= skipped
            let used = min(part - skipped, rest)
            rest -= used
            return used
        }
        let debtPart = portion(payment.debt)
        let forgiven = min(debtPart, store.accounts[Int32(user.value)].debt)
        var parts: [CreditRefunded.Part] = []
        var burned: [LotAmount] = []
        for index in 0..<payment.held.count { burned.append(payment.held[index]) }
        for index in 0..<payment.free.count { burned.append(payment.free[index]) }
        for part in burned.reversed() {
            let used = portion(part.amount)
            guard used > .zero else { continue }
            guard let origin = c.lots.first(where: { $0.id == part.lot }) else { throw .notFound(.charge) }
            parts.append(CreditRefunded.Part(lot: origin, amount: used))
        }
        if debtPart > forgiven {
            let lot = LotOrigin(
                id: .none, kind: .adjustment, priority: LotKind.adjustment.defaultPriority, effective: now,
                expires: .never, fundedBy: "refund")
            parts.append(CreditRefunded.Part(lot: lot, amount: debtPart - forgiven))
        }
        try checkRoom(user, amount, lots: Int32(clamping: parts.count), of: 2 * StateMachine.maximumLots)
        let primary = commit(
            .creditRefunded(
                CreditRefunded(
                    charge: c.charge.id(shard: shard), source: source, amount: amount, forgiven: forgiven, parts: parts,
                    reason: c.reason)),
            user: user, linked: c.charge.lsn, at: now, into: &batch)
        renewExhausting(user, at: now, into: &batch)
        return .accepted(primary)
    }

    // MARK: Holds

    mutating func placeHold(_ c: HoldPlace, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        let user = try find(c.user)
        try checkMayStart(user)
        try checkNoDebt(user)
        guard store.books.canOpen(.revenue, c.source) else {
            throw .invalid("there are \(Books.maximumNamed) charge sources already")
        }
        guard store.accounts[Int32(user.value)].holdCount < StateMachine.maximumHolds else {
            throw .invalid("the account has \(StateMachine.maximumHolds) open holds already")
        }
        let available = self.available(user, at: now)
        guard available >= c.amount else { throw .insufficient(available: available, needed: c.amount) }
        let body = HoldPlaced(
            amount: c.amount, expires: now + c.timeToLive, source: c.source, pins: planFree(user, c.amount, at: now))
        return .accepted(commit(.holdPlaced(body), user: user, at: now, into: &batch))
    }

    private func openHold(_ id: HoldID, at now: Timestamp) throws(Rejection) -> Int32 {
        guard let slot = store.holdIndex[id.value] else {
            // An id that was never given is unknown; what was given and is gone is closed. The journal knows which.
            throw id.shard == shard && id.lsn <= lastLSN ? .closed(.hold) : .notFound(.hold)
        }
        guard store.holds[Int32(slot)].expires > now else { throw .closed(.hold) }
        return Int32(slot)
    }

    mutating func captureHold(_ c: HoldCapture, at now: Timestamp, into batch: inout EventBatch) throws(Rejection)
        -> Outcome
    {
        let slot = try openHold(c.hold, at: now)
        let user = store.holds[slot].user
        var pins = store.holds[slot].pins
        let held = pins.total
        guard c.amount <= held || c.over else { throw .insufficient(available: held, needed: c.amount) }
        var payment = Payment()
        payment.held = pins.take(min(held, c.amount))
        let beyond = c.amount - payment.held.total
        payment.free = planFree(user, min(beyond, max(available(user, at: now), .zero)), at: now)
        payment.debt = beyond - payment.free.total
        try checkDebtRoom(user, payment.debt)
        let final = c.final || pins.total.isZero
        let body = HoldCaptured(
            hold: c.hold, amount: c.amount, source: store.holds[slot].source, payment: payment, final: final,
            released: final ? pins.total : .zero, broken: final ? broken(pins) : .zero)
        let primary = commit(.holdCaptured(body), user: user, linked: c.hold.lsn, at: now, into: &batch)
        if final { renewExhausting(user, at: now, into: &batch) }
        return .accepted(primary)
    }

    mutating func voidHold(_ id: HoldID, at now: Timestamp, into batch: inout EventBatch) throws(Rejection) -> Outcome {
        let slot = try openHold(id, at: now)
        let primary = releaseHold(slot, .voided, at: now, into: &batch)
        renewExhausting(primary.user, at: now, into: &batch)
        return .accepted(primary)
    }

    @discardableResult
    mutating func releaseHold(
        _ slot: Int32, _ reason: HoldReleased.Reason, due: Timestamp? = nil, at now: Timestamp,
        into batch: inout EventBatch
    ) -> Event {
        let hold = store.holds[slot]
        let body = HoldReleased(hold: hold.id, reason: reason, released: hold.pins.total, broken: broken(hold.pins))
        return commit(
            .holdReleased(body), user: hold.user, linked: hold.id.lsn, effective: due.map { ($0, $0) }, at: now,
            into: &batch)
    }
}
