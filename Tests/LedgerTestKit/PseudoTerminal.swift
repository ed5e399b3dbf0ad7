internal import Glibc

/// A terminal with a program at it, and the test in the place of its user.
package final class PseudoTerminal {
    private var master: Int32
    package let slavePath: String
    package private(set) var screen: TerminalModel
    package private(set) var process: Int32?

    package init(columns: Int = 80, rows: Int = 24) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN: macros that Swift does not see.
        var (isLocked, number): (Int32, Int32) = (0, 0)
        guard master >= 0, ioctl(master, 0x4004_5431, &isLocked) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw Failure()
        }
        slavePath = "/dev/pts/\(number)"
        screen = TerminalModel(columns: columns, rows: rows)
        setSize(columns: columns, rows: rows)
    }

    deinit {
        close()
        if let process {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    package struct Failure: Error {}

    /// The program's end, for a program within this process.
    package func openSlave() throws -> Int32 {
        let slave = open(slavePath, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw Failure() }
        return slave
    }

    /// Starts a program of its own with this as its controlling terminal.
    package func start(_ path: String, _ arguments: [String], environment: [String: String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, slavePath, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP] { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // A session leader without a terminal gets the first one that it opens.
        posix_spawnattr_setflags(&attributes, Int16(0x80 | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var process = pid_t()
        guard posix_spawn(&process, path, &actions, &attributes, &words, &variables) == 0 else { throw Failure() }
        self.process = process
    }

    /// Another size of the window.
    package func resize(columns: Int, rows: Int) {
        screen.resize(columns: columns, rows: rows)
        setSize(columns: columns, rows: rows)
    }

    private func setSize(columns: Int, rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    package func type(_ text: String) { type(Array(text.utf8)) }

    package func type(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR && errno != EAGAIN { return }
        }
    }

    /// Takes in what the program writes, for at most so long.
    package func read(milliseconds: Int32 = 50) {
        guard master >= 0 else { return }
        var descriptor = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, milliseconds) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(master, &buffer, buffer.count)
        if count > 0 { screen.write(Array(buffer[..<count])) }
    }

    /// Reads until the screen is as wanted; false after a time that no program takes, on however busy a machine. Keeps
    /// no thread: what is waited for may need it.
    package func wait(until isDone: (TerminalModel) -> Bool) async -> Bool {
        for _ in 0..<6000 {
            if isDone(screen) { return true }
            read(milliseconds: 0)
            if isDone(screen) { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    package func wait(for text: String) async -> Bool { await wait { $0.everything.contains(text) } }

    /// The modes as the program left them.
    private var modes: termios {
        var modes = termios()
        tcgetattr(master, &modes)
        return modes
    }

    package var isRaw: Bool { modes.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0 }

    /// The window is closed.
    package func close() {
        if master >= 0 { Glibc.close(master) }
        master = -1
    }

    /// Waits for the program to end. Its exit code, or its signal below 0; nil while it runs.
    package func waitForEnd() async -> Int32? {
        guard let process else { return nil }
        var status: Int32 = 0
        for _ in 0..<6000 {
            if waitpid(process, &status, WNOHANG) == process {
                self.process = nil
                return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
            }
            read(milliseconds: 0)
            try? await Task.sleep(for: .milliseconds(5))
        }
        return nil
    }
}
