internal import LedgerCore

extension CommandParser {
    static func user(_ id: CommandID, _ a: Arguments, _ context: ParseContext) throws(CommandError) -> ParsedCommand {
        let names = context.names
        switch id {
        case .userCreate:
            let email = try a.email(0)
            let chosen: ShortText =
                if let field = a.given("ID") { try a.keptName(field) } else { randomUserID(context) }
            let create = UserCreate(
                id: chosen, emailHash: email.withUnsafeBytes(context.emailHash), email: email, name: try a.text("NAME"),
                type: try a.given("TYPE").map { field throws(CommandError) in try a.choice(field, \.text) } ?? .free)
            return ParsedCommand(id: id, ask: .mutation(.userCreate(create)))
        case .userSet:
            let user = names.hash(.user, try a.name(0))
            var changes: [UserSet.Change] = []
            if let field = a.given("NAME") { changes.append(.name(try a.text(field))) }
            if let field = a.given("TYPE") { changes.append(.type(try a.choice(field, \.text))) }
            if let field = a.given("STATE") { changes.append(.state(try a.choice(field, \.text))) }
            guard changes.count == 1 else {
                throw .invalid("USER SET changes one thing at a time: NAME, TYPE or STATE")
            }
            return ParsedCommand(
                id: id, ask: .mutation(.userSet(UserSet(user: user, change: changes[0]))), target: .user(user))
        case .userList:
            return ParsedCommand(id: id, ask: .query(.users(try a.page())))
        case .userSummary:
            let user = names.hash(.user, try a.name(0))
            let range = try a.range()
            return ParsedCommand(id: id, ask: .summary(user: user, from: range.from, to: range.to), target: .user(user))
        default:
            let user = names.hash(.user, try a.name(0))
            return ParsedCommand(id: id, ask: .query(.user(user)), target: .user(user))
        }
    }

    /// `u_` and sixteen digits of base 62.
    private static func randomUserID(_ context: ParseContext) -> ShortText {
        var bytes = Array("u_".utf8)
        // 62^8 of each half: the bias of the remainder is below one in 10^5.
        for _ in 0..<2 { Base62.append(context.random() % 218_340_105_584_896, width: 8, to: &bytes) }
        return bytes.withUnsafeBytes { ShortText($0)! }
    }

    static func passport(_ id: CommandID, _ a: Arguments, _ names: Names) throws(CommandError) -> ParsedCommand {
        switch id {
        case .passportCreate:
            let user = names.hash(.user, try a.name(0))
            let draft = PassportDraft(
                user: user, name: Array(try a.keptName(1).string.utf8), permissions: try a.permissions(2),
                scope: try a.given("SCOPE").map { field throws(CommandError) in try a.choice(field, \.text) } ?? .own,
                expires: try a.time("EXPIRES") ?? .never,
                rate: try a.given("RATE").map { field throws(CommandError) in
                    UInt32(try a.integer(field, 1...UInt64(UInt32.max)))
                } ?? 0)
            return ParsedCommand(id: id, ask: .passportCreate(draft), target: .user(user))
        case .passportRevoke:
            let passport = try a.passport(0)
            return ParsedCommand(id: id, ask: .mutation(.passportRevoke(passport)), target: .passport(passport))
        case .passportRotate:
            let passport = try a.passport(0)
            let overlap = try a.span("OVERLAP", from: .zero) ?? .zero
            return ParsedCommand(
                id: id, ask: .passportRotate(passport, overlap: overlap), target: .passport(passport))
        default:
            let user = names.hash(.user, try a.name(0))
            return ParsedCommand(id: id, ask: .query(.passports(user: user, try a.page())), target: .user(user))
        }
    }

    static func credit(_ id: CommandID, _ a: Arguments, _ names: Names) throws(CommandError) -> ParsedCommand {
        if id == .creditRefund {
            let charge = try a.birth(0, as: .charge)
            let draft = RefundDraft(
                charge: charge, amount: a.has(1) ? try a.amount(1) : nil, reason: try a.text("REASON"))
            return ParsedCommand(id: id, ask: .refund(draft), target: .charge(charge))
        }
        let user = names.hash(.user, try a.name(0))
        let ask: ParsedCommand.Ask
        switch id {
        case .creditPurchase:
            ask = .mutation(
                .creditPurchase(
                    CreditPurchase(
                        user: user, amount: try a.cents(1), method: try a.word(2), reference: try reference(a))))
        case .creditGrant:
            let kind = try a.given("KIND").map { field throws(CommandError) -> LotKind in
                for kind in [LotKind.promo, .compensation] where a.isWord(field, kind.text) { return kind }
                throw a.refusal(field)
            }
            let (effective, expires) = (try a.time("EFFECTIVE"), try a.time("EXPIRES") ?? .never)
            if let effective, effective >= expires { throw .invalid("EFFECTIVE is not before EXPIRES") }
            ask = .mutation(
                .creditGrant(
                    CreditGrant(
                        user: user, amount: try a.amount(1), kind: kind ?? .promo, effective: effective,
                        expires: expires, reason: try a.text("REASON"))))
        case .creditAdjust:
            ask = .mutation(
                .creditAdjust(
                    CreditAdjust(
                        user: user, amount: try a.signedAmount(1), reason: try a.text("REASON"),
                        reference: try reference(a))))
        case .creditLots: ask = .query(.lots(user: user, try a.page()))
        case .creditHistory:
            let range = try a.range()
            ask = .history(HistoryRange(user: user, from: range.from, to: range.to, page: try a.page()))
        default: ask = .balance(user: user)
        }
        return ParsedCommand(id: id, ask: ask, target: .user(user))
    }

    private static func reference(_ a: Arguments) throws(CommandError) -> ShortText {
        guard let field = a.given("REF") else { return ShortText() }
        return try a.keptName(field)
    }

    static func hold(_ id: CommandID, _ a: Arguments, _ names: Names) throws(CommandError) -> ParsedCommand {
        switch id {
        case .holdPlace, .holdList:
            let user = names.hash(.user, try a.name(0))
            if id == .holdList {
                return ParsedCommand(id: id, ask: .query(.holds(user: user, try a.page())), target: .user(user))
            }
            let place = HoldPlace(
                user: user, amount: try a.amount(1), timeToLive: try a.span("TTL", from: .seconds(1)) ?? .hours(24),
                source: try a.given("SOURCE").map { field throws(CommandError) in try chargeSource(a, field) } ?? "hold"
            )
            return ParsedCommand(id: id, ask: .mutation(.holdPlace(place)), target: .user(user))
        case .holdCapture:
            let hold = try a.birth(0, as: .hold)
            let capture = HoldCapture(
                hold: hold, amount: try a.amount(1), final: a.has("FINAL"), over: a.has("OVER"))
            return ParsedCommand(id: id, ask: .mutation(.holdCapture(capture)), target: .hold(hold))
        case .holdVoid:
            let hold = try a.birth(0, as: .hold)
            return ParsedCommand(id: id, ask: .mutation(.holdVoid(hold)), target: .hold(hold))
        default:
            let hold = try a.birth(0, as: .hold)
            return ParsedCommand(id: id, ask: .query(.hold(hold)), target: .hold(hold))
        }
    }
}
