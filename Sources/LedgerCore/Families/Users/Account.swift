/// A user and the account that goes with every user. What few accounts have lies apart: ``AccountExtras``.
struct Account: Recordable, Equatable {
    private var texts = AccountTexts()
    var emailHash = Hash128.zero
    var created = Timestamp.distantPast
    var createdBy = LSN.none

    /// Unpinned credit by kind of lot; pinned credit is `held`. Together they are what the lots hold.
    var paid = Money.zero
    var promo = Money.zero
    var held = Money.zero
    var spending = Spending()
    // Here, for there is room behind what was spent.
    var type = UserType.free
    var state = UserState.active
    /// The user's last event: head of the thread through the journal.
    var lastEvent = LSN.none

    // Derived.
    /// No lot expires before this.
    var nextExpiry = Timestamp.never
    /// Until when what its sessions hold covers what they use: the earliest of theirs.
    var coveredUntil = Timestamp.never
    /// Nil where ``extras`` are as usual.
    var box: AccountExtras.Box?
    var firstLot = Slot<Lot>.none
    var firstHold = Slot<Hold>.none
    var firstSession = Slot<Session>.none
    var firstPassport = Slot<Passport>.none
    var lotCount: Int32 = 0
    var sessionCount: Int32 = 0
    var exhaustingCount: Int32 = 0
    var holdCount: Int32 = 0

    init() {}

    init(id: ShortText, email: PersonalText, name: PersonalText) {
        texts = AccountTexts(id: id, email: email, name: name)
    }

    var id: ShortText { texts.id }
    var email: PersonalText {
        get { texts.email }
        set { texts = AccountTexts(id: id, email: newValue, name: name) }
    }
    var name: PersonalText {
        get { texts.name }
        set { texts = AccountTexts(id: id, email: email, name: newValue) }
    }
    /// Without a copy.
    func withSealedEmail<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { texts.withSealedEmail(body) }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var (id, email, name, rest) = (id, email, name, extras)
        try c.text(&id)
        try c.personal(&email)
        try c.personal(&name)
        if C.reads { texts = AccountTexts(id: id, email: email, name: name) }
        try c.hash(&emailHash)
        try c.choice(&type)
        try c.choice(&state)
        try c.time(&created)
        try c.lsn(&createdBy)
        try c.money(&paid)
        try c.money(&promo)
        try c.money(&held)
        try c.money(&rest.debt)
        try c.money(&rest.debtRepaidByPurchases)
        try c.time(&rest.fundsEnd)
        try c.time(&rest.storageUnpaidSince)
        try c.money(&rest.storageOwed)
        try c.time(&rest.storageStopped)
        try spending.code(with: &c)
        try rest.caps.code(with: &c)
        try c.lsn(&lastEvent)
        if C.reads { extras = rest }
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
