import Glibc
import LedgerTestKit
import Testing

@testable import LedgerCore

/// What becomes of sessions whose credit is used up, by the policy of their user's type.
@Suite struct OverdraftTests {
    private func ledger(debt: String? = nil, grace: TimeSpan? = nil, credit: String = "10") -> TestLedger {
        var ledger = TestLedger()
        if let debt { set(&ledger, .exhaustionDebt, Money(debt)!.nanos) }
        if let grace { set(&ledger, .exhaustionGrace, grace.nanoseconds) }
        ledger.user("ann")
        ledger.purchase("ann", credit)
        return ledger
    }

    private func set(_ ledger: inout TestLedger, _ limit: LimitName, _ value: Int64, _ type: UserType = .pro) {
        ledger.command(.limitSet(LimitSet(type: type, limit: limit, value: value)))
    }

    private func row(_ session: ShortText, _ ledger: borrowing TestLedger) throws -> SessionRow {
        let row = ledger.session(session)
        return try #require(row)
    }

    private func end(of session: ShortText, _ ledger: borrowing TestLedger) throws -> (SessionClosed, Timestamp) {
        var found: (SessionClosed, Timestamp)?
        for journaled in ledger.journal {
            let event = try journaled.event()
            if case .sessionClosed(let closed) = event.body, closed.external == session { found = (closed, event.asOf) }
        }
        return try #require(found)
    }

    // MARK: Policies

    @Test func `without a grace a session stops at the nanosecond at which its credit is gone`() throws {
        var ledger = ledger(grace: .zero)
        ledger.start("s", "ann", .gpu)
        ledger.drain("ann")
        ledger.pass(.minutes(11))
        let (closed, at) = try end(of: "s", ledger)
        #expect(closed.reason == .funds && at - closed.started <= .minutes(10) + .seconds(1))
        #expect(ledger.account("ann").debt == .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `on debt a session runs until its user owes the ceiling, and not a nano-dollar more`() throws {
        var ledger = ledger(debt: "0.5")
        ledger.start("s", "ann", .gpu, ttl: .days(3))  // 0.125 an hour
        ledger.drain("ann")
        ledger.pass(.minutes(11))
        let row = try row("s", ledger)
        #expect(row.status == .exhausting && row.deadline != .never)
        let hours = (row.deadline - row.started) - .minutes(10)
        #expect(abs(hours.nanoseconds - TimeSpan.hours(4).nanoseconds) < 1_000_000_000)
        ledger.pass(.hours(4), step: .minutes(5))
        let (closed, at) = try end(of: "s", ledger)
        #expect(closed.reason == .funds && at == row.deadline)
        let debt = ledger.account("ann").debt
        #expect(debt <= Money("0.5")! && debt.nanos > 499_990_000, "\(debt)")
        #expect(ledger.problems() == [])
    }

    @Test func `sessions share the ceiling, and what is owed otherwise counts as well`() throws {
        var ledger = ledger(debt: "1")
        for name in ["a", "b", "c"] as [ShortText] { ledger.start(name, "ann", .gpu, ttl: .days(3)) }
        ledger.drain("ann")
        ledger.pass(.hours(1))
        let alone = try row("a", ledger).deadline
        ledger.charge("ann", "0.25", over: true)
        let together = try row("a", ledger).deadline
        #expect(together < alone && ledger.session("b")?.deadline == together)
        ledger.retier("c", .small)
        #expect(try row("a", ledger).deadline > together)
        ledger.stop("b")
        let later = try row("a", ledger).deadline
        ledger.advance(to: later)
        #expect(ledger.session("a") == nil && ledger.session("c") == nil)
        #expect(ledger.account("ann").debt <= Money("1")! && ledger.account("ann").debt.nanos > 999_990_000)
        #expect(ledger.problems() == [])
    }

    @Test func `a payment moves the end, and one that covers all ends it`() throws {
        var ledger = ledger(debt: "0.1")
        ledger.start("s", "ann", .gpu, ttl: .days(9))
        ledger.drain("ann")
        ledger.pass(.minutes(30))
        #expect(ledger.session("s")?.status == .exhausting)
        ledger.purchase("ann", "10")
        #expect(ledger.session("s")?.status == .active && ledger.session("s")?.deadline == .never)
        ledger.drain("ann")
        ledger.pass(.minutes(20))
        #expect(ledger.session("s")?.status == .exhausting)
        #expect(ledger.problems() == [])
    }

    @Test func `a ceiling that was reached already stops at once`() throws {
        var ledger = ledger(debt: "0.2")
        ledger.start("s", "ann", .gpu, ttl: .days(9))
        ledger.drain("ann")
        ledger.charge("ann", "5", over: true)
        ledger.pass(.minutes(11))
        let (closed, at) = try end(of: "s", ledger)
        #expect(closed.reason == .funds && at - closed.started <= .minutes(10) + .seconds(1))
        #expect(ledger.account("ann").debt == Money("5")!)
        #expect(ledger.problems() == [])
    }

    @Test func `another policy reaches what runs on debt, and leaves a deadline that was told`() throws {
        var ledger = ledger(debt: "5")
        ledger.start("s", "ann", .gpu, ttl: .days(9))
        ledger.drain("ann")
        ledger.pass(.minutes(40))
        #expect(ledger.session("s")?.status == .exhausting)
        set(&ledger, .exhaustionDebt, Limits.none)
        ledger.settle()
        #expect(ledger.session("s") == nil, "its grace was over long ago")
        #expect(ledger.problems() == [])

        var other = self.ledger()
        other.start("s", "ann", .gpu, ttl: .days(9))
        other.drain("ann")
        other.pass(.minutes(10) + .seconds(5))
        let told = try row("s", other).deadline
        set(&other, .exhaustionDebt, Money("5")!.nanos)
        #expect(other.session("s")?.deadline == told)
        other.advance(to: told)
        #expect(other.session("s") == nil)
        #expect(other.problems() == [])
    }

