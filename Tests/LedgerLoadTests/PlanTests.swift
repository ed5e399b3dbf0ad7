import Testing

@testable import LedgerLoad

struct PlanTests {
    private func source(_ weights: [Double]) -> String {
        let mix = weights.enumerated().map { "{ name = \"op\($0.offset)\", weight = \($0.element), \"PING\" }" }
        return "return function(p) return { mix = { \(mix.joined(separator: ", ")) } } end"
    }

    /// Whether so many of all draws are what this share gives, to five standard deviations.
    private func isShare(_ count: Int, _ share: Double, of draws: Int) -> Bool {
        let draws = Double(draws)
        return abs(Double(count) - draws * share) <= 5 * (draws * share * (1 - share)).squareRoot()
    }

    @Test func `Operations are drawn in proportion to their weights`() throws {
        let weights = [6.5, 0, 3, 0.5]
        let scenario = try ScenarioReader.read(name: "s", source: source(weights), parameters: [:])
        let plan = try LoadPlan(scenario, .init())
        var generator = SeededGenerator(seed: 7)
        var counts = [0, 0, 0, 0]
        for _ in 0..<100_000 { counts[plan.operation(at: generator.unit())] += 1 }
        for (count, weight) in zip(counts, weights) {
            #expect(isShare(count, weight / 10, of: 100_000), "\(counts)")
        }
    }

    @Test func `A run draws so, too, and counts each kind for itself`() async throws {
        let toy = try await ToyRun(source: source([3, 1]))
        let outcome = try await toy.run {
            $0.mode = .open(rate: 2000)
            $0.arrivals = .constant
            $0.duration = 500_000_000
        }
        let counts = outcome.operations.map(\.measured.completed)
        #expect(outcome.all.completed >= 990 && counts.reduce(0, +) == outcome.all.completed)
        #expect(isShare(counts[0], 0.75, of: outcome.all.completed), "\(counts)")
        try await toy.end()
    }
}
