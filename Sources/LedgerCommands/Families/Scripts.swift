package import LedgerCore

/// Several commands as one: scripts and transactions.
extension CommandTable {
    static let scriptCommands = [
        eval, evalSHA, scriptLoad, scriptExists, scriptFlush, scriptKill, multi, exec, discard, watch, unwatch,
    ]

    private static let scriptNotes = [
        "A script is Lua 5.4 in the sandbox of the rules. Every command that a script may use is a function: `ledger.credit.charge{ user = \"u1\", amount = usd\"1.50\", source = \"api\" }`, or in order, `ledger.charge(\"u1\", usd\"1.50\", \"api\")`. It returns its answer as a table, or `nil, { code =, text = }` when it is refused; `redis.call(…)` and `redis.pcall(…)` take words and are there for scripts written for Redis.",
        "Each call is decided at once, so a script sees its own writes, whatever it asks: what it has just charged is in CREDIT HISTORY and USER SUMMARY with the ids that it keeps, can be explained, and can be refunded. All of it is kept as one piece of the journal, or nothing of it: an error that is not caught, SCRIPT KILL and a budget that is used up (`--script-budget`, 10 ms of the clock) leave no trace. Nothing else is decided meanwhile.",
        "Amounts are exact: `usd\"0.0375\" * 3`, `//` divides towards the smaller nano-USD, and an amount never becomes a float. Fields that hold amounts come as such.",
        "`key:…` as the first of the keys makes it idempotent, as KEY does for a command: asked again with the same script, keys and arguments, it is not run and gives the value of the first time. What is returned is kept in the journal then: 16 KiB at most, and no e-mail, name or other text about a person. Where keys are required (PASSPORT CREATE … KEYS required), what changes money in a script needs that key or one of its own.",
        "A refusal that is returned as it came (`return ledger.charge(…)`) is answered as that error, and what the script did before stays; `assert(ledger.charge(…))` takes all of it back.",
        "Scripts that are sent without waiting for answers are carried out in their order and share a sync; what else comes behind one waits for it.",
        "What is returned follows Redis, but nothing gets lost: a float stays one, a table with names is a map (a flat list in RESP2), a boolean is one in RESP3 (in RESP2 `false` is null).",
    ]

    private static let eval = CommandSpec(
        .eval, "EVAL", .script, .adminAll, .program,
        [
            .need("script", .bytes, "Lua source of at most 32 KiB, as every argument"),
            .need("numkeys", .bytes, "how many of the following words are keys", shown: "numkeys"),
            .may("words", .words, "KEYS, then ARGV", shown: "[key …] [arg …]"),
        ],
        "Run a script: several commands as one, kept whole or not at all.", notes: scriptNotes,
        reply: .other("what the script returns"),
        examples: [
            "EVAL \"return ledger.credit.balance(KEYS[1]).available\" 1 u1",
            "EVAL \"return ledger.charge(ARGV[1], usd'0.05', 'api')\" 1 key:order-17 u1",
        ], since: "0.2.0"
    ) { a, context throws(CommandError) in
        try evaluation(a, .source(Array(a.bytes(0))), context)
    }

    private static let evalSHA = CommandSpec(
        .evalSHA, "EVALSHA", .script, .adminAll, .program,
        [
            .need("sha1", .bytes, "of a source that SCRIPT LOAD or EVAL has seen since the server started"),
            .need("numkeys", .bytes, shown: "numkeys"), .may("words", .words, shown: "[key …] [arg …]"),
        ],
        "Run a script that the server knows.",
        notes: ["NOSCRIPT: it does not (any more). Client libraries send EVAL then."],
        reply: .other("what the script returns"),
        examples: ["EVALSHA 6b1bf486c81ceb7edf3c093f4c48582e38c0e791 0"], since: "0.2.0"
    ) { a, context throws(CommandError) in
        try evaluation(a, .sha(Echo.folded(a.bytes(0)).lowercased()), context)
    }

