import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Logging
import Testing

@testable import LedgerEngine

@Suite struct UpkeepTests {
    /// A ledger with one snapshot, whose audit `script` plays.
    private func audited(_ script: String, on disk: any Disk = MemoryDisk()) throws -> TestEngine {
        let t = try TestEngine(disk: disk) { $0.checkpoints = .child(["/bin/sh", "-c", script]) }
        try t.accept(t.createUser("ada"))
        guard case .success = t.snapshot() else { throw Unexpected("no snapshot") }
        t.engine.lookAfter()
        return t
    }

    @Test func `a snapshot is audited, and INFO says which and when`() throws {
        let disk = MemoryDisk()
        func open() throws -> TestEngine { try TestEngine(disk: disk) { $0.checkpoints = .inProcess } }
        let t = try open()
        try t.accept(t.createUser("ada"))
        #expect(try t.info().auditVerdict == "none")
        guard case .success(let lsn) = t.snapshot() else { throw Unexpected("no snapshot") }
        t.engine.lookAfter()
        #expect(holdsInTime { (try? t.info().auditVerdict) == "ok" })
        let found = try t.info()
        #expect(found.auditedLSN == lsn && found.auditedTime == t.clock.now())
        t.stop()
        // The next start knows.
        let again = try open()
        defer { again.stop() }
        #expect(try again.info().auditedLSN == lsn)
        #expect(try again.info().auditVerdict == "ok")
    }

    @Test func `a snapshot that differs makes the ledger read-only and is dropped, for the next start`() throws {
        let disk = MemoryDisk()
        let t = try audited("exit \(CheckpointProcess.differs)", on: disk)
        #expect(holdsInTime { t.engine.readOnly != nil })
        guard case .rejected(.readOnly(let text)) = t.run(t.purchase("ada", "25.00")) else {
            throw Unexpected("decided")
        }
        #expect(text.contains("not what the journal leads to"))
        // Nothing more is decided first; then the verdict is written down.
        #expect(holdsInTime { (try? t.info().auditVerdict.contains("differs")) == true })
        #expect(holdsInTime { (try? t.info().snapshots) == 0 })
        guard case .failure = t.snapshot() else { throw Unexpected("a snapshot of what was not recorded") }
        let account = try t.user("ada").account
        t.stop()
        let again = try TestEngine(disk: disk)
        defer { again.stop() }
        #expect(again.engine.readOnly == nil)
        #expect(try again.user("ada").account == account)
        #expect(try again.info().snapshots == 0)
        try again.accept(again.purchase("ada", "25.00"))
    }

    @Test func `an audit that fails is said, and does not stop the ledger`() throws {
        let t = try audited("exit 1")
        defer { t.stop() }
        #expect(holdsInTime { (try? t.info().auditVerdict.contains("exit code 1")) == true })
        #expect(t.engine.readOnly == nil)
        try t.accept(t.purchase("ada", "25.00"))
    }

