import LedgerREPL
import LedgerTestKit
import Testing

private func keys(_ bytes: String) -> [Key] {
    var decoder = KeyDecoder()
    return decoder.decode(bytes.utf8) + decoder.flush()
}

private func keys(_ bytes: [UInt8]) -> [Key] {
    var decoder = KeyDecoder()
    return decoder.decode(bytes) + decoder.flush()
}

@Suite struct `Bytes of a terminal become keys` {
    @Test func `text comes a scalar at a time`() {
        #expect(keys("aé木🙂") == [.text("a"), .text("é"), .text("木"), .text("🙂")])
        #expect(keys("e\u{301}") == [.text("e"), .text("\u{301}")])
    }

    @Test func `control characters are keys`() {
        #expect(keys("\u{1}\u{4}\u{17}\u{1a}") == [.control("a"), .control("d"), .control("w"), .control("z")])
        #expect(keys("\r\n\t\u{7f}\u{8}") == [.enter, .enter, .tab, .backspace, .backspace])
        #expect(keys("\u{0}\u{1f}") == [.control("@"), .control("_")])
    }

    @Test(arguments: [
        ("\u{1b}[A", Key.up), ("\u{1b}OA", .up), ("\u{1b}[B", .down), ("\u{1b}[C", .right), ("\u{1b}[D", .left),
        ("\u{1b}[1;5C", .wordRight), ("\u{1b}[1;3D", .wordLeft), ("\u{1b}\u{1b}[D", .wordLeft), ("\u{1b}Od", .wordLeft),
        ("\u{1b}[1;2A", .up), ("\u{1b}[H", .home), ("\u{1b}[1~", .home), ("\u{1b}[7~", .home), ("\u{1b}OF", .end),
        ("\u{1b}[4~", .end), ("\u{1b}[3~", .delete), ("\u{1b}[2~", .insert), ("\u{1b}[5~", .pageUp),
        ("\u{1b}[6~", .pageDown), ("\u{1b}[Z", .backTab), ("\u{1b}b", .alt("b")), ("\u{1b}\u{7f}", .altBackspace),
        ("\u{1b}\r", .altEnter), ("\u{1b}OM", .enter), ("\u{1b}é", .alt("é")),
    ])
    func `what terminals send for the other keys`(bytes: String, key: Key) { #expect(keys(bytes) == [key]) }

    @Test(arguments: [
        "\u{1b}[15~", "\u{1b}[[A", "\u{1b}[1;1;1;1u", "\u{1b}[?1;2c", "\u{1b}]11;rgb:0/0/0\u{7}", "\u{1b}Pq\u{1b}\\",
        "\u{1b}[<0;1;1M".replacing("M", with: "m"), "\u{1b}[I", "\u{1b}OP",
    ])
    func `what is not known is one key, and no part of it is text`(bytes: String) { #expect(keys(bytes) == [.unknown]) }

    @Test func `a lone Escape is a key once nothing follows`() {
        var decoder = KeyDecoder()
        #expect(decoder.decode([0x1b]) == [])
        #expect(decoder.isPending)
        #expect(decoder.flush() == [.escape])
        #expect(!decoder.isPending)
        #expect(decoder.decode([0x62]) == [.text("b")])
    }

    @Test func `bytes that are no UTF-8 are shown as such`() {
        #expect(keys([0xff, 0x61]) == [.text("\u{fffd}"), .text("a")])
        #expect(keys([0xc3, 0x61]) == [.text("\u{fffd}"), .text("a")])
        #expect(keys([0xe6, 0x9c]) == [.text("\u{fffd}")])
        #expect(keys([0x80, 0xc0, 0xf8]) == [.text("\u{fffd}"), .text("\u{fffd}"), .text("\u{fffd}")])
    }

    @Test func `a paste is one key, its line ends are line ends, and it cannot press any key`() {
        #expect(keys("\u{1b}[200~PING\r\nPING\rPING\n\u{1b}[201~x") == [.paste("PING\nPING\nPING\n"), .text("x")])
        #expect(keys("\u{1b}[200~a\u{3}b\u{1b}[Ac\td\u{1b}[201~") == [.paste("ab[Ac\td")])
        #expect(keys("\u{1b}[200~\u{1b}[201~") == [.paste("")])
    }

    @Test func `a paste without end takes bounded memory, and its end is still found`() {
        var decoder = KeyDecoder()
        #expect(decoder.decode("\u{1b}[200~".utf8) == [])
        let chunk = [UInt8](repeating: 0x61, count: 1 << 16)
        for _ in 0..<64 { #expect(decoder.decode(chunk) == []) }
        #expect(!decoder.isPending)
        let keys = decoder.decode("\u{1b}[201~b".utf8)
        #expect(keys.count == 2 && keys[1] == .text("b"))
        guard case .paste(let text) = keys[0] else { return #expect(Bool(false)) }
        #expect(text.utf8.count == KeyDecoder.longestPaste)
    }

    @Test func `however bytes are cut, the keys are the same`() {
        var random = SeededGenerator(seed: 10)
        let pieces: [[UInt8]] = [
            Array("CREDIT".utf8), Array("é木🙂".utf8), [0x1b], [0x1b, 0x5b], Array("[1;5C".utf8),
            Array("\u{1b}[200~".utf8),
            Array("\u{1b}[201~".utf8), [0x03], [0x0d], [0xff], [0xe6], Array("\u{1b}]0;".utf8), [0x07], Array("~".utf8),
        ]
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                bytes +=
                    Bool.random(using: &random)
                    ? pieces.randomElement(using: &random)! : [UInt8.random(in: 0...255, using: &random)]
            }
            let whole = keys(bytes)
            var decoder = KeyDecoder()
            var cut: [Key] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...rest.count, using: &random)
                cut += decoder.decode(rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            #expect(cut + decoder.flush() == whole, "\(bytes)")
            for case .text(let text) in whole {
                #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }, "\(bytes)")
            }
        }
    }
}
