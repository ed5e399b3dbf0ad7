internal import ArgumentParser
internal import Glibc
internal import LedgerCore
internal import LedgerEngine
internal import LedgerServer
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a ledger.",
        discussion: """
            The first start creates the ledger and an admin passport: shown once if standard output is a terminal, else \
            written to DIR/admin-passport, before the ledger begins. FLORIN_ADMIN_PASSPORT, when set, is taken as that \
            passport.

            SIGTERM and SIGINT stop the server: what was asked is answered, the journal is closed, exit code 0. SIGHUP \
            opens the file of --log again, as log rotation wants it; without --log it is ignored.
            """)

    @Option(help: ArgumentHelp("The data directory; made if there is none.", valueName: "dir"))
    var data: String

    @Option(help: "TCP port; 0 lets the system choose.")
    var port = 7411

    @Option(help: "Address to listen on. Beyond loopback everything is sent in the clear.")
    var host = "127.0.0.1"

    @Option(
        help: ArgumentHelp(
            "Rules (*.lua) to begin a new ledger with; default: the built-in ones.", valueName: "dir"))
    var rules: String?

    @Option(help: ArgumentHelp("The pepper's file, if it is not to be in the data directory.", valueName: "file"))
    var pepper: String?

    @Option(
        help: """
            Whose time the ledger goes by: the machine's, or its clients' (CLOCK SET) for a new ledger that is to replay \
            or try things, and is marked so for good.
            """)
    var clock = ClockKind.system

    @Option(help: "How long an idempotency key is remembered for certain.")
    var keyRetention = Span(.hours(24))

    @Option(
        help: """
            Memory for idempotency keys (\(CommandHistory.bytesPerKey) bytes each); when it is full, commands with KEY \
            are refused with BUSY.
            """)
    var keyMemory = ByteCount(EngineConfiguration.keyMemory)

    @Option(help: "Size of the journal's segments, from 4MiB up; two of them are kept filled with zeros.")
    var segmentSize = ByteCount(64 << 20)

    @Option(
        help: """
            When to look for damage in the history that a snapshot stands for: at the start, which refuses to serve if \
            there is some, or in the background (INFO's history_check tells) for a history too long to wait for.
            """)
    var checkHistory = HistoryCheckTime.start

    @Option(
        help: """
            When nobody could decide for longer than this (a stopped process, a suspended machine), that time counts as \
            downtime: what runs is given it back. At least 2s.
            """)
    var pause = Span(.seconds(5))

    @Flag(
        help: """
            Refuse commands that change money without a KEY: client libraries repeat a command whose answer was lost, \
            and only with a KEY it is booked once.
            """)
    var requireKeys = false

    @Option(
        help: """
            How long a script (EVAL) may run, and keep everybody else waiting: then it is ended, and nothing of it is \
            kept. From 1ms to 2s.
            """)
    var scriptBudget = Span(TimeSpan(nanoseconds: 10_000_000))

    @Option(
        help: """
            Memory for all forks together (FORK NEW) and the past (AT); each takes about as much as the ledger, and what \
            happens in a fork: half of this for one at most.
            """)
    var forkMemory = ByteCount(4 << 30)

    @Option(help: "Most connections at once.")
    var maxClients = 10_000

    @Option(
        help: """
            Memory for answers that one connection has not taken, beyond what its socket holds, and for what it has \
            queued for EXEC; a receipt takes 16 bytes at most. When it is full, commands are read and answered BUSY, and \
            not executed.
            """)
    var answersPerConnection = ByteCount(UInt64(ServerConfiguration().answerLimit))

    @Option(
        help: """
            The same for all connections together; those whose own answers take little are still served. 1,000 \
            connections that never read take so much, half of it again, and 0.25 MiB each.
            """)
    var answersOverAll = ByteCount(UInt64(ServerConfiguration().answerLimitOverAll))

    @Option(help: "Event loops; default: two less than there are cores, at least one.")
    var eventLoops: Int?

    @Option(help: "Write the port that was bound to this file, once clients can connect.")
    var portFile: String?

    @Option(help: "The least important lines to log.")
    var logLevel = LogLevel.info

    @Option(
        help: ArgumentHelp(
            "Log to this file instead of standard error; it is made with mode 0600 and appended to.", valueName: "file")
    )
    var log: String?

    func validate() throws {
        guard 0...65535 ~= port else { throw ValidationError("--port is not between 0 and 65535") }
        guard maxClients > 0 else { throw ValidationError("--max-clients is not above 0") }
        guard eventLoops.map({ $0 > 0 }) ?? true else { throw ValidationError("--event-loops is not above 0") }
        for (name, size) in [("per-connection", answersPerConnection), ("over-all", answersOverAll)] {
            guard size.value >= 64 << 10, size.value <= 1 << 40 else {
                throw ValidationError("--answers-\(name) is not between 64KiB and 1TiB")
            }
        }
        guard segmentSize.value >= 4 << 20, segmentSize.value <= 1 << 30, segmentSize.value % 4096 == 0 else {
            throw ValidationError("--segment-size is not a multiple of 4KiB between 4MiB and 1GiB")
        }
        guard eventLoops ?? 1 <= 256 else { throw ValidationError("--event-loops is above 256") }
        guard keyRetention.value > .zero else { throw ValidationError("--key-retention is not above 0") }
        guard pause.value >= .seconds(2) else { throw ValidationError("--pause is below 2s") }
        guard (1_000_000...2_000_000_000).contains(scriptBudget.value.nanoseconds) else {
            throw ValidationError("--script-budget is not between 1ms and 2s")
        }
    }

    func run() async throws {
        let logger = LogLines.logger(logLevel.level)
        let log = try log.map { try LogFile($0) }
        await LogFile.takeHangUps(log, logger)
        do {
            try await serve(logger)
        } catch {
            // Also on standard error, where the person who started it looks.
            if let log {
                writeLine("florin: \(Failure(error).description)", to: STDERR_FILENO)
                log.giveBack()
            }
            throw error
        }
    }

    private func serve(_ logger: Logger) async throws {
        raiseDescriptorLimit()
        // What cannot be written is better known before there is a ledger.
        let portFile = try portFile.map { try PortFile($0) }
        // The port first: if it cannot be had, no ledger is made or read in vain.
        let bound: BoundPort
        do throws(ServerError) { bound = try await BoundPort(serverConfiguration, logger: logger) } catch {
            throw Failure(error)
        }
        let opened: Engine.Opened
        do throws(EngineError) {
            opened = try Engine.open(engineConfiguration, logger: logger)
        } catch {
            await bound.release()
            throw Failure(error)
        }
        for notice in opened.notices { logger.notice("\(notice)") }
        if let secret = opened.adminSecret { AdminPassport.show(secret) }
        var server: Server
        do throws(ServerError) {
            server = try await Server(bound, engine: opened.engine, version: Florin.version, logger: logger)
        } catch {
            opened.engine.stop()
            await bound.release()
            throw Failure(error)
        }
        let (host, port) = (server.host, server.port)
        server.onServing = { [data] in
            logger.notice("serving", metadata: ["host": "\(host)", "port": "\(port)", "data": "\(data)"])
            do throws(Failure) { try portFile?.announce(port) } catch {
                logger.error("the port was not announced", metadata: ["fault": "\(error)"])
            }
        }
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        ).run()
    }

    private var engineConfiguration: EngineConfiguration {
        var configuration = EngineConfiguration(.directory(data))
        configuration.version = Florin.version
        if let rules { configuration.rules = .directory(rules) }
        configuration.pepperFile = pepper
        configuration.adminSecret = AdminPassport.wish
        configuration.keepAdminSecret = { [data] secret throws(EngineError) in
            try AdminPassport.keep(secret, in: data)
        }
        if clock == .driven { configuration.driven = ManualClock(ClockKind.begins) }
        configuration.keyRetention = keyRetention.value
        configuration.pauseLimit = pause.value
        configuration.keyCapacity = max(1, keyMemory.value / CommandHistory.bytesPerKey)
        configuration.segmentBytes = Int(segmentSize.value)
        configuration.checksHistoryFirst = checkHistory == .start
        configuration.checkpoints = .child(
            ["/proc/self/exe", "checkpoint", data, "--parent", "\(getpid())", "--audit"])
        configuration.onFatal = { error in
            writeLine("florin: \(error)", to: STDERR_FILENO)
            // Event loops send out that outcomes are unknown. A client that does not take it in time learns it from the
            // connection's end; what became of it all, recovery decides.
            usleep(50_000)
            _exit(1)
        }
        return configuration
    }

    private var serverConfiguration: ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.maxClients = maxClients
        configuration.requiresKeys = requireKeys
        configuration.forkMemory = Int(forkMemory.value)
        configuration.scriptMilliseconds = Int(scriptBudget.value.nanoseconds / 1_000_000)
        configuration.answerLimit = Int(answersPerConnection.value)
        configuration.answerLimitOverAll = Int(answersOverAll.value)
        if let eventLoops { configuration.eventLoops = eventLoops }
        return configuration
    }

    /// A connection is a descriptor; the soft limit is often 1,024.
    private func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// Where the port is written, once clients can connect. A reader finds the whole file or none.
private struct PortFile {
    private let path: String
    /// A pipe or a terminal takes the line as it is.
    private let isReplaced: Bool

    /// Throws where nothing can be written.
    init(_ path: String) throws(Failure) {
        self.path = path
        var status = stat()
        isReplaced = stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
        if isReplaced { try writeFile(path + ".tmp", "") }
    }

    func announce(_ port: Int) throws(Failure) {
        try writeFile(isReplaced ? path + ".tmp" : path, "\(port)\n")
        guard !isReplaced || rename(path + ".tmp", path) == 0 else {
            throw Failure("\(path): \(String(cString: strerror(errno)))")
        }
    }
}
