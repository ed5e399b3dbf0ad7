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

@Suite struct TimeTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1993-10-01T07:00:03Z", 749_458_803), ("2000-02-29", 951_782_400),
        ("2026-11-23T10:30:00+01:00", 1_795_426_200), ("749458803", 749_458_803),
    ])
    func `instants are read as RFC 3339 or unix seconds`(text: String, seconds: Int64) {
        #expect(Timestamp(text) == Timestamp(seconds: seconds))
    }

    @Test(arguments: [
        "2026-13-01", "2026-02-29", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "yesterday", "2026-1-1", "",
        "2300-01-01",
    ])
    func `what is no instant is refused`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func `instants print in UTC with the fraction they need`() {
        #expect(Timestamp("1993-12-31T23:03:45Z")!.description == "1993-12-31T23:03:45Z")
        #expect(Timestamp(nanoseconds: 1_500_000_000).description == "1970-01-01T00:00:01.500Z")
        #expect(Timestamp(nanoseconds: -1).description == "1969-12-31T23:59:59.999999999Z")
    }

    @Test(arguments: [("90s", 90), ("10m", 600), ("1.5h", 5400), ("30d", 2_592_000)])
    func `durations have a unit`(text: String, seconds: Int64) {
        #expect(TimeSpan(text) == .seconds(seconds))
    }

    @Test(arguments: ["90", "-1s", "1w", "h", "1e3s", "", "0.0000000001s"])
    func `a number without a known unit is no duration`(text: String) {
        #expect(TimeSpan(text) == nil)
    }

    @Test func `months know their length`() {
        #expect(Month(containing: Timestamp("2024-02-10")!).length == .days(29))
        #expect(Month(containing: Timestamp("1969-12-31")!).start == Timestamp("1969-12-01")!)
        #expect(Month(containing: Timestamp("2026-12-31T23:59:59Z")!).end == Timestamp("2027-01-01")!)
    }
}
