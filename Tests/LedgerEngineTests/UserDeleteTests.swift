import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// Forgetting a person, down to the bytes on the disk.
@Suite(.timeLimit(.minutes(10))) struct UserDeleteTests {
    private static let texts = ["ada.lovelace@example.org", "Name of ada", "charged for analytical engines"]

    /// A ledger with somebody to forget, and somebody to keep. Segments were sealed and snapshots made of it.
    private func live(_ t: TestEngine) throws {
        try t.accept(t.createUser("ada", .free, email: Self.texts[0]))
        try t.accept(t.createUser("bob"))
        try t.accept(t.purchase("ada", "10.00"))
        try t.accept(
            .creditCharge(
                CreditCharge(
                    user: t.hash("ada"), amount: Money("1")!, source: "api",
                    description: .clear(Array(Self.texts[2].utf8)))))
    }

    private func delete(_ t: TestEngine, _ user: String = "ada", key: IdempotencyKey? = nil) -> Decided {
        t.run(.userDelete(UserDelete(user: t.hash(user), forfeit: true)), key: key)
    }

    private func key(of ordinal: UInt32, on disk: SimulatedDisk) throws -> [UInt8] {
        let slot = 4096 + Int(ordinal) * 64
        let keys = try #require(disk.paths.first { $0.hasSuffix("/keys") })
        return Array(try #require(disk.bytes(of: keys))[slot + 8..<slot + 40])
    }

    /// Files that hold any of these bytes.
    private func places(of needles: [[UInt8]], on disk: SimulatedDisk) -> [String] {
        disk.paths.filter { path in
            let bytes = disk.bytes(of: path) ?? []
            return !bytes.isEmpty && needles.contains { bytes.holds($0) }
        }
    }

    @Test func `when it is answered the key is gone from the disk, and readers see no text`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        try live(t)
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        let secret = try key(of: ada.value, on: disk)
        #expect(places(of: [secret], on: disk).count == 1)
        #expect(t.engine.reads.email(ada) == Array(Self.texts[0].utf8))
        let sealed = try t.user("ada").email
        #expect(t.engine.clearText(sealed, of: ada) != nil)

        guard case .accepted = delete(t) else { throw Unexpected("not deleted") }
        // Whatever happens now.
        #expect(places(of: [secret], on: disk.afterPowerCut(seed: 1)).isEmpty)
        #expect(t.engine.reads.email(ada).isEmpty)
        #expect(t.engine.clearText(sealed, of: ada) == nil)
        let row = try t.user("ada")
        #expect(row.state == .deleted && row.email.isEmpty && row.name.isEmpty)
        guard
            case .history(let rows, _) = t.history(.history(user: t.hash("ada"), from: nil, to: nil, Page())),
            case .summary(let summary) = t.history(.summary(user: t.hash("ada"), from: nil, to: nil))
        else { throw Unexpected("no statement") }
        #expect(rows.count == 4 && rows.allSatisfy { !Self.texts.contains($0.description) })
        #expect(rows[0].source == "expiry" && rows[0].amount == Money("14"))
        #expect(summary.spent.nanos == 1_000_000_000 && summary.expired.nanos == 14_000_000_000)
        guard case .explanation = t.history(.explain(rows[1].id)) else { throw Unexpected("no explanation") }
        // The other one is as before.
        #expect(try t.engine.clearText(t.user("bob").email, of: t.user("bob").ordinal) == Array("bob@example.org".utf8))
        // A text for her goes nowhere, and is refused for what it is.
        guard
            case .rejected(.frozen(.deleted)) = t.run(
                .creditAdjust(
                    CreditAdjust(user: t.hash("ada"), amount: Money("1")!, reason: .clear(Array("sorry".utf8)))))
        else { throw Unexpected("a text for a deleted user") }
        try t.accept(t.createUser("eve", .free, email: Self.texts[0]))
        #expect(try t.user("eve").account.promo == .zero)
    }

    /// Every step of the deletion, from the journal's write to the key's sync, and a start after each.
    @Test func `a power cut or a kill at each step leaves a user who is there, or one who is forgotten`() throws {
        let calm = SimulatedDisk()
        var (first, last) = (0, 0)
        do {
            let t = try TestEngine(disk: calm)
            try live(t)
            first = calm.operations
            guard case .accepted = delete(t) else { throw Unexpected("not deleted") }
            last = calm.operations
            t.stop()
        }
        #expect(last - first >= 4, "journal and key file, each written and synced: \(calm.log[first..<last])")
        var (there, gone, mended) = (0, 0, 0)
        for operation in 1...(last - first + 1) {
            for cut in 0..<4 as Range<UInt64> {
                let disk = SimulatedDisk()
                var needles = Self.texts.map { Array($0.utf8) }
                var isAnswered = false
                do {
                    let t = try TestEngine(disk: disk)
                    try live(t)
                    needles.append(try key(of: t.user("ada").ordinal.value, on: disk))
                    disk.cutPower(atOperation: operation)
                    if case .accepted = delete(t) { isAnswered = true }
                    if !disk.isOff { disk.cutPower(atOperation: 0) }
                    t.stop()
                }
                // The text itself never was in a file, the key is in one.
                #expect(places(of: Array(needles.dropLast()), on: disk).isEmpty)
                let after = cut == 0 ? disk.afterProcessDeath() : disk.afterPowerCut(seed: cut)
                if isAnswered { #expect(places(of: needles, on: after).isEmpty) }
                let wasThere = !places(of: needles, on: after).isEmpty

                let t = try TestEngine(disk: after)
                let row = try t.user("ada")
                if row.state == .deleted {
                    gone += 1
                    if wasThere { mended += 1 }
                } else {
                    there += 1
                    #expect(!isAnswered)
                    #expect(t.engine.clearText(row.email, of: row.ordinal) == needles[0])
                    guard case .accepted = delete(t) else { throw Unexpected("not deleted afterwards") }
                }
                #expect(places(of: needles, on: after).isEmpty, "operation \(operation), cut \(cut)")
                t.stop()
                let report = try Verification<StateMachine>.run("/ledger", on: after.afterProcessDeath())
                #expect(report.isSound, "\(report.findings.map(\.text))")
            }
        }
        // Before the event, after it, and in between: each was met.
        #expect(there > 0 && gone > 0 && mended > 0, "\(there) there, \(gone) gone, \(mended) mended by the start")
    }

    @Test func `a key file of yesterday is erased again by the next start`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        try live(t)
        let ada = try t.user("ada").ordinal
        let secret = try key(of: ada.value, on: disk)
        let keys = try #require(disk.paths.first { $0.hasSuffix("/keys") })
        let yesterday = disk.bytes(of: keys)
        guard case .accepted = delete(t) else { throw Unexpected("not deleted") }
        t.stop()
        disk.replace(keys, with: yesterday)
        let report = try Verification<StateMachine>.run("/ledger", on: disk.afterProcessDeath())
        #expect(report.isSound && report.findings.contains { $0.text.contains("keys of deleted users are there (1)") })
        let again = try TestEngine(disk: disk)
        defer { again.stop() }
        #expect(places(of: [secret], on: disk).isEmpty)
        #expect(try again.user("ada").state == .deleted)
    }

    @Test func `where the key cannot be destroyed nobody is answered, and the next start does it`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        try live(t)
        let secret = try key(of: t.user("ada").ordinal.value, on: disk)
        let calm = disk.afterProcessDeath()
        // The write to the key file is the first operation after the journal's sync.
        let trial = try TestEngine(disk: calm)
        let base = calm.operations
        guard case .accepted = delete(trial) else { throw Unexpected("not deleted") }
        let place = try #require(calm.log[base...].firstIndex { $0.contains("/keys") }) - base
        trial.stop()
        disk.fail(operation: place + 1, with: 5)
        if case .accepted = delete(t) { Issue.record("answered although the key is there") }
        #expect(holdsInTime { t.fatal.get() != nil })
        t.stop()
        let after = disk.afterProcessDeath()
        // Whether the write or the sync of the key failed: upkeep may have had an operation in between.
        let again = try TestEngine(disk: after)
        defer { again.stop() }
        #expect(try again.user("ada").state == .deleted)
        #expect(places(of: [secret], on: after).isEmpty)
    }

    @Test func `erase deletes whom a backup of yesterday remembers, and the key in any case`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        try live(t)
        try t.accept(t.purchase("bob", "50.00"))
        try t.accept(.sessionStart(SessionStart(user: t.hash("bob"), session: "s", tier: .small)))
        let (ada, bob) = (try t.user("ada").ordinal, try t.user("bob").ordinal)
        t.stop()
        let yesterday = disk.afterProcessDeath()
        let secrets = try [ada, bob].map { try key(of: $0.value, on: yesterday) }
        #expect(places(of: secrets, on: yesterday).count == 1)

        let restored = try TestEngine(disk: yesterday)
        #expect(try restored.engine.erase("ada") == .now)
        guard case .keyOnly(let why) = try restored.engine.erase("bob") else { throw Unexpected("bob is gone") }
        #expect(why.contains("1 open session"))
        #expect(try restored.engine.erase("ada") == .before)
        #expect(try restored.engine.erase("bob") == .keyOnly(why))
        #expect(try restored.engine.erase("zoe") == .unknown)
        #expect(throws: EngineError.self) { _ = try restored.engine.erase("admin") }
        #expect(places(of: secrets, on: yesterday).isEmpty)
        #expect(try restored.user("ada").state == .deleted)
        #expect(try restored.engine.clearText(restored.user("bob").email, of: bob) == nil)
        restored.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: yesterday.afterProcessDeath())
        #expect(report.isSound, "\(report.findings.map(\.text))")
        // Bob's account can be ended like any other.
        let later = try TestEngine(disk: yesterday)
        defer { later.stop() }
        try later.accept(.sessionStop(SessionStop(session: later.engine.names.session("s"))))
        guard case .accepted = delete(later, "bob") else { throw Unexpected("bob stays") }
    }

    @Test func `a passport of a deleted user opens nothing, from the receipt on`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try live(t)
        let secret = PassportSecret.mint()
        let proof = t.engine.reads.proof(of: secret)
        try t.accept(
            .passportCreate(
                PassportCreate(
                    user: t.hash("ada"), id: secret.id, digest: proof.digest, lastFour: secret.lastFour,
                    name: .clear(Array("laptop".utf8)), permissions: .read, scope: .own)))
        guard case .valid = t.engine.reads.authenticate(proof, at: t.clock.now()) else { throw Unexpected("no entry") }
        guard case .accepted = delete(t) else { throw Unexpected("not deleted") }
        for result in [
            t.engine.reads.authenticate(proof, at: t.clock.now()), t.engine.reads.verify(proof, at: t.clock.now()),
        ] {
            guard case .rejected(.passportInvalid) = result else { throw Unexpected("\(result)") }
        }
    }
}
