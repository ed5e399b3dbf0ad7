internal import LedgerCore

extension CommandTable {
    static let connectionCommands = [
        auth, hello, ping, echo, quit, reset, select, time, clientSetName, clientGetName, clientSetInfo, clientID,
        clientInfo, clientList,
    ]

    private static let auth = CommandSpec(
        .auth, "AUTH", .connection, .open, .identity,
        [
            .need(
                "passport", .words, "the secret; the word default may stand before it", shown: "[default] passport")
        ],
        "Show a passport: it decides what the connection may ask from now on.",
        notes: [
            "`AUTH secret`, `AUTH default secret` and `AUTH \"\" secret` are the same; some clients send the last for `redis://:secret@host`. A failed AUTH leaves the connection as it was."
        ],
        reply: .other("OK"), examples: ["AUTH fl_…"]
    ) { a, _ throws(CommandError) in
        let count = a.words.count
        guard count <= 3 else {
            throw .invalid("wrong number of arguments for 'auth': use \(CommandTable.spec(.auth).usage)")
        }
        return ParsedCommand(a, .connection(.auth(try credentials(a, at: count - 1, name: count == 3 ? 1 : nil))))
    }

    private static let hello = CommandSpec(
        .hello, "HELLO", .connection, .open, .identity,
        [
            .may(
                "protover", .words, "the protocol, 2 or 3; without it, as before",
                shown: "2|3 [AUTH default passport] [SETNAME name]")
        ],
        "Choose the protocol, RESP2 or RESP3; perhaps show a passport and name the connection.",
        notes: [
            "A connection without a passport must show one here (`AUTH default passport`), or it is answered NOAUTH."
        ],
        reply: .map(["server", "version", "proto", "id", "mode", "role", "modules"]),
        examples: ["HELLO 3", "HELLO 3 AUTH default fl_…"]
    ) { a, _ throws(CommandError) in ParsedCommand(a, .connection(try introduction(a))) }

    private static let ping = CommandSpec(
        .ping, "PING", .connection, .open, .connection, [.may("message", .bytes)],
        "Answer PONG, or the message.", reply: .other("PONG, or the message"), examples: ["PING"]
    ) { a, _ in ParsedCommand(a, .local(.ping(a.has(0) ? Array(a.bytes(0)) : nil))) }

    private static let echo = CommandSpec(
        .echo, "ECHO", .connection, .open, .connection, [.need("message", .bytes)],
        "Answer the message.", reply: .other("the message"), examples: ["ECHO hello"]
    ) { a, _ in ParsedCommand(a, .local(.echo(Array(a.bytes(0))))) }

    private static let quit = CommandSpec(
        .quit, "QUIT", .connection, .open, .connection, [], "Close the connection after all answers.",
        reply: .other("OK"), examples: ["QUIT"]
    ) { a, _ in ParsedCommand(a, .connection(.quit)) }

    private static let reset = CommandSpec(
        .reset, "RESET", .connection, .open, .connection, [],
        "Make the connection new: no passport, RESP2, no name.", reply: .other("RESET"), examples: ["RESET"]
    ) { a, _ in ParsedCommand(a, .connection(.reset)) }

    private static let select = CommandSpec(
        .select, "SELECT", .connection, .open, .connection, [.need("index", .words, "always 0", shown: "index")],
        "For Redis clients: there is one ledger, number 0.", reply: .other("OK"), examples: ["SELECT 0"]
    ) { a, _ throws(CommandError) in
        guard a.rest == ["0"] else { throw .invalid("DB index is out of range: there is one ledger, number 0") }
        return ParsedCommand(a, .local(.select))
    }

    private static let time = CommandSpec(
        .time, "TIME", .connection, .open, .connection, [],
        "The server's time: unix seconds and microseconds.", reply: .other("two texts: seconds, microseconds"),
        examples: ["TIME"]
    ) { a, _ in ParsedCommand(a, .server(.time)) }

