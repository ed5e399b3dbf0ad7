internal import Glibc

/// Programs of the user's that get the terminal for a while: a pager, an editor.
enum ChildProgram {
    /// Runs a shell command with our terminal and waits for it. `input` is what it reads instead of the keyboard,
    /// `arguments` what the command finds as `$1` and so on. Its exit code; nil when it could not be started.
    static func run(_ command: String, _ arguments: [String] = [], input: String? = nil) -> Int32? {
        var ends: [Int32] = [-1, -1]
        if input != nil {
            guard pipe(&ends) == 0 else { return nil }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if input != nil { posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO) }
        // What we take from signals, they do not inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for number in [SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH, SIGCONT] {
            sigaddset(&defaults, number)
        }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var words: [UnsafeMutablePointer<CChar>?] =
            (["/bin/sh", "-c", command, "sh"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process = pid_t()
        let failure = posix_spawn(&process, "/bin/sh", &actions, &attributes, &words, environ)
        if input != nil { close(ends[0]) }
        guard failure == 0 else {
            if input != nil { close(ends[1]) }
            return nil
        }
        var feed = input.map { Feed($0, to: ends[1]) }
        defer { feed?.end() }
        var status: Int32 = 0
        var isTold = false
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else { return nil }
            if Signals.mustEnd, !isTold {
                // Its terminal goes, or we are to end: an editor keeps what it has, and ends too.
                isTold = true
                kill(process, SIGHUP)
            }
            // A pager takes what a screen shows, and the rest when somebody has read that.
            if feed?.isOpen == true { feed?.goOn(milliseconds: 20) } else { poll(nil, 0, 20) }
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    /// A text on its way into a pipe, a piece whenever there is room: whoever waits for the program is never kept by a
    /// program that does not read.
    private struct Feed {
        private var rest: ArraySlice<UInt8>
        private let file: Int32
        private(set) var isOpen = true

        init(_ text: String, to file: Int32) {
            rest = Array(text.utf8)[...]
            self.file = file
            _ = fcntl(file, F_SETFL, O_NONBLOCK)
        }

        /// Waits for room for so long at most, and fills it. Ends by itself behind the last byte, and where nobody
        /// reads any more: a pager that is left early takes no more.
        mutating func goOn(milliseconds: Int32) {
            var descriptor = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
            guard poll(&descriptor, 1, milliseconds) > 0 else { return }
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
                if count < 0 {
                    if errno == EINTR { continue }
                    if errno == EAGAIN { return }
                    break
                }
                rest = rest.dropFirst(count)
            }
            end()
        }

        mutating func end() {
            if isOpen { close(file) }
            isOpen = false
        }
    }

    /// Whether a program of this name would be found.
    static func exists(_ name: String, path: String?) -> Bool {
        (path ?? "/usr/bin:/bin").split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }
}

/// What is higher than the terminal is read in a pager.
package enum Pager {
    /// The user's own (`PAGER`; empty or `cat` for none), or `less` where there is one: lines that are too wide are not
    /// broken there but moved sideways.
    package static func command(_ environment: (String) -> String?) -> String? {
        if let own = environment("PAGER") {
            let name = own.split(separator: " ").first.map(String.init) ?? ""
            return name.isEmpty || name == "cat" ? nil : own
        }
        return ChildProgram.exists("less", path: environment("PATH")) ? "less -RSX" : nil
    }

    package static func isNeeded(for text: String, columns: Int, rows: Int) -> Bool {
        DisplayText.height(of: text, columns: columns) >= rows
    }
}

/// The user's editor on a text.
enum TextEditor {
    enum Outcome: Sendable {
        case edited(String)
        case failed(String)
    }

    static func command(_ environment: (String) -> String?) -> String {
        ["VISUAL", "EDITOR"].lazy.compactMap(environment).first { !$0.isEmpty } ?? "vi"
    }

    /// In a file that only its owner reads, and that is gone afterwards. `without`: what is true when it fails.
    static func edit(
        _ text: String, with command: String, directory: String, suffix: String = ".txt", without: String
    ) -> Outcome {
        var path = Array((directory + "/florin-XXXXXX" + suffix).utf8CString)
        let file = mkstemps(&path, Int32(suffix.utf8.count))
        let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard file >= 0 else {
            return .failed("no file for the editor in \(directory): \(String(cString: strerror(errno)))")
        }
        defer { unlink(name) }
        writeAll(text.isEmpty || text.hasSuffix("\n") ? text : text + "\n", to: file)
        close(file)
        guard let code = ChildProgram.run(command + " \"$1\"", [name]) else {
            return .failed("\(without): the editor could not be started: \(command)")
        }
        guard code == 0 else {
            let hint = code == 127 ? " (VISUAL or EDITOR names the editor)" : ""
            return .failed("\(without): \(command) ended with \(code)\(hint)")
        }
        guard let edited = TextFile.read(name) else { return .failed("what the editor wrote could not be read") }
        return .edited(edited)
    }
}

/// Whole files of text.
enum TextFile {
    static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while bytes.count < 64 << 20 {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A new file, or a new content; readable by its owner alone. What kept it from being written, or nil.
    static func write(_ text: String, to path: String) -> String? {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return String(cString: strerror(errno)) }
        var text = text
        let code = text.withUTF8 { bytes -> Int32 in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
                if count < 0 {
                    if errno == EINTR { continue }
                    return errno
                }
                written += count
            }
            return 0
        }
        let closed = close(file)
        return code != 0 ? String(cString: strerror(code)) : closed != 0 ? String(cString: strerror(errno)) : nil
    }
}
