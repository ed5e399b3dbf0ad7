import Glibc
import LedgerClient
import RESP
import Testing

/// `florin serve` on a port of its own.
final class ServerProcess: Sendable {
    let child: Child
    let port: Int
    let passport: String

    struct NotServing: Error {
        let end: Child.End
        let errors: String
    }

    /// Starts a server and waits until clients can connect. Small segments: a start writes few zeros then, and sealing
    /// happens within a test.
    static func start(_ workspace: Workspace, _ options: String..., environment: [String: String] = [:]) async throws
        -> ServerProcess
    {
        let portFile = "\(workspace.path)/port"
        unlink(portFile)
        let child = try workspace.start(
            Workspace.binary,
            ["serve", "--data", workspace.data, "--port", "0", "--port-file", portFile, "--segment-size", "4MiB"]
                + options,
            environment: environment)
        for _ in 0..<6000 {
            if let end = child.poll() { throw NotServing(end: end, errors: child.errors) }
            if let text = readFile(portFile), text.hasSuffix("\n"), let port = Int(text.dropLast()) {
                let passport =
                    environment["FLORIN_ADMIN_PASSPORT"] ?? readFile("\(workspace.data)/admin-passport") ?? ""
                return ServerProcess(child, port, passport.filter { !$0.isNewline })
            }
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        child.signal(SIGKILL)
        throw NotServing(end: await child.end(), errors: child.errors + "\n(did not start)")
    }

    private init(_ child: Child, _ port: Int, _ passport: String) {
        self.child = child
        self.port = port
        self.passport = passport
    }

    func connect(_ passport: String? = nil) async throws -> RemoteLedger {
        try await RemoteLedger.connect(host: "127.0.0.1", port: port, passport: passport ?? self.passport)
    }

    /// Ends it like a power cut, as far as a process can.
    func crash() async {
        child.signal(SIGKILL)
        _ = await child.end()
    }

    /// Stops it as an operator does.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) async {
        child.signal(SIGTERM)
        let end = await child.end()
        #expect(end == .exit(0), "\(child.errors)", sourceLocation: sourceLocation)
    }
}

extension CommandPort {
    /// A command as one types it.
    func ask(_ line: String) async throws -> RESPValue {
        guard let words = InlineWords.split(line) else { preconditionFailure("unbalanced quotes: \(line)") }
        return try await call(words)
    }

    /// A command that must succeed.
    @discardableResult
    func must(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> RESPValue {
        let value = try await ask(line)
        if let error = value.error { Issue.record("\(line): \(error.text)", sourceLocation: sourceLocation) }
        return value
    }

    /// The code of the error that a command must get.
    func refusal(of line: String) async throws -> String? { try await ask(line).error?.code }
}

extension RESPValue {
    /// A field of a map as text.
    func text(_ field: String) -> String? { self[field]?.string }
}
