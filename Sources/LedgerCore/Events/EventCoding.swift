/// An event in bytes: kind, schema version, flags, then the header fields that the flags announce, then the body.
///
///     kind ‖ version ‖ flags ‖ lsn ‖ time ‖ actor ‖ [user ‖ previous ‖ paid ‖ promo ‖ held ‖ debt ‖ available]
///          ‖ [group] ‖ [effective from ‖ to] ‖ [linked] ‖ [key scope ‖ key arguments] ‖ body
///
/// Kinds are never reused and a version's fields never change: a changed event is a new version beside the old one.
package enum EventKind: UInt8, CaseIterable, Sendable {
    case ledgerCreated = 1, engineStarted = 2, clockAccepted = 3
    case ruleLoaded = 10, ruleScheduled = 11, ruleActivated = 12, limitsSet = 13
    case userCreated = 20, userChanged = 21, passportCreated = 22, passportRevoked = 23
    case creditPurchased = 30, creditGranted = 31, creditCharged = 32, creditAdjusted = 33, creditRefunded = 34
    case lotExpired = 35, lotEffective = 36
    case holdPlaced = 40, holdCaptured = 41, holdReleased = 42
    case sessionStarted = 50, sessionHeard = 51, leaseRenewed = 52, sessionExhausting = 53, sessionPosted = 54
    case sessionClosed = 55, sessionRecorded = 56, sessionRepriced = 57
    case storageCreated = 60, storageResized = 61, storagePosted = 62, storageDeleted = 63
    case spaceAdded = 70, spacePurchased = 71
    case refused = 80, answered = 81
}

/// Which of the header's optional fields follow. Raw bits are journaled.
private struct EventFlags: OptionSet {
    var rawValue: UInt8
    static let user = EventFlags(rawValue: 1)
    static let group = EventFlags(rawValue: 2)
    static let effective = EventFlags(rawValue: 4)
    static let linked = EventFlags(rawValue: 8)
    static let key = EventFlags(rawValue: 16)
}

extension Event: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var kind = body.kind
        let before = kind
        try c.choice(&kind)
        if kind != before { body = EventBody.blank(kind) }
        var version: UInt8 = 0
        try c.small(&version)
        guard version == 0 else { return try c.fail("an event has a schema version that this program does not know") }

        var flags: EventFlags = []
        if user != .none { flags.insert(.user) }
        if group != lsn { flags.insert(.group) }
        if effectiveFrom != time || effectiveTo != time { flags.insert(.effective) }
        if !linked.isNone { flags.insert(.linked) }
        if key != nil { flags.insert(.key) }
        try c.small(&flags.rawValue)
        try c.lsn(&lsn)
        try c.time(&time)
        try c.passport(&actor)
        if flags.contains(.user) {
            try c.user(&user)
            try c.lsn(&previous)
            try c.money(&after.paid)
            try c.money(&after.promo)
            try c.money(&after.held)
            try c.money(&after.debt)
            try c.money(&after.available)
        }
        if flags.contains(.group) { try c.lsn(&group) } else { group = lsn }
        if flags.contains(.effective) {
            try c.time(&effectiveFrom)
            try c.time(&effectiveTo)
        } else {
            (effectiveFrom, effectiveTo) = (time, time)
        }
        if flags.contains(.linked) { try c.lsn(&linked) }
        if flags.contains(.key) {
            var used = key ?? IdempotencyKey(scope: .zero, arguments: .zero)
            try c.hash(&used.scope)
            try c.hash(&used.arguments)
            key = used
        }
        try body.code(with: &c)
    }

    package static let blank = Event(
        lsn: .none, time: .distantPast, user: .none, actor: .none, group: .none, previous: .none,
        effectiveFrom: .distantPast, effectiveTo: .distantPast, key: nil, linked: .none, after: AccountImage(),
        body: .clockAccepted)

    /// Reads one journaled event. Every byte must belong to it.
    package init(decoding bytes: UnsafeRawBufferPointer) throws(StateError) {
        self = .blank
        var reader = ByteReader(bytes)
        try code(with: &reader)
        guard reader.isAtEnd else { throw StateError("event \(lsn.value) has bytes that nothing reads") }
    }
}

