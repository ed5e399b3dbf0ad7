/// What a start costs on this machine: for INFO's `recovery_seconds`, and for when a snapshot is due.
struct RecoveryPace: Sendable {
    /// Replaying an event.
    private(set) var secondsPerEvent = 5e-6
    /// Loading a byte of a snapshot's file.
    private(set) var secondsPerByte = 1e-8
    /// What a start takes besides: opening files, looking through live segments.
    private(set) var fixedSeconds = 0.0

    /// A guess, until a start was measured.
    init() {}

    /// As a start has just shown it, from the first look at the directory to filled views. It tells one time for
    /// snapshot and events together, so both are scaled alike; where there was little of either, it was something else
    /// that took the time.
    init(measured seconds: Double, events: Int, snapshotBytes: Int) {
        let expected = self.seconds(events: UInt64(events), snapshotBytes: snapshotBytes)
        guard expected >= Self.worthMeasuring else {
            fixedSeconds = seconds
            return
        }
        secondsPerEvent *= seconds / expected
        secondsPerByte *= seconds / expected
    }

    private static let worthMeasuring = 0.05

    func seconds(events: UInt64, snapshotBytes: Int) -> Double {
        fixedSeconds + Double(events) * secondsPerEvent + Double(snapshotBytes) * secondsPerByte
    }
}
