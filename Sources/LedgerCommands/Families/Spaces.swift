internal import LedgerCore

extension CommandTable {
    static let spaceCommands = [
        spaceAdd, spaceList, spacePurchase,
    ]

    private static let spaceAdd = CommandSpec(
        .spaceAdd, "SPACE ADD", .space, .adminAll, .write,
        [
            .need("space", .space),
            .must("COST", "a", .price, "the list price, which the rule space_purchase gets"),
            .must("SIZE", "gb", .gigabytesWhole), .option("NAME", "n", .label, "default: the id"),
            .option("DESCRIPTION", "d", .text), .option("CATEGORY", "c", .category, standard: "general"),
            .option("PUBLIC", "p", .yesNo, standard: "yes"),
        ],
        key: true, "Add a space to the catalogue.",
        reply: .receipt(["space", "name", "category", "gb", "cost", "public"]),
        examples: ["SPACE ADD ml-ready COST 5 SIZE 50 NAME \"ML Ready Environment\" CATEGORY ml"]
    ) { a, _ throws(CommandError) in
        let space = try a.word(0)
        let add = SpaceAdd(
            id: space, name: try a.keptName("NAME") ?? space, description: try a.plainText("DESCRIPTION"),
            category: try a.given("CATEGORY").map { field throws(CommandError) in try a.word(field) } ?? "general",
            gigabytes: Int64(try a.integer(a.given("SIZE")!, 1...1_000_000_000)), cost: try a.price(a.given("COST")!),
            isPublic: try a.isFirst("PUBLIC", of: "yes", or: "no") ?? true)
        return ParsedCommand(a, .mutation(.spaceAdd(add)))
    }

    private static let spaceList = CommandSpec(
        .spaceList, "SPACE LIST", .space, .read, .list, .page, "The catalogue, newest first.",
        notes: [
            "`creator` is the user whose passport added it; null for what the ledger began with.",
            "A passport of scope own sees the public ones.",
        ],
        reply: .page(["space", "name", "description", "category", "gb", "cost", "public", "creator", "created"]),
        examples: ["SPACE LIST"]
    ) { a, _ throws(CommandError) in ParsedCommand(a, .query(.spaces(try a.page()))) }

    private static let spacePurchase = CommandSpec(
        .spacePurchase, "SPACE PURCHASE", .space, .writeAll, .write,
        [.need("user", .user), .need("space", .space), .need("workspace", .instance), .need("name", .instance)],
        key: true, changesMoney: true, "Charge a space once and grant the instance.",
        reply: .receipt([
            "user", "space", "workspace", "instance", "gb", "charge", "amount", "owed", "available", "debt",
        ]),
        examples: ["SPACE PURCHASE u_ada ml-ready ws-1 my-ml-dataset"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let purchase = SpacePurchase(
            user: user, space: try a.word(1), workspace: try a.keptName(2), instance: try a.keptName(3))
        return ParsedCommand(a, .mutation(.spacePurchase(purchase)), on: .user(user))
    }
}
