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
        switch command {
        case .list:
            let forks = client.forks.values.sorted { $0.name.string < $1.name.string }
            client.answer { encoder.forks(forks.map { ($0.name, $0.fork) }, to: &$0) }
        case .new(let name): try fork(name, parsed, for: client)
        case .drop(let name):
            try named(name, client).drop()
            client.forks[name] = nil
            client.answer { $0.ok() }
        case .run(let name, let words):
            let fork = try named(name, client)
            try Words.with(words) { (words) throws(CommandError) in
                guard words.count > 0 else { throw .invalid("FORK RUN takes a command") }
                let id = try CommandTable.find(words)
                guard CommandTable.spec(id).runsInForks else {
                    throw .invalid("\(CommandTable.spec(id).name) cannot be run in a fork")
                }
                try mayAskInFork(id, client)
            }
            aside(parsed, for: client) {
                try await fork.call(words)
            } then: { dispatcher, client, slot, value in
                if value.error != nil { dispatcher.counters.errors.add(1, ordering: .relaxed) }
                client.answer(slot) { $0.value(value) }
            }
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

    /// In it the client is the ledger's owner; what it may not ask here it may not ask there.
    private func mayAskInFork(_ id: CommandID, _ client: Client) throws(CommandError) {
        guard case .passport = client.standing else { return }
        if let refusal = Authorization.mayAsk(id, client.rights) { throw refusal }
        guard CommandTable.lane(id) != .program || client.rights?.permissions == .all else {
            throw .denied("a script in a fork may ask anything: that takes a passport with every permission")
        }
    }

    private func named(_ name: ShortText, _ client: Client) throws(CommandError) -> OpenFork {
        guard let fork = client.forks[name] else {
            let names = client.forks.keys.map(\.string).sorted().joined(separator: ", ")
            let known = names.isEmpty ? "FORK NEW makes one" : "there is \(names)"
            throw .invalid("this connection has no fork '\(name)': \(known)")
        }
        return fork
    }

    private func fork(_ name: ShortText, _ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        guard client.forks[name] == nil else { throw .invalid("this connection has a fork '\(name)' already") }
        let (engine, room, past, version, logger) = (engine, forks, past, encoder.version, logger)
        let scriptMilliseconds = scripts.budget.milliseconds
        let began = NIODeadline.now()
        aside(parsed, for: client) {
            try await OpenFork.open(
                name, of: engine, in: room, insteadOf: past, scriptMilliseconds: scriptMilliseconds,
                version: version, logger: logger)
        } orGone: {
            $0.drop()
        } then: { dispatcher, client, slot, fork in
            client.forks[name] = fork
            let seconds = (NIODeadline.now() - began).nanoseconds
            client.answer(slot) {
                dispatcher.encoder.fork(name, fork.fork, took: TimeSpan(nanoseconds: seconds), to: &$0)
            }
        }
    }

    private func advance(
        _ fork: OpenFork, by span: TimeSpan, _ parsed: ParsedCommand, for client: Client
    ) throws(CommandError) {
        aside(parsed, for: client) {
            try await onThread("fork-time") {
                Result { () throws in try fork.fork.advance(to: fork.fork.now + span) }
            }.get()
        } then: { dispatcher, client, slot, _ in
            client.answer(slot) { dispatcher.encoder.advanced(fork.name, fork.fork, to: &$0) }
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
        return lane != .identity && lane != .connection || id == .ping || id == .echo
    }
}
