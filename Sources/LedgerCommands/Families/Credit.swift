internal import LedgerCore

extension CommandTable {
    static let creditCommands = [
        creditPurchase, creditGrant, creditCharge, creditAdjust, creditRefund, creditTransfer,
        creditBalance, creditLots, creditHistory,
    ]

    private static let creditPurchase = CommandSpec(
        .creditPurchase, "CREDIT PURCHASE", .credit, .billingAll, .write,
        [
            .need("user", .user), .need("amount", .cents), .need("method", .word, "like stripe"),
            .option(
                "REF", "id", .reference,
                "the provider's id of the payment; a second purchase by the same method with it is refused"),
        ],
        key: true, changesMoney: true,
        "Record that a user paid, and give the credit (and the bonus, if a rule says so).",
        notes: ["Debt is repaid first (`repaid`). `total` = `credits` + `bonus`."],
        reply: .receipt(
            ["user", "amount", "credits", "bonus", "total", "repaid", "method", "reference", "available", "debt"]),
        examples: ["CREDIT PURCHASE u_ada 25 stripe REF pi_3Nabc KEY order-17"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let purchase = CreditPurchase(
            user: user, amount: try a.cents(1), method: try a.word(2), reference: try a.keptName("REF") ?? ShortText())
        return ParsedCommand(a, .mutation(.creditPurchase(purchase)), on: .user(user))
    }

    private static let creditGrant = CommandSpec(
        .creditGrant, "CREDIT GRANT", .credit, .billingAll, .write,
        [
            .need("user", .user), .need("amount", .amount), .option("KIND", "k", .grantKind, standard: "promo"),
            .option("EFFECTIVE", "t", .time, "from then on it can be spent; default: at once"),
            .option("EXPIRES", "t", .time, "from then on it is gone; default: never"),
            .option(
                "FOR", "sources", .wordList,
                "it pays for these billing types and sources of charges only; default: for everything"),
            .must("REASON", "r", .text),
        ],
        key: true, changesMoney: true, "Give credit that nobody paid for.",
        notes: [
            "Billing types are \(Sources.billingTypes.map { "`\($0)`" }.joined(separator: ", ")). `available` leaves out what pays for certain sources only; `CREDIT BALANCE user FOR source` adds it.",
            "At equal priority what pays for less burns first. A transfer, a refund and a hold keep what a lot pays for. A user has at most 64 open lots of this kind.",
        ],
        reply: .receipt(["user", "amount", "kind", "scope", "effective", "expires", "available", "debt"]),
        examples: [
            "CREDIT GRANT u_ada 5 KIND promo EXPIRES 2027-01-01 REASON \"welcome back\"",
            "CREDIT GRANT u_ada 5 FOR session_runtime,gpu-hours REASON \"try our sessions\"",
        ]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let kind = try a.given("KIND").map { field throws(CommandError) in
            try a.choice(field, among: [LotKind.promo, .compensation], \.text)
        }
        let (effective, expires) = (try a.time("EFFECTIVE"), try a.time("EXPIRES") ?? .never)
        if let effective, effective >= expires { throw .invalid("EFFECTIVE is not before EXPIRES") }
        let grant = CreditGrant(
            user: user, amount: try a.amount(1), kind: kind ?? .promo, effective: effective, expires: expires,
            scope: try a.creditScope("FOR"), reason: try a.text("REASON"))
        return ParsedCommand(a, .mutation(.creditGrant(grant)), on: .user(user))
    }

    private static let creditCharge = CommandSpec(
        .creditCharge, "CREDIT CHARGE", .credit, .writeAll, .write,
        [
            .need("user", .user), .need("amount", .amount), .need("source", .word, "the revenue account, like api"),
            .option("DESCRIPTION", "d", .text), .flag("OVER", "beyond what is available, the rest becomes debt"),
        ],
        key: true, changesMoney: true, labels: true, "Charge a user for something.",
        notes: [
            "Give each charge a KEY: client libraries send a command again whose answer was lost (redis-py up to 11 times), and without a KEY each is a charge of its own.",
            "A source may not be a word that the ledger's own entries show, in whatever case: \(reservedSources.map { "`\($0)`" }.joined(separator: ", ")).",
        ],
        reply: .receipt(["user", "amount", "source", "owed", "available", "debt"]),
        examples: [
            "CREDIT CHARGE u_ada 0.0375 api DESCRIPTION \"3 calls\" KEY req-9",
            "CREDIT CHARGE u_ada 1.20 api LABELS team=ml,job=render/81",
        ]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let charge = CreditCharge(
            user: user, amount: try a.amount(1), source: try a.chargeSource(2), description: try a.text("DESCRIPTION"),
            over: a.has("OVER"))
        return ParsedCommand(a, .mutation(.creditCharge(charge)), on: .user(user))
    }

    private static let creditAdjust = CommandSpec(
        .creditAdjust, "CREDIT ADJUST", .credit, .billingAll, .write,
        [
            .need("user", .user), .need("amount", .signedAmount, "below 0 takes credit away, then makes debt"),
            .must("REASON", "r", .text), .option("REF", "id", .reference, "a second adjustment with it is refused"),
        ],
        key: true, changesMoney: true, "Correct an account by an amount, up or down.",
        reply: .receipt(["user", "amount", "repaid", "owed", "reference", "available", "debt"]),
        examples: ["CREDIT ADJUST u_ada -1.50 REASON \"entered twice\""]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let adjust = CreditAdjust(
            user: user, amount: try a.signedAmount(1), reason: try a.text("REASON"),
            reference: try a.keptName("REF") ?? ShortText())
        return ParsedCommand(a, .mutation(.creditAdjust(adjust)), on: .user(user))
    }

    private static let creditRefund = CommandSpec(
        .creditRefund, "CREDIT REFUND", .credit, .billingAll, .procedure,
        [
            .need("charge", .chargeOrSession), .may("amount", .amount, "default: all that was not refunded yet"),
            .must("REASON", "r", .text),
        ],
        key: true, changesMoney: true, "Give a charge, or a whole session, back to the lots that paid it.",
        notes: [
            "Of a session that has ended, the last charge goes back first; each is an entry of its own, and the receipt is that of the last entry, with the `total` of all.",
            "`forgiven` is the part that had become debt, `expired` what went back to lots that have expired.",
            "What gives a charge back has the labels of the charge.",
        ],
        reply: .receipt(["user", "charge", "amount", "total", "source", "forgiven", "expired", "available", "debt"]),
        examples: ["CREDIT REFUND c_4q REASON \"did not work\"", "CREDIT REFUND job-81 REASON \"node failed\""]
    ) { a, context throws(CommandError) in
        let (charge, session) = try a.chargeOrSession(0, context)
        let draft = RefundDraft(
            target: charge.map { .charge($0) } ?? .session(session), amount: a.has(1) ? try a.amount(1) : nil,
            reason: try a.text("REASON"))
        return ParsedCommand(a, .refund(draft), on: charge.map { .charge($0) } ?? .session(session))
    }

    private static let creditTransfer = CommandSpec(
        .creditTransfer, "CREDIT TRANSFER", .credit, .billingAll, .write,
        [
            .need("from", .user), .need("to", .user), .need("amount", .amount), .must("REASON", "r", .text),
        ],
        key: true, changesMoney: true, "Move credit from one user to another.",
        notes: [
            "What burns first goes first, from at most 256 lots, and stays what it is: `kind`, `expires` and `source` of a lot do not change, and its `parent` is the lot that was bought. It is never a purchase and never repays debt.",
            "What a user earned with spaces (kind `earning`) stays with the user.",
            "The receiver's history says `transfer from` and the sender's id; the reason is in the sender's only.",
        ],
        reply: .receipt(["user", "to", "amount", "available", "debt"]),
        examples: ["CREDIT TRANSFER u_ada u_bob 5 REASON \"shared project\""]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let transfer = CreditTransfer(
            from: user, to: try a.user(1, context), amount: try a.amount(2), reason: try a.text("REASON"))
        return ParsedCommand(a, .mutation(.creditTransfer(transfer)), on: .user(user))
    }

    private static let creditBalance = CommandSpec(
        .creditBalance, "CREDIT BALANCE", .credit, .readOwn, .view,
        [
            .need("user", .user),
            .option("FOR", "source", .word, "how much there is for this billing type or source of charges, too"),
        ],
        "What a user can spend, now.",
        notes: [
            "`available` is below 0 while sessions go on beyond their credit, for the time that `exhaustion_grace` grants; what they used becomes `debt` when it is posted.",
            "`available` counts credit that pays for everything; `available_for` (only with FOR) also what pays for that source.",
        ],
        reply: .map(["user", "type", "state", "available", "available_for", "paid", "promo", "held", "debt", "time"]),
        examples: ["CREDIT BALANCE u_ada", "CREDIT BALANCE u_ada FOR session_runtime"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        guard let source = a.given("FOR") else { return ParsedCommand(a, .balance(user: user), on: .user(user)) }
        return ParsedCommand(a, .query(.balance(user: user, for: try a.word(source))), on: .user(user))
    }

    private static let creditLots = CommandSpec(
        .creditLots, "CREDIT LOTS", .credit, .readOwn, .list, [.need("user", .user)] + .page,
        "A user's lots of credit, newest first.",
        notes: ["`order` is a lot's place in the order in which they burn: 1 goes first."],
        reply: .page([
            "lot", "kind", "remaining", "pinned", "source", "parent", "scope", "priority", "effective", "expires",
            "order",
        ]), brief: ["lot", "kind", "remaining", "pinned", "source", "expires", "order"],
        examples: ["CREDIT LOTS u_ada"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        return ParsedCommand(a, .query(.lots(user: user, try a.page())), on: .user(user))
    }

    private static let creditHistory = CommandSpec(
        .creditHistory, "CREDIT HISTORY", .credit, .readOwn, .history,
        [
            .need("user", .user), .option("FROM", "t", .time, "the earliest recorded time; default: the beginning"),
            .option("TO", "t", .time, "everything before it; default: now"),
            .option("LABEL", "k[=v]", .labelFilter, "only what has this label; default: everything"),
        ] + .historyPage,
        "Every movement of a user's credit, newest first.",
        notes: [
            "`type` is `credit` or `debit`; `amount` has no sign. `available` is what was left then.",
            "`labels` is a map, null where there are none: those of the command, of the session, hold or resource that a later entry belongs to, or of the charge that is refunded.",
        ],
        reply: .page([
            "id", "time", "from", "to", "type", "amount", "available", "source", "description", "session",
            "storage", "labels",
        ]), brief: ["id", "time", "type", "amount", "available", "source", "description", "session"],
        examples: ["CREDIT HISTORY u_ada COUNT 10", "CREDIT HISTORY u_ada LABEL team=ml"]
    ) { a, context throws(CommandError) in
        let user = try a.user(0, context)
        let (from, to) = try a.range()
        let range = HistoryRange(
            user: user, from: from, to: to, label: try a.labelFilter(), page: try a.page())
        return ParsedCommand(a, .history(range), on: .user(user))
    }
}
