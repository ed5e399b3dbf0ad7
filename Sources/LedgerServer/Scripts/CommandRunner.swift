internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import RESP

/// Carries out single commands for a program, on the thread that decides: each ``Step`` that the dispatcher would take
/// to the thread where it belongs is taken here, one after the other. What the journal would have to be read for is
/// looked up among what was fetched before the run.
struct CommandRunner {
    let engine: Engine
    let encoder: ReplyEncoder
    /// Nil: of the one who holds the ledger in this process.
    var rights: Authorization.Rights?
    var context: ParseContext
    /// What the journal said, by what was asked.
    private var fetched: [Fetched] = []
    private(set) var fetches = 0
    /// What TIME says, whatever the run: that of the first.
    var time: Timestamp?

    /// A record of the journal is not at hand: fetch it, and run the program again.
    struct Missing: Error {
        let request: HistoryRequest
    }

    private struct Fetched {
        let request: HistoryRequest
        let result: HistoryResult
        /// What was durable before it was read.
        let through: LSN
    }

    /// Where one command of a run has got to.
    private struct Call {
        let parsed: ParsedCommand
        let ledger: ProgramLedger
    }

    init(engine: Engine, encoder: ReplyEncoder, rights: Authorization.Rights?, context: ParseContext) {
        (self.engine, self.encoder, self.rights, self.context) = (engine, encoder, rights, context)
    }

    /// Keeps what the journal said, which held everything through an event, for the next run.
    mutating func keep(_ result: HistoryResult, of request: HistoryRequest, through lsn: LSN) {
        fetches += 1
        fetched.append(Fetched(request: request, result: result, through: lsn))
    }

    /// At the beginning of a run: what others have changed since it was read is asked for again. Without this a program
    /// that charges only who has no charge yet would do it once for each of those that read at the same time.
    mutating func forgetStale(_ ledger: ProgramLedger) {
        fetched.removeAll { kept in kept.request.user.map { ledger.lastEvent(of: $0) > kept.through } ?? false }
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
    ) throws(Missing) {
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
    private func take(_ first: Step, _ call: Call, _ writer: inout RESPWriter) throws(Missing) {
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
            case .read(let request, let then): step = then(try read(request, call))
            case .examine:
                return encoder.error(
                    .invalid("a rule would have to be examined, which a program cannot wait for"), to: &writer)
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

    private func read(_ request: HistoryRequest, _ call: Call) throws(Missing) -> HistoryResult {
        switch request {
        case .event(let lsn): if let event = call.ledger.event(at: lsn) { return .event(event) }
        case .recorded(let lsn, let arguments):
            if let event = call.ledger.event(at: lsn) { return event.recorded(arguments) }
        case .replayed(let lsn):
            guard let event = call.ledger.event(at: lsn) else { break }
            switch event.firstAnswer {
            case .receipt: return .event(event)
            case .refusal(let rejection): return .remembered(rejection, since: event.time)
            case .earlier(let lsn, let arguments):
                return try read(arguments.map { .recorded(lsn, arguments: $0) } ?? .event(lsn), call)
            }
        case .hold(let hold): return try closed(hold, call)
        case .history, .summary, .explain, .refund, .refundSession, .past, .difference, .several: break
        }
        let result = try journaled(request)
        // A reader of the journal has opened these.
        if case .history(let rows, _) = result { for row in rows { call.ledger.tell(Array(row.description.utf8)) } }
        return result
    }

    private func journaled(_ request: HistoryRequest) throws(Missing) -> HistoryResult {
        if let found = fetched.first(where: { $0.request == request }) { return found.result }
        throw Missing(request: request)
    }

    /// A hold that is closed: what the journal has of it, and what this run has done to it.
    private func closed(_ hold: HoldID, _ call: Call) throws(Missing) -> HistoryResult {
        var closed: ClosedHold
        if hold.lsn >= call.ledger.first {
            guard let placed = call.ledger.event(at: hold.lsn).flatMap({ ClosedHold(placed: $0) }) else {
                return .rejected(.notFound(.hold))
            }
            closed = placed
        } else {
            let result = try journaled(.hold(hold))
            guard case .hold(let found) = result else { return result }
            closed = found
        }
        var lsn = call.ledger.first
        while let event = call.ledger.event(at: lsn) {
            closed.add(event, of: hold)
            lsn = lsn.next
        }
        return .hold(closed)
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
