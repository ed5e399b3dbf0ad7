/// STORAGE DELETE: posts what accrued; nothing accrues any more.
package struct StorageDelete: CommandType {
    package static let name: StaticString = "STORAGE DELETE"
    package var resource: Hash128
    package init(resource: Hash128) { self.resource = resource }

    package var subject: Subject { .resource(resource) }
    package var dueBefore: DueBefore { .own(subject) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let slot = try ledger.findResource(resource)
        let row = ledger.store.resources[slot]
        let posted = ledger.posting(slot, through: decision.now, decision)
        let event = StorageDeleted(posted: posted, total: row.total + posted.usage.amount)
        return .accepted(
            ledger.commit(
                event, user: row.user, linked: row.id.lsn, effective: (posted.usage.from, posted.usage.through),
                labels: row.labels, &decision))
    }
}

package struct StorageDeleted: EventType {
    package static let code = EventCode.storageDeleted
    package static let blank = StorageDeleted(posted: .blank, total: .zero)
    package var body: EventBody { .storageDeleted(self) }

    package var posted: StoragePosted
    /// What the resource cost in all its life.
    package var total: Money

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try posted.code(with: &c)
        try c.money(&total)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        posted.objection(in: ledger, header)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let slot = posted.post(in: &ledger, header)
        ledger.store.accounts[header.user].storedMegabytes -= ledger.store.resources[slot].megabytes
        ledger.store.accounts[header.user].resourceCount -= 1
        ledger.store.resourceIndex.remove(ledger.names.resource(posted.external))
        ledger.store.resourceByID.remove(posted.resource.value)
        ledger.store.unlink(slot, of: header.user)
        ledger.store.resources.remove(slot)
    }

    package func facts(_ header: EventHeader) -> Facts { posted.facts(header) }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? { PricedPart(posted, isRepriced: false, isLast: true) }
}
