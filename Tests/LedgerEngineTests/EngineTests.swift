import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct EngineTests {
    @Test func `a new ledger begins with rules, spaces and an admin who may do everything`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let secret = try #require(t.admin)
        let proof = t.engine.reads.proof(of: secret)
        guard case .valid(let verified) = t.engine.reads.verify(proof, at: t.clock.now()) else {
            Issue.record("the admin's passport does not verify")
            return
        }
        #expect(verified.passport.permissions == .all)
        #expect(verified.passport.scope == .all)
        #expect(verified.type == .admin)
        #expect(t.engine.reads.userID(verified.passport.user) == "admin")
        guard case .rules(let rules) = t.read(.rules) else { throw Unexpected("no rules") }
        #expect(rules.count == 3)
        #expect(rules.filter { !$0.active }.isEmpty)
        guard case .spaces(let spaces, _) = t.read(.spaces(Page())) else { throw Unexpected("no spaces") }
        #expect(spaces.count == 4)
    }

    @Test func `what was answered is there after a restart`() throws {
        let disk = MemoryDisk()
        do {
            let t = try TestEngine(disk: disk)
            try t.accept(t.createUser("ada"))
            try t.accept(t.purchase("ada", "25.00"))
            try t.accept(t.charge("ada", "1.5"))
            t.stop()
        }
        let t = try TestEngine(disk: disk, at: TestEngine.noon + .hours(1))
        defer { t.stop() }
        #expect(t.admin == nil)
        #expect(try t.user("ada").account.paid == Money("23.50"))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.available == Money("23.50"))
        #expect(String(decoding: t.engine.reads.email(ada), as: UTF8.self) == "ada@example.org")
        let name = try t.user("ada").name
        #expect(t.engine.clearText(name, of: ada).map { String(decoding: $0, as: UTF8.self) } == "Name of ada")
    }

    @Test func `views are published before the batch completes`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("bob"))
        let bob = try #require(t.engine.reads.user(t.hash("bob")))
        for cents in 1...50 {
            try t.accept(t.purchase("bob", "10.00"))
            #expect(t.engine.reads.account(bob, at: t.clock.now())?.paid == Money(nanos: Int64(cents) * 10_000_000_000))
        }
        #expect(t.engine.durableLSN.value > 50)
    }

    @Test func `two engines in one process do not know of each other`() throws {
        let a = try TestEngine()
        let b = try TestEngine()
        defer {
            a.stop()
            b.stop()
        }
        try a.accept(a.createUser("eve"))
        #expect(b.engine.reads.user(b.hash("eve")) == nil)
        guard case .user = a.read(.user(a.hash("eve"))) else { throw Unexpected("eve is missing") }
        guard case .rejected(.notFound(.user)) = b.read(.user(b.hash("eve"))) else {
            throw Unexpected("eve is in both")
        }
    }

    @Test func `a second engine on the same directory is refused`() throws {
        let disk = MemoryDisk()
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        #expect(throws: EngineError.self) { _ = try TestEngine(disk: disk) }
    }
}
