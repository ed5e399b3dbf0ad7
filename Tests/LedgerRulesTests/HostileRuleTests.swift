import LedgerCore
import LedgerRules
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Rules that try to run for ever, eat memory, or get out. Each ends with an error of a known kind; what it could cost
/// at most is counted in instructions and bytes, never in time.
@Suite struct HostileRuleTests {
    struct Attack: Sendable, CustomTestStringConvertible {
        var name: String
        var kinds: Set<RuleError.Kind>
        var body: String
        var testDescription: String { name }

        init(_ name: String, _ kinds: RuleError.Kind..., body: String) {
            self.name = name
            self.kinds = Set(kinds)
            self.body = body
        }
    }

    /// Bodies of `return function(a, b, c) … end`.
    static let attacks: [Attack] = [
        // Time: plain loops.
        Attack("while true", .budget, body: "while true do end"),
        Attack("repeat", .budget, body: "repeat until false"),
        Attack("goto", .budget, body: "::again:: goto again"),
        Attack("for over all integers", .budget, body: "for i = math.mininteger, math.maxinteger do end return 1"),
        Attack("for with floats", .budget, body: "for i = 1, 1e300, 0.5 do end return 1"),
        Attack("for to infinity", .budget, body: "for i = 1, math.huge do end return 1"),
        Attack(
            "nested loops", .budget,
            body: "for i = 1, 1000 do for j = 1, 1000 do for k = 1, 1000 do end end end return 1"),
        Attack("a loop just over the budget", .budget, body: "local n = 0 for i = 1, 20000 do n = n + 1 end return n"),
        Attack("a loop of library calls", .budget, body: "while true do math.floor(1.5) end"),
        Attack("a loop of usd", .budget, body: "while true do local x = usd'1.25' end"),
        Attack("string comparison loop", .budget, body: "local s = 'x' while true do local x = s < 'y' end"),
        Attack("closures in a loop", .budget, .memory, body: "local f while true do f = function() return f end end"),
        Attack("to-be-closed variables in a loop", .budget, body: "while true do local x <close> = nil end"),
        Attack("tail recursion", .budget, body: "local function f() return f() end return f()"),
        Attack(
            "mutual tail recursion", .budget,
            body: "local g local function f() return g() end function g() return f() end return f()"),
        Attack(
            "exponential recursion", .budget,
            body: "local function f(n) if n == 0 then return 1 end return f(n-1) + f(n-1) end return f(60)"),
        Attack(
            "Ackermann", .budget, .memory,
            body:
                "local function a(m, n) if m == 0 then return n + 1 elseif n == 0 then return a(m-1, 1) else return a(m-1, a(m, n-1)) end end return a(4, 4)"
        ),
        Attack("a generic for without an end", .budget, body: "for x in function() return 1 end do end"),
        Attack(
            "ipairs over a growing table", .budget, .memory,
            body: "local t = {1} for i in ipairs(t) do t[i + 1] = 1 end return 1"),
        Attack(
            "pairs in a loop", .budget, .memory,
            body: "local t = {} for i = 1, 500 do t[i] = i end while true do for k in pairs(t) do break end end"),
        Attack(
            "inserting in front, for ever", .budget, .memory,
            body: "local t = {} while true do table.insert(t, 1, 1) end"),
        Attack(
            "removing from the front of a long list", .budget, .memory,
            body: "local t = {} for i = 1, 1500 do t[i] = i end for i = 1, 1500 do table.remove(t, 1) end return 1"),
        Attack(
            "parsing long numbers in a loop", .budget, .memory,
            body: "local s = '0' for i = 1, 11 do s = s .. s end while true do local n = tonumber(s) end"),
        Attack(
            "comparing long equal texts in a loop", .budget, .memory,
            body:
                "local s = 'x' for i = 1, 11 do s = s .. s end local t = s .. '' while true do local e = s .. 'a' == t .. 'a' end"
        ),
        Attack("select in a loop", .budget, body: "while true do select('#', 1, 2, 3) end"),
        Attack("errors in a loop", .runtime, body: "while true do error('x') end"),
        Attack(
            "swallowing the budget with pcall", .runtime,
            body: "while true do pcall(function() while true do end end) end"),
        Attack("xpcall whose handler loops", .runtime, body: "xpcall(error, function() while true do end end)"),
        Attack("coroutine with its own hook", .runtime, body: "coroutine.wrap(function() while true do end end)()"),
        Attack(
            "finalizer loop", .runtime, body: "setmetatable({}, { __gc = function() while true do end end }) return 1"),
        Attack(
            "__close loop", .runtime,
            body: "local x <close> = setmetatable({}, { __close = function() while true do end end }) return 1"),
        Attack("a closable value that is not", .runtime, body: "local x <close> = {} return 1"),
        Attack("metamethod recursion", .runtime, body: "local t = setmetatable({}, {}) return t + 1"),
        // Time: C functions that work long for one instruction.
        Attack("table.move over a billion", .runtime, body: "table.move({}, 1, 1000000000, 2) return 1"),
        Attack("table.concat over a billion", .runtime, body: "return #table.concat({}, 'x', 1, 1000000000)"),
        Attack("table.unpack over a hundred million", .runtime, body: "return table.unpack({}, 1, 100000000)"),
        Attack(
            "table.sort with a bad order", .runtime, body: "table.sort({3, 2, 1}, function() return true end) return 1"),
        Attack(
            "backtracking pattern", .runtime, body: "return string.find('aaaaaaaaaaaaaaaaaaaaaaaaaaaa', '.-.-.-.-b')"),
        Attack("optional pattern", .runtime, body: "return ('aaaaaaaaaaaa'):match('a?a?a?a?a?a?a?a?a?a?aaaaaaaaaa')"),
        Attack("balanced pattern", .runtime, body: "return ('(((((('):gsub('%b()', '')"),
        Attack("gmatch", .runtime, body: "for x in ('abc'):gmatch('.') do end return 1"),
        Attack("format with a huge width", .runtime, body: "return ('%99999999d'):format(1)"),
        Attack("pack", .runtime, body: "return string.pack('s', 'x')"),
        Attack(
            "a table with a lying length", .runtime,
            body: "table.insert(setmetatable({}, { __len = function() return 1000000000 end }), 1)"),
        // Time: instructions that cost a thousand others; the bytes they go through are charged, or time stops them.
        Attack(
            "lower of a long text in a loop", .budget,
            body: "local s = 'x' for i = 1, 11 do s = s .. s end while true do s:lower() end"),
        Attack(
            "upper of a long text in a loop", .budget,
            body: "local s = 'x' for i = 1, 11 do s = s .. s end while true do s:upper() end"),
        Attack(
            "sub of a long text in a loop", .budget,
            body: "local s = 'x' for i = 1, 11 do s = s .. s end while true do s:sub(2) end"),
        Attack("floats to text in a loop", .budget, body: "while true do tostring(1.2e300) end"),
        Attack("parsing text in a loop", .budget, body: "while true do tonumber('1.7976931348623157e308') end"),
        Attack(
            "floats joined to text", .budget,
            body: "local x = 1.7e308 while true do local s = x..x..x..x..x..x..x..x..x..x..x..x..x..x..x..x..x..x end"),
        Attack(
            "remainders of far apart floats", .budget, body: "local x = 1.7e308 while true do x = 1.7e308 % 3e-305 end"),
        Attack(
            "living just below the memory limit", .memory, .budget,
            body: """
                local keep = {}
                for i = 1, 200 do keep[i] = { {}, {}, {}, {}, {}, {}, {}, {}, {}, {} } end
                local s = 'x' for i = 1, 11 do s = s .. s end
                for i = 1, 420 do keep[-i] = s .. i end
                while true do local t = { 1, 2, 3 } end
                """),
        // Memory.
        Attack("string.rep a gigabyte", .runtime, body: "return #string.rep('x', 1000000000)"),
        Attack("doubling text", .memory, body: "local s = 'x' while true do s = s .. s end"),
        Attack(
            "growing text", .memory, .budget,
            body: "local s = 'x' while true do s = s .. 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' end"),
        Attack(
            "a wide concatenation", .memory,
            body: "local s = 'x' for i = 1, 11 do s = s .. s end return #(s .. s .. s .. s .. s .. s .. s .. s)"),
        Attack(
            "tables in tables", .memory, .budget, body: "local t = {} while true do t = { t, t, t, t, t, t, t, t } end"),
        Attack("a large array", .memory, .budget, body: "local t = {} for i = 1, 1000000000 do t[i] = i end"),
        Attack("a large hash", .memory, .budget, body: "local t = {} for i = 1, 1000000000 do t[i * 1000003] = i end"),
        Attack("text keys", .memory, .budget, body: "local t = {} for i = 1, 1000000000 do t['k' .. i] = i end"),
        Attack(
            "allocate and drop", .memory, .budget,
            body:
                "while true do local t = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0} end"
        ),
        Attack(
            "lower in a loop", .memory, .budget,
            body: "local s = 'x' for i = 1, 12 do s = s .. s end while true do local l = s:lower() .. '' end"),
        Attack(
            "reverse in a loop", .memory, .budget,
            body: "local s = 'x' for i = 1, 11 do s = s .. 'y' .. s end while true do local l = s:reverse() end"),
        Attack(
            "deep recursion", .memory, .budget, .runtime,
            body: "local function f(n) return 1 + f(n + 1) end return f(1)"),
        Attack(
            "recursion through ipairs", .budget, .memory, .runtime,
            body: "local function f() for _ in ipairs({1}) do f() end end f()"),
        Attack(
            "many varargs", .memory, .budget,
            body:
                "local function f(...) return f(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1, ...) end return f()"
        ),
        Attack(
            "string.char of many varargs", .memory, .budget,
            body:
                "local function f(...) string.char(...) return f(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1, ...) end return f()"
        ),
        Attack(
            "select of many varargs", .memory, .budget,
            body:
                "local function f(...) select(1, ...) return f(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1, ...) end return f()"
        ),
        Attack(
            "a table of varargs", .memory, .budget,
            body:
                "local function f(...) local t = {...} return f(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1, ...) end return f()"
        ),
        // Escape.
        Attack("load text", .runtime, body: "return load('return 1')()"),
        Attack("load bytecode", .runtime, body: "return load(string.dump(function() end))()"),
        Attack("require", .runtime, body: "return require('os')"),
        Attack("package (CVE-2022-0543)", .runtime, body: "return package.loadlib('libc.so.6', 'system')"),
        Attack("os.execute", .runtime, body: "return os.execute('true')"),
        Attack("io.open", .runtime, body: "return io.open('/etc/passwd')"),
        Attack("debug.getregistry", .runtime, body: "return debug.getregistry()"),
        Attack("collectgarbage", .runtime, body: "return collectgarbage('stop')"),
        Attack("string metatable (CVE-2025-46818)", .runtime, body: "getmetatable('').__index = {} return 1"),
        Attack("rawset on the environment", .runtime, body: "rawset(_ENV, 'x', 1) return 1"),
        Attack("write a global", .runtime, body: "leak = a return 1"),
        Attack("write into a library", .runtime, body: "math.max = math.min return 1"),
        Attack("unpack overflow (CVE-2025-46817)", .runtime, body: "return unpack({}, 0, 2147483647)"),
        Attack("byte of everything", .runtime, body: "return ('abc'):byte(1, -1)"),
        Attack("an error that is a table", .runtime, body: "error({})"),
        Attack("an error that is nil", .runtime, body: "error()"),
        Attack("an error with control characters", .runtime, body: #"error("a\r\n-ERR forged\27[31m\0b")"#),
        Attack("integer division by zero", .runtime, body: "return 1 // 0"),
        Attack("modulo zero", .runtime, body: "return 1 % 0"),
        Attack("arithmetic on text", .runtime, body: "return '10' + 1"),
        Attack("nil arithmetic", .runtime, body: "return c + missing"),
        Attack("string.sub without its text", .runtime, body: "return string.sub()"),
        Attack("a table as key order", .runtime, body: "for k in pairs({ [{}] = 1 }) do end return 1"),
    ]

    @Test(arguments: attacks)
    func `a hostile rule ends with a clear error`(attack: Attack) throws {
        let vm = try RuleVM(.sessionRuntime, source: "return function(a, b, c)\n\(attack.body)\nend")
        let before = vm.usage
        let query = PriceQuery.sessionRuntime(type: .pro, tier: .gpu, secondsThisMonth: 5)
        let error = #expect(throws: RuleError.self) { try vm.evaluate(query) }
        guard let error else { return }
        #expect(attack.kinds.contains(error.kind), "\(error.kind): \(error.text)")
        #expect(error.text.hasPrefix("session_runtime:"), "\(error.text)")
        #expect(error.text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
        // What it could cost: never more than the limits say.
        #expect(vm.usage.memory <= RuleSandbox.rule.memory)
        #expect(vm.usage.asked <= RuleSandbox.rule.allocation)
        #expect(before.memory < 64 << 10)
        // Spent states stay spent.
        #expect(vm.isSpent)
        let again = #expect(throws: RuleError.self) { try vm.evaluate(query) }
        #expect(again?.text.contains("cannot be called any more") == true)
    }

    @Test func `there are at least sixty attacks`() {
        #expect(Self.attacks.count >= 60)
    }

    @Test(arguments: attacks)
    func `the same while the rule is loaded`(attack: Attack) throws {
        let error = #expect(throws: RuleError.self) {
            try RuleVM(
                .sessionRuntime,
                source: "local a, b, c = 'free', 'small', 1\ndo\n\(attack.body)\nend\nreturn function() return 1 end")
        }
        #expect(error?.text.hasPrefix("session_runtime:") == true, "\(error?.text ?? "")")
    }

