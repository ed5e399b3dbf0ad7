import LedgerTestKit
import Testing

@testable import LedgerCore

/// Figures that say what they mean: when credit runs out, and what is available at an instant, whoever is asked.
@Suite struct FigureTests {
    // MARK: empty_at

    /// What a user would have left if everything ended at `now`: the rest of all credit less debt.
    private func left(_ ledger: consuming TestLedger, _ user: ShortText, sessions: Int, resources: Int) -> Money {
        for number in 0..<sessions { ledger.stop(ShortText("s\(number)")!) }
        for number in 0..<resources {
            ledger.command(
                .storageDelete(StorageDelete(resource: ledger.machine.names.resource(ShortText("r\(number)")!))))
        }
        let account = ledger.account(user)
        return account.paid + account.promo + account.held - account.debt
    }

    /// A copy of the ledger lets the time pass, everything running on, and is asked what is left there and before.
    @Test(arguments: 1...40)
    func `empty_at is when a copy of the ledger, in which time passes, has nothing left`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 4_200)
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        var ledger = TestLedger()
        ledger.now = Timestamp("2026-01-24T00:00:00Z")! + .seconds(number(0...600_000))
        // Nobody is stopped for want of credit.
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .exhaustionGrace, value: TimeSpan.days(365).nanoseconds)))
        let hasSteps = seed % 3 == 0
        let base = ledger.price
        ledger.price = { query in
            guard hasSteps, case .priced(var priced) = base(query), case .tariff(var tariff) = priced.answer else {
                return base(query)
            }
            tariff.steps = [
                Tariff.Step(from: .hours(1), rate: tariff.rate * 2),
                Tariff.Step(from: .hours(5), rate: tariff.rate / 3),
            ]
            priced.answer = .tariff(tariff)
            return .priced(priced)
        }
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let resources = seed % 2 == 0 ? Int(number(1...4)) : 0
        for resource in 0..<resources {
            ledger.wait(.minutes(number(1...90)))
            ledger.command(
                .storageCreate(
                    StorageCreate(
                        user: ledger.hash("ann"), resource: ShortText("r\(resource)")!, kind: .filestore,
                        megabytes: number(1...60_000))))
        }
        let sessions = resources > 0 && seed % 4 == 0 ? 0 : Int(number(1...4))
        let expires = seed % 5 == 0
        let start = ledger.now
        if expires { ledger.grant("ann", "0.75", expires: start + .minutes(number(130...400))) }
        if seed % 5 == 1 { ledger.grant("ann", "1.25", effective: start + .minutes(number(10...60))) }
        for session in 0..<sessions {
            ledger.advance(to: ledger.now + .minutes(number(1...25)))
            ledger.start(
                ShortText("s\(session)")!, "ann", Tier.allCases.randomElement(using: &random)!, ttl: .days(30),
                full: false)
        }
        // What remains lasts hours beside sessions, days with storage alone.
        if sessions > 0 {
            ledger.charge(
                "ann", "\(ledger.account("ann").available - Money(nanos: number(200_000_000...2_000_000_000)))")
        }
        ledger.settle()
        let user = ledger.machine.lookUp(user: ledger.hash("ann"))!
        let empty = ledger.machine.emptyAt(user, at: ledger.now)
        guard empty < ledger.now + .days(29) else { return }  // a session's time to live ends first
        #expect(empty > ledger.now)

        var copy = try ledger.restored()
        copy.price = ledger.price
        copy.advance(to: empty)
        let atEmpty = left(copy, "ann", sessions: sessions, resources: resources)
        // Every running charge is rounded to a nano-USD; storage counts in whole ones an hour.
        let hours = (empty - ledger.now).nanoseconds / 3_600_000_000_000 + 1
        let rounding = Money(nanos: Int64(sessions + resources) + (resources > 0 ? 2 * hours : 0) + 1)
        #expect(atEmpty >= -rounding, "seed \(seed): \(atEmpty) at \(empty)")
        // Leases hold credit for up to ten minutes; what they hold when its lot expires is good for as long.
        let lease = expires ? Money(nanos: Int64(sessions) * 250_000_000 / 6) : .zero
        #expect(atEmpty <= rounding + lease, "seed \(seed): \(atEmpty) at \(empty)")
        var before = try ledger.restored()
        before.price = ledger.price
        let earlier = ledger.now + TimeSpan(nanoseconds: (empty - ledger.now).nanoseconds / 10 * 9)
        before.advance(to: earlier)
        if seed % 5 != 1 {
            #expect(left(before, "ann", sessions: sessions, resources: resources) > .zero, "seed \(seed)")
        }
    }

    @Test func `empty_at of the cases that failed from the outside`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.grant("ann", "0.25")
        ledger.start("s1", "ann", .gpu, ttl: .hours(10))
        guard case .sessionStarted(let two)? = ledger.start("s2", "ann", .gpu, ttl: .hours(10)).event?.body else {
            Issue.record("not started")
            return
        }
        #expect(abs((two.emptyAt - ledger.now - .hours(1)).nanoseconds) < 1_000)
        ledger.user("bob")
        ledger.grant("bob", "1", expires: ledger.now + .minutes(40))
        ledger.grant("bob", "0.125")
        guard case .sessionStarted(let one)? = ledger.start("s3", "bob", .gpu, ttl: .hours(10)).event?.body else {
            Issue.record("not started")
            return
        }
        #expect(abs((one.emptyAt - ledger.now - .minutes(100)).nanoseconds) < 1_000)
    }

    // MARK: One figure

    /// VERIFY answers from the view, BALANCE from the view where it is exact, USER GET from the ledger.
    @Test(arguments: 1...12)
    func `a view beside stored resources says what the ledger says, to the nano-USD`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 8_100)
        var ledger = TestLedger()
        ledger.user("ann", .enterprise)
        ledger.purchase("ann", "10000")
        let base = ledger.price
        if seed % 2 == 0 {
            ledger.price = { query in
                guard case .storage = query, case .priced(var priced) = base(query),
                    case .tariff(var tariff) = priced.answer
                else { return base(query) }
                tariff.steps = [Tariff.Step(from: .hours(30), rate: tariff.rate / 3 + 7)]
                priced.answer = .tariff(tariff)
                return .priced(priced)
            }
        }
        for number in 0..<20 {
            ledger.wait(TimeSpan(nanoseconds: Int64.random(in: 1...9_000_000_000_000, using: &random)))
            let created = ledger.command(
                .storageCreate(
                    StorageCreate(
                        user: ledger.hash("ann"), resource: ShortText("r\(number)")!,
                        kind: Bool.random(using: &random) ? .bucket : .filestore,
                        megabytes: Int64.random(in: 1...900_000, using: &random))))
            #expect(created.event != nil)
        }
        ledger.start("s1", "ann", .gpu, ttl: .days(20), full: true)
        var compared = 0
        for _ in 0..<30 {
            ledger.advance(to: ledger.now + .seconds(Int64.random(in: 1...200_000, using: &random)))
            let view = ledger.machine.accountView(UserOrdinal(0), at: ledger.now)
            #expect(view.storage != nil && view.slope > 0)
            for _ in 0..<20 {
                let later = ledger.now + TimeSpan(nanoseconds: Int64.random(in: 0...90_000_000_000_000, using: &random))
                guard later < view.validUntil else { continue }
                compared += 1
                let exact = ledger.machine.userRow(UserOrdinal(0), at: later).account.available
                #expect(view.exact(at: later)?.available == exact)
                #expect(view.lowerBound(at: later) == exact)
            }
            #expect(view.exact(at: view.validUntil) == nil)
        }
        #expect(compared > 100)
        #expect(ledger.problems() == [])
    }

    @Test func `a view says nothing exactly while a session uses more than it holds`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .gpu, ttl: .days(3))
        ledger.wait(.hours(5))
        ledger.restart(downtime: .hours(5))
        let view = ledger.machine.accountView(UserOrdinal(0), at: ledger.now)
        #expect(view.exact(at: ledger.now) == nil)
        #expect(view.lowerBound(at: ledger.now) <= ledger.account("ann").available)
    }
}
