import LedgerCore
import LedgerTestKit
import Testing

/// What an operator relies on: limits, prices that wait, what is said of the future, corrections.
@Suite struct OperatorTests {
    private func identity(_ id: UInt64) -> RuleIdentity { RuleIdentity(digest: Digest256(words: .init(a: id))) }

    private func load(_ ledger: inout TestLedger, _ id: UInt64) {
        ledger.command(.ruleLoad(RuleLoad(name: .sessionRuntime, identity: identity(id), source: [0x2d, 0x2d])))
    }

    private func activate(_ ledger: inout TestLedger, _ id: UInt64, at: Timestamp?, rate: Int64? = nil) {
        var book = TestLedger.book(.sessionRuntime)
        if let rate {
            for index in book.rows.indices { book.rows[index].answer = .tariff(Tariff(rate: rate, listRate: rate)) }
        }
        let outcome = ledger.command(
            .ruleActivate(RuleActivate(name: .sessionRuntime, identity: identity(id), at: at, book: book)))
        #expect(outcome.event != nil)
    }

    private func pending(_ ledger: borrowing TestLedger, version: UInt32) -> Timestamp? {
        guard case .rules(let rows) = ledger.machine.read(.rules, at: ledger.now) else { return nil }
        return rows.first { $0.name == .sessionRuntime && $0.version == version }?.activation
    }

    // MARK: Prices that wait

    @Test func `one activation of a version waits at a time, and is the one that is shown`() {
        var ledger = TestLedger()
        load(&ledger, 50)
        let now = ledger.now
        activate(&ledger, 50, at: now + .hours(5))
        activate(&ledger, 50, at: now + .hours(2))
        #expect(pending(ledger, version: 2) == now + .hours(2))
        ledger.pass(.hours(3), step: .minutes(30))
        #expect(ledger.machine.activeRule(.sessionRuntime) == identity(50))
        #expect(ledger.command(.ruleRollback(RuleRollback(name: .sessionRuntime))).event != nil)
        ledger.pass(.hours(3), step: .minutes(30))
        #expect(ledger.machine.activeRule(.sessionRuntime) == identity(1), "an older word undid the rollback")
        #expect(ledger.problems() == [])
    }

    @Test func `what is rolled back does not come again by itself, and other versions still do`() {
        var ledger = TestLedger()
        load(&ledger, 50)
        load(&ledger, 51)
        activate(&ledger, 50, at: nil)
        activate(&ledger, 51, at: ledger.now + .hours(4))
        ledger.command(
            .ruleActivate(
                RuleActivate(
                    name: .sessionRuntime, identity: identity(1), at: ledger.now + .hours(1), book: PriceBook())))
        #expect(pending(ledger, version: 3) == ledger.now + .hours(4))
        ledger.command(.ruleRollback(RuleRollback(name: .sessionRuntime)))
        #expect(pending(ledger, version: 2) == .never)
        ledger.pass(.hours(5), step: .minutes(30))
        #expect(ledger.machine.activeRule(.sessionRuntime) == identity(51))
        #expect(ledger.problems() == [])
    }

    // MARK: Limits

