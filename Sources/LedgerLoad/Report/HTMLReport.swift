internal import Histogram

/// The report as one HTML file: style and drawings inside, no script, nothing from a network.
package enum HTMLReport {
    package static func render(_ report: LoadReport) -> String {
        var html = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(report.scenario)): load test</title>
            <style>
            \(style)
            </style>
            </head>
            <body>
            <h1>\(escaped(report.scenario))</h1>
            <p>\(escaped("\(report.about). \(report.server) at \(report.peer); \(report.drive)")).</p>

            """
        if report.isInterrupted { html += "<p class=\"bad\">Ended early: this is of the time until then.</p>\n" }
        html += numbers(report)
        html += notes(report)
        if let search = report.search {
            html += section("Latency by rate", HTMLCharts.search(search), legend: searchLegend(search))
        }
        html += section(
            "Latency by percentile", HTMLCharts.percentiles(report.outcome),
            legend: report.outcome.options.mode.isOpen
                ? "Response time counts from when an operation was meant to begin, service time from when it was sent."
                : "A closed loop waits for the server before it asks again: it cannot see what waiting users would.")
        html += section("Throughput over time", HTMLCharts.throughput(report), legend: eventLegend(report))
        html += section("Latency over time", HTMLCharts.latencyOverTime(report), legend: "")
        html += operations(report.outcome)
        html += verdicts(report.verdicts)
        html += events(report.events)
        html += books(report.reconciliation)
        if let fault = report.booksFault {
            html += "<p class=\"bad\">The books could not be read: \(escaped(fault))</p>\n"
        }
        return html + "</body>\n</html>\n"
    }

    private static func escaped(_ text: String) -> String { HTMLText.escaped(text) }

    private static func section(_ title: String, _ drawing: String, legend: String) -> String {
        "<h2>\(title)</h2>\n<figure>\(drawing)"
            + (legend.isEmpty ? "" : "<figcaption>\(escaped(legend))</figcaption>") + "</figure>\n"
    }

    private static func numbers(_ report: LoadReport) -> String {
        let outcome = report.outcome
        let response = outcome.all.response
        var tiles: [(String, String)] = []
        if let highest = report.highest {
            tiles.append((Units.fixed(highest.rate, digits: 0), "durable charges/s, the highest"))
        }
        if let best = report.search?.best {
            tiles.append((Units.fixed(best.rate, digits: 0), "operations/s meet the objective"))
        }
        tiles.append(
            (
                Units.fixed(outcome.rate, digits: 0),
                "operations/s, ± \(Units.fixed(outcome.rateDeviation, digits: 0)) per second"
            ))
        tiles.append((Units.duration(response.valueAtPercentile(50)), "p50"))
        tiles.append((Units.duration(response.valueAtPercentile(99)), "p99"))
        tiles.append((Units.duration(response.valueAtPercentile(99.9)), "p99.9"))
        tiles.append((Units.grouped(outcome.all.failed), "errors"))
        if outcome.options.mode.isOpen { tiles.append((Units.grouped(outcome.dropped), "arrivals dropped")) }
        return "<div class=\"tiles\">"
            + tiles.map { "<div><b>\(escaped($0.0))</b><span>\(escaped($0.1))</span></div>" }.joined() + "</div>\n"
    }

    private static func notes(_ report: LoadReport) -> String {
        var notes = report.highestNotes
        let limits = report.outcome.clientLimits
        if !limits.isEmpty { notes.append(("This client was itself the limit", limits)) }
        return notes.map { note in
            "<p class=\"bad\">\(escaped("\(note.sentence): \(note.reasons.joined(separator: "; "))")).</p>\n"
        }.joined()
    }

    private static func searchLegend(_ search: SearchResult) -> String {
        let found =
            search.best.map { "The highest rate that meets the objective is \(Units.fixed($0.rate, digits: 0))/s." }
            ?? "No rate that was tried meets the objective."
        return found + " Hollow points did not meet it."
            + (search.isClientLimited ? " This client was itself the limit: a better one may find more." : "")
    }

    private static func eventLegend(_ report: LoadReport) -> String {
        let warmup = report.outcome.options.measuredFrom > 0 ? " Shaded is the warm-up, which is not measured." : ""
        guard !report.events.isEmpty else { return "The server told of no events of its own." + warmup }
        let kinds = Dictionary(grouping: report.events, by: \.name).map { (name: $0.key, count: $0.value.count) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
            .map { "\($0.count) \($0.name)" }
        return "Events of the server are marked, the longest by lines: \(kinds.joined(separator: ", ")). "
            + "Hover over one to see what it was. A point of a curve stands at the end of its second." + warmup
    }

    private static func operations(_ outcome: RunOutcome) -> String {
        let header = ["operation", "done", "errors"] + LoadReport.percentiles.map(LoadReport.name(of:)) + ["max"]
        var rows = outcome.operations.map { name, measured in row(name, measured) }
        if outcome.operations.count > 1 { rows.append(row("all", outcome.all)) }
        var html = "<h2>Operations</h2>\n" + table(header, rows)
        if outcome.all.failed > 0 {
            let codes = outcome.all.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            html += table(["error", "times"], codes.map { [$0.key, Units.grouped($0.value)] })
        }
        return html
    }

    private static func row(_ name: String, _ measured: Measured) -> [String] {
        [name, Units.grouped(measured.completed), Units.grouped(measured.failed)]
            + LoadReport.percentiles.map { Units.duration(measured.response.valueAtPercentile($0)) }
            + [Units.duration(measured.completed == 0 ? 0 : measured.response.max)]
    }

    /// The longest ones: a pointer finds all of them, paper does not.
    private static func events(_ events: [ServerEvent]) -> String {
        guard !events.isEmpty else { return "" }
        let longest = events.sorted { $0.microseconds > $1.microseconds }.prefix(20)
        return "<h2>Events of the server</h2>\n"
            + table(
                ["event", "at", "took"],
                longest.map {
                    [
                        $0.name, Units.fixed(Double($0.at) / 1e9, digits: 1) + " s",
                        Units.duration(UInt64(max(0, $0.microseconds)) * 1000),
                    ]
                })
    }

    private static func verdicts(_ verdicts: [Verdict]) -> String {
        guard !verdicts.isEmpty else { return "" }
        return "<h2>Thresholds</h2>\n"
            + table(
                ["threshold", "measured", ""],
                verdicts.map { [$0.threshold.text, $0.measuredText, $0.isMet ? "met" : "missed"] })
    }

    private static func books(_ reconciliation: Reconciliation?) -> String {
        guard let reconciliation else { return "" }
        let finding =
            switch reconciliation.finding {
            case .agree: "Books and receipts agree."
            case .disagree: "Books and receipts do not agree."
            case .notAllLookedUp: "Not all receipts could be looked up; the others agree with the books."
            }
        return "<h2>Books</h2>\n<p class=\"\(reconciliation.isGood ? "good" : "bad")\">\(finding)</p>\n<ul>"
            + reconciliation.lines.map { "<li>\(escaped($0))</li>" }.joined() + "</ul>\n"
    }

    private static func table(_ header: [String], _ rows: [[String]]) -> String {
        func cells(_ row: [String], _ tag: String) -> String {
            "<tr>" + row.map { "<\(tag)>\(escaped($0))</\(tag)>" }.joined() + "</tr>"
        }
        return "<div class=\"table\"><table>\n\(cells(header, "th"))\n"
            + rows.map { cells($0, "td") }.joined(separator: "\n") + "\n</table></div>\n"
    }

    private static let style = """
        :root { color-scheme: light dark; --page: #fcfcfb; --ink: #1a1a19; --soft: #5f5e59; --grid: #e3e2dd;
          --a: #2a78d6; --b: #158a63; --c: #b4540a; --bad: #c43535; --good: #15803d; --shade: #f0efea; }
        @media (prefers-color-scheme: dark) {
          :root { --page: #1a1a19; --ink: #f2f1ec; --soft: #b3b1a8; --grid: #383835; --a: #5b9df0; --b: #35b98a;
            --c: #e39350; --bad: #f08585; --good: #5cc98a; --shade: #252523; } }
        body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 960px;
          margin: 2em auto; padding: 0 1em; }
        h1 { font-size: 1.6em; margin: 0; } h2 { font-size: 1.1em; margin: 2em 0 .4em; }
        .tiles { display: flex; flex-wrap: wrap; gap: .6em 2.2em; margin: 1.4em 0; }
        .tiles b { display: block; font-size: 1.5em; font-variant-numeric: tabular-nums; line-height: 1.2; }
        .tiles span, figcaption { color: var(--soft); font-size: .88em; }
        figure { margin: 0; overflow-x: auto; } svg { width: 100%; min-width: 640px; height: auto; display: block; }
        .table { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: .25em .8em .25em 0; border-bottom: 1px solid var(--grid);
          white-space: nowrap; }
        th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 600; }
        .bad { color: var(--bad); } .good { color: var(--good); }
        svg text { font: 12px system-ui, sans-serif; fill: var(--soft); } svg .title { fill: var(--ink); }
        .grid { stroke: var(--grid); } .axis { stroke: var(--soft); } .shade { fill: var(--shade); }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
        .line.a { stroke: var(--a); } .line.b { stroke: var(--b); } .line.c { stroke: var(--c); }
        svg text.a { fill: var(--a); } svg text.b { fill: var(--b); } svg text.c { fill: var(--c); }
        svg text.name { font-weight: 600; }
        .mark line { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; } .mark circle { fill: var(--bad); }
        .dot { stroke: var(--ink); stroke-width: 1.5; } .dot.met { fill: var(--ink); }
        .dot.missed { fill: var(--page); }
        """
}
