internal import CIntrinsics
package import Glibc
internal import LedgerStorage

/// The process that audits a snapshot beside a server, as both sides see it.
///
/// It gets standard output and error and nothing else that the server has open: with a copy of the listening socket it
/// would hold the port of a server that was killed. And it does not outlive its parent, who is the only one to know
/// what to do with what it finds.
///
/// Its standard input is a pipe on which nothing ever comes: it rests by waiting for its end (``rest(nanoseconds:)``).
/// When the parent closes it, there is no time to rest any more. A signal would kill a child that is not yet prepared
/// for it, and a child started anew would begin at the beginning.
package enum CheckpointProcess {
    /// The child's exit code when the snapshot differs; 0 when it does not, 1 when that could not be found out.
    package static let differs: Int32 = 4

    /// The child's first step. False: the parent has gone already.
    package static func follow(_ parent: pid_t) -> Bool { florin_die_with_parent() == 0 && getppid() == parent }

    /// The child's sleep between two pieces of work: so long, or until the parent wants it to hurry. Whether it does;
    /// from then on at once.
    package static func rest(nanoseconds: UInt64) -> Bool {
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return poll(&input, 1, Int32(clamping: nanoseconds / 1_000_000 + 1)) > 0
    }

    /// A child that has been started, and the end of the pipe that it rests on.
    struct Child {
        let pid: pid_t
        fileprivate var leash: Int32

        /// Lets it work without rest and, where the system lets a process be raised again, at this priority.
        mutating func hurry(nice: Int32) {
            guard leash >= 0 else { return }
            close()
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), nice)
        }

        /// When it has ended, at the latest.
        mutating func close() {
            if leash >= 0 { Glibc.close(leash) }
            leash = -1
        }
    }

    /// The parent's side. It is the calling *thread* that the child follows, and whose priority it has: stay on it
    /// until the child has ended.
    static func start(_ arguments: [String]) throws(EngineError) -> Child {
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw EngineError(.checkpoint, "no pipe for the audit's process: \(String(cString: strerror(errno)))")
        }
        let (input, leash) = (ends[0], ends[1])
        defer { close(input) }
        var isStarted = false
        defer { if !isStarted { close(leash) } }
        // Whatever else is started meanwhile: with a copy of our end the pipe would not end when we close it.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        guard
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) == 0,
            florin_spawn_closing_from(&actions, STDERR_FILENO + 1) == 0
        else {
            throw EngineError(.checkpoint, "the audit's process cannot be kept from the server's sockets")
        }

        // A server ignores or blocks the signals that it waits for; its child must end by them.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var pid = pid_t()
        let code = posix_spawn(&pid, arguments[0], &actions, &attributes, words, environ)
        guard code == 0 else {
            throw EngineError(.checkpoint, "\(arguments[0]) cannot be started: \(String(cString: strerror(code)))")
        }
        isStarted = true
        return Child(pid: pid, leash: leash)
    }

    /// Sleeps until the child has ended. It stays a zombie, so its number is nobody else's until ``reap(_:)``.
    static func wait(for pid: pid_t) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
    }

    /// Takes an ended child's status: whether it found a difference.
    static func reap(_ pid: pid_t) throws(EngineError) -> Bool {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status != 0 else { return false }
        guard status & 0x7F == 0 else {
            throw EngineError(.checkpoint, "the audit's process ended by signal \(status & 0x7F)")
        }
        let code = status >> 8 & 0xFF
        if code == differs { return true }
        throw EngineError(
            .checkpoint, "the audit's process ended with exit code \(code); what it wrote to the log says why")
    }
}
