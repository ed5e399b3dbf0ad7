import LedgerREPL
import LedgerTestKit
import Testing

/// The styled parts of a text: `CREDIT:command`.
private func parts(_ text: String) -> [String] {
    let characters = Array(text)
    return Highlighter.styles(of: text, in: sampleCatalogue).sorted { $0.range.lowerBound < $1.range.lowerBound }
        .filter { $0.style != .plain }.map { "\(String(characters[$0.range])):\($0.style)" }
}

@Suite struct `Colour while typing` {
    @Test func `commands, options, numbers, strings`() {
        #expect(
            parts(#"CREDIT CHARGE u_1 0.25 api DESCRIPTION "one call" OVER"#)
                == [
                    "CREDIT:command", "CHARGE:command", "0.25:number", "DESCRIPTION:option", "\"one call\":string",
                    "OVER:option",
                ])
        #expect(parts("credit charge over 10m key") == ["credit:command", "charge:command", "10m:number"])
        #expect(parts("ping") == ["ping:command"])
        #expect(parts("HELP credit") == ["HELP:command"])
    }

    @Test func `what no command begins with is wrong, what some begins with is not wrong yet`() {
        #expect(parts("CRE") == [])
        #expect(parts("CREX") == ["CREX:unknown"])
        #expect(parts("CRE x") == ["CRE:unknown"])
        #expect(parts("CREDIT CH") == ["CREDIT:command"])
        #expect(parts("CREDIT CHA u") == ["CREDIT:command", "CHA:unknown"])
        #expect(parts("CREDIT X") == ["CREDIT:command", "X:unknown"])
    }

    @Test func `several lines, each a command; comments`() {
        #expect(parts("# it's a comment\nPING\nNO") == ["# it's a comment:comment", "PING:command", "NO:unknown"])
        #expect(parts("PING \"a\nb\"") == ["PING:command", "\"a\nb\":string"])
    }

    @Test func `any text at all has styles within it`() {
        var random = SeededGenerator(seed: 5)
        let pieces = ["CREDIT", "CHARGE", " ", "\"", "'", "\n", "\r\n", "#", "é", "木", "1.5", "OVER", "\\", "\t", "🙂"]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0...10, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            for span in Highlighter.styles(of: text, in: sampleCatalogue) {
                #expect(span.range.lowerBound >= 0 && span.range.upperBound <= text.count, "\(text)")
            }
            _ = Hint.text(for: text, in: sampleCatalogue)
            _ = Completion.candidates(for: text, in: sampleCatalogue)
        }
    }
}

@Suite struct `Hints` {
    @Test(arguments: [
        ("CREDIT CHARGE", " user amount source [DESCRIPTION text] [OVER] [KEY key]"),
        ("credit charge ", "user amount source [DESCRIPTION text] [OVER] [KEY key]"), ("CREDIT CHARGE u", ""),
        ("CREDIT CHARGE u ", "amount source [DESCRIPTION text] [OVER] [KEY key]"),
        ("CREDIT CHARGE u 1 api OVER ", "[DESCRIPTION text] [KEY key]"),
        ("CREDIT CHARGE u 1 api KEY ", "key [DESCRIPTION text] [OVER]"),
        ("CREDIT GRANT u 1 ", "[KIND kind] REASON reason"), ("CREDIT", ""), ("PING", ""), ("help", " [words …]"),
        ("", ""),
        ("PING\nCREDIT CHARGE u 1 ", "source [DESCRIPTION text] [OVER] [KEY key]"), ("CREDIT CHARGE \"u", ""),
    ])
    func `say what is still to come`(line: String, hint: String) {
        #expect(Hint.text(for: line, in: sampleCatalogue) == hint)
    }
}
