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
        /// What is shown from now on stands in one place, and is drawn anew after so long; `command`: what is to be
        /// run for it, where that is no function.
        case watch(every: String, command: String?)
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
        function watch(what, every)
            if type(what) == "number" or type(every) == "function" then what, every = every, what end
            if every == nil then every = "1s" end
            if type(what) ~= "function" and type(what) ~= "string" then
                error('watch(f, "1s") takes a function, or a command as text', 0)
            end
            if type(what) == "function" then
                call("watch", tostring(every))
                repeat
                    local drawn, refused = what()
                    if drawn == nil then drawn = refused end
                    if drawn ~= nil then value(drawn) end
                until not call("frame")
            else
                call("watch", tostring(every), what)
            end
        end
        function plot(series)
            if series == nil then error("plot takes a user, or a list of amounts", 0) end
            if type(series) ~= "table" then return call("plot", series) end
            local points = {}
            for i, row in ipairs(series) do
                local time, value = "", row
                if type(row) == "table" then time, value = row.time or "", row.available or row.amount or row.value end
                points[i] = time .. " " .. tostring(value)
            end
            call("series", concat(points, "\\n"))
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
                local version = call("FORK", "RUN", name, "RULE", "LOAD", rule, source).version
                return call("FORK", "RUN", name, "RULE", "ACTIVATE", rule, version)
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
