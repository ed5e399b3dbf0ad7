internal import LedgerCore

/// What may come, what was, and what goes on: reads that change nothing.
extension CommandTable {
    static let lookingCommands = [runway]

    private static let runway = CommandSpec(
        .runway, "RUNWAY", .looking, .readOwn, .table, [.need("user", .user)],
        "How long a user's credit lasts if nothing changes, and what uses it.",
        notes: [
            "`empty_at` is as in the receipt of `SESSION ADMIT`: all open sessions, all that is stored and the lots that expire together, each lot paying for what its scope names. It is null where that is never, and `time` where it is now. Steps of a price and the lengths of months are in it; `burn_rate` is that of now.",
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
}
