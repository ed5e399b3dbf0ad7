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
        if client.transaction != .none, passOver(words, for: client) { return }
        do throws(CommandError) {
            let id = try CommandTable.find(words)
            let rights = try rights(of: client, for: id, at: now)
            context.actor = actor(of: client)
            let parsed = try CommandParser.parse(id, words, context)
            try mayName(parsed, rights)
            if client.pipeline.mustWait(parsed.kind) {
                client.held = parsed
            } else {
                try start(parsed, for: client)
            }
        } catch {
            if let id = try? CommandTable.find(words) { counters.rejected.withLock { $0[id, default: 0] += 1 } }
            if CommandTable.transactionWord(words) == .multi { return refuseTransaction(client, error) }
            if case .wrongPassport = error { failedAuthentication(client, "(malformed)") }
            refuse(client, error)
        }
    }

    /// Begins a command that had to wait. What it waited for may have been the end of its passport: it is asked again.
    func goOn(with held: ParsedCommand, for client: Client) {
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

    /// What the client may do at this moment: a passport that was revoked or has expired since AUTH opens nothing more.
    /// Throws what can be refused without knowing the arguments.
    private func rights(
        of client: Client, for id: CommandID, at now: Timestamp
    ) throws(CommandError) -> Authorization.Rights? {
        let rights: Authorization.Rights?
        switch client.standing {
        case .stranger: rights = nil
        case .owner: return nil
        case .passport(let ordinal):
            switch engine.reads.recheck(ordinal, at: now) {
            case .valid(let verified):
                rights = Authorization.Rights(
                    permissions: verified.passport.permissions, scope: verified.passport.scope,
                    user: verified.passport.user, requiresKeys: requiresKeys(verified.passport))
            case .rejected:
                guard CommandTable.spec(id).access == .open else { throw .noPassport }
                rights = nil
            }
        }
        if let refusal = Authorization.mayAsk(id, rights) { throw refusal }
        return rights
    }

    /// Whether commands that change money must carry a KEY on a connection of this passport.
    private func requiresKeys(_ passport: PassportView) -> Bool { configuration.requiresKeys || passport.requiresKeys }

    /// What can be refused once the arguments are known; a passport of scope `own` reaches its own user only.
    private func mayName(_ parsed: ParsedCommand, _ rights: Authorization.Rights?) throws(CommandError) {
        guard let rights else { return }
        if let refusal = Authorization.refusal(parsed, rights) { throw refusal }
        guard rights.scope == .own else { return }
        if let refusal = Authorization.refusal(parsed.id, rights, owner: owner(of: parsed.target)) { throw refusal }
    }

    private func owner(of target: ParsedCommand.Target) -> Authorization.Owner {
        switch target {
        case .none: .nobody
        case .user(let id): engine.reads.user(id).map { .user($0) } ?? .unknown
        case .passport(let id): engine.reads.passport(id).map { .user($0.user) } ?? .unknown
        case .hold, .charge, .session, .resource: .undetermined
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
        guard [.passportRevoke, .passportRotate, .userSet].contains(parsed.id) else { return false }
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
        case .query(.spaces(let page, _)):
            // What is not public is for those who may see everything.
            ask(.query(.spaces(page, publicOnly: ownRights(of: client) != nil)), parsed, for: client)
        case .query(let query) where query.isLong: ask(.query(query), parsed, for: client)
        case .query(let query): enqueue(parsed, for: client, .query(query))
        case .verify(let secret, let permission): try verify(parsed, secret, permission, for: client)
        case .admit(let secret, let start):
            enqueue(parsed, for: client, .admit(start, try proof(of: secret)))
        case .balance(let user): balance(parsed, of: user, for: client)
        case .quote(let user, let tier, let duration):
            enqueue(parsed, for: client, .quote(user: user, tier: tier, duration: duration))
        case .passportCreate(let draft):
            let step = engine.createPassport(
                user: draft.user, name: draft.name, permissions: draft.permissions, scope: draft.scope,
                expires: draft.expires, rate: draft.rate, requiresKeys: draft.requiresKeys)
            begin(step, parsed, for: client)
        case .passportRotate(let old, let overlap):
            begin(engine.rotatePassport(old, overlap: overlap), parsed, for: client)
        case .ruleLoad(let name, let source):
            begin(engine.loadRule(name, source: source), parsed, for: client)
        case .ruleActivate(let name, let version, let at):
            begin(engine.activateRule(name, version: version, at: at), parsed, for: client)
        case .ruleCheck(let name, let version, let source):
            begin(engine.checkRule(name, version: version, source: source), parsed, for: client)
        case .refund(let draft):
            let step =
                switch draft.target {
                case .charge(let charge): engine.refund(charge, amount: draft.amount, reason: draft.reason)
                case .session(let session): engine.refund(session: session, amount: draft.amount, reason: draft.reason)
                }
            begin(step, parsed, for: client)
        case .history(let range):
            let slot = begin(parsed, for: client)
            let request = HistoryRequest.history(
                user: range.user, from: range.from, to: range.to, range.page)
            read(request, for: client, slot: slot) { $0.answer($1, $2, $3) }
        case .summary(let user, let from, let to):
            let slot = begin(parsed, for: client)
            read(.summary(user: user, from: from, to: to), for: client, slot: slot) { $0.answer($1, $2, $3) }
        case .explain(let charge):
            read(.explain(charge), for: client, slot: begin(parsed, for: client)) { $0.answer($1, $2, $3) }
        case .connection(let command): perform(command, for: client)
        case .server(let command): perform(command, parsed, for: client)
        case .local(let command): client.answer { encoder.local(command, to: &$0) }
        }
    }

    /// Takes a place in the client's pipeline.
    func begin(_ parsed: ParsedCommand, for client: Client) -> UInt64 {
        let ownRowsOnly =
            switch parsed.target {
            case .hold, .charge, .session, .resource: ownRights(of: client) != nil
            case .none, .user, .passport: false
            }
        return client.pipeline.append(
            Pipeline.Slot(
                command: parsed.id, kind: isGate(parsed, of: client) ? .gate : parsed.kind, version: client.version,
                ownRowsOnly: ownRowsOnly, detail: parsed.detail, share: parsed.share))
    }

    /// Asks the writer aside: what takes it long.
    func ask(_ item: WorkItem, _ parsed: ParsedCommand, for client: Client) {
        enqueueAside(item, for: client, slot: begin(parsed, for: client))
    }

    private func enqueue(_ parsed: ParsedCommand, for client: Client, _ item: WorkItem) {
        enqueue(item, key: parsed.key, for: client, slot: begin(parsed, for: client))
    }

    // MARK: Passports

    private func proof(of secret: Secret) throws(CommandError) -> PassportProof {
        guard let proof = secret.text.withBytes({ engine.reads.proof(of: $0) }) else {
            throw .invalidSecret
        }
        return proof
    }

    private func verify(
        _ parsed: ParsedCommand, _ secret: Secret, _ permission: Permissions, for client: Client
    ) throws(CommandError) {
        let proof = try proof(of: secret)
        guard client.pipeline.writes == 0 else {
            return enqueue(parsed, for: client, .verify(proof))
        }
        let result = engine.reads.verify(proof, at: engine.now())
        client.answer { verified(result, needing: permission, to: &$0) }
    }

    // MARK: Reads

    private func balance(_ parsed: ParsedCommand, of user: Hash128, for client: Client) {
        let now = engine.now()
        guard client.pipeline.writes == 0, let ordinal = engine.reads.user(user),
            let view = engine.reads.account(ordinal, at: now)
        else { return enqueue(parsed, for: client, .query(.user(user))) }
        let user = engine.reads.userID(ordinal)
        client.answer { encoder.balance(view, user: user, at: now, to: &$0) }
    }
}
