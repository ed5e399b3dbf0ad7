internal import LedgerStorage
internal import Logging

/// The history that a start was told not to wait for (`--check-history background`), read behind it. What it finds
/// damaged goes to the log and stays in INFO; the state does not hang on it, so nothing else stops.
final class BackgroundHistoryCheck: Sendable {
    /// Nothing is left to be read: the start has done it.
    private let check: HistoryCheck?
    private let logger: Logger
    private let job = BackgroundJob()
    private let words: Lock<String>

    init(_ check: HistoryCheck?, logger: Logger) {
        self.check = check
        self.logger = logger
        words = Lock(check == nil ? "ok" : "running")
    }

    /// For INFO's `history_check`: `ok`, `running`, or what is damaged.
    var status: String { words.withLock { $0 } }

    func start() {
        guard let check else { return }
        job.start("history-check", nice: 19) { [self] in
            do throws(StorageError) {
                guard try check.run(while: { job.isWanted }) else { return }
                words.withLock { $0 = "ok" }
                logger.info("the history is undamaged")
            } catch {
                words.withLock { $0 = "\(error)" }
                logger.critical("the history is damaged", metadata: ["fault": "\(error)"])
            }
        }
    }

    func stop() { job.stop() }
}
