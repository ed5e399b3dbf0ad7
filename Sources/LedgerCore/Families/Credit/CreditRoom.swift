// How much an account may hold, owe, and in how many lots.
extension StateMachine {
    /// No user's credit or debt may come near the end of 64 bits: four billion dollars each.
    package static let accountCeiling: Int64 = 4_000_000_000 * 1_000_000_000
    static var ceiling: Money { Money(nanos: accountCeiling) }

    /// No user has more lots: a charge names every lot that it burns, a refund every lot that it fills again, and an
    /// event must fit into a batch of the journal. Refunds may go to twice as many.
    static let maximumLots: Int32 = 8_000
    /// Nor more of them that pay for certain sources only.
    static let maximumScopedLots: Int32 = 64
    /// No user has more open holds: what is looked at for each event of a user is bounded.
    static let maximumHolds: Int32 = 10_000

    /// Room for so much more credit, in `lots` more lots.
    func checkRoom(_ user: UserOrdinal, _ amount: Money, lots: Int32 = 1, of maximum: Int32 = maximumLots)
        throws(Rejection)
    {
        let count = store.accounts[user].lotCount
        guard count + lots <= maximum else { throw .invalid("the account has \(count) lots of credit already") }
        guard amount <= creditRoom(user) else {
            throw .invalid("an account holds at most \(Self.ceiling) of credit")
        }
    }

    /// How much more credit the account may hold.
    func creditRoom(_ user: UserOrdinal) -> Money {
        let row = store.accounts[user]
        let sum = Int128(row.paid.nanos) + Int128(row.promo.nanos) + Int128(row.held.nanos)
        return Money(nanos: Int64(clamping: max(0, Int128(Self.accountCeiling) - sum)))
    }

    /// The same, for lots with these scopes.
    func checkRoom(_ user: UserOrdinal, _ amount: Money, for scopes: [CreditScope]) throws(Rejection) {
        try checkRoom(user, amount, lots: Int32(scopes.count))
        let scoped = scopes.count { !$0.isEverything }
        guard scoped == 0 || store.accounts[user].scopedLots + Int32(scoped) <= Self.maximumScopedLots else {
            throw .invalid(
                "the account has \(store.accounts[user].scopedLots) lots already that pay for certain sources only; at "
                    + "most \(Self.maximumScopedLots) may be open")
        }
    }

    func checkDebtRoom(_ user: UserOrdinal, _ amount: Money) throws(Rejection) {
        let sum = Int128(store.accounts[user].debt.nanos) + Int128(amount.nanos)
        guard sum <= Int128(Self.accountCeiling) else { throw .invalid("an account owes at most \(Self.ceiling)") }
    }

    func checkSource(_ source: ShortText) throws(Rejection) {
        guard store.books.canOpen(.revenue, source) else {
            throw .invalid("there are \(Books.maximumNamed) charge sources already")
        }
    }
}

// What replay asks of money before it applies an event.
extension StateMachine {
    static let noSuchLot = "is about a lot that is not there"

    func lot(_ id: LotID, of user: UserOrdinal) -> Lot? {
        find(lot: id, of: user).map { store.lots[$0] }
    }

    /// New credit, of which a part repays debt: the account must be able to hold it.
    func objection(toCredit amount: Money, repaid: Money, of user: UserOrdinal) -> String? {
        let row = store.accounts[user]
        guard repaid >= .zero, repaid <= amount, repaid <= row.debt else { return "repays what is not owed" }
        let sum = Int128(row.paid.nanos) + Int128(row.promo.nanos) + Int128(row.held.nanos) + Int128(amount.nanos)
        return sum <= Int128(Int64.max) / 2 ? nil : "gives more than an account can hold"
    }

    /// A lot that is made, or given back to.
    func objection(to origin: LotOrigin, of user: UserOrdinal) -> String? {
        guard !origin.id.isNone else { return "makes a lot without a name" }
        guard let slot = lot(origin.id) else { return nil }
        let lot = store.lots[slot]
        return lot.user == user && lot.kind == origin.kind && !lot.expired ? nil : "gives to a lot that takes nothing"
    }

    /// Parts of lots, each of which must have that much.
    func objection(toTaking parts: LotAmounts, of user: UserOrdinal, from share: LotShare) -> String? {
        var taken: [UInt64: Money] = [:]
        for index in 0..<parts.count {
            let part = parts[index]
            guard let slot = find(lot: part.lot, of: user) else { return Self.noSuchLot }
            // The usual list has one part.
            let before = parts.count > 1 ? taken[part.lot.value] ?? .zero : .zero
            let there = share == .free ? store.lots[slot].free : store.lots[slot].pinned
            guard part.amount > .zero, part.amount <= there - before else { return "takes more from a lot than it has" }
            if parts.count > 1 { taken[part.lot.value] = before + part.amount }
        }
        return nil
    }

    /// What of a lot is to be taken.
    enum LotShare { case free, pinned }

    func objection(
        to settlement: Settlement, of user: UserOrdinal, pinned: LotAmounts = LotAmounts()
    ) -> String? {
        if let objection = objection(toTaking: settlement.held, of: user, from: .pinned)
            ?? objection(toTaking: settlement.free, of: user, from: .free)
        {
            return objection
        }
        if !settlement.held.isEmpty {
            var pins = pinned
            let held = settlement.held.total
            guard held <= pins.total, pins.take(held) == settlement.held else {
                return "takes what was not held for it"
            }
        }
        let debt = store.accounts[user].debt.adding(settlement.debt)
        guard settlement.debt >= .zero, let debt, debt.nanos <= .max / 2 else { return "owes more than one can owe" }
        return nil
    }
}
