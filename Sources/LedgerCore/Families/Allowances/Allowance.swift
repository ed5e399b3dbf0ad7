// Allowances: credit that comes anew with every day, week or month of the UTC calendar, and goes with it. A user has
// one at a time: an own one, else that of its type. One lot is given for a period, once, whatever is changed within it.

/// What an allowance gives.
package struct AllowanceTerms: Hashable, Sendable {
    package var amount: Money
    package var period: CalendarPeriod
    /// So much of what is left at a period's end goes on into the next one.
    package var rollover: Money
    package var scope: CreditScope
    package init(
        amount: Money, period: CalendarPeriod, rollover: Money = .zero, scope: CreditScope = .everything
    ) {
        self.amount = amount
        self.period = period
        self.rollover = rollover
        self.scope = scope
    }

    /// No allowance.
    package static let none = AllowanceTerms(amount: .zero, period: .month)
    package var isNone: Bool { amount <= .zero }

    /// Where its lots come from, as statements and lists of lots show it.
    package static let source: ShortText = "allowance"

    func check() throws(Rejection) {
        guard amount <= StateMachine.ceiling, rollover <= StateMachine.ceiling else {
            throw .invalid("an account holds at most \(StateMachine.ceiling) of credit")
        }
    }

    var objection: String? {
        amount >= .zero && rollover >= .zero && amount <= StateMachine.ceiling && rollover <= StateMachine.ceiling
            ? nil : "allows more than an account can hold, or less than nothing"
    }
}

extension AllowanceTerms: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.choice(&period)
        try c.money(&rollover)
        try scope.code(with: &c)
    }
}

/// A user's own allowance, or that of a type.
struct Allowance: Recordable, Equatable {
    /// `.none`: of all users of the type who have none of their own.
    var user = UserOrdinal.none
    var type = UserType.free
    var terms = AllowanceTerms.none

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.user(&user)
        try c.choice(&type)
        try terms.code(with: &c)
    }
}

/// The allowances of types, and how far the ledger has come with giving.
struct AllowanceRound: Equatable {
    private var terms = Array(repeating: AllowanceTerms.none, count: UserType.allCases.count)
    /// When it goes through its users next: a midnight, or at once where a type has got an allowance. `.never`: nobody
    /// has one.
    var due = Timestamp.never
    /// Whose turn it is in that round.
    var next = UserOrdinal(0)

    subscript(type: UserType) -> AllowanceTerms {
        get { terms[Int(type.rawValue)] }
        set { terms[Int(type.rawValue)] = newValue }
    }

    var isForTypes: Bool { terms.contains { !$0.isNone } }
}

extension StateMachine {
    private static func allowanceKey(_ user: UserOrdinal) -> UInt64 { UInt64(user.value) + 1 }

    /// A user's own.
    func ownAllowance(_ user: UserOrdinal) -> AllowanceTerms? {
        let slot: Slot<Allowance>? = store.allowanceIndex.slot(Self.allowanceKey(user))
        return slot.map { store.allowances[$0].terms }
    }

    /// What counts for a user: the own one, else that of the type; nil: none.
    func allowance(of user: UserOrdinal) -> AllowanceTerms? {
        guard !store.accounts[user].state.hasEnded else { return nil }
        if store.allowances.count > 0, let own = ownAllowance(user) { return own }
        let terms = store.allowanceRound[store.accounts[user].type]
        return terms.isNone ? nil : terms
    }

    /// Until when a user has had what an allowance gives: no other lot comes before.
    func allowedUntil(_ user: UserOrdinal) -> Timestamp {
        store.allowedUntil[Self.allowanceKey(user)].map { Timestamp(nanoseconds: Int64(bitPattern: $0)) }
            ?? .distantPast
    }

    /// When the next lot comes.
    func nextAllowance(_ user: UserOrdinal) -> Timestamp { max(allowedUntil(user), store.allowanceRound.due) }

    /// Those of types.
    var typeAllowances: [Allowance] {
        UserType.allCases.compactMap { type in
            var row = Allowance()
            (row.type, row.terms) = (type, store.allowanceRound[type])
            return row.terms.isNone ? nil : row
        }
    }

    // MARK: Changing, by `apply` alone

    mutating func set(allowance terms: AllowanceTerms, of user: UserOrdinal) {
        let key = Self.allowanceKey(user)
        if let slot: Slot<Allowance> = store.allowanceIndex.slot(key) {
            store.allowanceIndex.remove(key)
            store.allowances.remove(slot)
        }
        guard !terms.isNone else { return }
        var row = Allowance()
        (row.user, row.terms) = (user, terms)
        store.allowanceIndex.set(key, store.allowances.insert(row))
    }

    mutating func set(allowedUntil end: Timestamp, of user: UserOrdinal) {
        store.allowedUntil.set(Self.allowanceKey(user), UInt64(bitPattern: end.nanoseconds))
    }

    mutating func forgetAllowance(of user: UserOrdinal) {
        set(allowance: .none, of: user)
        store.allowedUntil.remove(Self.allowanceKey(user))
    }
}
