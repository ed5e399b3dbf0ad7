import LedgerCore
import Testing

@testable import LedgerEngine

/// Who reads the journal when many want to.
@Suite struct ReadQueueTests {
    private func entry(_ request: HistoryRequest, _ asker: Asker) -> ReadQueue.Entry {
        ReadQueue.Entry(request: request, asker: asker, completion: { _ in })
    }

    private let long = HistoryRequest.summary(user: .zero, from: nil, to: nil)
    private let short = HistoryRequest.event(LSN(1))

    @Test func `askers take turns, and short reads go first`() {
        let queue = ReadQueue(capacity: 1000)
        let (greedy, modest, quick) = (Asker(), Asker(), Asker())
        for _ in 0..<300 { #expect(queue.push(entry(long, greedy))) }
        for _ in 0..<2 { #expect(queue.push(entry(long, modest))) }
        #expect(queue.push(entry(short, quick)))
        var order: [String] = []
        for _ in 0..<6 {
            let asker = queue.next(shortOnly: false)?.asker
            order.append(asker === greedy ? "greedy" : asker === modest ? "modest" : "quick")
        }
        #expect(order == ["quick", "greedy", "modest", "greedy", "modest", "greedy"])
        for _ in 0..<297 { #expect(queue.next(shortOnly: false)?.asker === greedy) }
        queue.close()
        #expect(queue.next(shortOnly: false) == nil)
        #expect(!queue.push(entry(short, quick)))
    }

    @Test func `long reads leave places for short ones`() {
        let queue = ReadQueue(capacity: 8)
        let asker = Asker()
        for _ in 0..<6 { #expect(queue.push(entry(long, asker))) }
        #expect(!queue.push(entry(long, asker)))
        for _ in 0..<2 { #expect(queue.push(entry(short, asker))) }
        #expect(!queue.push(entry(short, asker)))
        #expect(queue.next(shortOnly: true) != nil && queue.next(shortOnly: true) != nil)
        queue.close()
        #expect(queue.next(shortOnly: true) == nil, "a thread for short reads took a long one")
        for _ in 0..<6 { #expect(queue.next(shortOnly: false) != nil) }
        #expect(queue.next(shortOnly: false) == nil)
    }

    @Test func `nothing is read for somebody who has gone, and a stop waits for no walk`() throws {
        let t = try TestEngine()
        try t.accept(t.createUser("ada"))
        for _ in 0..<50 { try t.accept(t.purchase("ada", "10.00")) }
        func isGivenUp(_ result: HistoryResult?) -> Bool {
            guard case .rejected(.busy) = result else { return false }
            return true
        }
        let gone = Asker()
        gone.leave()
        let done = Latch()
        let result = Box<HistoryResult?>(nil)
        let accepted = t.engine.read(.summary(user: t.hash("ada"), from: nil, to: nil), for: gone) {
            result.set($0)
            done.open()
        }
        #expect(accepted)
        done.wait()
        #expect(isGivenUp(result.get()))

        // As many as there is room for, each of the same past: a stop answers them all, without reading it for each.
        let answered = Box(0)
        let asker = Asker()
        var pushed = 0
        while t.engine.read(
            .summary(user: t.hash("ada"), from: nil, to: nil), for: asker,
            completion: { _ in answered.update { $0 += 1 } }), pushed < 3000
        { pushed += 1 }
        t.stop()
        #expect(answered.get() >= pushed && pushed > 100)
    }
}
