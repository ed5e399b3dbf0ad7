import LedgerCore
import LedgerRules
import Testing

private func query(_ secondsThisMonth: Int64, _ tier: Tier = .small) -> PriceQuery {
    .sessionRuntime(type: .pro, tier: tier, secondsThisMonth: secondsThisMonth)
}

/// Whether a rule that was asked once is run again for other usage.
private func isAskedAgain(_ source: String) throws -> Bool {
    let vm = try RuleVM(.sessionRuntime, source: source)
    _ = try vm.evaluate(query(0))
    let before = vm.usage.allocations
    _ = try vm.evaluate(query(1))
    return vm.usage.allocations != before
}

@Suite struct UnreadArgumentTests {
    @Test(arguments: [
        "return function(a, b, c) return f() end",
        "return function(a, b) return f() end",
        "return function() return f() end",
        "local function g(x, y, z) return x .. y end return function(a, b, c) return f() end",
        "-- c ... c\nreturn function(a, b, c) --[[ c ]] local t = 'c' .. \"...\" .. [[c]] return f() end",
    ])
    func `a rule that cannot see the month's usage is asked once`(source: String) throws {
        #expect(try !isAskedAgain("local f = function() local t = {} return 5 end " + source))
    }

    @Test(arguments: [
        "return function(a, b, c) return f(c) end",
        "return function(a, b, c) local x = c return f() end",
        "return function(a, b, ...) return f(...) end",
        "return function(...) return f(select(3, ...)) end",
        "local t = {} function t:g(a, b) return f(b) end return t.g",
        "local function g(a, b, c) return f(c) end return g",
        "return function(a, b, c) return function() return c end and f() end",
        // Not read, but not plain either.
        "return function(a, b, c) local t = { c = 1 } return f() end",
        "return function(a, c, c) return f() end",
        "return function(a, b, c) local c = 1 return f() end",
    ])
    func `a rule that may see the month's usage is asked each time`(source: String) throws {
        #expect(try isAskedAgain("local f = function() local t = {} return 5 end " + source))
    }

    @Test func `global names may hide in a parameter`() throws {
        let vm = try RuleVM(.sessionRuntime, source: "return function(a, b, _ENV) return x end")
        #expect(throws: RuleError.self) { try vm.evaluate(query(0)) }
    }

    @Test func `what is remembered is the answer for this type and tier`() throws {
        let vm = try RuleVM(
            .sessionRuntime,
            source: """
                return function(a, b, c)
                  if b == "gpu" then return -1 end
                  return b == "small" and { {0, #a}, {1, 2} } or 7, 9
                end
                """)
        for _ in 0..<2 {
            for usage in [0, 5] as [Int64] {
                #expect(
                    try vm.evaluate(query(usage))
                        == .tariff(Tariff(rate: 3, listRate: 9, steps: [.init(from: .hours(1), rate: 2)])))
                #expect(try vm.evaluate(query(usage, .large)) == .tariff(Tariff(rate: 7, listRate: 9)))
                let error = #expect(throws: RuleError.self) { try vm.evaluate(query(usage, .gpu)) }
                #expect(error?.text.contains("session_runtime(\"pro\", \"gpu\", \(usage))") == true)
            }
        }
    }

    @Test func `a rule that failed once is not asked any more`() throws {
        let vm = try RuleVM(.sessionRuntime, source: "return function(a, b, c) assert(b == 'small') return 5 end")
        _ = try vm.evaluate(query(0))
        #expect(throws: RuleError.self) { try vm.evaluate(query(0, .large)) }
        #expect(vm.isSpent)
        #expect(throws: RuleError.self) { try vm.evaluate(query(0)) }
    }
}
