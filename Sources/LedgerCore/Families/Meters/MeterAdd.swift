/// METER ADD: another billing type, with a revenue account of its own.
package struct MeterAdd: CommandType {
    package static let name: StaticString = "METER ADD"
    package var name: ShortText
    package var unit: ShortText
    package var description: [UInt8]
    package var scale: UInt8
    package init(name: ShortText, unit: ShortText, description: [UInt8] = [], scale: UInt8 = 0) {
        self.name = name
        self.unit = unit
        self.description = description
        self.scale = scale
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard ledger.meter(name) == nil else { throw .exists(.meter) }
        guard ledger.store.meters.count < StateMachine.maximumMeters else {
            throw .invalid("there are \(StateMachine.maximumMeters) meters already")
        }
        guard scale <= MeterQuantity.maximumScale else { throw .invalid("a meter counts at most 9 fraction digits") }
        try ledger.checkSource(name)
        return .accepted(
            ledger.commit(MeterAdded(name: name, unit: unit, description: description, scale: scale), &decision))
    }
}

package struct MeterAdded: EventType {
    package static let code = EventCode.meterAdded
    package static let isAboutUser = false
    package static let blank = MeterAdded(name: ShortText(), unit: ShortText(), description: [], scale: 0)
    package var body: EventBody { .meterAdded(self) }

    package var name: ShortText
    package var unit: ShortText
    package var description: [UInt8]
    package var scale: UInt8

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&name)
        try c.text(&unit)
        try c.bytes(&description)
        try c.small(&scale)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard ledger.meter(name) == nil else { return "adds a meter that is there" }
        let isGood = scale <= MeterQuantity.maximumScale && ledger.store.meters.count < StateMachine.maximumMeters
        return isGood && ledger.store.books.canOpen(.revenue, name) ? nil : "adds a meter that cannot be"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.meters.append(
            Meter(name: name, unit: unit, description: description, scale: scale, created: header.asOf))
        _ = ledger.store.books.open(.revenue, name)
    }
}
