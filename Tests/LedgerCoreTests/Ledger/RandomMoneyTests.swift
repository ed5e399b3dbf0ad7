import Glibc
import LedgerCore
import LedgerTestKit
import Testing

/// Random months in which prices change too, with two witnesses: a naive book-keeper that reads nothing but events, and
/// a twin that was restored from a snapshot and must decide every further command in the same bytes.
@Suite struct RandomMoneyTests {
    static let seeds = getenv("FLORIN_MONEY_SEEDS").flatMap { Int(String(cString: $0)) } ?? 24

    @Test(arguments: 1...seeds)
    func `a naive book-keeper and a restored twin agree with the ledger`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 7_000)
        var ledger = TestLedger()
        var books = PaperBooks()
        var twin: TestLedger?
        var wishes = Wishes()
        var read = 0
        Wishes.prepare(&ledger)

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
            let labels = Wishes.labels(using: &random)
            let actor = Wishes.actor(ledger, using: &random)
            let outcome = ledger.command(command, key: key, labels: labels, actor: actor)
            if let event = outcome.event { wishes.note(event) }
            wishes.note(lotsOf: ledger)
            try wishes.note(ledger, from: &read)
            if twin != nil {
                twin!.command(command, key: key, labels: labels, actor: actor)
                let count = min(twin!.journal.count, ledger.journal.count)
                guard twin!.journal.suffix(count) == ledger.journal.suffix(count),
                    twin!.machine.lastLSN == ledger.machine.lastLSN
                else {
                    Issue.record("seed \(seed), step \(step): the twin decides something else")
                    return
                }
            }
            if step % 10 == 0 {
                ledger.settle()
                twin?.settle()
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
        // What the months of the usual seeds have all of, some of many others have not.
        guard seed <= 24 else { return }
        #expect(books.refunds > 0 && books.shares > 0 && books.metered > 0)
        #expect(!books.gone.isEmpty && books.spentWithPassports > 0)
        #expect(books.allowances.given > 0 && books.allowances.carried > 0)
    }
}

/// Rule versions 10…14 of every name; others are the list price.
enum Prices {
    static let rules = RuleName.builtIn + [.meter("calls"), .meter("egress")]

    static func identity(_ name: RuleName, _ id: UInt64) -> RuleIdentity {
        RuleIdentity(digest: Digest256(words: .init(a: id, b: UInt64(name.code))))
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
        case .usage(_, _, let quantity, let before):
            return .amount(Money(nanos: quantity.count * (id - 9) * 100_001 + before % 7))
        }
    }

    static func price(of machine: borrowing StateMachine) -> (PriceQuery) -> PriceInput {
        var active: [RuleName: RuleIdentity] = [:]
        for name in Prices.rules { active[name] = machine.activeRule(name) }
        return { query in
            guard let rule = active[query.rule] else {
                return query.rule == .purchaseBonus ? TestLedger.listPrice(query) : .none
            }
            guard rule.digest.words.a >= 10 else { return TestLedger.listPrice(query) }
            return .priced(Priced(answer: answer(rule.digest.words.a, query), rule: rule))
        }
    }

    static func price(_ question: PriceQuestion) -> PriceInput {
        let id = question.rule.digest.words.a
        guard id >= 10 else { return TestLedger.listPrice(question) }
        return .priced(Priced(answer: answer(id, question.query), rule: question.rule))
    }

    static func book(_ name: RuleName, _ id: UInt64) -> PriceBook {
        PriceBook(rows: TestLedger.book(name).rows.map { PriceBook.Row(query: $0.query, answer: answer(id, $0.query)) })
    }
}

/// What a careless crowd of clients asks for.
struct Wishes {
    static let users: [ShortText] = ["u0", "u1", "u2", "u3"]
    /// Buys spaces and has bought credit for them, whatever becomes of the others.
    static let buyer: ShortText = "buyer"
    static let scopes: [CreditScope] = [
        .everything, .everything, CreditScope("session_runtime")!, CreditScope("storage_creation,api")!,
        CreditScope("job,session_runtime,space_purchase")!, CreditScope("calls,job")!,
    ]
    private var holds: [HoldID] = []
    private var charges: [Event] = []
    private var bought: [Event] = []
    /// Of each session that ended, its charges, the last posted first.
    private var whole: [[Event]] = []
    private var posted: [LSN: Event] = [:]
    private var origins: [LotID: LotOrigin] = [:]
    private var sessions = 0
    private var usages = 0
    private var passports: UInt64 = 0
    /// Users who come and go.
    private var guests: [ShortText] = []

