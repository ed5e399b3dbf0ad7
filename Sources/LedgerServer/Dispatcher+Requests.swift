internal import LedgerCore
internal import LedgerEngine
internal import LedgerProtocol
internal import Logging
internal import NIOCore
internal import RESP
internal import Synchronization

extension ParsedCommand {
    /// What it has to wait for, and what has to wait for it.
    var kind: Pipeline.Kind {
        switch ask {
        case .mutation, .passportCreate, .passportRotate, .admit: .write
        case .refund, .ruleLoad, .ruleActivate: .exclusive
        case .query(let query): query.isLong ? .history : .read
        case .quote, .verify, .balance: .read
        case .history, .summary, .explain, .ruleCheck: .history
        case .connection, .local: .read
        case .server(let command):
            switch command {
            case .wait: .exclusive
            case .info, .databaseSize: .history
            default: .read
            }
        }
    }
}

extension Query {
    /// Takes the writer so long that it is asked aside: between the loads of others, one at a time, where its own
    /// client's writes have come through and later ones wait.
    var isLong: Bool {
        switch self {
        case .users, .passports, .lots, .holds, .sessions, .resources, .spaces, .limits, .rules, .priceBooks, .books,
            .ruleSource:
            true
        case .user, .passport, .hold, .session, .quote: false
        }
    }
}

extension ParsedCommand {
    /// What of a client's answers under way this one may take: the rows of a page have some 256 bytes. What keeps the
    /// writer or a reader busy for longer than its answer is long counts for as much as a page.
    var share: Int {
        switch ask {
        case .query(let query):
            switch query {
            case .users(let page), .passports(_, let page), .lots(_, let page), .holds(_, let page),
                .sessions(_, _, let page), .resources(_, let page), .spaces(let page, _):
                min(page.count, 1000) * 256
            case .ruleSource: 64 << 10
            case .limits, .rules, .priceBooks, .books: 16 << 10
            // A closed one is looked for in its user's past.
            case .hold: 16 << 10
            case .user, .passport, .session, .quote: 0
            }
        case .history(let range): range.page.count * 256
        case .quote, .explain: 16 << 10
        case .summary, .ruleCheck: 64 << 10
        case .server(.info): 16 << 10
        default: 0
        }
    }
}

