/// SPACE ADD: a row of the catalogue.
package struct SpaceAdd: CommandType {
    package static let name: StaticString = "SPACE ADD"
    package var entry: SpaceEntry
    /// nil: the user whose passport adds it.
    package var creator: Hash128?
    package init(_ entry: SpaceEntry, creator: Hash128? = nil) {
        self.entry = entry
        self.creator = creator
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let creator = try creator.map { (user) throws(Rejection) in try ledger.find(user) }
        guard ledger.space(entry.id) == nil else { throw .exists(.space) }
        guard entry.share <= SpaceEntry.whole else { throw .invalid("a share is at most 100 percent") }
        if let creator { try ledger.checkMayBook(creator) }
        let owner = creator ?? ledger.user(of: decision.actor)
        let event = SpaceAdded(
            entry: entry, creator: owner == .none ? ShortText() : ledger.store.accounts[owner].id)
        return .accepted(ledger.commit(event, &decision))
    }
}

package struct SpaceAdded: EventType {
    package static let code = EventCode.spaceAdded
    package static let isAboutUser = false
    package static let blank = SpaceAdded(entry: .blank, creator: ShortText())
    package var body: EventBody { .spaceAdded(self) }

    package var entry: SpaceEntry
    /// The user's id; empty where the ledger itself added it.
    package var creator: ShortText

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try entry.code(with: &c)
        try c.text(&creator)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard ledger.space(entry.id) == nil else { return "adds a space that is there" }
        guard entry.share <= SpaceEntry.whole else { return "gives away more than a price" }
        return creator.isEmpty || ledger.user(ledger.names.user(creator)) != nil
            ? nil : "adds a space of an unknown user"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let creator = creator.isEmpty ? nil : ledger.user(ledger.names.user(creator))
        ledger.store.spaces.append(
            Space(entry: entry, creator: creator ?? .none, created: header.asOf, lsn: header.lsn))
    }
}

extension StateMachine {
    /// Whose passport it is; `.none` for the engine's own.
    fileprivate func user(of actor: PassportOrdinal) -> UserOrdinal {
        actor == .none ? .none : store.passports[actor].user
    }
}
