import LedgerCore
import Testing

@Suite struct TariffTests {
    let stepped = Tariff(
        rate: 100, listRate: 100,
        steps: [.init(from: .hours(1), rate: 50), .init(from: .hours(3), rate: 0), .init(from: .hours(5), rate: 10)])

    @Test func `steps are integrated piece by piece`() {
        let hour = Tariff.hour
        #expect(stepped.integral(from: .zero, to: .hours(1)) == 100 * hour)
        #expect(stepped.integral(from: .zero, to: .hours(6)) == (100 + 100 + 0 + 10) * hour)
        #expect(stepped.integral(from: .minutes(30), to: .hours(2)) == (50 + 50) * hour)
        #expect(stepped.integral(from: .hours(4), to: .hours(4)) == 0)
    }

    @Test func `the parts of an integral sum to the whole`() {
        let cuts: [Int64] = [0, 17, 3599, 3600, 7201, 12_000, 20_000, 90_000]
        let parts = zip(cuts, cuts.dropFirst()).reduce(Int128(0)) {
            $0 + stepped.integral(from: .seconds($1.0), to: .seconds($1.1))
        }
        #expect(parts == stepped.integral(from: .zero, to: .seconds(90_000)))
    }

    @Test func `reach is the inverse of the integral`() {
        for seconds in stride(from: Int64(0), to: 30_000, by: 777) {
            let budget = stepped.integral(from: .minutes(10), to: .minutes(10) + .seconds(seconds))
            let reach = stepped.reach(from: .minutes(10), budget: budget)
            #expect(stepped.integral(from: .minutes(10), to: reach) == budget)
        }
        #expect(Tariff.free.reach(from: .zero, budget: 0).nanoseconds == .max)
        #expect(
            Tariff(rate: 0, listRate: 0, steps: [.init(from: .hours(2), rate: 1)]).reach(from: .zero, budget: 0)
                == .hours(2))
    }
}
