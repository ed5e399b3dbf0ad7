internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import Logging
internal import NIOCore
internal import RESP
internal import Synchronization

/// From words to work. The same for sockets and for the port in this process.
extension Dispatcher {
    /// Performs one request: finds the command, asks the passport again, reads the arguments, and begins it.
    func perform(_ words: Words, for client: Client, at now: Timestamp) {
        if isWatched { note(words, of: client, at: now) }
        do throws(CommandError) {
            let id = try CommandTable.find(words)
            let rights = try rights(of: client, for: id, at: now)
            if client.isWatching, ![.ping, .quit, .reset].contains(id) { throw Self.isWatching }
            context.actor = actor(of: client)
            let parsed = try CommandParser.parse(id, words, context)
            try mayName(parsed, rights)
            if client.transaction.isOpen, try queue(parsed, of: words, for: client) { return }
            if client.pipeline.mustWait(Pipeline.Kind(parsed.id)) {
                client.held = parsed
            } else {
                try start(parsed, for: client)
            }
        } catch {
            let id = try? CommandTable.find(words)
            if let id { counters.rejected.withLock { $0[id, default: 0] += 1 } }
            abortTransaction(of: client, for: id)
            if case .wrongPassport = error { failedAuthentication(client, "(malformed)") }
            refuse(client, error)
        }
    }

    private static let isWatching = CommandError.invalid(
        "MONITOR is under way on this connection: PING is answered, and RESET or QUIT end it")

    /// Begins a command that had to wait. What it waited for may have been the end of its passport: it is asked again.
    func goOn(with held: ParsedCommand, for client: Client) {
        client.rights = nil
        do throws(CommandError) {
            try mayName(held, try rights(of: client, for: held.id, at: engine.now()))
            try start(held, for: client)
        } catch {
            refuse(client, error)
        }
    }

    // MARK: Who asks

    func actor(of client: Client) -> PassportOrdinal {
        if case .passport(let ordinal) = client.standing { return ordinal }
        return .none
    }

    /// What the client may do: a passport that was revoked or has expired since AUTH opens nothing more. Asked once a
    /// turn, which is a millisecond at most; the writer asks again at the instant of each decision.
    /// Throws what can be refused without knowing the arguments.
    private func rights(
        of client: Client, for id: CommandID, at now: Timestamp
    ) throws(CommandError) -> Authorization.Rights? {
        let rights: Authorization.Rights?
        switch client.standing {
        case .stranger: rights = nil
        case .owner: return nil
        case .passport(let ordinal):
            rights = client.rights ?? self.rights(of: ordinal, at: now)
            client.rights = rights
            if rights == nil, CommandTable.access(id) != .open { throw .noPassport }
        }
        if let refusal = Authorization.mayAsk(id, rights) { throw refusal }
        return rights
    }

    /// Nil: the passport opens nothing any more.
    func rights(of passport: PassportOrdinal, at now: Timestamp) -> Authorization.Rights? {
        guard case .valid(let verified) = engine.reads.recheck(passport, at: now) else { return nil }
        return Authorization.Rights(
            permissions: verified.passport.permissions, scope: verified.passport.scope, user: verified.passport.user,
            requiresKeys: requiresKeys(verified.passport))
    }

    /// Whether commands that change money must carry a KEY on a connection of this passport.
    private func requiresKeys(_ passport: PassportView) -> Bool { configuration.requiresKeys || passport.requiresKeys }

    /// What can be refused once the arguments are known; a passport of scope `own` reaches its own user only.
    func mayName(_ parsed: ParsedCommand, _ rights: Authorization.Rights?) throws(CommandError) {
        guard let rights else { return }
        if let refusal = Authorization.refusal(parsed, rights) { throw refusal }
        guard rights.scope == .own else { return }
        let id = parsed.authorized.id
        if let refusal = Authorization.refusal(id, rights, owner: engine.owner(of: parsed.target)) {
            throw refusal
        }
    }

    /// The rights of a client whose passport reaches its own user only, for rows that must be seen before it is known
    /// whose they are. Nil: nothing to check.
    func ownRights(of client: Client) -> Authorization.Rights? {
        guard case .passport(let ordinal) = client.standing, let view = engine.reads.passport(ordinal),
            view.scope == .own
        else { return nil }
        return Authorization.Rights(permissions: view.permissions, scope: view.scope, user: view.user)
    }

