import LedgerCore
import LedgerTestKit
import Testing

/// What a user owns, and how long.
@Suite struct InstanceTests {
    private func ledger() -> TestLedger {
        var ledger = TestLedger()
        for user in ["ann", "bob"] as [ShortText] {
            ledger.user(user)
            ledger.purchase(user, "100")
        }
        ledger.command(.spaceAdd(SpaceAdd(.test("ml", "5"))))
        ledger.command(.spaceAdd(SpaceAdd(.test("free", "0"))))
        return ledger
    }

    private func owned(
        _ ledger: borrowing TestLedger, _ user: ShortText, in workspace: ShortText? = nil, _ page: Page = Page()
    ) -> (rows: [InstanceRow], next: UInt64) {
        let query = Query.instances(user: ledger.hash(user), workspace: workspace, page)
        guard case .instances(let rows, let next) = ledger.machine.read(query, at: ledger.now) else {
            Issue.record("no instances")
            return ([], 0)
        }
        return (rows, next)
    }

    @discardableResult
    private func buy(
        _ ledger: inout TestLedger, _ user: ShortText, _ instance: ShortText, of space: ShortText = "ml",
        in workspace: ShortText = "w"
    ) -> Decided {
        ledger.command(
            .spacePurchase(
                SpacePurchase(user: ledger.hash(user), space: space, workspace: workspace, instance: instance)))
    }

    private func refund(_ ledger: inout TestLedger, _ charge: Event, _ amount: String? = nil) throws -> Decided {
        let lots = try ledger.journal.flatMap { try $0.event().facts.born }
        return ledger.command(
            .creditRefund(CreditRefund(charge: charge, lots: lots, amount: amount.map { Money($0)! }, reason: [])))
    }

    @Test func `a purchase is owned until all of it is refunded, and can then be made again`() throws {
        var ledger = ledger()
        let first = buy(&ledger, "ann", "mine").event!
        buy(&ledger, "ann", "mine", in: "other")
        #expect(try refund(&ledger, first, "4.999999999").event != nil)
        #expect(buy(&ledger, "ann", "mine").rejection == .exists(.instance))
        #expect(owned(ledger, "ann").rows.count == 2 && ledger.problems() == [])

        #expect(try refund(&ledger, first).event?.after.available == Money("95"))
        #expect(owned(ledger, "ann").rows.map(\.workspace) == ["other"] && ledger.problems() == [])
        #expect(try refund(&ledger, first).rejection == .closed(.charge))

        let again = buy(&ledger, "ann", "mine").event!
        let rows = owned(ledger, "ann").rows
        #expect(rows.map(\.id) == [again.id(shard: 0), rows[1].id] && rows[0].amount == Money("5"))
        #expect(rows[0].space == "ml" && rows[0].instance == "mine" && rows[0].gigabytes == 5)
        #expect(rows[0].purchased == again.time && rows[0].workspace == "w")
        #expect(ledger.problems() == [])
    }

    @Test func `a whole refund under way that is taken back leaves the instance`() throws {
        var ledger = ledger()
        let first = buy(&ledger, "ann", "mine").event!
        // More than there is: refused, and nothing ended.
        #expect(try refund(&ledger, first, "5.000000001").rejection?.code == "ERR")
        #expect(buy(&ledger, "ann", "mine").rejection == .exists(.instance))
        #expect(owned(ledger, "ann").rows.count == 1 && ledger.problems() == [])
    }

    @Test func `what cost nothing is owned, and has nothing to refund`() throws {
        var ledger = ledger()
        let gift = buy(&ledger, "ann", "mine", of: "free").event!
        #expect(owned(ledger, "ann").rows.first?.amount == .zero)
        #expect(try refund(&ledger, gift).rejection == .closed(.charge))
        #expect(owned(ledger, "ann").rows.count == 1 && ledger.problems() == [])
    }

    @Test func `instances come in pages, of one workspace where given, and of one user`() {
        var ledger = ledger()
        for number in 0..<9 { buy(&ledger, "ann", ShortText("i\(number)")!, in: number % 2 == 0 ? "even" : "odd") }
        buy(&ledger, "bob", "bobs", in: "even")
        #expect(owned(ledger, "bob").rows.map(\.instance) == ["bobs"])
        for (workspace, expected) in [
            (nil, ["i8", "i7", "i6", "i5", "i4", "i3", "i2", "i1", "i0"]), ("even", ["i8", "i6", "i4", "i2", "i0"]),
            ("odd", ["i7", "i5", "i3", "i1"]), ("none", []),
        ] as [(ShortText?, [ShortText])] {
            var (found, cursor): ([ShortText], UInt64) = ([], 0)
            repeat {
                let (rows, next) = owned(ledger, "ann", in: workspace, Page(count: 2, cursor: cursor))
                #expect(rows.count <= 2)
                found += rows.map(\.instance)
                cursor = next
            } while cursor != 0
            #expect(found == expected)
        }
        let unknown = Query.instances(user: ledger.hash("nobody"), workspace: nil, Page())
        guard case .rejected(.notFound(.user)) = ledger.machine.read(unknown, at: ledger.now) else {
            Issue.record("instances of nobody")
            return
        }
    }
}
