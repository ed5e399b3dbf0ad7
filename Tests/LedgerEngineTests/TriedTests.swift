import LedgerCommands
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// DRYRUN at the writer: what it says is what happens when the command is carried out next, and until then nothing has.
@Suite(.timeLimit(.minutes(10))) struct TriedTests {
    private func attempt(_ t: TestEngine, _ command: Command, key: IdempotencyKey? = nil) throws -> Tried {
        let item = WorkItem.dryRun(.command(command), key: key, labels: .none)
        guard case .dryRun(let tried) = t.work([Asked(item: item, actor: t.adminOrdinal)])[0] else {
            throw Unexpected("not tried")
        }
        return tried
    }

    /// All that readers and tables say of the two users, and of the ledger.
    private func look(_ t: TestEngine) throws -> String {
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        var text = "\(info.lastLSN) \(info.books) \(info.counts) \(String(describing: info.nextTimer))"
        for user in ["ann", "bob"] {
            text += "\(t.read(.user(t.hash(user)))) \(t.read(.lots(user: t.hash(user), Page())))"
            text += "\(t.read(.sessions(user: t.hash(user), status: nil, Page())))"
            text += "\(t.read(.holds(user: t.hash(user), Page()))) \(t.read(.resources(user: t.hash(user), Page())))"
            text +=
                "\(String(describing: t.engine.reads.user(t.hash(user)).flatMap { t.engine.reads.account($0, at: t.clock.now()) }))"
        }
        return text
    }

    private func command(_ t: TestEngine, _ step: Int, _ random: inout SeededGenerator) -> Command {
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        let name = Bool.random(using: &random) ? "ann" : "bob"
        let user = t.hash(name)
        switch number(0...12) {
        case 0: return t.purchase(name, "\(number(1...40)).00")
        case 1, 2: return t.charge(name, "\(number(1...9)).37", over: Bool.random(using: &random))
        case 3:
            return .creditGrant(
                CreditGrant(
                    user: user, amount: Money("1.25")!, kind: .promo, effective: nil,
                    expires: t.clock.now() + .hours(number(1...5)), reason: .clear(Array("welcome".utf8))))
        case 4:
            return .userSet(
                UserSet(user: user, change: .type([.free, .pro, .enterprise].randomElement(using: &random)!)))
        case 5: return .userSet(UserSet(user: user, change: .name(.clear(Array("Name \(step)".utf8)))))
        case 6:
            return .holdPlace(HoldPlace(user: user, amount: Money("2.00")!, timeToLive: .hours(2), source: "batch"))
        case 7, 8:
            return .sessionStart(SessionStart(user: user, session: ShortText("s\(step)")!, tier: .gpu))
        case 9, 10:
            let session = ShortText("s\(number(0...Int64(step)))")!
            return .sessionStop(SessionStop(session: t.engine.names.session(session)))
        case 11:
            return .storageCreate(
                StorageCreate(user: user, resource: ShortText("r\(step)")!, kind: .bucket, megabytes: 100_000))
        default:
            return .creditTransfer(
                CreditTransfer(from: t.hash("ann"), to: t.hash("bob"), amount: Money("0.5")!, reason: .none))
        }
    }

    @Test(arguments: 1...6) func `what it says is what happens next, and nothing has until then`(seed: Int) throws {
        let t = try TestEngine()
        defer { t.stop() }
        var random = SeededGenerator(seed: UInt64(seed))
        try t.accept(t.createUser("ann"))
        try t.accept(t.createUser("bob", .free))
        var accepted = 0
        for step in 0..<150 {
            let command = command(t, step, &random)
            let before = try look(t)
            let tried = try attempt(t, command)
            #expect(try look(t) == before, "\(seed)/\(step): \(command.name)")
            let lsn = t.engine.durableLSN
            switch (tried.outcome, t.run(command)) {
            case (.accepted(let reference), .accepted(let event)):
                accepted += 1
                #expect(reference.lsn == event.lsn && tried.answer?.event.lsn == event.lsn)
                #expect(UInt64(tried.events.count + tried.others) == t.engine.durableLSN.value - lsn.value)
                for given in tried.events {
                    let real = try t.event(given.event.lsn)
                    #expect(given.event.body.code == real.body.code && given.event.after == real.after)
                    #expect(given.event.time == real.time && given.event.header.previous == real.header.previous)
                    #expect(given.event.facts.charge?.amount == real.facts.charge?.amount)
                }
                #expect(tried.books.reduce(Int128(0)) { $0 + $1.amount } == 0 || !tried.books.isEmpty)
            case (.rejected(let one), .rejected(let other)):
                #expect(one == other)
                #expect(t.engine.durableLSN == lsn || tried.events.count == 1)
            case (let one, let other): Issue.record("\(command.name): \(one), then \(other)")
            }
            t.clock.advance(by: .seconds(Int64.random(in: 1...2000, using: &random)))
        }
        #expect(accepted > 50)
    }
}
