internal import LedgerCore
internal import RESP

extension CommandParser {
    static func prices(_ id: CommandID, _ a: Arguments) throws(CommandError) -> ParsedCommand {
        let ask: ParsedCommand.Ask
        switch id {
        case .explain:
            let charge = try a.birth(0, as: .charge)
            return ParsedCommand(id: id, ask: .explain(charge), target: .charge(charge))
        case .priceInfo: ask = .query(.priceBooks)
        case .ruleList: ask = .query(.rules)
        case .limitList: ask = .query(.limits)
        case .clockAccept: ask = .mutation(.clockAccept)
        case .ruleLoad: ask = .ruleLoad(try a.choice(0, \.text), source: try a.source(1))
        case .ruleCheck:
            // No Lua chunk is a bare number, so a number is a version.
            let name: RuleName = try a.choice(0, \.text)
            if let number = Decimal.parse(a.bytes(1)) {
                guard let version = UInt32(exactly: number), version > 0 else {
                    throw .invalid("source '\(number)' is neither Lua nor a version number, 1 or more")
                }
                ask = .ruleCheck(name, version: version, source: nil)
            } else {
                ask = .ruleCheck(name, version: nil, source: try a.source(1))
            }
        case .ruleShow:
            ask = .query(.ruleSource(try a.choice(0, \.text), version: a.has(1) ? try version(a, 1) : nil))
        case .ruleActivate:
            ask = .ruleActivate(try a.choice(0, \.text), version: try version(a, 1), at: try a.time("AT"))
        case .ruleRollback: ask = .mutation(.ruleRollback(RuleRollback(name: try a.choice(0, \.text))))
        default:
            let (type, limit): (UserType, LimitName) = (try a.choice(0, \.text), try a.choice(1, \.text))
            ask = .mutation(.limitSet(LimitSet(type: type, limit: limit, value: try limitValue(a, limit))))
        }
        return ParsedCommand(id: id, ask: ask)
    }

    private static func version(_ a: Arguments, _ field: Int) throws(CommandError) -> UInt32 {
        UInt32(try a.integer(field, 1...UInt64(UInt32.max)))
    }

    /// The value of a LIMIT SET that was read before.
    static func limitValue(_ a: Arguments) -> Int64? {
        guard let limit: LimitName = try? a.choice(1, \.text) else { return nil }
        return try? limitValue(a, limit)
    }

    private static func limitValue(_ a: Arguments, _ limit: LimitName) throws(CommandError) -> Int64 {
        let bytes = a.bytes(2)
        let shown = Echo.shown(bytes).map { " '\($0)'" } ?? ""
        func refusal(_ expected: String) -> CommandError { .invalid("value\(shown) is not \(expected)") }
        let mayBeNone = limit != .tiers && limit != .exhaustionGrace
        if mayBeNone, a.isWord(2, "none") { return Limits.none }
        switch limit {
        case .sessions, .requestsPerHour:
            guard let value = Decimal.parse(bytes), value < UInt64(UInt32.max) else {
                throw refusal("a whole number or none")
            }
            return Int64(value)
        case .tiers:
            var set: Int64 = 0
            for word in String(decoding: bytes.prefix(64), as: UTF8.self).split(
                separator: ",", omittingEmptySubsequences: false)
            {
                guard let tier = Tier(text: word.lowercased()) else {
                    throw refusal("a list of tiers like small,medium")
                }
                set |= 1 << Int64(tier.rawValue)
            }
            return set
        case .storage:
            guard let gigabytes = Money(parsing: bytes), gigabytes.nanos % 1_000_000 == 0 else {
                throw refusal("a number of GB with at most 3 fraction digits, or none")
            }
            return gigabytes.nanos / 1_000_000
        case .purchaseMinimum, .purchaseMaximum:
            guard let amount = Money(parsing: bytes), amount.nanos % Money.cent.nanos == 0 else {
                throw refusal("an amount in whole cents, or none")
            }
            return amount.nanos
        case .exhaustionGrace:
            guard let span = TimeSpan(parsing: bytes), span <= .days(30) else {
                throw refusal("a duration from 0s to 30d")
            }
            return span.nanoseconds
        }
    }

    static func server(_ id: CommandID, _ a: Arguments) throws(CommandError) -> ServerCommand {
        switch id {
        case .info: return .info(sections: a.rest.map { $0.lowercased() })
        case .slowlogGet: return .slowlogGet(count: a.has(0) ? Int(try a.integer(0, 1...10_000)) : 10)
        case .slowlogLen: return .slowlogLength
        case .slowlogReset: return .slowlogReset
        case .dbsize: return .databaseSize
        case .snapshot: return .snapshot
        case .wait:
            return .wait(LSN(try a.integer(0, 0...UInt64(Int64.max))), timeout: a.has(1) ? try timeout(a, 1) : nil)
        case .shutdown:
            guard a.rest.allSatisfy({ ["SAVE", "NOSAVE"].contains($0.uppercased()) }) else {
                throw .invalid("SHUTDOWN takes SAVE or NOSAVE, which mean the same here")
            }
            return .shutdown
        default: return .time
        }
    }

