import LedgerTestKit
import Testing

@testable import LedgerCore

/// What a capture hands out is the state at its beginning, in the same bytes as a snapshot that was written at once,
/// whatever is decided meanwhile.
@Suite struct CaptureTests {
    /// A capture under way, and what it must come to.
    private struct Running: ~Copyable {
        var capture: Capture
        var encoder = SnapshotEncoder()
        var sink = FrameCollector()
        let expected: [[UInt8]]

        init(_ ledger: inout TestLedger) {
            expected = ledger.frames()
            capture = ledger.machine.beginCapture()
        }

        /// Whether it is over.
        mutating func advance(_ ledger: inout TestLedger, limit: Int) -> Bool {
            if let rows = ledger.machine.advance(&capture, limit: limit) { encoder.add(rows, to: &sink) }
            guard capture.isDone else { return false }
            encoder.finish(to: &sink)
            ledger.machine.endCapture()
            #expect(sink.frames.map { [UInt8($0.section)] + $0.bytes } == expected)
            return true
        }
    }

    @Test(arguments: 1...12) func `months go on while captures are made of them`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 41_000)
        var ledger = TestLedger()
        var wishes = Wishes()
        var read = 0
        var running: Running?
        var captured = 0
        Wishes.prepare(&ledger)
        for _ in 0..<400 {
            if Int.random(in: 0..<4, using: &random) == 0 {
                ledger.wait(.seconds(Int64.random(in: 1...200_000, using: &random)))
            }
            ledger.settle()
            ledger.price = Prices.price(of: ledger.machine)
            let (command, key) = wishes.next(ledger, using: &random)
            let event = ledger.command(command, key: key, actor: Wishes.actor(ledger, using: &random)).event
            if let event { wishes.note(event) }
            wishes.note(lotsOf: ledger)
            try wishes.note(ledger, from: &read)
            if running == nil { running = Running(&ledger) }
            // Sections without rows, and the empty segments of indexes, are passed quickly.
            for _ in 0..<Int.random(in: 0..<300, using: &random) {
                guard try #require(running?.advance(&ledger, limit: Int.random(in: 1...7, using: &random))) else {
                    continue
                }
                running = nil
                captured += 1
                #expect(ledger.machine.keptRows == 0)
                break
            }
        }
        while running != nil { if running!.advance(&ledger, limit: 5) { running = nil } }
        #expect(captured > 10)
        #expect(ledger.problems() == [], "seed \(seed)")
    }

    @Test func `ranges of users are captured in any steps`() {
        var ledger = TestLedger()
        let count = Int(SnapshotSection.usersPerRange) + 500
        for number in 0..<count {
            let id = ShortText("user\(number)")!
            ledger.user(id)
            if number % 3 == 0 { ledger.purchase(id, "25.00") }
            if number % 500 == 0 { ledger.purchase(id, "30.00") }
        }
        var running: Running? = Running(&ledger)
        var random = SeededGenerator(seed: 5)
        var most = 0
        while running != nil {
            for _ in 0..<3 {
                let id = ShortText("user\(Int.random(in: 0..<count, using: &random))")!
                ledger.charge(id, "0.01")
            }
            most = max(most, ledger.machine.keptRows)
            if running!.advance(&ledger, limit: 700) { running = nil }
        }
        // Users that have been passed are not kept.
        #expect(most > 10 && most < 200, "\(most)")
    }

    @Test func `a capture that is given up leaves nothing behind`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "25.00")
        var capture = ledger.machine.beginCapture()
        _ = ledger.machine.advance(&capture, limit: 1)
        ledger.charge("ann", "1")
        #expect(ledger.machine.keptRows > 0)
        ledger.machine.endCapture()
        #expect(ledger.machine.keptRows == 0)
        var running: Running? = Running(&ledger)
        while running != nil { if running!.advance(&ledger, limit: 100) { running = nil } }
    }
}
