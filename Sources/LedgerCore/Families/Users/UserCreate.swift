/// USER CREATE.
package struct UserCreate: CommandType {
    package static let name: StaticString = "USER CREATE"
    package var id: ShortText
    /// HMAC of the normalised e-mail: finds a second sign-up without keeping the address.
    package var emailHash: Hash128
    /// HMAC of the platform's own word for one person; zero when none was given.
    package var personHash: Hash128
    package var email: PersonalText
    package var name: PersonalText
    package var type: UserType
    package init(
        id: ShortText, emailHash: Hash128, personHash: Hash128 = .zero, email: PersonalText, name: PersonalText = .none,
        type: UserType
    ) {
        self.id = id
        self.emailHash = emailHash
        self.personHash = personHash
        self.email = email
        self.name = name
        self.type = type
    }

    package var subject: Subject { .newUser }
    package var dueBefore: DueBefore { .own(subject) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&email)
        try seal(&name)
    }

    /// Credit that a FREE user gets at sign-up, once for each address and each person.
    static let signUpBonus = Money(nanos: 5 * Money.dollar.nanos)

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard ledger.store.userIndex[ledger.names.user(id)] == nil else { throw .exists(.user) }
        guard !ledger.isTaken(email: emailHash) else { throw .exists(.email) }
        guard ledger.store.accounts.count < Int32.max - 1 else {
            throw .busy("the ledger has no room for another user")
        }
        let isFirst = ledger.isFirst(email: emailHash, person: personHash)
        let event = UserCreated(
            id: id, emailHash: emailHash, personHash: personHash, email: email, name: name, type: type,
            bonus: type == .free && isFirst ? Self.signUpBonus : .zero)
        let ordinal = UserOrdinal(UInt32(ledger.store.accounts.count))
        let answer = ledger.commit(event, user: ordinal, &decision)
        ledger.beginAllowance(ledger.allowance(of: ordinal), of: ordinal, &decision)
        return .accepted(answer)
    }
}

package struct UserCreated: EventType {
    package static let code = EventCode.userCreated
    package static let blank = UserCreated(
        id: ShortText(), emailHash: .zero, personHash: .zero, email: .none, name: .none, type: .free, bonus: .zero)
    package var body: EventBody { .userCreated(self) }

    package var id: ShortText
    package var emailHash: Hash128
    package var personHash: Hash128
    package var email: PersonalText
    package var name: PersonalText
    package var type: UserType
    /// Credit at sign-up, a promo lot born with this event; zero for types that get none and for addresses and persons
    /// that had it before.
    package var bonus: Money

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.hash(&emailHash)
        try c.hash(&personHash)
        try c.personal(&email)
        try c.personal(&name)
        try c.choice(&type)
        try c.money(&bonus)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard ledger.store.userIndex[ledger.names.user(id)] == nil else { return "creates a user who is there" }
        return bonus.isNegative ? "gives less than nothing" : nil
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        var account = Account(id: id, email: email, name: name)
        (account.emailHash, account.type) = (emailHash, type)
        (account.created, account.createdBy) = (header.asOf, header.lsn)
        let slot = ledger.store.accounts.insert(account)
        precondition(UInt32(slot.index) == header.user.value, "a user got another number than the event says")
        ledger.store.userIndex.set(ledger.names.user(id), slot)
        ledger.take(email: emailHash, by: header)
        if personHash != .zero { ledger.store.external.set(ledger.personName(personHash), header.lsn.value) }
        ledger.store.books.post(.promoCost, -bonus)
        ledger.credit(header.user, signUpLot(header, shard: ledger.shard), bonus, at: header.asOf)
    }

    private func signUpLot(_ header: EventHeader, shard: UInt16) -> LotOrigin {
        LotOrigin(.promo, born: header.id(shard: shard), at: header.asOf, fundedBy: "sign_up")
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        guard !bonus.isZero else { return facts }
        facts.movement = Facts.Movement(
            isCredit: true, amount: bonus, source: "sign_up", kind: .entry, total: .granted)
        facts.text = .words("credit at sign-up")
        facts.born = [signUpLot(header, shard: 0)]
        return facts
    }
}

// Names that a sign-up bonus was given to. An address is free again when nobody has it; the bonus is given once.
extension StateMachine {
    private func emailName(_ hash: Hash128) -> Hash128 { uniqueName(.email, hash) }
    func personName(_ hash: Hash128) -> Hash128 { uniqueName(.person, hash) }
    /// Who has the address now: its users' ordinal plus one; 0 when it was given back.
    private func holderName(_ hash: Hash128) -> Hash128 { uniqueName(.emailHolder, hash) }

    private func uniqueName(_ space: Names.Space, _ hash: Hash128) -> Hash128 {
        var hasher = names.hasher(space)
        hasher.combine(hash.high)
        hasher.combine(hash.low)
        return hasher.finish()
    }

    func holder(ofEmail hash: Hash128) -> UserOrdinal? {
        let holder = store.external[holderName(hash)] ?? 0
        return holder == 0 ? nil : UserOrdinal(UInt32(holder - 1))
    }

    func isTaken(email hash: Hash128) -> Bool { holder(ofEmail: hash) != nil }

    func isFirst(email: Hash128, person: Hash128) -> Bool {
        store.external[emailName(email)] == nil && (person == .zero || store.external[personName(person)] == nil)
    }

    mutating func take(email hash: Hash128, by header: EventHeader) {
        if store.external[emailName(hash)] == nil { store.external.set(emailName(hash), header.lsn.value) }
        store.external.set(holderName(hash), UInt64(header.user.value) + 1)
    }

    mutating func giveBack(email hash: Hash128) { store.external.set(holderName(hash), 0) }
}
