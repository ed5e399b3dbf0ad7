internal import Glibc

/// Time that only goes forward, in nanoseconds; the same clock as NIO's deadlines.
enum MonotonicClock {
    static func now() -> UInt64 { read(CLOCK_MONOTONIC) }
    /// What this thread has used of its core.
    static func threadTime() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }
    /// Unix time, which may jump.
    static func wall() -> UInt64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
