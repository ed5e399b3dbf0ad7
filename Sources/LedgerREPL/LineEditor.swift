@preconcurrency internal import CEdit
internal import Glibc
internal import Synchronization

/// One terminal with line editing, history and completion, through libedit.
///
/// libedit keeps its state, and calls back, through C globals. That is safe here for one reason: `isOwned` admits a
/// single editor per process, its owner awaits one ``readLine(prompt:)`` at a time, and the callbacks run on the thread
/// that is inside `readline()`; so libedit and everything below the mark are touched by one thread at a time, and each
/// hand-over between threads is a thread's creation or a continuation's resumption, which order memory.
package final class LineEditor {
    package enum Input: Sendable, Equatable {
        case line(String)
        /// Ctrl-C: the line was thrown away.
        case interrupted
        /// Ctrl-D on an empty line, or the terminal is gone.
        case end
    }

    /// Nil when this process has an editor already. `complete` answers completions of what stands before the cursor.
    package init?(complete: @escaping @Sendable (String) -> [String]) {
        guard !isOwned.exchange(true, ordering: .acquiringAndReleasing) else { return nil }
        Self.useUTF8()
        completer = complete
        rl_readline_name = UnsafePointer(strdup("florin"))
        rl_initialize()
        using_history()
        stifle_history(1000)
        rl_basic_word_break_characters = UnsafePointer(strdup(" \t\n,"))
        rl_attempted_completion_function = { text, _, _ in
            rl_attempted_completion_over = 1  // never file names
            return completions(of: text)
        }
        // While a line is edited Ctrl-C is a key, not a signal, because a signal may arrive on any thread. libedit sets
        // the terminal up anew for each line, so it must be told each time.
        rl_pre_input_hook = { rl_parse_and_bind("setty -d -isig") }
        rl_add_defun(
            "florin-interrupt",
            { _, _ in
                wasInterrupted = true
                rl_done = 1
                return 0
            }, 3)
    }

    deinit {
        completer = nil
        clear_history()
        isOwned.store(false, ordering: .releasing)
    }

    /// The terminal's width in columns.
    package var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// What goes to the history that the arrow keys walk through.
    package func remember(_ line: String) { add_history(line) }

    /// Waits for a line on a thread of its own, so that no thread of the concurrency pool sleeps in a terminal. One
    /// call at a time.
    package func readLine(prompt: String) async -> Input {
        await onThread {
            wasInterrupted = false
            rl_done = 0
            let text = readline(prompt)
            defer { free(text) }
            if wasInterrupted { return .interrupted }
            return text.map { .line(String(cString: $0)) } ?? .end
        }
    }

    /// libedit reads what the locale says; without one, UTF-8 is the better guess.
    private static func useUTF8() {
        setlocale(LC_CTYPE, "")
        if String(cString: nl_langinfo(Int32(CODESET))) == "ANSI_X3.4-1968" { setlocale(LC_CTYPE, "C.UTF-8") }
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

// MARK: - State shared with C; see the type for what makes it safe

private let isOwned = Atomic<Bool>(false)
nonisolated(unsafe) private var completer: (@Sendable (String) -> [String])?
nonisolated(unsafe) private var wasInterrupted = false
nonisolated(unsafe) private var candidates: [String] = []
nonisolated(unsafe) private var nextCandidate = 0

/// The list libedit wants: the common part, the candidates, a null; all from malloc.
private func completions(of text: UnsafePointer<CChar>?) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    // The cursor counts wide characters, which are scalars here.
    let line = String(cString: rl_line_buffer).unicodeScalars.prefix(Int(rl_point))
    candidates = completer?(String(String.UnicodeScalarView(line))) ?? []
    nextCandidate = 0
    guard !candidates.isEmpty else { return nil }
    return rl_completion_matches(
        text,
        { _, _ in
            guard nextCandidate < candidates.count else { return nil }
            nextCandidate += 1
            return strdup(candidates[nextCandidate - 1])
        })
}
