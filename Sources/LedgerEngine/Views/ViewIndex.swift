internal import Synchronization

/// From a hash to a record's number, without locks: 256 segments chosen by the first eight bits, each a table with open
/// addressing of atomic words (32 bits of tag, number + 1) behind an atomic pointer. One writer; any number of readers.
/// The tag, the 32 bits behind the first eight, is also a record's home as a fraction of its table, so that a table
/// grows without a look at the records.
///
/// A full segment goes over into a larger table: of twice the size while that is less than a page, then by a quarter.
/// A reader may still be in the old one. So its address stays until the index goes, and only its memory is given back:
/// who reads there finds nothing, and looks whether there is a newer table by now. Nothing is ever removed: a ledger
/// forgets no user and no passport.
///
/// Unchecked Sendable: all shared words are atomics; `used` and `tables` belong to the writer.
final class ViewIndex: @unchecked Sendable {
    private static let segmentBits = 8
    private static let tagMask: UInt64 = 0xFFFF_FFFF_0000_0000

    private struct Table {
        let capacity: Int
        let entries: UnsafeMutablePointer<Atomic<UInt64>>

        init(capacity: Int) {
            self.capacity = capacity
            if Self.isMapped(capacity) {
                entries = ZeroedPages.map(Self.bytes(capacity), for: "the read views")
                    .assumingMemoryBound(to: Atomic<UInt64>.self)
            } else {
                entries = .allocate(capacity: capacity)
                for index in 0..<capacity { (entries + index).initialize(to: Atomic(0)) }
            }
        }

        func deallocate() {
            if Self.isMapped(capacity) {
                ZeroedPages.unmap(entries, Self.bytes(capacity))
            } else {
                entries.deallocate()
            }
        }

        /// Of a table that has a successor. A small one stays as it is: all of them are as large as the newest small
        /// one.
        func release() {
            if Self.isMapped(capacity) { ZeroedPages.release(entries, Self.bytes(capacity)) }
        }

        static func bytes(_ capacity: Int) -> Int { capacity * MemoryLayout<UInt64>.stride }
        static func isMapped(_ capacity: Int) -> Bool { bytes(capacity) >= ZeroedPages.size }

        @inline(__always) func home(_ tag: UInt64) -> Int {
            Int(truncatingIfNeeded: ((tag >> 32) &* UInt64(truncatingIfNeeded: capacity)) >> 32)
        }
        @inline(__always) func next(_ place: Int) -> Int { place + 1 == capacity ? 0 : place + 1 }

        /// There is room.
        func put(_ entry: UInt64) {
            var place = home(entry & ViewIndex.tagMask)
            while entries[place].load(ordering: .relaxed) != 0 { place = next(place) }
            entries[place].store(entry, ordering: .releasing)
        }

        /// Whether one more than `count` would be too many: at most four fifths are taken.
        static func isFull(_ count: Int, of capacity: Int) -> Bool { count * 5 >= capacity * 4 }

        /// Segments begin at different sizes: hashes fill them evenly, and all would grow at the same time.
        static func larger(_ capacity: Int, segment: Int) -> Int {
            if capacity == 0 { return 16 + 2 * (segment & 7) }
            return isMapped(capacity) ? capacity + capacity / 4 : capacity * 2
        }
    }

    private let segments: UnsafeMutablePointer<Atomic<UInt>>
    private var used = [Int](repeating: 0, count: 1 << segmentBits)
    private var tables: [UnsafeMutablePointer<Table>] = []

    init() {
        segments = .allocate(capacity: 1 << Self.segmentBits)
        for index in 0..<1 << Self.segmentBits { (segments + index).initialize(to: Atomic(0)) }
    }

    deinit {
        for table in tables {
            table.pointee.deallocate()
            table.deallocate()
        }
        segments.deallocate()
    }

    /// The number under this hash for which `matches` holds (tags may collide; the record itself decides).
    @inline(__always) func find(_ hash: UInt64, _ matches: (Int) -> Bool) -> Int? {
        var address = segments[Int(hash >> 56)].load(ordering: .acquiring)
        let tag = Self.tag(hash)
        while address != 0 {
            let table = UnsafePointer<Table>(bitPattern: address)!.pointee
            var place = table.home(tag)
            while true {
                let entry = table.entries[place].load(ordering: .acquiring)
                if entry == 0 { break }
                if entry & Self.tagMask == tag {
                    let number = Int(entry & 0xFFFF_FFFF) - 1
                    if matches(number) { return number }
                }
                place = table.next(place)
            }
            // Nothing found may mean that the memory is gone, and then the newer table was there before.
            let newest = segments[Int(hash >> 56)].load(ordering: .acquiring)
            if newest == address { return nil }
            address = newest
        }
        return nil
    }

    /// Publishes a number, whose record must be complete. Writer only.
    func insert(_ hash: UInt64, _ number: Int) {
        let segment = Int(hash >> 56)
        var table = UnsafePointer<Table>(bitPattern: segments[segment].load(ordering: .relaxed))?.pointee
        if Table.isFull(used[segment], of: table?.capacity ?? 0) { table = grow(segment, from: table) }
        table!.put(Self.entry(hash, number))
        used[segment] += 1
    }

    /// Publishes the numbers from 0 on under these hashes, into an index that is empty. Segment by segment, each of its
    /// final size: inserting one after the other would miss every cache each time. Writer only.
    func insertAll(_ hashes: [UInt64]) {
        precondition(tables.isEmpty, "an index was to be filled that is not empty")
        // An array of no capacity is the one that all threads share, and not to be written to.
        guard !hashes.isEmpty else { return }
        var ends = [Int](repeating: 0, count: (1 << Self.segmentBits) + 1)
        for hash in hashes { ends[Int(hash >> 56) + 1] += 1 }
        for segment in 1..<ends.count { ends[segment] += ends[segment - 1] }
        var next = ends
        let sorted = [UInt64](unsafeUninitializedCapacity: hashes.count) { buffer, count in
            for (number, hash) in hashes.enumerated() {
                let segment = Int(hash >> 56)
                buffer[next[segment]] = Self.entry(hash, number)
                next[segment] += 1
            }
            count = hashes.count
        }
        for segment in 0..<1 << Self.segmentBits where ends[segment] < ends[segment + 1] {
            let part = sorted[ends[segment]..<ends[segment + 1]]
            var capacity = 0
            while Table.isFull(part.count - 1, of: capacity) { capacity = Table.larger(capacity, segment: segment) }
            let table = Table(capacity: capacity)
            for entry in part { table.put(entry) }
            used[segment] = part.count
            publish(table, segment)
        }
    }

    @inline(__always) private static func tag(_ hash: UInt64) -> UInt64 { hash << UInt64(segmentBits) & tagMask }
    private static func entry(_ hash: UInt64, _ number: Int) -> UInt64 { tag(hash) | UInt64(number + 1) }

    private func grow(_ segment: Int, from old: Table?) -> Table {
        let table = Table(capacity: Table.larger(old?.capacity ?? 0, segment: segment))
        if let old {
            for place in 0..<old.capacity {
                let entry = old.entries[place].load(ordering: .relaxed)
                if entry != 0 { table.put(entry) }
            }
        }
        publish(table, segment)
        old?.release()
        return table
    }

    private func publish(_ table: Table, _ segment: Int) {
        let pointer = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        pointer.initialize(to: table)
        tables.append(pointer)
        segments[segment].store(UInt(bitPattern: pointer), ordering: .releasing)
    }
}
