import LedgerCore
import LedgerTestKit
import Testing

@Suite struct CreditTransferTests {
    private func transfer(_ ledger: borrowing TestLedger, _ amount: String) -> Command {
        .creditTransfer(
            CreditTransfer(from: ledger.hash("ann"), to: ledger.hash("bob"), amount: Money(amount)!, reason: []))
    }

    private func lots(_ ledger: borrowing TestLedger, _ user: ShortText) -> [LotRow] {
        guard case .lots(let rows, _) = ledger.machine.read(.lots(user: ledger.hash(user), Page()), at: ledger.now)
        else { return [] }
        return rows.sorted { $0.order < $1.order }
    }

    private func ledger() -> TestLedger {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.user("bob")
        return ledger
    }

    @Test func `lots stay what they are, and remember their purchase through every hand`() {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        let expires = ledger.now + .days(3)
        ledger.command(
            .creditGrant(
                CreditGrant(user: ledger.hash("ann"), amount: Money("2")!, kind: .promo, expires: expires, reason: [])))
        let bought = lots(ledger, "ann").first { $0.origin.kind == .paid }!.origin
        let sent = ledger.command(transfer(ledger, "5"))
        #expect(sent.event?.after.available == Money("7"))
        let got = lots(ledger, "bob")
        #expect(got.map(\.origin.kind) == [.promo, .paid] && got.map(\.remaining) == [Money("2")!, Money("3")!])
        #expect(got.map(\.origin.expires) == [expires, .never])
        #expect(got[1].origin.parent == bought.id && got[1].origin.fundedBy == bought.fundedBy)
        #expect(got[0].origin.id != got[1].origin.id)
        #expect(ledger.book("transfers") == 0 && ledger.problems() == [])

        // And on: the parent is still the purchase.
        ledger.user("cem")
        ledger.command(
            .creditTransfer(
                CreditTransfer(from: ledger.hash("bob"), to: ledger.hash("cem"), amount: Money("4")!, reason: [])))
        #expect(lots(ledger, "cem").last?.origin.parent == bought.id)
        ledger.pass(.days(3))
        #expect(ledger.account("cem").available == Money("2") && ledger.problems() == [])
    }

    @Test func `it never repays the receiver's debt, and lets what was running out go on`() {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        ledger.charge("bob", "3", over: true)
        ledger.command(transfer(ledger, "1"))
        #expect(ledger.account("bob").debt == Money("3") && ledger.account("bob").paid == Money("1"))
        ledger.user("dan")
        ledger.purchase("dan", "10")
        ledger.charge("dan", "9.97")
        ledger.start("s1", "dan", .gpu)
        ledger.pass(.minutes(12), step: .seconds(10))
        #expect(ledger.session("s1")?.status == .exhausting)
        ledger.command(
            .creditTransfer(
                CreditTransfer(from: ledger.hash("ann"), to: ledger.hash("dan"), amount: Money("5")!, reason: [])))
        #expect(ledger.session("s1")?.status == .active)
        #expect(ledger.problems() == [])
    }

    @Test func `what cannot be sent says why`() {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        func refused(_ from: ShortText, _ to: ShortText, _ amount: String) -> String? {
            ledger.command(
                .creditTransfer(
                    CreditTransfer(from: ledger.hash(from), to: ledger.hash(to), amount: Money(amount)!, reason: []))
            ).rejection?.code
        }
        #expect(refused("ann", "nobody", "1") == "NOTFOUND" && refused("nobody", "ann", "1") == "NOTFOUND")
        #expect(refused("ann", "ann", "1") == "ERR" && refused("ann", "bob", "10.01") == "INSUFFICIENT")
        ledger.charge("bob", "1", over: true)
        #expect(refused("bob", "ann", "1") == "DEBT")
        for state in [UserState.suspended, .banned] {
            ledger.command(.userSet(UserSet(user: ledger.hash("bob"), change: .state(state))))
            #expect(refused("ann", "bob", "1") == "FROZEN" && refused("bob", "ann", "1") == "FROZEN")
        }
        #expect(ledger.account("ann").available == Money("10") && ledger.problems() == [])
    }

    @Test(arguments: [256, 257]) func `it takes from 256 lots at most`(count: Int) {
        var ledger = ledger()
        for _ in 0..<count {
            ledger.command(
                .creditGrant(CreditGrant(user: ledger.hash("ann"), amount: Money("1")!, kind: .promo, reason: [])))
        }
        let sent = ledger.command(transfer(ledger, "\(count)"))
        #expect((sent.rejection == nil) == (count == 256))
        #expect(lots(ledger, "bob").count == (count == 256 ? 100 : 0))  // a page
        #expect(ledger.problems() == [])
    }
}
