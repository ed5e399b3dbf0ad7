import LedgerREPL
import LedgerTestKit
import Testing

private let words = ["CREDIT", "CREATE", "PING", "PÜREE"]

private let language = EditSession.Language(
    complete: { before in
        let fragment = Completion.fragment(of: before)
        return EditSession.Candidates(
            length: fragment.count, words: words.filter { $0.lowercased().hasPrefix(fragment.lowercased()) })
    },
    hint: { $0 == "PING" ? " [text]" : "" }, isComplete: { !CommandSplitter.isOpen($0) })

private func session(_ history: [String] = []) -> EditSession {
    var session = EditSession(language: language, history: InputHistory(history))
    session.begin(prompt: [StyledText("> ")], continuation: ". ")
    return session
}

/// Presses keys and gives the last effect; `shown` has `|` for the cursor.
extension EditSession {
    @discardableResult
    fileprivate mutating func press(_ keys: Key...) -> Effect {
        var effect = Effect.draw
        for key in keys { effect = handle(key) }
        return effect
    }

    @discardableResult
    fileprivate mutating func type(_ text: String) -> Effect {
        var effect = Effect.draw
        for scalar in text.unicodeScalars { effect = handle(.text(String(scalar))) }
        return effect
    }

    fileprivate var shown: String {
        var characters = buffer.characters
        characters.insert("|", at: buffer.cursor)
        return String(characters)
    }
}

@Suite struct `Keys change a line` {
    @Test func `the keys of emacs`() {
        var line = session()
        line.type("one two")
        line.press(.control("a"), .alt("f"), .control("k"))
        #expect(line.shown == "one|")
        line.press(.control("e"), .control("y"), .control("b"), .control("h"))
        #expect(line.shown == "one t|o")
        line.press(.control("f"), .control("t"))
        #expect(line.shown == "one ot|")
        line.press(.alt("b"), .alt("d"), .altBackspace)
        #expect(line.shown == "|")
        line.press(.control("_"), .control("_"))
        #expect(line.shown == "one |ot")
        line.press(.home, .delete, .end, .backspace)
        #expect(line.shown == "ne o|")
        line.press(.control("u"))
        #expect(line.shown == "|")
    }

    @Test func `Enter, Ctrl-C, Ctrl-D and the rest say what is to happen`() {
        var line = session()
        #expect(line.press(.control("d")) == .end)
        line.type("PING")
        #expect(line.press(.control("a"), .control("d")) == .draw)
        #expect(line.press(.enter) == .accept("ING"))
        #expect(line.press(.control("c")) == .interrupt)
        #expect(line.press(.control("l")) == .clear)
        #expect(line.press(.control("z")) == .suspend)
        #expect(line.press(.control("x")) == .bell)
    }

    @Test func `an open quote makes Enter a line end, and the cursor moves between the lines`() {
        var line = session()
        line.type("RULE LOAD x \"return")
        #expect(line.press(.enter) == .draw)
        line.type("1\"")
        line.press(.up)
        #expect(line.shown == "RU|LE LOAD x \"return\n1\"")
        line.press(.down)
        #expect(line.shown == "RULE LOAD x \"return\n1\"|")
        #expect(line.press(.enter) == .accept("RULE LOAD x \"return\n1\""))
        line = session()
        line.type("a")
        line.press(.altEnter)
        #expect(line.shown == "a\n|")
    }

    @Test func `a paste is text, whatever is in it`() {
        var line = session()
        #expect(line.press(.paste("PING\nPING\n")) == .draw)
        #expect(line.press(.enter) == .accept("PING\nPING\n"))
    }
}

@Suite struct `Tab completes` {
    @Test func `one candidate whole, with a blank behind it`() {
        var line = session()
        line.type("pi")
        line.press(.tab)
        #expect(line.shown == "PING |")
        line = session()
        line.type("pi x")
        line.press(.control("a"), .right, .right, .tab)
        #expect(line.shown == "PING| x")
    }

