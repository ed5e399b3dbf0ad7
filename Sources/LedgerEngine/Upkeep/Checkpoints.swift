internal import Glibc
internal import LedgerCore
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// Decides when a snapshot is due and has it made: the writer hands out the rows of one instant, a thread of low
/// priority writes them down. One at a time. Whether it is what the journal leads to is for ``Audits`` to find out.
///
/// Unchecked Sendable: `state` is a mutex; `thread` is touched by who holds it in the transition idle ⇄ running.
final class Checkpoints: @unchecked Sendable {
    private let journal: Journal
    private let isOff: Bool
    private let desk: CaptureDesk
    private let audits: Audits
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
        var thread: NamedThread?
        /// Journal bytes written when the last snapshot that succeeded began; negative: what was there before this
        /// start.
        var bytesThen: Int64
        var wishes: [(lsn: LSN, completion: @Sendable (Result<LSN, EngineError>) -> Void)] = []
        /// The last one failed for want of room, which made the ledger read-only: try until one comes about.
        var isOwed = false
        /// How the last one ended: `ok`, or why there is none.
        var lastStatus = "ok"
        var lastFrames = Frames()
        /// Monotonic; after a failure the next attempt waits.
        var notBefore: UInt64 = 0
        /// Monotonic; until then a tail that was just replayed may be as long again.
        let settled = MonotonicTime.now + Checkpoints.settlesIn
    }

    /// Of the last one that was made since the start.
    struct Frames: Sendable {
        var all = 0
        /// Those that were taken from the one before it.
        var reused = 0
    }

    /// A tail smaller than this is never worth a snapshot.
    private static let smallestTail: Int64 = 64 << 20
    private static let retryAfter: UInt64 = 10_000_000_000
    /// Behind a start clients come back all at once, with what they could not ask meanwhile; a snapshot would take a
    /// third of their rate on two cores. What a start has replayed another start can replay again.
    private static let settlesIn: UInt64 = 20_000_000_000

    init(
        journal: Journal, isOff: Bool, desk: CaptureDesk, audits: Audits, replayTarget: TimeSpan,
        clock: any LedgerClock,
        logger: Logger, meters: Committer.Meters, latencies: LatencyLog, gate: Gate, paceFile: RecoveryPaceFile,
        checksHistory: Bool, tailBytes: Int64, pokeWriter: @escaping @Sendable () -> Void
    ) {
        self.journal = journal
        self.isOff = isOff
        self.desk = desk
        self.audits = audits
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

    /// How the last one ended: `ok`, or why there is no newer snapshot.
    var lastStatus: String { state.withLock { $0.lastStatus } }

    var lastFrames: Frames { state.withLock { $0.lastFrames } }

    /// SNAPSHOT: a checkpoint through at least `lsn`, which is durable.
    func request(through lsn: LSN, _ completion: @escaping @Sendable (Result<LSN, EngineError>) -> Void) {
        if let last = journal.snapshots.last, last.lsn >= lsn { return completion(.success(last.lsn)) }
        guard mayRun else {
            let error = EngineError(
                .checkpoint, isOff ? "checkpoints are switched off" : "the last snapshot differed from the journal")
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

    private var mayRun: Bool { !isOff && !audits.foundDifference }

    /// Starts a snapshot if one is due or wished for, and none is running; likewise an audit.
    func consider() {
        guard mayRun else { return }
        audits.consider()
        let tail = tailEvents
        let bytes = Int64(meters.bytes.load(ordering: .relaxed))
        let size = Int64(journal.snapshots.last?.fileBytes ?? 0)
        let secondsPerEvent = pace.withLock { $0.event }
        state.withLock { state in
            guard !state.isRunning, !state.isStopping, MonotonicTime.now >= state.notBefore else { return }
            let allowance: Int64 = MonotonicTime.now < state.settled ? 2 : 1
            let isDue =
                Double(tail) * secondsPerEvent * 1e9 > Double(replayTarget.nanoseconds) * Double(allowance)
                || bytes - state.bytesThen > max(size, Self.smallestTail) * allowance
            guard tail > 0, isDue || state.isOwed || !state.wishes.isEmpty else { return }
            state.isRunning = true
            state.thread?.join()  // it ended when `isRunning` went back
            state.thread = NamedThread.start("checkpoint", nice: 10) { [self] in
                let began = MonotonicTime.now
                finish(bytes, run())
                latencies.record(.snapshot, since: began)
            }
        }
    }

    private func run() -> Result<LSN, EngineError> {
        guard let (head, booksSum) = desk.begin() else {
            desk.clear()
            return .failure(state.withLock { $0.isStopping } ? Self.stopped : Self.interrupted)
        }
        do throws(StorageError) {
            var encoder = SnapshotEncoder()
            let desk = desk
            let written = try SnapshotWriter.write(
                at: head, booksSum: booksSum, to: journal.directory, reusing: journal.snapshots.last?.lsn
            ) { writer throws(StorageError) in
                while let rows = desk.next() { try encoder.add(rows, to: &writer) }
                guard !desk.isCancelled else { throw StorageError(.latched, "the snapshot") }
                try encoder.finish(to: &writer)
            }
            desk.clear()
            try audits.adopt(head.lastLSN)
            let frames = Frames(all: written.description.frames, reused: written.reusedFrames)
            state.withLock { $0.lastFrames = frames }
        } catch {
            let isStopping = state.withLock { $0.isStopping }
            desk.cancel()
            desk.clear()
            return .failure(isStopping ? Self.stopped : EngineError(error))
        }
        // The last audit has left there what it learned.
        if let learned = paceFile.load() { pace.withLock { $0 = learned } }
        do throws(StorageError) {
            try journal.thinSnapshots(now: clock.now(), keeping: audits.needed)
        } catch {
            logger.warning("old snapshots could not be thinned out", metadata: ["fault": "\(error)"])
        }
        return .success(head.lastLSN)
    }

    private static var interrupted: EngineError {
        EngineError(.checkpoint, "the journal failed, or the last snapshot differed from it")
    }
    private static var stopped: EngineError { EngineError(.stopped, "the ledger is being closed") }

    private func finish(_ bytes: Int64, _ result: Result<LSN, EngineError>) {
        var isFull = false
        var status = "ok"
        let frames = lastFrames
        switch result {
        case .success(let lsn):
            logger.info(
                "snapshot",
                metadata: ["lsn": "\(lsn.value)", "frames": "\(frames.all)", "reused": "\(frames.reused)"])
        case .failure(let error) where error.reason == .stopped:
            logger.info("snapshot given up, the ledger is being closed")
        case .failure(let error):
            isFull = error.fault?.isOutOfSpace ?? false
            status = "\(error)"
            logger.error("no snapshot", metadata: ["fault": "\(error)"])
        }
        let served = state.withLock { state in
            state.isRunning = false
            state.isOwed = isFull
            state.lastStatus = status
            // A failure answers everybody; a success those whom it covers.
            var served = state.wishes
            if case .success(let lsn) = result {
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

    /// Gives up what is under way, tells who still waits. Before the writer ends, who has a part in it.
    func stop() {
        let (thread, wishes) = state.withLock { state in
            state.isStopping = true
            defer {
                state.thread = nil
                state.wishes.removeAll()
            }
            return (state.thread, state.wishes)
        }
        desk.cancel()
        thread?.join()
        audits.stop()
        for wish in wishes { wish.completion(.failure(EngineError(.stopped, "the ledger is being closed"))) }
    }
}
