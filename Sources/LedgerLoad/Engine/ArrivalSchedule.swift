internal import Glibc

/// When the operations of an open loop are meant to begin, whatever the server does: nanoseconds from the start.
///
/// Arrivals are drawn at unit rate (1 apart, or exponentially so for a Poisson process) and carried through the inverse
/// of the area under the rate's curve, so that ramps of constant slope are exact.
struct ArrivalSchedule {
    private struct Piece {
        /// Seconds.
        var start: Double
        var end: Double
        /// A second, at the start.
        var rate: Double
        /// A second, a second.
        var slope: Double
        /// Arrivals before it, and until its end.
        var before: Double
        var after: Double
    }

    private var pieces: [Piece] = []
    private var piece = 0
    private var position = 0.0
    private let isPoisson: Bool

    /// One rate (a second) for so many nanoseconds.
    init(rate: Double, nanoseconds: UInt64, arrivals: Arrivals) {
        self.init(
            stages: [Stage(rate: rate, nanoseconds: 0), Stage(rate: rate, nanoseconds: nanoseconds)],
            share: 1, arrivals: arrivals)
    }

    /// `share` of each stage's rate. The first ramp begins at 0; a stage of no length is a step.
    init(stages: [Stage], share: Double, arrivals: Arrivals) {
        isPoisson = arrivals == .poisson
        var time = 0.0
        var rate = 0.0
        var count = 0.0
        for stage in stages {
            let length = Double(stage.nanoseconds) / 1e9
            let next = stage.rate * share
            if length > 0 {
                let area = (rate + next) / 2 * length
                pieces.append(
                    Piece(
                        start: time, end: time + length, rate: rate, slope: (next - rate) / length, before: count,
                        after: count + area))
                count += area
                time += length
            }
            rate = next
        }
    }

    /// The next arrival; nil when there are no more.
    mutating func next(_ generator: inout SeededGenerator) -> UInt64? {
        position += isPoisson ? -log(1 - generator.unit()) : 1
        while piece < pieces.count, position > pieces[piece].after { piece += 1 }
        guard piece < pieces.count else { return nil }
        let current = pieces[piece]
        let area = position - current.before
        // rate x + slope x² / 2 = area, solved so that nothing cancels.
        let root = max(0, current.rate * current.rate + 2 * current.slope * area).squareRoot()
        let offset = current.rate + root > 0 ? 2 * area / (current.rate + root) : 0
        return UInt64(min(current.start + offset, current.end) * 1e9)
    }
}
