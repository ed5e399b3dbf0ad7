internal import Glibc
internal import Histogram

/// The drawings of the HTML report.
enum HTMLCharts {
    /// Latency by percentile, the axis stretched so that each further nine takes as much room.
    static func percentiles(_ outcome: RunOutcome) -> String {
        let isOpen = outcome.options.mode.isOpen
        let total = Double(max(outcome.all.response.totalCount, 1))
        let last = min(max(log10(total), 1), 6)
        let steps = 120
        func points(_ histogram: LatencyHistogram) -> [(x: Double, y: Double)] {
            (0...steps).map { step in
                let nines = last * Double(step) / Double(steps)
                return (nines, Double(histogram.valueAtPercentile(100 * (1 - pow(10, -nines)))))
            }
        }
        var lines = [
            SVGChart.Line(
                name: isOpen ? "response" : "service", style: "a", points: points(outcome.all.response))
        ]
        if isOpen { lines.append(SVGChart.Line(name: "service", style: "b", points: points(outcome.all.service))) }
        let values = lines.flatMap(\.points).map(\.y)
        let (range, ticks) = SVGChart.durationAxis(values.min() ?? 1000, values.max() ?? 1000)
        let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"]
        return SVGChart(
            title: "Latency by percentile", xTitle: "percentile of the operations", yTitle: "latency", xRange: 0...last,
            yRange: range, yScale: .logarithmic,
            xTicks: (0...Int(last)).map { SVGChart.Tick(value: Double($0), text: names[$0]) }, yTicks: ticks,
            lines: lines
        ).render()
    }

    static func throughput(_ report: LoadReport) -> String {
        let seconds = report.outcome.seconds
        let (range, ticks) = SVGChart.linearAxis(to: seconds.map(\.rate).max() ?? 1) { Units.fixed($0, digits: 0) }
        var chart = overTime(report, "Throughput over time", "operations/s", range, ticks)
        chart.lines = [SVGChart.Line(name: "done", style: "a", points: seconds.map { (time($0.end), $0.rate) })]
        return chart.render()
    }

    static func latencyOverTime(_ report: LoadReport) -> String {
        let seconds = report.outcome.seconds.filter { $0.completed > 0 }
        let (range, ticks) = SVGChart.durationAxis(
            Double(seconds.map(\.p50).min() ?? 1000), Double(seconds.map(\.maximum).max() ?? 1000))
        var chart = overTime(report, "Latency over time", "latency", range, ticks)
        chart.yScale = .logarithmic
        chart.lines = [
            SVGChart.Line(name: "max", style: "c", points: seconds.map { (time($0.end), Double($0.maximum)) }),
            SVGChart.Line(name: "p99", style: "a", points: seconds.map { (time($0.end), Double($0.p99)) }),
            SVGChart.Line(name: "p50", style: "b", points: seconds.map { (time($0.end), Double($0.p50)) }),
        ]
        return chart.render()
    }

    private static func time(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }

    private static let tallMarks = 12

    private static func overTime(
        _ report: LoadReport, _ title: String, _ yTitle: String, _ range: ClosedRange<Double>, _ ticks: [SVGChart.Tick]
    ) -> SVGChart {
        let end = report.outcome.seconds.last.map { time($0.end) } ?? 1
        let (_, xTicks) = SVGChart.linearAxis(to: end) { Units.plain($0) }
        var chart = SVGChart(
            title: title, xTitle: "seconds", yTitle: yTitle, xRange: 0...end, yRange: range,
            xTicks: xTicks.filter { $0.value <= end }, yTicks: ticks)
        let warmup = Double(report.outcome.options.measuredFrom) / 1e9
        if warmup > 0 { chart.shade = (0...min(warmup, end), "warm-up: not measured") }
        // A line for each of hundreds would hide the curve: the longest have one.
        let longest = report.events.sorted { $0.microseconds > $1.microseconds }
        let shortest = longest.prefix(tallMarks).last?.microseconds ?? 0
        chart.marks = longest.map { event in
            let at = Double(event.at) / 1e9
            let length = Units.duration(UInt64(max(0, event.microseconds)) * 1000)
            let text = "\(event.name): \(length), at \(Units.fixed(at, digits: 1)) s"
            return (at, event.name, text, event.microseconds >= shortest)
        }
        return chart
    }

    /// Latency by rate: what a search tried.
    static func search(_ search: SearchResult) -> String {
        let points = search.points
        let (xRange, xTicks) = SVGChart.linearAxis(to: points.map(\.rate).max() ?? 1) { Units.fixed($0, digits: 0) }
        func line(_ name: String, _ style: String, _ percentile: Double) -> SVGChart.Line {
            var line = SVGChart.Line(name: name, style: style, points: [])
            for point in points {
                let value = point.outcome.all.response.valueAtPercentile(percentile)
                line.points.append((point.rate, Double(value)))
                line.dots.append(
                    (
                        point.isMet ? "met" : "missed",
                        "\(Units.fixed(point.rate, digits: 0))/s: \(name) \(Units.duration(value)), "
                            + (point.isMet ? "met" : point.isKept ? "missed" : "not kept up")
                    ))
            }
            return line
        }
        let lines = [line("p99.9", "c", 99.9), line("p99", "a", 99), line("p50", "b", 50)]
        let values = lines.flatMap(\.points).map(\.y)
        let (range, ticks) = SVGChart.durationAxis(values.min() ?? 1000, values.max() ?? 1000)
        return SVGChart(
            title: "Latency by rate", xTitle: "operations/s asked for", yTitle: "response time", xRange: xRange,
            yRange: range, yScale: .logarithmic, xTicks: xTicks, yTicks: ticks, lines: lines
        ).render()
    }
}
