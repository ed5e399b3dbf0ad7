internal import Glibc
internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import Logging
internal import RESP
internal import Synchronization

/// From results to answers.
extension Dispatcher {
    /// Answers what the writer decided or read.
    func answer(_ client: Client, _ slot: UInt64, _ work: WorkBatch, _ index: Int) {
        switch work.results[index] {
        case .outcome(.accepted(let reference)): accepted(client, slot, work, index, reference)
        case .outcome(.rejected(.closed(.hold))):
            guard let hold = hold(client, slot) else {
                preconditionFailure("a hold was refused to a command about none")
            }
            perform(engine.whyRefused(hold), for: client, slot: slot)
        case .outcome(.rejected(let rejection)): refuse(client, slot, rejection)
        case .outcome(.replayed(let lsn)):
            // What was refused about a hold is answered with a second look; all else when the client takes it.
            guard let hold = hold(client, slot) else { return client.answer(slot, .replay, lsn) }
            perform(engine.lookUp(replayed: lsn, hold: hold), for: client, slot: slot)
        case .outcome(.recorded(let lsn, let arguments)):
            perform(engine.lookUp(recorded: lsn, arguments: arguments), for: client, slot: slot)
        case .query(let result): answer(client, slot, work.item(index), result)
        case .verified(let result):
            var permission = Permissions()
            if case .permission(let needed) = client.pipeline[slot].detail { permission = needed }
            client.answer(slot) { encoder.verified(result, needing: permission, names: engine, to: &$0) }
        case .quote(let quote, let user):
            guard case .quote(_, let tier, let duration) = work.item(index) else {
                preconditionFailure("a quote answers what asked for none")
            }
            client.answer(slot) { encoder.quote(quote, user: user, tier: tier, duration: duration, to: &$0) }
        case .usageQuote(let pricing, let user):
            client.answer(slot) { encoder.quote(pricing, user: user, to: &$0) }
        case .dryRun(let tried): perform(engine.finish(tried, hold(client, slot)), for: client, slot: slot)
        case .info(let info): answer(client, slot, info)
        case .clock(let report): client.answer(slot) { encoder.clock(report, to: &$0) }
        case .refused: refuse(client, slot, CommandError.noPassport)
        case .barrier where client.pipeline[slot].command == .clockSet: client.answer(slot) { $0.ok() }
        case .barrier(let lsn): client.answer(slot) { $0.integer(Int64(lsn.value)) }
        case .unknownOutcome:
            // Whether it is on disk will be known after the restart. Nothing more can be asked until then.
            refuse(client, slot, CommandError.unknownOutcome)
            client.state.finish()
        case .program:
            guard case .program(let program) = work.item(index) else {
                preconditionFailure("a program ended that was not asked")
            }
            answer(client, slot, program)
        case .ruleMaterial, .storageSizes: preconditionFailure("only the engine itself asks for these")
        case .none: preconditionFailure("a completed batch lacks a result")
        }
    }

    /// Answers what was accepted, from the first of a batch's items on, as long as one client's answers follow each
    /// other. Returns where that ends.
    func answerReceipts(_ batch: TicketedBatch, from first: Int) -> Int {
        let answers = batch.work.answers
        guard answers.receipt(first) != nil else { return first }
        let (ticket, client) = batch[first]
        let tickets = batch.tickets
        var index = first
        client.answerFront { slot, writer in
            guard index < tickets.count, tickets[index].client == ticket.client, tickets[index].slot == slot,
                let event = answers.receipt(index)
            else { return false }
            receipt(answers.event(event), replayed: false, to: &writer)
            index += 1
            return true
        }
        return index
    }

    /// From what was decided to its receipt: at once where the client takes it, else by reference.
    private func accepted(
        _ client: Client, _ slot: UInt64, _ work: WorkBatch, _ index: Int, _ reference: EventReference
    ) {
        if let secret = work.secret(index) {
            // Shown once, and kept nowhere: this answer waits as it is.
            client.answer(slot) {
                receipt(
                    work.event(reference), replayed: false, secret: secret.bytes,
                    passportName: work.passportName(index), to: &$0)
            }
        } else {
            client.answer(slot, receipt: reference.lsn) {
                receipt(work.event(reference), replayed: false, to: &$0)
            }
        }
    }

    /// The receipt that an event makes, now or whenever it is read again. `passportName`: what the event has sealed,
    /// for who has just sent it.
    func receipt(
        _ event: Event, replayed: Bool, secret: [UInt8]? = nil, passportName: [UInt8]? = nil,
        to writer: inout RESPWriter
    ) {
        // Most receipts show a user's id and nothing else: looked up without a way around.
        var names = ReceiptNames(user: event.user == .none ? ShortText() : engine.reads.userID(event.user))
        if let passportName {
            names.passport = passportName
        } else if ReceiptNames.needsTexts(event) {
            names = ReceiptNames(of: event, from: engine)
        }
        encoder.receipt(event, replayed: replayed, names: names, secret: secret, to: &writer)
    }

