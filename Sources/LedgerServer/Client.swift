internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import NIOCore
internal import RESP

/// What carries a client's bytes: a socket, or the caller in this process. Every call comes on the client's event loop.
protocol Transport: AnyObject {
    /// Hands ``Client/output`` on and empties it; says in ``Client/takesOutput`` whether more is welcome.
    func flush()
    /// Brings ``Client/buffered`` up to date.
    func measure()
    /// The client can take requests again.
    func resume()
    /// No more requests, and what was flushed is the last.
    func close()
    /// Closes at once, whatever is still to be sent.
    func abort()
    /// Likewise, with a line in the log, and perhaps one for the client.
    func drop(_ reason: String, tell text: String?)
}

/// A connection's state: who speaks, how, and which answers it waits for. *Session* means a billed session only.
///
/// An answer passes through three places: the ``pipeline`` while its command is under way or others before it are, the
/// ``waiting`` queue while the transport does not take it, and ``output`` for the moment until the next flush.
///
/// Belongs to one event loop; nothing here is touched elsewhere. Knows no socket: see ``Transport``.
final class Client {
    enum Standing {
        /// Has shown no passport yet.
        case stranger
        case passport(PassportOrdinal)
        /// The one who opened the data directory in this process: nobody could be asked for permission.
        case owner
    }

    let number: UInt64
    let address: String
    let localAddress: String
    let opened = NIODeadline.now()
    /// As the journal's readers know it.
    let asker = Asker()

    var standing: Standing { didSet { rights = nil } }
    /// What its passport may do, once it was asked in this turn.
    var rights: Authorization.Rights?
    /// Since when it has been a stranger, if it is one: the time to show a passport counts from here.
    var strangerSince: NIODeadline
    /// Passports shown that were none, since the last that was one.
    var failures = 0
    var version = RESPVersion.v2
    var name = ShortText()
    var library = ShortText()
    var libraryVersion = ShortText()
    var lastCommand = NIODeadline.now()

    var state = ConnectionState()
    var transaction = Transaction()
    /// Nil: it has not sent one yet.
    var programs: ProgramQueue?
    /// Other worlds that it has open, by their names.
    var forks: [ShortText: HeldFork] = [:]

    /// Answers whose turn has come, on their way to the transport.
    var output = RESPWriter(version: .v2)
    /// Answers that are ready, and that the transport does not take now.
    var waiting = AnswerQueue()
    var pipeline = Pipeline()
    /// A command that must not begin before what is under way is over. Nothing behind it is read meanwhile.
    var held: ParsedCommand?
    /// The WAIT that is under way: one at most, for everything waits for it.
    var wait: Wait?
    struct Wait {
        let slot: UInt64
        var ticket: WaitTicket?
        var timeout: (end: NIODeadline, task: Scheduled<Void>)?
    }

    /// The TAIL under way.
    var following: Following?
    struct Following {
        let id: UInt64
        let tail: Tail
        /// The answer that the first events are; nil: they are pushed.
        var slot: UInt64?
        /// Behind the last event that it was given.
        var next: LSN
        /// It was given a piece, and the next is not asked for yet.
        var isOwed = false
        var timeout: Scheduled<Void>?
    }
    /// It is shown what clients send.
    var isWatching = false
    /// Commands that it was not shown.
    var missedLines: UInt64 = 0

    /// Whether it is told of things without asking each time: then it may read as slowly as it likes.
    var isFollowing: Bool { isWatching || following != nil }

    /// Whether the transport takes more than what it was given.
    var takesOutput = true
    /// When answers that wait are handed on, as far as the transport takes them.
    var delivery = Delivery.now
    enum Delivery {
        case now
        /// It has had its turn.
        case nextRound
        /// The events of the receipts that are first are being read.
        case whenRead
    }
    /// Bytes that the transport could not hand on yet, when it last looked.
    var buffered = 0
    /// Bytes of answers so far.
    private(set) var produced = 0
    /// What of ``owed`` is counted in the sum over all connections.
    var counted = 0
    static let flushedAtOnce = 64 << 10

    /// In the dispatcher's list of those to be settled.
    var isUnsettled = false

    weak var transport: (any Transport)?

    init(number: UInt64, address: String, localAddress: String, standing: Standing = .stranger) {
        strangerSince = opened
        self.number = number
        self.address = address
        self.localAddress = localAddress
        self.standing = standing
    }

    var isStranger: Bool {
        if case .stranger = standing { return true }
        return false
    }

    var isClosed: Bool { state.isClosed }

    /// The address without the port.
    var host: String { address.lastIndex(of: ":").map { String(address[..<$0]) } ?? address }

    /// What is kept for it, in bytes: answers that wait for their turn, for the transport, and in it; and what it has
    /// queued for EXEC.
    var owed: Int { pipeline.keptBytes + untaken + transaction.weight }
    /// The part of it that goes when the client reads.
    var untaken: Int { waiting.weight + output.bytes.count + buffered }

    /// Nothing is under way, and nothing waits that the transport has not got.
    var isAnswered: Bool { pipeline.isEmpty && waiting.isEmpty && held == nil }

    func dropForks() {
        for fork in forks.values { fork.open.drop() }
        forks = [:]
    }

    /// Ends what goes on in its forks.
    func interruptForks(_ reason: String) {
        for fork in forks.values { fork.open.interrupt(reason) }
    }

