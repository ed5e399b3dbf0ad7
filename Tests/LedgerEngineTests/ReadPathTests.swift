import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct ReadPathTests {
    /// A user with a passport.
    private func passport(
        _ t: TestEngine, _ user: String, _ permissions: Permissions = [.read, .write], rate: UInt32 = 0,
        expires: Timestamp = .never,
        type: UserType = .pro
    ) throws -> PassportSecret {
        if case .rejected = t.read(.user(t.hash(user))) { try t.accept(t.createUser(user, type)) }
        let secret = PassportSecret.mint()
        try t.accept(
            .passportCreate(
                PassportCreate(
                    user: t.hash(user), id: secret.id, digest: t.engine.reads.proof(of: secret).digest,
                    lastFour: secret.lastFour, name: .clear(Array("key".utf8)), permissions: permissions, scope: .own,
                    expires: expires, rate: rate)))
        return secret
    }

    private func code(_ result: VerifyResult) -> String {
        switch result {
        case .valid: "OK"
        case .rejected(let rejection): rejection.code
        }
    }

    @Test func `a passport verifies, and everything about its user comes along`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let secret = try passport(t, "ada")
        try t.accept(t.purchase("ada", "12.00"))
        let proof = try #require(secret.bytes.withUnsafeBytes { t.engine.reads.proof(of: $0) })
        guard case .valid(let verified) = t.engine.reads.verify(proof, at: t.clock.now()) else {
            throw Unexpected("a good passport was refused")
        }
        #expect(verified.passport.permissions == [.read, .write])
        #expect(verified.available == Money("12.00"))
        #expect(t.engine.reads.userID(verified.passport.user) == "ada")
        #expect(t.engine.reads.email(verified.passport.user) == Array("ada@example.org".utf8))
    }

    @Test func `the last use of a passport is a hint that survives a clean stop, and whose loss harms nobody`() throws {
        let disk = MemoryDisk()
        var t = try TestEngine(disk: disk)
        let secret = try passport(t, "ada")
        func lastUsed() throws -> Timestamp {
            guard case .passport(let row) = t.read(.passport(secret.id)) else { throw Unexpected("no passport") }
            return row.lastUsed
        }
        #expect(try lastUsed() == .distantPast)
        #expect(code(t.engine.reads.verify(t.engine.reads.proof(of: secret), at: TestEngine.noon)) == "OK")
        #expect(try lastUsed() == TestEngine.noon)
        t.stop()
        t = try TestEngine(disk: disk)
        #expect(try lastUsed() == TestEngine.noon)
        t.stop()
        let file = try disk.open("/ledger/last-used", .readWrite)
        try [UInt8(0xFF)].withUnsafeBytes { try file.write($0, at: 9) }
        t = try TestEngine(disk: disk)
        #expect(try lastUsed() == .distantPast)
        t.stop()
    }

    @Test func `wrong, unknown, expired and revoked passports get one and the same answer`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let reads = t.engine.reads
        let secret = try passport(t, "ada", expires: TestEngine.noon + .hours(1))
        let other = PassportSecret.mint()
        #expect(code(reads.verify(reads.proof(of: other), at: t.clock.now())) == "WRONGPASS")
        // The right id with another random part.
        let forged = PassportProof(id: secret.id, digest: reads.proof(of: other).digest)
        #expect(code(reads.verify(forged, at: t.clock.now())) == "WRONGPASS")
        #expect(code(reads.verify(reads.proof(of: secret), at: TestEngine.noon + .hours(1))) == "WRONGPASS")
        #expect(code(reads.verify(reads.proof(of: secret), at: TestEngine.noon)) == "OK")
        let ordinal = try #require(reads.passport(secret.id)?.ordinal)
        #expect(code(reads.recheck(ordinal, at: TestEngine.noon)) == "OK")
        try t.accept(.passportRevoke(PassportRevoke(passport: secret.id)))
        #expect(code(reads.verify(reads.proof(of: secret), at: TestEngine.noon)) == "WRONGPASS")
        #expect(code(reads.authenticate(reads.proof(of: secret), at: TestEngine.noon)) == "WRONGPASS")
        #expect(code(reads.recheck(ordinal, at: TestEngine.noon)) == "WRONGPASS")
        let garbage = Array("fl_nothing".utf8)
        #expect(garbage.withUnsafeBytes { reads.proof(of: $0) } == nil)
    }

    @Test func `a suspended user may look but not work, a banned one neither`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let reads = t.engine.reads
        let proof = reads.proof(of: try passport(t, "ada"))
        try t.accept(.userSet(UserSet(user: t.hash("ada"), change: .state(.suspended))))
        #expect(code(reads.verify(proof, at: t.clock.now())) == "FROZEN")
        #expect(code(reads.authenticate(proof, at: t.clock.now())) == "OK")
        try t.accept(.userSet(UserSet(user: t.hash("ada"), change: .state(.banned))))
        #expect(code(reads.authenticate(proof, at: t.clock.now())) == "FROZEN")
    }

    @Test func `requests are limited by type and by passport`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let reads = t.engine.reads
        try t.accept(.limitSet(LimitSet(type: .pro, limit: .requestsPerHour, value: 5)))
        let wide = reads.proof(of: try passport(t, "ada"))
        let narrow = reads.proof(of: try passport(t, "ada", rate: 2))
        #expect((0..<3).map { _ in code(reads.verify(narrow, at: t.clock.now())) } == ["OK", "OK", "LIMIT"])
        #expect((0..<4).map { _ in code(reads.verify(wide, at: t.clock.now())) } == ["OK", "OK", "OK", "LIMIT"])
        #expect(code(reads.authenticate(wide, at: t.clock.now())) == "OK")
        // What the writer is asked counts in the same hour.
        guard case .verified(let result) = t.work([.verify(wide)])[0] else { throw Unexpected("no answer") }
        #expect(code(result) == "LIMIT")
        #expect(code(reads.verify(wide, at: t.clock.now() + .minutes(66))) == "OK")
    }

    @Test func `a passport created a moment ago admits in the same batch`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let secret = PassportSecret.mint()
        let proof = t.engine.reads.proof(of: secret)
        let create = Command.passportCreate(
            PassportCreate(
                user: t.hash("ada"), id: secret.id, digest: proof.digest, lastFour: 0, name: .clear(Array("key".utf8)),
                permissions: [.read, .write], scope: .own))
        let start = SessionStart(user: .zero, session: "s-1", tier: .medium)
        let results = t.work([
            create.item(t.adminOrdinal), .verify(proof),
            .admit(start, by: t.adminOrdinal, proof),
        ])
        guard case .verified(.valid) = results[1] else { throw Unexpected("its own write was not read: \(results[1])") }
        guard case .outcome(.accepted(let reference)) = results[2],
            case .event(let event) = t.history(.event(reference.lsn)), case .sessionStarted(let started) = event.body
        else {
            throw Unexpected("\(results[2])")
        }
        #expect(started.held == Money("0.00625"))  // ten minutes of 0.0375 an hour
        #expect(started.admitted == t.engine.reads.passport(secret.id)?.ordinal)
    }

    @Test func `fifty admissions against credit for ten: ten are admitted`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(.limitSet(LimitSet(type: .pro, limit: .sessions, value: 1000)))
        let secret = try passport(t, "ada")
        // Ten minutes of gpu at 0.125 an hour: 0.0208333… each, rounded up.
        try t.accept(
            .creditAdjust(
                CreditAdjust(user: t.hash("ada"), amount: Money("0.20833334")!, reason: .clear(Array("test".utf8)))))
        let proof = t.engine.reads.proof(of: secret)
        let admitted = Box(0)
        let refused = Box(0)
        let threads = (0..<5).map { thread in
            NamedThread.start("client") {
                for number in 0..<10 {
                    let start = SessionStart(user: .zero, session: ShortText("s-\(thread)-\(number)")!, tier: .gpu)
                    let item = Asked.admit(start, by: t.adminOrdinal, proof)
                    switch t.work([item])[0] {
                    case .outcome(.accepted): admitted.update { $0 += 1 }
                    case .outcome(.rejected(.insufficient)): refused.update { $0 += 1 }
                    default: break
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(admitted.get() == 10)
        #expect(refused.get() == 40)
    }

    @Test func `an admission asked again under its key gets its receipt, whatever became of the passport`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let secret = try passport(t, "ada", rate: 1)
        try t.accept(t.purchase("ada", "10.00"))
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 2), arguments: 4)
        let start = SessionStart(user: .zero, session: "s-1", tier: .medium)
        let item = Asked.admit(start, by: t.adminOrdinal, key: key, t.engine.reads.proof(of: secret))
        guard case .outcome(.accepted(let event)) = t.work([item])[0] else { throw Unexpected("not admitted") }
        // Its one request of the hour is used up; then it is revoked.
        guard case .outcome(.replayed(event.lsn)) = t.work([item])[0] else { throw Unexpected("not replayed") }
        try t.accept(.passportRevoke(PassportRevoke(passport: secret.id)))
        guard case .outcome(.replayed(event.lsn)) = t.work([item])[0] else { throw Unexpected("not replayed") }
        let other = IdempotencyKey(scope: key.scope, arguments: 5)
        let reused = Asked.admit(start, by: t.adminOrdinal, key: other, t.engine.reads.proof(of: secret))
        guard case .outcome(.rejected(.keyReused)) = t.work([reused])[0] else { throw Unexpected("not refused") }
    }

    @Test func `a second stop under a key is remembered, and read from where it was answered first`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        try t.accept(.sessionStart(SessionStart(user: t.hash("ada"), session: "s-1", tier: .small)))
        let name = t.engine.names.session("s-1")
        let stopped = try t.accept(.sessionStop(SessionStop(session: name)))
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 2), arguments: 4)
        guard case .replayed = t.run(.sessionStop(SessionStop(session: name)), key: key) else {
            throw Unexpected("not replayed")
        }
        guard case .replayed(let lsn) = t.run(.sessionStop(SessionStop(session: name)), key: key) else {
            throw Unexpected("not remembered")
        }
        #expect(lsn > stopped.lsn)
        guard case .event(let event) = t.history(.replayed(lsn)) else { throw Unexpected("no receipt") }
        #expect(event.lsn == stopped.lsn)
    }

    @Test func `a passport without write admits nothing`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        let secret = try passport(t, "ada", [.read])
        let start = SessionStart(user: .zero, session: "s-1", tier: .small)
        let item = Asked.admit(start, by: t.adminOrdinal, t.engine.reads.proof(of: secret))
        guard case .outcome(.rejected(.denied)) = t.work([item])[0] else { throw Unexpected("admitted") }
    }

    @Test func `a view answers only while it is exact`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.available == Money("10.00"))
        try t.accept(
            .storageCreate(StorageCreate(user: t.hash("ada"), resource: "b-1", kind: .bucket, megabytes: 100_000)))
        #expect(t.engine.reads.views.account(ada)?.available == Money("10.00"))
        // Storage is a straight line until its next boundary: the view knows it as the writer does.
        let view = try #require(t.engine.reads.views.account(ada))
        for minutes in [0, 7, 30] as [Int64] {
            t.clock.advance(by: .minutes(minutes))
            guard t.clock.now() < view.validUntil else { break }
            let exact = try t.user("ada").account.available
            #expect(minutes == 0 || exact < Money("10.00")!)
            #expect(t.engine.reads.account(ada, at: t.clock.now())?.available == exact)
            #expect(try #require(t.engine.reads.views.account(ada)).lowerBound(at: t.clock.now()) == exact)
        }
        #expect(t.engine.reads.account(ada, at: view.validUntil) == nil)
    }

    @Test func `one e-mail however it is typed`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada", email: "Ada@Example.org"))
        guard case .rejected(.exists(.email)) = t.run(t.createUser("eve", email: "\"ada\"@example.ORG")) else {
            throw Unexpected("a second sign-up")
        }
    }
}
