import LedgerCore
import LedgerTestKit
import Testing

/// Random months in which prices change too, with two witnesses: a naive book-keeper that reads nothing but events, and
/// a twin that was restored from a snapshot and must decide every further command in the same bytes.
@Suite struct RandomMoneyTests {
    @Test(arguments: 1...24)
    func `a naive book-keeper and a restored twin agree with the ledger`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 7_000)
        var ledger = TestLedger()
        var books = NaiveBooks()
        var twin: TestLedger?
        var wishes = Wishes()
        for (index, user) in Wishes.users.enumerated() { ledger.user(user, UserType.allCases[index % 4]) }
        for space in ["ml", "web"] as [ShortText] {
            ledger.command(
                .spaceAdd(
                    SpaceAdd(
                        id: space, name: space, description: [], category: "c", gigabytes: 5, cost: Money("2.5")!,
                        isPublic: true)))
        }
        for id in 10...14 as ClosedRange<UInt64> {
            for name in RuleName.allCases {
                ledger.command(
                    .ruleLoad(
                        RuleLoad(name: name, identity: Prices.identity(name, id), source: [0x2d, 0x2d, UInt8(id)])))
            }
        }

        for step in 0..<300 {
            // Time passes, or the ledger is away for a while.
            if Int.random(in: 0..<3, using: &random) == 0 {
                let longest: Int64 = Int.random(in: 0..<12, using: &random) == 0 ? 700_000 : 4_000
                let span = TimeSpan.seconds(Int64.random(in: 1...longest, using: &random))
                let isAway = Int.random(in: 0..<15, using: &random) == 0
                ledger.wait(span)
                twin?.wait(span)
                if isAway {
                    ledger.restart(downtime: span)
                    twin?.restart(downtime: span)
                }
            }
            ledger.settle()
            twin?.settle()
            ledger.price = Prices.price(of: ledger.machine)
            if twin != nil { twin!.price = Prices.price(of: twin!.machine) }

            let (command, key) = wishes.next(ledger, using: &random)
            let outcome = ledger.command(command, key: key)
            if let event = outcome.event { wishes.note(event) }
            wishes.note(lotsOf: ledger)
            if twin != nil {
                twin!.command(command, key: key)
                let count = min(twin!.journal.count, ledger.journal.count)
                guard twin!.journal.suffix(count) == ledger.journal.suffix(count),
                    twin!.machine.lastLSN == ledger.machine.lastLSN
                else {
                    Issue.record("seed \(seed), step \(step): the twin decides something else")
                    return
                }
            }
            try books.read(ledger)
            if step % 10 == 0 {
                let found = books.disagreements(ledger) + ledger.machine.violations()
                #expect(found == [], "seed \(seed), step \(step)")
                if !found.isEmpty { return }
            }
            if step % 60 == 30 { twin = try ledger.restored() }
        }
        #expect(ledger.problems() == [], "seed \(seed)")
        #expect(books.closed > 0 || books.deleted > 0)
    }
}

/// Rule versions 10…14 of every name; others are the list price.
private enum Prices {
    static func identity(_ name: RuleName, _ id: UInt64) -> RuleIdentity {
        RuleIdentity(digest: Digest256(words: .init(a: id, b: UInt64(name.rawValue))))
    }

    static func answer(_ id: UInt64, _ query: PriceQuery) -> PriceAnswer {
        let id = Int64(id)
        switch query {
        case .sessionRuntime(let type, let tier, let seconds):
            if id == 14 { return .tariff(Tariff(rate: 0, listRate: 1_000)) }
            let rate = TestLedger.rate(type, tier) + id * 1_234_567 + (seconds > 100_000 ? 11 : 0)
            let steps =
                id % 2 == 0
                ? [] : [Tariff.Step(from: .hours(3), rate: rate / 3), Tariff.Step(from: .hours(7), rate: rate * 2 + 1)]
            return .tariff(Tariff(rate: id == 13 ? 0 : rate, listRate: rate, steps: steps))
        case .storage(_, let kind, let megabytes):
            let rate = (kind == .bucket ? 20_000_003 : 170_000_001) + id * 7 + (megabytes > 5_000 ? 1_000_000 : 0)
            return .tariff(
                Tariff(
                    rate: rate, listRate: rate, steps: id == 11 ? [Tariff.Step(from: .hours(100), rate: rate / 2)] : [])
            )
        case .spacePurchase(_, _, let price, _): return .amount(Money(nanos: price.nanos / 10 * (id - 8)))
        case .purchaseBonus(_, let amount): return .amount(Money(nanos: amount.nanos / 20 * (id - 10)))
        }
    }