    /// Users, spaces and rules that are wished for.
    static func prepare(_ ledger: inout TestLedger) {
        ledger.priceOfVersion = Prices.price
        for (index, user) in Wishes.users.enumerated() { ledger.user(user, UserType.allCases[index % 4]) }
        ledger.user(buyer)
        ledger.purchase(buyer, "1000")
        for (type, limit, value) in [
            (.free, .storageGrace, 36_000_000_000_000), (.pro, .storageGrace, 0),
            (.enterprise, .storageDebt, 5_000_000),
        ] as [(UserType, LimitName, Int64)] {
            ledger.command(.limitSet(LimitSet(type: type, limit: limit, value: value)))
        }
        ledger.command(.spaceAdd(SpaceAdd(.test("ml", "2.5", share: 3_000), creator: ledger.hash("u1"))))
        ledger.command(
            .spaceAdd(SpaceAdd(.test("web", "2.499999999", isPublic: false, share: 1_234), creator: ledger.hash("u2"))))
        ledger.command(.meterAdd(MeterAdd(name: "calls", unit: "calls")))
        ledger.command(.meterAdd(MeterAdd(name: "egress", unit: "GB", scale: 3)))
        for meter in ["calls", "egress"] as [ShortText] { ledger.activate(.meter(meter), 5) }
        for id in 10...14 as ClosedRange<UInt64> {
            for name in Prices.rules {
                ledger.command(
                    .ruleLoad(
                        RuleLoad(name: name, identity: Prices.identity(name, id), source: [0x2d, 0x2d, UInt8(id)])))
            }
        }
    }

    mutating func note(_ event: Event) {
        if case .holdPlaced = event.body { holds.append(event.id(shard: 0)) }
        if event.facts.charge != nil { charges.append(event) }
        if case .spacePurchased = event.body { bought.append(event) }
    }

    /// Sessions also end by themselves, and are posted on the way.
    mutating func note(_ ledger: borrowing TestLedger, from position: inout Int) throws {
        while position < ledger.journal.count {
            let event = try ledger.journal[position].event()
            position += 1
            for lot in event.facts.born { origins[lot.id] = lot }
            guard event.facts.charge != nil else { continue }
            posted[event.lsn] = event
            if case .sessionClosed(let closed) = event.body, !closed.charges.isEmpty {
                whole.append([event] + closed.charges.reversed().compactMap { posted[$0] })
            }
        }
    }

    /// Lots are born by commands alone and live until the next one at least.
    mutating func note(lotsOf ledger: borrowing TestLedger) {
        for user in Wishes.users + [Wishes.buyer] + guests where ledger.machine.lookUp(user: ledger.hash(user)) != nil {
            guard
                case .lots(let rows, _) = ledger.machine.read(
                    .lots(user: ledger.hash(user), Page(count: 5_000)), at: ledger.now)
            else {
                Issue.record("no list of lots")
                continue
            }
            for row in rows where origins[row.origin.id] == nil { origins[row.origin.id] = row.origin }
        }
    }

    /// Mostly none. (The table of commands gives them to few commands; the ledger takes them with each.)
    static func labels(using random: inout SeededGenerator) -> Labels {
        guard Int.random(in: 0..<3, using: &random) == 0 else { return .none }
        let team = ["ml", "web", "ops"].randomElement(using: &random)!
        return Labels(Bool.random(using: &random) ? "team=\(team)" : "team=\(team),job=\(random.next() % 5)")!
    }

    /// Often nobody's: then no passport's caps count.
    static func actor(_ ledger: borrowing TestLedger, using random: inout SeededGenerator) -> PassportOrdinal {
        let count = ledger.machine.passportCount
        guard count > 0, Int.random(in: 0..<3, using: &random) == 0 else { return .none }
        return PassportOrdinal(UInt32.random(in: 0..<UInt32(count), using: &random))
    }

