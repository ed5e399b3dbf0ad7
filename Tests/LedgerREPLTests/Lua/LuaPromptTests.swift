import LedgerClient
import LedgerREPL
import LedgerScript
import LedgerTestKit
import RESP
import Synchronization
import Testing

private let tables = Rendering(layout: .tables(width: 80))

/// Answers as a ledger does, as far as the tests ask.
private let ledger = FakePort { words in
    switch words.prefix(2).joined(separator: " ") {
    case "CREDIT CHARGE" where words[2] == "poor": .error(RESPError(code: "INSUFFICIENT", message: "0.00 available"))
    case "CREDIT CHARGE": map(["user": words[2], "amount": words[3], "available": "24.75"])
    case "CREDIT BALANCE": map(["user": words[2], "available": "25.00"])
    case "USER GET" where words[2] == "ada": map(["user": "ada"])
    case "PING": .simple("PONG")
    case "ECHO \(words.last!)": .text(words[1])
    default: .error(RESPError(code: "ERR", message: "unknown command '\(words[0])'; HELP lists all"))
    }
}

private let drawable =
    "plot takes a user, a list of amounts, or rows that have available, total, amount or value"

private func prompt(_ port: any CommandPort = ledger) -> REPL {
    REPL(port: port, catalogue: .ledger, options: .init(title: "test"))
}

/// What is shown, output and errors.
extension REPL {
    fileprivate mutating func shown(_ input: String, _ rendering: Rendering = tables) async -> String {
        let outcome = await evaluate(input, rendering)
        return outcome.output + outcome.errors
    }
}

@Suite struct `Other worlds at the prompt` {
    @Test func `a fork is a value that carries out commands in it`() async {
        let asked = Mutex<[String]>([])
        let port = FakePort { words in
            asked.withLock { $0.append(words.joined(separator: " ")) }
            if words.contains("LOAD") { return map(["version": "2"]) }
            return words[1] == "NEW" ? map(["name": words[2], "users": "3"]) : map(["name": words[2]])
        }
        var repl = prompt(port)
        #expect(await repl.shown("f = fork()") == "")
        #expect(await repl.shown("f.users").contains("3"))
        _ = await repl.shown("f:advance('20d')")
        _ = await repl.shown("f:rule('session_runtime', 'return 1')")
        _ = await repl.shown("f:run('CREDIT', 'BALANCE', 'ada')")
        _ = await repl.shown("f:diff(5)")
        _ = await repl.shown("f:drop()")
        _ = await repl.shown("g = fork('other')")
        #expect(
            asked.withLock { $0 } == [
                "FORK NEW f1", "FORK ADVANCE f1 20d", "FORK RUN f1 RULE LOAD session_runtime return 1",
                "FORK RUN f1 RULE ACTIVATE session_runtime 2", "FORK RUN f1 CREDIT BALANCE ada", "FORK DIFF f1 COUNT 5",
                "FORK DROP f1", "FORK NEW other",
            ])
    }

    @Test func `a rule of a fork: a version that is loaded, or a source that was loaded before`() async {
        let asked = Mutex<[String]>([])
        let port = FakePort { words in
            asked.withLock { $0.append(words.dropFirst(3).joined(separator: " ")) }
            switch words.count > 4 ? words[4] : "" {
            case "LOAD" where words[6] == "return 1":
                return .error(RESPError(code: "EXISTS", message: "this source was loaded before, as version 3"))
            case "LOAD": return .error(RESPError(code: "ERR", message: "it does not compile"))
            case "CHECK": return map(["sha256": "abc"])
            case "LIST":
                return .array([
                    map(["rule": "session_runtime", "version": "2", "sha256": "xyz"]),
                    map(["rule": "purchase_bonus", "version": "1", "sha256": "abc"]),
                    map(["rule": "session_runtime", "version": "3", "sha256": "abc"]),
                ])
            default: return map(["name": words[2], "version": words.last!])
            }
        }
        var repl = prompt(port)
        _ = await repl.shown("f = fork()")
        #expect(await repl.shown("f:rule('session_runtime', 'return 1').version").contains("3"))
        #expect(await repl.shown("f:rule('session_runtime', 2).version").contains("2"))
        let refused = await repl.shown("f:rule('session_runtime', 'return +')")
        #expect(refused.contains("it does not compile") && !refused.contains("prelude"), "\(refused)")
        // Nothing is activated that was not meant.
        #expect(
            asked.withLock { $0 } == [
                "", "RULE LOAD session_runtime return 1", "RULE CHECK session_runtime return 1", "RULE LIST",
                "RULE ACTIVATE session_runtime 3", "RULE ACTIVATE session_runtime 2",
                "RULE LOAD session_runtime return +",
            ])
    }
}

