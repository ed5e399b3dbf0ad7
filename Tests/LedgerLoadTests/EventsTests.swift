import RESP
import Synchronization
import Testing

@testable import LedgerLoad

struct EventsTests {
    @Test func `Events carry this machine's time, each comes once, and those of the last second, too`() async throws {
        let toy = ToyEvents()
        _ = toy.tell("before")
        let events = ServerEvents(control: toy)
        // The next question but one is a second away: only the last look can hear of these.
        let times = try await events.during { () async throws(LoadError) -> [Int64] in
            await toy.hasBeenAsked("LATENCY")
            return [toy.tell("sync", in: 1_000_000), toy.tell("timers", in: 2_000_000)]
        }
        #expect(events.events.map(\.name) == ["sync", "timers"])
        // Its clock is an hour ahead; how long a question takes is of no matter here.
        for (event, time) in zip(events.events, times) { #expect(abs(event.at - time) < 600_000_000) }
        #expect(events.events.map(\.microseconds) == [7, 7])
        await events.lookOnceMore(within: 60_000_000_000)
        #expect(events.events.count == 2)
    }

    @Test func `Events lie on the time line of their run`() async throws {
        let toy = ToyEvents()
        let events = ServerEvents(control: toy)
        _ = try await events.during { () async throws(LoadError) -> Int64 in
            await toy.hasBeenAsked("LATENCY")
            return toy.tell("sync", in: 1_000_000)
        }
        let at = try #require(events.events.first).at
        func second(_ end: UInt64) -> Second {
            Second(
                end: end, nanoseconds: end, completed: 1, errors: [:], dropped: 0, waiting: 0, isWarmup: false, p50: 1,
                p99: 1, maximum: 1)
        }
        let start = UInt64(at - 2_000_000) * 1000
        let long = try RunOutcome.made(seconds: [second(5_000_000_000)], startWall: start) { _, _ in }
        #expect(events.events(of: long) == [ServerEvent(at: 2_000_000_000, name: "sync", microseconds: 7)])
        let short = try RunOutcome.made(seconds: [second(1_000_000_000)], startWall: start) { _, _ in }
        #expect(events.events(of: short).isEmpty)
    }

    @Test func `A server that refuses is asked once`() async {
        let toy = ToyEvents()
        toy.state.withLock { $0.refuses = true }
        let events = ServerEvents(control: toy)
        await events.watch()
        await events.lookOnceMore(within: 60_000_000_000)
        #expect(toy.state.withLock { $0.asked } == ["TIME", "LATENCY"])
        #expect(events.events.isEmpty)
    }

    @Test(.timeLimit(.minutes(10))) func `A server that is gone is not waited for`() async throws {
        let toy = ToyEvents()
        let events = ServerEvents(control: toy)
        let watching = Task { await events.watch() }
        await toy.hasBeenAsked("LATENCY")
        toy.leave()
        await events.lookOnceMore(within: 50_000_000)
        #expect(events.events.isEmpty)
        watching.cancel()
        toy.comeBack()
    }
}

/// A server that tells of its events, and whose clock is an hour ahead.
private final class ToyEvents: CommandPort {
    struct State {
        var rows: [RESPValue] = []
        /// The commands' first words, once they are answered.
        var asked: [String] = []
        var refuses = false
        var isGone = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let state = Mutex(State())
    private let ahead: Int64 = 3_600_000_000

    private var now: Int64 { Int64(MonotonicClock.wall() / 1000) }

    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        // Nobody who waits for it is let go by being cancelled.
        await withCheckedContinuation { continuation in
            let mayGoOn = state.withLock { state in
                if state.isGone { state.waiting.append(continuation) }
                return !state.isGone
            }
            if mayGoOn { continuation.resume() }
        }
        return commands.map { command in
            let name = String(decoding: command[0], as: UTF8.self)
            let time = now + ahead
            return state.withLock { state in
                state.asked.append(name)
                if name == "TIME" { return .array([.integer(time / 1_000_000), .integer(time % 1_000_000)]) }
                return state.refuses ? .error(RESPError(code: "ERR", message: "unknown")) : .array(state.rows)
            }
        }
    }

    /// An event so many microseconds from now. Returns when, by the clock of this machine.
    func tell(_ name: String, in microseconds: Int64 = 0) -> Int64 {
        let at = now + microseconds
        state.withLock { $0.rows.append(.array([.integer(at + ahead), .text(name), .integer(7)])) }
        return at
    }

    /// It answers no more.
    func leave() { state.withLock { $0.isGone = true } }

    func comeBack() {
        let waiting = state.withLock { state in
            state.isGone = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits until it has answered such a command.
    func hasBeenAsked(_ name: String) async {
        while !state.withLock({ $0.asked.contains(name) }) { try? await Task.sleep(for: .milliseconds(2)) }
    }
}
