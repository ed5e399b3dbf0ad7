import Dispatch
import Glibc
import LedgerClient
import LedgerREPL
import RESP
import Synchronization
import Testing

private let tables = Rendering(layout: .tables(width: 80))

private func page(_ rows: [RESPValue]) -> RESPValue { .array([.text("0"), .array(rows)]) }

/// A ledger with one user, as far as the prompt asks for her.
private let ledger = FakePort { words in
    switch words.prefix(2).joined(separator: " ") {
    case "USER GET" where words[2] == "ada":
        map([
            "user": "ada", "email": "ada@example.com", "name": nil, "type": "pro", "state": "active",
            "created": "2026-11-01T08:00:00Z", "available": "27.50", "paid": "25.00", "promo": "5.00", "held": "2.50",
            "debt": "0.00", "sessions": "1",
        ])
    case "CREDIT BALANCE" where words[2] == "ada":
        map([
            "user": "ada", "available": "27.50", "paid": "25.00", "promo": "5.00", "held": "2.50", "debt": "0.00",
            "time": "2026-11-29T12:00:00Z",
        ])
    case "CREDIT LOTS":
        page([
            map([
                "lot": "l_b", "kind": "paid", "remaining": "25.00", "pinned": "0.00", "scope": "*",
                "effective": "2026-11-02T00:00:00Z", "expires": nil, "order": "2",
            ]),
            map([
                "lot": "l_a", "kind": "promo", "remaining": "5.00", "pinned": "2.50", "scope": "api",
                "effective": "2026-11-01T08:00:00Z", "expires": "2027-01-01T00:00:00Z", "order": "1",
            ]),
        ])
    case "HOLD LIST":
        page([
            map(["hold": "h_4q", "remaining": "2.50", "source": "render", "expires": "2026-11-29T12:09:59Z"])
        ])
    case "SESSION LIST":
        page([
            map([
                "session": "job-81", "id": "s_9", "user": "ada", "tier": "medium", "status": "active", "rate": "0.0375",
                "seconds": "5400", "amount": "0.05625", "empty_at": "2026-12-30T02:00:00Z", "deadline": nil,
            ])
        ])
    case "STORAGE LIST": page([])
    case "RUNWAY ada":
        map([
            "user": "ada", "burn_rate": "0.04", "sessions": "1", "session_rate": "0.0375", "storage_rate": "0.0025",
            "empty_at": "2026-12-28T02:00:00Z",
        ])
    case "CREDIT HISTORY":
        page([
            map([
                "id": "c_2", "time": "2026-11-29T11:00:00Z", "type": "debit", "amount": "0.25", "available": "27.50",
                "source": "api", "description": "one call", "session": nil,
            ]),
            map([
                "id": "e_1", "time": "2026-11-02T00:00:00Z", "type": "credit", "amount": "25.00", "available": "30.00",
                "source": "stripe", "description": nil, "session": nil,
            ]),
        ])
    case "SESSION GET" where words[2] == "job-81": map(["session": "job-81", "status": "active"])
    case "HOLD GET": map(["hold": words[2]])
    case "EXPLAIN c_2": map(["charge": "c_2"])
    case "USER GET", "CREDIT BALANCE", "SESSION GET":
        .error(RESPError(code: "NOTFOUND", message: "no \(words[0].lowercased()) \(words[2])"))
    default: .error(RESPError(code: "ERR", message: "unknown command '\(words[0])'; HELP lists all"))
    }
}

private func prompt() -> REPL { REPL(port: ledger, catalogue: sampleCatalogue, options: .init(title: "test")) }

