internal import Glibc
internal import NIOCore
internal import RESP
internal import Synchronization

/// Says that the task of a call was cancelled, also when that comes before the call reaches its event loop.
final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    var requested: Bool { flag.load(ordering: .acquiring) }
    func request() { flag.store(true, ordering: .releasing) }
}

/// The commands of one call, until each has its answer.
final class Batch {
    typealias Outcome = Result<Answers, ClientError>

    /// In one of two forms, which the caller chose.
    struct Answers: Sendable {
        var values: [RESPValue] = []
        /// As they came.
        var bytes: [UInt8] = []
    }

    let cancellation: Cancellation
    let count: Int
    let asBytes: Bool
    private var received = 0
    private var answers = Answers()
    /// Called once, then let go.
    private var completion: ((Outcome) -> Void)?

    init(count: Int, asBytes: Bool, cancellation: Cancellation, _ completion: @escaping (Outcome) -> Void) {
        self.cancellation = cancellation
        self.count = count
        self.asBytes = asBytes
        self.completion = completion
        if !asBytes { answers.values.reserveCapacity(min(count, 65536)) }
    }

    /// True once all answers are there; the caller has then been told.
    func receive(_ value: RESPValue) -> Bool {
        if asBytes {
            // What nobody had asked for when it began to arrive, and is the answer by its place.
            var writer = RESPWriter(version: .v3)
            writer.value(value)
            return writer.bytes.withUnsafeBytes { receive($0, count: 1) }
        }
        answers.values.append(value)
        return took(1)
    }

    var missing: Int { count - received }

    /// The same for the bytes of so many whole answers, at most those that are missing.
    func receive(_ bytes: UnsafeRawBufferPointer, count: Int) -> Bool {
        answers.bytes.append(contentsOf: bytes)
        return took(count)
    }

    private func took(_ count: Int) -> Bool {
        received += count
        guard missing == 0 else { return false }
        complete(.success(answers))
        return true
    }

    func lose(peer: String, reason: String) {
        complete(
            .failure(
                .connectionLost(peer: peer, answered: answeredValues, unanswered: missing, reason: reason)))
    }

    private var answeredValues: [RESPValue] {
        guard asBytes else { return answers.values }
        var parser = ReplyParser()
        return answers.bytes.withUnsafeBytes { bytes in
            var values: [RESPValue] = []
            var offset = 0
            var used = 0
            while let value = try? parser.next(in: UnsafeRawBufferPointer(rebasing: bytes[offset...]), consumed: &used)
            {
                values.append(value)
                offset += used
            }
            return values
        }
    }

    /// Nobody waits any more; the answers are still counted off.
    func abandon() {
        complete(.failure(.cancelled(unanswered: missing)))
    }

    func refuse(_ error: ClientError) { complete(.failure(error)) }

    private func complete(_ outcome: Outcome) {
        completion?(outcome)
        completion = nil
    }
}

