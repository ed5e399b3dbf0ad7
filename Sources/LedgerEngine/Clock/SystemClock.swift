package import Glibc
package import LedgerCore
internal import LedgerStorage

/// The machine's boot-time clock, slewed to its wall clock by at most 500 parts per million.
///
/// The boot-time clock never jumps and counts suspended time as well, so nobody's credit expires because somebody set
/// the date; the slew makes it follow a wall that is right. Between two looks at the wall the ledger's time is a
/// straight line: `time + (boot − anchor) × (1 + rate)`. Its three numbers lie behind a sequence lock, so `now` takes
/// no lock. The rate holds for two seconds: nobody looks while the machine sleeps, and a correction that went on all
/// night would leave the ledger further from the wall than it was.
package final class SystemClock: LedgerClock {
    private static let maximumSlew: Int64 = 500_000  // parts per billion
    private static let slewsFor: Int64 = 2_000_000_000  // twice the time between two looks at the wall
    private static let warnAbove = TimeSpan.minutes(1)
    private static let refuseAbove = TimeSpan.hours(1)
    private static let behindAtStart = TimeSpan.seconds(2)
    private static let aheadAtStart = TimeSpan.days(365)

    private let boot: @Sendable () -> Int64
    private let wall: @Sendable () -> Int64
    private let refuses: Bool
    /// 0 sequence lock · 1 boot time of the anchor · 2 ledger time there · 3 rate in parts per billion
    private let line = AtomicRecords(words: 4)
    private let state = Lock(State())

    private struct State {
        /// A deviation that CLOCK ACCEPT believed; it only shrinks.
        var accepted = TimeSpan.zero
        /// Set by `start`, cleared by `accept`.
        var refusedAtStart: String?
    }

    /// `refuses` false: goes on from the ledger's last sign of life where the wall cannot be believed, and asks for no
    /// CLOCK ACCEPT. `boot` and `wall` are nanoseconds, for tests.
    package init(
        boot: @escaping @Sendable () -> Int64 = { SystemClock.read(CLOCK_BOOTTIME) },
        wall: @escaping @Sendable () -> Int64 = { SystemClock.read(CLOCK_REALTIME) }, refuses: Bool = true
    ) {
        self.refuses = refuses
        self.boot = boot
        self.wall = wall
        anchor(boot(), wall(), 0)
    }

    package static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    package func now() -> Timestamp { time(at: boot()) }

    package func look() -> ClockLook {
        let boot = boot()
        return ClockLook(time: time(at: boot), uptime: boot)
    }

    private func time(at boot: Int64) -> Timestamp {
        SeqLock.read(line.existing(0)!) { record in
            let passed = boot &- record.getSigned(1)
            let slewing = min(passed, Self.slewsFor)
            let slewed = Int64(truncatingIfNeeded: Int128(slewing) * Int128(record.getSigned(3)) / 1_000_000_000)
            return Timestamp(nanoseconds: record.getSigned(2) &+ passed &+ slewed)
        }!
    }

    private func anchor(_ boot: Int64, _ time: Int64, _ rate: Int64) {
        SeqLock.write(line.record(0)) { record in
            record.set(1, boot)
            record.set(2, time)
            record.set(3, rate)
        }
    }

    package func start(after last: Timestamp?) {
        state.withLock { state in
            let (boot, wall) = (boot(), Timestamp(nanoseconds: wall()))
            guard let last else { return anchor(boot, wall.nanoseconds, 0) }
            if wall < last - Self.behindAtStart {
                state.refusedAtStart =
                    "the clock says \(wall), the ledger was alive at \(last): set the clock and restart, or CLOCK ACCEPT"
            } else if wall > last + Self.aheadAtStart {
                state.refusedAtStart =
                    "the clock says \(wall), more than a year after the ledger's last sign of life at \(last): set the clock "
                    + "and restart, or CLOCK ACCEPT"
            } else if wall > last {
                return anchor(boot, wall.nanoseconds, 0)
            }
            anchor(boot, last.nanoseconds + 1, 0)
        }
    }

    package func discipline() -> ClockStatus {
        state.withLock { state in
            let (boot, wall) = (boot(), wall())
            let time = time(at: boot)
            let deviation = TimeSpan(nanoseconds: wall &- time.nanoseconds)
            if deviation.nanoseconds.magnitude < state.accepted.nanoseconds.magnitude { state.accepted = deviation }
            var status = ClockStatus()
            status.deviation = deviation
            if deviation.nanoseconds.magnitude > UInt64(Self.warnAbove.nanoseconds) {
                status.warning = "the wall clock says \(Timestamp(nanoseconds: wall)), the ledger's clock \(time)"
            }
            if let refused = state.refusedAtStart {
                status.refusal = refused
            } else if (deviation - state.accepted).nanoseconds.magnitude > UInt64(Self.refuseAbove.nanoseconds) {
                status.refusal =
                    "the wall clock was set to \(Timestamp(nanoseconds: wall)), the ledger's clock says \(time): set it back, or "
                    + "CLOCK ACCEPT"
            }
            // Over ten seconds where it can be, slower where it must be; never towards a wall that is not believed.
            let wanted = deviation.nanoseconds / 10
            let rate = status.refusal == nil ? max(-Self.maximumSlew, min(Self.maximumSlew, wanted)) : 0
            anchor(boot, time.nanoseconds, rate)
            if !refuses, let refusal = status.refusal { (status.refusal, status.warning) = (nil, refusal) }
            return status
        }
    }

    package func accept() {
        state.withLock { state in
            state.refusedAtStart = nil
            let (boot, wall) = (boot(), wall())
            let time = time(at: boot).nanoseconds
            // Forward is a step; backward only a promise, since recorded time grows.
            anchor(boot, max(time, wall), 0)
            state.accepted = TimeSpan(nanoseconds: min(0, wall &- time))
        }
    }

    package func delay(until deadline: Timestamp) -> UInt64? {
        // A second at most: the slew, and a machine that slept, may bring the deadline nearer than it looks.
        UInt64(max(0, min((deadline - now()).nanoseconds, 1_000_000_000)))
    }

    package func onJump(_ wake: @escaping @Sendable () -> Void) {}
}
