internal import Glibc
internal import LedgerCore

/// Drawings that take each other's place in a terminal, until a key or Ctrl-C: the terminal shows no keys meanwhile.
/// Whoever begins one ends it.
struct DrawingInPlace: Sendable {
    struct Refusal: Error {
        let text: String
    }

    private let console: REPL.Console
    private let modes: termios
    private let title: String
    private let milliseconds: Int32
    /// Rows of the last drawing.
    private var height = 0

    static func begin(at console: REPL.Console, title: String, milliseconds: Int32) -> Result<DrawingInPlace, Refusal> {
        guard console.editor != nil else {
            return .failure(Refusal(text: "watch needs a terminal that can draw in place (TERM is dumb)"))
        }
        guard let modes = console.terminal.makeRaw(keepingSignals: true) else {
            return .failure(Refusal(text: "watch needs a terminal"))
        }
        return .success(
            DrawingInPlace(
                console: console, modes: modes, title: DisplayText.sanitized(title), milliseconds: milliseconds))
    }

    private init(console: REPL.Console, modes: termios, title: String, milliseconds: Int32) {
        (self.console, self.modes, self.title, self.milliseconds) = (console, modes, title, milliseconds)
    }

    func end() { console.terminal.restore(modes) }

    /// At most as much as the terminal has room for, over what was drawn before.
    mutating func draw(_ text: String) {
        let size = console.terminal.size
        let head = console.rendering.usesColour ? Style.faint.applied(to: title) : title
        // A tab is as wide as where it stands wants it: too much for who has to know how wide a row is.
        let text = text.replacing("\t", with: "    ")
        // The cursor stands in the row below.
        let lines = DisplayText.fitted(head + "\n" + text, columns: size.columns, rows: max(size.rows - 1, 1))
        let above = min(height, size.rows - 1)
        let up = above > 0 ? "\u{1b}[\(above)A" : ""
        console.terminal.write("\r" + up + "\u{1b}[J" + lines.map { $0 + "\r\n" }.joined())
        height = lines.count
    }

    /// Waits for the time of the next drawing. False: nobody wants another one.
    func wait() async -> Bool {
        let (terminal, wake, milliseconds) = (console.terminal, console.wake, milliseconds)
        return await onThread {
            switch terminal.next(wake: wake, milliseconds: milliseconds) {
            case .bytes, .gone: false
            // Also another size, which is reason enough to draw.
            case .woken, .timedOut: !Signals.wasInterrupted && !Signals.mustEnd
            }
        }
    }
}

extension REPL {
    /// Draws a command's answer over the last one, until a key or Ctrl-C.
    mutating func watch(_ command: String, _ words: [String], at console: Console) async -> Outcome {
        guard words.count > 2 else { return usage(.watch) }
        guard let span = Self.interval(words[1]) else {
            let given = DisplayText.sanitized(words[1])
            return Outcome(errors: "watch waits from 0.1 s to 1 h between (2, 500ms, 1m), not \(given)\n", failed: true)
        }
        if let inner = LocalCommand.named(words[2]) {
            switch inner {
            case .watch, .edit, .quit, .export, .reload, .tail, .use, .leave:
                return Outcome(errors: "\(inner.rawValue) cannot be watched\n", failed: true)
            case .describe, .plot, .last, .help: break
            }
        }
        let text = Self.behindWords(2, of: command)
        var drawing: DrawingInPlace
        switch DrawingInPlace.begin(at: console, title: Self.title(words[1], text), milliseconds: span) {
        case .success(let begun): drawing = begun
        case .failure(let refusal): return Outcome(errors: refusal.text + "\n", failed: true)
        }
        defer { drawing.end() }
        while true {
            let size = console.terminal.size
            var rendering = console.rendering
            rendering.layout = .tables(width: size.columns)
            rendering.rows = size.rows - 2
            let outcome = await interruptible(text, rendering)
            drawing.draw(outcome.output + outcome.errors)
            if outcome.wasInterrupted || outcome.quits || Signals.mustEnd { return Outcome(quits: outcome.quits) }
            guard await drawing.wait() else { return Outcome() }
        }
    }

    static func title(_ interval: String, _ what: String) -> String {
        "every \(interval.last?.isNumber == true ? interval + "s" : interval): \(what), until a key"
    }

    /// Milliseconds: `2`, `0.5`, `500ms`, `1m`; from a tenth of a second to an hour.
    static func interval(_ text: String) -> Int32? {
        guard let last = text.last, let span = TimeSpan(last.isNumber ? text + "s" : text) else { return nil }
        let milliseconds = span.nanoseconds / 1_000_000
        return (100...3_600_000).contains(milliseconds) ? Int32(milliseconds) : nil
    }

    /// A text without its first words, which have no quotes.
    private static func behindWords(_ count: Int, of text: String) -> String {
        var rest = text[...]
        for _ in 0..<count {
            rest = rest.drop { $0.isWhitespace }
            rest = rest.drop { !$0.isWhitespace }
        }
        return String(rest.drop { $0.isWhitespace })
    }
}
