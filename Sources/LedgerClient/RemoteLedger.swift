internal import NIOConcurrencyHelpers
internal import NIOCore
package import NIOPosix
package import RESP

/// A connection to a Florin server (or to anything that speaks RESP3).
///
/// Any number of tasks may send at once; commands go out in the order in which the calls arrive at the connection,
/// and every call gets its own answers. Nothing is queued beyond what callers have handed in and wait for, so they
/// bound the memory: some thousand commands under way saturate a server. One hop to the event loop per call, not per
/// command.
package final class RemoteLedger: CommandPort {
    /// `host:port`, for people.
    package let peer: String

    private let channel: any Channel
    private let replies: NIOLoopBound<ReplyHandler>

    private init(peer: String, channel: any Channel, replies: NIOLoopBound<ReplyHandler>) {
        self.peer = peer
        self.channel = channel
        self.replies = replies
    }

    deinit { channel.close(mode: .all, promise: nil) }

    /// Connects, asks for RESP3 and shows the passport, if there is one. Gives up after `timeoutSeconds`, separately
    /// for the connection and for the greeting.
    package static func connect(
        host: String, port: Int, passport: String? = nil, timeoutSeconds: Int64 = 5,
        group: MultiThreadedEventLoopGroup = .singleton
    ) async throws(ClientError) -> RemoteLedger {
        let peer = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        let channel: any Channel
        let replies: NIOLoopBound<ReplyHandler>
        do {
            (channel, replies) = try await ClientBootstrap(group: group)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connectTimeout(.seconds(timeoutSeconds))
                .connect(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = ReplyHandler(peer: peer)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
                    }
                }
        } catch {
            throw .cannotConnect(peer: peer, reason: reason(of: error))
        }
        let ledger = RemoteLedger(peer: peer, channel: channel, replies: replies)
        try await ledger.greet(passport: passport, timeoutSeconds: timeoutSeconds)
        return ledger
    }

    private func greet(passport: String?, timeoutSeconds: Int64) async throws(ClientError) {
        let timeout = channel.eventLoop.scheduleTask(in: .seconds(timeoutSeconds)) { [replies] in
            replies.value.fail("no answer within \(timeoutSeconds) s")
        }
        defer { timeout.cancel() }
        let words = ["HELLO", "3"] + (passport.map { ["AUTH", "default", $0] } ?? [])
        let answer: RESPValue
        do {
            answer = try await send([words.map { Array($0.utf8) }])[0]
        } catch {
            switch error {
            case .connectionLost(_, _, _, let reason), .notConnected(_, let reason):
                throw refusal(RESPError(parsing: reason))
            case .cannotConnect, .passportRefused, .turnedAway, .notALedger, .cancelled: throw error
            }
        }
        guard let rejection = answer.error else { return }
        channel.close(mode: .all, promise: nil)
        throw refusal(rejection)
    }

    /// What the greeting was answered with, or what a server said while it hung up.
    private func refusal(_ error: RESPError) -> ClientError {
        switch error.code {
        case "WRONGPASS", "NOAUTH", "NOPERM": .passportRefused(peer: peer, error)
        case "LOADING": .turnedAway(peer: peer, error)
        case "ERR" where error.text.contains("max number of clients"): .turnedAway(peer: peer, error)
        default: .notALedger(peer: peer, reason: error.text)
        }
    }

    /// See ``CommandPort``. Throws ``ClientError`` and nothing else. When the task is cancelled the call ends at once
    /// with `cancelled`; the connection stays usable.
    package func send(_ commands: [[[UInt8]]]) async throws(ClientError) -> [RESPValue] {
        guard !commands.isEmpty else { return [] }
        var writer = RESPWriter(capacity: commands.reduce(0) { $0 + $1.reduce(16) { $0 + $1.count + 8 } })
        for command in commands { writer.command(command) }
        let encoded = EncodedCommands(bytes: writer.bytes, count: commands.count)
        let call = Call(on: channel.eventLoop)
        return try await answers(to: call) { submit(encoded, call, asBytes: false) }.values
    }

    /// See ``CommandPort``. The answers throw what `send` throws, and cancelling who waits for them ends them likewise.
    package func post(_ commands: EncodedCommands) -> PostedCommands {
        guard commands.count > 0 else { return PostedCommands { [] } }
        let call = Call(on: channel.eventLoop)
        submit(commands, call, asBytes: true)
        return PostedCommands { [self] in try await answers(to: call) {}.bytes }
    }

    /// A call under way, between the event loop that ends it and the task that waits for it.
    private struct Call {
        let cancellation = Cancellation()
        let ended: EventLoopPromise<Void>
        /// Through a lock, though the promise could carry it: ThreadSanitizer sees the one, not always the other.
        let outcome = NIOLockedValueBox<Batch.Outcome?>(nil)

        init(on eventLoop: any EventLoop) { ended = eventLoop.makePromise() }
    }

    private func submit(_ commands: EncodedCommands, _ call: Call, asBytes: Bool) {
        let bytes = channel.allocator.buffer(bytes: commands.bytes)
        channel.eventLoop.execute { [replies] in
            let batch = Batch(count: commands.count, asBytes: asBytes, cancellation: call.cancellation) { result in
                call.outcome.withLockedValue { $0 = result }
                call.ended.succeed()
            }
            replies.value.submit(bytes, batch)
        }
    }

    private func answers(to call: Call, after begin: () -> Void) async throws(ClientError) -> Batch.Answers {
        await withTaskCancellationHandler {
            begin()
            try? await call.ended.futureResult.get()  // never fails
        } onCancel: {
            call.cancellation.request()
            channel.eventLoop.execute { [replies] in replies.value.abandon(call.cancellation) }
        }
        return try call.outcome.withLockedValue { $0! }.get()
    }

    /// Lines that wait for who shows them; beyond that they are only counted.
    private static let mostLines = 4096

    /// Asks for MONITOR and hands on each line as it comes, until the task is cancelled or the connection ends. The
    /// connection is for nothing else from then on. Where lines come faster than `each` takes them, some are left out,
    /// and a line says how many. Throws ``ClientError``, and `RESPError` where it is refused.
    package func monitor(_ each: (String) -> Void) async throws {
        let (lines, line) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingOldest(Self.mostLines))
        let missed = NIOLockedValueBox(0)
        channel.eventLoop.execute { [replies] in
            replies.value.takeUnasked { value in
                guard let text = value.string else { return }
                if case .dropped = line.yield(text) { missed.withLockedValue { $0 += 1 } }
            } end: {
                line.finish()
            }
        }
        if let error = try await send([[Array("MONITOR".utf8)]])[0].error { throw error }
        for await text in lines {
            each(text)
            let count = missed.withLockedValue { count in
                defer { count = 0 }
                return count
            }
            if count > 0 { each("(\(count) commands are not shown: they come faster than they are shown)") }
        }
    }

    /// Lets what is under way be answered, for at most `timeoutSeconds`, then closes. Later calls of `send` throw
    /// `notConnected`. Closing twice does no harm.
    package func close(timeoutSeconds: Int64 = 5) async {
        channel.eventLoop.execute { [replies, eventLoop = channel.eventLoop] in
            let timeout = eventLoop.scheduleTask(in: .seconds(timeoutSeconds)) {
                replies.value.fail("closed while answers were missing")
            }
            replies.value.finish()
            replies.value.onInactive { timeout.cancel() }
        }
        try? await channel.closeFuture.get()
    }

    private static func reason(of error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let cause = error.connectionErrors.first?.error { return reason(of: cause) }
            return "the name cannot be resolved"
        case let error as IOError: return text(ofErrno: error.errnoCode)
        case ChannelError.connectTimeout: return "no answer in time"
        case is SocketAddressError: return "the name cannot be resolved"
        default: return "\(error)"
        }
    }
}
