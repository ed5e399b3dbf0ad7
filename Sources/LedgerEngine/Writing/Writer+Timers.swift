internal import LedgerCore
internal import LedgerStorage

/// What is due by itself: a part of it in front of each unit's items, and what is due to those whom these are about.
extension Writer {
    /// As many, and as many bytes, as others wait for at once: a few milliseconds.
    static let timersPerDrain = 1024
    static let timerBytesPerDrain = 128 << 10
    static let timersPerGroup = 64

    /// Fires what is due, as much as fits in a unit. Returns whether that was all.
    func fireTimers(_ unit: CommitUnit) -> Bool {
        var fired = 0
        var isDone = false
        let began = MonotonicTime.now
        while !isDone, fired < Self.timersPerDrain, unit.decision.batch.byteCount < Self.timerBytesPerDrain {
            let step = state.fireTimers(at: unit.time, limit: Self.timersPerGroup, into: &unit.decision)
            unit.endGroup()
            fired += step.fired
            isDone = step.isDone
        }
        if fired > 0 {
            parts.latencies.record(.timers, since: began)
            timersFired += UInt64(fired)
            followActivations()
        }
        return isDone
    }

    /// Whether an item may be decided before what is due to others. What is due to its own user is fired.
    func mayPass(_ entry: WorkBatch.Entry, _ unit: CommitUnit) -> Bool {
        entry.item.dueBefore.allSatisfy { due in
            let ahead = state.fireTimers(
                ahead: due, by: entry.actor, at: unit.time, limit: Self.timersPerGroup, into: &unit.decision)
            unit.endGroup()
            timersFired += UInt64(ahead.fired)
            return ahead.isReady
        }
    }
}
