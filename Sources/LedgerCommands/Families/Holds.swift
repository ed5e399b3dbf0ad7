internal import LedgerCore

extension CommandTable {
    static let holdCommands = [
        holdPlace, holdCapture, holdVoid, holdGet, holdList,
    ]

    private static let holdFields = [
        "hold", "user", "status", "amount", "source", "placed", "expires", "captured", "released", "expired", "closed",
        "original", "remaining", "labels",
    ]

    private static let holdPlace = CommandSpec(
        .holdPlace, "HOLD PLACE", .hold, .writeAll, .write,
        [
            .need("user", .user), .need("amount", .amount), .option("TTL", "d", .lifetime, standard: "24h"),
            .option("SOURCE", "s", .word, "the revenue account of its captures", standard: "hold"),
        ],
        key: true, changesMoney: true, labels: true,
        "Reserve credit; it cannot expire or be spent otherwise while it is held.",
        notes: ["Its captures have its labels."],
        reply: .receipt(["user", "amount", "source", "expires", "available", "debt"]),
        examples: ["HOLD PLACE u_ada 2.50 TTL 10m SOURCE render"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let place = HoldPlace(
            user: user, amount: try a.amount(1), timeToLive: try a.span("TTL", from: .seconds(1)) ?? .hours(24),
            source: try a.given("SOURCE").map { field throws(CommandError) in try a.chargeSource(field) } ?? "hold")
        return ParsedCommand(a, .mutation(.holdPlace(place)), on: .user(user))
    }

    private static let holdCapture = CommandSpec(
        .holdCapture, "HOLD CAPTURE", .hold, .writeAll, .write,
        [
            .need("hold", .hold), .need("amount", .amount), .flag("FINAL", "release what is left"),
            .flag("OVER", "beyond the hold: from what is available, then debt"),
        ],
        key: true, changesMoney: true, "Charge what was held, all of it or a part.",
        notes: ["`charge` is the id to EXPLAIN or REFUND."],
        reply: .receipt([
            "user", "hold", "charge", "amount", "source", "final", "released", "owed", "available", "debt",
        ]),
        examples: ["HOLD CAPTURE h_4q 1.20 FINAL"]
    ) { a, _ throws(CommandError) in
        let hold = try a.birth(0, as: .hold)
        let capture = HoldCapture(hold: hold, amount: try a.amount(1), final: a.has("FINAL"), over: a.has("OVER"))
        return ParsedCommand(a, .mutation(.holdCapture(capture)), on: .hold(hold))
    }

    private static let holdVoid = CommandSpec(
        .holdVoid, "HOLD VOID", .hold, .writeAll, .write, [.need("hold", .hold)], key: true,
        "Give back what is held.", notes: ["`expired` is the part of it whose lots had expired meanwhile."],
        reply: .receipt(["user", "hold", "reason", "released", "expired", "available", "debt"]),
        examples: ["HOLD VOID h_4q"]
    ) { a, _ throws(CommandError) in
        let hold = try a.birth(0, as: .hold)
        return ParsedCommand(a, .mutation(.holdVoid(HoldVoid(hold: hold))), on: .hold(hold))
    }

    private static let holdGet = CommandSpec(
        .holdGet, "HOLD GET", .hold, .readOwn, .table, [.need("hold", .hold)], "One hold, open or closed.",
        notes: [
            "`status` is `open`, `captured`, `voided` or `expired`. `original` is what was held first, `captured` what was charged of it so far, `remaining` what is still held.",
            "`amount` is `remaining` while the hold is open, and `original` once it is closed.",
        ],
        reply: .map(holdFields), examples: ["HOLD GET h_4q"]
    ) { a, _ throws(CommandError) in
        let hold = try a.birth(0, as: .hold)
        return ParsedCommand(a, .query(.hold(hold)), on: .hold(hold))
    }

    private static let holdList = CommandSpec(
        .holdList, "HOLD LIST", .hold, .readOwn, .list, [.need("user", .user)] + .page,
        "A user's open holds, newest first.",
        notes: ["`original` and `captured` are null here: HOLD GET reads them from the journal."],
        reply: .page(holdFields), brief: ["hold", "remaining", "source", "placed", "expires"],
        examples: ["HOLD LIST u_ada"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        return ParsedCommand(a, .query(.holds(user: user, try a.page())), on: .user(user))
    }
}
