/// Words to commands. Pure: the same words in the same context give the same command (but for the id of a user that is
/// created without one).
package enum CommandParser {
    /// Reads the arguments of the command that ``CommandTable/find(_:)`` named: by the function that stands beside its
    /// entry in the table.
    ///
    /// Cost on the hot path (CHARGE, VERIFY, RECORD, ADMIT, STOP, HEARTBEAT, HOLD): one pass over the words and a hash
    /// of each name; no `String`, no allocation but for texts that the ledger keeps.
    package static func parse(
        _ id: CommandID, _ words: Words, _ context: ParseContext
    ) throws(CommandError) -> ParsedCommand {
        let arguments = try Arguments(id, words)
        var parsed = try Grammar.parse(arguments, context)
        if arguments.hasOptions {
            parsed.key = try arguments.key(context)
            parsed.labels = try arguments.labels()
        }
        return parsed
    }

    /// Both steps, for callers that need not look at the command in between.
    package static func parse(_ words: Words, _ context: ParseContext) throws(CommandError) -> ParsedCommand {
        try parse(CommandTable.find(words), words, context)
    }
}