@Suite struct `Describing a user` {
    @Test func `credit, lots as they burn, holds, sessions, charges`() async {
        var repl = prompt()
        let text = await repl.evaluate("describe ada", tables).output
        #expect(
            text == """
                ada · ada@example.com · pro · active · since 2026-11-01 08:00
                available 27.50   paid 25.00   promo 5.00   held 2.50   debt 0.00

                lots, in the order in which they burn
                  1  l_a  promo   5.00  ▒█          expires 2027-01-01 (in 32d 12h), for api,
                                                    2.50 held
                  2  l_b  paid   25.00  ██████████  does not expire

                holds
                  h_4q  2.50  render  until 2026-11-29 12:09 (in 9m 59s)

                sessions
                  job-81  medium  0.0375 an hour  1h 30m  0.05625  active

                together 0.04 an hour (sessions 0.0375, storage 0.0025); credit lasts until
                  2026-12-28 02:00 (in 28d 14h)

                last charges
                  c_2  2026-11-29 11:00  0.25  api  one call

                """)
    }

    @Test func `without Unicode, and never wider than the terminal`() async {
        var repl = prompt()
        let text = await repl.evaluate(
            "describe ada", Rendering(layout: .tables(width: 60), usesColour: true, usesUnicode: false)
        ).output
        #expect(text.contains("=") && text.contains("#") && !text.contains("█"))
        #expect(
            DisplayText.height(of: text, columns: 60) == text.split(separator: "\n", omittingEmptySubsequences: false)
                .count - 1)
    }

    @Test(arguments: [12, 20, 30, 40, 55, 70, 80, 120])
    func `no amount loses a digit, however narrow the terminal is`(width: Int) async {
        var repl = prompt()
        let text = await repl.evaluate("describe ada", Rendering(layout: .tables(width: width))).output
        let words = text.split { !$0.isNumber && $0 != "." }.map(String.init)
        for amount in ["27.50", "25.00", "2.50", "5.00", "0.0375", "0.05625", "0.0025", "0.25"] {
            #expect(words.contains(amount), "\(text)")
        }
        for pair in ["available 27.50", "promo 5.00", "debt 0.00"] where width >= 20 { #expect(text.contains(pair)) }
        for line in text.split(separator: "\n") where width >= 40 {
            #expect(DisplayText.width(of: String(line)) <= width, "\(text)")
        }
    }

    @Test(arguments: 0...3)
    func `a terminal of no width is answered, too`(width: Int) async {
        var rendering = Rendering(layout: .tables(width: width), usesColour: true)
        rendering.rows = width - 2
        var repl = prompt()
        for line in ["describe ada", "plot ada", "CREDIT HISTORY ada", "help", "help charge", "plot{ 1, 2 }"] {
            let outcome = await repl.evaluate(line, rendering)
            #expect(!outcome.output.isEmpty && !outcome.failed, "\(line): \(outcome)")
        }
    }

    @Test func `for scripts it is a value, and nobody is nobody`() async {
        var repl = prompt()
        let text = await repl.evaluate("describe ada", Rendering(layout: .json)).output
        #expect(text.hasPrefix("{\"user\":{\"user\":\"ada\","))
        #expect(text.contains("\"lots\":[{\"lot\":\"l_b\""))
        #expect(
            await repl.evaluate("describe bob", tables) == REPL.Outcome(errors: "NOTFOUND no user bob\n", failed: true))
        #expect(await repl.evaluate("describe", tables).errors.hasPrefix("describe user: "))
    }
}

@Suite struct `A curve` {
    private func plot(_ values: [(Int64, Int64)], unicode: Bool = false, columns: Int = 30, rows: Int = 7) -> String {
        Plot(values.map { Plot.Point(time: $0.0 * 1_000_000_000, value: $0.1 * 1_000_000_000) }, usesUnicode: unicode)
            .text(columns: columns, rows: rows)
    }

    @Test func `goes in steps, between its lowest value or 0 and its highest`() {
        #expect(
            plot([(0, 10), (86400, 5), (172_800, 0)]) == """
                10.00 +************
                      |           *
                 5.00 +           ************
                      |                      *
                 0.00 +                      *
                      +-----------------------
                       1970-01-01 00:00:00  1970-01-03 00:00:00

                """)
    }

    @Test func `in dots`() {
        #expect(
            plot([(0, 0), (3600, 2)], unicode: true, columns: 50, rows: 5) == """
                2.00 ┤                                           ⢸
                1.00 ┤                                           ⢸
                0.00 ┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣸
                     └────────────────────────────────────────────
                      1970-01-01 00:00:00      1970-01-01 01:00:00

                """)
    }

    @Test(arguments: [[], [(5, 5)], [(5, -3), (5, -3)], [(0, .min / 1_000_000_001), (1, .max / 1_000_000_001)]])
    func `any values can be drawn`(values: [(Int64, Int64)]) {
        let text = plot(values)
        #expect(text.isEmpty == values.isEmpty)
        for line in text.split(separator: "\n").dropLast() { #expect(line.count <= 30, "\(text)") }
    }

    @Test func `of a user's credit, from the journal and the balance of now`() async {
        var repl = prompt()
        let text = await repl.evaluate("plot ada", tables).output
        #expect(text.hasPrefix("available of ada, times in UTC\n"))
        #expect(text.contains("2026-11-02 00:00:00") && text.contains("2026-11-29 12:00:00"))
        #expect(
            await repl.evaluate(".last", Rendering(layout: .tabs)).output == """
                time\tavailable
                2026-11-02T00:00:00Z\t30.00
                2026-11-29T11:00:00Z\t27.50
                2026-11-29T12:00:00Z\t27.50

                """)
        #expect(await repl.evaluate("plot bob", tables).errors == "NOTFOUND no credit bob\n")
        #expect(await repl.evaluate("plot ada SINCE 2026", tables).errors.hasPrefix("plot user [FROM t] [TO t]: "))
    }
}

