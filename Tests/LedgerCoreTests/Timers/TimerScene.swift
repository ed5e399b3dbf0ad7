import LedgerTestKit

@testable import LedgerCore

/// What becomes due by itself.
enum Due: CaseIterable {
    case activation, accrual, monthEnd, dailyPost, timeToLive, tariffLock, effective, holdExpiry, lotExpiry, lease, lost
    case exhaustion, deadline, debtCeiling, deleteDue, allowance
}

/// A ledger in which things become due at chosen instants, and ways to let the time pass in which they do.
struct TimerScene {
    /// In order; each on a user of its own, or all on one.
    var due: [(kind: Due, at: Timestamp, user: ShortText)] = []
    /// Shortly before, the users spend all they have.
    var isTight = false
    /// Some of the credit pays for sessions alone, some for storage alone.
    var hasScopes = false

    static let start = Timestamp("2026-01-29T00:00:00Z")!
    static let users: [ShortText] = ["ann", "bob"]
    /// Of a type whose sessions run on until they owe something; what becomes due for this user is that.
    static let debtor: ShortText = "cem"
    static let debtorNumber = UserOrdinal(2)
    /// Whose storage nobody pays for.
    static let keeper: ShortText = "dot"
    /// In nano-USD an hour: a lease of ten minutes costs a whole number, and lasts exactly as long.
    static let rate: Int64 = 360_000_000

    /// Two kinds on one user, the second one `offset` after the first, or as soon after it as there is such an instant.
    init(_ first: Due, _ second: Due, offset: TimeSpan, isTight: Bool) {
        let earliest = Self.start + .days(1) + .seconds(45_296)
        if !Self.isFree(second), Self.isFree(first) {
            let at = Self.instant(second, notBefore: earliest)
            due = [(first, at - offset, "ann"), (second, at, "ann")]
        } else {
            let at = Self.instant(first, notBefore: earliest)
            due = [(first, at, "ann"), (second, Self.instant(second, notBefore: at + offset), "ann")]
        }
        self.isTight = isTight
    }

    /// Any number of kinds, at random.
    init(kinds: Int, using random: inout SeededGenerator) {
        let offsets: [Int64] = [0, 0, 1, 2, 1_000_000_000, 60_000_000_000, 239_000_000_000]
        let base = Self.instant(
            Due.allCases.randomElement(using: &random)!, notBefore: Self.start + .days(1) + .seconds(45_296))
        for _ in 0..<kinds {
            let kind = Due.allCases.randomElement(using: &random)!
            let at = base + TimeSpan(nanoseconds: offsets.randomElement(using: &random)!)
            let user = Self.users.randomElement(using: &random)!
            due.append((kind, Self.isFree(kind) ? at : Self.instant(kind, notBefore: base, user), user))
        }
        isTight = Bool.random(using: &random)
        hasScopes = Bool.random(using: &random)
    }

    /// Whether it can be made due at any instant.
    private static func isFree(_ kind: Due) -> Bool {
        switch kind {
        case .accrual, .monthEnd, .dailyPost, .allowance: false
        case .activation, .timeToLive, .tariffLock, .effective, .holdExpiry, .lotExpiry, .lease, .lost, .exhaustion,
            .deadline, .debtCeiling, .deleteDue:
            true
        }
    }

    private static func instant(_ kind: Due, notBefore t: Timestamp, _ user: ShortText = "ann") -> Timestamp {
        switch kind {
        case .accrual, .dailyPost:
            let ordinal = UserOrdinal(UInt32(users.firstIndex(of: user)!))
            return StateMachine.daily(ordinal, after: t - TimeSpan(nanoseconds: 1))
        case .monthEnd: return Month(containing: t - TimeSpan(nanoseconds: 1)).end
        case .allowance: return CalendarPeriod.day.end(at: t - TimeSpan(nanoseconds: 1))
        case .activation, .timeToLive, .tariffLock, .effective, .holdExpiry, .lotExpiry, .lease, .lost, .exhaustion,
            .deadline, .debtCeiling, .deleteDue:
            return t
        }
    }

    // MARK: The gap

    var gapStart: Timestamp { due.map(\.at).min()! - .seconds(30) }
    var gapEnd: Timestamp { due.map(\.at).max()! + .minutes(35) }
    var gap: TimeSpan { gapEnd - gapStart }

    enum Mode {
        case awake, asleep, down
        /// Asleep, and then somebody asks about each user, the last one first.
        case ahead
    }

    /// A ledger at the end of the gap, everything fired.
    struct Run: ~Copyable {
        var ledger: TestLedger
        /// How many events there were before the gap.
        var before: Int
    }

