extension CommandTable {
    static let sessionFields = [
        "session", "id", "user", "type", "tier", "status", "started", "rate", "held", "lease_until", "empty_at",
        "deadline", "ttl_end", "heartbeat", "last_heard", "seconds", "amount",
    ]
    private static let startReply: CommandSpec.Reply = .receipt([
        "session", "user", "email", "type", "tier", "rate", "list_rate", "held", "lease_until", "empty_at", "ttl_end",
        "available", "debt",
    ])
    private static let startOptions: [Field] = [
        .option("TTL", "d", .lifetime, standard: "24h"),
        .option(
            "RESERVE", "r", .reserve, "lease: ten minutes at a time; full: the whole TTL at once", standard: "lease"),
        .option("HEARTBEAT", "d", .heartbeat, "silent for longer than this, it closes at its last heartbeat"),
    ]

    static let sessionCommands: [CommandSpec] = [
        CommandSpec(
            .sessionQuote, "SESSION QUOTE", .session, .readOwn, .table,
            [.need("user", .user), .need("tier", .tier), .need("hours", .hours)],
            "What a session would cost, rounded up; nothing is reserved.",
            reply: .map([
                "user", "type", "tier", "seconds", "amount", "rate", "list_rate", "available", "enough", "sha256",
            ]),
            examples: ["SESSION QUOTE u_ada medium 2"]),
        CommandSpec(
            .sessionAdmit, "SESSION ADMIT", .session, .writeAll, .write,
            [.need("secret", .secret), .need("session", .session), .need("tier", .tier)] + startOptions,
            key: true, "Verify the user's passport, price the session, reserve its first lease: all of it or nothing.",
            notes: ["The passport named must have `write`. Counts as one request of the user's hour."],
            reply: startReply, examples: ["SESSION ADMIT fl_… job-81 medium TTL 8h HEARTBEAT 1m"]),
        CommandSpec(
            .sessionStart, "SESSION START", .session, .writeAll, .write,
            [.need("session", .session), .need("user", .user), .need("tier", .tier)] + startOptions,
            key: true, "As SESSION ADMIT, for a caller that is trusted to name the user.",
            reply: startReply, examples: ["SESSION START job-81 u_ada medium"]),
        CommandSpec(
            .sessionHeartbeat, "SESSION HEARTBEAT", .session, .writeAll, .write, [.need("session", .session)],
            key: true, "Say that a session still runs, and hear how long it can.",
            reply: .receipt(["status", "lease_until", "deadline"]), examples: ["SESSION HEARTBEAT job-81"]),
        CommandSpec(
            .sessionStop, "SESSION STOP", .session, .writeAll, .write, [.need("session", .session)], key: true,
            "End a session and charge what it used.",
            notes: [
                "`amount` is the cost of the whole session, `seconds` its length; `charge` is the last posting. A second STOP gives the first answer, replayed."
            ],
            reply: .receipt([
                "session", "user", "type", "tier", "charge", "reason", "started", "ended", "seconds", "amount",
                "released",
                "segments", "available", "debt",
            ]),
            examples: ["SESSION STOP job-81"]),
        CommandSpec(
            .sessionCancel, "SESSION CANCEL", .session, .writeAll, .write,
            [.need("session", .session), .must("REASON", "r", .text)], key: true,
            "Provisioning failed: no charge. Only before the first heartbeat and within five minutes.",
            reply: .receipt([
                "session", "user", "type", "tier", "charge", "reason", "started", "ended", "seconds", "amount",
                "released",
                "segments", "available", "debt",
            ]),
            examples: ["SESSION CANCEL job-81 REASON \"no node\""]),
        CommandSpec(
            .sessionGet, "SESSION GET", .session, .readOwn, .table, [.need("session", .session)],
            "One session, open or closed.",
            notes: [
                "A closed session answers with the receipt of its end: the fields of SESSION STOP, or those of SESSION RECORD, and `status` `closed`."
            ],
            reply: .map(sessionFields), examples: ["SESSION GET job-81"]),
        CommandSpec(
            .sessionRecord, "SESSION RECORD", .session, .writeAll, .write,
            [
                .need("session", .session), .need("user", .user), .need("tier", .tier),
                .must("FROM", "t", .time), .must("TO", "t", .time, "not before FROM, not later than now"),
            ],
            key: true, "Bill usage that was measured elsewhere.",
            notes: [
                "No limits, caps, holds or funds check; what credit does not cover becomes debt. The same id with the same arguments gives the first answer, replayed; with others: EXISTS."
            ],
            reply: .receipt([
                "session", "user", "type", "tier", "charge", "from", "to", "seconds", "rate", "amount", "owed",
                "available",
                "debt",
            ]),
            examples: ["SESSION RECORD nasa:17 u_7 gpu FROM 749458803 TO 749462403"]),
        CommandSpec(
            .sessionList, "SESSION LIST", .session, .readOwn, .table,
            [.option("USER", "u", .user, "needed with scope own"), .option("STATUS", "s", .status)] + .page,
            "Open sessions, newest first.", reply: .page(sessionFields),
            brief: ["session", "user", "tier", "status", "started", "lease_until", "held", "amount"],
            examples: ["SESSION LIST STATUS exhausting"]),
    ]