    private static let clientSetName = CommandSpec(
        .clientSetName, "CLIENT SETNAME", .connection, .open, .connection, [.need("name", .words, shown: "name")],
        "Name the connection, for CLIENT LIST.", reply: .other("OK"),
        examples: ["CLIENT SETNAME worker-1"]
    ) { a, _ throws(CommandError) in
        guard a.words.count == 3 else { throw .invalid("wrong number of arguments for 'client setname'") }
        return ParsedCommand(a, .connection(.setName(try clientText(a.words[2], "a connection's name"))))
    }

    private static let clientGetName = CommandSpec(
        .clientGetName, "CLIENT GETNAME", .connection, .open, .connection, [], "The connection's name.",
        reply: .other("the name, or null"), examples: ["CLIENT GETNAME"]
    ) { a, _ in ParsedCommand(a, .connection(.getName)) }

    private static let clientSetInfo = CommandSpec(
        .clientSetInfo, "CLIENT SETINFO", .connection, .open, .connection,
        [.need("attribute", .words, shown: "LIB-NAME|LIB-VER value")], "Say which client library speaks.",
        reply: .other("OK"), examples: ["CLIENT SETINFO LIB-NAME redis-py"]
    ) { a, _ throws(CommandError) in
        guard a.words.count == 4 else {
            throw .invalid("wrong number of arguments for 'client setinfo': use CLIENT SETINFO LIB-NAME name")
        }
        let attribute = Echo.folded(a.words[2])
        guard attribute == "LIB-NAME" || attribute == "LIB-VER" else {
            throw .invalid("unrecognized option \(Echo.quoted(a.words[2])): use LIB-NAME or LIB-VER")
        }
        let value = try clientText(a.words[3], attribute)
        return ParsedCommand(a, .connection(.setInfo(attribute: ShortText(attribute)!, value: value)))
    }

    private static let clientID = CommandSpec(
        .clientID, "CLIENT ID", .connection, .open, .connection, [], "The connection's number.",
        reply: .other("an integer"), examples: ["CLIENT ID"]
    ) { a, _ in ParsedCommand(a, .connection(.id)) }

    private static let clientInfo = CommandSpec(
        .clientInfo, "CLIENT INFO", .connection, .open, .connection, [], "The connection in one line.",
        reply: .other("a line of name=value"), examples: ["CLIENT INFO"]
    ) { a, _ in ParsedCommand(a, .connection(.info)) }

    private static let clientList = CommandSpec(
        .clientList, "CLIENT LIST", .connection, .open, .connection, [],
        "Like CLIENT INFO: a connection sees only itself.", reply: .other("a line of name=value"),
        examples: ["CLIENT LIST"]
    ) { a, _ in ParsedCommand(a, .connection(.list)) }

    private static func credentials(_ a: Arguments, at index: Int, name: Int?) throws(CommandError) -> Secret {
        // `redis://:passport@host` names nobody: some clients send that as an empty name.
        if let name, !["DEFAULT", ""].contains(Echo.folded(a.words[name])) { throw .wrongPassport }
        guard let secret = Secret(a.words[index]) else { throw .wrongPassport }
        return secret
    }

    private static func introduction(_ a: Arguments) throws(CommandError) -> ConnectionCommand {
        var (version, auth, name): (UInt8?, Secret?, ShortText?) = (nil, nil, nil)
        var index = 1
        if index < a.words.count {
            guard let number = Decimal.parse(a.words[index]) else {
                throw .invalid("Protocol version is not an integer or out of range")
            }
            guard 2...3 ~= number else { throw .noProtocol }
            version = UInt8(number)
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

    /// As Redis has it: printable ASCII without blanks, and here at most 64 bytes; empty takes a name away.
    private static func clientText(_ bytes: UnsafeRawBufferPointer, _ what: String) throws(CommandError) -> ShortText {
        guard bytes.count <= ShortText.capacity, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !Echo.looksSecret(bytes)
        else {
            throw .invalid("\(what) has at most 64 printable characters and no blanks")
        }
        return ShortText(bytes)!
    }
}
