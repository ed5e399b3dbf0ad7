internal import CIntrinsics

/// A key that can find its place in a ``HashIndex``: `spread` must be well mixed over all 64 bits.
protocol IndexKey: Comparable, Hashable, Sendable {
    var spread: UInt64 { get }
    static var vacant: Self { get }
}

extension Hash128: IndexKey {
    var spread: UInt64 { low }  // already the output of a keyed hash
    static var vacant: Hash128 { .zero }
}

extension UInt64: IndexKey {
    /// Keys that the ledger itself numbered (LSNs, passport ids): a fixed mix is enough, nobody outside chooses them.
    /// Finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
    var spread: UInt64 {
        var z = self &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
    static var vacant: UInt64 { 0 }
}

/// Open addressing with linear probing, in 256 segments that grow one at a time, so that no insertion pays for moving
/// the whole table. Load at most 4/5; a segment that is full grows by a quarter, so that on average a key has 1.4
/// places, where doubling at such a load would have 1.8. Segments begin at different sizes: hashes fill them evenly,
/// and all of the same size would grow at the same time. Removal shifts back what follows: no tombstones.
/// `Key.vacant` cannot be a key.
///
/// Whoever goes through it sorts what is found, a segment or all of it: no order that follows the hash ever decides
/// what is recorded. So a rollback restores what each key stood for, and not where in a segment it lay.
struct HashIndex<Key: IndexKey>: ~Copyable {
    private struct Change {
        var key: Key
        /// None: the key was not there.
        var old: UInt64?
    }

    private var segments = ContiguousArray((0..<256).map { IndexSegment<Key>(first: 32 + UInt32($0 & 7)) })
    private(set) var count = 0
    private var undo = UndoLog<Change>()
    /// What ``setLater(_:_:)`` took, by segment, in its order; empty where it took nothing.
    private var late: [ContiguousArray<IndexEntry<Key>>] = []
    private var lateCount = 0
    /// While a capture is under way.
    private var capture: EntriesBefore<Key>?

    subscript(key: Key) -> UInt64? {
        assert(late.isEmpty, "an index was asked before it was settled")
        // The vacant key would "find" the first empty entry: nobody has it.
        guard key != .vacant else { return nil }
        let spread = key.spread
        return segments[Int(spread >> 56)].find(key, spread)
    }

    /// Asks the processor for the place where a key will be looked for.
    @inline(__always)
    func prefetch(_ key: Key) {
        let spread = key.spread
        segments[Int(spread >> 56)].prefetch(spread)
    }

    /// Inserts or replaces. Traps on the vacant key.
    mutating func set(_ key: Key, _ value: UInt64) {
        let old = store(key, value)
        if undo.isOpen { undo.note(Change(key: key, old: old)) }
    }

    mutating func remove(_ key: Key) {
        let old = erase(key)
        if undo.isOpen, old != nil { undo.note(Change(key: key, old: old)) }
    }

    // MARK: Many at once

    /// As `set`, for loads of many keys at once: they are not found until ``settle()``. In between, the index is not to
    /// be asked. No savepoint is open.
    mutating func setLater(_ key: Key, _ value: UInt64) {
        precondition(key != .vacant && !undo.isOpen, "a key cannot be stored later")
        if late.isEmpty { late = Array(repeating: [], count: Self.segmentCount) }
        late[Int(key.spread >> 56)].append(IndexEntry(key: key, value: value))
        lateCount += 1
        // Sixteen megabytes and more are not kept for long.
        if lateCount == 1 << 20 { settle() }
    }

    /// Stores what ``setLater(_:_:)`` took, segment by segment: each is small enough for a near cache while its keys
    /// come, where keys in any order miss every cache each time. A segment grows once.
    mutating func settle() {
        guard lateCount > 0 else { return }
        for number in 0..<Self.segmentCount {
            // The memory of one serves the next segments.
            var part: ContiguousArray<IndexEntry<Key>> = []
            swap(&part, &late[number])
            segments[number].reserve(part.count)
            for entry in part where segments[number].set(entry.key, entry.key.spread, entry.value) == nil {
                count += 1
            }
        }
        (late, lateCount) = ([], 0)
    }