    static let storageCommands: [CommandSpec] = [
        CommandSpec(
            .storageCreate, "STORAGE CREATE", .storage, .writeAll, .write,
            [.need("user", .user), .need("resource", .resource), .need("kind", .storageKind), .need("gb", .gigabytes)],
            key: true, "Begin to bill storage. A day of it must be affordable.",
            reply: .receipt(["user", "resource", "kind", "gb", "rate", "list_rate", "available", "debt"]),
            examples: ["STORAGE CREATE u_ada ada-data bucket 10"]),
        CommandSpec(
            .storageResize, "STORAGE RESIZE", .storage, .writeAll, .write,
            [.need("resource", .resource), .need("gb", .gigabytes)], key: true,
            "Bill another size from now on; what accrued is posted.",
            reply: .receipt([
                "user", "resource", "kind", "gb", "rate", "list_rate", "charge", "amount", "owed", "available", "debt",
            ]),
            examples: ["STORAGE RESIZE ada-data 20.5"]),
        CommandSpec(
            .storageDelete, "STORAGE DELETE", .storage, .writeAll, .write, [.need("resource", .resource)], key: true,
            "End the billing of a resource; what accrued is posted.",
            notes: ["`amount` is what this posting charges, `total` what the resource cost in all its life."],
            reply: .receipt([
                "user", "resource", "kind", "gb", "total", "charge", "amount", "owed", "available", "debt",
            ]),
            examples: ["STORAGE DELETE ada-data"]),
        CommandSpec(
            .storageList, "STORAGE LIST", .storage, .readOwn, .table, [.need("user", .user)] + .page,
            "A user's resources, newest first.",
            reply: .page(["resource", "id", "kind", "gb", "created", "rate", "accrued", "posted"]),
            brief: ["resource", "kind", "gb", "rate", "accrued", "posted"],
            examples: ["STORAGE LIST u_ada"]),
    ]

    static let spaceCommands: [CommandSpec] = [
        CommandSpec(
            .spaceAdd, "SPACE ADD", .space, .adminAll, .write,
            [
                .need("space", .space),
                .must("COST", "a", .price, "the list price, which the rule space_purchase gets"),
                .must("SIZE", "gb", .gigabytesWhole), .option("NAME", "n", .label, "the id unless told"),
                .option("DESCRIPTION", "d", .text), .option("CATEGORY", "c", .category, standard: "general"),
                .option("PUBLIC", "p", .yesNo, standard: "yes"),
            ],
            key: true, "Add a space to the catalogue.",
            reply: .receipt(["space", "name", "category", "gb", "cost", "public"]),
            examples: ["SPACE ADD ml-ready COST 5 SIZE 50 NAME \"ML Ready Environment\" CATEGORY ml"]),
        CommandSpec(
            .spaceList, "SPACE LIST", .space, .read, .table, .page, "The catalogue, newest first.",
            notes: [
                "`creator` is the user whose passport added it; null for what the ledger began with.",
                "A passport of scope own sees the public ones.",
            ],
            reply: .page(["space", "name", "description", "category", "gb", "cost", "public", "creator", "created"]),
            examples: ["SPACE LIST"]),
        CommandSpec(
            .spacePurchase, "SPACE PURCHASE", .space, .writeAll, .write,
            [.need("user", .user), .need("space", .space), .need("workspace", .instance), .need("name", .instance)],
            key: true, "Charge a space once and grant the instance.",
            reply: .receipt([
                "user", "space", "workspace", "instance", "gb", "charge", "amount", "owed", "available", "debt",
            ]),
            examples: ["SPACE PURCHASE u_ada ml-ready ws-1 my-ml-dataset"]),
    ]
}
