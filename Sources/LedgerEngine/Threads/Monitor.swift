internal import Glibc

/// A lock with one condition, for threads that sleep until there is something to do. (`Synchronization.Mutex` has no
/// condition.) The memory of both never moves and lives as long as the object, which is all that pthreads ask; what
/// they protect belongs to the caller, who touches it only inside `withLock` and the predicates of `wait`.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
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

    func withLock<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Wakes everybody who waits. Take the lock, or have taken it since the change.
    func wake() { pthread_cond_broadcast(condition) }

    /// Inside `withLock`: sleeps until `predicate` holds or `nanoseconds` (nil: no limit) have passed. Whether it
    /// holds.
    @discardableResult
    func wait(nanoseconds: UInt64? = nil, until predicate: () -> Bool) -> Bool {
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
enum MonotonicTime {
    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// One thread of the engine.
struct EngineThread: Sendable {
    private let handle: pthread_t

    /// `name` is what `top -H` shows, at most 15 bytes.
    static func start(_ name: String, nice: Int32 = 0, _ body: @escaping @Sendable () -> Void) -> EngineThread {
        let box = Unmanaged.passRetained(Body(name, nice, body))
        var handle = pthread_t()
        let code = pthread_create(&handle, nil, { runThread($0) }, box.toOpaque())
        precondition(code == 0, "a thread could not be started")
        return EngineThread(handle: handle)
    }

    /// Waits for its end. Once, and not after `detach`.
    func join() { pthread_join(handle, nil) }

    /// Nobody will wait for it.
    func detach() { pthread_detach(handle) }

    fileprivate final class Body: Sendable {
        let name: String
        let nice: Int32
        let run: @Sendable () -> Void
        init(_ name: String, _ nice: Int32, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.nice = nice
            self.run = run
        }
    }
}

/// A nonisolated function: a closure written elsewhere might inherit an isolation and trap on its own thread.
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let body = Unmanaged<EngineThread.Body>.fromOpaque(argument!).takeRetainedValue()
    if let comm = fopen("/proc/thread-self/comm", "w") {
        fputs(String(body.name.prefix(15)), comm)
        fclose(comm)
    }
    // On Linux a priority belongs to a thread: 0 is the calling one.
    if body.nice > 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, body.nice) }
    body.run()
    return nil
}
