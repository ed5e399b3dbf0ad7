internal import LedgerCommands
internal import LedgerCore

// From a call in a script to the words of a command.

extension ScriptFunctions.Function {
    /// The words that a call means. Throws what the table of commands can tell: an argument it does not know, one that
    /// is missing, a value of the wrong kind.
    func words(of arguments: [ScriptValue]) throws(ScriptError) -> [[UInt8]] {
        switch self {
        case .reply: return []
        case .words:
            var words: [[UInt8]] = []
            for argument in arguments { try Self.append(argument, "a word", to: &words) }
            guard !words.isEmpty else { throw ScriptError(.runtime, "a command has at least one word") }
            return words
        case .command(let id): return try ScriptCall(CommandTable.spec(id)).words(arguments)
        case .value(let word):
            var bytes: [UInt8] = []
            let value = arguments.first ?? .nothing
            // Of a function nothing can be copied out.
            (value == .function ? .text(value.described) : value).write(to: &bytes)
            return [Array(word.utf8), bytes]
        }
    }

    private static func append(_ value: ScriptValue, _ what: String, to words: inout [[UInt8]]) throws(ScriptError) {
        words.append(try ScriptCall.word(value, what, mayBeFloat: false))
    }
}

/// How the arguments of one command are given: `{ user = "u1", amount = usd"1" }`, or in order, with a table of options
/// behind them if need be.
struct ScriptCall {
    private let spec: CommandSpec

    init(_ spec: CommandSpec) { self.spec = spec }

    func words(_ arguments: [ScriptValue]) throws(ScriptError) -> [[UInt8]] {
        var arguments = arguments
        var named: [(name: String, value: ScriptValue)] = []
        if case .table(let table) = arguments.last, !table.fields.isEmpty || arguments.count == 1 {
            arguments.removeLast()
            arguments += table.list
            named = table.fields
        }
        var words = spec.words.map { Array($0.utf8) }
        words += try positional(arguments, &named)
        for (name, value) in named {
            guard let field = spec.options.first(where: { $0.token?.lowercased() == name.lowercased() }) else {
                throw ScriptError(.runtime, "\(call) has no '\(name)': it takes \(known)")
            }
            try append(field, value, to: &words)
        }
        return words
    }

    /// Takes what it uses out of `named`.
    private func positional(
        _ arguments: [ScriptValue], _ named: inout [(name: String, value: ScriptValue)]
    ) throws(ScriptError) -> [[UInt8]] {
        let fields = spec.positional
        var words: [[UInt8]] = []
        var given = arguments[...]
        var missing: Field?
        for field in fields {
            var value = given.popFirst() ?? .nothing
            if let index = named.firstIndex(where: { $0.name == field.name }) {
                guard value == .nothing else {
                    throw ScriptError(.runtime, "\(call): '\(field.name)' is given twice")
                }
                value = named.remove(at: index).value
            }
            if value == .nothing {
                if field.isRequired {
                    throw ScriptError(.runtime, "\(call) needs '\(field.name)': it takes \(known)")
                }
                missing = missing ?? field
                continue
            }
            if let missing {
                throw ScriptError(.runtime, "\(call): '\(field.name)' is given, but not '\(missing.name)' before it")
            }
            if field.kind == .words, case .table(let table) = value {
                for item in table.list { words.append(try Self.word(item, field.name, mayBeFloat: false)) }
            } else {
                words.append(try word(field, value))
            }
        }
        // The rest of a line that has no end.
        for value in given {
            guard fields.last?.kind == .words else {
                throw ScriptError(.runtime, "\(call) takes \(fields.count) arguments in order: \(known)")
            }
            words.append(try Self.word(value, "an argument", mayBeFloat: false))
        }
        return words
    }

    private func append(_ field: Field, _ value: ScriptValue, to words: inout [[UInt8]]) throws(ScriptError) {
        guard value != .nothing else { return }
        if field.isFlag {
            guard case .boolean(let isSet) = value else {
                throw ScriptError(.runtime, "\(call): '\(field.name)' is true or false, not \(value.described)")
            }
            if isSet { words.append(Array(field.token!.utf8)) }
            return
        }
        words.append(Array(field.token!.utf8))
        words.append(try word(field, value))
    }

    private func word(_ field: Field, _ value: ScriptValue) throws(ScriptError) -> [UInt8] {
        if case .table(let table) = value {
            // What is a list with commas between on the wire: { "read", "write" }, { team = "blue" }.
            var parts: [[UInt8]] = []
            for item in table.list { parts.append(try Self.word(item, field.name, mayBeFloat: false)) }
            for (name, item) in table.fields {
                parts.append(Array("\(name)=".utf8) + (try Self.word(item, name, mayBeFloat: false)))
            }
            return Array(parts.joined(separator: [UInt8(ascii: ",")]))
        }
        if case .boolean(let flag) = value, field.kind == .yesNo { return Array((flag ? "yes" : "no").utf8) }
        let isPlain = [.hours, .gigabytes, .percent, .quantity].contains(field.kind)
        return try Self.word(value, "'\(field.name)'", mayBeFloat: isPlain)
    }

    static func word(_ value: ScriptValue, _ what: String, mayBeFloat: Bool) throws(ScriptError) -> [UInt8] {
        switch value {
        case .text(let bytes): return bytes
        case .integer(let number): return Array("\(number)".utf8)
        case .money(let nanos): return Array(Money(nanos: nanos).description.utf8)
        case .number(let number):
            let text = "\(number)"
            guard mayBeFloat, text.utf8.allSatisfy({ $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "n") }) else {
                throw ScriptError(.runtime, "\(what) is a float: write amounts as usd\"\(number)\", others in quotes")
            }
            return Array(text.utf8)
        case .nothing, .boolean, .table, .function:
            throw ScriptError(.runtime, "\(what) cannot be \(value.described)")
        }
    }

    private var call: String { "ledger." + spec.words.map { $0.lowercased() }.joined(separator: ".") }

    private var known: String {
        let names = spec.positional.map(\.name) + spec.options.map { $0.token!.lowercased() }
        return names.isEmpty ? "no arguments" : names.joined(separator: ", ")
    }
}
