package import LedgerCore

/// The state at some moment: the newest good snapshot before it, then the journal from there. Recovery, folds,
/// verification and reads of the past are all this one replay.
package struct Replay<State: JournaledState & ~Copyable>: ~Copyable {
    package enum Target: Sendable {
        /// Everything there is; a torn tail ends it.
        case end
        /// Through this LSN, which ends a batch; nothing behind it is looked at, so a writer may be at work there.
        case batch(LSN)
        /// Through this LSN.
        case lsn(LSN)
        /// Every event recorded at or before this time.
        case time(Timestamp)
    }

    package var state: State
    /// Where the journal was left; the state is at its LSN unless the target lay inside a batch.
    package var head: JournalHead
    package var snapshot: SnapshotDescription?
    /// Snapshots that were tried before and refused, newest first.
    package var rejectedSnapshots: [StorageError] = []
    package var events = 0
    package var batches = 0
    /// The last batch was a closing one.
    package var isClosed = false
    /// The number of the first segment that was read.
    var firstSegment: UInt64 = 1
    /// Where the batches of unsealed segments lie, by segment number.
    var places: [UInt64: [BatchPlace]] = [:]
    /// Bytes used in unsealed segments, by segment number.
    var usedBytes: [UInt64: Int] = [:]
    var tail: RawEnding?
    package var took = ReplayTimes()

    /// Replays a data directory without taking its lock: the caller has it, or reads only what cannot change under it.
    package static func run(
        _ directory: DataDirectory, to target: Target = .end
    ) throws(StorageError) -> Replay<State> {
        let manifest = try Manifest.load(from: directory).manifest
        return try run(
            try JournalInspection(directory, manifest, pastCache: false), to: target, everyLiveSegment: false)
    }

    /// `mayBegin`: with which snapshots. `begun` is told the number of the first segment that is read, and the state
    /// before it; again, where an older snapshot turns out to be needed. `pace` is called behind each batch, and may
    /// sleep.
    static func run(
        _ inspection: JournalInspection, to target: Target, everyLiveSegment: Bool,
        from mayBegin: (LSN) -> Bool = { _ in true }, begun: (UInt64, borrowing State) -> Void = { _, _ in },
        pace: () -> Void = {}
    ) throws(StorageError) -> Replay<State> {
        let directory = inspection.directory
        var rejected: [StorageError] = []
        var began = Lap.now
        for lsn in try candidates(inspection, target) where mayBegin(lsn) {
            do throws(StorageError) {
                var state = State()
                let snapshot = try SnapshotReader.load(directory.snapshot(lsn), directory, of: lsn, into: &state)
                guard target.allows(snapshot) else { continue }
                let loaded = Lap.now
                var replay = try Replay(state, snapshot, inspection, target, everyLiveSegment, rejected, begun, pace)
                replay.took = ReplayTimes(snapshot: loaded - began, journal: Lap.now - loaded)
                return replay
            } catch {
                // Whatever is wrong with this one file, an older snapshot or none is as good. Other faults are the
                // journal's.
                guard error.path == directory.snapshot(lsn) else { throw error }
                rejected.append(error)
                began = Lap.now
            }
        }
        var replay = try Replay(State(), nil, inspection, target, everyLiveSegment, rejected, begun, pace)
        replay.took.journal = Lap.now - began
        return replay
    }

    /// Snapshot files, newest first: those that are listed, and those a fold finished before it was listed.
    private static func candidates(
        _ inspection: JournalInspection, _ target: Target
    ) throws(StorageError) -> [LSN] {
        let present = try inspection.directory.presentSnapshots()
        let listed = inspection.manifest.snapshots.map(\.lsn)
        // What is listed need not be read to know its time.
        let later = Set(inspection.manifest.snapshots.filter { !target.allows($0.time) }.map(\.lsn))
        let audited = AuditRecord.load(from: inspection.directory)
        return Set(present + listed).filter {
            target.allows($0) && !later.contains($0) && audited?.trusts($0) ?? true
        }.sorted(by: >)
    }

    private init(
        _ start: consuming State, _ snapshot: SnapshotDescription?, _ inspection: JournalInspection, _ target: Target,
        _ everyLiveSegment: Bool, _ rejected: [StorageError], _ begun: (UInt64, borrowing State) -> Void,
        _ pace: () -> Void
    ) throws(StorageError) {
        var state = start
        var first = snapshot.map { inspection.index(holding: $0.head) } ?? 0
        if everyLiveSegment, let live = inspection.segments.firstIndex(where: { !$0.isSealed }) {
            first = min(first, live)
        }
        var events = 0
        var batches = 0
        var isClosed = false
        var places: [UInt64: [BatchPlace]] = [:]
        var usedBytes: [UInt64: Int] = [:]
        var isProven = snapshot == nil
        if let snapshot, target.limit == snapshot.head.lastLSN {
            // Nothing to add, and nothing behind it may be looked at, not even the closing batch it may stand after.
            self.state = state
            head = snapshot.head
            self.snapshot = snapshot
            rejectedSnapshots = rejected
            return
        }
        begun(inspection.segments[first].record.number, state)
        let end = try inspection.scanAhead(from: first, limit: target.limit) { batch throws(StorageError) in
            let header = batch.header
            if let snapshot, header.sequence == snapshot.head.nextSequence {
                guard header.previousChain == snapshot.head.chain, header.firstLSN == snapshot.head.nextLSN else {
                    throw Self.otherHistory(snapshot, inspection)
                }
                isProven = true
            }
            if batch.isLive {
                if header.count > 0 { places[header.segment, default: []].append(BatchPlace(batch)) }
                usedBytes[header.segment] = batch.offset + header.paddedBytes
            }
            isClosed = header.count == 0
            guard header.lastLSN > state.lastLSN else { return .onward }
            guard isProven else {
                // The snapshot's place was passed over without being met: it is no place of this journal.
                throw Self.otherHistory(snapshot!, inspection)
            }
            let before = state.lastLSN.value
            let whole = try state.apply(batch, while: target.wants)
            pace()
            events += Int(state.lastLSN.value - before)
            batches += 1
            return whole ? .onward : .stop
        }
        if let snapshot, !isProven {
            if end.head.nextSequence < snapshot.head.nextSequence {
                throw StorageError(
                    .lostAcknowledged, inspection.path(inspection.currentIndex), at: end.tail?.offset,
                    "the journal ends with LSN \(end.head.lastLSN.value), batch \(end.head.nextSequence - 1); a snapshot knows "
                        + "of LSN \(snapshot.head.lastLSN.value), batch \(snapshot.head.nextSequence - 1)")
            }
            guard end.head.chain == snapshot.head.chain, end.head.nextLSN == snapshot.head.nextLSN else {
                throw Self.otherHistory(snapshot, inspection)
            }
        }
        if let limit = target.limit, end.head.lastLSN < limit {
            throw StorageError(.noSuchEvent, inspection.directory.journal, "the journal ends before LSN \(limit.value)")
        }
        self.state = state
        head = end.head
        tail = end.tail
        self.snapshot = snapshot
        rejectedSnapshots = rejected
        self.events = events
        self.batches = batches
        self.isClosed = isClosed
        firstSegment = inspection.segments[first].record.number
        self.places = places
        self.usedBytes = usedBytes
    }

    /// As `Recovered.takeState()`.
    mutating func takeState() -> State {
        var taken = State()
        swap(&taken, &state)
        return taken
    }

    private static func otherHistory(_ snapshot: SnapshotDescription, _ inspection: JournalInspection) -> StorageError {
        StorageError(
            .damagedSnapshot, inspection.directory.snapshot(snapshot.head.lastLSN),
            "it belongs to another history of this ledger")
    }
}

extension Replay.Target where State: ~Copyable {
    func allows(_ lsn: LSN) -> Bool {
        switch self {
        case .end, .time: true
        case .batch(let limit), .lsn(let limit): lsn <= limit
        }
    }

    func allows(_ time: Timestamp) -> Bool {
        if case .time(let limit) = self { time <= limit } else { true }
    }

    func allows(_ snapshot: SnapshotDescription) -> Bool { allows(snapshot.head.time) }

    func wants(_ lsn: LSN, _ time: Timestamp) -> Bool {
        switch self {
        case .end, .batch: true
        case .lsn(let limit): lsn <= limit
        case .time(let limit): time <= limit
        }
    }

    var limit: LSN? {
        if case .batch(let limit) = self { limit } else { nil }
    }
}

extension BatchPlace {
    init(_ batch: ScannedBatch) {
        self.init(
            firstLSN: batch.header.firstLSN, offset: UInt32(batch.offset / JournalFormat.block),
            blocks: UInt32(batch.header.paddedBytes / JournalFormat.block))
    }
}
