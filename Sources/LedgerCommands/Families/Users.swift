internal import LedgerCore

extension CommandTable {
    static let userCommands = [
        userCreate, userGet, userSet, userDelete, userList, userFind, userSummary,
    ]

    private static let userFields = [
        "user", "email", "name", "type", "state", "created", "available", "paid", "promo", "held", "debt", "sessions",
    ]

    private static let userCreate = CommandSpec(
        .userCreate, "USER CREATE", .user, .adminAll, .write,
        [
            .need("email", .email),
            .option("ID", "id", .user, "the platform's own id for the user; default: one is made up (u_…)"),
            .option("NAME", "n", .personName), .option("TYPE", "t", .userType, standard: "free"),
            .option("PERSON", "x", .person, "the platform's own word for the person behind the address"),
        ],
        key: true, "Create a user.",
        notes: [
            "A free user gets the sign-up bonus, once per e-mail address and, where `PERSON` is given, once per person. Neither gets it again, whatever becomes of the user.",
            "An address is one address however it is written: what is before the `@` is compared in Unicode's full case folding and NFC, the domain as IDNA has it (UTS 46, non-transitional), so that it equals its `xn--` form. `JOSÉ@EXÄMPLE.de` is `josé@xn--exmple-cua.de`. It is kept and shown as it was written. Plus signs and dots before the `@` count, and letters that only look alike are different letters.",
            "Refused: an address that is not UTF-8, that has more than 254 bytes, nothing or more than 64 bytes before the `@`, or a character there that Unicode has not assigned; a domain without a dot, with one at its end, of more than 253 bytes (63 a label) as DNS has it, with `_`, or with what IDNA does not allow, emoji among it.",
            "`PERSON` is compared byte by byte. Only a keyed hash of it is kept: nobody can read it again, and no answer shows it.",
            "`id` and `user` are the same here.",
        ],
        reply: .receipt(["user", "email", "type", "state", "bonus", "available", "debt"]),
        examples: ["USER CREATE ada@example.com ID u_ada NAME \"Ada L.\" TYPE pro"]
    ) { a, context throws(CommandError) in
        let (email, hash) = (try a.email(0), try a.emailHash(0, context))
        let chosen: ShortText = if let field = a.given("ID") { try a.keptName(field) } else { randomUserID(context) }
        let create = UserCreate(
            id: chosen, emailHash: hash, personHash: try a.personHash("PERSON", context), email: email,
            name: try a.text("NAME"), type: try a.choice("TYPE", \.text) ?? .free)
        return ParsedCommand(a, .mutation(.userCreate(create)))
    }

