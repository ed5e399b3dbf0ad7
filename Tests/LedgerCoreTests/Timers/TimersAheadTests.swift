import Glibc
import LedgerTestKit
import Testing

@testable import LedgerCore

/// Commands about one user that do not wait for what is due to others.
@Suite struct TimersAheadTests {
    /// Random months, lived twice: once awake, and once with hardly any timer on time, each command behind no more than
    /// it needs. Every answer is the same, and so is all that happens to each user.
    @Test(arguments: 1...seeds)
    func `a twin that lets commands pass decides for each user as one who is awake`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &* 23_000)
        var (passed, waited, ahead) = (0, 0, 0)
        for round in 0..<6 {
            var twins = PassingTwins()
            try live(&twins, "seed \(seed), round \(round)", using: &random)
            passed += twins.passed
            waited += twins.waited
            ahead += try twins.passing.journal.filter { try $0.event().origin == .timerAhead }.count
        }
        #expect(passed > 100 && waited > 50 && ahead > 50, "\(passed) \(waited) \(ahead)")
    }

    @Test(arguments: Due.allCases)
    func `what is due to whoever is asked about comes as it would have, for every pair`(first: Due) throws {
        for second in Due.allCases {
            for (offset, isTight) in LateEqualsAwakeTests.ways {
                let scene = TimerScene(first, second, offset: offset, isTight: isTight)
                let awake = scene.run(.awake)
                let ahead = scene.run(.ahead)
                for user in 0..<UInt32(awake.ledger.machine.userCount) {
                    let found = try ahead.ledger.told(UserOrdinal(user), from: ahead.before)
                    let expected = try awake.ledger.told(UserOrdinal(user), from: awake.before)
                    #expect(found == expected, "\(first), \(second) \(offset.nanoseconds) ns later, tight: \(isTight)")
                }
                // Where nothing is everybody's, nothing was left.
                guard ![first, second].contains(where: { $0 == .activation || $0 == .allowance }) else { continue }
                let isLeft = try ahead.ledger.journal[ahead.before...].contains { try $0.event().origin == .timer }
                #expect(!isLeft, "\(first), \(second)")
            }
        }
    }

    /// Before a lot of an allowance is carried on, all is posted that it may pay for: here more than a group takes.
    @Test func `an allowance with more before it than a group takes comes in pieces`() throws {
        func live(_ body: (inout TestLedger) -> Void) throws -> (told: [Told], pieces: Int) {
            var ledger = TestLedger()
            ledger.user("ann")
            ledger.purchase("ann", "1000")
            ledger.allow("ann", "50", .day, rollover: "50")
            for number in 0..<60 {
                let name = ShortText("r\(number)")!
                ledger.command(
                    .storageCreate(
                        StorageCreate(user: ledger.hash("ann"), resource: name, kind: .filestore, megabytes: 9_000)))
            }
            ledger.machine.groupLimit = 4 << 10
            ledger.now = CalendarPeriod.day.end(at: ledger.now) + TimeSpan(nanoseconds: 1_000_000)
            body(&ledger)
            let events = try ledger.journal.map { try $0.event() }
            var isBegun = false
            for event in events {
                #expect((event.group != event.lsn) == isBegun, "LSN \(event.lsn.value)")
                isBegun = !event.isLastOfGroup
            }
            let pieces = events.count { $0.origin == .timerAhead && $0.group == $0.lsn }
            #expect(ledger.machine.violations() == [] && !isBegun)
            return (try ledger.told(UserOrdinal(0)), pieces)
        }
        let awake = try live { $0.settle() }
        let ahead = try live { ledger in
            for _ in 0..<50 where !ledger.goOn(before: .own(.user(ledger.hash("ann")))) {}
        }
        #expect(ahead.told == awake.told && ahead.pieces > 1)
        #expect(ahead.told.contains { $0.code == .allowanceGranted })
    }

    private static let seeds = getenv("FLORIN_MONEY_SEEDS").flatMap { Int(String(cString: $0)) } ?? 6

    private func live(_ twins: inout PassingTwins, _ name: String, using random: inout SeededGenerator) throws {
        var wishes = Wishes()
        var read = 0
        Wishes.prepare(&twins.passing)
        Wishes.prepare(&twins.awake)
        for step in 0..<240 {
            let longest: Int64 = Int.random(in: 0..<12, using: &random) == 0 ? 300_000 : 9_000
            let span = TimeSpan.seconds(Int64.random(in: 1...longest, using: &random))
            twins.pass(span, most: Int.random(in: 0...2, using: &random))
            let (command, key) = wishes.next(twins.passing, using: &random)
            // A refund names events, which have other numbers here.
            if case .creditRefund = command { continue }
            let outcome = twins.decide(command, key: key, actor: Wishes.actor(twins.passing, using: &random))
            if let event = outcome.passing.event { wishes.note(event) }
            try wishes.note(twins.passing, from: &read)
            if let difference = outcome.difference ?? twins.difference(for: command) {
                Issue.record("\(name), step \(step): \(command.name): \(difference)")
                return
            }
        }
        let problems = twins.passing.problems()
        #expect(problems == [], "\(name): with timers that are due")
        twins.pass(.days(3), most: 0)
        twins.passing.settle()
        for user in 0..<UInt32(twins.awake.machine.userCount) {
            let (found, expected) = try (
                twins.passing.told(UserOrdinal(user)), twins.awake.told(UserOrdinal(user))
            )
            let first = zip(found, expected).first { $0 != $1 }
            #expect(first == nil && found.count == expected.count, "\(name): user \(user)")
        }
        let isBalanced = twins.passing.books() == twins.awake.books()
        #expect(isBalanced && twins.passing.machine.violations() == [], "\(name)")
    }
}

