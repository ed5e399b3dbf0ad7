import LedgerCore
import LedgerRules
import Testing

private let query = PriceQuery.sessionRuntime(type: .pro, tier: .medium, secondsThisMonth: 7200)

private func answer(_ name: RuleName, _ body: String, _ query: PriceQuery = query) throws -> PriceAnswer {
    try RuleVM(name, source: "return function(a, b, c, d) \(body) end").evaluate(query)
}

private func refusal(_ name: RuleName, _ body: String, _ query: PriceQuery = query) -> RuleError? {
    do {
        let answer = try answer(name, body, query)
        Issue.record("\(body) was accepted as \(answer)")
        return nil
    } catch {
        return error as? RuleError
    }
}

@Suite struct RuleVMTests {
    // MARK: - Arguments

    @Test func `session_runtime sees type, tier and seconds`() throws {
        let check =
            "assert(a == 'pro' and b == 'medium' and c == 7200 and math.type(c) == 'integer' and d == nil) return 1"
        #expect(try answer(.sessionRuntime, check) == .tariff(Tariff(rate: 1, listRate: 1)))
    }

    @Test func `storage sees type, kind and whole gigabytes`() throws {
        let query = PriceQuery.storage(type: .enterprise, kind: .filestore, megabytes: 12_999)
        let check = "assert(a == 'enterprise' and b == 'filestore' and c == 12 and d == nil) return 1"
        #expect(try answer(.storage, check, query) == .tariff(Tariff(rate: 1, listRate: 1)))
    }

    @Test func `space_purchase sees type, space, list price and size`() throws {
        let query = PriceQuery.spacePurchase(type: .free, space: "ml-ready", listPrice: Money("5.00")!, gigabytes: 50)
        let check = "assert(a == 'free' and b == 'ml-ready' and c == 5000000000 and d == 50) return c"
        #expect(try answer(.spacePurchase, check, query) == .amount(Money("5.00")!))
    }

    @Test func `purchase_bonus sees type and amount`() throws {
        let query = PriceQuery.purchaseBonus(type: .admin, amount: Money("100.00")!)
        let check = "assert(a == 'admin' and b == 100000000000 and c == nil) return b // 10"
        #expect(try answer(.purchaseBonus, check, query) == .amount(Money("10.00")!))
    }

    @Test(arguments: UserType.allCases, Tier.allCases)
    func `every type and tier arrives by its name`(type: UserType, tier: Tier) throws {
        let query = PriceQuery.sessionRuntime(type: type, tier: tier, secondsThisMonth: .max)
        let check = "assert(a == '\(type.text)' and b == '\(tier.text)' and c == math.maxinteger) return 1"
        #expect(try answer(.sessionRuntime, check, query) == .tariff(Tariff(rate: 1, listRate: 1)))
    }

    @Test func `odd names of spaces arrive whole`() throws {
        for text in ["", "a\0b", "ü\"'\n", String(repeating: "x", count: 64)] {
            let query = PriceQuery.spacePurchase(type: .free, space: ShortText(text)!, listPrice: .zero, gigabytes: 0)
            #expect(try answer(.spacePurchase, "return #b", query) == .amount(Money(nanos: Int64(text.utf8.count))))
        }
    }

    // MARK: - Answers

