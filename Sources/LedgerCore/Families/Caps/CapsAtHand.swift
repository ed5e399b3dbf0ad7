/// The caps of one user's sessions while many of them are leased anew, one after the other: looked up once, since that
/// costs all that the user runs. Postings on the way change nothing in them (what was used counts before it is posted);
/// what is held does, and is told. An object, since one decision hands it on and on.
final class CapsAtHand {
    private var users: [CapReached]?
    private var passports: [(root: PassportOrdinal, caps: [CapReached])] = []

    /// The cap that leaves a session least; nil where there is none.
    func tightest(
        _ slot: Slot<Session>, in ledger: borrowing StateMachine, at now: Timestamp
    ) -> CapReached? {
        let (user, spender) = (ledger.store.sessions[slot].user, ledger.store.sessions[slot].spender)
        if users == nil { users = ledger.caps(user, at: now) }
        guard spender != .none else { return Self.tightest(users!) }
        let root = ledger.root(spender)
        if let known = passports.first(where: { $0.root == root }) { return Self.tightest(known.caps + users!) }
        let caps = ledger.caps(by: spender, at: now)
        passports.append((root, caps))
        return Self.tightest(caps + users!)
    }

    /// More is held for a session.
    func hold(_ amount: Money, for slot: Slot<Session>, in ledger: borrowing StateMachine) {
        func add(_ caps: inout [CapReached]) {
            for index in caps.indices { caps[index].spent = caps[index].spent.adding(amount) ?? .max }
        }
        if users != nil { add(&users!) }
        let spender = ledger.store.sessions[slot].spender
        guard spender != .none else { return }
        let root = ledger.root(spender)
        for index in passports.indices where passports[index].root == root { add(&passports[index].caps) }
    }

    /// The first of those that leave least.
    static func tightest(_ caps: [CapReached]) -> CapReached? { caps.min { $0.cap - $0.spent < $1.cap - $1.spent } }
}
