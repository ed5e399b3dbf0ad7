internal import LedgerCore
internal import LedgerStorage

/// Turns groups of a journal back into the commands that gave them, for another world that began as the journal's:
/// users and passports have the same ordinals in both, what was born since may have other numbers.
///
/// An event says what came of a command; nearly all of what was asked stands in it. What does not: whether OVER was
/// said with what credit covered (see ``isOver``), and whether a refund that left nothing named its amount: it counts
/// as not named.
struct CommandsBehind: ~Copyable {
    /// What may lie behind an event.
    enum Ask {
        case command(Command)
        /// Of a start: it comes before what was due.
        case start(EngineStart)
        /// It only remembers an answer.
        case again
        /// It would take the rule on trial out of force.
        case putsOutOfForce
        /// It names what is not there in this world.
        case moot
        /// It follows from another event of its group, or from time.
        case follows
    }

    private let rule: RuleName
    private let reader: JournalReader
    var refunded: RefundedCharges
    /// What of charges went back in the journal's world, by their number there.
    private var given: [UInt64: Money] = [:]
    private var users: [UInt32: Hash128] = [:]
    /// By the id that they have in the journal; nil: there are none here.
    private var holds: [UInt64: HoldID?] = [:]
    private var sessions: [UInt64: ShortText] = [:]

    init(_ rule: RuleName, refunded: consuming RefundedCharges, reader: JournalReader) {
        (self.rule, self.reader) = (rule, reader)
        self.refunded = refunded
    }

    /// The first event of a group that says what was asked, and that.
    mutating func ask(
        behind group: JournaledGroup, _ ledger: borrowing StateMachine
    ) throws(StorageError) -> (ask: Ask, event: Event) {
        for event in group.events {
            let ask = try ask(behind: event, in: group, ledger)
            if case .follows = ask { continue }
            return (ask, event)
        }
        return (.follows, group.first)
    }

    /// Notes what a hold is called in this world; nil: it was not placed.
    mutating func note(hold recorded: HoldID, is hold: HoldID?) {
        if hold != recorded { holds[recorded.value] = .some(hold) }
    }

