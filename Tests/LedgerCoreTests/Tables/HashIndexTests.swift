import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct HashIndexTests {
    @Test(arguments: 1...8)
    func `numbers agree with a dictionary, also after rollbacks`(seed: Int) {
        walk(seed: seed, steps: 4_000) { UInt64.random(in: 1...600, using: &$0) }
    }

    @Test(arguments: 1...8)
    func `hashes agree with a dictionary, also after rollbacks`(seed: Int) {
        walk(seed: seed, steps: 4_000) { Hash128(high: 0, low: UInt64.random(in: 1...400, using: &$0) &<< 52 | 5) }
    }

    @Test(arguments: 1...4)
    func `keys that all spread alike are slow, and right`(seed: Int) {
        walk(seed: seed, steps: 2_000) { Alike(value: .random(in: 1...80, using: &$0), spread: .max) }
    }

    @Test(arguments: 1...8)
    func `clusters that run over the end of a segment agree with a dictionary`(seed: Int) {
        walk(seed: seed, steps: 3_000) { random in
            // Homes in the last places and the first ones of a segment, whatever its size.
            let home = Int64.random(in: -3...2, using: &random)
            let value = UInt64.random(in: 1...15, using: &random) * 8 + UInt64(home + 3)
            return Alike(value: value, spread: UInt64(bitPattern: home) & 0xffff_ffff)
        }
    }

    @Test(arguments: [0, 1, 40, 70_000, (1 << 20) + 5])
    func `keys that are stored later are found as if they had been stored at once`(count: Int) {
        var later = HashIndex<UInt64>()
        var atOnce = HashIndex<UInt64>()
        for key in 1...500 as ClosedRange<UInt64> {
            later.set(key, key + 7)
            atOnce.set(key, key + 7)
        }
        var random = SeededGenerator(seed: UInt64(count))
        for number in 0..<count {
            // Some come twice, and some are there already: the last value stays.
            let key = UInt64.random(in: 1...UInt64(max(count, 1) * 2), using: &random)
            later.setLater(key, UInt64(number))
            atOnce.set(key, UInt64(number))
        }
        later.settle()
        later.settle()
        let counts = (later.count, atOnce.count)
        #expect(counts.0 == counts.1)
        let (a, b) = (later.sorted(), atOnce.sorted())
        #expect(a.map(\.key) == b.map(\.key) && a.map(\.value) == b.map(\.value))
        var missed = 0
        for entry in a.prefix(1000) where later[entry.key] != entry.value { missed += 1 }
        let beyond = later[UInt64(count) * 2 + 501]
        later.remove(250)
        let (removed, left) = (later[250], later.count)
        #expect(missed == 0 && beyond == nil && removed == nil && left == counts.0 - 1)
    }

    @Test func `the vacant key is never there`() {
        var index = HashIndex<UInt64>()
        let empty = index[.vacant]
        #expect(empty == nil)
        // So many that no segment is empty: the vacant key has a home, with vacant entries in it.
        for key in 1...4_000 as ClosedRange<UInt64> { index.set(key, key) }
        index.remove(.vacant)
        let (found, count) = (index[.vacant], index.count)
        #expect(found == nil)
        #expect(count == 4_000)
    }

    @Test func `storing the vacant key is a mistake`() async {
        await #expect(processExitsWith: .failure) {
            var index = HashIndex<Hash128>()
            index.set(.vacant, 1)
        }
    }

    @Test func `a rollback over the growth of a segment brings back what was there`() {
        var index = HashIndex<UInt64>()
        for key in 1...100 as ClosedRange<UInt64> { index.set(key, key) }
        let mark = index.openSavepoint()
        for key in 50...40_000 as ClosedRange<UInt64> { index.set(key, 7) }
        for key in 1...60 as ClosedRange<UInt64> { index.remove(key) }
        index.rollBack(to: mark)
        index.closeSavepoint()
        let (keys, values) = (index.sorted().map(\.key), index.sorted().map(\.value))
        #expect(keys == Array(1...100))
        #expect(values == Array(1...100))
    }

    @Test func `what was done before a savepoint opened is not taken back`() {
        var index = HashIndex<UInt64>()
        index.set(1, 1)
        _ = index.openSavepoint()
        index.set(1, 2)
        index.closeSavepoint()
        let mark = index.openSavepoint()
        index.remove(1)
        index.rollBack(to: mark)
        let value = index[1]
        #expect(value == 2)
    }

    private func walk<Key: IndexKey & Hashable>(
        seed: Int, steps: Int, key makeKey: (inout SeededGenerator) -> Key
    ) {
        var random = SeededGenerator(seed: UInt64(seed) &+ 200)
        var index = HashIndex<Key>()
        var naive: [Key: UInt64] = [:]
        var savepoints: [(mark: Int, naive: [Key: UInt64])] = []
        for step in 0..<steps {
            let key = makeKey(&random)
            switch Int.random(in: 0..<24, using: &random) {
            case 0..<10:
                let value = random.next()
                index.set(key, value)
                naive[key] = value
            case 10..<20:
                index.remove(key)
                naive[key] = nil
            case 20, 21:
                if savepoints.count < 5 { savepoints.append((index.openSavepoint(), naive)) }
            case 22:
                guard let last = savepoints.last else { continue }
                index.rollBack(to: last.mark)
                naive = last.naive
                for key in naive.keys {
                    let found = index[key]
                    #expect(found == naive[key], "seed \(seed), step \(step)")
                }
            default:
                if savepoints.popLast() != nil { index.closeSavepoint() }
            }
            let (found, count) = (index[key], index.count)
            #expect(found == naive[key], "seed \(seed), step \(step)")
            #expect(count == naive.count, "seed \(seed), step \(step)")
        }
        let sorted = index.sorted()
        #expect(sorted.map(\.key) == naive.keys.sorted())
        #expect(sorted.allSatisfy { naive[$0.key] == $0.value })
    }
}

/// A key whose spread the test chooses.
private struct Alike: IndexKey, Hashable {
    var value: UInt64
    var spread: UInt64
    static var vacant: Alike { Alike(value: 0, spread: 0) }
    static func < (a: Alike, b: Alike) -> Bool { a.value < b.value }
}
