import LedgerCore
import Testing

@testable import LedgerProtocol

struct MaskingTests {
    private func masked(_ line: String) -> String { masked(words(line)).joined(separator: " ") }
    private func masked(_ words: [[UInt8]]) -> [String] { Words.with(words) { Masking.masked($0) } }

    @Test(arguments: [
        ("CREDIT CHARGE u 1 api OVER KEY k", "CREDIT CHARGE u 1 api OVER KEY k"),
        ("CREDIT CHARGE u 1 api DESCRIPTION \"for Ada\"", "CREDIT CHARGE u 1 api DESCRIPTION (hidden)"),
        ("USER CREATE ada@example.com NAME Ada ID u", "USER CREATE (hidden) NAME (hidden) ID u"),
        ("CREDIT GRANT u 1 reason x", "CREDIT GRANT u 1 reason (hidden)"),
        ("AUTH hunter2", "AUTH (hidden)"), ("auth default hunter2", "auth (hidden) (hidden)"),
        ("HELLO 3 AUTH default hunter2 SETNAME n", "HELLO 3 AUTH (hidden) (hidden) (hidden) (hidden)"),
        ("PASSPORT VERIFY not-even-a-secret PERMISSION read", "PASSPORT VERIFY (hidden) PERMISSION read"),
        ("SESSION ADMIT \(secret) s small", "SESSION ADMIT (hidden) s small"),
        ("CREDIT BALANCE \(secret)", "CREDIT BALANCE (hidden)"), ("FROB \(secret) x", "FROB (hidden) x"),
        ("PING", "PING"),
    ])
    func `secrets and what people wrote are not shown`(line: String, expected: String) {
        #expect(masked(line) == expected)
    }

    @Test func `no command shows a secret, wherever it stands`() {
        for spec in CommandTable.specs {
            for index in 0...6 {
                var line = spec.words + Array(repeating: "x", count: index) + [secret]
                #expect(!masked(line.map { Array($0.utf8) }).joined().contains("fl_"), "\(spec.name)")
                line.insert("AUTH", at: 0)
                #expect(!masked(line.map { Array($0.utf8) }).joined().contains("fl_"), "\(spec.name)")
            }
        }
    }

    @Test func `long requests are cut`() {
        let many = masked(Array(repeating: Array("x".utf8), count: 40))
        #expect(many.count == 32 && many.last == "... (9 more arguments)")
        let long = masked([Array("ECHO".utf8), [UInt8](repeating: 0x61, count: 200)])
        #expect(long[1] == String(repeating: "a", count: 128) + "... (72 more bytes)")
        #expect(masked([[0xff, 0x00]]) == ["(2 bytes)"])
        #expect(masked([]) == [])
    }
}
