internal import Glibc
internal import LedgerStorage
internal import Synchronization

/// An executor that owns one thread, so that an actor's work never changes threads and wakes without a task.
///
/// Its thread runs three things, one at a time: jobs that the runtime enqueues (calls of the actor from outside),
/// `work` whenever somebody poked, and `work` again when the time it asked for has passed. All three count as the
/// actor's own context: `assumeIsolated` succeeds inside `work`.
///
/// Another thread may run the actor's work in its place while it sleeps (``lend(_:)``): waking it costs more than a
/// small piece of work. Whoever runs is the owner; there is one at a time.
///
/// Unchecked Sendable: `jobs`, `isStopping`, `isLent`, `isWanted` and `sleepsUntil` are touched under the monitor only,
/// `thread` is set once before anything else may happen (`start`).
final class PinnedExecutor: SerialExecutor, @unchecked Sendable {
    private let monitor = Monitor()
    private var jobs: [UnownedJob] = []
    private var isStopping = false
    private var isLent = false
    /// The thread waits for what is lent.
    private var isWanted = false
    /// When the thread looks again by itself, by ``MonotonicTime``; nil while it runs.
    private var sleepsUntil: UInt64?
    private let poked = Atomic<Bool>(false)
    private let owner = Atomic<UInt>(0)
    private var thread: NamedThread?

    /// `work` says how many nanoseconds it may be left alone; nil: until the next poke.
    func start(_ name: String, work: @escaping @Sendable () -> UInt64?) {
        thread = NamedThread.start(name) { [self] in run(work) }
    }

    private func run(_ work: @Sendable () -> UInt64?) {
        var taken: [UnownedJob] = []
        var patience: UInt64? = 0
        while true {
            let goesOn = monitor.withLock {
                if patience != 0 { sleep(patience) }
                swap(&taken, &jobs)
                return !isStopping || !taken.isEmpty
            }
            owner.store(UInt(pthread_self()), ordering: .releasing)
            for job in taken { job.runSynchronously(on: asUnownedSerialExecutor()) }
            taken.removeAll(keepingCapacity: true)
            if !goesOn { return }
            // Cleared before the work looks at its queue: a poke in between brings us back.
            _ = poked.exchange(false, ordering: .acquiringAndReleasing)
            patience = work()
        }
    }

    /// Under the monitor: until there is something to do, and nobody else does it.
    private func sleep(_ patience: UInt64?) {
        sleepsUntil = patience.map { MonotonicTime.now &+ $0 } ?? .max
        monitor.wait(nanoseconds: patience) {
            !isLent && (isStopping || !jobs.isEmpty || poked.load(ordering: .relaxed))
        }
        sleepsUntil = nil
        guard isLent else { return }
        isWanted = true
        monitor.wait { !isLent }
        isWanted = false
    }

    /// Runs `work` on the calling thread, as the actor's own context, if its thread sleeps and nothing was asked of it;
    /// false: nothing was done. `work` says, as that of ``start(_:work:)`` does, when it is to be looked after again.
    func lend(_ work: () -> UInt64?) -> Bool {
        let isMine = monitor.withLock {
            guard sleepsUntil != nil, !isLent, !isStopping, jobs.isEmpty, !poked.load(ordering: .relaxed) else {
                return false
            }
            isLent = true
            return true
        }
        guard isMine else { return false }
        owner.store(UInt(pthread_self()), ordering: .releasing)
        let patience = work()
        owner.store(0, ordering: .releasing)
        monitor.withLock {
            isLent = false
            let isEarlier = patience.map { MonotonicTime.now &+ $0 < sleepsUntil ?? 0 } ?? false
            if isEarlier { poked.store(true, ordering: .relaxed) }
            if isWanted || isStopping || !jobs.isEmpty || poked.load(ordering: .relaxed) { monitor.wake() }
        }
        return true
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
