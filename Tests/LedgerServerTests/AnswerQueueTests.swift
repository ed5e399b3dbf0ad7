import LedgerCore
import RESP
import Testing

@testable import LedgerServer

@Suite struct AnswerQueueTests {
    private func reference(_ lsn: UInt64, _ kind: AnswerQueue.Reference.Kind = .receipt, _ version: RESPVersion = .v2)
        -> AnswerQueue.Reference
    {
        AnswerQueue.Reference(kind: kind, lsn: LSN(lsn), version: version)
    }

    /// What waits, as text; takes it out in portions of `limit`.
    private func drain(_ queue: inout AnswerQueue, _ limit: Int) -> String {
        var text = ""
        while let first = queue.first {
            switch first.kind {
            case .bytes:
                var bytes: [UInt8] = []
                queue.takeBytes(limit, into: &bytes)
                text += String(decoding: bytes, as: UTF8.self)
            case .busy: text += String(repeating: "!", count: queue.takeBusy(limit))
            case .receipt, .replay:
                // Also those behind other answers: they are read in one go, and taken in their turn.
                let found = queue.references(limit).prefix(Int(first.count))
                queue.removeReferences(found.count)
                for it in found {
                    text += "\(it.kind == .replay ? "r" : "")\(it.lsn.value)\(it.version == .v3 ? "'" : "") "
                }
            }
        }
        return text
    }

    @Test func `a waiting receipt takes sixteen bytes at most`() {
        #expect(MemoryLayout<AnswerQueue.Entry>.stride == 16)
        var queue = AnswerQueue()
        // Every second event is somebody else's.
        for lsn in 0..<10_000 as Range<UInt64> { queue.append(reference(2 * lsn + 1)) }
        #expect(queue.weight == 10_000 * 16)
        var run = AnswerQueue()
        for lsn in 1...10_000 as ClosedRange<UInt64> { run.append(reference(lsn)) }
        #expect(run.weight == 16)
    }

    @Test(arguments: [1, 2, 3, 7, 1000]) func `answers leave in their order, in whatever portions`(limit: Int) {
        var queue = AnswerQueue()
        queue.append(bytes: Array("ab".utf8))
        queue.append(bytes: Array("c".utf8))
        for lsn in [5, 6, 7, 9] as [UInt64] { queue.append(reference(lsn)) }
        queue.append(reference(10, .replay))
        queue.append(reference(11, .replay, .v3))
        queue.appendBusy()
        queue.appendBusy()
        queue.append(bytes: [])
        queue.append(bytes: Array("d".utf8))
        #expect(drain(&queue, limit) == "abc5 6 7 9 r10 r11' !!d")
        #expect(queue.isEmpty && queue.weight == 0)
    }

    @Test func `references are looked for behind other answers, but not far behind`() {
        var queue = AnswerQueue()
        for lsn in 1...100 as ClosedRange<UInt64> {
            queue.append(reference(lsn))
            queue.append(bytes: Array("answer".utf8))
        }
        #expect(queue.references(64).map(\.lsn.value) == Array(1...64))
        #expect(queue.references(1000).count == 100)
        queue.append(bytes: [UInt8](repeating: 0, count: 40_000))
        queue.append(reference(101))
        #expect(queue.references(1000).count == 100)
        #expect(queue.weight == 101 * 32 + 600 + 40_000 - 32 + 16)
    }

    @Test func `what was refused is a number`() {
        var queue = AnswerQueue()
        for _ in 0..<1_000_000 { queue.appendBusy() }
        #expect(queue.weight == 16)
        #expect(queue.takeBusy(999_999) == 999_999)
        #expect(queue.takeBusy(5) == 1 && queue.isEmpty)
    }

    @Test func `a queue of chunks does what an array does`() {
        var generator = SystemRandomNumberGenerator()
        for chunk in [1, 2, 5, 64] {
            var queue = ChunkQueue<Int>(chunk: chunk)
            var model: [Int] = []
            for number in 0..<3000 {
                switch Int.random(in: 0..<6, using: &generator) {
                case 0:
                    queue.append(number)
                    model.append(number)
                case 1:
                    let several = (0..<Int.random(in: 0...9, using: &generator)).map { number * 10 + $0 }
                    queue.append(contentsOf: several)
                    model += several
                case 2 where !model.isEmpty:
                    queue.removeFirst()
                    model.removeFirst()
                case 3 where !model.isEmpty:
                    queue.updateFirst { $0 += 1 }
                    model[0] += 1
                case 4:
                    let isChanged = queue.updateLast {
                        $0 += 1
                        return true
                    }
                    if isChanged { model[model.count - 1] += 1 }
                default:
                    let count = Int.random(in: 0...min(9, model.count), using: &generator)
                    var seen: [Int] = []
                    queue.prefix(count) {
                        seen.append($0)
                        return true
                    }
                    #expect(seen == Array(model.prefix(count)))
                    var taken: [Int] = []
                    queue.take(count) { taken += $0 }
                    #expect(taken == seen)
                    model.removeFirst(count)
                }
                #expect(queue.count == model.count && queue.first == model.first)
            }
        }
    }
}
