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
            let inner = Self.field(inside: field)
            let fields = pairs.map { pair in
                let name = pair.key.string ?? ""
                return (name: name, value: ScriptValue(pair.value, field: inner ?? name))
            }
            self = .table(ScriptTable(fields: fields))
        case .attributed: preconditionFailure("a plain value has attributes")
        }
    }

    /// What the values of a map are taken for whose keys are no fields; nil: they are.
    private static func field(inside map: String) -> String? {
        // Account → amount.
        if map == "books" { return "amount" }
        // User type → what is priced → the price, in words where it has steps.
        if map == "prices" { return map }
        // What labels, sources, meters and a rule's variables are called is their owner's affair.
        return map == "labels" || map == "locals" || map.contains("_by_") ? "" : nil
    }

    private static func value(_ bytes: [UInt8], _ field: String) -> ScriptValue {
        guard CommandTable.moneyFields.contains(field),
            let amount = bytes.withUnsafeBytes({ Money(parsing: $0, signed: true) })
        else { return .text(bytes) }
        return .money(amount.nanos)
    }

    /// `{ code =, text = }`.
    package static func refusal(_ error: RESPError) -> ScriptValue { .table(ScriptTable(fields: fields(of: error))) }

    static func fields(of error: RESPError) -> [(name: String, value: ScriptValue)] {
        [("code", .text(error.code)), ("text", .text(error.message))]
    }

    /// What ``refusal(_:)`` made one of.
    fileprivate var refused: RESPError? {
        guard case .table(let table) = self, table.list.isEmpty, table.fields.count == 2,
            case .text(let code)? = table.fields.first(where: { $0.name == "code" })?.value,
            case .text(let text)? = table.fields.first(where: { $0.name == "text" })?.value
        else { return nil }
        return RESPError(code: String(decoding: code, as: UTF8.self), message: String(decoding: text, as: UTF8.self))
    }
}

extension RESPValue {
    /// The first of what a script returned; a refusal that it passed on (`return ledger.charge(…)`) is an error, as
    /// `redis.error_reply` is. What it did stays.
    package init(returned values: [ScriptValue]) {
        if values.count == 2, case .nothing = values[0], let refusal = values[1].refused {
            self = .error(refusal)
        } else {
            self.init(values.first ?? .nothing)
        }
    }

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

    private static let longestLine = 4096

    private static func value(_ table: ScriptTable) -> RESPValue {
        if table.list.isEmpty, table.fields.count == 1, case .text(let bytes) = table.fields[0].value {
            // A line of more than some kilobytes is read by no client.
            let line = String(decoding: bytes.prefix(longestLine), as: UTF8.self)
            if table.fields[0].name == "err" { return .error(RESPError(parsing: line)) }
            if table.fields[0].name == "ok" { return bytes.count > longestLine ? .bulk(bytes) : .simple(line) }
        }
        if table.fields.isEmpty { return .array(table.list.map(RESPValue.init)) }
        let numbered = table.list.enumerated().map { RESPPair(.integer(Int64($0 + 1)), RESPValue($1)) }
        return .map(numbered + table.fields.map { RESPPair(.text($0.name), RESPValue($0.value)) })
    }
}
