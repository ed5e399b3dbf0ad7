package import LedgerCore

// The manifest
// ============
//
// What files there should be. Without it a missing last segment, or a missing snapshot, would look like a shorter
// history. Two copies, `manifest.a` and `manifest.b`, always written one after the other, each by temporary file, sync,
// rename and directory sync; the one with the higher generation counts. One damaged copy is a warning, two are a
// refusal. Whatever must not happen before the manifest says so (reusing a raw file, removing a snapshot) waits for
// both copies.
//
//        0     4  magic "FMAN"              64    32  watermark: its chain hash
//        4     2  version                   96     8  watermark: its time
//        6     2  oldest reader            104     8  zero
//        8    16  ledger UUID              112     4  number of segments
//       24     8  generation               116     4  number of snapshots
//       32     8  length of the file       120     2  shard
//       40     8  (zero)                   122     6  (zero)
//       48     8  watermark: next LSN      128        segments, then snapshots, then the checksum
//       56     8  watermark: next sequence
//
//      segment, 128 bytes                 snapshot, 96 bytes                    at the end
//        0  8  number                       0   8  LSN                            4  CRC32C of all before
//        8  1  state                        8   8  time
//       16  8  first LSN                   16   8  file size
//       24  8  next LSN (at its end)       24  32  state digest
//       32  8  first batch sequence        56  32  chain hash
//       40  8  next batch sequence         88   8  zero
//       48 32  chain hash before it
//       80 32  chain hash at its end
//      112  8  bytes used (raw)
//      120  8  file size
//
// A segment is `prepared` (zero-filled, named, perhaps begun a moment ago), `raw` (begun; the last of them is written
// to; what is known only at its end is zero until then) or `sealed`. The watermark is a place in the journal that was
// durable when the manifest was written: a journal that ends before it has lost acknowledged batches.

package struct Manifest: Equatable, Sendable {
    package enum SegmentState: UInt8, Sendable {
        case prepared = 0
        case raw = 1
        case sealed = 2
    }

    package struct Segment: Equatable, Sendable {
        package var number: UInt64
        package var state: SegmentState
        package var firstLSN: LSN = .none
        package var nextLSN: LSN = .none
        package var firstSequence: UInt64 = 0
        package var nextSequence: UInt64 = 0
        package var previousChain: Digest256 = .zero
        package var endChain: Digest256 = .zero
        package var usedBytes: Int = 0
        package var fileBytes: Int = 0

        /// Whether the segment is full: where it ends is known.
        package var isEndKnown: Bool { nextSequence != 0 }
    }

    package struct Snapshot: Equatable, Sendable {
        package var lsn: LSN
        package var time: Timestamp
        package var fileBytes: Int
        package var digest: Digest256
        package var chain: Digest256
    }

    package var identity: LedgerIdentity
    package var generation: UInt64 = 0
    package var watermark: JournalHead = .genesis
    package var segments: [Segment] = []
    /// Ascending by LSN.
    package var snapshots: [Snapshot] = []

    package init(identity: LedgerIdentity) { self.identity = identity }
}

// MARK: - Bytes