    func run(_ mode: Mode) -> Run {
        var ledger = TestLedger()
        ledger.price = { query in
            guard case .sessionRuntime = query, case .priced(let priced) = TestLedger.listPrice(query) else {
                return TestLedger.listPrice(query)
            }
            return .priced(Priced(answer: .tariff(Tariff(rate: Self.rate, listRate: Self.rate)), rule: priced.rule))
        }
        ledger.now = Self.start
        ledger.activate(.sessionRuntime, 50, book: Self.book(Self.rate))
        // Half a minute's usage, and the nano-USD that is left for rounding.
        ledger.command(.limitSet(LimitSet(type: .enterprise, limit: .exhaustionDebt, value: 3_000_001)))
        for user in Self.users + [Self.debtor, Self.keeper] {
            ledger.user(user, user == Self.debtor ? .enterprise : user == Self.keeper ? .free : .pro)
            ledger.purchase(user, "100")
            if hasScopes {
                ledger.grant(user, "0.1234567", for: .sessions)
                ledger.grant(user, "0.0123456", for: .storage)
            }
        }
        for action in actions.sorted(by: { $0.at < $1.at }) {
            ledger.advance(to: action.at)
            action.run(&ledger)
        }
        ledger.advance(to: gapStart)
        let before = ledger.journal.count
        // An event says when the gap began in all three, so that numbers mean the same.
        switch mode {
        case .awake:
            ledger.restart(downtime: .zero)
            ledger.advance(to: gapEnd)
        case .asleep:
            ledger.restart(downtime: .zero)
            ledger.now = gapEnd
        case .ahead:
            ledger.restart(downtime: .zero)
            ledger.now = gapEnd
            for user in [Self.keeper, Self.debtor] + Self.users.reversed() {
                ledger.settle(before: .own(.user(ledger.hash(user))))
            }
        case .down:
            ledger.now = gapEnd
            ledger.restart(downtime: gap)
        }
        ledger.settle()
        return Run(ledger: ledger, before: before)
    }

    static func book(_ rate: Int64) -> PriceBook {
        PriceBook(
            rows: TestLedger.book(.sessionRuntime).rows.map {
                PriceBook.Row(query: $0.query, answer: .tariff(Tariff(rate: rate, listRate: rate)))
            })
    }

    // MARK: What makes them due

    private struct Action {
        var at: Timestamp
        var run: (inout TestLedger) -> Void
    }

    private var actions: [Action] {
        var all: [Action] = []
        for (number, item) in due.enumerated() {
            all += actions(item.kind, at: item.at, user: item.user, "x\(number)")
        }
        if isTight { all += Self.users.map { user in Action(at: gapStart - .seconds(10)) { $0.drain(user) } } }
        return all
    }

    private func actions(_ kind: Due, at due: Timestamp, user: ShortText, _ name: String) -> [Action] {
        let name = ShortText(name)!
        let scope = hasScopes ? CreditScope.sessions : .everything
        func session(_ lead: TimeSpan, ttl: TimeSpan? = nil, heartbeat: TimeSpan = .zero, full: Bool = false) -> Action
        {
            Action(at: due - lead) { ledger in
                let timeToLive = ttl ?? due - ledger.machine.instant(ledger.now)
                ledger.start(name, user, .medium, ttl: timeToLive, heartbeat: heartbeat, full: full)
            }
        }
        switch kind {
        case .activation:
            return [
                Action(at: due - .hours(1)) { ledger in
                    let identity = RuleIdentity(digest: Digest256(words: .init(a: 60)))
                    ledger.command(.ruleLoad(RuleLoad(name: .sessionRuntime, identity: identity, source: [0x31])))
                    ledger.command(
                        .ruleActivate(
                            RuleActivate(
                                name: .sessionRuntime, identity: identity, at: due, book: Self.book(Self.rate * 3))))
                }
            ]
        case .accrual, .monthEnd:
            return [
                Action(at: due - .hours(5)) { ledger in
                    ledger.command(
                        .storageCreate(
                            StorageCreate(user: ledger.hash(user), resource: name, kind: .filestore, megabytes: 123_457)
                        ))
                }
            ]
        case .dailyPost: return [session(.hours(5), ttl: .days(3), full: true)]
        case .timeToLive: return [session(.hours(2))]
        case .tariffLock:
            return [
                session(.hours(24), ttl: .days(3), full: true),
                Action(at: due - .hours(2)) { $0.activate(.sessionRuntime, 61, book: Self.book(Self.rate * 2)) },
            ]
        case .effective: return [Action(at: due - .hours(1)) { $0.grant(user, "3", effective: due, for: scope) }]
        case .holdExpiry:
            return [
                Action(at: due - .hours(3)) { ledger in
                    ledger.command(
                        .holdPlace(
                            HoldPlace(
                                user: ledger.hash(user), amount: Money("2")!,
                                timeToLive: due - ledger.machine.instant(ledger.now), source: "job")))
                }
            ]
        case .lotExpiry: return [Action(at: due - .hours(6)) { $0.grant(user, "4", expires: due, for: scope) }]
        case .lease: return [session(.hours(2), ttl: .hours(9))]
        case .lost: return [session(.hours(2), ttl: .hours(9), heartbeat: .hours(2))]
        case .exhaustion:
            return [session(.minutes(10), ttl: .hours(9)), Action(at: due - .minutes(9)) { $0.drain(user) }]
        case .deadline:
            return [
                session(.minutes(11), ttl: .hours(9)), Action(at: due - .minutes(10) - .seconds(30)) { $0.drain(user) },
            ]
        case .allowance:
            return [
                Action(at: due - .hours(7)) { $0.allow(user, "0.5", .day, rollover: "0.2", for: scope) }
            ]
        case .deleteDue:
            // It is owed for from a day's posting on, and for as long as makes it due then.
            let number = UserOrdinal(3)
            let posted = StateMachine.daily(number, after: due - .days(1))
            return [
                Action(at: posted - .hours(5)) { ledger in
                    ledger.command(
                        .limitSet(
                            LimitSet(type: .free, limit: .storageGrace, value: max(0, (due - posted).nanoseconds))))
                    ledger.command(
                        .storageCreate(
                            StorageCreate(
                                user: ledger.hash(Self.keeper), resource: name, kind: .filestore, megabytes: 1_234)))
                }, Action(at: posted - .hours(4)) { $0.drain(Self.keeper) },
            ]
        case .debtCeiling:
            return [
                Action(at: due - .minutes(10) - .seconds(30)) { ledger in
                    ledger.start(name, Self.debtor, .medium, ttl: .hours(9))
                }, Action(at: due - .minutes(10)) { $0.drain(Self.debtor) },
            ]
        }
    }
}

