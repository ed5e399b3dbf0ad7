import LedgerCore
import Testing

@testable import LedgerRules

@Suite struct RuleTraceTests {
    private let query = PriceQuery.sessionRuntime(type: .pro, tier: .gpu, secondsThisMonth: 7200)

    private func trace(_ source: String) throws -> RuleTrace { try RuleTrace(query, source: source) }

    @Test func `a rule's lines and locals, in the order in which they ran`() throws {
        let it = try trace(
            """
            local base = 5
            return function(user_type, tier, seconds)
              local hours = seconds // 3600
              if tier == "gpu" then
                base = base + hours
              end
              return base
            end
            """)
        // The function is made where its text ends.
        #expect(it.steps.map(\.line) == [1, 8, 3, 4, 5, 7])
        #expect(it.text(of: it.steps[2]) == "  local hours = seconds // 3600")
        #expect(
            it.steps[3].locals.map { "\($0.name)=\($0.value)" }
                == [#"user_type="pro""#, #"tier="gpu""#, "seconds=7200", "hours=2"])
        #expect(try it.outcome.get() == .tariff(Tariff(rate: 7, listRate: 7)))
        #expect(!it.isCut && it.identity == RuleBook.identity(of: it.source.joined(separator: "\n")))
    }

    @Test func `values are shown for people, in one order, and bounded`() throws {
        let it = try trace(
            """
            local text, long, float, yes, none = "a\\nb", "x", 0.1, true, nil
            for i = 1, 7 do long = long .. long end
            local few, many, deep, f = { z = 1, a = "q", [2] = false }, {}, { { 1 } }, function() end
            for i = 1, 40 do many[i] = i end
            return function() return 1 end
            """)
        let values = Dictionary(
            uniqueKeysWithValues: try #require(it.steps.last { $0.line == 5 && $0.locals.count > 3 }).locals.map {
                ($0.name, $0.value)
            })
        #expect(values["text"] == #""a?b""# && values["float"] == "0.1 (a float)" && values["yes"] == "true")
        #expect(values["none"] == "nil" && values["f"] == "function")
        #expect(values["long"] == "\"" + String(repeating: "x", count: 40) + "...\"")
        #expect(values["few"] == #"{[2] = false, a = "q", z = 1}"#)
        #expect(values["many"] == "{...} of more than 8 entries" && values["deep"] == "{[1] = {...}}")
    }

    @Test func `what is longer than a thousand lines is cut, and still answers`() throws {
        let it = try trace(
            """
            return function()
              local n = 0
              for i = 1, 900 do
                n = n + 1
              end
              return n
            end
            """)
        #expect(it.steps.count == RuleTrace.mostSteps && it.isCut)
        #expect(try it.outcome.get() == .tariff(Tariff(rate: 900, listRate: 900)))
    }

    @Test(arguments: [
        ("while true do end", "still running"),
        ("while true do\nlocal a = 1\nend", "still running"),
        ("local s = 'x' while true do s = s .. s end", "out of memory"),
        ("local s, t = 'x', {} for i = 1, 11 do s = s .. s end for i = 1, 999 do t[i] = s .. i end", ""),
        ("local function f() return f() + 1 end return f()", ""),
        ("error({})", "a table instead of text"), ("return 0.5", "the float 0.5"), ("return", "nothing"),
        ("local x = nil; x.y = 1", "attempt to index"), ("usd = 1", "read-only"),
    ])
    func `a hostile rule is shown up to where it ends, within its budget`(body: String, why: String) throws {
        let it = try trace("return function(user_type, tier, seconds)\n\(body)\nend")
        guard case .failure(let error) = it.outcome else {
            Issue.record("it answered")
            return
        }
        #expect(why == "read-only" || error.text.contains(why), "\(error.text)")
        #expect(!it.steps.isEmpty && it.steps.count <= RuleTrace.mostSteps)
    }

    @Test func `many locals, and names of any length, stay within their bounds`() throws {
        let names = (0..<150).map { "n\($0)_" + String(repeating: "y", count: 100) }
        let lines = names.prefix(60).map { "local \($0) = '\(String(repeating: "z", count: 60))'" }
        let it = try trace("return function()\n\(lines.joined(separator: "\n"))\nreturn 1\nend")
        #expect(it.steps.map(\.locals.count).max() == 32)
        #expect(it.steps.allSatisfy { $0.locals.allSatisfy { $0.name.utf8.count < 32 && $0.value.utf8.count < 80 } })
    }

    @Test func `a source that does not load has no steps`() {
        #expect(throws: RuleError.self) { try trace("return 5 +") }
        #expect(throws: RuleError.self) { try trace("return 5") }
    }

    @Test func `a state that was traced prices as before`() throws {
        let vm = try RuleVM(.sessionRuntime, source: "return function(t, tier, s) return s end")
        let before = try vm.evaluate(query)
        let (outcome, steps, isCut) = vm.trace(query, most: 3)
        #expect(try outcome.get() == before && steps.count == 2 && !isCut)
        #expect(try vm.evaluate(query) == before)
    }
}
