internal import LedgerCore

extension CommandTable {
    static let operationCommands = [
        info, slowlogGet, slowlogLen, slowlogReset, latencyLatest, latencyRecent, latencyHistogram, dbsize, wait,
        snapshot,
        clock, clockAccept, clockSet, shutdown,
    ]

    private static let info = CommandSpec(
        .info, "INFO", .operations, .sections, .operations, [.may("section", .words)], "How the server is.",
        notes: [
            "The sections, whose fields have Redis' names where Redis has them: `server`, `clients`, `stats`, `memory`, `persistence`, `replication`, `commandstats`, `keyspace`, and the ledger's own: `ledger`, `books`, and where there are some, `followers` and `forks`. None named: all of them.",
            "In `commandstats`, `failed_calls` are those that the ledger refused (INSUFFICIENT, LIMIT, …), `rejected_calls` those that were refused before (a wrong argument, a missing permission). In `books`, parts of an account's name are joined by `/`.",
            "In `forks`, each line is a fork, the oldest first: its `name`, whose it is (`client`: as CLIENT ID answers there, `addr`, `user`), its `age` in seconds, the memory set aside for it (`memory_bytes`, of `serve --fork-memory`) and what it has taken since it began (`grown_bytes`). It ends with its connection.",
            "In `persistence`, `last_snapshot_frames` are the parts of the last snapshot that was made since the start, `last_snapshot_frames_reused` those of them in which nothing had changed since the one before, so that they were taken from it. `last_audit_lsn` and `last_audit_time` name the last snapshot that was proven to be what the journal leads to; `last_audit_verdict` is `ok`, `running`, `none` before the first audit, or what is wrong.",
        ],
        reply: .other("text: # Section, then name:value lines"), examples: ["INFO", "INFO persistence"]
    ) { a, _ in ParsedCommand(a, .server(.info(sections: a.rest.map { $0.lowercased() }))) }

    private static let slowlogGet = CommandSpec(
        .slowlogGet, "SLOWLOG GET", .operations, .adminAll, .operations, [.may("count", .count, "default 10")],
        "The commands that kept the writer longest of late, newest first.",
        notes: [
            "The words are the command's name and the id of the user it names: no other argument is kept. Redis' last two fields, the client's address and name, are empty: the writer knows no connections."
        ],
        reply: .other("a list of [id, unix seconds, microseconds, words, \"\", \"\"]"),
        examples: ["SLOWLOG GET 5"]
    ) { a, _ throws(CommandError) in
        ParsedCommand(a, .server(.slowlogGet(count: a.has(0) ? Int(try a.integer(0, 1...10_000)) : 10)))
    }

    private static let slowlogLen = CommandSpec(
        .slowlogLen, "SLOWLOG LEN", .operations, .monitor, .operations, [], "How many entries the slow log has.",
        reply: .other("an integer"), examples: ["SLOWLOG LEN"]
    ) { a, _ in ParsedCommand(a, .server(.slowlogLength)) }

    private static let slowlogReset = CommandSpec(
        .slowlogReset, "SLOWLOG RESET", .operations, .adminAll, .operations, [], "Empty the slow log.",
        reply: .other("OK"), examples: ["SLOWLOG RESET"]
    ) { a, _ in ParsedCommand(a, .server(.slowlogReset)) }

    private static let latencyLatest = CommandSpec(
        .latencyLatest, "LATENCY LATEST", .operations, .monitor, .operations, [],
        "What took the engine long of late and is no command's doing: the last of each kind.",
        notes: [
            "`sync`: writing and syncing events, from 5 ms on. `segment`: the journal went on in its next file. `seal` and `snapshot`: work beside the writer. `timers`: due instants that were carried out together, from 1 ms on.",
            "LATENCY RECENT shows them one by one, SLOWLOG GET what commands took, INFO commandstats what each kind of command does.",
        ],
        reply: .other("a list of [event, unix seconds, its milliseconds, the longest one's milliseconds]"),
        examples: ["LATENCY LATEST"]
    ) { a, _ in ParsedCommand(a, .server(.latencyLatest)) }

    private static let latencyRecent = CommandSpec(
        .latencyRecent, "LATENCY RECENT", .operations, .monitor, .operations, [.may("count", .count, "default 128")],
        "What took the engine long of late and is no command's doing, newest first; at most 1024 are kept.",
        notes: ["The events are those of LATENCY LATEST. The instant is that of its end."],
        reply: .other("a list of [unix microseconds, event, microseconds]"), examples: ["LATENCY RECENT 20"]
    ) { a, _ throws(CommandError) in
        ParsedCommand(a, .server(.latencyRecent(count: a.has(0) ? Int(try a.integer(0, 1...10_000)) : 128)))
    }

    private static let latencyHistogram = CommandSpec(
        .latencyHistogram, "LATENCY HISTOGRAM", .operations, .monitor, .operations, [.may("command", .words)],
        "For monitors of Redis; always empty. SLOWLOG GET and INFO commandstats show what takes long.",
        reply: .other("an empty map"), examples: ["LATENCY HISTOGRAM"]
    ) { a, _ in ParsedCommand(a, .local(.latencyHistogram)) }

    private static let dbsize = CommandSpec(
        .dbsize, "DBSIZE", .operations, .monitor, .operations, [], "How many users there are.",
        reply: .other("an integer"), examples: ["DBSIZE"]
    ) { a, _ in ParsedCommand(a, .server(.databaseSize)) }