    @Test func `no smallest purchase is none`() {
        var ledger = TestLedger()
        ledger.user("ann")
        #expect(ledger.purchase("ann", "9.99").rejection != nil)
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .purchaseMinimum, value: Limits.none)))
        #expect(ledger.purchase("ann", "0.01").event != nil)
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .purchaseMaximum, value: Limits.none)))
        #expect(ledger.purchase("ann", "1000000").event != nil)
    }

    private func overdraft(_ ledger: borrowing TestLedger, _ type: UserType = .pro) -> Money? {
        guard case .limits(let rows) = ledger.machine.read(.limits(nil), at: ledger.now) else { return nil }
        return rows.first { $0.type == type && $0.limit == .exhaustionGrace }?.overdraft
    }

    @Test func `the overdraft that is printed bounds what sessions owe, also after limits and prices fell`() {
        var ledger = TestLedger()
        ledger.price = { query in
            guard case .sessionRuntime = query else { return TestLedger.listPrice(query) }
            return .priced(
                Priced(
                    answer: .tariff(Tariff(rate: 6_000_000_000, listRate: 0)),
                    rule: RuleIdentity(digest: Digest256(words: .init(a: 50)))))
        }
        load(&ledger, 50)
        activate(&ledger, 50, at: nil, rate: 6_000_000_000)
        ledger.user("ann")
        ledger.user("bob")
        ledger.purchase("ann", "10")
        #expect(overdraft(ledger) == Money("2"))  // twenty sessions, a minute at six an hour each
        for number in 1...5 { #expect(ledger.start(ShortText("s\(number)")!, "ann", .gpu).event != nil) }
        ledger.command(.ruleRollback(RuleRollback(name: .sessionRuntime)))
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .sessions, value: 1)))
        let printed = overdraft(ledger)!
        #expect(printed == Money("0.5"))
        ledger.pass(.hours(1), step: .seconds(30))
        #expect(ledger.session("s1") == nil)
        let debt = ledger.account("ann").debt
        #expect(debt > Money("0.4")! && debt <= printed, "\(debt)")
        #expect(ledger.problems() == [])
    }

    @Test func `a grace counts from when it was due, not from when somebody came to it`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.charge("ann", "9.979166666")
        ledger.start("s1", "ann", .gpu, ttl: .hours(1))  // holds all there is, for ten minutes exactly
        #expect(ledger.account("ann").available <= .cent)
        let leaseEnd = ledger.session("s1")!.leaseUntil
        ledger.now = leaseEnd + TimeSpan(nanoseconds: 400_000_000)
        ledger.settle()
        let row = ledger.session("s1")!
        #expect(row.status == .exhausting)
        #expect(row.deadline == max(row.emptyAt, leaseEnd) + .seconds(60))
        ledger.pass(.minutes(2))
        #expect(ledger.account("ann").debt <= Money(nanos: 125_000_000 / 60 + 1))
        #expect(ledger.problems() == [])
    }

    // MARK: Corrections

    @Test func `a closed account takes corrections and nothing else`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let charge = ledger.charge("ann", "1").event!
        guard
            case .lots(let lots, _) = ledger.machine.read(
                .lots(user: ledger.hash("ann"), Page(count: 9)), at: ledger.now)
        else {
            Issue.record("no list of lots")
            return
        }
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.closed))))
        #expect(ledger.purchase("ann", "10").rejection?.code == "FROZEN")
        #expect(ledger.charge("ann", "1").rejection?.code == "FROZEN")
        let refund = CreditRefund(charge: charge, lots: lots.map(\.origin), amount: nil, reason: [])
        #expect(ledger.command(.creditRefund(refund)).event?.after.available == Money("10"))
        let payout = CreditAdjust(user: ledger.hash("ann"), amount: -Money("10")!, reason: [])
        #expect(ledger.command(.creditAdjust(payout)).event?.after.available == Money.zero)
        #expect(ledger.problems() == [])
    }

    // MARK: Time

    @Test func `what is granted for later, and what ends by itself, counts from its own instant`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let later = ledger.now + .days(20)
        let grant = CreditGrant(
            user: ledger.hash("ann"), amount: Money("1")!, kind: .promo, effective: later, expires: .never, reason: [])
        let granted = ledger.command(.creditGrant(grant)).event!
        #expect(granted.effectiveFrom == later && granted.effectiveTo == later && granted.time < later)
        ledger.purchase("ann", "10")
        let placed = ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("1")!, timeToLive: .hours(1), source: "job")))
        guard case .holdPlaced(let hold) = placed.event?.body else {
            Issue.record("no hold")
            return
        }
        ledger.now = hold.expires + .hours(7)
        ledger.settle()
        let events = ledger.journal.compactMap { try? $0.event() }
        let released = events.first { if case .holdReleased = $0.body { true } else { false } }
        #expect(released?.effectiveFrom == hold.expires)
        #expect(ledger.problems() == [])
    }

    @Test func `what a lot holds back for a hold is among what may expire`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: Money("4")!, kind: .promo, expires: ledger.now + .hours(2),
                    reason: [])))
        ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("3")!, timeToLive: .hours(9), source: "job")))
        #expect(ledger.machine.overdue(at: ledger.now + .hours(3)).credit == Int128(Money("4")!.nanos))
    }
}
