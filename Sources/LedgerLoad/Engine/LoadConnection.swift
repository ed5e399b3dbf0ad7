internal import NIOCore

/// One connection: commands go out in order, and each reply belongs to the oldest that has none. Touched on its event
/// loop only.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let number: Int
    private let worker: LoadWorker
    private var context: ChannelHandlerContext?
    private var scanner = ReplyScanner()
    /// The start of a reply whose end has not come.
    private var leftover = ByteBuffer()
    /// Commands that were rendered and not yet given to the socket.
    var out = ByteBuffer()
    /// The slots whose commands have no reply yet, oldest first.
    var inFlight = CircularBuffer<Int32>()
    /// The greeting is answered, and the connection lives.
    private(set) var isReady = false
    private var greeting: EventLoopPromise<Void>?

    init(number: Int, worker: LoadWorker) {
        self.number = number
        self.worker = worker
    }

    /// Sends the greeting; `promise` hears of its answer.
    func greet(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard let context else { return promise.fail(LoadError("the server closed the connection")) }
        greeting = promise
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func flush() {
        guard out.readableBytes > 0, let context else { return }
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
        out.clear()
    }

    func close() { context?.close(promise: nil) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var received = unwrapInboundIn(data)
        if leftover.readableBytes > 0 {
            leftover.writeBuffer(&received)
            received = leftover
            leftover = ByteBuffer()
        }
        // What arrived together arrived now: one look at the clock for all of it.
        worker.now = MonotonicClock.now()
        let consumed = received.withUnsafeReadableBytes { deliver($0) }
        guard let consumed else { return lose("the server sent what is no RESP") }
        received.moveReaderIndex(forwardBy: consumed)
        if received.readableBytes > 0 {
            received.discardReadBytes()
            leftover = received
        }
    }

    /// Hands over whole replies; returns how many bytes they had, or nil when they are none.
    private func deliver(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var offset = 0
        while offset < bytes.count {
            let slot = inFlight.first
            let isReceipt = slot.map { worker.awaitsReceipt($0) } ?? false
            switch scanner.scan(bytes, from: offset, receipt: isReceipt) {
            case .incomplete: return offset
            case .malformed: return nil
            case .reply(let end):
                let reply = UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
                offset = end
                if scanner.isPush { continue }
                if let slot {
                    inFlight.removeFirst()
                    worker.receive(slot, reply, scanner, self)
                } else {
                    answerGreeting(reply)
                }
            }
        }
        return offset
    }

    private func answerGreeting(_ reply: UnsafeRawBufferPointer) {
        guard let greeting else { return }  // a server says why it hangs up; the connection's end follows
        self.greeting = nil
        guard scanner.isError else {
            isReady = true
            return greeting.succeed()
        }
        let text = String(decoding: reply.dropFirst().prefix { $0 != 13 }, as: UTF8.self)
        greeting.fail(LoadError("the server does not take another client: \(text)"))
    }

    func channelReadComplete(context: ChannelHandlerContext) { worker.finishRead() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) { lose("the server closed the connection") }

    private func lose(_ reason: String) {
        greeting?.fail(LoadError(reason))
        greeting = nil
        let wasReady = isReady
        isReady = false
        out.clear()
        leftover = ByteBuffer()
        context?.close(promise: nil)
        if wasReady { worker.lose(self) }
    }
}
