internal import LedgerEngine
internal import Logging
internal import NIOCore
internal import RESP
internal import Synchronization

/// A socket's end of a ``Client``: requests are parsed by hand as they arrive, in place, and answers leave in one
/// buffer a turn. (A `ByteToMessageDecoder` costs two to five times as much.) What is to be done when is the
/// ``ConnectionState``'s to say; this performs it.
///
/// Back-pressure is the withheld `read`: while too much of the client is under way, or its event loop's batch is full,
/// the socket is not read, and what the kernel still buffers is all that the other side can push. Answers that the
/// client does not take withhold nothing: it may have to write all of its requests before it can read.
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
    /// Bytes of answers given to the channel so far.
    private var given = 0
    private var patience: Patience
    private var deadlines: RepeatedTask?

    private var configuration: ServerConfiguration { dispatcher.configuration }

    init(_ client: Client, _ dispatcher: Dispatcher) {
        self.client = client
        self.dispatcher = dispatcher
        patience = Patience(dispatcher.configuration.patience, opened: client.opened)
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
        deadlines?.cancel()
        deadlines = nil
        dispatcher.remove(client)
        received = ByteBuffer()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        dispatcher.logger.debug("connection error", metadata: ["client": "\(client.address)", "error": "\(error)"])
        abort()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        dispatcher.counters.bytesIn.add(UInt64(bytes.readableBytes), ordering: .relaxed)
        patience.received()
        // Nobody listens any more: nothing is kept.
        guard client.state.takesRequests else { return }
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
        perform(client.state.received())
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            perform(client.state.inputEnded())
            dispatcher.inputEnded(of: client)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        client.takesOutput = context.channel.isWritable
        let isHeldBack = client.programs?.isHeldBack == true
        if client.takesOutput, isHeldBack { measure() }
        // Not from here: the channel may be in the middle of a write of ours.
        if client.takesOutput, !client.waiting.isEmpty || client.state.hasBacklog || client.isFollowing || isHeldBack,
            let rounds = dispatcher.rounds
        {
            rounds.add { [dispatcher, client] in dispatcher.goOn(client) }
        }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) { perform(client.state.wantsRead()) }

    // MARK: What the state asks for

    private func perform(_ action: ConnectionState.Action) {
        switch action {
        case .none: break
        case .takeTurn:
            let end = takeTurn()
            perform(client.state.turnEnded(end))
        case .continueLater:
            dispatcher.rounds?.add { [self] in perform(client.state.roundCame()) }
        case .read: context?.read()
        case .settle: dispatcher.settle(client)
        case .close: close()
        }
    }

    func resume() { perform(client.state.resume()) }

    // MARK: Requests

    /// Performs what has arrived, as far as the client may go now and no further than its share of a turn.
    private func takeTurn() -> ConnectionState.End {
        var budget = configuration.turnBudget
        var end = ConnectionState.End.drained
        dispatcher.turn(of: client) {
            var bytes = ByteBuffer()
            swap(&bytes, &received)
            let consumed = bytes.withUnsafeReadableBytes { perform($0, budget: &budget, &end) }
            bytes.moveReaderIndex(forwardBy: consumed)
            if bytes.readableBytes > 0, client.state.takesRequests {
                bytes.discardReadBytes()
                received = bytes
            }
            return configuration.turnBudget - budget
        }
        patience.turnEnded(
            performed: budget < configuration.turnBudget, isPartial: end == .drained && received.readableBytes > 0,
            at: .now())
        return end
    }

    private func perform(
        _ bytes: UnsafeRawBufferPointer, budget: inout Int, _ end: inout ConnectionState.End
    ) -> Int {
        let now = dispatcher.engine.now()
        let endOfTime = NIODeadline.now() + .nanoseconds(configuration.turnNanoseconds)
        let mostOutput = client.produced + configuration.turnOutput
        var offset = 0
        while true {
            let admission = dispatcher.admits(client)
            guard admission != .wait else {
                end = .stalled
                return offset
            }
            // The clock is asked every fourth time: it costs as much as a small command.
            let isOver =
                budget <= 0 || client.produced >= mostOutput || budget & 3 == 0 && NIODeadline.now() >= endOfTime
            guard !isOver || budget == configuration.turnBudget else {
                end = .shareUsedUp
                return offset
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            let limits = client.isStranger ? configuration.limitsBeforeAuth : configuration.limits
            switch parser.next(in: rest, limits: limits) {
            case .incomplete(let discard): return offset + discard
            case .request(let consumed):
                if parser.count > 0 {
                    if admission == .busy {
                        parser.withWords(in: rest) { dispatcher.answerBusy($0, for: client) }
                    } else {
                        parser.withWords(in: rest) { dispatcher.perform($0, for: client, at: now) }
                    }
                    budget -= 1
                }
                offset += consumed
            case .refused(let consumed, let error):
                client.transaction.abort()
                client.answer { $0.error(error) }
                budget -= 1
                offset += consumed
            case .broken(let error):
                client.answer { $0.error(error) }
                end = .broken
                return bytes.count
            }
        }
    }

    // MARK: Transport

    func flush() {
        guard let context, !client.output.bytes.isEmpty else { return }
        outgoing.clear()
        outgoing.writeBytes(client.output.bytes)
        dispatcher.counters.bytesOut.add(UInt64(outgoing.readableBytes), ordering: .relaxed)
        given += outgoing.readableBytes
        // One large answer must not be remembered for the life of the connection.
        if client.output.bytes.capacity > 1 << 16 { client.output.bytes = [] } else { client.output.removeAll() }
        context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        if outgoing.capacity > 1 << 16 { outgoing = ByteBuffer() }
        client.takesOutput = context.channel.isWritable
        // What goes into a socket that takes it is not worth a look.
        guard client.isStranger || client.buffered > 0 || !client.takesOutput else { return }
        measure()
        if client.isStranger, client.buffered > configuration.outputLimitBeforeAuth {
            drop("does not read its answers")
        }
    }

    func measure() {
        guard let context, let count = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes) else {
            return
        }
        client.buffered = count
    }

    func close() {
        guard let context else { return }
        // Behind everything that was written before. What still comes is read, until the other side has seen the end
        // and ended, too: a socket that is closed with something unread takes back what is on its way.
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            bound.value.close(mode: .output, promise: nil)
            bound.value.eventLoop.scheduleTask(in: Self.parting) { bound.value.close(promise: nil) }
        }
    }

    /// How long the other side has to take what is on its way, and to end.
    private static let parting = TimeAmount.seconds(1)

    func abort() {
        dispatcher.remove(client)
        context?.close(promise: nil)
    }

    // MARK: Limits

    private func checkDeadlines() {
        guard !client.isClosed else { return }
        measure()
        dispatcher.count(client)
        let missed = patience.check(
            at: .now(), strangerSince: client.isStranger && client.state.takesRequests ? client.strangerSince : nil,
            taken: given - client.buffered, untaken: client.buffered > 0 && !client.isFollowing,
            isUnread: client.state.hasBacklog)
        switch missed {
        case nil:
            // The call may have been forgotten.
            dispatcher.goOn(client)
        case .passport?:
            drop("showed no passport", tell: "ERR no passport within \(configuration.authSeconds) s, closing")
        case .request?:
            drop(
                "left a request half sent",
                tell: "ERR request not complete within \(configuration.partialRequestSeconds) s, closing")
        case .answers?:
            drop("neither takes answers nor sends anything: \(client.owed) bytes are waiting")
        }
    }

    /// Closes at once: whatever waits for this client is answered to nobody.
    func drop(_ reason: String, tell text: String? = nil) {
        dispatcher.counters.clientsDropped.add(1, ordering: .relaxed)
        dispatcher.notices.note("client dropped", client, ["reason": "\(reason)"])
        if let text, client.isAnswered, let context {
            outgoing.clear()
            outgoing.writeString("-\(text)\r\n")
            context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        }
        abort()
    }
}
