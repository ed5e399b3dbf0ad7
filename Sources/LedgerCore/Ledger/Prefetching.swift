/// What deciding about a user will look at, asked for before its turn: rows of users drawn at random are in no cache,
/// and the processor fetches them while it decides about others. Changes nothing.
package enum PrefetchStep: Int, CaseIterable, Sendable {
    /// The place in the index; then the user's row, which it names; then the row's first lot.
    case index, account, lot
}

extension StateMachine {
    package func prefetch(_ user: Hash128, _ step: PrefetchStep) {
        switch step {
        case .index: store.userIndex.prefetch(user)
        case .account: if let ordinal = self.user(user) { store.accounts.prefetch(Slot(index: Int32(ordinal.value))) }
        case .lot:
            guard let ordinal = self.user(user), case let lot = store.accounts[ordinal].firstLot, !lot.isNone else {
                return
            }
            store.lots.prefetch(lot)
        }
    }
}
