/// One command: whom it is about, which of its texts are somebody's own, which price it needs, and how it is decided.
package protocol CommandType: Sendable {
    /// Whose account it is about: under that user's key its personal texts are sealed.
    var subject: Subject { get }
    /// Shows each personal text, to be sealed in place.
    mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E)
    /// The question whose answer `decide` needs, or nil. Changes nothing. What will be refused or replayed anyway
    /// needs no price.
    func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery?
    /// The same, for what has more to ask than one question to the active version.
    func priceNeed(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceNeed
    /// Says no, or commits a group of events: the first that answers has its receipt. After the first commit it must
    /// succeed.
    func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome
    /// Whether its events may be more than a batch can take: then it is decided under a savepoint, and refused if they
    /// are. See ``StateMachine/groupLimit``.
    func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool
    /// What of all that is due must have happened before it is decided.
    var dueBefore: DueBefore { get }
    /// As clients write it: what INFO and SLOWLOG call it.
    static var name: StaticString { get }
    /// What the engine has to do once it was accepted.
    var consequence: Consequence { get }
}

/// What the engine has to do about an accepted command, outside of the ledger's state.
package enum Consequence: Sendable {
    case none
    /// A source is to be kept at hand for EXPLAIN.
    case ruleLoaded(RuleLoad)
    /// Other versions may price from now on.
    case rulesChanged
    /// Readers are to see other limits.
    case limitsChanged
    case clockAccepted
    /// Readers are to see another address.
    case emailChanged
    /// A key is to be destroyed, and nobody is to see an address any more: when it is durable, for that cannot be taken
    /// back.
    case userDeleted(Hash128)
}

extension CommandType {
    package var consequence: Consequence { .none }

    /// For every command that gives credit back, and so may renew its user's exhausting sessions.
    func mayRenewMany(in ledger: borrowing StateMachine) -> Bool {
        ledger.user(of: subject).map { ledger.mayRenewMany($0) } ?? false
    }

    package var subject: Subject { .nobody }
    package var dueBefore: DueBefore { .everything }
    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {}
    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? { nil }
    package func priceNeed(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceNeed {
        priceQuery(in: ledger, at: now).map { .active($0) } ?? .none
    }
    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool { false }
}

/// Whom a command is about, by what it names.
package enum Subject: Hashable, Sendable {
    case nobody
    /// The user whom the command itself creates.
    case newUser
    case user(Hash128)
    case ordinal(UserOrdinal)
    case passport(PassportID)
    case hold(HoldID)
    case session(Hash128)
    case resource(Hash128)
}

/// Something to be done with a command of whatever type.
package protocol CommandVisitor {
    associatedtype Result
    associatedtype Failure: Error
    mutating func visit<C: CommandType>(_ command: borrowing C) throws(Failure) -> Result
}

/// Something to be done to a command of whatever type.
package protocol CommandChanger {
    associatedtype Failure: Error
    mutating func change<C: CommandType>(_ command: inout C) throws(Failure)
}

extension Command {
    package var subject: Subject {
        var visitor = SubjectOfCommand()
        return visit(&visitor)
    }

    package var dueBefore: DueBefore {
        var visitor = DueBeforeCommand()
        return visit(&visitor)
    }

    /// As clients write it.
    package var name: StaticString {
        var visitor = NameOfCommand()
        return visit(&visitor)
    }

    package mutating func sealTexts<E: Error>(_ seal: (inout PersonalText) throws(E) -> Void) throws(E) {
        // The closure is called inside this call only.
        try withoutActuallyEscaping(seal) { (seal) throws(E) in
            var changer = SealingTexts(seal: seal)
            try change(&changer)
        }
    }

    /// Whether there is a text to seal. Cheap: most commands have none.
    package var hasClearText: Bool {
        var visitor = LookingForText()
        return visit(&visitor)
    }

    package var consequence: Consequence {
        var visitor = ConsequenceOfCommand()
        return visit(&visitor)
    }

    private struct SubjectOfCommand: CommandVisitor {
        mutating func visit<C: CommandType>(_ command: borrowing C) -> Subject { command.subject }
    }
    private struct DueBeforeCommand: CommandVisitor {
        mutating func visit<C: CommandType>(_ command: borrowing C) -> DueBefore { command.dueBefore }
    }
    private struct NameOfCommand: CommandVisitor {
        mutating func visit<C: CommandType>(_ command: borrowing C) -> StaticString { C.name }
    }
    private struct ConsequenceOfCommand: CommandVisitor {
        mutating func visit<C: CommandType>(_ command: borrowing C) -> Consequence { command.consequence }
    }
    private struct LookingForText: CommandVisitor {
        mutating func visit<C: CommandType>(_ command: borrowing C) -> Bool {
            var command = copy command
            var isThere = false
            command.sealTexts { if case .clear = $0 { isThere = true } }
            return isThere
        }
    }
    private struct SealingTexts<E: Error>: CommandChanger {
        let seal: (inout PersonalText) throws(E) -> Void
        mutating func change<C: CommandType>(_ command: inout C) throws(E) { try command.sealTexts(seal) }
    }
}

extension StateMachine {
    /// Whose account a command is about; nil where there is no such thing: it will be refused.
    package func user(of subject: Subject) -> UserOrdinal? {
        switch subject {
        case .nobody: nil
        case .newUser: UserOrdinal(UInt32(store.accounts.count))
        case .user(let name): user(name)
        case .ordinal(let user): user
        case .passport(let id): passport(id).map { store.passports[$0].user }
        case .hold(let id): hold(id).map { store.holds[$0].user }
        case .session(let name):
            store.external[name].flatMap { session(BirthID(shard: shard, lsn: LSN($0))) }.map {
                store.sessions[$0].user
            }
        case .resource(let name): store.resourceIndex.slot(name, in: Resource.self).map { store.resources[$0].user }
        }
    }
}

/// A command with the passport that asks and, where given, its idempotency key and its labels.
package struct Request: Sendable {
    package var actor: PassportOrdinal
    package var key: IdempotencyKey?
    package var labels: Labels
    /// Through what it came.
    package var origin: EventOrigin
    package var command: Command

    package init(
        actor: PassportOrdinal, key: IdempotencyKey? = nil, labels: Labels = .none, origin: EventOrigin = .command,
        command: Command
    ) {
        self.actor = actor
        self.key = key
        self.labels = labels
        self.origin = origin
        self.command = command
    }
}

/// `KEY k`: `scope` is the hash of passport, command name and key; `arguments` half of the hash of everything else that
/// was asked.
package struct IdempotencyKey: Hashable, Sendable {
    package var scope: Hash128
    package var arguments: UInt64
    package init(scope: Hash128, arguments: UInt64) {
        self.scope = scope
        self.arguments = arguments
    }
}

/// What became of a command.
package enum Outcome: Sendable {
    /// Decided now: where the event lies whose receipt this is.
    case accepted(EventReference)
    /// Decided before: the receipt is that event's, marked replayed. Read it from the journal.
    case replayed(LSN)
    /// A session id that was recorded before: a replay if the event's arguments are these, else `EXISTS`.
    case recorded(LSN, arguments: Hash128)
    case rejected(Rejection)
}
