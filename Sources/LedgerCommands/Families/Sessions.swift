internal import LedgerCore

extension CommandTable {
    static let sessionCommands = [
        sessionQuote, sessionAdmit, sessionStart, sessionHeartbeat, sessionRetier, sessionStop,
        sessionCancel, sessionGet, sessionRecord, sessionList,
    ]

    private static let sessionFields = [
        "session", "id", "user", "type", "tier", "status", "started", "rate", "held", "lease_until", "empty_at",
        "deadline", "ttl_end", "heartbeat", "last_heard", "seconds", "amount", "labels",
    ]
    private static let startReply: CommandSpec.Reply = .receipt([
        "session", "user", "email", "type", "tier", "rate", "list_rate", "held", "lease_until", "empty_at", "ttl_end",
        "available", "debt",
    ])
    private static let endReply: CommandSpec.Reply = .receipt([
        "session", "user", "type", "tier", "charge", "reason", "started", "ended", "seconds", "amount", "released",
        "segments", "charges", "available", "debt",
    ])
    private static let startOptions: [Field] = [
        .option("TTL", "d", .lifetime, standard: "24h"),
        .option(
            "RESERVE", "r", .reserve, "lease: ten minutes at a time; full: the whole TTL at once", standard: "lease"),
        .option(
            "HEARTBEAT", "d", .heartbeat,
            "silent for longer than this, it is closed as of its last heartbeat; default: it need not be heard"),
    ]

