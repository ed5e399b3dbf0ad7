internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// What a new ledger begins with, decided before anybody can ask: its identity, the start, the rules (loaded and
/// active), the spaces on sale, an admin and the admin's passport. All of it is one batch, so a crash leaves a ledger
/// with everything or with nothing, and the next start does it again.
struct FirstStart: ~Copyable {
    private var decision = Decision()
    private let now: Timestamp

    static let adminUser: ShortText = "admin"

    /// Applies everything to the empty `state`; returns the events and the admin's secret.
    static func decide(
        into state: inout StateMachine, identity: LedgerIdentity, isDriven: Bool, sources: [RuleSource],
        secret: PassportSecret,
        start: EngineStart, keys: KeyStore, reads proof: PassportProof, emailHash: Hash128, at now: Timestamp
    ) throws(EngineError) -> Decision {
        var first = FirstStart(now: now)
        var generator = SystemRandomNumberGenerator()
        state.create(
            LedgerCreated(
                ledger: Hash128(high: identity.uuid.high, low: identity.uuid.low), shard: identity.shard,
                hashSeed: Hash128(high: generator.next(), low: generator.next()), isDriven: isDriven),
            at: now, into: &first.decision)
        try first.decide(.engineStart(start), &state)
        try first.loadRules(sources, &state)
        for space in DefaultCatalogue.spaces { try first.add(space, &state) }
        try first.makeAdmin(secret, proof, keys, emailHash, &state)
        return first.takeDecision()
    }

    private init(now: Timestamp) { self.now = now }
    private consuming func takeDecision() -> Decision { decision }

    private mutating func decide(_ command: Command, _ state: inout StateMachine) throws(EngineError) {
        let request = Request(actor: .none, command: command)
        precondition(state.prepare(request, at: now) == .none, "a first start asked for a price")
        guard case .accepted = state.decide(request, price: .none, at: now, into: &decision) else {
            throw EngineError(.state, "a new ledger refuses its own beginning")
        }
    }

    private mutating func loadRules(_ sources: [RuleSource], _ state: inout StateMachine) throws(EngineError) {
        for source in sources {
            let check = RuleCheck(source.name, source: source.text)
            if let finding = check.findings.first { throw EngineError(.rules, "\(source.name.text): \(finding.text)") }
            try decide(
                .ruleLoad(RuleLoad(name: source.name, identity: check.identity, source: Array(source.text.utf8))),
                &state)
            try decide(
                .ruleActivate(RuleActivate(name: source.name, identity: check.identity, at: nil, book: check.book)),
                &state)
        }
    }

    private mutating func add(_ space: DefaultCatalogue.Space, _ state: inout StateMachine) throws(EngineError) {
        guard let name = ShortText(space.name), let category = ShortText(space.category) else {
            preconditionFailure("a name of the catalogue is too long")
        }
        try decide(
            .spaceAdd(
                SpaceAdd(
                    SpaceEntry(
                        id: space.id, name: name, description: Array(space.description.utf8), category: category,
                        gigabytes: space.gigabytes, cost: space.cost, isPublic: true))), &state)
    }

    private mutating func makeAdmin(
        _ secret: PassportSecret, _ proof: PassportProof, _ keys: KeyStore, _ emailHash: Hash128,
        _ state: inout StateMachine
    ) throws(EngineError) {
        let ordinal = UserOrdinal(UInt32(state.userCount))
        var passport = Self.adminPassport(state.names, secret, proof)
        let email: PersonalText
        do throws(StorageError) {
            try keys.ensureKey(ordinal, isNewUser: true)
            email = PersonalText(sealed: try keys.seal(Array(Self.adminEmail.utf8), ordinal))
            passport.name = PersonalText(sealed: try keys.seal(Array(Self.adminUser.string.utf8), ordinal))
        } catch {
            throw EngineError(error)
        }
        try decide(
            .userCreate(UserCreate(id: Self.adminUser, emailHash: emailHash, email: email, type: .admin)),
            &state)
        try decide(.passportCreate(passport), &state)
    }

    static let adminEmail = "admin@localhost"

    /// A passport that may do everything, for the user `admin`. Its name is in the clear, to be sealed.
    static func adminPassport(_ names: Names, _ secret: PassportSecret, _ proof: PassportProof) -> PassportCreate {
        PassportCreate(
            user: names.user(adminUser), id: secret.id, digest: proof.digest, lastFour: secret.lastFour,
            name: PersonalText(clear: Array("admin".utf8)), permissions: .all, scope: .all)
    }
}
