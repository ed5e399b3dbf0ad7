internal import Glibc
internal import LedgerCore
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// Decides when a snapshot is due and has it made: a fold in a child process (or, in tests and in memory, in a thread),
/// which touches nothing that lives. One at a time.
///
/// Unchecked Sendable: `state` is a mutex; `thread` is touched by who holds it in the transition idle ⇄ running.
final class Checkpoints: @unchecked Sendable {
    private let journal: Journal
    private let mode: EngineConfiguration.Checkpoints
    private let replayTarget: TimeSpan
    private let clock: any LedgerClock
    private let logger: Logger
    private let meters: Committer.Meters
    private let latencies: LatencyLog
    private let gate: Gate
    private let pokeWriter: @Sendable () -> Void
    private let paceFile: RecoveryPaceFile
    private let checksHistory: Bool
    private let pace: Lock<RecoveryPace>
    private let state: Lock<State>

    private struct State {
        var isRunning = false
        var isStopping = false
        var child: pid_t?
        var thread: NamedThread?
        /// Journal bytes written when the last fold that succeeded began; negative: what was there before this start.
        var bytesThen: Int64
        var wishes: [(lsn: LSN, completion: @Sendable (Result<LSN, EngineError>) -> Void)] = []
        /// The last one failed for want of room, which made the ledger read-only: try until one comes about.
        var isOwed = false
        /// How the last fold ended: `ok`, or why there is none.
        var lastStatus = "ok"
        /// Monotonic; after a failure the next attempt waits.
        var notBefore: UInt64 = 0
    }

    /// A tail smaller than this is never worth a snapshot.
    private static let smallestTail: Int64 = 64 << 20
    private static let retryAfter: UInt64 = 10_000_000_000

    init(
        journal: Journal, mode: EngineConfiguration.Checkpoints, replayTarget: TimeSpan, clock: any LedgerClock,
        logger: Logger, meters: Committer.Meters, latencies: LatencyLog, gate: Gate, paceFile: RecoveryPaceFile,
        checksHistory: Bool, tailBytes: Int64, pokeWriter: @escaping @Sendable () -> Void
    ) {
        self.journal = journal
        self.mode = mode
        self.replayTarget = replayTarget
        self.clock = clock
        self.logger = logger
        self.meters = meters
        self.latencies = latencies
        self.gate = gate
        self.paceFile = paceFile
        self.checksHistory = checksHistory
        pace = Lock(paceFile.load() ?? RecoveryPace())
        self.pokeWriter = pokeWriter
        state = Lock(State(bytesThen: -tailBytes))
    }

    var isRunning: Bool { state.withLock { $0.isRunning } }

    private var tailEvents: UInt64 { journal.durableLSN.value - (journal.snapshots.last?.lsn.value ?? 0) }

    /// How long a start would take now.
    func recoverySeconds(users: Int) -> Double {
        let size = RecoveryPace.Size(
            events: tailEvents, snapshotBytes: journal.snapshots.last?.fileBytes ?? 0,
            historyBytes: checksHistory ? journal.historyBytes : 0, users: users)
        return pace.withLock { $0.seconds(size) }
    }

    /// What the start took that is just over. Before anything is folded.
    func learn(start size: RecoveryPace.Size, _ took: ReplayTimes, users: Double, seconds: Double) {
        let (old, new) = pace.withLock { pace in
            let old = pace
            pace.learn(start: size, took, users: users, seconds: seconds)
            return (old, pace)
        }
        if new.differs(from: old, at: size) { paceFile.save(new) }
    }

    /// How the last fold ended: `ok`, or why there is no newer snapshot.
    var lastStatus: String { state.withLock { $0.lastStatus } }

