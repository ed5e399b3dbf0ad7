import LedgerTestKit
import Testing

@testable import LedgerCore

struct RunwayTests {
    private func runway(_ ledger: borrowing TestLedger, _ user: ShortText) throws -> RunwayRow {
        guard case .runway(let row) = ledger.machine.read(.runway(user: ledger.hash(user)), at: ledger.now) else {
            throw Rejection.notFound(.user)
        }
        return row
    }

    private func ledger() -> TestLedger {
        var ledger = TestLedger()
        ledger.user("ann")
        return ledger
    }

    @Test func `nothing that burns never empties`() throws {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        let row = try runway(ledger, "ann")
        #expect(row.emptyAt == .never && row.firstExpiry == .never && row.expiring == .zero)
        #expect(row.sessions == 0 && row.sessionRate == 0 && row.storageRate == 0 && row.megabytes == 0)
        #expect(row.available == Money("10") && row.scoped == .zero && row.debt == .zero && row.time >= ledger.now)
    }

    @Test func `sessions and storage burn together, until what is there is used up`() throws {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .gpu, ttl: .days(20))
        ledger.start("s2", "ann", .gpu, ttl: .days(20))
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "r", kind: .filestore, megabytes: 100_000)))
        let row = try runway(ledger, "ann")
        // 0.125 an hour each; 17.00 in the 744 hours of January.
        #expect(row.sessions == 2 && row.sessionRate == 250_000_000)
        #expect(row.megabytes == 100_000 && row.storageRate == (17_000_000_000 + 743) / 744)
        #expect(row.emptyAt == ledger.machine.emptyAt(ledger.machine.lookUp(user: ledger.hash("ann"))!, at: row.time))
        let hours = Double((row.emptyAt - ledger.now).nanoseconds) / 3.6e12
        #expect(abs(hours - 10 / (0.25 + 17.0 / 744)) < 0.01, "\(hours)")
    }

    @Test func `the first expiry is of all lots that end then, but for what is held`() throws {
        var ledger = ledger()
        let (first, later) = (ledger.now + .hours(5), ledger.now + .hours(50))
        ledger.grant("ann", "3", expires: later)
        ledger.grant("ann", "1", expires: first)
        ledger.grant("ann", "2", expires: first)
        var row = try runway(ledger, "ann")
        #expect(row.firstExpiry == first && row.expiring == Money("3"))
        // Held credit does not expire: the lot that ends first is held first.
        ledger.command(
            .holdPlace(
                HoldPlace(user: ledger.hash("ann"), amount: Money("2.5")!, timeToLive: .hours(60), source: "hold")))
        row = try runway(ledger, "ann")
        #expect(row.firstExpiry == first && row.expiring == Money("0.5") && row.available == Money("3.5"))
        ledger.charge("ann", "0.5")
        #expect(try runway(ledger, "ann").firstExpiry == later)
    }

    @Test func `credit with a scope is told apart, and pays for what it names`() throws {
        var ledger = ledger()
        ledger.grant("ann", "1", for: .sessions)
        ledger.grant("ann", "50", for: CreditScope("api")!)
        ledger.start("s1", "ann", .gpu, ttl: .days(20))
        let row = try runway(ledger, "ann")
        #expect(row.available == .zero && row.scoped > Money("50")!)
        #expect(abs((row.emptyAt - ledger.now - .hours(8)).nanoseconds) < 1_000)
    }

    @Test func `who is nobody has no runway`() {
        let ledger = ledger()
        guard
            case .rejected(.notFound(.user)) = ledger.machine.read(
                .runway(user: Hash128(high: 1, low: 1)), at: ledger.now)
        else {
            Issue.record("found")
            return
        }
    }
}