/// What waits for all that is due, though it is about one user.
@Suite struct WaitingTests {
    /// Acts for everybody, and may spend a dollar a day.
    private let platform = PassportOrdinal(0)
    /// Bob's, of the same cap.
    private let own = PassportOrdinal(1)
    /// Acts for everybody, without a cap.
    private let free = PassportOrdinal(2)

    /// Whether something passes what is due to ann after a time; nothing said: a charge for bob.
    private func passes(
        _ due: DueBefore? = nil, by actor: PassportOrdinal = .none, after span: TimeSpan = .minutes(30),
        with prepare: (inout TestLedger) -> Void = { _ in }
    ) -> Bool {
        var ledger = TestLedger()
        for user in ["ops", "ann", "bob"] as [ShortText] {
            ledger.user(user)
            ledger.purchase(user, "100")
        }
        for (number, user, scope, cap) in [
            (1, "ops", .all, Money.dollar.nanos), (2, "bob", .own, Money.dollar.nanos), (3, "ops", .all, Limits.none),
        ] as [(UInt64, ShortText, Scope, Int64)] {
            var caps = Caps()
            caps.day = cap
            ledger.command(
                .passportCreate(
                    PassportCreate(
                        user: ledger.hash(user), id: PassportID(value: number), digest: .zero, lastFour: 0, name: [],
                        permissions: .all, scope: scope, caps: caps)))
        }
        // What the platform may spend for bob depends on what ann's session holds by then.
        ledger.command(
            .sessionStart(SessionStart(user: ledger.hash("ann"), session: "s", tier: .small)), actor: platform)
        prepare(&ledger)
        ledger.wait(span)
        let charge = CreditCharge(user: ledger.hash("bob"), amount: .cent, source: "api")
        return ledger.settle(before: due ?? charge.dueBefore, actor: actor)
    }