    /// What DRYRUN found.
    func dryRun(_ it: DryRun, to writer: inout RESPWriter) {
        encoder.dryRun(it, to: &writer) { event, replayed, writer in
            guard !replayed, let tried = it.tried, let answer = tried.answer else {
                return receipt(event, replayed: replayed, to: &writer)
            }
            var names = ReceiptNames(user: answer.user)
            if ReceiptNames.needsEmail(event) {
                let email = engine.reads.email(event.user)
                names.email = tried.email ?? (email.isEmpty ? nil : email)
            }
            names.passport = tried.name
            names.name = tried.name ?? tried.email
            encoder.receipt(event, replayed: false, names: names, secret: Self.notMade, to: &writer)
        }
    }

    /// In the place of a secret that nobody has.
    private static let notMade = Array("(not made)".utf8)

    // MARK: Tables

    private func answer(_ client: Client, _ slot: UInt64, _ item: WorkItem, _ result: QueryResult) {
        if case .query(.hold(let hold)) = item, let step = engine.lookUp(hold, result) {
            if case .hold = result, let refusal = refusal(client, slot, engine.owner(of: result)) {
                return refuse(client, slot, refusal)
            }
            return perform(step, for: client, slot: slot)
        }
        if let refusal = refusal(client, slot, engine.owner(of: result)) { return refuse(client, slot, refusal) }
        if case .closedSession(let lsn) = result {
            return perform(engine.lookUp(closedSession: lsn), for: client, slot: slot)
        }
        if case .priceBooks(let rows) = result, let step = engine.lookUp(prices: rows) {
            return perform(step, for: client, slot: slot)
        }
        client.answer(slot) { encoder.result(result, open: { engine.clearText($0, of: $1) }, to: &$0) }
    }

    /// What of somebody else's a passport of scope `own` has just asked to see.
    func refusal(_ client: Client, _ slot: UInt64, _ owner: Authorization.Owner) -> CommandError? {
        let slot = client.pipeline[slot]
        guard slot.ownRowsOnly, let rights = ownRights(of: client) else { return nil }
        return Authorization.refusal(slot.command, rights, owner: owner)
    }

    /// The hold that a command is about.
    private func hold(_ client: Client, _ slot: UInt64) -> HoldID? {
        guard case .hold(let hold) = client.pipeline[slot].detail else { return nil }
        return hold
    }

    // MARK: INFO

    private func answer(_ client: Client, _ slot: UInt64, _ info: EngineInfo) {
        if client.pipeline[slot].command == .dbsize {
            let users = info.counts.first { $0.name == "users" }?.count ?? 0
            return client.answer(slot) { $0.integer(users) }
        }
        var sections: [String] = []
        if case .sections(let named) = client.pipeline[slot].detail { sections = named }
        let all = InfoReply.sections(info, figures)
        client.answer(slot) { InfoReply.write(all, wanted: sections, to: &$0) }
    }

    /// What INFO says of the process and its clients.
    private var figures: ServerFigures {
        var it = ServerFigures()
        it.version = encoder.version
        it.process = getpid()
        it.port = counters.port.load(ordering: .relaxed)
        it.eventLoops = configuration.eventLoops
        it.clients = counters.clients.load(ordering: .relaxed)
        it.maxClients = configuration.maxClients
        it.opened = counters.clientsOpened.load(ordering: .relaxed)
        it.refused = counters.clientsRefused.load(ordering: .relaxed)
        it.dropped = counters.clientsDropped.load(ordering: .relaxed)
        it.authenticationFailures = counters.authFailures.load(ordering: .relaxed)
        it.requests = counters.commands.load(ordering: .relaxed)
        it.errors = counters.errors.load(ordering: .relaxed)
        it.bytesIn = counters.bytesIn.load(ordering: .relaxed)
        it.bytesOut = counters.bytesOut.load(ordering: .relaxed)
        it.answersWaiting = counters.answersWaiting.load(ordering: .relaxed)
        it.scripts = scripts.count
        (it.forks, it.forkBytes) = forks.used(for: .fork)
        it.heldForks = forks.held
        (it.pastLSN, it.pastBytes) = (past.past?.lsn ?? .none, forks.used(for: .past).bytes)
        it.busy = counters.commandsBusy.load(ordering: .relaxed)
        it.rejected = counters.rejected.withLock { counts in
            counts.map { (CommandTable.spec($0.key).name, $0.value) }
        }
        return it
    }
}
