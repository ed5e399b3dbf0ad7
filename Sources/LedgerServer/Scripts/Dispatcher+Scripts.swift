internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import LedgerScript
internal import RESP

/// Scripts and transactions.
extension Dispatcher {
    // MARK: Transactions

    /// Whether a command was queued (or refused) instead of carried out. Asked while a transaction is open.
    func queue(_ parsed: ParsedCommand, of words: Words, for client: Client) throws(CommandError) -> Bool {
        if [.exec, .discard, .unwatch, .quit, .reset].contains(parsed.id) { return false }
        if parsed.id == .watch { throw .invalid("WATCH inside MULTI is not allowed") }
        if parsed.id == .multi { throw .invalid("MULTI calls can not be nested") }
        let spec = CommandTable.spec(parsed.id)
        if case .no(let why) = spec.script {
            throw .invalid("\(spec.name) cannot be queued in a transaction: \(why)")
        }
        try client.transaction.queue(parsed, of: words)
        client.answer { $0.simple("QUEUED") }
        return true
    }

    /// A command did not come as far as the transaction that is open: EXEC will carry out nothing. A refused EXEC or
    /// DISCARD ends it, as in Redis: a connection whose passport is gone can show another one.
    func abortTransaction(of client: Client, for id: CommandID?) {
        if id == .exec || id == .discard { client.transaction.end() } else { client.transaction.abort() }
    }

    func perform(_ command: TransactionCommand, _ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        switch command {
        case .multi:
            client.transaction.begin()
            client.answer { $0.ok() }
        case .discard:
            guard client.transaction.isOpen else { throw .invalid("DISCARD without MULTI") }
            client.transaction.end()
            client.answer { $0.ok() }
        case .unwatch:
            client.transaction.watched = []
            client.answer { $0.ok() }
        case .watch(let users):
            guard client.transaction.watched.count + users.count <= 256 else {
                throw .invalid("a connection watches at most 256 users")
            }
            run(WatchProgram(users, runner(for: client)), parsed, for: client)
        case .exec:
            guard client.transaction.isOpen else { throw .invalid("EXEC without MULTI") }
            let transaction = client.transaction
            client.transaction.end()
            guard !transaction.isAborted else {
                return refuse(client, as: "EXECABORT Transaction discarded because of previous errors.")
            }
            let program = TransactionProgram(
                transaction.queued, watched: transaction.watched, client.version, scripts, runner(for: client))
            run(program, parsed, for: client)
        }
    }

    // MARK: Scripts

    func perform(_ evaluation: Evaluation, _ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        let script: Script
        switch evaluation.script {
        case .source(let source): script = try compiled(source)
        case .sha(let sha):
            guard let known = scripts.script(sha: sha) else {
                return refuse(client, as: "NOSCRIPT No matching script. Please use EVAL.")
            }
            script = known
        }
        context.actor = actor(of: client)
        let key = try evaluation.key(script.identity, context)
        var runner = runner(for: client)
        // Sent again, the whole of it is not run.
        if key != nil { runner.rights?.requiresKeys = false }
        run(ScriptProgram(script, evaluation, key: key, scripts, runner), parsed, for: client)
    }

    func perform(_ command: ScriptCommand, for client: Client) throws(CommandError) {
        switch command {
        case .load(let source):
            let sha = try compiled(source).sha
            client.answer { $0.bulk(sha) }
        case .exists(let names):
            let known = names.map { scripts.knows($0) }
            client.answer { writer in
                writer.array(known.count)
                for isKnown in known { writer.integer(isKnown ? 1 : 0) }
            }
        case .flush:
            scripts.flush()
            client.answer { $0.ok() }
        case .kill:
            if scripts.kill() { return client.answer { $0.ok() } }
            refuse(client, as: "NOTBUSY No scripts in execution right now.")
        }
    }

    private func compiled(_ source: [UInt8]) throws(CommandError) -> Script {
        do throws(ScriptError) { return try scripts.script(source: source) } catch { throw .invalid(error.text) }
    }

    // MARK: Running

    private func runner(for client: Client) -> CommandRunner {
        context.actor = actor(of: client)
        return CommandRunner(engine: engine, encoder: encoder, rights: client.rights, context: context)
    }

    private func run(_ program: ServerProgram, _ parsed: ParsedCommand, for client: Client) {
        let slot = begin(parsed, for: client)
        if client.programs == nil {
            client.programs = ProgramQueue(allowance: UInt64(scripts.budget.milliseconds) * 1_000_000)
        }
        client.programs?.append(program, slot: slot)
        goOnWithPrograms(of: client)
    }

    /// What came of a program that was handed over.
    func answer(_ client: Client, _ slot: UInt64, _ program: any Program) {
        guard let program = program as? ServerProgram else { preconditionFailure("a program of somebody else") }
        switch program.stage {
        case .done(let write, _):
            if let watch = program as? WatchProgram { client.transaction.watched += watch.watched }
            let owed = client.owed
            client.answer(slot, write)
            client.programs?.note(answerBytes: client.owed - owed)
        case .failed(let text): refuse(client, slot, as: text)
        case .needs(let request):
            client.programs?.move(slot, to: .reads)
            read(request, for: client, slot: slot) { _, client, slot, result in
                program.runner.journal.keep(result, of: request)
                client.programs?.move(slot, to: .here)
            }
        case .early: client.programs?.move(slot, to: .here)
        case .ready: preconditionFailure("a program came back that did not run")
        }
    }

    /// Hands over what has come, or has come back undecided, and may go on: not what would be answered to a client that
    /// has too much to read already. (What is kept behind a program that did not run yet is not to be read before it.)
    func goOnWithPrograms(of client: Client) {
        guard client.programs != nil else { return }
        client.programs?.isHeldBack = client.untaken > configuration.answerLimit
        guard client.programs?.isHeldBack == false else { return }
        guard let ready = client.programs?.takeReady({ client.pipeline.isAnswered($0) }) else { return }
        for (program, slot) in ready { enqueue(.program(program), key: program.key, for: client, slot: slot) }
    }
}
