import LedgerREPL
import RESP
import Testing

private let tables = Rendering(layout: .tables(width: 80))

@Suite struct `An event on a line` {
    private let event = map([
        "lsn": "1042", "time": "2026-11-29T13:31:12.250467577Z", "type": "charged", "user": "ada", "origin": "command",
        "id": "c_1CK", "moves": "debit", "amount": "0.25", "source": "api", "session": nil, "available": "29.7375",
        "debt": "0.00",
    ])

    private func line(_ event: RESPValue, _ rendering: Rendering) -> String {
        var day = "2026-11-29"
        return EventLine.text(of: event, rendering, day: &day)
    }

    @Test func `for people what matters of it, cut where the terminal ends`() {
        #expect(line(event, tables) == "  1042  13:31:12  charged            ada      -0.25  → 29.7375  api  c_1CK\n")
        #expect(
            line(event, Rendering(layout: .tables(width: 60)))
                == "1042  13:31:12  charged  ada  -0.25  → 29.7375  api  c_1CK\n")
    }

    @Test func `the day is told when it is another one`() {
        var day = ""
        #expect(EventLine.text(of: event, tables, day: &day).hasPrefix("2026-11-29\n  1042  13:31:12  "))
        #expect(EventLine.text(of: event, tables, day: &day).hasPrefix("  1042  13:31:12  "))
    }

    @Test func `for programs all of it`() {
        #expect(
            line(event, Rendering(layout: .tabs))
                == "1042\t2026-11-29T13:31:12.250467577Z\tcharged\tada\tcommand\tc_1CK\tdebit\t0.25\tapi\t\t29.7375\t0.00\n"
        )
        #expect(line(event, Rendering(layout: .json)).hasPrefix("{\"lsn\":\"1042\","))
    }

    @Test func `without what it has not, and with nothing that steers a terminal`() {
        let odd = map(["lsn": "7", "time": "soon", "type": "a\u{1b}[2J", "user": nil])
        #expect(line(odd, tables) == "soon\n     7  soon  a\\x1b[2J\n")
    }
}
