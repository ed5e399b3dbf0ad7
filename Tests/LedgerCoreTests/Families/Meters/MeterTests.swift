import LedgerTestKit
import Testing

@testable import LedgerCore

/// METER ADD and USAGE RECORD: billing types of the platform's own.
@Suite struct MeterTests {
    /// `calls` at 0.001 each and `egress` (three fraction digits) at 0.0001 a thousandth, plus a nano-USD for each that
    /// the month had before.
    private func ledger(active: Bool = true) -> TestLedger {
        var ledger = TestLedger()
        ledger.price = { query in
            guard case .usage(_, _, let quantity, let before) = query else { return TestLedger.listPrice(query) }
            guard active else { return .failed("no rule") }
            let nanos = quantity.count * (quantity.scale == 0 ? 1_000_000 : 100_000) + before
            return .priced(Priced(answer: .amount(Money(nanos: nanos)), rule: .none))
        }
        ledger.user("ann")
        ledger.user("bob")
        ledger.command(.meterAdd(MeterAdd(name: "calls", unit: "calls")))
        ledger.command(.meterAdd(MeterAdd(name: "egress", unit: "GB", description: [0x78], scale: 3)))
        return ledger
    }

    @discardableResult
    private func record(
        _ ledger: inout TestLedger, _ id: ShortText, _ quantity: String, of meter: ShortText = "calls",
        by user: ShortText = "ann", at: Timestamp? = nil, arguments: UInt64 = 1
    ) -> Decided {
        ledger.command(
            .usageRecord(
                UsageRecord(
                    id: id, user: ledger.hash(user), meter: meter, billionths: Money(quantity)!.nanos, at: at,
                    arguments: Hash128(high: 1, low: arguments))))
    }

    private func rows(_ ledger: borrowing TestLedger) -> [MeterRow] {
        guard case .meters(let rows) = ledger.machine.read(.meters, at: ledger.now) else { return [] }
        return rows
    }

