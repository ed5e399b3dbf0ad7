internal import LedgerCore
internal import LedgerProtocol
internal import NIOCore
internal import RESP

/// What carries a client's bytes: a socket, or the caller in this process. Every call comes on the client's event loop.
protocol Transport: AnyObject {
    /// Hands ``Client/output`` on and empties it.
    func flush()
    /// The client can take requests again.
    func resume()
    /// No more requests, and what was flushed is the last.
    func close()
    /// Closes at once, whatever is still to be sent.
    func abort()
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

    var standing: Standing
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
    /// Takes no further request; closes when all is answered.
    var isClosing = false
    var isClosed = false
    /// In the dispatcher's list of those to be settled.
    var isUnsettled = false

    weak var transport: (any Transport)?

    init(number: UInt64, address: String, localAddress: String, standing: Standing = .stranger) {
        self.number = number
        self.address = address
        self.localAddress = localAddress
        self.standing = standing
    }

    var isStranger: Bool {
        if case .stranger = standing { return true }
        return false
    }

    /// Answers a command at once; it must be the only one waiting, or wait its turn.
    func answer(_ encode: (inout RESPWriter) -> Void) {
        guard !isClosed else { return }
        if pipeline.isEmpty {
            output.version = version
            encode(&output)
        } else {
            let slot = Pipeline.Slot(command: .ping, kind: .read, version: version, ownRowsOnly: false, detail: .none)
            answer(pipeline.append(slot), encode)
        }
    }

    /// Answers a command that waits: into the output when its turn has come, else it is kept.
    func answer(_ number: UInt64, _ encode: (inout RESPWriter) -> Void) {
        guard !isClosed else { return }
        guard number == pipeline.front else {
            var writer = RESPWriter(version: pipeline[number].version)
            encode(&writer)
            return pipeline.keep(writer.bytes, for: number)
        }
        output.version = pipeline[number].version
        encode(&output)
        pipeline.removeFirst()
        while let ready = pipeline.readyAnswer {
            output.bytes.append(contentsOf: ready)
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
