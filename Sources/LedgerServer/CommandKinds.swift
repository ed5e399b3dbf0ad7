internal import LedgerCommands
internal import LedgerCore

extension Pipeline.Kind {
    /// What a command has to wait for, and what has to wait for it, so that each command sees exactly what came before
    /// it on its connection, whatever it was.
    init(_ id: CommandID) {
        self =
            switch CommandTable.lane(id) {
            case .connection, .view, .table: .read
            // Others get in between: its own client's writes have come through by then, and later ones wait.
            case .identity, .list, .history, .operations: .history
            case .write: .write
            // What comes behind must not get to the writer first; behind a barrier it is to see what was waited for.
            case .procedure, .barrier: .exclusive
            // What is watched is known to the EXEC behind it when it comes back.
            case .program: id == .watch ? .exclusive : .program
            case .gate: .gate
            case .following: .alone
            }
    }
}

extension ParsedCommand {
    /// What of a client's answers under way this one may take: the rows of a page have some 256 bytes. What keeps the
    /// writer or a reader busy for longer than its answer is long counts for as much as a page.
    func share(_ lane: CommandSpec.Lane) -> Int {
        switch ask {
        case .query(let query):
            if let page = query.page { return min(page.count, 1000) * 256 }
            // A closed hold is looked for in its user's past; the others of these have lists for answers.
            if case .hold = query { return 16 << 10 }
            return lane == .list ? 64 << 10 : 0
        case .history(let range): return range.page.count * 256
        case .quote, .usageQuote, .explain, .ruleShadow, .ruleDiff: return 16 << 10
        case .summary, .at, .ledgerAt, .diff, .ruleCheck, .dryRun: return 64 << 10
        case .ruleStep: return 256 << 10
        case .ruleBacktest(let draft): return 64 << 10 + draft.count * (draft.admits ? 1024 : 256)
        case .server(.info), .server(.clock): return 16 << 10
        case .mutation, .passportCreate, .passportRotate, .admit, .refund, .ruleLoad, .ruleActivate, .verify, .balance,
            .connection, .follow, .server, .local, .script, .fork:
            return 0
        // Its source and arguments are kept as long.
        case .evaluate(let it): return 8 << 10 + it.weight
        case .transaction: return 8 << 10
        }
    }

    /// What the answer needs to know of the request, besides what the result says.
    func detail(_ lane: CommandSpec.Lane) -> Pipeline.Detail {
        if case .hold(let hold) = target { return .hold(hold) }
        guard !lane.isWrite else { return .none }
        if case .verify(_, let permission) = ask { return .permission(permission) }
        if case .server(.info(let sections)) = ask { return .sections(sections) }
        return .none
    }
}