    private mutating func ask(
        behind event: Event, in group: JournaledGroup, _ ledger: borrowing StateMachine
    ) throws(StorageError) -> Ask {
        switch event.body {
        case .ruleLoaded(let it):
            .command(.ruleLoad(RuleLoad(name: it.name, identity: it.identity, source: it.source)))
        case .ruleScheduled(let it):
            it.name == rule
                ? .putsOutOfForce
                : .command(.ruleActivate(RuleActivate(name: it.name, identity: it.identity, at: it.at, book: it.book)))
        case .ruleActivated(let it): activate(it)
        case .limitsSet(let it): .command(.limitSet(it))
        case .userLimitSet(let it):
            .command(.userLimitSet(UserLimitSet(user: user(event, ledger), period: it.period, value: it.value)))
        case .userCreated(let it): .command(.userCreate(create(it)))
        case .userChanged(let it): .command(.userSet(UserSet(user: user(event, ledger), change: change(it))))
        case .userDeleted(let it):
            .command(.userDelete(UserDelete(user: user(event, ledger), forfeit: it.bought > .zero)))
        case .passportCreated(let it): .command(create(it, event, ledger))
        case .passportRevoked(let it): .command(.passportRevoke(PassportRevoke(passport: it.passport)))
        case .passportChanged(let it):
            .command(.passportSet(PassportSet(passport: it.passport, day: it.caps.day, month: it.caps.month)))
        case .creditPurchased(let it):
            .command(
                .creditPurchase(
                    CreditPurchase(
                        user: user(event, ledger), amount: it.amount, method: it.method, reference: it.reference)))
        case .creditGranted(let it): .command(.creditGrant(grant(it, event, ledger)))
        case .creditCharged(let it):
            .command(
                .creditCharge(
                    CreditCharge(
                        user: user(event, ledger), amount: it.amount, source: it.source, description: it.description,
                        over: Self.isOver(it.settlement, event))))
        case .creditAdjusted(let it):
            .command(
                .creditAdjust(
                    CreditAdjust(
                        user: user(event, ledger), amount: it.amount, reason: it.reason, reference: it.reference)))
        case .creditRefunded: try refund(group)
        case .creditSent(let it):
            .command(
                .creditTransfer(
                    CreditTransfer(
                        from: user(event, ledger), to: ledger.names.user(it.to), amount: it.amount, reason: it.reason)))
        case .holdPlaced(let it):
            .command(
                .holdPlace(
                    HoldPlace(
                        user: user(event, ledger), amount: it.amount, timeToLive: it.expires - event.asOf,
                        source: it.source)))
        case .holdCaptured(let it): capture(it)
        case .holdReleased(let it): void(it)
        case .sessionStarted(let it): start(it, event, ledger)
        case .sessionHeard(let it):
            .command(
                .sessionHeartbeat(SessionHeartbeat(session: ledger.names.session(try session(it.session)))))
        case .sessionClosed(let it): close(it, ledger)
        case .sessionRecorded(let it):
            .command(
                .sessionRecord(
                    SessionRecord(
                        session: it.session, user: user(event, ledger), tier: it.tier, from: it.usage.from,
                        to: it.usage.through, arguments: it.arguments)))
        case .sessionRetiered(let it):
            .command(.sessionRetier(SessionRetier(session: ledger.names.session(it.external), tier: it.tier)))
        case .storageCreated(let it):
            .command(
                .storageCreate(
                    StorageCreate(
                        user: user(event, ledger), resource: it.resource, kind: it.kind, megabytes: it.megabytes)))
        case .storageResized(let it):
            .command(
                .storageResize(
                    StorageResize(resource: ledger.names.resource(it.posted.external), megabytes: it.megabytes)))
        case .storageDeleted(let it):
            .command(.storageDelete(StorageDelete(resource: ledger.names.resource(it.posted.external))))
        case .spaceAdded(let it):
            .command(
                .spaceAdd(
                    SpaceAdd(it.entry, creator: it.creator.isEmpty ? nil : ledger.names.user(it.creator))))
        case .spacePurchased(let it):
            .command(
                .spacePurchase(
                    SpacePurchase(
                        user: user(event, ledger), space: it.space, workspace: it.workspace, instance: it.instance)))
        case .spaceGranted(let it): .command(.spaceGrant(SpaceGrant(space: it.space, user: user(event, ledger))))
        case .spaceRevoked(let it): .command(.spaceRevoke(SpaceRevoke(space: it.space, user: user(event, ledger))))
        case .allowanceChanged(let it):
            .command(.allowanceSet(AllowanceSet(user: user(event, ledger), terms: it.terms)))
        case .typeAllowanceSet(let it): .command(.typeAllowanceSet(it))
        case .meterAdded(let it):
            .command(
                .meterAdd(MeterAdd(name: it.name, unit: it.unit, description: it.description, scale: it.scale)))
        case .usageRecorded(let it): record(it, event, ledger)
        case .clockAccepted: .command(.clockAccept(ClockAccept()))
        case .engineStarted(let it):
            .start(
                EngineStart(
                    version: it.version, downtime: it.downtime, keyRetention: it.keyRetention,
                    keyCapacity: it.keyCapacity))
        case .scriptRan(let it):
            // Where numbers lie apart, nobody reads which event was its first.
            .command(
                .scriptRun(
                    ScriptRun(
                        script: it.script, first: ledger.lastLSN.next == event.lsn ? it.first : .none,
                        value: it.value)))
        case .refused, .answered: .again
        case .ledgerCreated, .lotExpired, .lotEffective, .creditReceived, .leaseRenewed, .sessionExhausting,
            .sessionPosted, .sessionRepriced, .storagePosted, .storageDeleteDue, .storageResumed, .shareEarned,
            .shareReturned, .allowanceGranted, .allowanceRoundAdvanced:
            .follows
        }
    }

    // MARK: Parts

    /// A charge became debt, or was taken from somebody who owed: then OVER was said.
    private static func isOver(_ settlement: Settlement, _ event: Event) -> Bool {
        settlement.debt > .zero || event.after.debt > .zero
    }

    mutating func user(_ event: Event, _ ledger: borrowing StateMachine) -> Hash128 {
        if let known = users[event.user.value] { return known }
        guard Int(event.user.value) < ledger.userCount else { return .zero }
        let hash = ledger.names.user(ledger.userID(event.user))
        users[event.user.value] = hash
        return hash
    }

    private func activate(_ it: RuleActivated) -> Ask {
        guard it.name != rule else { return .putsOutOfForce }
        guard !it.rollback else { return .command(.ruleRollback(RuleRollback(name: it.name))) }
        return .command(.ruleActivate(RuleActivate(name: it.name, identity: it.identity, at: nil, book: it.book)))
    }

    private func create(_ it: UserCreated) -> UserCreate {
        UserCreate(
            id: it.id, emailHash: it.emailHash, personHash: it.personHash, email: it.email, name: it.name,
            type: it.type)
    }

    private func change(_ it: UserChanged) -> UserSet.Change {
        switch it.field {
        case .name: .name(it.name)
        case .type: .type(it.type)
        case .state: .state(it.state)
        case .email: .email(it.email, hash: it.emailHash)
        }
    }

