import LedgerCore
import LedgerTestKit
import Testing

/// Seeded days in the life of a small ledger: every kind of command, sensible and not, with time jumping between them.
@Suite struct RandomLedgerTests {
    @Test(arguments: 1...40)
    func `any day keeps every promise, replays to the same state and survives a snapshot`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var ledger = TestLedger()
        let users: [ShortText] = ["u0", "u1", "u2", "u3", "u4"]
        var holds: [HoldID] = []
        var charges: [(Event, [LotOrigin])] = []
        var sessions = 0
        for (index, user) in users.enumerated() { ledger.user(user, UserType.allCases[index % 4]) }

        func money(_ ceiling: Int64) -> Money {
            Money(nanos: Int64.random(in: 1...ceiling * 1_000_000_000, using: &random))
        }

        for step in 0..<250 {
            let user = users.randomElement(using: &random)!
            let hash = ledger.hash(user)
            let session = ShortText("s\(Int.random(in: 0...max(sessions, 1), using: &random))")!
            let sessionHash = ledger.machine.names.session(session)
            let resource = ShortText("r\(Int.random(in: 0...5, using: &random))")!
            var key: IdempotencyKey?
            if Int.random(in: 0..<8, using: &random) == 0 {
                let k = UInt64.random(in: 1...30, using: &random)
                key = IdempotencyKey(scope: Hash128(high: 7, low: k), arguments: Hash128(high: 7, low: k % 3))
            }
            let command: Command
            switch Int.random(in: 0..<22, using: &random) {
            case 0:
                command = .creditPurchase(
                    CreditPurchase(
                        user: hash, amount: Money(nanos: Int64.random(in: 900...3000, using: &random) * 10_000_000),
                        method: "card"))
            case 1:
                command = .creditGrant(
                    CreditGrant(
                        user: hash, amount: money(3), kind: .promo,
                        effective: Bool.random(using: &random)
                            ? nil : ledger.now + .hours(Int64.random(in: 0...5, using: &random)),
                        expires: ledger.now + .hours(Int64.random(in: 6...100, using: &random)),
                        scope: Wishes.scopes.randomElement(using: &random)!, reason: []))
            case 2, 3, 4:
                command = .creditCharge(
                    CreditCharge(
                        user: hash, amount: money(4), source: "api", over: Int.random(in: 0..<4, using: &random) == 0))
            case 5:
                command = .creditAdjust(
                    CreditAdjust(
                        user: hash,
                        amount: Money(nanos: Int64.random(in: -2_000_000_000...4_000_000_000, using: &random)),
                        reason: []))
            case 6, 7:
                command = .holdPlace(
                    HoldPlace(
                        user: hash, amount: money(3), timeToLive: .minutes(Int64.random(in: 1...3000, using: &random)),
                        source: "job"))
            case 8, 9:
                guard let hold = holds.randomElement(using: &random) else { continue }
                command = .holdCapture(
                    HoldCapture(
                        hold: hold, amount: money(2), final: Bool.random(using: &random),
                        over: Bool.random(using: &random)))
            case 10:
                guard let hold = holds.randomElement(using: &random) else { continue }
                command = .holdVoid(HoldVoid(hold: hold))
            case 11, 12, 13:
                sessions += 1
                command = .sessionStart(
                    SessionStart(
                        user: hash, session: ShortText("s\(sessions)")!,
                        tier: Tier.allCases.randomElement(using: &random)!,
                        timeToLive: .minutes(Int64.random(in: 1...5000, using: &random)),
                        reserveFull: Int.random(in: 0..<5, using: &random) == 0,
                        heartbeat: Bool.random(using: &random)
                            ? .zero : .minutes(Int64.random(in: 1...200, using: &random))))
            case 14: command = .sessionStop(SessionStop(session: sessionHash))
            case 15: command = .sessionHeartbeat(SessionHeartbeat(session: sessionHash))
            case 16: command = .sessionCancel(SessionCancel(session: sessionHash, reason: []))
            case 17:
                command = .storageCreate(
                    StorageCreate(
                        user: hash, resource: resource, kind: .filestore,
                        megabytes: Int64.random(in: 1...9_000, using: &random)))
            case 18:
                command = .storageResize(
                    StorageResize(
                        resource: ledger.machine.names.resource(resource),
                        megabytes: Int64.random(in: 1...9_000, using: &random)))
            case 19: command = .storageDelete(StorageDelete(resource: ledger.machine.names.resource(resource)))
            case 20:
                sessions += 1
                let from = ledger.now - .minutes(Int64.random(in: 0...90_000, using: &random))
                command = .sessionRecord(
                    SessionRecord(
                        session: ShortText("s\(sessions)")!, user: hash, tier: .large, from: from, to: ledger.now,
                        arguments: .zero))
            default:
                guard let (charge, lots) = charges.randomElement(using: &random) else { continue }
                command = .creditRefund(
                    CreditRefund(
                        charge: charge, lots: lots, amount: Bool.random(using: &random) ? nil : money(1), reason: []))
            }
            // What the engine would read from the journal ahead of a refund.
            var origins: [LotOrigin] = []
            if case .lots(let rows, _) = ledger.machine.read(.lots(user: hash, Page(count: 1000)), at: ledger.now) {
                origins = rows.map(\.origin)
            } else {
                Issue.record("no list of lots")
            }
            let outcome = ledger.command(command, key: key)
            if let event = outcome.event {
                if case .holdPlaced = event.body { holds.append(event.id(shard: 0)) }
                if case .creditCharged = event.body { charges.append((event, origins)) }
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                ledger.wait(
                    .seconds(
                        Int64.random(
                            in: 1...(Int.random(in: 0..<10, using: &random) == 0 ? 200_000 : 4_000), using: &random)))
            }
            if Int.random(in: 0..<40, using: &random) == 0 {
                let downtime = TimeSpan.seconds(Int64.random(in: 1...100_000, using: &random))
                ledger.wait(downtime)
                ledger.restart(downtime: downtime)
            }
            if step % 25 == 0 {
                let violations = ledger.machine.violations()
                #expect(violations == [], "seed \(seed), step \(step)")
                if !violations.isEmpty { return }
            }
        }
        #expect(ledger.problems() == [], "seed \(seed)")
        #expect(ledger.machine.booksSum == 0)
    }
}
