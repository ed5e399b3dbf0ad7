import LedgerCore
import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct HypotheticalChargesTests {
    private static let began = Timestamp("2026-01-10T00:00:00Z")!
    private static let session = SessionID(shard: 0, lsn: LSN(7))

    private func pricing(_ tariff: Tariff) -> Pricing {
        Pricing(
            query: .sessionRuntime(type: .pro, tier: .small, secondsThisMonth: 0),
            priced: Priced(answer: .tariff(tariff), rule: RuleIdentity(digest: Digest256(words: .init(a: 1)))))
    }

    /// Parts of a session that was posted at these instants after its beginning, as the books make them.
    private func parts(_ tariff: Tariff, _ ends: [Int64]) -> [PricedPart] {
        var meter = SessionMeter(started: Self.began, postedThrough: Self.began, pricing: pricing(tariff))
        return ends.enumerated().map { index, end in
            let usage = meter.usage(through: Self.began + TimeSpan(nanoseconds: end))
            meter.book(usage, then: nil)
            return PricedPart(usage, of: Self.session, started: .never, isLast: index == ends.count - 1)
        }
    }

    private func total(_ parts: [PricedPart], _ tariff: Tariff, _ repricing: inout HypotheticalCharges) -> Money? {
        var sum = Money.zero
        for part in parts {
            guard let amount = repricing.amount(of: part, answered: .tariff(tariff), started: Self.began) else {
                return nil
            }
            sum += amount
        }
        return sum
    }

    @Test func `with the same answer every part costs what it did, whatever its tariff and its boundaries`() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<500 {
            let steps = (0..<Int.random(in: 0...3, using: &random)).map { index in
                Tariff.Step(
                    from: .hours(Int64(index * 3 + 1)), rate: Int64.random(in: 0...300_000_000, using: &random))
            }
            let tariff = Tariff(rate: Int64.random(in: 0...300_000_000, using: &random), listRate: 0, steps: steps)
            let ends = (0..<6).map { _ in Int64.random(in: 1...50_000_000_000_000, using: &random) }.sorted()
            let booked = parts(tariff, ends)
            // From whichever part on it is looked at.
            for first in 0..<booked.count {
                var repricing = HypotheticalCharges()
                for part in booked[first...] {
                    let amount = repricing.amount(of: part, answered: .tariff(tariff), started: Self.began)
                    #expect(amount == part.amount)
                }
                #expect(repricing.open == 0)
            }
        }
    }

    @Test func `the parts of a session are rounded as one sum`() {
        var random = SeededGenerator(seed: 12)
        for _ in 0..<500 {
            let (old, new) = (
                Int64.random(in: 1...300_000_000, using: &random), Int64.random(in: 1...300_000_000, using: &random)
            )
            let ends = (0..<9).map { _ in Int64.random(in: 1...90_000_000_000_000, using: &random) }.sorted()
            var repricing = HypotheticalCharges()
            let sum = total(
                parts(Tariff(rate: old, listRate: 0), ends), Tariff(rate: new, listRate: 0), &repricing)
            #expect(sum == Rational.halfEven(Int128(new) * Int128(ends.last!), over: Tariff.hour))
        }
    }

    @Test func `steps count from the beginning of the session, which is asked for only where there are some`() {
        let flat = Tariff(rate: 3_600, listRate: 0)
        let stepped = Tariff(rate: 3_600, listRate: 0, steps: [Tariff.Step(from: .hours(1), rate: 7_200)])
        let hour: Int64 = 3_600_000_000_000
        let booked = parts(flat, [hour, 2 * hour])
        #expect(!HypotheticalCharges.needsStart(booked[1], .tariff(flat)))
        #expect(HypotheticalCharges.needsStart(booked[1], .tariff(stepped)))
        #expect(HypotheticalCharges.needsStart(parts(stepped, [hour])[0], .tariff(flat)))
        var repricing = HypotheticalCharges()
        #expect(total(booked, stepped, &repricing) == Money(nanos: 3_600 + 7_200))
    }

    @Test func `what the books cut is not raised, and lowered like the rest`() throws {
        let tariff = Tariff(rate: 3_600_000, listRate: 0)
        var part = parts(tariff, [3_600_000_000_000])[0]
        part.usage?.amount = Money(nanos: 1_000_000)
        part.amount = Money(nanos: 1_000_000)
        func amount(_ rate: Int64) -> Money? {
            var repricing = HypotheticalCharges()
            return repricing.amount(
                of: part, answered: .tariff(Tariff(rate: rate, listRate: 0)), started: Self.began)
        }
        #expect(amount(3_600_000) == part.amount)
        #expect(amount(7_200_000) == part.amount)
        #expect(amount(900_000) == Money(nanos: 900_000))
    }

    @Test func `a price that does not fit is said to be none, and so is an answer of the other kind`() {
        var part = parts(Tariff(rate: 1, listRate: 0), [3_600_000_000_000])[0]
        part.usage?.through = Self.began + .days(36_525)
        var repricing = HypotheticalCharges()
        let highest = Tariff(rate: Tariff.maximumRate, listRate: 0)
        #expect(repricing.amount(of: part, answered: .tariff(highest), started: Self.began) != nil)
        part.usage?.numerator = .max / 4
        #expect(repricing.amount(of: part, answered: .tariff(highest), started: Self.began) == nil)
        #expect(repricing.amount(of: part, answered: .amount(.dollar), started: Self.began) == nil)
    }
}
