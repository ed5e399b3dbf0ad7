internal import LedgerCore

/// The past, as it was recorded.
extension CommandTable {
    static let lookingBackCommands = [at, diff]

    private static let at = CommandSpec(
        .at, "AT", .looking, .ofCommand, .history,
        [
            .need("moment", .moment),
            .need("command", .words, "a read", shown: "[KNOWN now] command …"),
        ],
        "What a read would have answered then.",
        notes: [
            "What was recorded by then counts, whatever it is about: a time is that at which events were recorded, `lsn:` an event, which is in it. A moment that is still to come is refused, and one before the ledger began; of a user who was created later it is `NOTFOUND`.",
            "`CREDIT BALANCE`, `CREDIT HISTORY`, `USER GET` and `USER SUMMARY` are put together from the user's own events, with the permission of the command itself. The account is that after the user's last event by then, whose `time` and `lsn` are shown: `available` is as of that event, and what ran on since then is not yet taken from it. In SUMMARY, `current_balance` and `debt` are likewise, and how storage stood is null. Cost: the user's events from now back to then, and those that the answer is made of.",
            "Every other read (lots, holds, sessions, storage, lists, `RUNWAY`, quotes, prices, limits, `EXPLAIN`, `CREDIT BALANCE` with FOR, `DBSIZE`, the sections \(pastSections.map { "`\($0)`" }.joined(separator: ", ")) of `INFO`) is asked of the whole ledger as it was, which is loaded for that: from the newest snapshot that is not behind the moment, or from the first event. That needs permission `admin` with scope `all` besides; it takes as long as a start, and as much memory as the ledger took then, of what `serve --fork-memory` allows. What ran on has run on until the moment (of an event, until it was recorded); what was due later has not happened.",
            "One moment is held at a time, and one command asked of it; others wait. The same moment is answered at once after that; another one takes its place, five minutes without a question end it, and so does a fork that needs its memory. INFO memory shows it: `past_lsn`, `past_memory_bytes`.",
            "`KNOWN now` adds what is known today about then: entries count by their effective time, whenever they were recorded. `CREDIT HISTORY` shows these rows. `CREDIT BALANCE` is a map: `user` `at` `recorded` `known` `difference` `corrections`, in which the two amounts are the account's net worth (paid, promo and held less debt) by recorded and by effective time, and `corrections` counts the entries that make the difference; an entry for a time span counts from its beginning. The other reads have none: a ledger as it would have been, had everything been known in time, would have decided otherwise.",
        ],
        reply: .other("that of the command; of `CREDIT BALANCE` and `USER GET` with `time` and `lsn` of the event"),
        examples: [
            "AT 2026-11-01T00:00:00Z CREDIT BALANCE u_ada", "AT lsn:918302 CREDIT HISTORY u_ada COUNT 10",
            "AT 2026-11-01 KNOWN now CREDIT BALANCE u_ada", "AT 2026-11-01 SESSION LIST STATUS active",
        ]
    ) { a, context throws(CommandError) in
        let moment = try a.moment(0)
        var words = a.words.dropFirst(2)
        var isKnown = false
        if Echo.folded(words[0]) == "KNOWN" {
            guard words.count > 2, Echo.folded(words[1]) == "NOW" else {
                throw .invalid("after AT and a time, KNOWN takes the word now, and then a command")
            }
            isKnown = true
            words = words.dropFirst(2)
        }
        let inner = try CommandParser.parse(words, context)
        let spec = CommandTable.spec(inner.id)
        guard !isKnown || inner.id == .creditHistory || inner.isPlainBalance else {
            throw .invalid("\(spec.name) has no KNOWN now: CREDIT BALANCE (without FOR) and CREDIT HISTORY have")
        }
        if case .no(let why) = spec.past { throw .invalid("\(spec.name) cannot be asked AT a moment: \(why)") }
        if case .server(.info(let sections)) = inner.ask,
            sections.isEmpty || !sections.allSatisfy(pastSections.contains)
        {
            throw .invalid(
                "INFO can be asked AT a moment for the sections \(pastSections.joined(separator: ", ")): the others are "
                    + "about the server as it is now")
        }
        if case .user = spec.past, inner.id != .creditBalance || inner.isPlainBalance {
            return ParsedCommand(a, .at(moment, known: isKnown, inner), on: inner.target)
        }
        let copy = (0..<words.count).map { Array(words[$0]) }
        return ParsedCommand(a, .ledgerAt(moment, inner, copy), on: inner.target)
    }

    /// Sections of INFO that are about what is recorded.
    static let pastSections = ["keyspace", "ledger", "books"]

    private static let diff = CommandSpec(
        .diff, "DIFF", .looking, .readOwn, .history,
        [.need("user", .user), .need("from", .moment), .need("to", .moment)],
        "What became of a user's account between two moments.",
        notes: [
            "`before` and `after` are the account as `AT` shows it for CREDIT BALANCE; `change` has what each amount changed by. The sums are of all that was recorded behind `from`, up to and including `to`: what came in and what went out, by source. `entries` counts the user's events in between."
        ],
        reply: .map(["user", "before", "after", "change", "entries", "credits_by_source", "debits_by_source"]),
        examples: ["DIFF u_ada 2026-11-01 2026-12-01", "DIFF u_ada lsn:900000 lsn:918302"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let (first, second) = (try a.moment(1), try a.moment(2))
        return ParsedCommand(a, .diff(user: user, first, second), on: .user(user))
    }
}
