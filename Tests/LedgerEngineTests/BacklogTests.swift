import LedgerCommands
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// More is due at once than one unit takes: who is asked about is served meanwhile, and nobody gets anything else.
@Suite(.timeLimit(.minutes(10))) struct BacklogTests {
    private static let users = 100
    private static let holds = 100

    private func name(_ number: Int) -> String { "u\(number)" }

    /// Everybody has holds that end at one instant, and a session.
    private func fill(_ t: TestEngine) throws {
        for user in 0..<Self.users {
            try t.accept(t.createUser(name(user)))
            try t.accept(t.purchase(name(user), "100.00"))
            try t.accept(
                .sessionStart(
                    SessionStart(user: t.hash(name(user)), session: ShortText("s-\(user)")!, tier: .small)))
            let hold = Command.holdPlace(
                HoldPlace(user: t.hash(name(user)), amount: .cent, timeToLive: .minutes(1), source: "api"))
            _ = t.work((0..<Self.holds).map { _ in hold.item(t.adminOrdinal) })
        }
    }

    /// What is asked when the holds have ended, before one of them was released.
    private func ask(_ t: TestEngine, behind gate: SyncGate, _ items: [Asked]) -> WorkBatch {
        gate.close()
        let first = WorkBatch { _ in }
        first.append(t.charge(name(0), "1.00").item(t.adminOrdinal))
        #expect(t.engine.submit(first))
        gate.waitForSync()
        let done = Latch()
        let late = WorkBatch { _ in done.open() }
        for item in items { late.append(item) }
        t.clock.advance(by: .minutes(2))
        #expect(t.engine.submit(late))
        gate.open()
        done.wait()
        return late
    }

    private func events(_ t: TestEngine) throws -> [Event] {
        try (1...t.engine.durableLSN.value).map { try t.event(LSN($0)) }
    }

    @Test func `who is asked about is served, and everything else waits`() throws {
        let gate = SyncGate()
        let disk = gate.disk()
        let t = try TestEngine(disk: disk)
        try fill(t)
        let (charged, read, limited, transacted) = (Self.users - 1, Self.users - 2, Self.users - 3, Self.users - 4)
        let passing = Charging([t.charge(name(transacted), "99.50")], behind: [.own(.user(t.hash(name(transacted))))])
        let waiting = Charging([t.charge(name(transacted), "0.10")], behind: [.everything])
        let late = ask(
            t, behind: gate,
            [
                t.charge(name(charged), "99.50").item(t.adminOrdinal),
                .query(.user(t.hash(name(read)))),
                .info, Asked(item: .program(passing), actor: t.adminOrdinal),
                Command.limitSet(LimitSet(type: .free, limit: .sessions, value: 3)).item(t.adminOrdinal),
                t.charge(name(limited), "1.00").item(t.adminOrdinal),
                Asked(item: .program(waiting), actor: t.adminOrdinal), .barrier,
            ])
        let all = try events(t)
        let released = all.filter { if case .holdReleased = $0.body { true } else { false } }
        #expect(released.count == Self.users * Self.holds)
        let last = try #require(released.last)

        // More than its holds had left: they were released before.
        guard case .outcome(.accepted(let charge)) = late.results[0] else {
            throw Unexpected("the charge was refused: \(late.results[0])")
        }
        let user = try #require(t.engine.reads.user(t.hash(name(charged))))
        let own = released.filter { $0.user == user }
        #expect(charge.lsn < last.lsn && own.count == Self.holds)
        #expect(own.allSatisfy { $0.lsn < charge.lsn && $0.origin == .timerAhead && $0.asOf < late.event(charge).asOf })
        guard case .query(.user(let row)) = late.results[1] else { throw Unexpected("no balance") }
        #expect(row.account.held < Money("1.00")! && row.account.available > Money("99.00")!)
        guard case .info(let info) = late.results[2] else { throw Unexpected("no info") }
        #expect(info.nextTimer.map { $0 <= info.now } ?? false, "nothing was due: the test shows nothing")

        // What is about more than one user, and what was asked behind it, comes after all that was due.
        for index in [4, 5] {
            guard case .outcome(.accepted(let event)) = late.results[index] else {
                throw Unexpected("item \(index): \(late.results[index])")
            }
            #expect(event.lsn > last.lsn)
        }
        // A transaction that says whom it is about is served, too.
        #expect(passing.charged.map { $0 < last.lsn } == true && waiting.charged.map { $0 > last.lsn } == true)
        #expect(try t.info().timersFired >= UInt64(released.count))

        // Decided anew, it comes out the same, byte for byte.
        let draft = BacktestDraft(
            rule: .sessionRuntime, text: .version(1), from: Timestamp("2020-01-01")!, to: .never, admits: true)
        guard case .backtested(let report) = t.examine(.backtest(draft)) else { throw Unexpected("no report") }
        let anew = try #require(report.admission)
        #expect(anew.isSame && anew.alike == anew.commands && anew.timersUnlike == 0, "\(anew.differences)")
        #expect(anew.timers == released.count && anew.events > 2 * released.count)

        // And a start finds the same ledger.
        t.stop()
        let again = try TestEngine(disk: disk, at: t.clock.now())
        defer { again.stop() }
        #expect(try again.user(name(charged)).account.debt == .zero)
        #expect(try again.info().booksSum == 0)
    }
}

