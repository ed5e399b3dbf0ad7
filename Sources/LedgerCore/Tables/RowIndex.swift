/// From a number that a row carries to the row's slot, in eight bytes a place: 32 bits of the number's spread, and the
/// slot. Whether a row that it finds carries the number, only the row says. Otherwise as ``HashIndex``: 256 segments,
/// linear probing, load at most 4/5, growth by a quarter, removal without tombstones.
///
/// The spread's first eight bits choose the segment, the 32 behind them are kept, and name the home as a fraction of
/// it: so a segment grows, and closes a gap, without a look at any row.
struct RowIndex<Row>: ~Copyable {
    private enum Change {
        case inserted(UInt64, Slot<Row>)
        case removed(UInt64, Slot<Row>)
    }

    private var segments = ContiguousArray((0..<256).map { RowSegment(first: 32 + UInt32($0 & 7)) })
    private(set) var count = 0
    private var undo = UndoLog<Change>()
    /// What ``insertLater(_:_:)`` took, by segment.
    private var late: [ContiguousArray<UInt64>] = []
    private var lateCount = 0

    /// The row that carries the number. `carries` is asked about live rows only, mostly about no other than that one.
    @inline(__always)
    func find(_ number: UInt64, _ carries: (Slot<Row>) -> Bool) -> Slot<Row>? {
        assert(late.isEmpty, "an index was asked before it was settled")
        let spread = number.spread
        return segments[Self.segment(spread)].find(spread) { carries(Slot(index: $0)) }.map { Slot(index: $0) }
    }

    /// No other row that is in here carries the number.
    mutating func insert(_ number: UInt64, _ slot: Slot<Row>) {
        store(number, slot)
        if undo.isOpen { undo.note(.inserted(number, slot)) }
    }

    /// Traps where the row is not in here.
    mutating func remove(_ number: UInt64, _ slot: Slot<Row>) {
        erase(number, slot)
        if undo.isOpen { undo.note(.removed(number, slot)) }
    }

    private mutating func store(_ number: UInt64, _ slot: Slot<Row>) {
        let spread = number.spread
        segments[Self.segment(spread)].insert(RowSegment.entry(spread, slot.index))
        count += 1
    }

    private mutating func erase(_ number: UInt64, _ slot: Slot<Row>) {
        let spread = number.spread
        segments[Self.segment(spread)].remove(RowSegment.entry(spread, slot.index))
        count -= 1
    }

    // MARK: Many at once

    /// As `insert`, for loads of many rows at once: they are not found until ``settle()``, see
    /// ``HashIndex/setLater(_:_:)``.
    mutating func insertLater(_ number: UInt64, _ slot: Slot<Row>) {
        precondition(!undo.isOpen, "a row cannot be stored later")
        let spread = number.spread
        if late.isEmpty { late = Array(repeating: [], count: segments.count) }
        late[Self.segment(spread)].append(RowSegment.entry(spread, slot.index))
        lateCount += 1
        if lateCount == 1 << 20 { settle() }
    }

    mutating func settle() {
        guard lateCount > 0 else { return }
        for number in segments.indices {
            // The memory of one serves the next segments.
            var part: ContiguousArray<UInt64> = []
            swap(&part, &late[number])
            segments[number].reserve(part.count)
            for entry in part { segments[number].insert(entry) }
        }
        count += lateCount
        (late, lateCount) = ([], 0)
    }

    /// Every row in here, by slot.
    func sorted() -> [Slot<Row>] { segments.flatMap(\.slots).sorted().map { Slot(index: $0) } }

    @inline(__always) private static func segment(_ spread: UInt64) -> Int { Int(spread >> 56) }
}

extension RowIndex: Undoable {
    mutating func openSavepoint() -> Int { undo.open() }
    mutating func closeSavepoint() { undo.close() }

    mutating func rollBack(to mark: Int) {
        while let change = undo.takeBack(to: mark) {
            switch change {
            case .inserted(let number, let slot): erase(number, slot)
            case .removed(let number, let slot): store(number, slot)
            }
        }
    }
}

/// Entries of one segment: the tag above, the slot and one below; 0 is vacant. An entry lies at its home or behind it
/// with no vacant place between, and the first place is behind the last.
private struct RowSegment: ProbedSegment {
    private var entries: ContiguousArray<UInt64> = []
    private var count: UInt32 = 0
    let first: UInt32
    var places: Int { entries.count }

    private static let tagMask: UInt64 = 0xFFFF_FFFF_0000_0000

    init(first: UInt32) { self.first = first }

    @inline(__always)
    static func entry(_ spread: UInt64, _ slot: Int32) -> UInt64 {
        spread << 8 & tagMask | UInt64(UInt32(bitPattern: slot)) + 1
    }

    var slots: [Int32] { entries.filter { $0 != 0 }.map(Self.slot) }

    @inline(__always)
    private static func slot(_ entry: UInt64) -> Int32 { Int32(truncatingIfNeeded: entry & 0xFFFF_FFFF) - 1 }

    @inline(__always)
    func find(_ spread: UInt64, _ carries: (Int32) -> Bool) -> Int32? {
        guard !entries.isEmpty else { return nil }
        let tag = spread << 8 & Self.tagMask
        var place = home(tag)
        while entries[place] != 0 {
            let entry = entries[place]
            if entry & Self.tagMask == tag, carries(Self.slot(entry)) { return Self.slot(entry) }
            place = next(place)
        }
        return nil
    }

    mutating func insert(_ entry: UInt64) {
        if isFull(Int(count), of: entries.count) { grow(to: larger(entries.count)) }
        put(entry)
        count += 1
    }

    private mutating func put(_ entry: UInt64) {
        var place = home(entry)
        while entries[place] != 0 { place = next(place) }
        entries[place] = entry
    }

    mutating func remove(_ entry: UInt64) {
        precondition(!entries.isEmpty, "a row was to leave an index in which it is not")
        var hole = home(entry)
        while entries[hole] != entry {
            precondition(entries[hole] != 0, "a row was to leave an index in which it is not")
            hole = next(hole)
        }
        // Backward shift, as in ``HashIndex``.
        var place = next(hole)
        while entries[place] != 0 {
            if distance(from: home(entries[place]), to: place) >= distance(from: hole, to: place) {
                entries[hole] = entries[place]
                hole = place
            }
            place = next(place)
        }
        entries[hole] = 0
        count -= 1
    }

    /// Makes room for so many more.
    mutating func reserve(_ more: Int) {
        guard more > 0 else { return }
        let capacity = capacity(for: more, beside: Int(count))
        if capacity > entries.count { grow(to: capacity) }
    }

    @inline(never)
    private mutating func grow(to capacity: Int) {
        let old = entries
        entries = ContiguousArray(repeating: 0, count: capacity)
        for entry in old where entry != 0 { put(entry) }
    }

    @inline(__always)
    private func home(_ entry: UInt64) -> Int { home(ofFraction: entry >> 32) }
}
