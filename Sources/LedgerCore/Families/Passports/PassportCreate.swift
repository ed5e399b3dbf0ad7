/// PASSPORT CREATE. The secret stays with the engine, which shows it once.
package struct PassportCreate: CommandType {
    package static let name: StaticString = "PASSPORT CREATE"
    package var user: Hash128
    package var id: PassportID
    /// HMAC-SHA-256 of the whole secret under the server's pepper.
    package var digest: Digest256
    package var lastFour: UInt32
    package var name: PersonalText
    package var permissions: Permissions
    package var scope: Scope
    package var expires: Timestamp
    /// Requests per hour, 0 for no limit of its own.
    package var rate: UInt32
    package var requiresKeys: Bool
    package var caps: Caps
    package init(
        user: Hash128, id: PassportID, digest: Digest256, lastFour: UInt32, name: PersonalText,
        permissions: Permissions, scope: Scope, expires: Timestamp = .never, rate: UInt32 = 0,
        requiresKeys: Bool = false, caps: Caps = Caps()
    ) {
        self.user = user
        self.id = id
        self.digest = digest
        self.lastFour = lastFour
        self.name = name
        self.permissions = permissions
        self.scope = scope
        self.expires = expires
        self.rate = rate
        self.requiresKeys = requiresKeys
        self.caps = caps
    }

    package var subject: Subject { .user(user) }
    package var dueBefore: DueBefore { .own(subject) }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        try seal(&name)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        try ledger.checkMayBook(user)
        guard id.value != 0, ledger.passport(id) == nil else { throw .exists(.passport) }
        try ledger.check(
            decision.actor, mayIssue: permissions, scope, expires: expires, rate: rate, requiresKeys: requiresKeys,
            caps: caps)
        guard expires > decision.now else { throw .invalid("a passport cannot expire in the past") }
        let event = PassportCreated(
            id: id, digest: digest, lastFour: lastFour, name: name, permissions: permissions, scope: scope,
            expires: expires, rate: rate, requiresKeys: requiresKeys, caps: caps, replaces: PassportID(value: 0),
            replacedExpires: .never)
        return .accepted(event.commit(in: &ledger, user: user, &decision))
    }
}

/// PASSPORT ROTATE: a new secret for what the old one may do.
package struct PassportRotate: CommandType {
    package static let name: StaticString = "PASSPORT ROTATE"
    package var old: PassportID
    package var id: PassportID
    package var digest: Digest256
    package var lastFour: UInt32
    /// How long the old secret stays valid.
    package var overlap: TimeSpan
    package init(old: PassportID, id: PassportID, digest: Digest256, lastFour: UInt32, overlap: TimeSpan) {
        self.old = old
        self.id = id
        self.digest = digest
        self.lastFour = lastFour
        self.overlap = overlap
    }

    package var subject: Subject { .passport(old) }
    package var dueBefore: DueBefore { .own(subject) }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard let ordinal = ledger.passport(old) else { throw .notFound(.passport) }
        let row = ledger.store.passports[ordinal]
        guard !row.revoked, row.expires > decision.now else { throw .closed(.passport) }
        guard !row.replaced else {
            throw .invalid("this passport was replaced already; rotate the one that replaced it")
        }
        guard id.value != 0, ledger.passport(id) == nil else { throw .exists(.passport) }
        try ledger.check(
            decision.actor, mayIssue: row.permissions, row.scope, expires: row.expires, rate: row.extras.rate,
            requiresKeys: row.requiresKeys, caps: ledger.store.passports[row.root].extras.caps)
        let event = PassportCreated(
            id: id, digest: digest, lastFour: lastFour, name: row.name, permissions: row.permissions, scope: row.scope,
            expires: row.expires, rate: row.extras.rate, requiresKeys: row.requiresKeys,
            caps: ledger.store.passports[row.root].extras.caps, replaces: old,
            replacedExpires: min(row.expires, decision.now + overlap))
        return .accepted(event.commit(in: &ledger, user: row.user, &decision))
    }
}

package struct PassportCreated: EventType {
    package static let code = EventCode.passportCreated
    package static let blank = PassportCreated(
        id: PassportID(value: 0), digest: .zero, lastFour: 0, name: .none, permissions: [], scope: .own,
        expires: .never, rate: 0, requiresKeys: false, caps: Caps(), replaces: PassportID(value: 0),
        replacedExpires: .never)
    package var body: EventBody { .passportCreated(self) }

    package var id: PassportID
    package var digest: Digest256
    package var lastFour: UInt32
    package var name: PersonalText
    package var permissions: Permissions
    package var scope: Scope
    package var expires: Timestamp
    package var rate: UInt32
    package var requiresKeys: Bool
    package var caps: Caps
    /// The passport this one replaces and until when that one is still good; `PassportID(0)` when it replaces none.
    package var replaces: PassportID
    package var replacedExpires: Timestamp

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.unsigned(&id.value)
        try c.digest(&digest)
        try c.small(&lastFour)
        try c.personal(&name)
        try c.small(&permissions.rawValue)
        try c.choice(&scope)
        try c.time(&expires)
        try c.small(&rate)
        try c.bool(&requiresKeys)
        try caps.code(with: &c)
        try c.unsigned(&replaces.value)
        try c.time(&replacedExpires)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard id.value != 0, ledger.passport(id) == nil else { return "creates a passport twice" }
        return replaces.value == 0 || ledger.passport(replaces) != nil ? nil : "replaces a passport that is not there"
    }

    fileprivate func commit(
        in ledger: inout StateMachine, user: UserOrdinal, _ decision: inout Decision
    ) -> EventReference {
        let reference = ledger.commit(self, user: user, &decision)
        decision.batch.touchedPassports.append(ledger.passport(id)!)
        if replaces.value != 0 { decision.batch.touchedPassports.append(ledger.passport(replaces)!) }
        return reference
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        var passport = Passport()
        (passport.id, passport.user, passport.digest, passport.lastFour) = (id, header.user, digest, lastFour)
        (passport.name, passport.permissions, passport.scope) = (name, permissions, scope)
        (passport.created, passport.expires) = (header.asOf, expires)
        passport.requiresKeys = requiresKeys
        let own = PassportOrdinal(UInt32(ledger.store.passports.count))
        passport.root = ledger.passport(replaces).map { ledger.root($0) } ?? own
        if caps != Caps() || rate != 0 { passport.changeExtras { ($0.caps, $0.rate) = (caps, rate) } }
        let slot = ledger.store.passports.insert(passport)
        ledger.store.passportIndex.insert(id.value, slot)
        ledger.store.link(slot, of: header.user)
        if let old = ledger.passport(replaces) {
            ledger.store.passports[old].expires = replacedExpires
            ledger.store.passports[old].replaced = true
        }
    }
}