@Suite struct `What a line is` {
    @Test(arguments: [
        ("CREDIT CHARGE ada 1 api", InputKind.command), ("credit balance ada", .command), ("PING", .command),
        ("ping", .command),
        ("describe ada", .command), ("watch 1 PING", .command), ("help", .command), (".last", .command),
        ("# it's", .command),
        ("CREDIT CHRGE ada", .command), ("CREDIT", .command), ("chrge ada 1 api", .command), ("ada", .command),
        ("job-81", .command), ("h_4q", .command), ("ada@example.com", .command), ("SAY \"open", .lua), ("", .nothing),
        ("  \n ", .nothing),
        ("1 + 2", .lua), ("x = 5", .lua), ("time = 5", .lua), ("user = 'ada'", .lua), ("x == 5", .lua),
        ("usd\"5\" * 3", .lua),
        ("ledger.charge{user = 'ada'}", .lua), ("for i = 1, 3 do print(i) end", .lua), ("local x = 1", .lua),
        ("if x then", .lua),
        ("return 5", .lua), ("describe('ada')", .lua), ("known", .lua), ("known + 1", .lua), ("not known", .lua),
        ("a and b", .lua),
        ("known.available", .lua), ("f1.users", .command), ("f1:users", .command),
        (".lest", .command), ("\\x", .command), (".5 + 1", .lua), ("?", .command),
        ("-- a comment", .lua), ("5", .lua), ("nil", .lua), ("_", .lua), ("_.available", .lua), ("function f(x)", .lua),
        ("{1, 2}", .lua),
        ("ledger.credit", .lua), ("x, y = 1, 2", .lua), ("print \"a\"", .lua), ("EXPLAIN c_1", .command),
        ("WAIT 0", .command),
    ])
    func `a command, or Lua`(line: String, kind: InputKind) {
        #expect(InputKind.of(line, in: .ledger) { $0 == "known" } == kind)
    }

    @Test(arguments: ["f1.users", "f1:drop", "f1.a.b"])
    func `what a variable has is Lua, though it looks like an id`(line: String) {
        #expect(InputKind.of(line, in: .ledger) { $0 == "f1" } == .lua)
        #expect(InputKind.of(line, in: .ledger) { $0 == "f1.users" } == .command)
        // An id that was shown is one.
        #expect(InputKind.of(line, in: .ledger, isVariable: { _ in true }, isKnown: { $0 == line }) == .command)
        #expect(InputKind.of(line, in: .ledger, isVariable: { _ in true }, isKnown: { $0 == "f1" }) == .lua)
    }

    @Test func `a fork is asked by its usual name`() async {
        var repl = prompt(FakePort { map(["name": $0[2], "users": "3"]) })
        #expect(await repl.shown("f1 = fork()") == "")
        #expect(await repl.shown("f1.users") == "3\n")
    }

    @Test func `each piece knows the line in which it began`() {
        var splitter = InputSplitter(
            kind: { InputKind.of($0, in: .ledger) }, isIncomplete: LuaSource.isIncomplete)
        let pieces = splitter.numbered("PING\n\nfor i = 1, 2 do\n  print(i)\nend\nECHO \"a\nb\"\nPING\nx = {")
        #expect(pieces.filter { !$0.text.isEmpty }.map(\.line) == [1, 3, 6, 8, 9])
        #expect(splitter.numbered("x = 1\ny = 2").map(\.line) == [1])
    }

