internal import Glibc
internal import LedgerCore
internal import LedgerEngine
internal import LedgerProtocol
internal import Logging
internal import RESP
internal import Synchronization

/// From results to answers.
extension Dispatcher {
    /// Answers what the writer decided or read.
    func answer(_ client: Client, _ slot: UInt64, _ item: WorkItem, _ result: WorkResult) {
        switch result {
        case .outcome(.accepted(let event)):
            var secret: [UInt8]?
            if case .command(_, let minted?) = item { secret = minted.bytes }
            receipt(client, slot, event, replayed: false, secret: secret)
        case .outcome(.rejected(.closed(.hold))): refuseHold(client, slot)
        case .outcome(.rejected(let rejection)): refuse(client, slot, rejection)
        case .outcome(.replayed(let lsn)):
            read(.replayed(lsn), for: client, slot: slot) { $0.answerReplay($1, $2, $3) }
        case .outcome(.recorded(let lsn, let arguments)):
            read(.recorded(lsn, arguments: arguments), for: client, slot: slot) { $0.answerReplay($1, $2, $3) }
        case .query(let result): answer(client, slot, item, result)
        case .verified(let result):
            var permission = Permissions()
            if case .permission(let needed) = client.pipeline[slot].detail { permission = needed }
            client.answer(slot) { verified(result, needing: permission, to: &$0) }
        case .quote(let quote, let user):
            guard case .quote(_, let tier, let duration) = item else {
                preconditionFailure("a quote answers what asked for none")
            }
            client.answer(slot) { encoder.quote(quote, user: user, tier: tier, duration: duration, to: &$0) }
        case .info(let info): answer(client, slot, info)
        case .refused: refuse(client, slot, CommandError.noPassport)
        case .barrier(let lsn): client.answer(slot) { $0.integer(Int64(lsn.value)) }
        case .unknownOutcome:
            // Whether it is on disk will be known after the restart. Nothing more can be asked until then.
            refuse(client, slot, CommandError.unknownOutcome)
            client.isClosing = true
        case .ruleMaterial, .storageSizes: preconditionFailure("only the engine itself asks for these")
        case .none: preconditionFailure("a completed batch lacks a result")
        }
    }

    private func receipt(
        _ client: Client, _ slot: UInt64, _ event: Event, replayed: Bool, secret: [UInt8]? = nil
    ) {
        var names = ReceiptNames(user: event.user == .none ? ShortText() : engine.reads.userID(event.user))
        if ReceiptNames.needsEmail(event) { names.email = email(of: event.user) }
        switch event.body {
        case .passportCreated(let it): names.passport = engine.clearText(it.name, of: event.user)
        case .userChanged(let it) where !it.name.isEmpty: names.name = engine.clearText(it.name, of: event.user)
        default: break
        }
        client.answer(slot) { encoder.receipt(event, replayed: replayed, names: names, secret: secret, to: &$0) }
    }

    private func email(of user: UserOrdinal) -> [UInt8]? {
        let email = engine.reads.email(user)
        return email.isEmpty ? nil : email
    }

    // MARK: Passports

    /// Answers PASSPORT VERIFY.
    func verified(_ result: VerifyResult, needing permission: Permissions, to writer: inout RESPWriter) {
        switch result {
        case .rejected(let rejection): reject(rejection, to: &writer)
        case .valid(let it):
            guard it.passport.permissions.isSuperset(of: permission) else {
                return encoder.error(.denied("the passport lacks the permission \(permission.text)"), to: &writer)
            }
            let user = engine.reads.userID(it.passport.user)
            engine.reads.email(it.passport.user).withUnsafeBytes {
                encoder.verify(it, user: user, email: $0, to: &writer)
            }
        }
    }

    // MARK: Tables

    private func answer(_ client: Client, _ slot: UInt64, _ item: WorkItem, _ result: QueryResult) {
        if case .rejected(.closed(.hold)) = result, case .query(.hold(let hold)) = item {
            // The tables have forgotten it; the journal knows what became of it, and whose it was.
            return read(.hold(hold), for: client, slot: slot) { $0.answer($1, $2, $3) }
        }
        if let refusal = refusal(client, slot, whose(result)) { return refuse(client, slot, refusal) }
        switch (result, client.pipeline[slot].command) {
        case (.closedSession(let lsn), _):
            read(.event(lsn), for: client, slot: slot) { dispatcher, client, slot, result in
                guard case .event(let event) = result else { return dispatcher.answer(client, slot, result) }
                if let refusal = dispatcher.refusal(client, slot, .user(event.user)) {
                    return dispatcher.refuse(client, slot, refusal)
                }
                let names = ReceiptNames(user: dispatcher.engine.reads.userID(event.user))
                client.answer(slot) { dispatcher.encoder.closedSession(event, names: names, to: &$0) }
            }
        case (.hold(let row), .holdGet):
            // What was held first is in the event that its id names.
            read(.event(row.id.lsn), for: client, slot: slot) { dispatcher, client, slot, result in
                guard case .event(let event) = result else { return dispatcher.answer(client, slot, result) }
                client.answer(slot) { dispatcher.encoder.openHold(row, placed: event, to: &$0) }
            }
        case (.user(let row), .creditBalance):
            let now = engine.now()
            client.answer(slot) { encoder.balance(row, at: now, to: &$0) }
        default:
            client.answer(slot) {
                encoder.result(result, open: { engine.clearText($0, of: $1) }, to: &$0)
            }
        }
    }