    private func lots(of charge: Event) -> [LotOrigin] {
        let payment = charge.facts.charge!.settlement
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
        let guest = guests.suffix(3).randomElement(using: &random)
        let name = chance(6) ? guest ?? Wishes.users[0] : Wishes.users.randomElement(using: &random)!
        let user = ledger.hash(name)
        let isThere = ledger.machine.lookUp(user: user) != nil
        let session = ledger.machine.names.session(ShortText("s\(number(0...Int64(max(sessions, 1))))")!)
        let resource = ShortText("r\(number(0...6))")!
        var key: IdempotencyKey?
        if chance(8) {
            let k = UInt64(number(1...40))
            key = IdempotencyKey(scope: Hash128(high: 7, low: k), arguments: Hash128(high: 7, low: k % 3))
        }
        let command: Command
        switch number(0...50) {
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
                    expires: ledger.now + .hours(number(6...60)), scope: Self.scopes.randomElement(using: &random)!,
                    reason: []))
        case 3, 4:
            command = .creditCharge(
                CreditCharge(
                    user: user, amount: chance(3) && isThere ? max(ledger.account(name).available, .cent) : money(4),
                    source: chance(2) ? "api" : "gpu", over: chance(4)))
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
            command = .holdVoid(HoldVoid(hold: hold))
        case 11, 12, 13, 14:
            sessions += 1
            command = .sessionStart(
                SessionStart(
                    user: user, session: ShortText("s\(sessions)")!, tier: Tier.allCases.randomElement(using: &random)!,
                    timeToLive: .minutes(number(1...40_000)), reserveFull: chance(5),
                    heartbeat: chance(2) ? .zero : .minutes(number(1...4_000))))
        case 15: command = .sessionStop(SessionStop(session: session))
        case 16, 17: command = .sessionHeartbeat(SessionHeartbeat(session: session))
        case 18: command = .sessionCancel(SessionCancel(session: session, reason: []))
        case 19, 20:
            command = .storageCreate(
                StorageCreate(
                    user: user, resource: resource, kind: chance(2) ? .bucket : .filestore, megabytes: number(1...9_999)
                ))
        case 21:
            command = .storageResize(
                StorageResize(resource: ledger.machine.names.resource(resource), megabytes: number(1...9_999)))
        case 22: command = .storageDelete(StorageDelete(resource: ledger.machine.names.resource(resource)))
        case 23:
            sessions += 1
            let from = ledger.now - .minutes(number(0...90_000))
            command = .sessionRecord(
                SessionRecord(
                    session: ShortText("s\(sessions)")!, user: user, tier: .large, from: from, to: ledger.now,
                    arguments: .zero))
        case 24:
            guard let charges = whole.randomElement(using: &random) else { fallthrough }
            command = .creditRefund(
                CreditRefund(
                    charges: charges.map {
                        CreditRefund.Charge(
                            lsn: $0.lsn, user: $0.user, facts: $0.facts.charge!, lots: lots(of: $0), labels: $0.labels)
                    }, amount: chance(2) ? nil : money(2), reason: []))
        case 25:
            command = .creditTransfer(
                CreditTransfer(
                    from: user, to: ledger.hash(Wishes.users.randomElement(using: &random)!), amount: money(3),
                    reason: []))
        case 26, 27:
            guard let charge = charges.randomElement(using: &random) else { fallthrough }
            command = .creditRefund(
                CreditRefund(charge: charge, lots: lots(of: charge), amount: chance(2) ? nil : money(1), reason: []))
        case 28, 40, 41:
            command = .spacePurchase(
                SpacePurchase(
                    user: chance(2) ? user : ledger.hash(Wishes.buyer), space: chance(2) ? "ml" : "web", workspace: "w",
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
        case 33, 34:
            command = .sessionRetier(
                SessionRetier(session: session, tier: Tier.allCases.randomElement(using: &random)!))
        case 36:
            let (amount, period) = (
                chance(3) ? Limits.none : number(0...6_000_000_000), CapPeriod.allCases.randomElement(using: &random)!
            )
            if passports > 0, chance(2) {
                command = .passportSet(
                    PassportSet(
                        passport: PassportID(value: UInt64(number(1...Int64(passports)))), day: amount, month: nil))
            } else {
                command = .userLimitSet(UserLimitSet(user: user, period: period, value: amount))
            }
        case 35:
            command = .userSet(UserSet(user: user, change: .type(UserType.allCases.randomElement(using: &random)!)))
        case 43:
            let id = ShortText("g\(guests.count)")!
            guests.append(id)
            command = .userCreate(
                UserCreate(
                    id: id, emailHash: ledger.machine.names.hash(.email, id), email: [1],
                    type: UserType.allCases.randomElement(using: &random)!))
        case 44: command = .userDelete(UserDelete(user: ledger.hash(guest ?? "g0"), forfeit: chance(2)))
        case 31:
            let (name, id) = (Prices.rules.randomElement(using: &random)!, UInt64(number(10...14)))
            command = .ruleActivate(
                RuleActivate(
                    name: name, identity: Prices.identity(name, id),
                    at: chance(2) ? nil : ledger.now + .minutes(number(1...5_000)), book: Prices.book(name, id)))
        case 32:
            if chance(3) {
                command = .limitSet(
                    chance(2)
                        ? LimitSet(
                            type: UserType.allCases.randomElement(using: &random)!, limit: .storageDebt,
                            value: number(0...20_000_000))
                        : LimitSet(
                            type: UserType.allCases.randomElement(using: &random)!, limit: .storageGrace,
                            value: number(0...50_000) * 1_000_000_000))
            } else if chance(2) {
                command = .ruleRollback(RuleRollback(name: Prices.rules.randomElement(using: &random)!))
            } else {
                command = .limitSet(
                    chance(2)
                        ? LimitSet(type: .pro, limit: .exhaustionGrace, value: number(0...7_200) * 1_000_000_000)
                        : LimitSet(
                            type: UserType.allCases.randomElement(using: &random)!, limit: .exhaustionDebt,
                            value: chance(2) ? Limits.none : number(0...3_000_000_000)))
            }
        case 46, 47, 48:
            let terms =
                chance(5)
                ? .none
                : AllowanceTerms(
                    amount: money(1), period: CalendarPeriod.allCases.randomElement(using: &random)!,
                    rollover: chance(3) ? .zero : money(1), scope: Self.scopes.randomElement(using: &random)!)
            command =
                chance(3)
                ? .typeAllowanceSet(
                    TypeAllowanceSet(type: UserType.allCases.randomElement(using: &random)!, terms: terms))
                : .allowanceSet(AllowanceSet(user: user, terms: terms))
        case 37: command = .spaceGrant(SpaceGrant(space: "web", user: user))
        case 38: command = .spaceRevoke(SpaceRevoke(space: "web", user: user))
        case 42, 45:
            usages += 1
            let id = chance(5) ? number(1...Int64(usages)) : Int64(usages)
            let quantity = Money(nanos: chance(2) ? number(0...5_000) * 1_000_000 : number(0...9) * 1_000_000_000)
            command = .usageRecord(
                UsageRecord(
                    id: ShortText("use\(id)")!, user: user, meter: chance(2) ? "calls" : "egress",
                    billionths: quantity.nanos, at: chance(2) ? nil : ledger.now - .hours(number(0...900)),
                    arguments: .zero))
        case 39:
            guard let charge = bought.randomElement(using: &random) else { fallthrough }
            let cents = Money(nanos: number(1...900_000_000))
            command = .creditRefund(
                CreditRefund(charge: charge, lots: lots(of: charge), amount: chance(3) ? nil : cents, reason: []))
        default:
            passports += 1
            command = .passportCreate(
                PassportCreate(
                    user: user, id: PassportID(value: passports), digest: .zero, lastFour: 0, name: [],
                    permissions: .all, scope: .all,
                    expires: chance(2) ? .never : ledger.now + .hours(number(1...100))))
        }
        return (command, key)
    }
}

extension TestLedger {
    /// The same ledger from its snapshot, with an empty journal.
    borrowing func restored() throws -> TestLedger {
        var sink = FrameCollector()
        machine.writeSnapshot(to: &sink)
        var restored = StateMachine()
        for frame in sink.frames {
            try frame.bytes.withUnsafeBytes {
                try restored.restore(
                    FrameRows(section: frame.section, version: frame.version, rows: frame.rows, bytes: $0))
            }
        }
        try restored.finishRestoring()
        var twin = TestLedger()
        twin.machine = restored
        twin.now = now
        twin.priceOfVersion = priceOfVersion
        twin.journal = []
        return twin
    }
}