@Suite struct `The prompt's own commands` {
    @Test func `the last answer again, whole, and exported`() async {
        var repl = prompt()
        #expect(await repl.evaluate(".last", tables).errors == "there is no last answer yet\n")
        #expect(await repl.evaluate(".export csv /tmp/x", tables).failed)
        _ = await repl.evaluate("CREDIT HISTORY ada", tables)
        _ = await repl.evaluate("NOPE x", tables)
        #expect(await repl.evaluate(".LAST", Rendering(layout: .tables(width: 20))).output.contains("│ one call"))
        let path = "/tmp/florin-export-\(getpid()).csv"
        defer { unlink(path) }
        #expect(await repl.evaluate(".export csv \(path)", tables).output == "2 rows in \(path)\n")
        let text = TestFile.read(path)
        #expect(
            text?.hasPrefix("id,time,type,amount,available,source,description,session\r\nc_2,2026-11-29T11:00:00Z,")
                ?? false)
        #expect(await repl.evaluate(".export json \(path)", tables).output == "2 rows in \(path)\n")
        #expect(TestFile.read(path)?.hasPrefix("{\"rows\":[{\"id\":\"c_2\",") ?? false)
        #expect(
            await repl.evaluate(".export json /nowhere/x", tables).errors == "/nowhere/x: No such file or directory\n")
        #expect(await repl.evaluate(".export xml x", tables).errors.hasPrefix(".export csv|json file: "))
    }

    @Test func `what needs a terminal says so`() async {
        var repl = prompt()
        #expect(
            await repl.evaluate("watch 1 PING", tables)
                == REPL.Outcome(errors: "watch needs a terminal\n", failed: true))
        #expect(await repl.evaluate(#"\e"#, tables) == REPL.Outcome(errors: "\\e needs a terminal\n", failed: true))
    }

    @Test func `an id alone shows what it names`() async {
        var repl = prompt()
        #expect(await repl.evaluate("h_4q", tables).output == "hold │ h_4q\n")
        #expect(await repl.evaluate("c_2", tables).output == "charge │ c_2\n")
        #expect(await repl.evaluate("ada", tables).output.contains("ada@example.com"))
        #expect(await repl.evaluate("job-81", tables).output.contains("active"))
        #expect(await repl.evaluate("s_9", tables).errors == "NOTFOUND no session s_9\n")
        _ = await repl.evaluate("describe ada", tables)
        #expect(await repl.evaluate("s_9", tables).output.contains("job-81"))
        #expect(await repl.evaluate("u_none", tables).errors == "NOTFOUND no user u_none\n")
    }

    @Test func `a command that is none has a suggestion`() async {
        var repl = prompt()
        #expect(
            await repl.evaluate("charge ada 1 api", tables).errors
                == "ERR unknown command 'charge'; HELP lists all\ndid you mean CREDIT CHARGE?\n")
        #expect(await repl.evaluate("chrge ada 1 api", tables).errors.hasSuffix("did you mean CREDIT CHARGE?\n"))
        #expect(await repl.evaluate("descirbe ada", tables).errors.hasSuffix("did you mean describe?\n"))
        #expect(await repl.evaluate(".lest", tables).errors.hasSuffix("did you mean .last?\n"))
        #expect(await repl.evaluate("nonsense", tables).errors == "ERR unknown command 'nonsense'; HELP lists all\n")
        #expect(await repl.evaluate("help descrbe", tables).errors == "no help for descrbe; did you mean describe?\n")
    }

    @Test func `help finds words of the help, and the prompt's own commands`() {
        #expect(Help.text(for: ["bought"], in: sampleCatalogue)!.hasPrefix("CREDIT GRANT user amount"))
        #expect(Help.text(for: ["plot"], in: sampleCatalogue)!.hasPrefix("plot user [FROM t] [TO t]\n"))
        #expect(Help.text(for: [".last"], in: sampleCatalogue)!.contains("whole"))
    }
}

@Suite struct `Where one is` {
    private func place(_ answer: @escaping @Sendable ([String]) throws -> RESPValue) async -> [String] {
        var repl = REPL(port: FakePort(answer: answer), catalogue: .ledger, options: .init(title: "test"))
        return [await repl.place(), await repl.place()]
    }

