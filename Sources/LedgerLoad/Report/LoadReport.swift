internal import Histogram

/// All that is known after a load test: what the three renderings (for a terminal, JSON, HTML) show.
package struct LoadReport: Sendable {
    package var scenario: String
    package var about: String
    package var server: String
    package var peer: String
    package var outcome: RunOutcome
    /// Thresholds of the script and service level objectives of the command line.
    package var verdicts: [Verdict] = []
    package var reconciliation: Reconciliation?
    /// Why the books could not be read afterwards.
    package var booksFault: String?
    package var events: [ServerEvent] = []
    package var search: SearchResult?
    /// The highest rate of the closed loop that went before, where the canonical workload ran.
    package var highest: RunOutcome?
    /// It was ended before its time.
    package var isInterrupted = false

    package init(
        scenario: String, about: String, server: String, peer: String, outcome: RunOutcome
    ) {
        self.scenario = scenario
        self.about = about
        self.server = server
        self.peer = peer
        self.outcome = outcome
    }

    package var meetsThresholds: Bool { verdicts.allSatisfy(\.isMet) && (search.map { $0.best != nil } ?? true) }

    /// How the load was driven, in one line.
    package var drive: String { Self.drive(outcome.options) }

    static func drive(_ options: LoadOptions) -> String {
        let clients = "\(options.connections) connections × pipeline \(options.pipeline)"
        let how =
            switch options.mode {
            case .closed: "closed loop"
            case .open(let rate, let arrivals):
                "open loop, \(Units.fixed(rate, digits: 0))/s, \(arrivals.rawValue) arrivals"
            case .ramp(let stages, let arrivals):
                "open loop, ramp up to \(Units.fixed(stages.map(\.rate).max() ?? 0, digits: 0))/s, "
                    + "\(arrivals.rawValue) arrivals"
            }
        return "\(how); \(clients)"
    }

    /// What the reports show of a histogram: nanoseconds, by name.
    package static func percentileValues(of histogram: LatencyHistogram) -> [(name: String, value: UInt64)] {
        percentiles.map { (name(of: $0), histogram.valueAtPercentile($0)) }
            + [("mean", UInt64(histogram.mean)), ("max", histogram.totalCount == 0 ? 0 : histogram.max)]
    }

    static let percentiles: [Double] = [50, 75, 90, 95, 99, 99.9, 99.99]

    static func name(of percentile: Double) -> String {
        var text = "\(percentile)"
        if text.hasSuffix(".0") { text.removeLast(2) }
        return "p" + text
    }
}

/// Something that the server did of itself, on the client's time line.
package struct ServerEvent: Hashable, Sendable {
    /// Nanoseconds from the start of the run; below 0: before it.
    package var at: Int64
    package var name: String
    package var microseconds: Int64

    package init(at: Int64, name: String, microseconds: Int64) {
        self.at = at
        self.name = name
        self.microseconds = microseconds
    }
}
