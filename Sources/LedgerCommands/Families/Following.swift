internal import LedgerCore

/// Going on where others are: what clients send, and what is recorded.
extension CommandTable {
    static let followingCommands = [monitor, tailFrom, tailStop]

    private static let monitor = CommandSpec(
        .monitor, "MONITOR", .looking, .adminAll, .following, [],
        "Show every command that clients send from now on, a line each.",
        notes: [
            "The lines are those of Redis' `MONITOR`, in both versions of the protocol: time, database and address, then the words in quotes. Whatever is or looks like a passport's secret is `(redacted)`; personal data is not. A word is shown up to 1024 bytes. Commands are shown as they come, also those that are refused.",
            "It ends with `RESET`, `QUIT` or the connection; `PING` is answered meanwhile, and nothing else. A connection that reads too slowly is told how many commands it was not shown. It costs the server some time for each command, and nothing while nobody watches.",
        ],
        reply: .other("OK, then a line for each command"), examples: ["MONITOR"]
    ) { a, _ in ParsedCommand(a, .follow(.monitor)) }

    private static let tailFrom = CommandSpec(
        .tailFrom, "TAIL FROM", .looking, .adminAll, .following,
        [
            .need("lsn", .tailStart), .option("USER", "u", .user, "only what is about this user"),
            .option("COUNT", "n", .count, "default: pushed without end; as an answer 100"),
            .option(
                "BLOCK", "d", .timeout, "the answer waits so long for an event; default: events are pushed in RESP3"),
        ],
        "Every event of the ledger from a number on, once and in order.",
        notes: [
            "In RESP3 (`HELLO 3`) and without `BLOCK`, the answer is OK, and each event comes as a push message `tail` and a map; other commands are answered in between. `TAIL STOP`, `RESET` and `HELLO 2` end it, and COUNT does: the last message is then `tail-end` and the number to go on with. An event is pushed when it is on disk.",
            "In RESP2, or with `BLOCK`, it is one answer: the number to go on with, and the next events (COUNT at most, and about a megabyte). It waits until there is one; after BLOCK, the list is empty. Nothing behind it on the connection is read meanwhile.",
            "`$` or `now` begins with what is recorded from now on; a number that no event has yet waits for it. Events are numbered from 1 and never deleted, so a reader that keeps the number of its last event goes on behind it after whatever happened to it or the server. A reader is never too slow: it is given more when it has taken what it was given, from the journal.",
            "An event is a map: \(eventFields.map { "`\($0)`" }.joined(separator: " ")), as in `DRYRUN`. Personal texts are in none.",
        ],
        reply: .other("OK and push messages; or [the next number, [event, …]]"),
        examples: ["TAIL FROM 1 COUNT 10 BLOCK 0", "TAIL FROM $ USER u_ada", "TAIL FROM 918302 BLOCK 5s"]
    ) { a, context throws(CommandError) in
        let tail = FollowCommand.Tail(
            from: try a.tailStart(0),
            user: try a.given("USER").map { field throws(CommandError) in try a.user(field, context) },
            count: try a.given("COUNT").map { field throws(CommandError) in Int(try a.integer(field, 1...10_000)) },
            block: try a.given("BLOCK").map { field throws(CommandError) in try timeout(a, field) ?? .zero })
        return ParsedCommand(a, .follow(.tail(tail)))
    }

    private static let tailStop = CommandSpec(
        .tailStop, "TAIL STOP", .looking, .adminAll, .connection, [], "End the push messages of TAIL FROM.",
        reply: .other("an integer: the number of the event to go on with"), examples: ["TAIL STOP"]
    ) { a, _ in ParsedCommand(a, .follow(.tailStop)) }
}
