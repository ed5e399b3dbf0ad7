/// The events of one batch as they go to the journal, and what publishing needs to know afterwards. Owned and recycled
/// by the engine; the state machine appends.
package struct EventBatch: Sendable {
    /// The one reference to the buffer: were it handed from variable to variable, an append would copy the whole batch.
    private var writer = ByteWriter()
    /// `[UInt32 length, little-endian][event]…`
    package var bytes: [UInt8] { _read { yield writer.output } }
    package private(set) var count = 0
    package private(set) var firstLSN = LSN.none
    package private(set) var lastLSN = LSN.none
    package private(set) var baseTime = Timestamp.distantPast
    /// Users whose account changed, each at least once.
    package var touchedUsers: [UserOrdinal] = []
    package var touchedPassports: [PassportOrdinal] = []

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// Empties the batch and keeps its capacity.
    package mutating func removeAll() {
        writer.output.removeAll(keepingCapacity: true)
        touchedUsers.removeAll(keepingCapacity: true)
        touchedPassports.removeAll(keepingCapacity: true)
        count = 0
        firstLSN = .none
        lastLSN = .none
        baseTime = .distantPast
    }

    package mutating func append(_ event: inout Event) {
        if count == 0 {
            firstLSN = event.lsn
            baseTime = event.time
        }
        precondition(count == 0 || event.lsn == lastLSN.next, "the events of a batch have a gap in their numbers")
        lastLSN = event.lsn
        count += 1
        let start = writer.output.count
        for _ in 0..<4 { writer.output.append(0) }
        event.code(with: &writer)
        let length = UInt32(writer.output.count - start - 4)
        for index in 0..<4 { writer.output[start + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
        if event.user != .none, touchedUsers.last != event.user { touchedUsers.append(event.user) }
    }
}

/// What a rule said to a ``PriceQuery``, as the engine hands it to `decide`.
package enum PriceInput: Sendable {
    case none
    case priced(Priced)
    case failed(String)
}
