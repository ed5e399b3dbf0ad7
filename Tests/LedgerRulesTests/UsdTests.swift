import LedgerCore
import LedgerRules
import Testing

@Suite struct UsdTests {
    private func evaluate(_ expression: String) throws -> Int64 {
        let vm = try RuleVM(.spacePurchase, source: "return function() return \(expression) end")
        guard
            case .amount(let amount) = try vm.evaluate(
                .spacePurchase(type: .free, space: "x", listPrice: .zero, gigabytes: 0))
        else { return -1 }
        return amount.nanos
    }

    @Test(
        arguments: [
            ("0", 0), ("0.0375", 37_500_000), ("0.05", 50_000_000), ("5", 5_000_000_000), ("25.5", 25_500_000_000),
            ("0.000000001", 1), ("1.000000001", 1_000_000_001), ("007", 7_000_000_000),
            ("1000000", 1_000_000_000_000_000),
            ("999999.999999999", 999_999_999_999_999),
        ] as [(String, Int64)])
    func `decimal text becomes nano-USD exactly`(text: String, nanos: Int64) throws {
        #expect(try evaluate("usd\"\(text)\"") == nanos)
        #expect(try #require(Money(text)).nanos == nanos)
    }

    @Test(arguments: [
        "", ".", ".5", "1.", "1.2.3", "1e3", "+1", "-1", " 1", "1 ", "0x10", "NaN", "inf", "1,5", "0.0000000001",
        "9223372036.854775808", "99999999999999999999999999999999", "1\\0", "\\0", "1\\n", "１", "0.0375usd",
    ])
    func `text that is not an amount is an error with its line`(text: String) throws {
        let error = #expect(throws: RuleError.self) { try evaluate("usd\"\(text)\"") }
        #expect(error?.kind == .runtime)
        #expect(error?.text.hasPrefix("space_purchase:1: usd\"") == true, "\(error?.text ?? "")")
        #expect(error?.text.contains("is not an amount") == true)
        #expect(Money(text.replacing("\\0", with: "\0").replacing("\\n", with: "\n")) == nil)
    }

    @Test(arguments: ["5", "0.05", "nil", "{}", "true", "usd", ""])
    func `only text is taken`(expression: String) throws {
        let error = #expect(throws: RuleError.self) { try evaluate("usd(\(expression))") }
        #expect(error?.text.contains("usd takes text") == true)
    }

    @Test func `the largest amount that fits is read`() throws {
        let vm = try RuleVM(
            .spacePurchase,
            source: #"return function() return usd"9223372036.854775807" == math.maxinteger and 7 or 0 end"#)
        #expect(
            try vm.evaluate(.spacePurchase(type: .free, space: "x", listPrice: .zero, gigabytes: 0))
                == .amount(Money(nanos: 7)))
    }
}