    @Test func `a cap that others' usage counts to`() {
        #expect(!passes(by: platform))
        #expect(passes(by: own) && passes(by: free) && passes())
        // As it is asked by whom the passport is for.
        #expect(!passes(.own(.passport(PassportID(value: 1)))))
        #expect(passes(.own(.passport(PassportID(value: 2)))))
        // Whoever it makes now, it may ask about next.
        let create = UserCreate(id: "new", emailHash: Hash128(high: 1, low: 1), email: [1], type: .pro).dueBefore
        let nobody = DueBefore.own(.user(Hash128(high: 1, low: 2)))
        #expect(!passes(create, by: platform) && !passes(nobody, by: platform))
        #expect(passes(create, by: free) && passes(nobody, by: free))
        // Work that is under way with it.
        let bob = TestLedger().hash("bob")
        let work: [Command] = [
            .sessionStart(SessionStart(user: bob, session: "t", tier: .small)),
            .holdPlace(HoldPlace(user: bob, amount: .cent, timeToLive: .hours(2), source: "api")),
            .storageCreate(StorageCreate(user: bob, resource: "r", kind: .bucket, megabytes: 1)),
        ]
        for command in work {
            #expect(!passes { ledger in ledger.command(command, actor: platform) }, "\(command.name)")
            #expect(passes { ledger in ledger.command(command, actor: own) }, "\(command.name)")
        }
    }

    @Test func `prices that are to change`() {
        func rule(in span: TimeSpan) -> (inout TestLedger) -> Void {
            { ledger in
                let identity = RuleIdentity(digest: Digest256(words: .init(a: 60)))
                ledger.command(.ruleLoad(RuleLoad(name: .storage, identity: identity, source: [0x31])))
                let at = ledger.now + span
                ledger.command(
                    .ruleActivate(
                        RuleActivate(name: .storage, identity: identity, at: at, book: TestLedger.book(.storage))))
            }
        }
        #expect(!passes(with: rule(in: .minutes(20))) && passes(with: rule(in: .minutes(40))))
    }

    @Test func `rounds of allowances`() {
        let create = UserCreate(id: "new", emailHash: Hash128(high: 1, low: 1), email: [1], type: .pro).dueBefore
        let allow: (inout TestLedger) -> Void = { $0.allow("ann", "0.5", .day) }
        #expect(passes(create) && passes(create, with: allow))
        // At a midnight the round comes to the new one, too; at two, there are two of them.
        #expect(!passes(create, after: .days(1), with: allow) && passes(create, after: .days(1)))
        #expect(passes(after: .days(1), with: allow) && !passes(after: .days(2), with: allow))
    }

    @Test func `more rows than are looked through`() {
        func holds(_ count: Int) -> (inout TestLedger) -> Void {
            { ledger in
                let place = HoldPlace(
                    user: ledger.hash("bob"), amount: Money(nanos: 1), timeToLive: .hours(2), source: "api")
                for _ in 0..<count { ledger.command(.holdPlace(place)) }
            }
        }
        #expect(passes(with: holds(255)) && !passes(with: holds(256)))
    }

    @Test func `whatever is about two users, or settings`() {
        let hash = Hash128(high: 1, low: 1)
        let all: [Command] = [
            .creditTransfer(CreditTransfer(from: hash, to: hash, amount: .cent, reason: [])),
            .spacePurchase(SpacePurchase(user: hash, space: "s", workspace: "w", instance: "i")),
            .passportSet(PassportSet(passport: PassportID(value: 1), day: 1, month: nil)),
            .userSet(UserSet(user: hash, change: .type(.free))), .userDelete(UserDelete(user: hash, forfeit: false)),
            .limitSet(LimitSet(type: .pro, limit: .sessions, value: 1)),
            .allowanceSet(AllowanceSet(user: hash, terms: .none)),
            .typeAllowanceSet(TypeAllowanceSet(type: .pro, terms: .none)),
            .ruleRollback(RuleRollback(name: .storage)), .clockAccept(ClockAccept()),
        ]
        for command in all {
            guard case .everything = command.dueBefore else {
                Issue.record("\(command.name) passes what is due to others")
                continue
            }
        }
        let queries: [Query] = [
            .limits(.user(hash)), .limits(nil), .meters, .rules, .ruleSource(.storage, version: nil), .priceBooks(),
            .passport(PassportID(value: 1)), .passports(user: hash, Page()), .users(Page()), .books,
            .sessions(user: nil, status: nil, Page()), .allowances(nil, Page()), .spaces(Page()),
        ]
        for query in queries {
            guard case .everything = query.dueBefore else {
                Issue.record("\(query) passes what is due to others")
                continue
            }
        }
    }
}

