import LedgerCore
import LedgerStorage
import Testing

@testable import LedgerEngine

@Suite struct LatencyLogTests {
    private let clock = ManualClock(Timestamp(seconds: 1_000))

    @Test func `what was short leaves no line, and work beside the writer always does`() {
        let log = LatencyLog(clock: clock)
        log.record(.sync, since: MonotonicTime.now)
        log.record(.timers, since: MonotonicTime.now)
        #expect(log.recent(10).isEmpty && log.latest.isEmpty)
        log.record(.sync, since: MonotonicTime.now - 7_000_000)
        log.record(.seal, since: MonotonicTime.now)
        #expect(log.recent(10).map(\.event) == [.seal, .sync] && log.recent(1).map(\.event) == [.seal])
        #expect(log.recent(10).allSatisfy { $0.time == Timestamp(seconds: 1_000) } && log.recent(-1).isEmpty)
        #expect(log.recent(10)[1].nanoseconds >= 7_000_000)
    }

    @Test func `the newest thousand are kept, and the longest of each kind for good`() {
        let log = LatencyLog(clock: clock)
        log.record(.snapshot, since: MonotonicTime.now - 3_000_000_000)
        for index in 0..<2_500 as Range<Int64> {
            clock.advance(by: .seconds(1))
            log.record(index % 2 == 0 ? .segment : .snapshot, since: MonotonicTime.now)
        }
        let recent = log.recent(10_000)
        #expect(recent.count == 1024)
        #expect(
            recent.map(\.time) == (0..<1024 as Range<Int64>).map { Timestamp(seconds: 1_000 + 2_500 - $0) })
        #expect(log.latest.map(\.entry.event) == [.segment, .snapshot])
        #expect(log.latest[1].longest >= 3_000_000_000 && log.latest[1].entry.nanoseconds < 3_000_000_000)
    }
}
