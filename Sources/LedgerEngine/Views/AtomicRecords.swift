internal import CIntrinsics
internal import Synchronization

/// Records of a fixed number of atomic words, by number, in chunks that never move and begin at a page: a holder of a
/// pointer may read through it for as long as the store lives.
///
/// Unchecked Sendable: every word that two threads can reach is an `Atomic`, the directory's pointers included; a chunk
/// is complete (all zeroes) before a compare-and-exchange publishes it, and freed by `deinit` only.
final class AtomicRecords: @unchecked Sendable {
    typealias Record = UnsafeMutablePointer<Atomic<UInt64>>

    private static let chunkBits = 14
    private static let chunkRecords = 1 << chunkBits
    private static let directoryCount = 1 << 16
    private static let directoryBytes = directoryCount * MemoryLayout<UInt>.stride
    private let words: Int
    private let directory: UnsafeMutablePointer<Atomic<UInt>>

    init(words: Int) {
        self.words = words
        directory = ZeroedPages.map(Self.directoryBytes, for: "the read views")
            .assumingMemoryBound(to: Atomic<UInt>.self)
    }

    deinit {
        for index in 0..<Self.directoryCount {
            let address = directory[index].load(ordering: .acquiring)
            if address != 0 { ZeroedPages.unmap(UnsafeMutableRawPointer(bitPattern: address)!, chunkBytes) }
        }
        ZeroedPages.unmap(directory, Self.directoryBytes)
    }

    /// nil: nothing near this number was ever made.
    @inline(__always) func existing(_ index: Int) -> Record? {
        let address = directory[index >> Self.chunkBits].load(ordering: .acquiring)
        guard address != 0 else { return nil }
        return Self.record(in: address, index & (Self.chunkRecords - 1), words)
    }

    /// The record, all zeroes at first. Any thread.
    func record(_ index: Int) -> Record {
        precondition(index >> Self.chunkBits < Self.directoryCount, "the read views are full: a billion records")
        if let record = existing(index) { return record }
        let fresh = ZeroedPages.map(chunkBytes, for: "the read views")
        let (won, _) = directory[index >> Self.chunkBits].compareExchange(
            expected: 0, desired: UInt(bitPattern: fresh), ordering: .acquiringAndReleasing)
        if !won { ZeroedPages.unmap(fresh, chunkBytes) }
        return existing(index)!
    }

    /// Makes the records before this number ready to be written: the system clears their pages now, for as long as
    /// `isWanted` says so. Any thread.
    func reserve(_ count: Int, while isWanted: () -> Bool) {
        for first in stride(from: 0, to: count, by: Self.chunkRecords) where isWanted() {
            let records = min(count - first, Self.chunkRecords)
            florin_populate(record(first), records * words * MemoryLayout<UInt64>.stride)
        }
    }

    private var chunkBytes: Int { Self.chunkRecords * words * MemoryLayout<UInt64>.stride }

    @inline(__always) private static func record(in chunk: UInt, _ index: Int, _ words: Int) -> Record {
        UnsafeMutableRawPointer(bitPattern: chunk)!.assumingMemoryBound(to: Atomic<UInt64>.self) + index * words
    }
}

/// A record whose first word is a sequence lock: odd while it is being written, 0 before the first time. One writer at
/// a time (the one that commits); readers retry.
enum SeqLock {
    @inline(__always) static func write(_ record: AtomicRecords.Record, _ body: (AtomicRecords.Record) -> Void) {
        let version = record[0].load(ordering: .relaxed)
        record[0].store(version &+ 1, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)
        body(record)
        record[0].store(version &+ 2, ordering: .releasing)
    }

    /// nil: never written. `body` may see a mixture, whose result is then thrown away: it only loads words.
    @inline(__always) static func read<R>(_ record: AtomicRecords.Record, _ body: (AtomicRecords.Record) -> R) -> R? {
        while true {
            let version = record[0].load(ordering: .acquiring)
            if version == 0 { return nil }
            if version & 1 == 0 {
                let result = body(record)
                atomicMemoryFence(ordering: .acquiring)
                if record[0].load(ordering: .relaxed) == version { return result }
            }
        }
    }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt64> {
    @inline(__always) func get(_ index: Int) -> UInt64 { self[index].load(ordering: .relaxed) }
    @inline(__always) func getSigned(_ index: Int) -> Int64 { Int64(bitPattern: get(index)) }
    @inline(__always) func set(_ index: Int, _ value: UInt64) { self[index].store(value, ordering: .relaxed) }
    @inline(__always) func set(_ index: Int, _ value: Int64) { set(index, UInt64(bitPattern: value)) }
}
