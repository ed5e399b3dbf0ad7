package import LedgerCore

/// The ledger in another world: what would be if.
extension CommandTable {
    static let forkCommands = [forkNew, forkRun, forkAdvance, forkDiff, forkList, forkDrop]

    private static let name = Field.need("name", .word, "of this connection's fork")

    private static let forkNew = CommandSpec(
        .forkNew, "FORK NEW", .fork, .adminAll, .barrier, [name],
        "Begin another world: the whole ledger as it is now, with a clock of its own.",
        notes: [
            "A fork is made as a server starts: the newest snapshot, and what was recorded since. So it takes as long as a start (`seconds`), some hundredths of a second for a small ledger and one to two seconds for a million users, and as much memory as the ledger. It is made beside the ledger, which goes on.",
            "It belongs to its connection and ends with it. Nothing that happens in it leaves it: it is kept in memory, and recorded nowhere. INFO memory counts all of them (`forks`), INFO forks lists them.",
            "`serve --fork-memory` bounds what they take together, and one of them may grow by half of that at most. A fork that has come there can be read and changes no more (READONLY, and FORK ADVANCE ends).",
        ],
        reply: .map(["name", "lsn", "time", "began", "users", "seconds"]), examples: ["FORK NEW what-if"],
        since: "0.2.0"
    ) { a, _ throws(CommandError) in ParsedCommand(a, .fork(.new(try a.word(0)))) }

    private static let forkRun = CommandSpec(
        .forkRun, "FORK RUN", .fork, .adminAll, .barrier, [name, .need("command", .words, shown: "command …")],
        "Carry out a command in a fork.",
        notes: [
            "Any command but those about the connection, the server, or forks; MULTI, EXEC, DISCARD, WATCH and UNWATCH are about the fork then. A new price: `FORK RUN f RULE LOAD …`, then `FORK RUN f RULE ACTIVATE …`.",
            "It takes the permission that the command takes, whatever stands around it (AT, DRYRUN), and every permission for a script; caps of the passport and keys that are required do not count in a fork.",
        ],
        reply: .other("what the command answers"),
        examples: ["FORK RUN what-if CREDIT CHARGE u1 5 api", "FORK RUN what-if CREDIT BALANCE u1"], since: "0.2.0"
    ) { a, _ throws(CommandError) in
        let words = (3..<max(3, a.words.count)).map { Array(a.words[$0]) }
        return ParsedCommand(a, .fork(.run(try a.word(0), words)))
    }

    private static let forkAdvance = CommandSpec(
        .forkAdvance, "FORK ADVANCE", .fork, .adminAll, .barrier,
        [name, .need("by", .words, "a duration, or TO and a time", shown: "d|TO t")],
        "Let time pass in a fork: whatever is due by then happens, at the instant at which it is due.",
        notes: [
            "Sessions go on and are charged; those with a HEARTBEAT are lost when nobody is heard (`FORK RUN f SESSION HEARTBEAT s`).",
            "It ends early when the fork has no more memory, when the server stops, and some seconds after the connection has sent its last; then the error says how far it came, of which the last piece may still be due.",
        ],
        reply: .map(["name", "time", "lsn"]),
        examples: ["FORK ADVANCE what-if 20d", "FORK ADVANCE what-if TO 2027-01-01"],
        since: "0.2.0"
    ) { a, _ throws(CommandError) in
        let rest = a.rest.dropFirst()
        if rest.count == 2, rest.first?.uppercased() == "TO" {
            var text = rest.last!
            guard let time = text.withUTF8({ TimeText(UnsafeRawBufferPointer($0)).time }) else {
                throw .invalid("'\(rest.last!)' is not \(FieldKind.time.expected)")
            }
            return ParsedCommand(a, .fork(.advanceTo(try a.word(0), time)))
        }
        guard rest.count == 1, let span = TimeSpan(rest.first!), span > .zero, span <= .days(3660) else {
            throw .invalid("FORK ADVANCE takes a duration of at most 3660d (like 20d), or TO and a time")
        }
        return ParsedCommand(a, .fork(.advance(try a.word(0), span)))
    }

    private static let forkDiff = CommandSpec(
        .forkDiff, "FORK DIFF", .fork, .adminAll, .barrier,
        [name, .option("COUNT", "n", .count, "users at most", standard: "100")],
        "What is different in a fork from where it began: who has changed, and by how much.",
        notes: [
            "`users` has those whom it changed most first: `available` and `debt` before and now, what they were charged (`spent`), how many of their sessions ended, and when the first of them ran out of credit (`exhausted`; null: none did)."
        ],
        reply: .map([
            "name", "since", "lsn", "time", "events", "users_changed", "sessions_exhausted", "spent", "users",
        ]), examples: ["FORK DIFF what-if COUNT 10"], since: "0.2.0"
    ) { a, _ throws(CommandError) in
        var count = 100
        if let field = a.given("COUNT") { count = Int(try a.integer(field, 1...10_000)) }
        return ParsedCommand(a, .fork(.difference(try a.word(0), count: count)))
    }

    private static let forkList = CommandSpec(
        .forkList, "FORK LIST", .fork, .adminAll, .barrier, [], "The forks of this connection.",
        reply: .list(["name", "lsn", "time", "began", "users"]), examples: ["FORK LIST"], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .fork(.list)) }

    private static let forkDrop = CommandSpec(
        .forkDrop, "FORK DROP", .fork, .adminAll, .barrier, [name], "End a fork.", reply: .other("OK"),
        examples: ["FORK DROP what-if"], since: "0.2.0"
    ) { a, _ throws(CommandError) in ParsedCommand(a, .fork(.drop(try a.word(0)))) }
}

package enum ForkCommand: Hashable, Sendable {
    case new(ShortText)
    case run(ShortText, [[UInt8]])
    case advance(ShortText, TimeSpan)
    case advanceTo(ShortText, Timestamp)
    case difference(ShortText, count: Int)
    case list
    case drop(ShortText)
}
