/// All commands, in the order of the reference.
package enum CommandTable {
    package static let specs: [CommandSpec] =
        connectionCommands + userCommands + passportCommands + creditCommands + holdCommands + sessionCommands
        + storageCommands + spaceCommands + priceCommands + operationCommands

    /// The spec of a command. Cost: an array access; not for the hot path, which reads ``Grammar``.
    package static func spec(_ id: CommandID) -> CommandSpec { byID[Int(id.rawValue)] }

    /// Who may ask a command. Cheap enough to ask for each request.
    package static func access(_ id: CommandID) -> CommandSpec.Access { Grammar.of(id).access }

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
}

extension [Field] {
    /// What every list takes.
    static let page: [Field] = [
        .option("COUNT", "n", .count, "rows of a page, 100 unless told; a table gives at most 1000"),
        .option("CURSOR", "c", .cursor, "where the page before ended; 0 starts at the newest"),
    ]
}
