/// Replay: the way back from a journal to the state.
///
/// `apply` trusts the event, for `decide` has just made it. A journal's event comes from a disk, or from another
/// machine: checksums say that it is as it was written, not that it was written by a ledger in this state. So what
/// `apply` could not do (a row that is not there, more than a lot has, a sum beyond 64 bits) is refused before, with a
/// sentence instead of a trap; whatever else is wrong shows in the after-image and in the books.
extension StateMachine {
    /// Replays one journaled event: decodes, checks, applies, and compares it with its own after-image.
    /// The event's LSN must be `lastLSN + 1`. After an error the state may hold a part of the event: discard it.
    package mutating func replay(_ bytes: UnsafeRawBufferPointer) throws(StateError) {
        let event = try Event(decoding: bytes)
        guard event.lsn == lastLSN.next else {
            throw StateError("event \(event.lsn.value) follows event \(lastLSN.value)")
        }
        if let objection = objection(to: event) { throw StateError("event \(event.lsn.value) \(objection)") }
        apply(event)
        guard store.books.sum == 0 else {
            throw StateError("event \(event.lsn.value) leaves \(store.books.sum) over in the books")
        }
        if event.user != .none {
            let image = image(event.user, at: event.time)
            guard image == event.after else {
                throw StateError(
                    "event \(event.lsn.value) left the account at \(image), the journal says \(event.after)")
            }
        }
    }

    /// What stands in the way of applying an event, as the rest of a sentence; nil when nothing does.
    private func objection(to event: Event) -> String? {
        guard event.time > lastTime else { return "is not later than the one before it" }
        guard event.time >= .earliest, event.time < .latest else { return "is of no time that a ledger records" }
        guard event.lsn.value < 1 << 54 else { return "has a number beyond 54 bits" }
        guard isKnown(event.actor) else { return "names a passport that is not there" }
        guard event.key?.scope != .zero else { return "has a key that is none" }
        let isBirth = if case .userCreated = event.body { true } else { false }
        if isBirth {
            guard event.user.value == UInt32(store.accounts.count) else { return "creates a user out of order" }
        } else if event.user != .none {
            guard event.user.value < UInt32(store.accounts.count) else { return "is about an unknown user" }
            guard event.previous == store.accounts[Int32(event.user.value)].lastEvent else {
                return "does not follow its user's last event"
            }
        } else if event.body.needsUser {
            return "is about nobody"
        }
        return objection(to: event.body, event)
    }

    private func isKnown(_ passport: PassportOrdinal) -> Bool {
        passport == .none || passport.value < UInt32(store.passports.count)
    }