    struct Source: Sendable, CustomTestStringConvertible {
        var name: String
        var expression: String
        var testDescription: String { name }

        init(_ name: String, _ expression: String) {
            self.name = name
            self.expression = expression
        }
    }

    @Test(arguments: [
        Source(
            "nested parentheses", String(repeating: "(", count: 8000) + "1" + String(repeating: ")", count: 8000)),
        Source("nested tables", String(repeating: "{", count: 8000) + String(repeating: "}", count: 8000)),
        Source(
            "nested functions",
            String(repeating: "function() return ", count: 700) + "1" + String(repeating: " end", count: 700)),
        Source("a chain of nots", String(repeating: "not ", count: 4000) + "1"),
        Source("a chain of powers", String(repeating: "2^", count: 8000) + "1"),
        Source("a chain of concatenations", String(repeating: "'a'..", count: 3000) + "'a'"),
        Source("256 locals", "function() local " + (0..<256).map { "a\($0)" }.joined(separator: ",") + " end"),
        Source("an unfinished string", "'abc"),
        Source("an unfinished comment", "1 --[["),
        Source("a huge literal", "'" + String(repeating: "x", count: 16_000) + "'"),
        Source("a malformed number", "0x"),
        Source("an escape beyond Unicode", #""\u{7FFFFFFFFF}""#),
    ])
    func `a source that is hard to compile is refused`(source: Source) throws {
        let error = #expect(throws: RuleError.self) { try RuleVM(.storage, source: "return \(source.expression)") }
        #expect(error?.kind == .source || error?.kind == .memory, "\(error?.text ?? "")")
        #expect(error?.text.hasPrefix("storage:") == true, "\(error?.text ?? "")")
    }

    @Test func `a source beyond 16 KiB is refused unread`() throws {
        let rule = "return function() return 1 end --"
        let longest = rule + String(repeating: "x", count: (16 << 10) - rule.utf8.count)
        _ = try RuleVM(.storage, source: longest)
        let error = #expect(throws: RuleError.self) { try RuleVM(.storage, source: longest + "x") }
        #expect(error?.text == "storage: the source is longer than 16384 bytes")
    }

    @Test func `bytecode is refused`() {
        // What luac 5.4 writes before anything else; Lua checks the mode at the first byte.
        let error = #expect(throws: RuleError.self) {
            try RuleVM(.storage, source: "\u{1B}LuaT\0\u{19}\r\n\u{1A}\n\u{4}\u{8}\u{8}")
        }
        #expect(error?.kind == .source)
        #expect(error?.text.contains("attempt to load a binary chunk") == true, "\(error?.text ?? "")")
    }