    @Test func `credit that repays nothing buys no second grace`() throws {
        var ledger = ledger(grace: .hours(30))
        ledger.start("s", "ann", .gpu, ttl: .days(20))
        ledger.drain("ann")
        ledger.pass(.hours(26), step: .minutes(10))  // a day's posting lies in it
        #expect(ledger.account("ann").debt > .zero && ledger.session("s")?.status == .exhausting)
        for _ in 0..<6 {
            ledger.grant("ann", "1")
            ledger.pass(.hours(20), step: .minutes(10))
        }
        #expect(ledger.session("s") == nil)
        let bound = Money(nanos: TestLedger.rate(.pro, .gpu) * 30)
        #expect(ledger.account("ann").debt <= bound, "\(ledger.account("ann").debt)")
        #expect(ledger.problems() == [])
    }

    @Test func `hundreds of sessions that run on debt end in several groups at one instant`() throws {
        var ledger = TestLedger()
        set(&ledger, .exhaustionDebt, Money("20")!.nanos, .admin)
        ledger.price = { query in
            guard case .sessionRuntime = query, case .priced(let priced) = TestLedger.listPrice(query) else {
                return TestLedger.listPrice(query)
            }
            return .priced(Priced(answer: .tariff(Tariff(rate: 100_000_000, listRate: 0)), rule: priced.rule))
        }
        ledger.user("ann", .admin)
        ledger.purchase("ann", "100")
        for index in 0..<400 { ledger.start(ShortText("s\(index)")!, "ann", .small, ttl: .days(3)) }
        ledger.machine.groupLimit = 60 << 10
        ledger.drain("ann")
        ledger.pass(.hours(1))
        #expect(ledger.session("s7") == nil && ledger.session("s399") == nil)
        #expect(ledger.account("ann").debt <= Money("20")! && ledger.account("ann").debt.nanos > 19_999_000_000)
        #expect(ledger.problems() == [])
    }

    // MARK: The bound

    /// Eight days each.
    static let seeds = getenv("FLORIN_OVERDRAFT_SEEDS").flatMap { Int(String(cString: $0)) } ?? 12

    /// Days of a careless crowd: no session makes anybody owe more than what the ledger printed; with downtime, not
    /// more than what it said that an hour of it may add.
    @Test(arguments: 1...OverdraftTests.seeds)
    func `what is printed is never exceeded`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 31_000)
        var owed = Money.zero
        for _ in 0..<8 { owed = max(owed, try liveADay(seed, &random)) }
        #expect(owed > .zero, "seed \(seed): nobody ever owed anything")
    }

    /// Returns what was owed at most.
    private func liveADay(_ seed: Int, _ random: inout SeededGenerator) throws -> Money {
        var owed = Money.zero
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        var ledger = TestLedger()
        let type = [UserType.free, .pro, .enterprise].randomElement(using: &random)!
        switch number(0...3) {
        case 0: set(&ledger, .exhaustionGrace, number(0...7_200) * 1_000_000_000, type)
        case 1: set(&ledger, .exhaustionDebt, number(0...300_000_000), type)
        case 2: set(&ledger, .exhaustionGrace, 0, type)
        default: break
        }
        ledger.user("ann", type)
        var bound = Bound()
        var sessions = 0
        let restarts = Bool.random(using: &random)
        for _ in 0..<40 {
            let name = ShortText("s\(number(0...Int64(sessions)))")!
            bound.look(ledger, type)
            switch number(0...9) {
            case 0: ledger.purchase("ann", "\(number(10...12))")
            case 1: ledger.grant("ann", "0.\(number(10...99))")
            case 2, 3, 4:
                sessions += 1
                ledger.start(
                    ShortText("s\(sessions)")!, "ann", Tier.allCases.randomElement(using: &random)!,
                    ttl: .minutes(number(1...3_000)),
                    heartbeat: number(0...2) == 0 ? .minutes(number(1...600)) : .zero, full: number(0...9) == 0)
            case 5: ledger.stop(name)
            case 6: ledger.retier(name, Tier.allCases.randomElement(using: &random)!)
            case 7: ledger.command(.sessionHeartbeat(SessionHeartbeat(session: ledger.machine.names.session(name))))
            default: ledger.drain("ann")
            }
            bound.look(ledger, type)
            let span = TimeSpan.seconds(number(1...4_000))
            if restarts, number(0...12) == 0 {
                ledger.wait(span)
                ledger.restart(downtime: span)
                bound.away = bound.away + span
            } else {
                ledger.pass(span, step: .seconds(number(20...900)))
            }
            ledger.settle()
            let debt = ledger.account("ann").debt
            let most = bound.most
            #expect(debt <= most, "seed \(seed): owes \(debt), printed \(most)")
            if debt > most { return debt }
            owed = max(owed, debt)
        }
        #expect(ledger.problems() == [], "seed \(seed)")
        return owed
    }

    /// What was printed at most while something ran.
    private struct Bound {
        private var printed = Money.zero
        private var hourly = Money.zero
        var away = TimeSpan.zero

        mutating func look(_ ledger: borrowing TestLedger, _ type: UserType) {
            guard case .limits(let rows) = ledger.machine.read(.limits(nil), at: ledger.now) else { return }
            for row in rows where row.type == type {
                printed = max(printed, row.overdraft ?? .zero)
                hourly = max(hourly, row.downtimePerHour ?? .zero)
            }
        }

        var most: Money {
            Money(
                nanos: printed.nanos
                    + Rational.up(Int128(hourly.nanos) * Int128(away.nanoseconds), over: Tariff.hour)!.nanos)
        }
    }
}
