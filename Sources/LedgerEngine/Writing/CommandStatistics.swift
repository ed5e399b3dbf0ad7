internal import LedgerCore

/// Calls, refusals and time by command: what INFO shows under commandstats. The writer's own.
struct CommandStatistics {
    private var rows: [EngineInfo.Command] = []
    /// By where a name's text lies: each type of command has one of its own.
    private var index: [UInt: Int] = [:]

    mutating func count(_ name: StaticString, took nanoseconds: UInt64, rejected: Bool) {
        let row = row(of: name)
        rows[row].calls += 1
        rows[row].nanoseconds += nanoseconds
        if rejected { rows[row].rejected += 1 }
    }

    private mutating func row(of name: StaticString) -> Int {
        let place = UInt(bitPattern: name.utf8Start)
        if let row = index[place] { return row }
        let text = "\(name)"
        let row = rows.firstIndex { $0.name == text } ?? rows.count
        if row == rows.count { rows.append(EngineInfo.Command(name: text, calls: 0, rejected: 0, nanoseconds: 0)) }
        index[place] = row
        return row
    }

    /// Those that were called.
    var table: [EngineInfo.Command] { rows }
}

extension WorkItem {
    /// As clients write it.
    var name: StaticString {
        switch self {
        case .barrier: "WAIT"
        case .command(let command), .issue(let command, _): command.name
        case .admit: "SESSION ADMIT"
        case .verify: "PASSPORT VERIFY"
        case .query, .storageSizes: "READ"
        case .quote: "SESSION QUOTE"
        case .usageQuote: "USAGE QUOTE"
        case .ruleLoad: RuleLoad.name
        case .ruleActivate: RuleActivate.name
        case .ruleMaterial: "RULE CHECK"
        case .info: "INFO"
        case .clock: "CLOCK"
        case .clockSet: "CLOCK SET"
        case .program(let program): program.name
        }
    }

    /// Whom it is about, for SLOWLOG.
    var subject: Subject {
        switch self {
        case .command(let command), .issue(let command, _): command.subject
        case .quote(let user, _, _), .usageQuote(let user, _, _): .user(user)
        case .barrier, .admit, .verify, .query, .storageSizes, .ruleLoad, .ruleActivate, .ruleMaterial, .info, .clock,
            .clockSet, .program:
            .nobody
        }
    }
}