    private func whose(_ result: QueryResult) -> Authorization.Owner {
        switch result {
        case .session(let row): .user(row.user)
        case .hold(let row): engine.reads.user(engine.names.user(row.userID)).map { .user($0) } ?? .unknown
        case .closedSession: .undetermined
        case .rejected: .unknown
        default: .undetermined
        }
    }

    /// What of somebody else's a passport of scope `own` has just asked to see.
    private func refusal(_ client: Client, _ slot: UInt64, _ owner: Authorization.Owner) -> CommandError? {
        let slot = client.pipeline[slot]
        guard slot.ownRowsOnly, let rights = ownRights(of: client) else { return nil }
        return Authorization.refusal(slot.command, rights, owner: owner)
    }

    // MARK: The journal

    /// Answers what a reader thread found.
    func answer(_ client: Client, _ slot: UInt64, _ result: HistoryResult) {
        switch result {
        case .rejected(let rejection):
            if let refusal = refusal(client, slot, .unknown) { return refuse(client, slot, refusal) }
            refuse(client, slot, rejection)
        case .event(let event): receipt(client, slot, event, replayed: false)
        case .history(let rows, let next): client.answer(slot) { encoder.history(rows, next: next, to: &$0) }
        case .summary(let summary):
            let user = engine.reads.userID(summary.user)
            client.answer(slot) { encoder.summary(summary, user: user, to: &$0) }
        case .explanation(let explanation):
            if let refusal = refusal(client, slot, .user(explanation.event.user)) {
                return refuse(client, slot, refusal)
            }
            let user = engine.reads.userID(explanation.event.user)
            client.answer(slot) { encoder.explanation(explanation, user: user, to: &$0) }
        case .hold(let hold):
            if let refusal = refusal(client, slot, .user(hold.placed.user)) { return refuse(client, slot, refusal) }
            let user = engine.reads.userID(hold.placed.user)
            client.answer(slot) { encoder.closedHold(hold, user: user, to: &$0) }
        case .refund: preconditionFailure("the journal was read for a refund, and nobody took it to the writer")
        case .fault(let text):
            logger.error("the journal could not be read", metadata: ["error": "\(text)"])
            refuse(client, slot, CommandError.invalid("the journal could not be read; see the server's log"))
        }
    }

    /// Answers a command that was carried out before.
    private func answerReplay(_ client: Client, _ slot: UInt64, _ result: HistoryResult) {
        if case .rejected(.closed(.hold)) = result { return refuseHold(client, slot) }
        guard case .event(let event) = result else { return answer(client, slot, result) }
        receipt(client, slot, event, replayed: true)
    }

    /// The tables forget a hold with its end, so they call every id of the past closed: the journal knows which of them
    /// were holds.
    private func refuseHold(_ client: Client, _ slot: UInt64) {
        guard case .hold(let hold) = client.pipeline[slot].detail else {
            preconditionFailure("a hold was refused to a command about none")
        }
        read(.event(hold.lsn), for: client, slot: slot) { dispatcher, client, slot, result in
            guard case .event(let event) = result else { return dispatcher.answer(client, slot, result) }
            if case .holdPlaced = event.body { return dispatcher.refuse(client, slot, Rejection.closed(.hold)) }
            dispatcher.refuse(client, slot, Rejection.notFound(.hold))
        }
    }

    // MARK: INFO

    private func answer(_ client: Client, _ slot: UInt64, _ info: EngineInfo) {
        if client.pipeline[slot].command == .dbsize {
            let users = info.counts.first { $0.name == "users" }?.count ?? 0
            return client.answer(slot) { $0.integer(users) }
        }
        var sections: [String] = []
        if case .sections(let named) = client.pipeline[slot].detail { sections = named }
        let own = serverSections(info)
        client.answer(slot) { InfoReply.write(own + InfoReply.sections(info), wanted: sections, to: &$0) }
    }

    /// What INFO says of the process and its clients, in front of what the engine says of itself.
    private func serverSections(_ info: EngineInfo) -> [InfoReply.Section] {
        let uptime = max(0, (info.now - info.started).nanoseconds / 1_000_000_000)
        let own: (borrowing Atomic<UInt64>) -> String = { "\($0.load(ordering: .relaxed))" }
        return [
            InfoReply.Section(
                "Server",
                [
                    // For Redis clients that look at versions before they dare to ask.
                    ("redis_version", "7.0.0"), ("redis_mode", "standalone"), ("florin_version", encoder.version),
                    ("process_id", "\(getpid())"), ("tcp_port", "\(counters.port.load(ordering: .relaxed))"),
                    ("uptime_in_seconds", "\(uptime)"),
                    ("event_loops", "\(configuration.eventLoops)"), ("hz", "0"),
                ]),
            InfoReply.Section(
                "Clients",
                [
                    ("connected_clients", "\(counters.clients.load(ordering: .relaxed))"),
                    ("maxclients", "\(configuration.maxClients)"),
                    ("total_connections_received", own(counters.clientsOpened)),
                    ("rejected_connections", own(counters.clientsRefused)),
                    ("dropped_connections", own(counters.clientsDropped)),
                    ("authentication_failures", own(counters.authFailures)),
                    ("requests", own(counters.commands)), ("error_replies", own(counters.errors)),
                    ("total_net_input_bytes", own(counters.bytesIn)),
                    ("total_net_output_bytes", own(counters.bytesOut)),
                ]),
        ]
    }
}
