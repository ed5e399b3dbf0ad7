internal import Glibc
internal import Synchronization

/// What a terminal's user and its system tell the process by signals, for the prompt that owns the process.
///
/// A handler may do next to nothing: it sets a flag and writes a byte into a pipe, by which a thread that waits for
/// keys learns of it.
enum Signals {
    private static let interrupt = Atomic<Bool>(false)
    private static let end = Atomic<Bool>(false)
    private static let pipeEnds: (read: Int32, write: Int32) = {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return (-1, -1) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        return (ends[0], ends[1])
    }()

    /// From now on none of them ends the process. The descriptor is for ``Terminal/next(wake:milliseconds:)``.
    static func watch() -> Int32? {
        clearInterrupt()  // made here, for nothing may be made inside of a handler
        _ = end.load(ordering: .relaxed)
        let ends = pipeEnds
        signal(SIGINT) { _ in
            Signals.interrupt.store(true, ordering: .relaxed)
            Signals.wake()
        }
        for number in [SIGHUP, SIGTERM] {
            signal(number) { _ in
                Signals.end.store(true, ordering: .relaxed)
                Signals.wake()
            }
        }
        for number in [SIGWINCH, SIGCONT] { signal(number) { _ in Signals.wake() } }
        return ends.read >= 0 ? ends.read : nil
    }

    private static func wake() {
        let kept = errno
        var byte: UInt8 = 0
        _ = write(pipeEnds.write, &byte, 1)
        errno = kept
    }

    /// Ctrl-C while a command is under way. While a line is edited it is a key.
    static var wasInterrupted: Bool { interrupt.load(ordering: .relaxed) }
    static func clearInterrupt() { interrupt.store(false, ordering: .relaxed) }
    /// The terminal was closed, or somebody asked the process to end.
    static var mustEnd: Bool { end.load(ordering: .relaxed) }
}