    static func price(of machine: borrowing StateMachine) -> (PriceQuery) -> PriceInput {
        var active: [RuleName: RuleIdentity] = [:]
        for name in RuleName.allCases { active[name] = machine.activeRule(name) }
        return { query in
            guard let rule = active[query.rule] else {
                return query.rule == .purchaseBonus ? TestLedger.listPrice(query) : .none
            }
            guard rule.digest.words.a >= 10 else { return TestLedger.listPrice(query) }
            return .priced(Priced(answer: answer(rule.digest.words.a, query), rule: rule))
        }
    }

    static func book(_ name: RuleName, _ id: UInt64) -> PriceBook {
        PriceBook(rows: TestLedger.book(name).rows.map { PriceBook.Row(query: $0.query, answer: answer(id, $0.query)) })
    }
}

/// What a careless crowd of clients asks for.
private struct Wishes {
    static let users: [ShortText] = ["u0", "u1", "u2", "u3"]
    private var holds: [HoldID] = []
    private var charges: [Event] = []
    private var origins: [LotID: LotOrigin] = [:]
    private var sessions = 0
    private var passports: UInt64 = 0

    mutating func note(_ event: Event) {
        if case .holdPlaced = event.body { holds.append(event.id(shard: 0)) }
        if event.chargeParts != nil { charges.append(event) }
    }

    /// Lots are born by commands alone and live until the next one at least.
    mutating func note(lotsOf ledger: borrowing TestLedger) {
        for user in Wishes.users {
            guard
                case .lots(let rows, _) = ledger.machine.read(
                    .lots(user: ledger.hash(user), Page(count: 5_000)), at: ledger.now)
            else { continue }
            for row in rows where origins[row.origin.id] == nil { origins[row.origin.id] = row.origin }
        }
    }

    private func lots(of charge: Event) -> [LotOrigin] {
        let payment = charge.chargeParts!.payment
        var found: [LotOrigin] = []
        for parts in [payment.held, payment.free] {
            for index in 0..<parts.count { if let origin = origins[parts[index].lot] { found.append(origin) } }
        }
        return found
    }