    @Test func `a rate without a list rate is its own list rate`() throws {
        #expect(try answer(.sessionRuntime, "return 5") == .tariff(Tariff(rate: 5, listRate: 5)))
        #expect(try answer(.sessionRuntime, "return 5, nil") == .tariff(Tariff(rate: 5, listRate: 5)))
        #expect(try answer(.sessionRuntime, "return 5, 7") == .tariff(Tariff(rate: 5, listRate: 7)))
        #expect(try answer(.sessionRuntime, "return 0") == .tariff(.free))
        #expect(
            try answer(.sessionRuntime, "return \(Tariff.maximumRate)")
                == .tariff(Tariff(rate: Tariff.maximumRate, listRate: Tariff.maximumRate)))
    }

    @Test func `steps become a tariff`() throws {
        #expect(try answer(.sessionRuntime, "return { {0, 5} }") == .tariff(Tariff(rate: 5, listRate: 5)))
        #expect(
            try answer(.sessionRuntime, "return { {0, 50}, {10, 40}, {1000000, 0} }, 60")
                == .tariff(
                    Tariff(
                        rate: 50, listRate: 60,
                        steps: [.init(from: .hours(10), rate: 40), .init(from: .hours(1_000_000), rate: 0)])))
        #expect(
            try answer(.sessionRuntime, "local t = {} for i = 1, 64 do t[i] = {i - 1, i} end return t")
                != .tariff(.free))
    }

    @Test(arguments: [
        ("return", "returned nothing as rate"),
        ("return nil", "returned nothing as rate"),
        ("return 0.05", "returned the float 0.05 as rate"),
        ("return 1.0", "returned the float 1.0 as rate"),
        ("return 0/0", "nan as rate"),
        ("return 1/0", "returned the float inf as rate"),
        ("return -1/0", "returned the float -inf as rate"),
        ("return '5'", "returned the text \"5\" as rate"),
        (#"return "a\r\n-ERR forged\127\0""#, "returned the text \"a  -ERR forged  \" as rate"),
        ("return true", "returned true as rate"),
        ("return false", "returned false as rate"),
        ("return tostring", "returned a function as rate"),
        ("return -1", "returned a negative rate, -1 (-0.000000001 USD)"),
        ("return math.mininteger", "returned a negative rate"),
        ("return math.maxinteger", "above the ceiling of 10000.00 USD"),
        ("return \(Tariff.maximumRate + 1)", "above the ceiling"),
        ("return 5, 1.5", "returned the float 1.5 as list rate"),
        ("return 5, -1", "returned a negative list rate"),
        ("return 5, 'x'", "returned the text \"x\" as list rate"),
        ("return 5, math.maxinteger", "returned the list rate 9223372036854775807"),
        ("return 5, 6, 7", "returned more than two values"),
        ("return 5, nil, 7", "returned more than two values"),
        ("return {}", "not a list of steps"),
        ("return { 5 }", "a step 1 that is not {from_hours, rate}"),
        ("return { {0} }", "a step 1 that is not"),
        ("return { {0, 1, 2} }", "a step 1 that is not"),
        ("return { {0, 1, x = 2} }", "a step 1 that is not"),
        ("return { {from = 0, rate = 1} }", "a step 1 that is not"),
        ("return { {0, 5}, x = 1 }", "not a list of steps"),
        ("return { [2] = {0, 5} }", "not a list of steps"),
        ("return { [0] = {0, 5} }", "not a list of steps"),
        ("return { [1.5] = {0, 5} }", "not a list of steps"),
        ("return { {1, 5} }", "begin at hour 1; the first begins at 0"),
        ("return { {-1, 5} }", "begin at hour -1"),
        ("return { {0.0, 5} }", "returned the float 0.0 as from_hours of step 1"),
        ("return { {'0', 5} }", "as from_hours of step 1"),
        ("return { {0, 5}, {0, 6} }", "must ascend"),
        ("return { {0, 5}, {10, 6}, {9, 7} }", "step 3 from hour 9 after one from hour 10"),
        ("return { {0, 5}, {math.maxinteger, 6} }", "beyond 1000000"),
        ("return { {0, 5.5} }", "the float 5.5 as rate of step 1"),
        ("return { {0, 5}, {1, -6} }", "a negative rate of step 2"),
        ("return { {0, 5}, {1, nil} }", "a step 2 that is not"),
        ("return { {0, {}} }", "returned a table as rate of step 1"),
        ("return { {0, 5} }, 0.5", "the float 0.5 as list rate"),
        ("local t = {} for i = 1, 65 do t[i] = {i - 1, i} end return t", "returned 65 steps, at most 64"),
        ("local t = {} t[1] = t return t", "a step 1 that is not"),
        ("local t = {} t[1] = t t[2] = t return t", "returned a table as from_hours of step 1"),
        ("return math", "not a list of steps"),
    ])
    func `a metered answer that is no tariff says what was returned`(body: String, message: String) throws {
        let error = try #require(refusal(.sessionRuntime, body))
        #expect(error.kind == .result)
        #expect(error.text.hasPrefix("session_runtime(\"pro\", \"medium\", 7200) "), "\(error.text)")
        #expect(error.text.contains(message), "\(error.text)")
    }

    @Test(arguments: [
        ("return", "returned nothing as amount"),
        ("return 4.5", "returned the float 4.5 as amount"),
        ("return {}", "returned a table as amount"),
        ("return -1", "returned a negative amount"),
        ("return 1, 2", "returned more than one value"),
        ("return 1, nil, 2", "returned more than one value"),
        ("return 1000000000000001", "above the ceiling of 1000000.00 USD"),
    ])
    func `a one-time answer that is no amount says what was returned`(body: String, message: String) throws {
        let query = PriceQuery.spacePurchase(type: .free, space: "web-dev", listPrice: Money("2.00")!, gigabytes: 20)
        let error = try #require(refusal(.spacePurchase, body, query))
        #expect(error.kind == .result)
        #expect(error.text.hasPrefix("space_purchase(\"free\", \"web-dev\", 2000000000, 20) "), "\(error.text)")
        #expect(error.text.contains(message), "\(error.text)")
    }

    @Test func `deep and huge answers are refused without being followed`() throws {
        let deep = try #require(refusal(.sessionRuntime, "local t = {} for i = 1, 1000 do t = { t } end return t"))
        #expect(deep.text.contains("a step 1 that is not"))
        let wide = try #require(refusal(.sessionRuntime, "local t = {} for i = 1, 1500 do t[i] = i end return t"))
        #expect(wide.text.contains("returned 1500 steps"))
        let many = try #require(
            refusal(.sessionRuntime, "return " + (1...250).map { "\($0)" }.joined(separator: ", ")))
        #expect(many.text.contains("more than two values"))
    }

    // MARK: - Errors

    @Test(arguments: [
        ("return function(\n", "session_runtime:2:"),
        ("local x = = 1\n", "session_runtime:1:"),
        ("\n\nfoo bar", "session_runtime:3:"),
        ("return function() return 1 end end", "session_runtime:1:"),
        ("#!/usr/bin/lua\nreturn function() return 1 end", "session_runtime:1:"),
        ("", "session_runtime: the source must end with"),
        ("return 5", "it returned number"),
        ("return nil", "it returned nothing"),
        ("return {}", "it returned table"),
        ("return tostring", "it returned function"),
        ("return function() end, 1", "it returned more than one value"),
        ("error('told you')", "session_runtime:1: told you"),
        (
            "local t = nil\nlocal x = t.x\nreturn function() end",
            "session_runtime:2: attempt to index a nil value (local 't')"
        ),
    ])
    func `a source that does not load says where`(source: String, message: String) throws {
        let error = #expect(throws: RuleError.self) { try RuleVM(.sessionRuntime, source: source) }
        #expect(error?.kind == .source)
        #expect(error?.text.contains(message) == true, "\(error?.text ?? "")")
    }

    @Test func `a runtime error has its line, and the state is not used again`() throws {
        let vm = try RuleVM(
            .sessionRuntime,
            source: """
                local prices = { free = { small = 1 } }
                return function(user_type, tier)
                  return prices[user_type][tier]
                end
                """)
        let error = #expect(throws: RuleError.self) { try vm.evaluate(query) }
        #expect(error?.kind == .runtime)
        #expect(error?.text == "session_runtime:3: attempt to index a nil value (field '?')")
        #expect(vm.isSpent)
        let again = #expect(throws: RuleError.self) {
            try vm.evaluate(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
        }
        #expect(again?.text.contains("cannot be called any more") == true)
    }

    @Test func `the budget error names the line it was in`() throws {
        let vm = try RuleVM(
            .sessionRuntime, source: "return function()\n  local n = 0\n  while true do\n    n = n + 1\n  end\nend")
        let error = #expect(throws: RuleError.self) { try vm.evaluate(query) }
        #expect(error?.kind == .budget)
        #expect(error?.text.contains("still running after 10000 instructions") == true)
        #expect(
            ["session_runtime:3:", "session_runtime:4:"].contains { error?.text.hasPrefix($0) == true },
            "\(error?.text ?? "")")
    }

    @Test func `the whole budget is there for each call`() throws {
        let vm = try RuleVM(
            .sessionRuntime, source: "return function() local n = 0 for i = 1, 4000 do n = n + 1 end return n end")
        for _ in 0..<100 { #expect(try vm.evaluate(query) == .tariff(Tariff(rate: 4000, listRate: 4000))) }
    }

    // MARK: - Cost

    @Test func `a call of the default rule costs what its five tables cost, however often it is asked`() throws {
        let vm = try RuleVM(.sessionRuntime, source: RuleSource.defaults[0].text)
        _ = try vm.evaluate(query)
        let before = vm.usage
        var calls: UInt64 = 0
        var peak = 0
        for type in UserType.allCases {
            for tier in Tier.allCases {
                for seconds in 0..<100 {
                    _ = try vm.evaluate(.sessionRuntime(type: type, tier: tier, secondsThisMonth: Int64(seconds)))
                    calls += 1
                    peak = max(peak, vm.usage.memory)
                }
            }
        }
        #expect(vm.usage.allocations - before.allocations <= 16 * calls)
        #expect(vm.usage.asked < 2048)
        #expect(peak < 128 << 10)
    }

    @Test func `a rule that makes tables keeps its memory flat`() throws {
        let vm = try RuleVM(.sessionRuntime, source: "return function(a, b, c) return { {0, c}, {10, c // 2} } end")
        var peak = 0
        for round in 0..<20_000 {
            _ = try vm.evaluate(query)
            if round > 1000 { peak = max(peak, vm.usage.memory) }
        }
        #expect(peak < 128 << 10)
    }
}
