import LedgerCore
import LedgerTestKit
import Testing

@Suite struct CreditTests {
    @Test func `a free user gets five dollars, once`() {
        var ledger = TestLedger()
        #expect(ledger.user("ann", .free).event?.after.available == Money("5"))
        #expect(ledger.user("bob", .pro).event?.after.available == .zero)
        #expect(ledger.user("ann", .free).rejection == .exists(.user))
        let sameMail = ledger.machine.names.hash(.email, "ann")
        let again = ledger.command(
            .userCreate(UserCreate(id: "ann2", emailHash: sameMail, email: [], name: [], type: .free)))
        #expect(again.rejection == .exists(.email))
        #expect(ledger.problems() == [])
    }

    @Test func `credit that was not bought burns first`() {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.purchase("ann", "25")
        let event = ledger.charge("ann", "6").event!
        guard case .creditCharged(let charged) = event.body else {
            Issue.record("no charge")
            return
        }
        #expect(charged.settlement.free.count == 2)
        #expect(charged.settlement.free[0].amount == Money("5"))
        #expect(event.after.paid == Money("24") && event.after.promo == .zero && event.after.available == Money("24"))
        #expect(ledger.book("revenue:api") == Money("6")!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `a charge beyond what is available moves nothing`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        #expect(
            ledger.charge("ann", "10.000000001").rejection
                == .insufficient(available: Money("10")!, needed: Money("10.000000001")!))
        #expect(ledger.account("ann").available == Money("10"))
        #expect(ledger.charge("ann", "10").event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `over makes debt, debt refuses new work, a purchase repays it first`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        #expect(ledger.charge("ann", "12.5", over: true).event?.after.debt == Money("2.5"))
        #expect(ledger.charge("ann", "1").rejection == .debt(Money("2.5")!))
        #expect(ledger.start("s1", "ann").rejection == .debt(Money("2.5")!))
        let event = ledger.purchase("ann", "10").event!
        #expect(event.after.debt == .zero && event.after.paid == Money("7.5"))
        #expect(ledger.problems() == [])
    }

    @Test func `a payment reference counts once per method for ever`() {
        var ledger = TestLedger()
        ledger.user("ann")
        #expect(ledger.purchase("ann", "10", reference: "pi_1").event != nil)
        #expect(ledger.purchase("ann", "10", reference: "pi_1").rejection == .exists(.purchase))
        #expect(ledger.account("ann").paid == Money("10"))
    }

    @Test(arguments: ["9.99", "10000.01", "10.001"])
    func `purchases are whole cents within limits`(amount: String) {
        var ledger = TestLedger()
        ledger.user("ann")
        #expect(ledger.purchase("ann", amount).rejection != nil)
    }

    @Test func `a bonus is a child lot of its purchase`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.price = { query in
            if case .purchaseBonus(_, let amount) = query {
                return .priced(
                    Priced(
                        answer: .amount(Money(nanos: amount.nanos / 10)),
                        rule: RuleIdentity(digest: .init(words: .init(a: 9)))))
            }
            return TestLedger.listPrice(query)
        }
        let event = ledger.purchase("ann", "20").event!
        guard case .lots(let lots, _) = ledger.machine.read(.lots(user: ledger.hash("ann"), Page()), at: ledger.now)
        else {
            Issue.record("no list of lots")
            return
        }
        #expect(lots.map(\.origin.kind) == [.bonus, .paid])
        #expect(lots[0].origin.parent == event.id(shard: 0))
        #expect(ledger.account("ann").available == Money("22"))
        #expect(ledger.problems() == [])
    }

    @Test func `a grant waits until it is effective and ends when it expires`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let grant = CreditGrant(
            user: ledger.hash("ann"), amount: Money("3")!, kind: .promo, effective: ledger.now + .hours(1),
            expires: ledger.now + .hours(2), reason: [])
        ledger.command(.creditGrant(grant))
        #expect(ledger.account("ann").available == .zero)
        ledger.pass(.minutes(61))
        #expect(ledger.account("ann").available == Money("3"))
        ledger.pass(.minutes(60))
        #expect(ledger.account("ann").available == .zero)
        #expect(ledger.book("breakage") == Money("3")!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `what is due is not spent even before its timer fires`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let grant = CreditGrant(
            user: ledger.hash("ann"), amount: Money("3")!, kind: .promo, expires: ledger.now + .hours(2), reason: [])
        ledger.command(.creditGrant(grant))
        ledger.wait(.hours(3))
        #expect(ledger.account("ann").available == .zero)
    }

    @Test func `a ledger that was away can say what became due meanwhile`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let grant = CreditGrant(
            user: ledger.hash("ann"), amount: Money("3")!, kind: .promo, expires: ledger.now + .hours(2), reason: [])
        ledger.command(.creditGrant(grant))
        #expect(ledger.machine.overdue(at: ledger.now) == Overdue())
        let overdue = ledger.machine.overdue(at: ledger.now + .hours(2))
        #expect(overdue.lots == 1 && overdue.credit == Int128(Money("3")!.nanos) && overdue.holds == 0)
    }

    @Test func `an adjustment goes both ways`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.command(
            .creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("-2", signed: true)!, reason: [])))
        #expect(ledger.account("ann").debt == Money("2"))
        ledger.command(
            .creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("5")!, reason: [], reference: "fix-1")))
        #expect(ledger.account("ann").debt == .zero && ledger.account("ann").promo == Money("3"))
        let again = ledger.command(
            .creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("5")!, reason: [], reference: "fix-1")))
        #expect(again.rejection == .exists(.adjustment))
        #expect(ledger.problems() == [])
    }

    // MARK: Refunds

    private func origins(_ ledger: borrowing TestLedger, _ user: ShortText) -> [LotOrigin] {
        guard case .lots(let lots, _) = ledger.machine.read(.lots(user: ledger.hash(user), Page()), at: ledger.now)
        else {
            Issue.record("no list of lots")
            return []
        }
        return lots.map(\.origin)
    }

    @Test func `a refund returns a charge to the lots that paid it, part by part`() {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.purchase("ann", "10")
        let lots = origins(ledger, "ann")
        let charge = ledger.charge("ann", "7").event!  // 5 promo, 2 paid
        func refund(_ amount: String?) -> Command {
            .creditRefund(CreditRefund(charge: charge, lots: lots, amount: amount.flatMap { Money($0) }, reason: []))
        }
        #expect(ledger.command(refund("3")).event?.after.paid == Money("10"))
        #expect(ledger.account("ann").promo == Money("1"))
        #expect(ledger.command(refund("5")).rejection != nil)
        #expect(ledger.command(refund(nil)).event?.after.promo == Money("5"))
        #expect(ledger.command(refund(nil)).rejection == .closed(.charge))
        #expect(ledger.book("refunds") == Money("-7", signed: true)!.nanos)
        #expect(ledger.book("revenue:api") == Money("7")!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `a refund forgives the debt that the charge left`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let lots = origins(ledger, "ann")
        let charge = ledger.charge("ann", "12", over: true).event!
        ledger.command(.creditRefund(CreditRefund(charge: charge, lots: lots, amount: nil, reason: [])))
        #expect(ledger.account("ann").debt == .zero && ledger.account("ann").paid == Money("10"))
        #expect(ledger.problems() == [])
    }

    // MARK: Keys

    @Test func `a key answers the same again, and refuses other arguments`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 77), arguments: Hash128(high: 2, low: 1))
        let lsn = ledger.charge("ann", "1", key: key).event!.lsn
        guard case .replayed(let again) = ledger.charge("ann", "1", key: key) else {
            Issue.record("not replayed")
            return
        }
        #expect(again == lsn)
        let other = IdempotencyKey(scope: key.scope, arguments: Hash128(high: 2, low: 2))
        #expect(ledger.charge("ann", "2", key: other).rejection == .keyReused)
        #expect(ledger.account("ann").available == Money("9"))
        ledger.wait(.hours(25))
        #expect(ledger.charge("ann", "1", key: key).event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `a key remembers that funds were missing`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 77), arguments: Hash128(high: 2, low: 1))
        #expect(ledger.charge("ann", "1", key: key).rejection == .insufficient(available: .zero, needed: Money("1")!))
        ledger.purchase("ann", "10")
        guard case .replayed = ledger.charge("ann", "1", key: key) else {
            Issue.record("not replayed")
            return
        }
        #expect(ledger.account("ann").available == Money("10"))
        #expect(ledger.problems() == [])
    }

    @Test func `a full table of keys refuses keyed commands and forgets nothing`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.command(
            .engineStart(EngineStart(version: "t", downtime: .zero, keyRetention: .hours(24), keyCapacity: 2)))
        for n in 1...2 {
            let key = IdempotencyKey(scope: Hash128(high: 1, low: UInt64(n)), arguments: .zero)
            #expect(ledger.charge("ann", "1", key: key).event != nil)
        }
        let third = ledger.charge("ann", "1", key: IdempotencyKey(scope: Hash128(high: 1, low: 9), arguments: .zero))
        #expect(third.rejection?.code == "BUSY")
        #expect(ledger.charge("ann", "1").event != nil)
    }
}