    /// All entries, sorted by key.
    func sorted() -> [(key: Key, value: UInt64)] {
        var all: [(key: Key, value: UInt64)] = []
        all.reserveCapacity(count)
        for segment in segments {
            for entry in segment.entries where entry.key != .vacant { all.append((entry.key, entry.value)) }
        }
        all.sort { $0.key < $1.key }
        return all
    }

    /// Returns what the key stood for until now.
    @inline(__always)
    private mutating func store(_ key: Key, _ value: UInt64) -> UInt64? {
        precondition(key != .vacant, "the vacant key was to be stored")
        let spread = key.spread
        let number = Int(spread >> 56)
        let old = segments[number].set(key, spread, value)
        if let capture { capture.keep(number, key, old) }
        if old == nil { count += 1 }
        return old
    }

    /// Returns what the key stood for until now.
    private mutating func erase(_ key: Key) -> UInt64? {
        guard key != .vacant else { return nil }
        let spread = key.spread
        let number = Int(spread >> 56)
        let old = segments[number].remove(key, spread)
        if let capture, old != nil { capture.keep(number, key, old) }
        if old != nil { count -= 1 }
        return old
    }
}

// MARK: - Capturing

extension HashIndex {
    static var segmentCount: Int { 256 }

    /// From here on ``captured(segment:)`` finds what is in here now.
    mutating func beginCapture() {
        precondition(capture == nil && late.isEmpty, "a capture cannot begin now")
        capture = EntriesBefore()
    }

    /// A segment as it was when the capture began, once; as it is, while none is under way. Cost: its copy, so that
    /// nothing is copied when it changes.
    func captured(segment number: Int) -> IndexEntries<Key> {
        let entries = segments[number].entries.withUnsafeBufferPointer { ContiguousArray($0) }
        return IndexEntries(entries: entries, before: capture?.take(number) ?? [:])
    }

    mutating func endCapture() { capture = nil }
}

/// What keys stood for when a capture began: those that were changed since, in segments that it has not taken. A table
/// for each segment, so that none grows large.
private final class EntriesBefore<Key: IndexKey> {
    private var kept = ContiguousArray<[Key: UInt64?]>(repeating: [:], count: 256)
    private var isTaken = ContiguousArray(repeating: false, count: 256)

    /// `old`: nil where the key was not there.
    func keep(_ number: Int, _ key: Key, _ old: UInt64?) {
        guard !isTaken[number], kept[number].index(forKey: key) == nil else { return }
        kept[number].updateValue(old, forKey: key)
    }

    func take(_ number: Int) -> [Key: UInt64?] {
        isTaken[number] = true
        defer { kept[number] = [:] }
        return kept[number]
    }
}

/// What a segment held: what it holds, in no meaningful order, vacant places included, but for the keys in `before`.
struct IndexEntries<Key: IndexKey>: Sendable {
    fileprivate let entries: ContiguousArray<IndexEntry<Key>>
    fileprivate let before: [Key: UInt64?]

    /// With the vacant places.
    var count: Int { entries.count }

    func sorted() -> [(key: Key, value: UInt64)] {
        var all: [(key: Key, value: UInt64)] = []
        for entry in entries where entry.key != .vacant && before.index(forKey: entry.key) == nil {
            all.append((entry.key, entry.value))
        }
        for case (let key, let old?) in before { all.append((key, old)) }
        all.sort { $0.key < $1.key }
        return all
    }
}

private struct IndexEntry<Key: IndexKey>: Sendable {
    var key: Key
    var value: UInt64
    static var vacant: IndexEntry { IndexEntry(key: .vacant, value: 0) }
}

extension HashIndex: Undoable {
    mutating func openSavepoint() -> Int { undo.open() }
    mutating func closeSavepoint() { undo.close() }

