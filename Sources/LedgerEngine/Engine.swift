package import LedgerCore
package import Logging

/// One open ledger: the writer, the journal, the published views, and the readers of history. Several in one process do
/// not know of each other.
///
/// How a command passes: an event loop fills a ``WorkBatch`` and submits it; the writer decides its items in order and
/// applies what was decided; the committer writes the events and syncs; the views are published; the batch is completed.
/// So a completed batch means *durable*, for refusals and reads as well.
package final class Engine: Sendable {
    /// What opening a ledger gives.
    package struct Opened: Sendable {
        package let engine: Engine
        /// The admin passport of a first start, to be shown once; nil on later starts.
        package let adminSecret: PassportSecret?
        /// What the person who started it should read (recovered n events in s, will expire …).
        package let notices: [String]
    }

    /// Opens or creates a ledger, recovers it, and starts its threads. Takes as long as recovery takes.
    package static func open(_ configuration: EngineConfiguration, logger: Logger) throws(EngineError) -> Opened {
        fatalError("not built")
    }

    private init() { fatalError("not built") }

    /// Finishes what was submitted, writes the closing batch, joins every thread, releases the directory. Idempotent.
    package func stop() {}

    /// Hands a batch to the writer. Never blocks. False: the mailbox is full or the engine has stopped; the batch stays the
    /// caller's, who answers BUSY or stops reading.
    package func submit(_ batch: WorkBatch) -> Bool { false }

    /// How names of the outside world are hashed in this ledger.
    package var names: Names { fatalError("not built") }
    package var shard: UInt16 { 0 }
    /// The hash by which a second sign-up is found: HMAC under the pepper of the address, trimmed and lower-cased.
    package func emailHash(_ address: UnsafeRawBufferPointer) -> Hash128 { .zero }
    package func now() -> Timestamp { fatalError("not built") }

    package var reads: ReadPath { fatalError("not built") }
    package var slowLog: SlowLog { fatalError("not built") }

    /// Reads the journal on a reader thread, then calls `completion` there (it must not block). False: the queue is full.
    package func read(_ request: HistoryRequest, completion: @escaping @Sendable (HistoryResult) -> Void) -> Bool { false }

    /// Opens sealed text of a user; nil when the key is destroyed or the text is damaged. About a microsecond.
    package func clearText(_ sealed: SealedText, of user: UserOrdinal) -> [UInt8]? { nil }

    package var durableLSN: LSN { .none }
    /// Calls `completion` (on any thread, perhaps at once) when `lsn` is durable and published: `WAIT lsn`. The result is the
    /// durable LSN then; `.none` when the engine stopped before.
    package func wait(for lsn: LSN, completion: @escaping @Sendable (LSN) -> Void) {}

    /// Why mutations are refused now; nil when they are not.
    package var readOnly: String? { nil }

    /// SNAPSHOT: calls `completion` when a checkpoint through at least the current LSN is verified and in the manifest.
    package func snapshot(completion: @escaping @Sendable (Result<LSN, EngineError>) -> Void) {}
}
