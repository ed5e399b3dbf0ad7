import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct RowIndexTests {
    /// What a row carries, by slot.
    private typealias Rows = [Int32: UInt64]

    private func find(_ number: UInt64, _ index: borrowing RowIndex<UInt64>, _ rows: Rows) -> Int32? {
        index.find(number) { rows[$0.index] == number }?.index
    }

    @Test(arguments: 1...8, [40, 3_000, 400_000])
    func `rows agree with a dictionary, also after rollbacks`(seed: Int, range: Int) {
        var random = SeededGenerator(seed: UInt64(seed * range))
        var index = RowIndex<UInt64>()
        var rows: Rows = [:]
        var slots: [UInt64: Int32] = [:]
        var savepoints: [(mark: Int, rows: Rows, slots: [UInt64: Int32])] = []
        for step in 0..<6_000 {
            let number = UInt64.random(in: 1...UInt64(range), using: &random)
            switch Int.random(in: 0..<24, using: &random) {
            case 0..<20:
                if let slot = slots[number], Bool.random(using: &random) {
                    index.remove(number, Slot(index: slot))
                    (rows[slot], slots[number]) = (nil, nil)
                } else if slots[number] == nil {
                    var slot: Int32
                    repeat { slot = .random(in: 0...Int32.max - 1, using: &random) } while rows[slot] != nil
                    index.insert(number, Slot(index: slot))
                    (rows[slot], slots[number]) = (number, slot)
                }
            case 20, 21:
                if savepoints.count < 5 { savepoints.append((index.openSavepoint(), rows, slots)) }
            case 22:
                guard let last = savepoints.last else { continue }
                index.rollBack(to: last.mark)
                (rows, slots) = (last.rows, last.slots)
                for (number, slot) in slots {
                    let found = find(number, index, rows)
                    #expect(found == slot, "seed \(seed), step \(step)")
                }
            default:
                if savepoints.popLast() != nil { index.closeSavepoint() }
            }
            let (found, count) = (find(number, index, rows), index.count)
            #expect(found == slots[number] && count == slots.count, "seed \(seed), step \(step)")
        }
        let sorted = index.sorted().map(\.index)
        #expect(sorted == rows.keys.sorted())
    }

    @Test(arguments: [0, 1, 40, 70_000, (1 << 20) + 5])
    func `rows that are stored later are found as if they had been stored at once`(count: Int) {
        var index = RowIndex<UInt64>()
        for number in 1...500 as ClosedRange<UInt64> { index.insert(number, Slot(index: Int32(number))) }
        for number in 501..<501 + UInt64(count) { index.insertLater(number, Slot(index: Int32(number))) }
        index.settle()
        index.settle()
        var missed = 0
        for number in stride(from: 1, to: 501 + UInt64(count), by: 7) {
            let found = index.find(number) { $0.index == Int32(number) }
            if found?.index != Int32(number) { missed += 1 }
        }
        let (all, beyond) = (index.count, index.find(501 + UInt64(count)) { _ in false })
        #expect(missed == 0 && all == 500 + count && beyond == nil)
        index.remove(250, Slot(index: 250))
        let (removed, left) = (index.find(250) { $0.index == 250 }, index.count)
        #expect(removed == nil && left == all - 1)
    }

    @Test func `removing a row that is not there is a mistake`() async {
        await #expect(processExitsWith: .failure) {
            var index = RowIndex<UInt64>()
            index.insert(7, Slot(index: 7))
            index.remove(7, Slot(index: 8))
        }
    }
}
