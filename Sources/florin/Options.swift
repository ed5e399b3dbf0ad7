internal import ArgumentParser
internal import LedgerClient
internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerREPL
internal import LedgerServer
internal import LedgerStorage
internal import Logging
internal import RESP
internal import Synchronization

/// `HOST:PORT`, or `HOST` for the default port; an IPv6 address in brackets.
struct Address: ExpressibleByArgument {
    var host: String
    var port: Int

    init?(argument: String) {
        var text = argument.hasPrefix(":") ? "127.0.0.1" + argument : argument
        if text.hasSuffix("]") || !text.contains(":") { text += ":7411" }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), 1...65535 ~= port
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }

    var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// `90s`, `10m`, `1.5h`, `30d`.
struct Span: ExpressibleByArgument {
    var value: TimeSpan

    init(_ value: TimeSpan) { self.value = value }

    init?(argument: String) {
        guard let value = TimeSpan(argument) else { return nil }
        self.value = value
    }

    /// In the largest unit that tells it whole.
    var defaultValueDescription: String {
        guard value.nanoseconds % 1_000_000_000 == 0 else { return "\(value.nanoseconds / 1_000_000)ms" }
        let seconds = value.nanoseconds / 1_000_000_000
        let units: [(Int64, String)] = [(3600, "h"), (60, "m")]
        return units.first { seconds % $0.0 == 0 }.map { "\(seconds / $0.0)\($0.1)" } ?? "\(seconds)s"
    }
}

/// `512MiB`, `2GiB`, or plain bytes.
struct ByteCount: ExpressibleByArgument {
    var value: UInt64

    init(_ value: UInt64) { self.value = value }

    init?(argument: String) {
        let units: [(String, UInt64)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)]
        let unit = units.first { argument.hasSuffix($0.0) }
        guard let number = UInt64(argument.dropLast(unit == nil ? 0 : 3)) else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit?.1 ?? 1)
        guard !overflow else { return nil }
        self.value = value
    }

    var defaultValueDescription: String { "\(value >> 20)MiB" }
}

/// When the history that a snapshot stands for is checked for damage.
enum HistoryCheckTime: String, ExpressibleByArgument, CaseIterable {
    case start, background
}

/// Whose time a ledger goes by.
enum ClockKind: String, ExpressibleByArgument, CaseIterable {
    case system, driven

    /// Where the time of a driven ledger stands at first: the earliest that a command may name.
    static let begins = Timestamp("1980-01-01")!
}

/// How much the server says.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue)! }
}

/// An instant, or `lsn:` and an event: as AT takes it.
struct PastMoment: ExpressibleByArgument {
    var value: Moment

    init?(argument: String) {
        var argument = argument
        guard let value = argument.withUTF8({ Moment(UnsafeRawBufferPointer($0)) }) else { return nil }
        self.value = value
    }
}

/// Where a client subcommand sends its commands.
struct Place: ParsableArguments {
    @Option(help: ArgumentHelp("A running server.", valueName: "host:port"))
    var connect: Address?

