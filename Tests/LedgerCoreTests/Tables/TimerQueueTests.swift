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
            case 163..<175:
                if savepoints.count < 4 { savepoints.append((queue.openSavepoint(), queue.heap, naive)) }
            case 175..<188:
                guard let last = savepoints.last else { continue }
                queue.rollBack(to: last.mark)
                naive = last.naive
                #expect(queue.heap == last.heap, "seed \(seed), step \(step)")
            default:
                if savepoints.popLast() != nil { queue.closeSavepoint() }
            }
            #expect(queue.count == naive.count, "seed \(seed), step \(step)")
            #expect(queue.first == naive.first, "seed \(seed), step \(step)")
        }
        while let entry = queue.pop() { #expect(entry == naive.removeFirst(), "seed \(seed), at the end") }
        #expect(naive.isEmpty)
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
