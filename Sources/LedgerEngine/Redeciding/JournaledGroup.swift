internal import Glibc
internal import LedgerCore
internal import LedgerStorage

/// What one command, one start or one timer gave, as the journal has it.
struct JournaledGroup {
    private(set) var events: [Event] = []
    /// The same events as they lie there, one behind the other.
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    var first: Event { events[0] }
    var time: Timestamp { events[0].time }
    var end: Timestamp { events[events.count - 1].time }
    var isOfTimers: Bool { events[0].origin.isTimer }
    /// Fired ahead of what was due to others before.
    var isAhead: Bool { events[0].origin == .timerAhead }
    /// Its last event is there.
    var isWhole: Bool { events.last?.isLastOfGroup ?? false }

    mutating func append(_ event: Event, _ raw: UnsafeRawBufferPointer) {
        events.append(event)
        bytes.append(contentsOf: raw)
        ends.append(bytes.count)
    }

    mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    /// The bytes of one event are valid during the call.
    func withBytes<R>(of index: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let start = index == 0 ? 0 : ends[index - 1]
        return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<ends[index]])) }
    }
}

/// Events that were decided anew, as they would lie in a journal, to be taken one by one.
struct DecidedEvents {
    private var bytes: [UInt8] = []
    private var places: [Range<Int>] = []
    private var first = LSN.none
    private var time = Timestamp.distantPast
    private var taken = 0

    var isEmpty: Bool { taken == places.count }
    /// With those that were taken.
    var count: Int { places.count }
    /// Of the next one.
    var nextLSN: LSN { LSN(first.value + UInt64(taken)) }

    /// Takes over what a batch holds, in the place of what was not taken.
    mutating func fill(from batch: borrowing EventBatch) {
        bytes.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        (first, time, taken) = (batch.firstLSN, batch.baseTime, 0)
        bytes.append(contentsOf: batch.bytes)
        var start = 0
        for _ in 0..<batch.count {
            let length = bytes.withUnsafeBytes { raw in
                Int(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
            }
            places.append(start + 4..<start + 4 + length)
            start += 4 + length
        }
    }

    /// Whether the next one is this, byte for byte.
    func isNext(_ recorded: UnsafeRawBufferPointer) -> Bool { !isEmpty && isEqual(taken, to: recorded) }

    /// As that, of one by its place.
    func isEqual(_ index: Int, to recorded: UnsafeRawBufferPointer) -> Bool {
        guard places[index].count == recorded.count, let start = recorded.baseAddress else { return false }
        return bytes.withUnsafeBytes {
            memcmp($0.baseAddress! + places[index].lowerBound, start, recorded.count) == 0
        }
    }

    mutating func skip() { taken += 1 }

    /// There is one.
    mutating func takeNext() -> Event {
        let place = places[taken]
        let lsn = nextLSN
        let time = Timestamp(nanoseconds: time.nanoseconds + Int64(taken))
        taken += 1
        return bytes.withUnsafeBytes { raw in
            do throws(StateError) {
                return try Event(decoding: UnsafeRawBufferPointer(rebasing: raw[place]), lsn: lsn, time: time)
            } catch {
                preconditionFailure("an event of our own cannot be read: \(error)")
            }
        }
    }
}
