import Glibc
import LedgerREPL
import LedgerTestKit
import Synchronization
import Testing

/// The editor at a pseudo-terminal, within this process.
private final class Bench {
    let terminal: PseudoTerminal
    let slave: Int32
    let editor: LineEditor
    /// What wakes the editor, as a signal does in a process of its own.
    let wake: (read: Int32, write: Int32)
    let flags: Flags

    final class Flags: Sendable {
        let isEnding = Atomic<Bool>(false)
        let suspensions = Atomic<Int>(0)
        let hasEnded = Atomic<Bool>(false)
    }

    init(history: [String] = [], columns: Int = 40, rows: Int = 10) throws {
        terminal = try PseudoTerminal(columns: columns, rows: rows)
        slave = try terminal.openSlave()
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        wake = (ends[0], ends[1])
        let language = EditSession.Language.commands(of: sampleCatalogue)
        let flags = Flags()
        editor = LineEditor(
            terminal: Terminal(input: slave, output: slave), language: language, history: history, usesColour: true,
            wake: ends[0], mustEnd: { flags.isEnding.load(ordering: .relaxed) },
            suspend: { flags.suspensions.add(1, ordering: .relaxed) })
        self.flags = flags
    }

    /// Keys are keys from when the editor has the terminal; those typed ahead are the terminal's own until then.
    func begin(typedAhead: Bool = false) async -> Task<LineEditor.Input, Never> {
        let editor = editor
        let line = Task { await editor.readLine(prompt: [StyledText("test> ", .prompt)]) }
        if !typedAhead { #expect(await terminal.wait { $0.isPasteMarked }) }
        return line
    }

    /// What the line gives, while somebody reads what the editor writes: a terminal's buffer is small.
    func read(_ line: Task<LineEditor.Input, Never>) async -> LineEditor.Input {
        let flags = flags
        flags.hasEnded.store(false, ordering: .relaxed)
        let end = Task {
            let input = await line.value
            flags.hasEnded.store(true, ordering: .relaxed)
            return input
        }
        while !flags.hasEnded.load(ordering: .relaxed) {
            terminal.read(milliseconds: 0)
            try? await Task.sleep(for: .milliseconds(5))
        }
        return await end.value
    }

    func wakeUp() {
        var byte: UInt8 = 0
        write(wake.write, &byte, 1)
    }

    deinit {
        close(slave)
        close(wake.read)
        close(wake.write)
    }
}

@Suite(.serialized) struct `The editor at a terminal` {
    @Test func `a line is shown as it is typed, and the terminal is as before afterwards`() async throws {
        let bench = try Bench()
        #expect(!bench.terminal.isRaw)
        let line = await bench.begin()
        #expect(await bench.terminal.wait { $0.lines == ["test>"] && $0.isPasteMarked })
        #expect(bench.terminal.isRaw)
        bench.terminal.type("PING é木\u{1b}[D\u{1b}[D\u{7f}\r")
        #expect(await line.value == .line("PINGé木"))
        #expect(await bench.terminal.wait { $0.lines == ["test> PINGé木"] && $0.row == 1 && !$0.isPasteMarked })
        #expect(!bench.terminal.isRaw)
        #expect(bench.terminal.screen.unknown == [])
    }

    @Test func `colour, hint and candidates`() async throws {
        let bench = try Bench()
        let line = await bench.begin()
        #expect(await bench.terminal.wait(for: "test>"))
        bench.terminal.type("credit charge")
        #expect(await bench.terminal.wait(for: "test> credit charge user amount source"))
        #expect(bench.terminal.screen.cells[0][6].style == "1")
        bench.terminal.type("\u{15}xyz\u{15}C\t")
        #expect(
            await bench.terminal.wait {
                $0.lines.first == "test> CREDIT user amount" || $0.lines.first == "test> CREDIT"
            })
        bench.terminal.type("\t")
        #expect(await bench.terminal.wait { $0.lines.last == "CHARGE  GRANT   REFUND" })
        bench.terminal.type("\u{3}")
        #expect(await line.value == .interrupted)
        #expect(await bench.terminal.wait { $0.lines.last?.hasSuffix("^C") ?? false })
        #expect(!bench.terminal.isRaw)
    }

    @Test func `what is typed ahead waits for the next line`() async throws {
        let bench = try Bench()
        let first = await bench.begin()
        #expect(await bench.terminal.wait(for: "test>"))
        bench.terminal.type("ONE\rTWO\rTHR")
        #expect(await first.value == .line("ONE"))
        #expect(await bench.begin(typedAhead: true).value == .line("TWO"))
        let third = await bench.begin(typedAhead: true)
        bench.terminal.type("EE\r")
        #expect(await third.value == .line("THREE"))
    }

