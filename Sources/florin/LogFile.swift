internal import Glibc
internal import Logging
internal import UnixSignals

/// The file of `serve --log`. It takes the place of standard error, so that everything that would go there does go to
/// the log: lines, the last words of a process that crashes, what the children say that make snapshots.
final class LogFile: Sendable {
    private let path: String
    /// Standard error as it was.
    private let original: Int32

    /// Throws where the file cannot be opened or made.
    init(_ path: String) throws(Failure) {
        self.path = path
        original = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
        try reopen()
    }

    /// Goes on in the file that has the name now, made if there is none. Where that fails, it goes on in the old one.
    func reopen() throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        // One step: no line falls between two files.
        guard dup2(descriptor, STDERR_FILENO) >= 0 else {
            throw Failure("\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Standard error is what it was.
    func giveBack() { if original >= 0 { dup2(original, STDERR_FILENO) } }

    /// Takes SIGHUP until the process ends: a hung-up terminal ends no server, and a log that was moved away is begun
    /// anew.
    static func takeHangUps(_ log: LogFile?, _ logger: Logger) async {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        Task {
            for await _ in signals {
                guard let log else { continue }
                do throws(Failure) {
                    try log.reopen()
                    logger.notice("the log file was opened again")
                } catch {
                    logger.error("the log file could not be opened again", metadata: ["fault": "\(error)"])
                }
            }
        }
    }
}
