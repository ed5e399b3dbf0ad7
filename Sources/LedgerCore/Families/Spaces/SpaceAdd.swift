/// SPACE ADD: a catalogue entry. What a space costs is rule input, not the price itself.
package struct SpaceAdd: CommandType, Equatable {
    package static let name: StaticString = "SPACE ADD"
    package var id: ShortText
    package var name: ShortText
    package var description: [UInt8]
    package var category: ShortText
    package var gigabytes: Int64
    package var cost: Money
    package var isPublic: Bool
    package init(
        id: ShortText, name: ShortText, description: [UInt8], category: ShortText, gigabytes: Int64, cost: Money,
        isPublic: Bool
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.category = category
        self.gigabytes = gigabytes
        self.cost = cost
        self.isPublic = isPublic
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard ledger.space(id) == nil else { throw .exists(.space) }
        return .accepted(ledger.commit(SpaceAdded(space: self), &decision))
    }
}

extension SpaceAdd: Recordable {
    static let blank = SpaceAdd(
        id: ShortText(), name: ShortText(), description: [], category: ShortText(), gigabytes: 0, cost: .zero,
        isPublic: false)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.text(&name)
        try c.bytes(&description)
        try c.text(&category)
        try c.signed(&gigabytes)
        try c.money(&cost)
        try c.bool(&isPublic)
    }
}

package struct SpaceAdded: EventType {
    package static let code = EventCode.spaceAdded
    package static let isAboutUser = false
    package static let blank = SpaceAdded(space: .blank)
    package var body: EventBody { .spaceAdded(self) }

    package var space: SpaceAdd

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try space.code(with: &c) }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let row = Space(space: space, creator: header.actor, created: header.asOf, lsn: header.lsn)
        if let index = ledger.store.spaces.firstIndex(where: { $0.space.id == space.id }) {
            ledger.store.spaces[index] = row
        } else {
            ledger.store.spaces.append(row)
        }
    }
}

extension StateMachine {
    func space(_ id: ShortText) -> SpaceAdd? { store.spaces.first { $0.space.id == id }?.space }
}
