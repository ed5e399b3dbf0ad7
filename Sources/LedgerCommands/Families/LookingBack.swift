internal import LedgerCore

/// One user's past, as it was recorded.
extension CommandTable {
    static let lookingBackCommands = [at, diff]

    private static let at = CommandSpec(
        .at, "AT", .looking, .ofCommand, .history,
        [
            .need("moment", .moment),
            .need("command", .words, "a read about one user", shown: "[KNOWN now] command …"),
        ],
        "What a read about one user would have answered then.",
        notes: [
            "`CREDIT BALANCE`, `CREDIT HISTORY`, `USER GET` and `USER SUMMARY` can be asked so. What was recorded by then counts, whatever it is about: a time is that at which events were recorded, `lsn:` an event, which is in it. Before the user was created, it is `NOTFOUND`; a moment that is still to come is refused.",
            "The account is that after the user's last event by then, whose `time` and `lsn` are shown: `available` is as of that event, and what ran on since then is not yet taken from it. In SUMMARY, `current_balance` and `debt` are likewise, and how storage stood is null. Lots, holds, sessions and storage cannot be asked so.",
            "`KNOWN now` adds what is known today about then: entries count by their effective time, whenever they were recorded. `CREDIT HISTORY` shows these rows. `CREDIT BALANCE` is a map: `user` `at` `recorded` `known` `difference` `corrections`, in which the two amounts are the account's net worth (paid, promo and held less debt) by recorded and by effective time, and `corrections` counts the entries that make the difference; an entry for a time span counts from its beginning.",
            "Cost: the user's events from now back to then, and those that the answer is made of.",
        ],
        reply: .other("that of the command; of `CREDIT BALANCE` and `USER GET` with `time` and `lsn` of the event"),
        examples: [
            "AT 2026-11-01T00:00:00Z CREDIT BALANCE u_ada", "AT lsn:918302 CREDIT HISTORY u_ada COUNT 10",
            "AT 2026-11-01 KNOWN now CREDIT BALANCE u_ada",
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
        let name = CommandTable.spec(inner.id).name
        let possible: [CommandID] = [.creditBalance, .creditHistory, .userGet, .userSummary]
        guard possible.contains(inner.id) else {
            throw .invalid(
                "\(name) cannot be asked AT a moment: \(possible.map { CommandTable.spec($0).name }.joined(separator: ", ")) can"
            )
        }
        if case .query(.balance) = inner.ask {
            throw .invalid("CREDIT BALANCE with FOR cannot be asked AT a moment: leave FOR out")
        }
        guard !isKnown || inner.id == .creditBalance || inner.id == .creditHistory else {
            throw .invalid("\(name) has no KNOWN now: CREDIT BALANCE and CREDIT HISTORY have")
        }
        return ParsedCommand(a, .at(moment, known: isKnown, inner), on: inner.target)
    }

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
