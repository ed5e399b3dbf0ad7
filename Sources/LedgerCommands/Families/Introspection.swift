/// What clients ask about the server before they use it.
extension CommandTable {
    static let introspectionCommands = [
        configGet, command, commandCount, commandInfo, commandDocs, commandList, help,
    ]

    private static let configGet = CommandSpec(
        .configGet, "CONFIG GET", .connection, .open, .connection, [.need("parameter", .words)],
        "For Redis clients and monitors: the few settings that they look for; any other gives an empty map.",
        notes: [
            "`save`, `appendonly`, `appendfsync`, `databases`, `maxmemory`, `maxmemory-policy`; `*` gives all of them."
        ],
        reply: .other("a map"), examples: ["CONFIG GET appendonly"]
    ) { a, _ in ParsedCommand(a, .local(.configGet(a.rest.map { $0.lowercased() }))) }

    private static let command = CommandSpec(
        .command, "COMMAND", .connection, .anyPassport, .connection, [],
        "All commands, as Redis clients read them.",
        reply: .other("a list of command descriptions"), examples: ["COMMAND"]
    ) { a, _ in ParsedCommand(a, .local(.command)) }

    private static let commandCount = CommandSpec(
        .commandCount, "COMMAND COUNT", .connection, .anyPassport, .connection, [], "How many commands there are.",
        reply: .other("an integer"), examples: ["COMMAND COUNT"]
    ) { a, _ in ParsedCommand(a, .local(.commandCount)) }

    private static let commandInfo = CommandSpec(
        .commandInfo, "COMMAND INFO", .connection, .anyPassport, .connection, [.may("name", .words)],
        "Descriptions of the commands named; null for unknown ones.",
        reply: .other("a list of command descriptions"), examples: ["COMMAND INFO credit"]
    ) { a, _ in ParsedCommand(a, .local(.commandInfo(wanted(a)))) }

    private static let commandDocs = CommandSpec(
        .commandDocs, "COMMAND DOCS", .connection, .anyPassport, .connection, [.may("name", .words)],
        "Documentation of the commands named, or of all.", reply: .other("a map of maps"),
        examples: ["COMMAND DOCS credit"]
    ) { a, _ in ParsedCommand(a, .local(.commandDocs(wanted(a)))) }

    private static let commandList = CommandSpec(
        .commandList, "COMMAND LIST", .connection, .anyPassport, .connection, [], "The names of all commands.",
        reply: .other("a list of names"), examples: ["COMMAND LIST"]
    ) { a, _ in ParsedCommand(a, .local(.commandList)) }

    private static let help = CommandSpec(
        .help, "HELP", .connection, .anyPassport, .connection, [.may("command", .words)],
        "What commands there are, or how one is used.", reply: .other("a list of lines"),
        examples: ["HELP", "HELP CREDIT", "HELP CREDIT CHARGE"]
    ) { a, _ in
        // CREDIT HELP is HELP CREDIT.
        let noun = Echo.folded(a.words[0])
        return ParsedCommand(a, .local(.help(noun == "HELP" ? a.rest.map { $0.uppercased() } : [noun])))
    }

    /// Names in lower case; nil: every command.
    private static func wanted(_ a: Arguments) -> [String]? {
        a.rest.isEmpty ? nil : a.rest.map { $0.lowercased() }
    }
}