    @Test func `the last event, and whether the ledger takes writes`() async {
        let asked = Atomic<Int>(0)
        #expect(
            await place { words in
                if words[0] == "INFO" { asked.add(1, ordering: .relaxed) }
                return words[0] == "WAIT" ? .integer(17) : .text("# Ledger\r\nread_only:no\r\n")
            } == [" 17", " 17"])
        #expect(asked.load(ordering: .relaxed) == 1)
        #expect(
            await place { $0[0] == "WAIT" ? .integer(17) : .text("# Ledger\r\nread_only:the clock\r\n") } == [
                " 17 ro", " 17 ro",
            ])
    }

    @Test func `between MULTI and EXEC nothing is asked that was not typed, and the prompt says so`() async {
        let asked = Mutex<[String]>([])
        var repl = REPL(
            port: FakePort { words in
                asked.withLock { $0.append(words.joined(separator: " ")) }
                return .simple("OK")
            }, catalogue: .ledger, options: .init(title: "test"))
        _ = await repl.evaluate("WATCH ada", tables)
        _ = await repl.evaluate("multi", tables)
        #expect(await repl.place() == " multi")
        #expect(await repl.evaluate("describe ada", tables).errors.hasPrefix("between MULTI and EXEC"))
        _ = await repl.evaluate("ledger.credit.balance('ada')", tables)
        #expect(await repl.place() == " multi")
        _ = await repl.evaluate("EXEC", tables)
        #expect(asked.withLock { $0 } == ["WATCH ada", "multi", "CREDIT BALANCE ada", "EXEC"])
        #expect(await repl.place() == "")
        #expect(await repl.evaluate("WATCH 1 PING", tables).errors == "watch needs a terminal\n")
    }

    @Test func `nothing where it may not be known, or does not come at once`() async {
        #expect(
            await place { $0[0] == "WAIT" ? .integer(4) : .error(RESPError(code: "NOPERM", message: "no")) } == [
                " 4", " 4",
            ])
        #expect(await place { _ in throw ClientError.notConnected(peer: "x:1", reason: "gone") } == ["", ""])
    }
}

@Suite struct `Ids that were shown` {
    @Test func `are offered where such an id must stand, the last one first`() {
        let known = KnownIDs()
        known.learn(
            from: page([map(["user": "ada", "hold": "h_2"]), map(["user": "bob", "session": "job-1", "id": "s_1"])]))
        known.learn(from: map(["id": "c_7", "user": "bob"]))
        known.learn(from: .map([RESPPair(.text("sessions"), .array([map(["session": "job-2"])]))]))
        #expect(known.ids(of: .user) == ["bob", "ada"])
        #expect(known.ids(of: .hold) == ["h_2"])
        #expect(known.ids(of: .charge) == ["c_7"])
        #expect(known.ids(of: .session) == ["job-2", "job-1"])
        #expect(known.session(of: "s_1") == "job-1")
        func candidates(_ line: String) -> [String] {
            Completion.candidates(for: line, in: .ledger) { known.ids(of: $0) }
        }
        #expect(candidates("CREDIT BALANCE ") == ["bob", "ada"])
        #expect(candidates("CREDIT BALANCE a") == ["ada"])
        #expect(candidates("HOLD VOID ") == ["h_2"])
        #expect(candidates("SESSION LIST USER b") == ["bob"])
        #expect(candidates("SESSION STOP job") == ["job-2", "job-1"])
        #expect(candidates("EXPLAIN ") == ["c_7"])
        #expect(candidates("describe a") == ["ada"])
        #expect(candidates(".tail ") == ["FROM", "USER"])
        #expect(candidates(".tail user a") == ["ada"])
        #expect(candidates(".t") == [".tail"])
        #expect(candidates("watch 2 CREDIT BALANCE b") == ["bob"])
        #expect(candidates("watch 2 credit bal") == ["balance"])
    }

    @Test func `a user that is not known is asked for by the beginning of the id, and nobody waits for ever`() async {
        let known = KnownIDs()
        let language = EditSession.Language.commands(of: .ledger, known: known)
        /// On a thread that is none of the concurrency pool's, as the editor's is.
        func complete(_ line: String) async -> [String] {
            await withCheckedContinuation { answer in
                DispatchQueue.global().async { answer.resume(returning: language.complete(line).words) }
            }
        }
        #expect(known.search { text in if text == "be" { known.add("bea", as: .user) } })
        // On a busy machine the answer may come after the patience ends; it is there for the next Tab then.
        var words: [String] = []
        for _ in 0..<100 where words.isEmpty { words = await complete("CREDIT BALANCE be") }
        #expect(words == ["bea"])
        #expect(await complete("HOLD VOID be") == [])
        #expect(!known.search { _ in try? await Task.sleep(for: .seconds(600)) })
        #expect(await complete("CREDIT BALANCE zz") == [])
    }

    @Test func `are bounded, and none of them holds what a terminal would obey`() {
        let known = KnownIDs()
        for number in 0..<3000 { known.add("u\(number)", as: .user) }
        #expect(known.ids(of: .user).count == 1000)
        #expect(known.ids(of: .user).first == "u2999")
        #expect(!known.contains("u1", as: .user))
        known.add("a b", as: .user)
        known.add("\u{1b}[2J", as: .user)
        known.add(String(repeating: "x", count: 65), as: .user)
        #expect(known.ids(of: .user).first == "u2999")
    }
}

enum TestFile {
    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
