package import LedgerCore

// The journal's live bytes
// ========================
//
// A journal is a row of segments, numbered from 1. A *live* segment is a file of fixed size, filled with zeroes and
// synced before its first use, so that writing into it never meets a full disk and never changes the file's metadata.
// Everything is little-endian. This page is about live segments; `SealedFormat` is what they become.
//
//      0        4 KiB                8 KiB      16 KiB                                                    64 MiB
//      ├─────────┼────────────────────┼──────────┼─────────┬──────────────────────────────────────────────────┤
//      │ segment │ batch              │ batch    │ batch   │ zeroes, or what an older life of this file left   │
//      │ header  │ 1 block            │ 2 blocks │ closing │                                                  │
//      └─────────┴────────────────────┴──────────┴─────────┴──────────────────────────────────────────────────┘
//
// A *batch* is what one sync makes durable: whole groups of events, decided together, answered together. It begins at a
// 4 KiB boundary and is padded with zeroes to the next; the padding is under the payload's checksum, so there is no bit
// in the used part of a segment that can flip unseen.
//
//      ├── header, 192 bytes ──┼── payload, at most 1 MiB ───────────────────────────────┼── zeroes to 4 KiB ──┤
//                              │ length │ event … │ length │ event … │ …                 │
//
//      offset size                                        offset size
//        0     4  magic "FBAT"                              72     4  number of events
//        4     2  version of the batch                      76     4  payload length in bytes
//        6     2  oldest reader that understands it         80     2  shard
//        8    16  ledger UUID                               82     1  zero
//       24     8  segment number                            83     1  flags: 2 closing
//       32     8  zero                                      84     4  CRC32C of payload and padding
//       40     8  batch sequence, +1 each, from 1           88    16  sum of the books after it (zero)
//       48     8  LSN of the first event                   104    32  chain hash of the previous batch
//       56     8  durable-through LSN when it was written  136    52  zero
//       64     8  base time: event i is at base + i ns
//                                                          188     4  CRC32C of bytes 0 to 187
//
// An event says neither its number nor the time at which it was recorded: event i of a batch has the LSN and the base
// time of the batch, both plus i.
//
// The *chain hash* of a batch is SHA-256 over its header and its payload (not the padding); as the header holds the
// previous one, a hash names the whole history before it. The chain of a ledger begins with 32 zero bytes.
//
// The header's checksum is looked at before anything else in it, so a length is never believed that was not written.
// The version comes next (`FormatVersion`): a newer one is refused by name, not misread. What is zero is for later
// versions, in which zero means that there is nothing.
//
// A *closing* batch holds no events. It is written 100 ms after the last batch and at a clean stop: it says through
// which LSN everything is durable and at which time the ledger was still alive. It repeats the next LSN as its first.
//
// Where does the journal end?
// ---------------------------
// A file that was recycled still holds its older life behind the tail. So a scan looks only at 4 KiB boundaries, and
// believes a header only with this ledger's UUID, *this segment's number*, and the expected sequence, LSN and chain. A
// header of an older segment number is old bytes; one of a newer number or of another ledger is a file in the wrong
// place.
//
// An unbelievable place at the end is *torn*, cut and forgotten only if all of this holds:
//   (a) it is in the last segment that was begun;
//   (b) no batch of this segment follows anywhere behind it;
//   (c) no witness knows of more: the durable-through of any batch, the manifest, a snapshot.
// Anything else is *damage*: the start is refused with the file and the offset, and nothing is ever cut to repair it.
// What was cut is filled with zeroes and synced before the room is used again.
//
// Left open, and stated: on one machine, the loss of the newest batches together with every witness of them (a whole
// directory restored from yesterday) cannot be seen from inside. Nor can the loss of the last batch's first sector be
// told from a batch that was never finished: it is cut, and `TailRemains` finds what the rest of it leaves, so that it
// is said.
//
// Segment header, one block of 4 KiB
//
//        0     4  magic "FSEG"             24     8  segment number
//        4     2  version                  32     8  LSN of the first event it will hold
//        6     2  oldest reader            40     8  sequence of the first batch it will hold
//        8    16  ledger UUID              48    32  chain hash at the end of the previous segment
//                                          80     2  shard
//                                          88     8  capacity of the file in bytes
//                                        4092     4  CRC32C of bytes 0 to 4091
//
// It is written and synced before the first batch of the segment.

