internal import LedgerStorage
internal import Synchronization

/// One piece of work that nobody waits for, on a thread of low priority: waited for where the engine stops, and by
/// nobody where the process ends without that.
///
/// Unchecked Sendable: `isStarted` belongs to who starts and stops; everything else is constant or atomic.
final class BackgroundJob: @unchecked Sendable {
    private let isStopping = Atomic<Bool>(false)
    private let isDone = Latch()
    private var isStarted = false

    /// What the work asks from time to time.
    var isWanted: Bool { !isStopping.load(ordering: .relaxed) }

    /// Once.
    func start(_ name: String, nice: Int32, _ work: @escaping @Sendable () -> Void) {
        isStarted = true
        NamedThread.start(name, nice: nice) { [isDone] in
            work()
            isDone.open()
        }.detach()
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        if isStarted { isDone.wait() }
    }
}
