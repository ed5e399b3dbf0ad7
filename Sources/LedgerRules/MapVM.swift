internal import CLua
package import LedgerCore

/// The map of an import: a Lua function from the columns of one job to what is billed, in the sandbox of the rules with
/// larger budgets.
///
/// Used by one thread at a time. Costs about 1.5 µs a job. Texts of errors begin with the map's name and line.
package final class MapVM {
    /// What a map returned for a job.
    package struct Job: Hashable, Sendable {
        package var user: String
        package var type: UserType
        package var tier: Tier
        /// Seconds, ≥ 0.
        package var seconds: Int64
        /// Unix seconds.
        package var start: Int64
        /// The session's id, where the map gives one.
        package var session: String?
    }

    private let name: String
    private let columns: Int32
    private let state: OpaquePointer

    /// `columns` are the names of a job's fields, in the order in which ``map(_:)`` gets their values.
    package init(name: String, source: String, columns: [StaticString], sandbox: RuleSandbox = .map) throws(RuleError) {
        self.name = name
        self.columns = Int32(columns.count)
        state = try RuleVM.makeState(sandbox, words: columns + Field.allCases.map(\.word))
        var source = source
        let status = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { clua_load(state, $0.baseAddress, $0.count, name) }
        }
        guard status == .CLUA_OK else { throw RuleVM.error(status, in: state, loading: true) }
    }

    deinit { clua_free(state) }

    /// Nil when the map skips the job.
    package func map(_ values: [Int64]) throws(RuleError) -> Job? {
        precondition(values.count == Int(columns), "a job has more or fewer values than columns")
        let status = clua_call_with_fields(state, values, columns)
        guard status == .CLUA_OK else { throw RuleVM.error(status, in: state, loading: false) }
        let result = clua_result(state, 0)
        if result.kind == .CLUA_NIL { return nil }
        guard result.kind == .CLUA_TABLE else {
            throw mistake(
                "returned \(result.described) instead of a table { user =, type =, tier =, seconds =, start = }")
        }
        let fields = Field.allCases.map { index(of: $0) }
        if let unknown = clua_unknown_field(state, fields, Int32(fields.count)) {
            throw mistake(
                "returned a field \(String(cString: unknown)); user, type, tier, seconds, start and session are known")
        }
        guard let type = UserType(text: try text(.type)) else {
            throw mistake("returned the type \"\(try text(.type))\"; the types are free, pro, enterprise, admin")
        }
        guard let tier = Tier(text: try text(.tier)) else {
            throw mistake("returned the tier \"\(try text(.tier))\"; the tiers are small, medium, large, gpu")
        }
        let seconds = try integer(.seconds)
        guard seconds >= 0 else { throw mistake("returned \(seconds) seconds") }
        let start = try integer(.start)
        let session = value(of: .session)
        return Job(
            user: try identifier(.user), type: type, tier: tier, seconds: seconds, start: start,
            session: session.kind == .CLUA_NIL ? nil : try identifier(.session))
    }

    private enum Field: Int32, CaseIterable {
        case user, type, tier, seconds, start, session

        var word: StaticString {
            switch self {
            case .user: "user"
            case .type: "type"
            case .tier: "tier"
            case .seconds: "seconds"
            case .start: "start"
            case .session: "session"
            }
        }
    }

    private func index(of field: Field) -> Int32 { columns + field.rawValue }
    private func value(of field: Field) -> clua_value { clua_field(state, index(of: field)) }

    private func text(_ field: Field) throws(RuleError) -> String {
        let value = value(of: field)
        guard value.kind == .CLUA_TEXT else { throw wrong(value, field, "text") }
        return value.string
    }

    private func integer(_ field: Field) throws(RuleError) -> Int64 {
        let value = value(of: field)
        guard value.kind == .CLUA_INTEGER else { throw wrong(value, field, "an integer") }
        return value.integer
    }

    /// Text, or an integer that becomes text; not empty.
    private func identifier(_ field: Field) throws(RuleError) -> String {
        let value = value(of: field)
        switch value.kind {
        case .CLUA_INTEGER: return "\(value.integer)"
        case .CLUA_TEXT where value.length > 0: return value.string
        case .CLUA_TEXT: throw mistake("returned an empty '\(field.word)'")
        default: throw wrong(value, field, "a text or an integer")
        }
    }

    private func wrong(_ value: clua_value, _ field: Field, _ expected: String) -> RuleError {
        value.kind == .CLUA_NIL
            ? mistake("returned no '\(field.word)'")
            : mistake("returned \(value.described) as '\(field.word)'; it must be \(expected)")
    }

    private func mistake(_ text: String) -> RuleError { RuleError(.result, "\(name): \(text)") }
}
