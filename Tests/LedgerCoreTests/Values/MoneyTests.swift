import LedgerCore
import Testing

@Suite struct MoneyTests {
    @Test(arguments: [
        ("25", 25_000_000_000), ("0.0375", 37_500_000), ("0", 0), ("9223372036.854775807", Int64.max),
        ("007.10", 7_100_000_000),
        ("0.000000001", 1),
    ])
    func `decimal text becomes nano-USD exactly`(text: String, nanos: Int64) {
        #expect(Money(text)?.nanos == nanos)
    }

    @Test(arguments: [
        "1e3", "+1", ".5", "1.", " 1", "1 ", "NaN", "inf", "", "-", "-1", "0.0000000001", "1,5", "1.2.3", "0x1", "９",
        "9223372036.854775808", "99999999999999999999999999",
    ])
    func `anything else is no amount`(text: String) {
        #expect(Money(text) == nil)
    }

    @Test func `a minus is read only where it is asked for`() {
        #expect(Money("-3.5", signed: true)?.nanos == -3_500_000_000)
        #expect(Money("--3", signed: true) == nil)
    }

    @Test(arguments: [
        (0, "0.00"), (5_000_000_000, "5.00"), (37_500_000, "0.0375"), (1, "0.000000001"), (-1_230_000_000, "-1.23"),
        (Int64.max, "9223372036.854775807"), (Int64.min, "-9223372036.854775808"),
    ])
    func `amounts print exactly, with two fraction digits at least`(nanos: Int64, text: String) {
        #expect(Money(nanos: nanos).description == text)
    }

    @Test(arguments: [
        (Int128(0), "0.00"), (Int128(-1_230_000_000), "-1.23"),
        (Int128(60_000_000_020_000_000_000), "60000000020.00"),
        (-Int128(60_000_000_020_000_000_001), "-60000000020.000000001"),
    ])
    func `sums print as amounts do, however large`(nanos: Int128, text: String) {
        #expect(MoneySum(nanos: nanos).description == text)
    }

    @Test func `rounding is half to even`() {
        #expect(Rational.halfEven(5, over: 2)?.nanos == 2)
        #expect(Rational.halfEven(7, over: 2)?.nanos == 4)
        #expect(Rational.halfEven(3, over: 2)?.nanos == 2)
        #expect(Rational.up(5, over: 2)?.nanos == 3)
        #expect(Rational.up(4, over: 2)?.nanos == 2)
        #expect(Rational.halfEven(Int128.max, over: 2) == nil)
    }
}
