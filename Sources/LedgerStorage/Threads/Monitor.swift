internal import Glibc

/// A lock with one condition, for threads that sleep until there is something to do. (`Synchronization.Mutex` has no
/// condition.) The memory of both never moves and lives as long as the object, which is all that pthreads ask; what
/// they protect belongs to the caller, who touches it only inside `withLock` and the predicates of `wait`.
package final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        precondition(
            pthread_mutex_init(mutex, nil) == 0 && pthread_cond_init(condition, &attributes) == 0,
            "a mutex or condition could not be made")
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func withLock<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Wakes everybody who waits. Take the lock, or have taken it since the change.
    package func wake() { pthread_cond_broadcast(condition) }

    /// Inside `withLock`: sleeps until `predicate` holds or `nanoseconds` (nil: no limit) have passed. Whether it
    /// holds.
    @discardableResult
    package func wait(nanoseconds: UInt64? = nil, until predicate: () -> Bool) -> Bool {
        guard let nanoseconds else {
            while !predicate() { pthread_cond_wait(condition, mutex) }
            return true
        }
        let deadline = MonotonicTime.now &+ Swift.min(nanoseconds, 86_400_000_000_000)
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        while !predicate() {
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { return predicate() }
        }
        return true
    }
}

/// Nanoseconds of the machine's monotonic clock: for measuring and for sleeping, never for recorded time.
package enum MonotonicTime {
    package static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
