internal import CLua
package import LedgerCore

/// One version of one rule, ready to be asked: a sandboxed Lua state and the compiled source in it.
///
/// Pure by construction: every call runs the source anew and asks the function that it returns, so no call sees what
/// another one left behind. The default rule for sessions costs about 1.5 µs a call, and is called once for each type
/// and tier: it never looks at the third argument (``UnreadArgument``). Used by one thread at a time.
/// After an error of any kind the state is dead: throw it away and make another, in some microseconds.
package final class RuleVM {
    package let name: RuleName
    private let state: OpaquePointer
    /// Raised an error once; every further call fails.
    package private(set) var isSpent = false
    /// What is known of tariffs that depend on type and tier only, one for each pair; empty when others may.
    private var known: [PriceAnswer?]

    /// `countsAll`: ``instructions`` are exact, and calls slower.
    package init(_ rule: CompiledRule, countsAll: Bool = false) throws(RuleError) {
        name = rule.name
        known =
            rule.ignoresUsage && rule.name == .sessionRuntime
            ? Array(repeating: nil, count: UserType.allCases.count * Tier.allCases.count) : []
        state = try Self.makeState(rule.sandbox)
        if countsAll { clua_count_all(state) }
        let status = rule.code.withUnsafeBufferPointer {
            clua_load_code(state, $0.baseAddress, $0.count, rule.name.text)
        }
        guard status == .CLUA_OK else { throw Self.error(status, in: state, loading: true) }
    }

    package convenience init(_ name: RuleName, source: String, sandbox: RuleSandbox = .rule) throws(RuleError) {
        try self.init(CompiledRule(name, source: source, sandbox: sandbox))
    }

    deinit { clua_free(state) }

    /// The rule's answer, validated: integers, ≥ 0, below the ceilings.
    package func evaluate(_ query: PriceQuery) throws(RuleError) -> PriceAnswer {
        precondition(query.rule == name, "a rule was asked for another kind of price")
        guard !known.isEmpty, !isSpent, case .sessionRuntime(let type, let tier, _) = query else {
            return try call(query)
        }
        let pair = Int(type.rawValue) * Tier.allCases.count + Int(tier.rawValue)
        if let answer = known[pair] { return answer }
        let answer = try call(query)
        known[pair] = answer
        return answer
    }

    private func call(_ query: PriceQuery) throws(RuleError) -> PriceAnswer {
        let status: clua_status
        var call = clua_query()
        switch query {
        case .sessionRuntime(let type, let tier, let secondsThisMonth):
            clua_add_word(&call, RuleWords.index(of: type))
            clua_add_word(&call, RuleWords.index(of: tier))
            clua_add_integer(&call, secondsThisMonth)
            status = clua_call(state, &call)
        case .storage(let type, let kind, let megabytes):
            clua_add_word(&call, RuleWords.index(of: type))
            clua_add_word(&call, RuleWords.index(of: kind))
            clua_add_integer(&call, megabytes / 1000)
            status = clua_call(state, &call)
        case .spacePurchase(let type, let space, let listPrice, let gigabytes):
            clua_add_word(&call, RuleWords.index(of: type))
            status = space.withBytes { bytes in
                bytes.withMemoryRebound(to: CChar.self) { text in
                    clua_add_text(&call, text.baseAddress, text.count)
                    clua_add_integer(&call, listPrice.nanos)
                    clua_add_integer(&call, gigabytes)
                    return clua_call(state, &call)
                }
            }
        case .purchaseBonus(let type, let amount):
            clua_add_word(&call, RuleWords.index(of: type))
            clua_add_integer(&call, amount.nanos)
            status = clua_call(state, &call)
        case .usage(_, let type, let quantity, let thisMonth):
            clua_add_word(&call, RuleWords.index(of: type))
            clua_add_integer(&call, quantity.count)
            clua_add_integer(&call, thisMonth)
            status = clua_call(state, &call)
        }
        guard status == .CLUA_OK else {
            isSpent = true
            throw Self.error(status, in: state, loading: false)
        }
        switch name {
        case .sessionRuntime, .storage: return .tariff(try tariff(query))
        case .spacePurchase, .purchaseBonus, .meter: return .amount(try amount(query))
        }
    }

    // MARK: - Line by line

    /// As ``evaluate(_:)``, and what ran on the way, line by line, at most so many of them.
    func trace(_ query: PriceQuery, most: Int) -> (Result<PriceAnswer, RuleError>, [RuleTrace.Step], isCut: Bool) {
        precondition(query.rule == name, "a rule was asked for another kind of price")
        let steps = UnsafeMutablePointer<clua_steps>.allocate(capacity: 1)
        steps.initialize(to: clua_steps())
        steps.pointee.most = Int32(most)
        defer {
            clua_free_steps(steps)
            steps.deallocate()
        }
        clua_record_steps(state, steps)
        defer { clua_record_steps(state, nil) }
        let outcome = Result { () throws(RuleError) in try call(query) }
        return (outcome, steps.pointee.decoded, steps.pointee.is_cut)
    }

    // MARK: - Reading the answer

    private func tariff(_ query: PriceQuery) throws(RuleError) -> Tariff {
        let first = clua_result(state, 0)
        let second = clua_result(state, 1)
        guard clua_result(state, 2).kind == .CLUA_NIL else {
            throw mistake(query, "returned more than two values; a rate and a list rate are all it may return")
        }
        if first.kind == .CLUA_INTEGER {
            let rate = try self.rate(first, "rate", query)
            return Tariff(
                rate: rate, listRate: second.kind == .CLUA_NIL ? rate : try self.rate(second, "list rate", query))
        }
        guard first.kind == .CLUA_TABLE else { throw notAnInteger(first, "rate", query) }
        var tariff = try steps(query)
        tariff.listRate = second.kind == .CLUA_NIL ? tariff.rate : try rate(second, "list rate", query)
        return tariff
    }

    private func steps(_ query: PriceQuery) throws(RuleError) -> Tariff {
        let count = Int(clua_rows(state))
        guard count > 0 else {
            throw mistake(query, "returned a table that is not a list of steps { {from_hours, rate}, ... }")
        }
        guard count <= Tariff.maximumSteps else {
            throw mistake(query, "returned \(count) steps, at most \(Tariff.maximumSteps) are allowed")
        }
        var tariff = Tariff.free
        var last: Int64 = -1
        for row in 1...Int32(count) {
            guard clua_row_width(state, row) == 2 else {
                throw mistake(query, "returned a step \(row) that is not {from_hours, rate}")
            }
            let from = clua_row_value(state, row, 1)
            guard from.kind == .CLUA_INTEGER else { throw notAnInteger(from, "from_hours of step \(row)", query) }
            guard row > 1 || from.integer == 0 else {
                throw mistake(query, "returned steps that begin at hour \(from.integer); the first begins at 0")
            }
            guard from.integer > last else {
                throw mistake(
                    query,
                    "returned step \(row) from hour \(from.integer) after one from hour \(last); they must ascend")
            }
            guard from.integer <= Self.maximumHours else {
                throw mistake(query, "returned step \(row) from hour \(from.integer), beyond \(Self.maximumHours)")
            }
            last = from.integer
            let rate = try self.rate(clua_row_value(state, row, 2), "rate of step \(row)", query)
            if row == 1 {
                tariff.rate = rate
            } else {
                tariff.steps.append(Tariff.Step(from: .hours(from.integer), rate: rate))
            }
        }
        return tariff
    }

    /// 114 years; later steps would not fit into a ``TimeSpan`` comfortably.
    private static let maximumHours: Int64 = 1_000_000

    private func amount(_ query: PriceQuery) throws(RuleError) -> Money {
        guard clua_result(state, 1).kind == .CLUA_NIL, clua_result(state, 2).kind == .CLUA_NIL else {
            throw mistake(query, "returned more than one value; an amount is all it may return")
        }
        let ceiling = RuleSandbox.maximumAmount.nanos
        return Money(nanos: try price(clua_result(state, 0), "amount", ceiling: ceiling, query))
    }

    private func rate(_ value: clua_value, _ what: @autoclosure () -> String, _ query: PriceQuery) throws(RuleError)
        -> Int64
    {
        try price(value, what(), ceiling: Tariff.maximumRate, query)
    }

    private func price(
        _ value: clua_value, _ what: @autoclosure () -> String, ceiling: Int64, _ query: PriceQuery
    ) throws(RuleError) -> Int64 {
        guard value.kind == .CLUA_INTEGER else { throw notAnInteger(value, what(), query) }
        let nanos = value.integer
        guard nanos >= 0 else {
            throw mistake(query, "returned a negative \(what()), \(nanos) (\(Money(nanos: nanos)) USD)")
        }
        guard nanos <= ceiling else {
            let limit = Money(nanos: ceiling)
            throw mistake(
                query,
                "returned the \(what()) \(nanos) (\(Money(nanos: nanos)) USD), above the ceiling of \(limit) USD")
        }
        return nanos
    }

    private func notAnInteger(_ value: clua_value, _ what: String, _ query: PriceQuery) -> RuleError {
        mistake(
            query,
            "returned \(value.described) as \(what); prices are integers in nano-USD, as usd\"0.05\" gives")
    }

    private func mistake(_ query: PriceQuery, _ text: String) -> RuleError {
        RuleError(.result, "\(query.call) \(text)")
    }

    // MARK: - States

    static func makeState(_ sandbox: RuleSandbox, words: [StaticString] = RuleWords.all) throws(RuleError)
        -> OpaquePointer
    {
        let pointers = words.map { word in
            UnsafeRawPointer(word.utf8Start).assumingMemoryBound(to: CChar.self) as UnsafePointer<CChar>?
        }
        guard
            let state = pointers.withUnsafeBufferPointer({ clua_new(sandbox.limits, $0.baseAddress, Int32($0.count)) })
        else { throw RuleError(.memory, "the sandbox itself needs more than \(sandbox.memory) bytes") }
        return state
    }

    static func error(_ status: clua_status, in state: OpaquePointer, loading: Bool) -> RuleError {
        let text = String(cString: clua_error(state))
        return switch status {
        case .CLUA_BUDGET: RuleError(.budget, text)
        case .CLUA_MEMORY: RuleError(.memory, text)
        case .CLUA_SYNTAX: RuleError(.source, text)
        default: RuleError(loading ? .source : .runtime, text)
        }
    }

    // MARK: - Looking inside

    /// Bytes alive, and blocks ever asked for.
    package var usage: (memory: Int, asked: Int, allocations: UInt64) {
        let usage = clua_measure(state)
        return (usage.memory, usage.asked, usage.allocations)
    }

    /// What the last call cost of its budget, in instructions; to the hundred below, unless all are counted.
    package var instructions: Int { Int(clua_measure(state).instructions) }

    /// Everything that code in the sandbox can reach: `function _ENV.math.floor`, a line each, in no order.
    package func reachable() -> [String] {
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        let length = buffer.withUnsafeMutableBufferPointer { clua_enumerate(state, $0.baseAddress, $0.count) }
        return buffer[..<length].split(separator: CChar(UInt8(ascii: "\n"))).map {
            String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }
}

/// The texts that rules get as arguments, interned once per state.
enum RuleWords {
    static let all: [StaticString] = [
        "free", "pro", "enterprise", "admin", "small", "medium", "large", "gpu", "bucket", "filestore",
    ]

    static func index(of type: UserType) -> Int32 { Int32(type.rawValue) }
    static func index(of tier: Tier) -> Int32 { 4 + Int32(tier.rawValue) }
    static func index(of kind: StorageKind) -> Int32 { 8 + Int32(kind.rawValue) }

    static func type(at index: Int32) -> UserType? { UInt8(exactly: index).flatMap(UserType.init(rawValue:)) }
    static func tier(at index: Int32) -> Tier? { UInt8(exactly: index - 4).flatMap(Tier.init(rawValue:)) }
}

extension clua_value {
    /// "the float 0.05", "nothing", for people.
    var described: String {
        switch kind {
        case .CLUA_NIL: return "nothing"
        case .CLUA_INTEGER: return "the integer \(integer)"
        case .CLUA_FLOAT: return "the float \(number)"
        case .CLUA_TEXT: return "the text \"\(string.prefix(40))\""
        case .CLUA_BOOLEAN: return integer != 0 ? "true" : "false"
        case .CLUA_TABLE: return "a table"
        case .CLUA_FUNCTION: return "a function"
        case .CLUA_OTHER, .CLUA_WORD, .CLUA_MONEY: return "an unknown value"
        }
    }

    var string: String {
        guard let text else { return "" }
        return String(
            decoding: UnsafeRawBufferPointer(start: text, count: Int(length)), as: UTF8.self)
    }
}

extension PriceQuery {
    /// The call as a person would write it: `session_runtime("free", "small", 0)`.
    package var call: String {
        let arguments: [String] = inputs.map { $0.value }
        return "\(rule.text)(\(arguments.joined(separator: ", ")))"
    }

    /// What the rule sees, by the names of its parameters; text is quoted.
    package var inputs: [(name: String, value: String)] {
        switch self {
        case .sessionRuntime(let type, let tier, let seconds):
            [("user_type", "\"\(type.text)\""), ("tier", "\"\(tier.text)\""), ("seconds_this_month", "\(seconds)")]
        case .storage(let type, let kind, let megabytes):
            [("user_type", "\"\(type.text)\""), ("kind", "\"\(kind.text)\""), ("gigabytes", "\(megabytes / 1000)")]
        case .spacePurchase(let type, let space, let listPrice, let gigabytes):
            [
                ("user_type", "\"\(type.text)\""), ("space", "\"\(space.string)\""),
                ("list_price", "\(listPrice.nanos)"), ("size_gb", "\(gigabytes)"),
            ]
        case .purchaseBonus(let type, let amount):
            [("user_type", "\"\(type.text)\""), ("amount", "\(amount.nanos)")]
        case .usage(_, let type, let quantity, let thisMonth):
            [
                ("user_type", "\"\(type.text)\""), ("quantity", "\(quantity.count)"),
                ("quantity_this_month", "\(thisMonth)"),
            ]
        }
    }
}
