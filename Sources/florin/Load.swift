internal import ArgumentParser
internal import Glibc
internal import LedgerClient
internal import LedgerCore
internal import LedgerLoad
internal import RESP
internal import Synchronization

struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: """
            Load a server, measure it, and check its books afterwards.
            Mind coordinated omission: only with --rate does a stall show.
            """,
        discussion: """
            A closed loop asks no more while it waits, so it hides what a stall does to others. With --rate, \
            operations begin whatever the server does, and response times count from when each was meant to begin.

            Without SCRIPT: the highest rate of durable charges, and the p99 of their response time at half of it. \
            Without --connect: against a server of its own, on a new ledger in a temporary directory that is removed \
            afterwards. Scripts are Lua: Scripts/load has some, the page LoadTests says how to write others. Any \
            server that speaks RESP3 will do; against Redis the same script runs with what it has for Redis.

            Without --rate (or a script's rate or ramp) it is a closed loop: connections × pipeline clients, each with \
            one operation under way. The books are compared with what was acknowledged, to the nano-dollar.

            Objectives (--slo, and the script's thresholds) are judged by the run that is reported. Without a script \
            there are two: rates are judged by the highest one, latencies by the run at half of it, errors by both. \
            What was not measured is missed.

            With --replay DIR a data directory is the load: its journal is turned back into the commands that gave it, \
            for a new ledger. Against a server of its own, or one begun by serve --clock driven, time is set to what was \
            recorded, and the books and every balance must end as they were. The directory is only read, beside its \
            server too.

            Exit codes: 0 success, 1 it failed, the books do not agree, or receipts could not be looked up, 4 a \
            threshold or objective was missed, 5 a replayed ledger is not the recorded one, 64 a mistake in the command \
            line or the script: also an option that would have no effect.
            """)

    @Argument(help: ArgumentHelp("The scenario; default: charge, which is built in.", valueName: "script.lua"))
    var script: String?

    @Option(help: ArgumentHelp("A running server; the passport is in FLORIN_PASSPORT.", valueName: "host:port"))
    var connect: Address?

    @Option(
        name: .customLong("set"), help: ArgumentHelp("A parameter of the script; repeatable.", valueName: "name=value"))
    var parameters: [String] = []

    @Option(
        help: ArgumentHelp(
            "Send what a data directory has recorded, to a new ledger, in the place of a script.", valueName: "dir"))
    var replay: String?

    @Option(
        help: ArgumentHelp(
            "With --replay: recorded time goes by so many times as fast; default: as fast as it goes.",
            valueName: "50x"))
    var speed: Speed?

    @Option(help: "Connections; default: the script's, else 16.")
    var connections: Int?

    @Option(help: "Operations under way at once on each connection; default: the script's, else 1.")
    var pipeline: Int?

    @Option(
        help: ArgumentHelp(
            """
            Open loop: so many operations a second begin, whatever the server does, in the place of the script's rate \
            or ramp. 0: closed loop.
            """, valueName: "n"))
    var rate: Double?

    @Option(help: "When the operations of an open loop begin; default: the script's, else poisson.")
    var arrivals: ArrivalKind?

    @Option(help: "How long is measured; default: the script's, else 10s. Not with --search or a script's ramp.")
    var duration: Span?

    @Option(
        help: """
            How long it runs before that; default: the script's, else 2s; of that at most 1s before each rate of \
            --search. Not with a script's ramp.
            """)
    var warmup: Span?

    @Flag(
        name: .customLong("long"),
        help: "The long form: 300 s after 30 s of warm-up. Not with --search or a script's ramp.")
    var isLong = false

    @Option(help: "Event loops that drive the load; default: 1.")
    var threads: Int?

    @Option(help: "The same seed draws the same keys and arrivals; default: 1.")
    var seed: UInt64?

    @Option(
        help: """
            Arrivals of an open loop that may wait for a free client; what comes beyond is dropped and counted; \
            default: 100000.
            """)
    var backlog: Int?

    @Option(help: ArgumentHelp("An objective, like 'p99<5ms'; repeatable, besides the script's.", valueName: "limit"))
    var slo: [String] = []

    @Flag(help: "Find the highest rate that meets --slo and the script's thresholds, and draw the curve.")
    var search = false

    @Option(help: "With --search: how long each rate is measured; default: 5s.")
    var probe: Span?

    @Option(help: ArgumentHelp("Write the report as one HTML file that needs no network.", valueName: "file"))
    var html: String?

    @Flag(help: "Print one JSON object and nothing else.")
    var json = false

    enum ArrivalKind: String, ExpressibleByArgument, CaseIterable { case constant, poisson }

    func validate() throws {
        try validateReplay()
        guard 1...1024 ~= threads ?? 1 else { throw ValidationError("--threads must be from 1 to 1024") }
        guard 1...100_000 ~= connections ?? 1 else { throw ValidationError("--connections must be from 1 to 100000") }
        guard 1...100_000 ~= pipeline ?? 1 else { throw ValidationError("--pipeline must be from 1 to 100000") }
        guard backlog ?? 1 >= 1 else { throw ValidationError("--backlog must be at least 1") }
        guard rate ?? 0 >= 0, rate ?? 0 <= 1e8 else { throw ValidationError("--rate must be from 0 to 100000000") }
        guard !search || !slo.isEmpty else { throw ValidationError("--search needs what to look for: --slo 'p99<5ms'") }
        guard !search || rate == nil else { throw ValidationError("--search and --rate exclude each other") }
        guard !isLong || (duration == nil && warmup == nil) else {
            throw ValidationError("--long says duration and warm-up: give neither")
        }
        for parameter in parameters where !parameter.contains("=") || parameter.hasPrefix("=") {
            throw ValidationError("--set takes name=value; '\(parameter)' is none")
        }
    }

    func run() async throws {
        if let replay { return try await runReplay(of: replay) }
        let source = try script.map { path throws(Failure) in try LoadFile.text(of: path) } ?? CanonicalScenario.source
        let name = script.map { String($0.split(separator: "/").last ?? "") } ?? CanonicalScenario.name
        let objectives = try slo.map { text throws(Failure) in
            try Self.checking { () throws(LoadError) in try Threshold(text) }
        }
        // A mistake in the script, or in what is asked of it, is told before a server starts.
        _ = try Self.checking { () throws(LoadError) in
            try request.options(
                for: LoadSession.scenario(name: name, source: source, parameters: values, server: "florin"))
        }
        let own = connect == nil ? try LoadServer.start() : nil
        let result: Result<LoadReport, Failure>
        do throws(Failure) {
            result = .success(try await measure(name: name, source: source, objectives: objectives, own: own))
        } catch {
            result = .failure(error)
        }
        own?.stop()
        let report = try result.get()
        if let html { try writeFile(html, HTMLReport.render(report)) }
        if json { writeLine(LoadJSON.text(of: report)) } else { writeText(TerminalReport.render(report)) }
        try judge(report)
    }

    /// The exit code and its sentence: the books first, for without them no figure counts.
    private func judge(_ report: LoadReport) throws(Failure) {
        if let reconciliation = report.reconciliation {
            switch reconciliation.finding {
            case .agree: break
            case .disagree: throw Failure("books and receipts do not agree")
            case .notAllLookedUp:
                throw Failure("receipts could not be looked up: \(reconciliation.receipts.refusedText ?? "")")
            }
        }
        if let fault = report.booksFault { throw Failure("the books could not be read: \(fault)") }
        if !report.meetsThresholds { throw Failure(Self.missed(report), code: 4) }
        if request.course == .canonical, report.highest == nil, !report.isInterrupted {
            throw Failure("no charge succeeded within the measured time: there is no rate to tell")
        }
    }

    private static func missed(_ report: LoadReport) -> String {
        let missed = report.verdicts.filter { !$0.isMet }.map(\.threshold.text)
        return missed.isEmpty
            ? "no rate that was tried meets the objective" : "missed: " + missed.joined(separator: ", ")
    }

    private var values: [String: Parameter] {
        var values: [String: Parameter] = [:]
        for parameter in parameters {
            let sign = parameter.firstIndex(of: "=")!
            values[String(parameter[..<sign])] = Parameter(String(parameter[parameter.index(after: sign)...]))
        }
        return values
    }

    static func checking<T>(_ body: () throws(LoadError) -> T) throws(Failure) -> T {
        do throws(LoadError) { return try body() } catch {
            throw Failure(error.description, code: error.isUsage ? 64 : 1)
        }
    }

    static func awaiting<T>(_ body: () async throws(LoadError) -> T) async throws(Failure) -> T {
        do throws(LoadError) { return try await body() } catch {
            throw Failure(error.description, code: error.isUsage ? 64 : 1)
        }
    }
}

