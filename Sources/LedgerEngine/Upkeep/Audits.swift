internal import Glibc
internal import LedgerCore
internal import LedgerStorage
internal import Logging

/// Holds snapshots against the journal. A snapshot is live rows written down; the fold of the journal from the last one
/// that was proven must give the same bytes. Now and then, and in time, the newest is proven so: by a process of its
/// own (or, in tests, a thread), which takes a small share of a core unless it is late.
///
/// One that differs makes the ledger read-only: what it knows is not what was recorded. It is dropped with all since
/// the last proven one, so that the next start replays what was recorded.
///
/// Unchecked Sendable: `state` is a mutex; `thread` is touched by who holds it in the transition idle ⇄ running.
final class Audits: @unchecked Sendable {
    /// What INFO says.
    struct Status: Sendable {
        /// The last snapshot that was proven, and when.
        var lsn = LSN.none
        var time = Timestamp.distantPast
        /// `none` before the first, `running`, `ok`, or what is wrong.
        var verdict = "none"
    }

    private let journal: Journal
    private let mode: EngineConfiguration.Checkpoints
    private let clock: any LedgerClock
    private let logger: Logger
    private let gate: Gate
    private let pokeWriter: @Sendable () -> Void
    private let file: AuditFile
    private let state: Lock<State>

    private struct State {
        var status = Status()
        var thread: NamedThread?
        var child: pid_t?
        /// The snapshot that is being looked at.
        var current = LSN.none
        var isStopping = false
        var foundDifference = false
        /// Made since the last that was proven.
        var unproven = 0
        /// Monotonic; after a failure the next attempt waits.
        var notBefore: UInt64 = 0
    }

    /// An audit begins at so many snapshots, or so long, behind the last; it is late, and takes what it needs, at the
    /// others.
    private static let due = (snapshots: 8, age: TimeSpan.hours(12))
    private static let late = (snapshots: 16, age: TimeSpan.hours(24))
    private static let retryAfter: UInt64 = 60_000_000_000

    init(
        journal: Journal, mode: EngineConfiguration.Checkpoints, clock: any LedgerClock, logger: Logger, gate: Gate,
        pokeWriter: @escaping @Sendable () -> Void
    ) {
        self.journal = journal
        self.mode = mode
        self.clock = clock
        self.logger = logger
        self.gate = gate
        self.pokeWriter = pokeWriter
        file = AuditFile(journal.directory)
        var state = State()
        let snapshots = journal.snapshots.map(\.lsn)
        if let kept = file.load(), snapshots.contains(kept.lsn) {
            state.status = Status(lsn: kept.lsn, time: kept.time, verdict: "ok")
        } else if let folded = snapshots.last(where: { journal.isFolded($0) }) {
            // Made by a version that folded each.
            state.status.lsn = folded
        }
        state.unproven = snapshots.count { $0 > state.status.lsn }
        self.state = Lock(state)
    }

    var status: Status { state.withLock { $0.status } }
    var foundDifference: Bool { state.withLock { $0.foundDifference } }
    /// Snapshots that are not to be thinned out.
    var needed: Set<LSN> { state.withLock { [$0.status.lsn, $0.current] } }

    /// A snapshot was made.
    func made(_ lsn: LSN) { state.withLock { $0.unproven += 1 } }

    /// Starts an audit of the newest snapshot, if one is due and none is running.
    func consider() {
        guard let newest = journal.snapshots.last?.lsn else { return }
        let now = clock.now()
        state.withLock { state in
            guard !state.isStopping, !state.foundDifference, state.current.isNone, newest > state.status.lsn,
                MonotonicTime.now >= state.notBefore
            else { return }
            let age = state.status.time == .distantPast ? nil : now - state.status.time
            let isFirst = age == nil
            guard isFirst || state.unproven >= Self.due.snapshots || age! >= Self.due.age else { return }
            let isLate = state.unproven >= Self.late.snapshots || age.map { $0 >= Self.late.age } ?? false
            let base = state.status.lsn
            state.current = newest
            state.status.verdict = "running"
            state.thread?.join()  // it ended when `current` went back
            let hold = journal.holdFiles()
            state.thread = NamedThread.start("audit", nice: 19) { [self] in
                finish(newest, base, audit(newest, from: base, share: isLate ? 1 : Pace.usualShare))
                withExtendedLifetime(hold) {}
            }
        }
    }

    /// What differs: a sentence; nil: nothing.
    private func audit(_ lsn: LSN, from base: LSN, share: Double) -> Result<String?, EngineError> {
        do throws(EngineError) {
            switch mode {
            case .never: return .success(nil)
            case .inProcess:
                let pace = Pace(share: share) { [self] in state.withLock { $0.isStopping } }
                return .success(
                    Self.words(
                        try Engine.audit(
                            journal.directory.path, lsn, from: base, on: journal.directory.disk, rest: pace.rest)))
            case .child(let arguments):
                return .success(
                    try runChild(arguments + ["\(lsn.value)", "--from", "\(base.value)", "--share", "\(share)"])
                        ? "the snapshot differs from the fold" : nil)
            }
        } catch {
            return .failure(error)
        }
    }

