package import LedgerCore

/// Writes a snapshot file, frame by frame, as the core hands them out. Holds one frame in memory.
package struct SnapshotWriter: SnapshotSink, ~Copyable {
    /// A file that was written.
    package struct Written: Sendable {
        package var description: SnapshotDescription
        /// Of its frames, those that were taken from the snapshot before.
        package var reusedFrames: Int
    }

    private var file: NewFile
    private let previous: PreviousFrames?
    private let compressor = ZstdCompressor()
    private var hash = SHA256Stream()
    private var digest = StateDigest()
    private var offset = 0
    private var frames = 0
    private var reusedFrames = 0
    private var stateBytes = 0

    private init(
        file: any DiskFile, identity: LedgerIdentity, head: JournalHead, booksSum: Int128, previous: PreviousFrames?
    ) throws(StorageError) {
        self.file = NewFile(file)
        self.previous = previous
        let header = [UInt8](record: SnapshotFormat.headerBytes) { bytes in
            bytes.store(SnapshotFormat.headerMagic, at: 0)
            SnapshotFormat.version.stamp(bytes)
            bytes.store(identity.uuid, at: 8)
            bytes.store(head.lastLSN.value, at: 24)
            bytes.store(head.nextSequence, at: 32)
            bytes.store(head.time.nanoseconds, at: 40)
            bytes.store(head.chain, at: 48)
            bytes.store(identity.shard, at: 80)
            bytes.store(SnapshotFormat.fromLiveRows, at: 82)
            bytes.store(booksSum, at: 96)
            bytes.store(UnsafeRawBufferPointer(bytes).slice(0, 252).crc32c, at: 252)
        }
        try append(header)
    }

    package mutating func frame(
        section: UInt16, version: UInt8, rows: Int, bytes: [UInt8]
    ) throws(StorageError) {
        precondition(bytes.count <= SnapshotFormat.frameLimit, "a frame of a snapshot is larger than a gigabyte")
        bytes.withUnsafeBytes { digest.add(section: section, version: version, rows: rows, $0) }
        let previous = previous
        // It lies in memory of `previous`, and is asked for once a frame.
        let stored = bytes.withUnsafeBytes { previous?.stored(section: section, version: version, rows: rows, $0) }
        if let stored {
            try append(header(section, version, rows, bytes.count, stored))
            try append(stored)
            reusedFrames += 1
        } else {
            let compressed = bytes.withUnsafeBytes { compressor.compress($0) }
            try append(compressed.withUnsafeBytes { header(section, version, rows, bytes.count, $0) })
            try append(compressed)
        }
        frames += 1
        stateBytes += bytes.count
    }

    private func header(
        _ section: UInt16, _ version: UInt8, _ rows: Int, _ byteCount: Int, _ stored: UnsafeRawBufferPointer
    ) -> [UInt8] {
        let number = frames
        return [UInt8](record: SnapshotFormat.frameHeaderBytes) { header in
            header.store(SnapshotFormat.frameMagic, at: 0)
            header.store(section, at: 4)
            header.store(UInt8(1), at: 6)
            header.store(version, at: 7)
            header.store(UInt32(rows), at: 8)
            header.store(UInt32(byteCount), at: 12)
            header.store(UInt32(stored.count), at: 16)
            header.store(stored.crc32c, at: 20)
            header.store(UInt32(number), at: 24)
            header.store(UnsafeRawBufferPointer(header).slice(0, 28).crc32c, at: 28)
        }
    }

    private mutating func append(_ bytes: [UInt8]) throws(StorageError) {
        bytes.withUnsafeBytes { hash.update($0) }
        try file.write(bytes, at: offset)
        offset += bytes.count
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        hash.update(bytes)
        try file.write(bytes, at: offset)
        offset += bytes.count
    }

    private consuming func finish() throws(StorageError) {
        let frames = frames
        let stateBytes = stateBytes
        let offset = offset
        let stateDigest = digest.finish()
        let fileHash = hash.finish()
        let footer = [UInt8](record: SnapshotFormat.footerBytes) { bytes in
            bytes.store(SnapshotFormat.footerMagic, at: 0)
            bytes.store(UInt32(frames), at: 4)
            bytes.store(UInt64(stateBytes), at: 8)
            bytes.store(UInt64(offset + SnapshotFormat.footerBytes), at: 16)
            bytes.store(stateDigest, at: 24)
            bytes.store(fileHash, at: 56)
            bytes.store(UnsafeRawBufferPointer(bytes).slice(0, 124).crc32c, at: 124)
        }
        var file = file
        try file.write(footer, at: offset)
        try file.sync()
    }

    /// Writes `state`, which stands at `head`, to its file, as ``write(at:booksSum:to:reusing:_:)`` does.
    package static func write<State: JournaledState & ~Copyable>(
        _ state: borrowing State, at head: JournalHead, to directory: DataDirectory, reusing previous: LSN? = nil
    ) throws(StorageError) -> Written {
        precondition(state.lastLSN == head.lastLSN, "a snapshot was to be written of a state that ends inside a batch")
        return try write(at: head, booksSum: state.booksSum, to: directory, reusing: previous) {
            writer throws(StorageError) in
            try state.writeSnapshot(to: &writer)
        }
    }

    /// Writes what `frames` hands out, the state at `head`, to its file: complete, checked against what the disk holds,
    /// and durable under its name when this returns. Does not touch the manifest (`Journal.adoptSnapshot` does).
    ///
    /// `previous`: the snapshot whose frames are taken where they say the same (``PreviousFrames``), usually the last
    /// one. Whatever it is, and also if it goes meanwhile, what is written is the state at `head`.
    package static func write(
        at head: JournalHead, booksSum: Int128, to directory: DataDirectory, reusing previous: LSN? = nil,
        _ frames: (inout SnapshotWriter) throws(StorageError) -> Void
    ) throws(StorageError) -> Written {
        let disk = directory.disk
        let path = directory.snapshot(head.lastLSN)
        let temporary = path + ".tmp"
        try disk.removeIfPresent(temporary)
        let written: Written
        do throws(StorageError) {
            var writer = try SnapshotWriter(
                file: try disk.open(temporary, .create), identity: directory.identity, head: head, booksSum: booksSum,
                previous: previous.flatMap { PreviousFrames(directory.snapshot($0), directory) })
            try frames(&writer)
            let reusedFrames = writer.reusedFrames
            try writer.finish()
            written = Written(
                description: try SnapshotReader.verify(temporary, directory, pastCache: true),
                reusedFrames: reusedFrames)
            try disk.rename(temporary, to: path)
        } catch {
            try? disk.removeIfPresent(temporary)
            throw error
        }
        try disk.syncDirectory(directory.snapshots)
        return written
    }
}
