internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import RESP

/// Carries out single commands for a program, on the thread that decides: each ``Step`` that the dispatcher would take
/// to the thread where it belongs is taken here, one after the other. What the journal would have to be read for is
/// among what the program has decided itself, or what was fetched before the run.
struct CommandRunner {
    let engine: Engine
    let encoder: ReplyEncoder
    /// Nil: of the one who holds the ledger in this process.
    var rights: Authorization.Rights?
    var context: ParseContext
    /// What the journal said before this run.
    var journal = JournalRecords()
    /// What TIME says, whatever the run: that of the first.
    var time: Timestamp?

    /// Where one command of a run has got to.
    private struct Call {
        let parsed: ParsedCommand
        let ledger: ProgramLedger
    }

    init(engine: Engine, encoder: ReplyEncoder, rights: Authorization.Rights?, context: ParseContext) {
        (self.engine, self.encoder, self.rights, self.context) = (engine, encoder, rights, context)
    }

    /// The command that words mean, if a program may use it and its passport may ask it.
    func parse(_ words: [[UInt8]]) throws(CommandError) -> ParsedCommand {
        try Words.with(words) { (words) throws(CommandError) in
            guard words.count > 0 else { throw .invalid("empty command") }
            let id = try CommandTable.find(words)
            if case .no(let why) = CommandTable.spec(id).script {
                throw .invalid("\(CommandTable.spec(id).name) cannot be used in a script: \(why)")
            }
            if rights != nil, let refusal = Authorization.mayAsk(id, rights) { throw refusal }
            let parsed = try CommandParser.parse(id, words, context)
            if let rights {
                if let refusal = Authorization.refusal(parsed, rights) { throw refusal }
                if let refusal = Authorization.refusal(id, rights, owner: engine.owner(of: parsed.target)) {
                    throw refusal
                }
            }
            return parsed
        }
    }

    /// Carries a command out and writes its answer, also where that is a refusal.
    mutating func perform(
        _ parsed: ParsedCommand, in ledger: ProgramLedger, to writer: inout RESPWriter
    ) throws(MissingRecord) {
        if case .local(let command) = parsed.ask { return encoder.local(command, to: &writer) }
        if case .server(.time) = parsed.ask {
            time = time ?? ledger.time
            return encoder.time(time ?? ledger.time, to: &writer)
        }
        let step: Step?
        do throws(CommandError) {
            step = try engine.perform(parsed, as: rights?.scope == .own ? rights?.user : nil)
        } catch {
            return encoder.error(error, to: &writer)
        }
        guard let step else { preconditionFailure("a program was given what no program may use") }
        try take(step, Call(parsed: parsed, ledger: ledger), &writer)
    }

    /// Takes steps until there is an answer.
    private func take(_ first: Step, _ call: Call, _ writer: inout RESPWriter) throws(MissingRecord) {
        var step = first
        while true {
            switch step {
            case .ask(let item), .aside(let item):
                let result = call.ledger.ask(item, call.parsed.key, call.parsed.labels)
                if case .outcome(.accepted(let event)) = result {
                    return receipt(call.ledger.event(event), replayed: false, call, &writer)
                }
                guard let next = next(result, item, call, &writer) else { return }
                step = next
            case .query(let query, let then):
                let result = call.ledger.ask(.query(query), nil, .none)
                guard case .query(let found) = result else { return refuse(result, &writer) }
                step = then(found)
            case .read(let request, let then): step = then(try call.ledger.read(request, journal))
            case .examine(let request, let then):
                guard let verdict = call.ledger.examine(request) else {
                    return encoder.error(
                        .invalid("a rule would have to be examined, which a program cannot wait for"), to: &writer)
                }
                step = then(verdict)
            case .answer(let answer):
                if let refusal = refusal(answer.authorizationOwner, call) {
                    encoder.error(refusal, to: &writer)
                } else {
                    encoder.answer(answer, names: call.ledger, to: &writer)
                }
                return
            }
        }
    }

    /// What follows from what was decided or read; nil: it was answered.
    private func next(_ result: WorkResult, _ item: WorkItem, _ call: Call, _ writer: inout RESPWriter) -> Step? {
        var hold: HoldID?
        if case .hold(let named) = call.parsed.target { hold = named }
        switch result {
        case .outcome(.rejected(.closed(.hold))): if let hold { return engine.whyRefused(hold) }
        case .outcome(.replayed(let lsn)):
            guard let hold else { return engine.lookUp(replayed: lsn) }
            return engine.lookUp(replayed: lsn, hold: hold)
        case .outcome(.recorded(let lsn, let arguments)): return engine.lookUp(recorded: lsn, arguments: arguments)
        case .query(let found): return answer(found, item, call, &writer)
        case .verified(let verified):
            var permissions = Permissions()
            if case .verify(_, let needed) = call.parsed.ask { permissions = needed }
            encoder.verified(verified, needing: permissions, names: call.ledger, to: &writer)
            return nil
        case .quote(let quote, let user):
            if case .quote(_, let tier, let duration) = item {
                encoder.quote(quote, user: user, tier: tier, duration: duration, to: &writer)
            }
            return nil
        case .usageQuote(let pricing, let user):
            encoder.quote(pricing, user: user, to: &writer)
            return nil
        case .outcome, .refused, .none, .barrier, .dryRun, .ruleMaterial, .storageSizes, .info, .clock, .program,
            .unknownOutcome:
            break
        }
        refuse(result, &writer)
        return nil
    }

    private func answer(_ found: QueryResult, _ item: WorkItem, _ call: Call, _ writer: inout RESPWriter) -> Step? {
        let step: Step? =
            if case .query(.hold(let hold)) = item { engine.lookUp(hold, found) } else { nil }
        let isOpen = if case .hold = found { true } else { false }
        if step == nil || isOpen, let refusal = refusal(engine.owner(of: found), call) {
            encoder.error(refusal, to: &writer)
            return nil
        }
        if let step { return step }
        if case .closedSession(let lsn) = found { return engine.lookUp(closedSession: lsn) }
        if case .priceBooks(let rows) = found, let step = engine.lookUp(prices: rows) { return step }
        encoder.result(found, open: { call.ledger.clearText($0, of: $1) }, to: &writer)
        return nil
    }

    private func receipt(_ event: Event, replayed: Bool, _ call: Call, _ writer: inout RESPWriter) {
        encoder.receipt(
            of: event, replayed: replayed, names: ReceiptNames(of: event, from: call.ledger), to: &writer)
    }

    private func refuse(_ result: WorkResult, _ writer: inout RESPWriter) {
        if case .outcome(.rejected(let rejection)) = result { return encoder.rejection(rejection, to: &writer) }
        if case .query(.rejected(let rejection)) = result { return encoder.rejection(rejection, to: &writer) }
        encoder.error(.noPassport, to: &writer)
    }

    /// What of somebody else's a passport of scope `own` has just asked to see.
    private func refusal(_ owner: Authorization.Owner, _ call: Call) -> CommandError? {
        guard let rights, rights.scope == .own else { return nil }
        switch call.parsed.target {
        case .none, .user, .passport: return nil
        case .hold, .charge, .session, .resource: return Authorization.refusal(call.parsed.id, rights, owner: owner)
        }
    }
}
