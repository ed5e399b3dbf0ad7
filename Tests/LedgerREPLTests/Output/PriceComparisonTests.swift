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

@Suite struct `An event on a line` {
    private let event = map([
        "lsn": "1042", "time": "2026-11-29T13:31:12.250467577Z", "type": "charged", "user": "ada", "origin": "command",
        "id": "c_1CK", "moves": "debit", "amount": "0.25", "source": "api", "session": nil, "available": "29.7375",
        "debt": "0.00",
    ])

    @Test func `for people what matters of it, cut where the terminal ends`() {
        var rendering = tables
        #expect(
            EventLine.text(of: event, rendering)
                == "  1042  2026-11-29 13:31:12  charged            ada      -0.25  api  c_1CK  ava…\n")
        rendering.thisYear = 2026
        rendering.layout = .tables(width: nil)
        #expect(EventLine.text(of: event, rendering).hasSuffix("api  c_1CK  available 29.7375\n"))
        #expect(EventLine.text(of: event, rendering).hasPrefix("  1042  11-29 13:31:12  charged "))
        rendering.layout = .tables(width: 60)
        #expect(
            EventLine.text(of: event, rendering) == "  1042  13:31:12  charged            ada      -0.25  api  c…\n"
        )
    }

    @Test func `for programs all of it`() {
        #expect(
            EventLine.text(of: event, Rendering(layout: .tabs))
                == "1042\t2026-11-29T13:31:12.250467577Z\tcharged\tada\tcommand\tc_1CK\tdebit\t0.25\tapi\t\t29.7375\t0.00\n"
        )
        #expect(EventLine.text(of: event, Rendering(layout: .json)).hasPrefix("{\"lsn\":\"1042\","))
    }

    @Test func `without what it has not, and with nothing that steers a terminal`() {
        let odd = map(["lsn": "7", "time": "soon", "type": "a\u{1b}[2J", "user": nil])
        #expect(EventLine.text(of: odd, tables) == "     7  soon  a\\x1b[2J\n")
    }
}
