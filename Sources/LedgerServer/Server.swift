internal import Glibc
internal import LedgerCore
package import LedgerEngine
internal import LedgerScript
package import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// The composition root of a serving process: a port, then an open engine behind it. Runs until it is told to stop (by
/// its service group, or by `SHUTDOWN`), then answers what was asked, closes the journal, and returns.
package struct Server: Service {
    private let listener: Listener
    private let engine: Engine
    private let past: PastDesk
    let feeds: Feeds
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let stopping: AsyncStream<Void>
    private let requestStop: AsyncStream<Void>.Continuation
    /// Called when ``run()`` begins: from then on, signals to the service group end it in good order.
    package var onServing: @Sendable () -> Void = {}

    package let counters: ServerCounters
    /// What was bound.
    package let host: String
    package let port: Int

    /// Puts an engine behind the port; clients are answered from here on. The engine stays the caller's until ``run()``
    /// was called.
    package init(_ bound: BoundPort, engine: Engine, version: String, logger: Logger) async throws(ServerError) {
        listener = bound.listener
        configuration = bound.configuration
        counters = bound.counters
        (host, port) = (bound.host, bound.port)
        self.engine = engine
        self.logger = logger
        let feeds = Feeds(engine: engine, version: version, logger: logger)
        self.feeds = feeds
        let (stopping, requestStop) = AsyncStream<Void>.makeStream()
        self.stopping = stopping
        self.requestStop = requestStop
        let scripts = ScriptHost(
            budget: ScriptBudget(milliseconds: bound.configuration.scriptMilliseconds),
            answerLimit: bound.configuration.answerLimitOverAll)
        let forks = ForkRoom(memory: bound.configuration.forkMemory)
        let past = PastDesk(of: engine, in: forks, seconds: bound.configuration.pastSeconds, version, logger)
        self.past = past
        do {
            try await listener.serve { [configuration, counters] loop in
                Dispatcher(
                    engine: engine, configuration: configuration, counters: counters, scripts: scripts, forks: forks,
                    past: past, version: version, logger: logger, eventLoop: loop, feeds: feeds,
                    requestStop: { requestStop.finish() })
            }
        } catch {
            throw ServerError("the event loops did not start: \(error)")
        }
    }

    package func run() async throws {
        onServing()
        await withGracefulShutdownHandler {
            for await _ in stopping {}
        } onGracefulShutdown: {
            requestStop.finish()
        }
        logger.info("stopping", metadata: ["clients": "\(counters.clients.load(ordering: .relaxed))"])
        await listener.stop(within: configuration.drainSeconds)
        feeds.tails.stop()
        await past.close()
        engine.stop()
        await listener.shutDown()
        logger.info("stopped", metadata: ["lsn": "\(engine.durableLSN.value)"])
    }
}

/// A port that was bound, before there is a ledger: a taken one is known before anything is made or read, and who
/// connects meanwhile is told that the ledger is loading.
package struct BoundPort: Sendable {
    let listener: Listener
    let configuration: ServerConfiguration
    let counters = ServerCounters()
    package let host: String
    package let port: Int

    package init(_ configuration: ServerConfiguration, logger: Logger) async throws(ServerError) {
        var configuration = configuration
        if let descriptors = Self.descriptorLimit, configuration.fit(descriptors: descriptors) {
            logger.notice(
                "fewer clients than asked for: each takes a file descriptor",
                metadata: ["max-clients": "\(configuration.maxClients)", "descriptors": "\(descriptors)"])
        }
        self.configuration = configuration
        let needed = configuration.descriptorReserve
        guard Self.descriptorLimit.map({ $0 > needed }) ?? true else {
            throw ServerError(
                "\(configuration.eventLoops) event loops and a ledger need more than \(needed) file descriptors: raise ulimit -n"
            )
        }
        do {
            listener = try await Listener.open(configuration, counters: counters)
        } catch {
            throw ServerError(
                "cannot listen on \(configuration.host):\(configuration.port): \((error as? IOError).map(Self.reason) ?? "\(error)")"
            )
        }
        (host, port) = listener.address
        counters.port.store(port, ordering: .relaxed)
    }

    /// Gives the port back when no ledger came to stand behind it.
    package func release() async {
        await listener.stop(within: 0)
        await listener.shutDown()
    }

    /// `ulimit -n`; nil where it cannot be had.
    private static var descriptorLimit: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return Int(clamping: limit.rlim_cur)
    }

    private static func reason(_ error: IOError) -> String {
        let text = String(cString: strerror(error.errnoCode))
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

/// The port could not be had.
package struct ServerError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
