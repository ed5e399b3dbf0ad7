internal import LedgerCore

/// Turns groups of events back into the commands that gave them.
///
/// An event says what came of a command; nearly all of what was asked stands in it. What does not, and what stands in
/// its place: personal texts and addresses (synthetic ones, equal where they were equal), KEYs (one of the event's own
/// number), ids that the server makes up (its own, learned from answers), and whether OVER was said (always: what was
/// accepted without it is the same with it).
final class Translator {
    /// Time is the recording's, and so are the ledger's own events.
    let isDriven: Bool
    private let recording: Recording
    var numbers: RecordedNumbers
    /// Ids of users by ordinal.
    private(set) var users: [ShortText] = []
    /// By ordinal.
    private(set) var passports: [Passport] = []
    private var ordinals: [PassportID: PassportOrdinal] = [:]
    /// Open sessions by the id that their events carry.
    private var sessions: [SessionID: ShortText] = [:]
    /// Versions of rules as the server counts them.
    private var versions: [LoadedRule: UInt32] = [:]

    /// A passport of the recording, and what stands for it.
    struct Passport {
        enum State: Equatable {
            /// It was asked for, and the answer is under way.
            case isComing
            case known(id: String, secret: String)
            /// There is none: it was refused.
            case missing
        }
        var state = State.isComing
    }

    struct LoadedRule: Hashable {
        let name: RuleName
        let identity: RuleIdentity
    }

    init(_ recording: Recording, isDriven: Bool) {
        self.recording = recording
        self.isDriven = isDriven
        numbers = RecordedNumbers(isDriven: isDriven)
    }

    // MARK: What came of what was sent

    func learn(_ passport: PassportOrdinal, is state: Passport.State) {
        passports[Int(passport.value)].state = state
    }

    func learn(_ rule: LoadedRule, isVersion version: UInt32) { versions[rule] = version }

    /// Takes note of a group whose command was translated: who is who from now on.
    func note(_ group: RecordedGroup) {
        for event in group.events {
            if case .userCreated(let it) = event.body { users.append(it.id) }
            if case .passportCreated(let it) = event.body {
                ordinals[it.id] = PassportOrdinal(UInt32(passports.count))
                passports.append(Passport())
            }
            if case .sessionStarted(let it) = event.body {
                sessions[event.id(shard: recording.ledger.shard)] = it.session
            }
            if case .sessionClosed(let it) = event.body { sessions[it.session] = nil }
        }
    }

    /// Whether it names something that only an answer under way can tell.
    func mustWait(for group: RecordedGroup) -> Bool {
        group.events.contains { event in
            isComing(event.actor) || isComing(Self.passport(named: event.body, ordinals))
                || Self.birth(named: event.body).map { !numbers.isKnown($0.lsn) } ?? false
        }
    }

    /// The passport that a command named, where its event says that.
    private static func passport(
        named event: EventBody, _ ordinals: [PassportID: PassportOrdinal]
    ) -> PassportOrdinal? {
        if case .sessionStarted(let it) = event { return it.admitted }
        if case .passportCreated(let it) = event { return ordinals[it.replaces] }
        if case .passportRevoked(let it) = event { return ordinals[it.passport] }
        if case .passportChanged(let it) = event { return ordinals[it.passport] }
        return nil
    }

    /// What a command named by an id that the ledger had given it.
    private static func birth(named event: EventBody) -> BirthID? {
        if case .holdCaptured(let it) = event { return it.hold }
        if case .holdReleased(let it) = event { return it.hold }
        if case .creditRefunded(let it) = event { return it.charge }
        return nil
    }

    private func isComing(_ passport: PassportOrdinal?) -> Bool {
        guard let passport, passport != .none, passport.value < UInt32(passports.count) else { return false }
        return passports[Int(passport.value)].state == .isComing
    }

    // MARK: Groups

    /// What a group came of.
    enum Cause {
        case command(CommandWords, answer: Event)
        /// A start, or the end of a pause: nobody was there for so long.
        case start(EngineStarted)
        /// What was due.
        case timers
        /// A refusal, or an earlier answer that a new KEY got: nothing changed but what the KEY remembers.
        case remembered
        /// Something that no command of a client gives, or that names what the server does not have.
        case none(why: String)
    }

    func cause(of group: RecordedGroup) throws(ReplayError) -> Cause {
        if group.isOfTimers { return .timers }
        for event in group.events {
            if case .engineStarted(let it) = event.body { return .start(it) }
            switch try ask(behind: event, in: group) {
            case .words(var words):
                let answer = Self.answer(event, in: group)
                // Whether a KEY was given is recorded, and not which: a number is as unique.
                if answer.key != nil { words.add("KEY", "replayed-\(answer.lsn.value)") }
                return .command(words, answer: answer)
            case .remembered: return .remembered
            case .unknown(let why): return .none(why: why)
            case .follows: break
            }
        }
        return .none(why: "\(group.events[0].body.code)")
    }

