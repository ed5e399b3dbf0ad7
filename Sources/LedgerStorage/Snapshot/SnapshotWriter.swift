internal import LedgerCore

/// Writes a snapshot file, frame by frame, as the core hands them out. Holds one frame in memory.
package struct SnapshotWriter: SnapshotSink, ~Copyable {
    private var file: NewFile
    private let compressor = ZstdCompressor()
    private var hash = SHA256Stream()
    private var digest = StateDigest()
    private var offset = 0
    private var frames = 0
    private var stateBytes = 0

    private init(
        file: any DiskFile, identity: LedgerIdentity, head: JournalHead, booksSum: Int128
    ) throws(StorageError) {
        self.file = NewFile(file)
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
        let compressed = bytes.withUnsafeBytes { compressor.compress($0) }
        let number = frames
        let header = [UInt8](record: SnapshotFormat.frameHeaderBytes) { header in
            header.store(SnapshotFormat.frameMagic, at: 0)
            header.store(section, at: 4)
            header.store(UInt8(1), at: 6)
            header.store(version, at: 7)
            header.store(UInt32(rows), at: 8)
            header.store(UInt32(bytes.count), at: 12)
            header.store(UInt32(compressed.count), at: 16)
            header.store(compressed.withUnsafeBytes { $0.crc32c }, at: 20)
            header.store(UInt32(number), at: 24)
            header.store(UnsafeRawBufferPointer(header).slice(0, 28).crc32c, at: 28)
        }
        try append(header)
        try append(compressed)
        frames += 1
        stateBytes += bytes.count
    }

    private mutating func append(_ bytes: [UInt8]) throws(StorageError) {
        bytes.withUnsafeBytes { hash.update($0) }
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

    /// Writes `state`, which stands at `head`, to its file, as ``write(at:booksSum:to:_:)`` does.
    package static func write<State: JournaledState & ~Copyable>(
        _ state: borrowing State, at head: JournalHead, to directory: DataDirectory
    ) throws(StorageError) -> SnapshotDescription {
        precondition(state.lastLSN == head.lastLSN, "a snapshot was to be written of a state that ends inside a batch")
        return try write(at: head, booksSum: state.booksSum, to: directory) { writer throws(StorageError) in
            try state.writeSnapshot(to: &writer)
        }
    }

    /// Writes what `frames` hands out, the state at `head`, to its file: complete, checked against what the disk holds,
    /// and durable under its name when this returns. Does not touch the manifest (`Journal.adoptSnapshot` does).
    package static func write(
        at head: JournalHead, booksSum: Int128, to directory: DataDirectory,
        _ frames: (inout SnapshotWriter) throws(StorageError) -> Void
    ) throws(StorageError) -> SnapshotDescription {
        let disk = directory.disk
        let path = directory.snapshot(head.lastLSN)
        let temporary = path + ".tmp"
        try disk.removeIfPresent(temporary)
        let description: SnapshotDescription
        do throws(StorageError) {
            var writer = try SnapshotWriter(
                file: try disk.open(temporary, .create), identity: directory.identity, head: head, booksSum: booksSum)
            try frames(&writer)
            try writer.finish()
            description = try SnapshotReader.verify(temporary, directory, pastCache: true)
            try disk.rename(temporary, to: path)
        } catch {
            try? disk.removeIfPresent(temporary)
            throw error
        }
        try disk.syncDirectory(directory.snapshots)
        return description
    }
}
