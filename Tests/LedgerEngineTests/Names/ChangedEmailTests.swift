import LedgerCore
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct ChangedEmailTests {
    private func set(_ t: TestEngine, _ user: String, _ email: String) throws -> Command {
        let bytes = Array(email.utf8)
        let hash = try bytes.withUnsafeBytes { try t.engine.emailHash($0) }
        return .userSet(UserSet(user: t.hash(user), change: .email(.clear(bytes), hash: hash)))
    }

    private func email(_ t: TestEngine, _ user: String) throws -> String {
        let ordinal = try #require(t.engine.reads.user(t.hash(user)))
        return String(decoding: t.engine.reads.email(ordinal), as: UTF8.self)
    }

    private func row(_ t: TestEngine, _ user: String) throws -> String? {
        let row = try t.user(user)
        return t.engine.clearText(row.email, of: row.ordinal).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `readers see the new address with its receipt, and after a restart`() throws {
        let disk = MemoryDisk()
        var t = try TestEngine(disk: disk)
        try t.accept(t.createUser("ada"))
        #expect(try email(t, "ada") == "ada@example.org")
        try t.accept(try set(t, "ada", "Ada@New.example"))
        #expect(try email(t, "ada") == "Ada@New.example" && row(t, "ada") == "Ada@New.example")
        t.stop()
        for _ in 0..<2 {
            t = try TestEngine(disk: disk)
            #expect(try email(t, "ada") == "Ada@New.example" && row(t, "ada") == "Ada@New.example")
            guard case .rejected(.exists(.email)) = t.run(t.createUser("eve", email: "ada@new.EXAMPLE")) else {
                throw Unexpected("another user's address")
            }
            t.stop()
        }
        t = try TestEngine(disk: disk)
        // The address that was given up is free.
        try t.accept(t.createUser("bob", email: "ada@example.org"))
        t.stop()
    }

    @Test func `a user who is created and changed in one batch has the last address`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let results = t.decided([
            t.createUser("ada").item(t.adminOrdinal), try set(t, "ada", "1@new.example").item(t.adminOrdinal),
            t.createUser("bob", email: "ada@example.org").item(t.adminOrdinal),
            try set(t, "ada", "2@new.example").item(t.adminOrdinal),
        ])
        for result in results { #expect(result.event != nil, "\(result)") }
        #expect(try email(t, "ada") == "2@new.example" && email(t, "bob") == "ada@example.org")
    }

    @Test func `a change that is refused or replayed shows nothing`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.createUser("bob"))
        guard case .rejected(.exists(.email)) = t.run(try set(t, "ada", "BOB@example.org")) else {
            throw Unexpected("bob's address")
        }
        #expect(try email(t, "ada") == "ada@example.org")
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 2), arguments: Hash128(high: 3, low: 4))
        try t.accept(try set(t, "ada", "1@new.example"), key: key)
        try t.accept(try set(t, "ada", "2@new.example"))
        guard case .replayed = t.run(try set(t, "ada", "1@new.example"), key: key) else {
            throw Unexpected("no replay")
        }
        #expect(try email(t, "ada") == "2@new.example" && row(t, "ada") == "2@new.example")
    }

    /// What the opener read of the sealed address comes behind the change of it.
    @Test func `an address that is opened late does not undo a change`() {
        let views = Views(seed: 1)
        let names = Names(seed: .zero)
        let view = AccountView(
            user: UserOrdinal(0), type: .pro, state: .active, paid: .zero, promo: .zero, held: .zero, debt: .zero,
            available: .zero, asOf: .distantPast, slope: 0, validUntil: .never)
        var cursor = Views.Cursor()
        Array("sealed".utf8).withUnsafeBytes {
            views.fill(
                UserOrdinal(0), hash: names.user("a"), id: "a", sealedEmail: $0, view, lastEvent: .none, at: &cursor)
        }
        Array("new@x.example".utf8).withUnsafeBytes { views.setEmail(UserOrdinal(0), $0) }
        Array("old@x.example".utf8).withUnsafeBytes { views.fill(email: $0, of: UserOrdinal(0)) }
        #expect(
            views.withEmail(UserOrdinal(0)) { String(decoding: $0, as: UTF8.self) + ($1 ? "!" : "") } == "new@x.example"
        )
        // And the other way round.
        Array("newest@x.example".utf8).withUnsafeBytes { views.setEmail(UserOrdinal(0), $0) }
        #expect(
            views.withEmail(UserOrdinal(0)) { bytes, _ in String(decoding: bytes, as: UTF8.self) } == "newest@x.example"
        )
    }
}