    mutating func rollBack(to mark: Int) {
        while let change = undo.takeBack(to: mark) {
            if let old = change.old { _ = store(change.key, old) } else { _ = erase(change.key) }
        }
    }
}

/// The keys whose spread begins with the same eight bits. The spread's last 32 bits name a key's home, as a fraction of
/// the segment; the key lies there or behind it with no vacant place between, and the first place is behind the last.
private struct IndexSegment<Key: IndexKey>: ProbedSegment {
    typealias Entry = IndexEntry<Key>

    private(set) var entries: ContiguousArray<Entry> = []
    private var count: UInt32 = 0
    let first: UInt32
    var places: Int { entries.count }

    init(first: UInt32) { self.first = first }

    @inline(__always)
    func find(_ key: Key, _ spread: UInt64) -> UInt64? {
        guard !entries.isEmpty else { return nil }
        var place = home(spread)
        while true {
            let entry = entries[place]
            if entry.key == key { return entry.value }
            if entry.key == .vacant { return nil }
            place = next(place)
        }
    }

    @inline(__always)
    func prefetch(_ spread: UInt64) {
        entries.withUnsafeBufferPointer { if let base = $0.baseAddress { florin_prefetch(base + home(spread)) } }
    }

    @inline(__always)
    mutating func set(_ key: Key, _ spread: UInt64, _ value: UInt64) -> UInt64? {
        if isFull(Int(count), of: entries.count) { grow(to: larger(entries.count)) }
        var place = home(spread)
        while entries[place].key != .vacant {
            if entries[place].key == key {
                let old = entries[place].value
                entries[place].value = value
                return old
            }
            place = next(place)
        }
        entries[place] = Entry(key: key, value: value)
        count += 1
        return nil
    }

    mutating func remove(_ key: Key, _ spread: UInt64) -> UInt64? {
        guard !entries.isEmpty else { return nil }
        var hole = home(spread)
        while entries[hole].key != key {
            if entries[hole].key == .vacant { return nil }
            hole = next(hole)
        }
        let old = entries[hole].value
        // Backward shift (Knuth, TAOCP 6.4, Algorithm R): pull forward every later entry that may stand here.
        var place = next(hole)
        while entries[place].key != .vacant {
            if distance(from: home(entries[place].key.spread), to: place) >= distance(from: hole, to: place) {
                entries[hole] = entries[place]
                hole = place
            }
            place = next(place)
        }
        entries[hole] = .vacant
        count -= 1
        return old
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
        entries = ContiguousArray(repeating: .vacant, count: capacity)
        for entry in old where entry.key != .vacant {
            var place = home(entry.key.spread)
            while entries[place].key != .vacant { place = next(place) }
            entries[place] = entry
        }
    }

    @inline(__always)
    private func home(_ spread: UInt64) -> Int { home(ofFraction: spread & 0xFFFF_FFFF) }
}

/// The places of a segment of an index with linear probing, and how it grows: by a quarter, once four fifths are taken.
protocol ProbedSegment {
    /// Places that there are.
    var places: Int { get }
    /// Places that it begins with.
    var first: UInt32 { get }
}

extension ProbedSegment {
    /// Whether one more than `count` would be too many.
    @inline(__always)
    func isFull(_ count: Int, of capacity: Int) -> Bool { count * 5 >= capacity * 4 }

    func larger(_ capacity: Int) -> Int { capacity == 0 ? Int(first) : capacity + capacity / 4 }

    /// Room for `more` beside `count`.
    func capacity(for more: Int, beside count: Int) -> Int {
        var capacity = places
        while isFull(count + more - 1, of: capacity) { capacity = larger(capacity) }
        return capacity
    }

    /// `fraction`: 32 bits of a hash.
    @inline(__always)
    func home(ofFraction fraction: UInt64) -> Int {
        Int(truncatingIfNeeded: (fraction &* UInt64(truncatingIfNeeded: places)) >> 32)
    }

    /// The first place is behind the last.
    @inline(__always)
    func next(_ place: Int) -> Int { place + 1 == places ? 0 : place + 1 }

    @inline(__always)
    func distance(from home: Int, to place: Int) -> Int {
        place >= home ? place &- home : place &- home &+ places
    }
}
