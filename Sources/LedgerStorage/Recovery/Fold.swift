package import LedgerCore

/// The fold: what the journal leads to, from a snapshot that is proven. It audits what live rows were written down as,
/// and makes the snapshot of a stopped ledger.
package enum Fold {
    /// What a fold began with and what that took.
    package struct Measured: Sendable {
        package var events: Int
        package var snapshotBytes: Int
        package var took: ReplayTimes
    }

    /// Whether the snapshot at `lsn` is, byte for byte, the state to which the journal leads from the snapshot `base`
    /// (none: from the first event). Returns the sections that differ.
    ///
    /// Runs beside a server, in a process of its own: it reads only what cannot change (sealed segments, held live
    /// files up to that LSN, snapshots) and writes nothing. The server takes `Journal.holdPresentFiles` meanwhile.
    /// `pace` is called behind each batch, and may sleep. Cost: the state's memory once more, and the events since
    /// `base` again.
    package static func audit<State: JournaledState & ~Copyable>(
        _ lsn: LSN, from base: LSN, of path: String, on disk: any Disk, as type: State.Type = State.self,
        pace: () -> Void = {}, measured: (Measured) -> Void = { _ in }
    ) throws(StorageError) -> [UInt16] {
        let directory = try DataDirectory.inspect(path, on: disk)
        var manifest = try Manifest.load(from: directory).manifest
        // What was begun behind it may go while it is looked at.
        if let later = manifest.segments.firstIndex(where: { $0.state != .prepared && $0.firstLSN > lsn }) {
            manifest.segments.removeSubrange(later...)
        }
        let replay = try Replay<State>.run(
            try JournalInspection(directory, manifest, pastCache: false), to: .batch(lsn), everyLiveSegment: false,
            from: { $0 <= base && $0 < lsn }, pace: pace)
        guard replay.head.lastLSN == lsn else {
            throw StorageError(.noSuchEvent, directory.journal, "no batch ends with LSN \(lsn.value)")
        }
        measured(
            Measured(
                events: replay.events, snapshotBytes: replay.snapshot?.record.fileBytes ?? 0, took: replay.took))
        var folded = FrameDigests()
        replay.state.writeSnapshot(to: &folded)
        var written = try SnapshotReader.frameDigests(directory.snapshot(lsn), directory)
        if written.hasOtherVersions(than: folded) {
            // Rows of an earlier program: what they say is written down anew.
            var state = State()
            _ = try SnapshotReader.load(directory.snapshot(lsn), directory, of: lsn, into: &state)
            written = FrameDigests()
            state.writeSnapshot(to: &written)
        }
        return written.differing(from: folded)
    }

    /// Opens a stopped ledger, writes a snapshot of its end and lists it. Nil when there is nothing to snapshot.
    package static func toEnd<State: JournaledState & ~Copyable>(
        of path: String, on disk: any Disk, as type: State.Type = State.self,
        options: Recovery.Options = Recovery.Options()
    ) throws(StorageError) -> Manifest.Snapshot? {
        let recovered: Recovered<State> = try Recovery.open(path, on: disk, options: options)
        let head = recovered.journal.head
        guard !head.lastLSN.isNone else { return nil }
        _ = try SnapshotWriter.write(
            recovered.state, at: head, to: recovered.journal.directory, reusing: recovered.journal.snapshots.last?.lsn)
        let snapshot = try recovered.journal.adoptSnapshot(at: head.lastLSN)
        let audited = AuditRecord.load(from: recovered.journal.directory)
        try recovered.journal.thinSnapshots(now: head.time, keeping: audited.map { [$0.lsn] } ?? [])
        return snapshot
    }
}
