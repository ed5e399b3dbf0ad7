internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import Logging
internal import NIOCore
internal import RESP
internal import Synchronization

/// What is about the connection itself, or the server.
extension Dispatcher {
    // MARK: The connection

    func perform(_ command: ConnectionCommand, for client: Client) {
        switch command {
        case .auth(let secret):
            if let error = authenticate(client, secret) { return refuse(client, error) }
            client.answer { $0.ok() }
        case .hello(let version, let secret, let name):
            if let secret, let error = authenticate(client, secret) { return refuse(client, error) }
            if client.isStranger { return refuse(client, .noPassport) }
            if let version, let spoken = RESPVersion(rawValue: version) {
                // What is pushed are no answers, and nobody could tell them apart.
                if spoken == .v2, client.version == .v3, client.following != nil { endFollowing(client) }
                client.version = spoken
            }
            if let name { client.name = name }
            let reply = describe(client)
            client.answer { encoder.hello(reply, to: &$0) }
        case .quit:
            client.state.finish()
            client.answer { $0.ok() }
        case .reset:
            endFollowing(client)
            forget(client)
            client.version = .v2
            client.name = ShortText()
            client.transaction.end()
            client.dropForks()
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
            client.endTransactions()
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
    func failedAuthentication(_ client: Client, _ passport: String) {
        counters.authFailures.add(1, ordering: .relaxed)
        client.failures += 1
        if client.failures >= configuration.authAttempts { client.state.finish() }
        notices.note("authentication failed", client, ["passport": "\(passport)"])
    }

    func describe(_ client: Client) -> ClientReply {
        var user = ShortText()
        if case .passport(let ordinal) = client.standing, let view = engine.reads.passport(ordinal) {
            user = engine.reads.userID(view.user)
        }
        return client.describe(user: user)
    }

    // MARK: The server

    func perform(_ command: ServerCommand, _ parsed: ParsedCommand, for client: Client) {
        switch command {
        case .time:
            let now = engine.now()
            client.answer { encoder.time(now, to: &$0) }
        case .info, .databaseSize: ask(.info, parsed, for: client)
        case .clock: ask(.clock, parsed, for: client)
        case .clockSet(let time, let downFrom): enqueue(parsed, for: client, .clockSet(time, downFrom: downFrom))
        case .slowlogGet(let count):
            let entries = engine.slowLog.entries(count)
            client.answer { encoder.slowlog(entries, to: &$0) }
        case .slowlogLength:
            let count = engine.slowLog.count
            client.answer { $0.integer(count) }
        case .slowlogReset:
            engine.slowLog.reset()
            client.answer { $0.ok() }
        case .latencyLatest:
            let latest = engine.latencies.latest
            client.answer { encoder.latencies(latest, to: &$0) }
        case .latencyRecent(let count):
            let recent = engine.latencies.recent(count)
            client.answer { encoder.latencies(recent, to: &$0) }
        case .snapshot: snapshot(parsed, for: client)
        case .wait(let lsn, let timeout): wait(parsed, lsn, timeout, for: client)
        case .shutdown:
            logger.notice("stopping: SHUTDOWN", metadata: ["client": "\(client.address)"])
            client.state.finish()
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
        // By number: a wait must not keep alive a client that has gone.
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
            if client.state.inputHasEnded { inputEnded(of: client) }
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
