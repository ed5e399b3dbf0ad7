import LedgerRules
import RESP
import Testing

@testable import LedgerCore
@testable import LedgerEngine
@testable import LedgerProtocol

/// Answers made of what the engine read: the table's fields, in the table's order.
struct EngineReplyTests {
    private func keys(_ value: RESPValue?) -> [String] { (value?.pairs ?? []).map { $0.key.string ?? "?" } }
    private func fields(_ id: CommandID) -> [String] { CommandTable.spec(id).reply.fields }

    private let account: AccountImage = {
        var account = AccountImage()
        account.available = Money(usd: "22.5")
        account.debt = Money(usd: "1")
        return account
    }()

    private func lots(_ amount: String) -> LotAmounts {
        var lots = LotAmounts()
        lots.append(LotAmount(lot: Samples.lot.id, amount: Money(usd: amount)))
        return lots
    }

    @Test func `a verified passport`() {
        let view = PassportView(
            ordinal: PassportOrdinal(1), id: PassportID(value: 62), user: UserOrdinal(5), digest: .zero,
            permissions: [.read, .billing], scope: .own, expires: .never, revoked: false, rate: 0)
        let verified = VerifiedPassport(
            passport: view, type: .pro, state: .active, available: Money(usd: "22.5"), debt: .zero)
        let email = Array("ada@example.com".utf8)
        for version in [RESPVersion.v2, .v3] {
            let it = value(version) { writer in
                email.withUnsafeBytes { encoder.verify(verified, user: "ada", email: $0, to: &writer) }
            }
            #expect(it.pairs?.count == fields(.passportVerify).count)
            #expect(it["passport"]?.string == "0000000010" && it["email"]?.string == "ada@example.com")
            #expect(it["permissions"]?.string == "read,billing" && it["available"]?.string == "22.50")
        }
        let plain = value { writer in
            encoder.verify(verified, user: "ada", email: UnsafeRawBufferPointer(start: nil, count: 0), to: &writer)
        }
        #expect(keys(plain) == fields(.passportVerify) && plain["email"] == .null)
    }

