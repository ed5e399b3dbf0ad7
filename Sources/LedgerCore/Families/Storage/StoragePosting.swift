extension StateMachine {
    /// Accrual of a resource up to a boundary, at most to the end of its month, where the active book's price takes
    /// over.
    func posting(
        _ slot: Slot<Resource>, through end: Timestamp, then next: Pricing? = nil, _ decision: borrowing Decision
    ) -> StoragePosted {
        let row = store.resources[slot]
        let end = max(min(end, row.month.end), row.postedThrough)
        var usage = self.usage(resource: slot, through: end)
        let settlement = planUsage(row.user, usage.amount, of: .storage, at: decision.creditInstant)
        // What it would owe beyond the ceiling is nobody's: it counts as if it had not accrued.
        let isCapped = settlement.total < usage.amount
        if isCapped {
            usage.amount = settlement.total
            usage.numerator = Int128((row.posted + usage.amount).nanos) * usage.denominator
        }
        return StoragePosted(
            resource: row.id, external: row.external, kind: row.kind, megabytes: row.megabytes, usage: usage,
            settlement: settlement, isCapped: isCapped,
            repriced: next ?? (end == row.month.end ? nextPricing(resource: slot) : nil))
    }

    mutating func postStorage(
        _ slot: Slot<Resource>, through due: Timestamp, then next: Pricing? = nil, precedes: Bool = false,
        _ decision: inout Decision
    ) {
        let event = posting(slot, through: due, then: next, decision)
        commit(
            event, user: store.resources[slot].user, linked: event.resource.lsn,
            effective: (event.usage.from, event.usage.through), labels: store.resources[slot].labels,
            precedes: precedes, &decision)
    }
}

/// Accrual up to a boundary, and what holds from there.
package struct StoragePosted: EventType {
    package static let code = EventCode.storagePosted
    package static let blank = StoragePosted(
        resource: .none, external: ShortText(), kind: .bucket, megabytes: 0, usage: .blank, settlement: Settlement(),
        isCapped: false, repriced: nil)
    package var body: EventBody { .storagePosted(self) }

    package var resource: ResourceID
    package var external: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package var usage: MeteredUsage
    package var settlement: Settlement
    /// Debt reached its ceiling: what accrued beyond it is not charged.
    package var isCapped: Bool
    /// Its price from here on, when a month ended or its user's type changed.
    package var repriced: Pricing?

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&resource)
        try c.text(&external)
        try c.choice(&kind)
        try c.signed(&megabytes)
        try usage.code(with: &c)
        try settlement.code(with: &c)
        try c.bool(&isCapped)
        try c.optional(&repriced, blank: .blank)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard let slot = ledger.resource(named: external), ledger.store.resources[slot].id == resource,
            ledger.store.resources[slot].user == header.user
        else { return "is about a resource that is not there" }
        let row = ledger.store.resources[slot]
        guard usage.through >= row.postedThrough, usage.through <= row.month.end else {
            return "posts a resource beyond its month"
        }
        // Affordable is rounded down: twice the ceiling is far within every bound as well.
        let month = StateMachine.denominator(row.month)
        guard usage.numerator <= 2 * StateMachine.maximumMonthly * month, let posted = row.posted.adding(usage.amount),
            posted.nanos <= .max / 2, row.total.adding(usage.amount) != nil
        else { return "posts more than a resource can cost" }
        return ledger.objection(to: usage, over: month, .storage)
            ?? repriced.flatMap { ledger.objection(toSize: row.megabytes, $0) }
            ?? ledger.objection(to: settlement, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.schedule(resource: post(in: &ledger, header))
    }

    /// Usage of a resource up to a boundary. At the end of a month the sums start anew.
    func post(in ledger: inout StateMachine, _ header: EventHeader) -> Slot<Resource> {
        let slot = ledger.resource(named: external)!
        ledger.pay(header.user, settlement)
        ledger.oweForStorage(header.user, self, at: header.asOf)
        ledger.store.books.post(.storageCreation, usage.amount)
        let row = ledger.store.resources[slot]
        ledger.count(
            spending: usage, of: header.user, by: row.spender, clock: row.pricedFrom, units: row.megabytes,
            at: header.asOf)
        ledger.store.resources[slot].numerator = usage.numerator
        ledger.store.resources[slot].posted += usage.amount
        ledger.store.resources[slot].total += usage.amount
        ledger.store.resources[slot].postedThrough = usage.through
        if usage.through == ledger.store.resources[slot].month.end {
            ledger.store.resources[slot].month.index += 1
            ledger.store.resources[slot].numerator = 0
            ledger.store.resources[slot].posted = .zero
        }
        if let repriced {
            ledger.store.resources[slot].pricing = repriced
            ledger.store.resources[slot].pricedFrom = usage.through
        }
        ledger.store.resources[slot].nextDaily = StateMachine.daily(header.user, after: usage.through)
        return slot
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.storage = external
        facts.charge = Facts.Charge(usage, Sources.storageCreation, settlement)
        facts.text = .words("\(kind.text), \(Money(nanos: megabytes * 1_000_000)) GB")
        return facts
    }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? { PricedPart(self, isRepriced: repriced != nil) }
}
