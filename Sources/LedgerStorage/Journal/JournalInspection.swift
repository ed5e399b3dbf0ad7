internal import LedgerCore

/// What the journal's files say, held against what the manifest says: the first look at every start, by `verify`, and
/// by a fold beside a running server. Reads headers, footers and sizes only; changes nothing, and keeps no file
/// open, for a history may have more of them than a process may.
///
/// Each way in which a segment can be wrong is an error of its own, naming the file: missing, truncated, another
/// segment's, another ledger's, headless.
struct JournalInspection: Sendable {
    struct Segment: Sendable {
        /// As the manifest lists it, completed by what the file itself says.
        var record: Manifest.Segment
        /// Of a live segment that was begun.
        var header: SegmentHeader?

        var isSealed: Bool { record.state == .sealed }

        /// Where it begins; nil for one that was prepared and never begun.
        var start: JournalHead? {
            guard isSealed || header != nil else { return nil }
            return JournalHead(
                nextLSN: record.firstLSN, nextSequence: record.firstSequence, chain: record.previousChain,
                time: .distantPast)
        }
    }

    let directory: DataDirectory
    let manifest: Manifest
    /// Every begun segment in order, then at most one that was prepared.
    private(set) var segments: [Segment] = []

    init(_ directory: DataDirectory, _ manifest: Manifest, pastCache: Bool) throws(StorageError) {
        self.directory = directory
        self.manifest = manifest
        guard !manifest.segments.isEmpty else {
            throw StorageError(.damagedManifest, directory.manifests[0], "it lists no segment")
        }
        for (index, record) in manifest.segments.enumerated() {
            guard record.number == UInt64(index) + 1 else {
                throw StorageError(.damagedManifest, directory.manifests[0], "segment \(index + 1) is not listed")
            }
            let segment: Segment
            switch record.state {
            case .sealed: segment = try Self.inspectSealed(record, directory)
            case .raw, .prepared: segment = try Self.inspectLive(record, directory, pastCache)
            }
            if let previous = segments.last {
                try Self.check(segment, follows: previous, directory)
            } else if segment.start == nil {
                throw StorageError(.damagedSegmentHeader, directory.segment(1), at: 0)
            }
            segments.append(segment)
        }
    }

    /// The last segment that was begun: the only one that may have a torn tail.
    var currentIndex: Int { segments.lastIndex(where: { $0.start != nil })! }

    /// The begun segment in which the batch after `head` lies, or will lie.
    func index(holding head: JournalHead) -> Int {
        segments[...currentIndex].lastIndex(where: { $0.record.firstSequence <= head.nextSequence }) ?? 0
    }

    func path(_ index: Int) -> String {
        Self.path(segments[index].record, directory)
    }

    private static func path(_ record: Manifest.Segment, _ directory: DataDirectory) -> String {
        record.state == .sealed ? directory.sealed(record.number) : directory.segment(record.number)
    }

    /// Opens a sealed segment to read in it.
    func openSealed(_ index: Int) throws(StorageError) -> SealedSegment {
        try Self.openSealed(segments[index].record, directory)
    }

    private static func openSealed(
        _ record: Manifest.Segment, _ directory: DataDirectory
    ) throws(StorageError) -> SealedSegment {
        // Synced and read back from the disk before it was listed: the page cache may be believed.
        try SealedSegment.open(
            directory.sealed(record.number), expecting: record.number, of: directory.identity, on: directory.disk)
    }

    // MARK: One segment

    private static func inspectSealed(
        _ record: Manifest.Segment, _ directory: DataDirectory
    ) throws(StorageError) -> Segment {
        let path = directory.sealed(record.number)
        guard try directory.disk.exists(path) else { throw try missing(path, record.number, directory) }
        let sealed = try openSealed(record, directory)
        guard
            sealed.fileBytes == record.fileBytes, sealed.start.nextLSN == record.firstLSN,
            sealed.start.nextSequence == record.firstSequence, sealed.start.chain == record.previousChain,
            sealed.end.nextLSN == record.nextLSN, sealed.end.nextSequence == record.nextSequence,
            sealed.end.chain == record.endChain
        else { throw StorageError(.misplacedSegment, path, "its header or footer is not what the manifest lists") }
        return Segment(record: record)
    }

