package import LedgerCore

/// Reads snapshot files, believing nothing that no checksum covers. Errors name the file and the offset.
package enum SnapshotReader {
    /// Header and footer only.
    package static func describe(_ path: String, _ directory: DataDirectory) throws(StorageError) -> SnapshotDescription
    {
        try SnapshotFile(path, directory, pastCache: false).description
    }

    /// Every byte, without a state: frames decompress, checksums, hash and digest match.
    @discardableResult
    package static func verify(
        _ path: String, _ directory: DataDirectory, pastCache: Bool = false
    ) throws(StorageError) -> SnapshotDescription {
        let file = try SnapshotFile(path, directory, pastCache: pastCache)
        try file.scan { _ in true }
        return file.description
    }

    /// The digests of its frames; every checksum is looked at on the way.
    static func frameDigests(_ path: String, _ directory: DataDirectory) throws(StorageError) -> FrameDigests {
        var digests = FrameDigests()
        try SnapshotFile(path, directory, pastCache: false).scan { frame in
            digests.add(section: frame.section, version: frame.version, rows: frame.rows, frame.bytes)
            return true
        }
        return digests
    }

    /// Loads a snapshot into an empty state; with `lsn`, only if it is the one of that LSN. When it throws, the state
    /// is to be thrown away.
    package static func load<State: JournaledState & ~Copyable>(
        _ path: String, _ directory: DataDirectory, of lsn: LSN? = nil, into state: inout State
    ) throws(StorageError) -> SnapshotDescription {
        let file = try SnapshotFile(path, directory, pastCache: false)
        let found = file.description.head.lastLSN
        if let lsn, found != lsn {
            throw StorageError(.damagedSnapshot, path, "it is the snapshot of LSN \(found.value) under another's name")
        }
        let memory = ScratchPool()
        // One thread reads, checks and unpacks, another takes rows apart, and this one puts them into tables.
        let frames = Ahead<SnapshotFile.LoadedFrame, Void>("snapshot", most: 2) { (give) throws(StorageError) in
            try file.scan(into: memory) { frame in give(frame) }
        }
        let rows = Ahead<(section: UInt16, rows: State.FrameRows), Void>("rows", most: 2) {
            (give) throws(StorageError) in
            while case .item(let frame) = try frames.next() {
                guard State.reads(section: frame.section, version: frame.version) else {
                    throw StorageError(.newerFormat, path, "section \(frame.section) has version \(frame.version)")
                }
                let rows = try damage(path, frame.section) { () throws(StateError) in
                    try State.read(
                        section: frame.section, version: frame.version, rows: frame.rows, bytes: frame.bytes)
                }
                memory.giveBack(frame.memory)
                guard give((frame.section, rows)) else { return }
            }
        }
        // Behind the last frame the whole file was in order.
        while case .item(let (section, frame)) = try rows.next() {
            try damage(path, section) { () throws(StateError) in try state.restore(frame) }
        }
        try damage(path) { () throws(StateError) in try finish(&state) }
        let description = file.description
        guard state.lastLSN == description.head.lastLSN else {
            throw StorageError(
                .damagedSnapshot, path,
                "the state is at LSN \(state.lastLSN.value), the snapshot at \(description.head.lastLSN.value)")
        }
        guard state.booksSum == description.booksSum, description.booksSum == 0 else {
            throw StorageError(.damagedSnapshot, path, "its books do not sum to zero")
        }
        return description
    }

    /// Indexes and invariants, half each by two threads.
    private static func finish<State: JournaledState & ~Copyable>(_ state: inout State) throws(StateError) {
        state.settle { one, other in _ = NamedThread.both("indexes", one, other) }
        let violations = withUnsafePointer(to: state) { state -> [String] in
            // Both threads only read it.
            nonisolated(unsafe) let state = state
            let halves = NamedThread.both(
                "invariants", { state.pointee.audit(.first) }, { state.pointee.audit(.second) })
            return state.pointee.violations(with: [halves.0, halves.1])
        }
        if let first = violations.first { throw .doesNotHoldTogether(first) }
    }

    private static func damage<R>(
        _ path: String, _ section: UInt16? = nil, _ body: () throws(StateError) -> R
    ) throws(StorageError) -> R {
        do throws(StateError) {
            return try body()
        } catch {
            let place = section.map { "section \($0): " } ?? ""
            throw StorageError(.damagedSnapshot, path, place + error.reason)
        }
    }
}