extension TestLedger {
    /// Lets time pass up to `instant`, each timer firing when it is due.
    mutating func advance(to instant: Timestamp) {
        while let due = machine.nextTimer, due <= instant {
            now = max(now, due)
            settle()
        }
        now = max(now, instant)
    }

    @discardableResult
    mutating func grant(
        _ user: ShortText, _ amount: String, effective: Timestamp? = nil, expires: Timestamp = .never,
        for scope: CreditScope = .everything
    ) -> Decided {
        command(
            .creditGrant(
                CreditGrant(
                    user: hash(user), amount: Money(amount)!, kind: .promo, effective: effective, expires: expires,
                    scope: scope, reason: [])))
    }

    /// Spends all that is available.
    mutating func drain(_ user: ShortText) {
        settle()
        let left = machine.available(machine.lookUp(user: hash(user))!, for: .anything, at: machine.instant(now))
        if left > .zero { charge(user, "\(left)") }
    }
}

/// An event without what lateness may change: it is recorded as of when it counts. Numbers stay where `numbered`.
struct NormalEvent: Equatable {
    var event: Event
    private var bytes: [UInt8]

    init(_ journaled: Journaled, numbered: Bool = true) throws {
        event = try journaled.event()
        var plain = event
        plain.header.time = plain.header.asOf
        if !numbered {
            (plain.header.lsn, plain.header.previous, plain.header.group) = (LSN(1), .none, LSN(1))
            if case .sessionClosed(var closed) = plain.body {
                closed.charges = closed.charges.map { _ in .none }
                plain.body = .sessionClosed(closed)
            }
        }
        var writer = ByteWriter()
        plain.code(with: &writer)
        bytes = writer.output
    }

    static func == (a: NormalEvent, b: NormalEvent) -> Bool { a.bytes == b.bytes }
}

extension TestLedger {
    func normalEvents(from index: Int = 0, numbered: Bool = true) throws -> [NormalEvent] {
        try journal[index...].map { try NormalEvent($0, numbered: numbered) }
    }

    /// The rows of a snapshot but for the one that says when something was recorded last.
    func rows() -> [[UInt8]] { frames().filter { $0[0] != UInt8(SnapshotSection.ledger.rawValue) } }

    /// The rows, with sessions as they are but for when they end for want of a sign or of credit.
    func timelessRows() -> [[UInt8]] {
        var rows = frames().filter {
            $0[0] != UInt8(SnapshotSection.ledger.rawValue) && $0[0] != UInt8(SnapshotSection.sessions.rawValue)
        }
        for slot in machine.store.sessions.slots {
            var row = machine.store.sessions[slot]
            (row.lostAt, row.deadline) = (.never, .never)
            var writer = ByteWriter()
            row.code(with: &writer)
            rows.append(writer.output)
        }
        return rows
    }
}

extension CreditScope {
    static let sessions = CreditScope("session_runtime")!
    static let storage = CreditScope("storage_creation")!
}
