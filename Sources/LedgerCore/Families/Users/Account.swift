/// A user and the account that goes with every user.
struct Account: Recordable, Equatable {
    var id = ShortText()
    var email = PersonalText.none
    var name = PersonalText.none
    var emailHash = Hash128.zero
    var type = UserType.free
    var state = UserState.active
    var created = Timestamp.distantPast
    var createdBy = LSN.none

    /// Unpinned credit by kind of lot; pinned credit is `held`. Together they are what the lots hold.
    var paid = Money.zero
    var promo = Money.zero
    var held = Money.zero
    var debt = Money.zero
    /// Debt that bought credit repaid, less what refunds have given back of it: so much of a refunded debt comes back
    /// as bought credit.
    var debtRepaidByPurchases = Money.zero
    /// When the sessions that run on debt end, for then it reaches its ceiling. `.never`: none runs so, or none gets
    /// there.
    var fundsEnd = Timestamp.never
    /// Since when storage accrues to debt, how much it has come to owe since, and since when it accrues no more.
    var storageUnpaidSince = Timestamp.never
    var storageOwed = Money.zero
    var storageStopped = Timestamp.never
    var spending = Spending()
    /// Of its own; where there is none, that of the type counts.
    var caps = Caps()
    /// The user's last event: head of the thread through the journal.
    var lastEvent = LSN.none

    // Derived.
    /// Lots not yet effective, a part of `paid` and `promo`.
    var pending = Money.zero
    /// No lot expires before this.
    var nextExpiry = Timestamp.never
    var firstLot = Slot<Lot>.none
    var firstHold = Slot<Hold>.none
    var firstSession = Slot<Session>.none
    var firstResource = Slot<Resource>.none
    var firstPassport = Slot<Passport>.none
    var firstInstance = Slot<Instance>.none
    var lotCount: Int32 = 0
    /// Lots that do not pay for everything.
    var scopedLots: Int32 = 0
    /// Lots that cannot be transferred.
    var earningLots: Int32 = 0
    var sessionCount: Int32 = 0
    var exhaustingCount: Int32 = 0
    /// Of those, what runs on debt.
    var onDebtCount: Int32 = 0
    var holdCount: Int32 = 0
    var resourceCount: Int32 = 0
    var storedMegabytes: Int64 = 0
    /// When unpaid storage is looked at next.
    var storageCheck = Timestamp.never
    /// Until when what its sessions hold covers what they use: the earliest of theirs.
    var coveredUntil = Timestamp.never

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.personal(&email)
        try c.personal(&name)
        try c.hash(&emailHash)
        try c.choice(&type)
        try c.choice(&state)
        try c.time(&created)
        try c.lsn(&createdBy)
        try c.money(&paid)
        try c.money(&promo)
        try c.money(&held)
        try c.money(&debt)
        try c.money(&debtRepaidByPurchases)
        try c.time(&fundsEnd)
        try c.time(&storageUnpaidSince)
        try c.money(&storageOwed)
        try c.time(&storageStopped)
        try spending.code(with: &c)
        try caps.code(with: &c)
        try c.lsn(&lastEvent)
    }
}

// What other families ask about a user before they begin something.
extension StateMachine {
    func find(_ user: Hash128) throws(Rejection) -> UserOrdinal {
        guard let ordinal = self.user(user) else { throw .notFound(.user) }
        return ordinal
    }

    /// New work needs an active user.
    func checkMayStart(_ user: UserOrdinal) throws(Rejection) {
        let state = store.accounts[user].state
        guard state == .active else { throw .frozen(state) }
    }

    /// What was consumed already can be booked for everybody whose account has not ended.
    func checkMayBook(_ user: UserOrdinal) throws(Rejection) {
        let state = store.accounts[user].state
        guard !state.hasEnded else { throw .frozen(state) }
    }

    func checkNoDebt(_ user: UserOrdinal) throws(Rejection) {
        let debt = store.accounts[user].debt
        guard debt.isZero else { throw .debt(debt) }
    }

    func type(of user: UserOrdinal) -> UserType { store.accounts[user].type }
}
