package import Glibc

/// A value behind a lock: what `Synchronization.Mutex` is, over a pthread mutex.
///
/// The reason for one of our own: under contention `Mutex` hands ownership over inside the kernel, where
/// ThreadSanitizer does not look, and then reports races that are none. It understands pthreads, so a clean run means
/// something.
///
/// The memory of both never moves, and lives as long as the lock.
package struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {  // `value` is touched under `mutex` only
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline let value: UnsafeMutablePointer<Value>

    package init(_ initial: consuming sending Value) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        let code = pthread_mutex_init(mutex, nil)
        precondition(code == 0, "a mutex could not be made")
        value = .allocate(capacity: 1)
        value.initialize(to: initial)
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inlinable package borrowing func withLock<R: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending R
    ) throws(Failure) -> sending R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value.pointee)
    }

    /// For what lies outside the lock. Each `acquire` is followed by one `release`, on the same thread.
    package borrowing func acquire() { pthread_mutex_lock(mutex) }
    package borrowing func release() { pthread_mutex_unlock(mutex) }
}