    mutating func next(
        _ ledger: borrowing TestLedger, using random: inout SeededGenerator
    ) -> (Command, IdempotencyKey?) {
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        func money(_ dollars: Int64) -> Money { Money(nanos: number(1...dollars * 1_000_000_000)) }
        func chance(_ n: Int64) -> Bool { number(1...n) == 1 }
        let user = ledger.hash(Wishes.users.randomElement(using: &random)!)
        let session = ledger.machine.names.session(ShortText("s\(number(0...Int64(max(sessions, 1))))")!)
        let resource = ShortText("r\(number(0...6))")!
        var key: IdempotencyKey?
        if chance(8) {
            let k = UInt64(number(1...40))
            key = IdempotencyKey(scope: Hash128(high: 7, low: k), arguments: Hash128(high: 7, low: k % 3))
        }
        let command: Command
        switch number(0...33) {
        case 0, 1:
            command = .creditPurchase(
                CreditPurchase(
                    user: user, amount: Money(nanos: number(1_000...3_000) * 10_000_000),
                    method: chance(2) ? "card" : "wire"))
        case 2:
            command = .creditGrant(
                CreditGrant(
                    user: user, amount: money(2), kind: chance(2) ? .promo : .compensation,
                    effective: chance(2) ? nil : ledger.now + .hours(number(0...5)),
                    expires: ledger.now + .hours(number(6...60)), reason: []))
        case 3, 4:
            command = .creditCharge(
                CreditCharge(user: user, amount: money(4), source: chance(2) ? "api" : "gpu", over: chance(4)))
        case 5:
            command = .creditAdjust(
                CreditAdjust(user: user, amount: Money(nanos: number(-2_000_000_000...4_000_000_000)), reason: []))
        case 6, 7:
            command = .holdPlace(
                HoldPlace(user: user, amount: money(3), timeToLive: .minutes(number(1...3_000)), source: "job"))
        case 8, 9:
            guard let hold = holds.randomElement(using: &random) else { fallthrough }
            command = .holdCapture(HoldCapture(hold: hold, amount: money(2), final: chance(2), over: chance(2)))
        case 10:
            guard let hold = holds.randomElement(using: &random) else { fallthrough }
            command = .holdVoid(hold)
        case 11, 12, 13, 14:
            sessions += 1
            command = .sessionStart(
                SessionStart(
                    user: user, session: ShortText("s\(sessions)")!, tier: Tier.allCases.randomElement(using: &random)!,
                    timeToLive: .minutes(number(1...40_000)), reserveFull: chance(5),
                    heartbeat: chance(2) ? .zero : .minutes(number(1...4_000))))
        case 15: command = .sessionStop(session: session)
        case 16, 17: command = .sessionHeartbeat(session: session)
        case 18: command = .sessionCancel(session: session, reason: [])
        case 19, 20:
            command = .storageCreate(
                StorageCreate(
                    user: user, resource: resource, kind: chance(2) ? .bucket : .filestore, megabytes: number(1...9_999)
                ))
        case 21:
            command = .storageResize(resource: ledger.machine.names.resource(resource), megabytes: number(1...9_999))
        case 22: command = .storageDelete(resource: ledger.machine.names.resource(resource))
        case 23:
            sessions += 1
            let from = ledger.now - .minutes(number(0...90_000))
            command = .sessionRecord(
                SessionRecord(
                    session: ShortText("s\(sessions)")!, user: user, tier: .large, from: from, to: ledger.now,
                    arguments: .zero))
        case 24, 25, 26, 27:
            guard let charge = charges.randomElement(using: &random) else { fallthrough }
            command = .creditRefund(
                CreditRefund(charge: charge, lots: lots(of: charge), amount: chance(2) ? nil : money(1), reason: []))
        case 28:
            command = .spacePurchase(
                SpacePurchase(
                    user: user, space: chance(2) ? "ml" : "web", workspace: "w",
                    instance: ShortText("i\(number(0...20))")!))
        case 29:
            let states: [UserState] = [.active, .active, .active, .suspended, .banned]
            command = .userSet(UserSet(user: user, change: .state(states.randomElement(using: &random)!)))
        case 30:
            if chance(3) {
                command = .userSet(UserSet(user: user, change: .type(UserType.allCases.randomElement(using: &random)!)))
            } else {
                command = .userSet(UserSet(user: user, change: .state(.active)))
            }
        case 31:
            let (name, id) = (RuleName.allCases.randomElement(using: &random)!, UInt64(number(10...14)))
            command = .ruleActivate(
                RuleActivate(
                    name: name, identity: Prices.identity(name, id),
                    at: chance(2) ? nil : ledger.now + .minutes(number(1...5_000)), book: Prices.book(name, id)))
        case 32:
            if chance(2) {
                command = .ruleRollback(RuleRollback(name: RuleName.allCases.randomElement(using: &random)!))
            } else {
                command = .limitSet(
                    LimitSet(type: .pro, limit: .exhaustionGrace, value: number(0...7_200) * 1_000_000_000))
            }
        default:
            passports += 1
            command = .passportCreate(
                PassportCreate(
                    user: user, id: PassportID(value: passports), digest: .zero, lastFour: 0, name: [],
                    permissions: .read, scope: .own, expires: ledger.now + .hours(number(1...100))))
        }
        return (command, key)
    }
}

