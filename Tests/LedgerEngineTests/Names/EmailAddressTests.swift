import LedgerTestKit
import Testing

@testable import LedgerEngine

struct EmailAddressTests {
    private func normal(_ address: String) throws(EmailAddress.Fault) -> String { try normal(Array(address.utf8)) }

    private func normal(_ address: [UInt8]) throws(EmailAddress.Fault) -> String {
        let result = address.withUnsafeBytes { bytes in
            Result { () throws(EmailAddress.Fault) in try EmailAddress(bytes) }
        }
        return String(decoding: try result.get().bytes, as: UTF8.self)
    }

    /// The form that all have in common, and ways to write it.
    private static let groups: [(String, [String])] = [
        ("ada@example.com", ["ada@example.com", "Ada@Example.COM", "\"ada\"@example.com", "\"A\\da\"@example.com"]),
        (
            "josé@example.com",
            ["jos\u{E9}@example.com", "JOS\u{C9}@EXAMPLE.com", "jose\u{301}@example.com", "JOSE\u{301}@example.com"]
        ),
        (
            "u@xn--exmple-cua.de",
            ["u@exämple.de", "U@EXÄMPLE.DE", "u@exa\u{308}mple.de", "u@xn--exmple-cua.de", "u@XN--EXMPLE-CUA.de"]
        ),
        ("strasse@example.com", ["straße@example.com", "STRASSE@example.com", "STRA\u{1E9E}E@example.com"]),
        ("u@xn--fa-hia.de", ["u@faß.de", "u@FA\u{1E9E}.DE", "u@xn--fa-hia.de"]),
        ("u@fass.de", ["u@fass.de", "u@FASS.de"]),
        ("βόλοσ@example.com", ["βόλος@example.com", "ΒΌΛΟΣ@example.com"]),
        ("u@xn--wgv71a119e.jp", ["u@日本語.jp", "u@日本語。ＪＰ", "u@日本語．jp", "u@xn--wgv71a119e.jp"]),
        ("i\u{307}@example.com", ["\u{130}@example.com", "I\u{307}@example.com"]),
        ("office@example.com", ["o\u{FB03}ce@example.com", "OFFICE@example.com"]),
        ("😀@example.com", ["😀@example.com"]),
        // Cyrillic, and looks like the next: not for this to judge.
        ("u@xn--80ak6aa92e.com", ["u@аррӏе.com"]), ("u@apple.com", ["u@apple.com"]),
        ("u@ab--c.example", ["u@AB--c.example"]), ("admin@localhost", ["admin@localhost"]),
        ("ada+x@example.com", ["Ada+X@example.com"]), ("a.da@example.com", ["A.da@example.com"]),
    ]

    @Test func `an address is one, however it is written, and others are others`() throws {
        for (expected, forms) in Self.groups {
            for form in forms { #expect(try normal(form) == expected, "\(form)") }
        }
        #expect(Set(Self.groups.map(\.0)).count == Self.groups.count)
    }

    @Test func `the common form is its own common form`() throws {
        for (expected, _) in Self.groups { #expect(try normal(expected) == expected) }
        for scalar in (0x80...0x2FFF).compactMap(Unicode.Scalar.init) {
            guard let once = try? normal("a\(Character(scalar))@b.example") else { continue }
            #expect(try normal(once) == once, "\(scalar.value)")
        }
    }

    private static let long = String(repeating: "a", count: 61)
    private static let refused: [(String, EmailAddress.Fault)] = [
        ("ada", .shape), ("", .shape), ("a@b@example.com", .shape), ("@example.com", .noLocalPart),
        ("\"\"@example.com", .noLocalPart), ("\u{378}@example.com", .unknownCharacter),
        ("ada@", .emptyLabel), ("ada@example.com.", .emptyLabel), ("ada@example.com。", .emptyLabel),
        ("ada@exämple.de.", .emptyLabel), ("ada@.example", .emptyLabel), ("ada@a..b", .emptyLabel),
        ("ada@ä..b", .emptyLabel), ("ada@\u{AD}.com", .emptyLabel), ("ada@a。\u{AD}。b", .emptyLabel),
        ("ada@\(long)aaa.com", .domainTooLong), ("ada@\(long)ää.com", .domainTooLong),
        ("ada@\(long).\(long).\(long).\(long).com.example", .domainTooLong),
        ("ada@\(long).\(long).\(long).\(long).com.exämple", .domainTooLong),
        ("ada@i❤.ws", .domain), ("ada@💩.la", .domain), ("ada@xn--ls8h.la", .domain), ("ada@a_b.example", .domain),
        ("ada@ä_b.example", .domain), ("ada@[192.168.0.1]", .domain), ("ada@-a.com", .domain), ("ada@a-.com", .domain),
        ("ada@ä-.com", .domain), ("ada@a b.com", .domain), ("ada@xn--.de", .domain), ("ada@xn--a.de", .domain),
        ("ada@xn--ascii-.com", .domain), ("ada@xn--fass.de", .domain), ("ada@℀.com", .domain),
        ("ada@b\u{2024}com", .domain), ("ada@\u{2488}com", .domain), ("ada@a\u{200D}b.com", .domain),
        ("ada@\u{301}a.com", .domain), ("ada@a\u{0}b.com", .domain), ("ada@ä\u{0}b.com", .domain),
    ]

    @Test(arguments: refused) func `what nobody can have is refused, and why`(address: String, why: EmailAddress.Fault)
    {
        #expect(throws: why) { try normal(address) }
        #expect(why.text.utf8.count < 150)
    }

    @Test func `what is not UTF-8 is refused`() {
        for bytes in [[0xFF], [0xC3, 0x40], [0x61, 0x80], [0xED, 0xA0, 0x80]] as [[UInt8]] {
            #expect(throws: EmailAddress.Fault.notUTF8) { try normal(bytes + Array("@example.com".utf8)) }
            #expect(throws: EmailAddress.Fault.notUTF8) { try normal(Array("a@".utf8) + bytes + Array(".com".utf8)) }
        }
    }

    @Test func `anything at all gives a form or a reason`() {
        var generator = SeededGenerator(seed: 5)
        let pieces = [
            "a", "Z", "@", ".", "。", "xn--", "ä", "\u{308}", "ß", "\u{1E9E}", "\u{200D}", "א", "1", "-", "\"", "\\",
            "\u{10FFFF}",
        ]
        for _ in 0..<5_000 {
            let address = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                pieces.randomElement(using: &generator)!
            }.joined()
            guard let once = try? normal(address) else { continue }
            #expect((try? normal(once)) == once, "\(address)")
        }
    }
}
