internal import LedgerCore
internal import LedgerStorage

/// What is due by itself: a part of it in front of each unit's items, and what is due to those whom these are about.
extension Writer {
    /// As many as a unit takes.
    static let timersPerDrain = 4096
    static let timersPerGroup = 64
    /// Bytes of events for which others wait at once.
    private static let timersBytes = 128 << 10

    /// Fires what is due: as much as others can wait for, or where they wait for all of it, as much as fits in a unit.
    /// Returns whether that was all.
    func fireTimers(_ unit: CommitUnit) -> Bool {
        let most = isHeldUp ? Self.timersPerDrain : parts.timersPerUnit
        let bytes = isHeldUp ? CommitUnit.target : Self.timersBytes
        isHeldUp = false
        var (fired, cost, isDone) = (0, 0, false)
        let began = MonotonicTime.now
        while !isDone, cost < most, unit.decision.batch.byteCount < bytes {
            let limit = min(Self.timersPerGroup, most - cost)
            let step = state.fireTimers(at: unit.time, limit: limit, into: &unit.decision)
            unit.endGroup()
            fired += step.fired
            cost += step.cost
            isDone = step.isDone
        }
        if fired > 0 {
            parts.latencies.record(.timers, since: began)
            timersFired += UInt64(fired)
            followActivations()
        }
        return isDone
    }

    /// Whether an item may be decided before what is due to others. What is due to its own users is fired, as much as
    /// fits in the unit.
    func mayPass(_ entry: WorkBatch.Entry, _ unit: CommitUnit) -> Bool {
        var fired = 0
        for due in entry.item.dueBefore {
            guard fired < Self.timersPerDrain, unit.decision.batch.byteCount < CommitUnit.target else { return false }
            let ahead = state.fireTimers(
                ahead: due, by: entry.actor, at: unit.time, limit: Self.timersPerGroup, into: &unit.decision)
            unit.endGroup()
            fired += ahead.fired
            timersFired += UInt64(ahead.fired)
            guard ahead.isReady else {
                isHeldUp = ahead.fired == 0
                return false
            }
        }
        return true
    }
}
