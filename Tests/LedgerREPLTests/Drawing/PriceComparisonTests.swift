import LedgerREPL
import RESP
import Testing

private let tables = Rendering(layout: .tables(width: 80))

private func prices(_ types: KeyValuePairs<String, KeyValuePairs<String, String?>>) -> RESPValue {
    .map(types.map { RESPPair(.text($0.key), map($0.value)) })
}

@Suite struct `Two price lists` {
    @Test func `what changes, by how much, and how many stay`() {
        let comparison = PriceComparison(
            was: prices(["free": ["small": "0.05", "medium": "0.075"], "admin": ["small": "0.00"]]),
            now: prices(["free": ["small": "0.05", "medium": "0.0875"], "admin": ["small": "0.01"]]))
        #expect(
            comparison.text(tables) == """
                  user type  for       was     now   change
                  free       medium  0.075  0.0875  +0.0125  +16.6 %
                  admin      small    0.00    0.01    +0.01
                  1 price stays as it is

                """)
    }

    @Test func `less, more, new, gone, steps, and nothing at all`() {
        let comparison = PriceComparison(
            was: prices(["pro": ["a": "2.00", "b": "1.00", "c": "0.05"]]),
            now: prices(["pro": ["a": "1.00", "c": "0.05, from hour 2 0.04", "d": "3.00"]]))
        #expect(comparison.rows.map(\.change) == ["-1.00", nil, nil, nil])
        #expect(comparison.rows.map(\.percent) == ["-50.0 %", nil, nil, nil])
        #expect(comparison.text(tables).contains("0.05, from hour 2 0.04"))
        #expect(comparison.text(tables).contains("b  "))
        let same = prices(["pro": ["a": "2.00"]])
        #expect(
            PriceComparison(was: same, now: same).text(tables)
                == "no price of the list changes: 1 price stays as it is\n")
        #expect(PriceComparison(was: nil, now: same).rows[0].isChanged)
        #expect(PriceComparison(was: nil, now: nil).rows.isEmpty)
    }

    @Test func `the largest amounts there are do not overflow`() {
        let comparison = PriceComparison(
            was: prices(["pro": ["a": "0.000000001"]]), now: prices(["pro": ["a": "9223372036.854775807"]]))
        #expect(comparison.rows[0].percent == "+922337203685477580600.0 %")
    }
}
