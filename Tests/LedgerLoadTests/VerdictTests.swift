import Histogram
import Testing

@testable import LedgerLoad

struct VerdictTests {
    private func verdict(_ text: String, highest: RunOutcome, half: RunOutcome?) throws -> Verdict {
        try highest.verdicts([Threshold(text)], half: half)[0]
    }

    private func isMet(_ text: String, highest: RunOutcome, half: RunOutcome?) throws -> Bool {
        try verdict(text, highest: highest, half: half).isMet
    }

    @Test func `Without a script rates are judged by the highest, latencies by the run at half of it`() throws {
        let highest = try RunOutcome.made { _, result in result.answer(1000, after: 100_000_000) }
        let half = try RunOutcome.made { options, result in
            options.mode = .open(rate: 500)
            result.arrivals = 500
            result.answer(500, after: 4_000_000)
            result.dropped = 3
        }
        #expect(try isMet("rate > 900", highest: highest, half: half))
        #expect(try !isMet("rate > 1100", highest: highest, half: half))
        #expect(try isMet("charge rate > 900", highest: highest, half: half))
        for text in ["p99 < 5ms", "max < 5ms", "mean < 5ms", "charge p50 < 5ms"] {
            #expect(try isMet(text, highest: highest, half: half), "\(text)")
        }
        #expect(try !isMet("p99 < 3ms", highest: highest, half: half))
        #expect(try !isMet("dropped < 3", highest: highest, half: half))
        #expect(throws: LoadError.self) { try isMet("refund p99 < 1s", highest: highest, half: half) }
    }

    @Test func `Errors are judged by the run that had more of them`() throws {
        let clean = try RunOutcome.made { _, result in result.answer(100, after: 1_000_000) }
        let failing = try RunOutcome.made { _, result in
            result.answer(50, after: 1_000_000)
            result.refuse(50, "BUSY")
        }
        #expect(try isMet("errors < 1%", highest: clean, half: clean))
        #expect(try verdict("errors < 1%", highest: failing, half: clean).measured == 0.5)
        #expect(try verdict("errors < 1%", highest: clean, half: failing).measured == 0.5)
        #expect(try verdict("errors < 1%", highest: failing, half: nil).measured == 0.5)
    }

    @Test func `What no open loop has measured is missed`() throws {
        let refused = try RunOutcome.made { _, result in result.refuse(200, "FROZEN") }
        let latency = try verdict("p99 < 1h", highest: refused, half: nil)
        #expect(!latency.isMet && latency.measuredText == "not measured")
        #expect(try !isMet("rate > 1", highest: refused, half: nil))
        #expect(try !isMet("dropped < 1", highest: refused, half: nil))
        // Ended early: the closed loop has latencies, which are none that a user sees.
        let early = try RunOutcome.made { _, result in result.answer(10, after: 1_000_000) }
        #expect(try !isMet("p99 < 1h", highest: early, half: nil))
        #expect(try isMet("rate > 5", highest: early, half: nil))
        var report = LoadReport(scenario: "s", about: "", server: "toy", peer: "", outcome: early)
        #expect(report.meetsThresholds)
        report.verdicts = [latency]
        #expect(!report.meetsThresholds)
        #expect(TerminalReport.render(report).contains("MISSED p99 < 1h: not measured\n"))
    }

    @Test func `A busy event loop, or arrivals handed out late, make the client the limit`() throws {
        let idle = try RunOutcome.made { _, result in
            result.cpuNanoseconds = 890_000_000
            for _ in 0..<100 { result.lateness.record(900_000) }
        }
        #expect(idle.clientLimits.isEmpty)
        let busy = try RunOutcome.made { _, result in result.cpuNanoseconds = 950_000_000 }
        #expect(busy.clientLimits.count == 1 && busy.clientLimits[0].contains("busy for 95 % of the time"))
        // One arrival in fifty counts, one in two hundred does not.
        let late = try RunOutcome.made { _, result in
            for number in 0..<200 { result.lateness.record(number < 4 ? 3_000_000 : 1000) }
        }
        #expect(late.clientLimits.count == 1 && late.clientLimits[0].contains("handed out 3.00 ms late"))
        let once = try RunOutcome.made { _, result in
            for number in 0..<200 { result.lateness.record(number < 1 ? 3_000_000 : 1000) }
        }
        #expect(once.clientLimits.isEmpty)
        let both = try RunOutcome.made { _, result in
            result.cpuNanoseconds = 1_000_000_000
            result.lateness.record(3_000_000)
        }
        #expect(both.clientLimits.count == 2)
    }
}
