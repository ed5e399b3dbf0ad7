/// What `COMMAND` and `COMMAND DOCS` say of a command, in the terms of Redis 7.
extension CommandSpec {
    /// Redis' arity: words of a request, negative where there may be more.
    package var arity: Int {
        let least = words.count + fields.filter { $0.isRequired }.reduce(0) { $0 + ($1.isOption && !$1.isFlag ? 2 : 1) }
        let isFixed = fields.allSatisfy { $0.isRequired && $0.kind != .words }
        return isFixed ? least : -least
    }

    package var redisName: String { words.joined(separator: "|").lowercased() }

    package var flags: [String] {
        switch lane {
        case .connection, .identity: ["loading", "stale", "fast"] + (access == .open ? ["no_auth"] : [])
        case .view: ["readonly", "fast"]
        case .table, .list, .history: ["readonly"]
        case .write, .procedure, .program, .gate: access == .adminAll ? ["write", "admin"] : ["write"]
        case .operations, .barrier: access == .adminAll ? ["admin"] : []
        }
    }
}

extension CommandSpec.Lane {
    /// Who works for it, which is what a request costs.
    package var cost: String {
        switch self {
        case .connection, .identity: "Answered by the connection."
        case .view: "Answered from a published view, without the writer."
        case .table, .list: "Answered by the writer from its tables, in its place among the writes."
        case .history: "Read from the journal: grows with what is read."
        case .write, .procedure, .program, .gate: "Decided by the writer and answered when it is on disk."
        case .operations, .barrier: "Answered by the server."
        }
    }
}
