internal import LedgerCore
internal import LedgerStorage
internal import Synchronization

/// Opens the e-mails of users that were there at the start, in the background: a few microseconds each are too many to wait
/// for. Until a user's turn comes, readers that want the address open it themselves.
///
/// Unchecked Sendable: `sealed` is the thread's own once started; `thread` belongs to who starts and stops.
final class EmailOpener: @unchecked Sendable {
    private var sealed: [(UserOrdinal, SealedText)]
    private let keys: KeyStore
    private let views: Views
    private let isStopping = Atomic<Bool>(false)
    private var thread: EngineThread?

    init(_ sealed: [(UserOrdinal, SealedText)], keys: KeyStore, views: Views) {
        self.sealed = sealed
        self.keys = keys
        self.views = views
    }

    func start() {
        guard !sealed.isEmpty else { return }
        thread = EngineThread.start("emails", nice: 15) { [self] in
            for (user, text) in sealed where !isStopping.load(ordering: .relaxed) {
                do throws(StorageError) {
                    let clear = try keys.open(text, user)
                    clear.withUnsafeBytes { views.fill(email: $0, of: user) }
                } catch {
                    // Destroyed with the user, or damaged: there is no address to show.
                }
            }
            sealed = []
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        thread?.join()
        thread = nil
    }
}