/// Matches answers to commands by order: the whole state of a connection, touched on its event loop only.
///
/// Parses in `channelRead` by hand; what was not consumed waits in one buffer. An answer whose bytes are wanted is only
/// framed, and waits there until it is whole.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let peer: String
    private var context: ChannelHandlerContext?
    private var parser = ReplyParser()
    private var framer = ReplyFramer()
    /// What goes over the answer that has begun to arrive.
    private var isFraming: Bool?
    private var leftover = ByteBuffer()
    private var waiting = CircularBuffer<Batch>()
    private var ended: String?  // why nothing can be sent any more
    private var closing = false
    private var inactive: [() -> Void] = []
    /// Who takes what comes while nothing is asked, and is told when no more can come.
    private var unasked: (take: (RESPValue) -> Void, end: () -> Void)?

    init(peer: String) { self.peer = peer }

    // MARK: What the connection is asked to do

    func submit(_ bytes: ByteBuffer, _ batch: Batch) {
        if batch.cancellation.requested { return batch.refuse(.cancelled(unanswered: 0)) }
        if let ended { return batch.refuse(.notConnected(peer: peer, reason: ended)) }
        guard let context, !closing else {
            return batch.refuse(.notConnected(peer: peer, reason: "the connection is closed"))
        }
        waiting.append(batch)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func abandon(_ cancellation: Cancellation) { waiting.first { $0.cancellation === cancellation }?.abandon() }

    /// Closes as soon as everything is answered.
    func finish() {
        closing = true
        if waiting.isEmpty { context?.close(promise: nil) }
    }

    func fail(_ reason: String) {
        end(reason)
        context?.close(promise: nil)
    }

    /// From now on what comes while no command waits for its answer is handed on: MONITOR's lines. Errors are not; they
    /// say why a server hangs up.
    func takeUnasked(_ take: @escaping (RESPValue) -> Void, end: @escaping () -> Void) {
        if ended != nil { end() } else { unasked = (take, end) }
    }

    func onInactive(_ body: @escaping () -> Void) {
        if context == nil { body() } else { inactive.append(body) }
    }

    // MARK: What happens on the wire

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        end("the connection is closed")
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var received = unwrapInboundIn(data)
        if leftover.readableBytes > 0 {
            leftover.writeBuffer(&received)
            received = leftover
            leftover = ByteBuffer()
        }
        var failure: ReplyError?
        let consumed = received.withUnsafeReadableBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                do throws(ReplyError) {
                    guard try takeAnswer(from: bytes, at: &offset) else { break }
                } catch {
                    failure = error
                    break
                }
            }
            return offset
        }
        if let failure { return fail("\(failure)") }
        received.moveReaderIndex(forwardBy: consumed)
        if received.readableBytes > 0 {
            received.discardReadBytes()
            leftover = received
        }
        if closing, waiting.isEmpty { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end((error as? IOError).map { text(ofErrno: $0.errnoCode) } ?? "\(error)")
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end("the server closed the connection")
        for body in inactive { body() }
        inactive = []
    }

    /// False when the answer is not whole yet.
    private func takeAnswer(from bytes: UnsafeRawBufferPointer, at offset: inout Int) throws(ReplyError) -> Bool {
        let isFraming = self.isFraming ?? (waiting.first?.asBytes == true)
        self.isFraming = isFraming
        guard !isFraming else { return try takeFrames(from: bytes, at: &offset) }
        var used = 0
        let value = try parser.next(in: UnsafeRawBufferPointer(rebasing: bytes[offset...]), consumed: &used)
        offset += used
        guard let value else { return false }
        self.isFraming = nil
        deliver(value)
        return true
    }

    /// As many answers as the first call lacks, or as there are.
    private func takeFrames(from bytes: UnsafeRawBufferPointer, at offset: inout Int) throws(ReplyError) -> Bool {
        guard let batch = waiting.first else {  // it was given up meanwhile, and so is the connection
            offset = bytes.count
            return false
        }
        var run = offset
        var count = 0
        defer {
            let answers = UnsafeRawBufferPointer(rebasing: bytes[run..<offset])
            if batch.receive(answers, count: count) { waiting.removeFirst() }
        }
        while count < batch.missing {
            guard offset < bytes.count else { break }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            guard let length = try framer.length(of: rest) else { return false }
            if rest[0] == UInt8(ascii: ">") {
                _ = batch.receive(UnsafeRawBufferPointer(rebasing: bytes[run..<offset]), count: count)
                (run, count) = (offset + length, 0)
            } else {
                count += 1
            }
            offset += length
        }
        isFraming = nil
        return true
    }

    private func deliver(_ value: RESPValue) {
        if case .push = value { return }  // answers nothing; nobody here subscribes yet
        guard let batch = waiting.first else {
            // Servers say why they hang up (too many clients, shutting down) without having been asked.
            if let error = value.error { return end(error.text) }
            unasked?.take(value)
            return
        }
        if batch.receive(value) { waiting.removeFirst() }
    }

    /// The first reason stays.
    private func end(_ reason: String) {
        if ended == nil { ended = closing && waiting.isEmpty ? "the connection is closed" : reason }
        unasked?.end()
        unasked = nil
        let lost = waiting
        waiting = []
        for batch in lost { batch.lose(peer: peer, reason: ended ?? reason) }
    }
}

/// "Connection refused" instead of a number.
func text(ofErrno code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        buffer[0] = 0
        _ = strerror_r(code, buffer.baseAddress!, buffer.count)
        return String(cString: buffer.baseAddress!)
    }
}