extension EventBody {
    package var kind: EventKind {
        switch self {
        case .ledgerCreated: .ledgerCreated
        case .engineStarted: .engineStarted
        case .clockAccepted: .clockAccepted
        case .ruleLoaded: .ruleLoaded
        case .ruleScheduled: .ruleScheduled
        case .ruleActivated: .ruleActivated
        case .limitsSet: .limitsSet
        case .userCreated: .userCreated
        case .userChanged: .userChanged
        case .passportCreated: .passportCreated
        case .passportRevoked: .passportRevoked
        case .creditPurchased: .creditPurchased
        case .creditGranted: .creditGranted
        case .creditCharged: .creditCharged
        case .creditAdjusted: .creditAdjusted
        case .creditRefunded: .creditRefunded
        case .holdPlaced: .holdPlaced
        case .holdCaptured: .holdCaptured
        case .holdReleased: .holdReleased
        case .sessionStarted: .sessionStarted
        case .sessionHeard: .sessionHeard
        case .leaseRenewed: .leaseRenewed
        case .sessionExhausting: .sessionExhausting
        case .sessionPosted: .sessionPosted
        case .sessionRepriced: .sessionRepriced
        case .sessionClosed: .sessionClosed
        case .sessionRecorded: .sessionRecorded
        case .storageCreated: .storageCreated
        case .storageResized: .storageResized
        case .storagePosted: .storagePosted
        case .storageDeleted: .storageDeleted
        case .spaceAdded: .spaceAdded
        case .spacePurchased: .spacePurchased
        case .lotExpired: .lotExpired
        case .lotEffective: .lotEffective
        case .refused: .refused
        case .answered: .answered
        }
    }