    /// Redis' WAIT counts milliseconds, and 0 waits for ever.
    private static func timeout(_ a: Arguments, _ field: Int) throws(CommandError) -> TimeSpan? {
        let bytes = a.bytes(field)
        let span: TimeSpan
        if let milliseconds = Decimal.parse(bytes), milliseconds <= 2_592_000_000 {
            span = TimeSpan(nanoseconds: Int64(milliseconds) * 1_000_000)
        } else {
            span = try a.span(field, from: .zero)
        }
        return span == .zero ? nil : span
    }

    // MARK: The connection

    static func connection(_ id: CommandID, _ a: Arguments) throws(CommandError) -> ConnectionCommand {
        let count = a.words.count - a.grammar.nameWords
        switch id {
        case .auth:
            guard count <= 2 else {
                throw .invalid("wrong number of arguments for 'auth': use \(CommandTable.spec(id).usage)")
            }
            return .auth(try credentials(a, at: a.words.count - 1, name: count == 2 ? a.words.count - 2 : nil))
        case .hello: return try hello(a)
        case .quit: return .quit
        case .reset: return .reset
        case .clientGetName: return .getName
        case .clientID: return .id
        case .clientInfo: return .info
        case .clientList: return .list
        case .clientSetName:
            guard count == 1 else { throw .invalid("wrong number of arguments for 'client setname'") }
            return .setName(try clientText(a.words[2], "a connection's name"))
        default:
            guard count == 2 else {
                throw .invalid("wrong number of arguments for 'client setinfo': use CLIENT SETINFO LIB-NAME name")
            }
            let attribute = Echo.folded(a.words[2])
            guard attribute == "LIB-NAME" || attribute == "LIB-VER" else {
                throw .invalid("unrecognized option \(Echo.quoted(a.words[2])): use LIB-NAME or LIB-VER")
            }
            return .setInfo(
                attribute: ShortText(attribute)!, value: try clientText(a.words[3], attribute))
        }
    }

    private static func hello(_ a: Arguments) throws(CommandError) -> ConnectionCommand {
        var (version, auth, name): (RESPVersion?, Secret?, ShortText?) = (nil, nil, nil)
        var index = 1
        if index < a.words.count {
            guard let number = Decimal.parse(a.words[index]) else {
                throw .invalid("Protocol version is not an integer or out of range")
            }
            guard let asked = UInt8(exactly: number).flatMap(RESPVersion.init(rawValue:)) else { throw .noProtocol }
            version = asked
            index += 1
        }
        while index < a.words.count {
            switch Echo.folded(a.words[index]) {
            case "AUTH" where index + 2 < a.words.count:
                auth = try credentials(a, at: index + 2, name: index + 1)
                index += 3
            case "SETNAME" where index + 1 < a.words.count:
                name = try clientText(a.words[index + 1], "a connection's name")
                index += 2
            default:
                throw .invalid("HELLO takes [2|3 [AUTH default passport] [SETNAME name]]")
            }
        }
        return .hello(version: version, auth: auth, name: name)
    }

    private static func credentials(_ a: Arguments, at index: Int, name: Int?) throws(CommandError) -> Secret {
        if let name, Echo.folded(a.words[name]) != "DEFAULT" { throw .wrongPassport }
        guard let secret = Secret(a.words[index]) else { throw .wrongPassport }
        return secret
    }

    /// As Redis has it: printable ASCII without blanks, and here at most 64 bytes; empty takes a name away.
    private static func clientText(_ bytes: UnsafeRawBufferPointer, _ what: String) throws(CommandError) -> ShortText {
        guard bytes.count <= ShortText.capacity, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !Echo.looksSecret(bytes)
        else {
            throw .invalid("\(what) has at most 64 printable characters and no blanks")
        }
        return ShortText(bytes)!
    }

    // MARK: What the table answers

    static func local(_ id: CommandID, _ a: Arguments) throws(CommandError) -> LocalCommand {
        func wanted() -> [String]? { a.rest.isEmpty ? nil : a.rest.map { $0.lowercased() } }
        switch id {
        case .ping: return .ping(a.has(0) ? Array(a.bytes(0)) : nil)
        case .echo: return .echo(Array(a.bytes(0)))
        case .select:
            guard a.rest == ["0"] else { throw .invalid("DB index is out of range: there is one ledger, number 0") }
            return .select
        case .configGet: return .configGet(a.rest.map { $0.lowercased() })
        case .command: return .command
        case .commandCount: return .commandCount
        case .commandInfo: return .commandInfo(wanted())
        case .commandDocs: return .commandDocs(wanted())
        case .commandList: return .commandList
        default:
            // CREDIT HELP is HELP CREDIT.
            let noun = Echo.folded(a.words[0])
            return .help(noun == "HELP" ? a.rest.map { $0.uppercased() } : [noun])
        }
    }
}
