internal import LedgerCore

extension CommandParser {
    static func sessionStart(
        _ a: Arguments, user: Hash128, session: Int, tier: Int
    ) throws(CommandError) -> SessionStart {
        var start = SessionStart(user: user, session: try a.keptName(session), tier: try a.tier(tier))
        guard a.hasOptions else { return start }
        if let span = try a.span("TTL", from: .seconds(1)) { start.timeToLive = span }
        if let span = try a.span("HEARTBEAT", from: .seconds(1)) { start.heartbeat = span }
        if let field = a.given("RESERVE") {
            start.reserveFull = a.isWord(field, "full")
            guard start.reserveFull || a.isWord(field, "lease") else { throw a.refusal(field) }
        }
        return start
    }

    static func sessionRecord(_ a: Arguments, _ names: Names) throws(CommandError) -> ParsedCommand {
        let user = names.hash(.user, try a.name(1))
        var record = SessionRecord(
            session: try a.keptName(0), user: user, tier: try a.tier(2), from: try a.time(3), to: try a.time(4),
            arguments: .zero)
        guard record.from <= record.to else { throw .invalid("FROM is after TO") }
        record.arguments = a.argumentsHash(names)
        return ParsedCommand(id: .sessionRecord, ask: .mutation(.sessionRecord(record)), target: .user(user))
    }

    static func session(_ id: CommandID, _ a: Arguments, _ names: Names) throws(CommandError) -> ParsedCommand {
        switch id {
        case .sessionQuote:
            let user = names.hash(.user, try a.name(0))
            return ParsedCommand(
                id: id, ask: .quote(user: user, tier: try a.tier(1), duration: try a.hours(2)), target: .user(user))
        case .sessionList:
            let user = try a.given("USER").map { field throws(CommandError) in names.hash(.user, try a.name(field)) }
            let status = try a.given("STATUS").map { field throws(CommandError) -> SessionStatus in
                for status in [SessionStatus.active, .exhausting] where a.isWord(field, status.text) { return status }
                throw a.refusal(field)
            }
            return ParsedCommand(
                id: id, ask: .query(.sessions(user: user, status: status, try a.page())),
                target: user.map { .user($0) } ?? .none)
        case .sessionCancel:
            let session = names.hash(.session, try a.name(0))
            return ParsedCommand(
                id: id, ask: .mutation(.sessionCancel(session: session, reason: try a.text("REASON"))),
                target: .session(session))
        default:
            let session = names.hash(.session, try a.name(0))
            return ParsedCommand(id: id, ask: .query(.session(session)), target: .session(session))
        }
    }

    static func storage(_ id: CommandID, _ a: Arguments, _ names: Names) throws(CommandError) -> ParsedCommand {
        switch id {
        case .storageCreate:
            let user = names.hash(.user, try a.name(0))
            let create = StorageCreate(
                user: user, resource: try a.keptName(1), kind: try a.choice(2, \.text), megabytes: try a.megabytes(3))
            return ParsedCommand(id: id, ask: .mutation(.storageCreate(create)), target: .user(user))
        case .storageResize:
            let resource = names.hash(.resource, try a.name(0))
            return ParsedCommand(
                id: id, ask: .mutation(.storageResize(resource: resource, megabytes: try a.megabytes(1))),
                target: .resource(resource))
        case .storageDelete:
            let resource = names.hash(.resource, try a.name(0))
            return ParsedCommand(
                id: id, ask: .mutation(.storageDelete(resource: resource)), target: .resource(resource))
        case .spaceAdd:
            let space = try a.word(0)
            var isPublic = true
            if let field = a.given("PUBLIC") {
                isPublic = a.isWord(field, "yes")
                guard isPublic || a.isWord(field, "no") else { throw a.refusal(field) }
            }
            let add = SpaceAdd(
                id: space,
                name: try a.given("NAME").map { field throws(CommandError) in try a.keptName(field) } ?? space,
                description: try a.text("DESCRIPTION"),
                category: try a.given("CATEGORY").map { field throws(CommandError) in try a.word(field) } ?? "general",
                gigabytes: Int64(try a.integer(a.given("SIZE")!, 1...1_000_000_000)),
                cost: try a.price(a.given("COST")!),
                isPublic: isPublic)
            return ParsedCommand(id: id, ask: .mutation(.spaceAdd(add)))
        case .spaceList:
            return ParsedCommand(id: id, ask: .query(.spaces(try a.page())))
        case .spacePurchase:
            let user = names.hash(.user, try a.name(0))
            let purchase = SpacePurchase(
                user: user, space: try a.word(1), workspace: try a.keptName(2), instance: try a.keptName(3))
            return ParsedCommand(id: id, ask: .mutation(.spacePurchase(purchase)), target: .user(user))
        default:
            let user = names.hash(.user, try a.name(0))
            return ParsedCommand(id: id, ask: .query(.resources(user: user, try a.page())), target: .user(user))
        }
    }
}