    /// A body of this kind for a decoder to fill.
    static func blank(_ kind: EventKind) -> EventBody {
        switch kind {
        case .ledgerCreated: .ledgerCreated(LedgerCreated(ledger: .zero, hashSeed: .zero))
        case .engineStarted:
            .engineStarted(EngineStarted(version: ShortText(), downtime: .zero, keyRetention: .zero, keyCapacity: 0))
        case .clockAccepted: .clockAccepted
        case .ruleLoaded: .ruleLoaded(RuleLoaded(name: .sessionRuntime, identity: .none, version: 0, source: []))
        case .ruleScheduled:
            .ruleScheduled(
                RuleScheduled(name: .sessionRuntime, identity: .none, version: 0, at: .never, book: PriceBook()))
        case .ruleActivated:
            .ruleActivated(
                RuleActivated(
                    name: .sessionRuntime, identity: .none, version: 0, book: PriceBook(), rollback: false,
                    scheduled: .none))
        case .limitsSet: .limitsSet(LimitSet(type: .free, limit: .sessions, value: 0))
        case .userCreated:
            .userCreated(UserCreated(id: ShortText(), emailHash: .zero, email: [], name: [], type: .free, bonus: .zero))
        case .userChanged: .userChanged(UserChanged(field: .name, name: [], type: .free, state: .active))
        case .passportCreated:
            .passportCreated(
                PassportCreated(
                    id: PassportID(value: 0), digest: .zero, lastFour: 0, name: [], permissions: [], scope: .own,
                    expires: .never, rate: 0, replaces: PassportID(value: 0), replacedExpires: .never))
        case .passportRevoked: .passportRevoked(PassportID(value: 0))
        case .creditPurchased:
            .creditPurchased(
                CreditPurchased(
                    amount: .zero, method: ShortText(), reference: ShortText(), repaid: .zero, bonus: .zero,
                    bonusPricing: nil))
        case .creditGranted: .creditGranted(CreditGranted(amount: .zero, lot: .blank, reason: []))
        case .creditCharged:
            .creditCharged(CreditCharged(amount: .zero, source: ShortText(), payment: Payment(), description: []))
        case .creditAdjusted:
            .creditAdjusted(
                CreditAdjusted(amount: .zero, reason: [], reference: ShortText(), repaid: .zero, payment: Payment()))
        case .creditRefunded:
            .creditRefunded(
                CreditRefunded(
                    charge: .none, source: ShortText(), amount: .zero, forgiven: .zero, parts: [], reason: []))
        case .holdPlaced:
            .holdPlaced(HoldPlaced(amount: .zero, expires: .never, source: ShortText(), pins: LotAmounts()))
        case .holdCaptured:
            .holdCaptured(
                HoldCaptured(
                    hold: .none, amount: .zero, source: ShortText(), payment: Payment(), final: false, released: .zero,
                    broken: .zero))
        case .holdReleased: .holdReleased(HoldReleased(hold: .none, reason: .voided, released: .zero, broken: .zero))
        case .sessionStarted:
            .sessionStarted(
                SessionStarted(
                    session: ShortText(), tier: .small, type: .free, pricing: .blank, ttlEnd: .never,
                    reserveFull: false,
                    heartbeat: .zero, held: .zero, pins: LotAmounts(), leaseUntil: .never, emptyAt: .never,
                    admitted: .none))
        case .sessionHeard:
            .sessionHeard(SessionHeard(session: .none, status: .active, leaseUntil: .never, deadline: .never))
        case .leaseRenewed:
            .leaseRenewed(LeaseRenewed(session: .none, added: .zero, pins: LotAmounts(), leaseUntil: .never))
        case .sessionExhausting:
            .sessionExhausting(
                SessionExhausting(session: .none, added: .zero, pins: LotAmounts(), emptyAt: .never, deadline: .never))
        case .sessionPosted:
            .sessionPosted(
                SessionPosted(
                    session: .none, external: ShortText(), tier: .small, usage: .blank, payment: Payment(),
                    repriced: nil))
        case .sessionRepriced:
            .sessionRepriced(SessionRepriced(session: .none, at: .distantPast, pricing: .blank))
        case .sessionClosed:
            .sessionClosed(
                SessionClosed(
                    session: .none, external: ShortText(), tier: .small, type: .free, reason: .stopped,
                    started: .distantPast,
                    usage: .blank, total: .zero, segments: 0, payment: Payment(), released: .zero, broken: .zero,
                    note: []))
        case .sessionRecorded:
            .sessionRecorded(
                SessionRecorded(
                    session: ShortText(), tier: .small, type: .free, usage: .blank, payment: Payment(), arguments: .zero
                ))
        case .storageCreated:
            .storageCreated(StorageCreated(resource: ShortText(), kind: .bucket, megabytes: 0, pricing: .blank))
        case .storageResized: .storageResized(StorageResized(posted: .blank, megabytes: 0, pricing: .blank))
        case .storagePosted: .storagePosted(.blank)
        case .storageDeleted: .storageDeleted(StorageDeleted(posted: .blank, total: .zero))
        case .spaceAdded:
            .spaceAdded(
                SpaceAdded(
                    space: SpaceAdd(
                        id: ShortText(), name: ShortText(), description: [], category: ShortText(), gigabytes: 0,
                        cost: .zero, isPublic: false)))
        case .spacePurchased:
            .spacePurchased(
                SpacePurchased(
                    space: ShortText(), workspace: ShortText(), instance: ShortText(), gigabytes: 0, amount: .zero,
                    pricing: .blank, payment: Payment()))
        case .lotExpired: .lotExpired(LotExpired(lot: .none, amount: .zero))
        case .lotEffective: .lotEffective(.none)
        case .refused:
            .refused(Refused(rejection: RecordedRejection(.exists(.user))!, admission: nil))
        case .answered: .answered(Answered(event: .none, recorded: nil))
        }
    }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        switch self {
        case .ledgerCreated(var x):
            try x.code(with: &c)
            self = .ledgerCreated(x)
        case .engineStarted(var x):
            try x.code(with: &c)
            self = .engineStarted(x)
        case .clockAccepted: break
        case .ruleLoaded(var x):
            try x.code(with: &c)
            self = .ruleLoaded(x)
        case .ruleScheduled(var x):
            try x.code(with: &c)
            self = .ruleScheduled(x)
        case .ruleActivated(var x):
            try x.code(with: &c)
            self = .ruleActivated(x)
        case .limitsSet(var x):
            try x.code(with: &c)
            self = .limitsSet(x)
        case .userCreated(var x):
            try x.code(with: &c)
            self = .userCreated(x)
        case .userChanged(var x):
            try x.code(with: &c)
            self = .userChanged(x)
        case .passportCreated(var x):
            try x.code(with: &c)
            self = .passportCreated(x)
        case .passportRevoked(var x):
            try c.unsigned(&x.value)
            self = .passportRevoked(x)
        case .creditPurchased(var x):
            try x.code(with: &c)
            self = .creditPurchased(x)
        case .creditGranted(var x):
            try x.code(with: &c)
            self = .creditGranted(x)
        case .creditCharged(var x):
            try x.code(with: &c)
            self = .creditCharged(x)
        case .creditAdjusted(var x):
            try x.code(with: &c)
            self = .creditAdjusted(x)
        case .creditRefunded(var x):
            try x.code(with: &c)
            self = .creditRefunded(x)
        case .holdPlaced(var x):
            try x.code(with: &c)
            self = .holdPlaced(x)
        case .holdCaptured(var x):
            try x.code(with: &c)
            self = .holdCaptured(x)
        case .holdReleased(var x):
            try x.code(with: &c)
            self = .holdReleased(x)
        case .sessionStarted(var x):
            try x.code(with: &c)
            self = .sessionStarted(x)
        case .sessionHeard(var x):
            try x.code(with: &c)
            self = .sessionHeard(x)
        case .leaseRenewed(var x):
            try x.code(with: &c)
            self = .leaseRenewed(x)
        case .sessionExhausting(var x):
            try x.code(with: &c)
            self = .sessionExhausting(x)
        case .sessionPosted(var x):
            try x.code(with: &c)
            self = .sessionPosted(x)
        case .sessionRepriced(var x):
            try x.code(with: &c)
            self = .sessionRepriced(x)
        case .sessionClosed(var x):
            try x.code(with: &c)
            self = .sessionClosed(x)
        case .sessionRecorded(var x):
            try x.code(with: &c)
            self = .sessionRecorded(x)
        case .storageCreated(var x):
            try x.code(with: &c)
            self = .storageCreated(x)
        case .storageResized(var x):
            try x.code(with: &c)
            self = .storageResized(x)
        case .storagePosted(var x):
            try x.code(with: &c)
            self = .storagePosted(x)
        case .storageDeleted(var x):
            try x.code(with: &c)
            self = .storageDeleted(x)
        case .spaceAdded(var x):
            try x.space.code(with: &c)
            self = .spaceAdded(x)
        case .spacePurchased(var x):
            try x.code(with: &c)
            self = .spacePurchased(x)
        case .lotExpired(var x):
            try x.code(with: &c)
            self = .lotExpired(x)
        case .lotEffective(var x):
            try c.id(&x)
            self = .lotEffective(x)
        case .refused(var x):
            try x.rejection.code(with: &c)
            try c.optional(&x.admission, blank: .blank)
            self = .refused(x)
        case .answered(var x):
            try x.code(with: &c)
            self = .answered(x)
        }
    }
}

