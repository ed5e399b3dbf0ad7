internal import LedgerCore

extension CommandTable {
    static let passportCommands = [
        passportCreate, passportVerify, passportList, passportSet, passportRevoke, passportRotate,
    ]

    private static let passportCreate = CommandSpec(
        .passportCreate, "PASSPORT CREATE", .passport, .adminAll, .write,
        [
            .need("user", .user), .need("name", .label), .need("permissions", .permissions),
            .option("SCOPE", "s", .scope, "own: reads of its own user only", standard: "own"),
            .option("EXPIRES", "t", .time, "from then on it is no longer good; default: never"),
            .option("RATE", "n", .rate, "a limit of its own, besides that of its user"),
            .option("CAP_DAY", "a", .cap, "what may be spent with it a UTC day", standard: "none"),
            .option("CAP_MONTH", "a", .cap, "and a UTC month", standard: "none"),
            .option(
                "KEYS", "k", .keyPolicy, "required: what changes money is refused without a KEY", standard: "optional"),
        ],
        key: true, "Issue a passport. Its secret is in this answer and nowhere else.",
        notes: [
            "Nobody issues a permission or a scope that their own passport does not have. (One with `admin` and scope `all` sees what `monitor` sees, and may issue it.)",
            "Give `KEYS required` to services: client libraries repeat a command whose answer was lost, and only a KEY tells the ledger that it is the same one. A passport with it issues none without, and its successor has it.",
            "What counts for a cap is what is charged and held with the passport, on the UTC day of its use: its charges and holds, and sessions that it admitted or started, their leases included. New work beyond it is refused with CAP; a session is `exhausting` there as it is without credit, and goes on when the cap begins anew. Captures and usage that is recorded are booked beyond it. Refunds free nothing.",
            "A replayed answer has no `secret`.",
        ],
        reply: .receipt(
            [
                "passport", "user", "name", "permissions", "scope", "expires", "rate", "cap_day", "cap_month", "keys",
                "last_four", "replaces",
                "replaced_until", "secret",
            ]),
        examples: ["PASSPORT CREATE u_ada \"laptop\" read,write EXPIRES 2027-01-01"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let draft = PassportDraft(
            user: user, name: Array(try a.keptName(1).string.utf8), permissions: try a.permissions(2),
            scope: try a.choice("SCOPE", \.text) ?? .own, expires: try a.time("EXPIRES") ?? .never,
            rate: try a.integer32("RATE") ?? 0,
            requiresKeys: try a.isFirst("KEYS", of: "required", or: "optional") ?? false,
            caps: try caps(a))
        return ParsedCommand(a, .passportCreate(draft), on: .user(user))
    }

    private static let passportVerify = CommandSpec(
        .passportVerify, "PASSPORT VERIFY", .passport, .readAll, .view,
        [.need("secret", .secret), .option("PERMISSION", "p", .permission, "NOPERM unless the passport has it")],
        "Whose passport is this, what may it do, and what can its user pay?",
        notes: [
            "Counts as one request of the user's hour. Waits for neither disk nor writer.",
            "The passport of a user who is suspended, banned or closed is refused with FROZEN: `state` is `active` wherever there is an answer.",
        ],
        reply: .map(["passport", "user", "email", "type", "state", "permissions", "scope", "available", "debt"]),
        examples: ["PASSPORT VERIFY fl_… PERMISSION write"]
    ) { a, _ throws(CommandError) in
        let secret = try a.secret(0)
        let permission = if let field = a.given("PERMISSION") { try a.permission(field) } else { Permissions() }
        return ParsedCommand(a, .verify(secret, permission), on: .passport(secret.passport))
    }

    private static let passportList = CommandSpec(
        .passportList, "PASSPORT LIST", .passport, .readOwn, .list, [.need("user", .user)] + .page,
        "A user's passports, newest first; never their secrets.",
        reply: .page([
            "passport", "user", "name", "permissions", "scope", "created", "expires", "revoked", "rate", "cap_day",
            "spent_day", "cap_month", "spent_month", "keys", "last_four", "last_used",
        ]), brief: ["passport", "name", "permissions", "scope", "expires", "last_used"],
        examples: ["PASSPORT LIST u_ada"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        return ParsedCommand(a, .query(.passports(user: user, try a.page())), on: .user(user))
    }

    private static func caps(_ a: Arguments) throws(CommandError) -> Caps {
        var caps = Caps()
        if let day = try a.cap("CAP_DAY") { caps.day = day }
        if let month = try a.cap("CAP_MONTH") { caps.month = month }
        return caps
    }

    private static let passportSet = CommandSpec(
        .passportSet, "PASSPORT SET", .passport, .adminAll, .write,
        [
            .need("passport", .passport), .option("CAP_DAY", "a", .cap, "what may be spent with it a UTC day"),
            .option("CAP_MONTH", "a", .cap, "and a UTC month"),
        ],
        key: true, "Change what may be spent with a passport, and with those that replace it.",
        notes: ["What was spent counts on. Sessions that a cap was about to end go on where it leaves room now."],
        reply: .receipt(["passport", "user", "cap_day", "cap_month"]),
        examples: ["PASSPORT SET 0Ab3dE6gH9 CAP_DAY 25"]
    ) { a, _ throws(CommandError) in
        let passport = try a.passport(0)
        let (day, month) = (try a.cap("CAP_DAY"), try a.cap("CAP_MONTH"))
        guard day != nil || month != nil else { throw .invalid("PASSPORT SET changes CAP_DAY, CAP_MONTH or both") }
        return ParsedCommand(
            a, .mutation(.passportSet(PassportSet(passport: passport, day: day, month: month))),
            on: .passport(passport))
    }

    private static let passportRevoke = CommandSpec(
        .passportRevoke, "PASSPORT REVOKE", .passport, .adminAll, .write, [.need("passport", .passport)], key: true,
        "Revoke a passport: in force when this is answered.", reply: .receipt(["passport", "user"]),
        examples: ["PASSPORT REVOKE 0Ab3dE6gH9"]
    ) { a, _ throws(CommandError) in
        let passport = try a.passport(0)
        return ParsedCommand(a, .mutation(.passportRevoke(PassportRevoke(passport: passport))), on: .passport(passport))
    }

    private static let passportRotate = CommandSpec(
        .passportRotate, "PASSPORT ROTATE", .passport, .adminAll, .write,
        [
            .need("passport", .passport),
            .option("OVERLAP", "d", .overlap, "how long the old secret stays good", standard: "0s"),
        ],
        key: true, "Replace a passport by a new one that may do the same.",
        notes: ["Caps are those of the old one, and what was spent with it counts on."],
        reply: .receipt(
            [
                "passport", "user", "name", "permissions", "scope", "expires", "rate", "cap_day", "cap_month", "keys",
                "last_four", "replaces",
                "replaced_until", "secret",
            ]),
        examples: ["PASSPORT ROTATE 0Ab3dE6gH9 OVERLAP 1h"]
    ) { a, _ throws(CommandError) in
        let passport = try a.passport(0)
        let overlap = try a.span("OVERLAP", from: .zero) ?? .zero
        return ParsedCommand(a, .passportRotate(passport, overlap: overlap), on: .passport(passport))
    }
}
