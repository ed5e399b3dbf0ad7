package import LedgerCore
internal import RESP

/// Words to commands. Pure: the same words in the same context give the same command (but for the id of a user that is
/// created without one).
package enum CommandParser {
    /// Reads the arguments of the command that ``CommandTable/find(_:)`` named.
    ///
    /// Cost on the hot path (CHARGE, VERIFY, RECORD, ADMIT, STOP, HEARTBEAT, HOLD): one pass over the words and a hash
    /// of each name; no `String`, no allocation but for texts that the ledger keeps.
    package static func parse(
        _ id: CommandID, _ words: Words, _ context: ParseContext
    ) throws(CommandError) -> ParsedCommand {
        let arguments = try Arguments(id, words)
        var parsed = try read(id, arguments, context)
        if arguments.hasOptions { parsed.key = try arguments.key(context) }
        return parsed
    }

    /// Both steps, for callers that need not look at the command in between.
    package static func parse(_ words: Words, _ context: ParseContext) throws(CommandError) -> ParsedCommand {
        try parse(CommandTable.find(words), words, context)
    }

    private static func read(
        _ id: CommandID, _ a: Arguments, _ context: ParseContext
    ) throws(CommandError) -> ParsedCommand {
        let names = context.names
        switch id {
        // The hot ones first.
        case .creditCharge:
            let user = names.hash(.user, try a.name(0))
            let charge = CreditCharge(
                user: user, amount: try a.amount(1), source: try chargeSource(a, 2),
                description: try a.text("DESCRIPTION"), over: a.has("OVER"))
            return ParsedCommand(id: id, ask: .mutation(.creditCharge(charge)), target: .user(user))
        case .passportVerify:
            let secret = try a.secret(0)
            let permission = if let field = a.given("PERMISSION") { try permission(a, field) } else { Permissions() }
            return ParsedCommand(id: id, ask: .verify(secret, permission), target: .passport(secret.passport))
        case .sessionRecord:
            return try sessionRecord(a, names)
        case .sessionAdmit:
            let secret = try a.secret(0)
            let start = try sessionStart(a, user: .zero, session: 1, tier: 2)
            return ParsedCommand(id: id, ask: .admit(secret, start), target: .passport(secret.passport))
        case .sessionStart:
            let user = names.hash(.user, try a.name(1))
            let start = try sessionStart(a, user: user, session: 0, tier: 2)
            return ParsedCommand(id: id, ask: .mutation(.sessionStart(start)), target: .user(user))
        case .sessionHeartbeat:
            let session = names.hash(.session, try a.name(0))
            return ParsedCommand(id: id, ask: .mutation(.sessionHeartbeat(session: session)), target: .session(session))
        case .sessionStop:
            let session = names.hash(.session, try a.name(0))
            return ParsedCommand(id: id, ask: .mutation(.sessionStop(session: session)), target: .session(session))
        case .sessionCancel, .sessionGet, .sessionList, .sessionQuote:
            return try session(id, a, names)
        case .holdPlace, .holdCapture, .holdVoid, .holdGet, .holdList:
            return try hold(id, a, names)
        case .creditPurchase, .creditGrant, .creditAdjust, .creditRefund, .creditBalance, .creditLots, .creditHistory:
            return try credit(id, a, names)
        case .userCreate, .userGet, .userSet, .userList, .userSummary:
            return try user(id, a, context)
        case .passportCreate, .passportList, .passportRevoke, .passportRotate:
            return try passport(id, a, names)
        case .storageCreate, .storageResize, .storageDelete, .storageList, .spaceAdd, .spaceList, .spacePurchase:
            return try storage(id, a, names)
        case .priceInfo, .explain, .ruleLoad, .ruleList, .ruleShow, .ruleCheck, .ruleActivate, .ruleRollback,
            .limitList,
            .limitSet, .clockAccept:
            return try prices(id, a)
        case .info, .slowlogGet, .slowlogLen, .slowlogReset, .dbsize, .snapshot, .wait, .shutdown, .time:
            return ParsedCommand(id: id, ask: .server(try server(id, a)))
        case .auth, .hello, .quit, .reset, .clientSetName, .clientGetName, .clientSetInfo, .clientID, .clientInfo,
            .clientList:
            return ParsedCommand(id: id, ask: .connection(try connection(id, a)))
        case .ping, .echo, .select, .configGet, .command, .commandCount, .commandInfo, .commandDocs, .commandList,
            .help:
            return ParsedCommand(id: id, ask: .local(try local(id, a)))
        }
    }

    /// Revenue accounts that the ledger's own billing fills.
    package static let reservedSources: [ShortText] = ["session_runtime", "storage_creation", "space_purchase"]

    static func chargeSource(_ a: Arguments, _ field: Int) throws(CommandError) -> ShortText {
        let source = try a.word(field)
        guard source.count >= 14, source.count <= 16 else { return source }
        // In whatever case: nobody who reads a bill should have to look twice.
        for reserved in reservedSources where a.isWord(field, reserved.string) {
            throw .invalid("source '\(source)' is kept for what the ledger bills itself; choose another word")
        }
        return source
    }

    static func permission(_ a: Arguments, _ field: Int) throws(CommandError) -> Permissions {
        for (permission, name) in Permissions.names where a.isWord(field, name) { return permission }
        throw a.refusal(field)
    }
}