    private func objection(to body: EventBody, _ event: Event) -> String? {
        let user = event.user
        switch body {
        case .ledgerCreated(let e):
            return lastLSN.isNone && e.shard < 1024 ? nil : "begins a ledger that has begun, or that cannot be"
        case .engineStarted, .clockAccepted, .limitsSet, .userChanged, .refused, .answered, .ruleLoaded: return nil
        case .spaceAdded: return nil
        case .ruleScheduled(let e):
            return store.rules.contains { $0.name == e.name && $0.identity == e.identity }
                ? nil : "schedules a rule that was never loaded"
        case .ruleActivated(let e):
            guard store.rules.contains(where: { $0.name == e.name && $0.version == e.version }) else {
                return "activates a rule that was never loaded"
            }
            let before = store.active.first { $0.name == e.name }?.versions.count ?? 0
            return !e.rollback || before > 1 ? nil : "rolls back a rule that has no version before"

        case .userCreated(let e):
            guard store.userIndex[names.user(e.id)] == nil else { return "creates a user who is there" }
            return e.bonus.isNegative ? "gives less than nothing" : nil
        case .passportCreated(let e):
            guard e.id.value != 0, store.passportIndex[e.id.value] == nil else { return "creates a passport twice" }
            return e.replaces.value == 0 || store.passportIndex[e.replaces.value] != nil
                ? nil : "replaces a passport that is not there"
        case .passportRevoked(let id):
            return store.passportIndex[id.value] != nil ? nil : "revokes a passport that is not there"

        case .creditPurchased(let e):
            return objection(toCredit: e.amount, repaid: e.repaid, of: user)
        case .creditGranted(let e):
            return objection(to: e.lot, of: user) ?? objection(toCredit: e.amount, repaid: .zero, of: user)
        case .creditCharged(let e): return objection(to: e.payment, of: user, pinned: LotAmounts())
        case .creditAdjusted(let e):
            guard e.amount.isNegative else { return objection(toCredit: e.amount, repaid: e.repaid, of: user) }
            guard e.amount.nanos > -.max else { return "adjusts by more than there can be" }
            return objection(to: e.payment, of: user, pinned: LotAmounts())
        case .creditRefunded(let e):
            guard !e.charge.lsn.isNone, e.charge.lsn <= lastLSN else { return "refunds a charge that is not there" }
            guard objection(toCredit: e.amount, repaid: e.forgiven, of: user) == nil else {
                return "refunds more than there can be"
            }
            var rest = e.amount - e.forgiven
            for part in e.parts {
                guard part.amount > .zero, part.amount <= rest else { return "refunds parts that are not its amount" }
                rest -= part.amount
                let comesBack = !part.lot.id.isNone && part.lot.expires > event.time
                if comesBack, let objection = objection(to: part.lot, of: user) { return objection }
            }
            return (store.refunded[e.charge.lsn.value] ?? 0) <= UInt64(Int64.max)
                ? nil : "refunds more than there can be"
        case .lotExpired(let e):
            guard let lot = lot(e.lot, of: user), !lot.expired else { return Self.noSuchLot }
            return lot.free == e.amount ? nil : "expires another amount than the lot has"
        case .lotEffective(let id):
            return lot(id, of: user)?.waiting == true ? nil : Self.noSuchLot

        case .holdPlaced(let e): return objection(toTaking: e.pins, of: user, from: { $0.free })
        case .holdCaptured(let e):
            guard let hold = hold(e.hold, of: user) else { return "captures a hold that is not open" }
            return objection(to: e.payment, of: user, pinned: hold.pins)
        case .holdReleased(let e): return hold(e.hold, of: user) != nil ? nil : "releases a hold that is not open"

        case .sessionStarted(let e):
            guard isKnown(e.admitted) else { return "was admitted with a passport that is not there" }
            guard store.external[names.session(e.session)] == nil else { return "starts a session that is there" }
            guard e.ttlEnd >= .earliest, e.ttlEnd - event.time <= Self.maximumTimeToLive else {
                return "starts a session that lasts longer than one may"
            }
            return objection(to: e.pricing, .sessionRuntime) ?? objection(toTaking: e.pins, of: user, from: { $0.free })
        case .sessionHeard(let e): return session(e.session, of: user) != nil ? nil : Self.noSuchSession
        case .leaseRenewed(let e):
            guard session(e.session, of: user) != nil else { return Self.noSuchSession }
            return objection(toTaking: e.pins, of: user, from: { $0.free })
        case .sessionExhausting(let e):
            guard session(e.session, of: user) != nil else { return Self.noSuchSession }
            return objection(toTaking: e.pins, of: user, from: { $0.free })
        case .sessionPosted(let e):
            return objection(to: e.usage, of: e.session, user, payment: e.payment)
                ?? e.repriced.flatMap { objection(to: $0, .sessionRuntime) }
        case .sessionRepriced(let e):
            guard let session = session(e.session, of: user) else { return Self.noSuchSession }
            guard e.at >= session.started, e.at <= session.ttlEnd else { return "reprices a session beyond its time" }
            return objection(to: e.pricing, .sessionRuntime)
        case .sessionClosed(let e):
            guard session(e.session, of: user)?.external == e.external else { return Self.noSuchSession }
            return objection(to: e.usage, of: e.session, user, payment: e.payment)
        case .sessionRecorded(let e):
            guard e.usage.from >= .earliest, e.usage.through <= event.time else {
                return "records a session of no time that there was"
            }
            return objection(to: e.usage, over: Tariff.hour, .sessionRuntime)
                ?? objection(to: e.payment, of: user, pinned: LotAmounts())

        case .storageCreated(let e):
            guard store.resourceIndex[names.resource(e.resource)] == nil else { return "creates a resource twice" }
            return objection(toSize: e.megabytes, e.pricing)
        case .storagePosted(let e): return objection(to: e, of: user)
        case .storageResized(let e):
            return objection(to: e.posted, of: user) ?? objection(toSize: e.megabytes, e.pricing)
        case .storageDeleted(let e): return objection(to: e.posted, of: user)
        case .spacePurchased(let e): return objection(to: e.payment, of: user, pinned: LotAmounts())
        }
    }

