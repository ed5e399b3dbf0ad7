import RESP
import Testing

@testable import LedgerLoad

struct ReportTests {
    private func report(open isOpen: Bool = true) throws -> LoadReport {
        let source = """
            return function(p)
              return { mix = {
                { name = "charge", charge = "api", amount = "0.01", "CHARGE" }, { name = "<look>", "GET" } } }
            end
            """
        let scenario = try ScenarioReader.read(name: "s", source: source, parameters: [:])
        var options = LoadOptions()
        options.mode = isOpen ? .open(rate: 1000) : .closed
        var result = WorkerResult(operations: 2, sources: 1)
        for number in 1...1000 {
            let time = UInt64(number) * 10_000
            result.all.record(response: time * 2, service: time)
            result.operations[number % 2].record(response: time * 2, service: time)
        }
        result.all.errors = ["BUSY": 3, "LIMIT": 1]
        result.arrivals = 1010
        result.dropped = 6
        result.completedInTime = 1000
        result.measuredNanoseconds = 1_000_000_000
        result.acknowledged[0].receipts = 500
        result.acknowledged[0].nanos = 5_000_000_000
        let seconds = (1...3).map { number in
            Second(
                end: UInt64(number) * 1_000_000_000, nanoseconds: 1_000_000_000, completed: 900 + number * 50,
                errors: [:],
                dropped: 0, waiting: 0, isWarmup: number == 1, p50: 10_000_000, p99: 19_800_000, maximum: 20_000_000)
        }
        let outcome = RunOutcome(try LoadPlan(scenario, .init()), options, result, seconds, startWall: 0)
        var report = LoadReport(
            scenario: "toy.lua", about: "a <toy>", server: "florin", peer: "127.0.0.1:7411", outcome: outcome)
        report.verdicts = try outcome.verdicts([Threshold("p99 < 5ms"), Threshold("errors < 1%")])
        var before = Books()
        before.sum = 0
        var after = before
        after.revenue["api"] = 5_000_000_000
        report.reconciliation = Reconciliation(
            before: before, after: after, acknowledged: outcome.acknowledged, receipts: ReceiptFindings())
        report.events = [ServerEvent(at: 1_500_000_000, name: "fsync", microseconds: 12_000)]
        return report
    }

    @Test func `The report for a terminal`() throws {
        let text = TerminalReport.render(try report())
        let expected = """
            toy.lua: a <toy>
            florin at 127.0.0.1:7411; open loop, 1,000/s, poisson arrivals; 32 connections × pipeline 1

            1,000 operations/s over 1.0 s, standard deviation per second 35
            1,010/s were asked for; 6 arrivals were dropped

                           operations      p50      p75      p90      p95      p99    p99.9   p99.99      max
            response time       1,000  10.0 ms  15.0 ms  18.0 ms  19.0 ms  19.8 ms  20.0 ms  20.0 ms  20.0 ms
            service time        1,000  5.00 ms  7.50 ms  9.00 ms  9.50 ms  9.90 ms  9.99 ms  10.0 ms  10.0 ms
              charge              500  10.0 ms  15.0 ms  18.0 ms  19.0 ms  19.8 ms  20.0 ms  20.0 ms  20.0 ms
              <look>              500  9.99 ms  15.0 ms  18.0 ms  19.0 ms  19.8 ms  20.0 ms  20.0 ms  20.0 ms
            Response time counts from when an operation was meant to begin, service time from when it was sent.
            4 errors (0.398 %): BUSY 3, LIMIT 1

            MISSED p99 < 5ms: 19.8 ms
            met    errors < 1%: 0.398 %

            Books and receipts agree:
              api: 500 receipts of 5.00, books 5.00: lost 0.00, twice 0.00
              sum over all books: 0

            """
        #expect(text == expected, "\(text)")
        // The first row is the widest: it fits a terminal with some room.
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
    }