    @Test func `a quote says whether credit is enough`() {
        let quote = SessionQuote(pricing: Samples.pricing, duration: .minutes(90))!
        for (available, enough) in [("0.0375", Int64(1)), ("0.037499999", 0)] {
            var account = account
            account.available = Money(usd: available)
            let user = UserRow(
                ordinal: UserOrdinal(5), id: "ada", email: [], name: [], type: .pro, state: .active,
                created: Samples.time, account: account, sessions: 0, lastEvent: .none)
            let it = value { encoder.quote(quote, user: user, tier: .small, duration: .minutes(90), to: &$0) }
            #expect(keys(it) == fields(.sessionQuote))
            #expect(
                it["amount"]?.string == "0.0375" && it["seconds"]?.string == "5400" && it["enough"] == .integer(enough))
        }
    }

    @Test func `a row of history`() {
        let row = HistoryRow(
            lsn: LSN(300), id: BirthID(value: 300), kind: .charge, time: Samples.time, from: Samples.start,
            to: Samples.time,
            isCredit: false, amount: Money(usd: "0.025"), available: Money(usd: "7.5"), source: "session_runtime",
            description: "", session: "job-1", storage: ShortText())
        let page = value { encoder.history([row], next: 299, to: &$0) }
        let it = page.elements?[1].elements?.first
        #expect(page.elements?[0].string == "299" && keys(it) == fields(.creditHistory))
        #expect(it?["id"]?.string == "c_4q" && it?["type"]?.string == "debit" && it?["session"]?.string == "job-1")
        #expect(it?["description"] == .null && it?["storage"] == .null)
    }

    private func sum(_ text: String) -> MoneySum {
        let parts = text.split(separator: ".")
        let whole = Int128(parts[0])! * 1_000_000_000
        return MoneySum(nanos: parts.count == 1 ? whole : whole + Int128(Money(usd: "0." + parts[1]).nanos))
    }

    @Test func `a summary`() {
        let summary = Summary(
            user: UserOrdinal(5), from: Samples.start, to: nil, account: account, spent: sum("3"),
            billing: [Summary.BillingTotal(source: "api", count: 2, amount: sum("3"))],
            sessions: [Summary.SessionTotal(tier: .gpu, count: 1, nanoseconds: 1 << 70, amount: .zero)],
            purchased: sum("56000000000.5"), purchases: 1, granted: .zero, adjusted: sum("-1"), refunded: .zero,
            expired: .zero, entries: 4)
        let it = value { encoder.summary(summary, user: "ada", to: &$0) }
        #expect(keys(it) == fields(.userSummary))
        #expect(it["current_balance"]?.string == "22.50" && it["total_spent"]?.string == "3.00" && it["to"] == .null)
        #expect(it["total_purchased"]?.string == "56000000000.50")
        #expect(it["spent_by_source"]?["api"]?["count"] == .integer(2))
        #expect(
            it["sessions_by_tier"]?["gpu"]?["seconds"]?.string == "1180591620717.411303424"
                && it["total_adjusted"]?.string == "-1.00")
    }

    @Test func `an explanation, with a rule and without one`() {
        var payment = Payment()
        payment.held = lots("0.01")
        payment.free = lots("0.005")
        let priced = ChargeExplanation(
            event: Samples.record, amount: Samples.usage.amount, usage: Samples.usage, pricing: Samples.pricing,
            payment: payment, lots: [Samples.lot], ruleName: .sessionRuntime,
            proof: Explanation(
                Samples.pricing.query, priced: Priced(answer: Samples.pricing.priced.answer, rule: .none), source: nil),
            recomputed: Samples.usage.amount, arithmetic: ["a", "b"])
        let it = value { encoder.explanation(priced, user: "ada", to: &$0) }
        #expect(keys(it) == fields(.explain))
        #expect(
            it["charge"]?.string == "c_4q" && it["source"]?.string == "session_runtime" && it["agrees"] == .integer(1))
        #expect(
            it["inputs"]?["tier"]?.string == "small" && it["answer"]?.string == "0.025" && it["list"]?.string == "0.05")
        #expect(it["arithmetic"]?.elements == [.text("a"), .text("b")] && it["lots"]?.elements?.count == 2)
        #expect(
            it["lots"]?.elements?[0]["from"]?.string == "hold" && it["lots"]?.elements?[1]["kind"]?.string == "promo")

        let plain = ChargeExplanation(
            event: Samples.charge, amount: Money(usd: "0.0375"), usage: nil, pricing: nil, payment: Payment(), lots: [],
            ruleName: nil, proof: nil, recomputed: nil, arithmetic: [])
        let other = value { encoder.explanation(plain, user: "ada", to: &$0) }
        #expect(keys(other) == fields(.explain))
        for name in ["rule", "sha256", "inputs", "answer", "list", "proof", "agrees"] {
            #expect(other[name] == .null, "\(name)")
        }
    }

    @Test func `every event that can be charged names its revenue account`() {
        for (id, event) in Samples.receipts where fields(id).contains("charge") && id != .creditRefund {
            #expect(!event.chargeSource.isEmpty, "\(id)")
        }
        #expect(Samples.passport.chargeSource.isEmpty)
    }

    @Test func `a closed hold`() {
        let placed = Samples.receipts.first { $0.0 == .holdPlace }!.1
        let closed = ClosedHold(
            placed: placed, captured: sum("1.2"), released: sum("1.3"), expired: .zero, status: "captured",
            closed: Samples.time)
        let it = value { encoder.closedHold(closed, user: "ada", to: &$0) }
        #expect(keys(it) == fields(.holdGet))
        #expect(it["status"]?.string == "captured" && it["amount"]?.string == "2.50" && it["hold"]?.string == "h_4q")
        #expect(it["original"]?.string == "2.50" && it["remaining"]?.string == "0.00")
    }

    @Test func `a rule's check`() {
        let good = value {
            encoder.ruleCheck(RuleCheck(.purchaseBonus, source: "return function() return 5 end"), to: &$0)
        }
        #expect(keys(good) == fields(.ruleCheck))
        #expect(good["passes"] == .integer(1) && good["findings"] == .array([]) && good["prices"]?["free"] != nil)
        let bad = value { encoder.ruleCheck(RuleCheck(.purchaseBonus, source: "return 1.5"), to: &$0) }
        #expect(bad["passes"] == .integer(0) && bad["findings"]?.elements?.isEmpty == false)
    }

    @Test func `INFO is sections of name and value, one a line`() {
        var info = EngineInfo()
        info.counts = [("users", 3)]
        info.readOnly = "the disk\r\nis full"
        info.books = [BookRow(account: "cash:stripe", balance: -25_000_000_000)]
        let text = value { InfoReply.write(InfoReply.sections(info), wanted: [], to: &$0) }.string ?? ""
        #expect(text.hasPrefix("# Ledger\r\n") && text.contains("\r\n\r\n# Persistence\r\n"))
        #expect(text.contains("\r\nread_only:the disk  is full\r\n") && text.contains("\r\ncash:stripe:-25.00\r\n"))
        #expect(text.contains("db0:keys=3"))
        for line in text.split(separator: "\r\n") where !line.hasPrefix("#") { #expect(line.contains(":")) }
        let one = value { InfoReply.write(InfoReply.sections(info), wanted: ["memory"], to: &$0) }.string ?? ""
        #expect(one.hasPrefix("# Memory\r\n") && !one.contains("# Ledger"))
    }

    @Test func `the slow log is six elements an entry, as redis-py takes them apart`() {
        let entry = SlowLog.Entry(
            id: 4, time: Timestamp(seconds: 100), nanoseconds: 2_500_000, command: "CREDIT CHARGE")
        let it = value { encoder.slowlog([entry], to: &$0) }.elements?.first?.elements
        #expect(it?.prefix(3) == [.integer(4), .integer(100), .integer(2_500)])
        #expect(it?[3] == .array([.text("CREDIT"), .text("CHARGE")]) && it?.count == 6)
    }
}
