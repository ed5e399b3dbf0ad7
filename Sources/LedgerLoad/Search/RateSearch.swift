/// A rate that was tried, and what came of it.
package struct SearchPoint: Sendable {
    /// Operations a second that were asked for.
    package var rate: Double
    package var outcome: RunOutcome
    package var verdicts: [Verdict]
    /// The rate was kept: nothing was dropped or left over, and 98 % of it was completed.
    package var isKept: Bool

    package var isMet: Bool { isKept && verdicts.allSatisfy(\.isMet) }
}

package struct SearchResult: Sendable {
    /// In ascending order of rates.
    package var points: [SearchPoint]
    /// What the closed loop reached: no open loop is asked for more than this, and a fifth.
    package var ceiling: Double

    /// The highest rate that met it, with all rates that were tried below it.
    package var best: SearchPoint? {
        var best: SearchPoint?
        for point in points {
            guard point.isMet else { break }
            best = point
        }
        return best
    }

    /// The client itself was the limit where it failed: a better client may find more.
    package var isClientLimited: Bool {
        points.first { !$0.isMet }.map { !$0.outcome.clientLimits.isEmpty } ?? false
    }
}

/// Looks for the highest rate of arrivals that meets some thresholds: first a coarse walk up to what the closed loop
/// reached, which is also the curve that is drawn, then halving between the last rate that met them and the first that
/// did not.
///
/// One noisy second must not end the walk: a rate that is kept and misses a threshold is tried up to twice more before
/// it counts as missed, one that is not kept once more.
package struct RateSearch: Sendable {
    package var thresholds: [Threshold]
    /// Shares of the ceiling for the first walk.
    package var walk = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    /// Halving ends when the two are this close, as a share of the higher.
    package var precision = 0.03

    package init(thresholds: [Threshold]) { self.thresholds = thresholds }

    /// `probe` runs the load at a rate; nil ends the search early.
    package func run(
        ceiling: Double, probe: (Double) async throws(LoadError) -> RunOutcome?
    ) async throws(LoadError) -> SearchResult {
        var points: [SearchPoint] = []
        var low = 0.0
        var high: Double?
        func attempt(_ rate: Double, tries: Int = 3) async throws(LoadError) -> Bool? {
            for attempts in 1...tries {
                guard let outcome = try await probe(rate) else { return nil }
                let point = SearchPoint(
                    rate: rate, outcome: outcome, verdicts: try outcome.verdicts(thresholds), isKept: outcome.isKept)
                guard point.isMet || attempts == tries || (attempts == 2 && !point.isKept) else { continue }
                points.append(point)
                return point.isMet
            }
            return nil
        }
        for share in walk {
            // Beyond the first that failed once is enough: that is for the curve.
            let tries = high == nil ? 3 : 1
            guard let isMet = try await attempt(ceiling * share, tries: tries) else {
                return Self.result(points, ceiling)
            }
            if high == nil, isMet { low = ceiling * share }
            if high == nil, !isMet { high = ceiling * share }
            if points.last.map({ !$0.isKept }) ?? false { break }
        }
        // All of the walk was met: an open loop can be a little above what a closed one reaches.
        if high == nil {
            guard let isMet = try await attempt(ceiling * 1.2) else { return Self.result(points, ceiling) }
            if isMet { return Self.result(points, ceiling) }
            high = ceiling * 1.2
        }
        // A rate of next to nothing is no answer.
        while let top = high, top - low > precision * top, top > ceiling / 100 {
            let middle = (low + top) / 2
            guard let isMet = try await attempt(middle) else { break }
            if isMet { low = middle } else { high = middle }
        }
        return Self.result(points, ceiling)
    }

    private static func result(_ points: [SearchPoint], _ ceiling: Double) -> SearchResult {
        SearchResult(points: points.sorted { $0.rate < $1.rate }, ceiling: ceiling)
    }
}

extension RunOutcome {
    /// The open loop's rate was kept.
    package var isKept: Bool {
        guard let offered else { return true }
        return dropped == 0 && unfinished == 0 && rate + Double(all.failed) >= 0.98 * offered
    }
}
