import Histogram
import Synchronization
import Testing

@testable import LedgerLoad

struct RunTests {
    @Test func `A closed loop drives, and the books agree`() async throws {
        let toy = try await ToyRun()
        let outcome = try await toy.run {
            $0.pipeline = 8
            $0.duration = 300_000_000
        }
        #expect(outcome.all.completed > 10)
        #expect(outcome.all.failed == 0)
        #expect(outcome.unfinished == 0)
        let reconciliation = try #require(try await toy.session.reconcile())
        #expect(reconciliation.isGood)
        #expect(reconciliation.sources[0].acknowledged.receipts == toy.server.state.withLock { $0.commands })
        try await toy.end()
    }

    @Test func `Two threads share the connections and the rate`() async throws {
        let toy = try await ToyRun(threads: 2)
        let outcome = try await toy.run {
            $0.threads = 2
            $0.connections = 3
            $0.mode = .open(rate: 400)
            $0.arrivals = .constant
        }
        #expect(398...401 ~= outcome.arrivals)
        #expect(outcome.all.completed == outcome.arrivals)
        #expect(try await toy.session.reconcile()?.isGood == true)
        try await toy.end()
    }

    @Test func `A ramp lasts as long as its stages, and all of it is measured`() async throws {
        let toy = try await ToyRun()
        let outcome = try await toy.run {
            $0.mode = .ramp([
                Stage(rate: 400, nanoseconds: 500_000_000), Stage(rate: 200, nanoseconds: 0),
                Stage(rate: 200, nanoseconds: 250_000_000),
            ])
            $0.arrivals = .constant
            // Of a run at one rate.
            $0.warmup = 30_000_000_000
            $0.duration = 60_000_000_000
        }
        // The area under it: 100 on the way up, and 50.
        #expect(149...150 ~= outcome.arrivals)
        #expect(outcome.all.completed == outcome.arrivals && outcome.dropped == 0)
        #expect(outcome.nanoseconds == 750_000_000)
        #expect(
            LoadReport.drive(outcome.options)
                == "open loop, ramp up to 400/s, constant arrivals; 2 connections × pipeline 1")
        try await toy.end()
    }

    @Test func `A stall shows in the response times of all who came meanwhile, and in one service time`() async throws {
        let toy = try await ToyRun(.init(stall: 200_000_000..<500_000_000))
        let outcome = try await toy.run {
            $0.connections = 1
            $0.mode = .open(rate: 200)
            $0.arrivals = .constant
        }
        #expect(outcome.arrivals == outcome.all.completed + outcome.all.failed)
        // Of 200 arrivals 60 come during the stall and wait for what is left of it: 20 of them at least 200 ms.
        let response = outcome.all.response
        let service = outcome.all.service
        #expect(response.valueAtPercentile(91) >= 150_000_000)
        #expect(service.max >= 250_000_000)
        #expect(
            service.count(within: 100_000_000...3_000_000_000) < response.count(within: 100_000_000...3_000_000_000))
        try await toy.end()
    }

    @Test func `What no client can take and no backlog holds is dropped and counted`() async throws {
        let toy = try await ToyRun(.init(capacity: 100))
        let outcome = try await toy.run {
            $0.connections = 1
            $0.mode = .open(rate: 1000)
            $0.backlog = 10
            $0.duration = 500_000_000
        }
        #expect(outcome.dropped > 100)
        #expect(outcome.arrivals == outcome.dropped + outcome.all.completed)
        #expect(!outcome.isKept)
        try await toy.end()
    }

    @Test func `Errors are counted by their code and not among the latencies`() async throws {
        let toy = try await ToyRun(.init(busyEvery: 4))
        let outcome = try await toy.run {
            $0.mode = .open(rate: 200)
            $0.arrivals = .constant
        }
        let busy = outcome.all.errors["BUSY"] ?? 0
        #expect(abs(busy - outcome.arrivals / 4) <= 1)
        #expect(outcome.all.completed == outcome.arrivals - busy)
        let verdicts = try outcome.verdicts([
            Threshold("errors < 10%"), Threshold("errors < 30%"), Threshold("charge p50 < 1h"),
        ])
        #expect(verdicts.map(\.isMet) == [false, true, true])
        #expect(try await toy.session.reconcile()?.isGood == true)
        #expect(throws: LoadError.self) { try outcome.verdicts([Threshold("refund p99 < 1s")]) }
        try await toy.end()
    }

    @Test func `A lost connection leaves one outcome unknown, and is opened again`() async throws {
        let toy = try await ToyRun(.init(hangUpAt: 20))
        var options = LoadOptions()
        options.mode = .open(rate: 100)
        options.arrivals = .constant
        options.connections = 1
        options.warmup = 0
        options.duration = 60_000_000_000
        let monitor = LoadMonitor(threads: 1) { _ in }
        // It ends when it goes on behind the lost one, however long that takes.
        let server = toy.server
        let ending = Task {
            while !Task.isCancelled, server.state.withLock({ $0.commands }) <= 20 {
                try? await Task.sleep(for: .milliseconds(10))
            }
            monitor.stop()
        }
        let outcome = try await toy.session.run(options, monitor)
        ending.cancel()
        #expect(outcome.all.errors["LOST"] == 1)
        #expect(outcome.reconnects == 1)
        let reconciliation = try #require(try await toy.session.reconcile())
        #expect(reconciliation.sources[0].acknowledged.unknown == 1)
        #expect(reconciliation.sources[0].acknowledged.unknownNanos == 10_000_000)
        #expect(reconciliation.isGood)
        #expect(reconciliation.lines.contains { $0.contains("may be ahead by up to 0.01") })
        try await toy.end()
    }

    @Test func `A receipt that is not in the books is found`() async throws {
        let toy = try await ToyRun(.init(loseEvery: 10))
        _ = try await toy.run {
            $0.mode = .open(rate: 100)
            $0.arrivals = .constant
            $0.duration = 500_000_000
        }
        let reconciliation = try #require(try await toy.session.reconcile())
        #expect(!reconciliation.isGood)
        let source = reconciliation.sources[0]
        #expect(source.lost == source.acknowledged.nanos - source.booked && source.lost > 0)
        try await toy.end()
    }

    @Test func `No answer at all meets no limit of latency`() async throws {
        let toy = try await ToyRun(.init(busyEvery: 1))
        let outcome = try await toy.run {
            $0.mode = .open(rate: 50)
            $0.arrivals = .constant
            $0.duration = 200_000_000
        }
        let verdicts = try outcome.verdicts([Threshold("p99 < 1h"), Threshold("charge p99 < 1h")])
        #expect(verdicts.allSatisfy { !$0.isMet })
        try await toy.end()
    }

    @Test func `Clients that think ask less`() async throws {
        let source = """
            return function(p)
              return { think = "100ms", mix = { { name = "a", "PING" } } }
            end
            """
        let toy = try await ToyRun(source: source)
        let outcome = try await toy.run { _ in }
        #expect(2...20 ~= outcome.all.completed)
        try await toy.end()
    }

    @Test func `A run is ended early`() async throws {
        let toy = try await ToyRun()
        var options = LoadOptions()
        options.warmup = 0
        options.duration = 60_000_000_000
        options.connections = 1
        let monitor = LoadMonitor(threads: 1) { _ in }
        monitor.stop()
        let outcome = try await toy.session.run(options, monitor)
        #expect(outcome.nanoseconds < 50_000_000_000)
        #expect(outcome.all.completed > 0)
        try await toy.end()
    }

    @Test func `Nobody there is one sentence`() async throws {
        let toy = try await ToyRun()
        try await toy.server.stop()
        do {
            _ = try await toy.run { _ in }
            Issue.record("it ran")
        } catch {
            #expect("\(error)".hasPrefix("cannot connect to 127.0.0.1:"))
        }
        await toy.session.close()
    }
}
