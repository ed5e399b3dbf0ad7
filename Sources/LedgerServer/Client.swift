internal import LedgerCore
internal import LedgerEngine
internal import LedgerProtocol
internal import NIOCore
internal import RESP

/// What carries a client's bytes: a socket, or the caller in this process. Every call comes on the client's event loop.
protocol Transport: AnyObject {
    /// Hands ``Client/output`` on and empties it.
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
/// Belongs to one event loop; nothing here is touched elsewhere. Knows no socket: see ``Transport``.
final class Client {
    enum Standing {
        /// Has shown no passport yet.
        case stranger
        case passport(PassportOrdinal)
        /// Whoever opened the data directory in this process: nobody could be asked for permission.
        case owner
    }

    let number: UInt64
    let address: String
    let localAddress: String
    let opened = NIODeadline.now()
    /// As the journal's readers know it.
    let asker = Asker()

    var standing: Standing
    /// Since when it has been a stranger, if it is one: the time to show a passport counts from here.
    var strangerSince: NIODeadline
    /// Passports shown that were none, since the last that was one.
    var failures = 0
    var version = RESPVersion.v2
    var name = ShortText()
    var library = ShortText()
    var libraryVersion = ShortText()
    var lastCommand = NIODeadline.now()

    /// Answers whose turn has come, not yet handed to the transport.
    var output = RESPWriter(version: .v2)
    var pipeline = Pipeline()
    /// A command that must not begin before what is under way is over. Nothing behind it is read meanwhile.
    var held: ParsedCommand?
    /// MULTI was refused, and its end has not come yet: nothing between is run, see ``Dispatcher``.
    var isInRefusedTransaction = false
    /// The WAIT that is under way: one at most, for everything that changes or waits stays behind it.
    var wait: Wait?
    struct Wait {
        let slot: UInt64
        var ticket: WaitTicket?
        var timeout: (end: NIODeadline, task: Scheduled<Void>)?
    }

    /// Bytes that the transport could not hand on yet, when it last looked.
    var buffered = 0
    /// Bytes of answers so far.
    private(set) var produced = 0
    /// More answers than may wait for a client: it is to be dropped, and is answered nothing any more.
    private(set) var isOverrun = false
    private let outputLimit: Int
    private static let flushedAtOnce = 64 << 10

    /// The other side has sent all it will (`nc`, `shutdown(2)`), or has gone: what it asked is still answered.
    var inputIsClosed = false
    /// Takes no further request; closes when all is answered.
    var isClosing = false
    var isClosed = false
    /// In the dispatcher's list of those to be settled.
    var isUnsettled = false

    weak var transport: (any Transport)?

    /// `outputLimit`: the most bytes of answers that may wait for the client, wherever they wait.
    init(
        number: UInt64, address: String, localAddress: String, standing: Standing = .stranger, outputLimit: Int = .max
    ) {
        strangerSince = opened
        self.outputLimit = outputLimit
        self.number = number
        self.address = address
        self.localAddress = localAddress
        self.standing = standing
    }

    var isStranger: Bool {
        if case .stranger = standing { return true }
        return false
    }

    /// The address without the port.
    var host: String { address.lastIndex(of: ":").map { String(address[..<$0]) } ?? address }

    /// Bytes of answers that the client has not taken: those that wait for their turn, for the transport, and in it.
    var owed: Int { pipeline.keptBytes + output.bytes.count + buffered }

    /// Nothing of it is needed any more, though work under way may still hold it.
    func wasClosed() {
        isClosed = true
        asker.leave()
        held = nil
        output.bytes = []
        pipeline = Pipeline()
    }

    /// Answers a command at once; it must be the only one waiting, or wait its turn.
    func answer(_ encode: (inout RESPWriter) -> Void) {
        guard !isClosed, !isOverrun else { return }
        if pipeline.isEmpty {
            let before = output.bytes.count
            output.version = version
            encode(&output)
            noteOutput(output.bytes.count - before)
        } else {
            let slot = Pipeline.Slot(command: .ping, kind: .read, version: version, ownRowsOnly: false, detail: .none)
            answer(pipeline.append(slot), encode)
        }
    }

    /// Answers a command that waits: into the output when its turn has come, else it is kept.
    func answer(_ number: UInt64, _ encode: (inout RESPWriter) -> Void) {
        guard !isClosed, !isOverrun else { return }
        guard number == pipeline.front else {
            var writer = RESPWriter(version: pipeline[number].version)
            encode(&writer)
            pipeline.keep(writer.bytes, for: number)
            return noteOutput(writer.bytes.count)
        }
        let before = output.bytes.count
        output.version = pipeline[number].version
        encode(&output)
        let count = output.bytes.count - before
        pipeline.removeFirst()
        while let ready = pipeline.readyAnswer {
            output.bytes.append(contentsOf: ready)
            pipeline.removeFirst()
        }
        noteOutput(count)
    }

    private func noteOutput(_ count: Int) {
        produced += count
        // Much of it goes at once: only then is known what the other side does not take.
        if output.bytes.count >= Self.flushedAtOnce { transport?.flush() }
        if owed > outputLimit { isOverrun = true }
    }

    func describe(user: ShortText) -> ClientReply {
        let now = NIODeadline.now()
        return ClientReply(
            id: number, address: address, localAddress: localAddress, name: name, library: library,
            libraryVersion: libraryVersion, age: (now - opened).nanoseconds / 1_000_000_000,
            idle: (now - lastCommand).nanoseconds / 1_000_000_000, user: user)
    }
}
