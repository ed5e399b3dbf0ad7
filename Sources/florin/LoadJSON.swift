internal import LedgerLoad
internal import LedgerREPL

/// The report as one JSON object: durations in nanoseconds, money as decimal text.
enum LoadJSON {
    static func text(of report: LoadReport) -> String {
        var json = JSONText()
        json.add("scenario", text: report.scenario)
        json.add("about", text: report.about)
        json.add("server", text: report.server)
        json.add("peer", text: report.peer)
        if let highest = report.highest { json.add("highest", raw: run(highest)) }
        json.add("run", raw: run(report.outcome))
        json.add("interrupted", flag: report.isInterrupted)
        json.add("seconds", raw: list(report.outcome.seconds.map(second)))
        json.add(
            "events",
            raw: list(
                report.events.map { event in
                    var json = JSONText()
                    json.add("at", number: Int(event.at))
                    json.add("event", text: event.name)
                    json.add("microseconds", number: Int(event.microseconds))
                    return json.text
                }))
        json.add("thresholds", raw: list(report.verdicts.map(verdict)))
        json.add("thresholds_met", flag: report.meetsThresholds)
        if let search = report.search { json.add("search", raw: self.search(search)) }
        if let reconciliation = report.reconciliation { json.add("reconciliation", raw: books(reconciliation)) }
        if let fault = report.booksFault { json.add("books_fault", text: fault) }
        return json.text
    }

    private static func list(_ elements: [String]) -> String { "[" + elements.joined(separator: ",") + "]" }

    /// With three digits after the point: JSON knows no other numbers than these.
    private static func number(_ value: Double) -> String { Units.plain(value) }

    private static func run(_ outcome: RunOutcome) -> String {
        let options = outcome.options
        var json = JSONText()
        json.add("loop", text: options.mode.isOpen ? "open" : "closed")
        if options.mode.isOpen { json.add("arrivals", text: options.arrivals.rawValue) }
        json.add("connections", number: options.connections)
        json.add("pipeline", number: options.pipeline)
        json.add("threads", number: options.threads)
        json.add("seed", raw: "\(options.seed)")
        json.add("nanoseconds", raw: "\(outcome.nanoseconds)")
        json.add("rate", raw: number(outcome.rate))
        json.add("rate_deviation", raw: number(outcome.rateDeviation))
        if let offered = outcome.offered { json.add("offered", raw: number(offered)) }
        json.add("completed", number: outcome.all.completed)
        json.add("commands", number: outcome.commands)
        json.add("dropped", number: outcome.dropped)
        json.add("unfinished", number: outcome.unfinished)
        json.add("reconnects", number: outcome.reconnects)
        json.add("errors", raw: errors(outcome.all.errors))
        json.add("response", raw: latency(outcome.all.response))
        json.add("service", raw: latency(outcome.all.service))
        json.add(
            "operations",
            raw: list(
                outcome.operations.map { name, measured in
                    var json = JSONText()
                    json.add("name", text: name)
                    json.add("completed", number: measured.completed)
                    json.add("errors", raw: errors(measured.errors))
                    json.add("response", raw: latency(measured.response))
                    json.add("service", raw: latency(measured.service))
                    return json.text
                }))
        json.add("client_load", raw: number(outcome.clientLoad))
        json.add("client_limits", raw: list(outcome.clientLimits.map(JSONText.quoted)))
        return json.text
    }

    private static func latency(_ histogram: LatencyHistogram) -> String {
        var json = JSONText()
        for (percentile, value) in LoadReport.percentileValues(of: histogram) {
            json.add(percentile, raw: "\(value)")
        }
        return json.text
    }

    private static func errors(_ errors: [String: Int]) -> String {
        var json = JSONText()
        for (code, count) in errors.sorted(by: { $0.key < $1.key }) { json.add(code, number: count) }
        return json.text
    }

    private static func second(_ second: Second) -> String {
        var json = JSONText()
        json.add("end", raw: "\(second.end)")
        json.add("warmup", flag: second.isWarmup)
        json.add("rate", raw: number(second.rate))
        json.add("p50", raw: "\(second.p50)")
        json.add("p99", raw: "\(second.p99)")
        json.add("max", raw: "\(second.maximum)")
        json.add("waiting", number: second.waiting)
        json.add("dropped", number: second.dropped)
        json.add("errors", raw: errors(second.errors))
        return json.text
    }

    private static func verdict(_ verdict: Verdict) -> String {
        var json = JSONText()
        json.add("threshold", text: verdict.threshold.text)
        json.add("measured", raw: verdict.measured.map(number) ?? "null")
        json.add("met", flag: verdict.isMet)
        return json.text
    }

    private static func search(_ search: SearchResult) -> String {
        var json = JSONText()
        json.add("best", raw: search.best.map { number($0.rate) } ?? "null")
        json.add("client_limited", flag: search.isClientLimited)
        json.add(
            "points",
            raw: list(
                search.points.map { point in
                    var json = JSONText()
                    json.add("rate", raw: number(point.rate))
                    json.add("done", raw: number(point.outcome.rate))
                    json.add("kept", flag: point.isKept)
                    json.add("met", flag: point.isMet)
                    json.add("response", raw: latency(point.outcome.all.response))
                    return json.text
                }))
        return json.text
    }

    private static func books(_ reconciliation: Reconciliation) -> String {
        var json = JSONText()
        json.add("agrees", flag: reconciliation.isGood)
        if let sum = reconciliation.sum { json.add("sum", text: Units.money(sum)) }
        json.add(
            "sources",
            raw: list(
                reconciliation.sources.map { source in
                    var json = JSONText()
                    json.add("source", text: source.name)
                    json.add("receipts", number: source.acknowledged.receipts)
                    json.add("acknowledged", text: Units.money(source.acknowledged.nanos))
                    json.add("booked", text: Units.money(source.booked))
                    json.add("lost", text: Units.money(source.lost))
                    json.add("twice", raw: source.excess.map { JSONText.quoted(Units.money($0)) } ?? "null")
                    json.add("replayed", number: source.acknowledged.replayed)
                    json.add("unknown", number: source.acknowledged.unknown)
                    return json.text
                }))
        json.add("receipts_looked_up", number: reconciliation.receipts.looked)
        json.add("receipts_lost", number: reconciliation.receipts.lost)
        json.add("receipts_twice", number: reconciliation.receipts.twice)
        json.add("receipts_different", number: reconciliation.receipts.different)
        json.add("receipts_unreadable", number: reconciliation.receipts.unreadable)
        json.add("receipts_not_looked_up", raw: errors(reconciliation.receipts.refused))
        json.add("others", raw: list(reconciliation.others.map(JSONText.quoted)))
        return json.text
    }
}
