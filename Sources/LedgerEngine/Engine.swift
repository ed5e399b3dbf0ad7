package import LedgerCore
internal import LedgerRules
package import LedgerStorage
package import Logging

/// One open ledger: the writer, the journal, the published views, and the readers of history. Several in one process do
/// not know of each other.
///
/// How a command passes: an event loop fills a ``WorkBatch`` and submits it; the writer decides its items in order and
/// applies what was decided; the committer writes the events and syncs; the views are published; the batch is
/// completed. So a completed batch means *durable*, for refusals and reads as well.
package final class Engine: Sendable {
    /// What opening a ledger gives.
    package struct Opened: Sendable {
        package let engine: Engine
        /// The admin passport of a first start, to be shown once; nil on later starts.
        package let adminSecret: PassportSecret?
        /// What the person who started it should read (recovered n events in s, a torn tail was cut …).
        package let notices: [String]
    }

    /// How names of the outside world are hashed in this ledger.
    package let names: Names
    package let shard: UInt16
    package let reads: ReadPath
    package let slowLog: SlowLog
    package let latencies: LatencyLog
    /// How it was opened.
    let configuration: EngineConfiguration
    /// Whether its time is its clients' to move.
    let isDriven: Bool
    private let clock: any LedgerClock
    private let pepper: Pepper
    let keys: KeyStore
    let journal: Journal
    private let gate: Gate
    private let mailbox: Mailbox
    private let aside: Mailbox
    private let executor: PinnedExecutor
    private let writer: Writer
    private let committer: Committer
    private let history: History
    private let examiner: RuleExaminer
    private let backtester: Backtester
    private let upkeep: Upkeep
    private let checkpoints: Checkpoints
    private let historyCheck: BackgroundHistoryCheck
    private let followers: Followers
    private let emails: EmailOpener
    private let lastSign: Pauses.LastSign
    private let isStopped = Lock(false)

    /// Opens or creates a ledger, recovers it, and starts its threads. Takes as long as recovery takes.
    package static func open(_ configuration: EngineConfiguration, logger: Logger) throws(EngineError) -> Opened {
        try Opening(configuration, logger).open()
    }

    /// The whole of a start but its threads; `Opening` makes the parts.
    init(
        _ parts: EngineParts, state: consuming sending StateMachine, rules: consuming RuleBook, pausedSince: Timestamp?
    ) {
        configuration = parts.configuration
        names = state.names
        isDriven = state.isDriven
        shard = state.shard
        reads = parts.writer.reads
        slowLog = parts.writer.slowLog
        latencies = parts.writer.latencies
        clock = parts.writer.clock
        pepper = parts.pepper
        keys = parts.writer.keys
        journal = parts.writer.journal
        gate = parts.writer.gate
        mailbox = parts.writer.mailbox
        aside = parts.writer.aside
        executor = parts.writer.executor
        committer = parts.writer.committer
        history = parts.history
        examiner = parts.examiner
        backtester = parts.backtester
        upkeep = parts.upkeep
        checkpoints = parts.checkpoints
        historyCheck = parts.historyCheck
        followers = parts.followers
        emails = parts.emails
        lastSign = parts.writer.lastSign
        writer = Writer(state: state, rules: rules, parts: parts.writer, pausedSince: pausedSince)
    }

    func start(historyThreads: Int) {
        committer.start()
        history.start(threads: historyThreads)
        examiner.start()
        backtester.start()
        executor.start("writer") { [writer] in writer.assumeIsolated { $0.drain() } }
        clock.onJump { [weak executor] in executor?.poke() }
        upkeep.start()
        emails.start()
        historyCheck.start()
        followers.start()
    }

    /// Finishes what was submitted, writes the closing batch, joins every thread, releases the directory. Idempotent.
    /// Not to be called on one of the engine's own threads (from `complete`, `onFatal` and the like).
    package func stop() {
        let isFirst = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return !isStopped
        }
        guard isFirst else { return }
        checkpoints.stop()
        mailbox.close()
        aside.close()
        executor.poke()
        writer.drained.wait()
        executor.stop()
        committer.stop()
        followers.stop()
        upkeep.stop()
        emails.stop()
        historyCheck.stop()
        examiner.stop()
        backtester.stop()
        history.stop()
        // Not the time now: a pause that ends with this stop still counts.
        let isWritten = configuration.reading == nil && !committer.hasFailed
        if isWritten { try? journal.close(time: lastSign.time) }
        journal.release()
    }

    // MARK: - Work

    /// Hands over a batch of a long read, such as a page of a table: the writer takes one between the loads of
    /// ``submit(_:)``. Else as that.
    package func submitAside(_ batch: WorkBatch) -> Bool {
        guard aside.push(batch) else { return false }
        executor.poke()
        return true
    }

    /// Hands a batch to the writer. Never blocks. False: the mailbox is full or the engine has stopped; the batch stays
    /// the caller's, who answers BUSY or stops reading.
    package func submit(_ batch: WorkBatch) -> Bool {
        guard mailbox.push(batch) else { return false }
        executor.poke()
        return true
    }

    /// As ``submit(_:)``, for who has nothing else to do until it is durable: where nothing else is under way it is
    /// decided and synced on the calling thread, which then blocks for a sync, and completes before this returns. Saves
    /// two threads' waking up.
    package func submitAndStay(_ batch: WorkBatch) -> Bool {
        guard mailbox.push(batch) else { return false }
        let isDone = executor.lend { writer.assumeIsolated { $0.drainBriefly() } }
        if !isDone { executor.poke() }
        return true
    }

    /// Reads the journal on a reader thread, then calls `completion` there (it must not block). Who asks takes turns
    /// with the others. False: the queue is full.
    package func read(
        _ request: HistoryRequest, for asker: Asker, completion: @escaping @Sendable (HistoryResult) -> Void
    ) -> Bool {
        history.submit(request, for: asker, completion)
    }

    /// Examines a rule on the thread for that, then calls `completion` there (it must not block): what RULE LOAD, CHECK
    /// and ACTIVATE begin with, and what back-tests find (on a thread of theirs, until the asker goes). False: the
    /// queue is full.
    package func examine(
        _ request: RuleRequest, for asker: Asker = Asker(), completion: @escaping @Sendable (RuleVerdict) -> Void
    ) -> Bool {
        if case .backtest(let draft) = request { return backtester.submit(draft, for: asker, completion) }
        return examiner.submit(request, completion)
    }

    /// The text of a version that is durable, by its identity.
    func ruleSource(_ identity: RuleIdentity) -> String? { history.ruleSource(identity) }

    /// Why mutations are refused now; nil when they are not.
    package var readOnly: String? { gate.refusal }

    /// Of a fork: nothing is decided in it for this reason, and no timer fires; nil: as ever. Reads go on. What is
    /// being decided this instant comes to its end: some milliseconds at most.
    func holdStill(_ reason: String?) { if gate.setFork(reason) { executor.poke() } }

    package func now() -> Timestamp { clock.now() }

    /// Lets the housekeeper look at clock and disk now instead of within a second.
    package func lookAfter() { upkeep.poke() }

    // MARK: - Text

    /// The hash by which a second sign-up is found: HMAC under the pepper of the address in the form that all its forms
    /// have in common (``EmailAddress``). Throws why there is none. Some microseconds; any thread.
    package func emailHash(_ address: UnsafeRawBufferPointer) throws(EmailAddress.Fault) -> Hash128 {
        try pepper.emailHash(address)
    }

    /// As that, of the platform's own word for a person.
    package func personHash(_ person: UnsafeRawBufferPointer) -> Hash128 { pepper.personHash(person) }

    /// Opens sealed text of a user; nil when the key is destroyed or the text is damaged. A few microseconds; any
    /// thread.
    package func clearText(_ text: PersonalText, of user: UserOrdinal) -> [UInt8]? {
        switch text {
        case .clear(let bytes): return bytes
        case .sealed(let sealed):
            guard !sealed.isEmpty else { return [] }
            do throws(StorageError) { return try keys.open(sealed, user) } catch { return nil }
        }
    }

    // MARK: - Durability

    package var durableLSN: LSN { committer.durableLSN }

    /// Calls `completion` (on any thread, perhaps at once) when `lsn` is durable and published: `WAIT lsn`. The result
    /// is the durable LSN then; `.none` when the engine stopped before. A caller that no longer cares hands it back:
    /// a wait holds one of ``EngineConfiguration/waiterCapacity`` places until its event comes, which may be never.
    @discardableResult
    package func wait(for lsn: LSN, completion: @escaping @Sendable (LSN) -> Void) -> Waiting {
        committer.wait(for: lsn, completion)
    }

    /// Takes a wait back. `completion` may still be called if another thread has just begun to.
    package func cancel(_ ticket: WaitTicket) { committer.cancel(ticket) }

    /// How many wait for an LSN now.
    package var waiterCount: Int { committer.waiterCount }

    // MARK: - Following

    /// Lets somebody follow from where they want to, until ``unfollow(_:)`` or the end: every durable event once, in
    /// order. Names are unique.
    package func follow(_ follower: any Follower) { followers.add(follower) }

    package func unfollow(_ name: String) { followers.remove(name) }

    /// The durable events from `lsn` on that lie together; nil: there is none yet, and ``wait(for:completion:)`` tells
    /// when. Reads the disk: not for an event loop.
    package func tail(from lsn: LSN) throws(EngineError) -> EventSlice? {
        do throws(StorageError) {
            return try journal.reader.slice(from: lsn, through: durableLSN, limit: .max)
        } catch {
            throw EngineError(error)
        }
    }

    // MARK: - Snapshots

    /// SNAPSHOT: calls `completion` when a checkpoint through at least the current durable LSN is verified and in the
    /// manifest.
    package func snapshot(completion: @escaping @Sendable (Result<LSN, EngineError>) -> Void) {
        if let reading = configuration.reading {
            return completion(.failure(EngineError(.checkpoint, reading.refusal)))
        }
        checkpoints.request(through: durableLSN, completion)
    }

    /// Holds the snapshot at `lsn` of a ledger that another process has open against the fold of its journal, from the
    /// snapshot at `base` (none: from the first event); returns the sections that differ. `rest` is called between
    /// steps. `learns`: leaves what it learned of the machine's pace, which is for the server's own to do.
    package static func audit(
        _ path: String, _ lsn: LSN, from base: LSN, on disk: any Disk = PosixDisk(), learns: Bool = true,
        rest: () -> Void
    ) throws(EngineError) -> [UInt16] {
        do throws(StorageError) {
            return try Fold.audit(lsn, from: base, of: path, on: disk, as: StateMachine.self, pace: rest) { fold in
                guard learns else { return }
                let file = RecoveryPaceFile(disk, directory: path)
                let old = file.load() ?? RecoveryPace()
                let size = RecoveryPace.Size(events: UInt64(fold.events), snapshotBytes: fold.snapshotBytes)
                var pace = old
                pace.learn(fold: size, fold.took)
                if pace.differs(from: old, at: size) { file.save(pace) }
            }
        } catch {
            throw EngineError(error)
        }
    }

    // MARK: - Administration

    /// Where a first start without a terminal leaves the admin passport.
    package static func adminPassportFile(in path: String) -> String { path + "/admin-passport" }

    /// `florin admin DIR`: a new passport that may do everything, for the user `admin`, journaled when this returns.
    package func issueAdminPassport() throws(EngineError) -> PassportSecret {
        let secret = PassportSecret.mint()
        let create = FirstStart.adminPassport(names, secret, reads.proof(of: secret))
        if let rejection = try decideAlone(.passportCreate(create)) { throw EngineError(.state, rejection.text) }
        return secret
    }
}

