/// A key that can find its place in a ``HashIndex``: `spread` must be well mixed over all 64 bits.
protocol IndexKey: Equatable, Comparable {
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
/// the whole table. Load at most 5/8. Removal shifts back what follows: no tombstones. `Key.vacant` cannot be a key.
///
/// `sorted()` is the only way through it: no order that follows the hash ever decides what is recorded.
struct HashIndex<Key: IndexKey>: ~Copyable {
    private struct Entry {
        var key: Key
        var value: UInt64
    }
    private struct Segment {
        var entries: ContiguousArray<Entry> = []
        var count = 0
    }
    private var segments = ContiguousArray(repeating: Segment(), count: 256)
    private(set) var count = 0

    subscript(key: Key) -> UInt64? {
        let spread = key.spread
        let segment = Int(spread >> 56)
        let size = segments[segment].entries.count
        // The vacant key would "find" the first empty entry: nobody has it, whoever may ask for it.
        guard size > 0, key != .vacant else { return nil }
        var place = Int(truncatingIfNeeded: spread) & (size - 1)
        while true {
            let entry = segments[segment].entries[place]
            if entry.key == key { return entry.value }
            if entry.key == .vacant { return nil }
            place = (place + 1) & (size - 1)
        }
    }

    /// Inserts or replaces.
    mutating func set(_ key: Key, _ value: UInt64) {
        precondition(key != .vacant, "the vacant key was to be stored")
        let spread = key.spread
        let segment = Int(spread >> 56)
        if segments[segment].count * 8 >= segments[segment].entries.count * 5 { grow(segment) }
        let size = segments[segment].entries.count
        var place = Int(truncatingIfNeeded: spread) & (size - 1)
        while segments[segment].entries[place].key != .vacant {
            if segments[segment].entries[place].key == key {
                segments[segment].entries[place].value = value
                return
            }
            place = (place + 1) & (size - 1)
        }
        segments[segment].entries[place] = Entry(key: key, value: value)
        segments[segment].count += 1
        count += 1
    }

    mutating func remove(_ key: Key) {
        let spread = key.spread
        let segment = Int(spread >> 56)
        let size = segments[segment].entries.count
        guard size > 0, key != .vacant else { return }
        var place = Int(truncatingIfNeeded: spread) & (size - 1)
        while segments[segment].entries[place].key != key {
            if segments[segment].entries[place].key == .vacant { return }
            place = (place + 1) & (size - 1)
        }
        // Backward shift (Knuth, TAOCP 6.4, Algorithm R): pull forward every later entry that may stand here.
        var hole = place
        var next = (hole + 1) & (size - 1)
        while segments[segment].entries[next].key != .vacant {
            let home = Int(truncatingIfNeeded: segments[segment].entries[next].key.spread) & (size - 1)
            if (next &- home) & (size - 1) >= (next &- hole) & (size - 1) {
                segments[segment].entries[hole] = segments[segment].entries[next]
                hole = next
            }
            next = (next + 1) & (size - 1)
        }
        segments[segment].entries[hole] = Entry(key: .vacant, value: 0)
        segments[segment].count -= 1
        count -= 1
    }

    private mutating func grow(_ segment: Int) {
        let old = segments[segment].entries
        let size = max(16, old.count * 2)
        var entries = ContiguousArray(repeating: Entry(key: .vacant, value: 0), count: size)
        for entry in old where entry.key != .vacant {
            var place = Int(truncatingIfNeeded: entry.key.spread) & (size - 1)
            while entries[place].key != .vacant { place = (place + 1) & (size - 1) }
            entries[place] = entry
        }
        segments[segment].entries = entries
    }

    /// All entries, sorted by key: the canonical order of a snapshot.
    func sorted() -> [(key: Key, value: UInt64)] {
        var all: [(key: Key, value: UInt64)] = []
        all.reserveCapacity(count)
        for segment in segments {
            for entry in segment.entries where entry.key != .vacant { all.append((entry.key, entry.value)) }
        }
        all.sort { $0.key < $1.key }
        return all
    }
}
