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
        let passing = Charging(t.charge(name(transacted), "99.50"), behind: [.own(.user(t.hash(name(transacted))))])
        let waiting = Charging(t.charge(name(transacted), "0.10"), behind: [.everything])
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

/// A transaction of one command.
private final class Charging: Program, @unchecked Sendable {  // handed over and back with its batch
    let name: StaticString = "EXEC"
    let origin = EventOrigin.transaction
    let script: [UInt8]? = nil
    let isOver = true
    let dueBefore: [DueBefore]
    private let command: Command
    /// The number of its event, once it was accepted.
    private(set) var charged: LSN?

    init(_ command: Command, behind dueBefore: [DueBefore]) { (self.command, self.dueBefore) = (command, dueBefore) }

    func run(_ ledger: ProgramLedger) -> ProgramEnd {
        guard case .outcome(.accepted(let event)) = ledger.ask(.command(command), nil, .none) else { return .takeBack }
        charged = event.lsn
        return .keep(value: [])
    }

    func wasAnswered() {}
}