    @Option(help: ArgumentHelp("A data directory, opened in this process; made if there is none.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("With --data: the pepper's file, if it is not in the directory.", valueName: "file"))
    var pepper: String?

    func validate() throws {
        guard connect == nil || data == nil else { throw ValidationError("--connect and --data exclude each other") }
        guard pepper == nil || data != nil else { throw ValidationError("--pepper goes with --data") }
    }

    /// Opens what was named; a ledger in memory where nothing was. `elseLooks`: a directory that another process has
    /// open is looked at.
    func open(elseLooks: Bool = false) async throws(Failure) -> OpenPort {
        if let connect { return try await .remote(connect) }
        return try await .embedded(data, pepper: pepper, elseLooks: elseLooks)
    }

    /// The same as it was at a moment, to be looked at.
    func open(at moment: Moment) async throws(Failure) -> OpenPort {
        if let connect { return try await OpenPort.remote(connect).past(moment) }
        guard let data else { preconditionFailure("a moment of no ledger") }
        return try await LookedLedger.open(data, pepper: pepper, at: moment)
    }
}

/// A port that is open, and how it is closed.
struct OpenPort {
    let port: any CommandPort
    /// A new connection in place of the one before, which ends at once with all that was its own.
    let another: @Sendable () async throws -> any CommandPort
    /// What who opened it should know.
    var notice: String?
    /// Looks again at what goes on elsewhere; nil: this is the ledger itself, or its past.
    var reload: (@Sendable () async throws -> (port: any CommandPort, notice: String))?
    let close: @Sendable () async -> Void

    /// Connects with the passport in `FLORIN_PASSPORT`.
    static func remote(_ address: Address) async throws(Failure) -> OpenPort {
        let ledger = try await connected(to: address)
        let last = Mutex(ledger)
        return OpenPort(
            port: ledger,
            another: {
                await last.withLock { $0 }.close(timeoutSeconds: 0)
                let another = try await connected(to: address)
                last.withLock { $0 = another }
                return another
            }, close: { await last.withLock { $0 }.close() })
    }

    private static func connected(to address: Address) async throws(Failure) -> RemoteLedger {
        do throws(ClientError) {
            return try await RemoteLedger.connect(host: address.host, port: address.port, passport: passport)
        } catch {
            if case .passportRefused = error, passport == nil {
                throw Failure("\(address.text) wants a passport: set FLORIN_PASSPORT")
            }
            throw Failure(error)
        }
    }

    /// Hands on what MONITOR shows there, by one more connection, until the task is cancelled or that ends.
    static func monitor(_ address: Address, _ each: @Sendable (String) -> Void) async throws {
        let ledger = try await RemoteLedger.connect(host: address.host, port: address.port, passport: passport)
        try await ledger.monitor(each)
        await ledger.close()
    }

    /// Its ledger as it was at a moment.
    func past(_ moment: Moment) async throws(Failure) -> OpenPort {
        do {
            let past = try await PastPort.open(port, at: moment)
            let (another, close) = (self.another, self.close)
            return OpenPort(port: past, another: { past.by(try await another()) }, close: close)
        } catch {
            await close()
            throw Failure(error)
        }
    }

    /// Opens a data directory in this process, or a ledger in memory.
    static func embedded(
        _ data: String?, pepper: String?, elseLooks: Bool = false
    ) async throws(Failure) -> OpenPort {
        let logger = LogLines.logger(.error)
        var configuration = EngineConfiguration(data.map { .directory($0) } ?? .memory)
        configuration.version = Florin.version
        configuration.pepperFile = pepper
        configuration.adminSecret = AdminPassport.wish
        if let data {
            configuration.keepAdminSecret = { secret throws(EngineError) in
                try AdminPassport.keep(secret, in: data)
            }
        }
        let opened: Engine.Opened
        do throws(EngineError) {
            opened = try Engine.open(configuration, logger: logger)
        } catch {
            guard elseLooks, let data, error.fault?.reason == .inUse else { throw Failure(error) }
            return try await LookedLedger.open(data, pepper: pepper, at: nil)
        }
        let engine = opened.engine
        do {
            if data != nil, let secret = opened.adminSecret { AdminPassport.show(secret) }
            let port = try await EmbeddedPort(engine: engine, version: Florin.version, logger: logger)
            let last = Mutex(port)
            return OpenPort(
                port: port,
                another: {
                    let another = try await last.withLock { $0 }.another()
                    last.withLock { $0 = another }
                    return another
                },
                close: {
                    engine.stop()
                    await last.withLock { $0 }.close()
                })
        } catch {
            engine.stop()
            throw Failure(error)
        }
    }

    static var passport: String? {
        guard let text = environment("FLORIN_PASSPORT"), !text.isEmpty else { return nil }
        return text
    }
}
