package import LedgerCore

/// An open journal: its writer, its readers, and the work in the background that keeps room in front of the writer and
/// compressed history behind it. `Recovery.open` makes one.
///
/// The life of a file
/// ------------------
///
///      zero-fill, sync ──► spare ──rename──► prepared ──first batch──► live ──full──► being sealed ──┐
///                            ▲               (listed)   (writer)                                      │
///                            └────────────── rename, once no reader and no fold needs it ◄───────────┘
///
/// The order of the steps is what makes each of them safe to lose power in:
///
///   prepare  zero-filled and synced → named → directory synced → in both manifests → the writer may use it
///   begin    header written and synced → first batch. No manifest: it lists the segment already.
///   seal     compressed, synced, read back past the cache and compared with the chain → named → directory synced →
///            in both manifests → the live file may be reused
///   reuse    renamed to a spare. Its old bytes stay; batches name their segment, so nobody takes them for new ones.
///
/// A crash between two steps leaves files that nobody lists: opening removes them or takes them as spares.
package final class Journal: Sendable {
    package let directory: DataDirectory
    package let writer: JournalWriter
    package let reader: JournalReader
    let catalog: SegmentCatalog
    private let lock: LockedDirectory
    private let segmentBytes: Int
    /// Held to write the manifest. Never taken by the writer's thread but to close.
    private let upkeep: Lock<Upkeep>
    /// Held to seal.
    private let sealing = Lock<Void>(())

    struct Upkeep {
        var manifest: Manifest
        /// Numbers of spare files of the right size.
        var spares: [UInt64]
        var nextSpare: UInt64
    }

    init(
        lock: LockedDirectory, catalog: SegmentCatalog, writer: JournalWriter, segmentBytes: Int, cacheBytes: Int,
        upkeep: consuming sending Upkeep
    ) {
        directory = lock.directory
        self.lock = lock
        self.catalog = catalog
        self.writer = writer
        self.segmentBytes = segmentBytes
        self.upkeep = Lock(upkeep)
        reader = JournalReader(directory: lock.directory, catalog: catalog, cacheBytes: cacheBytes)
    }

    package var durableLSN: LSN { reader.durableLSN }

    /// Behind the last durable batch.
    package var head: JournalHead { catalog.contents.withLock { $0.head } }

    // MARK: Room

    /// How many batches of the largest size are certain to find zero-filled, synced room. Ask before deciding anything,
    /// counting the batches that are still on their way to the disk; when it is too little, `roomFault` says whether
    /// there is a reason (read-only) or only not yet (wait for `maintain`).
    package var batchesOfRoom: Int { catalog.contents.withLock { $0.batchesOfRoom } }

    /// Why the next segment could not be prepared, while that is so.
    package var roomFault: StorageError? { catalog.contents.withLock { $0.roomFault } }

    /// Whether `maintain` would find anything to do.
    package var needsMaintenance: Bool {
        catalog.contents.withLock { contents in
            contents.segments.last?.record.state != .prepared || !contents.retained.isEmpty
                || contents.segments.contains { $0.record.state == .raw && $0.record.isEndKnown }
        }
    }

    // MARK: Background work. Any thread but the writer's.

    /// Everything that is due: room first, then sealing, then reuse. Cheap when nothing is. Does as much as it can and
    /// throws the first error; calling it again later is safe, and is how a full disk that has space again is noticed.
    /// `onRoom` is called whenever there is more room for batches, before what else is due.
    package func maintain(onRoom: () -> Void = {}) throws(StorageError) {
        var failure: StorageError?
        do throws(StorageError) { if try prepareSpare() { onRoom() } } catch { failure = error }
        do throws(StorageError) {
            while try sealNext() { if let isNew = try? prepareSpare(), isNew { onRoom() } }
        } catch {
            failure = failure ?? error
        }
        do throws(StorageError) { try recycle() } catch { failure = failure ?? error }
        if let failure { throw failure }
    }

    /// Makes sure that a prepared segment stands behind the current one. Whether none did.
    @discardableResult
    package func prepareSpare() throws(StorageError) -> Bool {
        try upkeep.withLock { (upkeep: inout Upkeep) throws(StorageError) in
            let next = catalog.contents.withLock { contents -> UInt64? in
                let last = contents.segments.last!.record
                return last.state == .prepared ? nil : last.number + 1
            }
            guard let next else { return false }
            do throws(StorageError) {
                let file = try prepareFile(next, &upkeep)
                let record = Manifest.Segment(number: next, state: .prepared, fileBytes: try file.size())
                upkeep.manifest = catalog.contents.withLock { $0.manifest(after: upkeep.manifest) }
                upkeep.manifest.segments.append(record)
                try upkeep.manifest.save(to: directory)
                catalog.contents.withLock { contents in
                    contents.segments.append(SegmentCatalog.Segment(record: record, file: file))
                    contents.roomFault = nil
                }
                return true
            } catch {
                catalog.contents.withLock { $0.roomFault = error }
                throw error
            }
        }
    }

    /// A file under the segment's name, allocated and durable, from a spare or from zeroes.
    private func prepareFile(_ number: UInt64, _ upkeep: inout Upkeep) throws(StorageError) -> any DiskFile {
        let disk = directory.disk
        let path = directory.segment(number)
        // An earlier attempt may have come this far.
        if try !disk.exists(path) {
            if let spare = upkeep.spares.last {
                try disk.rename(directory.spare(spare), to: path)
                upkeep.spares.removeLast()
            } else {
                let temporary = path + ".tmp"
                try disk.removeIfPresent(temporary)
                do throws(StorageError) {
                    var file = NewFile(try disk.open(temporary, .create))
                    try file.zeroFill(segmentBytes)
                } catch {
                    try? disk.remove(temporary)  // give a full disk its space back
                    throw error
                }
                try disk.rename(temporary, to: path)
            }
        }
        try disk.syncDirectory(directory.journal)
        return try disk.open(path, .readWrite)
    }

    /// Compresses the oldest full live segment. False when there is none.
    package func sealNext() throws(StorageError) -> Bool {
        try sealing.withLock { _ throws(StorageError) in
            let candidate = catalog.contents.withLock { contents in
                contents.segments.first { $0.record.state == .raw && $0.record.isEndKnown }?.record
            }
            guard let record = candidate else { return false }
            let fileBytes = try Sealing(directory: directory, record: record).run()
            try upkeep.withLock { (upkeep: inout Upkeep) throws(StorageError) in
                let index = Int(record.number) - 1
                var sealed = record
                sealed.state = .sealed
                sealed.fileBytes = fileBytes
                // The manifest first: if it cannot be saved, the segment stays live, and is sealed again later.
                upkeep.manifest = catalog.contents.withLock { $0.manifest(after: upkeep.manifest) }
                upkeep.manifest.segments[index] = sealed
                try upkeep.manifest.save(to: directory)
                catalog.contents.withLock { contents in
                    contents.segments[index].record = sealed
                    contents.segments[index].file = nil
                    contents.segments[index].batches = []
                    contents.retained.append((record.number, record.fileBytes))
                }
            }
            try recycle()
            return true
        }
    }

    /// Turns live files that nobody needs any more into spares, or removes them where there are enough.
    private func recycle() throws(StorageError) {
        try upkeep.withLock { (upkeep: inout Upkeep) throws(StorageError) in
            // A sealed segment is pinned by nobody anew, and a fold that starts now finds it sealed.
            let free = catalog.contents.withLock { contents -> [(number: UInt64, bytes: Int)] in
                let held = contents.holds.max() ?? 0
                return contents.retained.filter {
                    $0.number > held && contents.segments[Int($0.number) - 1].pins == 0
                }
            }
            guard !free.isEmpty else { return }
            for (number, bytes) in free {
                let path = directory.segment(number)
                if bytes == segmentBytes, upkeep.spares.isEmpty {
                    try directory.disk.rename(path, to: directory.spare(upkeep.nextSpare))
                    upkeep.spares.append(upkeep.nextSpare)
                    upkeep.nextSpare += 1
                } else {
                    try directory.disk.remove(path)
                }
                // Only now is it off the list: what failed is tried again.
                catalog.contents.withLock { $0.retained.removeAll { $0.number == number } }
            }
            try directory.disk.syncDirectory(directory.journal)
        }
    }

    /// While the returned hold lives, no live file is reused or removed.
    package func holdFiles() -> FileHold { FileHold(catalog, through: .max) }

    /// The same for the files that there are now, and not for those of segments to come: what a fold of what is durable
    /// now, in another process, may read, however long it takes. Take it before that process starts.
    package func holdPresentFiles() -> FileHold {
        FileHold(catalog, through: catalog.contents.withLock { $0.segments.last?.record.number ?? 0 })
    }

    package final class FileHold: Sendable {
        private let catalog: SegmentCatalog
        private let number: UInt64

        init(_ catalog: SegmentCatalog, through number: UInt64) {
            (self.catalog, self.number) = (catalog, number)
            catalog.contents.withLock { $0.holds.append(number) }
        }

        deinit {
            catalog.contents.withLock { contents in
                if let place = contents.holds.firstIndex(of: number) { contents.holds.remove(at: place) }
            }
        }
    }

    // MARK: Snapshots

    /// Newest last.
    package var snapshots: [Manifest.Snapshot] { catalog.contents.withLock { $0.snapshots } }

    /// Bytes of the sealed segments that the newest snapshot stands for.
    package var historyBytes: Int {
        catalog.contents.withLock { contents in
            guard let snapshot = contents.snapshots.last else { return 0 }
            return contents.segments.reduce(0) { sum, segment in
                let isHistory = segment.record.state == .sealed && segment.record.nextLSN <= snapshot.lsn.next
                return sum + (isHistory ? segment.record.fileBytes : 0)
            }
        }
    }

    /// Lists a snapshot file that a fold has written, verified and synced. Reads its header and footer.
    @discardableResult
    package func adoptSnapshot(at lsn: LSN) throws(StorageError) -> Manifest.Snapshot {
        let description = try SnapshotReader.describe(directory.snapshot(lsn), directory)
        guard description.head.lastLSN == lsn, lsn <= durableLSN else {
            throw StorageError(
                .damagedSnapshot, directory.snapshot(lsn), "it is of LSN \(description.head.lastLSN.value)")
        }
        try update { contents in
            contents.snapshots.removeAll { $0.lsn == lsn }
            contents.snapshots.append(description.record)
            contents.snapshots.sort { $0.lsn < $1.lsn }
        }
        return description.record
    }

    /// Whether a snapshot was folded from the journal; false where it cannot be read.
    package func isFolded(_ lsn: LSN) -> Bool {
        (try? SnapshotReader.describe(directory.snapshot(lsn), directory).isFolded) ?? false
    }

    /// Thins the snapshots to the ladder of `SnapshotLadder`, but for those at `kept`.
    @discardableResult
    package func thinSnapshots(now: Timestamp, keeping kept: Set<LSN> = []) throws(StorageError) -> [LSN] {
        let dropped = SnapshotLadder.dropped(from: snapshots.map { ($0.lsn, $0.time) }, now: now)
        return try dropSnapshots { dropped.contains($0) && !kept.contains($0) }
    }

    /// Gives snapshots up, and returns which, the newest first. A file goes only after both manifests have forgotten
    /// it.
    @discardableResult
    package func dropSnapshots(where isUnwanted: (LSN) -> Bool) throws(StorageError) -> [LSN] {
        let dropped = snapshots.map(\.lsn).reversed().filter(isUnwanted)
        guard !dropped.isEmpty else { return [] }
        try update { contents in contents.snapshots.removeAll { dropped.contains($0.lsn) } }
        for lsn in dropped { try directory.disk.removeIfPresent(directory.snapshot(lsn)) }
        try directory.disk.syncDirectory(directory.snapshots)
        return dropped
    }

    private func update(_ change: (inout SegmentCatalog.Contents) -> Void) throws(StorageError) {
        try upkeep.withLock { (upkeep: inout Upkeep) throws(StorageError) in
            upkeep.manifest = catalog.contents.withLock { contents in
                change(&contents)
                return contents.manifest(after: upkeep.manifest)
            }
            try upkeep.manifest.save(to: directory)
        }
    }

    // MARK: The end

    /// A clean stop: a closing batch with the time, then the manifest's watermark, so that from now on even the loss of
    /// the last batch would be noticed. The writer must be idle. An error after the closing batch (a full disk) costs
    /// only that watermark.
    package func close(time: Timestamp) throws(StorageError) {
        try writer.writeClosing(time: time)
        try update { _ in }
    }

    /// Gives up the directory's lock; nothing may be written afterwards. (Dropping the last reference does the same.)
    package func release() { lock.release() }
}