    /// A missing segment, with the name under which it lies there all the same, if it does.
    private static func missing(
        _ path: String, _ number: UInt64, _ directory: DataDirectory
    ) throws(StorageError) -> StorageError {
        for name in try directory.disk.names(in: directory.journal) ?? [] {
            let other = directory.journal + "/" + name
            guard path.hasSuffix(".sealed") == name.hasSuffix(".sealed"), try directory.disk.isRegularFile(other)
            else { continue }
            let holding =
                try name.hasSuffix(".sealed")
                ? Holding.ofSealed(other, directory) : Holding.ofLive(other, directory)
            if holding == .segment(number, directory.identity) {
                return StorageError(
                    .missingSegment, path,
                    "\(other) holds segment \(number) of this ledger; give it its name back. Nothing was changed")
            }
        }
        return StorageError(
            .missingSegment, path, "put it back, or restore the whole directory from a backup. Nothing was changed")
    }

    private static func inspectLive(
        _ record: Manifest.Segment, _ directory: DataDirectory, _ pastCache: Bool
    ) throws(StorageError) -> Segment {
        let path = directory.segment(record.number)
        guard try directory.disk.exists(path) else { throw try missing(path, record.number, directory) }
        let file = try directory.disk.open(path, .read)
        let size = try file.size()
        guard size >= record.fileBytes, let block = try file.readBytes(count: JournalFormat.block, pastCache: pastCache)
        else {
            throw StorageError(.truncatedSegment, path, at: size, "it should have \(record.fileBytes) bytes")
        }
        var segment = Segment(record: record)
        switch block.withUnsafeBytes({ SegmentHeader.decode($0) }) {
        case .unreadable(let fault): throw fault.error(path, at: 0)
        case .none:
            guard record.state == .prepared else { throw StorageError(.damagedSegmentHeader, path, at: 0) }
        case .header(let header):
            guard header.identity == directory.identity else {
                throw StorageError(.foreignLedger, path, at: 0, "it belongs to ledger \(header.identity.uuid)")
            }
            // A recycled file still wears the header of its older life until it is begun.
            let isOlder = header.number < record.number
            guard header.number == record.number || (isOlder && record.state == .prepared) else {
                throw StorageError(.misplacedSegment, path, at: 0, "it holds segment \(header.number)")
            }
            guard !isOlder else { break }
            guard header.capacity <= size else {
                throw StorageError(.truncatedSegment, path, at: size, "it should have \(header.capacity) bytes")
            }
            if record.state == .raw,
                header.firstLSN != record.firstLSN || header.firstSequence != record.firstSequence
                    || header.previousChain != record.previousChain
            {
                throw StorageError(.misplacedSegment, path, at: 0, "its header is not what the manifest lists")
            }
            segment.header = header
            segment.record.firstLSN = header.firstLSN
            segment.record.firstSequence = header.firstSequence
            segment.record.previousChain = header.previousChain
            segment.record.state = .raw
        }
        if segment.header == nil { try refuseHeadless(segment.record, file, directory, pastCache) }
        return segment
    }

    /// A prepared segment without a believable header was never begun, unless batches of its own say otherwise.
    private static func refuseHeadless(
        _ record: Manifest.Segment, _ file: any DiskFile, _ directory: DataDirectory, _ pastCache: Bool
    ) throws(StorageError) {
        guard let block = try file.readBytes(at: JournalFormat.block, count: JournalFormat.block, pastCache: pastCache)
        else {
            return
        }
        if case .header(let batch) = block.withUnsafeBytes({ BatchHeader.decode($0) }),
            batch.identity == directory.identity,
            batch.segment == record.number
        {
            throw StorageError(.damagedSegmentHeader, file.path, at: 0, "batches of this segment follow it")
        }
    }

    private static func check(
        _ segment: Segment, follows previous: Segment, _ directory: DataDirectory
    ) throws(StorageError) {
        guard let start = segment.start else { return }
        let path = path(segment.record, directory)
        guard previous.start != nil else {
            throw StorageError(.damagedSegmentHeader, directory.segment(previous.record.number), at: 0)
        }
        guard previous.record.isEndKnown else { return }  // the scan will tell
        guard
            start.nextLSN == previous.record.nextLSN, start.nextSequence == previous.record.nextSequence,
            start.chain == previous.record.endChain
        else {
            throw StorageError(
                .brokenChain, path, at: 0,
                "it begins at LSN \(start.nextLSN.value), the one before it ends at \(previous.record.nextLSN.value - 1)"
            )
        }
    }
}

