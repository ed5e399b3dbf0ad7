import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct ChunkedArrayTests {
    @Test(arguments: 1...6)
    func `it agrees with an array, whatever goes at either end`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &+ 500)
        var chunked = ChunkedArray<Int>()
        var naive: [Int] = []
        var gone = 0
        for step in 0..<2_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                for _ in 0..<Int.random(in: 1...900, using: &random) {
                    chunked.append(step)
                    naive.append(step)
                }
            case 5..<8:
                for _ in 0..<Int.random(in: 0...min(900, naive.count), using: &random) {
                    let (last, expected) = (chunked.removeLast(), naive.removeLast())
                    #expect(last == expected)
                }
            case 8:
                chunked.drop(before: gone + Int.random(in: 0...naive.count + 10, using: &random))
                naive.removeFirst(chunked.start - gone)
                gone = chunked.start
            default:
                guard let index = naive.indices.randomElement(using: &random) else { continue }
                naive[index] = -step
                chunked[gone + index] = -step
            }
            #expect(chunked.count == naive.count && chunked.isEmpty == naive.isEmpty, "seed \(seed), step \(step)")
            if step % 50 == 0 { #expect(chunked.positions.map { chunked[$0] } == naive, "seed \(seed)") }
        }
    }

    @Test func `what is dropped is less than a chunk short of what was asked`() {
        var chunked = ChunkedArray<Int>()
        for number in 0..<10_000 { chunked.append(number) }
        chunked.drop(before: 5_000)
        #expect(chunked.start <= 5_000 && chunked.start > 5_000 - 1_024)
        #expect(chunked[5_000] == 5_000 && chunked[9_999] == 9_999)
        chunked.drop(before: .max)
        #expect(chunked.count < 1_024)
    }
}
