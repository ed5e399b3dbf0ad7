import LedgerCore
import LedgerTestKit
import Testing

/// SPACE ADD … SHARE: what whoever made a space earns with it, and gives back.
@Suite struct ShareTests {
    /// `ml` of ann's at 5.00 with a share of 30 percent; bob has 3.00 of promo and 100.00 of bought credit.
    private func ledger(share: UInt16 = 3_000, price: String = "5") -> TestLedger {
        var ledger = TestLedger()
        for user in ["ann", "bob", "cem"] as [ShortText] { ledger.user(user) }
        ledger.purchase("bob", "100")
        ledger.command(.spaceAdd(SpaceAdd(.test("ml", price, share: share), creator: ledger.hash("ann"))))
        return ledger
    }

    private func buy(_ ledger: inout TestLedger, _ user: ShortText, _ instance: ShortText = "i") -> Event {
        ledger.command(
            .spacePurchase(
                SpacePurchase(user: ledger.hash(user), space: "ml", workspace: "w", instance: instance))
        ).event!
    }

    @discardableResult
    private func refund(_ ledger: inout TestLedger, _ charge: Event, _ amount: String? = nil) throws -> Decided {
        let lots = try ledger.journal.flatMap { try $0.event().facts.born }
        return ledger.command(
            .creditRefund(CreditRefund(charge: charge, lots: lots, amount: amount.map { Money($0)! }, reason: [])))
    }

    private func lots(_ ledger: borrowing TestLedger, _ user: ShortText) -> [LotRow] {
        guard case .lots(let rows, _) = ledger.machine.read(.lots(user: ledger.hash(user), Page()), at: ledger.now)
        else { return [] }
        return rows.sorted { $0.order < $1.order }
    }

    private func state(_ ledger: inout TestLedger, _ user: ShortText, _ state: UserState) {
        ledger.command(.userSet(UserSet(user: ledger.hash(user), change: .state(state))))
    }

    @Test func `it is a part of what was paid with bought credit, in the purchase's own group`() throws {
        var ledger = ledger()
        ledger.grant("bob", "2")
        let bought = buy(&ledger, "bob")
        // 2.00 of the 5.00 were a gift: 30 percent of 3.00.
        #expect(ledger.account("ann").promo == Money("0.9") && ledger.account("ann").available == Money("0.9"))
        #expect(ledger.book("author_share") == -Money("0.9")!.nanos && ledger.problems() == [])
        let group = try ledger.journal.map { try $0.event() }.filter { $0.group == bought.group }
        #expect(group.map(\.body.code) == [.spacePurchased, .shareEarned] && group[1].linked == bought.lsn)
        #expect(group[0].isLastOfGroup == false && group[1].isLastOfGroup)
        let moved = try #require(group[1].facts.movement)
        #expect(moved.source == "earning" && moved.isCredit && moved.amount == Money("0.9"))
        let lot = try #require(lots(ledger, "ann").first)
        #expect(lot.origin.kind == .earning && lot.origin.priority == 20 && lot.origin.expires == .never)
        #expect(ledger.charge("ann", "0.9").event?.after.available == .zero)
    }

    @Test func `sales go to one lot while something of it is left`() throws {
        var ledger = ledger()
        for number in 0..<5 { _ = buy(&ledger, "bob", ShortText("i\(number)")!) }
        #expect(lots(ledger, "ann").map(\.remaining) == [Money("7.5")])
        ledger.charge("ann", "7.5")
        #expect(lots(ledger, "ann").isEmpty)
        let next = buy(&ledger, "bob", "again")
        #expect(lots(ledger, "ann").map(\.origin.id) == [BirthID(shard: 0, lsn: next.lsn.next)])
        // What was charged from the first lot goes back to it.
        let charge = try ledger.journal.map { try $0.event() }.last { $0.body.code == .creditCharged }!
        try refund(&ledger, charge)
        #expect(lots(ledger, "ann").count == 2 && ledger.account("ann").promo == Money("9"))
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [
        (1, "5", "0.0005"), (3_333, "0.000000001", "0"), (5_000, "0.000000001", "0"),
        (5_000, "0.000000003", "0.000000002"),
        (10_000, "0.000000003", "0.000000003"), (10_000, "5", "5"), (0, "5", "0"),
    ])
    func `it is rounded half to even, once`(share: UInt16, price: String, earned: String) {
        var ledger = ledger(share: share, price: price)
        _ = buy(&ledger, "bob")
        #expect(ledger.account("ann").promo == Money(earned) && ledger.problems() == [])
    }

    @Test func `nobody earns with an own purchase, nor while banned or closed`() {
        var ledger = ledger()
        ledger.purchase("ann", "20")
        _ = buy(&ledger, "ann")
        #expect(ledger.account("ann").promo == .zero)
        for (state, earned) in [(UserState.suspended, "1.5"), (.banned, "1.5"), (.active, "3"), (.closed, "3")] {
            self.state(&ledger, "ann", state)
            _ = buy(&ledger, "bob", ShortText(state.text)!)
            #expect(ledger.account("ann").promo == Money(earned), "\(state)")
        }
        #expect(ledger.problems() == [])
    }

