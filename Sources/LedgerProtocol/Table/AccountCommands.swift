extension CommandTable {
    static let userFields = [
        "user", "email", "name", "type", "state", "created", "available", "paid", "promo", "held", "debt", "sessions",
    ]

    static let userCommands: [CommandSpec] = [
        CommandSpec(
            .userCreate, "USER CREATE", .user, .adminAll, .write,
            [
                .need("email", .email),
                .option("ID", "id", .user, "the platform's own id; u_… is made up without it"),
                .option("NAME", "n", .personName), .option("TYPE", "t", .userType, standard: "free"),
            ],
            key: true, "Create a user.",
            notes: [
                "A free user gets the sign-up bonus, once per e-mail address (compared without regard to the case of letters) for ever.",
                "`id` and `user` are the same here.",
            ],
            reply: .receipt(["user", "email", "type", "state", "bonus", "available", "debt"]),
            examples: ["USER CREATE ada@example.com ID u_ada NAME \"Ada L.\" TYPE pro"]),
        CommandSpec(
            .userGet, "USER GET", .user, .readOwn, .table, [.need("user", .user)], "One user and the account.",
            reply: .map(userFields), examples: ["USER GET u_ada"]),
        CommandSpec(
            .userSet, "USER SET", .user, .adminAll, .write,
            [
                .need("user", .user), .option("NAME", "n", .personName), .option("TYPE", "t", .userType),
                .option("STATE", "s", .userState),
            ],
            key: true, "Change a user's name, type or state: exactly one of them.",
            notes: ["A suspended user starts nothing new; a banned one's sessions stop at once."],
            reply: .receipt(["user", "changed", "value", "available", "debt"]),
            examples: ["USER SET u_ada STATE suspended"]),
        CommandSpec(
            .userList, "USER LIST", .user, .readAll, .table, .page, "All users, newest first.",
            reply: .page(userFields), brief: ["user", "email", "type", "state", "available", "debt", "sessions"],
            examples: ["USER LIST COUNT 10"]),
        CommandSpec(
            .userSummary, "USER SUMMARY", .user, .readOwn, .history,
            [.need("user", .user), .option("FROM", "t", .time, "inclusive"), .option("TO", "t", .time, "exclusive")],
            "What a user bought, got and spent, by source.",
            notes: [
                "An entry belongs to the range in which its effective interval begins, so adjacent ranges add up.",
                "`current_balance` and `debt` are those of now, whatever the range.",
                "`spent_by_source` is a map: source → `count amount`; `sessions_by_tier` a map: tier → `count seconds amount`. Refunds are in `total_refunded`, not taken from `total_spent`.",
            ],
            reply: .map([
                "user", "from", "to", "current_balance", "debt", "total_spent", "total_purchased", "purchases",
                "total_granted", "total_adjusted", "total_refunded", "total_expired", "entries", "spent_by_source",
                "sessions_by_tier",
            ]), examples: ["USER SUMMARY u_ada FROM 2026-11-01 TO 2026-12-01"]),
    ]

    static let passportCommands: [CommandSpec] = [
        CommandSpec(
            .passportCreate, "PASSPORT CREATE", .passport, .adminAll, .write,
            [
                .need("user", .user), .need("name", .label), .need("permissions", .permissions),
                .option("SCOPE", "s", .scope, "own: reads of its own user only", standard: "own"),
                .option("EXPIRES", "t", .time), .option("RATE", "n", .rate, "requests per hour of its own"),
            ],
            key: true, "Issue a passport. Its secret is in this answer and nowhere else.",
            notes: [
                "Nobody issues a permission or a scope that their own passport does not have.",
                "A replayed answer has no `secret`.",
            ],
            reply: .receipt(
                [
                    "passport", "user", "name", "permissions", "scope", "expires", "rate", "last_four", "replaces",
                    "replaced_until", "secret",
                ]),
            examples: ["PASSPORT CREATE u_ada \"laptop\" read,write EXPIRES 2027-01-01"]),
        CommandSpec(
            .passportVerify, "PASSPORT VERIFY", .passport, .readAll, .view,
            [.need("secret", .secret), .option("PERMISSION", "p", .permission, "NOPERM unless the passport has it")],
            "Whose passport is this, what may it do, and what can its user pay?",
            notes: [
                "Counts as one request of the user's hour. Waits for neither disk nor writer.",
                "The passport of a user who is suspended, banned or closed is refused with FROZEN: `state` is `active` wherever there is an answer.",
            ],
            reply: .map(["passport", "user", "email", "type", "state", "permissions", "scope", "available", "debt"]),
            examples: ["PASSPORT VERIFY fl_… PERMISSION write"]),
        CommandSpec(
            .passportList, "PASSPORT LIST", .passport, .readOwn, .table, [.need("user", .user)] + .page,
            "A user's passports, newest first; never their secrets.",
            reply: .page([
                "passport", "user", "name", "permissions", "scope", "created", "expires", "revoked", "rate",
                "last_four", "last_used",
            ]), brief: ["passport", "name", "permissions", "scope", "expires", "last_used"],
            examples: ["PASSPORT LIST u_ada"]),
        CommandSpec(
            .passportRevoke, "PASSPORT REVOKE", .passport, .adminAll, .write, [.need("passport", .passport)], key: true,
            "Revoke a passport: in force when this is answered.", reply: .receipt(["passport", "user"]),
            examples: ["PASSPORT REVOKE 0Ab3dE6gH9"]),
        CommandSpec(
            .passportRotate, "PASSPORT ROTATE", .passport, .adminAll, .write,
            [
                .need("passport", .passport),
                .option("OVERLAP", "d", .overlap, "how long the old secret stays good", standard: "0s"),
            ],
            key: true, "Replace a passport by a new one that may do the same.",
            reply: .receipt(
                [
                    "passport", "user", "name", "permissions", "scope", "expires", "rate", "last_four", "replaces",
                    "replaced_until", "secret",
                ]),
            examples: ["PASSPORT ROTATE 0Ab3dE6gH9 OVERLAP 1h"]),
    ]

    static let creditCommands: [CommandSpec] = [
        CommandSpec(
            .creditPurchase, "CREDIT PURCHASE", .credit, .billingAll, .write,
            [
                .need("user", .user), .need("amount", .cents), .need("method", .word, "like stripe"),
                .option("REF", "id", .reference, "the provider's id, unique per method for ever"),
            ],
            key: true, "Record that a user paid, and give the credit (and the bonus, if a rule says so).",
            notes: ["Debt is repaid first (`repaid`). `total` = `credits` + `bonus`."],
            reply: .receipt(
                ["user", "amount", "credits", "bonus", "total", "repaid", "method", "reference", "available", "debt"]),
            examples: ["CREDIT PURCHASE u_ada 25 stripe REF pi_3Nabc KEY order-17"]),
        CommandSpec(
            .creditGrant, "CREDIT GRANT", .credit, .billingAll, .write,
            [
                .need("user", .user), .need("amount", .amount), .option("KIND", "k", .grantKind, standard: "promo"),
                .option("EFFECTIVE", "t", .time, "when it may first be spent"),
                .option("EXPIRES", "t", .time, "exclusive"),
                .must("REASON", "r", .text),
            ],
            key: true, "Give credit that nobody paid for.",
            reply: .receipt(["user", "amount", "kind", "effective", "expires", "available", "debt"]),
            examples: ["CREDIT GRANT u_ada 5 KIND promo EXPIRES 2027-01-01 REASON \"welcome back\""]),
        CommandSpec(
            .creditCharge, "CREDIT CHARGE", .credit, .writeAll, .write,
            [
                .need("user", .user), .need("amount", .amount), .need("source", .word, "the revenue account, like api"),
                .option("DESCRIPTION", "d", .text), .flag("OVER", "beyond what is available, the rest becomes debt"),
            ],
            key: true, "Charge a user for something.",
            notes: [
                "A source may not be `session_runtime`, `storage_creation` or `space_purchase`, in whatever case: those accounts hold what their own commands bill."
            ],
            reply: .receipt(["user", "amount", "source", "owed", "available", "debt"]),
            examples: ["CREDIT CHARGE u_ada 0.0375 api DESCRIPTION \"3 calls\" KEY req-9"]),
        CommandSpec(
            .creditAdjust, "CREDIT ADJUST", .credit, .billingAll, .write,
            [
                .need("user", .user), .need("amount", .signedAmount, "below 0 takes credit away, then makes debt"),
                .must("REASON", "r", .text), .option("REF", "id", .reference, "unique for ever"),
            ],
            key: true, "Correct an account.",
            reply: .receipt(["user", "amount", "repaid", "owed", "reference", "available", "debt"]),
            examples: ["CREDIT ADJUST u_ada -1.50 REASON \"entered twice\""]),
        CommandSpec(
            .creditRefund, "CREDIT REFUND", .credit, .billingAll, .write,
            [
                .need("charge", .charge), .may("amount", .amount, "all that is left unless told"),
                .must("REASON", "r", .text),
            ],
            key: true, "Give a charge back to the lots that paid it.",
            notes: ["`forgiven` is the part that had become debt, `expired` what went back to lots that have expired."],
            reply: .receipt(["user", "charge", "amount", "source", "forgiven", "expired", "available", "debt"]),
            examples: ["CREDIT REFUND c_4q REASON \"did not work\""]),
        CommandSpec(
            .creditBalance, "CREDIT BALANCE", .credit, .readOwn, .view, [.need("user", .user)],
            "What a user can spend, now.",
            reply: .map(["user", "type", "state", "available", "paid", "promo", "held", "debt", "time"]),
            examples: ["CREDIT BALANCE u_ada"]),
        CommandSpec(
            .creditLots, "CREDIT LOTS", .credit, .readOwn, .table, [.need("user", .user)] + .page,
            "A user's lots of credit, newest first.",
            notes: ["`order` is a lot's place in the order in which they burn: 1 goes first."],
            reply: .page([
                "lot", "kind", "remaining", "pinned", "source", "parent", "scope", "priority", "effective", "expires",
                "order",
            ]), brief: ["lot", "kind", "remaining", "pinned", "source", "expires", "order"],
            examples: ["CREDIT LOTS u_ada"]),
        CommandSpec(
            .creditHistory, "CREDIT HISTORY", .credit, .readOwn, .history,
            [
                .need("user", .user), .option("FROM", "t", .time, "recorded time, inclusive"),
                .option("TO", "t", .time, "exclusive"),
            ] + .page,
            "Every movement of a user's credit, newest first.",
            notes: ["`type` is `credit` or `debit`; `amount` has no sign. `available` is what was left then."],
            reply: .page([
                "id", "time", "from", "to", "type", "amount", "available", "source", "description", "session",
                "storage",
            ]), brief: ["id", "time", "type", "amount", "available", "source", "description", "session"],
            examples: ["CREDIT HISTORY u_ada COUNT 10"]),
    ]

    private static let holdFields = [
        "hold", "user", "status", "amount", "source", "placed", "expires", "captured", "released", "expired", "closed",
        "original", "remaining",
    ]

    static let holdCommands: [CommandSpec] = [
        CommandSpec(
            .holdPlace, "HOLD PLACE", .hold, .writeAll, .write,
            [
                .need("user", .user), .need("amount", .amount), .option("TTL", "d", .lifetime, standard: "24h"),
                .option("SOURCE", "s", .word, "the revenue account of its captures", standard: "hold"),
            ],
            key: true, "Reserve credit; it can't expire or be spent otherwise while it is held.",
            reply: .receipt(["user", "amount", "source", "expires", "available", "debt"]),
            examples: ["HOLD PLACE u_ada 2.50 TTL 10m SOURCE render"]),
        CommandSpec(
            .holdCapture, "HOLD CAPTURE", .hold, .writeAll, .write,
            [
                .need("hold", .hold), .need("amount", .amount), .flag("FINAL", "release what is left"),
                .flag("OVER", "beyond the hold: from what is available, then debt"),
            ],
            key: true, "Charge what was held, all of it or a part.",
            notes: ["`charge` is the id to EXPLAIN or REFUND."],
            reply: .receipt([
                "user", "hold", "charge", "amount", "source", "final", "released", "owed", "available", "debt",
            ]),
            examples: ["HOLD CAPTURE h_4q 1.20 FINAL"]),
        CommandSpec(
            .holdVoid, "HOLD VOID", .hold, .writeAll, .write, [.need("hold", .hold)], key: true,
            "Give back what is held.", notes: ["`expired` is the part of it whose lots had expired meanwhile."],
            reply: .receipt(["user", "hold", "reason", "released", "expired", "available", "debt"]),
            examples: ["HOLD VOID h_4q"]),
        CommandSpec(
            .holdGet, "HOLD GET", .hold, .readOwn, .table, [.need("hold", .hold)], "One hold, open or closed.",
            notes: [
                "`status` is `open`, `captured`, `voided` or `expired`. `original` is what was held first, `captured` what was charged of it so far, `remaining` what is still held.",
                "`amount` is `remaining` while the hold is open, and `original` once it is closed.",
            ],
            reply: .map(holdFields), examples: ["HOLD GET h_4q"]),
        CommandSpec(
            .holdList, "HOLD LIST", .hold, .readOwn, .table, [.need("user", .user)] + .page,
            "A user's open holds, newest first.",
            notes: ["`original` and `captured` are null here: HOLD GET reads them from the journal."],
            reply: .page(holdFields), brief: ["hold", "remaining", "source", "placed", "expires"],
            examples: ["HOLD LIST u_ada"]),
    ]
}