extension Engine {
    /// What became of a user who is to be forgotten.
    package enum Erased: Hashable, Sendable {
        case now
        case before
        /// Nobody has this id.
        case unknown
        /// What is open keeps the account, and why; texts cannot be read any more.
        case keyOnly(String)
    }

    /// `florin erase DIR LIST`: deletes a user in a ledger that remembers more than it should. The key is destroyed,
    /// durably, when this returns, whatever stands in the way of the rest.
    package func erase(_ user: ShortText) throws(EngineError) -> Erased {
        let user = names.user(user)
        switch try decideAlone(.userDelete(UserDelete(user: user, forfeit: true))) {
        case .none: return .now
        case .closed: return .before
        case .notFound: return .unknown
        case .denied(let text): throw EngineError(.state, text)
        case .some(let rejection):
            guard let ordinal = reads.user(user) else { return .unknown }
            do throws(StorageError) { try keys.destroy([ordinal]) } catch { throw EngineError(error) }
            return .keyOnly(rejection.text)
        }
    }

    /// Has one command decided, on behalf of nobody; nil: accepted, and durable.
    private func decideAlone(_ command: Command) throws(EngineError) -> Rejection? {
        let done = Latch()
        let batch = WorkBatch(capacity: 1) { _ in done.open() }
        batch.append(.command(command))
        guard submit(batch) else { throw EngineError(.stopped, "the ledger is closed") }
        done.wait()
        switch batch.results[0] {
        case .outcome(.accepted): return nil
        case .outcome(.rejected(let rejection)): return rejection
        case .outcome, .none, .barrier, .verified, .query, .quote, .usageQuote, .dryRun, .ruleMaterial, .storageSizes,
            .info, .clock, .program,
            .refused, .unknownOutcome:
            throw EngineError(.state, "the outcome is unknown")
        }
    }
}

/// What `Opening` puts together.
struct EngineParts {
    let configuration: EngineConfiguration
    let writer: Writer.Parts
    let pepper: Pepper
    let history: History
    let examiner: RuleExaminer
    let backtester: Backtester
    let upkeep: Upkeep
    let checkpoints: Checkpoints
    let historyCheck: BackgroundHistoryCheck
    let followers: Followers
    let emails: EmailOpener
}
