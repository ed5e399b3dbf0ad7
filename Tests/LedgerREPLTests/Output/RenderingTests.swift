import LedgerREPL
import RESP
import Testing

private func table(_ value: RESPValue, width: Int? = nil) -> String {
    Rendering(layout: .tables(width: width)).text(of: value)
}

private func tabs(_ value: RESPValue) -> String { Rendering(layout: .tabs).text(of: value) }

private let history = RESPValue.array([
    map(["id": "c_12", "amount": "0.0375", "source": "session_runtime", "session": "s_9"]),
    map(["id": "c_3", "amount": "120.00", "source": "api", "session": nil]),
])

@Suite struct `Tables for people` {
    @Test func `a map is a table of two columns`() {
        let receipt = RESPValue.map([
            RESPPair(.text("lsn"), .integer(17)), RESPPair(.text("amount"), .text("0.25")),
            RESPPair(.text("available"), .text("24.75")), RESPPair(.text("replayed"), .boolean(false)),
            RESPPair(.text("description"), .null),
        ])
        #expect(
            table(receipt) == """
                lsn         │ 17
                amount      │ 0.25
                available   │ 24.75
                replayed    │ false
                description │ (null)

                """)
    }

    @Test func `an array of maps is a table, numbers at the right, nulls visible`() {
        #expect(
            table(history) == """
                id   │ amount │ source          │ session
                ─────┼────────┼─────────────────┼────────
                c_12 │ 0.0375 │ session_runtime │ s_9
                c_3  │ 120.00 │ api             │ (null)
                (2 rows)

                """)
    }

    @Test func `rows may have different fields`() {
        let rows = RESPValue.array([map(["a": "1", "b": "x"]), map(["b": "y", "c": "-2.50"])])
        #expect(
            table(rows) == """
                a │ b │     c
                ──┼───┼──────
                1 │ x │      \("")
                  │ y │ -2.50
                (2 rows)

                """)
    }

    @Test func `a column with any word in it is no column of numbers`() {
        let rows = RESPValue.array([map(["v": "1"]), map(["v": "two"]), map(["v": "10"])])
        #expect(table(rows) == "v\n───\n1\ntwo\n10\n(3 rows)\n")
    }

    @Test func `wide characters keep the columns straight`() {
        let rows = RESPValue.array([
            map(["name": "Zoë", "n": "1"]), map(["name": "木村 恵", "n": "2"]), map(["name": "👩‍👩‍👧 x", "n": "3"]),
        ])
        #expect(
            table(rows) == """
                name    │ n
                ────────┼──
                Zoë     │ 1
                木村 恵 │ 2
                👩‍👩‍👧 x    │ 3
                (3 rows)

                """)
    }

    @Test func `a table too wide has its text cut, never its numbers`() {
        let rows = RESPValue.array([
            map([
                "id": "c_1", "description": "a very long description of what was bought", "amount": "1234567.123456789",
            ])
        ])
        #expect(
            table(rows, width: 45) == """
                id  │ description         │            amount
                ────┼─────────────────────┼──────────────────
                c_1 │ a very long descri… │ 1234567.123456789
                (1 row)

                """)
        for line in table(rows, width: 45).split(separator: "\n") { #expect(DisplayText.width(of: String(line)) <= 45) }
    }

    @Test func `a text in a window of any size, even none`() {
        #expect(DisplayText.fitted("a\nb\nc\n", columns: 80, rows: 3) == ["a", "b", "c"])
        #expect(DisplayText.fitted("a\nb\nc\n", columns: 80, rows: 2) == ["a", "and 2 lines more"])
        #expect(DisplayText.fitted("a\nb", columns: 80, rows: 1) == ["and 2 lines more"])
        #expect(DisplayText.fitted("long", columns: 80, rows: 1) == ["long"])
        for (columns, rows) in [(80, 0), (80, -1), (0, 3), (1, 3), (-1, 1)] {
            let lines = DisplayText.fitted("\u{1b}[1mlong\u{1b}[0m\nb\nc\nd", columns: columns, rows: rows)
            #expect(lines.count <= max(rows, 0))
            #expect(lines.allSatisfy { DisplayText.height(of: $0, columns: max(columns, 1)) <= 1 })
        }
    }

    @Test func `a table within an answer that shows less than all says so, too`() {
        let row = map(["id": "c_1", "description": "a very long description of what was bought", "amount": "1.00"])
        var rendering = Rendering(layout: .tables(width: 40))
        rendering.whole = ".last"
        let answer = RESPValue.map([RESPPair(.text("charges"), .array([row]))])
        #expect(rendering.text(of: answer).hasSuffix("… │   1.00\n  (.last shows all)\n"))
        rendering.layout = .tables(width: 80)
        #expect(!rendering.text(of: answer).contains(".last"))
    }

    @Test func `a table that would be cut to nothing is drawn row by row`() {
        let rows = RESPValue.array([
            map([
                "id": "c_1", "description": "a very long description", "time": "2026-11-23T12:00:00Z", "amount": "1.00",
            ]),
            map(["id": "c_2", "description": "short", "time": "2026-11-23T12:00:01Z", "amount": "22.00"]),
        ])
        #expect(
            table(rows, width: 30) == """
                ── 1 ─────────────────────────
                id          │ c_1
                description │ a very long
                            │ description
                time        │ 2026-11-23T12:00
                            │ :00Z
                amount      │ 1.00
                ── 2 ─────────────────────────
                id          │ c_2
                description │ short
                time        │ 2026-11-23T12:00
                            │ :01Z
                amount      │ 22.00
                (2 rows)

                """)
    }

    @Test func `a secret is never cut`() {
        let secret = "fl_" + String(repeating: "x", count: 60)
        let text = table(
            map(["passport": "p_1", "secret": secret, "name": String(repeating: "n", count: 60)]), width: 40)
        #expect(text.contains(secret + "\n"))
        #expect(text.contains("name     │ " + String(repeating: "n", count: 29) + "\n         │ nnn"))
        #expect(table(.array([map(["secret": secret])]), width: 40).contains(secret))
    }

    private static let long = RESPValue.array([
        map([
            "id": "c_12", "time": "2026-11-27T07:33:15.123456789Z", "from": "2026-11-27T06:33:15Z", "amount": "0.0375",
            "source": "session_runtime", "session": "s_9", "storage": nil,
        ]),
        map([
            "id": "c_3", "time": "2026-11-27T07:33:14.5Z", "from": nil, "amount": "120.00", "source": "api",
            "session": nil, "storage": nil,
        ]),
    ])

    private func drawn(_ width: Int, brief: [String] = []) -> String {
        var rendering = Rendering(layout: .tables(width: width))
        rendering.thisYear = 2026
        rendering.brief = brief
        return rendering.text(of: Self.long)
    }

    @Test func `what fits is shown whole`() {
        let text = drawn(140)
        #expect(
            text.contains("2026-11-27T07:33:15.123456789Z") && text.contains("storage") && text.hasSuffix("(2 rows)\n"))
    }

    @Test func `where room is short, empty columns go, then times become shorter`() {
        #expect(drawn(105).contains("2026-11-27T07:33:15.123456789Z"))
        #expect(drawn(105).hasSuffix("(2 rows; not shown: storage)\n"))
        #expect(
            drawn(80) == """
                id   │ time           │ from           │ amount │ source          │ session
                ─────┼────────────────┼────────────────┼────────┼─────────────────┼────────
                c_12 │ 11-27 07:33:15 │ 11-27 06:33:15 │ 0.0375 │ session_runtime │ s_9
                c_3  │ 11-27 07:33:14 │ (null)         │ 120.00 │ api             │ (null)
                (2 rows; not shown: storage)

                """)
        var rendering = Rendering(layout: .tables(width: 90))
        rendering.thisYear = 2027
        #expect(rendering.text(of: Self.long).contains("2026-11-27 07:33:15"))
    }

    @Test func `where it is shorter still, the fields that matter most are left, and the others named`() {
        #expect(
            drawn(50, brief: ["id", "time", "amount", "session"]) == """
                id   │ time           │ amount │ session
                ─────┼────────────────┼────────┼────────
                c_12 │ 11-27 07:33:15 │ 0.0375 │ s_9
                c_3  │ 11-27 07:33:14 │ 120.00 │ (null)
                (2 rows; not shown: from, source, storage)

                """)
        // Of these, too, the last go first, but not more than half of them.
        #expect(
            drawn(30, brief: ["id", "time", "amount", "session"]) == """
                id   │ time           │ amount
                ─────┼────────────────┼───────
                c_12 │ 11-27 07:33:15 │ 0.0375
                c_3  │ 11-27 07:33:14 │ 120.00
                (2 rows; not shown: from,
                 source, session, storage)

                """)
        // Nothing is left out of rows that are drawn one by one.
        #expect(drawn(20, brief: ["id", "time", "amount", "session"]).contains("storage │ (null)"))
    }

    @Test func `a table within a map leaves out columns, too, and says which`() {
        var rendering = Rendering(layout: .tables(width: 32))
        rendering.brief = ["user", "amount"]
        rendering.whole = ".last"
        let rows = RESPValue.array([
            map(["user": "ada", "a long name": "12.00", "a longer name": "1", "amount": "2.00"])
        ])
        #expect(
            rendering.text(of: .map([RESPPair(.text("users"), rows)])) == """
                users:
                  user │ a long name │ amount
                  ─────┼─────────────┼───────
                  ada  │       12.00 │   2.00
                  (not shown: a longer name;
                   .last shows all)

                """)
    }

    @Test func `an error is broken at blanks`() {
        let error = RESPValue.error(RESPError(code: "ERR", message: "wrong number of arguments"))
        #expect(table(error, width: 20) == "ERR wrong number of\narguments\n")
        #expect(
            Rendering(layout: .tables(width: 20), usesColour: true).text(of: error)
                == "\u{1b}[1;31mERR\u{1b}[0m wrong number of\narguments\n")
    }

    @Test func `tables within a map follow it under their names`() {
        let value = RESPValue.map([
            RESPPair(.text("user"), .text("u_1")),
            RESPPair(.text("lots"), .array([map(["id": "l_1", "remaining": "4.50"])])),
            RESPPair(.text("by"), map(["a": "1"])),
            RESPPair(.text("permissions"), .array([.text("read"), .text("a b")])),
            RESPPair(.text("nothing"), .array([])),
            RESPPair(.text("source"), .text("return 1\nend\n")),
        ])
        #expect(
            table(value) == """
                user        │ u_1
                permissions │ [read, "a b"]
                nothing     │ []
                lots:
                  id  │ remaining
                  ────┼──────────
                  l_1 │      4.50
                by:
                  a │ 1
                source:
                  return 1
                  end

                """)
    }

    @Test func `values within cells stay on one line`() {
        let rows = RESPValue.array([
            .map([
                RESPPair(.text("id"), .integer(1)),
                RESPPair(.text("lots"), .array([map(["lot": "l_1", "amount": "1.00"]), .null])),
                RESPPair(.text("text"), .text("two\nlines")),
            ])
        ])
        #expect(
            table(rows) == """
                id │ lots                               │ text
                ───┼────────────────────────────────────┼───────────
                 1 │ [{lot: l_1, amount: 1.00}, (null)] │ two\\nlines
                (1 row)

                """)
    }

    @Test func `a page is its rows, and says how to get the next one`() {
        let row = map(["id": "c_1", "amount": "1.00"])
        let grid = "id  │ amount\n────┼───────\nc_1 │   1.00\n(1 row)\n"
        #expect(table(.array([.text("0"), .array([row])])) == grid)
        #expect(table(.array([.text("9f"), .array([row])])) == grid + "(more: CURSOR 9f)\n")
        #expect(table(.array([.text("0"), .array([])])) == "(empty)\n")
        #expect(tabs(.array([.text("0"), .array([row])])) == "id\tamount\nc_1\t1.00\n")
        #expect(tabs(.array([.text("9f"), .array([row])])) == "id\tamount\nc_1\t1.00\nCURSOR\t9f\n")
        #expect(tabs(.array([.text("0"), .array([])])) == "")
    }

    @Test func `scalars, lists and nothing`() {
        #expect(table(.simple("OK")) == "OK\n")
        #expect(table(.integer(-3)) == "-3\n")
        #expect(table(.null) == "(null)\n")
        #expect(table(.text("# Server\r\nversion:1\r\n")) == "# Server\nversion:1\n")
        #expect(table(.verbatim(format: "txt", Array("hi".utf8))) == "hi\n")
        #expect(table(.array([])) == "(empty)\n")
        #expect(table(.map([])) == "(empty)\n")
        #expect(table(.array([.text("a"), .integer(2), .array([.null])])) == "a\n2\n[(null)]\n")
        #expect(table(.attributed([RESPPair(.text("a"), .null)], .text("x"))) == "x\n")
        #expect(table(.array([.map([]), .map([])])) == "(empty)\n(2 rows)\n")
    }

    @Test func `an error shows its code, in red only where colours are wanted`() {
        let error = RESPValue.error(RESPError(code: "INSUFFICIENT", message: "need 5.00"))
        #expect(table(error) == "INSUFFICIENT need 5.00\n")
        #expect(
            Rendering(layout: .tables(width: 80), usesColour: true).text(of: error)
                == "\u{1b}[1;31mINSUFFICIENT\u{1b}[0m need 5.00\n")
        #expect(
            Rendering(layout: .tables(width: 80), usesColour: true).text(of: map(["a": nil]))
                == "\u{1b}[1ma\u{1b}[0m │ \u{1b}[2m(null)\u{1b}[0m\n")
    }

    @Test func `no answer can steer the terminal`() {
        #expect(table(.text("a\u{1b}[2Jb\u{7}\u{9b}\u{202e}c")) == "a\\x1b[2Jb\\x07\\x9b\\u{202e}c\n")
        #expect(table(.bulk([0x61, 0xff, 0xfe, 0x62])) == "a\u{fffd}\u{fffd}b\n")
        #expect(table(.error(RESPError(code: "ERR", message: "\u{1b}]0;x"))) == "ERR \\x1b]0;x\n")
        #expect(table(map(["k\u{1b}": "v\u{1b}"])) == "k\\x1b │ v\\x1b\n")
    }

    @Test func `without box drawing there is ASCII`() {
        var rendering = Rendering(layout: .tables(width: nil))
        rendering.usesUnicode = false
        #expect(rendering.text(of: .array([map(["a": "x", "b": "1"])])) == "a | b\n--+--\nx | 1\n(1 row)\n")
    }
}

