import LedgerCommands
import LedgerREPL
import RESP
import Testing

@Suite struct `The ledger's commands at the prompt` {
    @Test func `every command of the table can be completed and explained`() throws {
        for spec in CommandTable.specs {
            var line = ""
            for word in spec.words {
                #expect(Completion.candidates(for: line + word, in: .ledger).contains(word), "\(spec.name)")
                line += word + " "
            }
            let help = try #require(Help.text(for: spec.words, in: .ledger))
            #expect(help.contains(spec.summary), "\(spec.name)")
        }
    }

    @Test func `the prompt shows the usage that the server shows, and one command more`() {
        var shown = CommandCatalogue.ledger.commands.map(\.synopsis)
        shown.removeAll { $0 == "RULE EDIT rule [version]" }
        #expect(shown.count == CommandCatalogue.ledger.commands.count - 1)
        #expect(shown.sorted() == CommandTable.specs.map(\.usage).sorted())
    }

    @Test func `help is broken at words, never in them`() throws {
        for spec in CommandTable.specs {
            let whole = try #require(Help.text(for: spec.words, in: .ledger))
            let text = try #require(Help.text(for: spec.words, in: .ledger, width: 80))
            func words(_ text: String) -> [Substring] { text.split { $0 == " " || $0 == "\n" } }
            #expect(words(text) == words(whole), "\(spec.name)")
            for line in text.split(separator: "\n") where !line.hasPrefix("  > ") {
                #expect(DisplayText.width(of: String(line)) <= 80, "\(line)")
            }
        }
        let overview = try #require(Help.text(for: [], in: .ledger, width: 80))
        for line in overview.split(separator: "\n") { #expect(DisplayText.width(of: String(line)) <= 80, "\(line)") }
    }

    @Test func `every example is a line one can type`() {
        for spec in CommandTable.specs {
            for example in spec.examples { #expect(InlineWords.split(example) != nil, "\(example)") }
        }
    }

    @Test func `RULE EDIT is completed and explained as one of them`() throws {
        #expect(Completion.candidates(for: "RULE E", in: .ledger) == ["EDIT"])
        #expect(Completion.candidates(for: "rule edit sess", in: .ledger) == ["session_runtime"])
        #expect(try #require(Help.text(for: ["rule", "edit"], in: .ledger)).contains("$EDITOR"))
        #expect(try #require(Help.text(for: ["lua"], in: .ledger)).contains("watch(f, \"1s\")"))
    }

    @Test func `tiers, types and permissions are offered`() {
        #expect(Completion.candidates(for: "session start s u_1 ", in: .ledger).contains("gpu"))
        #expect(Completion.candidates(for: "USER CREATE a@b.c TYPE e", in: .ledger) == ["enterprise"])
        #expect(Completion.candidates(for: "PASSPORT CREATE u n read,b", in: .ledger) == ["billing"])
    }
}
