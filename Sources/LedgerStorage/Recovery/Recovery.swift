package import LedgerCore
internal import Synchronization

/// What a start has to say about what it found.
package struct RecoveryReport: Sendable {
    /// The snapshot it began with; none: it replayed from the first event.
    package var snapshotLSN: LSN?
    package var replayedEvents = 0
    package var replayedBatches = 0
    package var lastLSN: LSN = .none
    /// When the ledger was last known to be alive: the last event or closing batch.
    package var lastAlive: Timestamp = .distantPast
    /// The last batch is a closing one: a clean stop, or an idle ledger.
    package var wasClosed = false
    /// A torn tail that was cut. Nothing in it was ever acknowledged.
    package var tornTail: StorageError?
    /// Newer snapshots that could not be used.
    package var rejectedSnapshots: [StorageError] = []
    /// What was left to be checked, when the start was told not to.
    package var unread: HistoryCheck?
    package var took = ReplayTimes()
    /// For the log: a damaged manifest copy, files that were tidied away.
    package var warnings: [String] = []
}

/// A ledger that has been opened: its state, and its journal, ready for the next batch.
package struct Recovered<State: JournaledState & ~Copyable>: ~Copyable {
    package var state: State
    package let journal: Journal
    package let report: RecoveryReport

    /// The state; an empty one stays. Swapped out, not consumed: where a copy of `journal` had been taken before, an
    /// optimised build in which this was inlined released the journal once too often (Swift 6.3).
    package mutating func takeState() -> State {
        var taken = State()
        swap(&taken, &state)
        return taken
    }
}

extension Recovered: Sendable where State: Sendable & ~Copyable {}

