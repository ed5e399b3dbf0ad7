internal import CLua
internal import LedgerCore

/// A value of Lua, copied out of it or on its way in.
package enum ScriptValue: Hashable, Sendable {
    case nothing
    case integer(Int64)
    case number(Double)
    case text([UInt8])
    case boolean(Bool)
    /// Nano-USD.
    case money(Int64)
    case table(ScriptTable)
    /// A function; nothing of it is copied.
    case function

    /// For errors.
    var described: String {
        switch self {
        case .nothing: "nil"
        case .integer(let value): "\(value)"
        case .number(let value): "the float \(value)"
        case .text: "a text"
        case .boolean(let value): "\(value)"
        case .money(let nanos): "\(Money(nanos: nanos))"
        case .table: "a table"
        case .function: "a function"
        }
    }

    static func text(_ text: String) -> ScriptValue { .text(Array(text.utf8)) }
}

/// A Lua table: its values under 1…n, and the others in the order of their names.
package struct ScriptTable: Hashable, Sendable {
    package var list: [ScriptValue] = []
    package var fields: [(name: String, value: ScriptValue)] = []

    package subscript(_ name: String) -> ScriptValue? { fields.first { $0.name == name }?.value }

    package static func == (a: ScriptTable, b: ScriptTable) -> Bool {
        a.list == b.list && a.fields.elementsEqual(b.fields) { $0.name == $1.name && $0.value == $1.value }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(list)
        for field in fields {
            hasher.combine(field.name)
            hasher.combine(field.value)
        }
    }
}

// MARK: - Bytes, as CLua.h describes them

/// Reads what CLua wrote, in one process: its layout is trusted.
struct ScriptValueReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The values of a list with its count before it.
    mutating func values() -> [ScriptValue] { (0..<load(UInt32.self)).map { _ in value() } }

    mutating func value() -> ScriptValue {
        switch clua_kind(rawValue: UInt32(load(UInt8.self))) {
        case .CLUA_INTEGER: .integer(load(Int64.self))
        case .CLUA_FLOAT: .number(load(Double.self))
        case .CLUA_TEXT: .text(text())
        case .CLUA_BOOLEAN: .boolean(load(Int64.self) != 0)
        case .CLUA_MONEY: .money(load(Int64.self))
        case .CLUA_TABLE: .table(table())
        case .CLUA_FUNCTION: function()
        case .CLUA_NIL, .CLUA_OTHER, .CLUA_WORD, nil: .nothing
        }
    }

    private mutating func function() -> ScriptValue {
        _ = load(Int64.self)
        return .function
    }

    private mutating func text() -> [UInt8] {
        let length = Int(load(UInt32.self))
        defer { offset += length }
        return Array(bytes[offset..<(offset + length)])
    }

    private mutating func load<T: BitwiseCopyable>(_ type: T.Type) -> T {
        defer { offset += MemoryLayout<T>.size }
        return bytes.loadUnaligned(fromByteOffset: offset, as: type)
    }

    private mutating func table() -> ScriptTable {
        _ = load(UInt64.self)
        var numbered: [(Int64, ScriptValue)] = []
        var table = ScriptTable()
        for _ in 0..<load(UInt32.self) {
            let (key, value) = (value(), value())
            switch key {
            case .integer(let number): numbered.append((number, value))
            case .text(let name): table.fields.append((String(decoding: name, as: UTF8.self), value))
            case .nothing, .number, .boolean, .money, .table, .function: table.fields.append((key.described, value))
            }
        }
        numbered.sort { $0.0 < $1.0 }
        for (number, value) in numbered {
            if number == Int64(table.list.count) + 1 {
                table.list.append(value)
            } else {
                table.fields.append((String(number), value))
            }
        }
        table.fields.sort { $0.name < $1.name }
        return table
    }
}

extension ScriptValue {
    /// What a function of the kind `value` got, from the second of its words. Functions within it are nil.
    package static func decode(_ bytes: [UInt8]) -> ScriptValue {
        bytes.withUnsafeBytes { bytes in
            var reader = ScriptValueReader(bytes)
            return reader.value()
        }
    }

    /// Appends itself in the layout that a state reads.
    func write(to bytes: inout [UInt8]) {
        switch self {
        case .nothing, .function: bytes.append(clua_kind.CLUA_NIL)
        case .integer(let value): bytes.append(.CLUA_INTEGER, value)
        case .number(let value): bytes.append(.CLUA_FLOAT, value)
        case .boolean(let value): bytes.append(.CLUA_BOOLEAN, Int64(value ? 1 : 0))
        case .money(let nanos): bytes.append(.CLUA_MONEY, nanos)
        case .text(let text):
            bytes.append(.CLUA_TEXT, UInt32(text.count))
            bytes.append(contentsOf: text)
        case .table(let table):
            bytes.append(.CLUA_TABLE, UInt64(0))
            bytes.append(value: UInt32(table.list.count + table.fields.count))
            for (index, value) in table.list.enumerated() {
                ScriptValue.integer(Int64(index + 1)).write(to: &bytes)
                value.write(to: &bytes)
            }
            for (name, value) in table.fields {
                ScriptValue.text(name).write(to: &bytes)
                value.write(to: &bytes)
            }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ kind: clua_kind) { append(UInt8(kind.rawValue)) }

    fileprivate mutating func append(value: some BitwiseCopyable) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }

    fileprivate mutating func append(_ kind: clua_kind, _ value: some BitwiseCopyable) {
        append(kind)
        append(value: value)
    }
}