    /// Whether a command may end what the passport of its own connection may do.
    private func isGate(_ parsed: ParsedCommand, of client: Client) -> Bool {
        guard parsed.id == .passportRevoke || parsed.id == .passportRotate || parsed.id == .userSet else {
            return false
        }
        guard case .passport(let ordinal) = client.standing, let own = engine.reads.passport(ordinal) else {
            return false
        }
        return switch parsed.target {
        case .passport(let id): id == own.id
        case .user(let id): engine.reads.user(id) == own.user
        case .none, .hold, .charge, .session, .resource: false
        }
    }

    // MARK: Beginning a command

    /// Begins a command that may begin now.
    private func start(_ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        switch parsed.ask {
        case .mutation(let command): enqueue(parsed, for: client, .command(command))
        case .verify(let secret, let permission): try verify(parsed, secret, permission, for: client)
        case .balance(let user): try balance(parsed, of: user, for: client)
        case .evaluate(let evaluation): try perform(evaluation, parsed, for: client)
        case .script(let command): try perform(command, for: client)
        case .transaction(let command): try perform(command, parsed, for: client)
        case .fork(let command): try perform(command, parsed, for: client)
        case .ledgerAt(let moment, _, let words): perform(words, at: moment, parsed, for: client)
        case .connection(let command): perform(command, for: client)
        case .follow(let command): try perform(command, parsed, for: client)
        case .server(let command): perform(command, parsed, for: client)
        case .local(let command): client.answer { encoder.local(command, to: &$0) }
        case .passportCreate, .passportRotate, .admit, .refund, .ruleLoad, .ruleCheck, .ruleActivate, .ruleBacktest,
            .ruleStep, .ruleShadow, .ruleDiff, .dryRun, .query, .quote, .usageQuote, .history, .summary, .at, .diff,
            .explain:
            try ask(parsed, for: client)
        }
    }

    /// Asks the engine.
    private func ask(_ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        guard let step = try engine.perform(parsed, as: ownRights(of: client)?.user) else {
            preconditionFailure("the engine was asked about a connection")
        }
        perform(step, key: parsed.key, labels: parsed.labels, for: client, slot: begin(parsed, for: client))
    }

    /// Takes a place in the client's pipeline.
    func begin(_ parsed: ParsedCommand, for client: Client) -> UInt64 {
        let ownRowsOnly =
            switch parsed.target {
            case .hold, .charge, .session, .resource: ownRights(of: client) != nil
            case .none, .user, .passport: false
            }
        let lane = CommandTable.lane(parsed.id)
        return client.pipeline.append(
            Pipeline.Slot(
                command: parsed.id, kind: isGate(parsed, of: client) ? .gate : Pipeline.Kind(parsed.id),
                version: client.version, ownRowsOnly: ownRowsOnly, detail: parsed.detail(lane),
                share: lane.isWrite && lane != .program ? 0 : parsed.share(lane)))
    }

    /// Asks the writer aside: what takes it long.
    func ask(_ item: WorkItem, _ parsed: ParsedCommand, for client: Client) {
        enqueueAside(item, for: client, slot: begin(parsed, for: client))
    }

    func enqueue(_ parsed: ParsedCommand, for client: Client, _ item: WorkItem) {
        enqueue(item, key: parsed.key, labels: parsed.labels, for: client, slot: begin(parsed, for: client))
    }

    // MARK: Views: answered on the spot where nothing of the client is under way

    private func verify(
        _ parsed: ParsedCommand, _ secret: Secret, _ permission: Permissions, for client: Client
    ) throws(CommandError) {
        guard client.pipeline.writes == 0 else { return try ask(parsed, for: client) }
        let result = engine.reads.verify(try engine.proof(of: secret), at: engine.now())
        client.answer { encoder.verified(result, needing: permission, names: engine, to: &$0) }
    }

    private func balance(_ parsed: ParsedCommand, of user: Hash128, for client: Client) throws(CommandError) {
        let now = engine.now()
        guard client.pipeline.writes == 0, let ordinal = engine.reads.user(user),
            let view = engine.reads.account(ordinal, at: now)
        else { return try ask(parsed, for: client) }
        let user = engine.reads.userID(ordinal)
        client.answer { encoder.balance(view, user: user, at: now, to: &$0) }
    }
}