    /// Somebody else speaks from now on: no transaction is carried out that was begun before.
    func endTransactions() {
        transaction.end()
        for (name, fork) in forks where fork.isAborted != nil { forks[name]?.isAborted = true }
    }

    /// Nothing of it is needed any more, though work under way may still hold it.
    func wasClosed() {
        state.close()
        asker.leave()
        dropForks()
        held = nil
        output.bytes = []
        waiting = AnswerQueue()
        pipeline = Pipeline()
        programs = nil
        transaction = Transaction()
        buffered = 0
    }

    // MARK: Answers

    /// Answers a command at once; it must be the only one waiting, or wait its turn.
    func answer(_ encode: (inout RESPWriter) -> Void) {
        guard !isClosed else { return }
        if pipeline.isEmpty {
            handOn(version, encode)
        } else {
            let slot = Pipeline.Slot(command: .ping, kind: .read, version: version, ownRowsOnly: false, detail: .none)
            answer(pipeline.append(slot), encode)
        }
    }

    /// Tells it something that answers no command: whole frames.
    func push(_ bytes: [UInt8]) {
        guard !isClosed, !bytes.isEmpty else { return }
        produced += bytes.count
        if goesOut { output.bytes.append(contentsOf: bytes) } else { waiting.append(bytes: bytes) }
    }

    /// Answers a command that waits: hands the answer on when its turn has come, else it is kept.
    func answer(_ number: UInt64, _ encode: (inout RESPWriter) -> Void) {
        guard !isClosed else { return }
        let version = pipeline[number].version
        guard number == pipeline.front else {
            var writer = RESPWriter(version: version)
            encode(&writer)
            produced += writer.bytes.count
            return pipeline.keep(.bytes(writer.bytes), for: number)
        }
        handOn(version, encode)
        nextInLine()
    }

    /// Answers a command with the receipt of an event: written out by `encode` if the transport takes it now, else by
    /// reference.
    func answer(_ number: UInt64, receipt lsn: LSN, orNow encode: (inout RESPWriter) -> Void) {
        guard !isClosed else { return }
        guard number == pipeline.front, goesOut else { return answer(number, .receipt, lsn) }
        handOn(pipeline[number].version, encode)
        nextInLine()
    }

    /// Answers the commands that are next in line, each with what `encode` writes for its slot, until it has nothing
    /// for one or the transport takes no more.
    func answerFront(_ encode: (_ slot: UInt64, _ writer: inout RESPWriter) -> Bool) {
        guard !isClosed, goesOut else { return }
        // Taken out while it lasts: a pipeline's hundred receipts are one access, not a hundred.
        var (line, writer) = (Pipeline.empty, RESPWriter(version: .v2))
        swap(&line, &pipeline)
        swap(&writer, &output)
        let before = writer.bytes.count
        while writer.bytes.count < Self.flushedAtOnce, let version = line.nextVersion {
            writer.version = version
            guard encode(line.front, &writer) else { break }
            line.removeFirst()
            if line.readyAnswer != nil { break }
        }
        produced += writer.bytes.count - before
        swap(&writer, &output)
        swap(&line, &pipeline)
        handOnEarly()
    }

    /// Answers a command with what the journal has under an LSN, to be read when the transport takes it.
    func answer(_ number: UInt64, _ kind: AnswerQueue.Reference.Kind, _ lsn: LSN) {
        guard !isClosed else { return }
        let reference = AnswerQueue.Reference(kind: kind, lsn: lsn, version: pipeline[number].version)
        guard number == pipeline.front else { return pipeline.keep(.reference(reference), for: number) }
        waiting.append(reference)
        nextInLine()
    }

    /// A command that was read and not executed; nothing is under way.
    func answerBusy(_ encode: (inout RESPWriter) -> Void) {
        if goesOut { handOn(version, encode) } else { waiting.appendBusy() }
    }

    /// Whether an answer whose turn has come can be written out now.
    private var goesOut: Bool {
        guard waiting.isEmpty else { return false }
        // Much goes at once: only then is known what the other side does not take.
        if output.bytes.count >= Self.flushedAtOnce { transport?.flush() }
        return takesOutput
    }

    private func handOn(_ version: RESPVersion, _ encode: (inout RESPWriter) -> Void) {
        if goesOut {
            let before = output.bytes.count
            output.version = version
            encode(&output)
            produced += output.bytes.count - before
        } else {
            var writer = RESPWriter(version: version)
            encode(&writer)
            produced += writer.bytes.count
            waiting.append(bytes: writer.bytes)
        }
    }

    /// The front command has been answered: so may be those behind it.
    private func nextInLine() {
        pipeline.removeFirst()
        handOnEarly()
    }

    private func handOnEarly() {
        while let ready = pipeline.readyAnswer {
            switch ready {
            case .bytes(let bytes) where goesOut: output.bytes.append(contentsOf: bytes)
            case .bytes(let bytes): waiting.append(bytes: bytes)
            case .reference(let reference): waiting.append(reference)
            }
            pipeline.removeFirst()
        }
    }

    func describe(user: ShortText) -> ClientReply {
        let now = NIODeadline.now()
        return ClientReply(
            id: number, address: address, localAddress: localAddress, name: name, library: library,
            libraryVersion: libraryVersion, age: (now - opened).nanoseconds / 1_000_000_000,
            idle: (now - lastCommand).nanoseconds / 1_000_000_000, user: user)
    }
}