    @Test func `lines are run when they are whole`() {
        var splitter = InputSplitter(
            kind: { InputKind.of($0, in: .ledger) }, isIncomplete: LuaSource.isIncomplete)
        #expect(splitter.take("PING") == "PING")
        #expect(splitter.take("for i = 1, 2 do") == nil)
        #expect(splitter.take("  print(i)") == nil)
        #expect(splitter.take("end") == "for i = 1, 2 do\n  print(i)\nend")
        #expect(splitter.take("ECHO \"a") == nil)
        #expect(splitter.take("b\"") == "ECHO \"a\nb\"")
        #expect(splitter.take("x = [[") == nil)
        #expect(splitter.finish() == "x = [[")
        #expect(splitter.finish() == nil)
        #expect(splitter.split("PING\nx = 1\nPING") == ["PING", "x = 1", "PING"])
        #expect(splitter.split("local x = 1\nprint(x)\n") == ["local x = 1\nprint(x)"])
        #expect(splitter.split("x = = 1\nPING") == ["x = = 1", "PING"])
    }
}

@Suite struct `Lua at the prompt` {
    @Test func `an expression prints itself, and is the last value`() async {
        var repl = prompt()
        #expect(await repl.shown("1 + 2") == "3\n")
        #expect(await repl.shown("_ * 2") == "6\n")
        #expect(await repl.shown("usd\"0.0375\" * 3") == "0.1125\n")
        #expect(await repl.shown("{ b = 1, a = usd'0.5' }") == "a │ 0.50\nb │ 1\n")
        #expect(await repl.shown("_.a") == "0.50\n")
        #expect(await repl.shown("'a', 2 -- both") == "a\n2\n")
        #expect(await repl.shown(".last") == "a\n2\n")
    }

    @Test func `globals stay, and a variable alone is its value before it is an id`() async {
        var repl = prompt()
        #expect(await repl.shown("ada") == "user │ ada\n")
        #expect(await repl.shown("price = usd'2'") == "")
        #expect(await repl.shown("price") == "2.00\n")
        #expect(await repl.shown("function double(x) return x * 2 end") == "")
        #expect(await repl.shown("double(price)") == "4.00\n")
        #expect(await repl.shown("time = 7") == "")
        #expect(await repl.shown("time + 1") == "8\n")
    }

