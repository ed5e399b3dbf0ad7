import NIOCore
import NIOPosix
import RESP

/// A server of few lines on a free loopback port: every connection's requests go to `answer`, which writes what it
/// likes and may ask to hang up. Enough to test a client against all that a real server never does.
final class FakeServer: Sendable {
    enum Then { case goOn, close }
    typealias Answer = @Sendable (_ words: [String], _ writer: inout RESPWriter) -> Then

    let port: Int
    private let channel: any Channel

    private init(_ channel: any Channel) {
        self.channel = channel
        self.port = channel.localAddress!.port!
    }

    static func start(_ answer: @escaping Answer) async throws -> FakeServer {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeServer(channel)
    }

    func stop() async { try? await channel.close() }

    /// Answers the greeting, then leaves the rest to `answer`.
    static func greeting(_ answer: @escaping Answer) -> Answer {
        { words, writer in
            guard words.first == "HELLO" else { return answer(words, &writer) }
            writer.version = .v3
            writer.map(1)
            writer.bulk("proto")
            writer.integer(3)
            return .goOn
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: Answer
        private var parser = RequestParser()
        private var buffer: [UInt8] = []
        private var writer = RESPWriter()

        init(_ answer: @escaping Answer) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            buffer += Array(unwrapInboundIn(data).readableBytesView)
            var then = Then.goOn
            let consumed = buffer.withUnsafeBytes { bytes in
                var offset = 0
                while case .goOn = then {
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                    guard case .request(let used) = parser.next(in: rest, limits: .standard) else { break }
                    let words = (0..<parser.count).map {
                        String(decoding: parser.argument($0, in: rest), as: UTF8.self)
                    }
                    then = answer(words, &writer)
                    offset += used
                }
                return offset
            }
            buffer.removeFirst(consumed)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: writer.bytes)), promise: nil)
            writer.removeAll()
            if case .close = then { context.close(promise: nil) }
        }
    }
}