extension Manifest {
    static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 0)
    static let magic: UInt32 = 0x4E41_4D46  // "FMAN"
    private static let fixed = 128
    private static let segmentBytes = 128
    private static let snapshotBytes = 96

    package func encoded() -> [UInt8] {
        let total = Self.fixed + segments.count * Self.segmentBytes + snapshots.count * Self.snapshotBytes + 4
        return [UInt8](record: total) { bytes in
            bytes.store(Self.magic, at: 0)
            Self.version.stamp(bytes)
            bytes.store(identity.uuid, at: 8)
            bytes.store(generation, at: 24)
            bytes.store(UInt64(total), at: 32)
            bytes.store(watermark.nextLSN.value, at: 48)
            bytes.store(watermark.nextSequence, at: 56)
            bytes.store(watermark.chain, at: 64)
            bytes.store(watermark.time.nanoseconds, at: 96)
            bytes.store(UInt32(segments.count), at: 112)
            bytes.store(UInt32(snapshots.count), at: 116)
            bytes.store(identity.shard, at: 120)
            var offset = Self.fixed
            for segment in segments {
                let entry = bytes.slice(offset, Self.segmentBytes)
                entry.store(segment.number, at: 0)
                entry.store(segment.state.rawValue, at: 8)
                entry.store(segment.firstLSN.value, at: 16)
                entry.store(segment.nextLSN.value, at: 24)
                entry.store(segment.firstSequence, at: 32)
                entry.store(segment.nextSequence, at: 40)
                entry.store(segment.previousChain, at: 48)
                entry.store(segment.endChain, at: 80)
                entry.store(UInt64(segment.usedBytes), at: 112)
                entry.store(UInt64(segment.fileBytes), at: 120)
                offset += Self.segmentBytes
            }
            for snapshot in snapshots {
                let entry = bytes.slice(offset, Self.snapshotBytes)
                entry.store(snapshot.lsn.value, at: 0)
                entry.store(snapshot.time.nanoseconds, at: 8)
                entry.store(UInt64(snapshot.fileBytes), at: 16)
                entry.store(snapshot.digest, at: 24)
                entry.store(snapshot.chain, at: 56)
                offset += Self.snapshotBytes
            }
            bytes.store(UnsafeRawBufferPointer(bytes).slice(0, total - 4).crc32c, at: total - 4)
        }
    }

    package enum Decoded {
        case manifest(Manifest)
        case unreadable(FormatFault)
        case damaged(String)
    }

    package static func decode(_ bytes: UnsafeRawBufferPointer) -> Decoded {
        guard bytes.count >= fixed + 4 else { return .damaged("it is too short") }
        guard bytes.number(at: 0) == magic else { return .damaged("it does not begin like a manifest") }
        guard bytes.slice(0, bytes.count - 4).crc32c == bytes.number(at: bytes.count - 4) else {
            return .damaged("its checksum does not match")
        }
        if let fault = version.objection(to: bytes) { return .unreadable(fault) }
        let segmentCount = Int(bytes.number(at: 112, as: UInt32.self))
        let snapshotCount = Int(bytes.number(at: 116, as: UInt32.self))
        guard
            bytes.number(at: 32, as: UInt64.self) == UInt64(bytes.count),
            fixed + segmentCount * segmentBytes + snapshotCount * snapshotBytes + 4 == bytes.count
        else { return .damaged("its length does not match its contents") }

        var manifest = Manifest(identity: LedgerIdentity(uuid: bytes.uuid(at: 8), shard: bytes.number(at: 120)))
        manifest.generation = bytes.number(at: 24)
        manifest.watermark = JournalHead(
            nextLSN: LSN(bytes.number(at: 48)), nextSequence: bytes.number(at: 56), chain: bytes.digest(at: 64),
            time: Timestamp(nanoseconds: bytes.number(at: 96)))
        var offset = fixed
        for _ in 0..<segmentCount {
            let entry = bytes.slice(offset, segmentBytes)
            guard let state = SegmentState(rawValue: entry[8]) else {
                return .damaged("a segment has an unknown state")
            }
            manifest.segments.append(
                Segment(
                    number: entry.number(at: 0), state: state, firstLSN: LSN(entry.number(at: 16)),
                    nextLSN: LSN(entry.number(at: 24)), firstSequence: entry.number(at: 32),
                    nextSequence: entry.number(at: 40), previousChain: entry.digest(at: 48),
                    endChain: entry.digest(at: 80), usedBytes: Int(clamping: entry.number(at: 112, as: UInt64.self)),
                    fileBytes: Int(clamping: entry.number(at: 120, as: UInt64.self))))
            offset += segmentBytes
        }
        for _ in 0..<snapshotCount {
            let entry = bytes.slice(offset, snapshotBytes)
            manifest.snapshots.append(
                Snapshot(
                    lsn: LSN(entry.number(at: 0)), time: Timestamp(nanoseconds: entry.number(at: 8)),
                    fileBytes: Int(clamping: entry.number(at: 16, as: UInt64.self)), digest: entry.digest(at: 24),
                    chain: entry.digest(at: 56)))
            offset += snapshotBytes
        }
        return .manifest(manifest)
    }
}

// MARK: - Two copies

extension Manifest {
    /// Reads both copies and returns the newer good one, with a sentence for a copy that is missing or damaged.
    package static func load(
        from directory: DataDirectory
    ) throws(StorageError) -> (manifest: Manifest, warnings: [String]) {
        var best: Manifest?
        var troubles: [(path: String, what: String)] = []
        for path in directory.manifests {
            guard let contents = try directory.disk.contents(of: path) else {
                troubles.append((path, "is missing"))
                continue
            }
            switch contents.withUnsafeBytes({ decode($0) }) {
            case .manifest(let manifest):
                guard manifest.identity == directory.identity else {
                    throw StorageError(
                        .foreignLedger, path,
                        "it lists ledger \(manifest.identity.uuid), the directory is \(directory.identity.uuid)")
                }
                if best.map({ $0.generation < manifest.generation }) ?? true { best = manifest }
            case .unreadable(let fault): throw fault.error(path)
            case .damaged(let why):
                troubles.append((path, "is damaged (\(why))"))
            }
        }
        guard let best else {
            throw StorageError(
                .damagedManifest, directory.path,
                "neither copy can be used: " + troubles.map { "\($0.path) \($0.what)" }.joined(separator: ", ")
                    + "; restore the whole directory from a backup, nothing was changed")
        }
        return (best, troubles.map { "\($0.path) \($0.what); the other copy is used" })
    }

    /// Writes both copies under the next generation. When this returns, no crash brings back an older manifest.
    package mutating func save(to directory: DataDirectory) throws(StorageError) {
        generation += 1
        let bytes = encoded()
        for path in directory.manifests {
            try directory.disk.replace(path, with: bytes, in: directory.path)
        }
    }
}
