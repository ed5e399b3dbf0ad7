import LedgerCore
import LedgerTestKit
import Testing

@Suite struct HoldTests {
    private func place(_ ledger: inout TestLedger, _ amount: String, ttl: TimeSpan = .hours(1)) -> Decided {
        ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money(amount)!, timeToLive: ttl, source: "gpu")))
    }

    @Test func `a hold is captured in parts and released at the end`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let placed = place(&ledger, "6").event!
        let hold = placed.id(shard: 0)
        #expect(placed.after.held == Money("6") && placed.after.available == Money("4"))
        #expect(place(&ledger, "4.01").rejection?.code == "INSUFFICIENT")
        #expect(
            ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("2")!, final: false, over: false))).event?
                .after.held == Money("4"))
        #expect(
            ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("5")!, final: false, over: false)))
                .rejection?.code == "INSUFFICIENT")
        let last = ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("1")!, final: true, over: false)))
            .event!
        #expect(last.after.held == .zero && last.after.available == Money("7"))
        #expect(ledger.command(.holdVoid(HoldVoid(hold: hold))).rejection == .closed(.hold))
        #expect(ledger.book("revenue:gpu") == Money("3")!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `what is pinned does not expire while held, and breaks on release`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: Money("5")!, kind: .promo, expires: ledger.now + .minutes(30),
                    reason: [])))
        let hold = place(&ledger, "3").event!.id(shard: 0)
        ledger.pass(.minutes(31))
        #expect(ledger.account("ann").held == Money("3") && ledger.account("ann").available == .zero)
        #expect(ledger.book("breakage") == Money("2")!.nanos)
        #expect(
            ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("1")!, final: false, over: false))).event
                != nil)
        #expect(ledger.command(.holdVoid(HoldVoid(hold: hold))).event?.after.available == .zero)
        #expect(ledger.book("breakage") == Money("4")!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `a hold expires by itself`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let hold = place(&ledger, "6").event!.id(shard: 0)
        ledger.pass(.minutes(61))
        #expect(ledger.account("ann").held == .zero && ledger.account("ann").available == Money("10"))
        #expect(
            ledger.command(.holdCapture(HoldCapture(hold: hold, amount: Money("1")!, final: false, over: false)))
                .rejection == .closed(.hold))
        #expect(ledger.problems() == [])
    }

    @Test func `over takes what is available and then debt`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let hold = place(&ledger, "6").event!.id(shard: 0)
        let event = ledger.command(
            .holdCapture(HoldCapture(hold: hold, amount: Money("13")!, final: false, over: true))
        ).event!
        #expect(event.after.debt == Money("3") && event.after.paid == .zero && event.after.held == .zero)
        #expect(ledger.problems() == [])
    }
}
