internal import CIntrinsics
package import Glibc
internal import LedgerStorage

/// The process that audits a snapshot beside a server, as both sides see it.
///
/// It gets standard input, output and error and nothing else that the server has open: with a copy of the listening
/// socket it would hold the port of a server that was killed. And it does not outlive its parent, who is the only one
/// to know what to do with what it finds.
package enum CheckpointProcess {
    /// The child's exit code when the snapshot differs; 0 when it does not, 1 when that could not be found out.
    package static let differs: Int32 = 4

    /// The child's first step. False: the parent has gone already.
    package static func follow(_ parent: pid_t) -> Bool { florin_die_with_parent() == 0 && getppid() == parent }

    /// The parent's side. It is the calling *thread* that the child follows: stay on it until the child has ended.
    static func start(_ arguments: [String]) throws(EngineError) -> pid_t {
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        guard florin_spawn_closing_from(&actions, STDERR_FILENO + 1) == 0 else {
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
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), 19)
        return pid
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
