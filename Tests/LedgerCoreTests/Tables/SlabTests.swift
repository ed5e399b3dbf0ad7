import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct SlabTests {
    @Test(arguments: 1...8)
    func `a slab agrees with a naive table, also after rollbacks`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var slab = Slab<TestRow>()
        var naive = NaiveSlab()
        var savepoints: [(mark: Int, naive: NaiveSlab)] = []
        // Near the end of a chunk, so that rows come and go on both sides of it.
        for value in 0..<4_090 as Range<UInt64> {
            _ = slab.insert(TestRow(value: value))
            _ = naive.insert(TestRow(value: value))
        }
        for step in 0..<3_000 {
            let live = Slot<TestRow>(index: naive.anySlot(using: &random))
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<7:
                let row = TestRow(value: random.next())
                // The model knows which slot is free next: a rollback that loses the order of the free ones shows here.
                #expect(slab.insert(row).index == naive.insert(row), "seed \(seed), step \(step)")
            case 7..<12:
                #expect(slab.remove(live) == naive.remove(live.index), "seed \(seed), step \(step)")
            case 12..<17:
                let value = random.next()
                slab[live].value = value
                slab[live].bytes.append(UInt8(truncatingIfNeeded: value))
                naive.rows[live.index]!.value = value
                naive.rows[live.index]!.bytes.append(UInt8(truncatingIfNeeded: value))
            case 17:
                if savepoints.count < 4 { savepoints.append((slab.openSavepoint(), naive)) }
            case 18:
                guard let last = savepoints.last else { continue }
                slab.rollBack(to: last.mark)
                naive = last.naive
                let isRight = naive.isHeld(by: slab)
                #expect(isRight, "seed \(seed), step \(step)")
            default:
                if savepoints.popLast() != nil { slab.closeSavepoint() }
            }
            #expect(slab.count == naive.rows.count, "seed \(seed), step \(step)")
        }
        let isRight = naive.isHeld(by: slab)
        #expect(isRight, "seed \(seed), at the end")
    }

    @Test func `rows that are never removed have the slots 0, 1, 2 and so on`() {
        var slab = Slab<TestRow>()
        // Over many chunks.
        let count = 90_000
        let slots = (0..<UInt64(count)).map { slab.insert(TestRow(value: $0)) }
        #expect(slots.map { Int($0.index) } == Array(0..<count))
        #expect(slab.slots.map { Int($0.index) } == Array(0..<count))
        let values = slab.slots.map { slab[$0].value }
        #expect(values == Array(0..<UInt64(count)))
    }

    @Test func `a rollback over many chunks leaves nothing, and the same slots come again`() {
        var slab = Slab<TestRow>()
        let first = slab.insert(TestRow(value: 1))
        let mark = slab.openSavepoint()
        for _ in 1...2 {
            let slots = (0..<20_000 as Range<UInt64>).map { slab.insert(TestRow(value: $0)) }
            #expect(slots.map { Int($0.index) } == Array(1...20_000))
            slab.remove(first)
            slab.rollBack(to: mark)
            #expect(Array(slab.slots) == [first])
            #expect(slab[first].value == 1)
            #expect(slab.free.isEmpty)
        }
        slab.closeSavepoint()
    }

    @Test func `an outer savepoint takes back what an inner one kept`() {
        var slab = Slab<TestRow>()
        let slot = slab.insert(TestRow(value: 1))
        let outer = slab.openSavepoint()
        slab[slot].value = 2
        let inner = slab.openSavepoint()
        slab[slot].value = 3
        slab.rollBack(to: inner)
        #expect(slab[slot].value == 2)
        slab[slot].value = 4
        slab.closeSavepoint()
        #expect(slab[slot].value == 4)
        slab.rollBack(to: outer)
        #expect(slab[slot].value == 1)
        slab.closeSavepoint()
        #expect(slab[slot].value == 1)
    }

    @Test func `slots can be walked while rows go`() {
        var slab = Slab<TestRow>()
        for value in 0..<200 as Range<UInt64> { _ = slab.insert(TestRow(value: value)) }
        var seen: [UInt64] = []
        for slot in slab.slots {
            seen.append(slab[slot].value)
            slab.remove(slot)
            // The row behind goes too, before its turn.
            let behind = Slot<TestRow>(index: slot.index + 1)
            if slot.index % 10 == 0 { slab.remove(behind) }
        }
        #expect(seen == (0..<200).filter { $0 % 10 != 1 })
        #expect(slab.count == 0)
        #expect(Array(slab.slots).isEmpty)
    }

    @Test func `every row is released once, whatever was rolled back`() {
        let counter = Counter()
        do {
            var slab = Slab<Counted>()
            let kept = slab.insert(Counted(counter))
            let removed = slab.insert(Counted(counter))
            let mark = slab.openSavepoint()
            for _ in 0..<5_000 { _ = slab.insert(Counted(counter)) }
            slab.remove(removed)
            slab[kept] = Counted(counter)
            slab.rollBack(to: mark)
            #expect(counter.live == 2)
            slab.remove(kept)
            slab.closeSavepoint()
            #expect(counter.live == 1)
            _ = slab.openSavepoint()
            slab.remove(removed)
            #expect(counter.live == 1, "the note of the removal holds the row")
        }
        #expect(counter.live == 0)
    }

    @Test func `rows go to the same slots where memory was made ready for them, as much of it as there is`() {
        var slab = Slab<TestRow>()
        // Two chunks, none, and one that nobody comes to use.
        for rows in [10_000, 4_095, 4_096] { slab.take(SlabRoom(rows: rows)) }
        slab.take(nil)
        for value in 0..<9_000 as Range<UInt64> {
            let slot = slab.insert(TestRow(value: value))
            #expect(slot.index == Int32(value))
        }
        for value in 0..<9_000 as Range<UInt64> {
            #expect(slab[Slot(index: Int32(value))].value == value)
        }
        slab.remove(Slot(index: 17))
        #expect(slab.insert(TestRow(value: 1)).index == 17)
    }

    @Test func `a slot that holds no row is a mistake`() async {
        await #expect(processExitsWith: .failure) {
            var slab = Slab<TestRow>()
            let slot = slab.insert(TestRow(value: 1))
            slab.remove(slot)
            _ = slab[slot].value
        }
        await #expect(processExitsWith: .failure) {
            let slab = Slab<TestRow>()
            _ = slab[.none].value
        }
        await #expect(processExitsWith: .failure) {
            var slab = Slab<TestRow>()
            _ = slab.insert(TestRow(value: 1))
            _ = slab[Slot(index: 1)].value
        }
    }
}

