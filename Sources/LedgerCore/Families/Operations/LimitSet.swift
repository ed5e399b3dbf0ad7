/// LIMIT SET; the event says the same.
package struct LimitSet: CommandType, EventType {
    package static let name: StaticString = "LIMIT SET"
    package var consequence: Consequence { .limitsChanged }
    package static let code = EventCode.limitsSet
    package static let isAboutUser = false
    package static let blank = LimitSet(type: .free, limit: .sessions, value: 0)
    package var body: EventBody { .limitsSet(self) }

    package var type: UserType
    package var limit: LimitName
    /// Count, megabytes, nanoseconds or nano-USD by the limit's kind; `Limits.none` for no limit; for `tiers` a bit
    /// set.
    package var value: Int64
    package init(type: UserType, limit: LimitName, value: Int64) {
        self.type = type
        self.limit = limit
        self.value = value
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        var limits = ledger.store.limits
        limits[type, limit] = value
        let (minimum, maximum) = (limits[type, .purchaseMinimum], limits[type, .purchaseMaximum])
        guard minimum == Limits.none || minimum <= maximum else {
            throw .invalid(
                "purchase_min \(Money(nanos: minimum)) would be above purchase_max \(Money(nanos: maximum))")
        }
        return .accepted(ledger.commit(self, &decision))
    }

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&type)
        try c.choice(&limit)
        try c.signed(&value)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.limits[type, limit] = value
        let type = type
        switch limit {
        case .exhaustionDebt, .exhaustionGrace: ledger.refreshFundsEnd(at: header.asOf) { $0 == type }
        case .storageDebt, .storageGrace: ledger.checkStorage(of: type, at: header.asOf)
        case .sessions, .tiers, .storage, .requestsPerHour, .purchaseMinimum, .purchaseMaximum, .capDay, .capMonth:
            break
        }
    }
}
