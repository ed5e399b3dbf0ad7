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
    /// The highest rate of the closed loop that went before, where the canonical workload ran; `outcome` is the open
    /// loop at half of it.
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
            case .open(let rate):
                "open loop, \(Units.fixed(rate, digits: 0))/s, \(options.arrivals.rawValue) arrivals"
            case .ramp(let stages):
                "open loop, ramp up to \(Units.fixed(stages.map(\.rate).max() ?? 0, digits: 0))/s, "
                    + "\(options.arrivals.rawValue) arrivals"
            }
        return "\(how); \(clients)"
    }

    /// What must be said of the highest rate beside the number, a sentence and its reasons each: it is a run of its
    /// own, and the one in which this client is most likely the limit. Empty where there is nothing to say, or no such
    /// run.
    var highestNotes: [(sentence: String, reasons: [String])] {
        guard let highest else { return [] }
        var notes: [(sentence: String, reasons: [String])] = []
        let limits = highest.clientLimits
        if !limits.isEmpty {
            notes.append(("At the highest rate this client was itself the limit, so it is a lower bound", limits))
        }
        if let errors = highest.errorText { notes.append(("Errors at the highest rate", [errors])) }
        return notes
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

extension RunOutcome {
    /// `4 errors (0.398 %): BUSY 3, LIMIT 1`; nil without any.
    var errorText: String? {
        guard all.failed > 0 else { return nil }
        let codes = all.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return "\(Units.grouped(all.failed)) errors (\(Units.fixed(errorShare * 100, digits: 3)) %): "
            + codes.map { "\($0.key) \(Units.grouped($0.value))" }.joined(separator: ", ")
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
