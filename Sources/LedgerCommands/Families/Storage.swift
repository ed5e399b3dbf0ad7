internal import LedgerCore

extension CommandTable {
    static let storageCommands = [
        storageCreate, storageResize, storageDelete, storageList,
    ]

    private static let storageCreate = CommandSpec(
        .storageCreate, "STORAGE CREATE", .storage, .writeAll, .write,
        [.need("user", .user), .need("resource", .resource), .need("kind", .storageKind), .need("gb", .gigabytes)],
        key: true, labels: true, "Begin to bill storage. A day of it must be affordable.",
        notes: ["All that is charged for the resource has its labels."],
        reply: .receipt(["user", "resource", "kind", "gb", "rate", "list_rate", "available", "debt"]),
        examples: ["STORAGE CREATE u_ada ada-data bucket 10"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let create = StorageCreate(
            user: user, resource: try a.keptName(1), kind: try a.choice(2, \.text), megabytes: try a.megabytes(3))
        return ParsedCommand(a, .mutation(.storageCreate(create)), on: .user(user))
    }

    private static let storageResize = CommandSpec(
        .storageResize, "STORAGE RESIZE", .storage, .writeAll, .write,
        [.need("resource", .resource), .need("gb", .gigabytes)], key: true,
        "Bill another size from now on; what accrued is posted.",
        reply: .receipt([
            "user", "resource", "kind", "gb", "rate", "list_rate", "charge", "amount", "owed", "available", "debt",
        ]),
        examples: ["STORAGE RESIZE ada-data 20.5"]
    ) { a, context throws(CommandError) in
        let resource = context.names.hash(.resource, try a.name(0))
        return ParsedCommand(
            a, .mutation(.storageResize(StorageResize(resource: resource, megabytes: try a.megabytes(1)))),
            on: .resource(resource))
    }

    private static let storageDelete = CommandSpec(
        .storageDelete, "STORAGE DELETE", .storage, .writeAll, .write, [.need("resource", .resource)], key: true,
        "End the billing of a resource; what accrued is posted.",
        notes: ["`amount` is what this posting charges, `total` what the resource cost in all its life."],
        reply: .receipt([
            "user", "resource", "kind", "gb", "total", "charge", "amount", "owed", "available", "debt",
        ]),
        examples: ["STORAGE DELETE ada-data"]
    ) { a, context throws(CommandError) in
        let resource = context.names.hash(.resource, try a.name(0))
        return ParsedCommand(a, .mutation(.storageDelete(StorageDelete(resource: resource))), on: .resource(resource))
    }

    private static let storageList = CommandSpec(
        .storageList, "STORAGE LIST", .storage, .readOwn, .list, [.need("user", .user)] + .page,
        "A user's resources, newest first.",
        notes: [
            "`status` is that of all the user's storage: `active`; `unpaid` since a posting (there is one a day at least) first became debt; `delete_due` when that was for longer than `storage_grace` or for more than `storage_debt` (`LIMIT LIST`). `delete_due` says since when, or when at the latest.",
            "From then on nothing accrues, until the debt is paid: it accrues again from there. Nothing is ever deleted by the ledger; resize and delete work throughout.",
        ],
        reply: .page([
            "resource", "id", "kind", "gb", "created", "rate", "accrued", "posted", "status", "unpaid_since",
            "delete_due", "labels",
        ]),
        brief: ["resource", "kind", "gb", "rate", "accrued", "posted", "status"],
        examples: ["STORAGE LIST u_ada"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        return ParsedCommand(a, .query(.resources(user: user, try a.page())), on: .user(user))
    }
}
