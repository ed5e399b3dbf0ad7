internal import LedgerCommands
package import LedgerScript
package import RESP
internal import Synchronization

/// The prompt's Lua: one sandboxed state for the life of a prompt, made when it is first needed. Globals stay, `_` is
/// the last value; every command is a function (``ScriptFunctions/prompt``), and some of the prompt's own are, too.
///
/// A chunk runs on a thread of its own, which waits there for the answers of its commands. One at a time; the session
/// keeps it so.
package final class LuaSession: Sendable {
    /// What a chunk asks the prompt for while it runs.
    package enum Item: Hashable, Sendable {
        case text(String)
        case value(ScriptValue)
        /// One of the prompt's own commands, in words.
        case command([String])
        /// A curve.
        case series([Plot.Point])
        /// `tail`: a user, and where to begin, both perhaps empty.
        case tail([String])
        /// Into a fork, and back.
        case enter(String)
        case leave
        /// A curve that is none: why.
        case undrawable(String)
        /// A command that is to be run again and again, in one place. Answers true where the text is Lua instead: the
        /// chunk makes a function of it. `isVariable`: it begins with the name of one.
        case watch(every: String, text: String, isVariable: Bool)
        /// What is shown from now on stands in one place, and is drawn anew after so long.
        case draw(every: String, title: String)
        /// The ledger's revenue over a time, in so many parts. Answers the rows.
        case revenue(span: String, parts: String)
        /// All of one drawing was shown. Answers, after the interval, whether there is to be another one.
        case frame
    }

    package struct Run: Sendable {
        package enum End: Sendable {
            case values([ScriptValue])
            case failed(ScriptError)
            /// The ledger's answer could not be had.
            case lost(any Error)
            /// Ctrl-C; `isUnknown`: while a command was under way.
            case interrupted(isUnknown: Bool)
        }

        package var end: End
        /// How many commands the chunk gave.
        package var calls = 0
        /// The last of them, and its answer as it came.
        package var last: (words: [[UInt8]], answer: RESPValue)?
    }

    package typealias Call = @Sendable (_ words: [[UInt8]]) async throws -> RESPValue
    /// Shows something, when the chunk asks for it; the chunk goes on with the answer, or is raised the error that it
    /// is. `last` is the last command of the chunk, with its answer as it came.
    package typealias Show =
        @Sendable (
            _ item: Item, _ last: (words: [[UInt8]], answer: RESPValue)?
        ) async -> RESPValue

    private let machine = Mutex<ScriptVM?>(nil)
    /// Held while the state is in use.
    private let turn = Mutex(())

    /// A person waits for as long as it takes, and ends it with Ctrl-C; what is bounded is memory.
    private static let budget: ScriptBudget = {
        var budget = ScriptBudget(milliseconds: 24 * 3_600_000)
        budget.instructions = Int(Int32.max)
        budget.memory = 256 << 20
        budget.allocation = 1 << 40
        budget.text = 16 << 20
        budget.block = 64 << 20
        return budget
    }()

    package init() {}

    private func vm() throws(ScriptError) -> ScriptVM {
        if let made = machine.withLock({ $0 }) { return made }
        let made = try ScriptVM(.prompt, Self.budget, keepsGlobals: true)
        try made.load(Array(Self.prelude.utf8), name: "prelude")
        if case .failed(let error) = made.run({ _ in .abandon }) { throw error }
        machine.withLock { $0 = made }
        return made
    }

    /// Runs a chunk to its end, or until the task is cancelled.
    package func run(
        _ source: String, _ call: @escaping Call, show: @escaping Show = { _, _ in .null }
    ) async -> Run {
        let trial = Trial(show: show, call: call)
        let killSwitch = KillSwitch()
        let text = LuaSource.isExpression(source) ? "return __keep(" + source + "\n)" : source
        return await withTaskCancellationHandler {
            await onThread {
                self.turn.withLock { _ in
                    do throws(ScriptError) {
                        let vm = try self.vm()
                        try vm.load(Array(text.utf8), name: "lua")
                        return killSwitch.run(vm) {
                            // Cancelled before it was within reach.
                            guard !trial.isCancelled.load(ordering: .relaxed) else {
                                return Run(end: .interrupted(isUnknown: false))
                            }
                            return trial.run(vm)
                        }
                    } catch {
                        return Run(end: .failed(error))
                    }
                }
            }
        } onCancel: {
            trial.isCancelled.store(true, ordering: .relaxed)
            killSwitch.kill()
        }
    }

    /// Waits until a chunk that was cancelled has ended.
    package func settle() async { await onThread { self.turn.withLock { _ in } } }

    // MARK: What there is, for completion

    package func isVariable(_ name: String) -> Bool {
        guard InputKind.isName(name), !InputKind.keywords.contains(name), machine.withLock({ $0 }) != nil else {
            return false
        }
        return ask("return \(name) ~= nil") == .boolean(true)
    }

    /// The fork that a variable holds, as `f = fork()` gives it.
    func forkName(of variable: String) -> String? {
        guard isVariable(variable), case .text(let name) = ask("return __fork(\(variable))") else { return nil }
        return String(decoding: name, as: UTF8.self)
    }

    /// The names in a table, or of all globals where the path is empty.
    package func names(in path: [String]) -> [String] {
        guard path.allSatisfy({ InputKind.isName($0) && !InputKind.keywords.contains($0) }) else { return [] }
        let table = path.isEmpty ? "nil" : path.joined(separator: ".")
        guard case .text(let bytes) = ask("return __names(\(table))") else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func ask(_ source: String) -> ScriptValue? {
        turn.withLock { _ in
            guard let vm = try? vm(), (try? vm.load(Array(source.utf8), name: "lua")) != nil,
                case .values(let values) = vm.run({ _ in .abandon })
            else { return nil }
            return values.first
        }
    }

    /// Every path of a command, `ledger.credit.charge`.
    package static var paths: [String] { ScriptFunctions.prompt.paths }

    /// What a fork has besides what it is.
    static let forkMethods = ["advance", "diff", "drop", "enter", "rule", "run"]

    /// What a path stands for.
    static func command(at path: String, in catalogue: CommandCatalogue) -> CommandCatalogue.Command? {
        guard let id = ScriptFunctions.prompt.command(at: path) else { return nil }
        return catalogue.command(for: CommandTable.spec(id).words)
    }

    /// What is here and in no script of the server's.
    static let prelude = """
        local call, tostring, type, pairs, concat, select = ledger.call, tostring, type, pairs, table.concat, select
        local ipairs, pcall, error = ipairs, pcall, error
        local function text(v, depth)
            if type(v) ~= "table" then return tostring(v) end
            if depth > 4 then return "{…}" end
            local parts, count = {}, #v
            for i = 1, count do parts[i] = text(v[i], depth + 1) end
            for k, w in pairs(v) do
                if not (type(k) == "number" and k >= 1 and k <= count) then
                    parts[#parts + 1] = tostring(k) .. " = " .. text(w, depth + 1)
                end
            end
            return "{" .. concat(parts, ", ") .. "}"
        end
        function print(...)
            local parts = {}
            for i = 1, select("#", ...) do parts[i] = text((select(i, ...)), 0) end
            call("print", concat(parts, "\\t"))
        end
        local value = ledger.__show
        function show(...)
            for i = 1, select("#", ...) do value((select(i, ...))) end
        end
        function describe(user)
            if user == nil then error("describe takes a user", 0) end
            call("describe", user)
        end
        function tail(user, from)
            if type(user) == "table" then user, from = user.user, user.from end
            call("tail", user or "", from or "")
        end
        local compile, byte, find, sub = __compile, string.byte, string.find, string.sub
        local function isNamePart(b)
            return b == 95 or b >= 48 and b <= 57 or b >= 65 and b <= 90 or b >= 97 and b <= 122
        end
        function watch(what, every)
            if type(what) == "number" or type(every) == "function" then what, every = every, what end
            if every == nil then every = "1s" end
            local title = "a function"
            if type(what) == "string" then
                local last = 0
                while last < #what and isNamePart(byte(what, last + 1)) do last = last + 1 end
                local isVariable = _ENV[sub(what, 1, last)] ~= nil
                if not call("watch", tostring(every), what, tostring(isVariable)) then return end
                title = what
                local f, why = compile("return " .. what)
                if not f then f, why = compile(what) end
                if not f then error("watch('" .. what .. "'): " .. sub(why, (find(why, ": ") or -1) + 2), 0) end
                what = f
            end
            if type(what) ~= "function" then error('watch(f, "1s") takes a function, or a command or Lua as text', 0) end
            call("draw", tostring(every), title)
            repeat
                local drawn, refused = what()
                if drawn == nil then drawn = refused end
                if drawn ~= nil then value(drawn) end
            until not call("frame")
        end
        local drawable = "plot takes a user, a list of amounts, or rows that have available, total, amount or value"
        local function height(row)
            if type(row) ~= "table" then return row end
            for _, name in ipairs{ "available", "total", "amount", "value" } do
                if row[name] ~= nil then return row[name] end
            end
        end
        local function isList(v)
            if type(v) ~= "table" then return false end
            for k in pairs(v) do if type(k) ~= "number" then return false end end
            return true
        end
        function plot(series)
            if series == nil then error(drawable, 0) end
            if type(series) ~= "table" then return call("plot", series) end
            local more = false
            if #series == 2 and type(series[1]) ~= "table" and isList(series[2]) then
                more = tostring(series[1]) ~= "0"
                series = series[2]
            end
            if #series == 0 then
                for _ in pairs(series) do error(drawable, 0) end
            end
            local heights, timed = {}, true
            for i = 1, #series do
                local row = series[i]
                heights[i] = height(row)
                if heights[i] == nil then error("row " .. i .. " has nothing to draw: " .. drawable, 0) end
                if type(row) ~= "table" or type(row.time) ~= "string" then timed = false end
            end
            for i = 1, #heights do
                heights[i] = (timed and series[i].time or "") .. " " .. tostring(heights[i])
            end
            call("series", concat(heights, "\\n"))
            if more then call("print", "this page alone: there are more rows (plot(user) draws all of a user's)") end
        end
        function revenue(span, parts)
            return call("revenue", tostring(span or "7d"), tostring(parts or 12))
        end
        local forks = 0
        function fork(name)
            if name == nil then
                forks = forks + 1
                name = "f" .. forks
            end
            local world = call("FORK", "NEW", name)
            function world:run(...) return call("FORK", "RUN", name, ...) end
            function world:advance(by) return call("FORK", "ADVANCE", name, by) end
            function world:rule(rule, source)
                local function run(...) return call("FORK", "RUN", name, "RULE", ...) end
                if type(source) == "number" then return run("ACTIVATE", rule, source) end
                local isNew, loaded = pcall(run, "LOAD", rule, source)
                if isNew then return run("ACTIVATE", rule, loaded.version) end
                if type(loaded) ~= "table" or loaded.code ~= "EXISTS" then error(loaded, 0) end
                -- A source is one version for ever.
                local sha = run("CHECK", rule, source).sha256
                for _, row in ipairs(run("LIST")) do
                    if row.rule == rule and row.sha256 == sha then return run("ACTIVATE", rule, row.version) end
                end
                error(loaded, 0)
            end
            function world:diff(count) return call("FORK", "DIFF", name, "COUNT", count or 100) end
            function world:drop() return call("FORK", "DROP", name) end
            function world:enter() call("enter", name) end
            return world
        end
        function leave() call("leave") end
        function __fork(v)
            if type(v) == "table" and type(v.enter) == "function" and type(v.name) == "string" then return v.name end
        end
        function __keep(...) _ = (...) return ... end
        function __names(t)
            local names = {}
            if t == nil then t = _ENV end
            if type(t) ~= "table" then return "" end
            for k in pairs(t) do if type(k) == "string" then names[#names + 1] = k end end
            return concat(names, "\\n")
        end
        """
}