// MARK: - Reading through

extension JournalInspection {
    /// Where a read of the journal ended.
    struct End {
        var head: JournalHead
        /// Of the current segment; nil when the visitor stopped before it was reached.
        var tail: RawEnding?
    }

    /// Visits every batch from the beginning of segment `first`, in order, each checked against the chain. Damage
    /// anywhere but in a torn tail is thrown. With a `limit`, nothing behind the batch that ends with it is looked at.
    func scan(
        from first: Int, limit: LSN? = nil, _ visit: (ScannedBatch) throws(StorageError) -> ScanStep
    ) throws(StorageError) -> End {
        var head = segments[first].start!
        for index in first...currentIndex {
            if let limit, head.lastLSN >= limit { return End(head: head) }
            let ending = try scanSegment(index, head: &head, limit: limit, visit)
            if let ending, ending.stopped { return End(head: head) }
            if index == currentIndex { return End(head: head, tail: ending) }
        }
        return End(head: head)
    }

    /// Visits the batches of one segment, which begins at `head`, and checks that they lead to the next one; in the
    /// current segment, that what ends them is no damage. Of a sealed segment that was read to its end, returns nil.
    func scanSegment(
        _ index: Int, head: inout JournalHead, limit: LSN? = nil,
        _ visit: (ScannedBatch) throws(StorageError) -> ScanStep
    ) throws(StorageError) -> RawEnding? {
        let segment = segments[index]
        if segment.isSealed {
            let isWhole = try SealedSegmentScan(segment: openSealed(index), pastCache: false)
                .run(head: &head, limit: limit, visit)
            return isWhole ? nil : RawEnding(offset: 0, stopped: true)
        }
        let file = try directory.disk.open(path(index), .read)
        let ending = try RawSegmentScan(
            file: file, header: segment.header!, pastCache: limit == nil && index == currentIndex
        ).run(head: &head, limit: limit, visit)
        if ending.stopped { return ending }
        if index == currentIndex {
            try refuseDamagedTail(ending, head)
            var ending = ending
            if ending.objection == nil, !ending.isBlank { ending.remains = try remains(behind: ending.offset, file) }
            return ending
        }
        let next = segments[index + 1].start!
        guard head.nextSequence == next.nextSequence, head.nextLSN == next.nextLSN, head.chain == next.chain else {
            throw StorageError(
                .damagedBatch, file.path, at: ending.offset,
                "\(ending.objection ?? "no batch \(head.nextSequence)"); the next segment goes on with batch \(next.nextSequence)"
            )
        }
        return ending
    }

    /// Torn, or damaged? The rule at the top of `JournalFormat`.
    private func refuseDamagedTail(_ ending: RawEnding, _ head: JournalHead) throws(StorageError) {
        let path = path(currentIndex)
        if let follower = ending.follower {
            throw StorageError(
                .damagedBatch, path, at: ending.offset,
                "\(ending.objection ?? "no batch \(head.nextSequence)"), yet another follows at byte \(follower)")
        }
        let witness = manifest.watermark
        if head.nextSequence < witness.nextSequence {
            throw StorageError(
                .lostAcknowledged, path, at: ending.offset,
                "the journal ends with LSN \(head.lastLSN.value), batch \(head.nextSequence - 1); the manifest knows of LSN "
                    + "\(witness.lastLSN.value), batch \(witness.nextSequence - 1)")
        }
        if head.nextSequence == witness.nextSequence, head.chain != witness.chain {
            throw StorageError(.brokenChain, path, at: ending.offset, "the manifest knows another history")
        }
        if ending.durableThrough > head.lastLSN {
            throw StorageError(
                .lostAcknowledged, path, at: ending.offset,
                "the journal ends with LSN \(head.lastLSN.value), a torn batch knows of \(ending.durableThrough.value)")
        }
        if let snapshot = manifest.snapshots.last, snapshot.lsn > head.lastLSN {
            throw StorageError(
                .lostAcknowledged, path, at: ending.offset,
                "the journal ends with LSN \(head.lastLSN.value), a snapshot knows of \(snapshot.lsn.value)")
        }
    }
}
