import LedgerREPL
import LedgerTestKit
import RESP
import Testing

@Suite struct `Input cut into commands` {
    @Test func `one a line, and a quote goes on over line ends`() {
        #expect(CommandSplitter.split("PING\nECHO \"a\nb\" c\nTIME") == ["PING", "ECHO \"a\nb\" c", "TIME"])
        #expect(CommandSplitter.split("") == [])
        #expect(CommandSplitter.split("\n") == [""])
        #expect(CommandSplitter.split("PING\r\nPING") == ["PING\r", "PING"])
    }

    @Test func `an apostrophe in a comment opens nothing, nor does one behind an error`() {
        #expect(CommandSplitter.split("# it's\nPING") == ["# it's", "PING"])
        #expect(CommandSplitter.split("a \"b\"c 'd\nPING") == ["a \"b\"c 'd", "PING"])
    }

    @Test(arguments: [
        ("SAY \"a", true), ("SAY 'a", true), ("SAY \"a\"", false), ("SAY \"a\\\"", true), ("SAY 'a\\'", true),
        ("SAY 'a\\\\'", true), ("SAY \"a\\\\\"", false), ("# it's", false), ("", false), ("x\"", true),
        ("SAY \"a\nb\"", false),
    ])
    func `whether a quote is open`(text: String, isOpen: Bool) { #expect(CommandSplitter.isOpen(text) == isOpen) }

    @Test func `the words of any text are those that are sent, and a text is open only if they are not`() {
        var random = SeededGenerator(seed: 8)
        let alphabet = Array("ab\"'\\ \t#é")
        for _ in 0..<20_000 {
            let text = String(
                (0..<Int.random(in: 0...12, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
            guard text.first(where: { $0 != " " && $0 != "\t" }) != "#" else { continue }
            let words = InlineWords.split(text)
            if CommandSplitter.isOpen(text) { #expect(words == nil, "\(text)") }
            // What is not open and yet no command has something that sticks to a quote: closing it changes nothing.
            if words == nil, !CommandSplitter.isOpen(text) { #expect(InlineWords.split(text + "\"") == nil, "\(text)") }
        }
    }

    @Test func `however bytes are cut, the commands are the same`() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<500 {
            let bytes = (0..<40).map { _ in Array("a\"' \n\\#".utf8).randomElement(using: &random)! }
            let whole = CommandSplitter.split(String(decoding: bytes, as: UTF8.self))
            var splitter = CommandSplitter()
            var commands: [String] = []
            for byte in bytes { commands += splitter.take([byte]) }
            #expect(commands + (splitter.finish().map { [$0] } ?? []) == whole)
        }
    }
}
