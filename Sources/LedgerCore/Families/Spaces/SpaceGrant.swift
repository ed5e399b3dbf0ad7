/// SPACE GRANT: a user may see and buy a space that is not public.
package struct SpaceGrant: CommandType {
    package static let name: StaticString = "SPACE GRANT"
    package var space: ShortText
    package var user: Hash128
    package init(space: ShortText, user: Hash128) {
        self.space = space
        self.user = user
    }

    package var subject: Subject { .user(user) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        guard let number = ledger.space(space) else { throw .notFound(.space) }
        guard ledger.store.spaceGrants[ledger.grantKey(number, user)] == nil else { throw .exists(.grant) }
        try ledger.checkMayBook(user)
        guard !ledger.isShown(space: number, to: user) else {
            throw .invalid("the user sees this space already: it is public, or the user's own")
        }
        return .accepted(ledger.commit(SpaceGranted(space: space), user: user, &decision))
    }
}

/// SPACE REVOKE: takes a grant back. What was bought stays.
package struct SpaceRevoke: CommandType {
    package static let name: StaticString = "SPACE REVOKE"
    package var space: ShortText
    package var user: Hash128
    package init(space: ShortText, user: Hash128) {
        self.space = space
        self.user = user
    }

    package var subject: Subject { .user(user) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        guard let number = ledger.space(space) else { throw .notFound(.space) }
        guard ledger.store.spaceGrants[ledger.grantKey(number, user)] != nil else { throw .notFound(.grant) }
        try ledger.checkIsThere(user)
        return .accepted(ledger.commit(SpaceRevoked(space: space), user: user, &decision))
    }
}

package struct SpaceGranted: EventType {
    package static let code = EventCode.spaceGranted
    package static let blank = SpaceGranted(space: ShortText())
    package var body: EventBody { .spaceGranted(self) }

    package var space: ShortText

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.text(&space) }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.space(space) != nil ? nil : "grants a space that is not there"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        guard let number = ledger.space(space) else { preconditionFailure("a grant of no space") }
        ledger.store.spaceGrants.set(ledger.grantKey(number, header.user), header.lsn.value)
    }
}

package struct SpaceRevoked: EventType {
    package static let code = EventCode.spaceRevoked
    package static let blank = SpaceRevoked(space: ShortText())
    package var body: EventBody { .spaceRevoked(self) }

    package var space: ShortText

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.text(&space) }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard let number = ledger.space(space), ledger.store.spaceGrants[ledger.grantKey(number, header.user)] != nil
        else { return "revokes a grant that is not there" }
        return nil
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        guard let number = ledger.space(space) else { preconditionFailure("a grant of no space") }
        ledger.store.spaceGrants.remove(ledger.grantKey(number, header.user))
    }
}