    @Test func `the child that audits a snapshot gets none of the server's sockets`() throws {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        let path = "/tmp/florin-descriptors-\(getpid())"
        defer { unlink(path) }
        let t = try audited(
            "for f in /proc/$$/fd/*; do echo \"$f $(readlink $f)\"; done > \(path).new; mv \(path).new \(path); exit 1")
        defer { t.stop() }
        #expect(holdsInTime { access(path, R_OK) == 0 })
        let listing = String(decoding: try #require(try PosixDisk().contents(of: path)), as: UTF8.self)
        #expect(listing.contains("/fd/1 "))
        // Not by its number: the shell has files of its own, under whichever numbers are free.
        var name = [UInt8](repeating: 0, count: 100)
        let length = readlink("/proc/self/fd/\(socket)", &name, name.count)
        let link = String(decoding: name.prefix(max(0, length)), as: UTF8.self)
        #expect(link.hasPrefix("socket:") && !listing.contains(link), "\(listing)")
    }

    @Test func `closing the ledger ends an audit at once`() throws {
        let t = try audited("exec sleep 60")
        #expect(holdsInTime { (try? t.info().auditVerdict) == "running" })
        let began = MonotonicTime.now
        t.stop()
        #expect(MonotonicTime.now - began < 10_000_000_000)
    }

    @Test func `a snapshot that is cancelled ends on both sides, begun or not`() throws {
        let pokes = Box(0)
        let desk = CaptureDesk { pokes.update { $0 += 1 } }
        guard case .nothing = desk.wish else { throw Unexpected("something is wanted") }
        for isBegun in [false, true] {
            let ended = Latch()
            NamedThread.start("snapshot") {
                if desk.begin() != nil { #expect(isBegun && desk.next() == nil) }
                #expect(desk.isCancelled)
                desk.clear()
                ended.open()
            }.detach()
            #expect(holdsInTime { if case .begin = desk.wish { true } else { false } })
            if isBegun { desk.begun(at: .genesis, booksSum: 0) }
            desk.cancel()
            guard case .end = desk.wish else { throw Unexpected("the writer is not told") }
            desk.ended(nil)
            ended.wait()
            guard case .nothing = desk.wish else { throw Unexpected("something is left") }
        }
        #expect(pokes.get() == 4)
    }

    @Test func `snapshots made while the ledger is at work are what the journal leads to`() throws {
        let disk = MemoryDisk()
        let t = try TestEngine(disk: disk) { $0.checkpoints = .inProcess }
        for number in 0..<300 {
            try t.accept(t.createUser("u\(number)"))
            try t.accept(t.purchase("u\(number)", "10.00"))
        }
        for round in 0..<8 {
            let made = Box<Result<LSN, EngineError>?>(nil)
            t.engine.snapshot { made.set($0) }
            var number = 0
            while made.get() == nil {
                number += 7
                try t.accept(t.charge("u\(number % 300)", "0.01"))
            }
            guard case .success = made.get() else { throw Unexpected("no snapshot in round \(round)") }
        }
        t.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: disk)
        #expect(report.isSound, "\(report.findings)")
        #expect(report.snapshots > 1)
    }

    @Test func `a snapshot takes what nobody touched from the last one, and a damaged one harms none`() throws {
        let disk = MemoryDisk()
        func open() throws -> TestEngine { try TestEngine(disk: disk) { $0.checkpoints = .inProcess } }
        let t = try open()
        for number in 0..<300 { try t.accept(t.createUser("u\(number)")) }
        let first = try t.snapshot().get()
        t.engine.lookAfter()
        #expect(holdsInTime { (try? t.info().auditedLSN) == first })
        #expect(try t.info().lastSnapshotFrames > 8 && t.info().lastSnapshotFramesReused == 0)
        try t.accept(t.purchase("u7", "25.00"))
        let second = try t.snapshot().get()
        let info = try t.info()
        // The ledger's own row, books, users and lots are others. Limits, rules, which of them are active, passports
        // and names are not.
        let (all, reused) = (info.lastSnapshotFrames, info.lastSnapshotFramesReused)
        #expect(reused >= 5 && reused <= all - 4, "\(reused) of \(all)")

        let directory = t.engine.journal.directory
        let file = try disk.open(directory.snapshot(second), .readWrite)
        // In its last frame, just before the footer.
        let place = try file.size() - 140
        let byte = try #require(try file.readBytes(at: place, count: 1))
        try file.write([byte[0] ^ 4], at: place)
        try t.accept(t.purchase("u7", "25.00"))
        let third = try t.snapshot().get()
        #expect(try t.info().lastSnapshotFramesReused == reused - 1)
        t.clock.advance(by: .hours(12))
        t.engine.lookAfter()
        #expect(holdsInTime { (try? t.info().auditedLSN) == third })
        #expect(try t.info().auditVerdict == "ok")
        let account = try t.user("u7").account
        t.stop()
        try SnapshotReader.verify(directory.snapshot(third), directory)
        let again = try open()
        defer { again.stop() }
        #expect(try again.user("u7").account == account)
        #expect(try again.info().lastSnapshotLSN == third && again.info().lastSnapshotFrames == 0)
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
