package import LedgerCore

// A snapshot
// ==========
//
// The whole state after one LSN, as the core writes it (`SnapshotEncoder`): sections of columns, at most 16,384 rows a
// frame (65,536 in earlier versions of some sections). It is a shortcut, never the truth: the journal is complete
// without it, and `florin verify` proves that both lead to the same state. So a damaged snapshot costs time, not data;
// an older one, or none, takes its place.
//
//      ├ header, 256 B ┼ frame header, 32 B ┼ zstd ─────┼ frame header ┼ zstd ─────────┼ … ┼ footer, 128 B ┤
//
//   header                                  frame header                      footer
//     0   4  magic "FSNP"                     0  4  magic "FRAM"                 0   4  magic "FSNE"
//     4   2  version                          4  2  section                      4   4  number of frames
//     6   2  oldest reader                    6  1  codec (1: zstd)              8   8  uncompressed bytes in all
//     8  16  ledger UUID                      7  1  version of the section      16   8  size of this file
//    24   8  LSN: the state is after it       8  4  rows                        24  32  state digest
//    32   8  sequence of the next batch      12  4  uncompressed length         56  32  SHA-256 of all before it
//    40   8  time of the journal there       16  4  compressed length           88  36  zero
//    48  32  chain hash there                20  4  CRC32C of the compressed   124   4  CRC32C of bytes 0 to 123
//    80   2  shard                           24  4  number of the frame
//    82   1  0: folded from the journal,
//            1: from live rows
//                                            28  4  CRC32C of bytes 0 to 27
//    96  16  sum of the books (zero)
//   252   4  CRC32C of bytes 0 to 251
//
// The *state digest* is SHA-256 over every frame's section, its version, rows, length and uncompressed bytes. Equal
// states have equal digests, whichever way they came about: that is how a live state, a replay and a restored snapshot
// are compared. Written with rows of another version, an equal state has another digest: then the snapshot is restored
// and its digest taken anew.
//
// The chain hash binds the snapshot to one history: recovery compares it with the journal's own at that place, so a
// snapshot of another past is never continued.
//
// A frame that says what it said in the last snapshot is copied from there (`PreviousFrames`). Nothing in the file
// tells: two files of one state may differ in how their frames are compressed, by whatever version of zstd, and in no
// digest but that of the file.
//
// Writing one: temporary file, sync, read back past the cache and checked whole, rename, directory sync, manifest. Only
// then may an older one be dropped.

enum SnapshotFormat {
    static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 1)
    static let headerMagic: UInt32 = 0x504E_5346  // "FSNP"
    static let frameMagic: UInt32 = 0x4D41_5246  // "FRAM"
    static let footerMagic: UInt32 = 0x454E_5346  // "FSNE"
    static let headerBytes = 256
    static let frameHeaderBytes = 32
    static let footerBytes = 128
    /// How it was made: not proven by that. Earlier versions folded each, which proved it.
    static let fromLiveRows: UInt8 = 1
    /// No frame of 65,536 rows comes near it; a length beyond it is not believed.
    static let frameLimit = 1 << 30
}

/// What a snapshot says of itself.
package struct SnapshotDescription: Sendable {
    /// The place in the journal right after its LSN.
    package var head: JournalHead
    package var booksSum: Int128
    package var fileBytes: Int
    package var stateBytes: Int
    package var frames: Int
    package var digest: Digest256
    /// It was folded from the journal, and is what that leads to.
    package var isFolded: Bool

    package var record: Manifest.Snapshot {
        Manifest.Snapshot(
            lsn: head.lastLSN, time: head.time, fileBytes: fileBytes, digest: digest, chain: head.chain)
    }
}

/// The digest of each frame, by section: what a snapshot and a fold are compared by.
struct FrameDigests: SnapshotSink, Equatable {
    private(set) var sections: [UInt16: [Digest256]] = [:]
    private var versions: [UInt16: UInt8] = [:]

    mutating func frame(section: UInt16, version: UInt8, rows: Int, bytes: [UInt8]) throws(Never) {
        bytes.withUnsafeBytes { add(section: section, version: version, rows: rows, $0) }
    }

    mutating func add(section: UInt16, version: UInt8, rows: Int, _ bytes: UnsafeRawBufferPointer) {
        var stream = SHA256Stream()
        stream.update(UInt64(version) | UInt64(rows) << 8)
        stream.update(bytes)
        sections[section, default: []].append(stream.finish())
        versions[section] = version
    }

    /// Whether a section that both have was written by programs of different versions.
    func hasOtherVersions(than other: FrameDigests) -> Bool {
        versions.contains { section, version in other.versions[section].map { $0 != version } ?? false }
    }

    /// The sections in which the two are not the same.
    func differing(from other: FrameDigests) -> [UInt16] {
        Set(sections.keys).union(other.sections.keys).filter { sections[$0] != other.sections[$0] }.sorted()
    }
}

/// A sink that keeps nothing but the digest of what goes through it.
package struct StateDigest: SnapshotSink, ~Copyable {
    private var stream = SHA256Stream()

    package init() {}

    package mutating func frame(section: UInt16, version: UInt8, rows: Int, bytes: [UInt8]) throws(Never) {
        bytes.withUnsafeBytes { add(section: section, version: version, rows: rows, $0) }
    }

    mutating func add(section: UInt16, version: UInt8, rows: Int, _ bytes: UnsafeRawBufferPointer) {
        stream.update(UInt64(section) | UInt64(version) << 16)
        stream.update(UInt64(rows))
        stream.update(UInt64(bytes.count))
        stream.update(bytes)
    }

    package consuming func finish() -> Digest256 { stream.finish() }

    /// The digest of a whole state. Cost: a pass over it.
    package static func of<State: JournaledState & ~Copyable>(_ state: borrowing State) -> Digest256 {
        var sink = StateDigest()
        state.writeSnapshot(to: &sink)
        return sink.finish()
    }
}
