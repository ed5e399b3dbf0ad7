package import LedgerCore

/// INFO, as numbers; the protocol words it. Taken by the writer at its place among the writes.
package struct EngineInfo: Sendable {
    package struct Command: Sendable {
        package var name: String
        package var calls: UInt64
        package var rejected: UInt64
        package var nanoseconds: UInt64
    }

    package var version = ""
    package var ledger = ""
    package var started = Timestamp.distantPast
    package var now = Timestamp.distantPast
    package var clock = ClockStatus()
    /// Why commands are refused with READONLY; nil when they are not.
    package var readOnly: String?
    package var lastLSN = LSN.none
    package var durableLSN = LSN.none
    package var booksSum: Int128 = 0
    package var books: [BookRow] = []
    /// Rows by table: `users`, `lots`, `sessions`, …
    package var counts: [(name: String, count: Int)] = []
    package var commands: [Command] = []
    package var batches: UInt64 = 0
    package var events: UInt64 = 0
    package var syncs: UInt64 = 0
    package var lastSyncNanoseconds: UInt64 = 0
    package var mailbox = 0
    package var mailboxCapacity = 0
    package var timersFired: UInt64 = 0
    package var nextTimer: Timestamp?
    package var residentBytes = 0
    /// Bytes of events journaled since the start.
    package var journalBytes: UInt64 = 0
    package var snapshots = 0
    package var lastSnapshotLSN = LSN.none
    package var lastSnapshotTime = Timestamp.distantPast
    package var snapshotInProgress = false
    /// `ok`, or why the last attempt brought none.
    package var lastSnapshotStatus = "ok"
    /// Frames of the last snapshot that was made since the start, and how many of them are those of the one before.
    package var lastSnapshotFrames = 0
    package var lastSnapshotFramesReused = 0
    /// The last snapshot that was proven, and when.
    package var auditedLSN = LSN.none
    package var auditedTime = Timestamp.distantPast
    /// `none` before the first audit, `running`, `ok`, or what is wrong.
    package var auditVerdict = "none"
    package var recoverySeconds = 0.0
    /// `ok`, `running`, or what in the sealed history is damaged.
    package var historyCheck = "ok"
    package var followers: [FollowerStatus] = []

    package init() {}
}