/// An open snapshot whose header and footer have been checked.
struct SnapshotFile: Sendable {
    /// A frame as it was before it was compressed.
    struct LoadedFrame: Sendable {
        let section: UInt16
        let version: UInt8
        let rows: Int
        let byteCount: Int
        let memory: Scratch

        /// Valid until the memory is given back.
        var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory.bytes(byteCount)) }
    }

    let file: any DiskFile
    let path: String
    let pastCache: Bool
    let headerBytes: [UInt8]
    let description: SnapshotDescription
    let fileHash: Digest256

    init(_ path: String, _ directory: DataDirectory, pastCache: Bool) throws(StorageError) {
        do throws(StorageError) {
            file = try directory.disk.open(path, .read)
        } catch {
            throw error.isNoSuchFile ? StorageError(.missingSnapshot, path) : error
        }
        self.path = path
        self.pastCache = pastCache
        let size = try file.size()
        guard
            size >= SnapshotFormat.headerBytes + SnapshotFormat.footerBytes,
            let header = try file.readBytes(at: 0, count: SnapshotFormat.headerBytes, pastCache: pastCache),
            let footer = try file.readBytes(
                at: size - SnapshotFormat.footerBytes, count: SnapshotFormat.footerBytes, pastCache: pastCache)
        else { throw StorageError(.damagedSnapshot, path, at: size, "it is too short") }
        let found = try Self.decode(header, footer, size, path, directory.identity)
        headerBytes = header
        description = found.description
        fileHash = found.hash
    }

    private static func decode(
        _ header: [UInt8], _ footer: [UInt8], _ size: Int, _ path: String, _ identity: LedgerIdentity
    ) throws(StorageError) -> (description: SnapshotDescription, hash: Digest256) {
        let result = header.withUnsafeBytes { header in
            footer.withUnsafeBytes { footer in
                Result { () throws(StorageError) -> (description: SnapshotDescription, hash: Digest256) in
                    guard
                        header.number(at: 0) == SnapshotFormat.headerMagic,
                        header.slice(0, 252).crc32c == header.number(at: 252)
                    else { throw StorageError(.damagedSnapshot, path, at: 0, "its header's checksum does not match") }
                    if let fault = SnapshotFormat.version.objection(to: header) { throw fault.error(path, at: 0) }
                    guard header.uuid(at: 8) == identity.uuid, header.number(at: 80) == identity.shard else {
                        throw StorageError(.foreignLedger, path, "it belongs to ledger \(header.uuid(at: 8))")
                    }
                    guard
                        footer.number(at: 0) == SnapshotFormat.footerMagic,
                        footer.slice(0, 124).crc32c == footer.number(at: 124),
                        footer.number(at: 16, as: UInt64.self) == UInt64(size)
                    else {
                        throw StorageError(
                            .damagedSnapshot, path, at: size - SnapshotFormat.footerBytes,
                            "it does not end like a snapshot")
                    }
                    let lsn: UInt64 = header.number(at: 24)
                    guard lsn < .max else { throw StorageError(.damagedSnapshot, path, at: 24, "no such LSN") }
                    let head = JournalHead(
                        nextLSN: LSN(lsn + 1), nextSequence: header.number(at: 32), chain: header.digest(at: 48),
                        time: Timestamp(nanoseconds: header.number(at: 40)))
                    let description = SnapshotDescription(
                        head: head, booksSum: header.number(at: 96), fileBytes: size,
                        stateBytes: Int(clamping: footer.number(at: 8, as: UInt64.self)),
                        frames: Int(footer.number(at: 4, as: UInt32.self)), digest: footer.digest(at: 24),
                        isFolded: header.number(at: 82, as: UInt8.self) != SnapshotFormat.fromLiveRows)
                    return (description, footer.digest(at: 56))
                }
            }
        }
        return try result.get()
    }

    /// Hands out every frame in order, until `visit` wants no more; afterwards the hash of the file and the digest of
    /// the state have been compared. A frame is valid while it is visited.
    func scan(_ visit: (LoadedFrame) throws(StorageError) -> Bool) throws(StorageError) {
        let memory = ScratchPool()
        try scan(into: memory) { (frame) throws(StorageError) in
            defer { memory.giveBack(frame.memory) }
            return try visit(frame)
        }
    }

    /// The same; each frame lies in memory of `pool`, and whoever takes the frame gives it back there.
    func scan(into pool: ScratchPool, _ visit: (LoadedFrame) throws(StorageError) -> Bool) throws(StorageError) {
        let decompressor = ZstdDecompressor()
        let packed = Scratch()
        defer { withExtendedLifetime(packed) {} }
        var hash = SHA256Stream()
        var digest = StateDigest()
        headerBytes.withUnsafeBytes { hash.update($0) }
        var offset = SnapshotFormat.headerBytes
        for number in 0..<description.frames {
            let (frame, header) = try self.frame(number, at: offset)
            header.withUnsafeBytes { hash.update($0) }
            offset += SnapshotFormat.frameHeaderBytes
            let compressed = packed.bytes(frame.compressedBytes)
            guard
                try file.fill(compressed, at: offset, pastCache: pastCache),
                UnsafeRawBufferPointer(compressed).crc32c == frame.checksum
            else {
                throw StorageError(.damagedSnapshot, path, at: offset, "the checksum of frame \(number) does not match")
            }
            hash.update(UnsafeRawBufferPointer(compressed))
            let loaded = LoadedFrame(
                section: frame.section, version: frame.version, rows: frame.rows, byteCount: frame.bytes,
                memory: pool.take())
            guard
                decompressor.decompress(
                    UnsafeRawBufferPointer(compressed), into: loaded.memory.bytes(loaded.byteCount))
            else {
                throw StorageError(.damagedSnapshot, path, at: offset, "frame \(number) does not decompress")
            }
            digest.add(section: frame.section, version: frame.version, rows: frame.rows, loaded.bytes)
            guard try visit(loaded) else { return }
            offset += frame.compressedBytes
        }
        guard offset == end, hash.finish() == fileHash else {
            throw StorageError(.damagedSnapshot, path, at: offset, "its SHA-256 does not match")
        }
        guard digest.finish() == description.digest else {
            throw StorageError(.damagedSnapshot, path, "its state digest does not match")
        }
    }

    /// Where the frames end.
    private var end: Int { description.fileBytes - SnapshotFormat.footerBytes }

    /// What the header at `offset`, which is to be that of frame `number`, says, and its bytes.
    func frame(_ number: Int, at offset: Int) throws(StorageError) -> (frame: Frame, header: [UInt8]) {
        guard
            offset + SnapshotFormat.frameHeaderBytes <= end,
            let header = try file.readBytes(at: offset, count: SnapshotFormat.frameHeaderBytes, pastCache: pastCache),
            let frame = header.withUnsafeBytes({ Frame($0) }), frame.number == number,
            frame.compressedBytes <= end - offset - SnapshotFormat.frameHeaderBytes
        else { throw StorageError(.damagedSnapshot, path, at: offset, "the header of frame \(number) is damaged") }
        return (frame, header)
    }

    /// The header of a frame.
    struct Frame {
        let section: UInt16
        let version: UInt8
        let rows: Int
        let bytes: Int
        let compressedBytes: Int
        let checksum: UInt32
        let number: Int

        fileprivate init?(_ header: UnsafeRawBufferPointer) {
            guard
                header.number(at: 0) == SnapshotFormat.frameMagic, header.slice(0, 28).crc32c == header.number(at: 28),
                header[6] == 1
            else { return nil }
            section = header.number(at: 4)
            version = header[7]
            rows = Int(header.number(at: 8, as: UInt32.self))
            bytes = Int(header.number(at: 12, as: UInt32.self))
            compressedBytes = Int(header.number(at: 16, as: UInt32.self))
            checksum = header.number(at: 20)
            number = Int(header.number(at: 24, as: UInt32.self))
            guard bytes <= SnapshotFormat.frameLimit else { return nil }
        }
    }
}
