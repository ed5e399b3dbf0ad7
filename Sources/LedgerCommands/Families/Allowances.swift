internal import LedgerCore

extension CommandTable {
    static let allowanceCommands = [
        allowanceSet, allowanceRemove, allowanceList,
    ]

    private static let who = Field.need(
        "who", .userOrType, "one user, or all of a type who have no allowance of their own", shown: "user|type:TYPE")

    private static let allowanceSet = CommandSpec(
        .allowanceSet, "ALLOWANCE SET", .credit, .billingAll, .write,
        [
            who, .need("amount", .amount), .must("EVERY", "p", .period, "of the UTC calendar; a week begins on Monday"),
            .option(
                "ROLLOVER", "max", .price, "so much of what is left at a period's end goes on into the next",
                standard: "0"),
            .option(
                "FOR", "sources", .wordList,
                "it pays for these billing types and sources of charges only; default: for everything"),
        ],
        key: true, "Give credit anew with every day, week or month.",
        notes: [
            "Each period has a lot of promo credit of its own, which expires with it. The first comes at once and whole; the others at midnight UTC, each once, however long the ledger was away.",
            "A user has one allowance: an own one, else that of its type. Within a period that has had its lot nothing is given again: another amount, another type, an allowance taken away and set again count from the next one on (`next`). Closed and deleted users get none. What a type gives to a new user comes right behind `USER CREATE`, whose receipt does not count it.",
            "What is left and within ROLLOVER moves into the next lot, if that pays for the same (FOR); the rest expires. What holds and sessions hold stays with the old lot.",
        ],
        reply: .receipt(["who", "amount", "every", "rollover", "scope", "granted", "next"]),
        examples: [
            "ALLOWANCE SET u_ada 20 EVERY month ROLLOVER 5",
            "ALLOWANCE SET type:free 0.50 EVERY day FOR session_runtime",
        ]
    ) { a, context throws(CommandError) in
        let terms = AllowanceTerms(
            amount: try a.amount(1), period: try a.choice(a.given("EVERY")!, \.text),
            rollover: try a.given("ROLLOVER").map { field throws(CommandError) in try a.price(field) } ?? .zero,
            scope: try a.creditScope("FOR"))
        return try set(terms, a, context)
    }

    private static let allowanceRemove = CommandSpec(
        .allowanceRemove, "ALLOWANCE REMOVE", .credit, .billingAll, .write, [who],
        key: true, "Give no more of an allowance.",
        notes: [
            "The lot that was given stays until its period ends; nothing rolls over. For a user without an own allowance that of its type counts again."
        ],
        reply: .receipt(["who"]), examples: ["ALLOWANCE REMOVE u_ada", "ALLOWANCE REMOVE type:free"]
    ) { a, context throws(CommandError) in try set(.none, a, context) }

    private static func set(
        _ terms: AllowanceTerms, _ a: Arguments, _ context: ParseContext
    ) throws(CommandError) -> ParsedCommand {
        switch try a.userOrType(0, context) {
        case .type(let type):
            return ParsedCommand(a, .mutation(.typeAllowanceSet(TypeAllowanceSet(type: type, terms: terms))))
        case .user(let user):
            return ParsedCommand(a, .mutation(.allowanceSet(AllowanceSet(user: user, terms: terms))), on: .user(user))
        }
    }

    private static let allowanceList = CommandSpec(
        .allowanceList, "ALLOWANCE LIST", .credit, .readOwn, .list,
        [.may("who", .userOrType, "needed with scope own; default: all", shown: "user|type:TYPE")] + .page,
        "Allowances: those of types, then users' own, newest user first. Of one user, the one that counts.",
        notes: [
            "`next`, of one user: when the next lot comes. `CREDIT LOTS` shows what was given, with the source `allowance`.",
            "A page looks at no more than 10000 users: it may be short, even empty, while its cursor is not 0, as those of Redis' SCAN.",
        ],
        reply: .page(["who", "amount", "every", "rollover", "scope", "next"]),
        brief: ["who", "amount", "every", "next"],
        examples: ["ALLOWANCE LIST", "ALLOWANCE LIST u_ada"]
    ) { a, context throws(CommandError) in
        guard a.has(0) else { return ParsedCommand(a, .query(.allowances(nil, try a.page()))) }
        let who = try a.userOrType(0, context)
        var subject = ParsedCommand.Target.none
        if case .user(let user) = who { subject = .user(user) }
        return ParsedCommand(a, .query(.allowances(who, try a.page())), on: subject)
    }
}

extension Arguments {
    /// The word behind `type:`; nil where there is none.
    static func typeName(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        name(bytes, behind: "type:")
    }

    /// A user's id, or `type:` and a type of user.
    func userOrType(_ field: Int, _ context: ParseContext) throws(CommandError) -> UserOrType {
        guard let name = Self.typeName(bytes(field)) else { return .user(try user(field, context)) }
        guard let type = UserType.allCases.first(where: { Self.equal(name, $0.text) }) else { throw refusal(field) }
        return .type(type)
    }
}
