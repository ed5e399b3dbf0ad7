/// The events of one batch as they go to the journal, and what publishing needs to know afterwards. Owned and recycled
/// by the engine; the state machine appends.
package struct EventBatch: ~Copyable {
    private(set) var writer = EventWriter()
    package private(set) var count = 0
    package private(set) var firstLSN = LSN.none
    package private(set) var lastLSN = LSN.none
    package private(set) var baseTime = Timestamp.distantPast
    /// Users whose account changed, each at least once.
    package var touchedUsers: [UserOrdinal] = []
    package var touchedPassports: [PassportOrdinal] = []
    /// Where the flags of the last event lie, while its group is open.
    private var lastFlags = -1

    package init() {}

    package var isEmpty: Bool { count == 0 }
    /// Bytes so far, with four of length before each event.
    package var byteCount: Int { writer.count }
    /// `[UInt32 length, little-endian][event]…`; valid until the next change.
    package var bytes: UnsafeRawBufferPointer { writer.bytes }
    /// Keeps the bytes of this batch as long as somebody holds it.
    package var memory: BatchMemory { writer.memory }

    /// Empties the batch and keeps its capacity.
    package mutating func removeAll() {
        writer.removeAll()
        touchedUsers.removeAll(keepingCapacity: true)
        touchedPassports.removeAll(keepingCapacity: true)
        count = 0
        firstLSN = .none
        lastLSN = .none
        baseTime = .distantPast
        lastFlags = -1
    }

    /// Writes an event: its header, what `body` writes, and its after-image, in this order. The header is as it was
    /// afterwards; it is passed so because it is large, and coders read and write alike.
    mutating func append<Body: EventType>(
        _ header: inout EventHeader, _ body: consuming Body, _ image: AccountImage?
    ) -> EventReference {
        if count == 0 {
            firstLSN = header.lsn
            baseTime = header.time
        }
        precondition(count == 0 || header.lsn == lastLSN.next, "the events of a batch have a gap in their numbers")
        precondition(
            header.time.nanoseconds - baseTime.nanoseconds == Int64(count),
            "an event's time does not follow from its batch")
        lastLSN = header.lsn
        count += 1
        let start = writer.count
        for _ in 0..<4 { writer.byte(0) }
        lastFlags = start + 6
        header.write(Body.code, version: Body.version, to: &writer)
        writer.version = Body.version
        body.code(with: &writer)
        if var image { image.code(with: &writer) }
        let length = UInt32(writer.count - start - 4)
        writer.patch(length, at: start)
        if header.user != .none, touchedUsers.last != header.user { touchedUsers.append(header.user) }
        return EventReference(lsn: header.lsn, offset: UInt32(start + 4), length: length)
    }

    /// The event whose bytes begin at `start`, where the one before it ends; the batch's first ones do at 0.
    package func reference(to lsn: LSN, from start: Int) -> EventReference {
        let length = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        return EventReference(lsn: lsn, offset: UInt32(start + 4), length: length)
    }

    /// Marks the event that was appended last as its group's last.
    mutating func endGroup() {
        guard lastFlags >= 0 else { return }
        writer.setBits(UInt8(EventFlags.lastOfGroup.rawValue), at: lastFlags)
        lastFlags = -1
    }

    /// Where the batch ends now, to be taken back to.
    struct Mark {
        var count: Int
        var bytes: Int
        var lastLSN: LSN
        var users: Int
        var passports: Int
    }

    var mark: Mark {
        Mark(
            count: count, bytes: writer.count, lastLSN: lastLSN, users: touchedUsers.count,
            passports: touchedPassports.count)
    }

    /// Takes back everything since `mark`: a group that was not ended.
    mutating func cut(to mark: Mark) {
        writer.cut(to: mark.bytes)
        count = mark.count
        lastLSN = mark.lastLSN
        touchedUsers.removeSubrange(mark.users...)
        touchedPassports.removeSubrange(mark.passports...)
        lastFlags = -1
        if count == 0 { (firstLSN, baseTime) = (.none, .distantPast) }
    }
}
