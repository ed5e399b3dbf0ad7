internal import LedgerCommands
internal import LedgerCore
package import RESP

// What a script gets from a command, and what a client gets from a script.

extension ScriptValue {
    /// An answer as Lua sees it: maps and lists as tables, amounts as money where their field is known to hold one
    /// (``CommandTable/moneyFields``), times and ids as text.
    package init(_ value: RESPValue, field: String = "") {
        switch value.plain {
        case .null: self = .nothing
        case .integer(let number): self = .integer(number)
        case .boolean(let flag): self = .boolean(flag)
        case .simple(let text), .double(let text), .bigNumber(let text): self = Self.value(Array(text.utf8), field)
        case .bulk(let bytes), .verbatim(_, let bytes): self = Self.value(bytes, field)
        case .error(let error): self = .refusal(error)
        case .array(let items), .set(let items), .push(let items):
            self = .table(ScriptTable(list: items.map { ScriptValue($0, field: field) }))
        case .map(let pairs):
            let fields = pairs.map { pair in
                let name = pair.key.string ?? ""
                return (name: name, value: ScriptValue(pair.value, field: name))
            }
            self = .table(ScriptTable(fields: fields))
        case .attributed: preconditionFailure("a plain value has attributes")
        }
    }

    private static func value(_ bytes: [UInt8], _ field: String) -> ScriptValue {
        guard CommandTable.moneyFields.contains(field),
            let amount = bytes.withUnsafeBytes({ Money(parsing: $0, signed: true) })
        else { return .text(bytes) }
        return .money(amount.nanos)
    }

    /// `{ code =, text = }`.
    package static func refusal(_ error: RESPError) -> ScriptValue {
        .table(ScriptTable(fields: [("code", .text(error.code)), ("text", .text(error.message))]))
    }
}

extension RESPValue {
    /// What a script returned, as Redis turns it into an answer, with four differences, all because nothing may get
    /// lost on the way: a float stays one, a table with names is a map, amounts are their exact decimal text, and
    /// booleans are themselves where the protocol has them.
    package init(_ value: ScriptValue) {
        switch value {
        case .nothing: self = .null
        case .integer(let number): self = .integer(number)
        case .number(let number): self = .double("\(number)")
        case .text(let bytes): self = .bulk(bytes)
        case .boolean(let flag): self = .boolean(flag)
        case .money(let nanos): self = .text(Money(nanos: nanos).description)
        case .function: self = .simple("function")
        case .table(let table): self = Self.value(table)
        }
    }

    private static func value(_ table: ScriptTable) -> RESPValue {
        if table.list.isEmpty, table.fields.count == 1, case .text(let bytes) = table.fields[0].value {
            let text = String(decoding: bytes, as: UTF8.self)
            if table.fields[0].name == "err" { return .error(RESPError(parsing: text)) }
            if table.fields[0].name == "ok" { return .simple(text) }
        }
        if table.fields.isEmpty { return .array(table.list.map(RESPValue.init)) }
        let numbered = table.list.enumerated().map { RESPPair(.integer(Int64($0 + 1)), RESPValue($1)) }
        return .map(numbered + table.fields.map { RESPPair(.text($0.name), RESPValue($0.value)) })
    }
}
