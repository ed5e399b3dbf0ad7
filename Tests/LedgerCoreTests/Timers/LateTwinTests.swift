import LedgerTestKit
import Testing

@testable import LedgerCore

/// Random months, lived twice: once with every timer on time, once with none until the next command comes. What is
/// decided is the same.
@Suite struct LateTwinTests {
    @Test(arguments: 1...5)
    func `a twin whose timers wait for the next command decides the same as one who is awake`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 17_000)
        var late = TestLedger()
        var awake = TestLedger()
        var wishes = Wishes()
        var read = 0
        Wishes.prepare(&late)
        Wishes.prepare(&awake)
        var gaps = 0
        for step in 0..<160 {
            if Int.random(in: 0..<3, using: &random) == 0 {
                let longest: Int64 = Int.random(in: 0..<10, using: &random) == 0 ? 300_000 : 5_000
                pass(&late, &awake, .seconds(Int64.random(in: 1...longest, using: &random)))
                gaps += 1
            }
            late.price = Prices.price(of: late.machine)
            awake.price = Prices.price(of: awake.machine)
            let (command, key) = wishes.next(late, using: &random)
            let outcome = late.command(command, key: key)
            awake.command(command, key: key)
            if let event = outcome.event { wishes.note(event) }
            wishes.note(lotsOf: late)
            try wishes.note(late, from: &read)
            guard late.journal.count == awake.journal.count,
                try late.normalEvents(from: max(0, late.journal.count - 40))
                    == awake.normalEvents(from: max(0, awake.journal.count - 40))
            else {
                Issue.record("seed \(seed), step \(step): the late twin decides something else")
                return
            }
        }
        pass(&late, &awake, .days(3))
        let isSame = try late.normalEvents() == awake.normalEvents()
        #expect(isSame && late.rows() == awake.rows(), "seed \(seed)")
        #expect(gaps > 30 && late.machine.violations() == [])
    }

    /// Both reach one instant at which nothing is about to happen, so that the next command is decided at it by both:
    /// many late events, a nanosecond each, would else move one of them.
    private func pass(_ late: inout TestLedger, _ awake: inout TestLedger, _ span: TimeSpan) {
        let quiet = TimeSpan(nanoseconds: 1_000_000)
        var end = late.now + span
        awake.advance(to: end)
        late.now = end
        late.settle()
        // What was due a nanosecond later, the late one may have fired already: the other one must as well.
        while let due = [late.machine.nextTimer, awake.machine.nextTimer].compactMap(\.self).min(), due <= end + quiet {
            end = end + quiet
            awake.advance(to: end)
            late.now = end
            late.settle()
        }
        late.now = end + quiet
        awake.now = end + quiet
    }
}
