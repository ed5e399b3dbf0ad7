internal import LedgerCommands
internal import LedgerCore
package import LedgerEngine
internal import LedgerScript
package import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
package import RESP

/// An engine in this process as a place to send commands to: for the prompt and the importer on a data directory. The
/// same dispatcher as behind a socket, without the socket.
///
/// The holder of the directory needs no passport: its commands are the engine's own (`PassportOrdinal.none` in the
/// journal).
package final class EmbeddedPort: CommandPort {
    private let group: MultiThreadedEventLoopGroup
    private let eventLoop: any EventLoop
    private let connection: NIOLoopBound<EmbeddedConnection>
    private let feeds: Feeds
    private let past: PastDesk

    /// `room`: for the forks that are made by way of it, and for its past; nil: its own. `scriptMilliseconds`: how long
    /// a script may run; nil: as a server has it.
    package init(
        engine: Engine, version: String, logger: Logger, room: ForkRoom? = nil, scriptMilliseconds: Int? = nil
    ) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        eventLoop = loop
        let feeds = Feeds(engine: engine, version: version, logger: logger)
        self.feeds = feeds
        let forks = room ?? ForkRoom(memory: ServerConfiguration().forkMemory)
        let past = PastDesk(of: engine, in: forks, seconds: ServerConfiguration().pastSeconds, version, logger)
        self.past = past
        connection = try await loop.submit {
            var configuration = ServerConfiguration()
            configuration.eventLoops = 1
            // Answers go to the caller at once: nobody is slow here.
            configuration.pipelineBytes = .max
            configuration.answerLimit = .max
            configuration.answerLimitOverAll = .max
            let dispatcher = Dispatcher(
                engine: engine, configuration: configuration, counters: ServerCounters(),
                scripts: ScriptHost(
                    budget: ScriptBudget(milliseconds: scriptMilliseconds ?? configuration.scriptMilliseconds)),
                forks: forks, past: past, version: version,
                logger: logger, eventLoop: loop, feeds: feeds, requestStop: {})
            return NIOLoopBound(EmbeddedConnection(dispatcher), eventLoop: loop)
        }.get()
    }

    /// Ends the port's thread; what was sent is answered first. The engine is not stopped.
    package func close() async {
        try? await eventLoop.submit { [connection] in connection.value.end() }.get()
        try? await group.shutdownGracefully()
        feeds.tails.stop()
        await past.close()
    }

    /// Throws ``EmbeddedPortError`` when the client was closed (SHUTDOWN, QUIT).
    package func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        guard !commands.isEmpty else { return [] }
        return try await begin(commands, asBytes: false)().values
    }

    package func post(_ commands: EncodedCommands) -> PostedCommands {
        guard commands.count > 0 else { return PostedCommands { [] } }
        let answers = begin(commands.words, asBytes: true)
        return PostedCommands { try await answers().bytes }
    }

    private func begin(
        _ commands: [[[UInt8]]], asBytes: Bool
    ) -> @Sendable () async throws -> EmbeddedConnection.Answers {
        let outcome = NIOLockedValueBox<Result<EmbeddedConnection.Answers, any Error>?>(nil)
        let ended = eventLoop.makePromise(of: Void.self)
        eventLoop.execute { [connection] in
            connection.value.send(commands, asBytes: asBytes) { result in
                outcome.withLockedValue { $0 = result }
                ended.succeed()
            }
        }
        return {
            // The outcome goes through a lock, though the promise could carry it: ThreadSanitizer sees the one, not
            // always the other.
            try await ended.futureResult.get()
            return try outcome.withLockedValue { $0! }.get()
        }
    }
}

package struct EmbeddedPortError: Error, CustomStringConvertible {
    package let description: String
}

/// The one client of the port, and the calls it works for. Belongs to its event loop.
private final class EmbeddedConnection: Transport {
    /// In one of two forms, which the caller chose.
    struct Answers: Sendable {
        var values: [RESPValue] = []
        var bytes: [UInt8] = []
    }

    private struct Call {
        var missing: Int
        let asBytes: Bool
        var answers = Answers()
        let done: (Result<Answers, any Error>) -> Void
    }

    private let client: Client
    private let dispatcher: Dispatcher
    private var calls = CircularBuffer<Call>()
    /// Commands not begun yet.
    private var commands = CircularBuffer<[[UInt8]]>()
    private var parser = ReplyParser()
    private var framer = ReplyFramer()

    init(_ dispatcher: Dispatcher) {
        self.dispatcher = dispatcher
        client = Client(number: 1, address: "embedded", localAddress: "embedded", standing: .owner)
        client.version = .v3
        client.transport = self
        dispatcher.add(client)
    }

    func send(_ commands: [[[UInt8]]], asBytes: Bool, _ done: @escaping (Result<Answers, any Error>) -> Void) {
        guard !client.isClosed else { return done(.failure(EmbeddedPortError(description: "the ledger was closed"))) }
        calls.append(Call(missing: commands.count, asBytes: asBytes, done: done))
        self.commands.append(contentsOf: commands)
        resume()
    }

    /// Nobody asks any more.
    func end() {
        dispatcher.retire()
        dispatcher.remove(client)
    }

    func resume() {
        guard !client.isClosed, !commands.isEmpty else { return }
        dispatcher.turn(of: client) {
            let now = dispatcher.engine.now()
            var performed = 0
            while !commands.isEmpty, dispatcher.admits(client) == .perform {
                let words = commands.removeFirst()
                if words.isEmpty {
                    client.answer { $0.error("ERR empty command") }
                } else {
                    Words.with(words) { dispatcher.perform($0, for: client, at: now) }
                }
                performed += 1
            }
            return performed
        }
    }

    func flush() {
        let bytes = client.output.bytes
        client.output.removeAll()
        bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                do throws(ReplyError) {
                    offset += try deliver(from: UnsafeRawBufferPointer(rebasing: bytes[offset...]))
                } catch {
                    preconditionFailure("an answer of our own is malformed: \(error)")
                }
            }
        }
    }

    func close() {
        guard !client.isClosed else { return }
        dispatcher.remove(client)
        for call in calls {
            call.done(.failure(EmbeddedPortError(description: "the ledger was closed before all was answered")))
        }
        calls.removeAll()
        commands.removeAll()
    }

    func measure() {}

    func abort() { close() }

    func drop(_ reason: String, tell text: String?) { close() }

    /// Gives the first call the answer that the bytes begin with, and answers how long it is.
    private func deliver(from bytes: UnsafeRawBufferPointer) throws(ReplyError) -> Int {
        var length = 0
        var value: RESPValue?
        let asBytes = calls.first?.asBytes == true
        if asBytes {
            length = try framer.length(of: bytes) ?? 0
        } else {
            value = try parser.next(in: bytes, consumed: &length)
        }
        guard asBytes ? length > 0 : value != nil else {
            preconditionFailure("output ends in the middle of an answer")
        }
        // In place: a copy for each answer would make a long call's cost grow with its square.
        calls.modify(calls.startIndex) {
            if let value {
                $0.answers.values.append(value)
            } else {
                $0.answers.bytes.append(contentsOf: bytes[..<length])
            }
            $0.missing -= 1
        }
        if let first = calls.first, first.missing == 0 { calls.removeFirst().done(.success(first.answers)) }
        return length
    }
}
