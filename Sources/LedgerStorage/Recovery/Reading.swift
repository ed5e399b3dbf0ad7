package import LedgerCore
internal import Synchronization

extension Recovery {
    /// Opens a ledger to be looked at: its state after everything that was recorded by a moment (nil: all there is),
    /// and its journal for readers, who see that far and no further. It is never written to: no tail is cut, nothing is
    /// tidied, no manifest is renewed.
    ///
    /// Throws `.noSuchEvent` where the journal does not come to the moment's event, or had none by its time. Cost: the
    /// newest snapshot that is not behind the moment, and the events from there.
    package static func read<State: JournaledState & ~Copyable>(
        _ lock: LockedDirectory, through moment: Moment?, as type: State.Type = State.self,
        options: Options = Options()
    ) throws(StorageError) -> Recovered<State> {
        let directory = lock.directory
        let manifest = try Manifest.load(from: directory).manifest
        let inspection = try JournalInspection(directory, manifest, pastCache: false)
        var replay = try Replay<State>.run(inspection, to: target(moment), everyLiveSegment: true)
        let (last, time) = (replay.state.lastLSN, replay.state.lastTime)
        guard !last.isNone else {
            throw StorageError(.noSuchEvent, directory.journal, "nothing was recorded by then")
        }
        if case .event(let lsn) = moment, last != lsn {
            throw StorageError(.noSuchEvent, directory.journal, "the last is \(last.value)")
        }
        // Within a batch, perhaps: nobody goes on from here.
        let head = JournalHead(
            nextLSN: last.next, nextSequence: replay.head.nextSequence, chain: replay.head.chain, time: time)
        let catalog = SegmentCatalog(try contents(inspection, replay, head))
        let current = inspection.segments[inspection.currentIndex]
        let writer = JournalWriter(
            directory: directory, catalog: catalog, file: try directory.disk.open(inspection.currentPath, .read),
            segment: current.record.number, capacity: current.record.fileBytes, offset: current.record.fileBytes,
            head: head, isClosed: true)
        let journal = Journal(
            lock: lock, catalog: catalog, writer: writer, segmentBytes: options.segmentBytes,
            cacheBytes: options.cacheBytes, upkeep: Journal.Upkeep(manifest: manifest, spares: [], nextSpare: 1))
        var report = RecoveryReport()
        report.snapshotLSN = replay.snapshot?.head.lastLSN
        report.rejectedSnapshots = replay.rejectedSnapshots
        (report.replayedEvents, report.replayedBatches) = (replay.events, replay.batches)
        (report.lastLSN, report.lastAlive, report.took) = (last, max(time, replay.head.time), replay.took)
        return Recovered(state: replay.takeState(), journal: journal, report: report)
    }

    private static func target<State: JournaledState & ~Copyable>(_ moment: Moment?) -> Replay<State>.Target {
        switch moment {
        case .event(let lsn): .lsn(lsn)
        case .time(let time): .time(time)
        case nil: .end
        }
    }

    private static func contents<State: JournaledState & ~Copyable>(
        _ inspection: JournalInspection, _ replay: borrowing Replay<State>, _ head: JournalHead
    ) throws(StorageError) -> SegmentCatalog.Contents {
        var contents = SegmentCatalog.Contents(head: head)
        for segment in inspection.segments {
            var entry = SegmentCatalog.Segment(record: segment.record)
            if !segment.isSealed {
                let number = segment.record.number
                entry.file = try inspection.directory.disk.open(inspection.directory.segment(number), .read)
                entry.batches = replay.places[number] ?? []
            }
            contents.segments.append(entry)
        }
        contents.used = contents.segments[contents.currentIndex].record.fileBytes
        contents.snapshots = inspection.manifest.snapshots.filter { $0.lsn <= head.lastLSN }
        return contents
    }
}

extension JournalInspection {
    fileprivate var currentPath: String { path(currentIndex) }
}
