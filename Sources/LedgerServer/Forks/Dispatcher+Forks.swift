internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import LedgerScript
internal import NIOCore
internal import RESP
internal import Synchronization

/// Other worlds: made, asked and ended on threads of their own, in the order in which their connection asks.
extension Dispatcher {
    func perform(_ command: ForkCommand, _ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        if client.state.inputHasEnded { limitForks(of: client, to: configuration.drainSeconds) }
        switch command {
        case .list:
            let forks = client.forks.values.map(\.open).sorted { $0.name.string < $1.name.string }
            client.answer { encoder.forks(forks.map { ($0.name, $0.fork) }, to: &$0) }
        case .new(let name): try fork(name, parsed, for: client)
        case .drop(let name):
            try named(name, client).drop()
            client.forks[name] = nil
            client.answer { $0.ok() }
        case .run(let name, let words): try run(words, in: try named(name, client), parsed, for: client)
        case .advance(let name, let span): try advance(try named(name, client), by: span, parsed, for: client)
        case .advanceTo(let name, let time):
            let fork = try named(name, client)
            guard time > fork.fork.now else {
                throw .invalid("the fork is at \(fork.fork.now) already, and its time only rises")
            }
            try advance(fork, by: time - fork.fork.now, parsed, for: client)
        case .difference(let name, let count):
            let fork = try named(name, client)
            aside(parsed, for: client) {
                try await onThread("fork-diff") { Result { () throws in try fork.fork.difference(count: count) } }.get()
            } then: { dispatcher, client, slot, found in
                client.answer(slot) { dispatcher.encoder.difference(found, name: fork.name, fork.fork, to: &$0) }
            }
        }
    }

    private func named(_ name: ShortText, _ client: Client) throws(CommandError) -> OpenFork {
        guard let fork = client.forks[name] else {
            let names = client.forks.keys.map(\.string).sorted().joined(separator: ", ")
            let known = names.isEmpty ? "FORK NEW makes one" : "there is \(names)"
            throw .invalid("this connection has no fork '\(name)': \(known)")
        }
        return fork.open
    }

    private func fork(_ name: ShortText, _ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        guard client.forks[name] == nil else { throw .invalid("this connection has a fork '\(name)' already") }
        let (engine, room, past, version, logger) = (engine, forks, past, encoder.version, logger)
        let scriptMilliseconds = scripts.budget.milliseconds
        let holder = ForkRoom.Holder(
            name: name, client: client.number, address: client.address, user: describe(client).user)
        let began = NIODeadline.now()
        aside(parsed, for: client) {
            try await OpenFork.open(
                for: holder, of: engine, in: room, insteadOf: past, scriptMilliseconds: scriptMilliseconds,
                version: version, logger: logger)
        } orGone: {
            $0.drop()
        } then: { dispatcher, client, slot, fork in
            client.forks[name] = HeldFork(open: fork)
            let seconds = (NIODeadline.now() - began).nanoseconds
            client.answer(slot) {
                dispatcher.encoder.fork(name, fork.fork, took: TimeSpan(nanoseconds: seconds), to: &$0)
            }
        }
    }

    // MARK: Asking one

    private func run(
        _ words: [[UInt8]], in fork: OpenFork, _ parsed: ParsedCommand, for client: Client
    ) throws(CommandError) {
        let id: CommandID
        do throws(CommandError) { id = try mayRun(words, client) } catch {
            // It does not come as far as the transaction that is open there.
            if client.forks[fork.name]?.isAborted != nil { client.forks[fork.name]?.isAborted = true }
            throw error
        }
        if id == .exec, client.forks[fork.name]?.isAborted == true {
            client.forks[fork.name]?.isAborted = nil
            return aside(parsed, for: client) {
                _ = try await fork.call([Array("DISCARD".utf8)])
            } then: { dispatcher, client, slot, _ in
                dispatcher.refuse(client, slot, as: "EXECABORT Transaction discarded because of previous errors.")
            }
        }
        if id == .multi, client.forks[fork.name]?.isAborted == nil { client.forks[fork.name]?.isAborted = false }
        if id == .exec || id == .discard { client.forks[fork.name]?.isAborted = nil }
        aside(parsed, for: client) {
            try await fork.call(words)
        } then: { dispatcher, client, slot, value in
            if value.error != nil { dispatcher.counters.errors.add(1, ordering: .relaxed) }
            client.answer(slot) { $0.value(value) }
        }
    }

