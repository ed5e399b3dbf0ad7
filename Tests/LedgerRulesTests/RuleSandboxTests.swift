import LedgerCore
import LedgerRules
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The project's root, found from where this file was compiled.
let projectRoot = String(#filePath.dropLast("/Tests/LedgerRulesTests/RuleSandboxTests.swift".count))

func contents(_ path: String) throws -> String {
    let file = try #require(fopen("\(projectRoot)/\(path)", "r"), "\(path) must be there")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
}

/// The quoted arguments of `FUNCTION("math", "abs", STANDARD)`, for every line that begins with `word`.
private func listed(_ word: String, in text: String) -> [(library: String, name: String)] {
    text.split(separator: "\n").filter { $0.hasPrefix("\(word)(") }.map { line in
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        return (String(parts[1]), String(parts[3]))
    }
}

@Suite struct RuleSandboxTests {
    @Test func `everything reachable from a rule is in the closed list, and the closed list is reachable`() throws {
        let vm = try RuleVM(.sessionRuntime, source: "return function() return 0 end")
        let list = try contents("Sources/CLua/closed_list.h")

        func frozen(_ path: String) -> [String] {
            [
                "table \(path)", "table \(path)<>", "table \(path)<>.__index", "function \(path)<>.__newindex",
                "boolean \(path)<>.__metatable",
            ]
        }
        var expected = frozen("_ENV")
        for library in ["math", "string", "table"] {
            expected += frozen("_ENV.\(library)") + ["string _ENV.\(library)<>.__newindex^1"]
        }
        // The metatable of strings leads to the same frozen library, and nil, numbers and the rest have none.
        expected += ["table (string)<>", "table (string)<>.__index", "boolean (string)<>.__metatable"]
        for (library, name) in listed("FUNCTION", in: list) {
            expected.append("function _ENV.\(library.isEmpty ? "" : "\(library).")\(name)")
        }
        for (library, name) in listed("CONSTANT", in: list) { expected.append("number _ENV.\(library).\(name)") }

        #expect(vm.reachable().sorted() == expected.sorted())
        #expect(expected.count > 50)
    }

    @Test func `the walk would find what does not belong there`() throws {
        // The same walk over a state whose rule put something into a table it can reach finds nothing new, because
        // nothing it can reach can be written to.
        let vm = try RuleVM(
            .sessionRuntime,
            source: """
                local mine = { secret = 1 }
                return function() mine.other = tostring; return 0 end
                """)
        let before = vm.reachable()
        _ = try vm.evaluate(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
        #expect(vm.reachable().sorted() == before.sorted())
        #expect(!before.contains { $0.contains("secret") })
    }

    @Test(arguments: [
        "_G", "os", "io", "debug", "package", "coroutine", "utf8", "require", "load", "loadstring", "loadfile",
        "dofile",
        "pcall", "xpcall", "getmetatable", "setmetatable", "rawget", "rawset", "rawequal", "rawlen", "next", "print",
        "warn",
        "collectgarbage", "unpack", "math.random", "math.randomseed", "math.sin", "math.exp", "string.rep",
        "string.find",
        "string.match", "string.gmatch", "string.gsub", "string.format", "string.pack", "string.unpack",
        "string.packsize",
        "string.dump", "table.move", "table.concat", "table.sort", "table.unpack", "table.pack",
    ])
    func `a rule does not see`(name: String) throws {
        let vm = try RuleVM(.sessionRuntime, source: "return function() return \(name) == nil and 1 or 0 end")
        let answer = try vm.evaluate(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
        #expect(answer == .tariff(Tariff(rate: 1, listRate: 1)))
    }

    @Test(arguments: [
        ("answer = 42", "'answer' is not declared"),
        ("function helper() end", "'helper' is not declared"),
        ("_ENV.answer = 42", "'answer' is not declared"),
        ("_ENV[1] = 42", "'1' is not declared"),
        ("math.floor = tostring", "'math' is read-only"),
        ("string.len = tostring", "'string' is read-only"),
        ("table.extra = 1", "'table' is read-only"),
        ("table.insert(math, 1)", "are read-only"),
        ("table.insert(_ENV, 1)", "are read-only"),
        ("table.remove(_ENV)", "are read-only"),
        ("local s = ''; s.x = 1", "attempt to index a string value"),
        ("local n = 1; n.x = 1", "attempt to index a number value"),
    ])
    func `the environment cannot be written to`(code: String, message: String) throws {
        let error = #expect(throws: RuleError.self) {
            try RuleVM(.sessionRuntime, source: "\n\(code)\nreturn function() return 0 end")
        }
        #expect(error?.text.contains(message) == true, "\(error?.text ?? "")")
        #expect(error?.text.hasPrefix("session_runtime:2: ") == true, "\(error?.text ?? "")")
    }

    /// Rules that count their calls, in everything that a rule can reach and that could outlive one.
    @Test(arguments: [
        "local n = 0 return function() n = n + 1 return n end",
        "local t = { n = 0 } return function() t.n = t.n + 1 return t.n end",
        "local t = {} return function() table.insert(t, 1) return #t end",
        "local t = { a = 1, b = 1, c = 1 } local next = pairs(t) return function() local n = 0 while next() do n = n + 1 end return n == 3 and 1 or 2 end",
        "local n = 0 local function count() n = n + 1 return n end return function() return count() end",
        "local before = _ENV.n _ENV = { n = (before or 0) + 1 } return function() return n end",
        "local e = _ENV return function() local n = (_ENV.n or 0) + 1 _ENV = { n = n } return n end",
        "local f f = function() f = function() return 2 end return 1 end return function() return f() end",
    ])
    func `nothing is carried from one call to the next`(source: String) throws {
        let vm = try RuleVM(.sessionRuntime, source: source)
        let query = PriceQuery.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0)
        for _ in 0..<600 { #expect(try vm.evaluate(query) == .tariff(Tariff(rate: 1, listRate: 1))) }
    }

    @Test func `a rule that would be free after five hundred calls is never free`() throws {
        let source = "local n = 0 return function(a, b, c) n = n + 1 if n > 500 then return 0 end return 1000000 end"
        #expect(RuleCheck(.sessionRuntime, source: source).passes)
        let vm = try RuleVM(.sessionRuntime, source: source)
        let query = PriceQuery.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0)
        for _ in 0..<2000 { #expect(try vm.evaluate(query) == .tariff(Tariff(rate: 1_000_000, listRate: 1_000_000))) }
    }

    @Test func `pairs has one order: integers, floats, text, booleans`() throws {
        let source = """
            local t = { [true] = 1, b = 1, a = 1, aa = 1, [3] = 1, [-1] = 1, [2.5] = 1, [0.5] = 1, [false] = 1, ["10"] = 1, ["9"] = 1 }
            local order = ""
            for key, value in pairs(t) do order = order .. tostring(key) .. " " .. value .. ";" end
            return function() error(order, 0) end
            """
        for _ in 0..<3 {
            let vm = try RuleVM(.sessionRuntime, source: source)
            let error = #expect(throws: RuleError.self) {
                try vm.evaluate(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
            }
            #expect(error?.text == "session_runtime: -1 1;3 1;0.5 1;2.5 1;10 1;9 1;a 1;aa 1;b 1;false 1;true 1;")
        }
    }

    @Test func `pairs skips what was removed during the loop and sees new values of old keys`() throws {
        let vm = try RuleVM(
            .sessionRuntime,
            source: """
                return function()
                  local t, order = { a = 1, b = 2, c = 3, d = 4 }, ""
                  for key, value in pairs(t) do
                    order = order .. key .. value
                    t.b = nil; t.c = 30
                  end
                  error(order, 0)
                end
                """)
        let error = #expect(throws: RuleError.self) {
            try vm.evaluate(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
        }
        #expect(error?.text == "session_runtime: a1c30d4")
    }

    @Test func `table insert and remove behave as Lua's own`() throws {
        let vm = try RuleVM(
            .sessionRuntime,
            source: """
                local function show(t) local s = ""; for _, v in ipairs(t) do s = s .. tostring(v) .. "," end; return s end
                return function()
                  local t = {}
                  table.insert(t, 1); table.insert(t, 3); table.insert(t, 2, 2); table.insert(t, 1, 0)
                  local s = show(t) .. " "
                  s = s .. tostring(table.remove(t, 1)) .. " " .. tostring(table.remove(t)) .. " " .. show(t)
                  s = s .. " " .. tostring(table.remove({}))
                  error(s, 0)
                end
                """)
        let error = #expect(throws: RuleError.self) {
            try vm.evaluate(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
        }
        #expect(error?.text == "session_runtime: 0,1,2,3, 0 3 1,2, nil")
    }

    @Test func `text methods work through values and without addresses`() throws {
        let vm = try RuleVM(
            .sessionRuntime,
            source: """
                return function()
                  error(("Ab"):lower() .. ("Ab"):upper() .. ("abc"):sub(2) .. ("abc"):reverse() .. ("abc"):len()
                    .. string.char(65, 66) .. ("A"):byte() .. tostring(("abc"):byte(-1)) .. tostring({}) .. tostring(tostring)
                    .. tostring(nil) .. tostring(1.5) .. tostring(true) .. tostring(tonumber("0x10")) .. tostring(tonumber("x")), 0)
                end
                """)
        let error = #expect(throws: RuleError.self) {
            try vm.evaluate(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
        }
        #expect(error?.text == "session_runtime: abABbccba3AB6599tablefunctionnil1.5true16nil")
    }
}