    @Test func `an account that can take no more earns nothing, and the purchase goes on`() {
        var ledger = ledger()
        let most = Money(nanos: StateMachine.accountCeiling) - Money("1.499999999")!
        ledger.command(.creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: most, reason: [])))
        #expect(buy(&ledger, "bob").after.available == Money("95"))
        #expect(ledger.account("ann").promo == most && ledger.book("author_share") == 0)
        ledger.command(
            .creditAdjust(
                CreditAdjust(user: ledger.hash("ann"), amount: -Money(nanos: 1), reason: [])))
        _ = buy(&ledger, "bob", "another")
        #expect(ledger.account("ann").promo == Money(nanos: StateMachine.accountCeiling))
        #expect(ledger.problems() == [])
    }

    @Test func `refunds take it back in proportion, and all of them exactly`() throws {
        var ledger = ledger(share: 3_333)
        let bought = buy(&ledger, "bob")
        let share = ledger.account("ann").promo
        #expect(share == Money("1.6665"))
        var (left, refunded) = (share, Int128(0))
        for amount in ["0.000000001", "0.333333333", "1.1", "0.000000001", "2.7"] {
            let event = try refund(&ledger, bought, amount).event!
            refunded += Int128(Money(amount)!.nanos)
            let taken = Rational.halfEven(Int128(share.nanos) * refunded, over: 5_000_000_000)!
            left = share - taken
            #expect(ledger.account("ann").promo == left, "\(amount)")
            let group = try ledger.journal.map { try $0.event() }.filter { $0.group == event.group }
            #expect(group[0].lsn == event.lsn && group.dropFirst().allSatisfy { $0.linked == event.lsn })
        }
        try refund(&ledger, bought)
        #expect(ledger.account("ann").promo == .zero && ledger.book("author_share") == 0)
        #expect(ledger.account("bob").available == Money("100") && ledger.problems() == [])
    }

    @Test func `first goes what was earned, then other free credit, then it is owed`() throws {
        var ledger = ledger()
        let (one, two, three) = (buy(&ledger, "bob", "1"), buy(&ledger, "bob", "2"), buy(&ledger, "bob", "3"))
        let soon = ledger.now + .days(1)
        ledger.grant("ann", "1", expires: soon)  // burns before what was earned
        ledger.purchase("ann", "10")
        try refund(&ledger, one)
        #expect(lots(ledger, "ann").map(\.remaining) == [Money("1"), Money("3"), Money("10")])
        ledger.charge("ann", "3")  // the gift, and 2.00 of the 3.00
        try refund(&ledger, two)
        #expect(lots(ledger, "ann").map(\.remaining) == [Money("9.5")] && ledger.account("ann").debt == .zero)
        ledger.charge("ann", "9")
        try refund(&ledger, three)
        #expect(lots(ledger, "ann").isEmpty && ledger.account("ann").debt == Money("1"))
        #expect(ledger.book("author_share") == 0 && ledger.problems() == [])
    }

    @Test func `what is held stays held, and a closed account owes nothing`() throws {
        var ledger = ledger()
        let (one, two) = (buy(&ledger, "bob", "1"), buy(&ledger, "bob", "2"))
        let hold = ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("2.5")!, timeToLive: .hours(1), source: "job"))
        ).event!.id(shard: 0)
        try refund(&ledger, one)
        #expect(ledger.account("ann").held == Money("2.5") && ledger.account("ann").debt == Money("1"))
        ledger.command(.holdVoid(HoldVoid(hold: hold)))
        ledger.charge("ann", "2.25", over: true)
        state(&ledger, "ann", .closed)
        try refund(&ledger, two)
        #expect(ledger.account("ann").promo == .zero && ledger.account("ann").debt == Money("1"))
        // 1.25 of the second share could not be taken.
        #expect(ledger.book("author_share") == -Money("1.25")!.nanos && ledger.problems() == [])
    }

    @Test func `it is spent and never transferred; a correction takes it`() {
        var ledger = ledger()
        _ = buy(&ledger, "bob")
        func transfer(_ amount: String) -> Decided {
            ledger.command(
                .creditTransfer(
                    CreditTransfer(from: ledger.hash("ann"), to: ledger.hash("cem"), amount: Money(amount)!, reason: [])
                ))
        }
        #expect(transfer("0.5").rejection == .insufficient(available: .zero, needed: Money("0.5")!))
        ledger.purchase("ann", "10")
        #expect(transfer("10.01").rejection == .insufficient(available: Money("10")!, needed: Money("10.01")!))
        #expect(transfer("9").event != nil)
        #expect(lots(ledger, "ann").map(\.origin.kind) == [.earning, .paid])
        #expect(lots(ledger, "ann").map(\.remaining) == [Money("1.5"), Money("1")])
        ledger.command(
            .creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("-2", signed: true)!, reason: [])))
        #expect(ledger.account("ann").promo == .zero && ledger.account("ann").paid == Money("0.5"))
        #expect(ledger.problems() == [])
    }

    @Test func `it lets what was running out go on, and repays no debt`() {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        ledger.charge("ann", "9.97")
        ledger.start("s1", "ann", .gpu)
        ledger.pass(.minutes(12), step: .seconds(10))
        #expect(ledger.session("s1")?.status == .exhausting)
        _ = buy(&ledger, "bob")
        #expect(ledger.session("s1")?.status == .active && ledger.problems() == [])
        ledger.command(.spaceAdd(SpaceAdd(.test("other", "5", share: 10_000), creator: ledger.hash("cem"))))
        ledger.charge("cem", "3", over: true)
        ledger.command(
            .spacePurchase(SpacePurchase(user: ledger.hash("bob"), space: "other", workspace: "w", instance: "o")))
        #expect(ledger.account("cem").debt == Money("3") && ledger.account("cem").promo == Money("5"))
        #expect(ledger.problems() == [])
    }
}
