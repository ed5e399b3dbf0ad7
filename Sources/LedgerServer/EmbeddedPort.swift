internal import LedgerCommands
internal import LedgerCore
package import LedgerEngine
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

    package init(engine: Engine, version: String, logger: Logger) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        eventLoop = loop
        connection = try await loop.submit {
            var configuration = ServerConfiguration()
            configuration.eventLoops = 1
            // Answers go to the caller at once: nobody is slow here.
            configuration.pipelineBytes = .max
            configuration.answerLimit = .max
            configuration.answerLimitOverAll = .max
            let dispatcher = Dispatcher(
                engine: engine, configuration: configuration, counters: ServerCounters(), version: version,
                logger: logger, eventLoop: loop, requestStop: {})
            return NIOLoopBound(EmbeddedConnection(dispatcher), eventLoop: loop)
        }.get()
    }

    /// Ends the port's thread; what was sent is answered first. The engine is not stopped.
    package func close() async { try? await group.shutdownGracefully() }

    /// Throws ``EmbeddedPortError`` when the client was closed (SHUTDOWN, QUIT).
    package func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        guard !commands.isEmpty else { return [] }
        // Through a lock, though the continuation could carry it: ThreadSanitizer sees the one, not always the other.
        let outcome = NIOLockedValueBox<Result<[RESPValue], any Error>?>(nil)
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            eventLoop.execute { [connection] in
                connection.value.send(commands) { result in
                    outcome.withLockedValue { $0 = result }
                    done.resume()
                }
            }
        }
        return try outcome.withLockedValue { $0! }.get()
    }
}

package struct EmbeddedPortError: Error, CustomStringConvertible {
    package let description: String
}

/// The one client of the port, and the calls it works for. Belongs to its event loop.
private final class EmbeddedConnection: Transport {
    private struct Call {
        var answers: [RESPValue] = []
        let count: Int
        let done: (Result<[RESPValue], any Error>) -> Void
    }

    private let client: Client
    private let dispatcher: Dispatcher
    private var calls = CircularBuffer<Call>()
    /// Commands not begun yet.
    private var commands = CircularBuffer<[[UInt8]]>()
    private var parser = ReplyParser()

    init(_ dispatcher: Dispatcher) {
        self.dispatcher = dispatcher
        client = Client(number: 1, address: "embedded", localAddress: "embedded", standing: .owner)
        client.version = .v3
        client.transport = self
        dispatcher.add(client)
    }

    func send(_ commands: [[[UInt8]]], _ done: @escaping (Result<[RESPValue], any Error>) -> Void) {
        guard !client.isClosed else { return done(.failure(EmbeddedPortError(description: "the ledger was closed"))) }
        calls.append(Call(count: commands.count, done: done))
        self.commands.append(contentsOf: commands)
        resume()
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
                var used = 0
                do throws(ReplyError) {
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                    guard let value = try parser.next(in: rest, consumed: &used) else {
                        preconditionFailure("output ends in the middle of an answer")
                    }
                    offset += used
                    deliver(value)
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

    private func deliver(_ value: RESPValue) {
        // In place: a copy for each answer would make a long call's cost grow with its square.
        calls.modify(calls.startIndex) { $0.answers.append(value) }
        guard let first = calls.first, first.answers.count == first.count else { return }
        let call = calls.removeFirst()
        call.done(.success(call.answers))
    }
}