package enum JournalFormat {
    /// Of a live segment. Version 0 was laid out alike; its events carried number and time themselves.
    static let segment = FormatVersion(current: 1, minimumReader: 1, oldest: 0)
    /// Of a batch, live or sealed. Those of version 0 are listed (`JournalListing`) and never replayed.
    package static let batch = FormatVersion(current: 1, minimumReader: 1, oldest: 0)
    /// The oldest batches whose events a state is given.
    static let oldestReplayed: UInt16 = 1
    package static let block = 4096
    package static let headerBytes = 192
    package static let maximumPayload = 1 << 20
    /// Events that are decided together are written together: a group with its lengths takes at most this much of a
    /// batch. Deciding stops before; the core, which imports nothing, repeats the number.
    package static let maximumGroupBytes = 900 << 10
    /// The room the largest batch takes in a segment.
    package static let maximumBatch = (headerBytes + maximumPayload).rounded(upTo: block)
    package static let defaultSegmentBytes = 64 << 20

    static let batchMagic: UInt32 = 0x5441_4246  // "FBAT"
    static let segmentMagic: UInt32 = 0x4745_5346  // "FSEG"
}

// MARK: - Batches

package struct BatchFlags: OptionSet, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Holds no events: durable-through and time only.
    package static let closing = BatchFlags(rawValue: 2)
}

package struct BatchHeader: Equatable, Sendable {
    package var identity: LedgerIdentity
    package var segment: UInt64
    package var sequence: UInt64
    package var firstLSN: LSN
    package var durableThrough: LSN
    package var baseTime: Timestamp
    package var count: Int
    package var payloadBytes: Int
    package var flags: BatchFlags = []
    package var payloadChecksum: UInt32 = 0
    package var booksSum: Int128 = 0
    package var previousChain: Digest256
    /// The version it was written in.
    package private(set) var version = JournalFormat.batch.current

    package init(
        identity: LedgerIdentity, segment: UInt64, sequence: UInt64, firstLSN: LSN, durableThrough: LSN,
        baseTime: Timestamp, count: Int, payloadBytes: Int, previousChain: Digest256
    ) {
        self.identity = identity
        self.segment = segment
        self.sequence = sequence
        self.firstLSN = firstLSN
        self.durableThrough = durableThrough
        self.baseTime = baseTime
        self.count = count
        self.payloadBytes = payloadBytes
        self.previousChain = previousChain
    }

    /// The LSN of the last event, or of the one before the batch when it holds none.
    package var lastLSN: LSN { LSN(firstLSN.value + UInt64(count) - 1) }
    package var nextLSN: LSN { LSN(firstLSN.value + UInt64(count)) }
    /// What the batch takes in a segment: header, payload, padding.
    package var paddedBytes: Int { (JournalFormat.headerBytes + payloadBytes).rounded(upTo: JournalFormat.block) }

    var paddingBytes: Int { paddedBytes - JournalFormat.headerBytes - payloadBytes }

    package func time(ofEvent index: Int) -> Timestamp { Timestamp(nanoseconds: baseTime.nanoseconds + Int64(index)) }

    package enum Decoded {
        case header(BatchHeader)
        /// A batch with a valid checksum, in a version that is not read.
        case unreadable(FormatFault)
        /// Anything else: zeroes, payload, damage.
        case none
    }

    /// Reads the first 192 bytes of `bytes` (fewer: none). What it returns passed its checksum and is within limits.
    package static func decode(_ bytes: UnsafeRawBufferPointer) -> Decoded {
        guard bytes.count >= JournalFormat.headerBytes else { return .none }
        let bytes = bytes.slice(0, JournalFormat.headerBytes)
        guard bytes.number(at: 0) == JournalFormat.batchMagic, bytes.slice(0, 188).crc32c == bytes.number(at: 188)
        else {
            return .none
        }
        if let fault = JournalFormat.batch.objection(to: bytes) { return .unreadable(fault) }
        let payloadBytes: UInt32 = bytes.number(at: 76)
        let count: UInt32 = bytes.number(at: 72)
        guard payloadBytes <= JournalFormat.maximumPayload, Int(count) * 4 <= payloadBytes else { return .none }
        var header = BatchHeader(
            identity: LedgerIdentity(uuid: bytes.uuid(at: 8), shard: bytes.number(at: 80)),
            segment: bytes.number(at: 24), sequence: bytes.number(at: 40), firstLSN: LSN(bytes.number(at: 48)),
            durableThrough: LSN(bytes.number(at: 56)),
            baseTime: Timestamp(nanoseconds: bytes.number(at: 64)), count: Int(count), payloadBytes: Int(payloadBytes),
            previousChain: bytes.digest(at: 104))
        header.version = bytes.number(at: 4)
        header.flags = BatchFlags(rawValue: bytes[83])
        header.payloadChecksum = bytes.number(at: 84)
        header.booksSum = bytes.number(at: 88)
        return .header(header)
    }

    /// Writes 192 bytes.
    package func encode(into bytes: UnsafeMutableRawBufferPointer) {
        let bytes = bytes.slice(0, JournalFormat.headerBytes)
        bytes.zero()
        bytes.store(JournalFormat.batchMagic, at: 0)
        JournalFormat.batch.stamp(bytes)
        bytes.store(identity.uuid, at: 8)
        bytes.store(segment, at: 24)
        bytes.store(sequence, at: 40)
        bytes.store(firstLSN.value, at: 48)
        bytes.store(durableThrough.value, at: 56)
        bytes.store(baseTime.nanoseconds, at: 64)
        bytes.store(UInt32(count), at: 72)
        bytes.store(UInt32(payloadBytes), at: 76)
        bytes.store(identity.shard, at: 80)
        bytes.store(flags.rawValue, at: 83)
        bytes.store(payloadChecksum, at: 84)
        bytes.store(booksSum, at: 88)
        bytes.store(previousChain, at: 104)
        bytes.store(UnsafeRawBufferPointer(bytes).slice(0, 188).crc32c, at: 188)
    }

    /// Takes the checksum of a payload and of the zeroes behind it.
    mutating func cover(_ payload: UnsafeRawBufferPointer) {
        precondition(payload.count == payloadBytes, "a header describes another payload")
        payloadChecksum = checksum(of: payload)
    }

    /// Checks a payload whose padding was left out against the checksum that covers both.
    func payloadMatches(_ payload: UnsafeRawBufferPointer) -> Bool { checksum(of: payload) == payloadChecksum }

    private func checksum(of payload: UnsafeRawBufferPointer) -> UInt32 {
        withUnsafeTemporaryAllocation(byteCount: max(paddingBytes, 1), alignment: 8) { zeroes in
            zeroes.zero()
            return UnsafeRawBufferPointer(zeroes).slice(0, paddingBytes).crc32c(continuing: payload.crc32c)
        }
    }

    /// The hash that names this batch and everything before it.
    static func chainHash(header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) -> Digest256 {
        var stream = SHA256Stream()
        stream.update(header)
        stream.update(payload)
        return stream.finish()
    }
}

