import LedgerTestKit
import Testing

@testable import LedgerCore

/// Storage whose user has no credit left: grace, ceiling, due to be deleted, and on again when the debt is paid.
@Suite struct StorageUnpaidTests {
    private func ledger(_ gigabytes: Int64 = 100, _ kind: StorageKind = .filestore) -> TestLedger {
        var ledger = TestLedger()
        ledger.now = Timestamp("2026-03-02T00:00:00Z")!
        ledger.user("ann", .enterprise)
        ledger.purchase("ann", "1000")
        create(&ledger, "data", gigabytes, kind)
        ledger.drain("ann")
        return ledger
    }

    private func create(
        _ ledger: inout TestLedger, _ name: ShortText, _ gigabytes: Int64, _ kind: StorageKind = .bucket
    ) {
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: name, kind: kind, megabytes: gigabytes * 1000)))
    }

    private func set(_ ledger: inout TestLedger, _ limit: LimitName, _ value: Int64) {
        ledger.command(.limitSet(LimitSet(type: .enterprise, limit: limit, value: value)))
    }

    private func rows(_ ledger: borrowing TestLedger) -> [ResourceRow] {
        let query = Query.resources(user: ledger.hash("ann"), Page(count: 1000))
        guard case .resources(let rows, _) = ledger.machine.read(query, at: ledger.now) else { return [] }
        return rows
    }

    private func standing(_ ledger: borrowing TestLedger) -> StorageStanding {
        guard case .user(let row) = ledger.machine.read(.user(ledger.hash("ann")), at: ledger.now) else {
            return StorageStanding()
        }
        return row.storage
    }

    /// Instants of events of a kind.
    private func events(_ ledger: borrowing TestLedger, _ code: EventCode) throws -> [Event] {
        try ledger.journal.map { try $0.event() }.filter { $0.body.code == code }
    }

    // MARK: Its end

    @Test func `seven days after a posting first became debt it is due, and nothing accrues any more`() throws {
        var ledger = ledger()
        #expect(standing(ledger).status == .active && rows(ledger).map(\.standing.status) == [.active])
        ledger.pass(.hours(25), step: .hours(1))
        let unpaid = standing(ledger)
        #expect(unpaid.status == .unpaid && unpaid.deleteDue == unpaid.unpaidSince + .days(7))
        #expect(unpaid.unpaidSince - Timestamp("2026-03-02")! <= .days(1) + .seconds(1))
        ledger.pass(.days(9), step: .hours(1))
        let due = try #require(try events(ledger, .storageDeleteDue).first)
        #expect(due.asOf == unpaid.deleteDue && standing(ledger).status == .deleteDue)
        #expect(standing(ledger).deleteDue == due.asOf && rows(ledger).map(\.standing.deleteDue) == [due.asOf])
        // To the nanosecond what it cost until then: 100 GB at 0.17 a month.
        let month = Month(containing: due.asOf)
        let exact = Int128(170_000_000) * 100 * Int128((due.asOf - rows(ledger)[0].created).nanoseconds)
        let cost = try #require(Rational.halfEven(exact, over: Int128(month.length.nanoseconds)))
        #expect(ledger.book("revenue:storage_creation") == cost.nanos)
        let before = ledger.account("ann")
        ledger.pass(.days(70), step: .hours(12))
        #expect(ledger.account("ann") == before && ledger.book("revenue:storage_creation") == cost.nanos)
        #expect(try events(ledger, .storageDeleteDue).count == 1)
        #expect(ledger.problems() == [])
    }

    @Test func `it never comes to owe more than its ceiling`() throws {
        var ledger = ledger(30_000)  // 5,100 a month
        ledger.pass(.days(3), step: .hours(1))
        let due = try #require(try events(ledger, .storageDeleteDue).first)
        #expect(due.asOf - Timestamp("2026-03-02")! < .days(2))
        // A day costs 170: the first posting met the ceiling, and what is beyond it is not charged.
        #expect(ledger.account("ann").debt == Money("25")!)
        #expect(ledger.problems() == [])
    }

    @Test func `a ceiling that is reached between two postings is reached to the nano-dollar`() throws {
        var ledger = ledger(1_000)  // 5.48 a day
        ledger.pass(.days(12), step: .hours(1))
        #expect(standing(ledger).status == .deleteDue)
        let debt = ledger.account("ann").debt
        #expect(debt <= Money("25")! && debt.nanos > 24_999_999_900, "\(debt)")
        #expect(ledger.problems() == [])
    }

    @Test func `a ceiling of nothing stops at the first posting without credit, until somebody pays again`() throws {
        var ledger = ledger()
        set(&ledger, .storageDebt, 0)
        ledger.pass(.days(3), step: .hours(1))
        #expect(standing(ledger).status == .deleteDue && ledger.account("ann").debt == .zero)
        ledger.purchase("ann", "10")
        #expect(standing(ledger).status == .active)
        ledger.pass(.days(3), step: .hours(1))
        #expect(rows(ledger)[0].posted > Money("1")!)
        #expect(ledger.problems() == [])
    }

    @Test func `a ceiling and a grace that change reach storage that is unpaid already`() throws {
        var ledger = ledger()
        ledger.pass(.days(2), step: .hours(1))
        #expect(standing(ledger).status == .unpaid)
        set(&ledger, .storageGrace, TimeSpan.days(30).nanoseconds)
        ledger.pass(.days(10), step: .hours(1))
        #expect(standing(ledger).status == .unpaid)
        set(&ledger, .storageDebt, Money("7")!.nanos)
        ledger.pass(.days(3), step: .hours(1))
        #expect(standing(ledger).status == .deleteDue && ledger.account("ann").debt <= Money("7")!)
        #expect(ledger.account("ann").debt.nanos > 6_999_990_000)
        #expect(ledger.problems() == [])
    }

    @Test func `a grant pays what accrues, and only paying the debt ends the grace`() throws {
        var ledger = ledger()
        ledger.pass(.days(2), step: .hours(1))
        let owed = ledger.account("ann").debt
        ledger.grant("ann", "50")
        ledger.pass(.days(3), step: .hours(1))
        #expect(ledger.account("ann").debt == owed && standing(ledger).status == .unpaid)
        ledger.purchase("ann", "10")
        #expect(ledger.account("ann").debt == .zero && standing(ledger).status == .active)
        ledger.pass(.days(6), step: .hours(1))
        #expect(try events(ledger, .storageDeleteDue).isEmpty)
        #expect(ledger.problems() == [])
    }

    // MARK: On again

    @Test func `when the debt is paid it accrues from then on, also in another month`() throws {
        var ledger = ledger()
        ledger.pass(.days(10), step: .hours(1))
        #expect(standing(ledger).status == .deleteDue)
        ledger.pass(.days(40), step: .hours(12))
        let before = ledger.book("revenue:storage_creation")
        let paid = try #require(ledger.purchase("ann", "100").event)
        let resumed = try #require(try events(ledger, .storageResumed).first)
        #expect(resumed.group == paid.lsn && standing(ledger).status == .active)
        #expect(ledger.book("revenue:storage_creation") == before && rows(ledger)[0].accrued == .zero)
        let account = ledger.account("ann")
        ledger.pass(.days(1))
        ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("data"))))
        let end = try #require(try events(ledger, .storageDeleted).first)
        let month = Month(containing: end.asOf)
        let exact = Int128(170_000_000) * 100 * Int128((end.asOf - resumed.asOf).nanoseconds)
        let cost = try #require(Rational.halfEven(exact, over: Int128(month.length.nanoseconds)))
        #expect(ledger.book("revenue:storage_creation") - before == cost.nanos)
        #expect(ledger.account("ann").available == account.available - cost)
        #expect(ledger.problems() == [])
    }

    @Test func `a debt that is paid in part is one still, and an adjustment pays as well`() throws {
        var ledger = ledger(30_000)
        ledger.pass(.days(5), step: .hours(1))
        #expect(standing(ledger).status == .deleteDue)
        ledger.purchase("ann", "10")
        #expect(standing(ledger).status == .deleteDue)
        ledger.command(.creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("60")!, reason: [])))
        #expect(standing(ledger).status == .active)
        ledger.pass(.days(1), step: .hours(1))
        #expect(standing(ledger).status == .deleteDue, "forty-five dollars last for six hours")
        #expect(ledger.problems() == [])
    }

    @Test func `resize and delete work throughout, creating and growing do not`() throws {
        var ledger = ledger()
        ledger.purchase("ann", "10")
        create(&ledger, "more", 50)
        ledger.drain("ann")
        ledger.pass(.days(10), step: .hours(1))
        #expect(standing(ledger).status == .deleteDue)
        let resize = { (ledger: inout TestLedger, gigabytes: Int64) in
            ledger.command(
                .storageResize(
                    StorageResize(resource: ledger.machine.names.resource("data"), megabytes: gigabytes * 1000)))
        }
        let debt = ledger.account("ann").debt
        #expect(resize(&ledger, 200).rejection == .debt(debt))
        ledger.pass(.days(30), step: .hours(12))
        #expect(resize(&ledger, 10).event != nil)
        ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("more"))))
        #expect(rows(ledger).map(\.megabytes) == [10_000] && ledger.account("ann").debt == debt)
        #expect(
            ledger.command(
                .storageCreate(StorageCreate(user: ledger.hash("ann"), resource: "new", kind: .bucket, megabytes: 1000))
            ).rejection == .debt(debt))
        ledger.setType("ann", .pro)
        ledger.purchase("ann", "50")
        ledger.pass(.days(3), step: .hours(1))
        #expect(rows(ledger)[0].posted > .zero && standing(ledger).status == .active)
        #expect(ledger.problems() == [])
    }

    @Test func `many resources come to their end together, in several groups`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .enterprise)
        ledger.purchase("ann", "100")
        for index in 0..<300 { create(&ledger, ShortText("r\(index)")!, 5) }
        ledger.drain("ann")
        ledger.machine.groupLimit = 20 << 10
        set(&ledger, .storageDebt, Money("1")!.nanos)
        ledger.pass(.days(3), step: .hours(1))
        let due = try #require(try events(ledger, .storageDeleteDue).first)
        #expect(
            ledger.machine.store.resources.slots.allSatisfy {
                ledger.machine.store.resources[$0].postedThrough == due.asOf
            })
        #expect(ledger.account("ann").debt <= Money("1")! && ledger.account("ann").debt.nanos > 999_990_000)
        #expect(ledger.problems() == [])
    }
}