// MARK: - Parts that several bodies share

extension Coder {
    mutating func optional<T: Recordable>(_ value: inout T?, blank: @autoclosure () -> T) throws(Failure) {
        var present = value != nil
        try bool(&present)
        guard present else { return }
        var filled = value ?? blank()
        try filled.code(with: &self)
        value = filled
    }
    mutating func rule(_ value: inout RuleIdentity) throws(Failure) { try digest(&value.digest) }
}

extension Payment: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try held.code(with: &c)
        try free.code(with: &c)
        try c.money(&debt)
    }
}

extension Tariff: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.signed(&rate)
        try c.signed(&listRate)
        try c.list(&steps, blank: Step(from: .zero, rate: 0))
    }
}

extension Tariff.Step: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.span(&from)
        try c.signed(&rate)
    }
}

extension PriceQuery: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var name = rule
        try c.choice(&name)
        if name != rule {
            switch name {
            case .sessionRuntime: self = .sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0)
            case .storage: self = .storage(type: .free, kind: .bucket, megabytes: 0)
            case .spacePurchase: self = .spacePurchase(type: .free, space: ShortText(), listPrice: .zero, gigabytes: 0)
            case .purchaseBonus: self = .purchaseBonus(type: .free, amount: .zero)
            }
        }
        switch self {
        case .sessionRuntime(var type, var tier, var seconds):
            try c.choice(&type)
            try c.choice(&tier)
            try c.signed(&seconds)
            self = .sessionRuntime(type: type, tier: tier, secondsThisMonth: seconds)
        case .storage(var type, var kind, var megabytes):
            try c.choice(&type)
            try c.choice(&kind)
            try c.signed(&megabytes)
            self = .storage(type: type, kind: kind, megabytes: megabytes)
        case .spacePurchase(var type, var space, var price, var gigabytes):
            try c.choice(&type)
            try c.text(&space)
            try c.money(&price)
            try c.signed(&gigabytes)
            self = .spacePurchase(type: type, space: space, listPrice: price, gigabytes: gigabytes)
        case .purchaseBonus(var type, var amount):
            try c.choice(&type)
            try c.money(&amount)
            self = .purchaseBonus(type: type, amount: amount)
        }
    }
}