/// Opening a ledger: newest good snapshot, then the journal's tail; what is damaged is refused, what is torn is cut.
///
/// The steps, and why in this order:
///   1. lock, marker, manifest: is it ours, is it alone, can we read it
///   2. inspect: every listed segment is there, whole, in its place; what lies beside them is not needed (`Leftovers`)
///   3. replay: state from snapshot and tail, the chain checked throughout; the current segment is read past the page
///      cache
///   4. check, beside the replay: every sealed segment that it does not read, against its checksums (`HistoryCheck`)
///   5. tidy: remains of an interrupted step go. Nothing was changed before this.
///   6. settle the tail: zero the room behind it if anything is there, sync. Only now is what was read also what stays,
///      because a batch that was written but not synced before the crash is made durable before anybody sees it.
///   7. the manifest, with the new watermark
package enum Recovery {
    package struct Options: Sendable {
        /// Size of segments made from now on.
        package var segmentBytes: Int
        /// Memory for events unpacked for readers.
        package var cacheBytes: Int
        /// Whether damage in the history that a snapshot stands for stops the start. If not, looking for it is left to
        /// the caller: `RecoveryReport.unread`.
        package var checksHistory: Bool

        package init(
            segmentBytes: Int = JournalFormat.defaultSegmentBytes, cacheBytes: Int = 16 << 20,
            checksHistory: Bool = true
        ) {
            self.segmentBytes = segmentBytes
            self.cacheBytes = cacheBytes
            self.checksHistory = checksHistory
        }
    }

    package static func open<State: JournaledState & ~Copyable>(
        _ path: String, on disk: any Disk, as type: State.Type = State.self, options: Options = Options()
    ) throws(StorageError) -> Recovered<State> {
        try open(try LockedDirectory.open(path, on: disk), as: type, options: options)
    }

    /// The lock belongs to the returned journal afterwards.
    /// `loaded` sees the state before the journal is read: what a snapshot says, or nothing yet. (Again, where the
    /// journal shows that it takes another snapshot.)
    package static func open<State: JournaledState & ~Copyable>(
        _ lock: LockedDirectory, as type: State.Type = State.self, options: Options = Options(),
        loaded: (borrowing State) -> Void = { _ in }
    ) throws(StorageError) -> Recovered<State> {
        do throws(StorageError) {
            return try recover(lock, options, loaded)
        } catch {
            throw error.isReadOnly ? StorageError(.readOnlyDirectory, lock.directory.path, error.description) : error
        }
    }

    private static func recover<State: JournaledState & ~Copyable>(
        _ lock: LockedDirectory, _ options: Options, _ loaded: (borrowing State) -> Void
    ) throws(StorageError) -> Recovered<State> {
        let directory = lock.directory
        var report = RecoveryReport()
        var (manifest, warnings) = try Manifest.load(from: directory)
        report.warnings = warnings
        let audited = AuditRecord.load(from: directory)
        if let audited { manifest.snapshots.removeAll { !audited.trusts($0.lsn) } }
        let inspection = try JournalInspection(directory, manifest, pastCache: true)
        let leftovers = try Leftovers.find(inspection, segmentBytes: options.segmentBytes)
        report.warnings += leftovers.warnings

        // Beside the replay: these segments have nothing to do with it.
        var history: Ahead<Void, Void>?
        var replay = try Replay<State>.run(
            inspection, to: .end, everyLiveSegment: true,
            begun: { first, state in
                loaded(state)
                history = options.checksHistory ? HistoryCheck(directory, segments: 1..<first).beside() : nil
            })
        report.snapshotLSN = replay.snapshot?.head.lastLSN
        report.rejectedSnapshots = replay.rejectedSnapshots
        report.replayedEvents = replay.events
        report.replayedBatches = replay.batches
        report.lastLSN = replay.head.lastLSN
        report.lastAlive = replay.head.time
        report.wasClosed = replay.isClosed
        report.took = replay.took

        if let history {
            let waiting = Lap.now
            try history.finish()
            report.took.history = Lap.now - waiting
        } else {
            report.unread = HistoryCheck(directory, segments: 1..<replay.firstSegment)
        }

        report.warnings += KeyStore.warnings(directory, replay.state)

        try leftovers.tidy(directory)
        if try !directory.disk.exists(directory.snapshots) {
            try directory.disk.makeDurableDirectory(directory.snapshots)
            report.warnings.append("\(directory.snapshots) was missing: made again, without snapshots")
        }
        let tail = replay.tail!
        let current = inspection.segments[inspection.currentIndex]
        let file = try directory.disk.open(directory.segment(current.record.number), .readWrite)
        try settle(file, tail, capacity: current.header!.capacity)
        if let why = tail.objection {
            report.tornTail = StorageError(.damagedBatch, file.path, at: tail.offset, "torn tail, cut: \(why)")
        } else if let remains = tail.remains {
            report.warnings.append(
                "\(file.path): what lay behind byte \(tail.offset) was not empty (from byte \(remains)): cut. A batch that was "
                    + "never finished leaves this, and one whose beginning the disk has lost")
        }

        let catalog = SegmentCatalog(
            try contents(inspection, replay, currentFile: file, leftovers, &report.warnings))
        let writer = JournalWriter(
            directory: directory, catalog: catalog, file: file, segment: current.record.number,
            capacity: current.header!.capacity, offset: tail.offset, head: replay.head, isClosed: replay.isClosed)
        var upkeep = Journal.Upkeep(
            manifest: manifest, spares: leftovers.spares, nextSpare: (leftovers.spares.max() ?? 0) + 1)
        upkeep.manifest = catalog.contents.withLock { $0.manifest(after: manifest) }
        do throws(StorageError) {
            try upkeep.manifest.save(to: directory)
            if let audited, audited.distrustsLater { try removeLater(audited, directory, &report.warnings) }
        } catch  where error.isOutOfSpace {
            // The one that is there led here and leads here again: a full disk must not keep out who only reads.
            report.warnings.append("the manifest was not renewed, the disk is full: \(error)")
        }
        let journal = Journal(
            lock: lock, catalog: catalog, writer: writer, segmentBytes: options.segmentBytes,
            cacheBytes: options.cacheBytes, upkeep: upkeep)
        return Recovered(state: replay.takeState(), journal: journal, report: report)
    }

    /// Ends what an audit began that found a difference: nothing was begun with that it distrusts, and nothing will be.
    private static func removeLater(
        _ audited: AuditRecord, _ directory: DataDirectory, _ warnings: inout [String]
    ) throws(StorageError) {
        for lsn in try directory.presentSnapshots() where !audited.trusts(lsn) {
            try directory.disk.removeIfPresent(directory.snapshot(lsn))
            warnings.append(
                "\(directory.snapshot(lsn)) was not what the journal leads to, or not proven since: removed")
        }
        try directory.disk.syncDirectory(directory.snapshots)
        var record = audited
        record.distrustsLater = false
        try record.save(to: directory)
    }

    /// Makes the tail final: zeroes where the next batch may go, and a sync that covers everything before it.
    private static func settle(_ file: any DiskFile, _ tail: RawEnding, capacity: Int) throws(StorageError) {
        let count = min(JournalFormat.maximumBatch, capacity - tail.offset)
        if count > 0, !tail.isBlank {
            let room = try file.readBytes(at: tail.offset, count: count, pastCache: true)
            let isClean = room?.withUnsafeBytes { $0.isZero } ?? false
            if !isClean { try file.zeroFill(from: tail.offset, count: count) }
        }
        try file.sync()
    }

    private static func contents<State: JournaledState & ~Copyable>(
        _ inspection: JournalInspection, _ replay: borrowing Replay<State>, currentFile: any DiskFile,
        _ leftovers: Leftovers, _ warnings: inout [String]
    ) throws(StorageError) -> SegmentCatalog.Contents {
        let directory = inspection.directory
        var contents = SegmentCatalog.Contents(head: replay.head)
        contents.used = replay.tail!.offset
        contents.retained = leftovers.retained
        for (index, segment) in inspection.segments.enumerated() {
            var entry = SegmentCatalog.Segment(record: segment.record)
            if !segment.isSealed {
                entry.file =
                    index == inspection.currentIndex
                    ? currentFile : try directory.disk.open(directory.segment(segment.record.number), .readWrite)
                entry.batches = replay.places[segment.record.number] ?? []
                if index < inspection.currentIndex {
                    let next = inspection.segments[index + 1].start!
                    entry.record.end(
                        at: next, usedBytes: replay.usedBytes[segment.record.number] ?? JournalFormat.block)
                }
            }
            contents.segments.append(entry)
        }
        contents.snapshots = try snapshots(inspection, replay, &warnings)
        return contents
    }

    /// The listed snapshots without those that turned out bad or missing, and with the one used if it was not listed
    /// yet.
    private static func snapshots<State: JournaledState & ~Copyable>(
        _ inspection: JournalInspection, _ replay: borrowing Replay<State>, _ warnings: inout [String]
    ) throws(StorageError) -> [Manifest.Snapshot] {
        let directory = inspection.directory
        var snapshots = inspection.manifest.snapshots
        for rejected in replay.rejectedSnapshots {
            snapshots.removeAll { directory.snapshot($0.lsn) == rejected.path }
            // Out of the way, yet not destroyed: somebody may want to know what happened to it.
            if rejected.reason == .damagedSnapshot {
                try directory.disk.rename(rejected.path, to: rejected.path + ".damaged")
            }
        }
        if let used = replay.snapshot?.record, !snapshots.contains(where: { $0.lsn == used.lsn }) {
            warnings.append("\(directory.snapshot(used.lsn)) was complete but not listed yet")
            snapshots.append(used)
            snapshots.sort { $0.lsn < $1.lsn }
        }
        return snapshots
    }
}