    @Test func `The HTML report needs nothing else, and escapes what it is given`() throws {
        let html = HTMLReport.render(try report())
        for word in ["http:", "https:", "<script", "url(", "@import", "src="] { #expect(!html.contains(word)) }
        #expect(html.contains("a &lt;toy&gt;"))
        #expect(!html.contains("<toy>") && !html.contains("<look>"))
        #expect(html.contains("fsync: 12.0 ms, at 1.5 s") && html.contains(">fsync</text>"))
        #expect(html.contains("the longest by lines: 1 fsync."))
        #expect(html.components("<svg") == 3 && html.components("</svg>") == 3)
        #expect(!html.contains("nan") && !html.contains("inf\""))
    }

    @Test func `Without a script two numbers come first, and what limited the higher one`() throws {
        var report = try report()
        report.highest = try .made { options, result in
            (options.connections, options.pipeline) = (16, 16)
            result.answer(2000, after: 1_000_000)
        }
        let numbers = """
            2,000 durable charges a second: the highest rate (closed loop; 16 connections × pipeline 16)
            p99 19.8 ms: response time at half of it

            """
        #expect(TerminalReport.render(report).hasPrefix(numbers + "\ntoy.lua: a <toy>\n"))
        #expect(!HTMLReport.render(report).contains("the highest rate"))
        report.highest = try .made { options, result in
            (options.connections, options.pipeline) = (16, 16)
            result.answer(2000, after: 1_000_000)
            result.refuse(20, "BUSY")
            result.cpuNanoseconds = 950_000_000
        }
        let limit = "At the highest rate this client was itself the limit, so it is a lower bound:"
        let reason =
            "its event loop was busy for 95 % of the time: --threads gives it more, another machine is better"
        let text = TerminalReport.render(report)
        let notes = """
            \(limit)
              \(reason)
            Errors at the highest rate:
              20 errors (0.990 %): BUSY 20

            toy.lua: a <toy>

            """
        #expect(text.hasPrefix(numbers + notes), "\(text)")
        let html = HTMLReport.render(report)
        #expect(html.contains("<b>2,000</b><span>durable charges/s, the highest</span>"))
        #expect(html.contains("<p class=\"bad\">\(limit) \(reason).</p>"))
        #expect(html.contains("<p class=\"bad\">Errors at the highest rate: 20 errors (0.990 %): BUSY 20.</p>"))
    }

    @Test func `The run that is reported has its own limits`() throws {
        var report = try report()
        report.outcome.clientLoad = 0.95
        let reason = "its event loop was busy for 95 % of the time"
        #expect(TerminalReport.render(report).contains("\nThis client was itself the limit:\n  \(reason)"))
        #expect(HTMLReport.render(report).contains("This client was itself the limit: \(reason)"))
    }

    @Test func `The curve of a search is in the text and drawn`() throws {
        let threshold = try Threshold("p99 < 5ms")
        func point(_ rate: Int, done: Int, milliseconds: UInt64, busy: UInt64 = 0) throws -> SearchPoint {
            let outcome = try RunOutcome.made { options, result in
                options.mode = .open(rate: Double(rate))
                result.arrivals = rate
                result.answer(done, after: milliseconds * 1_000_000)
                result.cpuNanoseconds = busy * 10_000_000
            }
            return SearchPoint(
                rate: Double(rate), outcome: outcome, verdicts: try outcome.verdicts([threshold]),
                isKept: outcome.isKept)
        }
        var report = try report()
        report.search = SearchResult(
            points: [
                try point(100, done: 100, milliseconds: 1), try point(200, done: 200, milliseconds: 2),
                try point(400, done: 400, milliseconds: 50, busy: 95), try point(800, done: 500, milliseconds: 50),
            ], ceiling: 800)
        let curve = """

            asked/s  done/s      p50      p99    p99.9      max
                100     100  1.00 ms  1.00 ms  1.00 ms  1.00 ms  met
                200     200  2.00 ms  2.00 ms  2.00 ms  2.00 ms  met
                400     400  50.0 ms  50.0 ms  50.0 ms  50.0 ms  missed
                800     500  50.0 ms  50.0 ms  50.0 ms  50.0 ms  not kept up
            Highest rate that meets it: 200/s
            This client was itself the limit: a better one may find more.

            """
        let text = TerminalReport.render(report)
        #expect(text.contains(curve), "\(text)")
        let html = HTMLReport.render(report)
        #expect(html.contains("<h2>Latency by rate</h2>") && html.components("<svg") == 4)
        #expect(html.components("class=\"dot met\"") == 6 && html.components("class=\"dot missed\"") == 6)
        #expect(html.contains("200/s: p99 2.00 ms, met") && html.contains("800/s: p50 50.0 ms, not kept up"))
        #expect(html.contains("The highest rate that meets the objective is 200/s. Hollow points did not meet it."))
        #expect(html.contains("<b>200</b><span>operations/s meet the objective</span>"))
    }

    @Test func `The live line tells of one second`() {
        var second = Second(
            end: 3_000_000_000, nanoseconds: 1_000_000_000, completed: 1234, errors: [:], dropped: 0, waiting: 0,
            isWarmup: false, p50: 820_000, p99: 12_400_000, maximum: 20_000_000)
        #expect(
            LiveLine.text(of: second, title: "half of it")
                == "half of it: 3 s  1,234/s  p50 820 µs  p99 12.4 ms  no errors")
        second.isWarmup = true
        second.waiting = 1200
        second.dropped = 5
        second.errors = ["LIMIT": 1, "BUSY": 3000]
        #expect(
            LiveLine.text(of: second, title: "half of it")
                == "half of it: warm-up 3 s  1,234/s  p50 820 µs  p99 12.4 ms  waiting 1,200  dropped 5  BUSY 3,000  "
                + "LIMIT 1")
        // More than a line would leave its end behind when it is drawn anew.
        #expect(LiveLine.text(of: second, title: String(repeating: "long", count: 30)).count == LiveLine.width)
    }

    @Test func `An empty run has a report, too`() throws {
        var report = try report(open: false)
        report.outcome.seconds = []
        report.outcome.all = Measured()
        report.events = []
        #expect(TerminalReport.render(report).contains("closed loop"))
        #expect(HTMLReport.render(report).contains("</html>"))
    }

    @Test func `Rows of events are read as maps and as lists`() {
        let map = ServerEvents.event(
            .map([
                .init(.text("at"), .integer(5)), .init(.text("event"), .text("fold")),
                .init(.text("microseconds"), .integer(7)),
            ]))
        #expect(map == ServerEvent(at: 5, name: "fold", microseconds: 7))
        let list = ServerEvents.event(.array([.integer(5), .text("fold"), .integer(7)]))
        #expect(list == ServerEvent(at: 5, name: "fold", microseconds: 7))
        #expect(ServerEvents.event(.array([.text("fold")])) == nil)
    }

    @Test func `INFO books is read, and its sum taken`() throws {
        let books = try Books(info: "# Books\r\nusers/paid:-5.00\r\nrevenue/api:4.50\r\nrevenue/my:job:0.50\r\n")
        #expect(books.revenue == ["api": 4_500_000_000, "my:job": 500_000_000])
        #expect(books.sum == 0)
        // More than 64 bits hold.
        #expect(try Books(info: "users/promo:10000000000.00").sum == 10_000_000_000_000_000_000)
        #expect(throws: LoadError.self) { try Books(info: "users/promo:1.2.3") }
    }

    @Test func `A receipt's time has a next nanosecond`() {
        #expect(ReceiptLookup.justAfter("2026-11-28T23:12:31.231773201Z") == "2026-11-28T23:12:31.231773202Z")
        #expect(ReceiptLookup.justAfter("2026-11-28T23:12:31.5Z") == "2026-11-28T23:12:31.500000001Z")
        #expect(ReceiptLookup.justAfter("2026-11-28T23:12:31.999999999Z") == nil)
        #expect(ReceiptLookup.justAfter("yesterday") == nil)
    }
}

extension String {
    fileprivate func components(_ word: String) -> Int { ranges(of: word).count }
}