    private static let sessionQuote = CommandSpec(
        .sessionQuote, "SESSION QUOTE", .session, .readOwn, .table,
        [.need("user", .user), .need("tier", .tier), .need("hours", .hours)],
        "What a session would cost, rounded up; nothing is reserved.",
        reply: .map([
            "user", "type", "tier", "seconds", "amount", "rate", "list_rate", "available", "enough", "sha256",
        ]),
        examples: ["SESSION QUOTE u_ada medium 2"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        return ParsedCommand(a, .quote(user: user, tier: try a.tier(1), duration: try a.hours(2)), on: .user(user))
    }

    private static let sessionAdmit = CommandSpec(
        .sessionAdmit, "SESSION ADMIT", .session, .writeAll, .write,
        [.need("secret", .secret), .need("session", .session), .need("tier", .tier)] + startOptions,
        key: true, labels: true,
        "Verify the user's passport, price the session, reserve its first lease: all of it or nothing.",
        notes: [
            "The passport named must have `write`. Counts as one request of the user's hour.",
            "All that is charged for the session has its labels.",
        ],
        reply: startReply, examples: ["SESSION ADMIT fl_… job-81 medium TTL 8h HEARTBEAT 1m"]
    ) { a, _ throws(CommandError) in
        let secret = try a.secret(0)
        return ParsedCommand(a, .admit(secret, try start(a, user: .zero, session: 1)), on: .passport(secret.passport))
    }

    private static let sessionStart = CommandSpec(
        .sessionStart, "SESSION START", .session, .writeAll, .write,
        [.need("session", .session), .need("user", .user), .need("tier", .tier)] + startOptions,
        key: true, labels: true, "As SESSION ADMIT, for a caller that is trusted to name the user.",
        reply: startReply, examples: ["SESSION START job-81 u_ada medium"]
    ) { a, context throws(CommandError) in
        let user = try a.user(1, context)
        return ParsedCommand(a, .mutation(.sessionStart(try start(a, user: user, session: 0))), on: .user(user))
    }

    private static let sessionHeartbeat = CommandSpec(
        .sessionHeartbeat, "SESSION HEARTBEAT", .session, .writeAll, .write, [.need("session", .session)],
        key: true, "Say that a session still runs, and be told how long it can.",
        reply: .receipt(["status", "lease_until", "deadline"]), examples: ["SESSION HEARTBEAT job-81"]
    ) { a, context throws(CommandError) in
        let session = try a.session(0, context)
        return ParsedCommand(a, .mutation(.sessionHeartbeat(SessionHeartbeat(session: session))), on: .session(session))
    }

    private static let sessionRetier = CommandSpec(
        .sessionRetier, "SESSION RETIER", .session, .writeAll, .write,
        [.need("session", .session), .need("tier", .tier)], key: true,
        "A running session goes on as another tier, from now on at its price.",
        notes: [
            "What it used so far is posted (`charge`, `amount`) and the rest of it priced by the version of the rule that priced it before, asked again with what is true now. One that sends heartbeats is posted when it is heard: `charge` is null.",
            "Refused with LIMIT where the user's type may not run the tier, and with RULE where the rule gives no price; never for funds: what credit does not cover is `exhausting`. The time for which its tariff is fixed does not begin anew.",
            "Where that time ends, the active price book says how it goes on. A book knows type and tier and no more: a discount by `seconds_this_month` ends there.",
        ],
        reply: .receipt([
            "session", "user", "type", "tier", "rate", "list_rate", "charge", "amount", "status", "lease_until",
            "deadline", "available", "debt",
        ]),
        examples: ["SESSION RETIER job-81 large"]
    ) { a, context throws(CommandError) in
        let session = try a.session(0, context)
        return ParsedCommand(
            a, .mutation(.sessionRetier(SessionRetier(session: session, tier: try a.tier(1)))), on: .session(session))
    }

    private static let sessionStop = CommandSpec(
        .sessionStop, "SESSION STOP", .session, .writeAll, .write, [.need("session", .session)], key: true,
        "End a session and charge what it used.",
        notes: [
            "`amount` is the cost of the whole session, `seconds` its length; `charge` is the last posting. A second STOP gives the first answer, replayed."
        ],
        reply: endReply,
        examples: ["SESSION STOP job-81"]
    ) { a, context throws(CommandError) in
        let session = try a.session(0, context)
        return ParsedCommand(a, .mutation(.sessionStop(SessionStop(session: session))), on: .session(session))
    }

    private static let sessionCancel = CommandSpec(
        .sessionCancel, "SESSION CANCEL", .session, .writeAll, .write,
        [.need("session", .session), .must("REASON", "r", .text)], key: true,
        "Provisioning failed: no charge. Only before the first heartbeat and within five minutes.",
        reply: endReply,
        examples: ["SESSION CANCEL job-81 REASON \"no node\""]
    ) { a, context throws(CommandError) in
        let session = try a.session(0, context)
        return ParsedCommand(
            a, .mutation(.sessionCancel(SessionCancel(session: session, reason: try a.text("REASON")))),
            on: .session(session))
    }

    private static let sessionGet = CommandSpec(
        .sessionGet, "SESSION GET", .session, .readOwn, .table, [.need("session", .session)],
        "One session, open or closed.",
        notes: [
            "A closed session answers with the receipt of its end: the fields of SESSION STOP, or those of SESSION RECORD, `status` `closed`, and `labels`."
        ],
        reply: .map(sessionFields), examples: ["SESSION GET job-81"]
    ) { a, context throws(CommandError) in
        let session = try a.session(0, context)
        return ParsedCommand(a, .query(.session(session)), on: .session(session))
    }

    private static let sessionRecord = CommandSpec(
        .sessionRecord, "SESSION RECORD", .session, .writeAll, .write,
        [
            .need("session", .session), .need("user", .user), .need("tier", .tier),
            .must("FROM", "t", .time), .must("TO", "t", .time, "not before FROM, not later than now"),
        ],
        key: true, labels: true, "Bill usage that was measured elsewhere.",
        notes: [
            "No limits, caps, holds or funds check; what credit does not cover becomes debt. The same id with the same arguments (labels among them) gives the first answer, replayed; with others: EXISTS."
        ],
        reply: .receipt([
            "session", "user", "type", "tier", "charge", "from", "to", "seconds", "rate", "amount", "owed",
            "available",
            "debt",
        ]),
        examples: ["SESSION RECORD nasa:17 u_7 gpu FROM 749458803 TO 749462403"]
    ) { a, context throws(CommandError) in
        let user = try a.user(1, context)
        var record = SessionRecord(
            session: try a.keptName(0), user: user, tier: try a.tier(2), from: try a.time(3), to: try a.time(4),
            arguments: .zero)
        guard record.from <= record.to else { throw .invalid("FROM is after TO") }
        record.arguments = a.argumentsHash(context.names)
        return ParsedCommand(a, .mutation(.sessionRecord(record)), on: .user(user))
    }

    private static let sessionList = CommandSpec(
        .sessionList, "SESSION LIST", .session, .readOwn, .list,
        [.option("USER", "u", .user, "needed with scope own"), .option("STATUS", "s", .status)] + .page,
        "Open sessions, newest first.", reply: .page(sessionFields),
        brief: ["session", "user", "tier", "status", "started", "lease_until", "held", "amount"],
        examples: ["SESSION LIST STATUS exhausting"]
    ) { a, context throws(CommandError) in
        let user = try a.given("USER").map { field throws(CommandError) in try a.user(field, context) }
        let status = try a.given("STATUS").map { field throws(CommandError) in
            try a.choice(field, among: [SessionStatus.active, .exhausting], \.text)
        }
        return ParsedCommand(
            a, .query(.sessions(user: user, status: status, try a.page())), on: user.map { .user($0) } ?? .none)
    }

    private static func start(_ a: Arguments, user: Hash128, session: Int) throws(CommandError) -> SessionStart {
        var start = SessionStart(user: user, session: try a.keptName(session), tier: try a.tier(2))
        guard a.hasOptions else { return start }
        if let span = try a.span("TTL", from: .seconds(1)) { start.timeToLive = span }
        if let span = try a.span("HEARTBEAT", from: .seconds(1)) { start.heartbeat = span }
        start.reserveFull = try a.isFirst("RESERVE", of: "full", or: "lease") ?? false
        return start
    }
}
