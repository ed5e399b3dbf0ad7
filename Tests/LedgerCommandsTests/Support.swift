import LedgerCore
import RESP

@testable import LedgerCommands

let names = Names(seed: Hash128(high: 7, low: 11))

let context = ParseContext(
    names: names, actor: PassportOrdinal(3), emailHash: { names.hash(.email, $0) },
    personHash: { names.hash(.person, $0) }, random: { 42 })

/// Words as the prompt would cut a line.
func words(_ line: String) -> [[UInt8]] { InlineWords.split(line)! }

func parse(_ line: String, as context: ParseContext = context) throws(CommandError) -> ParsedCommand {
    try parse(words(line), as: context)
}

func parse(_ words: [[UInt8]], as context: ParseContext = context) throws(CommandError) -> ParsedCommand {
    try Words.with(words) { words throws(CommandError) in try CommandParser.parse(words, context) }
}

/// `ERR text`, or nil when the line is a good command.
func failure(_ line: String) -> String? { failure(words(line)) }

func failure(_ words: [[UInt8]]) -> String? {
    do throws(CommandError) {
        _ = try parse(words)
        return nil
    } catch {
        return "\(error.code) \(error.text)"
    }
}

func mutation(_ line: String) throws(CommandError) -> Command {
    guard case .mutation(let command) = try parse(line).ask else { throw .invalid("not a mutation: \(line)") }
    return command
}

extension Money {
    /// For literals in tests.
    init(usd text: String) { self = Money(text, signed: true)! }
}

let secret = "fl_0Ab3dE6gH9_" + String(repeating: "x", count: 43) + "1a2B3c"
