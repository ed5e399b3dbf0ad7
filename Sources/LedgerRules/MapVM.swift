internal import CLua
package import LedgerCore

/// The map of an import: a Lua function from the columns of one job to what is billed, in the sandbox of the rules with
/// larger budgets.
///
/// Used by one thread at a time. Costs about 1.3 µs a job. Texts of errors begin with the map's name and line.
package final class MapVM {
    /// What a map returned for a job. Used again for the next one, it allocates nothing.
    package struct Job: Hashable, Sendable {
        /// UTF-8, not empty.
        package var user: [UInt8] = []
        package var type = UserType.free
        package var tier = Tier.small
        /// Seconds, ≥ 0.
        package var seconds: Int64 = 0
        /// Unix seconds.
        package var start: Int64 = 0
        /// The session's id, where the map gives one; otherwise empty.
        package var session: [UInt8] = []

        package init() {}
    }

    private let name: String
    private let columns: Int32
    private let state: OpaquePointer
    /// Of the last result, in the order of ``Field``.
    private var values = [clua_value](repeating: clua_value(), count: Field.allCases.count)

    /// `columns` are the names of a job's fields, in the order in which ``map(_:)`` gets their values.
    package init(name: String, source: String, columns: [StaticString], sandbox: RuleSandbox = .map) throws(RuleError) {
        self.name = name
        self.columns = Int32(columns.count)
        state = try RuleVM.makeState(sandbox, words: columns + Field.allCases.map(\.word) + RuleWords.all)
        var source = source
        let status = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { clua_load(state, $0.baseAddress, $0.count, name) }
        }
        guard status == .CLUA_OK else { throw RuleVM.error(status, in: state, loading: true) }
    }

    deinit { clua_free(state) }

    /// False when the map skips the job.
    package func map(_ columns: UnsafeBufferPointer<Int64>, into job: inout Job) throws(RuleError) -> Bool {
        precondition(columns.count == Int(self.columns), "a job has more or fewer values than columns")
        let status = clua_call_with_fields(state, columns.baseAddress, self.columns)
        guard status == .CLUA_OK else { throw RuleVM.error(status, in: state, loading: false) }
        let result = clua_result(state, 0)
        if result.kind == .CLUA_NIL { return false }
        guard result.kind == .CLUA_TABLE else {
            throw mistake(
                "returned \(result.described) instead of a table { user =, type =, tier =, seconds =, start = }")
        }
        if let unknown = clua_fields(state, self.columns, Int32(values.count), &values) {
            throw mistake(
                "returned a field \(String(cString: unknown)); user, type, tier, seconds, start and session are known")
        }
        guard let type = RuleWords.type(at: try word(.type)) else {
            throw mistake(
                "returned the type \"\(value(of: .type).string)\"; the types are free, pro, enterprise, admin")
        }
        guard let tier = RuleWords.tier(at: try word(.tier)) else {
            throw mistake("returned the tier \"\(value(of: .tier).string)\"; the tiers are small, medium, large, gpu")
        }
        job.type = type
        job.tier = tier
        job.seconds = try integer(.seconds)
        guard job.seconds >= 0 else { throw mistake("returned \(job.seconds) seconds") }
        job.start = try integer(.start)
        try read(.user, into: &job.user)
        if value(of: .session).kind == .CLUA_NIL {
            job.session.removeAll(keepingCapacity: true)
        } else {
            try read(.session, into: &job.session)
        }
        return true
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

    private func value(of field: Field) -> clua_value { values[Int(field.rawValue)] }

    /// Which of ``RuleWords`` a text is; -1 for any other text.
    private func word(_ field: Field) throws(RuleError) -> Int32 {
        let value = value(of: field)
        guard value.kind == .CLUA_TEXT else { throw wrong(value, field, "text") }
        return value.integer < 0 ? -1 : Int32(value.integer) - columns - Int32(values.count)
    }

    private func integer(_ field: Field) throws(RuleError) -> Int64 {
        let value = value(of: field)
        guard value.kind == .CLUA_INTEGER else { throw wrong(value, field, "an integer") }
        return value.integer
    }

    /// Text, or an integer that becomes text; not empty.
    private func read(_ field: Field, into text: inout [UInt8]) throws(RuleError) {
        let value = value(of: field)
        text.removeAll(keepingCapacity: true)
        switch value.kind {
        case .CLUA_INTEGER: text.append(contentsOf: "\(value.integer)".utf8)
        case .CLUA_TEXT where value.length > 0:
            let bytes = UnsafeRawBufferPointer(start: value.text, count: Int(value.length))
            if bytes.allSatisfy({ $0 < 0x80 }) {
                text.append(contentsOf: bytes)
            } else {
                text.append(contentsOf: value.string.utf8)  // invalid UTF-8 repaired
            }
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
