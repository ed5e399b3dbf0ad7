internal import CLua

/// A value from the command line (`--set users=1000`): an integer, a number, `true`, `false`, or else text.
package enum Parameter: Hashable, Sendable {
    case integer(Int64)
    case number(Double)
    case boolean(Bool)
    case text(String)

    package init(_ text: String) {
        if let value = Int64(text) {
            self = .integer(value)
        } else if let value = Double(text), value.isFinite {
            self = .number(value)
        } else if text == "true" || text == "false" {
            self = .boolean(text == "true")
        } else {
            self = .text(text)
        }
    }
}

/// A scenario's source, in a Lua state of its own. Used by one thread at a time, before the load begins: nothing runs
/// Lua while it is measured.
final class ScenarioScript {
    private let state: OpaquePointer
    private var bytes = clua_bytes()

    /// Errors name `name` and the line.
    ///
    /// It is the user's own script on the user's own machine, so the limits catch only what would never end: a minute,
    /// 1 GiB, texts of 64 MiB.
    init(name: String, source: String, milliseconds: Int64 = 60_000) throws(LoadError) {
        let limits = clua_limits(
            instructions: .max, nanoseconds: milliseconds * 1_000_000, memory: 1 << 30, allocation: 1 << 34,
            string: 64 << 20, block: 512 << 20)
        guard let state = clua_new(limits, nil, 0) else { throw LoadError("there is no memory for Lua") }
        self.state = state
        guard clua_open_client(state) == .CLUA_OK else { throw failure }
        var source = source
        let status = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { clua_load(state, $0.baseAddress, $0.count, name) }
        }
        guard status == .CLUA_OK else { throw failure }
    }

    deinit {
        clua_free_bytes(&bytes)
        clua_free(state)
    }

    /// What the scenario returns for these parameters.
    func describe(_ parameters: [String: Parameter]) throws(LoadError) -> LuaValue {
        var texts: [UnsafeMutablePointer<CChar>] = []
        defer { for text in texts { text.deallocate() } }
        func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
            let bytes = Array(text.utf8CString)
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            copy.initialize(from: bytes, count: bytes.count)
            texts.append(copy)
            return copy
        }
        let named = parameters.map { name, parameter in
            var value = clua_value()
            switch parameter {
            case .integer(let integer):
                value.kind = .CLUA_INTEGER
                value.integer = integer
            case .number(let number):
                value.kind = .CLUA_FLOAT
                value.number = number
            case .boolean(let flag):
                value.kind = .CLUA_BOOLEAN
                value.integer = flag ? 1 : 0
            case .text(let text):
                value.kind = .CLUA_TEXT
                value.length = UInt32(text.utf8.count)
                value.text = UnsafePointer(copy(text))
            }
            return clua_named(name: copy(name), value: value)
        }
        let status = clua_describe(state, named, Int32(named.count), &bytes)
        guard status == .CLUA_OK else { throw failure }
        return exported
    }

    /// What a function that the scenario returned answers for `number`.
    func call(_ function: Int64, _ number: Int64) throws(LoadError) -> LuaValue {
        guard clua_call_exported(state, function, number, &bytes) == .CLUA_OK else { throw failure }
        return exported
    }

    private var exported: LuaValue {
        var reader = LuaExportReader(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.length))
        return reader.value()
    }

    private var failure: LoadError { .usage(String(cString: clua_error(state))) }
}
