internal import Histogram

/// The report for people, at most 100 columns wide.
package enum TerminalReport {
    package static func render(_ report: LoadReport) -> String {
        var lines: [String] = []
        if let highest = report.highest {
            lines.append(
                "\(Units.fixed(highest.rate, digits: 0)) durable charges a second: the highest rate "
                    + "(\(LoadReport.drive(highest.options)))")
            lines.append(
                "p99 \(Units.duration(report.outcome.all.response.valueAtPercentile(99))): response time at half of it")
            for note in report.highestNotes { lines += ["\(note.sentence):"] + note.reasons.map { "  " + $0 } }
            lines.append("")
        }
        lines.append("\(report.scenario): \(report.about)")
        lines.append("\(report.server) at \(report.peer); \(report.drive)")
        if report.isInterrupted { lines.append("Ended early: what follows is of the time until then.") }
        lines.append("")
        lines += throughput(report.outcome)
        lines.append("")
        lines += latencies(report.outcome)
        lines.append(report.outcome.errorText ?? "No errors.")
        if let search = report.search { lines += [""] + curve(search) }
        if !report.verdicts.isEmpty {
            lines.append("")
            for verdict in report.verdicts {
                lines.append(
                    "\(verdict.isMet ? "met   " : "MISSED") \(verdict.threshold.text): \(verdict.measuredText)")
            }
        }
        let limits = report.outcome.clientLimits
        if !limits.isEmpty {
            lines += ["", "This client was itself the limit:"] + limits.map { "  " + $0 }
        }
        if let reconciliation = report.reconciliation {
            let finding =
                switch reconciliation.finding {
                case .agree: "Books and receipts agree:"
                case .disagree: "BOOKS AND RECEIPTS DO NOT AGREE:"
                case .notAllLookedUp: "NOT ALL RECEIPTS COULD BE LOOKED UP, the others agree with the books:"
                }
            lines += ["", finding]
            lines += reconciliation.lines.map { "  " + $0 }
        }
        if let fault = report.booksFault { lines += ["", "THE BOOKS COULD NOT BE READ: \(fault)"] }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func throughput(_ outcome: RunOutcome) -> [String] {
        let time = Units.fixed(Double(outcome.nanoseconds) / 1e9, digits: 1)
        var lines = [
            "\(Units.fixed(outcome.rate, digits: 0)) operations/s over \(time) s, standard deviation per second "
                + Units.fixed(outcome.rateDeviation, digits: 0)
        ]
        if let offered = outcome.offered {
            lines.append(
                "\(Units.fixed(offered, digits: 0))/s were asked for; \(Units.grouped(outcome.dropped)) arrivals were "
                    + "dropped"
                    + (outcome.unfinished > 0 ? "; \(Units.grouped(outcome.unfinished)) had no answer at the end" : ""))
        } else if outcome.unfinished > 0 {
            lines.append("\(Units.grouped(outcome.unfinished)) had no answer at the end")
        }
        if outcome.reconnects > 0 { lines.append("\(outcome.reconnects) connections were lost and opened again") }
        return lines
    }

    private static func latencies(_ outcome: RunOutcome) -> [String] {
        let isOpen = outcome.options.mode.isOpen
        var rows: [[String]] = [["", "operations"] + LoadReport.percentiles.map(LoadReport.name(of:)) + ["max"]]
        func row(_ name: String, _ histogram: LatencyHistogram) -> [String] {
            [name, Units.grouped(histogram.totalCount)]
                + LoadReport.percentiles.map { Units.duration(histogram.valueAtPercentile($0)) }
                + [Units.duration(histogram.max)]
        }
        rows.append(row(isOpen ? "response time" : "service time", outcome.all.response))
        if isOpen { rows.append(row("service time", outcome.all.service)) }
        if outcome.operations.count > 1 {
            for (name, measured) in outcome.operations { rows.append(row("  " + name, measured.response)) }
        }
        var lines = table(rows)
        lines.append(
            isOpen
                ? "Response time counts from when an operation was meant to begin, service time from when it was sent."
                : "A closed loop waits for the server before it asks again: it cannot see what waiting users would.")
        return lines
    }

    private static func curve(_ search: SearchResult) -> [String] {
        var rows: [[String]] = [["asked/s", "done/s", "p50", "p99", "p99.9", "max", ""]]
        for point in search.points {
            let response = point.outcome.all.response
            rows.append(
                [Units.fixed(point.rate, digits: 0), Units.fixed(point.outcome.rate, digits: 0)]
                    + [50, 99, 99.9].map { Units.duration(response.valueAtPercentile($0)) }
                    + [Units.duration(response.max)]
                    + [point.isMet ? "met" : point.isKept ? "missed" : "not kept up"])
        }
        var lines = table(rows)
        if let best = search.best {
            lines.append("Highest rate that meets it: \(Units.fixed(best.rate, digits: 0))/s")
        } else {
            lines.append("No rate that was tried meets it.")
        }
        if search.isClientLimited { lines.append("This client was itself the limit: a better one may find more.") }
        return lines
    }

    /// Columns to the right, but the first and a last one without a title.
    private static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                let isLeft = rows[0][column].isEmpty
                line += (column == 0 ? "" : "  ") + (isLeft ? cell + gap : gap + cell)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }
}