// MARK: - Events inside a payload

/// Walks the `[length][event]` pairs of a payload. Believes no length that leaves the payload.
package struct EventCursor {
    package let payload: UnsafeRawBufferPointer
    package private(set) var offset = 0

    package init(_ payload: UnsafeRawBufferPointer) { self.payload = payload }

    package var isAtEnd: Bool { offset == payload.count }

    /// The next event; nil at the end, and where a length does not fit (then `isAtEnd` is false).
    package mutating func next() -> UnsafeRawBufferPointer? {
        guard payload.count - offset >= 4 else { return nil }
        let length = Int(payload.number(at: offset, as: UInt32.self))
        guard length <= payload.count - offset - 4 else { return nil }
        defer { offset += 4 + length }
        return payload.slice(offset + 4, length)
    }

    /// Whether a payload is exactly `count` events, nothing missing and nothing left.
    static func tiles(_ payload: UnsafeRawBufferPointer, count: Int) -> Bool {
        var cursor = EventCursor(payload)
        for _ in 0..<count where cursor.next() == nil { return false }
        return cursor.isAtEnd
    }
}

// MARK: - Segment header

package struct SegmentHeader: Equatable, Sendable {
    package var identity: LedgerIdentity
    package var number: UInt64
    package var firstLSN: LSN
    package var firstSequence: UInt64
    package var previousChain: Digest256
    package var capacity: Int

    package enum Decoded {
        case header(SegmentHeader)
        case unreadable(FormatFault)
        case none
    }

    /// Reads one block.
    package static func decode(_ bytes: UnsafeRawBufferPointer) -> Decoded {
        guard bytes.count >= JournalFormat.block else { return .none }
        let bytes = bytes.slice(0, JournalFormat.block)
        guard bytes.number(at: 0) == JournalFormat.segmentMagic, bytes.slice(0, 4092).crc32c == bytes.number(at: 4092)
        else {
            return .none
        }
        if let fault = JournalFormat.segment.objection(to: bytes) { return .unreadable(fault) }
        guard let capacity = Int(exactly: bytes.number(at: 88, as: UInt64.self)) else { return .none }
        return .header(
            SegmentHeader(
                identity: LedgerIdentity(uuid: bytes.uuid(at: 8), shard: bytes.number(at: 80)),
                number: bytes.number(at: 24), firstLSN: LSN(bytes.number(at: 32)), firstSequence: bytes.number(at: 40),
                previousChain: bytes.digest(at: 48), capacity: capacity))
    }

    /// One block.
    package func encoded() -> [UInt8] {
        [UInt8](record: JournalFormat.block) { bytes in
            bytes.store(JournalFormat.segmentMagic, at: 0)
            JournalFormat.segment.stamp(bytes)
            bytes.store(identity.uuid, at: 8)
            bytes.store(number, at: 24)
            bytes.store(firstLSN.value, at: 32)
            bytes.store(firstSequence, at: 40)
            bytes.store(previousChain, at: 48)
            bytes.store(identity.shard, at: 80)
            bytes.store(UInt64(capacity), at: 88)
            bytes.store(UnsafeRawBufferPointer(bytes).slice(0, 4092).crc32c, at: 4092)
        }
    }
}