    @Test func `Ctrl-R searches what was entered in other runs`() async throws {
        let bench = try Bench(history: ["CREDIT GRANT u_1 5", "PING"])
        let line = await bench.begin()
        bench.terminal.type("\u{12}gran")
        #expect(await bench.terminal.wait(for: "search: gran  CREDIT GRANT u_1 5"))
        bench.terminal.type("\r")
        #expect(await line.value == .line("CREDIT GRANT u_1 5"))
        #expect(await bench.terminal.wait { $0.lines == ["test> CREDIT GRANT u_1 5"] })
    }

    @Test func `lines of a quote, and a paste of several commands`() async throws {
        let bench = try Bench()
        let line = await bench.begin()
        bench.terminal.type("SAY \"a\r")
        #expect(await bench.terminal.wait { $0.lines == ["test> SAY \"a", ">"] })
        bench.terminal.type("b\"\r")
        #expect(await line.value == .line("SAY \"a\nb\""))
        let pasted = await bench.begin()
        bench.terminal.type("\u{1b}[200~PING\nPING\u{1b}[201~")
        #expect(await bench.terminal.wait { $0.lines.suffix(2) == ["test> PING", "> PING"] })
        bench.terminal.type("\r")
        #expect(await pasted.value == .line("PING\nPING"))
    }

    @Test func `Ctrl-L leaves the line alone on the screen, Ctrl-D on an empty one ends`() async throws {
        let bench = try Bench()
        let line = await bench.begin()
        #expect(await bench.terminal.wait(for: "test>"))
        bench.terminal.type("PING\u{c}")
        #expect(await bench.terminal.wait { $0.lines == ["test> PING"] && $0.row == 0 })
        bench.terminal.type("\u{15}\u{4}")
        #expect(await line.value == .end)
        #expect(!bench.terminal.isRaw)
    }

    @Test func `a resized window is drawn anew`() async throws {
        let bench = try Bench(columns: 40)
        let line = await bench.begin()
        bench.terminal.type("ECHO abcdefghijklmnopqrst")
        #expect(await bench.terminal.wait(for: "qrst"))
        bench.terminal.resize(columns: 16, rows: 10)
        bench.wakeUp()
        #expect(await bench.terminal.wait { $0.text.contains("test> ECHO abcde\nfghijklmnopqrst") })
        bench.terminal.type("\r")
        #expect(await line.value == .line("ECHO abcdefghijklmnopqrst"))
    }

    @Test func `Ctrl-Z gives the terminal back, and takes it again with the line as it was`() async throws {
        let bench = try Bench()
        let line = await bench.begin()
        #expect(await bench.terminal.wait(for: "test>"))
        bench.terminal.type("PI\u{1a}")
        #expect(await bench.terminal.wait { $0.lines == ["test> PI", "test> PI"] })
        #expect(bench.flags.suspensions.load(ordering: .relaxed) == 1)
        #expect(bench.terminal.isRaw)
        bench.terminal.type("NG\r")
        #expect(await line.value == .line("PING"))
    }

    @Test func `the end of the terminal, or of the process, ends the line`() async throws {
        let gone = try Bench()
        let line = await gone.begin()
        #expect(await gone.terminal.wait(for: "test>"))
        gone.terminal.close()
        #expect(await line.value == .end)
        let ending = try Bench()
        let other = await ending.begin()
        #expect(await ending.terminal.wait(for: "test>"))
        ending.flags.isEnding.store(true, ordering: .relaxed)
        ending.wakeUp()
        #expect(await other.value == .end)
        #expect(!ending.terminal.isRaw)
        #expect(await ending.begin(typedAhead: true).value == .end)
    }

    @Test func `random bytes neither end it nor leave the terminal raw`() async throws {
        var random = SeededGenerator(seed: 12)
        for _ in 0..<20 {
            let bench = try Bench(columns: 20, rows: 4)
            let line = await bench.begin()
            #expect(await bench.terminal.wait(for: "test>"))
            // Neither Enter nor Ctrl-C, -D, -Z, in however many bytes they come.
            let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
            bench.terminal.type(
                bytes.filter { ![0x03, 0x04, 0x0a, 0x0d, 0x1a].contains($0) } + Array("\u{1b}[201~".utf8))
            bench.terminal.type("\u{1b}\\\u{7}\u{3}\u{3}")
            #expect(await bench.read(line) == .interrupted)
            #expect(!bench.terminal.isRaw)
        }
    }
}
