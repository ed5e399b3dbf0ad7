import LedgerCore
import LedgerEngine
import LedgerReplay
import LedgerServer
import LedgerStorage
import Logging
import RESP

/// A ledger in memory that tests speak to as clients do.
final class Ledger: Sendable {
    static let begins = Timestamp("2026-03-01T12:00:00Z")!
    static let path = "/ledger"

    let disk: MemoryDisk
    let engine: Engine
    let port: EmbeddedPort
    /// Of the admin.
    let secret: String
    /// What a ledger goes by whose time is not driven.
    let clock: ManualClock

    /// `secret`: of the admin of a ledger that is there.
    init(
        disk: MemoryDisk = MemoryDisk(), at time: Timestamp = begins, isDriven: Bool = true, secret: String = "",
        _ change: (inout EngineConfiguration) -> Void = { _ in }
    ) async throws {
        self.disk = disk
        clock = ManualClock(time)
        var configuration = EngineConfiguration(.directory(Self.path))
        configuration.disk = disk
        configuration.segmentBytes = 4 << 20
        configuration.checkpoints = .never
        if isDriven { configuration.driven = clock } else { configuration.clock = clock }
        change(&configuration)
        let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        let opened = try Engine.open(configuration, logger: logger)
        engine = opened.engine
        self.secret = opened.adminSecret?.text ?? secret
        port = try await EmbeddedPort(engine: engine, version: "test", logger: logger)
    }

    /// The same ledger, by another client.
    private init(_ other: Ledger, _ port: EmbeddedPort) {
        (disk, engine, secret, clock) = (other.disk, other.engine, other.secret, other.clock)
        self.port = port
    }

    func another() async throws -> Ledger {
        let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        return Ledger(self, try await EmbeddedPort(engine: engine, version: "test", logger: logger))
    }

    /// A new one to replay into, as `serve --clock driven` begins it.
    static func new(_ change: (inout EngineConfiguration) -> Void = { _ in }) async throws -> Ledger {
        try await Ledger(at: Timestamp("1980-01-01")!, change)
    }

    func stop() async {
        engine.stop()
        await port.close()
    }

    /// A command as one types it.
    @discardableResult
    func ask(_ line: String) async throws -> RESPValue { try await port.call(InlineWords.split(line)!) }

    /// Commands that must succeed.
    func must(_ lines: String...) async throws {
        for line in lines {
            if let error = try await ask(line).error { throw Unexpected("\(line): \(error.text)") }
        }
    }

    /// Replays what is on `disk` into this ledger.
    func replay(_ disk: MemoryDisk, _ change: (inout ReplaySession.Options) -> Void = { _ in }) async throws
        -> ReplayReport
    {
        var options = ReplaySession.Options(passport: secret)
        change(&options)
        return try await ReplaySession(Self.path, on: disk, to: port, options).run()
    }

    /// The kinds of events that are in a journal.
    static func kinds(on disk: MemoryDisk) throws -> Set<EventCode> {
        var kinds: Set<EventCode> = []
        try JournalListing.forEach(path, on: disk) { journaled in
            if let event = try? Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time) {
                kinds.insert(event.body.code)
            }
            return true
        }
        return kinds
    }
}
