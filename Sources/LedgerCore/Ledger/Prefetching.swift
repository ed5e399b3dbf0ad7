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
        case .account, .lot: if let ordinal = self.user(user) { prefetch(ordinal, step) }
        }
    }

    /// The same for an event that will be replayed. Its bytes may be anything.
    package func prefetch(_ event: UnsafeRawBufferPointer, _ step: PrefetchStep) {
        let user = EventHeader.user(of: event)
        if user.value < UInt32(store.accounts.count) { prefetch(user, step) }
    }

    private func prefetch(_ user: UserOrdinal, _ step: PrefetchStep) {
        switch step {
        case .index: break
        case .account: store.accounts.prefetch(Slot(index: Int32(user.value)))
        case .lot:
            let lot = store.accounts[user].firstLot
            if !lot.isNone { store.lots.prefetch(lot) }
        }
    }
}
