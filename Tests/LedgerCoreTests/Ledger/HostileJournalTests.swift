import Glibc
import LedgerCore
import LedgerTestKit
import Testing

/// Journals whose every checksum is right and whose events no ledger has decided: replay refuses them with a sentence.
/// A trap would end the process, and with it the test run.
///
/// `FLORIN_FUZZ_ROUNDS` asks for more rounds than the suite takes.
@Suite(.timeLimit(.minutes(60))) struct HostileJournalTests {
    /// A ledger with every kind of event, and time for timers in between.
    private static func ledger() -> TestLedger {
        var ledger = TestLedger()
        ledger.price = { query in
            if case .purchaseBonus = query {
                return .priced(
                    Priced(answer: .amount(.dollar), rule: RuleIdentity(digest: Digest256(words: .init(a: 9)))))
            }
            return TestLedger.listPrice(query)
        }
        for (user, type) in [("ann", UserType.free), ("bob", .pro), ("cem", .enterprise)] {
            ledger.user(ShortText(user)!, type)
        }
        func passport(_ ledger: inout TestLedger, _ id: UInt64) {
            ledger.command(
                .passportCreate(
                    PassportCreate(
                        user: ledger.hash("ann"), id: PassportID(value: id), digest: .zero, lastFour: 7, name: [1, 2],
                        permissions: .all, scope: .all, expires: .never, rate: 0)))
        }
        passport(&ledger, 1)
        passport(&ledger, 2)
        let actor = PassportOrdinal(0)
        ledger.command(
            .passportRotate(
                PassportRotate(
                    old: PassportID(value: 2), id: PassportID(value: 3), digest: .zero, lastFour: 8,
                    overlap: .minutes(5))))
        ledger.command(.passportSet(PassportSet(passport: PassportID(value: 3), day: 5_000_000_000, month: nil)))
        ledger.command(.userLimitSet(UserLimitSet(user: ledger.hash("cem"), period: .month, value: 900_000_000_000)))
        ledger.command(.passportRevoke(PassportRevoke(passport: PassportID(value: 3))))
        ledger.command(.limitSet(LimitSet(type: .free, limit: .exhaustionGrace, value: 60_000_000_000)))
        ledger.purchase("ann", "30", reference: "pay-1")
        ledger.purchase("bob", "50")
        ledger.user("dan", .free)
        ledger.allow("bob", "0.5", .day, rollover: "0.75", for: CreditScope("api")!)
        ledger.allow(type: .free, "0.25", .week, rollover: "0.1")
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 1), arguments: Hash128(high: 1, low: 2))
        let charged = ledger.charge("ann", "1.25", key: key).event!
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: Money("2")!, kind: .promo, effective: ledger.now + .hours(2),
                    expires: ledger.now + .hours(9), reason: [3])), actor: actor)
        ledger.charge("bob", "60", over: true)
        ledger.purchase("bob", "40")
        ledger.command(
            .creditAdjust(CreditAdjust(user: ledger.hash("bob"), amount: Money("-0.5", signed: true)!, reason: [])))
        ledger.command(.creditAdjust(CreditAdjust(user: ledger.hash("cem"), amount: Money("7")!, reason: [])))
        ledger.command(
            .creditRefund(CreditRefund(charge: charged, lots: lots(ledger, "ann"), amount: Money("0.75")!, reason: [])))
        ledger.command(
            .creditTransfer(
                CreditTransfer(from: ledger.hash("cem"), to: ledger.hash("ann"), amount: Money("1")!, reason: [])))
        let hold = ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("3")!, timeToLive: .hours(1), source: "job")),
            labels: Labels("team=ml,job=81")!
        ).event!.id(shard: 0)
        ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("1")!, final: false, over: false)))
        ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("4")!, final: true, over: true)))
        ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("1")!, timeToLive: .hours(1), source: "job")))
        ledger.start("s1", "ann", ttl: .days(3))
        ledger.start("s2", "bob", .large, ttl: .days(20), heartbeat: .hours(30))
        ledger.start("s3", "ann", full: true)
        ledger.start("s3", "ann", full: true)
        ledger.command(.sessionCancel(SessionCancel(session: ledger.machine.names.session("s3"), reason: [])))
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("bob"), resource: "disk", kind: .filestore, megabytes: 40_000)))
        ledger.command(
            .storageCreate(StorageCreate(user: ledger.hash("bob"), resource: "pail", kind: .bucket, megabytes: 9_000)))
        ledger.command(
            .spaceAdd(SpaceAdd(.test("box", "1.50", isPublic: false), creator: ledger.hash("bob"))), actor: actor)
        ledger.command(.spaceGrant(SpaceGrant(space: "box", user: ledger.hash("cem"))))
        ledger.command(
            .spacePurchase(
                SpacePurchase(user: ledger.hash("cem"), space: "box", workspace: "w", instance: "i")))
        ledger.command(.spaceRevoke(SpaceRevoke(space: "box", user: ledger.hash("cem"))))
        ledger.command(
            .scriptRun(
                ScriptRun(script: Array(repeating: 7, count: 20), first: ledger.machine.lastLSN, value: [0x5f, 13, 10]))
        )
        ledger.command(.meterAdd(MeterAdd(name: "egress", unit: "GB", description: [1], scale: 3)))
        ledger.activate(.meter("egress"), 31)
        for (id, hours) in [("a", 0), ("b", 9), ("c", 900)] as [(ShortText, Int64)] {
            ledger.command(
                .usageRecord(
                    UsageRecord(
                        id: id, user: ledger.hash("cem"), meter: "egress", billionths: 2_500_000_000,
                        at: ledger.now - .hours(hours), arguments: .zero)))
        }
        // Ann buys what bob made, and is given back a part, then the rest.
        ledger.command(.spaceAdd(SpaceAdd(.test("tool", "25", share: 2_500), creator: ledger.hash("bob"))))
        let burned = lots(ledger, "ann")
        let bought = ledger.command(
            .spacePurchase(SpacePurchase(user: ledger.hash("ann"), space: "tool", workspace: "w", instance: "i"))
        ).event!
        for amount in [Money("0.5")!, nil] {
            ledger.command(.creditRefund(CreditRefund(charge: bought, lots: burned, amount: amount, reason: [])))
        }
        let second = RuleIdentity(digest: Digest256(words: .init(a: 21)))
        ledger.command(.ruleLoad(RuleLoad(name: .sessionRuntime, identity: second, source: Array("-- 2".utf8))))
        var book = TestLedger.book(.sessionRuntime)
        for index in book.rows.indices { book.rows[index].answer = .tariff(Tariff(rate: 90_000_000, listRate: 1)) }
        ledger.command(
            .ruleActivate(RuleActivate(name: .sessionRuntime, identity: second, at: ledger.now + .hours(3), book: book))
        )
        ledger.start("s4", "dan", ttl: .days(10))
        ledger.pass(.hours(30), step: .hours(1))
        ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s2"))))
        ledger.retier("s2", .medium)
        ledger.setType("bob", .enterprise)
        ledger.command(.ruleRollback(RuleRollback(name: .sessionRuntime)))
        ledger.command(.storageResize(StorageResize(resource: ledger.machine.names.resource("disk"), megabytes: 4_000)))
        ledger.wait(.hours(3))
        ledger.restart(downtime: .hours(3))
        ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("pail"))))
        ledger.pass(.days(26), step: .hours(6))
        ledger.stop("s2")
        ledger.command(
            .sessionRecord(
                SessionRecord(
                    session: "old", user: ledger.hash("cem"), tier: .small, from: Timestamp("2025-11-30T23:00:00Z")!,
                    to: Timestamp("2025-12-01T04:00:00Z")!, arguments: .zero)))
        ledger.user("eve", .free)
        ledger.command(
            .storageCreate(StorageCreate(user: ledger.hash("eve"), resource: "jar", kind: .bucket, megabytes: 5_000)))
        ledger.charge("eve", "\(ledger.account("eve").available)")
        ledger.pass(.days(9), step: .hours(12))
        ledger.purchase("eve", "10")
        ledger.user("gus", .free)
        ledger.purchase("gus", "30")
        ledger.command(.userDelete(UserDelete(user: ledger.hash("gus"), forfeit: true)))
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.banned))))
        ledger.command(.clockAccept(ClockAccept()))
        return ledger
    }

    private static func lots(_ ledger: borrowing TestLedger, _ user: ShortText) -> [LotOrigin] {
        guard
            case .lots(let rows, _) = ledger.machine.read(
                .lots(user: ledger.hash(user), Page(count: 100)), at: ledger.now)
        else { return [] }
        return rows.map(\.origin)
    }

    @Test func `the journal itself holds every kind of event that moves something, and replays`() throws {
        let ledger = Self.ledger()
        #expect(ledger.problems() == [])
        let kinds = Set(try ledger.journal.map { try $0.event().body.code })
        #expect(Set(EventCode.allCases).subtracting(kinds) == [.refused, .answered])
    }

    @Test func `one field of one event changed: refused, or taken without a trap by all that follows`() throws {
        let rounds = getenv("FLORIN_FUZZ_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 1500
        let journal = Self.ledger().journal
        let events = try journal.map { try $0.event() }
        let end = events.last!.time
        var random = SeededGenerator(seed: UInt64(rounds))
        var (refused, taken) = (0, 0)
        for _ in 0..<rounds {
            let place = Int.random(in: 0..<events.count, using: &random)
            var event = events[place]
            var mutator = FieldMutator(random: random)
            var failed = false
            do { try event.code(with: &mutator) } catch { failed = true }
            // A second pass, now that it is known how many fields there are, changes one of them or two.
            var copy = events[place]
            for _ in 0...Int.random(in: 0...1, using: &mutator.random) {
                mutator.aim()
                do { try copy.code(with: &mutator) } catch { failed = true }
            }
            random = mutator.random
            guard !failed else { continue }
            var machine = StateMachine()
            for event in journal[..<place] { try event.replay(into: &machine) }
            do {
                try Self.replay(copy, at: journal[place], into: &machine)
                taken += 1
                for event in journal[(place + 1)...] { try event.replay(into: &machine) }
            } catch {
                #expect(error is StateError)
                refused += 1
                continue
            }
            _ = machine.violations()
            var decision = Decision()
            for day in 1...40 {
                while !machine.fireTimers(at: end + .days(Int64(day)), limit: 64, into: &decision).isDone {
                    decision.batch.removeAll()
                }
                decision.batch.removeAll()
            }
        }
        #expect(refused > rounds / 3 && taken > rounds / 20, "\(refused) refused, \(taken) taken, of \(rounds)")
    }

    @Test func `an event of a group that begins behind it, or nowhere, is refused`() throws {
        let journal = Self.ledger().journal
        let place = try #require(
            try journal.firstIndex { journaled in
                let event = try journaled.event()
                return event.group != event.lsn && event.user != .none && event.asOf == event.time
            })
        for group in [LSN(journal[place].lsn.value + 1), LSN(.max), LSN(1 << 63), .none] {
            var machine = StateMachine()
            for event in journal[..<place] { try event.replay(into: &machine) }
            var event = try journal[place].event()
            event.header.group = group
            var refusal: String?
            do { try Self.replay(event, at: journal[place], into: &machine) } catch {
                refusal = (error as? StateError)?.reason
            }
            #expect(refusal?.contains("a group that begins behind it") == true, "\(group): \(refusal ?? "taken")")
        }
    }

    /// Encodes what the mutation made, if it can be encoded, and replays it.
    private static func replay(
        _ event: Event, at place: Journaled, into machine: inout StateMachine
    ) throws {
        var event = event
        var writer = ByteWriter()
        event.code(with: &writer)
        try Journaled(bytes: writer.output, lsn: place.lsn, time: place.time).replay(into: &machine)
    }
}

