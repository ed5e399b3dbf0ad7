internal import LedgerCore

/// What may come, what was, and what goes on: reads that change nothing.
extension CommandTable {
    static let lookingCommands = [runway, dryRun]

    /// An event as a map, for who follows the ledger or asks what would be recorded.
    package static let eventFields = [
        "lsn", "time", "type", "user", "origin", "group", "as_of", "from", "to", "linked", "id", "moves", "amount",
        "source", "expired", "session", "storage", "hold", "labels", "available", "paid", "promo", "held", "debt",
    ]

    private static let runway = CommandSpec(
        .runway, "RUNWAY", .looking, .readOwn, .table, [.need("user", .user)],
        "How long a user's credit lasts if nothing changes, and what uses it.",
        notes: [
            "`empty_at` is as in the receipt of `SESSION ADMIT`: all open sessions, all that is stored and the lots that expire together, each lot paying for what its scope names. It is null where that is never, and `time` where it is now. Steps of a price and the lengths of months are in it; `burn_rate` is that of now, and goes on: a TTL ends no session in it.",
            "`available` leaves out what pays for certain sources only, which is `scoped`; what is held is in neither. `first_expiry` and `expiring` are about all lots.",
        ],
        reply: .map([
            "user", "time", "burn_rate", "sessions", "session_rate", "storage_gb", "storage_rate", "available",
            "scoped", "debt", "first_expiry", "expiring", "empty_at", "seconds_left",
        ]), examples: ["RUNWAY u_ada"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        return ParsedCommand(a, .query(.runway(user: user)), on: .user(user))
    }

    private static let dryRun = CommandSpec(
        .dryRun, "DRYRUN", .looking, .ofCommand, .list, [.need("command", .words, "one that changes the ledger")],
        "What a command would answer and record, by the code that carries it out; nothing of it is done.",
        notes: [
            "It needs the permission of the command itself, a KEY where that needs one, and what the command would wait for. `receipt` is that of the command, null where it is refused: then `refused` is a map of `code` and `text`. With a KEY that was used before, it is the receipt of then (`replayed` 1), and nothing would be recorded.",
            "`events` are what the journal would get, in order, 1000 at most (`more_events`: how many more), each a map: \(eventFields.map { "`\($0)`" }.joined(separator: " ")). `moves` is `debit` or `credit`, and null where the event is neither; `origin` is `command`, `script` (EVAL), `transaction` (EXEC), or `timer` for what an instant brings; `group` is the first event that was recorded with it, `linked` one that it is about; `available` to `debt` are the user's account after it. `type` is as in `florin journal`. `books` is a map: account → what it changes by, signed as in `INFO books`.",
            "`lsn` is the number that it would have now: who asks next may take it. Ids are made of it, and are not kept either. Nothing is journaled, no KEY is remembered, no key to texts is made, no limit of requests counts it. Of a new passport's secret there is none: `secret` is `(not made)`.",
            "`CLOCK ACCEPT` and `CLOCK SET` cannot be tried: they move the clock, which the ledger follows; `CLOCK` says what would come of it.",
        ],
        reply: .map(["receipt", "refused", "lsn", "events", "more_events", "books"]),
        examples: ["DRYRUN CREDIT CHARGE u_ada 0.0375 api", "DRYRUN USER SET u_ada TYPE enterprise"]
    ) { a, context throws(CommandError) in
        let inner = try CommandParser.parse(a.words.dropFirst(1), context)
        let spec = CommandTable.spec(inner.id)
        guard spec.lane != .program else {
            throw .invalid("\(spec.name) cannot be tried: of a script that ends with an error nothing is kept")
        }
        guard spec.lane.isWrite else {
            throw .invalid("DRYRUN is for commands that change the ledger: \(spec.name) can be asked as it is")
        }
        guard ![.clockAccept, .clockSet].contains(inner.id) else {
            throw .invalid(
                "\(spec.name) cannot be tried, for it moves the clock itself: CLOCK says what would come of it")
        }
        return ParsedCommand(a, .dryRun(inner), on: inner.target)
    }
}
