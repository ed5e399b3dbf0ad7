internal import LedgerCore
internal import LedgerStorage
internal import Logging

extension Opening {
    /// What the person who started it should read.
    func notices(
        _ report: RecoveryReport, _ seconds: Double, isNew: Bool, _ overdue: Overdue, _ now: Timestamp
    ) -> [String] {
        guard !isNew else { return ["a new ledger in \(configuration.path)"] }
        for warning in report.warnings { logger.warning("\(warning)") }
        var notices: [String] = []
        let hundredths = Int(seconds * 100)
        let snapshot = report.snapshotLSN.map { "snapshot at LSN \($0.value)" } ?? "the first event"
        notices.append(
            "recovered from \(snapshot) and \(report.replayedEvents) events through LSN \(report.lastLSN.value) in "
                + "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s")
        if let torn = report.tornTail { notices.append("\(torn)") }
        for rejected in report.rejectedSnapshots { logger.warning("a snapshot could not be used: \(rejected)") }
        let away = now - report.lastAlive
        if away > .seconds(60), report.lastAlive > .distantPast {
            notices.append(
                "nobody was there for \(away.nanoseconds / 1_000_000_000) s since \(report.lastAlive): timers catch up now"
            )
            if overdue != Overdue() {
                notices.append(
                    "due meanwhile: \(overdue.lots) lots expire with at most \(Money(nanos: Int64(clamping: overdue.credit))) of credit, "
                        + "less what was used while they were good; \(overdue.holds) holds expire, \(overdue.sessions) sessions reached their time to live"
                )
            }
        }
        return notices
    }
}
