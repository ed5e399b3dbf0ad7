import NIOCore
import NIOPosix
import RESP
import Synchronization

@testable import LedgerLoad

/// A server that speaks enough RESP for a load: it answers in order, at its own pace, and keeps books of what it
/// charges.
final class ToyServer: Sendable {
    struct Behaviour: Sendable {
        /// Answers nothing during these nanoseconds after the first command that is no greeting.
        var stall: Range<UInt64>?
        /// Commands a second; nil: as fast as it can.
        var capacity: Double?
        /// Every n-th command is answered by -BUSY.
        var busyEvery: Int?
        /// Hangs up instead of answering the n-th command, which is carried out.
        var hangUpAt: Int?
        /// Every n-th charge is acknowledged and not booked.
        var loseEvery: Int?
    }

    struct State {
        var began: UInt64?
        var free: UInt64 = 0
        var commands = 0
        var revenue: Int64 = 0
    }

    let behaviour: Behaviour
    let state = Mutex(State())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    init(_ behaviour: Behaviour = Behaviour()) { self.behaviour = behaviour }

    func start() async throws -> Int {
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(server: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
        return channel.localAddress!.port!
    }

    func stop() async throws { try await group.shutdownGracefully() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let server: ToyServer
        private var rest = ByteBuffer()

        init(server: ToyServer) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var received = unwrapInboundIn(data)
            rest.writeBuffer(&received)
            // A command is a RESP array: the scanner of replies finds its end.
            while true {
                var scanner = ReplyScanner()
                let found = rest.withUnsafeReadableBytes { scanner.scan($0, from: 0, receipt: false) }
                guard case .reply(let end) = found, let command = rest.readString(length: end) else { return }
                answer(command.hasPrefix("*2\r\n$5\r\nHELLO"), context)
            }
        }

        private func answer(_ isGreeting: Bool, _ context: ChannelHandlerContext) {
            if isGreeting {
                let greeting = ByteBuffer(string: "%1\r\n+server\r\n+toy\r\n")
                return context.writeAndFlush(wrapOutboundOut(greeting), promise: nil)
            }
            let behaviour = server.behaviour
            let now = MonotonicClock.now()
            let (number, due) = server.state.withLock { state in
                state.commands += 1
                let began = state.began ?? now
                state.began = began
                var due = max(now, state.free)
                if let capacity = behaviour.capacity { due += UInt64(1e9 / capacity) }
                if let stall = behaviour.stall, stall.contains(due - min(due, began)) { due = began + stall.upperBound }
                state.free = due
                let isBusy = behaviour.busyEvery.map { state.commands % $0 == 0 } ?? false
                let isLost = behaviour.loseEvery.map { state.commands % $0 == 0 } ?? false
                if !isBusy, !isLost { state.revenue += 10_000_000 }
                return (state.commands, due)
            }
            if number == behaviour.hangUpAt { return context.close(promise: nil) }
            let isBusy = behaviour.busyEvery.map { number % $0 == 0 } ?? false
            let text =
                isBusy
                ? "-BUSY too much is waiting\r\n"
                : "%3\r\n+id\r\n+c_\(number)\r\n+replayed\r\n:0\r\n+amount\r\n$4\r\n0.01\r\n"
            let reply = wrapOutboundOut(ByteBuffer(string: text))
            guard due > now else { return context.writeAndFlush(reply, promise: nil) }
            let isolated = context.eventLoop.assumeIsolated()
            isolated.scheduleTask(deadline: .uptimeNanoseconds(due)) { context.writeAndFlush(reply, promise: nil) }
        }
    }
}

/// The control connection to a toy: books as a number, which a scenario asks for by GET.
struct ToyControl: CommandPort {
    let server: ToyServer

    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        commands.map { command in
            switch String(decoding: command[0], as: UTF8.self) {
            case "HELLO": .map([RESPPair(.text("server"), .text("toy"))])
            case "GET": .integer(server.state.withLock { $0.revenue })
            default: .error(RESPError(code: "ERR", message: "unknown command"))
            }
        }
    }
}

/// A run against a toy server, in the order of things of a real one.
struct ToyRun {
    static let charge = """
        return function(p)
          return { about = "toy charges", books = { api = { "GET", "revenue" } },
            mix = { { name = "charge", charge = "api", amount = "0.01", "CHARGE", { unique = "k" } } } }
        end
        """

    let server: ToyServer
    let session: LoadSession

    init(_ behaviour: ToyServer.Behaviour = .init(), source: String = charge, threads: Int = 1) async throws {
        server = ToyServer(behaviour)
        let port = try await server.start()
        let control = ToyControl(server: server)
        let scenario = try LoadSession.scenario(name: "toy.lua", source: source, parameters: [:], server: "toy")
        session = LoadSession(
            scenario: scenario, target: LoadTarget(host: "127.0.0.1", port: port, passport: nil), control: control,
            server: "toy", threads: threads)
        try await session.setUp { _ in }
    }

    func run(_ change: (inout LoadOptions) -> Void) async throws -> RunOutcome {
        var options = LoadOptions()
        options.warmup = 0
        options.duration = 1_000_000_000
        options.connections = 2
        change(&options)
        return try await session.run(options, LoadMonitor(threads: options.threads) { _ in })
    }

    func end() async throws {
        await session.close()
        try await server.stop()
    }
}
