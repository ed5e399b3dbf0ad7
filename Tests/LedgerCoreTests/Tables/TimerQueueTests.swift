import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct TimerQueueTests {
    @Test(arguments: 1...12)
    func `a queue agrees with a sorted array, and a rollback puts every entry where it stood`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &+ 300)
        var queue = TimerQueue()
        var naive: [TimerEntry] = []
        var savepoints: [(mark: Int, heap: [TimerEntry], naive: [TimerEntry])] = []
        for step in 0..<6_000 {
            switch Int.random(in: 0..<200, using: &random) {
            case 0..<90:
                let entry = anyEntry(using: &random)
                queue.push(entry)
                naive.append(entry)
                naive.sort()
            case 90..<160:
                let popped = queue.pop()
                #expect(popped == (naive.isEmpty ? nil : naive.removeFirst()), "seed \(seed), step \(step)")
            case 160..<163:
                let rest = UInt64.random(in: 0..<4, using: &random)
                queue.compact { $0.born % 4 != rest }
                naive.removeAll { $0.born % 4 == rest }
                naive = naive.indices.filter { $0 == 0 || naive[$0] != naive[$0 - 1] }.map { naive[$0] }
            case 163..<166:
                let rest = UInt64.random(in: 0..<4, using: &random)
                let before = naive.count
                _ = queue.sweep { $0.born % 4 != rest }
                let left = queue.entries
                #expect(left.count { $0.born % 4 != rest } == naive.count { $0.born % 4 != rest })
                #expect(left.count <= before)
                naive = left.sorted()
            case 166..<175:
                if savepoints.count < 4 { savepoints.append((queue.openSavepoint(), queue.entries, naive)) }
            case 175..<188:
                guard let last = savepoints.last else { continue }
                queue.rollBack(to: last.mark)
                naive = last.naive
                #expect(queue.entries == last.heap, "seed \(seed), step \(step)")
            default:
                if savepoints.popLast() != nil { queue.closeSavepoint() }
            }
            #expect(queue.count == naive.count, "seed \(seed), step \(step)")
            #expect(queue.first == naive.first, "seed \(seed), step \(step)")
        }
        while let entry = queue.pop() { #expect(entry == naive.removeFirst(), "seed \(seed), at the end") }
        #expect(naive.isEmpty)
    }

    @Test func `a sweep goes through all with a few looks at a time, and says when it is of no use`() {
        var queue = TimerQueue()
        for number in 1...1_000 as ClosedRange<UInt64> {
            queue.push(TimerEntry(due: Timestamp(seconds: Int64(number % 97)), kind: .session, born: number))
        }
        queue.needsNoSweep()
        var looks = 0
        func isDue(_ entry: TimerEntry) -> Bool {
            looks += 1
            return entry.born % 4 == 0
        }
        let first = queue.sweep(isDue)
        #expect(first && looks == 2, "what was pushed before it was needed gives it no looks")
        let others = (0..<498).map { _ in queue.sweep(isDue) }
        #expect(!others.contains(false))
        #expect(queue.count < 350, "one that rises past the place of the look is left to the next round")
        // Only what is due is left: one more time through all of them is in vain.
        let inVain = (0..<500).contains { _ in !queue.sweep(isDue) }
        #expect(inVain)
        #expect(queue.count == 250)
        var last = Timestamp(seconds: 0)
        while let entry = queue.pop() {
            #expect(entry.due >= last && entry.born % 4 == 0)
            last = entry.due
        }
    }

    @Test func `timers that pile up are swept a few with each event`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        var (before, most) = (0, 0)
        for number in 1...30_000 as ClosedRange<UInt64> {
            // As a hold leaves them that is captured long before it would have expired.
            ledger.machine.store.timers.push(
                TimerEntry(due: ledger.now + .days(30), kind: .holdExpiry, born: 1 << 40 + number))
            before = ledger.machine.store.timers.count
            ledger.machine.sweepTimers()
            most = max(most, before - ledger.machine.store.timers.count)
        }
        #expect(most > 0 && most <= 4, "the most that went with one event")
        #expect(ledger.machine.store.timers.count < 16_500)
    }

    @Test func `at one instant the kind decides, then the age`() {
        let order = [
            TimerEntry(due: Timestamp(seconds: 1), kind: .exhaustion, born: 9),
            TimerEntry(due: Timestamp(seconds: 2), kind: .activation, born: 7),
            TimerEntry(due: Timestamp(seconds: 2), kind: .lotExpiry, born: 3),
            TimerEntry(due: Timestamp(seconds: 2), kind: .lotExpiry, born: 4),
            TimerEntry(due: Timestamp(seconds: 2), kind: .exhaustion, born: 1),
        ]
        var queue = TimerQueue()
        for entry in order.reversed() { queue.push(entry) }
        #expect((0..<5).compactMap { _ in queue.pop() } == order)
        #expect(queue.pop() == nil)
    }

    @Test func `what is never due is no entry`() {
        var queue = TimerQueue()
        queue.push(TimerEntry(due: .never, kind: .session, born: 1))
        #expect(queue.count == 0)
        #expect(queue.first == nil)
    }

    private func anyEntry(using random: inout SeededGenerator) -> TimerEntry {
        let kinds: [TimerKind] = [.activation, .accrual, .session, .lotExpiry, .exhaustion]
        return TimerEntry(
            due: Timestamp(seconds: .random(in: 0..<40, using: &random)), kind: kinds.randomElement(using: &random)!,
            born: .random(in: 1...8, using: &random))
    }
}

extension TimerQueue {
    /// As they stand in the heap.
    var entries: [TimerEntry] { heap.positions.map { heap[$0] } }
}