    @Test func `commands are functions, and commands and Lua share one prompt`() async {
        var repl = prompt()
        #expect(await repl.shown("PING") == "PONG\n")
        #expect(await repl.shown("r = ledger.charge{ user = 'ada', amount = usd'0.25', source = 'api' }") == "")
        #expect(await repl.shown("r.available + r.amount") == "25.00\n")
        #expect(await repl.shown("ledger.credit.balance('ada')") == "user      │ ada\navailable │ 25.00\n")
        #expect(await repl.shown("ledger.credit.balance('ada').available") == "25.00\n")
        #expect(
            await repl.evaluate("ledger.charge('poor', usd'1', 'api')", tables)
                == REPL.Outcome(errors: "INSUFFICIENT 0.00 available\n", failed: true))
        #expect(await repl.shown("ok, why = ledger.charge('poor', usd'1', 'api')") == "")
        #expect(await repl.shown("why.code") == "INSUFFICIENT\n")
    }

    @Test func `what is printed is shown, tables and all`() async {
        var repl = prompt()
        #expect(await repl.shown("for i = 1, 2 do print(i, usd'1' * i) end") == "1\t1.00\n2\t2.00\n")
        #expect(await repl.shown("print({ 1, { a = 'x' } })") == "{1, {a = x}}\n")
        #expect(await repl.shown("print('a\\27[2Jb')") == "a\\x1b[2Jb\n")
    }

    @Test func `any value can be shown in the middle, an answer as it came`() async {
        var repl = prompt()
        #expect(
            await repl.shown("show(ledger.credit.balance('ada')) print('b') show(nil, { c = usd'1' })")
                == "user      │ ada\navailable │ 25.00\nb\nc │ 1.00\n")
        #expect(await repl.shown("show(print)") == "a function\n")
        #expect(await repl.shown(".last") == "a function\n")
    }

    @Test func `what goes on until somebody ends it needs somebody`() async {
        var repl = prompt()
        #expect(await repl.shown("watch(print)") == "LUA watch needs a terminal\n")
        #expect(await repl.shown("watch(1, 'PING')") == "LUA watch needs a terminal\n")
        #expect(await repl.shown("tail('ada')") == ".tail goes on and on: nobody is here to see it\n")
        #expect(await repl.shown(".tail") == ".tail goes on and on: nobody is here to see it\n")
        #expect(await repl.shown(".tail ada").hasPrefix(".tail [FROM lsn] [USER u]: "))
    }

    @Test(arguments: [
        ("x = = 1", "LUA column 5: unexpected symbol near '='\n"),
        ("for i = 1, 2 do\n  print(i\nend", "LUA line 3, column 1: ')' expected (to close '(' at line 2) near 'end'\n"),
        ("error('no')", "LUA no\n"), ("error('no', 0)", "LUA no\n"),
        ("x = 1\n\nnothing()", "LUA line 3: attempt to call a nil value (global 'nothing')\n"),
        ("leger.charge()", "LUA attempt to index a nil value (global 'leger')\ndid you mean ledger?\n"),
        ("ledger.chrge()", "LUA attempt to call a nil value (field 'chrge')\ndid you mean charge?\n"),
        ("('x'):entr()", "LUA attempt to call a nil value (method 'entr')\ndid you mean enter?\n"),
        ("watch(1)", "LUA watch(f, \"1s\") takes a function, or a command or Lua as text\n"),
        ("plot()", "LUA \(drawable)\n"), ("plot{ a = 1 }", "LUA \(drawable)\n"),
        ("plot(ledger.credit.balance('ada'))", "LUA \(drawable)\n"),
        ("plot{ { name = 'x' } }", "LUA row 1 has nothing to draw: \(drawable)\n"),
        ("plot{ 1, { amount = 2 }, 'many' }", "LUA row 3: 'many' is no amount\n"),
        ("plot{ { time = 'soon', value = 1 } }", "LUA row 1: 'soon' is no time\n"),
        ("revenue('soon')", "LUA revenue takes a time like 7d or 12h, not soon\n"),
        ("revenue('7d', 0)", "LUA revenue takes 1 to 100 parts, not 0\n"),
        ("describe()", "LUA describe takes a user\n"),
        ("usd'1' + 0.5", "LUA + takes two amounts; this is a number (usd\"0.05\" makes one)\n"),
        ("1 +", "LUA unexpected symbol near <eof>\n"),
    ])
    func `errors say where, and what may have been meant`(source: String, error: String) async {
        var repl = prompt()
        let outcome = await repl.evaluate(source, Rendering(layout: .tables(width: nil)))
        #expect(outcome == REPL.Outcome(errors: error, failed: true))
    }

    @Test func `a chunk that never ends is ended by cancelling it, and the next one runs`() async {
        let lua = LuaSession()
        let calls = Atomic<Int>(0)
        let running = Task {
            await lua.run("n = 0 while true do n = n + 1 if n == 1000 then ledger.ping() end end") { _ in
                calls.add(1, ordering: .relaxed)
                return .simple("PONG")
            }
        }
        while calls.load(ordering: .relaxed) == 0 { await Task.yield() }
        running.cancel()
        guard case .interrupted(let isUnknown) = await running.value.end else { return #expect(Bool(false)) }
        #expect(!isUnknown)
        guard case .values(let values) = await lua.run("n >= 1000", { _ in .null }).end else {
            return #expect(Bool(false))
        }
        #expect(values == [.boolean(true)])
    }

    @Test func `a chunk that is cancelled before it begins does not run`() async {
        let lua = LuaSession()
        let running = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await lua.run("ran = true while true do end") { _ in .null }
        }
        guard case .interrupted(isUnknown: false) = await running.value.end else { return #expect(Bool(false)) }
        #expect(!lua.isVariable("ran"))
    }

    @Test func `a chunk that waits for an answer is ended, too, and nobody knows what became of the command`() async {
        let lua = LuaSession()
        let isAsked = Atomic<Bool>(false)
        let running = Task {
            await lua.run("pcall(ledger.ping) x = 1") { _ in
                isAsked.store(true, ordering: .relaxed)
                try await Task.sleep(for: .seconds(60))
                return .null
            }
        }
        while !isAsked.load(ordering: .relaxed) { await Task.yield() }
        running.cancel()
        guard case .interrupted(let isUnknown) = await running.value.end else { return #expect(Bool(false)) }
        #expect(isUnknown)
        #expect(!lua.isVariable("x"))
    }

    @Test func `a connection that is lost ends the chunk, whatever it catches`() async {
        var repl = prompt(
            FakePort { _ in
                throw ClientError.connectionLost(peer: "here:1", answered: [], unanswered: 1, reason: "it broke")
            })
        let outcome = await repl.evaluate("print('a') pcall(ledger.ping) print('b')", tables)
        #expect(outcome.output == "a\n")
        #expect(outcome.errors.hasPrefix("connection to here:1 lost: it broke"))
    }

    @Test func `curves of any series`() async {
        var repl = prompt()
        let text = await repl.shown("plot{ usd'1', usd'3', usd'2' }")
        #expect(text.contains("3.00 ┤") && text.contains("0.00 ┤"))
        // Without times the places are counted.
        #expect(text.split(separator: "\n").last!.hasPrefix("      1 ") && text.hasSuffix(" 3\n"))
        #expect(await repl.shown("plot{}") == "nothing to draw\n")
        #expect(await repl.shown("plot{ '0', {} }") == "nothing to draw\n")
    }

    @Test func `a page of movements is drawn as what was left after each, in the order of time`() async {
        @Sendable func page(_ cursor: String) -> RESPValue {
            .array([
                .text(cursor),
                .array([
                    map(["id": "c_2", "time": "2026-11-29T11:00:00Z", "amount": "2.50", "available": "27.50"]),
                    map(["id": "e_1", "time": "2026-11-02T00:00:00Z", "amount": "25.00", "available": "30.00"]),
                ]),
            ])
        }
        var repl = prompt(FakePort { page($0.contains("COUNT") ? "7" : "0") })
        let text = await repl.shown("plot(ledger.history('ada'))")
        #expect(text.contains("30.00 ┤") && text.contains("2026-11-02 00:00:00") && !text.contains("nothing"))
        #expect(text.hasSuffix("2026-11-29 11:00:00\n"))
        #expect(await repl.shown("plot(ledger.credit.history{ user = 'ada', count = 2 })").contains("this page alone"))
    }

    @Test func `the ledger's revenue over a time, from its books as they were`() async {
        let asked = Mutex<[String]>([])
        let port = FakePort { words in
            let line = words.joined(separator: " ")
            asked.withLock { $0.append(line) }
            func books(_ amount: String) -> RESPValue {
                .text("# Books\r\nusers/paid:-5.00\r\nrevenue/api:\(amount)\r\nrevenue/my:job:0.50\r\n")
            }
            switch line {
            case "INFO ledger": return .text("# Ledger\r\ntime:2026-11-29T12:00:00Z\r\n")
            case "INFO books": return books("4.25")
            case "AT 2026-11-28T12:00:00Z INFO books": return books("1.00")
            case "AT 2026-11-29T00:00:00Z INFO books": return books("3.00")
            case "TAIL FROM 1 COUNT 1 BLOCK 0":
                return .array([.integer(2), .array([map(["lsn": "1", "time": "2026-11-01T00:00:00Z"])])])
            default: return .error(RESPError(code: "ERR", message: line))
            }
        }
        var repl = prompt(port)
        #expect(
            await repl.shown("revenue('1d', 2)", Rendering(layout: .tabs)) == """
                amount\ttime\ttotal
                0.00\t2026-11-28T12:00:00Z\t0.00
                2.00\t2026-11-29T00:00:00Z\t2.00
                1.25\t2026-11-29T12:00:00Z\t3.25

                """)
        let text = await repl.shown("plot(revenue('1d', 2))")
        #expect(text.contains("3.25 ┤") && text.contains("2026-11-28 12:00:00"))
        #expect(asked.withLock { $0.count } == 10)
        // Never before the ledger's first event.
        #expect(await repl.shown("revenue('365d', 1)") == "ERR AT 2026-11-01T00:00:00Z INFO books\n")
    }

    @Test func `a script runs it, and fails by it`() async {
        for (script, code) in [
            (["x = 2", "x + 1"], 0), (["error('no')"], 1), (["ledger.charge('poor', '1', 'api')"], 1),
        ] {
            var repl = prompt()
            repl.options.script = script
            repl.options.layout = .json
            #expect(await repl.run() == Int32(code))
        }
    }

    @Test func `memory is bounded, and the prompt goes on`() async {
        var repl = prompt()
        let outcome = await repl.evaluate("t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end", tables)
        #expect(outcome.failed && outcome.errors.hasPrefix("LUA "))
        #expect(await repl.shown("1 + 1") == "2\n")
    }
}