    private static let userGet = CommandSpec(
        .userGet, "USER GET", .user, .readOwn, .table, [.need("user", .user)], "One user and the account.",
        reply: .map(userFields), examples: ["USER GET u_ada"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        return ParsedCommand(a, .query(.user(user)), on: .user(user))
    }

    private static let userSet = CommandSpec(
        .userSet, "USER SET", .user, .adminAll, .write,
        [
            .need("user", .user), .option("NAME", "n", .personName), .option("TYPE", "t", .userType),
            .option("STATE", "s", .userState), .option("EMAIL", "e", .email),
        ],
        key: true, "Change a user's name, type, state or e-mail address: exactly one of them.",
        notes: [
            "A suspended user starts nothing new; a banned one's sessions stop at once.",
            "Another type reaches what runs: each session goes on as after `SESSION RETIER`, storage at another price from now on, both under the version of the rule that priced them. It is refused with LIMIT where a session runs a tier that the type may not. Other limits of the type count for new work.",
            "An address that another user has is refused with `EXISTS`. The old one is free again for others, its sign-up bonus is not; and there is none for the new one.",
        ],
        reply: .receipt(["user", "changed", "value", "available", "debt"]),
        examples: ["USER SET u_ada STATE suspended"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        var changes: [UserSet.Change] = []
        if let field = a.given("NAME") { changes.append(.name(try a.text(field))) }
        if let type: UserType = try a.choice("TYPE", \.text) { changes.append(.type(type)) }
        if let field = a.given("STATE") {
            changes.append(.state(try a.choice(field, among: UserState.settable, \.text)))
        }
        if let field = a.given("EMAIL") {
            changes.append(.email(try a.email(field), hash: try a.emailHash(field, context)))
        }
        guard changes.count == 1 else {
            throw .invalid("USER SET changes one thing at a time: NAME, TYPE, STATE or EMAIL")
        }
        return ParsedCommand(a, .mutation(.userSet(UserSet(user: user, change: changes[0]))), on: .user(user))
    }

    private static let userDelete = CommandSpec(
        .userDelete, "USER DELETE", .user, .adminAll, .write,
        [.need("user", .user), .flag("FORFEIT", "give up credit that was bought, too")], key: true,
        "Forget a person: name, address and free texts are gone for ever, the books stay.",
        notes: [
            "Refused with a list of all that stands in the way: open sessions, holds, storage, debt, and credit that was bought where `FORFEIT` is not said. The first admin cannot be deleted. A second time: `CLOSED`.",
            "What credit is left goes to breakage: `forfeited` is what was bought, `lapsed` all other. All passports of the user are revoked. When this is answered the key to the user's texts is destroyed on disk; they are null in every answer, also in receipts that a KEY gives again.",
            "The user id stays taken for ever, and what was recorded under it stays readable, with the state `deleted`. The e-mail address is free for somebody else; there is no second sign-up bonus for it, nor for the `PERSON`.",
            "A backup from before remembers the user: keep the ids of deleted users outside of the ledger, and run `florin erase DIR LIST` on a restored one.",
        ],
        reply: .receipt(["user", "forfeited", "lapsed", "available", "debt"]),
        examples: ["USER DELETE u_ada FORFEIT KEY request-17"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let delete = UserDelete(user: user, forfeit: a.has("FORFEIT"))
        return ParsedCommand(a, .mutation(.userDelete(delete)), on: .user(user))
    }

    private static let userList = CommandSpec(
        .userList, "USER LIST", .user, .readAll, .list, .page, "All users, newest first.",
        reply: .page(userFields), brief: ["user", "email", "type", "state", "available", "debt", "sessions"],
        examples: ["USER LIST COUNT 10"]
    ) { a, _ throws(CommandError) in ParsedCommand(a, .query(.users(try a.page()))) }

    private static let userFind = CommandSpec(
        .userFind, "USER FIND", .user, .readAll, .list,
        [.need("text", .text, "a user's id, its beginning, or a whole e-mail address")] + .page,
        "Find users by id, by its beginning, or by e-mail address.",
        notes: [
            "Who has the address and who has the id come first, whatever COUNT; then those whose id begins so, newest first. An address is compared as in `USER CREATE`, ids byte by byte.",
            "A page looks at no more than 10000 users: it may be short, even empty, while its cursor is not 0, as those of Redis' SCAN.",
        ],
        reply: .page(userFields), brief: ["user", "email", "type", "state", "available", "debt", "sessions"],
        examples: ["USER FIND ada@example.com", "USER FIND u_a COUNT 10"]
    ) { a, context throws(CommandError) in
        let text = try a.plainText(0)
        let isAddress = text.contains(UInt8(ascii: "@")) && (try? a.email(0)) != nil
        let search = UserSearch(
            email: isAddress ? try? a.emailHash(0, context) : nil,
            beginning: (try? a.name(0)).flatMap { ShortText($0) })
        guard search.email != nil || search.beginning != nil else {
            throw .invalid(
                "text is neither the beginning of a user id (at most 64 printable bytes) nor an e-mail address")
        }
        return ParsedCommand(a, .query(.find(search, try a.page())))
    }

    private static let userSummary = CommandSpec(
        .userSummary, "USER SUMMARY", .user, .readOwn, .history,
        [
            .need("user", .user), .option("FROM", "t", .time, "the first instant; default: the beginning"),
            .option("TO", "t", .time, "everything before it; default: now"),
            .option("BY", "label:k", .grouping, "adds `spent_by_label`"),
        ],
        "What a user bought, got and spent, by source.",
        notes: [
            "An entry belongs to the range in which its effective interval begins, so adjacent ranges add up.",
            "`current_balance`, `debt` and how storage stands (see `STORAGE LIST`) are those of now, whatever the range.",
            "`spent_by_source` is a map: source → `count amount`; `sessions_by_tier` a map: tier → `count seconds amount`; `usage_by_meter` a map: meter → `count quantity amount`. Refunds are in `total_refunded`, not taken from `total_spent`.",
            "`spent_by_label` (only with BY) is a map: each value of the label → `count amount` of what was charged with it, and `(none)` → that of what was charged without, which together are `total_spent`. Refused where there are more than 10000 values: ask for shorter ranges.",
        ],
        reply: .map([
            "user", "from", "to", "current_balance", "debt", "total_spent", "total_purchased", "purchases",
            "total_granted", "total_adjusted", "total_refunded", "total_transferred", "total_earned",
            "total_expired", "entries", "storage_status", "storage_unpaid_since", "storage_delete_due",
            "spent_by_source", "sessions_by_tier", "usage_by_meter", "spent_by_label",
        ]), examples: ["USER SUMMARY u_ada FROM 2026-11-01 TO 2026-12-01", "USER SUMMARY u_ada BY label:team"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let range = try a.range()
        return ParsedCommand(
            a, .summary(user: user, from: range.from, to: range.to, by: try a.grouping()), on: .user(user))
    }

    /// `u_` and sixteen digits of base 62.
    private static func randomUserID(_ context: ParseContext) -> ShortText {
        var bytes = Array("u_".utf8)
        // 62^8 of each half: the bias of the remainder is below one in 10^5.
        for _ in 0..<2 { Base62.append(context.random() % 218_340_105_584_896, width: 8, to: &bytes) }
        return bytes.withUnsafeBytes { ShortText($0)! }
    }
}