    /// The command that the words mean, if it may be carried out in a fork. In it the client is the ledger's owner:
    /// what it may not ask here it may not ask there, whatever stands around it (AT, DRYRUN).
    private func mayRun(_ words: [[UInt8]], _ client: Client) throws(CommandError) -> CommandID {
        try Words.with(words) { (words) throws(CommandError) -> CommandID in
            guard words.count > 0 else { throw .invalid("FORK RUN takes a command") }
            let id = try CommandTable.find(words)
            guard CommandTable.spec(id).runsInForks else {
                throw .invalid("\(CommandTable.spec(id).name) cannot be run in a fork")
            }
            guard case .passport(let passport) = client.standing else { return id }
            guard var rights = client.rights ?? self.rights(of: passport, at: engine.now()) else { throw .noPassport }
            rights.requiresKeys = false
            if let refusal = Authorization.mayAsk(id, rights) { throw refusal }
            context.actor = passport
            try mayName(try CommandParser.parse(id, words, context), rights)
            guard id != .eval && id != .evalSHA || rights.permissions == .all else {
                throw .denied("a script in a fork may ask anything: that takes a passport with every permission")
            }
            return id
        }
    }

    // MARK: Time

    private func advance(
        _ fork: OpenFork, by span: TimeSpan, _ parsed: ParsedCommand, for client: Client
    ) throws(CommandError) {
        aside(parsed, for: client) {
            try await onThread("fork-time") { Result { () throws in try fork.advance(by: span) } }.get()
        } then: { dispatcher, client, slot, _ in
            client.answer(slot) { dispatcher.encoder.advanced(fork.name, fork.fork, to: &$0) }
        }
    }

    /// What goes on in a client's forks is over after so many seconds.
    func limitForks(of client: Client, to seconds: Int64) {
        guard !client.forks.isEmpty else { return }
        // By number: this must not keep alive a client that has gone.
        let number = client.number
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .seconds(seconds)) {
            bound.value.client(number)?.interruptForks("nothing more came from the connection")
        }
    }

    /// Does something elsewhere, and answers on this loop; `orGone`: the client has gone meanwhile.
    func aside<T: Sendable>(
        _ parsed: ParsedCommand, for client: Client, _ body: @escaping @Sendable () async throws -> T,
        orGone: @escaping (T) -> Void = { _ in },
        then: @escaping (Dispatcher, Client, UInt64, T) -> Void
    ) {
        let slot = begin(parsed, for: client)
        let bound = NIOLoopBound((dispatcher: self, client: client, then: then, orGone: orGone), eventLoop: eventLoop)
        Task { [eventLoop] in
            let result: Result<T, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            eventLoop.execute {
                let (dispatcher, client, then, orGone) = bound.value
                switch result {
                case .success(let value) where client.isClosed: return orGone(value)
                case .success(let value): then(dispatcher, client, slot, value)
                case .failure(let error): dispatcher.refuse(client, slot, CommandError.invalid("\(error)"))
                }
                dispatcher.settleLater(client)
            }
        }
    }
}

extension CommandSpec {
    /// What is about a connection, a server or a fork is none of a fork's business.
    fileprivate var runsInForks: Bool {
        if id == .clockSet || id == .snapshot || id == .shutdown || group == .fork { return false }
        return lane != .identity && lane != .connection || [.ping, .echo, .multi, .discard, .unwatch].contains(id)
    }
}