/// One ledger that is awake, and one that lets commands pass.
private struct PassingTwins: ~Copyable {
    var passing = TestLedger()
    var awake = TestLedger()
    /// Commands that did not wait while something was due, and that did.
    private(set) var (passed, waited) = (0, 0)
    private var holds: [HoldID: HoldID] = [:]
    /// A time at which nothing is about to happen, so that both decide at one instant: many late events, a nanosecond
    /// each, would else move one of them.
    private let quiet = TimeSpan(nanoseconds: 1_000_000)

    mutating func pass(_ span: TimeSpan, most: Int) {
        var end = awake.now + span
        awake.advance(to: end)
        while let due = awake.machine.nextTimer, due <= end + quiet {
            end = end + quiet
            awake.advance(to: end)
        }
        passing.now = end
        if most > 0 { passing.settle(atMost: most) }
    }

    mutating func decide(
        _ command: Command, key: IdempotencyKey?, actor: PassportOrdinal
    ) -> (passing: Decided, difference: String?) {
        let isLate = passing.machine.nextTimer.map { $0 <= passing.now } ?? false
        if passing.settle(before: command.dueBefore, actor: actor) {
            if isLate { passed += 1 }
        } else {
            waited += 1
        }
        passing.now = passing.now + quiet
        awake.now = passing.now
        passing.price = Prices.price(of: passing.machine)
        awake.price = Prices.price(of: awake.machine)
        let here = passing.decide(command, key: key, actor: actor)
        let there = awake.decide(translated(command), key: key, actor: actor)
        if case .holdPlaced = here.event?.body, let placed = there.event {
            holds[here.event!.id(shard: 0)] = placed.id(shard: 0)
        }
        let (text, expected) = (Self.text(here), Self.text(there))
        return (here, text == expected ? nil : "\(text); awake: \(expected)")
    }

    /// Holds have the numbers of events.
    private func translated(_ command: Command) -> Command {
        switch command {
        case .holdCapture(var it):
            it.hold = holds[it.hold] ?? it.hold
            return .holdCapture(it)
        case .holdVoid(let it): return .holdVoid(HoldVoid(hold: holds[it.hold] ?? it.hold))
        default: return command
        }
    }

    private static func text(_ decided: Decided) -> String {
        switch decided {
        case .accepted(let event): "\(Told(event))"
        case .replayed: "replayed"
        case .recorded: "recorded"
        case .rejected(let rejection): rejection.text
        }
    }

    /// How the accounts of the user differ whom it was about; nil: they do not.
    func difference(for command: Command) -> String? {
        guard let user = awake.machine.user(of: command.subject), Int(user.value) < awake.machine.userCount else {
            return nil
        }
        let expected = awake.machine.image(user, at: awake.now)
        let found = passing.machine.image(user, at: passing.now)
        return found == expected ? nil : "\(found); awake: \(expected)"
    }
}

/// What an event says but for numbers of events.
private struct Told: Equatable {
    var code: EventCode
    var (asOf, from, to) = (Timestamp.distantPast, Timestamp.distantPast, Timestamp.distantPast)
    var words: String
    var after: AccountImage

    init(_ event: Event) {
        code = event.body.code
        (asOf, from, to) = (event.asOf, event.effectiveFrom, event.effectiveTo)
        let facts = event.facts
        let paid = facts.charge.map { charge in
            "\(charge.amount) \(charge.source) \(charge.settlement.held.total) \(charge.settlement.free.total) "
                + "\(charge.settlement.debt)"
        }
        let moved = facts.movement.map { "\($0.isCredit) \($0.amount) \($0.source)" }
        words = "\(paid ?? "") \(moved ?? "") \(event.labels.text)"
        after = event.after
    }
}

extension TestLedger {
    fileprivate func books() -> [String: Int128] {
        guard case .books(let rows) = machine.read(.books, at: now) else { return [:] }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.account, $0.balance) })
    }

    fileprivate func told(_ user: UserOrdinal, from first: Int = 0) throws -> [Told] {
        try journal[first...].map { try $0.event() }.filter { $0.user == user }.map { Told($0) }
    }
}
