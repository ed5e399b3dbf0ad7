internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
internal import Glibc
#endif

/// Goes on with clients whose turn was over before their requests were.
///
/// NIO runs whatever is submitted to an event loop before it looks at its sockets again: a client that continued itself
/// by `execute` would keep all others waiting until it had nothing left to do. So a round begins with an event of the
/// selector, a byte through a pipe, as the requests of everybody else do; and it ends after ``longest``, even if some
/// still wait.
///
/// Belongs to its event loop.
final class Rounds {
    static let longest = TimeAmount.milliseconds(1)

    private var waiting = CircularBuffer<() -> Void>()
    private var bell: (any Channel)?
    private var isRinging = false

    /// Takes two descriptors. Called anywhere; the result belongs to `eventLoop`.
    static func open(on eventLoop: any EventLoop) async throws -> NIOLoopBound<Rounds> {
        var ends: (input: Int32, output: Int32) = (-1, -1)
        let code = withUnsafeMutableBytes(of: &ends) { pipe($0.baseAddress!.assumingMemoryBound(to: Int32.self)) }
        guard code == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
        for end in [ends.input, ends.output] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let rounds = try await eventLoop.submit { NIOLoopBound(Rounds(), eventLoop: eventLoop) }.get()
        do {
            let bell = try await NIOPipeBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Bell(rounds.value))
                    }
                }
                .takingOwnershipOfDescriptors(input: ends.input, output: ends.output).get()
            try await eventLoop.submit { rounds.value.bell = bell }.get()
            return rounds
        } catch {
            for end in [ends.input, ends.output] { close(end) }
            throw error
        }
    }

    /// `next` is called in a later round.
    func add(_ next: @escaping () -> Void) {
        waiting.append(next)
        ring()
    }

    private func ring() {
        guard !isRinging, let bell else { return }
        isRinging = true
        bell.writeAndFlush(ByteBuffer(bytes: [0]), promise: nil)
    }

    fileprivate func begin() {
        isRinging = false
        let end = NIODeadline.now() + Self.longest
        // Who is added meanwhile comes in the next round.
        for _ in 0..<waiting.count {
            guard let next = waiting.popFirst() else { break }
            next()
            if NIODeadline.now() > end { break }
        }
        if !waiting.isEmpty { ring() }
    }

    private final class Bell: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let rounds: Rounds
        init(_ rounds: Rounds) { self.rounds = rounds }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { rounds.begin() }
    }
}
