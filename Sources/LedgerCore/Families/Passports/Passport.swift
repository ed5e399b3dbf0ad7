/// What is known of an API key: never its secret.
struct Passport: Recordable, Listed, Equatable {
    var id = PassportID(value: 0)
    var user = UserOrdinal.none
    var lastFour: UInt32 = 0
    var digest = Digest256.zero
    private var sealedName = SharedBytes([])
    var created = Timestamp.distantPast
    var expires = Timestamp.never
    private var ownExtras = PassportExtras.Shared()
    /// The first of those that replaced one another: spending, what is held and caps of all of them lie there.
    var root = PassportOrdinal.none
    var permissions: Permissions = []
    var scope = Scope.own
    private var marks = Marks()
    var links = Links<Passport>()

    private struct Marks: OptionSet {
        let rawValue: UInt8
        static let revoked = Marks(rawValue: 1)
        static let replaced = Marks(rawValue: 2)
        static let requiresKeys = Marks(rawValue: 4)
    }

    var name: PersonalText {
        get { PersonalText(sealed: sealedName.array) }
        set { sealedName = SharedBytes(newValue.sealedBytes) }
    }

    var extras: PassportExtras { ownExtras.extras }

    mutating func changeExtras(_ change: (inout PassportExtras) -> Void) { ownExtras.change(change) }

    private func has(_ mark: Marks) -> Bool { marks.contains(mark) }

    private mutating func mark(_ mark: Marks, _ isSet: Bool) {
        if isSet { marks.insert(mark) } else { marks.remove(mark) }
    }

    var revoked: Bool {
        get { has(.revoked) }
        set { mark(.revoked, newValue) }
    }
    /// It was rotated: `expires` is the end of the overlap.
    var replaced: Bool {
        get { has(.replaced) }
        set { mark(.replaced, newValue) }
    }
    /// Commands that change money are refused without a KEY.
    var requiresKeys: Bool {
        get { has(.requiresKeys) }
        set { mark(.requiresKeys, newValue) }
    }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var (name, extras) = (name, extras)
        try c.unsigned(&id.value)
        try c.user(&user)
        try c.digest(&digest)
        try c.small(&lastFour)
        try c.personal(&name)
        try c.small(&permissions.rawValue)
        try c.choice(&scope)
        try c.time(&created)
        try c.time(&expires)
        try c.bool(&revoked)
        try c.bool(&replaced)
        try c.small(&extras.rate)
        try c.bool(&requiresKeys)
        try c.passport(&root)
        try extras.caps.code(with: &c)
        try extras.spending.code(with: &c)
        guard C.reads else { return }
        self.name = name
        if extras != self.extras { changeExtras { $0 = extras } }
    }
}

extension StateMachine {
    /// Why this passport decides nothing any more, or nil. Who let the command in looked at published state: a
    /// revocation that was decided since is in force with its receipt, and so before this command.
    package func refusal(of actor: PassportOrdinal, at now: Timestamp) -> Rejection? {
        guard actor != .none else { return nil }
        guard !store.passports[actor].revoked, store.passports[actor].expires > now else { return .passportInvalid }
        let state = store.accounts[store.passports[actor].user].state
        return state.locksOut ? .frozen(state) : nil
    }

    /// Nobody issues more than they hold. The engine itself (`.none`) holds everything, and `admin` of scope `all`
    /// holds
    /// `monitor`: it sees as much, and a ledger whose admin was made before there was that permission could issue it to
    /// nobody.
    func check(
        _ actor: PassportOrdinal, mayIssue permissions: Permissions, _ scope: Scope, expires: Timestamp, rate: UInt32,
        requiresKeys: Bool, caps: Caps
    ) throws(Rejection) {
        guard actor != .none else { return }
        let issuer = store.passports[actor]
        var held = issuer.permissions
        if held.contains(.admin), issuer.scope == .all { held.insert(.monitor) }
        guard permissions.isSubset(of: held), scope.rawValue <= issuer.scope.rawValue else {
            throw .denied(
                "a passport cannot issue more than it holds (\(issuer.permissions.text), scope \(issuer.scope.text))")
        }
        guard expires <= issuer.expires else {
            throw .denied("a passport cannot issue one that outlives it (\(issuer.expires))")
        }
        let ownRate = issuer.extras.rate
        guard ownRate == 0 || (rate > 0 && rate <= ownRate) else {
            throw .denied("a passport cannot issue one with more requests an hour than its own \(ownRate)")
        }
        guard requiresKeys || !issuer.requiresKeys else {
            throw .denied("a passport with KEYS required cannot issue one without")
        }
        try check(actor, mayCap: caps)
    }

    /// Nobody lets spend more than they may.
    func check(_ actor: PassportOrdinal, mayCap caps: Caps) throws(Rejection) {
        guard actor != .none else { return }
        let own = store.passports[root(actor)].extras.caps
        for period in CapPeriod.allCases {
            guard caps[period] <= own[period] else {
                throw .denied(
                    "a passport cannot let another spend more than its own \(period.text) \(Money(nanos: own[period]))")
            }
        }
    }
}
