/// The caps of one user's sessions while many of them are leased anew, one after the other: looked up once, since that
/// costs all that the user runs. Postings on the way change nothing in them (what was used counts before it is posted);
/// what is held does, and is told. An object, since one decision hands it on and on.
final class CapsAtHand {
    private struct Entry {
        /// Whose it is, by ``StateMachine/root(_:)``; none: the user's.
        var root: PassportOrdinal
        var cap: CapReached
    }

    /// Passports' before the user's.
    private var entries: [Entry] = []
    /// Whose were looked up; the user's first.
    private var known: [PassportOrdinal] = []

    /// The cap that leaves a session least, the first of equals; nil where there is none.
    func tightest(_ slot: Slot<Session>, in ledger: borrowing StateMachine, at now: Timestamp) -> CapReached? {
        if known.isEmpty { add(.none, ledger.caps(ledger.store.sessions[slot].user, at: now)) }
        let root = root(slot, ledger)
        if !known.contains(root) { add(root, ledger.caps(by: root, at: now)) }
        return Self.tightest(entries.lazy.filter { $0.root == root || $0.root == .none }.map(\.cap))
    }

    /// More is held for a session.
    func hold(_ amount: Money, for slot: Slot<Session>, in ledger: borrowing StateMachine) {
        guard !entries.isEmpty else { return }
        let root = root(slot, ledger)
        for index in entries.indices where entries[index].root == root || entries[index].root == .none {
            entries[index].cap.spent = entries[index].cap.spent.adding(amount) ?? .max
        }
    }

    private func add(_ root: PassportOrdinal, _ caps: [CapReached]) {
        known.append(root)
        if !caps.isEmpty { entries.insert(contentsOf: caps.map { Entry(root: root, cap: $0) }, at: 0) }
    }

    private func root(_ slot: Slot<Session>, _ ledger: borrowing StateMachine) -> PassportOrdinal {
        let spender = ledger.store.sessions[slot].spender
        return spender == .none ? .none : ledger.root(spender)
    }

    static func tightest(_ caps: some Sequence<CapReached>) -> CapReached? {
        caps.min { $0.cap - $0.spent < $1.cap - $1.spent }
    }
}
