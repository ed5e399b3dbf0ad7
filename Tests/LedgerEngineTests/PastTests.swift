import LedgerCommands
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// One user as of a moment, and between two.
@Suite(.timeLimit(.minutes(10))) struct PastTests {
    private func past(_ t: TestEngine, _ user: String, _ moment: Moment) throws -> PastAccount {
        switch t.history(.past(user: t.hash(user), moment, .user)) {
        case .past(let account): return account
        case let other: throw Unexpected("\(other)")
        }
    }

    private func worth(_ t: TestEngine, _ user: String, _ moment: Moment) throws -> KnownWorth {
        switch t.history(.past(user: t.hash(user), moment, .knownBalance)) {
        case .worth(let worth): return worth
        case let other: throw Unexpected("\(other)")
        }
    }

    private func refusal(_ t: TestEngine, _ user: String, _ moment: Moment) -> String? {
        guard case .rejected(let rejection) = t.history(.past(user: t.hash(user), moment, .balance)) else { return nil }
        return "\(rejection.code) \(rejection.text)"
    }

    private func rows(_ t: TestEngine, _ user: String, at moment: Moment?, known: Bool = false) throws -> [LSN] {
        let result: HistoryResult
        if let moment {
            let question = PastQuestion.history(from: nil, to: nil, label: nil, Page(count: 10_000), known: known)
            result = t.history(.past(user: t.hash(user), moment, question))
        } else {
            result = t.history(.history(user: t.hash(user), from: nil, to: nil, Page(count: 10_000)))
        }
        guard case .history(let rows, _) = result else { throw Unexpected("\(result)") }
        return rows.map(\.lsn)
    }

    /// Something about `ann`, of any kind.
    private func act(_ t: TestEngine, _ step: Int, _ random: inout SeededGenerator) {
        let ann = t.hash("ann")
        switch Int.random(in: 0..<9, using: &random) {
        case 0: t.run(t.purchase("ann", "10.00"))
        case 1, 2: t.run(t.charge("ann", "0.37"))
        case 3: t.run(t.charge("ann", "30", source: "render", over: true))
        case 4:
            let types: [UserType] = [.free, .pro, .enterprise]
            t.run(.userSet(UserSet(user: ann, change: .type(types.randomElement(using: &random)!))))
        case 5:
            let states: [UserState] = [.active, .suspended]
            t.run(.userSet(UserSet(user: ann, change: .state(states.randomElement(using: &random)!))))
        case 6: t.run(.userSet(UserSet(user: ann, change: .name(.clear(Array("Ann \(step)".utf8))))))
        case 7:
            t.run(.sessionStart(SessionStart(user: ann, session: ShortText("s\(step)")!, tier: .small)))
        default:
            guard case .sessions(let rows, _) = t.read(.sessions(user: ann, status: nil, Page())),
                let row = rows.randomElement(using: &random)
            else { return }
            t.run(.sessionStop(SessionStop(session: t.engine.names.session(row.session))))
        }
    }

    @Test(arguments: 1...4) func `at every moment it is what it was, whatever came later`(seed: Int) throws {
        let t = try TestEngine()
        defer { t.stop() }
        var random = SeededGenerator(seed: UInt64(seed))
        try t.accept(t.createUser("bob"))
        let early = t.clock.now()
        t.clock.advance(by: .seconds(5))
        try t.accept(t.createUser("ann", .free))
        var then: [(time: Timestamp, lsn: LSN, row: UserRow, rows: [LSN])] = []
        for step in 0..<120 {
            act(t, step, &random)
            try t.accept(t.purchase("bob", "10.00"))
            // Read at the instant of the last event, before anything runs on.
            let row = try t.user("ann")
            then.append((t.clock.now(), t.engine.durableLSN, row, try rows(t, "ann", at: nil)))
            t.clock.advance(by: .seconds(Int64.random(in: 1...90, using: &random)))
        }
        for it in then {
            // Recorded time goes ahead of a clock that stands, by nanoseconds.
            for moment in [Moment.time(it.time + .seconds(1) - TimeSpan(nanoseconds: 1)), .event(it.lsn)] {
                let found = try past(t, "ann", moment)
                #expect(found.lsn == it.row.lastEvent && found.type == it.row.type && found.state == it.row.state)
                #expect(found.name == it.row.name && found.email == it.row.email && found.created == it.row.created)
                #expect(found.sessions == it.row.sessions)
                #expect(found.account.paid == it.row.account.paid && found.account.promo == it.row.account.promo)
                #expect(found.account.held == it.row.account.held && found.account.debt == it.row.account.debt)
                #expect(try rows(t, "ann", at: moment) == it.rows)
                #expect(try worth(t, "ann", moment).recorded.nanos == Int128(net(it.row.account)))
            }
        }
        #expect(
            refusal(t, "ann", .time(early))?.hasPrefix("NOTFOUND there was no such user yet: it was created at") == true
        )
        #expect(refusal(t, "ann", .event(LSN(1)))?.hasPrefix("NOTFOUND") == true)
        #expect(refusal(t, "carl", .event(LSN(1))) == "NOTFOUND no such user")
        #expect(refusal(t, "ann", .time(t.clock.now() + .seconds(1)))?.contains("is still to come") == true)
        let last = t.engine.durableLSN
        #expect(
            refusal(t, "ann", .event(last.next))
                == "ERR there is no event \(last.value + 1) yet: the last is \(last.value)")
    }

    private func net(_ account: AccountImage) -> Int64 {
        account.paid.nanos + account.promo.nanos + account.held.nanos - account.debt.nanos
    }

    @Test func `a difference is the account before and after, and what moved in between`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        try t.accept(t.purchase("ann", "10.00"))
        let first = t.engine.durableLSN
        t.clock.advance(by: .hours(1))
        try t.accept(t.charge("ann", "1"))
        try t.accept(t.charge("ann", "2"))
        try t.accept(t.charge("ann", "0.5", source: "render"))
        try t.accept(t.purchase("ann", "20.00"))
        try t.accept(.userSet(UserSet(user: t.hash("ann"), change: .type(.enterprise))))
        let second = t.engine.durableLSN
        try t.accept(t.charge("ann", "3"))
        guard case .difference(let it) = t.history(.difference(user: t.hash("ann"), .event(first), .event(second)))
        else { throw Unexpected("no difference") }
        #expect(it.before?.account.available == Money("10") && it.after.account.available == Money("26.5"))
        #expect(it.before?.type == .pro && it.after.type == .enterprise && it.events == 5)
        #expect(it.debits.map(\.source) == ["api", "render"] && it.debits.map(\.count) == [2, 1])
        #expect(it.debits.map(\.amount.description) == ["3.00", "0.50"])
        #expect(it.credits.map(\.source) == ["stripe"] && it.credits[0].amount.description == "20.00")
        // From before the user was there, and over nothing at all.
        guard case .difference(let all) = t.history(.difference(user: t.hash("ann"), .event(LSN(1)), .event(second))),
            case .difference(let none) = t.history(.difference(user: t.hash("ann"), .event(second), .event(second)))
        else { throw Unexpected("no difference") }
        #expect(all.before == nil && all.credits[0].amount.description == "30.00")
        #expect(none.events == 0 && none.credits.isEmpty && none.before?.lsn == none.after.lsn)
        guard case .rejected(.notYet) = t.history(.difference(user: t.hash("ann"), .event(LSN(1)), .event(LSN(1))))
        else { throw Unexpected("a user was there too early") }
        for (from, to, text) in [
            (Moment.event(second), Moment.event(first), "from is after to"),
            (.time(t.clock.now()), .event(first), "from is after to"),
            (.event(LSN(999)), .event(second), "no event 999"),
        ] {
            guard case .rejected(.invalid(let why)) = t.history(.difference(user: t.hash("ann"), from, to)) else {
                throw Unexpected("not refused")
            }
            #expect(why.contains(text), "\(why)")
        }
    }

    @Test func `what is known today about then counts what was recorded later for it`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        try t.accept(t.purchase("ann", "10.00"))
        let began = t.clock.now()
        t.clock.advance(by: .hours(4))
        try t.accept(t.charge("ann", "1"))
        let moment = Moment.time(began + .hours(3))
        #expect(try worth(t, "ann", moment).corrections == 0)
        // A session of the first two hours comes to light.
        let recorded = try t.accept(
            .sessionRecord(
                SessionRecord(
                    session: "late", user: t.hash("ann"), tier: .gpu, from: began, to: began + .hours(2),
                    arguments: Hash128(high: 1, low: 2))))
        let it = try worth(t, "ann", moment)
        #expect(it.recorded.description == "10.00" && it.known.description == "9.75" && it.corrections == 1)
        #expect(try past(t, "ann", moment).account.available == Money("10"))
        #expect(try rows(t, "ann", at: moment).count == 1)
        #expect(try rows(t, "ann", at: moment, known: true).first == recorded.lsn)
        guard
            case .summary(let summary) = t.history(
                .past(user: t.hash("ann"), moment, .summary(from: nil, to: nil, by: nil)))
        else { throw Unexpected("no summary") }
        #expect(summary.account.available == Money("10") && summary.spent == .zero && summary.storage == nil)
    }
}
