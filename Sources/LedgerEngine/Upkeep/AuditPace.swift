internal import Glibc
internal import LedgerCore
internal import LedgerStorage

/// Whether a snapshot is to be audited. An audit begins at so many snapshots, or so long, behind the last; at the
/// others it is late and takes what it needs, also one that is under way.
enum AuditNeed: Comparable {
    case none, due, late

    static let dueAt = (snapshots: 8, age: TimeSpan.hours(12))
    static let lateAt = (snapshots: 16, age: TimeSpan.hours(24))

    /// `unproven`: snapshots made since the one that was proven last. `age`: how long ago that was; nil: none ever was,
    /// or nobody knows when, and the first one is due.
    init(unproven: Int, age: TimeSpan?) {
        func reaches(_ limit: (snapshots: Int, age: TimeSpan)) -> Bool {
            unproven >= limit.snapshots || age.map { $0 >= limit.age } ?? false
        }
        if unproven == 0 {
            self = .none
        } else if reaches(Self.lateAt) {
            self = .late
        } else {
            self = age == nil || reaches(Self.dueAt) ? .due : .none
        }
    }
}

/// How much of a core an audit takes: it sleeps after each piece of work. Whoever is not done after minutes gets more,
/// and whoever must hurry all.
///
/// Used by one thread.
package final class Pace {
    /// CPU time of the calling thread, and time, both in nanoseconds since some instant.
    package typealias Times = () -> (worked: UInt64, now: UInt64)
    /// Sleeps so many nanoseconds, or fewer; true: there is no time to sleep any more.
    package typealias Sleep = (UInt64) -> Bool

    static let usualShare = 0.05
    static let piece: UInt64 = 10_000_000
    /// So long until the share is doubled.
    static let patience: UInt64 = 300_000_000_000

    private var share: Double
    private let times: Times
    private let sleep: Sleep
    private var worked: UInt64
    private var doubled: UInt64

    /// `share`: of a core, above 0 and at most 1.
    package init(share: Double, times: @escaping Times = Pace.ofThisThread, sleep: @escaping Sleep) {
        self.share = share
        self.times = times
        self.sleep = sleep
        (worked, doubled) = times()
    }

    /// Between two steps of the work.
    package func rest() {
        guard share < 1 else { return }
        let (worked, now) = times()
        let piece = worked &- self.worked
        guard piece >= Self.piece else { return }
        if now &- doubled > Self.patience {
            share = min(1, share * 2)
            doubled = now
        }
        if sleep(UInt64(Double(piece) * (1 / share - 1))) { share = 1 }
        self.worked = times().worked
    }

    package static func ofThisThread() -> (worked: UInt64, now: UInt64) {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return (UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec), MonotonicTime.now)
    }
}