    private mutating func create(
        _ it: PassportCreated, _ event: Event, _ ledger: borrowing StateMachine
    ) -> Command {
        guard it.replaces.value == 0 else {
            return .passportRotate(
                PassportRotate(
                    old: it.replaces, id: it.id, digest: it.digest, lastFour: it.lastFour,
                    overlap: it.replacedExpires - event.asOf))
        }
        return .passportCreate(
            PassportCreate(
                user: user(event, ledger), id: it.id, digest: it.digest, lastFour: it.lastFour, name: it.name,
                permissions: it.permissions, scope: it.scope, expires: it.expires, rate: it.rate,
                requiresKeys: it.requiresKeys, caps: it.caps))
    }

    private mutating func grant(_ it: CreditGranted, _ event: Event, _ ledger: borrowing StateMachine) -> CreditGrant {
        CreditGrant(
            user: user(event, ledger), amount: it.amount, kind: it.lot.kind,
            effective: it.lot.effective > event.asOf ? it.lot.effective : nil, expires: it.lot.expires,
            scope: it.lot.scope, reason: it.reason)
    }

    /// The group names the charges of which something went back, and says in its last event what all of it was.
    private mutating func refund(_ group: JournaledGroup) throws(StorageError) -> Ask {
        var (parts, last): ([CreditRefunded], CreditRefunded?) = ([], nil)
        for event in group.events {
            if case .creditRefunded(let it) = event.body {
                parts.append(it)
                last = it
            }
        }
        guard let last else { return .follows }
        var found: [CreditRefund.Charge] = []
        var isWhole = true
        for it in parts {
            let recorded = try reader.event(at: it.charge.lsn)
            guard let known = try refunded.charge(recorded) else { return .moot }
            found.append(known)
            let given = (given[it.charge.lsn.value] ?? .zero) + it.amount
            self.given[it.charge.lsn.value] = given
            isWhole = isWhole && given == recorded.facts.charge?.amount
        }
        // Of a session with other charges, which this refund did not reach: it says so by what all of it was.
        if last.total != nil, found.count == 1 {
            found.append(found[0])
            isWhole = false
        }
        // The rest of it is the rest of it, also where that is another amount here.
        let amount = isWhole ? nil : parts.reduce(Money.zero) { $0 + $1.amount }
        return .command(.creditRefund(CreditRefund(charges: found, amount: amount, reason: last.reason)))
    }

    /// Nil: it is not there.
    private func here(_ hold: HoldID) -> HoldID? {
        if let other = holds[hold.value] { return other }
        return hold
    }

    private func capture(_ it: HoldCaptured) -> Ask {
        guard let hold = here(it.hold) else { return .moot }
        return .command(
            .holdCapture(
                HoldCapture(
                    hold: hold, amount: it.amount, final: it.final, over: it.amount > it.settlement.held.total)))
    }

    private func void(_ it: HoldReleased) -> Ask {
        guard it.reason == .voided else { return .follows }
        guard let hold = here(it.hold) else { return .moot }
        return .command(.holdVoid(HoldVoid(hold: hold)))
    }

    private mutating func start(_ it: SessionStarted, _ event: Event, _ ledger: borrowing StateMachine) -> Ask {
        sessions[event.id(shard: ledger.shard).value] = it.session
        return .command(
            .sessionStart(
                SessionStart(
                    user: user(event, ledger), session: it.session, tier: it.tier, timeToLive: it.ttlEnd - event.asOf,
                    reserveFull: it.reserveFull, heartbeat: it.heartbeat, admitted: it.admitted)))
    }

    /// What a session is called outside.
    private mutating func session(_ id: SessionID) throws(StorageError) -> ShortText {
        if let known = sessions[id.value] { return known }
        guard case .sessionStarted(let it) = try reader.event(at: id.lsn).body else {
            throw StorageError(.refusedByState, "journal", "LSN \(id.lsn.value) starts no session")
        }
        sessions[id.value] = it.session
        return it.session
    }

    private mutating func close(_ it: SessionClosed, _ ledger: borrowing StateMachine) -> Ask {
        sessions[it.session.value] = nil
        switch it.reason {
        case .stopped: return .command(.sessionStop(SessionStop(session: ledger.names.session(it.external))))
        case .cancelled:
            return .command(
                .sessionCancel(SessionCancel(session: ledger.names.session(it.external), reason: it.note)))
        case .lost, .ttl, .funds, .banned, .cap: return .follows
        }
    }

    private mutating func record(_ it: UsageRecorded, _ event: Event, _ ledger: borrowing StateMachine) -> Ask {
        guard let (meter, quantity) = it.used else { return .moot }
        return .command(
            .usageRecord(
                UsageRecord(
                    id: it.id, user: user(event, ledger), meter: meter, billionths: quantity.billionths,
                    at: event.effectiveFrom == event.asOf ? nil : event.effectiveFrom, arguments: it.arguments)))
    }
}
