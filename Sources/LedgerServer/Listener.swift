internal import LedgerCommands
internal import LedgerEngine
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The port, and the event loops behind it. Bound first, so that a port that cannot be had costs nothing else; until
/// there is a ledger behind it, a client that connects is told `-LOADING` and let go. Then each event loop has a
/// ``Dispatcher``.
final class Listener: Sendable {
    private typealias Dispatchers = [ObjectIdentifier: (loop: any EventLoop, dispatcher: NIOLoopBound<Dispatcher>)]

    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    /// By event loop; empty while the ledger is being opened.
    private let dispatchers: NIOLockedValueBox<Dispatchers>

    private init(
        group: MultiThreadedEventLoopGroup, channel: any Channel, dispatchers: NIOLockedValueBox<Dispatchers>
    ) {
        self.group = group
        self.channel = channel
        self.dispatchers = dispatchers
    }

    /// The address that was bound, with the port that the system chose where 0 was asked for.
    var address: (host: String, port: Int) {
        (channel.localAddress?.ipAddress ?? "", channel.localAddress?.port ?? 0)
    }

    /// Binds, and begins to turn away.
    static func open(_ configuration: ServerConfiguration, counters: ServerCounters) async throws -> Listener {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops)
        let dispatchers = NIOLockedValueBox<Dispatchers>([:])
        let numbers = Numbers()
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 511)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        // Out of descriptors or memory: the next look at the queue comes a second later.
                        try channel.pipeline.syncOperations.addHandler(
                            AcceptBackoffHandler(shouldForwardIOErrorCaught: false))
                    }
                }
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(
                    .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 65536)
                )
                .childChannelOption(
                    .writeBufferWaterMark,
                    value: .init(low: configuration.outputAhead / 2, high: configuration.outputAhead)
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let place = dispatchers.withLockedValue { $0[ObjectIdentifier(channel.eventLoop)] }
                        try Self.welcome(channel, place?.dispatcher.value, numbers, configuration, counters)
                    }
                }
                .bind(host: configuration.host, port: configuration.port).get()
            return Listener(group: group, channel: channel, dispatchers: dispatchers)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Puts dispatchers behind the port: from here on, clients are answered. Once.
    func serve(_ make: @escaping @Sendable (any EventLoop) -> Dispatcher) async throws {
        var made: Dispatchers = [:]
        for loop in group.makeIterator() {
            let rounds = try await Rounds.open(on: loop)
            let dispatcher = try await loop.submit {
                let dispatcher = make(loop)
                dispatcher.rounds = rounds.value
                return NIOLoopBound(dispatcher, eventLoop: loop)
            }.get()
            made[ObjectIdentifier(loop)] = (loop, dispatcher)
        }
        let all = made
        dispatchers.withLockedValue { $0 = all }
    }

    private static func welcome(
        _ channel: any Channel, _ dispatcher: Dispatcher?, _ numbers: Numbers, _ configuration: ServerConfiguration,
        _ counters: ServerCounters
    ) throws {
        guard let dispatcher else {
            return try channel.pipeline.syncOperations.addHandler(
                RefusingHandler(.loading))
        }
        guard dispatcher.makeRoom() else {
            counters.clientsRefused.add(1, ordering: .relaxed)
            return try channel.pipeline.syncOperations.addHandler(
                RefusingHandler(.invalid("max number of clients reached")))
        }
        let client = Client(
            number: numbers.next(), address: channel.remoteAddress.map(show) ?? "",
            localAddress: channel.localAddress.map(show) ?? "")
        try channel.pipeline.syncOperations.addHandler(ConnectionHandler(client, dispatcher))
    }

    private static func show(_ address: SocketAddress) -> String {
        "\(address.ipAddress ?? ""):\(address.port ?? 0)"
    }

    /// Accepts nobody any more, answers what was asked, closes. Returns when the last connection is gone, which takes
    /// `seconds` at most.
    func stop(within seconds: Int64) async {
        try? await channel.close()
        await withTaskGroup(of: Void.self) { tasks in
            for (loop, dispatcher) in dispatchers.withLockedValue({ Array($0.values) }) {
                tasks.addTask {
                    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                        loop.execute { dispatcher.value.stop(within: seconds) { done.resume() } }
                    }
                }
            }
        }
    }

    /// Ends the event loops. The engine must have stopped: its answers come through them.
    func shutDown() async { try? await group.shutdownGracefully() }

    /// Numbers of connections, from 1.
    private final class Numbers: Sendable {
        private let last = Atomic<UInt64>(0)
        func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
    }
}

/// Says why nobody is served, and hangs up.
private final class RefusingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let refusal: CommandError

    init(_ refusal: CommandError) { self.refusal = refusal }

    func channelActive(context: ChannelHandlerContext) {
        let text = context.channel.allocator.buffer(string: "-\(refusal.code) \(refusal.text)\r\n")
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(text)).whenComplete { _ in bound.value.close(promise: nil) }
    }
}
