import LedgerCore
import RESP

@testable import LedgerCommands
@testable import LedgerReplies

/// A line as it is parsed, by a passport of nobody's.
func parse(_ line: String) throws(CommandError) -> ParsedCommand {
    let names = Names(seed: Hash128(high: 7, low: 11))
    let context = ParseContext(
        names: names, actor: .none, emailHash: { names.hash(.email, $0) }, personHash: { names.hash(.person, $0) })
    return try Words.with(InlineWords.split(line)!) { words throws(CommandError) in
        try CommandParser.parse(words, context)
    }
}

extension Money {
    /// For literals in tests.
    init(usd text: String) { self = Money(text, signed: true)! }
}

let secret = "fl_0Ab3dE6gH9_" + String(repeating: "x", count: 43) + "1a2B3c"

let encoder = ReplyEncoder(shard: 0, version: "0.1.0")

/// What a reply looks like on the wire.
func wire(_ version: RESPVersion = .v2, _ body: (inout RESPWriter) -> Void) -> String {
    var writer = RESPWriter(version: version)
    body(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
}

/// A reply as a client reads it.
func value(_ version: RESPVersion = .v3, _ body: (inout RESPWriter) -> Void) -> RESPValue {
    var writer = RESPWriter(version: version)
    body(&writer)
    var parser = ReplyParser()
    let bytes = writer.bytes
    return bytes.withUnsafeBytes { bytes in
        var consumed = 0
        guard let value = try? parser.next(in: bytes, consumed: &consumed), consumed == bytes.count else {
            return .simple("not one whole value")
        }
        return value
    }
}