@Suite struct `Lua while it is typed` {
    private let language: EditSession.Language = {
        let repl = prompt()
        repl.known.learn(from: map(["user": "ada"]))
        return .prompt(of: repl)
    }()

    private func styles(_ text: String) -> [String] {
        let characters = Array(text)
        return language.highlight(text).map { "\(String(characters[$0.range])):\($0.style)" }
    }

    @Test func `keywords, strings, numbers and comments have colours`() {
        #expect(
            styles("local x = 'a' .. 15 -- why") == ["local:command", "'a':string", "15:number", "-- why:comment"])
        #expect(styles("x = [[a\nb]] for") == ["[[a\nb]]:string", "for:command"])
        #expect(styles("CREDIT CHARGE ada 1 api")[0] == "CREDIT:command")
    }

    @Test func `Enter ends it where it is whole`() {
        #expect(!language.isComplete("for i = 1, 2 do"))
        #expect(language.isComplete("for i = 1, 2 do end"))
        #expect(!language.isComplete("x = {"))
        #expect(!language.isComplete("1 +"))
        #expect(language.isComplete("x = = 1"))
        #expect(language.isComplete("PING"))
        #expect(!language.isComplete("ECHO \"a"))
        #expect(!language.isComplete("PING\nfor i = 1, 2 do"))
    }

    @Test(arguments: [
        ("ledger.cre", ["credit"], "."), ("ledger.credit.ch", ["charge"], ""), ("x = ledger.hold.v", ["void"], ""),
        ("ledger.credit.charge{us", ["user = "], ""), ("ledger.charge({ user = 'ada', desc", ["description = "], ""),
        ("ledger.credit.balance('a", ["ada"], "'"), ("x = ust", [], ""), ("x = us", ["usd"], ""),
        ("whi", ["while"], " "),
        ("cred", ["credit"], " "),
    ])
    func `Tab knows commands, their arguments, and ids`(before: String, words: [String], suffix: String) {
        let found = language.complete(before)
        #expect(found.words == words)
        if !words.isEmpty, before != "whi" { #expect(found.suffix == suffix) }
    }

    @Test func `and what one has defined`() async {
        var repl = prompt()
        _ = await repl.evaluate("prices = { small = 1, large = 2 }", tables)
        let language = EditSession.Language.prompt(of: repl)
        #expect(language.complete("x = pri").words == ["prices", "print"])
        #expect(language.complete("x = prices.").words == ["large", "small"])
        _ = await repl.evaluate("f = { name = 'f1', advance = print, adopt = print }", tables)
        #expect(language.complete("f:ad").words == ["adopt", "advance"])
        #expect(language.complete("f.ad").words == ["adopt", "advance"])
        #expect(language.complete("x = f:adv").words == ["advance"])
    }

    @Test func `any text at all has styles within it, and completes to something`() {
        var random = SeededGenerator(seed: 6)
        let pieces = [
            "ledger", ".", "credit", "{", "(", "'", "\"", "[[", "]]", "--", "x", " ", "=", "\n", "5", "é", "\\", "end",
            "🙂",
        ]
        for _ in 0..<2000 {
            let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            for span in language.highlight(text) {
                #expect(span.range.lowerBound >= 0 && span.range.upperBound <= text.count, "\(text)")
            }
            #expect(language.complete(text).length <= text.count)
            _ = language.isComplete(text)
            _ = language.hint(text)
        }
    }

    @Test func `evaluating random bytes gives an answer, whatever they are`() async {
        var random = SeededGenerator(seed: 13)
        var repl = prompt()
        let pieces = [
            "PING", "CREDIT", "ledger", ".", "(", ")", "{", "'", "\"", " ", "=", "\n", "5", "#", "--", "x", "\\", "usd",
            "return", "\u{0}", "é",
        ]
        for _ in 0..<300 {
            let text =
                Bool.random(using: &random)
                ? String(decoding: (0..<20).map { _ in UInt8.random(in: 0...255, using: &random) }, as: UTF8.self)
                : (0..<8).map { _ in pieces.randomElement(using: &random)! }.joined()
            let outcome = await repl.evaluate(text, tables)
            #expect(!outcome.quits)
            #expect(outcome.errors.isEmpty || outcome.errors.hasSuffix("\n"))
        }
    }
}