/// A ledger as one would write it on paper: what came in, what was charged, what was used, in dictionaries.
private struct NaiveBooks {
    /// A stretch of time under one price.
    private struct Stretch {
        var from: Timestamp
        var tariff: Tariff
        /// Where the tariff's clock starts.
        var clock: Timestamp
        var megabytes: Int64
    }
    private var net: [UserOrdinal: Int128] = [:]
    private var accounts: [String: Int128] = [:]
    private var usage: [BirthID: (stretch: Stretch, sums: [Int32: Int128], posted: Int128)] = [:]
    private var position = 0
    private var faults: [String] = []
    private(set) var closed = 0
    private(set) var deleted = 0

    /// The rate at each instant, summed stretch by stretch between the steps.
    private func area(_ stretch: Stretch, to end: Timestamp) -> Int128 {
        var sum = Int128(0)
        var at = stretch.from
        while at < end {
            let elapsed = at - stretch.clock
            let rate = stretch.tariff.steps.last { $0.from <= elapsed }?.rate ?? stretch.tariff.rate
            let next = stretch.tariff.steps.first { $0.from > elapsed }.map { min(end, stretch.clock + $0.from) } ?? end
            sum += Int128(rate) * Int128((next - at).nanoseconds)
            at = next
        }
        return sum
    }

    mutating func read(_ ledger: borrowing TestLedger) throws {
        while position < ledger.journal.count {
            let event = try ledger.journal[position].withUnsafeBytes { bytes in try Event(decoding: bytes) }
            position += 1
            count(event)
        }
    }

    private mutating func credit(_ event: Event, _ amount: Money, from account: String) {
        net[event.user, default: 0] += Int128(amount.nanos)
        accounts[account, default: 0] -= Int128(amount.nanos)
    }

    private mutating func count(_ event: Event) {
        if let (amount, payment, source) = event.chargeParts {
            if payment.total != amount {
                faults.append("event \(event.lsn.value) charges \(amount) and takes \(payment.total)")
            }
            if amount.isNegative { faults.append("event \(event.lsn.value) charges less than nothing") }
            net[event.user, default: 0] -= Int128(amount.nanos)
            accounts["revenue:\(source)", default: 0] += Int128(amount.nanos)
        }
        var broken = Money.zero
        switch event.body {
        case .userCreated(let e): credit(event, e.bonus, from: "promo_cost")
        case .creditPurchased(let e): credit(event, e.amount, from: "cash:\(e.method)")
        case .creditGranted(let e):
            credit(
                event, e.amount,
                from: e.lot.kind == .bonus ? "bonus_cost" : e.lot.kind == .promo ? "promo_cost" : "compensation_cost")
        case .creditAdjusted(let e): credit(event, e.amount, from: "adjustments")
        case .creditRefunded(let e):
            credit(event, e.amount, from: "refunds")
            for part in e.parts where part.lot.expires <= event.time { broken += part.amount }
            let parts = e.parts.reduce(Money.zero) { $0 + $1.amount }
            if parts + e.forgiven != e.amount { faults.append("refund \(event.lsn.value) loses money") }
        case .lotExpired(let e): broken = e.amount
        case .holdCaptured(let e): broken = e.broken
        case .holdReleased(let e): broken = e.broken
        case .sessionStarted(let e):
            usage[event.id(shard: 0)] = (
                Stretch(from: event.time, tariff: e.pricing.tariff, clock: event.time, megabytes: 1), [0: 0], 0
            )
        case .sessionPosted(let e):
            use(e.session, e.usage, through: e.usage.through, month: 0)
            if let pricing = e.repriced { usage[e.session]?.stretch.tariff = pricing.tariff }
        case .sessionClosed(let e):
            broken = e.broken
            use(e.session, e.usage, through: e.usage.through, month: 0)
            guard let used = usage.removeValue(forKey: e.session) else { break }
            closed += 1
            let total = Rational.halfEven(used.sums[0]!, over: 3_600_000_000_000)!
            if total != e.total || Int128(total.nanos) != used.posted {
                faults.append(
                    "session \(e.external): paper says \(total), the ledger \(e.total), posted \(used.posted)")
            }
        case .storageCreated(let e):
            usage[event.id(shard: 0)] = (
                Stretch(from: event.time, tariff: e.pricing.tariff, clock: event.time, megabytes: e.megabytes), [:], 0
            )
        case .storagePosted(let e): post(e)
        case .storageResized(let e):
            post(e.posted)
            usage[e.posted.resource]?.stretch = Stretch(
                from: e.posted.usage.through, tariff: e.pricing.tariff, clock: e.posted.usage.through,
                megabytes: e.megabytes)
        case .storageDeleted(let e):
            post(e.posted)
            guard let used = usage.removeValue(forKey: e.posted.resource) else { break }
            deleted += 1
            var total = Int128(0)
            for (month, sum) in used.sums {
                total += Int128(
                    Rational.halfEven(sum, over: Int128(Month(index: month).length.nanoseconds) * 1_000)!.nanos)
            }
            if total != Int128(e.total.nanos) || total != used.posted {
                faults.append(
                    "resource \(e.posted.external): paper says \(total), the ledger \(e.total.nanos), posted \(used.posted)"
                )
            }
        default: break
        }
        net[event.user, default: 0] -= Int128(broken.nanos)
        accounts["breakage", default: 0] += Int128(broken.nanos)
        if event.user != .none {
            let after = event.after
            let owned =
                Int128(after.paid.nanos) + Int128(after.promo.nanos) + Int128(after.held.nanos)
                - Int128(after.debt.nanos)
            if owned != net[event.user, default: 0] {
                faults.append(
                    "event \(event.lsn.value): paper says \(net[event.user, default: 0]), the account \(owned)")
            }
        }
    }