    /// SNAPSHOT: a checkpoint through at least `lsn`, which is durable.
    func request(through lsn: LSN, _ completion: @escaping @Sendable (Result<LSN, EngineError>) -> Void) {
        if let last = journal.snapshots.last, last.lsn >= lsn { return completion(.success(last.lsn)) }
        guard mayRun else {
            let error = EngineError(.checkpoint, "checkpoints are switched off")
            logger.error("no snapshot", metadata: ["lsn": "\(lsn.value)", "fault": "\(error)"])
            return completion(.failure(error))
        }
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
        let secondsPerEvent = pace.withLock { $0.event }
        state.withLock { state in
            guard !state.isRunning, !state.isStopping, MonotonicTime.now >= state.notBefore else { return }
            let isDue =
                Double(tail) * secondsPerEvent * 1e9 > Double(replayTarget.nanoseconds)
                || bytes - state.bytesThen > max(size, Self.smallestTail)
            guard tail > 0, isDue || state.isOwed || !state.wishes.isEmpty else { return }
            state.isRunning = true
            state.thread?.join()  // it ended when `isRunning` went back
            let lsn = journal.head.lastLSN
            let hold = journal.holdFiles()
            state.thread = NamedThread.start("checkpoint", nice: 19) { [self] in
                let began = MonotonicTime.now
                finish(lsn, bytes, run(lsn))
                latencies.record(.snapshot, since: began)
                withExtendedLifetime(hold) {}
            }
        }
    }

    private func run(_ lsn: LSN) -> Result<LSN, EngineError> {
        do throws(EngineError) {
            switch mode {
            case .never: break
            case .inProcess: try Engine.fold(journal.directory.path, through: lsn, on: journal.directory.disk)
            case .child(let arguments): try runChild(arguments + ["\(lsn.value)"])
            }
        } catch {
            return .failure(error)
        }
        // The fold has left there what it learned.
        if let learned = paceFile.load() { pace.withLock { $0 = learned } }
        do throws(StorageError) {
            try journal.adoptSnapshot(at: lsn)
        } catch {
            return .failure(EngineError(error))
        }
        do throws(StorageError) {
            try journal.thinSnapshots(now: clock.now())
        } catch {
            logger.warning("old snapshots could not be thinned out", metadata: ["fault": "\(error)"])
        }
        return .success(lsn)
    }

    private func runChild(_ arguments: [String]) throws(EngineError) {
        let pid = try CheckpointProcess.start(arguments)
        let stops = state.withLock { state in
            state.child = pid
            return state.isStopping
        }
        if stops { kill(pid, SIGTERM) }
        CheckpointProcess.wait(for: pid)
        let (failure, isStopping) = state.withLock { state in
            state.child = nil
            return (CheckpointProcess.reap(pid, snapshots: journal.directory.snapshots), state.isStopping)
        }
        guard let failure else { return }
        throw isStopping ? EngineError(.stopped, "the ledger is being closed") : failure
    }

    private func finish(_ lsn: LSN, _ bytes: Int64, _ result: Result<LSN, EngineError>) {
        var isFull = false
        var status = "ok"
        switch result {
        case .success:
            logger.info("snapshot", metadata: ["lsn": "\(lsn.value)"])
        case .failure(let error) where error.reason == .stopped:
            logger.info("snapshot given up, the ledger is being closed", metadata: ["lsn": "\(lsn.value)"])
        case .failure(let error):
            isFull = error.fault?.isOutOfSpace ?? false
            status = "\(error)"
            logger.error("no snapshot", metadata: ["lsn": "\(lsn.value)", "fault": "\(error)"])
        }
        let served = state.withLock { state in
            state.isRunning = false
            state.isOwed = isFull
            state.lastStatus = status
            // A failure answers everybody; a success those whom it covers.
            var served = state.wishes
            if case .success = result {
                state.bytesThen = bytes
                served = state.wishes.filter { $0.lsn <= lsn }
                state.wishes.removeAll { $0.lsn <= lsn }
            } else {
                state.wishes.removeAll()
                state.notBefore = MonotonicTime.now + Self.retryAfter
            }
            return served
        }
        // Who sees the ledger writable again sees why.
        if gate.setSnapshot(isFull ? "no room for a snapshot: free some space" : nil) { pokeWriter() }
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
