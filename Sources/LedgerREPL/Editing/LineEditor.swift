internal import Glibc
internal import Synchronization

/// A terminal with line editing, history, completion and colour.
///
/// The loop is here: bytes become keys (``KeyDecoder``), keys change a line (``EditSession``), the line is drawn
/// (``Screen``). The terminal is raw only within ``readLine(prompt:continuation:text:)``, and as it was before whenever
/// that returns.
package final class LineEditor: Sendable {
    package enum Input: Sendable, Equatable {
        case line(String)
        /// Ctrl-C: the line was thrown away.
        case interrupted
        /// Ctrl-D on an empty line, or the terminal is gone.
        case end
    }

    private struct State {
        var session: EditSession
        var decoder = KeyDecoder()
        /// Pressed already, and not used yet.
        var keys: [Key] = []
    }

    package let terminal: Terminal
    private let usesColour: Bool
    private let wake: Int32?
    /// Stops the process group, as Ctrl-Z does; another one in tests, where there is no shell to come back from.
    private let suspend: @Sendable () -> Void
    private let mustEnd: @Sendable () -> Bool
    /// Held while a line is read: one at a time.
    private let state: Mutex<State>

    /// `wake` is a descriptor that says that the terminal may have changed; `mustEnd`, that nobody is to be asked any
    /// more.
    package init(
        terminal: Terminal, language: EditSession.Language, history: [String] = [], usesColour: Bool,
        wake: Int32? = nil, mustEnd: @escaping @Sendable () -> Bool = { false },
        suspend: (@Sendable () -> Void)? = nil
    ) {
        self.terminal = terminal
        self.usesColour = usesColour
        self.wake = wake
        self.mustEnd = mustEnd
        self.suspend = suspend ?? { Self.stopProcess() }
        state = Mutex(State(session: EditSession(language: language, history: InputHistory(history))))
    }

    /// What goes to the history that the arrow keys walk through.
    package func remember(_ line: String) { state.withLock { $0.session.history.add(line) } }

    /// Waits for a line on a thread of its own, so that no thread of the concurrency pool sleeps in a terminal. One
    /// call at a time; `text` is what the line begins with.
    package func readLine(prompt: [StyledText], continuation: String = "> ", text: String = "") async -> Input {
        await onThread {
            self.state.withLock { state in
                state.session.begin(prompt: prompt, continuation: continuation, text: text)
                return self.edit(&state)
            }
        }
    }

    private static let pasteOn = "\u{1b}[?2004h"
    private static let pasteOff = "\u{1b}[?2004l"
    /// How long the rest of an escape sequence may take; a lone Escape waits for it.
    private static let patience: Int32 = 100

    private func edit(_ state: inout State) -> Input {
        guard !mustEnd(), var modes = terminal.makeRaw() else { return .end }
        terminal.write(Self.pasteOn)
        var frame = draw(state.session, over: nil)
        func finish(_ session: EditSession, _ input: Input, mark: String = "") -> Input {
            let (text, _) = screen.draw(session.finalContent(), over: frame)
            terminal.write(text + mark + Self.pasteOff + "\r\n")
            terminal.restore(modes)
            return input
        }
        while true {
            var isPending = false
            while !state.keys.isEmpty {
                // All that has arrived, and one drawing for it: a paste without marks is many keys.
                let key = state.keys.removeFirst()
                let effect = state.session.handle(key)
                isPending = true
                switch effect {
                case .draw: break
                case .bell: terminal.write("\u{7}")
                case .clear:
                    terminal.write("\u{1b}[H\u{1b}[2J")
                    frame = draw(state.session, over: nil)
                case .accept(let line): return finish(state.session, .line(line))
                case .interrupt: return finish(state.session, .interrupted, mark: "^C")
                case .end: return finish(state.session, .end)
                case .suspend:
                    _ = finish(state.session, .end)
                    suspend()
                    guard let again = terminal.makeRaw() else { return .end }
                    modes = again
                    terminal.write(Self.pasteOn)
                    frame = draw(state.session, over: nil)
                }
            }
            if isPending { frame = draw(state.session, over: frame) }
            switch terminal.next(wake: wake, milliseconds: state.decoder.isPending ? Self.patience : nil) {
            case .bytes(let bytes): state.keys += state.decoder.decode(bytes)
            case .timedOut: state.keys += state.decoder.flush()
            case .gone:
                terminal.restore(modes)
                return .end
            case .woken:
                if mustEnd() { return finish(state.session, .end) }
                // Another size; or the process was stopped and goes on, and a shell has changed the modes meanwhile.
                guard terminal.makeRaw() != nil else { return .end }
                terminal.write(Self.pasteOn)
                frame = draw(state.session, over: frame)
            }
        }
    }

    private var screen: Screen {
        let size = terminal.size
        return Screen(columns: size.columns, rows: size.rows, usesColour: usesColour)
    }

    private func draw(_ session: EditSession, over frame: Frame?) -> Frame {
        let screen = self.screen
        let content = session.content(columns: screen.columns, rows: screen.rows)
        let (text, next) = screen.draw(content, over: frame)
        terminal.write(text)
        return next
    }

    /// The whole group, as the terminal does it where Ctrl-Z is a signal. The wait is for the other threads' sake: the
    /// signal may meet one of them, and stops this one a moment later.
    private static func stopProcess() {
        kill(0, SIGTSTP)
        poll(nil, 0, 50)
    }
}

/// Runs a blocking call on a new thread and awaits its result.
func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        let work = Unmanaged.passRetained(Work { continuation.resume(returning: body()) })
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        precondition(failure == 0, "the thread that reads input could not be started")
        pthread_detach(thread)
    }
}

private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