extension BacklogTests {
    /// Months of a small crowd, with a start in the middle, where each unit has room for one timer: whatever order came
    /// of it, everything that was recorded comes out the same when it is decided anew.
    @Test(arguments: 1...4) func `whatever passed what, it is decided anew as it was`(seed: UInt64) throws {
        let gate = SyncGate()
        gate.setDelay(microseconds: 100)
        let disk = gate.disk()
        var random = SeededGenerator(seed: seed &* 77)
        func engine(at now: Timestamp) throws -> TestEngine {
            try TestEngine(disk: disk, at: now) { $0.timersPerUnit = 1 }
        }
        var t = try engine(at: TestEngine.noon)
        defer { t.stop() }
        var crowd = Crowd()
        try crowd.begin(t)
        for step in 0..<120 {
            let longest: Int64 = Int.random(in: 0..<10, using: &random) == 0 ? 200_000 : 20_000
            t.clock.advance(by: .seconds(Int64.random(in: 1...longest, using: &random)))
            _ = t.work((0..<Int.random(in: 1...8, using: &random)).map { _ in crowd.next(t, using: &random) })
            guard step == 60 else { continue }
            t.stop()
            t = try engine(at: t.clock.now() + .hours(5))
        }
        _ = t.work([.barrier])
        let ahead = try events(t).count { $0.origin == .timerAhead }
        #expect(ahead > 20, "\(ahead)")
        let draft = BacktestDraft(
            rule: .sessionRuntime, text: .version(1), from: Timestamp("2020-01-01")!, to: .never, admits: true)
        guard case .backtested(let report) = t.examine(.backtest(draft)) else { throw Unexpected("no report") }
        let anew = try #require(report.admission)
        #expect(anew.isSame && anew.alike == anew.commands && anew.timersUnlike == 0, "\(anew.differences)")
        #expect(anew.timers > 300 && anew.commands > 100 && anew.moot == 0)
    }
}

/// Users with something of everything that becomes due, and what they ask for.
private struct Crowd {
    private let users = (0..<10).map { "u\($0)" }
    private var count = 0

    mutating func begin(_ t: TestEngine) throws {
        for (number, user) in users.enumerated() {
            try t.accept(t.createUser(user, [.pro, .enterprise, .free][number % 3]))
            try t.accept(t.purchase(user, number % 4 == 0 ? "10.00" : "500.00"))
            let terms = AllowanceTerms(amount: Money("0.50")!, period: .day, rollover: Money("0.20")!)
            if number % 2 == 0 { try t.accept(.allowanceSet(AllowanceSet(user: t.hash(user), terms: terms))) }
        }
        try t.accept(.limitSet(LimitSet(type: .pro, limit: .storageGrace, value: 0)))
        try t.accept(.limitSet(LimitSet(type: .enterprise, limit: .exhaustionDebt, value: Money.cent.nanos)))
    }

