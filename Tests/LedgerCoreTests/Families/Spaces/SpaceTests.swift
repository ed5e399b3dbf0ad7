import LedgerCore
import LedgerTestKit
import Testing

@Suite struct SpaceTests {
    @Test func `a space is paid once and named once`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.command(
            .spaceAdd(
                SpaceAdd(
                    id: "ml", name: "ML", description: [], category: "ai", gigabytes: 50, cost: Money("5")!,
                    isPublic: true)))
        let buy = Command.spacePurchase(
            SpacePurchase(user: ledger.hash("ann"), space: "ml", workspace: "w1", instance: "mine"))
        #expect(ledger.command(buy).event?.after.available == Money("5"))
        #expect(ledger.command(buy).rejection == .exists(.instance))
        #expect(ledger.book("revenue:space_purchase") == Money("5")!.nanos)
        #expect(ledger.problems() == [])
    }
}
