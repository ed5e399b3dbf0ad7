/// All commands, in the order of the reference. Each stands in the file of its family, with the function that reads it.
package enum CommandTable {
    package static let specs: [CommandSpec] =
        connectionCommands + introspectionCommands + userCommands + passportCommands + creditCommands
        + allowanceCommands + holdCommands
        + sessionCommands + storageCommands + spaceCommands + meterCommands + ruleCommands + priceTrialCommands
        + limitCommands + operationCommands + scriptCommands + forkCommands

    /// The spec of a command. Cost: an array access; not for the hot path, which reads ``Grammar``.
    package static func spec(_ id: CommandID) -> CommandSpec { byID[Int(id.rawValue)] }

    /// Who may ask a command. Cheap enough to ask for each request.
    package static func access(_ id: CommandID) -> CommandSpec.Access { Grammar.of(id).access }

    /// Who answers a command. As cheap.
    package static func lane(_ id: CommandID) -> CommandSpec.Lane { Grammar.of(id).lane }

    private static let byID: [CommandSpec] = {
        let sorted = specs.sorted { $0.id.rawValue < $1.id.rawValue }
        precondition(sorted.map(\.id) == CommandID.allCases, "a command is missing from the table or is there twice")
        return sorted
    }()

    /// First words that need a second one, in the order of the table.
    package static let nouns: [String] = {
        var seen: [String] = []
        for spec in specs where spec.words.count == 2 && !seen.contains(spec.words[0]) { seen.append(spec.words[0]) }
        return seen
    }()

    package static func commands(of noun: String) -> [CommandSpec] {
        specs.filter { $0.words.count == 2 && $0.words[0] == noun.uppercased() }
    }

    /// First words in lower case, in the order of the table: what Redis calls the commands, with ours as their
    /// subcommands.
    package static let containers: [String] = {
        var seen: [String] = []
        for spec in specs where !seen.contains(spec.words[0].lowercased()) { seen.append(spec.words[0].lowercased()) }
        return seen
    }()

    /// What the ledger's own entries show as their source, in HISTORY and SUMMARY: a charge may not look like one.
    package static let reservedSources: [StaticString] = [
        "session_runtime", "storage_creation", "space_purchase", "paid", "promo", "bonus", "compensation", "adjustment",
        "opening", "earning", "sign_up", "allowance", "refund", "transfer", "expiry",
    ]
}
