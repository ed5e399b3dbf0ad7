/// What a terminal shows of a run while it goes on: one line, drawn anew each second.
package enum LiveLine {
    /// The columns that it has at most.
    package static let width = 118

    /// The second that has just ended, of a run of this name. The rate, response times, and what waits, was dropped or
    /// failed in it.
    package static func text(of second: Second, title: String) -> String {
        var line = "\(title): \(second.isWarmup ? "warm-up " : "")\(second.end / 1_000_000_000) s  "
        line += "\(Units.grouped(Int(second.rate.rounded())))/s  p50 \(Units.duration(second.p50))  "
        line += "p99 \(Units.duration(second.p99))"
        if second.waiting > 0 { line += "  waiting \(Units.grouped(second.waiting))" }
        if second.dropped > 0 { line += "  dropped \(Units.grouped(second.dropped))" }
        let errors = second.errors.sorted { $0.key < $1.key }
        line += errors.isEmpty ? "  no errors" : errors.map { "  \($0.key) \(Units.grouped($0.value))" }.joined()
        return String(line.prefix(width))
    }
}
