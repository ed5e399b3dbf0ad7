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
            dispatcher.closeInput(of: client)
            if !hasBacklog { finish() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Answers what was asked, then closes.
    private func finish() {
        client.isClosing = true
        dispatcher.settle(client)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            // Below half the soft limit: it reads.
            slowSince = nil
            if hasBacklog || readIsWithheld { continueLater() }
        }
        context.fireChannelWritabilityChanged()
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
        guard !isBroken, !isClosing else { return }
        guard !isContinuationScheduled else {
            hasBacklog = true
            return
        }
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
            if client.inputIsClosed { finish() }
        case .stalled: partialSince = nil
        case .budgetSpent:
            partialSince = nil
            continueLater()
        }
    }

    /// Goes on when the others have had their turns.
    private func continueLater() {
        guard !isContinuationScheduled, let rounds = dispatcher.rounds else { return }
        isContinuationScheduled = true
        rounds.add { [self] in
            isContinuationScheduled = false
            resume()
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
        let endOfTime = NIODeadline.now() + .nanoseconds(configuration.turnNanoseconds)
        let mostOutput = client.produced + configuration.turnOutput
        var offset = 0
        while true {
            guard dispatcher.accepts(client) else {
                end = .stalled
                return client.isClosing ? bytes.count : offset
            }
            // The clock is asked every fourth time: it costs as much as a small command.
            let isOver =
                budget <= 0 || client.produced >= mostOutput || budget & 3 == 0 && NIODeadline.now() >= endOfTime
            guard !isOver || budget == configuration.turnBudget else {
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
        let isLarge = outgoing.capacity > 1 << 16
        if isLarge { outgoing = ByteBuffer() }
        // What is small and goes into a socket that takes it is not worth a look.
        if isLarge || client.isStranger || client.buffered > 0 || slowSince != nil || !context.channel.isWritable {
            limitOutput(context)
        }
    }

    func measure() {
        guard let context, let count = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes) else {
            return
        }
        client.buffered = count
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
        dispatcher.remove(client)
        context?.close(promise: nil)
    }

    // MARK: Limits

    private func limitOutput(_ context: ChannelHandlerContext) {
        measure()
        if client.isStranger, client.buffered > configuration.outputLimitBeforeAuth {
            drop("does not read its answers")
        } else if client.owed > configuration.hardOutputLimit {
            drop("does not read its answers: \(client.owed) bytes are waiting")
        } else if client.buffered > configuration.softOutputLimit {
            slowSince = slowSince ?? .now()
        } else {
            slowSince = nil
        }
    }

    private func checkDeadlines() {
        guard let context else { return }
        let now = NIODeadline.now()
        limitOutput(context)
        // Whoever was to call may have forgotten.
        if hasBacklog { resume() }
        if isClosing {
            if let slowSince, now - slowSince > .seconds(configuration.softLimitSeconds) { abort() }
        } else if client.isStranger, now - client.strangerSince > .seconds(configuration.authSeconds) {
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
    func drop(_ reason: String, tell text: String? = nil) {
        dispatcher.counters.clientsDropped.add(1, ordering: .relaxed)
        dispatcher.notices.note("client dropped", client, ["reason": "\(reason)"])
        if let text, client.pipeline.isEmpty, let context {
            outgoing.clear()
            outgoing.writeString("-\(text)\r\n")
            context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        }
        abort()
    }
}