// MARK: - The measurement

extension Load {
    private func measure(
        name: String, source: String, objectives: [Threshold], own: LoadServer?
    ) async throws(Failure) -> LoadReport {
        let target = LoadTarget(
            host: connect?.host ?? "127.0.0.1", port: connect?.port ?? own!.port,
            passport: own?.passport ?? OpenPort.passport)
        let control = try await Self.connect(target)
        let server = try await Self.awaiting { () async throws(LoadError) in try await LoadSession.server(at: control) }
        let scenario = try Self.checking { () throws(LoadError) in
            try LoadSession.scenario(name: name, source: source, parameters: values, server: server)
        }
        let options = try Self.checking { () throws(LoadError) in try request.options(for: scenario) }
        let session = LoadSession(
            scenario: scenario, target: target, control: control, server: server, threads: options.threads)
        let bar = LoadProgress(isShown: !json && isatty(STDERR_FILENO) == 1)
        Interruption.watch()
        let driver = LoadDriver(
            session: session, request: request, options: options, objectives: objectives, bar: bar,
            events: ServerEvents(control: try await Self.connect(target)))
        let report: Result<LoadReport, Failure>
        do throws(Failure) {
            report = .success(
                try await Self.awaiting { () async throws(LoadError) in
                    try await session.setUp { bar.setUp($0) }
                    return try await driver.run()
                })
        } catch {
            report = .failure(error)
        }
        bar.finish()
        await session.close()
        await control.close()
        return try report.get()
    }

    private static func connect(_ target: LoadTarget) async throws(Failure) -> LoadControl {
        do throws(ClientError) {
            return LoadControl(target, try await LoadControl.open(target))
        } catch {
            if case .passportRefused = error, target.passport == nil {
                throw Failure("\(target.peer) wants a passport: set FLORIN_PASSPORT")
            }
            throw Failure(error)
        }
    }

    /// The options as they were given.
    private var request: LoadRequest {
        var request = LoadRequest()
        request.course = search ? .search : script == nil && rate == nil ? .canonical : .once
        request.connections = connections
        request.pipeline = pipeline
        request.threads = threads
        request.seed = seed
        request.backlog = backlog
        request.rate = rate
        request.arrivals = arrivals.map { Arrivals(rawValue: $0.rawValue)! }
        request.duration = duration.map { UInt64($0.value.nanoseconds) }
        request.warmup = warmup.map { UInt64($0.value.nanoseconds) }
        request.isLong = isLong
        request.probe = probe.map { UInt64($0.value.nanoseconds) }
        return request
    }
}
