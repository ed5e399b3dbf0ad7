internal import Glibc
internal import Synchronization

/// From a hash to a record's number, without locks: 256 segments chosen by the high bits, each an open-addressing table
/// of atomic words (32 bits of tag, number + 1) behind an atomic pointer. One writer; any number of readers.
///
/// A full segment is rehashed into a table of twice the size; the old one stays until the index goes, because a reader
/// may be inside (together they are as large as the newest). Nothing is ever removed: a ledger forgets no user and no
/// passport.
///
/// Unchecked Sendable: all shared words are atomics; `used` belongs to the writer.
final class ViewIndex: @unchecked Sendable {
    private static let segmentBits = 8
    private static let firstCapacity = 16

    private struct Table {
        let mask: Int
        let entries: UnsafeMutablePointer<Atomic<UInt64>>
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
            table.pointee.entries.deallocate()
            table.deallocate()
        }
        segments.deallocate()
    }

    /// The number under this hash for which `matches` holds (tags may collide; the record itself decides).
    @inline(__always) func find(_ hash: UInt64, _ matches: (Int) -> Bool) -> Int? {
        let address = segments[Int(hash >> 56)].load(ordering: .acquiring)
        guard address != 0 else { return nil }
        let table = UnsafePointer<Table>(bitPattern: address)!.pointee
        let tag = hash & 0xFFFF_FFFF_0000_0000
        var slot = Int(truncatingIfNeeded: hash) & table.mask
        while true {
            let entry = table.entries[slot].load(ordering: .acquiring)
            if entry == 0 { return nil }
            if entry & 0xFFFF_FFFF_0000_0000 == tag {
                let number = Int(entry & 0xFFFF_FFFF) - 1
                if matches(number) { return number }
            }
            slot = (slot + 1) & table.mask
        }
    }

    /// Publishes a number, whose record must be complete. `hashOf` gives the hash of a number inserted before. Writer
    /// only.
    func insert(_ hash: UInt64, _ number: Int, hashOf: (Int) -> UInt64) {
        let segment = Int(hash >> 56)
        var table = UnsafePointer<Table>(bitPattern: segments[segment].load(ordering: .relaxed))?.pointee
        if table == nil || (used[segment] + 1) * 8 > (table!.mask + 1) * 5 {
            table = grow(segment, from: table, hashOf)
        }
        put(hash, number, table!)
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
        let sorted = [(hash: UInt64, number: Int)](unsafeUninitializedCapacity: hashes.count) { buffer, count in
            for (number, hash) in hashes.enumerated() {
                let segment = Int(hash >> 56)
                buffer[next[segment]] = (hash, number)
                next[segment] += 1
            }
            count = hashes.count
        }
        for segment in 0..<1 << Self.segmentBits where ends[segment] < ends[segment + 1] {
            let part = sorted[ends[segment]..<ends[segment + 1]]
            var capacity = Self.firstCapacity
            while part.count * 8 > capacity * 5 { capacity *= 2 }
            let table = makeTable(capacity)
            for entry in part { put(entry.hash, entry.number, table) }
            used[segment] = part.count
            publish(table, segment)
        }
    }

    private func put(_ hash: UInt64, _ number: Int, _ table: Table) {
        var slot = Int(truncatingIfNeeded: hash) & table.mask
        while table.entries[slot].load(ordering: .relaxed) != 0 { slot = (slot + 1) & table.mask }
        table.entries[slot].store(hash & 0xFFFF_FFFF_0000_0000 | UInt64(number + 1), ordering: .releasing)
    }

    private func grow(_ segment: Int, from old: Table?, _ hashOf: (Int) -> UInt64) -> Table {
        let capacity = old.map { ($0.mask + 1) * 2 } ?? Self.firstCapacity
        let table = makeTable(capacity)
        if let old {
            for slot in 0...old.mask {
                let entry = old.entries[slot].load(ordering: .relaxed)
                if entry != 0 {
                    let number = Int(entry & 0xFFFF_FFFF) - 1
                    put(hashOf(number), number, table)
                }
            }
        }
        publish(table, segment)
        return table
    }

    private func makeTable(_ capacity: Int) -> Table {
        let entries = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: capacity)
        for index in 0..<capacity { (entries + index).initialize(to: Atomic(0)) }
        return Table(mask: capacity - 1, entries: entries)
    }

    private func publish(_ table: Table, _ segment: Int) {
        let pointer = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        pointer.initialize(to: table)
        tables.append(pointer)
        segments[segment].store(UInt(bitPattern: pointer), ordering: .releasing)
    }
}
