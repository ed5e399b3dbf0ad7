import LedgerREPL
import Testing

private func candidates(_ line: String) -> [String] { Completion.candidates(for: line, in: sampleCatalogue) }

@Suite struct `Completing a line` {
    @Test func `first words, each once, with the prompt's own`() {
        #expect(
            candidates("")
                == [
                    "USER", "PASSPORT", "CREDIT", "PRICE", "EXPLAIN", "PING", "describe", "plot", "watch", ".tail",
                    ".use", ".leave", ".last", ".export", ".reload", "\\e", "help", "quit",
                ])
        #expect(candidates("P") == ["PASSPORT", "PRICE", "PING", "PLOT"])
        #expect(candidates("p") == ["passport", "price", "ping", "plot"])
        #expect(candidates("he") == ["help"])
        #expect(candidates("HE") == ["HELP"])
        #expect(candidates("x") == [])
    }

    @Test func `second words follow the case of the line`() {
        #expect(candidates("CREDIT ") == ["CHARGE", "GRANT", "REFUND"])
        #expect(candidates("credit ") == ["charge", "grant", "refund"])
        #expect(candidates("Credit C") == ["CHARGE"])
        #expect(candidates("credit C") == ["CHARGE"])
        #expect(candidates("CREDIT c") == ["charge"])
        #expect(candidates("CREDIT X") == [])
    }

    @Test func `arguments offer their choices, options come when the arguments are there`() {
        #expect(candidates("CREDIT CHARGE ") == [])
        #expect(candidates("CREDIT CHARGE u_1 1.00 ") == [])
        #expect(candidates("CREDIT CHARGE u_1 1.00 API ") == ["DESCRIPTION", "OVER", "KEY"])
        #expect(candidates("credit charge u_1 1.00 api ") == ["description", "over", "key"])
        #expect(candidates("CREDIT CHARGE u_1 1.00 api O") == ["OVER"])
    }

    @Test func `options offer their values, and only once themselves`() {
        #expect(candidates("USER CREATE a@b TYPE ") == ["free", "pro", "enterprise", "admin"])
        #expect(candidates("USER CREATE a@b TYPE P") == ["pro"])
        #expect(candidates("USER CREATE a@b TYPE PRO ") == ["ID"])
        #expect(candidates("CREDIT CHARGE u 1 s OVER K") == ["KEY"])
        #expect(candidates("CREDIT CHARGE u 1 s DESCRIPTION ") == [])
        #expect(candidates("CREDIT CHARGE u 1 s DESCRIPTION OVER ").contains("OVER"))
        #expect(candidates("CREDIT CHARGE u 1 s DESCRIPTION 'a b' ") == ["over", "key"])
    }

    @Test func `behind an optional argument's place both may come`() {
        #expect(candidates("CREDIT REFUND C_1 ") == ["REASON"])
        #expect(candidates("CREDIT REFUND C_1 1.00 R") == ["REASON"])
    }

    @Test func `lists are completed item by item`() {
        #expect(candidates("PASSPORT CREATE u n ") == ["read", "write", "billing", "admin"])
        #expect(candidates("PASSPORT CREATE u n read,") == ["read", "write", "billing", "admin"])
        #expect(candidates("PASSPORT CREATE u n read,w") == ["write"])
        #expect(candidates("USER CREATE a,") == [])
        #expect(candidates("USER,") == [])
    }

    @Test func `help completes names, and an open quote completes nothing`() {
        #expect(candidates("help ").prefix(3) == ["user", "passport", "credit"])
        #expect(candidates("help credit g") == ["grant"])
        #expect(candidates("help credit charge ") == [])
        #expect(candidates("CREDIT CHARGE u 1 s DESCRIPTION \"a ") == [])
    }
}

@Suite struct `Help texts` {
    @Test func `all commands in a few lines`() throws {
        let text = try #require(Help.text(for: [], in: sampleCatalogue))
        #expect(text.contains("CREDIT    CHARGE · GRANT · REFUND\n"))
        #expect(text.contains("EXPLAIN · PING\n"))
        #expect(text.contains("Ctrl-D"))
    }

    @Test func `a noun lists its commands`() {
        #expect(
            Help.text(for: ["credit"], in: sampleCatalogue) == """
                CREDIT CHARGE  Takes credit for something used.
                CREDIT GRANT   Gives credit that was not bought.
                CREDIT REFUND  Returns a charge to the lots that paid it.

                """)
    }

    @Test(arguments: [["charge"], ["CREDIT", "charge"], ["charg"]])
    func `a verb is enough to be explained`(words: [String]) {
        #expect(
            Help.text(for: words, in: sampleCatalogue) == """
                CREDIT CHARGE user amount source [DESCRIPTION text] [OVER] [KEY key]
                  Takes credit for something used.
                  > CREDIT CHARGE u_1 0.25 api DESCRIPTION "one call"

                """)
    }

    @Test func `choices, permissions and required options are told`() throws {
        let text = try #require(Help.text(for: ["user", "create"], in: sampleCatalogue))
        #expect(text.hasPrefix("USER CREATE email [ID id] [TYPE type]\n"))
        #expect(
            text.contains("    email  an e-mail address\n    TYPE   free, pro, enterprise, admin\n  needs: admin\n"))
        #expect(Help.text(for: ["grant"], in: sampleCatalogue)!.contains("[KIND kind] REASON reason\n"))
        #expect(Help.text(for: ["explain"], in: sampleCatalogue)!.hasPrefix("EXPLAIN charge\n"))
        #expect(Help.text(for: ["create"], in: sampleCatalogue)!.split(separator: "\n").count == 2)
        #expect(Help.text(for: ["nonsense"], in: sampleCatalogue) == nil)
    }
}
