/// Values of a script's tables, checked.
extension ScenarioReader {
    func wrong(_ text: String) -> LoadError { .usage("\(name): \(text)") }

    /// No field that nobody reads: a misspelt one would be silently ignored.
    func check(_ table: LuaTable, fields: Set<String>, list: Bool, _ place: String) throws(LoadError) {
        if let odd = table.oddKey { throw wrong("\(place) has a key that nothing reads: \(odd)") }
        if let unknown = table.fields.keys.sorted().first(where: { !fields.contains($0) }) {
            throw wrong("\(place) has a field '\(unknown)'; known are \(fields.sorted().joined(separator: ", "))")
        }
        if !list, !table.list.isEmpty { throw wrong("\(place) has values without a name") }
    }

    func text(_ table: LuaTable, _ field: String, _ place: String) throws(LoadError) -> String? {
        switch table.fields[field] {
        case nil: return nil
        case .text(let text)?: return text
        case let value?: throw wrong("\(place): \(field) is \(value.described), not text")
        }
    }

    func integer(
        _ table: LuaTable, _ field: String, _ range: ClosedRange<Int>, _ place: String
    ) throws(LoadError) -> Int? {
        guard let value = table.fields[field] else { return nil }
        guard case .integer(let integer) = value, let number = Int(exactly: integer), range.contains(number) else {
            throw wrong(
                "\(place): \(field) is \(value.described); it must be a whole number from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return number
    }

    /// At least 0.
    func number(_ value: LuaValue, _ place: String) throws(LoadError) -> Double {
        switch value {
        case .integer(let integer) where integer >= 0: return Double(integer)
        case .number(let number) where number >= 0 && number.isFinite: return number
        case .nothing, .integer, .number, .text, .boolean, .table, .function, .other:
            throw wrong("\(place) is \(value.described); it must be a number of 0 or more")
        }
    }

    func positive(_ value: LuaValue, _ place: String) throws(LoadError) -> Double {
        let number = try number(value, place)
        guard number > 0 else { throw wrong("\(place) must be above 0") }
        return number
    }

    func nanoseconds(_ value: LuaValue, _ place: String) throws(LoadError) -> UInt64 {
        guard case .text(let text) = value, let nanoseconds = Units.nanoseconds(text) else {
            throw wrong(
                "\(place) is \(value.described); it must be a duration like \"250us\", \"10ms\", \"30s\" or \"5m\"")
        }
        return nanoseconds
    }

    func table(_ value: LuaValue, _ place: String) throws(LoadError) -> LuaTable {
        guard case .table(let table) = value else { throw wrong("\(place) is \(value.described), not a table") }
        return table
    }

    func table(_ table: LuaTable, _ field: String, _ place: String) throws(LoadError) -> LuaTable {
        guard let value = table.fields[field] else { return LuaTable(identity: 0) }
        return try self.table(value, "\(place): \(field)")
    }

    func list(_ table: LuaTable, _ field: String) throws(LoadError) -> [LuaValue] {
        let list = try self.table(table, field, "the scenario")
        try check(list, fields: [], list: true, field)
        return list.list
    }
}
