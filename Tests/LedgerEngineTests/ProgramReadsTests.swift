import LedgerCore
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// What a program asks of the journal, and what it makes of the answer when others were at work meanwhile.
@Suite(.timeLimit(.minutes(5))) struct ProgramReadsTests {
    /// A program that is a closure; taken back where a record is missing.
    private final class Probe: Program {
        let name: StaticString = "PROBE"
        let origin = EventOrigin.script
        let script: [UInt8]? = nil
        let isOver = true
        let dueBefore = [DueBefore.everything]
        private let records: JournalRecords
        private let body: @Sendable (ProgramLedger, JournalRecords) throws(MissingRecord) -> Void
        let missing = Box<HistoryRequest?>(nil)

        init(
            _ records: JournalRecords,
            _ body: @escaping @Sendable (ProgramLedger, JournalRecords) throws(MissingRecord) -> Void
        ) { (self.records, self.body) = (records, body) }

        func run(_ ledger: ProgramLedger) -> ProgramEnd {
            do throws(MissingRecord) {
                try body(ledger, records)
                return .keep(value: [])
            } catch {
                missing.set(error.request)
                return .takeBack
            }
        }

        func wasAnswered() {}
    }

    /// Runs it until nothing is missing; `between`: what others do before each further run. Returns what it asked for.
    private func run(
        _ t: TestEngine, between: (Int) throws -> Void = { _ in },
        _ body: @escaping @Sendable (ProgramLedger, JournalRecords) throws(MissingRecord) -> Void
    ) throws -> [HistoryRequest] {
        var (asked, records): ([HistoryRequest], JournalRecords) = ([], JournalRecords())
        while true {
            let probe = Probe(records, body)
            guard case .program = t.work([Asked(item: .program(probe), actor: t.adminOrdinal)])[0] else {
                throw Unexpected("the program was refused")
            }
            guard let missing = probe.missing.get() else { return asked }
            guard asked.count < 10 else { throw Unexpected("it asks again and again: \(asked)") }
            asked.append(missing)
            records.keep(t.history(missing), of: missing)
            try between(asked.count)
        }
    }

    private func ledger() throws -> TestEngine {
        let t = try TestEngine()
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "50.00"))
        return t
    }

    @Test func `a hold that it closes has what others did to it until the run that counts`() throws {
        let t = try ledger()
        defer { t.stop() }
        let placed = try t.accept(
            .holdPlace(HoldPlace(user: t.hash("ada"), amount: Money("4.00")!, timeToLive: .hours(2), source: "api")))
        let hold = placed.id(shard: t.engine.shard)
        func capture(_ amount: String) throws -> LSN {
            try t.accept(
                .holdCapture(HoldCapture(hold: hold, amount: Money(amount)!, final: false, over: false))
            ).lsn
        }
        var last = try capture("1.00")
        let first = last
        let found = Box<ClosedHold?>(nil)
        let asked = try run(t) { round in
            if round == 1 { last = try capture("0.50") }
        } _: { (ledger, records) throws(MissingRecord) in
            _ = ledger.ask(.command(.holdVoid(HoldVoid(hold: hold))), nil, .none)
            if case .hold(let closed) = try ledger.read(.hold(hold), records) { found.set(closed) }
        }
        #expect(asked == [.hold(hold, through: first), .hold(hold, through: last)])
        let closed = try #require(found.get())
        #expect(closed.status == "voided" && closed.captured == MoneySum(nanos: 1_500_000_000))
        #expect(closed.released == MoneySum(nanos: 2_500_000_000))
        guard case .hold(let afterwards) = t.history(.hold(hold)) else { throw Unexpected("no story") }
        #expect(afterwards.captured == closed.captured && afterwards.released == closed.released)
        #expect(afterwards.status == closed.status && afterwards.closed == closed.closed)
    }

    @Test func `a history is asked for from the user's last event before the run, and again when there is another`()
        throws
    {
        let t = try ledger()
        defer { t.stop() }
        let user = t.hash("ada")
        let found = Box<[HistoryRow]>([])
        var others: [LSN] = [try t.user("ada").lastEvent]
        let asked = try run(t) { round in
            if round < 3 { others.append(try t.accept(t.charge("ada", "1.00", source: "others")).lsn) }
        } _: { (ledger, records) throws(MissingRecord) in
            let charge = CreditCharge(user: user, amount: Money("2.00")!, source: "own", over: false)
            _ = ledger.ask(.command(.creditCharge(charge)), nil, .none)
            let page = HistoryRequest.history(user: user, from: nil, to: nil, Page(count: 3))
            if case .history(let rows, _) = try ledger.read(page, records) { found.set(rows) }
        }
        #expect(
            asked
                == others.map {
                    .history(user: user, from: nil, to: nil, Page(count: 3, cursor: $0.value * 2))
                })
        #expect(found.get().map(\.source) == ["own", "others", "others"])
        guard case .history(let rows, _) = t.history(.history(user: user, from: nil, to: nil, Page(count: 3))) else {
            throw Unexpected("no history")
        }
        #expect(rows.map(\.id) == found.get().map(\.id))
    }

    @Test func `events that do not exist yet are not looked for, and lots are fetched in one go`() throws {
        let t = try ledger()
        defer { t.stop() }
        try t.accept(t.purchase("ada", "50.00"))
        let user = t.hash("ada")
        let refunded = Box<[CreditRefund.Charge]>([])
        let asked = try run(t) { (ledger, records) throws(MissingRecord) in
            let next = BirthID(shard: ledger.shard, lsn: ledger.last.next)
            for request in [HistoryRequest.event(next.lsn), .explain(next), .refund(next), .hold(next)] {
                guard case .rejected(.notFound) = try ledger.read(request, records) else {
                    Issue.record("\(request) was found")
                    return
                }
            }
            let charge = CreditCharge(user: user, amount: Money("80.00")!, source: "own", over: false)
            guard case .outcome(.accepted(let event)) = ledger.ask(.command(.creditCharge(charge)), nil, .none) else {
                Issue.record("the charge was refused")
                return
            }
            let id = BirthID(shard: ledger.shard, lsn: event.lsn)
            if case .refund(let charges) = try ledger.read(.refund(id), records) { refunded.set(charges) }
        }
        guard case .several(let lots)? = asked.first, asked.count == 1 else { throw Unexpected("\(asked)") }
        #expect(lots.count == 2)
        #expect(refunded.get().first?.lots.count == 2 && refunded.get().first?.facts.amount == Money("80.00"))
    }
}
