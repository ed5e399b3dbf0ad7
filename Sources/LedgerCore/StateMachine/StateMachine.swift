/// The ledger: one deterministic state machine over values.
///
/// A command passes three steps. `prepare` says which price it needs; the caller asks the rule. `decide` looks at the
/// state and says no, or commits a group of events: each is numbered, applied, imaged and encoded at once. `apply` is
/// the only code that changes state, and it is the same code that replays a journal. There is no clock, no randomness,
/// no I/O in here: the time, the prices and every random id arrive as arguments.
package struct StateMachine: ~Copyable {
    var store = Store()

    /// The last applied event, `LSN.none` before the first.
    package internal(set) var lastLSN: LSN = .none
    /// The recorded time of the last applied event.
    package internal(set) var lastTime: Timestamp = .distantPast
    /// From `LedgerCreated`.
    package internal(set) var ledger = Hash128.zero
    package internal(set) var shard: UInt16 = 0
    package internal(set) var names = Names(seed: .zero)
    var seed = Hash128.zero

    /// Who asks, while a command is being decided.
    struct Asking {
        var actor = PassportOrdinal.none
        var key: IdempotencyKey?
        /// The first event of the group.
        var group = LSN.none
        /// The event that answers, and carries the key, was committed.
        var isAnswered = false
        /// What is committed now comes before the event that answers.
        var isPreliminary = false
    }
    var asking = Asking()
    /// How many rows of the books a restore has read.
    var restoredAccounts = 0

    /// An empty ledger, waiting for its first event (`LedgerCreated`).
    package init() {}

    // MARK: Deciding

    /// Begins a new ledger: decides and applies `LedgerCreated`. Only on an empty one.
    package mutating func create(_ genesis: LedgerCreated, at now: Timestamp, into batch: inout EventBatch) {
        precondition(lastLSN.isNone, "a ledger began that has begun already")
        asking = Asking()
        commit(.ledgerCreated(genesis), at: now, into: &batch)
    }

    /// Decides a command and applies what was decided. Recorded times are `now`, or one nanosecond after the last
    /// event. A rejection moves no money; some are recorded (see ``Refused``).
    package mutating func decide(
        _ request: Request, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) -> Outcome {
        let now = max(now, lastTime)
        if let refusal = refusal(of: request.actor, at: now) { return .rejected(refusal) }
        if let key = request.key {
            if let entry = store.history.find(key.scope, at: now) {
                return entry.key.arguments == key.arguments ? .replayed(entry.lsn) : .rejected(.keyReused)
            }
            if store.history.isFull(at: now) {
                return .rejected(
                    .busy("the table of idempotency keys is full; raise --key-memory or lower --key-retention"))
            }
        }
        asking = Asking(actor: request.actor, key: request.key)
        do throws(Rejection) {
            let outcome = try route(request.command, price: price, at: now, into: &batch)
            if request.key != nil {
                switch outcome {
                case .replayed(let lsn): remember(lsn, recorded: nil, at: now, into: &batch)
                case .recorded(let lsn, let arguments): remember(lsn, recorded: arguments, at: now, into: &batch)
                case .accepted, .rejected: break
                }
            }
            return outcome
        } catch {
            record(error, of: request, at: now, into: &batch)
            return .rejected(error)
        }
    }

    /// A key that came with what was answered long ago remembers that answer too (SPEC 9).
    private mutating func remember(
        _ lsn: LSN, recorded: Hash128?, at now: Timestamp, into batch: inout EventBatch
    ) {
        commit(.answered(Answered(event: lsn, recorded: recorded)), at: now, into: &batch)
    }

    /// What a key answers without deciding anything, or nil: `decide` looks there first, and so does whoever counts or
    /// checks before it.
    package func remembered(_ request: Request, at now: Timestamp) -> Outcome? {
        guard let key = request.key, refusal(of: request.actor, at: now) == nil,
            let entry = store.history.find(key.scope, at: max(now, lastTime))
        else { return nil }
        return entry.key.arguments == key.arguments ? .replayed(entry.lsn) : .rejected(.keyReused)
    }

    /// So many admissions that were turned away are recorded a second; more are only counted, by the engine. Else a
    /// crowd without credit could fill the disk.
    package static let refusedAdmissionsPerSecond: UInt64 = 16

    private mutating func record(
        _ rejection: Rejection, of request: Request, at now: Timestamp, into batch: inout EventBatch
    ) {
        guard let recorded = RecordedRejection(rejection) else { return }
        var refused = Refused(rejection: recorded, admission: nil)
        var user = UserOrdinal.none
        if case .sessionStart(let start) = request.command, let ordinal = store.userIndex[start.user] {
            refused.admission = RefusedAdmission(start)
            user = UserOrdinal(UInt32(ordinal))
        }
        if request.key == nil || !recorded.isRememberedByKey {
            guard refused.admission != nil, recorded.turnsAway, store.refusals.hasRoom(at: now) else { return }
            asking.key = nil
        }
        commit(.refused(refused), user: user, at: now, into: &batch)
    }

    /// Why this passport decides nothing any more, or nil. Whoever let the command in looked at published state: a
    /// revocation that was decided since is in force with its receipt, and so before this command.
    package func refusal(of actor: PassportOrdinal, at now: Timestamp) -> Rejection? {
        guard actor != .none else { return nil }
        let slot = Int32(actor.value)
        guard !store.passports[slot].revoked, store.passports[slot].expires > now else {
            return .passportInvalid
        }
        let state = store.accounts[Int32(store.passports[slot].user.value)].state
        return state == .banned || state == .closed ? .frozen(state) : nil
    }

    private mutating func route(
        _ command: Command, price: PriceInput, at now: Timestamp, into batch: inout EventBatch
    ) throws(Rejection) -> Outcome {
        switch command {
        case .userCreate(let c): try createUser(c, at: now, into: &batch)
        case .userSet(let c): try setUser(c, at: now, into: &batch)
        case .passportCreate(let c): try createPassport(c, at: now, into: &batch)
        case .passportRevoke(let id): try revokePassport(id, at: now, into: &batch)
        case .passportRotate(let c): try rotatePassport(c, at: now, into: &batch)
        case .creditPurchase(let c): try purchase(c, price: price, at: now, into: &batch)
        case .creditGrant(let c): try grant(c, at: now, into: &batch)
        case .creditCharge(let c): try charge(c, at: now, into: &batch)
        case .creditAdjust(let c): try adjust(c, at: now, into: &batch)
        case .creditRefund(let c): try refund(c, at: now, into: &batch)
        case .holdPlace(let c): try placeHold(c, at: now, into: &batch)
        case .holdCapture(let c): try captureHold(c, at: now, into: &batch)
        case .holdVoid(let id): try voidHold(id, at: now, into: &batch)
        case .sessionStart(let c): try startSession(c, price: price, at: now, into: &batch)
        case .sessionHeartbeat(let id): try hearSession(id, at: now, into: &batch)
        case .sessionStop(let id): try stopSession(id, at: now, into: &batch)
        case .sessionCancel(let id, let reason): try cancelSession(id, reason: reason, at: now, into: &batch)
        case .sessionRecord(let c): try recordSession(c, price: price, at: now, into: &batch)
        case .storageCreate(let c): try createStorage(c, price: price, at: now, into: &batch)
        case .storageResize(let id, let megabytes):
            try resizeStorage(id, megabytes: megabytes, price: price, at: now, into: &batch)
        case .storageDelete(let id): try deleteStorage(id, at: now, into: &batch)
        case .spaceAdd(let c): try addSpace(c, at: now, into: &batch)
        case .spacePurchase(let c): try purchaseSpace(c, price: price, at: now, into: &batch)
        case .ruleLoad(let c): try loadRule(c, at: now, into: &batch)
        case .ruleActivate(let c): try activateRule(c, at: now, into: &batch)
        case .ruleRollback(let c): try rollBackRule(c, at: now, into: &batch)
        case .limitSet(let c): .accepted(commit(.limitsSet(c), at: now, into: &batch))
        case .clockAccept: .accepted(commit(.clockAccepted, at: now, into: &batch))
        case .engineStart(let c):
            .accepted(
                commit(
                    .engineStarted(
                        EngineStarted(
                            version: c.version, downtime: c.downtime, keyRetention: c.keyRetention,
                            keyCapacity: c.keyCapacity)),
                    at: now, into: &batch))
        }
    }

    /// Numbers, applies, images and encodes one event. Everything was checked before: this must succeed.
    @discardableResult
    mutating func commit(
        _ body: EventBody, user: UserOrdinal = .none, linked: LSN = .none,
        effective: (from: Timestamp, to: Timestamp)? = nil,
        at now: Timestamp, into batch: inout EventBatch
    ) -> Event {
        let lsn = lastLSN.next
        let time = max(now, lastTime + TimeSpan(nanoseconds: 1))
        if asking.group.isNone { asking.group = lsn }
        let answers = !asking.isAnswered && !asking.isPreliminary
        if answers { asking.isAnswered = true }
        var previous = LSN.none
        if user != .none, user.value < UInt32(store.accounts.count) {
            previous = store.accounts[Int32(user.value)].lastEvent
        }
        var event = Event(
            lsn: lsn, time: time, user: user, actor: asking.actor, group: asking.group, previous: previous,
            effectiveFrom: effective?.from ?? time, effectiveTo: effective?.to ?? time,
            key: answers ? asking.key : nil, linked: linked, after: AccountImage(), body: body)
        apply(event)
        precondition(store.books.sum == 0, "the postings of an event do not sum to zero")
        if user != .none { event.after = image(user, at: time) }
        batch.append(&event)
        if case .passportCreated(let passport) = body {
            batch.touchedPassports.append(lookUp(passport: passport.id)!)
            if passport.replaces.value != 0 { batch.touchedPassports.append(lookUp(passport: passport.replaces)!) }
        }
        if case .passportRevoked(let id) = body { batch.touchedPassports.append(lookUp(passport: id)!) }
        return event
    }

    func image(_ user: UserOrdinal, at now: Timestamp) -> AccountImage {
        let slot = Int32(user.value)
        var image = AccountImage()
        image.paid = store.accounts[slot].paid
        image.promo = store.accounts[slot].promo
        image.held = store.accounts[slot].held
        image.debt = store.accounts[slot].debt
        image.available = available(user, at: now)
        return image
    }

    /// The sum over every account of the books; zero at every LSN.
    package var booksSum: Int128 { store.books.sum }
}

/// What a session would cost: the engine computes it from a rule's answer. Rounded up.
package struct SessionQuote: Sendable {
    package var amount: Money
    package var pricing: Pricing
    /// Nil where the price of so long a time does not fit in an amount.
    package init?(pricing: Pricing, duration: TimeSpan) {
        guard let amount = pricing.tariff.quote(from: .zero, to: duration) else { return nil }
        self.pricing = pricing
        self.amount = amount
    }
}
