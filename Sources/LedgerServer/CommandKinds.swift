internal import LedgerCommands
internal import LedgerCore

extension ParsedCommand {
    /// What it has to wait for, and what has to wait for it, so that each command sees exactly what came before it on
    /// its connection, whatever kind of command that was.
    var kind: Pipeline.Kind {
        switch ask {
        // Views have the limit on requests, which VERIFY asks even in the writer's turn.
        case .mutation(.limitSet): .gate
        case .mutation, .passportCreate, .passportRotate, .admit: .write
        // The journal is read, or a rule examined, before the writer is asked: what comes behind must not get there
        // first.
        case .refund, .ruleLoad, .ruleActivate: .exclusive
        case .query(let query): query.isLong ? .history : .read
        case .quote, .verify, .balance: .read
        case .history, .summary, .explain, .ruleCheck: .history
        case .connection(let command):
            switch command {
            // A passport is looked up where a revocation shows when it is durable.
            case .auth, .hello(_, auth: .some, _): .history
            case .hello(_, auth: nil, _), .quit, .reset, .setName, .getName, .setInfo, .id, .info, .list: .read
            }
        case .local: .read
        case .server(let command):
            switch command {
            // What is waited for is to be seen by what comes behind.
            case .wait: .exclusive
            case .info, .databaseSize, .clock, .slowlogGet, .slowlogLength, .slowlogReset, .snapshot: .history
            case .time, .shutdown: .read
            }
        }
    }
}

extension Query {
    /// Takes the writer so long that it is asked aside: between the loads of others, one at a time, where its own
    /// client's writes have come through and later ones wait.
    var isLong: Bool {
        switch self {
        case .users, .passports, .lots, .holds, .sessions, .resources, .spaces, .limits, .rules, .priceBooks, .books,
            .ruleSource:
            true
        case .user, .passport, .hold, .session, .quote: false
        }
    }
}

extension ParsedCommand {
    /// What of a client's answers under way this one may take: the rows of a page have some 256 bytes. What keeps the
    /// writer or a reader busy for longer than its answer is long counts for as much as a page.
    var share: Int {
        switch ask {
        case .query(let query):
            switch query {
            case .users(let page), .passports(_, let page), .lots(_, let page), .holds(_, let page),
                .sessions(_, _, let page), .resources(_, let page), .spaces(let page, _):
                min(page.count, 1000) * 256
            case .ruleSource: 64 << 10
            case .limits, .rules, .priceBooks, .books: 16 << 10
            // A closed one is looked for in its user's past.
            case .hold: 16 << 10
            case .user, .passport, .session, .quote: 0
            }
        case .history(let range): range.page.count * 256
        case .quote, .explain: 16 << 10
        case .summary, .ruleCheck: 64 << 10
        case .server(.info), .server(.clock): 16 << 10
        case .mutation, .passportCreate, .passportRotate, .admit, .refund, .ruleLoad, .ruleActivate, .verify, .balance,
            .connection, .server, .local:
            0
        }
    }

    /// What the answer needs to know of the request, besides what the result says.
    var detail: Pipeline.Detail {
        if case .verify(_, let permission) = ask { return .permission(permission) }
        if case .server(.info(let sections)) = ask { return .sections(sections) }
        if case .mutation(.holdCapture(let capture)) = ask { return .hold(capture.hold) }
        if case .mutation(.holdVoid(let it)) = ask { return .hold(it.hold) }
        return .none
    }
}
