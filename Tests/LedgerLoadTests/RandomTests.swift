import Glibc
import Testing

@testable import LedgerLoad

struct RandomTests {
    private func counts(_ keys: KeyDistribution, draws: Int) -> [Int] {
        var generator = SeededGenerator(seed: 11)
        var turn: UInt64 = 0
        var counts = [Int](repeating: 0, count: Int(keys.count))
        for _ in 0..<draws { counts[Int(keys.draw(&generator, turn: &turn))] += 1 }
        return counts
    }

    @Test func `One seed gives one sequence`() {
        var first = SeededGenerator(seed: 7)
        var second = SeededGenerator(seed: 7)
        for _ in 0..<1000 { #expect(first.next() == second.next()) }
    }

    @Test func `Uniform keys come about equally often`() {
        for count in counts(.uniform(count: 10), draws: 100_000) { #expect(9_500...10_500 ~= count) }
    }

    @Test(arguments: [0.5, 0.99, 1.0, 1.5])
    func `Zipf keys come in proportion to their rank to the power of theta`(theta: Double) {
        let counts = counts(.zipf(Zipf(count: 1000, theta: theta)), draws: 400_000)
        let weights = (1...1000).map { pow(Double($0), -theta) }
        let total = weights.reduce(0, +)
        for rank in [0, 1, 3, 9] {
            let expected = 400_000 * weights[rank] / total
            #expect(abs(Double(counts[rank]) - expected) < 6 * expected.squareRoot() + 20)
        }
    }

    @Test func `A million Zipf keys stay in range`() {
        var generator = SeededGenerator(seed: 3)
        let zipf = Zipf(count: 1_000_000, theta: 1.2)
        for _ in 0..<100_000 { #expect(zipf.draw(&generator) < 1_000_000) }
    }

    @Test func `One key is drawn always`() {
        #expect(counts(.zipf(Zipf(count: 1, theta: 1)), draws: 100) == [100])
        #expect(counts(.hotSet(count: 1, hot: 1, share: 0.5), draws: 100) == [100])
    }

    @Test func `A hot set takes its share`() {
        let counts = counts(.hotSet(count: 100, hot: 10, share: 0.9), draws: 100_000)
        #expect(89_000...91_000 ~= counts[..<10].reduce(0, +))
    }

    @Test func `Sequential keys begin again`() {
        #expect(counts(.sequential(count: 3), draws: 7) == [3, 2, 2])
    }

    @Test func `Constant arrivals are equally far apart, Poisson ones on average`() {
        var generator = SeededGenerator(seed: 5)
        var constant = ArrivalSchedule(rate: 1000, nanoseconds: 1_000_000_000, arrivals: .constant)
        #expect(constant.next(&generator) == 1_000_000)
        #expect(constant.next(&generator) == 2_000_000)
        var poisson = ArrivalSchedule(rate: 1000, nanoseconds: 10_000_000_000, arrivals: .poisson)
        var count = 0
        var last: UInt64 = 0
        while let next = poisson.next(&generator) {
            #expect(next >= last)
            last = next
            count += 1
        }
        #expect(9_500...10_500 ~= count)
    }

    @Test func `A ramp has as many arrivals as the area under it`() {
        var generator = SeededGenerator(seed: 5)
        let stages = [Stage(rate: 1000, nanoseconds: 2_000_000_000), Stage(rate: 0, nanoseconds: 1_000_000_000)]
        var ramp = ArrivalSchedule(stages: stages, share: 0.5, arrivals: .constant)
        var times: [UInt64] = []
        while let next = ramp.next(&generator) { times.append(next) }
        #expect(749...750 ~= times.count)
        // A quarter of the area of the first stage is in its first half.
        #expect(124...126 ~= times.count { $0 <= 1_000_000_000 })
    }
}
