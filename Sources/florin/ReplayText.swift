internal import LedgerCore
internal import LedgerLoad
internal import LedgerREPL
internal import LedgerReplay

/// What came of a replay, for people and for programs.
enum ReplayText {
    // MARK: For people

    static func render(_ report: ReplayReport) -> String {
        var lines = [headline(report), pace(report), ""]
        lines += table(report)
        lines += remarks(report)
        lines += [""] + verdict(report)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func headline(_ report: ReplayReport) -> String {
        guard report.from <= report.through else { return "The recording ends where its ledger had begun." }
        let span = report.through - report.from
        return "\(Units.grouped(report.events)) events in \(Units.grouped(report.groups)) groups, "
            + "\(report.from) to \(report.through) (\(duration(span)))"
    }

    private static func duration(_ span: TimeSpan) -> String {
        let seconds = Double(span.nanoseconds) / 1e9
        if seconds >= 2 * 86400 { return "\(Units.significant(seconds / 86400)) days" }
        if seconds >= 2 * 3600 { return "\(Units.significant(seconds / 3600)) hours" }
        return Units.duration(UInt64(max(span.nanoseconds, 0)))
    }

    private static func pace(_ report: ReplayReport) -> String {
        let asked = report.speed.map { "\(Units.significant($0))x asked for" } ?? "as fast as it goes"
        let real = Double((report.through - report.from).nanoseconds) / 1e9
        let reached = report.seconds > 0 ? "; \(Units.significant(real / report.seconds))x" : ""
        return "\(Units.grouped(report.sent)) commands in \(Units.duration(UInt64(report.seconds * 1e9))), "
            + "\(Units.grouped(Int(report.rate)))/s; \(asked)\(reached)"
    }

    private static func table(_ report: ReplayReport) -> [String] {
        var rows = report.commands.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
        let others = [
            ("times set", report.timesSet), ("AUTH, where another passport asked", report.signIns),
            ("rounds of timers, not sent", report.timerGroups), ("starts and pauses", report.starts),
            (remembered(report), report.remembered),
        ]
        rows += others.filter { $0.1 > 0 }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, count in
            let number = Units.grouped(count)
            return "  " + name + String(repeating: " ", count: width - name.count + max(2, 14 - number.count)) + number
        }
    }

    private static func remembered(_ report: ReplayReport) -> String {
        report.isDriven
            ? "refusals and answers kept by a KEY: a CLOCK ACCEPT in their place"
            : "refusals and answers kept by a KEY: not sent"
    }

    private static func remarks(_ report: ReplayReport) -> [String] {
        var lines: [String] = []
        if !report.beginnings.isEmpty {
            lines += ["", "The server began otherwise:"] + report.beginnings.map { "  " + $0 }
        }
        if !report.unplayed.isEmpty {
            lines += ["", "Not replayed:"]
            lines += report.unplayed.sorted { $0.key < $1.key }.map { "  \($0.key): \(Units.grouped($0.value))" }
        }
        guard report.refusals.count > 0 else {
            return lines + ["", "Nothing was refused that the recording accepted."]
        }
        let codes = report.refused.sorted { $0.key < $1.key }.map { "\($0.key) \(Units.grouped($0.value))" }
        lines += ["", "Refused, though the recording accepted it: " + codes.joined(separator: ", ")]
        return lines + shown(report.refusals)
    }

    private static func shown(_ findings: ReplayReport.Findings) -> [String] {
        var lines = findings.first.map { "  " + $0 }
        let rest = findings.count - findings.first.count
        if rest > 0 { lines.append("  and \(Units.grouped(rest)) more") }
        return lines
    }

    private static func verdict(_ report: ReplayReport) -> [String] {
        guard let comparison = report.comparison else {
            return [
                "Load only: this server's time is its own (not --clock driven), so its books are other ones."
            ]
        }
        let scope =
            "\(Units.grouped(comparison.accounts)) accounts of the books and \(Units.grouped(comparison.users)) users"
        var lines =
            comparison.isEqual
            ? ["The ledgers are equal: \(scope), to the nano-dollar."]
            : ["THE LEDGERS DIFFER: \(Units.grouped(comparison.differences.count)) values, of \(scope):"]
                + shown(comparison.differences)
        if let lsn = report.firstDeviation {
            lines.append("From about LSN \(lsn.value) of the recording on their events are not numbered alike.")
        }
        return lines
    }

    // MARK: For programs

    static func json(of report: ReplayReport) -> String {
        var json = JSONText()
        json.add("driven", flag: report.isDriven)
        json.add("events", number: report.events)
        json.add("groups", number: report.groups)
        if report.from <= report.through {
            json.add("from", text: "\(report.from)")
            json.add("through", text: "\(report.through)")
        }
        json.add("sent", number: report.sent)
        json.add("seconds", raw: Units.plain(report.seconds))
        json.add("rate", raw: Units.plain(report.rate))
        if let speed = report.speed { json.add("speed", raw: Units.plain(speed)) }
        json.add("commands", raw: counts(report.commands))
        json.add("times_set", number: report.timesSet)
        json.add("sign_ins", number: report.signIns)
        json.add("timer_groups", number: report.timerGroups)
        json.add("starts", number: report.starts)
        json.add("remembered", number: report.remembered)
        json.add("unplayed", raw: counts(report.unplayed))
        json.add("beginnings", raw: list(report.beginnings))
        json.add("refused", raw: counts(report.refused))
        json.add("refusals", raw: list(report.refusals.first))
        if let lsn = report.firstDeviation { json.add("first_deviation", number: Int(lsn.value)) }
        if let comparison = report.comparison {
            json.add("equal", flag: comparison.isEqual)
            json.add("accounts", number: comparison.accounts)
            json.add("users", number: comparison.users)
            json.add("different", number: comparison.differences.count)
            json.add("differences", raw: list(comparison.differences.first))
        }
        return json.text
    }

    private static func counts(_ counts: [String: Int]) -> String {
        var json = JSONText()
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) { json.add(name, number: count) }
        return json.text
    }

    private static func list(_ texts: [String]) -> String {
        "[" + texts.map { JSONText.quoted($0) }.joined(separator: ",") + "]"
    }
}
