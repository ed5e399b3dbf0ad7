import Testing

@testable import LedgerLoad

struct RandomTests {
    @Test func `One seed gives one sequence`() {
        var first = SeededGenerator(seed: 7)
        var second = SeededGenerator(seed: 7)
        for _ in 0..<1000 { #expect(first.next() == second.next()) }
    }
}
