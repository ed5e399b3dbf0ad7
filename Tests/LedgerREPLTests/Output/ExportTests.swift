import LedgerREPL
import RESP
import Testing

@Suite struct `JSON for programs` {
    private func json(_ value: RESPValue) -> String { Rendering(layout: .json).text(of: value) }

    @Test func `a line for each answer, amounts as text`() {
        #expect(
            json(
                .map([
                    RESPPair(.text("lsn"), .integer(17)), RESPPair(.text("amount"), .text("0.25")),
                    RESPPair(.text("replayed"), .boolean(false)), RESPPair(.text("note"), .null),
                ])) == #"{"lsn":17,"amount":"0.25","replayed":false,"note":null}"# + "\n")
        #expect(json(.simple("OK")) == "\"OK\"\n")
        #expect(json(.array([.integer(1), .text("a")])) == "[1,\"a\"]\n")
    }

    @Test func `a page is its rows and its cursor`() {
        #expect(
            json(.array([.text("0"), .array([map(["a": "1"])])])) == #"{"rows":[{"a":"1"}],"cursor":null}"# + "\n")
        #expect(json(.array([.text("x9"), .array([])])) == #"{"rows":[],"cursor":"x9"}"# + "\n")
    }

    @Test func `errors, and text of any bytes`() {
        #expect(
            json(.error(RESPError(code: "NOTFOUND", message: "no user")))
                == #"{"error":{"code":"NOTFOUND","message":"no user"}}"# + "\n")
        #expect(json(.text("a\"b\\\n\u{1}é")) == #""a\"b\\\n\u0001é""# + "\n")
        #expect(json(.bulk([0xff])) == "\"\u{fffd}\"\n")
        #expect(json(.double("inf")) == "\"inf\"\n")
        #expect(json(.double("0.5")) == "0.5\n")
        #expect(json(.bigNumber("123456789012345678901234567890")) == "123456789012345678901234567890\n")
    }
}

@Suite struct `CSV for spreadsheets` {
    @Test func `a row for each map, columns by name`() {
        let rows = RESPValue.array([map(["a": "1", "b": "x,y"]), map(["b": "say \"hi\"", "c": nil])])
        #expect(Rendering.csv(of: rows) == "a,b,c\r\n1,\"x,y\",\r\n,\"say \"\"hi\"\"\",\r\n")
        #expect(Rendering.csv(of: .array([.text("0"), .array([map(["a": "1"])])])) == "a\r\n1\r\n")
    }

    @Test func `a map alone is one row, anything else a column`() {
        #expect(Rendering.csv(of: map(["a": "1", "b": "2"])) == "a,b\r\n1,2\r\n")
        #expect(Rendering.csv(of: .array([.integer(1), .text("a\nb")])) == "value\r\n1\r\n\"a\nb\"\r\n")
        #expect(
            Rendering.csv(of: .map([RESPPair(.text("m"), map(["k": "v"]))])) == "m\r\n\"{\"\"k\"\":\"\"v\"\"}\"\r\n")
    }
}

@Suite struct `What is cut says so` {
    @Test func `with the command that shows it whole`() {
        var rendering = Rendering(layout: .tables(width: 30))
        rendering.whole = ".last"
        let rows = RESPValue.array([
            map(["id": "c_1", "description": "a long description of a thing", "amount": "1.25"])
        ])
        #expect(
            rendering.text(of: rows) == """
                id  │ description     │ amount
                ────┼─────────────────┼───────
                c_1 │ a long descrip… │   1.25
                (1 row; .last shows all)

                """)
        rendering.layout = .tables(width: 80)
        #expect(rendering.text(of: rows).hasSuffix("(1 row)\n"))
    }

    @Test func `the height of a text is measured without its colours`() {
        #expect(DisplayText.height(of: "a\nb\n", columns: 10) == 2)
        #expect(DisplayText.height(of: "", columns: 10) == 0)
        #expect(DisplayText.height(of: "abcdefghijk\n\n", columns: 10) == 3)
        #expect(DisplayText.height(of: "\u{1b}[31m木木木木木\u{1b}[0m\n", columns: 10) == 1)
        #expect(Pager.isNeeded(for: "a\nb\n", columns: 10, rows: 2))
        #expect(!Pager.isNeeded(for: "a\nb\n", columns: 10, rows: 3))
    }

    @Test func `the pager is the user's, or less, or none`() {
        func command(_ environment: [String: String]) -> String? { Pager.command { environment[$0] } }
        #expect(command(["PAGER": "most -s"]) == "most -s")
        #expect(command(["PAGER": ""]) == nil)
        #expect(command(["PAGER": "cat"]) == nil)
        #expect(command(["PATH": "/nowhere"]) == nil)
    }
}