    private static let wait = CommandSpec(
        .wait, "WAIT", .operations, .anyPassport, .barrier,
        [
            .need("lsn", .lsn),
            .may("timeout", .timeout, "default: as long as it takes"),
        ],
        "Wait until reads of this connection see an event, so that writes of another connection can be read here.",
        reply: .other("the last event that reads see, which is smaller than asked after a timeout"),
        examples: ["WAIT 4711 5s"]
    ) { a, _ throws(CommandError) in
        let lsn = LSN(try a.integer(0, 0...UInt64(Int64.max)))
        return ParsedCommand(a, .server(.wait(lsn, timeout: a.has(1) ? try timeout(a, 1) : nil)))
    }

    private static let snapshot = CommandSpec(
        .snapshot, "SNAPSHOT", .operations, .adminAll, .operations, [], "Begin a snapshot in the background.",
        notes: ["The prompt and the importer on a data directory are answered when the snapshot is made."],
        reply: .other("a line"), examples: ["SNAPSHOT"]
    ) { a, _ in ParsedCommand(a, .server(.snapshot)) }

    private static let clock = CommandSpec(
        .clock, "CLOCK", .operations, .monitor, .operations, [],
        "How the ledger's clock stands to the wall clock, and what CLOCK ACCEPT would do now.",
        notes: [
            "`mode` is ok, deviating (by more than a minute: nothing is refused, the ledger draws level slowly) or read-only; `reason` says why, null where it is ok. `deviation_seconds` is wall less ledger.",
            "`step_seconds` is how far CLOCK ACCEPT would step the ledger's time, to `accepted`: 0 where the wall is behind. By then `expiring_lots` end, with at most `expiring_credit` in them (less what was used while they were good), `expiring_holds`, and `ending_sessions` by their time to live. Some of it may be due already and only wait because the ledger is read-only.",
        ],
        reply: .map([
            "mode", "reason", "time", "wall", "deviation_seconds", "step_seconds", "accepted", "expiring_lots",
            "expiring_credit", "expiring_holds", "ending_sessions",
        ]),
        examples: ["CLOCK"]
    ) { a, _ in ParsedCommand(a, .server(.clock)) }

    private static let clockAccept = CommandSpec(
        .clockAccept, "CLOCK ACCEPT", .operations, .adminAll, .write, [], key: true,
        "Believe the wall clock, where it deviates so much that the ledger became read-only.",
        notes: [
            "Where the wall clock is ahead, this steps the ledger's time to it, at once and for good: what ends by then ends now, credit that expires included. Ask CLOCK first: it says what. The step counts as downtime, so nobody is lost for want of heartbeats in it.",
            "Where the wall clock is behind, recorded time goes on from where it is, since it only rises, and falls back slowly.",
        ],
        reply: .receipt([]),
        examples: ["CLOCK ACCEPT"]
    ) { a, _ in ParsedCommand(a, .mutation(.clockAccept(ClockAccept()))) }

    private static let clockSet = CommandSpec(
        .clockSet, "CLOCK SET", .operations, .adminAll, .write,
        [
            .need("time", .time),
            .option("DOWN", "t", .time, "from then on nobody could be heard or told; default: nothing was missed"),
        ],
        "Move the time of a driven ledger on.",
        notes: [
            "For a ledger that was begun by `serve --clock driven`: its time stands still in between, and only rises. What is due by then happens, at the instants at which it is due, before anything that is asked behind it."
        ],
        reply: .other("OK"), examples: ["CLOCK SET 2026-11-01T00:00:00Z"]
    ) { a, _ throws(CommandError) in
        let (time, down) = (try a.time(0), try a.time("DOWN"))
        guard time <= .lastOfClocks else { throw .invalid("a ledger's time ends at \(Timestamp.lastOfClocks)") }
        guard down ?? time <= time else { throw .invalid("DOWN is later than the time that is set") }
        return ParsedCommand(a, .server(.clockSet(time, downFrom: down)))
    }

    private static let shutdown = CommandSpec(
        .shutdown, "SHUTDOWN", .operations, .adminAll, .operations,
        [.may("mode", .words, "both mean the same here", shown: "SAVE|NOSAVE")],
        "Stop the server: what was asked is answered, everything is on disk.",
        reply: .other("none: the connection closes"), examples: ["SHUTDOWN"]
    ) { a, _ throws(CommandError) in
        guard a.rest.allSatisfy({ ["SAVE", "NOSAVE"].contains($0.uppercased()) }) else {
            throw .invalid("SHUTDOWN takes SAVE or NOSAVE, which mean the same here")
        }
        return ParsedCommand(a, .server(.shutdown))
    }

    /// Redis' WAIT counts milliseconds, and 0 waits as long as it takes.
    static func timeout(_ a: Arguments, _ field: Int) throws(CommandError) -> TimeSpan? {
        let bytes = a.bytes(field)
        let span: TimeSpan
        if let milliseconds = Decimal.parse(bytes), milliseconds <= 2_592_000_000 {
            span = TimeSpan(nanoseconds: Int64(milliseconds) * 1_000_000)
        } else {
            span = try a.span(field, from: .zero)
        }
        return span == .zero ? nil : span
    }
}