    // MARK: Rows

    private static let noSuchLot = "is about a lot that is not there"
    private static let noSuchSession = "is about a session that is not open"

    private func lot(_ id: LotID, of user: UserOrdinal) -> Lot? {
        guard let slot = store.lotIndex[id.value], store.lots[Int32(slot)].user == user else { return nil }
        return store.lots[Int32(slot)]
    }

    private func hold(_ id: HoldID, of user: UserOrdinal) -> Hold? {
        guard let slot = store.holdIndex[id.value], store.holds[Int32(slot)].user == user else { return nil }
        return store.holds[Int32(slot)]
    }

    private func session(_ id: SessionID, of user: UserOrdinal) -> Session? {
        guard let slot = store.sessionIndex[id.value], store.sessions[Int32(slot)].user == user else { return nil }
        return store.sessions[Int32(slot)]
    }

    // MARK: Money

    /// New credit, of which a part repays debt: the account must be able to hold it.
    private func objection(toCredit amount: Money, repaid: Money, of user: UserOrdinal) -> String? {
        let row = store.accounts[Int32(user.value)]
        guard repaid >= .zero, repaid <= amount, repaid <= row.debt else { return "repays what is not owed" }
        let sum = Int128(row.paid.nanos) + Int128(row.promo.nanos) + Int128(row.held.nanos) + Int128(amount.nanos)
        return sum <= Int128(Int64.max) / 2 ? nil : "gives more than an account can hold"
    }

    /// A lot that is made, or given back to.
    private func objection(to origin: LotOrigin, of user: UserOrdinal) -> String? {
        guard !origin.id.isNone else { return "makes a lot without a name" }
        guard let slot = store.lotIndex[origin.id.value] else { return nil }
        let lot = store.lots[Int32(slot)]
        return lot.user == user && lot.kind == origin.kind && !lot.expired ? nil : "gives to a lot that takes nothing"
    }

    /// Parts of lots, each of which must have that much.
    private func objection(
        toTaking parts: LotAmounts, of user: UserOrdinal, from amount: (Lot) -> Money
    ) -> String? {
        var taken: [UInt64: Money] = [:]
        for index in 0..<parts.count {
            guard let lot = lot(parts[index].lot, of: user) else { return Self.noSuchLot }
            // The usual list has a part or two, each of another lot.
            let before = parts.count > 1 ? taken[lot.id.value] ?? .zero : .zero
            guard parts[index].amount > .zero, parts[index].amount <= amount(lot) - before else {
                return "takes more from a lot than it has"
            }
            if parts.count > 1 { taken[lot.id.value] = before + parts[index].amount }
        }
        return nil
    }

