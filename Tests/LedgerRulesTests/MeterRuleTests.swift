import LedgerCore
import Testing

@testable import LedgerRules

/// The ready rules of meters, in `Scripts/rules/meters`.
struct MeterRuleTests {
    private func source(_ name: String) throws -> String { try contents("Scripts/rules/meters/\(name).lua") }

    private func price(
        _ name: String, _ type: UserType, _ count: Int64, after before: Int64 = 0, scale: UInt8
    ) throws -> Money {
        let vm = try RuleVM(.meter(ShortText(name)!), source: try source(name))
        let query = PriceQuery.usage(
            meter: ShortText(name)!, type: type, quantity: MeterQuantity(count: count, scale: scale), thisMonth: before)
        guard case .amount(let amount) = try vm.evaluate(query) else { throw RuleError(.result, "no amount") }
        return amount
    }

    @Test(arguments: [("api_calls", 0), ("gpu_seconds", 3), ("egress", 6)] as [(String, UInt8)])
    func `each may be activated, and asks for quantities in whole units`(name: String, scale: UInt8) throws {
        let check = RuleCheck(.meter(ShortText(name)!), source: try source(name), scale: scale)
        #expect(check.passes, "\(check.findings)")
        let quantities = Set(
            check.book.rows.compactMap { row -> String? in
                guard case .usage(_, _, let quantity, 0) = row.query else { return nil }
                return quantity.description
            })
        #expect(quantities == ["1", "100", "10000"] && check.book.rows.count == 12)
    }

    @Test func `calls get cheaper with their number, however they are cut`() throws {
        func calls(_ count: Int64, after before: Int64 = 0) throws -> Money {
            try price("api_calls", .pro, count, after: before, scale: 0)
        }
        #expect(try calls(1) == Money("0.000002") && calls(0) == .zero)
        #expect(try calls(1_000_000) == Money("2"))
        #expect(try calls(1, after: 1_000_000) == Money("0.0000015"))
        #expect(try calls(12_000_000) == Money("17.5"))  // 2.00 + 9 × 1.50 + 2 × 1.00
        var sum = Money.zero
        var before: Int64 = 0
        for count in [1, 999_998, 2, 8_999_998, 3, 1_999_998] as [Int64] {
            sum += try calls(count, after: before)
            before += count
        }
        #expect(before == 12_000_000 && sum == Money("17.5"))
    }

    @Test func `seconds cost by type, to the thousandth`() throws {
        #expect(try price("gpu_seconds", .free, 12_345, scale: 3) == Money("0.002469"))
        #expect(try price("gpu_seconds", .enterprise, 3_600_000, scale: 3) == Money("0.36"))
        #expect(try price("gpu_seconds", .admin, 3_600_000, scale: 3) == .zero)
    }

    @Test func `the first ten gigabytes of a month are free`() throws {
        func gigabytes(_ count: Int64, after before: Int64 = 0) throws -> Money {
            try price("egress", .pro, count, after: before, scale: 6)
        }
        #expect(try gigabytes(10_000_000) == .zero && gigabytes(10_000_001) == Money("0.00000009"))
        #expect(try gigabytes(2_000_000, after: 9_000_000) == Money("0.09"))
        #expect(try gigabytes(250_000, after: 10_000_000) == Money("0.0225"))
    }
}
