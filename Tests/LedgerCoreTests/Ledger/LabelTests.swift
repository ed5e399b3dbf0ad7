import LedgerCore
import LedgerTestKit
import Testing

/// Labels of a request: on the event that answers it, and on what follows from it later.
@Suite struct LabelTests {
    private let labels = Labels("team=ml,job=render/81")!

    private static func ledger() -> TestLedger {
        var ledger = TestLedger()
        ledger.user("ann", .pro)
        ledger.purchase("ann", "100")
        return ledger
    }

    private func charge(_ ledger: borrowing TestLedger, _ amount: String) -> Command {
        .creditCharge(CreditCharge(user: ledger.hash("ann"), amount: Money(amount)!, source: "api"))
    }

    @Test func `a charge without labels has the bytes that it always had, one with labels what they take`() throws {
        var ledger = Self.ledger()
        let without = try #require(ledger.command(charge(ledger, "6.50")).event)
        let bytes = ledger.journal.last!.bytes.count
        #expect(bytes == 40)
        let with = try #require(ledger.command(charge(ledger, "6.50"), labels: labels).event)
        #expect(without.labels.isEmpty && with.labels == labels)
        // Two bytes of flags, the length, the text.
        #expect(ledger.journal.last!.bytes.count == bytes + 2 + 1 + labels.text.count)
        #expect(ledger.problems() == [])
    }

    @Test func `labels that are none, or are written otherwise, are refused where a journal is read`() throws {
        var ledger = Self.ledger()
        ledger.command(charge(ledger, "1"), labels: Labels("a=1,b=2")!)
        let journaled = ledger.journal.last!
        let place = try #require(journaled.bytes.firstRange(of: Array("a=1,b=2".utf8))).lowerBound
        for text in ["b=2,a=1", "a=1,a=2", "a=1,b=@", "a=1;b=2", "a=1,,=2"] {
            var bytes = journaled.bytes
            bytes.replaceSubrange(place..<place + 7, with: Array(text.utf8))
            #expect(throws: StateError.self, "\(text)") { _ = try journaled.event(bytes) }
        }
    }

    @Test func `everything that is charged for a session has the labels it began with`() throws {
        var ledger = Self.ledger()
        let start = SessionStart(user: ledger.hash("ann"), session: "s", tier: .small, timeToLive: .days(4))
        ledger.command(.sessionStart(start), labels: labels)
        ledger.start("other", "ann", ttl: .days(4))
        #expect(ledger.session("s")?.labels == labels && ledger.session("other")?.labels.isEmpty == true)
        ledger.pass(.hours(50), step: .hours(1))
        ledger.retier("s", .medium)
        ledger.setType("ann", .enterprise)
        ledger.pass(.hours(50), step: .hours(1))
        #expect(ledger.session("s") == nil)
        var charges = 0
        for event in try ledger.journal.map({ try $0.event() }) {
            guard event.facts.charge != nil else { continue }
            #expect(event.labels == (event.facts.session == "s" ? labels : .none), "\(event.body)")
            if event.facts.session == "s" { charges += 1 }
        }
        #expect(charges > 6)
        #expect(ledger.problems() == [])
    }

    @Test func `captures, voids and expiries have the labels of their hold`() throws {
        var ledger = Self.ledger()
        func hold() -> HoldID {
            let place = HoldPlace(user: ledger.hash("ann"), amount: Money("3")!, timeToLive: .hours(1), source: "job")
            return ledger.command(.holdPlace(place), labels: labels).event!.id(shard: 0)
        }
        let (captured, voided) = (hold(), hold())
        _ = hold()
        guard case .holds(let rows, _) = ledger.machine.read(.holds(user: ledger.hash("ann"), Page()), at: ledger.now)
        else { return }
        #expect(rows.count == 3 && rows.allSatisfy { $0.labels == labels })
        ledger.command(.holdCapture(HoldCapture(hold: captured, amount: Money("1")!, final: false, over: false)))
        ledger.command(.holdVoid(HoldVoid(hold: voided)))
        ledger.pass(.hours(2), step: .hours(1))
        let changes = try ledger.journal.map { try $0.event() }.filter { $0.facts.hold != nil }
        #expect(changes.count == 4 && changes.allSatisfy { $0.labels == labels })
        #expect(ledger.problems() == [])
    }

    @Test func `postings of storage, a resize and the end have the labels of the resource`() throws {
        var ledger = Self.ledger()
        let create = StorageCreate(user: ledger.hash("ann"), resource: "disk", kind: .bucket, megabytes: 9_000)
        ledger.command(.storageCreate(create), labels: labels)
        ledger.pass(.days(3), step: .hours(6))
        let disk = ledger.machine.names.resource("disk")
        ledger.command(.storageResize(StorageResize(resource: disk, megabytes: 4_000)))
        guard
            case .resources(let rows, _) = ledger.machine.read(
                .resources(user: ledger.hash("ann"), Page()), at: ledger.now)
        else { return }
        #expect(rows.map(\.labels) == [labels])
        ledger.command(.storageDelete(StorageDelete(resource: disk)))
        let charges = try ledger.journal.map { try $0.event() }.filter { $0.facts.charge != nil }
        #expect(charges.count >= 5 && charges.allSatisfy { $0.labels == labels })
        #expect(ledger.problems() == [])
    }

    @Test func `a refund has the labels of its charge, and a later command under no labels has none`() throws {
        var ledger = Self.ledger()
        let charged = try #require(ledger.command(charge(ledger, "5"), labels: labels).event)
        guard case .lots(let rows, _) = ledger.machine.read(.lots(user: ledger.hash("ann"), Page()), at: ledger.now)
        else { return }
        var refund = CreditRefund(charge: charged, lots: rows.map(\.origin), amount: nil, reason: [])
        refund.charges[0].labels = charged.labels
        #expect(ledger.command(.creditRefund(refund)).event?.labels == labels)
        #expect(ledger.purchase("ann", "10").event?.labels.isEmpty == true)
    }

    @Test func `sessions of most labels are repriced in one group as far as they fit, or refused whole`() throws {
        var ledger = Self.ledger()
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .sessions, value: 100)))
        let word = String(repeating: "w", count: 62)
        let most = Labels((1...8).map { "k\($0)\(word)=v\($0)\(word)" }.joined(separator: ","))!
        #expect(most.text.count == 8 * 129 + 7)
        func start(_ number: Int) {
            let start = SessionStart(user: ledger.hash("ann"), session: ShortText("s\(number)")!, tier: .small)
            ledger.command(.sessionStart(start), labels: most)
        }
        for number in 0..<20 { start(number) }
        ledger.machine.groupLimit = 40 << 10
        #expect(ledger.setType("ann", .enterprise).event != nil)
        for number in 20..<40 { start(number) }
        ledger.wait(.minutes(1))
        let before = ledger.frames()
        // Each posting has a kilobyte of labels: together more than a group takes.
        guard case .invalid(let text) = ledger.setType("ann", .pro).rejection else {
            Issue.record("it was not refused")
            return
        }
        #expect(text.contains("at most"))
        #expect(ledger.frames() == before)
        #expect(ledger.stop("s7").event?.labels == most)
    }
}
