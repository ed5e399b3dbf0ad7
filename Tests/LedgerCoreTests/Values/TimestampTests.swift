import LedgerCore
import Testing

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
