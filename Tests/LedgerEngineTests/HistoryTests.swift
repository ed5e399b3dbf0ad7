import LedgerCore
import LedgerRules
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct HistoryTests {
    private func rows(
        _ t: TestEngine, _ user: String, from: Timestamp? = nil, to: Timestamp? = nil, count: Int = 10_000
    ) throws -> [HistoryRow] {
        guard
            case .history(let rows, _) = t.history(.history(user: t.hash(user), from: from, to: to, Page(count: count)))
        else {
            throw Unexpected("no history")
        }
        return rows
    }

    private func summary(_ t: TestEngine, _ user: String, from: Timestamp? = nil, to: Timestamp? = nil) throws
        -> Summary
    {
        guard case .summary(let summary) = t.history(.summary(user: t.hash(user), from: from, to: to)) else {
            throw Unexpected("no summary")
        }
        return summary
    }

    /// credits − debits, which is what the account holds.
    private func balance(_ rows: [HistoryRow]) -> Int64 {
        rows.reduce(0) { $0 + ($1.isCredit ? $1.amount.nanos : -$1.amount.nanos) }
    }

    private func worth(_ account: AccountImage) -> Int64 {
        account.paid.nanos + account.promo.nanos + account.held.nanos - account.debt.nanos
    }

    private func books(_ t: TestEngine) throws -> [String: Int128] {
        guard case .books(let rows) = t.read(.books) else { throw Unexpected("no books") }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.account, $0.balance) })
    }

    /// Something of everything for one user.
    private func live(_ t: TestEngine, _ user: String, _ generator: inout SeededGenerator, steps: Int) throws {
        let hash = t.hash(user)
        let bonus = "return function(user_type, amount) return amount // 10 end"
        if case .accepted = t.load(.purchaseBonus, bonus) { _ = t.activate(.purchaseBonus, 1) }
        try t.accept(t.createUser(user, .free))
        var charges: [ChargeID] = []
        var holds: [HoldID] = []
        var sessions: [ShortText] = []
        for step in 0..<steps {
            t.clock.advance(by: .seconds(Int64.random(in: 1...4000, using: &generator)))
            var outcome: Decided?
            switch Int.random(in: 0..<14, using: &generator) {
            case 0: outcome = t.run(t.purchase(user, "10.00"))
            case 1:
                outcome = t.run(
                    .creditGrant(
                        CreditGrant(
                            user: hash, amount: Money("1.25")!, kind: .promo,
                            effective: Bool.random(using: &generator) ? nil : t.clock.now() + .hours(1),
                            expires: t.clock.now() + .hours(5), reason: .clear(Array("welcome".utf8)))))
            case 2, 3: outcome = t.run(t.charge(user, "0.37"))
            case 4: outcome = t.run(t.charge(user, "12.000000001", source: "render", over: true))
            case 5:
                outcome = t.run(
                    .creditAdjust(
                        CreditAdjust(
                            user: hash,
                            amount: Money(nanos: Int64.random(in: -3_000_000_000...4_000_000_000, using: &generator)),
                            reason: .clear(Array("correction".utf8)))))
            case 6:
                outcome = t.run(
                    .holdPlace(HoldPlace(user: hash, amount: Money("2.00")!, timeToLive: .hours(2), source: "batch")))
                if case .accepted(let event) = outcome { holds.append(event.id(shard: 0)) }
            case 7:
                guard let hold = holds.popLast() else { continue }
                outcome = t.run(
                    .holdCapture(
                        HoldCapture(
                            hold: hold, amount: Money("0.50")!, final: Bool.random(using: &generator), over: false)))
            case 8:
                guard let hold = holds.popLast() else { continue }
                outcome = t.run(.holdVoid(HoldVoid(hold: hold)))
            case 9:
                let session = ShortText("\(user)-s\(step)")!
                outcome = t.run(.sessionStart(SessionStart(user: hash, session: session, tier: .medium)))
                if case .accepted = outcome { sessions.append(session) }
            case 10:
                guard let session = sessions.popLast() else { continue }
                outcome = t.run(.sessionStop(SessionStop(session: t.engine.names.session(session))))
            case 11:
                outcome = t.run(
                    .sessionRecord(
                        SessionRecord(
                            session: ShortText("\(user)-r\(step)")!, user: hash, tier: .small,
                            from: t.clock.now() - .hours(30), to: t.clock.now() - .hours(29), arguments: .zero)))
            case 12:
                guard let charge = charges.popLast() else { continue }
                guard case .refund(let found) = t.history(.refund(charge)) else {
                    Issue.record("a charge that cannot be refunded")
                    continue
                }
                outcome = t.run(
                    .creditRefund(CreditRefund(charges: found, amount: nil, reason: .clear(Array("sorry".utf8)))))
            default:
                outcome = t.run(
                    .storageCreate(
                        StorageCreate(
                            user: hash, resource: ShortText("\(user)-b\(step)")!, kind: .bucket, megabytes: 1000)))
            }
            if case .accepted(let event) = outcome, event.facts.charge != nil { charges.append(event.id(shard: 0)) }
        }
        _ = t.work([.barrier])
    }

    @Test(arguments: 0..<6) func `the statement adds up to the account, after every kind of entry`(seed: UInt64) throws
    {
        let disk = MemoryDisk()
        var generator = SeededGenerator(seed: seed)
        var end = TestEngine.noon
        var worthBefore: Int64 = 0
        var count = 0
        do {
            let t = try TestEngine(disk: disk)
            try live(t, "ada", &generator, steps: 120)
            let all = try rows(t, "ada")
            let account = try t.user("ada").account
            #expect(balance(all) == worth(account))
            count = all.count
            worthBefore = worth(account)
            end = t.clock.now()
            let sum = try summary(t, "ada")
            let plus = sum.purchased.nanos + sum.granted.nanos + sum.adjusted.nanos + sum.refunded.nanos
            #expect(plus - sum.spent.nanos - sum.expired.nanos == Int128(worth(account)))
            #expect(sum.billing.reduce(Int128(0)) { $0 + $1.amount.nanos } == sum.spent.nanos)
            #expect(sum.entries == all.count)
            // Gross revenue of the only user is what the statement charges.
            let revenue = try books(t).filter { $0.key.hasPrefix("revenue:") }.reduce(Int128(0)) { $0 + $1.value }
            #expect(revenue == sum.spent.nanos)
            // Months tile the whole: every entry counts in exactly one.
            let cut = TestEngine.noon + .hours(40)
            let early = try summary(t, "ada", to: cut)
            let late = try summary(t, "ada", from: cut)
            #expect(early.spent.nanos + late.spent.nanos == sum.spent.nanos)
            #expect(early.entries + late.entries == sum.entries)
            t.stop()
        }
        let t = try TestEngine(disk: disk, at: end)
        defer { t.stop() }
        #expect(try rows(t, "ada").count == count)
        #expect(balance(try rows(t, "ada")) == worthBefore)
    }

    @Test func `a turnover beyond 64 bits is exact`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        for _ in 0..<3 {
            try t.accept(.creditAdjust(CreditAdjust(user: t.hash("ada"), amount: Money("4000000000")!, reason: [])))
            try t.accept(t.charge("ada", "4000000000"))
        }
        let sum = try summary(t, "ada")
        #expect("\(sum.spent)" == "12000000000.00" && sum.adjusted == sum.spent && sum.entries == 6)
        #expect(sum.account.available == .zero)
    }

    @Test func `pages tile the statement`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        var generator = SeededGenerator(seed: 42)
        try live(t, "ada", &generator, steps: 60)
        try live(t, "bob", &generator, steps: 10)
        let all = try rows(t, "ada")
        for count in [1, 2, 7] {
            var paged: [HistoryRow] = []
            var cursor: UInt64 = 0
            repeat {
                guard
                    case .history(let page, let next) = t.history(
                        .history(user: t.hash("ada"), from: nil, to: nil, Page(count: count, cursor: cursor)))
                else { throw Unexpected("no page") }
                #expect(page.count <= count)
                paged += page
                cursor = next
            } while cursor != 0
            #expect(paged.map(\.lsn) == all.map(\.lsn))
            #expect(paged.map(\.amount) == all.map(\.amount))
        }
        let times = all.map(\.time)
        #expect(times == times.sorted(by: >))
        let middle = all[all.count / 2].time
        #expect(try rows(t, "ada", from: middle).allSatisfy { $0.time >= middle })
        #expect(try rows(t, "ada", to: middle).allSatisfy { $0.time < middle })
        #expect(try rows(t, "ada", from: middle).count + rows(t, "ada", to: middle).count == all.count)
        // Somebody else's cursor is no cursor.
        let bobs = try rows(t, "bob")
        guard
            case .rejected = t.history(
                .history(user: t.hash("ada"), from: nil, to: nil, Page(count: 1, cursor: bobs[0].lsn.value * 2)))
        else { throw Unexpected("a foreign cursor was taken") }
        guard case .rejected(.notFound(.user)) = t.history(.summary(user: t.hash("zoe"), from: nil, to: nil)) else {
            throw Unexpected("a summary of nobody")
        }
    }

    /// Something of everything with labels, over months.
    private func liveLabelled(_ t: TestEngine, _ generator: inout SeededGenerator) throws {
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "1000.00"))
        func run(_ command: Command) -> Decided {
            t.clock.advance(by: .seconds(Int64.random(in: 1...9_000, using: &generator)))
            let team: Labels? = [nil, "team=ml", "team=ml,job=1", "team=web", "job=2"].randomElement(using: &generator)!
                .flatMap { Labels($0) }
            return t.decided([Asked(item: .command(command), actor: t.adminOrdinal, labels: team ?? .none)])[0]
        }
        for number in 0..<60 {
            let user = t.hash("ada")
            switch number % 6 {
            case 0:
                let start = SessionStart(
                    user: user, session: ShortText("s\(number)")!, tier: .small, timeToLive: .days(3))
                _ = run(.sessionStart(start))
            case 1:
                let place = HoldPlace(user: user, amount: Money("2")!, timeToLive: .hours(30), source: "batch")
                guard case .accepted(let event) = run(.holdPlace(place)) else { throw Unexpected("no hold") }
                let hold = event.id(shard: 0)
                _ = run(.holdCapture(HoldCapture(hold: hold, amount: Money("0.75")!, final: true, over: false)))
            case 2:
                let name = ShortText("r\(number)")!
                _ = run(.storageCreate(StorageCreate(user: user, resource: name, kind: .bucket, megabytes: 7_000)))
            default:
                guard case .accepted(let event) = run(t.charge("ada", "0.37")) else { throw Unexpected("no charge") }
                guard number % 4 == 0, case .refund(let found) = t.history(.refund(event.id(shard: 0))) else {
                    continue
                }
                _ = run(.creditRefund(CreditRefund(charges: found, amount: Money("0.1")!, reason: .none)))
            }
        }
        t.clock.advance(by: .days(4))
        _ = t.work([.barrier])
    }

    @Test(arguments: 0..<4) func `a statement by label is the part of the whole that has it, page by page`(
        seed: UInt64
    ) throws {
        let t = try TestEngine()
        defer { t.stop() }
        var generator = SeededGenerator(seed: seed)
        try liveLabelled(t, &generator)
        let all = try rows(t, "ada")
        #expect(all.count > 100)
        let (team, ml, two): (ShortText, ShortText, ShortText) = ("team", "ml", "2")
        let filters: [(text: String, admits: (Labels) -> Bool)] = [
            ("team", { $0[team] != nil }), ("team=ml", { $0[team] == ml }), ("job=2", { $0["job"] == two }),
            ("nobody", { _ in false }),
        ]
        for (text, admits) in filters {
            let bytes = Array(text.utf8)
            let filter = try #require(bytes.withUnsafeBytes { LabelFilter(parsing: $0) })
            let expected = all.filter { row in admits(row.labels) }
            #expect(expected.isEmpty == (text == "nobody"))
            for count in [1, 7, 10_000] {
                var paged: [HistoryRow] = []
                var cursor: UInt64 = 0
                repeat {
                    let request = HistoryRequest.history(
                        user: t.hash("ada"), from: nil, to: nil, label: filter, Page(count: count, cursor: cursor))
                    guard case .history(let page, let next) = t.history(request) else { throw Unexpected("no page") }
                    #expect(page.count <= count && (next == 0 || page.count == count))
                    paged += page
                    cursor = next
                } while cursor != 0
                #expect(paged.map(\.lsn) == expected.map(\.lsn) && paged.map(\.amount) == expected.map(\.amount))
            }
        }
    }

    @Test(arguments: 0..<4) func `a summary by label adds up to the whole`(seed: UInt64) throws {
        let t = try TestEngine()
        defer { t.stop() }
        var generator = SeededGenerator(seed: seed + 100)
        try liveLabelled(t, &generator)
        let all = try rows(t, "ada")
        let charges = all.filter { $0.kind == .charge }
        let middle = all[all.count / 2].from
        for (from, to): (Timestamp?, Timestamp?) in [(nil, nil), (middle, nil), (nil, middle)] {
            for key in ["team", "job", "nothing"] as [ShortText] {
                let request = HistoryRequest.summary(user: t.hash("ada"), from: from, to: to, by: key)
                guard case .summary(let summary) = t.history(request), let byLabel = summary.byLabel else {
                    throw Unexpected("no summary")
                }
                let inRange = charges.filter { row in
                    (from ?? .distantPast) <= row.from && row.from < (to ?? .never)
                }
                var expected: [ShortText?: (count: Int, nanos: Int128)] = [:]
                for row in inRange {
                    let sum = expected[row.labels[key], default: (0, 0)]
                    expected[row.labels[key]] = (sum.count + 1, sum.nanos + Int128(row.amount.nanos))
                }
                #expect(byLabel.sorted.map(\.value) == expected.keys.compactMap { $0 }.sorted { $0.precedes($1) })
                for (value, total) in byLabel.sorted {
                    #expect(total.count == expected[value]?.count && total.amount.nanos == expected[value]?.nanos)
                }
                #expect(byLabel.others.count == expected[nil]?.count ?? 0)
                let sum = byLabel.sorted.reduce(byLabel.others.amount.nanos) { $0 + $1.total.amount.nanos }
                #expect(sum == summary.spent.nanos && sum > 0)
            }
        }
    }

    @Test func `a summary of more values than anybody reads is refused`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "100.00"))
        let end = Summary.LabelTotals.most
        for first in stride(from: 0, through: end, by: 1_000) {
            let asked = (first..<min(first + 1_000, end + 1)).map { number in
                Asked(
                    item: .command(t.charge("ada", "0.000000001")), actor: t.adminOrdinal,
                    labels: Labels("job=\(number)")!)
            }
            _ = t.decided(asked)
        }
        func summary(_ key: ShortText) -> HistoryResult {
            t.history(.summary(user: t.hash("ada"), from: nil, to: nil, by: key))
        }
        guard case .rejected(.invalid(let text)) = summary("job") else { throw Unexpected("it was taken") }
        #expect(text.hasPrefix("the label job has more than 10000 values here"))
        guard case .summary(let other) = summary("team") else { throw Unexpected("refused") }
        #expect(other.byLabel?.others.count == end + 1)
    }

    @Test func `free text comes back in the clear, and lies in the journal sealed`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(
            .creditAdjust(
                CreditAdjust(
                    user: t.hash("ada"), amount: Money("5.00")!, reason: .clear(Array("a very private reason".utf8)))))
        #expect(try rows(t, "ada").first?.description == "a very private reason")
        let needle = Array("very private".utf8)
        let address = Array("ada@example".utf8)
        for path in disk.paths {
            let bytes = disk.bytes(of: path)!.prefix(200_000)
            for word in [needle, address] {
                let isThere = bytes.indices.dropLast(word.count).contains {
                    bytes[$0] == word[0] && bytes[$0..<$0 + word.count].elementsEqual(word)
                }
                #expect(!isThere, "\(path)")
            }
        }
    }

    @Test func `a key answers with the first receipt, across a restart`() throws {
        let disk = MemoryDisk()
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 1), arguments: Hash128(high: 2, low: 2))
        var first = LSN.none
        do {
            let t = try TestEngine(disk: disk)
            try t.accept(t.createUser("ada"))
            try t.accept(t.purchase("ada", "10.00"))
            first = try t.accept(t.charge("ada", "1.00"), key: key).lsn
            t.stop()
        }
        let t = try TestEngine(disk: disk, at: TestEngine.noon + .minutes(1))
        defer { t.stop() }
        guard case .replayed(let lsn) = t.run(t.charge("ada", "1.00"), key: key) else {
            throw Unexpected("charged twice")
        }
        #expect(lsn == first)
        guard case .event(let event) = t.history(.replayed(lsn)), case .creditCharged(let charge) = event.body else {
            throw Unexpected("no receipt")
        }
        #expect(charge.amount == Money("1.00"))
        let other = IdempotencyKey(scope: key.scope, arguments: .zero)
        guard case .rejected(.keyReused) = t.run(t.charge("ada", "2.00"), key: other) else {
            throw Unexpected("key reused")
        }
        // A remembered refusal is the same refusal again.
        let poor = IdempotencyKey(scope: Hash128(high: 3, low: 3), arguments: .zero)
        guard case .rejected(.insufficient(let available, _)) = t.run(t.charge("ada", "100.00"), key: poor) else {
            throw Unexpected("charged what is not there")
        }
        try t.accept(t.purchase("ada", "500.00"))
        guard case .replayed(let refusal) = t.run(t.charge("ada", "100.00"), key: poor),
            case .remembered(.insufficient(let again, _), _) = t.history(.replayed(refusal))
        else { throw Unexpected("the refusal was forgotten") }
        #expect(again == available)
    }

    @Test func `a recorded session is a replay only with the same arguments`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        func record(_ arguments: UInt64) -> Command {
            .sessionRecord(
                SessionRecord(
                    session: "job-1", user: t.hash("ada"), tier: .large, from: TestEngine.noon - .hours(2),
                    to: TestEngine.noon - .hours(1), arguments: Hash128(high: 0, low: arguments)))
        }
        let event = try t.accept(record(1))
        for arguments in [1, 2] as [UInt64] {
            guard case .recorded(let lsn, let asked) = t.run(record(arguments)) else {
                throw Unexpected("billed twice")
            }
            #expect(lsn == event.lsn)
            let result = t.history(.recorded(lsn, arguments: asked))
            if arguments == 1 {
                guard case .event(let again) = result else { throw Unexpected("\(result)") }
                #expect(again.lsn == event.lsn)
            } else {
                guard case .rejected(.exists(.session)) = result else { throw Unexpected("\(result)") }
            }
        }
    }

    @Test func `explain proves a charge with the rule that priced it`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        try t.accept(.sessionStart(SessionStart(user: t.hash("ada"), session: "s", tier: .large)))
        t.clock.advance(by: .minutes(40))
        let closed = try t.accept(.sessionStop(SessionStop(session: t.engine.names.session("s"))))
        guard case .explanation(let why) = t.history(.explain(closed.id(shard: 0))) else {
            throw Unexpected("unexplained")
        }
        #expect(why.amount == why.recomputed)
        #expect(why.proof?.outcome == .reproduced)
        #expect(why.ruleName == .sessionRuntime)
        #expect(why.lots.map(\.kind) == [.paid])
        #expect(!why.arithmetic.isEmpty)
        // Origins as the tables have them.
        guard case .lots(let lots, _) = t.read(.lots(user: t.hash("ada"), Page())) else { throw Unexpected("no lots") }
        #expect(lots.map(\.origin) == why.lots)
        guard case .rejected(.notFound(.charge)) = t.history(.explain(ChargeID(shard: 0, lsn: LSN(1)))) else {
            throw Unexpected("genesis is a charge")
        }
        guard case .rejected(.notFound(.charge)) = t.history(.explain(ChargeID(shard: 0, lsn: LSN(1 << 40)))) else {
            throw Unexpected("the future is a charge")
        }
    }

    @Test func `the origin of every lot is in the event that made it`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        var generator = SeededGenerator(seed: 3)
        try live(t, "ada", &generator, steps: 100)
        guard case .lots(let lots, _) = t.read(.lots(user: t.hash("ada"), Page(count: 1000))) else {
            throw Unexpected("no lots")
        }
        #expect(!lots.isEmpty)
        for lot in lots {
            let event = try t.event(lot.origin.id.lsn)
            #expect(event.facts.bornLot(lot.origin.id, of: event.header) == lot.origin)
        }
    }

    @Test func `a closed hold tells its story`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let hold = try t.accept(
            .holdPlace(HoldPlace(user: t.hash("ada"), amount: Money("4.00")!, timeToLive: .hours(1), source: "gpu")))
        let id = hold.id(shard: 0)
        try t.accept(.holdCapture(HoldCapture(hold: id, amount: Money("1.00")!, final: false, over: false)))
        try t.accept(.holdVoid(HoldVoid(hold: id)))
        guard case .rejected(.closed(.hold)) = t.read(.hold(id)) else { throw Unexpected("still open") }
        guard case .hold(let story) = t.history(.hold(id)) else { throw Unexpected("no story") }
        #expect(story.status == "voided")
        #expect("\(story.captured)" == "1.00")
        #expect("\(story.released)" == "3.00" && "\(story.expired)" == "0.00")
        guard case .rejected(.notFound(.hold)) = t.history(.hold(HoldID(shard: 0, lsn: LSN(2)))) else {
            throw Unexpected("the start is a hold")
        }
    }
}
