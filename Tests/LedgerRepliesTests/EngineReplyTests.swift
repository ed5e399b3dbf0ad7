import LedgerRules
import LedgerTestKit
import RESP
import Testing

@testable import LedgerCore
@testable import LedgerEngine
@testable import LedgerCommands
@testable import LedgerReplies

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
            permissions: [.read, .billing], scope: .own, expires: .never, revoked: false, rate: 0, requiresKeys: false)
        let verified = VerifiedPassport(
            passport: view, type: .pro, state: .active, available: Money(usd: "22.5"), debt: .zero)
        let email = Array("ada@example.com".utf8)
        for version in [RESPVersion.v2, .v3] {
            let it = value(version) { writer in
                email.withUnsafeBytes { encoder.verified(verified, user: "ada", email: $0, to: &writer) }
            }
            #expect(it.pairs?.count == fields(.passportVerify).count)
            #expect(it["passport"]?.string == "0000000010" && it["email"]?.string == "ada@example.com")
            #expect(it["permissions"]?.string == "read,billing" && it["available"]?.string == "22.50")
        }
        let plain = value { writer in
            encoder.verified(
                verified, user: "ada", email: UnsafeRawBufferPointer(start: nil, count: 0), to: &writer)
        }
        #expect(keys(plain) == fields(.passportVerify) && plain["email"] == .null)
    }

    @Test func `CLOCK says how it stands and what accepting would end`() {
        var status = ClockStatus()
        var overdue = Overdue()
        func answer() -> RESPValue {
            value { encoder.clock(ClockReport(now: Samples.time, status: status, overdue: overdue), to: &$0) }
        }
        #expect(keys(answer()) == fields(.clock))
        #expect(answer()["mode"]?.string == "ok" && answer()["reason"] == .null)
        (status.deviation, status.warning) = (.seconds(-90), "the wall clock is behind")
        #expect(answer()["mode"]?.string == "deviating" && answer()["deviation_seconds"]?.string == "-90")
        #expect(answer()["step_seconds"]?.string == "0" && answer()["accepted"]?.string == "\(Samples.time)")
        (status.deviation, status.refusal) = (.hours(2) + TimeSpan(nanoseconds: 500_000_000), "the wall clock was set")
        (overdue.lots, overdue.credit, overdue.holds, overdue.sessions) = (2, 7_500_000_000, 3, 4)
        let it = answer()
        #expect(it["mode"]?.string == "read-only" && it["reason"]?.string == "the wall clock was set")
        #expect(it["step_seconds"]?.string == "7200.5")
        #expect(
            it["wall"]?.string == it["accepted"]?.string && it["wall"]?.string == "\(Samples.time + status.deviation)")
        #expect(it["expiring_lots"] == .integer(2) && it["expiring_credit"]?.string == "7.50")
        #expect(it["expiring_holds"] == .integer(3) && it["ending_sessions"] == .integer(4))
    }

    @Test func `a quote says whether credit is enough`() {
        let quote = SessionQuote(pricing: Samples.pricing, duration: .minutes(90))!
        for (available, enough) in [("0.0375", Int64(1)), ("0.037499999", 0)] {
            var account = account
            account.available = Money(usd: available)
            let user = UserRow(
                ordinal: UserOrdinal(5), id: "ada", email: [], name: [], type: .pro, state: .active,
                created: Samples.time, account: account, sessions: 0, storage: StorageStanding(), lastEvent: .none)
            let it = value { encoder.quote(quote, user: user, tier: .small, duration: .minutes(90), to: &$0) }
            #expect(keys(it) == fields(.sessionQuote))
            #expect(
                it["amount"]?.string == "0.0375" && it["seconds"]?.string == "5400" && it["enough"] == .integer(enough))
        }
    }

    @Test func `a row of history`() {
        let row = HistoryRow(
            lsn: LSN(300), id: BirthID(shard: 0, lsn: LSN(300)), kind: .charge, time: Samples.time, from: Samples.start,
            to: Samples.time,
            isCredit: false, amount: Money(usd: "0.025"), available: Money(usd: "7.5"), source: "session_runtime",
            description: "", session: "job-1", storage: ShortText())
        let page = value { encoder.history([row], next: 299, to: &$0) }
        let it = page.elements?[1].elements?.first
        #expect(page.elements?[0].string == "299" && keys(it) == fields(.creditHistory))
        #expect(it?["id"]?.string == "c_Jyi" && it?["type"]?.string == "debit" && it?["session"]?.string == "job-1")
        #expect(it?["description"] == .null && it?["storage"] == .null && it?["labels"] == .null)
        var labelled = row
        labelled.labels = Labels("team=ml,job=81")!
        let shown = value { encoder.history([labelled], next: 0, to: &$0) }.elements?[1].elements?.first?["labels"]
        #expect(keys(shown) == ["job", "team"] && shown?["team"]?.string == "ml")
    }

    private func sum(_ text: String) -> MoneySum {
        let parts = text.split(separator: ".")
        let whole = Int128(parts[0])! * 1_000_000_000
        return MoneySum(nanos: parts.count == 1 ? whole : whole + Int128(Money(usd: "0." + parts[1]).nanos))
    }

    @Test func `a summary`() {
        var byLabel = Summary.LabelTotals(key: "team")
        byLabel.totals = ["web": .init(count: 1, amount: sum("1")), "ml": .init(count: 2, amount: sum("1.5"))]
        byLabel.others = .init(count: 1, amount: sum("0.5"))
        var summary = Summary(
            user: UserOrdinal(5), from: Samples.start, to: nil, account: account, storage: StorageStanding(),
            spent: sum("3"),
            billing: [Summary.BillingTotal(source: "api", count: 2, amount: sum("3"))],
            sessions: [Summary.SessionTotal(tier: .gpu, count: 1, nanoseconds: 1 << 70, amount: .zero)],
            purchased: sum("56000000000.5"), purchases: 1, granted: .zero, adjusted: sum("-1"), refunded: .zero,
            transferred: .zero, earned: sum("0.3"), expired: .zero, entries: 4, byLabel: byLabel)
        for (count, scale) in [(Int128(2_500), UInt8(3)), (Int128(1) << 70, 9)] {
            summary.meters.append(
                Summary.MeterTotal(
                    meter: scale == 3 ? "calls" : "egress", scale: scale, count: 2, quantity: count, amount: sum("3")))
        }
        let it = value { encoder.summary(summary, user: "ada", to: &$0) }
        #expect(it["usage_by_meter"]?["calls"]?["quantity"]?.string == "2.5")
        #expect(it["usage_by_meter"]?["egress"]?["quantity"]?.string == "1180591620717.411303424")
        #expect(it["usage_by_meter"]?["egress"]?["amount"]?.string == "3.00")
        #expect(keys(it) == fields(.userSummary))
        #expect(it["current_balance"]?.string == "22.50" && it["total_spent"]?.string == "3.00" && it["to"] == .null)
        #expect(it["total_earned"]?.string == "0.30")
        #expect(it["total_purchased"]?.string == "56000000000.50")
        #expect(it["spent_by_source"]?["api"]?["count"] == .integer(2))
        #expect(keys(it["spent_by_label"]) == ["ml", "web", "(none)"])
        #expect(
            it["spent_by_label"]?["ml"]?["amount"]?.string == "1.50"
                && it["spent_by_label"]?["(none)"]?["count"] == .integer(1))
        #expect(
            it["sessions_by_tier"]?["gpu"]?["seconds"]?.string == "1180591620717.411303424"
                && it["total_adjusted"]?.string == "-1.00")
    }

    @Test func `a quote of usage`() {
        let query = PriceQuery.usage(
            meter: "calls", type: .pro, quantity: MeterQuantity(count: 1_200, scale: 0), thisMonth: 7)
        let pricing = Pricing(
            query: query, priced: Priced(answer: .amount(Money(usd: "22.51")), rule: Samples.identity))
        let user = UserRow(
            ordinal: UserOrdinal(5), id: "ada", email: [], name: [], type: .pro, state: .active, created: Samples.time,
            account: account, sessions: 0, storage: StorageStanding(), lastEvent: .none)
        let it = value { encoder.quote(pricing, user: user, to: &$0) }
        #expect(keys(it) == fields(.usageQuote))
        #expect(it["quantity"]?.string == "1200" && it["enough"] == .integer(0))
    }

    @Test func `an explanation, with a rule and without one`() {
        var settlement = Settlement()
        settlement.held = lots("0.01")
        settlement.free = lots("0.005")
        let priced = ChargeExplanation(
            event: Samples.record, amount: Samples.usage.amount, usage: Samples.usage, pricing: Samples.pricing,
            settlement: settlement, lots: [Samples.lot], ruleName: .sessionRuntime,
            proof: Explanation(
                Samples.pricing.query, priced: Priced(answer: Samples.pricing.priced.answer, rule: .none), source: nil),
            recomputed: Samples.usage.amount, arithmetic: ["a", "b"])
        let it = value { encoder.explanation(priced, user: "ada", to: &$0) }
        #expect(keys(it) == fields(.explain))
        #expect(
            it["charge"]?.string == "c_Jyi" && it["source"]?.string == "session_runtime" && it["agrees"] == .integer(1))
        #expect(
            it["inputs"]?["tier"]?.string == "small" && it["answer"]?.string == "0.025" && it["list"]?.string == "0.05")
        #expect(it["arithmetic"]?.elements == [.text("a"), .text("b")] && it["lots"]?.elements?.count == 2)
        #expect(
            it["lots"]?.elements?[0]["from"]?.string == "hold" && it["lots"]?.elements?[1]["kind"]?.string == "promo")

        let plain = ChargeExplanation(
            event: Samples.charge, amount: Money(usd: "0.0375"), usage: nil, pricing: nil, settlement: Settlement(),
            lots: [],
            ruleName: nil, proof: nil, recomputed: nil, arithmetic: [])
        let other = value { encoder.explanation(plain, user: "ada", to: &$0) }
        #expect(keys(other) == fields(.explain))
        for name in ["rule", "sha256", "inputs", "answer", "list", "proof", "agrees"] {
            #expect(other[name] == .null, "\(name)")
        }
    }

    @Test func `every event that can be charged names its revenue account`() {
        let others: [CommandID] = [.creditRefund, .sessionRetier]  // they name a charge that another event made
        for (id, event) in Samples.receipts where fields(id).contains("charge") && !others.contains(id) {
            #expect(event.facts.charge?.source.isEmpty == false, "\(id)")
        }
        #expect(Samples.passport.facts.charge == nil)
    }

    @Test func `a closed hold`() throws {
        let placed = Samples.receipts.first { $0.0 == .holdPlace }!.1
        var closed = try #require(ClosedHold(placed: placed))
        (closed.captured, closed.released) = (sum("1.2"), sum("1.3"))
        (closed.status, closed.closed) = ("captured", Samples.time)
        let it = value { encoder.closedHold(closed, user: "ada", to: &$0) }
        #expect(keys(it) == fields(.holdGet))
        #expect(it["status"]?.string == "captured" && it["amount"]?.string == "2.50" && it["hold"]?.string == "h_Jyi")
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

    @Test func `a back-test`() {
        var tally = RepricingTally()
        tally.add(Money(usd: "1.5"), Money(usd: "2"))
        tally.add(Money(usd: "0.5"), Money(usd: "0.25"))
        tally.add(.zero, .zero)
        let report = BacktestReport(
            rule: .sessionRuntime, identity: .none, from: Samples.time, to: .never, through: LSN(81), total: tally,
            failures: RepricingFailures(), groups: [BacktestReport.Group(name: "pro", tally: tally)],
            took: TimeSpan(nanoseconds: 1_500_000_000))
        let it = value { encoder.backtest(report, to: &$0) }
        #expect(keys(it) == fields(.ruleBacktest))
        #expect(it["parts"] == .integer(3) && it["unaffected"] == .integer(1))
        #expect(it["higher"] == .integer(1) && it["lower"] == .integer(1))
        #expect(it["revenue_old"]?.string == "2.00" && it["revenue_new"]?.string == "2.25")
        #expect(it["difference"]?.string == "0.25" && it["seconds"]?.string == "1.5")
        #expect(it["to"] == .null && it["first_failure"] == .null)
        let group = it["groups"]?.elements?[0]
        #expect(group?["group"]?.string == "pro" && group?["difference"]?.string == "0.25")
        #expect(it["admit"] == .null)
    }

    @Test func `what became of the commands, with ADMIT`() {
        var found = RedecisionReport()
        (found.events, found.commands, found.alike, found.through) = (90, 7, 5, LSN(99))
        found.refused = [.init(command: "SESSION START", code: "INSUFFICIENT", count: 2, amount: .zero)]
        found.ended = [
            .init(
                session: "s1", user: "ada", ended: Samples.time, reason: "funds", recorded: .never,
                recordedReason: nil)
        ]
        (found.endedEarlier, found.earlierBy) = (1, 1_500_000_000)
        (found.old, found.new) = (MoneySum(nanos: 2_000_000_000), MoneySum(nanos: 1_500_000_000))
        (found.differences, found.unknown) = (["LSN 12, SESSION START is refused"], ["what they would have done"])
        found.decided = TimeSpan(nanoseconds: 500_000)
        let report = BacktestReport(
            rule: .sessionRuntime, identity: .none, from: Samples.time, to: .never, through: LSN(99),
            total: RepricingTally(), failures: RepricingFailures(), groups: [], admission: found, took: .zero)
        let it = value { encoder.backtest(report, to: &$0) }["admit"]
        #expect(it?["commands"] == .integer(7) && it?["alike"] == .integer(5) && it?["same"] == .integer(0))
        #expect(it?["difference"]?.string == "-0.50" && it?["earlier_by"]?.string == "1.5")
        #expect(it?["events_a_second"] == .integer(180_000) && it?["through"] == .integer(99))
        let refused = it?["refused"]?.elements?.first
        #expect(refused?["command"]?.string == "SESSION START" && refused?["count"] == .integer(2))
        let ended = it?["ended"]?.elements?.first
        #expect(ended?["earlier_by"] == .null)
        found.ended[0].recorded = Samples.time + .minutes(2)
        #expect(found.ended[0].earlierBy == .minutes(2))
        #expect(ended?["session"]?.string == "s1" && ended?["recorded"] == .null && ended?["recorded_reason"] == .null)
        #expect(it?["differences"]?.elements?.compactMap(\.string) == found.differences)
        #expect(it?["unknown"]?.elements?.count == 1)
    }

    @Test func `a shadow, while it runs and when it has ended`() {
        var tally = RepricingTally()
        tally.add(Money(usd: "1.5"), Money(usd: "2"))
        var report = ShadowReport(
            rule: .sessionRuntime, version: 2, identity: .none, since: Samples.time, until: .never, isOver: false,
            through: LSN(81), total: tally, failures: RepricingFailures(), median: 333, high: -50, worstUser: "ada",
            worstDifference: tally.difference)
        let diff = value { encoder.shadow(report, says: false, to: &$0) }
        #expect(keys(diff) == fields(.ruleDiff))
        #expect(diff["median_change"]?.string == "33.3" && diff["p95_change"]?.string == "-5")
        #expect(diff["worst_user"]?.string == "ada" && diff["worst_difference"]?.string == "0.50")
        let begun = value { encoder.shadow(report, says: true, to: &$0) }
        #expect(keys(begun) == fields(.ruleShadow))
        #expect(begun["running"] == .integer(1) && begun["note"]?.string == "a restart of the server ends it")
        report.isOver = true
        let ended = value { encoder.shadow(report, says: true, to: &$0) }
        #expect(ended["running"] == .integer(0) && ended["note"]?.string == "it has ended")
    }

    private static func figures() -> (EngineInfo, ServerFigures) {
        var info = EngineInfo()
        info.counts = [("users", 3)]
        (info.lastSnapshotFrames, info.lastSnapshotFramesReused) = (9, 7)
        info.readOnly = "the disk,\r\nsda=1, is full"
        info.books = [BookRow(account: "cash:stripe", balance: -25_000_000_000)]
        info.commands = [
            EngineInfo.Command(name: "CREDIT CHARGE", calls: 4, rejected: 1, nanoseconds: 10_000),
            EngineInfo.Command(name: "USER SET", calls: 0, rejected: 0, nanoseconds: 0),
        ]
        var server = ServerFigures()
        server.rejected = [("CREDIT CHARGE", 2), ("USER LIST", 5)]
        return (info, server)
    }

    private static func info(_ wanted: String...) -> String {
        let (info, server) = figures()
        return value { InfoReply.write(InfoReply.sections(info, server), wanted: wanted, to: &$0) }.string ?? ""
    }

    @Test func `INFO is sections of name and value, one a line`() {
        let text = Self.info()
        #expect(text.hasPrefix("# Server\r\n") && text.contains("\r\n\r\n# Persistence\r\n"))
        #expect(text.contains("db0:keys=3"))
        for line in text.split(separator: "\r\n") where !line.hasPrefix("#") { #expect(line.contains(":")) }
        let one = Self.info("memory")
        #expect(!Self.info("all").contains("# Followers"))
        var info = EngineInfo()
        info.followers = [
            FollowerStatus(name: "mirror", position: LSN(8), lag: 3, failures: 2, error: "no route, a=1, to it")
        ]
        let followers =
            value {
                InfoReply.write(InfoReply.sections(info, ServerFigures()), wanted: ["followers"], to: &$0)
            }.string ?? ""
        #expect(followers.hasPrefix("# Followers\r\nmirror_position:8\r\nmirror_lag:3\r\nmirror_error:no route"))
        #expect(one.hasPrefix("# Memory\r\n") && !one.contains("# Ledger"))
    }

    @Test func `INFO lists the forks, each as what clients make a dictionary of`() {
        #expect(!Self.info("all").contains("# Forks"))
        var server = ServerFigures()
        server.heldForks = ["what-if", "a,b=c"].map { name in
            ServerFigures.HeldFork(
                name: ShortText(name)!, client: 12, address: "127.0.0.1:5000", user: "ada", age: 61,
                bytes: 1000, grown: 10)
        }
        let rest = ",client=12,addr=127.0.0.1:5000,user=ada,age=61,memory_bytes=1000,grown_bytes=10\r\n"
        let text =
            value { InfoReply.write(InfoReply.sections(EngineInfo(), server), wanted: ["forks"], to: &$0) }.string ?? ""
        #expect(text == "# Forks\r\nfork_0:name=what-if\(rest)fork_1:name=a;b:c\(rest)")
    }

    @Test func `a value of INFO is one value to clients, and a name has no colon`() {
        for section in ["server", "clients", "memory", "persistence", "stats", "replication", "ledger", "books"] {
            for line in Self.info(section).split(separator: "\r\n") where !line.hasPrefix("#") {
                #expect(!line.contains(",") && !line.contains("="), "\(line)")
            }
        }
        #expect(Self.info("ledger").contains("\r\nread_only:the disk;  sda:1; is full\r\n"))
        let frames = "\r\nlast_snapshot_frames:9\r\nlast_snapshot_frames_reused:7\r\n"
        #expect(Self.info("persistence").contains(frames))
        #expect(Self.info("books") == "# Books\r\ncash/stripe:-25.00\r\n")
    }

    @Test func `who looks for the server that takes writes has found it`() {
        #expect(Self.info("replication").hasPrefix("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"))
    }

    @Test func `commandstats are in the form that monitors read`() {
        #expect(
            Self.info("commandstats")
                == "# Commandstats\r\n"
                + "cmdstat_credit|charge:calls=4,usec=10,usec_per_call=2.500,rejected_calls=2,failed_calls=1\r\n"
                + "cmdstat_user|list:calls=0,usec=0,usec_per_call=0.000,rejected_calls=5,failed_calls=0\r\n")
    }

    @Test func `what took long is three elements an event, and four for the last of a kind, as Redis has them`() {
        let entry = LatencyLog.Entry(
            event: .sync, time: Timestamp(nanoseconds: 100_000_007_999), nanoseconds: 12_345_678)
        #expect(
            value { encoder.latencies([entry], to: &$0) }
                == .array([.array([.integer(100_000_007), .text("sync"), .integer(12_345)])]))
        #expect(
            value { encoder.latencies([(entry: entry, longest: 99_000_000)], to: &$0) }
                == .array([.array([.text("sync"), .integer(100), .integer(12), .integer(99)])]))
    }

    @Test func `the slow log is six elements an entry, as redis-py takes them apart`() {
        let entry = SlowLog.Entry(
            id: 4, time: Timestamp(seconds: 100), nanoseconds: 2_500_000, command: "CREDIT CHARGE")
        let it = value { encoder.slowlog([entry], to: &$0) }.elements?.first?.elements
        #expect(it?.prefix(3) == [.integer(4), .integer(100), .integer(2_500)])
        #expect(it?[3] == .array([.text("CREDIT"), .text("CHARGE")]) && it?.count == 6)
    }
}
