package import LedgerCore

/// Which snapshots to keep: the two newest always; of the others, the newest of each hour for a day, of each day for a
/// month, of each month without end. They are dropped for their space only; none is needed for correctness.
package enum SnapshotLadder {
    /// The ones to drop. Depends on nothing but the arguments.
    package static func dropped(from snapshots: [(lsn: LSN, time: Timestamp)], now: Timestamp) -> [LSN] {
        let newestFirst = snapshots.sorted { $0.lsn > $1.lsn }
        var taken: Set<Rung> = []
        var dropped: [LSN] = []
        for (index, snapshot) in newestFirst.enumerated() {
            let isFirstOnItsRung = taken.insert(rung(of: snapshot.time, now)).inserted
            if index >= 2, !isFirstOnItsRung { dropped.append(snapshot.lsn) }
        }
        return dropped
    }

    private enum Rung: Hashable {
        case hour(Int64)
        case day(Int64)
        case month(Month)
    }

    private static func rung(of time: Timestamp, _ now: Timestamp) -> Rung {
        if time > now - .days(1) { return .hour(time.nanoseconds / TimeSpan.hours(1).nanoseconds) }
        if time > now - .days(31) { return .day(time.nanoseconds / TimeSpan.days(1).nanoseconds) }
        return .month(Month(containing: time))
    }
}
