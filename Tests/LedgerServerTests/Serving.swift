import LedgerClient
import LedgerEngine
import LedgerServer
import Logging
import RESP
import ServiceLifecycle
import Testing

/// A server in this process, on a ledger in memory.
struct Serving {
    let engine: Engine
    let server: Server
    let passport: String

    /// Runs `body` against a server that is stopped afterwards.
    static func with(
        logger: Logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() },
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        engine changeEngine: (inout EngineConfiguration) -> Void = { _ in },
        _ body: (Serving) async throws -> Void
    ) async throws {
        var engineConfiguration = EngineConfiguration(.memory)
        changeEngine(&engineConfiguration)
        let opened = try Engine.open(engineConfiguration, logger: logger)
        var configuration = ServerConfiguration()
        configuration.port = 0
        configuration.eventLoops = 2
        configuration.authSeconds = 600  // beside many others, a test waits long for its turn
        change(&configuration)
        let bound = try await BoundPort(configuration, logger: logger)
        let server = try await Server(bound, engine: opened.engine, version: "test", logger: logger)
        let group = ServiceGroup(services: [server], logger: logger)
        let running = Task { try await group.run() }
        let serving = Serving(engine: opened.engine, server: server, passport: opened.adminSecret!.text)
        do {
            try await body(serving)
        } catch {
            await group.triggerGracefulShutdown()
            try? await running.value
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    func connect(_ passport: String? = nil) async throws -> RemoteLedger {
        try await RemoteLedger.connect(
            host: "127.0.0.1", port: server.port, passport: passport ?? self.passport, timeoutSeconds: 600)
    }
}

extension Serving {
    /// Runs with a client, and a user `u_a` who has bought ten dollars.
    func withTen(_ body: (Serving, any CommandPort) async throws -> Void) async throws {
        let client = try await connect()
        _ = try await client.send([
            words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 10 stripe"),
        ])
        try await body(self, client)
        await client.close()
    }
}

/// What that user can spend.
func available(_ client: any CommandPort) async throws -> String? {
    try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string
}

func words(_ line: String) -> [[UInt8]] { InlineWords.split(line)! }

extension RESPValue {
    func mustBeAnswer(_ place: SourceLocation = #_sourceLocation) {
        #expect(error == nil, "\(error?.text ?? "")", sourceLocation: place)
    }
}
