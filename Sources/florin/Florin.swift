internal import ArgumentParser
internal import Glibc
internal import LedgerEngine
internal import Synchronization

/// One binary: the server, and everything that goes with it.
@main
struct Florin: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "florin",
        abstract: "A ledger for prepaid usage: who is this, may they, can they pay, what does it cost.",
        discussion: """
            Florin keeps accounts in memory and every event in a journal on disk. Any Redis client talks to it.

            Exit codes: 0 success, 1 the command failed (one line on standard error says why), 2 `verify` found damage, \
            4 (`load`) a threshold or an objective was missed, 4 (`checkpoint --audit`) the snapshot is not what the journal \
            leads to, 5 (`load --replay`) the replayed ledger is not the recorded one, 64 a mistake in the command line.
            """,
        version: "florin \(version)",
        subcommands: [
            Serve.self, Prompt.self, Load.self, Import.self, Verify.self, Checkpoint.self, JournalCommand.self,
            Admin.self,
            Erase.self,
        ])

    static func main() async {
        // Nobody but the owner reads a ledger's files, whatever creates them.
        umask(0o077)
        returnLargeMemory()
        // A client that hangs up is an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            try checkSubcommand(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot(nil)
            // One that only looks and prints ends as any filter does when nobody reads on (`florin journal DIR |
            // head`).
            if command is JournalCommand || command is Verify { signal(SIGPIPE, SIG_DFL) }
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            end(with: EXIT_SUCCESS)
        } catch let failure as Failure {
            writeLine("florin: \(failure.description)", to: STDERR_FILENO)
            Glibc.exit(failure.code)
        } catch {
            // Help that was asked for, a mistake in the command line, or an exit code alone.
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if !text.isEmpty { writeLine(text, to: code.isSuccess ? STDOUT_FILENO : STDERR_FILENO) }
            end(with: code.rawValue)
        }
    }

    /// Success means that the reader of the output has it.
    private static func end(with code: Int32) -> Never {
        guard let reason = Output.fault else { Glibc.exit(code) }
        writeLine("florin: standard output is incomplete: \(reason)", to: STDERR_FILENO)
        Glibc.exit(code == EXIT_SUCCESS ? EXIT_FAILURE : code)
    }
}

extension Florin {
    /// A word where a subcommand should be is a mistake, also where `--help` follows: the help of everything else
    /// answers nothing that was asked.
    private static func checkSubcommand(_ arguments: [String]) throws {
        var command: any ParsableCommand.Type = Florin.self
        var path = "florin"
        for word in arguments {
            let known = command.configuration.subcommands
            guard !known.isEmpty, !word.hasPrefix("-") else { return }
            if word == "help" { continue }
            guard let next = known.first(where: { $0._commandName == word }) else {
                throw Failure("there is no subcommand '\(word)'; \(path) --help lists them", code: 64)
            }
            command = next
            path += " " + word
        }
    }
}

/// Why a subcommand did not succeed: one line for people, and the exit code.
struct Failure: Error, CustomStringConvertible {
    let description: String
    var code: Int32 = 1

    init(_ description: String, code: Int32 = 1) {
        self.description = Secrets.masked(description.split(whereSeparator: \.isNewline).joined(separator: " "))
        self.code = code
    }

    init(_ error: any Error) {
        self.init(error as? Failure == nil ? "\(error)" : "\((error as! Failure).description)")
    }
}

/// Whether all that was written to standard output arrived there.
enum Output {
    private static let code = Atomic<Int32>(0)

    static var isLost: Bool { code.load(ordering: .relaxed) != 0 }
    /// Why not.
    static var fault: String? { isLost ? reason(code.load(ordering: .relaxed)) : nil }

    fileprivate static func lose(_ error: Int32) {
        _ = code.compareExchange(expected: 0, desired: error, ordering: .relaxed)
    }

    fileprivate static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// Writes a line to a descriptor, whole.
func writeLine(_ text: String, to descriptor: Int32 = STDOUT_FILENO) { writeText(text + "\n", to: descriptor) }

/// Writes to a descriptor, whole. Standard output remembers its first error (``Output``) and takes nothing more after
/// it; elsewhere what cannot be written is dropped: there is nobody left to tell.
func writeText(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    let isOutput = descriptor == STDOUT_FILENO
    if isOutput, Output.isLost { return }
    let code = writeAll(text, to: descriptor)
    if isOutput, code != 0 { Output.lose(code) }
}

/// 0, or the errno that kept it from being written whole.
private func writeAll(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let count = write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                return errno
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return 0
    }
}

/// Writes a file that only its owner can read, and syncs it.
func writeFile(_ path: String, _ text: String) throws(Failure) {
    func failure(_ code: Int32) -> Failure { Failure("\(path): \(Output.reason(code))") }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure(errno) }
    defer { close(descriptor) }
    let code = writeAll(text, to: descriptor)
    guard code == 0 else { throw failure(code) }
    // A pipe or a terminal has nothing to sync.
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else { throw failure(errno) }
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
