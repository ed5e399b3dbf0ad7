import LedgerCommands
import LedgerCore
import RESP
import Testing

@testable import LedgerServer

struct RequestWordsTests {
    private let names = Names(seed: Hash128(high: 7, low: 11))

    @Test func `an inline line with quotes gives the same words as an array`() throws {
        let context = ParseContext(
            names: names, actor: .none, emailHash: { [names] in names.hash(.email, $0) },
            personHash: { [names] in names.hash(.person, $0) })
        let lines = [
            "CREDIT CHARGE \"u 1\" 1 api\r\n",
            "*5\r\n$6\r\nCREDIT\r\n$6\r\nCHARGE\r\n$3\r\nu 1\r\n$1\r\n1\r\n$3\r\napi\r\n",
        ]
        for line in lines {
            var parser = RequestParser()
            let user = try Array(line.utf8).withUnsafeBytes { bytes in
                guard case .request = parser.next(in: bytes, limits: .standard) else {
                    throw CommandError.invalid("no request")
                }
                return try parser.withWords(in: bytes) { words throws(CommandError) in
                    try CommandParser.parse(words, context).target
                }
            }
            #expect(user == .user(names.user("u 1")))
        }
    }
}
