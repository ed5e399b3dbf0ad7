package import LedgerCore

/// The fold: makes the next snapshot out of the last one and the journal from there. No live state is touched, no
/// process is forked, and every snapshot proves that recovery works.
///
/// Two ways of use:
///
/// - Beside a running server, in a process of its own. The server takes `Journal.holdFiles`, starts the child with
///   its durable LSN, and the child calls `Fold.through`. The child reads only what cannot change: sealed segments,
///   held live files up to that LSN. It writes one file, the snapshot, complete and durable under its name; it takes
///   no lock and never writes the manifest, which has one writer, the server. When the child has ended well, the server
///   calls
///   `Journal.adoptSnapshot`. A child that dies leaves a `.tmp`; one that finishes unnoticed leaves a good snapshot
///   that the next start finds and lists.
/// - On a stopped ledger: `Fold.toEnd`.
package enum Fold {
    /// What a fold began with and what that took, the writing of the new snapshot aside.
    package struct Measured: Sendable {
        package var events: Int
        package var snapshotBytes: Int
        package var took: ReplayTimes
    }

    /// Writes the snapshot at `lsn`, the end of a batch that is durable.
    package static func through<State: JournaledState & ~Copyable>(
        _ lsn: LSN, of path: String, on disk: any Disk, as type: State.Type = State.self,
        measured: (Measured) -> Void = { _ in }
    ) throws(StorageError) -> SnapshotDescription {
        let directory = try DataDirectory.inspect(path, on: disk)
        let replay = try Replay<State>.run(directory, to: .batch(lsn))
        guard replay.head.lastLSN == lsn else {
            throw StorageError(.noSuchEvent, directory.journal, "no batch ends with LSN \(lsn.value)")
        }
        measured(
            Measured(
                events: replay.events, snapshotBytes: replay.snapshot?.record.fileBytes ?? 0, took: replay.took))
        return try SnapshotWriter.write(replay.state, at: replay.head, to: directory)
    }

    /// Opens a stopped ledger, writes a snapshot of its end and lists it. Nil when there is nothing to snapshot.
    package static func toEnd<State: JournaledState & ~Copyable>(
        of path: String, on disk: any Disk, as type: State.Type = State.self,
        options: Recovery.Options = Recovery.Options()
    ) throws(StorageError) -> Manifest.Snapshot? {
        let recovered: Recovered<State> = try Recovery.open(path, on: disk, options: options)
        let head = recovered.journal.head
        guard !head.lastLSN.isNone else { return nil }
        _ = try SnapshotWriter.write(recovered.state, at: head, to: recovered.journal.directory)
        let snapshot = try recovered.journal.adoptSnapshot(at: head.lastLSN)
        try recovered.journal.thinSnapshots(now: head.time)
        return snapshot
    }
}
