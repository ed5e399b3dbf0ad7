import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Logging
import Testing

@testable import LedgerEngine

@Suite struct UpkeepTests {
    private func snapshot(_ engine: Engine) -> Result<LSN, EngineError> {
        let result = Box<Result<LSN, EngineError>?>(nil)
        let done = Latch()
        engine.snapshot {
            result.set($0)
            done.open()
        }
        done.wait()
        return result.get()!
    }

    private func info(_ t: TestEngine) throws -> EngineInfo {
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        return info
    }

    @Test func `no room for a snapshot makes it read-only, also when a child process finds that out`() throws {
        let t = try TestEngine { $0.checkpoints = .child(["/bin/sh", "-c", "exit \(CheckpointProcess.outOfRoom)"]) }
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        #expect(try info(t).lastSnapshotStatus == "ok")
        guard case .failure(let error) = snapshot(t.engine) else { throw Unexpected("a snapshot out of nothing") }
        #expect(error.fault?.isOutOfSpace == true)
        #expect(t.engine.readOnly?.contains("no room for a snapshot") == true)
        guard case .rejected(.readOnly) = t.run(t.purchase("ada", "25.00")) else { throw Unexpected("decided") }
        #expect(try info(t).lastSnapshotStatus.contains("No space left"))
    }

    @Test func `a snapshot that fails for another reason is said, and does not stop the ledger`() throws {
        let t = try TestEngine { $0.checkpoints = .child(["/bin/sh", "-c", "exit 1"]) }
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        guard case .failure(let error) = snapshot(t.engine) else { throw Unexpected("a snapshot out of nothing") }
        #expect(error.reason == .checkpoint)
        #expect(t.engine.readOnly == nil)
        #expect(try info(t).lastSnapshotStatus.contains("exit code 1"))
        try t.accept(t.purchase("ada", "25.00"))
    }

    @Test func `the child that makes a snapshot gets none of the server's sockets`() throws {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        let path = "/tmp/florin-descriptors-\(getpid())"
        defer { unlink(path) }
        let script = "for f in /proc/$$/fd/*; do echo \"$f $(readlink $f)\"; done > \(path); exit 1"
        let t = try TestEngine { $0.checkpoints = .child(["/bin/sh", "-c", script]) }
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        _ = snapshot(t.engine)
        let listing = String(decoding: try #require(try PosixDisk().contents(of: path)), as: UTF8.self)
        #expect(listing.contains("/fd/1 "))
        #expect(!listing.contains("socket:") && !listing.contains("/fd/\(socket) "), "\(listing)")
    }

    @Test func `closing the ledger ends a snapshot at once, and says one thing about it`() throws {
        let log = LogRecorder()
        var configuration = EngineConfiguration(.memory)
        configuration.checkpoints = .child(["/bin/sh", "-c", "exec sleep 60"])
        let engine = try Engine.open(configuration, logger: log.logger).engine
        let told = Box<EngineError?>(nil)
        engine.snapshot { if case .failure(let error) = $0 { told.set(error) } }
        let began = MonotonicTime.now
        engine.stop()
        #expect(MonotonicTime.now - began < 10_000_000_000)
        #expect(told.get()?.reason == .stopped)
        #expect(log.lines.filter { $0.contains("snapshot") } == ["info snapshot given up, the ledger is being closed"])
    }

    @Test func `becoming read-only and writable again is logged, once for each reason`() {
        let log = LogRecorder()
        let gate = Gate(logger: log.logger)
        #expect(!gate.setClock(nil))
        #expect(gate.setClock("the clock says 1"))
        #expect(gate.setClock("the clock says 2"))  // every second another text
        #expect(!gate.setRoom("no room"))
        #expect(gate.setClock(nil))
        #expect(gate.setRoom(nil))
        #expect(!gate.setSnapshot(nil))
        #expect(
            log.lines == [
                "warning read-only: the clock says 1", "warning read-only: no room", "notice writable again",
            ])
    }
}

/// Log lines as `level message`.
final class LogRecorder: Sendable {
    private let recorded = Box<[String]>([])
    var lines: [String] { recorded.get() }
    var logger: Logger { Logger(label: "test") { _ in Handler(recorded: self.recorded) } }

    private struct Handler: LogHandler {
        let recorded: Box<[String]>
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { recorded.update { $0.append("\(event.level) \(event.message)") } }
    }
}