    @Test func `a meter is added once, and has a revenue account`() {
        var ledger = ledger()
        #expect(rows(ledger).map(\.name) == ["egress", "calls"] && rows(ledger)[0].scale == 3)
        #expect(ledger.command(.meterAdd(MeterAdd(name: "calls", unit: "x"))).rejection == .exists(.meter))
        let deep = MeterAdd(name: "deep", unit: "x", scale: 10)
        #expect(ledger.command(.meterAdd(deep)).rejection?.code == "ERR")
        guard case .books(let books) = ledger.machine.read(.books, at: ledger.now) else { return }
        #expect(books.contains { $0.account == "revenue:calls" && $0.balance == 0 })
        for number in 2..<StateMachine.maximumMeters {
            #expect(
                ledger.command(.meterAdd(MeterAdd(name: ShortText("m\(number)")!, unit: "x", scale: 9))).event != nil)
        }
        #expect(ledger.command(.meterAdd(MeterAdd(name: "more", unit: "x"))).rejection?.code == "ERR")
        #expect(ledger.problems() == [])
    }

    @Test func `usage is priced with what the month had before, by the month of AT`() throws {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        let first = record(&ledger, "a", "100").event!
        #expect(first.after.available == Money("9.9") && first.facts.charge?.source == "calls")
        #expect(first.facts.metered?.quantity.description == "100")
        #expect(record(&ledger, "b", "3").event!.facts.charge?.amount == Money("0.0030001"))
        // The last nanosecond of December is another month's.
        let before = Timestamp("2026-01-01T00:00:00Z")! - TimeSpan(nanoseconds: 1)
        let late = record(&ledger, "c", "5", at: before).event!
        #expect(late.facts.charge?.amount == Money("0.005") && late.effectiveFrom == before)
        #expect(record(&ledger, "d", "1", at: before).event!.facts.charge?.amount == Money("0.001000005"))
        let start = Timestamp("2026-01-01T00:00:00Z")!
        #expect(record(&ledger, "e", "0", at: start).event!.facts.charge?.amount == Money("0.000000103"))
        // Another user's, another meter's.
        #expect(record(&ledger, "f", "1", by: "bob").event!.facts.charge?.amount == Money("0.001"))
        #expect(record(&ledger, "g", "0.001", of: "egress").event!.facts.charge?.amount == Money("0.0001"))
        #expect(record(&ledger, "h", "2.5", of: "egress").event!.facts.charge?.amount == Money("0.250000001"))
        #expect(ledger.book("revenue:egress") == Money("0.250100001")!.nanos && ledger.problems() == [])
    }

    @Test func `it is never refused for funds, and takes credit that is for it first`() {
        var ledger = ledger()
        ledger.grant("ann", "0.5", for: CreditScope("calls")!)
        ledger.grant("ann", "1")
        #expect(record(&ledger, "a", "700").event!.after.available == Money("0.8"))
        #expect(record(&ledger, "b", "100", of: "egress").event!.after.debt == Money("9.2"))
        #expect(record(&ledger, "c", "1").event!.after.debt == Money("9.2010007"))
        for state in [UserState.suspended, .banned] {
            ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(state))))
            #expect(record(&ledger, ShortText(state.text)!, "1").event != nil)
        }
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.closed))))
        #expect(record(&ledger, "z", "1").rejection == .frozen(.closed))
        #expect(ledger.problems() == [])
    }

    @Test func `an id is recorded once`() {
        var ledger = ledger()
        let first = record(&ledger, "a", "1").event!
        guard case .recorded(first.lsn, arguments: Hash128(high: 1, low: 1)) = record(&ledger, "a", "1"),
            case .recorded(first.lsn, arguments: Hash128(high: 1, low: 2)) = record(&ledger, "a", "2", arguments: 2)
        else {
            Issue.record("recorded twice")
            return
        }
        #expect(first.facts.recorded?.arguments == Hash128(high: 1, low: 1))
        #expect(ledger.account("ann").debt == Money("0.001") && ledger.problems() == [])
    }

    @Test func `what cannot be recorded says why`() {
        var ledger = ledger()
        #expect(record(&ledger, "a", "1", of: "none").rejection == .notFound(.meter))
        #expect(record(&ledger, "a", "1", by: "nobody").rejection == .notFound(.user))
        #expect(
            record(&ledger, "a", "0.5").rejection?.text == "meter calls counts calls with at most 0 fraction digits")
        #expect(record(&ledger, "a", "0.0005", of: "egress").rejection?.code == "ERR")
        #expect(record(&ledger, "a", "1", at: ledger.now + .seconds(1)).rejection?.code == "ERR")
        #expect(record(&ledger, "a", "1", at: .distantPast).rejection?.code == "ERR")
        #expect(record(&ledger, "a", "1", at: .earliest).event != nil)
        var unpriced = self.ledger(active: false)
        #expect(record(&unpriced, "a", "1").rejection == .rule("no rule"))
        #expect(ledger.problems() == [] && unpriced.problems() == [])
    }

    @Test func `a month cannot hold more than can be counted`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.command(.meterAdd(MeterAdd(name: "fine", unit: "x", scale: 9)))
        ledger.price = { query in .priced(Priced(answer: .amount(.zero), rule: .none)) }
        #expect(record(&ledger, "a", "9223372036.854775807", of: "fine").event != nil)
        #expect(record(&ledger, "b", "0.000000001", of: "fine").rejection?.code == "ERR")
        #expect(record(&ledger, "c", "0", of: "fine").event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `what was used today counts against a cap, and is booked beyond it`() {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        ledger.command(.userLimitSet(UserLimitSet(user: ledger.hash("ann"), period: .day, value: Money("1")!.nanos)))
        record(&ledger, "a", "900", at: ledger.now - .days(1))
        #expect(ledger.charge("ann", "0.2").event != nil)
        record(&ledger, "b", "700")
        #expect(ledger.charge("ann", "0.2").rejection?.code == "CAP")
        #expect(record(&ledger, "c", "5000").event != nil)
        ledger.pass(.days(1), step: .hours(1))
        #expect(ledger.charge("ann", "1").event != nil && ledger.problems() == [])
    }

    @Test func `a refund gives usage back, and the month keeps it`() throws {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        let first = record(&ledger, "a", "100").event!
        let lots = try ledger.journal.flatMap { try $0.event().facts.born }
        ledger.command(.creditRefund(CreditRefund(charge: first, lots: lots, amount: nil, reason: [])))
        #expect(ledger.account("ann").available == Money("10"))
        #expect(record(&ledger, "b", "1").event!.facts.charge?.amount == Money("0.0010001"))
        #expect(ledger.problems() == [])
    }

    @Test func `rules of meters stand beside the ledger's own`() {
        var ledger = ledger()
        let identity = RuleIdentity(digest: Digest256(words: .init(a: 77)))
        let missing = RuleLoad(name: .meter("none"), identity: identity, source: [0x31])
        #expect(ledger.command(.ruleLoad(missing)).rejection == .notFound(.meter))
        for meter in ["egress", "calls"] as [ShortText] { ledger.activate(.meter(meter), 77) }
        #expect(
            ledger.machine.activeRules == [
                .sessionRuntime, .storage, .spacePurchase, .meter("calls"), .meter("egress"),
            ])
        #expect(ledger.machine.activeRule(.meter("calls")) == identity && rows(ledger).map(\.version) == [1, 1])
        #expect(ledger.problems() == [])
    }

    @Test(
        arguments: [
            (0, 0, "0"), (5, 0, "5"), (5, 1, "0.5"), (1_000, 3, "1"), (1_050, 3, "1.05"),
            (.max, 9, "9223372036.854775807"),
            (10_000_000_000, 9, "10"),
        ] as [(Int64, UInt8, String)])
    func `a quantity is written without trailing zeros`(count: Int64, scale: UInt8, text: String) {
        #expect(MeterQuantity(count: count, scale: scale).description == text)
    }
}