extension PriceAnswer: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var isTariff = false
        if case .tariff = self { isTariff = true }
        let was = isTariff
        try c.bool(&isTariff)
        if isTariff != was { self = isTariff ? .tariff(.free) : .amount(.zero) }
        switch self {
        case .tariff(var tariff):
            try tariff.code(with: &c)
            self = .tariff(tariff)
        case .amount(var amount):
            try c.money(&amount)
            self = .amount(amount)
        }
    }
}

extension Pricing: Recordable {
    static let blank = Pricing(
        query: .purchaseBonus(type: .free, amount: .zero), priced: Priced(answer: .amount(.zero), rule: .none))

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try query.code(with: &c)
        try priced.answer.code(with: &c)
        try c.rule(&priced.rule)
    }
}

extension PriceBook: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.list(&rows, blank: Row(query: Pricing.blank.query, answer: .amount(.zero)))
    }
}

extension PriceBook.Row: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try query.code(with: &c)
        try answer.code(with: &c)
    }
}

extension LotOrigin: Recordable {
    static let blank = LotOrigin(
        id: .none, kind: .paid, priority: 0, effective: .distantPast, expires: .never, fundedBy: ShortText())

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.choice(&kind)
        try c.small(&priority)
        try c.time(&effective)
        try c.time(&expires)
        try c.id(&parent)
        try c.text(&scope)
        try c.text(&fundedBy)
    }
}

extension MeteredUsage: Recordable {
    static let blank = MeteredUsage(
        amount: .zero, from: .distantPast, through: .distantPast, numerator: 0, denominator: 1, postedBefore: .zero,
        pricing: .blank)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.time(&from)
        try c.time(&through)
        try c.wide(&numerator)
        try c.wide(&denominator)
        try c.money(&postedBefore)
        try pricing.code(with: &c)
    }
}

extension RecordedRejection: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&kind)
        switch kind {
        case .insufficient:
            try c.money(&available)
            try c.money(&needed)
        case .closed, .exists: try c.choice(&subject)
        case .debt: try c.money(&needed)
        case .limit:
            try c.choice(&limit)
            try c.signed(&limitValue)
        case .frozen: try c.choice(&state)
        }
    }
}

extension Answered: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.lsn(&event)
        var present = recorded != nil
        try c.bool(&present)
        guard present else { return }
        var arguments = recorded ?? .zero
        try c.hash(&arguments)
        recorded = arguments
    }
}

extension RefusedAdmission: Recordable {
    static let blank = RefusedAdmission(SessionStart(user: .zero, session: ShortText(), tier: .small))

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&session)
        try c.choice(&tier)
        try c.span(&timeToLive)
        try c.bool(&reserveFull)
    }
}

// MARK: - Bodies

extension LedgerCreated: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.hash(&ledger)
        try c.small(&shard)
        try c.hash(&hashSeed)
        try c.text(&currency)
        try c.small(&scale)
    }
}

extension EngineStarted: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&version)
        try c.span(&downtime)
        try c.span(&keyRetention)
        try c.unsigned(&keyCapacity)
    }
}

extension RuleLoaded: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&name)
        try c.rule(&identity)
        try c.small(&version)
        try c.bytes(&source)
    }
}

extension RuleScheduled: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&name)
        try c.rule(&identity)
        try c.small(&version)
        try c.time(&at)
        try book.code(with: &c)
    }
}

extension RuleActivated: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&name)
        try c.rule(&identity)
        try c.small(&version)
        try book.code(with: &c)
        try c.bool(&rollback)
        try c.lsn(&scheduled)
    }
}

extension LimitSet: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&type)
        try c.choice(&limit)
        try c.signed(&value)
    }
}

extension UserCreated: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.hash(&emailHash)
        try c.bytes(&email)
        try c.bytes(&name)
        try c.choice(&type)
        try c.money(&bonus)
    }
}

extension UserChanged: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&field)
        switch field {
        case .name: try c.bytes(&name)
        case .type: try c.choice(&type)
        case .state: try c.choice(&state)
        }
    }
}

extension PassportCreated: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.unsigned(&id.value)
        try c.digest(&digest)
        try c.small(&lastFour)
        try c.bytes(&name)
        try c.small(&permissions.rawValue)
        try c.choice(&scope)
        try c.time(&expires)
        try c.small(&rate)
        try c.unsigned(&replaces.value)
        try c.time(&replacedExpires)
    }
}

