import LedgerTestKit
import Testing

@testable import LedgerCore

/// Tables that change, are taken back and change again while a capture goes through them.
@Suite struct CapturedTableTests {
    @Test(arguments: 0..<40) func `rows are found as they were`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = Slab<Int>()
        var live: [Slot<Int>] = []
        func change(_ live: inout [Slot<Int>], _ table: inout Slab<Int>) {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: live.append(table.insert(Int.random(in: 0..<1000, using: &random)))
            case 1 where !live.isEmpty:
                table.remove(live.remove(at: Int.random(in: 0..<live.count, using: &random)))
            default: if let slot = live.randomElement(using: &random) { table[slot] += 1 }
            }
        }
        for _ in 0..<200 { change(&live, &table) }
        for _ in 0..<5 {
            let expected = live.sorted { $0.index < $1.index }.map { ($0, table[$0]) }
            table.beginCapture { slot, _ in UInt32(slot.index) }
            var next = 0
            while next < expected.count {
                for _ in 0..<Int.random(in: 0..<4, using: &random) {
                    guard Int.random(in: 0..<3, using: &random) == 0 else {
                        change(&live, &table)
                        continue
                    }
                    // Tried, and taken back.
                    let mark = table.openSavepoint()
                    var tried = live
                    for _ in 0..<3 { change(&tried, &table) }
                    table.rollBack(to: mark)
                    table.closeSavepoint()
                }
                #expect(table.captured(expected[next].0) == expected[next].1)
                next += 1
                table.passed(through: UInt32(next < expected.count ? expected[next].0.index : .max))
            }
            _ = table.endCapture()
            #expect(table.keptCount == 0)
        }
    }

    @Test(arguments: 0..<20) func `indexes are found as they were`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var index = HashIndex<UInt64>()
        func change(_ index: inout HashIndex<UInt64>) {
            let key = UInt64.random(in: 1..<3000, using: &random)
            if Bool.random(using: &random) {
                index.set(key, UInt64.random(in: 0..<100, using: &random))
            } else {
                index.remove(key)
            }
        }
        for _ in 0..<3000 { change(&index) }
        for _ in 0..<3 {
            let expected = index.sorted()
            index.beginCapture()
            var found: [(key: UInt64, value: UInt64)] = []
            for segment in 0..<HashIndex<UInt64>.segmentCount {
                for _ in 0..<20 { change(&index) }
                let mark = index.openSavepoint()
                for _ in 0..<5 { change(&index) }
                if Bool.random(using: &random) { index.rollBack(to: mark) }
                index.closeSavepoint()
                found += index.captured(segment: segment).sorted()
            }
            index.endCapture()
            found.sort { $0.key < $1.key }
            #expect(found.map(\.key) == expected.map(\.key) && found.map(\.value) == expected.map(\.value))
        }
    }
}
