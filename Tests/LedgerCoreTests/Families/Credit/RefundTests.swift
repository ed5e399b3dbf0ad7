import LedgerTestKit
import Testing

@testable import LedgerCore

/// CREDIT REFUND of whole sessions, and of debt that was repaid meanwhile.
@Suite struct RefundTests {
    /// Every charge with its session's name, the last posted first, as the engine reads them from the journal.
    private func charges(_ ledger: borrowing TestLedger) throws -> [CreditRefund.Charge] {
        let events = try ledger.journal.map { try $0.event() }
        let origins = events.flatMap(\.facts.born)
        return events.reversed().compactMap { event in
            event.facts.charge.map { CreditRefund.Charge(lsn: event.lsn, user: event.user, facts: $0, lots: origins) }
        }
    }

    /// Of all charges, or of the last ones.
    private func refund(_ ledger: inout TestLedger, _ amount: String? = nil, last: Int = .max) throws -> Decided {
        let charges = Array(try charges(ledger).prefix(last))
        return ledger.command(
            .creditRefund(CreditRefund(charges: charges, amount: amount.map { Money($0)! }, reason: [1, 2])))
    }

    private func kinds(_ ledger: borrowing TestLedger, _ user: ShortText = "ann") -> [LotKind: Money] {
        guard case .lots(let rows, _) = ledger.machine.read(.lots(user: ledger.hash(user), Page()), at: ledger.now)
        else {
            return [:]
        }
        return rows.reduce(into: [:]) { $0[$1.origin.kind, default: .zero] += $1.remaining }
    }

    /// The numbers of a case that failed from the outside.
    @Test func `bought credit that repaid the debt of a charge comes back as bought credit`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.charge("ann", "8", over: true)
        ledger.purchase("ann", "10")
        let refunded = try refund(&ledger).event!
        #expect(refunded.after.paid == Money("10") && refunded.after.promo == Money("5"))
        #expect(refunded.after.debt == .zero)
        #expect(try refund(&ledger).rejection == .closed(.charge))
        #expect(ledger.problems() == [])
    }

    @Test func `debt that a purchase and adjustments repaid in turn comes back as what repaid it`() throws {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.charge("ann", "40", over: true)
        ledger.command(.creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("7")!, reason: [])))
        ledger.purchase("ann", "15")
        ledger.command(.creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("5")!, reason: [])))
        ledger.purchase("ann", "10")
        #expect(ledger.account("ann").debt == Money("3"))
        // What is owed still is forgiven first, then bought credit comes back, then the rest.
        #expect(try refund(&ledger, "2").event?.after.debt == Money("1"))
        #expect(kinds(ledger) == [:])
        #expect(try refund(&ledger, "11").event?.after.debt == .zero)
        #expect(kinds(ledger) == [.paid: Money("10")!])
        #expect(try refund(&ledger, "20").event?.after.paid == Money("25"))
        #expect(kinds(ledger) == [.paid: Money("25")!, .adjustment: Money("5")!])
        #expect(try refund(&ledger, "8").rejection != nil)
        #expect(try refund(&ledger).event?.after.promo == Money("12"))
        #expect(kinds(ledger) == [.paid: Money("25")!, .adjustment: Money("12")!])
        #expect(try refund(&ledger).rejection == .closed(.charge))
        // 25.00 were paid and nothing bought with it is left but credit: 25.00.
        #expect(ledger.book("cash:stripe") == Money("-25", signed: true)!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `what was forgiven is not forgiven twice, nor what was bought given back twice`() throws {
        var ledger = TestLedger()
        ledger.user("ann")
        for _ in 0..<3 {
            ledger.charge("ann", "10", over: true)
            ledger.purchase("ann", "10")
            #expect(try refund(&ledger, last: 1).event?.after.paid == Money("10"))
            let charged = ledger.charge("ann", "10").event!
            #expect(charged.after.available == .zero)
            #expect(try refund(&ledger, last: 1).event?.after.paid == Money("10"))
            ledger.charge("ann", "10")
        }
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [false, true])
    func `a session of many days is given back whole, the last posted first`(isMonitored: Bool) throws {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .exhaustionGrace, value: TimeSpan.days(1).nanoseconds)))
        ledger.purchase("ann", "10")
        ledger.grant("ann", "4", expires: ledger.now + .days(40))
        ledger.start("s1", "ann", .gpu, ttl: .days(6), heartbeat: isMonitored ? .hours(30) : .zero)  // 0.125 an hour
        for _ in 1...5 {
            ledger.advance(to: ledger.now + .hours(20))
            ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session("s1"))))
        }
        ledger.advance(to: ledger.now + .hours(20))
        let closed = ledger.stop("s1").event!
        guard case .sessionClosed(let end) = closed.body else {
            Issue.record("not closed")
            return
        }
        let all = try charges(ledger)
        #expect(end.segments == all.count && all.count >= 5)
        #expect(all.map(\.lsn) == [closed.lsn] + end.charges.reversed())
        #expect(all.reduce(.zero) { $0 + $1.facts.amount } == end.total)
        let before = ledger.account("ann")
        #expect(before.debt > .zero)  // 120 hours cost 15.00, and there were 14.00

        // A part: the last charge first, then the one before it.
        let last = all[0].facts.amount
        let part = last + Money(nanos: 1_000)
        guard let answer = try refund(&ledger, "\(part)").event, case .creditRefunded(let second) = answer.body else {
            Issue.record("not refunded")
            return
        }
        let group = try ledger.journal.map { try $0.event() }.filter { $0.group == answer.group }
        guard group.count == 2, case .creditRefunded(let first) = group[0].body else {
            Issue.record("\(group.count) events")
            return
        }
        #expect(first.charge.lsn == all[0].lsn && first.amount == last && first.total == nil)
        // The receipt is that of the last entry: it shows what the whole refund leaves.
        #expect(second.charge.lsn == all[1].lsn && second.amount == Money(nanos: 1_000) && second.total == part)
        #expect(answer.after.available == ledger.account("ann").available)
        // What was asked for is said once.
        #expect(first.reason == .none && second.reason == [1, 2])

        // More than there is left is refused, and all of the rest goes.
        #expect(try refund(&ledger, "\(end.total)").rejection != nil)
        let rest = try refund(&ledger).event!
        guard case .creditRefunded(let restEvent) = rest.body else {
            Issue.record("not refunded")
            return
        }
        #expect(restEvent.total == end.total - part)
        #expect(try refund(&ledger).rejection == .closed(.charge))
        let after = ledger.account("ann")
        #expect(after.debt == .zero && after.available == Money("14"))
        #expect(after.paid == Money("10") && after.promo == Money("4"))
        #expect(ledger.book("revenue:session_runtime") + ledger.book("refunds") == 0)
        #expect(ledger.problems() == [])
    }

    @Test func `credit that has expired since breaks when it comes back`() throws {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.grant("ann", "4", expires: ledger.now + .hours(2))
        ledger.purchase("ann", "10")
        ledger.charge("ann", "6")
        ledger.advance(to: ledger.now + .hours(3))
        #expect(ledger.book("breakage") == 0)
        let refunded = try refund(&ledger).event!
        #expect(refunded.after.paid == Money("10") && refunded.after.promo == .zero)
        #expect(refunded.facts.expired == Money("4"))
        #expect(ledger.book("breakage") == Money("4")!.nanos)
        #expect(ledger.problems() == [])
    }
}
