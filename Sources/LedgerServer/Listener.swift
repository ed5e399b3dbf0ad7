internal import LedgerEngine
internal import LedgerProtocol
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The port, and the event loops behind it: one ``Dispatcher`` each.
final class Listener: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let dispatchers: [(loop: any EventLoop, dispatcher: NIOLoopBound<Dispatcher>)]
    private let channel: any Channel

    private init(
        group: MultiThreadedEventLoopGroup, dispatchers: [(loop: any EventLoop, dispatcher: NIOLoopBound<Dispatcher>)],
        channel: any Channel
    ) {
        self.group = group
        self.dispatchers = dispatchers
        self.channel = channel
    }

    /// The address that was bound, with the port that the system chose where 0 was asked for.
    var address: (host: String, port: Int) {
        (channel.localAddress?.ipAddress ?? "", channel.localAddress?.port ?? 0)
    }

    /// Binds and begins to accept.
    static func open(
        _ configuration: ServerConfiguration, engine: Engine, counters: ServerCounters, version: String, logger: Logger,
        requestStop: @escaping @Sendable () -> Void
    ) async throws -> Listener {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops)
        do {
            var dispatchers: [(loop: any EventLoop, dispatcher: NIOLoopBound<Dispatcher>)] = []
            for loop in group.makeIterator() {
                let rounds = try await Rounds.open(on: loop)
                let dispatcher = try await loop.submit {
                    let dispatcher = Dispatcher(
                        engine: engine, configuration: configuration, counters: counters, version: version,
                        logger: logger, eventLoop: loop, requestStop: requestStop)
                    dispatcher.rounds = rounds.value
                    return NIOLoopBound(dispatcher, eventLoop: loop)
                }.get()
                dispatchers.append((loop, dispatcher))
            }
            let byLoop = Dictionary(
                uniqueKeysWithValues: dispatchers.map { (ObjectIdentifier($0.loop), $0.dispatcher) })
            let numbers = Numbers()
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
                    value: .init(low: configuration.softOutputLimit / 2, high: configuration.softOutputLimit)
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try Self.welcome(channel, byLoop, numbers, configuration, counters)
                    }
                }
                .bind(host: configuration.host, port: configuration.port).get()
            return Listener(group: group, dispatchers: dispatchers, channel: channel)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func welcome(
        _ channel: any Channel, _ dispatchers: [ObjectIdentifier: NIOLoopBound<Dispatcher>], _ numbers: Numbers,
        _ configuration: ServerConfiguration, _ counters: ServerCounters
    ) throws {
        guard let dispatcher = dispatchers[ObjectIdentifier(channel.eventLoop)]?.value else {
            preconditionFailure("an event loop has no dispatcher")
        }
        guard dispatcher.makeRoom() else {
            counters.clientsRefused.add(1, ordering: .relaxed)
            return try channel.pipeline.syncOperations.addHandler(RefusingHandler())
        }
        let client = Client(
            number: numbers.next(), address: channel.remoteAddress.map(show) ?? "",
            localAddress: channel.localAddress.map(show) ?? "", outputLimit: configuration.hardOutputLimit)
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
            for (loop, dispatcher) in dispatchers {
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

/// Says that there are too many, and hangs up.
private final class RefusingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        let text = context.channel.allocator.buffer(string: "-ERR max number of clients reached\r\n")
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(text)).whenComplete { _ in bound.value.close(promise: nil) }
    }
}
