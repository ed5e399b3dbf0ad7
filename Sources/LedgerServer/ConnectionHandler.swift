internal import LedgerEngine
internal import LedgerProtocol
internal import Logging
internal import NIOCore
internal import RESP
internal import Synchronization

/// A socket's end of a ``Client``: requests are parsed by hand as they arrive, in place, and answers leave in one
/// buffer a turn. (A `ByteToMessageDecoder` costs two to five times as much.)
///
/// Back-pressure is the withheld `read`: while the client's pipeline or its event loop's batch is full, the socket is
/// not read, and what the kernel still buffers is all that the other side can push.
final class ConnectionHandler: ChannelDuplexHandler, Transport {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let client: Client
    private let dispatcher: Dispatcher
    private var context: ChannelHandlerContext?
    private var parser = RequestParser()
    /// Received and not yet understood.
    private var received = ByteBuffer()
    private var outgoing = ByteBuffer()
    /// The channel wants to read, and may not yet.
    private var readIsWithheld = false
    private var isContinuationScheduled = false
    private var isBroken = false
    /// The other side has sent all it will (`nc`, `shutdown(2)`): what it asked is still answered.
    private var inputIsClosed = false
    private var isClosing = false

    private var deadlines: RepeatedTask?
    /// Since when a request has been half here; since when too much output has been waiting.
    private var partialSince: NIODeadline?
    private var slowSince: NIODeadline?

    private var configuration: ServerConfiguration { dispatcher.configuration }