@Suite struct SlabListTests {
    @Test(arguments: 1...12)
    func `lists agree with arrays, also after rollbacks`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &+ 100)
        var slab = Slab<TestRow>()
        var heads = Saved(wrappedValue: [Slot<TestRow>](repeating: .none, count: 3))
        var naive = [[Slot<TestRow>]](repeating: [], count: 3)
        var savepoints: [(mark: Int, heads: Int, naive: [[Slot<TestRow>]])] = []
        for step in 0..<4_000 {
            let list = Int.random(in: 0..<3, using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<4:
                let slot = slab.insert(TestRow(value: random.next()))
                slab.link(slot, head: &heads.wrappedValue[list])
                naive[list].insert(slot, at: 0)
            case 4..<9:
                let slot = slab.insert(TestRow(value: random.next()))
                let place = Int.random(in: 0...naive[list].count, using: &random)
                let before = place == 0 ? .none : naive[list][place - 1]
                slab.link(slot, after: before, head: &heads.wrappedValue[list])
                naive[list].insert(slot, at: place)
            case 9..<16:
                guard let place = naive[list].indices.randomElement(using: &random) else { continue }
                let slot = naive[list].remove(at: place)
                slab.unlink(slot, head: &heads.wrappedValue[list])
                slab.remove(slot)
            case 16:
                if savepoints.count < 4 { savepoints.append((slab.openSavepoint(), heads.openSavepoint(), naive)) }
            case 17, 18:
                guard let last = savepoints.last else { continue }
                slab.rollBack(to: last.mark)
                heads.rollBack(to: last.heads)
                naive = last.naive
            default:
                guard savepoints.popLast() != nil else { continue }
                slab.closeSavepoint()
                heads.closeSavepoint()
            }
            for list in 0..<3 where step % 16 == 0 || savepoints.last?.naive == naive {
                let slots = Array(slab.list(from: heads.wrappedValue[list]))
                #expect(slots == naive[list], "seed \(seed), step \(step)")
                let previous = slots.map { slab[$0].links.previous }
                #expect(previous == Array(([.none] + slots).dropLast()), "seed \(seed), step \(step)")
            }
        }
    }

    @Test func `the row that was given out may be removed during the walk`() {
        var slab = Slab<TestRow>()
        var head = Slot<TestRow>.none
        for value in 0..<10 as Range<UInt64> { slab.link(slab.insert(TestRow(value: value)), head: &head) }
        var seen: [UInt64] = []
        for slot in slab.list(from: head) {
            seen.append(slab[slot].value)
            guard slab[slot].value % 3 != 0 else { continue }
            slab.unlink(slot, head: &head)
            slab.remove(slot)
            // Its slot is used again at once, in another list.
            _ = slab.insert(TestRow(value: 1_000))
        }
        #expect(seen == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
        #expect(slab.list(from: head).map { slab[$0].value } == [9, 6, 3, 0])
    }

    @Test func `a walk reaches rows in chunks that came after it began`() {
        var slab = Slab<TestRow>()
        var head = Slot<TestRow>.none
        for value in 0..<3 as Range<UInt64> { slab.link(slab.insert(TestRow(value: value)), head: &head) }
        var seen: [UInt64] = []
        for slot in slab.list(from: head) {
            seen.append(slab[slot].value)
            guard slab[slot].value == 2 else { continue }
            // The walk knows the next row already, and finds the new one behind it.
            let next = slab[slot].links.next
            for value in 3..<40_000 as Range<UInt64> { _ = slab.insert(TestRow(value: value)) }
            let late = slab.insert(TestRow(value: 77))
            slab.link(late, after: next, head: &head)
        }
        #expect(seen == [2, 1, 77, 0])
    }

    @Test func `no list starts at none`() {
        let slab = Slab<TestRow>()
        #expect(Array(slab.list(from: .none)).isEmpty)
    }
}

