import LedgerScript
import RESP
import Testing

/// Scripts that try to run for ever, eat memory, get out, or hide from their budget behind `pcall`. Each is run as it
/// is and inside of a `pcall` that would go on.
@Suite(.timeLimit(.minutes(10))) struct HostileScriptTests {
    enum End: Sendable {
        /// Out of time or instructions; nothing catches that.
        case budget
        /// Refused memory, or an error: may be caught, and what follows is bounded again.
        case refused
    }

    struct Attack: Sendable, CustomTestStringConvertible {
        let end: End
        let body: String
        var testDescription: String { body }
    }

    static let attacks: [Attack] =
        [
            "while true do end", "repeat until false", "::again:: goto again",
            "for i = math.mininteger, math.maxinteger do end", "for i = 1, 1e300, 0.5 do end",
            "while true do math.floor(1.5) end", "while true do local x = usd'1.25' + usd'1' end",
            "local s = 'x' while true do local x = s < 'y' end", "local function f() return f() end return f()",
            "local function f(n) if n == 0 then return 1 end return f(n-1) + f(n-1) end return f(60)",
            "for x in function() return 1 end do end", "while true do pcall(error) end",
            "while true do pcall(function() error({}) end) end", "while true do ledger.charge('u', '1', 's') end",
            "while true do pcall(ledger.charge) end", "while true do redis.pcall('PING') end",
            "local t = {} while true do for k in pairs(t) do end end",
            "local function f() while true do end end pcall(f) pcall(f) pcall(f)",
            "while true do pcall(function() while true do end end) end",
            "while true do local s = string.rep('x', 1000) end", "while true do local s = ('x'):upper() end",
            "local a = ('a'):rep(60000) while true do a:find('b') end",
            "local a = ('a'):rep(60000) while true do a:find(('a'):rep(30000) .. 'b') end",
            "local a, b, f = ('a'):rep(250000), ('a'):rep(120000) .. 'b', string.find while true do f(a, b) end",
            "local t, f = {}, pairs for i = 1, 5000 do t['k' .. i] = i end while true do f(t) end",
            "while true do tostring(1.5) end", "while true do tonumber('0x10') end",
            "local t = {} for i = 1, 200 do t[i] = i end while true do table.unpack(t) end",
            "local t = {} for i = 1, 1000 do t[i] = 'x' end while true do table.concat(t) end",
            "while true do select('#', 1, 2, 3) end", "local x <const> = 1 while x do end",
            "while true do local y <close> = nil end", "while true do money.nanos(usd'1') end",
            "local m = usd'1' while true do m = -m end",
        ].map { Attack(end: .budget, body: $0) }
        + [
            "local s = 'x' while true do s = s .. s end", "local t = {} while true do t[#t + 1] = {} end",
            "local t = {} while true do t = { t } end", "local s = string.rep('x', 1 << 40)",
            "local s = string.rep('', 1 << 62) error(s)", "string.rep('ab', math.maxinteger)",
            "local function f(...) return f(1, ...) end return f()", "local function f() return 1 + f() end return f()",
            "local t = {} for i = 1, 1e7 do t[i] = i end", "local t = {} for i = 1, 1e7 do t['k' .. i] = i end",
            "table.unpack({}, 1, 1e8)", "table.unpack({}, math.mininteger, math.maxinteger)",
            "table.concat({}, ',', 1, math.maxinteger)", "table.insert({}, 5, 1, 2)", "error(string.rep('x', 1 << 20))",
            "local t = {} t.t = t ledger.charge(t)", "local t = {} t[1] = t return t",
            "local t = 'x' for i = 1, 20 do t = { t, t, t, t, t, t, t, t } end return t",
            "local t = 'x' for i = 1, 14 do t = { t, t, t, t, t, t, t, t } end ledger.charge{ user = t }",
            "local t = {} for i = 1, 300000 do t[i] = 'xxxxxxxx' end return t", "string.find('a', 'b', -1)",
            "x = 1", "ledger.charge = nil", "ledger.credit.charge = nil", "math.floor = nil", "usd = nil",
            "redis = nil", "string.format('%d', 1)", "local m = usd'1' m.x = 1", "return usd'1'.x",
            "return getmetatable(usd'1')", "setmetatable({}, {})", "load('return 1')", "return require('os')",
            "os.exit()", "io.open('/etc/passwd')", "debug.getinfo(1)", "coroutine.wrap(function() end)",
            "return (nil)()", "collectgarbage()", "rawset(ledger, 'charge', 1)", "return usd'1' < 'x'",
            "_ENV = {} return nothing.at.all",
        ].map { Attack(end: .refused, body: $0) }

    @Test func `there are many of them`() { #expect(Self.attacks.count >= 60) }

    @Test(arguments: attacks) func `it ends within its budget, caught or not`(_ attack: Attack) throws {
        for source in [
            attack.body, "local function try() \(attack.body) end pcall(try) return 'went on'",
            "for i = 1, 1000000 do pcall(function() \(attack.body) end) end return 'went on'",
        ] {
            let script: Script
            do throws(ScriptError) {
                script = try Script(Array(source.utf8))
            } catch {
                Issue.record("\(source) attacks nothing: \(error.text)")
                continue
            }
            var budget = ScriptBudget(milliseconds: 40)
            budget.allocation = 1 << 30  // time is to end them, also where a sanitizer makes it long
            let vm = try ScriptVM(script, .server, budget)
            let outcome = vm.run(lists: ([], [])) { _ in .value(.simple("OK")) }
            switch (outcome, attack.end) {
            case (.failed(let error), .budget): #expect(error.kind == .budget, "\(source): \(error)")
            case (.failed, .refused): break
            case (.values(let values), .refused):
                #expect(source != attack.body && values.map(RESPValue.init) == [.text("went on")], "\(source)")
            case (.values, .budget), (.abandoned, _): Issue.record("\(source) came through")
            }
            #expect(vm.memory <= budget.memory)
        }
    }

    @Test func `nothing but the closed list, the ledger and the few names of scripts is there`() throws {
        let source = """
            local found = {}
            for _, name in ipairs{ 'print', 'load', 'dofile', 'loadfile', 'require', 'rawget', 'rawset', 'rawequal',
                'getmetatable', 'setmetatable', 'collectgarbage', 'coroutine', 'os', 'io', 'debug', 'package', 'utf8',
                'xpcall', 'next', '_G', 'warn', 'loadstring' } do
                if pcall(function() return _ENV[name] end) and _ENV[name] ~= nil then found[#found + 1] = name end
            end
            return table.concat(found, ',')
            """
        let vm = try ScriptVM(Script(Array(source.utf8)), .server, ScriptBudget(milliseconds: 1000))
        guard case .values(let values) = vm.run(lists: ([], []), { _ in .value(.null) }) else {
            Issue.record("it failed")
            return
        }
        #expect(values.map(RESPValue.init) == [.text("")])
    }
}