    private static let scriptLoad = CommandSpec(
        .scriptLoad, "SCRIPT LOAD", .script, .adminAll, .operations, [.need("script", .bytes)],
        "Compile a script and keep it for EVALSHA, until the server stops.",
        notes: ["500 scripts are kept, which take 16 MiB compiled: those that were asked for last."],
        reply: .other("its SHA-1"), examples: ["SCRIPT LOAD \"return 1\""], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .script(.load(Array(a.bytes(0))))) }

    private static let scriptExists = CommandSpec(
        .scriptExists, "SCRIPT EXISTS", .script, .adminAll, .operations, [.need("sha1", .words)],
        "Which of these scripts the server knows.", reply: .other("a list of 1 and 0"),
        examples: ["SCRIPT EXISTS 6b1bf486c81ceb7edf3c093f4c48582e38c0e791"], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .script(.exists(a.rest.map { $0.lowercased() }))) }

    private static let scriptFlush = CommandSpec(
        .scriptFlush, "SCRIPT FLUSH", .script, .adminAll, .operations,
        [.may("mode", .words, "both mean the same here", shown: "ASYNC|SYNC")],
        "Forget every script.", reply: .other("OK"), examples: ["SCRIPT FLUSH"], since: "0.2.0"
    ) { a, _ throws(CommandError) in
        guard a.rest.count <= 1, a.rest.allSatisfy({ ["ASYNC", "SYNC"].contains($0.uppercased()) }) else {
            throw .invalid("SCRIPT FLUSH takes ASYNC or SYNC, which mean the same here")
        }
        return ParsedCommand(a, .script(.flush))
    }

    private static let scriptKill = CommandSpec(
        .scriptKill, "SCRIPT KILL", .script, .adminAll, .connection, [],
        "End the script that runs now; nothing of it is kept.",
        notes: ["NOTBUSY: none runs. A script ends by itself when its budget is used up."],
        reply: .other("OK"), examples: ["SCRIPT KILL"], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .script(.kill)) }

    private static let multi = CommandSpec(
        .multi, "MULTI", .script, .anyPassport, .connection, [],
        "Begin a transaction: what follows is queued until EXEC.",
        notes: [
            "Client libraries use it for their pipelines (redis-py's `pipeline()`). At most 1,000 commands that take 2 MiB together, of which 64 may read the journal (CREDIT HISTORY, USER SUMMARY, EXPLAIN …): for more, `pipeline(transaction=False)`. What is about the connection or the server cannot be queued."
        ],
        reply: .other("OK; each command after it answers QUEUED"), examples: ["MULTI"], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .transaction(.multi)) }

    private static let exec = CommandSpec(
        .exec, "EXEC", .script, .anyPassport, .program, [],
        "Carry out what was queued, in order, with nothing in between, as one piece of the journal.",
        notes: [
            "Each command sees those before it, whatever it asks. As in Redis a refused command is an error in its place and undoes nothing: what is to happen together or not at all is a script. EXECABORT: a command could not be queued, and nothing is carried out. Null: somebody changed a user that was watched."
        ],
        reply: .other("the answers, in order; or null"), examples: ["EXEC"], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .transaction(.exec)) }

    private static let discard = CommandSpec(
        .discard, "DISCARD", .script, .anyPassport, .connection, [], "Drop what was queued.", reply: .other("OK"),
        examples: ["DISCARD"], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .transaction(.discard)) }

    private static let watch = CommandSpec(
        .watch, "WATCH", .script, .readAll, .program, [.need("user", .words, "ids of users", shown: "user …")],
        "Let the next EXEC do nothing if one of these users changes before it.",
        notes: ["A user changes with every event about them: also by a timer, and when they are created or deleted."],
        reply: .other("OK"), examples: ["WATCH u1 u2"], since: "0.2.0"
    ) { a, context throws(CommandError) in
        var users: [Hash128] = []
        for index in a.words.indices(from: 1) {
            guard let id = ShortText(a.words[index]), !id.isEmpty else {
                throw .invalid("user \(Echo.quoted(a.words[index])) is not \(FieldKind.user.expected)")
            }
            users.append(context.names.user(id))
        }
        guard users.count <= 64 else { throw .invalid("WATCH takes at most 64 users") }
        return ParsedCommand(a, .transaction(.watch(users)))
    }

    private static let unwatch = CommandSpec(
        .unwatch, "UNWATCH", .script, .anyPassport, .connection, [], "Forget what was watched.", reply: .other("OK"),
        examples: ["UNWATCH"], since: "0.2.0"
    ) { a, _ in ParsedCommand(a, .transaction(.unwatch)) }

    // MARK: Reading

    private static func evaluation(
        _ a: Arguments, _ script: Evaluation.Script, _ context: ParseContext
    ) throws(CommandError) -> ParsedCommand {
        let first = a.words.count - a.rest.count + 2
        guard let count = Decimal.parse(a.bytes(1)) else { throw .invalid("value is not an integer or out of range") }
        let others = (first..<max(first, a.words.count)).map { Array(a.words[$0]) }
        guard count <= UInt64(others.count) else {
            throw .invalid("Number of keys can't be greater than number of args")
        }
        let keys = Array(others.prefix(Int(count)))
        let evaluation = Evaluation(script: script, keys: keys, arguments: Array(others.dropFirst(Int(count))))
        return ParsedCommand(a, .evaluate(evaluation))
    }
}

