import Glibc
import LedgerCore
import LedgerRules
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite struct RuleExaminerTests {
    private func quote(_ t: TestEngine) -> Decided? {
        switch t.work([.quote(user: t.hash("ada"), tier: .small, duration: .hours(2))])[0] {
        case .query(.rejected(let rejection)): .rejected(rejection)
        default: nil
        }
    }

    @Test func `the writer answers while a check takes its time`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        // Each question just stays within its budget, and there are about two hundred of them.
        let slow = Array("return function() local n = 0 for i = 1, 3000 do n = n + i end return 1 end".utf8)
        let checked = Box(0)
        for _ in 0..<20 {
            let accepted = t.engine.examine(.check(.sessionRuntime, source: slow)) { _ in checked.update { $0 += 1 } }
            #expect(accepted)
        }
        for _ in 0..<5 { try t.accept(t.purchase("ada", "10.00")) }
        // On the writer, every check would have come first.
        #expect(checked.get() < 20)
        #expect(holdsInTime { checked.get() == 20 })
    }

    @Test func `a full queue says no`() throws {
        let t = try TestEngine { $0.ruleCapacity = 0 }
        defer { t.stop() }
        guard case .rejected(.busy) = t.load(.storage, "return function() return 1 end") else {
            throw Unexpected("it was not busy")
        }
    }

    @Test func `what was being examined is answered when the engine stops`() throws {
        let t = try TestEngine()
        let answered = Box(0)
        for _ in 0..<10 {
            _ = t.engine.examine(.version(.storage, nil)) { _ in answered.update { $0 += 1 } }
        }
        t.stop()
        #expect(answered.get() == 10)
        guard case .refused(.busy) = t.examine(.version(.storage, nil)) else { throw Unexpected("it is closed") }
    }

    @Test func `a verdict is not an activation: keys, missing versions and a read-only ledger are for the writer`()
        throws
    {
        let t = try TestEngine()
        defer { t.stop() }
        let source = "return function() return 5 end"
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 2), arguments: 4)
        guard case .accepted(let event) = t.load(.purchaseBonus, source, key: key) else { throw Unexpected("load") }
        guard case .replayed(event.lsn) = t.load(.purchaseBonus, source, key: key) else { throw Unexpected("replay") }
        // The first answer counts, even when nobody could examine the rule this time.
        let busy = Asked.ruleLoad(
            actor: t.adminOrdinal, key: key, name: .purchaseBonus, source: Array(source.utf8),
            verdict: .refused(.busy("too many")))
        guard case .replayed(event.lsn) = t.decide(busy) else { throw Unexpected("replay of a busy one") }
        guard case .rejected(.ruleExists) = t.load(.purchaseBonus, source) else { throw Unexpected("twice") }
        let verdict = t.examine(.version(.purchaseBonus, 1))
        let other = Asked.ruleActivate(
            actor: t.adminOrdinal, key: nil, name: .purchaseBonus, version: 2, at: nil, verdict: verdict)
        guard case .rejected(.notFound(.rule)) = t.decide(other) else { throw Unexpected("version 2") }
        guard case .accepted = t.activate(.purchaseBonus, 1) else { throw Unexpected("not activated") }
    }

    @Test func `an active rule that uses its budget up refuses, and goes on refusing, and another one prices again`()
        throws
    {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        // Passes every question of a check, and loops for somebody who has used a particular time.
        let trap = "return function(a, b, seconds) while seconds == 7200 do end return 1 end"
        guard case .accepted = t.load(.sessionRuntime, trap) else { throw Unexpected("not loaded") }
        guard case .accepted = t.activate(.sessionRuntime, 2) else { throw Unexpected("not activated") }
        #expect(quote(t) == nil)
        try t.accept(t.purchase("ada", "10.00"))
        try t.accept(
            .sessionRecord(
                SessionRecord(
                    session: "past", user: t.hash("ada"), tier: .small, from: t.clock.now() - .hours(3),
                    to: t.clock.now() - .hours(1), arguments: Hash128(high: 1, low: 1))))
        for _ in 0..<3 {
            guard case .rejected(.rule(let text)) = quote(t) else { throw Unexpected("it was priced") }
            #expect(text.contains("still running"))
        }
        try t.accept(.ruleRollback(RuleRollback(name: .sessionRuntime)))
        #expect(quote(t) == nil)
    }

    @Test func `rules that were refused or never activated cost no memory`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        func resident() throws -> Int {
            guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
            return info.residentBytes
        }
        let table = "local s, t = 'x', {} for i = 1, 11 do s = s .. s end for i = 1, 200 do t[i] = s .. i end"
        for number in 0..<20 { _ = t.load(.purchaseBonus, "\(table) return function() return #t - \(number) end") }
        let before = try resident()
        for number in 20..<200 {
            guard case .accepted = t.load(.purchaseBonus, "\(table) return function() return #t - \(number) end")
            else { throw Unexpected("not loaded") }
            guard case .rejected(.rule) = t.load(.purchaseBonus, "\(table) error('no \(number)')") else {
                throw Unexpected("loaded")
            }
        }
        // 360 states of 400 KiB would be 140 MiB. Other tests run beside this one.
        #expect(try resident() - before < 100 << 20)
    }

    @Test func `an activation asks a storage rule about the sizes that are stored`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "1000.00"))
        for (name, megabytes) in [("small", 700), ("medium", 60_500), ("large", 800_000), ("twin", 60_999)] {
            try t.accept(
                .storageCreate(
                    StorageCreate(
                        user: t.hash("ada"), resource: ShortText(name)!, kind: .bucket, megabytes: Int64(megabytes))))
        }
        let volume = "return function(user_type, kind, gb) return gb < 50 and usd'0.02' or usd'0.01' end"
        guard case .accepted = t.load(.storage, volume) else { throw Unexpected("not loaded") }
        guard case .accepted(let event) = t.activate(.storage, 2), case .ruleActivated(let activated) = event.body
        else {
            throw Unexpected("not activated")
        }
        let rows = activated.book.rows.dropFirst(8)
        #expect(
            rows.map(\.query)
                == [0, 60_000, 800_000].map { .storage(type: .pro, kind: .bucket, megabytes: $0) })
        #expect(
            rows.map(\.answer)
                == ["0.02", "0.01", "0.01"].map { Money($0)!.nanos }.map { .tariff(Tariff(rate: $0, listRate: $0)) })
    }
}
