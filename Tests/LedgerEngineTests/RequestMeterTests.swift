import LedgerCore
import LedgerStorage
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct RequestMeterTests {
    private let start = Timestamp("2026-03-01T12:00:00Z")!

    @Test func `the limit holds in every hour, and an hour later all is well`() {
        let meter = RequestMeter()
        for _ in 0..<10 { #expect(meter.admit(7, limit: 10, at: start)) }
        #expect(!meter.admit(7, limit: 10, at: start))
        #expect(!meter.admit(7, limit: 10, at: start + .minutes(59)))
        #expect(meter.admit(8, limit: 10, at: start))
        #expect(meter.admit(7, limit: 10, at: start + .minutes(65)))
        #expect(meter.count(7, at: start + .minutes(65)) == 1)
    }

    @Test func `it slides`() {
        let meter = RequestMeter()
        // One every six minutes: never more than ten or eleven in an hour.
        for step in 0..<200 {
            #expect(meter.admit(1, limit: 11, at: start + .minutes(Int64(step) * 6)))
        }
    }

    @Test func `refused requests do not count, withdrawn ones neither`() {
        let meter = RequestMeter()
        #expect(meter.admit(1, limit: 2, at: start))
        meter.withdraw(1, at: start)
        #expect(meter.admit(1, limit: 2, at: start))
        #expect(meter.admit(1, limit: 2, at: start))
        for _ in 0..<5 { #expect(!meter.admit(1, limit: 2, at: start)) }
        #expect(meter.count(1, at: start) == 2)
        #expect(!meter.admit(1, limit: 0, at: start + .hours(3)))
        #expect(meter.admit(1, limit: Limits.none, at: start))
    }

    @Test func `threads together never exceed it`() {
        let meter = RequestMeter()
        let admitted = Box(0)
        let at = start
        let threads = (0..<4).map { _ in
            NamedThread.start("asker") {
                var mine = 0
                for _ in 0..<1000 where meter.admit(3, limit: 500, at: at) { mine += 1 }
                let count = mine
                admitted.update { $0 += count }
            }
        }
        for thread in threads { thread.join() }
        #expect(admitted.get() <= 500)
        #expect(meter.count(3, at: start) == Int64(admitted.get()))
    }
}