@Suite struct `Lines for programs` {
    @Test func `maps, rows, lists, scalars`() {
        #expect(tabs(map(["a": "x y", "b": nil])) == "a\tx y\nb\t(null)\n")
        #expect(
            tabs(history)
                == "id\tamount\tsource\tsession\nc_12\t0.0375\tsession_runtime\ts_9\nc_3\t120.00\tapi\t(null)\n")
        #expect(tabs(.array([.text("a\tb"), .integer(1)])) == "a\\tb\n1\n")
        #expect(tabs(.array([])) == "")
        #expect(tabs(.simple("PONG")) == "PONG\n")
        #expect(tabs(.text("two\nlines")) == "two\nlines\n")
        #expect(tabs(.error(RESPError(code: "BUSY", message: "later"))) == "BUSY later\n")
    }

    @Test func `nothing is cut`() {
        let long = String(repeating: "x", count: 500)
        #expect(tabs(map(["a": long])) == "a\t\(long)\n")
    }
}

@Suite struct `Display width` {
    @Test(arguments: [("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("🙂", 2), ("…", 1), ("a\u{200b}b", 2)])
    func `columns, not characters`(text: String, width: Int) { #expect(DisplayText.width(of: text) == width) }

    @Test(arguments: [
        ("one two three", 8, ["one two", "three"]), ("one two three", 7, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]), ("a bcdefgh", 4, ["a", "bcde", "fgh"]), ("", 3, [""]), ("ab", 2, ["ab"]),
        ("日本語", 4, ["日本", "語"]), ("a b c", 1, ["a", "b", "c"]),
    ])
    func `wrapping loses nothing but blanks at the breaks`(text: String, limit: Int, lines: [String]) {
        #expect(DisplayText.wrapped(text, to: limit) == lines)
    }

    @Test(arguments: [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("abcdef", 1, "…"), ("abcdef", 0, ""), ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"), ("日本語", 6, "日本語"),
    ])
    func `cutting`(text: String, limit: Int, result: String) { #expect(DisplayText.cut(text, to: limit) == result) }
}
