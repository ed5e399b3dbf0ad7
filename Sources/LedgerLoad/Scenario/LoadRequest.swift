/// What a load test runs, one run after another.
package enum LoadCourse: Hashable, Sendable {
    /// One run, as the command line and the script say.
    case once
    /// A closed loop for the highest rate, then an open loop at half of it: what is measured without a script.
    case canonical
    /// A closed loop for the ceiling, then open loops at rates that the search chooses.
    case search
}

/// How a command line wants a load to be driven. It goes before the script, and the script before what holds otherwise;
/// what is nil was not said. Times in nanoseconds.
package struct LoadRequest: Sendable {
    package var course = LoadCourse.once
    package var connections: Int?
    package var pipeline: Int?
    package var threads: Int?
    package var seed: UInt64?
    package var backlog: Int?
    /// Operations a second; 0: a closed loop.
    package var rate: Double?
    package var arrivals: Arrivals?
    package var duration: UInt64?
    package var warmup: UInt64?
    /// 300 s after 30 s of warm-up.
    package var isLong = false
    /// How long each rate of a search is measured.
    package var probe: UInt64?

    package init() {}

    /// How the first run is driven. Throws where something that was said would have no effect, with the option and what
    /// it goes with.
    package func options(for scenario: Scenario) throws(LoadError) -> LoadOptions {
        let defaults = scenario.defaults
        var options = LoadOptions()
        options.mode = mode(of: scenario)
        if let objection = objection(to: options.mode) { throw .usage(objection) }
        options.connections = connections ?? defaults.connections ?? 16
        options.pipeline = pipeline ?? defaults.pipeline ?? 1
        options.threads = threads ?? 1
        options.seed = seed ?? 1
        options.backlog = backlog ?? options.backlog
        options.arrivals = arrivals ?? defaults.arrivals ?? options.arrivals
        options.duration = isLong ? 300_000_000_000 : duration ?? defaults.duration ?? options.duration
        options.warmup = isLong ? 30_000_000_000 : warmup ?? defaults.warmup ?? options.warmup
        if course == .search { options.duration = probe ?? 5_000_000_000 }
        return options
    }

    /// How a search's run at this rate is driven. `first`: how the closed loop before it was. The server is warm by
    /// then, so that a second is enough unless more was asked for.
    package func options(at rate: Double, after first: LoadOptions) -> LoadOptions {
        var options = first
        options.mode = .open(rate: rate)
        options.warmup = warmup ?? min(first.warmup, 1_000_000_000)
        return options
    }

    private func mode(of scenario: Scenario) -> LoadMode {
        switch course {
        case .canonical, .search: return .closed
        case .once: break
        }
        if let rate { return rate > 0 ? .open(rate: rate) : .closed }
        if !scenario.stages.isEmpty { return .ramp(scenario.stages) }
        return scenario.defaults.rate.map { .open(rate: $0) } ?? .closed
    }

    /// Which option would have no effect, and why; nil where each has one.
    private func objection(to mode: LoadMode) -> String? {
        func first(_ options: [(String, Bool)]) -> String? { options.first(where: \.1)?.0 }
        let lengths = [("--long", isLong), ("--duration", duration != nil)]
        switch course {
        case .search:
            return first(lengths).map {
                "--search measures each rate for as long as --probe says: it goes without \($0)"
            }
        case .once, .canonical:
            if probe != nil { return "--probe goes with --search" }
        }
        guard course == .once else { return nil }
        switch mode {
        case .open: return nil
        case .closed:
            return first([("--arrivals", arrivals != nil), ("--backlog", backlog != nil)])
                .map { "\($0) is about an open loop, and this one is closed: it goes with --rate" }
        case .ramp:
            return first(lengths + [("--warmup", warmup != nil)])
                .map { "the script's stages say how long it runs, and all of it is measured: \($0) goes with --rate" }
        }
    }
}