    private static func words(_ sections: [UInt16]) -> String? {
        sections.isEmpty
            ? nil : "the snapshot differs from the fold in sections \(sections.map { "\($0)" }.joined(separator: ", "))"
    }

    /// Whether it found a difference.
    private func runChild(_ arguments: [String]) throws(EngineError) -> Bool {
        let pid = try CheckpointProcess.start(arguments)
        let stops = state.withLock { state in
            state.child = pid
            return state.isStopping
        }
        if stops { kill(pid, SIGTERM) }
        CheckpointProcess.wait(for: pid)
        return try state.withLock { (state: inout State) throws(EngineError) in
            state.child = nil
            return try CheckpointProcess.reap(pid)
        }
    }

    private func finish(_ lsn: LSN, _ base: LSN, _ result: Result<String?, EngineError>) {
        var refusal: String?
        var isProven = false
        state.withLock { state in
            state.current = .none
            switch result {
            case .success(nil):
                state.status = Status(lsn: lsn, time: clock.now(), verdict: "ok")
                state.unproven = journal.snapshots.count { $0.lsn > lsn }
                isProven = true
            case .success(let difference?):
                state.status.verdict = "LSN \(lsn.value): \(difference)"
                state.foundDifference = true
                refusal = state.status.verdict
            case .failure(let error):
                state.status.verdict = "failed: \(error)"
                state.notBefore = MonotonicTime.now + Self.retryAfter
                if !state.isStopping {
                    logger.error(
                        "a snapshot could not be audited", metadata: ["lsn": "\(lsn.value)", "fault": "\(error)"])
                }
            }
        }
        if isProven {
            logger.info("snapshot audited", metadata: ["lsn": "\(lsn.value)", "from": "\(base.value)"])
            file.save(lsn, clock.now())
        }
        guard let refusal else { return }
        logger.critical(
            "the ledger in memory is not what was recorded: restart it, which replays the journal",
            metadata: ["audit": "\(refusal)"])
        do throws(StorageError) {
            try journal.dropSnapshots { $0 > base }
        } catch {
            logger.error("snapshots could not be dropped", metadata: ["fault": "\(error)"])
        }
        if gate.setAudit("a snapshot is not what the journal leads to: \(refusal)") { pokeWriter() }
    }

    /// Ends a child, waits for a thread.
    func stop() {
        let thread = state.withLock { state in
            state.isStopping = true
            if let child = state.child { kill(child, SIGTERM) }
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }
}

/// How much of a core an audit takes: it sleeps after each piece of work. Whoever is not done after minutes gets more.
///
/// Unchecked Sendable: used by one thread.
package final class Pace: @unchecked Sendable {
    static let usualShare = 0.05
    private static let piece: UInt64 = 10_000_000
    /// So long until the share is doubled.
    private static let patience: UInt64 = 300_000_000_000

    private var share: Double
    private let isOver: () -> Bool
    private var worked = Pace.cpuTime
    private var doubled = MonotonicTime.now

    package init(share: Double, isOver: @escaping () -> Bool = { false }) {
        self.share = share
        self.isOver = isOver
    }

    /// Between two steps of the work.
    package func rest() {
        let now = Self.cpuTime
        guard share < 1, now &- worked >= Self.piece, !isOver() else { return }
        if MonotonicTime.now &- doubled > Self.patience {
            share *= 2
            doubled = MonotonicTime.now
        }
        usleep(UInt32(Double(now &- worked) * (1 / share - 1) / 1000))
        worked = Self.cpuTime
    }

    /// Of this thread, in nanoseconds.
    private static var cpuTime: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// Which snapshot was proven last, and when: a side file, one line. Without it the next audit begins with the first
/// event, or with a snapshot that was folded.
struct AuditFile: Sendable {
    private let directory: DataDirectory

    init(_ directory: DataDirectory) { self.directory = directory }

    func load() -> (lsn: LSN, time: Timestamp)? {
        guard let bytes = try? directory.disk.contents(of: directory.audited), bytes.count < 256 else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 4, words[0] == "lsn", let lsn = UInt64(words[1]), words[2] == "time",
            let time = Int64(words[3])
        else { return nil }
        return (LSN(lsn), Timestamp(nanoseconds: time))
    }

    /// A failure leaves the old one, or none.
    func save(_ lsn: LSN, _ time: Timestamp) {
        let text = "lsn \(lsn.value) time \(time.nanoseconds)\n"
        try? directory.disk.replace(directory.audited, with: Array(text.utf8), in: directory.path)
    }
}
