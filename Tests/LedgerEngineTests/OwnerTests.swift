import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Logging
import Testing

@testable import LedgerEngine

/// The owner of a ledger gets in, whatever happened to it.
@Suite struct OwnerTests {
    @Test func `a first start that cannot keep the admin's passport begins nothing`() throws {
        let disk = MemoryDisk()
        #expect(throws: EngineError.self) {
            _ = try TestEngine(disk: disk) {
                $0.keepAdminSecret = { _ throws(EngineError) in throw EngineError(.adminPassport, "no room") }
            }
        }
        let kept = Box<String?>(nil)
        let t = try TestEngine(disk: disk) { $0.keepAdminSecret = { kept.set($0.text) } }
        #expect(try #require(t.admin).text == kept.get())
        t.stop()
        let later = try TestEngine(disk: disk) {
            $0.keepAdminSecret = { _ throws(EngineError) in throw EngineError(.adminPassport, "not asked for") }
        }
        later.stop()
    }

    @Test func `wherever a first start is cut short, the passport that was kept last is the ledger's`() throws {
        let whole = SimulatedDisk()
        try TestEngine(disk: whole).stop()
        for cut in stride(from: 1, through: whole.operations, by: 3) {
            let disk = SimulatedDisk()
            disk.cutPower(atOperation: cut)
            let kept = Box<String?>(nil)
            if let started = try? TestEngine(disk: disk, { $0.keepAdminSecret = { kept.set($0.text) } }) {
                started.stop()
            }
            let t = try TestEngine(disk: disk.afterPowerCut(seed: UInt64(cut)), at: TestEngine.noon + .seconds(1)) {
                $0.keepAdminSecret = { kept.set($0.text) }
            }
            defer { t.stop() }
            let secret = try #require(kept.get().flatMap { PassportSecret($0) })
            guard case .valid = t.engine.reads.verify(t.engine.reads.proof(of: secret), at: t.clock.now()) else {
                throw Unexpected("cut at operation \(cut): nobody has this ledger's passport")
            }
        }
    }

    @Test func `a mistyped wish for a passport says whether the ledger needs it at all`() throws {
        let disk = MemoryDisk()
        func refusal() -> String {
            do {
                try TestEngine(disk: disk) { $0.adminSecret = "fl_short" }.stop()
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal().hasSuffix("with a checksum"))
        try TestEngine(disk: disk).stop()
        #expect(refusal().contains("/ledger holds a ledger already, which does not need it: unset it"))
    }

    @Test(arguments: [UserState.suspended, .banned, .closed])
    func `the first admin can not be locked out`(state: UserState) throws {
        let t = try TestEngine()
        defer { t.stop() }
        func set(_ user: String, _ state: UserState) -> Decided {
            t.run(.userSet(UserSet(user: t.hash(user), change: .state(state))))
        }
        guard case .rejected(.invalid(let text)) = set("admin", state) else { throw Unexpected("locked out") }
        #expect(text.contains("first admin"))
        guard case .accepted = set("admin", .active) else { throw Unexpected("active is what it is") }
        try t.accept(t.createUser("eve", .admin))
        guard case .accepted = set("eve", state) else { throw Unexpected("another admin can be \(state)") }
    }

    @Test func `an admin passport is issued although the clock is behind, and vouches for nothing`() throws {
        let disk = MemoryDisk()
        let wall = Box(TestEngine.noon.nanoseconds)
        func open(refuses: Bool) throws -> Engine {
            var configuration = EngineConfiguration(.directory("/ledger"))
            configuration.disk = disk
            configuration.segmentBytes = 4 << 20
            configuration.checkpoints = .never
            configuration.clock = SystemClock(
                boot: { SystemClock.read(7) }, wall: { wall.get() }, refuses: refuses)
            return try Engine.open(configuration, logger: .init(label: "test") { _ in TestEngine.silence }).engine
        }
        try open(refuses: true).stop()
        wall.update { $0 -= 3_600_000_000_000 }
        let issuing = try open(refuses: false)
        let secret = try issuing.issueAdminPassport()
        #expect(issuing.now() > TestEngine.noon && issuing.now() < TestEngine.noon + .minutes(1))
        issuing.stop()

        let serving = try open(refuses: true)
        #expect(serving.readOnly != nil)
        guard case .valid = serving.reads.verify(serving.reads.proof(of: secret), at: serving.now()) else {
            throw Unexpected("the new passport does not verify")
        }
        serving.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: disk)
        #expect(report.isSound, "\(report.findings)")
    }

    @Test func `a clock that refuses nothing does not follow a wall that is not believed`() {
        let last = Timestamp("2026-05-05T05:05:05Z")!
        let boot = Box<Int64>(1_000_000_000)
        for wall in [last - .days(1), last + .days(400)] {
            let clock = SystemClock(boot: { boot.get() }, wall: { wall.nanoseconds }, refuses: false)
            clock.start(after: last)
            #expect(clock.discipline().refusal == nil)
            #expect(clock.discipline().warning?.contains("CLOCK ACCEPT") == true)
            boot.update { $0 += 1000 }
            #expect(clock.now() == last + TimeSpan(nanoseconds: 1001))
        }
    }

    @Test func `files with secrets are taken back from everybody else`() throws {
        let path = "/tmp/florin-mode-\(getpid())"
        close(open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600))
        defer { unlink(path) }
        #expect(OwnerOnly.tighten(path) == nil)
        chmod(path, 0o644)
        #expect(OwnerOnly.tighten(path)?.contains("mode 644") == true)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(OwnerOnly.tighten("/nonexistent") == nil)
    }
}
