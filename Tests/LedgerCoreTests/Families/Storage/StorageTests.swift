import LedgerCore
import LedgerTestKit
import Testing

@Suite struct StorageTests {
    @Test func `at one instant a hold's end comes before the end of a lease that needs its credit`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .gpu)  // 0.125 an hour
        let lease = ledger.session("s1")!.leaseUntil
        let rest = ledger.account("ann").available
        let placed = ledger.command(
            .holdPlace(
                HoldPlace(
                    user: ledger.hash("ann"), amount: rest,
                    timeToLive: lease - ledger.machine.instant(ledger.now), source: "render")))
        guard case .holdPlaced(let hold) = placed.event!.body else {
            Issue.record("no hold")
            return
        }
        #expect(hold.expires == lease)
        ledger.pass(.minutes(11))
        #expect(ledger.session("s1")?.status == .active)
        #expect(ledger.session("s1")!.leaseUntil > lease)
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [true, false])
    func `a lot pays for what was used while it was good, on time or late`(punctual: Bool) {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        let end = ledger.now + .hours(60)
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: Money("5")!, kind: .promo, expires: end, reason: [])))
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "disk", kind: .filestore, megabytes: 100_000)))
        ledger.start("s1", "ann", .gpu, ttl: .days(10))  // 0.125 an hour
        if punctual {
            ledger.pass(.hours(70), step: .minutes(5))
        } else {
            ledger.wait(.hours(70))
            ledger.restart(downtime: .hours(70))
        }
        ledger.stop("s1")
        ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("disk"))))
        // 60 hours of storage cost 1.37, of the session 7.50: the grant is used up by them, none of it breaks.
        #expect(ledger.book("breakage") == 0)
        let spent = ledger.book("revenue:session_runtime") + ledger.book("revenue:storage_creation")
        #expect(ledger.account("ann").available == Money("15")! - Money(nanos: spent))
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [true, false])
    func `what a lot did not pay for breaks when it expires, to the nano`(punctual: Bool) {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: Money("5")!, kind: .promo, expires: ledger.now + .hours(60),
                    reason: [])))
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "disk", kind: .bucket, megabytes: 744_000)))
        if punctual {
            ledger.pass(.hours(80), step: .minutes(1))
        } else {
            ledger.wait(.hours(80))
            ledger.restart(downtime: .hours(80))
        }
        // 0.02 an hour for a January of 744 hours: 1.20 until the grant expires, and 0.40 after it.
        ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("disk"))))
        #expect(ledger.book("revenue:storage_creation") >= Money("1.6")!.nanos)
        #expect(ledger.book("breakage") == Money("3.8")!.nanos)
        #expect(
            ledger.account("ann").available
                == Money("11.2")! - Money(nanos: ledger.book("revenue:storage_creation")))
        #expect(ledger.problems() == [])
    }

    @Test func `a full month of storage costs its list price`() {
        var ledger = TestLedger()
        ledger.now = Timestamp("2026-02-01")!
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.now = Timestamp(nanoseconds: Timestamp("2026-03-01")!.nanoseconds)
        ledger.settle()
        let created = ledger.command(
            .storageCreate(StorageCreate(user: ledger.hash("ann"), resource: "b1", kind: .bucket, megabytes: 10_000))
        ).event!
        ledger.pass(Timestamp("2026-04-01")! - ledger.now, step: .hours(1))
        let month = Int128(Month(containing: created.time).length.nanoseconds)
        let held = Int128((Timestamp("2026-04-01")! - created.time).nanoseconds)
        #expect(ledger.book("revenue:storage_creation") == Rational.halfEven(200_000_000 * held, over: month)!.nanos)
        #expect(abs(ledger.book("revenue:storage_creation") - Money("0.2")!.nanos) <= 1)
        #expect(ledger.problems() == [])
    }

    @Test func `accrual counts against what is available before it is posted`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "10")
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "b1", kind: .filestore, megabytes: 500_000)))
        let before = ledger.account("ann")
        ledger.wait(.minutes(30))
        let after = ledger.account("ann")
        #expect(after.paid == before.paid && after.available < before.available)
        #expect(ledger.charge("ann", "9.9999").rejection?.code == "INSUFFICIENT")
        let view = ledger.machine.accountView(ledger.machine.lookUp(user: ledger.hash("ann"))!, at: ledger.now)
        #expect(view.slope > 0)
        let later = ledger.now + .minutes(20)
        #expect(view.lowerBound(at: later) <= ledger.machine.accountView(view.user, at: later).available)
    }

    @Test func `resizing is a boundary, deleting charges the rest`() {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.purchase("ann", "100")
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "b1", kind: .filestore, megabytes: 100_000)))
        ledger.pass(.days(2), step: .hours(1))
        let name = ledger.machine.names.resource("b1")
        #expect(ledger.command(.storageResize(StorageResize(resource: name, megabytes: 50_000))).event != nil)
        #expect(
            ledger.command(.storageResize(StorageResize(resource: name, megabytes: 2_000_000))).rejection
                == .limit(.storage, 1_000_000))
        ledger.pass(.days(2), step: .hours(1))
        guard
            case .storageDeleted(let deleted) = ledger.command(.storageDelete(StorageDelete(resource: name))).event?
                .body
        else {
            Issue.record("not deleted")
            return
        }
        #expect(deleted.total.nanos == ledger.book("revenue:storage_creation"))
        #expect(ledger.command(.storageDelete(StorageDelete(resource: name))).rejection == .notFound(.resource))
        #expect(ledger.problems() == [])
    }

    @Test func `a day of accrual must be affordable`() {
        var ledger = TestLedger()
        ledger.user("ann")
        let create = Command.storageCreate(
            StorageCreate(user: ledger.hash("ann"), resource: "b1", kind: .bucket, megabytes: 1000))
        #expect(ledger.command(create).rejection?.code == "INSUFFICIENT")
    }
}
