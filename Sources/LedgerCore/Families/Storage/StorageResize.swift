/// STORAGE RESIZE: posts what accrued and goes on with another size and price.
package struct StorageResize: CommandType {
    package static let name: StaticString = "STORAGE RESIZE"
    package var resource: Hash128
    package var megabytes: Int64
    package init(resource: Hash128, megabytes: Int64) {
        self.resource = resource
        self.megabytes = megabytes
    }

    package var subject: Subject { .resource(resource) }
    package var dueBefore: DueBefore { .own(subject) }

    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? {
        guard let slot = ledger.store.resourceIndex.slot(resource, in: Resource.self) else { return nil }
        let row = ledger.store.resources[slot]
        return .storage(type: ledger.type(of: row.user), kind: row.kind, megabytes: megabytes)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let slot = try ledger.findResource(resource)
        let row = ledger.store.resources[slot]
        try ledger.checkSize(megabytes)
        if megabytes > row.megabytes {
            try ledger.checkMayStart(row.user)
            let others = ledger.store.accounts[row.user].storedMegabytes - row.megabytes
            try ledger.checkStorageLimit(row.user, megabytes, beside: others)
            try ledger.checkNoDebt(row.user)
        }
        let query = PriceQuery.storage(type: ledger.type(of: row.user), kind: row.kind, megabytes: megabytes)
        let pricing = try decision.priced(query)
        try ledger.checkFunds(
            row.user, decision.actor, pricing, megabytes: megabytes, growingBy: megabytes - row.megabytes,
            at: decision.now)
        let posted = ledger.posting(slot, through: decision.now, decision)
        let event = StorageResized(posted: posted, megabytes: megabytes, pricing: pricing)
        return .accepted(
            ledger.commit(
                event, user: row.user, linked: row.id.lsn, effective: (posted.usage.from, posted.usage.through),
                labels: row.labels, &decision))
    }
}

package struct StorageResized: EventType {
    package static let code = EventCode.storageResized
    package static let blank = StorageResized(posted: .blank, megabytes: 0, pricing: .blank)
    package var body: EventBody { .storageResized(self) }

    package var posted: StoragePosted
    package var megabytes: Int64
    package var pricing: Pricing

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try posted.code(with: &c)
        try c.signed(&megabytes)
        try pricing.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        posted.objection(in: ledger, header) ?? ledger.objection(toSize: megabytes, pricing)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = posted.post(in: &ledger, header)
        ledger.store.accounts[header.user].storedMegabytes += megabytes - ledger.store.resources[slot].megabytes
        ledger.store.resources[slot].megabytes = megabytes
        ledger.store.resources[slot].pricing = pricing
        ledger.store.resources[slot].pricedFrom = posted.usage.through
        ledger.schedule(resource: slot)
    }

    package func facts(_ header: EventHeader) -> Facts { posted.facts(header) }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? { PricedPart(posted, isRepriced: true) }
}
