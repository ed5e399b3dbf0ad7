/// What a scenario returned: plain data, copied out of Lua.
enum LuaValue {
    case nothing
    case integer(Int64)
    case number(Double)
    case text(String)
    case boolean(Bool)
    case table(LuaTable)
    /// A function, by the number under which it can be called.
    case function(Int64)
    case other

    /// For errors: `a table`, `the text "x"`.
    var described: String {
        switch self {
        case .nothing: "nothing"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let value): "the text \"\(value)\""
        case .boolean(let value): "\(value)"
        case .table: "a table"
        case .function: "a function"
        case .other: "a value of another kind"
        }
    }
}

/// A Lua table: its list part `1…n`, and its named fields.
struct LuaTable {
    /// Equal for two occurrences of one table.
    var identity: UInt64
    var list: [LuaValue] = []
    var fields: [String: LuaValue] = [:]
    /// A key that is neither a text nor part of the list, described.
    var oddKey: String?
}

/// Reads what `clua_describe` writes (CLua.h says how).
struct LuaExportReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func value() -> LuaValue {
        switch load(UInt8.self) {
        case 1: return .integer(load(Int64.self))
        case 2: return .number(load(Double.self))
        case 3: return .text(text())
        case 4: return .boolean(load(Int64.self) != 0)
        case 5: return .table(table())
        case 6: return .function(load(Int64.self))
        case 0: return .nothing
        default: return .other
        }
    }

    private mutating func load<T: BitwiseCopyable>(_ type: T.Type) -> T {
        defer { offset += MemoryLayout<T>.size }
        return bytes.loadUnaligned(fromByteOffset: offset, as: type)
    }

    private mutating func text() -> String {
        let length = Int(load(UInt32.self))
        defer { offset += length }
        return String(decoding: bytes[offset..<offset + length], as: UTF8.self)
    }

    private mutating func table() -> LuaTable {
        var table = LuaTable(identity: load(UInt64.self))
        var numbered: [(Int64, LuaValue)] = []
        for _ in 0..<load(UInt32.self) {
            let key = value()
            let value = value()
            switch key {
            case .text(let name): table.fields[name] = value
            case .integer(let number): numbered.append((number, value))
            case .nothing, .number, .boolean, .table, .function, .other: table.oddKey = key.described
            }
        }
        numbered.sort { $0.0 < $1.0 }
        for (position, (number, value)) in numbered.enumerated() {
            if number != position + 1 {
                table.oddKey = "\(number), where \(position + 1) is missing"
                break
            }
            table.list.append(value)
        }
        return table
    }
}