private struct TestRow: Listed, Equatable {
    var value: UInt64
    var bytes: [UInt8] = []
    var links = Links<TestRow>()

    init(value: UInt64) { self.value = value }
}

/// What a slab promises, as plainly as can be: rows by slot, and which slot is next.
private struct NaiveSlab {
    var rows: [Int32: TestRow] = [:]
    var free: [Int32] = []
    var used: Int32 = 0

    mutating func insert(_ row: TestRow) -> Int32 {
        let slot = free.popLast() ?? used
        if slot == used { used += 1 }
        rows[slot] = row
        return slot
    }

    mutating func remove(_ slot: Int32) -> TestRow? {
        free.append(slot)
        return rows.removeValue(forKey: slot)
    }

    /// A live slot; there always is one here.
    func anySlot(using random: inout SeededGenerator) -> Int32 {
        while true {
            let slot = Int32.random(in: 0..<used, using: &random)
            if rows[slot] != nil { return slot }
        }
    }

    func isHeld(by slab: borrowing Slab<TestRow>) -> Bool {
        var count = 0
        for slot in slab.slots {
            guard rows[slot.index] == slab[slot] else { return false }
            count += 1
        }
        return count == rows.count && free == slab.free.map(\.index)
    }
}

private final class Counter {
    var live = 0
}

private final class Counted {
    private let counter: Counter
    init(_ counter: Counter) {
        self.counter = counter
        counter.live += 1
    }
    deinit { counter.live -= 1 }
}
