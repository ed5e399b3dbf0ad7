import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import LedgerServer

#if canImport(Glibc)
import Glibc
#endif

@Suite struct RoundsTests {
    /// What `execute` does not do.
    @Test func `between two rounds the event loop looks at its sockets`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let rounds = try await Rounds.open(on: loop)
        let isSeen = Flag()
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (input, output) = (ends[0], ends[1])
        let channel = try await NIOPipeBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Seen { isSeen.value.store(true, ordering: .relaxed) })
                }
            }
            .takingOwnershipOfDescriptor(input: input).get()
        let count = await withCheckedContinuation { (done: CheckedContinuation<Int, Never>) in
            loop.execute {
                // Readable from here on; then the loop is kept busy without end.
                var byte: UInt8 = 1
                write(output, &byte, 1)
                Self.step(rounds.value, isSeen, 0, done)
            }
        }
        #expect(count <= 3, "the socket was read after \(count) rounds")
        close(output)
        try? await channel.close()
        try await group.shutdownGracefully()
    }

    private static func step(
        _ rounds: Rounds, _ isSeen: Flag, _ count: Int, _ done: CheckedContinuation<Int, Never>
    ) {
        guard !isSeen.value.load(ordering: .relaxed), count < 1000 else { return done.resume(returning: count) }
        rounds.add { step(rounds, isSeen, count + 1, done) }
    }

    private final class Flag: Sendable {
        let value = Atomic<Bool>(false)
    }

    @Test func `a round has an end, and what it leaves comes in the next`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let rounds = try await Rounds.open(on: loop)
        let order = await withCheckedContinuation { (done: CheckedContinuation<[Int], Never>) in
            loop.execute {
                var order: [Int] = []
                for number in 0..<10 {
                    rounds.value.add {
                        order.append(number)
                        usleep(2000)
                        if order.count == 10 { done.resume(returning: order) }
                    }
                }
            }
        }
        #expect(order == Array(0..<10))
        try await group.shutdownGracefully()
    }

    private final class Seen: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let note: () -> Void
        init(_ note: @escaping () -> Void) { self.note = note }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { note() }
    }
}
