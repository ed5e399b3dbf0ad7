internal import Glibc
internal import LedgerLoad
internal import Synchronization

/// The order of runs: one, two for the canonical workload, or as many as a search takes; then the books.
struct LoadDriver {
    let session: LoadSession
    let request: LoadRequest
    /// Of the first run.
    let options: LoadOptions
    let objectives: [Threshold]
    let bar: LoadProgress
    let events: ServerEvents

    private var thresholds: [Threshold] { session.scenario.thresholds + objectives }

    func run() async throws(LoadError) -> LoadReport {
        switch request.course {
        case .once: try await once()
        case .canonical: try await canonical()
        case .search: try await search()
        }
    }

    /// One run as it was asked for.
    private func once() async throws(LoadError) -> LoadReport {
        let (outcome, events) = try await run(options, session.scenario.name)
        var report = report(outcome)
        report.events = events
        report.verdicts = try outcome.verdicts(thresholds)
        await reconcile(&report)
        return report
    }

    /// The highest rate of the closed loop, then half of it in an open loop.
    private func canonical() async throws(LoadError) -> LoadReport {
        let (highest, atHighest) = try await run(options, "highest rate")
        guard !Interruption.isAsked, highest.rate > 0 else {
            var report = report(highest)
            report.events = atHighest
            report.verdicts = try highest.verdicts(thresholds, half: nil)
            await reconcile(&report)
            return report
        }
        var half = options
        half.mode = .open(rate: highest.rate / 2)
        let (outcome, events) = try await run(half, "half of it")
        var report = report(outcome)
        report.highest = highest
        report.events = events
        report.verdicts = try highest.verdicts(thresholds, half: outcome)
        await reconcile(&report)
        return report
    }

    /// The highest rate that meets the thresholds, below what a closed loop reaches.
    private func search() async throws(LoadError) -> LoadReport {
        let (ceiling, _) = try await run(options, "closed loop")
        guard ceiling.rate > 0 else { throw LoadError("nothing was answered: there is no rate to begin with") }
        let search = RateSearch(thresholds: thresholds)
        let found = try await search.run(ceiling: ceiling.rate) { rate throws(LoadError) in
            guard !Interruption.isAsked else { return nil }
            return try await run(request.options(at: rate, after: options), "\(Int(rate))/s asked for").0
        }
        guard let shown = found.best ?? found.points.first else { throw LoadError("ended before a rate was measured") }
        var report = report(shown.outcome)
        report.search = found
        report.verdicts = shown.verdicts
        report.events = events.events(of: shown.outcome)
        await reconcile(&report)
        return report
    }

    /// What was measured is told also when the books cannot be read.
    private func reconcile(_ report: inout LoadReport) async {
        do throws(LoadError) {
            report.reconciliation = try await session.reconcile()
        } catch {
            report.booksFault = error.description
        }
    }

    private func report(_ outcome: RunOutcome) -> LoadReport {
        var report = LoadReport(
            scenario: session.scenario.name, about: session.scenario.about, server: session.server,
            peer: session.target.peer, outcome: outcome)
        report.isInterrupted = Interruption.isAsked
        return report
    }

    private func run(_ options: LoadOptions, _ title: String) async throws(LoadError) -> (RunOutcome, [ServerEvent]) {
        let bar = bar
        let monitor = LoadMonitor(threads: options.threads) { bar.show($0, title) }
        Interruption.stop = { monitor.stop() }
        let outcome = try await events.during { () async throws(LoadError) in
            try await session.run(options, monitor)
        }
        return (outcome, events.events(of: outcome))
    }
}

/// Ctrl-C ends the run early and the report follows; a second one ends the process.
enum Interruption {
    private static let asked = Atomic<Bool>(false)
    private static let stopping = Mutex<@Sendable () -> Void>({})

    static var isAsked: Bool { asked.load(ordering: .relaxed) }

    /// What ends the present run: called once a second is over, not by the signal.
    static var stop: @Sendable () -> Void {
        get { stopping.withLock { $0 } }
        set { stopping.withLock { $0 = newValue } }
    }

    static func watch() {
        _ = isAsked  // made here: a signal's handler must not be the first to touch it
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interruption.asked.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}

/// One line at the terminal: how far the set-up is, then each second of a run.
struct LoadProgress: Sendable {
    let isShown: Bool

    func setUp(_ share: Double) { draw("set-up \(Int(share * 100)) %") }

    func show(_ second: Second, _ title: String) {
        if Interruption.isAsked { Interruption.stop() }
        draw(LiveLine.text(of: second, title: title))
    }

    func finish() { draw("") }

    private func draw(_ line: String) {
        if isShown { writeText("\r\u{1B}[K" + line, to: STDERR_FILENO) }
    }
}

enum LoadFile {
    /// A script: text of at most 1 MiB.
    static func text(of path: String) throws(Failure) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: (1 << 20) + 1)
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + length, $0.count - length) }
            guard count >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            length += count
        }
        guard length <= 1 << 20 else { throw Failure("\(path): a scenario has at most 1 MiB") }
        return String(decoding: bytes[..<length], as: UTF8.self)
    }
}
