internal import LedgerCore
internal import Synchronization

/// Opens the e-mails of users that were there at the start, in the background: a few microseconds each are too many to
/// wait for. Until a user's turn comes, whoever wants the address opens it themselves (``ReadPath/email(_:)``).
///
/// Its thread is waited for where the engine stops, and by nobody where the process ends without that.
///
/// Unchecked Sendable: `isStarted` belongs to who starts and stops; everything else is constant or atomic.
final class EmailOpener: @unchecked Sendable {
    private let userCount: Int
    private let reads: ReadPath
    private let isStopping = Atomic<Bool>(false)
    private let isDone = Latch()
    private var isStarted = false

    init(userCount: Int, reads: ReadPath) {
        self.userCount = userCount
        self.reads = reads
    }

    func start() {
        guard userCount > 0 else { return }
        isStarted = true
        let thread = EngineThread.start("emails", nice: 15) { [self] in
            defer { isDone.open() }
            for number in 0..<userCount where !isStopping.load(ordering: .relaxed) {
                let user = UserOrdinal(UInt32(number))
                reads.email(user).withUnsafeBytes { reads.views.fill(email: $0, of: user) }
            }
        }
        thread.detach()
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        if isStarted { isDone.wait() }
    }
}
