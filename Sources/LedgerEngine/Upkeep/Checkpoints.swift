internal import Glibc
internal import LedgerCore
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// Decides when a snapshot is due and has it made: a fold in a child process (or, in tests and in memory, in a thread),
/// which touches nothing that lives. One at a time.
///
/// Unchecked Sendable: `state` is a mutex; `thread` is touched by whoever holds it in the transition idle ⇄ running.
final class Checkpoints: @unchecked Sendable {
    private let journal: Journal
    private let mode: EngineConfiguration.Checkpoints
    private let replayTarget: TimeSpan
    private let clock: any LedgerClock
    private let logger: Logger
    private let meters: Committer.Meters
    private let gate: Gate
    private let pokeWriter: @Sendable () -> Void
    private let pace: RecoveryPace
    private let state: Lock<State>

    private struct State {
        var isRunning = false
        var isStopping = false
        var child: pid_t?
        var thread: EngineThread?
        /// Journal bytes written when the last fold began; negative: what was there before this start.
        var bytesThen: Int64
        var wishes: [(lsn: LSN, completion: @Sendable (Result<LSN, EngineError>) -> Void)] = []
        /// The last one failed for want of room, which made the ledger read-only: try until one comes about.
        var isOwed = false
        /// Monotonic; after a failure the next attempt waits.
        var notBefore: UInt64 = 0
    }

    /// A tail smaller than this is never worth a snapshot.
    private static let smallestTail: Int64 = 64 << 20
    private static let retryAfter: UInt64 = 10_000_000_000

    init(
        journal: Journal, mode: EngineConfiguration.Checkpoints, replayTarget: TimeSpan, clock: any LedgerClock,
        logger: Logger, meters: Committer.Meters, gate: Gate, pace: RecoveryPace, tailBytes: Int64,
        pokeWriter: @escaping @Sendable () -> Void
    ) {
        self.journal = journal
        self.mode = mode
        self.replayTarget = replayTarget
        self.clock = clock
        self.logger = logger
        self.meters = meters
        self.gate = gate
        self.pace = pace
        self.pokeWriter = pokeWriter
        state = Lock(State(bytesThen: -tailBytes))
    }

    var isRunning: Bool { state.withLock { $0.isRunning } }

    private var tailEvents: UInt64 { journal.durableLSN.value - (journal.snapshots.last?.lsn.value ?? 0) }

    /// How long a start would take now: loading the snapshot at 100 MB/s, replaying the tail.
    var recoverySeconds: Double {
        pace.seconds(events: tailEvents, snapshotBytes: journal.snapshots.last?.fileBytes ?? 0)
    }

    /// SNAPSHOT: a checkpoint through at least `lsn`, which is durable.
    func request(through lsn: LSN, _ completion: @escaping @Sendable (Result<LSN, EngineError>) -> Void) {
        if let last = journal.snapshots.last, last.lsn >= lsn { return completion(.success(last.lsn)) }
        guard mayRun else { return completion(.failure(EngineError(.checkpoint, "checkpoints are switched off"))) }
        let isStopping = state.withLock { state in
            if !state.isStopping {
                state.wishes.append((lsn, completion))
                state.notBefore = 0
            }
            return state.isStopping
        }
        if isStopping { return completion(.failure(EngineError(.stopped, "the ledger is being closed"))) }
        consider()
    }

    private var mayRun: Bool { if case .never = mode { false } else { true } }

    /// Starts a fold if one is due or wished for, and none is running.
    func consider() {
        guard mayRun else { return }
        let tail = tailEvents
        let bytes = Int64(meters.bytes.load(ordering: .relaxed))
        let size = Int64(journal.snapshots.last?.fileBytes ?? 0)
        state.withLock { state in
            guard !state.isRunning, !state.isStopping, MonotonicTime.now >= state.notBefore else { return }
            let isDue =
                Double(tail) * pace.secondsPerEvent * 1e9 > Double(replayTarget.nanoseconds)
                || bytes - state.bytesThen > max(size, Self.smallestTail)
            guard tail > 0, isDue || state.isOwed || !state.wishes.isEmpty else { return }
            state.isRunning = true
            state.bytesThen = bytes
            state.thread?.join()  // it ended when `isRunning` went back
            let lsn = journal.head.lastLSN
            let hold = journal.holdFiles()
            state.thread = EngineThread.start("checkpoint", nice: 19) { [self] in
                finish(lsn, run(lsn))
                withExtendedLifetime(hold) {}
            }
        }
    }

    private func run(_ lsn: LSN) -> Result<LSN, EngineError> {
        do throws(EngineError) {
            if case .child(let arguments) = mode { try runChild(arguments + ["\(lsn.value)"]) }
        } catch {
            return .failure(error)
        }
        do throws(StorageError) {
            if case .inProcess = mode {
                _ = try Checkpointer.fold(
                    journal.directory.path, through: lsn, on: journal.directory.disk, as: StateMachine.self)
            }
            try journal.adoptSnapshot(at: lsn)
            try journal.thinSnapshots(now: clock.now())
            return .success(lsn)
        } catch {
            return .failure(EngineError(error))
        }
    }

    private func runChild(_ arguments: [String]) throws(EngineError) {
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        // A server ignores or blocks the signals that it waits for; its child must end by them.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var pid = pid_t()
        let code = posix_spawn(&pid, arguments[0], nil, &attributes, words, environ)
        guard code == 0 else {
            throw EngineError(.checkpoint, "\(arguments[0]) cannot be started: \(String(cString: strerror(code)))")
        }
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), 19)
        let stops = state.withLock { state in
            state.child = pid
            return state.isStopping
        }
        if stops { kill(pid, SIGTERM) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        state.withLock { $0.child = nil }
        guard status == 0 else {
            let how = status & 0x7F == 0 ? "with exit code \(status >> 8 & 0xFF)" : "by signal \(status & 0x7F)"
            throw EngineError(.checkpoint, "the checkpoint's process ended \(how)")
        }
    }

    private func finish(_ lsn: LSN, _ result: Result<LSN, EngineError>) {
        var isFull = false
        switch result {
        case .success:
            logger.info("snapshot", metadata: ["lsn": "\(lsn.value)"])
        case .failure(let error):
            isFull = error.fault?.isOutOfSpace ?? false
            logger.error("no snapshot", metadata: ["lsn": "\(lsn.value)", "fault": "\(error)"])
        }
        if gate.setSnapshot(isFull ? "no room for a snapshot: free some space" : nil) { pokeWriter() }
        let served = state.withLock { state in
            state.isRunning = false
            state.isOwed = isFull
            // A failure answers everybody; a success those whom it covers.
            var served = state.wishes
            if case .success = result {
                served = state.wishes.filter { $0.lsn <= lsn }
                state.wishes.removeAll { $0.lsn <= lsn }
            } else {
                state.wishes.removeAll()
                state.notBefore = MonotonicTime.now + Self.retryAfter
            }
            return served
        }
        for wish in served { wish.completion(result) }
    }

    /// Ends a child, waits for a thread, tells who still waits.
    func stop() {
        let (thread, wishes) = state.withLock { state in
            state.isStopping = true
            if let child = state.child { kill(child, SIGTERM) }
            defer {
                state.thread = nil
                state.wishes.removeAll()
            }
            return (state.thread, state.wishes)
        }
        thread?.join()
        for wish in wishes { wish.completion(.failure(EngineError(.stopped, "the ledger is being closed"))) }
    }
}