    private func objection(to payment: Payment, of user: UserOrdinal, pinned: LotAmounts) -> String? {
        if let objection = objection(toTaking: payment.held, of: user, from: { $0.pinned })
            ?? objection(toTaking: payment.free, of: user, from: { $0.free })
        {
            return objection
        }
        var pins = pinned
        let held = payment.held.total
        guard held <= pins.total, pins.take(held) == payment.held else { return "takes what was not held for it" }
        let debt = store.accounts[Int32(user.value)].debt.adding(payment.debt)
        guard payment.debt >= .zero, let debt, debt.nanos <= .max / 2 else { return "owes more than one can owe" }
        return nil
    }

    // MARK: Usage

    private func objection(to pricing: Pricing, _ rule: RuleName) -> String? {
        guard pricing.query.rule == rule, case .tariff(let tariff) = pricing.priced.answer else {
            return "has a price of another kind"
        }
        var from = TimeSpan.zero
        var isGood = tariff.rate >= 0 && tariff.rate <= Tariff.maximumRate
        for step in tariff.steps {
            isGood = isGood && step.from > from && step.rate >= 0 && step.rate <= Tariff.maximumRate
            from = step.from
        }
        return isGood ? nil : "has a price beyond every ceiling"
    }

    private func objection(to usage: MeteredUsage, over denominator: Int128, _ rule: RuleName) -> String? {
        guard usage.denominator == denominator, usage.numerator >= 0, usage.amount >= .zero else {
            return "has usage that is none"
        }
        return objection(to: usage.pricing, rule)
    }

    private func objection(
        to usage: MeteredUsage, of id: SessionID, _ user: UserOrdinal, payment: Payment
    ) -> String? {
        guard let row = session(id, of: user) else { return Self.noSuchSession }
        guard usage.through >= row.postedThrough, usage.through <= max(row.ttlEnd, row.postedThrough),
            usage.from == row.postedThrough
        else { return "posts a session beyond its time" }
        // At the highest price for all of its time, a session's sums are far within their bounds.
        guard usage.numerator <= Self.maximumSession, let posted = row.posted.adding(usage.amount),
            posted.nanos <= .max / 2
        else { return "posts more than a session can cost" }
        return objection(to: usage, over: Tariff.hour, .sessionRuntime)
            ?? objection(to: payment, of: user, pinned: row.pins)
    }

    private static var maximumSession: Int128 {
        Int128(Tariff.maximumRate) * Int128(maximumTimeToLive.nanoseconds)
    }

    private func objection(toSize megabytes: Int64, _ pricing: Pricing) -> String? {
        if let objection = objection(to: pricing, .storage) { return objection }
        return megabytes >= 0 && megabytes <= Self.maximumMegabytes && Self.isAffordable(pricing, megabytes)
            ? nil : "has a resource beyond every ceiling"
    }

    private func objection(to e: StoragePosted, of user: UserOrdinal) -> String? {
        guard let slot = store.resourceIndex[names.resource(e.external)] else {
            return "is about a resource that is not there"
        }
        let row = store.resources[Int32(slot)]
        guard row.id == e.resource, row.user == user else { return "is about a resource that is not there" }
        guard e.usage.through >= row.postedThrough, e.usage.through <= row.month.end else {
            return "posts a resource beyond its month"
        }
        // Affordable is rounded down: twice the ceiling is far within every bound as well.
        let month = Self.denominator(row.month)
        guard e.usage.numerator <= 2 * Self.maximumMonthly * month, let posted = row.posted.adding(e.usage.amount),
            posted.nanos <= .max / 2, row.total.adding(e.usage.amount) != nil
        else { return "posts more than a resource can cost" }
        return objection(to: e.usage, over: month, .storage)
            ?? e.repriced.flatMap { objection(toSize: row.megabytes, $0) }
            ?? objection(to: e.payment, of: user, pinned: LotAmounts())
    }
}

extension EventBody {
    /// Whether it changes rows of a user.
    fileprivate var needsUser: Bool {
        switch self {
        case .ledgerCreated, .engineStarted, .clockAccepted, .ruleLoaded, .ruleScheduled, .ruleActivated, .limitsSet,
            .spaceAdded, .refused, .answered:
            false
        default: true
        }
    }
}
