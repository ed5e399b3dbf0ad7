extension CommandTable {
    static let connectionCommands: [CommandSpec] = [
        CommandSpec(
            .auth, "AUTH", .connection, .open, .connection,
            [
                .need(
                    "passport", .words, "the secret; the word default may stand before it", shown: "[default] passport")
            ],
            "Show a passport; every command of the connection is then asked by it.",
            notes: [
                "`AUTH secret` and `AUTH default secret` are the same. A failed AUTH leaves the connection as it was."
            ],
            reply: .other("OK"), examples: ["AUTH fl_…"]),
        CommandSpec(
            .hello, "HELLO", .connection, .open, .connection,
            [
                .may(
                    "protover", .words, "the protocol, 2 or 3; without it, as before",
                    shown: "2|3 [AUTH default passport] [SETNAME name]")
            ],
            "Choose the protocol, RESP2 or RESP3, and say who is there.",
            notes: ["Before AUTH it must bring `AUTH default passport` along: else it answers NOAUTH."],
            reply: .map(["server", "version", "proto", "id", "mode", "role", "modules"]),
            examples: ["HELLO 3", "HELLO 3 AUTH default fl_…"]),
        CommandSpec(
            .ping, "PING", .connection, .open, .connection, [.may("message", .bytes)],
            "Answer PONG, or the message.", reply: .other("PONG, or the message"), examples: ["PING"]),
        CommandSpec(
            .echo, "ECHO", .connection, .open, .connection, [.need("message", .bytes)],
            "Answer the message.", reply: .other("the message"), examples: ["ECHO hello"]),
        CommandSpec(
            .quit, "QUIT", .connection, .open, .connection, [], "Close the connection after all answers.",
            reply: .other("OK"), examples: ["QUIT"]),
        CommandSpec(
            .reset, "RESET", .connection, .open, .connection, [],
            "Make the connection new: no passport, RESP2, no name.", reply: .other("RESET"), examples: ["RESET"]),
        CommandSpec(
            .select, "SELECT", .connection, .open, .connection, [.need("index", .words, "always 0", shown: "index")],
            "For Redis clients: there is one ledger, number 0.", reply: .other("OK"), examples: ["SELECT 0"]),
        CommandSpec(
            .time, "TIME", .connection, .open, .connection, [],
            "The server's time: unix seconds and microseconds.", reply: .other("two texts: seconds, microseconds"),
            examples: ["TIME"]),
        CommandSpec(
            .clientSetName, "CLIENT SETNAME", .connection, .open, .connection, [.need("name", .words, shown: "name")],
            "Name the connection, for CLIENT LIST and the slow log.", reply: .other("OK"),
            examples: ["CLIENT SETNAME worker-1"]),
        CommandSpec(
            .clientGetName, "CLIENT GETNAME", .connection, .open, .connection, [], "The connection's name.",
            reply: .other("the name, or null"), examples: ["CLIENT GETNAME"]),
        CommandSpec(
            .clientSetInfo, "CLIENT SETINFO", .connection, .open, .connection,
            [.need("attribute", .words, shown: "LIB-NAME|LIB-VER value")], "Say which client library speaks.",
            reply: .other("OK"), examples: ["CLIENT SETINFO LIB-NAME redis-py"]),
        CommandSpec(
            .clientID, "CLIENT ID", .connection, .open, .connection, [], "The connection's number.",
            reply: .other("an integer"), examples: ["CLIENT ID"]),
        CommandSpec(
            .clientInfo, "CLIENT INFO", .connection, .open, .connection, [], "The connection in one line.",
            reply: .other("a line of name=value"), examples: ["CLIENT INFO"]),
        CommandSpec(
            .clientList, "CLIENT LIST", .connection, .open, .connection, [],
            "Like CLIENT INFO: a connection sees only itself.", reply: .other("a line of name=value"),
            examples: ["CLIENT LIST"]),
        CommandSpec(
            .configGet, "CONFIG GET", .connection, .open, .connection, [.need("parameter", .words)],
            "For Redis clients: save and appendonly; any other parameter gives an empty map.",
            reply: .other("a map"), examples: ["CONFIG GET appendonly"]),
        CommandSpec(
            .command, "COMMAND", .connection, .anyPassport, .connection, [],
            "All commands, as Redis clients read them.",
            reply: .other("a list of command descriptions"), examples: ["COMMAND"]),
        CommandSpec(
            .commandCount, "COMMAND COUNT", .connection, .anyPassport, .connection, [], "How many commands there are.",
            reply: .other("an integer"), examples: ["COMMAND COUNT"]),
        CommandSpec(
            .commandInfo, "COMMAND INFO", .connection, .anyPassport, .connection, [.may("name", .words)],
            "Descriptions of the commands named; null for unknown ones.",
            reply: .other("a list of command descriptions"), examples: ["COMMAND INFO credit"]),
        CommandSpec(
            .commandDocs, "COMMAND DOCS", .connection, .anyPassport, .connection, [.may("name", .words)],
            "Documentation of the commands named, or of all.", reply: .other("a map of maps"),
            examples: ["COMMAND DOCS credit"]),
        CommandSpec(
            .commandList, "COMMAND LIST", .connection, .anyPassport, .connection, [], "The names of all commands.",
            reply: .other("a list of names"), examples: ["COMMAND LIST"]),
        CommandSpec(
            .help, "HELP", .connection, .anyPassport, .connection, [.may("command", .words)],
            "What commands there are, or how one is used.", reply: .other("a list of lines"),
            examples: ["HELP", "HELP CREDIT", "HELP CREDIT CHARGE"]),
    ]
}
