package struct ResourceRow: Sendable {
    package var id: ResourceID
    package var resource: ShortText
    package var kind: StorageKind
    package var megabytes: Int64
    package var created: Timestamp
    /// nano-USD per GB-month.
    package var rate: Int64
    /// Accrued and not posted, at the instant of the read.
    package var accrued: Money
    /// Posted in all its life.
    package var posted: Money
    package var standing: StorageStanding
    package var labels = Labels.none
}

extension StateMachine {
    private func resourceRow(_ slot: Slot<Resource>, at now: Timestamp) -> ResourceRow {
        let row = store.resources[slot]
        return ResourceRow(
            id: row.id, resource: row.external, kind: row.kind, megabytes: row.megabytes, created: row.created,
            rate: row.pricing.tariff.rate(at: max(now, row.pricedFrom) - row.pricedFrom),
            accrued: accrued(slot, at: now), posted: row.total, standing: storageStanding(row.user), labels: row.labels)
    }

    func resources(of user: UserOrdinal, _ page: Page, at now: Timestamp) -> QueryResult {
        let (slots, next) = walk(resources(of: user), page) { store.resources[$0].id.value }
        return .resources(slots.map { resourceRow($0, at: now) }, next: next)
    }
}