    @Test func `memory returns when a state is thrown away`() throws {
        // Bombs and loops, each in a state of its own: the process must not grow with them.
        for _ in 0..<20 {
            for attack in Self.attacks where attack.kinds.contains(.memory) {
                let vm = try RuleVM(.sessionRuntime, source: "return function(a, b, c)\n\(attack.body)\nend")
                _ = try? vm.evaluate(.sessionRuntime(type: .pro, tier: .gpu, secondsThisMonth: 5))
            }
        }
        let resident = try residentBytes()
        for _ in 0..<50 {
            for attack in Self.attacks where attack.kinds.contains(.memory) {
                let vm = try RuleVM(.sessionRuntime, source: "return function(a, b, c)\n\(attack.body)\nend")
                _ = try? vm.evaluate(.sessionRuntime(type: .pro, tier: .gpu, secondsThisMonth: 5))
            }
        }
        // Other tests run beside this one, so the bound is loose; a leak of 850 bombs of megabytes would be above it.
        #expect(try residentBytes() < resident + 512 << 20)
    }

    private func residentBytes() throws -> Int {
        let file = try #require(fopen("/proc/self/statm", "r"))
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        _ = fgets(&line, 128, file)
        let fields = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).split(
            separator: " ")
        return try #require(Int(fields[1])) * 4096
    }
}