    /// Of a refund's entries the last one answers; elsewhere the event that says what was asked.
    private static func answer(_ event: Event, in group: RecordedGroup) -> Event {
        guard case .creditRefunded = event.body else { return event }
        return group.events.last { if case .creditRefunded = $0.body { true } else { false } } ?? event
    }

    /// What may lie behind one event of a group.
    enum Ask {
        case words(CommandWords)
        case remembered
        /// It names what the server does not have.
        case unknown(String)
        /// It follows from another event.
        case follows
    }

    private func ask(behind event: Event, in group: RecordedGroup) throws(ReplayError) -> Ask {
        switch event.body {
        case .ruleLoaded(let it): load(it)
        case .ruleScheduled(let it): schedule(it)
        case .ruleActivated(let it): activate(it)
        case .limitsSet(let it): set(it)
        case .userLimitSet(let it): set(it, event)
        case .userCreated(let it): create(it)
        case .userChanged(let it): change(it, event)
        case .userDeleted(let it): delete(it, event)
        case .passportCreated(let it): create(it, event)
        case .passportRevoked(let it): revoke(it)
        case .passportChanged(let it): change(it)
        case .creditPurchased(let it): purchase(it, event)
        case .creditGranted(let it): grant(it, event)
        case .creditCharged(let it): charge(it, event)
        case .creditAdjusted(let it): adjust(it, event)
        case .creditRefunded(let it): try refund(it, group)
        case .creditSent(let it): transfer(it, event)
        case .holdPlaced(let it): place(it, event)
        case .holdCaptured(let it): capture(it)
        case .holdReleased(let it): void(it)
        case .sessionStarted(let it): start(it, event)
        case .sessionHeard(let it): hear(it)
        case .sessionClosed(let it): close(it)
        case .sessionRecorded(let it): record(it, event)
        case .sessionRetiered(let it): .words(CommandWords("SESSION RETIER", it.external, it.tier.text))
        case .storageCreated(let it): create(it, event)
        case .storageResized(let it):
            .words(CommandWords("STORAGE RESIZE", it.posted.external, Self.gigabytes(it.megabytes)))
        case .storageDeleted(let it): .words(CommandWords("STORAGE DELETE", it.posted.external))
        case .spaceAdded(let it): .words(Self.add(it))
        case .spacePurchased(let it): purchase(it, event)
        case .spaceGranted(let it): .words(CommandWords("SPACE GRANT", it.space, user(event)))
        case .spaceRevoked(let it): .words(CommandWords("SPACE REVOKE", it.space, user(event)))
        case .allowanceChanged(let it): .words(Self.allow(user(event), it.terms))
        case .typeAllowanceSet(let it): .words(Self.allow(ShortText("type:\(it.type.text)")!, it.terms))
        case .meterAdded(let it): add(it)
        case .usageRecorded(let it): record(it, event)
        case .clockAccepted: .words(CommandWords("CLOCK ACCEPT"))
        case .refused, .answered, .scriptRan: .remembered
        case .ledgerCreated, .engineStarted, .lotExpired, .lotEffective, .creditReceived, .leaseRenewed,
            .sessionExhausting, .sessionPosted, .sessionRepriced, .storagePosted, .storageDeleteDue, .storageResumed,
            .shareEarned, .shareReturned, .allowanceGranted, .allowanceRoundAdvanced:
            .follows
        }
    }

    // MARK: For all families

    func user(_ event: Event) -> ShortText { users[Int(event.user.value)] }

    func session(_ id: SessionID) -> ShortText? { sessions[id] }

    func version(_ rule: LoadedRule) -> UInt32? { versions[rule] }

    /// As the server calls it; nil where it has none.
    func passport(_ id: PassportID) -> String? {
        guard let ordinal = ordinals[id], case .known(let id, _) = passports[Int(ordinal.value)].state else {
            return nil
        }
        return id
    }

    func secret(_ passport: PassportOrdinal) -> String? {
        guard passport != .none, case .known(_, let secret) = passports[Int(passport.value)].state else { return nil }
        return secret
    }

    /// The server's id of something that was born in the recording.
    func id(_ recorded: BirthID, as kind: BirthKind) -> String? {
        // A server's shard is 0: nothing sets another one.
        numbers.server(recorded.lsn).map { BirthID(shard: 0, lsn: $0, index: recorded.index).text(as: kind) }
    }

    func recorded(_ lsn: LSN) throws(ReplayError) -> Event? { try recording.event(lsn) }

    static func gigabytes(_ megabytes: Int64) -> Money { Money(nanos: megabytes * 1_000_000) }
}