/// EVAL and EVALSHA.
package struct Evaluation: Hashable, Sendable {
    package enum Script: Hashable, Sendable {
        case source([UInt8])
        /// Lower-case hex.
        case sha(String)
    }
    package var script: Script
    package var keys: [[UInt8]]
    package var arguments: [[UInt8]]

    /// What it takes until it is answered, in bytes. Cost: a look at each word.
    package var weight: Int {
        let words = keys.reduce(0) { $0 + $1.count + 32 } + arguments.reduce(0) { $0 + $1.count + 32 }
        return switch script {
        case .source(let source): words + source.count
        case .sha: words
        }
    }

    /// The identity of a run that came with a `key:…`: scope and arguments, as of a command with a KEY. `identity` is
    /// the script's. Nil where there is no such key; throws where it cannot be one.
    package func key(_ identity: [UInt8], _ context: ParseContext) throws(CommandError) -> IdempotencyKey? {
        guard let first = keys.first, first.starts(with: Array("key:".utf8)) else { return nil }
        guard first.count > 4, first.count <= 4 + 255 else { throw .invalid("key: is followed by 1 to 255 bytes") }
        guard !first.withUnsafeBytes({ Echo.looksSecret($0) }) else {
            throw .invalid("the key contains fl_, as passports do: a passport must not be recorded")
        }
        var scope = context.names.hasher(.key)
        scope.combine(UInt64(context.actor.value))
        for byte in "EVAL".utf8 { scope.combine(byte: byte) }
        first.withUnsafeBytes { scope.combine($0) }
        var hasher = context.names.hasher(.arguments)
        identity.withUnsafeBytes { hasher.combine($0) }
        for list in [keys, arguments] {
            hasher.combine(UInt64(list.count))
            for word in list {
                hasher.combine(UInt64(word.count))
                word.withUnsafeBytes { hasher.combine($0) }
            }
        }
        return IdempotencyKey(scope: scope.finish(), arguments: hasher.finish().low)
    }
}

package enum ScriptCommand: Hashable, Sendable {
    case load([UInt8])
    /// Lower-case hex.
    case exists([String])
    case flush
    case kill
}

package enum TransactionCommand: Hashable, Sendable {
    case multi
    case exec
    case discard
    case watch([Hash128])
    case unwatch
}

extension Words {
    fileprivate func indices(from first: Int) -> Range<Int> { first..<Swift.max(first, count) }
}
