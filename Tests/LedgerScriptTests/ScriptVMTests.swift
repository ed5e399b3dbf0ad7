import LedgerCommands
import LedgerScript
import RESP
import Testing

@Suite("A script, without a ledger")
struct ScriptVMTests {
    /// Runs a source; the host answers each call by its words.
    func run(
        _ source: String, keys: [String] = [], arguments: [String] = [], milliseconds: Int = 2_000,
        _ host: @escaping ([String]) -> RESPValue = { .array($0.map { .text($0) }) }
    ) throws -> ScriptVM.Outcome {
        let vm = try ScriptVM(Script(Array(source.utf8)), .server, ScriptBudget(milliseconds: milliseconds))
        let lists = (keys.map { Array($0.utf8) }, arguments.map { Array($0.utf8) })
        return vm.run(lists: lists) { words in .value(host(words.map { String(decoding: $0, as: UTF8.self) })) }
    }

    func value(_ source: String, keys: [String] = [], arguments: [String] = []) throws -> RESPValue {
        switch try run(source, keys: keys, arguments: arguments) {
        case .values(let values): RESPValue(values.first ?? .nothing)
        case .failed(let error): .error(RESPError(code: "ERR", message: error.text))
        case .abandoned: .simple("abandoned")
        }
    }

    @Test("what is returned is what a client gets")
    func values() throws {
        #expect(try value("return 7") == .integer(7))
        #expect(try value("return 'x'") == .text("x"))
        #expect(try value("return") == .null)
        #expect(try value("return {1, 2, {'a'}}") == .array([.integer(1), .integer(2), .array([.text("a")])]))
        #expect(try value("return {}") == .array([]))
        #expect(
            try value("return { b = 1, a = usd'0.5' }")
                == .map([RESPPair(.text("a"), .text("0.50")), RESPPair(.text("b"), .integer(1))]))
        #expect(try value("return { err = 'CODE why' }") == .error(RESPError(code: "CODE", message: "why")))
        #expect(try value("return redis.status_reply('FINE')") == .simple("FINE"))
        #expect(try value("return 1.5") == .double("1.5"))
        #expect(try value("return true") == .boolean(true))
        #expect(try value("return KEYS[1] .. ARGV[2]", keys: ["k"], arguments: ["a", "b"]) == .text("kb"))
    }

    @Test(
        "amounts are exact",
        arguments: [
            ("usd'0.0375' * 3", "0.1125"), ("usd'10' // 3", "3.333333333"), ("usd'-10' // 3", "-3.333333334"),
            ("usd'10' % 3", "0.000000001"), ("usd'1' - usd'1.5'", "-0.50"), ("-usd'2'", "-2.00"),
            ("usd'1' + '0.25'", "1.25"), ("2 * usd'0.1'", "0.20"), ("money.of(5)", "0.000000005"),
            ("usd(usd'7')", "7.00"), ("'a' .. usd'1'", "a1.00"), ("tostring(usd'0.1')", "0.10"),
            ("table.concat({usd'1', 'x', 2}, ',')", "1.00,x,2"), ("type(usd'1')", "money"),
        ])
    func amounts(_ expression: String, _ expected: String) throws {
        #expect(try value("return \(expression)") == .text(expected))
    }

    @Test("amounts compare, and know their nanos")
    func comparisons() throws {
        #expect(try value("return usd'1' < usd'1.01' and usd'1' <= usd'1' and usd'1' == usd'1.00'") == .boolean(true))
        #expect(try value("return money.nanos(usd'1.5')") == .integer(1_500_000_000))
    }

    @Test(
        "what is not exact is refused",
        arguments: [
            "usd'1' * 0.5", "usd'1' / 2", "usd'1' // 0", "usd(0.1)", "usd'1' + 1", "usd'9223372036' * 2",
            "usd'0.0000000001'", "usd''", "usd'1' < 2", "money.of(1.5)", "usd'-9223372036.854775807' - usd'1'",
        ])
    func inexact(_ expression: String) throws {
        guard case .failed(let error) = try run("return \(expression)") else {
            Issue.record("\(expression) was not refused")
            return
        }
        #expect(error.kind == .runtime && error.text.hasPrefix("script:1: "))
    }

    @Test("each command is a function that takes its arguments by name or in order")
    func calls() throws {
        func words(_ call: String) throws -> RESPValue { try value("return \(call)") }
        let charge = RESPValue.array(["CREDIT", "CHARGE", "u1", "1.50", "api"].map { .text($0) })
        #expect(try words("ledger.credit.charge{user='u1', amount=usd'1.5', source='api'}") == charge)
        #expect(try words("ledger.charge('u1', usd'1.5', 'api')") == charge)
        #expect(try words("ledger.call('CREDIT', 'CHARGE', 'u1', usd'1.5', 'api')") == charge)
        #expect(
            try words("ledger.charge('u1', '1', 'api', {over=true, description='d', key='k'})")
                == .array(
                    ["CREDIT", "CHARGE", "u1", "1", "api", "DESCRIPTION", "d", "KEY", "k", "OVER"].map { .text($0) }))
        #expect(
            try words("ledger.charge{user='u', amount='1', source='s', labels={team='a', job='b'}}")
                == .array(["CREDIT", "CHARGE", "u", "1", "s", "LABELS", "job=b,team=a"].map { .text($0) }))
        #expect(
            try words("ledger.session.quote('u', 'small', 1.5)")
                == .array(["SESSION", "QUOTE", "u", "small", "1.5"].map { .text($0) }))
    }

    @Test(
        "a call that cannot be meant says what the command takes",
        arguments: [
            ("ledger.charge{user='u'}", "needs 'amount'"), ("ledger.charge('u', 1.5, 's')", "is a float"),
            ("ledger.charge('u', '1', 's', {x=1})", "has no 'x'"), ("ledger.charge('a', 'b', 'c', 'd')", "takes 3"),
            ("ledger.charge('u', {}, 's', {over=1})", "'over' is true or false"),
            ("ledger.charge(nil, '1', 's')", "needs 'user'"), ("ledger.charge('u', type, 's')", "cannot be a function"),
            ("redis.call()", "at least one word"), ("ledger.nothing{}", "nil value"),
            ("ledger.passport.create{}", "nil value"),
        ])
    func badCalls(_ call: String, _ why: String) throws {
        guard case .failed(let error) = try run("return \(call)") else {
            Issue.record("\(call) was not refused")
            return
        }
        #expect(error.text.contains(why), "\(error.text)")
    }

    @Test("a refusal is nil and why; raised as it came it keeps its code")
    func refusals() throws {
        let refused: ([String]) -> RESPValue = { _ in .error(RESPError(code: "INSUFFICIENT", message: "no money")) }
        guard case .values(let values) = try run("local r, e = ledger.explain('c_1') return e.code, e.text, r", refused)
        else {
            Issue.record("no values")
            return
        }
        #expect(values.map(RESPValue.init) == [.text("INSUFFICIENT"), .text("no money")])
        guard case .failed(let raised) = try run("assert(ledger.explain('c_1'))", refused) else {
            Issue.record("nothing was raised")
            return
        }
        #expect(raised == ScriptError(.refusal, "INSUFFICIENT no money"))
        guard case .failed(let called) = try run("redis.call('EXPLAIN', 'c_1')", refused) else {
            Issue.record("nothing was raised")
            return
        }
        #expect(called.text == "INSUFFICIENT no money")
        guard case .values(let caught) = try run("return redis.pcall('EXPLAIN', 'c_1').err", refused) else {
            Issue.record("it was raised")
            return
        }
        #expect(caught.map(RESPValue.init) == [.text("INSUFFICIENT no money")])
    }

    @Test("fields that hold amounts are amounts")
    func moneyFields() throws {
        let receipt = RESPValue.map([
            RESPPair(.text("amount"), .text("1.50")), RESPPair(.text("id"), .text("1.50")),
            RESPPair(.text("debt"), .null),
        ])
        let source = "local r = ledger.explain('c') return {type(r.amount), type(r.id), type(r.debt)}"
        guard case .values(let values) = try run(source, { _ in receipt }) else {
            Issue.record("no values")
            return
        }
        #expect(RESPValue(values[0]) == .array([.text("money"), .text("string"), .text("nil")]))
    }

    @Test("what a map is keyed with by others is no field of an answer")
    func foreignNames() throws {
        func map(_ name: String, _ value: RESPValue) -> RESPValue { .map([RESPPair(.text(name), value)]) }
        let total = RESPValue.map([RESPPair(.text("count"), .integer(1)), RESPPair(.text("amount"), .text("2.00"))])
        let answer = RESPValue.map([
            RESPPair(.text("labels"), map("total", .text("05"))), RESPPair(.text("locals"), map("amount", .text("1"))),
            RESPPair(.text("spent_by_source"), map("labels", total)),
            RESPPair(.text("prices"), map("pro", map("cost", .text("4.00")))),
            RESPPair(.text("books"), map("revenue:api", .text("-3.00"))),
        ])
        let source = """
            local r = ledger.explain('c')
            return { type(r.labels.total), type(r.locals.amount), type(r.spent_by_source.labels.amount),
                     type(r.prices.pro.cost), type(r.books['revenue:api']) }
            """
        guard case .values(let values) = try run(source, { _ in answer }) else {
            Issue.record("no values")
            return
        }
        let types = ["string", "string", "money", "string", "money"]
        #expect(RESPValue(values[0]) == .array(types.map { .text($0) }))
    }

    @Test("a kill ends the run that is under way, and none behind it")
    func kills() throws {
        let killSwitch = KillSwitch()
        #expect(!killSwitch.kill())
        // Long enough to be asked for its budget.
        let vm = try ScriptVM(
            Script(Array("local n = 0 for i = 1, 1000000 do n = n + 1 end return n".utf8)), .server,
            ScriptBudget(milliseconds: 60_000))
        func run() -> ScriptVM.Outcome { vm.run(lists: ([], [])) { _ in .value(.null) } }
        let late = killSwitch.run(vm) {
            let outcome = run()
            #expect(killSwitch.kill())
            return outcome
        }
        guard case .values = late, case .values = killSwitch.run(vm, run) else {
            Issue.record("a kill that came too late ended a run")
            return
        }
        #expect(!killSwitch.kill())
        let endless = try ScriptVM(
            Script(Array("pcall(ledger.ping) while true do end".utf8)), .server, ScriptBudget(milliseconds: 60_000))
        let ended = killSwitch.run(endless) {
            endless.run(lists: ([], [])) { _ in
                #expect(killSwitch.kill())
                return .value(.simple("PONG"))
            }
        }
        guard case .failed(let error) = ended else {
            Issue.record("it was not ended")
            return
        }
        #expect(error.kind == .budget && error.text.contains("killed by SCRIPT KILL"))
    }

    @Test("a prompt's globals stay, and an error leaves them")
    func prompt() throws {
        let vm = try ScriptVM(.prompt, ScriptBudget(milliseconds: 1_000), keepsGlobals: true)
        func line(_ source: String) throws -> RESPValue {
            try vm.load(Array(source.utf8), name: "line")
            guard case .values(let values) = vm.run({ _ in .value(.null) }) else { return .simple("failed") }
            return RESPValue(values.first ?? .nothing)
        }
        _ = try line("x = 5")
        #expect(try line("error('no')") == .simple("failed"))
        #expect(try line("while true do end") == .simple("failed"))
        #expect(try line("return x + 1") == .integer(6))
        #expect(throws: ScriptError.self) { try line("if x then") }
        do { try vm.load(Array("if x then".utf8), name: "line") } catch { #expect(ScriptVM.isIncomplete(error)) }
        do { try vm.load(Array("if then x".utf8), name: "line") } catch { #expect(!ScriptVM.isIncomplete(error)) }
    }
}
