/// What a run must keep: `p99 < 20ms`, `errors < 0.1%`, `verify p99.9 < 5ms`, `rate > 10000`.
package struct Threshold: Hashable, Sendable {
    package enum Metric: Hashable, Sendable {
        /// Of the response time, 0 to 100.
        case percentile(Double)
        case maximum
        case mean
        /// Share of the operations that were answered by an error or not at all.
        case errors
        /// Completed operations a second.
        case rate
        /// Arrivals that were dropped.
        case dropped
    }

    /// As it was written.
    package var text: String
    /// One kind of operation only.
    package var operation: String?
    package var metric: Metric
    package var isUpperBound: Bool
    /// Nanoseconds, a share from 0 to 1, operations a second, or a number.
    package var bound: Double

    package static let grammar =
        "a threshold is like p99 < 20ms, max < 1s, errors < 0.1%, rate > 10000 or dropped < 1; "
        + "an operation's name may stand before it"

    package init(_ text: String) throws(LoadError) {
        self.text = text.split(separator: " ").joined(separator: " ")
        guard let sign = text.firstIndex(where: { $0 == "<" || $0 == ">" }) else { throw Self.refusal(text) }
        isUpperBound = text[sign] == "<"
        let left = text[..<sign].split(separator: " ").map(String.init)
        let right = text[text.index(after: sign)...].split(separator: " ").joined()
        guard let name = left.last, left.count <= 2 else { throw Self.refusal(text) }
        operation = left.count == 2 ? left[0] : nil
        switch name {
        case "max": metric = .maximum
        case "mean": metric = .mean
        case "errors": metric = .errors
        case "rate": metric = .rate
        case "dropped": metric = .dropped
        default:
            guard name.hasPrefix("p"), let percent = Units.decimal(String(name.dropFirst())), percent <= 100 else {
                throw Self.refusal(text)
            }
            metric = .percentile(percent)
        }
        switch metric {
        case .percentile, .maximum, .mean:
            guard let nanoseconds = Units.nanoseconds(right) else { throw Self.refusal(text) }
            bound = Double(nanoseconds)
        case .errors:
            guard right.hasSuffix("%"), let percent = Units.decimal(String(right.dropLast())) else {
                throw Self.refusal(text)
            }
            bound = percent / 100
        case .rate, .dropped:
            guard let number = Units.decimal(right) else { throw Self.refusal(text) }
            bound = number
        }
    }

    private static func refusal(_ text: String) -> LoadError { .usage("\"\(text)\" is no threshold: \(grammar)") }

    /// A limit of latency alone tells how fast a server is, not whether it keeps up.
    package var isLatency: Bool {
        switch metric {
        case .percentile, .maximum, .mean: true
        case .errors, .rate, .dropped: false
        }
    }
}

/// A threshold and what was measured.
package struct Verdict: Hashable, Sendable {
    package var threshold: Threshold
    /// In the unit of the threshold's bound; nil where there was nothing to measure it by.
    package var measured: Double?

    package init(_ threshold: Threshold, measured: Double?) {
        self.threshold = threshold
        self.measured = measured
    }

    /// What was not measured is not met: no answer at all is no fast one.
    package var isMet: Bool {
        guard let measured else { return false }
        return threshold.isUpperBound ? measured < threshold.bound : measured > threshold.bound
    }

    /// `4.21 ms`, `0.02 %`, `12,300/s`.
    package var measuredText: String {
        guard let measured else { return "not measured" }
        return switch threshold.metric {
        case .percentile, .maximum, .mean: Units.duration(UInt64(max(0, measured)))
        case .errors: Units.fixed(measured * 100, digits: 3) + " %"
        case .rate: Units.fixed(measured, digits: 0) + "/s"
        case .dropped: Units.fixed(measured, digits: 0)
        }
    }
}