/// Visits the fields of a record and changes one of them.
private struct FieldMutator: Coder {
    typealias Failure = StateError
    var version: UInt8 = 0
    var random: SeededGenerator
    private var fields = 0
    private var seen = 0
    private var target = -1

    init(random: SeededGenerator) { self.random = random }

    mutating func aim() {
        if fields == 0 { fields = seen }
        seen = 0
        target = Int.random(in: 0..<max(1, fields), using: &random)
    }

    private mutating func isMeant() -> Bool {
        seen += 1
        return seen - 1 == target
    }

    private mutating func changed(_ value: UInt64) -> UInt64 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: value &+ 1
        case 1: value &- 1
        case 2: UInt64.random(in: 0..<64, using: &random)
        case 3: 0
        case 4: .max - UInt64.random(in: 0..<3, using: &random)
        case 5: UInt64.random(in: 0...(.max), using: &random)
        case 6: value ^ 1 << UInt64.random(in: 0..<64, using: &random)
        default: value &* 2
        }
    }

    mutating func unsigned(_ value: inout UInt64) throws(StateError) { if isMeant() { value = changed(value) } }
    mutating func fixed(_ value: inout UInt64) throws(StateError) { if isMeant() { value = changed(value) } }
    mutating func bytes(_ value: inout [UInt8]) throws(StateError) {
        if isMeant() { value = (0..<UInt8.random(in: 0..<40, using: &random)).map { $0 } }
    }
    mutating func text(_ value: inout ShortText) throws(StateError) {
        if isMeant() { value = ShortText(String(repeating: "x", count: Int.random(in: 0..<30, using: &random)))! }
    }
    mutating func fail(_ reason: StaticString) throws(StateError) { throw StateError("\(reason)") }
}
