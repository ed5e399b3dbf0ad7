internal import ArgumentParser
internal import Glibc

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
            64 a mistake in the command line.
            """,
        version: "florin \(version)",
        subcommands: [
            Serve.self, Prompt.self, Import.self, Verify.self, Checkpoint.self, JournalCommand.self, Admin.self,
        ])

    static func main() async {
        // Nobody but the owner reads a ledger's files, whatever creates them.
        umask(0o077)
        // A client that hangs up is an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            try checkSubcommand(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot(nil)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            writeLine("florin: \(failure.description)", to: STDERR_FILENO)
            Glibc.exit(failure.code)
        } catch {
            exit(withError: error)
        }
    }
}

extension Florin {
    /// A word where a subcommand should be is a mistake, also where `--help` follows: the help of everything else answers
    /// nothing that was asked.
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

/// Writes a line to a descriptor, whole; what cannot be written is dropped.
func writeLine(_ text: String, to descriptor: Int32 = STDOUT_FILENO) { writeText(text + "\n", to: descriptor) }

func writeText(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    var text = text
    text.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let count = write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}

/// Writes a file that only its owner can read, and syncs it.
func writeFile(_ path: String, _ text: String) throws(Failure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
    writeText(text, to: descriptor)
    fsync(descriptor)
    close(descriptor)
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
