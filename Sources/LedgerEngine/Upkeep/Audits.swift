internal import Glibc
internal import LedgerCore
internal import LedgerStorage
internal import Logging

/// Holds snapshots against the journal. A snapshot is live rows written down; the fold of the journal from the last one
/// that was proven must give the same bytes. Now and then, and in time, the newest is proven so: by a process of its
/// own (or, in tests, a thread), which takes a small share of a core until it is late (``AuditNeed``).
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
    private let onDifference: @Sendable () -> Void
    private let state: Lock<State>
    /// One lists or drops snapshots at a time; `state` is free meanwhile, for INFO.
    private let listing = Lock(())

    private struct State {
        var status = Status()
        var thread: NamedThread?
        var child: CheckpointProcess.Child?
        /// The snapshot that is being looked at.
        var current = LSN.none
        /// It is late: it takes what it needs.
        var isLate = false
        var isStopping = false
        var foundDifference = false
        /// Made since the last that was proven, and how many of them `current` will have proven.
        var unproven = 0
        var covered = 0
        /// Monotonic; after a failure the next attempt waits.
        var notBefore: UInt64 = 0
    }

    /// Of the thread and its process. A late one competes for a core as the thread that writes snapshots does.
    private static let nice = (usual: Int32(19), late: Int32(10))
    private static let retryAfter: UInt64 = 60_000_000_000

    init(
        journal: Journal, mode: EngineConfiguration.Checkpoints, clock: any LedgerClock, logger: Logger, gate: Gate,
        pokeWriter: @escaping @Sendable () -> Void, onDifference: @escaping @Sendable () -> Void
    ) {
        self.journal = journal
        self.mode = mode
        self.clock = clock
        self.logger = logger
        self.gate = gate
        self.pokeWriter = pokeWriter
        self.onDifference = onDifference
        var state = State()
        let snapshots = journal.snapshots
        if let kept = AuditRecord.load(from: journal.directory),
            snapshots.contains(where: { $0.lsn == kept.lsn && $0.digest.hex == kept.digest })
        {
            state.status = Status(lsn: kept.lsn, time: min(kept.time, clock.now()), verdict: "ok")
        } else if let folded = snapshots.last(where: { journal.isFolded($0.lsn) }) {
            // Made by a version that folded each.
            state.status.lsn = folded.lsn
        }
        state.unproven = snapshots.count { $0.lsn > state.status.lsn }
        self.state = Lock(state)
    }

    var status: Status { state.withLock { $0.status } }
    var foundDifference: Bool { state.withLock { $0.foundDifference } }
    /// Snapshots that are not to be thinned out.
    var needed: Set<LSN> { state.withLock { [$0.status.lsn, $0.current] } }

    /// Lists a snapshot that was made: none after a difference was found.
    func adopt(_ lsn: LSN) throws(StorageError) {
        try listing.withLock { _ throws(StorageError) in
            guard !foundDifference else {
                throw StorageError(.damagedSnapshot, journal.directory.snapshot(lsn), "an audit found a difference")
            }
            try journal.adoptSnapshot(at: lsn)
        }
        state.withLock { $0.unproven += 1 }
    }

    /// Starts an audit of the newest snapshot, if one is due and none is running; hurries the one that runs, if it has
    /// become late.
    func consider() {
        guard let newest = journal.snapshots.last?.lsn else { return }
        let now = clock.now()
        let hurried = state.withLock { state -> LSN? in
            guard !state.isStopping, !state.foundDifference else { return nil }
            let age = state.status.time == .distantPast ? nil : now - state.status.time
            let need = AuditNeed(unproven: state.unproven, age: age)
            if state.current.isNone {
                if need > .none, newest > state.status.lsn, MonotonicTime.now >= state.notBefore {
                    begin(newest, isLate: need == .late, &state)
                }
            } else if need == .late, !state.isLate {
                state.isLate = true
                state.child?.hurry(nice: Self.nice.late)
                return state.current
            }
            return nil
        }
        guard let hurried else { return }
        logger.info("the audit of a snapshot is late: it takes what it needs", metadata: ["lsn": "\(hurried.value)"])
    }

    private func begin(_ newest: LSN, isLate: Bool, _ state: inout State) {
        let base = state.status.lsn
        state.current = newest
        state.isLate = isLate
        state.covered = state.unproven
        state.status.verdict = "running"
        state.thread?.join()  // it ended when `current` went back
        let hold = journal.holdPresentFiles()
        state.thread = NamedThread.start("audit", nice: isLate ? Self.nice.late : Self.nice.usual) { [self] in
            finish(newest, base, audit(newest, from: base, share: isLate ? 1 : Pace.usualShare))
            withExtendedLifetime(hold) {}
        }
    }

    /// What differs: a sentence; nil: nothing.
    private func audit(_ lsn: LSN, from base: LSN, share: Double) -> Result<String?, EngineError> {
        do throws(EngineError) {
            switch mode {
            case .never: return .success(nil)
            case .inProcess:
                let pace = Pace(share: share) { [self] nanoseconds in
                    if mayNotRest { return true }
                    usleep(UInt32(clamping: nanoseconds / 1000))
                    return mayNotRest
                }
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

    private var mayNotRest: Bool { state.withLock { $0.isStopping || $0.isLate } }

    private static func words(_ sections: [UInt16]) -> String? {
        sections.isEmpty
            ? nil : "the snapshot differs from the fold in sections \(sections.map { "\($0)" }.joined(separator: ", "))"
    }

    /// Whether it found a difference.
    private func runChild(_ arguments: [String]) throws(EngineError) -> Bool {
        let child = try CheckpointProcess.start(arguments)
        state.withLock { state in
            state.child = child
            // What happened before it was there.
            if state.isLate { state.child?.hurry(nice: Self.nice.late) }
            if state.isStopping { kill(child.pid, SIGKILL) }
        }
        CheckpointProcess.wait(for: child.pid)
        return try state.withLock { (state: inout State) throws(EngineError) in
            state.child?.close()
            state.child = nil
            return try CheckpointProcess.reap(child.pid)
        }
    }

    private func finish(_ lsn: LSN, _ base: LSN, _ result: Result<String?, EngineError>) {
        let now = clock.now()
        switch result {
        case .success(nil):
            state.withLock { state in
                state.status = Status(lsn: lsn, time: now, verdict: "ok")
                state.unproven -= state.covered
                state.current = .none
            }
            logger.info("snapshot audited", metadata: ["lsn": "\(lsn.value)", "from": "\(base.value)"])
            if let digest = digest(of: lsn) { keep(AuditRecord(lsn: lsn, time: now, digest: digest)) }
        case .success(let difference?): condemn(lsn, base, difference)
        case .failure(let error):
            let isStopping = state.withLock { state in
                state.status.verdict = "failed: \(error)"
                state.notBefore = MonotonicTime.now + Self.retryAfter
                state.current = .none
                return state.isStopping
            }
            guard !isStopping else { return }
            logger.error("a snapshot could not be audited", metadata: ["lsn": "\(lsn.value)", "fault": "\(error)"])
        }
    }

    private func digest(of lsn: LSN) -> String? { journal.snapshots.first { $0.lsn == lsn }?.digest.hex }

    private func keep(_ record: AuditRecord) {
        do throws(StorageError) {
            try record.save(to: journal.directory)
        } catch {
            logger.error("what an audit found could not be kept", metadata: ["fault": "\(error)"])
        }
    }

    /// The ledger decides nothing more; no snapshot since the last proven one is listed or begun with, also after a
    /// crash in the middle of this.
    private func condemn(_ lsn: LSN, _ base: LSN, _ difference: String) {
        let verdict = "LSN \(lsn.value): \(difference)"
        if gate.setAudit("a snapshot is not what the journal leads to: \(verdict)") { pokeWriter() }
        let time = state.withLock { state in
            state.status.verdict = verdict
            state.foundDifference = true
            state.current = .none
            return state.status.time
        }
        logger.critical(
            "the ledger in memory is not what was recorded: restart it, which replays the journal",
            metadata: ["audit": "\(verdict)"])
        onDifference()
        keep(AuditRecord(lsn: base, time: time, digest: digest(of: base) ?? "none", distrustsLater: true))
        do throws(StorageError) {
            try listing.withLock { _ throws(StorageError) in _ = try journal.dropSnapshots { $0 > base } }
        } catch {
            logger.error(
                "snapshots could not be dropped: the next start does it", metadata: ["fault": "\(error)"])
        }
    }

    /// Ends a child, which leaves nothing behind, however it is held up; waits for a thread.
    func stop() {
        let thread = state.withLock { state in
            state.isStopping = true
            if let child = state.child { kill(child.pid, SIGKILL) }
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }
}
