internal import Glibc
internal import LedgerStorage
internal import Synchronization

/// An executor that owns one thread, so that an actor's work never changes threads and wakes without a task.
///
/// Its thread runs three things, one at a time: jobs that the runtime enqueues (calls of the actor from outside),
/// `work` whenever somebody poked, and `work` again when the time it asked for has passed. All three count as the
/// actor's own context: `assumeIsolated` succeeds inside `work`.
///
/// Unchecked Sendable: `jobs` and `isStopping` are touched under the monitor only, `work` and `thread` are set once
/// before anything else may happen (`start`).
final class PinnedExecutor: SerialExecutor, @unchecked Sendable {
    private let monitor = Monitor()
    private var jobs: [UnownedJob] = []
    private var isStopping = false
    private let poked = Atomic<Bool>(false)
    private let owner = Atomic<UInt>(0)
    private var thread: NamedThread?

    /// `work` says how many nanoseconds it may be left alone; nil: until the next poke.
    func start(_ name: String, work: @escaping @Sendable () -> UInt64?) {
        thread = NamedThread.start(name) { [self] in
            owner.store(UInt(pthread_self()), ordering: .releasing)
            run(work)
        }
    }

    private func run(_ work: @Sendable () -> UInt64?) {
        var taken: [UnownedJob] = []
        var patience: UInt64? = 0
        while true {
            let goesOn = monitor.withLock {
                if patience != 0 {
                    monitor.wait(nanoseconds: patience) {
                        isStopping || !jobs.isEmpty || poked.load(ordering: .relaxed)
                    }
                }
                swap(&taken, &jobs)
                return !isStopping || !taken.isEmpty
            }
            for job in taken { job.runSynchronously(on: asUnownedSerialExecutor()) }
            taken.removeAll(keepingCapacity: true)
            if !goesOn { return }
            // Cleared before the work looks at its queue: a poke in between brings us back.
            _ = poked.exchange(false, ordering: .acquiringAndReleasing)
            patience = work()
        }
    }

    /// Makes `work` run soon. Any thread; wakes the executor's thread at most once per run.
    func poke() {
        guard !poked.exchange(true, ordering: .acquiringAndReleasing) else { return }
        monitor.withLock { monitor.wake() }
    }

    /// Runs what is enqueued, then ends the thread and waits for it.
    func stop() {
        monitor.withLock {
            isStopping = true
            monitor.wake()
        }
        thread?.join()
        thread = nil
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        monitor.withLock {
            jobs.append(job)
            monitor.wake()
        }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    func checkIsolated() {
        precondition(
            owner.load(ordering: .acquiring) == UInt(pthread_self()), "called on another thread than the executor's")
    }
}