    @Test func `of several what they share, and the list below until the next key`() {
        var line = session()
        line.type("c")
        line.press(.tab)
        #expect(line.shown == "CRE|")
        #expect(line.content(columns: 40, rows: 10).below == ["CREDIT  CREATE"])
        line.type("D")
        #expect(line.content(columns: 40, rows: 10).below == [])
    }

    @Test func `nothing to complete rings`() {
        var line = session()
        line.type("x")
        #expect(line.press(.tab) == .bell)
    }

    @Test func `a hint stands behind the end, and nowhere else`() {
        var line = session()
        line.type("PING")
        #expect(line.content(columns: 40, rows: 10).hint == " [text]")
        line.press(.left)
        #expect(line.content(columns: 40, rows: 10).hint == "")
    }
}

@Suite struct `What was entered before` {
    @Test func `the arrows walk through it, and back to what was being typed`() {
        var line = session(["PING", "CREDIT a", "PING", "CREDIT b"])
        line.press(.up)
        #expect(line.shown == "CREDIT b|")
        line.press(.up, .up, .up)
        #expect(line.shown == "PING|")
        #expect(line.press(.up) == .bell)
        line.press(.down, .down, .down, .down)
        #expect(line.shown == "|")
        #expect(line.press(.down) == .bell)
    }

    @Test func `of what begins like the line, where something is typed`() {
        var line = session(["CREDIT a", "PING", "CREDIT b", "PING x"])
        line.type("CR")
        line.press(.up)
        #expect(line.shown == "CREDIT b|")
        line.press(.up)
        #expect(line.shown == "CREDIT a|")
        line.press(.down, .down)
        #expect(line.shown == "CR|")
        line.press(.up)
        line.type("!")
        #expect(line.press(.up) == .bell)
    }

    @Test func `C-r finds any part of it, in whatever case, the latest first`() {
        var line = session(["CREDIT CHARGE ada", "PING", "credit lots ada", "TIME"])
        line.type("draft")
        line.press(.control("r"))
        line.type("cred")
        #expect(line.shown == "|credit lots ada")
        line.press(.control("r"))
        #expect(line.shown == "|CREDIT CHARGE ada")
        line.press(.control("s"))
        #expect(line.shown == "|credit lots ada")
        line.press(.backspace)
        line.type("z")
        #expect(line.content(columns: 80, rows: 24).prompt[0].text == "nothing has: ")
        line.press(.control("g"))
        #expect(line.shown == "draft|")
        line.press(.control("r"))
        line.type("ping")
        #expect(line.press(.enter) == .accept("PING"))
    }

    @Test func `another key takes what was found, and edits it`() {
        var line = session(["PING", "TIME"])
        line.press(.control("r"))
        line.type("pi")
        line.press(.control("e"))
        line.type("!")
        #expect(line.shown == "PING!|")
    }

    @Test func `the same twice is remembered once`() {
        #expect(InputHistory(["a", "a", "b", "", "a"]).entries == ["a", "b", "a"])
    }
}

@Suite struct `Any keys at all` {
    @Test func `no row of keys brings the editor down`() {
        var random = SeededGenerator(seed: 77)
        for _ in 0..<300 {
            var line = session(["PING", "CREDIT a\nb", "é木"])
            var decoder = KeyDecoder()
            let bytes = (0..<80).map { _ -> UInt8 in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : [0x1b, 0x5b, 0x41, 0x42, 0x43, 0x44, 0x12, 0x09, 0x0d, 0x7f].randomElement(using: &random)!
            }
            var frame: Frame?
            let screen = Screen(columns: 20, rows: 5, usesColour: true)
            for key in decoder.decode(bytes) + decoder.flush() {
                _ = line.handle(key)
                frame = screen.draw(line.content(columns: 20, rows: 5), over: frame).frame
                #expect(frame!.widths.count <= 5 && frame!.cursorRow < 5 && frame!.cursorColumn < 20)
            }
        }
    }
}