extension CreditPurchased: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.text(&method)
        try c.text(&reference)
        try c.money(&repaid)
        try c.money(&bonus)
        try c.optional(&bonusPricing, blank: .blank)
    }
}

extension CreditGranted: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try lot.code(with: &c)
        try c.bytes(&reason)
    }
}

extension CreditCharged: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.text(&source)
        try payment.code(with: &c)
        try c.bytes(&description)
    }
}

extension CreditAdjusted: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.bytes(&reason)
        try c.text(&reference)
        try c.money(&repaid)
        try payment.code(with: &c)
    }
}

extension CreditRefunded: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&charge)
        try c.text(&source)
        try c.money(&amount)
        try c.money(&forgiven)
        try c.list(&parts, blank: Part(lot: .blank, amount: .zero))
        try c.bytes(&reason)
    }
}

extension CreditRefunded.Part: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try lot.code(with: &c)
        try c.money(&amount)
    }
}

extension HoldPlaced: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.time(&expires)
        try c.text(&source)
        try pins.code(with: &c)
    }
}

extension HoldCaptured: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&hold)
        try c.money(&amount)
        try c.text(&source)
        try payment.code(with: &c)
        try c.bool(&final)
        try c.money(&released)
        try c.money(&broken)
    }
}

extension HoldReleased: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&hold)
        try c.choice(&reason)
        try c.money(&released)
        try c.money(&broken)
    }
}

extension SessionStarted: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&session)
        try c.choice(&tier)
        try c.choice(&type)
        try pricing.code(with: &c)
        try c.time(&ttlEnd)
        try c.bool(&reserveFull)
        try c.span(&heartbeat)
        try c.money(&held)
        try pins.code(with: &c)
        try c.time(&leaseUntil)
        try c.time(&emptyAt)
        try c.passport(&admitted)
    }
}

extension SessionHeard: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.choice(&status)
        try c.time(&leaseUntil)
        try c.time(&deadline)
    }
}

extension LeaseRenewed: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.money(&added)
        try pins.code(with: &c)
        try c.time(&leaseUntil)
    }
}

extension SessionExhausting: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.money(&added)
        try pins.code(with: &c)
        try c.time(&emptyAt)
        try c.time(&deadline)
    }
}

extension SessionPosted: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.text(&external)
        try c.choice(&tier)
        try usage.code(with: &c)
        try payment.code(with: &c)
        try c.optional(&repriced, blank: .blank)
    }
}

extension SessionRepriced: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.time(&at)
        try pricing.code(with: &c)
    }
}

extension SessionClosed: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&session)
        try c.text(&external)
        try c.choice(&tier)
        try c.choice(&type)
        try c.choice(&reason)
        try c.time(&started)
        try usage.code(with: &c)
        try c.money(&total)
        try c.small(&segments)
        try payment.code(with: &c)
        try c.money(&released)
        try c.money(&broken)
        try c.bytes(&note)
    }
}

extension SessionRecorded: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&session)
        try c.choice(&tier)
        try c.choice(&type)
        try usage.code(with: &c)
        try payment.code(with: &c)
        try c.hash(&arguments)
    }
}

extension StorageCreated: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&resource)
        try c.choice(&kind)
        try c.signed(&megabytes)
        try pricing.code(with: &c)
    }
}

extension StoragePosted: Recordable {
    static let blank = StoragePosted(
        resource: .none, external: ShortText(), kind: .bucket, megabytes: 0, usage: .blank, payment: Payment(),
        repriced: nil)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&resource)
        try c.text(&external)
        try c.choice(&kind)
        try c.signed(&megabytes)
        try usage.code(with: &c)
        try payment.code(with: &c)
        try c.optional(&repriced, blank: .blank)
    }
}

extension StorageResized: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try posted.code(with: &c)
        try c.signed(&megabytes)
        try pricing.code(with: &c)
    }
}

extension StorageDeleted: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try posted.code(with: &c)
        try c.money(&total)
    }
}

extension SpaceAdd: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.text(&name)
        try c.bytes(&description)
        try c.text(&category)
        try c.signed(&gigabytes)
        try c.money(&cost)
        try c.bool(&isPublic)
    }
}

extension SpacePurchased: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&space)
        try c.text(&workspace)
        try c.text(&instance)
        try c.signed(&gigabytes)
        try c.money(&amount)
        try pricing.code(with: &c)
        try payment.code(with: &c)
    }
}

extension LotExpired: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&lot)
        try c.money(&amount)
    }
}