/// From words to work. The same for sockets and for the port in this process.
extension Dispatcher {
    /// Performs one request: finds the command, asks the passport again, reads the arguments, and begins it.
    func perform(_ words: Words, for client: Client, at now: Timestamp) {
        if client.isInRefusedTransaction, passOver(words, for: client) { return }
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
            if CommandTable.transactionWord(words) == .multi { client.isInRefusedTransaction = true }
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

    /// A client that was refused MULTI sends the commands of its transaction all the same, often in the same packet,
    /// and takes the error for word that nothing was done: so none of them is run until it ends. False: to be
    /// performed.
    private func passOver(_ words: Words, for client: Client) -> Bool {
        switch CommandTable.transactionWord(words) {
        case .exec:
            client.isInRefusedTransaction = false
            counters.errors.add(1, ordering: .relaxed)
            client.answer { $0.error(CommandTable.transactionAborted) }
        case .discard:
            client.isInRefusedTransaction = false
            client.answer { $0.ok() }
        case .multi, nil:
            // Who the connection belongs to, and its end, are no part of a transaction.
            switch try? CommandTable.find(words) {
            case .auth, .hello, .reset, .quit: return false
            default: refuse(client, CommandTable.notInTransaction)
            }
        }
        return true
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
                    user: verified.passport.user)
            case .rejected:
                guard CommandTable.spec(id).access == .open else { throw .noPassport }
                rights = nil
            }
        }
        if let refusal = Authorization.mayAsk(id, rights) { throw refusal }
        return rights
    }

    /// A passport of scope `own` reaches its own user only.
    private func mayName(_ parsed: ParsedCommand, _ rights: Authorization.Rights?) throws(CommandError) {
        guard let rights, rights.scope == .own else { return }
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
        switch parsed.id {
        case .passportRevoke, .passportRotate, .userSet: break
        default: return false
        }
        guard case .passport(let ordinal) = client.standing, let own = engine.reads.passport(ordinal) else {
            return false
        }
        return switch parsed.target {
        case .passport(let id): id == own.id
        case .user(let id): engine.reads.user(id) == own.user
        default: false
        }
    }

    // MARK: Beginning a command

    /// Begins a command that may begin now.
    private func start(_ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        switch parsed.ask {
        case .mutation(let command): enqueue(parsed, for: client, command)
        case .query(.spaces(let page, _)):
            // What is not public is for those who may see everything.
            ask(.query(.spaces(page, publicOnly: ownRights(of: client) != nil)), parsed, for: client)
        case .query(let query) where query.isLong: ask(.query(query), parsed, for: client)
        case .query(let query): enqueue(parsed, for: client, .query(query))
        case .verify(let secret, let permission): try verify(parsed, secret, permission, for: client)
        case .admit(let secret, let start):
            let request = Request(actor: actor(of: client), key: parsed.key, command: .sessionStart(start))
            enqueue(parsed, for: client, .admit(request, try proof(of: secret)))
        case .balance(let user): balance(parsed, of: user, for: client)
        case .quote(let user, let tier, let duration):
            enqueue(parsed, for: client, .quote(user: user, tier: tier, duration: duration))
        case .passportCreate(let draft): createPassport(parsed, draft, for: client)
        case .passportRotate(let old, let overlap): rotatePassport(parsed, old, overlap, for: client)
        case .ruleLoad(let name, let source): loadRule(parsed, name, source, for: client)
        case .ruleActivate(let name, let version, let at): activateRule(parsed, name, version, at, for: client)
        case .ruleCheck(let name, let version, let source): checkRule(parsed, name, version, source, for: client)
        case .refund(let draft): refund(parsed, draft, for: client)
        case .history(let range):
            let slot = begin(parsed, for: client)
            let request = HistoryRequest.history(
                user: range.user, from: range.from == .distantPast ? nil : range.from,
                to: range.to == .never ? nil : range.to, range.page)
            read(request, for: client, slot: slot) { $0.answer($1, $2, $3) }
        case .summary(let user, let from, let to):
            let slot = begin(parsed, for: client)
            let request = HistoryRequest.summary(
                user: user, from: from == .distantPast ? nil : from, to: to == .never ? nil : to)
            read(request, for: client, slot: slot) { $0.answer($1, $2, $3) }
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
        let detail: Pipeline.Detail =
            switch parsed.ask {
            case .verify(_, let permission): .permission(permission)
            case .server(.info(let sections)): .sections(sections)
            case .mutation(.holdCapture(let capture)): .hold(capture.hold)
            case .mutation(.holdVoid(let hold)): .hold(hold)
            default: .none
            }
        return client.pipeline.append(
            Pipeline.Slot(
                command: parsed.id, kind: isGate(parsed, of: client) ? .gate : parsed.kind, version: client.version,
                ownRowsOnly: ownRowsOnly, detail: detail, share: parsed.share))
    }

    /// Asks the writer aside: what takes it long.
    func ask(_ item: WorkItem, _ parsed: ParsedCommand, for client: Client) {
        enqueueAside(item, for: client, slot: begin(parsed, for: client))
    }

    private func enqueue(_ parsed: ParsedCommand, for client: Client, _ item: WorkItem) {
        enqueue(item, for: client, slot: begin(parsed, for: client))
    }

    private func enqueue(
        _ parsed: ParsedCommand, for client: Client, _ command: Command, secret: PassportSecret? = nil
    ) {
        let request = Request(actor: actor(of: client), key: parsed.key, command: command)
        enqueue(.command(request, secret: secret), for: client, slot: begin(parsed, for: client))
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

    private func createPassport(_ parsed: ParsedCommand, _ draft: PassportDraft, for client: Client) {
        var generator = SystemRandomNumberGenerator()
        let secret = PassportSecret.mint(using: &generator)
        let command = PassportCreate(
            user: draft.user, id: secret.id, digest: engine.reads.proof(of: secret).digest, lastFour: secret.lastFour,
            name: draft.name, permissions: draft.permissions, scope: draft.scope, expires: draft.expires,
            rate: draft.rate)
        enqueue(parsed, for: client, .passportCreate(command), secret: secret)
    }

    private func rotatePassport(
        _ parsed: ParsedCommand, _ old: PassportID, _ overlap: TimeSpan, for client: Client
    ) {
        var generator = SystemRandomNumberGenerator()
        let secret = PassportSecret.mint(using: &generator)
        let command = PassportRotate(
            old: old, id: secret.id, digest: engine.reads.proof(of: secret).digest, lastFour: secret.lastFour,
            overlap: overlap)
        enqueue(parsed, for: client, .passportRotate(command), secret: secret)
    }

    // MARK: Reads and two-step commands

    private func balance(_ parsed: ParsedCommand, of user: Hash128, for client: Client) {
        let now = engine.now()
        guard client.pipeline.writes == 0, let ordinal = engine.reads.user(user),
            let view = engine.reads.account(ordinal, at: now)
        else { return enqueue(parsed, for: client, .query(.user(user))) }
        let user = engine.reads.userID(ordinal)
        client.answer { encoder.balance(view, user: user, at: now, to: &$0) }
    }

    private func refund(_ parsed: ParsedCommand, _ draft: RefundDraft, for client: Client) {
        let slot = begin(parsed, for: client)
        let actor = actor(of: client)
        read(.refund(draft.charge), for: client, slot: slot) { dispatcher, client, slot, result in
            guard case .refund(let charge, let lots) = result else {
                return dispatcher.answer(client, slot, result)
            }
            let refund = CreditRefund(charge: charge, lots: lots, amount: draft.amount, reason: draft.reason)
            let request = Request(actor: actor, key: parsed.key, command: .creditRefund(refund))
            dispatcher.enqueue(.command(request), for: client, slot: slot)
        }
    }

    // MARK: The connection

    private func perform(_ command: ConnectionCommand, for client: Client) {
        switch command {
        case .auth(let secret):
            if let error = authenticate(client, secret) { return refuse(client, error) }
            client.answer { $0.ok() }
        case .hello(let version, let secret, let name):
            if let secret, let error = authenticate(client, secret) { return refuse(client, error) }
            if client.isStranger { return refuse(client, .noPassport) }
            if let version { client.version = version }
            if let name { client.name = name }
            let reply = describe(client)
            client.answer { encoder.hello(reply, to: &$0) }
        case .quit:
            client.isClosing = true
            client.answer { $0.ok() }
        case .reset:
            forget(client)
            client.version = .v2
            client.name = ShortText()
            client.isInRefusedTransaction = false
            client.answer { $0.simple("RESET") }
        case .setName(let name):
            client.name = name
            client.answer { $0.ok() }
        case .getName:
            let name = client.name
            client.answer { name.isEmpty ? $0.null() : $0.bulk(name.string) }
        case .setInfo(let attribute, let value):
            if attribute.string.uppercased() == "LIB-VER" {
                client.libraryVersion = value
            } else {
                client.library = value
            }
            client.answer { $0.ok() }
        case .id:
            let number = client.number
            client.answer { $0.integer(Int64(number)) }
        case .info, .list:
            let reply = describe(client)
            client.answer { encoder.clientInfo(reply, to: &$0) }
        }
    }

    /// A failed attempt leaves the connection as it was.
    private func authenticate(_ client: Client, _ secret: Secret) -> CommandError? {
        let result = secret.text.withBytes { engine.reads.proof(of: $0) }.map {
            engine.reads.authenticate($0, at: engine.now())
        }
        switch result {
        case .valid(let verified):
            identify(client, as: verified.passport.ordinal)
            client.isInRefusedTransaction = false
            return nil
        case .rejected(let rejection):
            failedAuthentication(client, secret.passport.text)
            return .rejected(rejection)
        case nil:
            failedAuthentication(client, secret.passport.text)
            return .wrongPassport
        }
    }

    /// `passport` is the public part of what was shown. After some failures the connection has had its chance.
    private func failedAuthentication(_ client: Client, _ passport: String) {
        counters.authFailures.add(1, ordering: .relaxed)
        client.failures += 1
        if client.failures >= configuration.authAttempts { client.isClosing = true }
        notices.note("authentication failed", client, ["passport": "\(passport)"])
    }

    private func describe(_ client: Client) -> ClientReply {
        var user = ShortText()
        if case .passport(let ordinal) = client.standing, let view = engine.reads.passport(ordinal) {
            user = engine.reads.userID(view.user)
        }
        return client.describe(user: user)
    }

    // MARK: The server

    private func perform(_ command: ServerCommand, _ parsed: ParsedCommand, for client: Client) {
        switch command {
        case .time:
            let now = engine.now()
            client.answer { encoder.time(now, to: &$0) }
        case .info, .databaseSize: ask(.info, parsed, for: client)
        case .slowlogGet(let count):
            let entries = engine.slowLog.entries(count)
            client.answer { encoder.slowlog(entries, to: &$0) }
        case .slowlogLength:
            let count = engine.slowLog.count
            client.answer { $0.integer(count) }
        case .slowlogReset:
            engine.slowLog.reset()
            client.answer { $0.ok() }
        case .snapshot: snapshot(parsed, for: client)
        case .wait(let lsn, let timeout): wait(parsed, lsn, timeout, for: client)
        case .shutdown:
            logger.notice("stopping: SHUTDOWN", metadata: ["client": "\(client.address)"])
            client.isClosing = true
            requestStop()
        }
    }

    /// A server goes on while a snapshot is made; an engine that a prompt has open may be closed the moment it is
    /// answered, so its owner is answered when the snapshot is there.
    private func snapshot(_ parsed: ParsedCommand, for client: Client) {
        guard case .owner = client.standing else {
            // The engine logs what comes of it, and INFO shows it.
            engine.snapshot { _ in }
            return client.answer { $0.simple("Background snapshot started") }
        }
        let slot = begin(parsed, for: client)
        let bound = NIOLoopBound((dispatcher: self, client: client), eventLoop: eventLoop)
        engine.snapshot { [eventLoop] result in
            eventLoop.execute {
                let (dispatcher, client) = bound.value
                guard !client.isClosed else { return }
                switch result {
                case .success(let lsn): client.answer(slot) { $0.simple("Snapshot at LSN \(lsn.value)") }
                case .failure(let error): dispatcher.refuse(client, slot, CommandError.invalid("no snapshot: \(error)"))
                }
                dispatcher.settleLater(client)
            }
        }
    }

    private func wait(_ parsed: ParsedCommand, _ lsn: LSN, _ timeout: TimeSpan?, for client: Client) {
        let slot = begin(parsed, for: client)
        // By number: whoever waits must not keep alive a client that has gone.
        let number = client.number
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let waiting = engine.wait(for: lsn) { [eventLoop] _ in
            eventLoop.execute { bound.value.waitIsOver(of: number, slot) }
        }
        switch waiting {
        case .full: return refuse(client, slot, Rejection.busy("too many connections wait for an event; try again"))
        case .over: client.wait = Client.Wait(slot: slot)
        case .until(let ticket):
            client.wait = Client.Wait(slot: slot, ticket: ticket)
            if let timeout { limitWait(of: client, to: timeout.nanoseconds) }
            if client.inputIsClosed { closeInput(of: client) }
        }
    }

    /// The WAIT under way is over after `nanoseconds`, or before.
    func limitWait(of client: Client, to nanoseconds: Int64) {
        guard let wait = client.wait else { return }
        let end = NIODeadline.now() + .nanoseconds(nanoseconds)
        if let timeout = wait.timeout, timeout.end <= end { return }
        wait.timeout?.task.cancel()
        let (number, slot) = (client.number, wait.slot)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let task = eventLoop.scheduleTask(deadline: end) { bound.value.waitIsOver(of: number, slot) }
        client.wait?.timeout = (end, task)
    }

    /// The event has come, or the time has passed: whichever is second finds no wait.
    private func waitIsOver(of number: UInt64, _ slot: UInt64) {
        guard let client = client(number), client.wait?.slot == slot else { return }
        endWait(of: client)
        let durable = engine.durableLSN
        client.answer(slot) { $0.integer(Int64(durable.value)) }
        touch(client)
        settleAll()
    }
}
