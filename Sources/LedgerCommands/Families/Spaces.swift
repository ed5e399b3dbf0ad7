internal import LedgerCore

extension CommandTable {
    static let spaceCommands = [
        spaceAdd, spaceGrant, spaceRevoke, spaceList, spacePurchase, spaceOwned,
    ]

    private static let spaceAdd = CommandSpec(
        .spaceAdd, "SPACE ADD", .space, .adminAll, .write,
        [
            .need("space", .space),
            .must("COST", "a", .price, "the list price, which the rule space_purchase gets"),
            .must("SIZE", "gb", .gigabytesWhole), .option("NAME", "n", .label, "default: the id"),
            .option("DESCRIPTION", "d", .text), .option("CATEGORY", "c", .category, standard: "general"),
            .option("PUBLIC", "p", .yesNo, standard: "yes"),
            .option("CREATOR", "user", .user, "who made it; default: the user whose passport adds it"),
            .option(
                "SHARE", "percent", .percent, "to the creator, of what buyers pay with bought credit", standard: "0"),
        ],
        key: true, "Add a space to the catalogue.",
        notes: [
            "With `PUBLIC no` it is shown and sold to its creator and to those to whom `SPACE GRANT` grants it; to everybody else it is as if it did not exist.",
            "`SHARE` needs `CREATOR`. In the purchase's own group it becomes credit of kind `earning`, which can be spent and neither transferred nor refunded; all sales go to one lot as long as something of it is left. It is a part of what the purchase burned of bought credit, rounded half to even, and none of the creator's own purchases, nor while the creator is banned, closed or has no room for more credit.",
            "A refund takes it back in proportion: from what the creator earned, then from other free credit, and what is missing becomes debt (of a closed account: our cost).",
        ],
        reply: .receipt(["space", "name", "category", "gb", "cost", "public", "creator", "share"]),
        examples: [
            "SPACE ADD ml-ready COST 5 SIZE 50 NAME \"ML Ready Environment\" CATEGORY ml",
            "SPACE ADD ada-lab COST 2 SIZE 10 PUBLIC no CREATOR u_ada SHARE 30",
        ]
    ) { a, context throws(CommandError) in
        let space = try a.word(0)
        let entry = SpaceEntry(
            id: space, name: try a.keptName("NAME") ?? space, description: try a.plainText("DESCRIPTION"),
            category: try a.given("CATEGORY").map { field throws(CommandError) in try a.word(field) } ?? "general",
            gigabytes: Int64(try a.integer(a.given("SIZE")!, 1...1_000_000_000)), cost: try a.price(a.given("COST")!),
            isPublic: try a.isFirst("PUBLIC", of: "yes", or: "no") ?? true,
            share: try a.given("SHARE").map { field throws(CommandError) in try a.percent(field) } ?? 0)
        let creator = try a.user("CREATOR", context)
        if entry.share > 0, creator == nil { throw .invalid("SHARE needs CREATOR: the user whom it goes to") }
        return ParsedCommand(a, .mutation(.spaceAdd(SpaceAdd(entry, creator: creator))))
    }

    private static let spaceGrant = CommandSpec(
        .spaceGrant, "SPACE GRANT", .space, .adminAll, .write, [.need("space", .space), .need("user", .user)],
        key: true, "Let a user see and buy a space that is not public.", reply: .receipt(["user", "space"]),
        examples: ["SPACE GRANT ada-lab u_bob"]
    ) { a, context throws(CommandError) in
        let user = try a.user(1, context)
        return ParsedCommand(a, .mutation(.spaceGrant(SpaceGrant(space: try a.word(0), user: user))), on: .user(user))
    }

    private static let spaceRevoke = CommandSpec(
        .spaceRevoke, "SPACE REVOKE", .space, .adminAll, .write, [.need("space", .space), .need("user", .user)],
        key: true, "Take a grant back; what the user bought stays.", reply: .receipt(["user", "space"]),
        examples: ["SPACE REVOKE ada-lab u_bob"]
    ) { a, context throws(CommandError) in
        let user = try a.user(1, context)
        return ParsedCommand(a, .mutation(.spaceRevoke(SpaceRevoke(space: try a.word(0), user: user))), on: .user(user))
    }

    private static let spaceList = CommandSpec(
        .spaceList, "SPACE LIST", .space, .read, .list,
        [.option("FOR", "user", .user, "what this user may see")] + .page, "The catalogue, newest first.",
        notes: [
            "`creator` is null for what the ledger began with.",
            "A passport of scope own sees what its user may see: what is public, the user's own, and what is granted to the user.",
        ],
        reply: .page([
            "space", "name", "description", "category", "gb", "cost", "public", "creator", "share", "created",
        ]),
        examples: ["SPACE LIST", "SPACE LIST FOR u_ada"]
    ) { a, context throws(CommandError) in
        guard let user = try a.user("FOR", context) else { return ParsedCommand(a, .query(.spaces(try a.page()))) }
        return ParsedCommand(a, .query(.spaces(try a.page(), for: .user(user))), on: .user(user))
    }

    private static let spacePurchase = CommandSpec(
        .spacePurchase, "SPACE PURCHASE", .space, .writeAll, .write,
        [.need("user", .user), .need("space", .space), .need("workspace", .instance), .need("name", .instance)],
        key: true, changesMoney: true, labels: true, "Charge a space once and give the user an instance of it.",
        notes: [
            "A name is used once in a workspace as long as the instance is the user's: until `CREDIT REFUND` has given back all of its charge, which ends it."
        ],
        reply: .receipt([
            "user", "space", "workspace", "instance", "gb", "charge", "amount", "author_share", "owed", "available",
            "debt",
        ]),
        examples: ["SPACE PURCHASE u_ada ml-ready ws-1 my-ml-dataset"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let purchase = SpacePurchase(
            user: user, space: try a.word(1), workspace: try a.keptName(2), instance: try a.keptName(3))
        return ParsedCommand(a, .mutation(.spacePurchase(purchase)), on: .user(user))
    }

    private static let spaceOwned = CommandSpec(
        .spaceOwned, "SPACE OWNED", .space, .readOwn, .list,
        [.need("user", .user), .option("WORKSPACE", "w", .instance, "in this workspace only")] + .page,
        "The instances that a user owns, newest first.",
        notes: ["A purchase that was refunded in part stays; one that was refunded whole is no longer the user's."],
        reply: .page(["id", "space", "workspace", "instance", "gb", "purchased", "charge", "amount"]),
        brief: ["space", "workspace", "instance", "gb", "purchased", "amount"],
        examples: ["SPACE OWNED u_ada", "SPACE OWNED u_ada WORKSPACE ws-1"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let workspace = try a.given("WORKSPACE").map { field throws(CommandError) in ShortText(try a.name(field))! }
        return ParsedCommand(
            a, .query(.instances(user: user, workspace: workspace, try a.page())), on: .user(user))
    }
}
