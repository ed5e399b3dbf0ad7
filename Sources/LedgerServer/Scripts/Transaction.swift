internal import LedgerCommands
internal import LedgerCore

/// A connection's transaction: what it queues between MULTI and EXEC, and what it watches.
struct Transaction {
    private(set) var queued: [ParsedCommand] = []
    /// What the queue takes, in bytes: counted with what a client is owed, for it is kept for it as answers are.
    private(set) var weight = 0
    private(set) var isOpen = false
    /// A command could not be queued: EXEC will carry out nothing.
    private(set) var isAborted = false
    var watched: [(user: Hash128, event: LSN)] = []

    /// Commands of one transaction: what it takes of the thread that decides stays below some milliseconds.
    static let most = 1000
    /// And what they take while they wait: a connection may leave them there for as long as it likes.
    static let mostBytes = 2 << 20

    mutating func begin() { (isOpen, isAborted, queued, weight) = (true, false, [], 0) }

    /// Queues a command that came as these words. Throws where there is no room for it. What comes behind a command
    /// that could not be queued is not kept: nobody will ask for it.
    mutating func queue(_ command: ParsedCommand, of words: Words) throws(CommandError) {
        guard !isAborted else { return }
        let size = Self.weight(of: words)
        guard queued.count < Self.most else {
            throw .invalid("a transaction has at most \(Self.most) commands; \(Self.advice)")
        }
        guard weight + size <= Self.mostBytes else {
            throw .invalid("the commands of a transaction take at most \(Self.mostBytes >> 20) MiB; \(Self.advice)")
        }
        queued.append(command)
        weight += size
    }

    private static let advice = "with redis-py use pipeline(transaction=False)"

    /// What a command takes that came as these words: itself and what it keeps beside it, its texts, and what each of
    /// them is kept in.
    private static func weight(of words: Words) -> Int {
        MemoryLayout<ParsedCommand>.stride + 256 + words.byteCount + 32 * words.count
    }

    mutating func abort() {
        isAborted = isOpen
        (queued, weight) = ([], 0)
    }

    /// EXEC, DISCARD, RESET, or somebody else speaks from now on.
    mutating func end() { self = Transaction() }
}

extension ParsedCommand {
    /// What of all that is due must have happened before it is decided in a transaction.
    var dueBefore: DueBefore {
        switch ask {
        case .mutation(let command): command.dueBefore
        case .query(let query): query.dueBefore
        case .balance(let user), .quote(let user, _, _), .usageQuote(let user, _, _), .summary(let user, _, _, _):
            .own(.user(user))
        case .history(let range): .own(.user(range.user))
        case .verify(let secret, _), .admit(let secret, _): .own(.passport(secret.passport))
        case .passportCreate(let draft): .own(.user(draft.user))
        case .passportRotate(let passport, _): .own(.passport(passport))
        case .local, .server: .nothing
        case .refund, .ruleLoad, .ruleCheck, .ruleActivate, .ruleBacktest, .ruleShadow, .ruleDiff, .ruleStep, .dryRun,
            .explain, .at, .ledgerAt, .diff, .evaluate, .script, .transaction, .fork, .connection, .follow:
            .everything
        }
    }
}
