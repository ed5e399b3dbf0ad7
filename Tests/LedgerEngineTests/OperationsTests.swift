import LedgerCore
import LedgerRules
import LedgerStorage
import LedgerTestKit
import Logging
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct OperationsTests {
    private func quote(_ t: TestEngine) -> Money? {
        guard case .quote(let quote, _) = t.work([.quote(user: t.hash("ada"), tier: .small, duration: .hours(2))])[0]
        else { return nil }
        return quote.amount
    }

    private static let flat = """
        return function(user_type, tier, seconds) return usd"1.00", usd"1.00" end
        """

    @Test func `a price changes while it runs, rolls back, and is there after a restart`() throws {
        let disk = MemoryDisk()
        do {
            let t = try TestEngine(disk: disk)
            try t.accept(t.createUser("ada"))
            #expect(quote(t) == Money("0.05"))
            guard case .accepted = t.load(.sessionRuntime, Self.flat) else { throw Unexpected("not loaded") }
            #expect(quote(t) == Money("0.05"))
            guard case .accepted = t.activate(.sessionRuntime, 2) else { throw Unexpected("not activated") }
            #expect(quote(t) == Money("2.00"))
            try t.accept(.ruleRollback(RuleRollback(name: .sessionRuntime)))
            #expect(quote(t) == Money("0.05"))
            guard case .accepted = t.activate(.sessionRuntime, 2, at: t.clock.now() + .hours(1)) else {
                throw Unexpected("not scheduled")
            }
            #expect(quote(t) == Money("0.05"))
            let last = t.engine.durableLSN
            t.clock.advance(by: .hours(1))
            let done = Latch()
            t.engine.wait(for: last.next) { _ in done.open() }
            done.wait()
            #expect(quote(t) == Money("2.00"))
            t.stop()
        }
        let t = try TestEngine(disk: disk, at: TestEngine.noon + .hours(2))
        defer { t.stop() }
        #expect(quote(t) == Money("2.00"))
    }

    @Test func `bad rules are refused and nothing changes`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        let before = t.engine.durableLSN
        guard case .rejected(.rule) = t.load(.sessionRuntime, "return function( end") else {
            throw Unexpected("syntax")
        }
        guard case .rejected(.rule) = t.load(.sessionRuntime, "while true do end") else {
            throw Unexpected("endless")
        }
        #expect(t.engine.durableLSN == before)
        guard case .accepted = t.load(.sessionRuntime, "return function() return 0.5 end") else {
            throw Unexpected("load")
        }
        guard case .rejected(.rule) = t.activate(.sessionRuntime, 2) else { throw Unexpected("a float was activated") }
        guard case .rejected(.notFound(.rule)) = t.activate(.sessionRuntime, 9) else { throw Unexpected("version 9") }
        guard case .checked(let check) = t.examine(.version(.sessionRuntime, 2)) else { throw Unexpected("no check") }
        #expect(!check.passes)
        #expect(quote(t) == Money("0.05"))
        guard case .rejected(.ruleExists) = t.load(.sessionRuntime, "return function() return 0.5 end") else {
            throw Unexpected("loaded twice")
        }
    }

    @Test func `a snapshot is made beside the work, and a start from it is the same`() throws {
        let disk = MemoryDisk()
        var account = AccountImage()
        do {
            let t = try TestEngine(disk: disk) { $0.checkpoints = .inProcess }
            try t.accept(t.createUser("ada"))
            for _ in 0..<20 { try t.accept(t.purchase("ada", "10.00")) }
            let through = Box<LSN?>(nil)
            let done = Latch()
            t.engine.snapshot { result in
                if case .success(let lsn) = result { through.set(lsn) }
                done.open()
            }
            done.wait()
            let lsn = try #require(through.get())
            #expect(lsn >= LSN(20))
            for _ in 0..<5 { try t.accept(t.charge("ada", "3.00")) }
            account = try t.user("ada").account
            guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
            #expect(info.lastSnapshotLSN == lsn)
            #expect(info.booksSum == 0)
            t.stop()
        }
        let t = try TestEngine(disk: disk, at: TestEngine.noon + .seconds(5))
        #expect(try t.user("ada").account == account)
        t.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: disk)
        #expect(report.isSound, "\(report.findings)")
        #expect(report.snapshots == 1)
    }

    @Test func `a suspicious clock makes it read-only until CLOCK ACCEPT`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        var status = ClockStatus()
        status.refusal = "the wall clock was set"
        t.clock.set(status)
        t.engine.lookAfter()
        while t.engine.readOnly == nil {}
        guard case .rejected(.readOnly(let text)) = t.run(t.purchase("ada", "10.00")) else {
            throw Unexpected("decided")
        }
        #expect(text == "the wall clock was set")
        #expect(try t.user("ada").account.paid == Money.zero)
        try t.accept(.clockAccept(ClockAccept()))
        try t.accept(t.purchase("ada", "10.00"))
        #expect(t.engine.readOnly == nil)
    }

    @Test func `a start behind the journal's time waits for CLOCK ACCEPT`() throws {
        let disk = MemoryDisk()
        let wall = Box(TestEngine.noon.nanoseconds)
        func open() throws -> (Engine.Opened) {
            var configuration = EngineConfiguration(.directory("/ledger"))
            configuration.disk = disk
            configuration.segmentBytes = 4 << 20
            configuration.checkpoints = .never
            configuration.clock = SystemClock(boot: { SystemClock.read(7) }, wall: { wall.get() })
            return try Engine.open(configuration, logger: .init(label: "test") { _ in TestEngine.silence })
        }
        let first = try open()
        first.engine.stop()
        wall.update { $0 -= 3_600_000_000_000 }
        let second = try open()
        #expect(second.engine.readOnly != nil)
        let issue = { try second.engine.issueAdminPassport() }
        #expect(throws: EngineError.self) { _ = try issue() }
        let done = Latch()
        let batch = WorkBatch { _ in done.open() }
        batch.append(Command.clockAccept(ClockAccept()).item(PassportOrdinal(0)))
        #expect(second.engine.submit(batch))
        done.wait()
        guard case .outcome(.accepted) = batch.results[0] else { throw Unexpected("\(batch.results[0])") }
        _ = try issue()
        second.engine.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: disk)
        #expect(report.isSound, "\(report.findings)")
    }

    @Test func `slow commands are remembered without their texts`() throws {
        let t = try TestEngine { $0.slowLogThreshold = 0 }
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(
            .creditAdjust(
                CreditAdjust(user: t.hash("ada"), amount: Money("5.00")!, reason: .clear(Array("private".utf8)))))
        let entries = t.engine.slowLog.entries(10)
        #expect(entries.first?.command == "CREDIT ADJUST ada")
        #expect(entries.allSatisfy { !$0.command.contains("private") && !$0.command.contains("@") })
        t.engine.slowLog.reset()
        #expect(t.engine.slowLog.count == 0)
        for _ in 0..<200 { try t.accept(t.charge("ada", "0.01")) }
        #expect(t.engine.slowLog.count == 128)
        let ids = t.engine.slowLog.entries(5).map(\.id)
        #expect(ids == ids.sorted(by: >))
    }

    @Test func `what is in INFO adds up`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        _ = t.run(t.charge("ada", "1.00"))
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        let charge = try #require(info.commands.first { $0.name == "CREDIT CHARGE" })
        #expect(charge.calls == 1)
        #expect(charge.rejected == 1)
        #expect(info.counts.contains { $0.name == "users" && $0.count == 2 })
        #expect(info.books.reduce(Int128(0)) { $0 + $1.balance } == 0)
        #expect(Set(info.commands.map(\.name)).count == info.commands.count)
    }

    @Test func `an admin passport can be issued later`() throws {
        let disk = MemoryDisk()
        do { try TestEngine(disk: disk).stop() }
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        let secret = try t.engine.issueAdminPassport()
        guard case .valid(let verified) = t.engine.reads.verify(t.engine.reads.proof(of: secret), at: t.clock.now())
        else {
            throw Unexpected("the new passport does not verify")
        }
        #expect(verified.passport.permissions == .all)
    }

    @Test func `a wished admin passport must be well-formed, and leaves nothing behind when it is not`() throws {
        let disk = MemoryDisk()
        #expect(throws: EngineError.self) { _ = try TestEngine(disk: disk) { $0.adminSecret = "fl_short" } }
        #expect(try !disk.exists("/ledger"))
        let wish = PassportSecret.mint()
        let t = try TestEngine(disk: disk) { $0.adminSecret = wish.text }
        defer { t.stop() }
        #expect(t.admin?.text == wish.text)
    }

    @Test func `a ledger in memory works and leaves nothing`() throws {
        let opened = try Engine.open(
            EngineConfiguration(.memory), logger: .init(label: "test") { _ in TestEngine.silence })
        #expect(opened.adminSecret != nil)
        _ = try opened.engine.issueAdminPassport()
        opened.engine.stop()
        opened.engine.stop()
    }
}
