import Testing

@testable import LedgerLoad

struct SearchTests {
    /// What a server of this capacity would show: 1 ms below it, and a queue without end above.
    private func outcome(rate: Double, capacity: Double) throws -> RunOutcome {
        let scenario = try ScenarioReader.read(
            name: "s", source: "return function(p) return { mix = { { name = \"a\", \"PING\" } } } end", parameters: [:]
        )
        var options = LoadOptions()
        options.mode = .open(rate: rate)
        var result = WorkerResult(operations: 1, sources: 0)
        result.arrivals = Int(rate)
        result.completedInTime = Int(min(rate, capacity))
        result.measuredNanoseconds = 1_000_000_000
        for _ in 0..<100 {
            let time: UInt64 = rate < capacity * 0.9 ? 1_000_000 : 100_000_000
            result.all.record(response: time, service: 1_000_000)
        }
        return RunOutcome(try LoadPlan(scenario, .init()), options, result, [], startWall: 0)
    }

    @Test func `The search closes in on the highest rate that meets the objective`() async throws {
        let search = RateSearch(thresholds: [try Threshold("p99<5ms")])
        let found = try await search.run(ceiling: 10_000) { rate throws(LoadError) in
            do { return try outcome(rate: rate, capacity: 10_000) } catch { throw LoadError("\(error)") }
        }
        let best = try #require(found.best)
        #expect(8_700..<9_000 ~= best.rate)
        #expect(found.points.count < 20)
    }

    @Test func `No rate meets what is impossible`() async throws {
        let search = RateSearch(thresholds: [try Threshold("p99<1us")])
        let found = try await search.run(ceiling: 1000) { rate throws(LoadError) in
            do { return try outcome(rate: rate, capacity: 1000) } catch { throw LoadError("\(error)") }
        }
        #expect(found.best == nil)
    }

    @Test func `A rate that fails once is tried again`() async throws {
        var failed = false
        let search = RateSearch(thresholds: [try Threshold("p99<5ms")])
        let found = try await search.run(ceiling: 1000) { rate throws(LoadError) in
            let isNoisy = !failed && rate > 250
            if isNoisy { failed = true }
            do { return try outcome(rate: rate, capacity: isNoisy ? 1 : 1000) } catch { throw LoadError("\(error)") }
        }
        #expect(failed)
        #expect(found.best.map { $0.rate > 800 } == true)
    }

    @Test func `Against a server of known capacity it finds no more than that`() async throws {
        let toy = try await ToyRun(.init(capacity: 2000))
        let search = RateSearch(thresholds: [try Threshold("p99<1s")])
        let found = try await search.run(ceiling: 4000) { rate throws(LoadError) in
            do {
                return try await toy.run {
                    $0.mode = .open(rate: rate)
                    $0.arrivals = .constant
                    $0.connections = 4
                    $0.pipeline = 8
                    $0.duration = 300_000_000
                    $0.backlog = 20
                }
            } catch { throw LoadError("\(error)") }
        }
        // How much below depends on the machine.
        #expect(found.best.map { $0.rate <= 2400 } ?? true)
        #expect(found.points.contains { !$0.isMet })
        try await toy.end()
    }

    @Test(arguments: [
        ("p99<5ms", Threshold.Metric.percentile(99), 5e6), ("p99.9 < 1.5s", .percentile(99.9), 1.5e9),
        ("max<1s", .maximum, 1e9), ("errors < 0.1%", .errors, 0.001), ("rate > 10000", .rate, 10000),
        ("dropped < 1", .dropped, 1),
    ])
    func `Thresholds are read`(text: String, metric: Threshold.Metric, bound: Double) throws {
        let threshold = try Threshold(text)
        #expect(threshold.metric == metric)
        #expect(abs(threshold.bound - bound) < 1e-9 * bound)
        #expect(threshold.isUpperBound == text.contains("<"))
    }

    @Test(arguments: ["p99", "p99<5", "q99<5ms", "p101<5ms", "errors<5", "rate>fast", "a b p99<5ms", "<5ms", ""])
    func `What is no threshold is refused`(text: String) { #expect(throws: LoadError.self) { try Threshold(text) } }
}