    init(_ client: Client, _ dispatcher: Dispatcher) {
        self.client = client
        self.dispatcher = dispatcher
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        client.transport = self
        dispatcher.add(client)
        // Looks after every deadline of this connection, cheaper than a timer for each request.
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadlines = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.checkDeadlines()
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosing = true
        deadlines?.cancel()
        deadlines = nil
        dispatcher.remove(client)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        dispatcher.logger.debug("connection error", metadata: ["client": "\(client.address)", "error": "\(error)"])
        abort()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        dispatcher.counters.bytesIn.add(UInt64(bytes.readableBytes), ordering: .relaxed)
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
        takeTurn()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            inputIsClosed = true
            if !hasBacklog { finish() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Answers what was asked, then closes.
    private func finish() {
        client.isClosing = true
        dispatcher.settle(client)
    }

    func read(context: ChannelHandlerContext) {
        if hasBacklog {
            readIsWithheld = true
        } else {
            context.read()
        }
    }

    // MARK: Requests

    /// Complete requests may be waiting in `received`; the socket is not read meanwhile.
    private var hasBacklog = false

    /// Performs what has arrived, as far as the client may go now and no further than its share of a turn.
    private func takeTurn() {
        guard !isBroken, !isClosing, !isContinuationScheduled else { return }
        var budget = configuration.turnBudget
        var end = End.needsMore
        dispatcher.turn(of: client) {
            var bytes = ByteBuffer()
            swap(&bytes, &received)
            let consumed = bytes.withUnsafeReadableBytes { perform($0, budget: &budget, &end) }
            bytes.moveReaderIndex(forwardBy: consumed)
            if bytes.readableBytes > 0 {
                bytes.discardReadBytes()
                received = bytes
            }
            return configuration.turnBudget - budget
        }
        hasBacklog = end != .needsMore
        switch end {
        case .needsMore:
            partialSince = received.readableBytes == 0 ? nil : partialSince ?? .now()
            if inputIsClosed { finish() }
        case .stalled: partialSince = nil
        case .budgetSpent:
            partialSince = nil
            isContinuationScheduled = true
            let bound = NIOLoopBound(self, eventLoop: dispatcher.eventLoop)
            dispatcher.eventLoop.execute {
                bound.value.isContinuationScheduled = false
                bound.value.resume()
            }
        }
    }

    private enum End {
        /// All complete requests were performed.
        case needsMore
        /// The client has to wait; ``resume()`` goes on.
        case stalled
        case budgetSpent
    }

    private func perform(_ bytes: UnsafeRawBufferPointer, budget: inout Int, _ end: inout End) -> Int {
        let now = dispatcher.engine.now()
        var offset = 0
        while true {
            guard dispatcher.accepts(client) else {
                end = .stalled
                return client.isClosing ? bytes.count : offset
            }
            guard budget > 0 else {
                end = .budgetSpent
                return offset
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            let limits = client.isStranger ? configuration.limitsBeforeAuth : configuration.limits
            switch parser.next(in: rest, limits: limits) {
            case .incomplete(let discard): return offset + discard
            case .request(let consumed):
                if parser.count > 0 {
                    parser.withWords(in: rest) { dispatcher.perform($0, for: client, at: now) }
                    budget -= 1
                }
                offset += consumed
            case .refused(let consumed, let error):
                client.answer { $0.error(error) }
                budget -= 1
                offset += consumed
            case .broken(let error):
                client.answer { $0.error(error) }
                isBroken = true
                client.isClosing = true
                return bytes.count
            }
        }
    }

    // MARK: Transport

    func resume() {
        guard !isClosing else { return }
        if hasBacklog { takeTurn() }
        if readIsWithheld, !hasBacklog, let context {
            readIsWithheld = false
            context.read()
        }
    }

    func flush() {
        guard let context, !client.output.bytes.isEmpty else { return }
        outgoing.clear()
        outgoing.writeBytes(client.output.bytes)
        dispatcher.counters.bytesOut.add(UInt64(outgoing.readableBytes), ordering: .relaxed)
        // One large answer must not be remembered for the life of the connection.
        if client.output.bytes.capacity > 1 << 16 { client.output.bytes = [] } else { client.output.removeAll() }
        context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        if outgoing.capacity > 1 << 16 { outgoing = ByteBuffer() }
        limitOutput(context)
    }

    func close() {
        guard !isClosing, let context else { return }
        isClosing = true
        client.isClosing = true
        // Behind everything that was written before.
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in bound.value.close(promise: nil) }
    }

    func abort() {
        isClosing = true
        client.isClosing = true
        context?.close(promise: nil)
    }

    // MARK: Limits

    private func limitOutput(_ context: ChannelHandlerContext) {
        guard client.isStranger || slowSince != nil || !context.channel.isWritable else { return }
        guard let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes) else { return }
        if client.isStranger, waiting > configuration.outputLimitBeforeAuth {
            drop("does not read its answers")
        } else if waiting > configuration.hardOutputLimit {
            drop("does not read its answers: \(waiting) bytes are waiting")
        } else if waiting > configuration.softOutputLimit {
            slowSince = slowSince ?? .now()
        } else {
            slowSince = nil
        }
    }

    private func checkDeadlines() {
        guard let context else { return }
        let now = NIODeadline.now()
        limitOutput(context)
        if isClosing {
            if let slowSince, now - slowSince > .seconds(configuration.softLimitSeconds) { abort() }
        } else if client.isStranger, now - client.opened > .seconds(configuration.authSeconds) {
            drop("showed no passport", tell: "ERR no passport within \(configuration.authSeconds) s, closing")
        } else if let partialSince, now - partialSince > .seconds(configuration.partialRequestSeconds) {
            drop(
                "left a request half sent",
                tell: "ERR request not complete within \(configuration.partialRequestSeconds) s, closing")
        } else if let slowSince, now - slowSince > .seconds(configuration.softLimitSeconds) {
            drop("reads its answers too slowly")
        }
    }

    /// Closes at once: whatever waits for this client is answered to nobody.
    private func drop(_ reason: String, tell text: String? = nil) {
        dispatcher.counters.clientsDropped.add(1, ordering: .relaxed)
        dispatcher.logger.notice("client dropped", metadata: ["client": "\(client.address)", "reason": "\(reason)"])
        if let text, client.pipeline.isEmpty, let context {
            outgoing.clear()
            outgoing.writeString("-\(text)\r\n")
            context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        }
        abort()
    }
}