    mutating func next(_ t: TestEngine, using random: inout SeededGenerator) -> Asked {
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        count += 1
        let (name, user) = (ShortText("n\(count)")!, users[Int(number(0...9))])
        let other = ShortText("n\(number(max(1, Int64(count) - 60)...Int64(count)))")!
        let hash = t.hash(user)
        switch number(0...19) {
        case 0, 1, 2:
            let start = SessionStart(
                user: hash, session: name, tier: Tier.allCases[Int(number(0...3))], timeToLive: .hours(number(1...90)),
                heartbeat: number(0...1) == 0 ? .zero : .hours(9))
            return Command.sessionStart(start).item(t.adminOrdinal)
        case 3, 4:
            return Command.sessionHeartbeat(SessionHeartbeat(session: t.engine.names.session(other))).item(
                t.adminOrdinal)
        case 5: return Command.sessionStop(SessionStop(session: t.engine.names.session(other))).item(t.adminOrdinal)
        case 6, 7:
            let hold = HoldPlace(user: hash, amount: .cent, timeToLive: .minutes(number(1...900)), source: "api")
            return Command.holdPlace(hold).item(t.adminOrdinal)
        case 8, 9:
            let create = StorageCreate(user: hash, resource: name, kind: .filestore, megabytes: number(1...9_000))
            return Command.storageCreate(create).item(t.adminOrdinal)
        case 10:
            let delete = StorageDelete(resource: t.engine.names.resource(other))
            return Command.storageDelete(delete).item(t.adminOrdinal)
        case 11:
            let expires = t.clock.now() + .hours(number(1...50))
            let grant = CreditGrant(user: hash, amount: .cent, kind: .promo, expires: expires, reason: .none)
            return Command.creditGrant(grant).item(t.adminOrdinal)
        case 12:
            let to = t.hash(users[Int(number(0...9))])
            let transfer = CreditTransfer(from: hash, to: to, amount: .cent, reason: .none)
            return Command.creditTransfer(transfer).item(t.adminOrdinal)
        case 13:
            let type: UserType = number(0...1) == 0 ? .pro : .enterprise
            return Command.userSet(UserSet(user: hash, change: .type(type))).item(t.adminOrdinal)
        case 14:
            let resize = StorageResize(resource: t.engine.names.resource(other), megabytes: number(1...9_000))
            let both = Charging(
                [.storageResize(resize), t.charge(user, "0.02", over: true)],
                behind: [.own(resize.subject), .own(.user(hash))])
            return Asked(item: .program(both), actor: t.adminOrdinal)
        case 15: return .query(.user(hash))
        default: return t.charge(user, "0.0\(number(1...9))", over: number(0...1) == 0).item(t.adminOrdinal)
        }
    }
}

/// A transaction of some commands.
private final class Charging: Program, @unchecked Sendable {  // handed over and back with its batch
    let name: StaticString = "EXEC"
    let origin = EventOrigin.transaction
    let script: [UInt8]? = nil
    let isOver = true
    let dueBefore: [DueBefore]
    private let commands: [Command]
    /// The number of the last event, once all of them were accepted.
    private(set) var charged: LSN?

    init(_ commands: [Command], behind dueBefore: [DueBefore]) {
        (self.commands, self.dueBefore) = (commands, dueBefore)
    }

    func run(_ ledger: ProgramLedger) -> ProgramEnd {
        for command in commands {
            guard case .outcome(.accepted(let event)) = ledger.ask(.command(command), nil, .none) else {
                return .takeBack
            }
            charged = event.lsn
        }
        return .keep(value: [])
    }

    func wasAnswered() {}
}
