internal import CLua
package import RESP

/// What a run of a script may use.
package struct ScriptBudget: Hashable, Sendable {
    /// Of the clock on the wall, from its beginning to its end, calls of the ledger included.
    package var milliseconds: Int
    /// Lua instructions: some seconds' worth. What counts is time.
    package var instructions = 1_000_000_000
    /// Bytes a state may keep, and may ask for in a run; the longest text; the largest table. The last three bound what
    /// a single instruction can do.
    package var memory = 16 << 20
    package var allocation = 256 << 20
    package var text = 256 << 10
    package var block = 2 << 20

    package init(milliseconds: Int) { self.milliseconds = milliseconds }

    /// Of EVAL.
    package static let standard = ScriptBudget(milliseconds: 10)
    static let compiling = ScriptBudget(milliseconds: 1000)

    var limits: clua_limits {
        clua_limits(
            instructions: Int32(instructions), nanoseconds: Int64(milliseconds) * 1_000_000, memory: memory,
            allocation: allocation, string: text, block: block)
    }
}

/// A sandboxed Lua state for scripts: the closed list of rules, `pcall`, amounts, and a function for each command.
///
/// Used by one thread at a time, but for what a ``KillSwitch`` does. Making one takes about a tenth of a millisecond.
package final class ScriptVM: @unchecked Sendable {
    /// What a command gave.
    package enum Answer {
        /// Also a refusal, which is an error value: the script gets `nil` and what it was.
        case value(RESPValue)
        /// The script ends here, cannot catch that, and is to be run again: ``Outcome/abandoned``.
        case abandon
    }

    package enum Outcome: Sendable {
        /// All that it returned, without nils at the end.
        case values([ScriptValue])
        case failed(ScriptError)
        case abandoned
    }

    /// Carries out a command of the ledger.
    package typealias Host = (_ words: [[UInt8]]) -> Answer

    private let state: OpaquePointer
    private let functions: ScriptFunctions
    private var host: Host = { _ in .abandon }

    /// What errors call a script.
    static let name = "script"

    /// `keepsGlobals`: for a prompt, where a line sees what the lines before it set.
    package init(_ functions: ScriptFunctions, _ budget: ScriptBudget, keepsGlobals: Bool = false) throws(ScriptError) {
        self.functions = functions
        state = try Self.makeState(budget, functions, keepsGlobals: keepsGlobals)
    }

    /// For one script of a server.
    package convenience init(
        _ script: Script, _ functions: ScriptFunctions, _ budget: ScriptBudget
    ) throws(ScriptError) {
        try self.init(functions, budget)
        let status = script.code.withUnsafeBufferPointer {
            clua_load_code(state, $0.baseAddress, $0.count, Self.name)
        }
        guard status == .CLUA_OK else { throw Self.error(status, in: state) }
    }

    deinit { clua_free(state) }

    /// Bytes that the state keeps.
    package var memory: Int { clua_measure(state).memory }

    /// Compiles the next chunk of a prompt. `name` stands before the line in errors.
    package func load(_ source: [UInt8], name: String) throws(ScriptError) {
        let status = source.withUnsafeBytes { clua_load_script(state, $0.baseAddress, $0.count, name) }
        guard status == .CLUA_OK else { throw Self.error(status, in: state) }
    }

    /// Whether a source ends in the middle: more lines may make it whole.
    package static func isIncomplete(_ error: ScriptError) -> Bool {
        error.kind == .source && error.text.hasSuffix("near <eof>")
    }

    /// Runs what was loaded. `lists`: KEYS and ARGV, where there are such.
    package func run(lists: (keys: [[UInt8]], arguments: [[UInt8]])? = nil, _ host: @escaping Host) -> Outcome {
        self.host = host
        defer {
            self.host = { _ in .abandon }
            rest()
        }
        var result = clua_bytes()
        defer { clua_free_bytes(&result) }
        let context = Unmanaged.passUnretained(self).toOpaque()
        let status: clua_status
        if let lists {
            var bytes: [UInt8] = []
            for list in [lists.keys, lists.arguments] {
                ScriptValue.table(ScriptTable(list: list.map { .text($0) })).write(to: &bytes)
            }
            status = bytes.withUnsafeMutableBufferPointer { buffer in
                var lists = clua_bytes(bytes: buffer.baseAddress, length: buffer.count, capacity: buffer.count)
                return clua_run_script(state, context, &lists, &result)
            }
        } else {
            status = clua_run_script(state, context, nil, &result)
        }
        switch status {
        case .CLUA_OK:
            var reader = ScriptValueReader(UnsafeRawBufferPointer(start: result.bytes, count: result.length))
            return .values(reader.values())
        case .CLUA_ABANDONED: return .abandoned
        case .CLUA_SYNTAX, .CLUA_RUNTIME, .CLUA_BUDGET, .CLUA_MEMORY, .CLUA_DEAD:
            return .failed(Self.error(status, in: state))
        }
    }

    /// Ends the run that is under way, or the next one. Any thread; see ``KillSwitch``.
    func kill() { clua_kill(state) }

    /// Lets go of what a run left, and of a kill that came too late for it.
    func rest() { clua_rest(state) }

    // MARK: - The host's side

    fileprivate func call(
        _ function: Int32, _ arguments: UnsafeRawBufferPointer, _ answer: inout [UInt8]
    ) -> clua_host_status {
        var reader = ScriptValueReader(arguments)
        let values = reader.values()
        let words: [[UInt8]]
        let function = functions[Int(function)]
        switch function {
        case .reply(let field):
            ScriptValue.table(ScriptTable(fields: [(field, values.first ?? .nothing)])).write(to: &answer)
            return .CLUA_HOST_VALUE
        case .words, .command, .value:
            do throws(ScriptError) {
                words = try function.words(of: values)
            } catch {
                ScriptValue.text(error.text).write(to: &answer)
                return .CLUA_HOST_ERROR
            }
        }
        switch host(words) {
        case .abandon: return .CLUA_HOST_ABANDON
        case .value(.error(let error)):
            if case .words(raises: let raises) = function {
                // The prompt's own words have no code, and a place in the script.
                if raises, error.code.isEmpty {
                    ScriptValue.text(error.message).write(to: &answer)
                    return .CLUA_HOST_ERROR
                }
                // As in Redis 7, where what redis.call raises is a table with `err` in it.
                let refusal = ScriptTable(fields: ScriptValue.fields(of: error) + [("err", .text(error.text))])
                let table = raises ? refusal : ScriptTable(fields: [("err", .text(error.text))])
                ScriptValue.table(table).write(to: &answer)
                return raises ? .CLUA_HOST_RAISED : .CLUA_HOST_VALUE
            }
            ScriptValue.refusal(error).write(to: &answer)
            return .CLUA_HOST_REFUSED
        case .value(let value):
            ScriptValue(value).write(to: &answer)
            return .CLUA_HOST_VALUE
        }
    }

    // MARK: - States

    static func makeState(
        _ budget: ScriptBudget, _ functions: ScriptFunctions, keepsGlobals: Bool
    ) throws(ScriptError) -> OpaquePointer {
        guard let state = clua_new(budget.limits, nil, 0) else {
            throw ScriptError(.memory, "the sandbox itself needs more than \(budget.memory) bytes")
        }
        let status = functions.withTable { table in
            clua_open_script(state, table.baseAddress, Int32(table.count), keepsGlobals) {
                context, function, arguments, answer in
                let vm = Unmanaged<ScriptVM>.fromOpaque(context!).takeUnretainedValue()
                var bytes: [UInt8] = []
                let status = vm.call(
                    function, UnsafeRawBufferPointer(start: arguments!.pointee.bytes, count: arguments!.pointee.length),
                    &bytes)
                let isThere = bytes.withUnsafeBytes { clua_append(answer, $0.baseAddress, $0.count) }
                return isThere ? status : .CLUA_HOST_ABANDON
            }
        }
        guard status == .CLUA_OK else {
            defer { clua_free(state) }
            throw error(status, in: state)
        }
        return state
    }

    static func error(_ status: clua_status, in state: OpaquePointer) -> ScriptError {
        let text = String(cString: clua_error(state))
        if clua_raised_refusal(state) { return ScriptError(.refusal, text) }
        return switch status {
        case .CLUA_BUDGET: ScriptError(.budget, text)
        case .CLUA_MEMORY: ScriptError(.memory, text)
        case .CLUA_SYNTAX: ScriptError(.source, text)
        case .CLUA_OK, .CLUA_RUNTIME, .CLUA_DEAD, .CLUA_ABANDONED: ScriptError(.runtime, text)
        }
    }
}