    private mutating func use(_ id: BirthID, _ charged: MeteredUsage, through end: Timestamp, month: Int32) {
        guard var used = usage[id] else { return faults.append("usage of something that does not run") }
        if charged.from != used.stretch.from { faults.append("usage leaves a gap at \(charged.from)") }
        used.sums[month, default: 0] += area(used.stretch, to: end) * Int128(used.stretch.megabytes)
        used.stretch.from = end
        used.posted += Int128(charged.amount.nanos)
        usage[id] = used
    }

    private mutating func post(_ e: StoragePosted) {
        let month = Month(containing: e.usage.from)
        if e.usage.through > month.end { faults.append("a posting crosses the end of a month") }
        use(e.resource, e.usage, through: e.usage.through, month: month.index)
        if let pricing = e.repriced {
            usage[e.resource]?.stretch.tariff = pricing.tariff
            usage[e.resource]?.stretch.clock = e.usage.through
        }
    }

    func disagreements(_ ledger: borrowing TestLedger) -> [String] {
        var found = faults
        guard case .books(let rows) = ledger.machine.read(.books, at: ledger.now) else { return ["no books"] }
        for row in rows where !row.account.hasPrefix("users:") && row.balance != accounts[row.account, default: 0] {
            found.append("\(row.account): paper says \(accounts[row.account, default: 0]), the ledger \(row.balance)")
        }
        return found
    }
}

extension TestLedger {
    /// The same ledger from its snapshot, with an empty journal.
    fileprivate borrowing func restored() throws -> TestLedger {
        var sink = FrameCollector()
        machine.writeSnapshot(to: &sink)
        var restored = StateMachine()
        for frame in sink.frames {
            try frame.bytes.withUnsafeBytes {
                try restored.restore(section: frame.section, rows: frame.rows, bytes: $0)
            }
        }
        try restored.finishRestoring()
        var twin = TestLedger()
        twin.machine = restored
        twin.now = now
        twin.journal = []
        return twin
    }
}
