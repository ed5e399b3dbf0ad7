import LedgerTestKit
import Testing

@testable import LedgerCore

/// Credit that pays for some things only.
@Suite struct ScopeTests {
    private func ledger() -> TestLedger {
        var ledger = TestLedger()
        ledger.user("ann")
        return ledger
    }

    private func available(_ ledger: borrowing TestLedger, for use: CreditUse, at now: Timestamp? = nil) -> Money {
        let user = ledger.machine.lookUp(user: ledger.hash("ann"))!
        return ledger.machine.available(user, for: use, at: ledger.machine.instant(now ?? ledger.now))
    }

    private func charge(_ ledger: borrowing TestLedger, _ amount: Money, _ source: ShortText, over: Bool = false)
        -> Command
    {
        .creditCharge(CreditCharge(user: ledger.hash("ann"), amount: amount, source: source, over: over))
    }

    private func lots(_ ledger: borrowing TestLedger) -> [LotRow] {
        guard case .lots(let rows, _) = ledger.machine.read(.lots(user: ledger.hash("ann"), Page()), at: ledger.now)
        else { return [] }
        return rows.sorted { $0.order < $1.order }
    }

    @Test func `a scope is everything or a list of sources`() {
        for text in ["*", "api", "api,gpu", "session_runtime,storage_creation,space_purchase"] {
            #expect(CreditScope(ShortText(text)!)?.text.string == text)
        }
        for text in ["", ",", "api,", ",api", "api,,gpu", "*,api", "api,*", "*api"] {
            #expect(CreditScope(ShortText(text)!) == nil, "\(text)")
        }
        let scope = CreditScope("api,gpu")!
        #expect(scope.pays(for: .source("api")) && scope.pays(for: .source("gpu")) && scope.pays(for: .movement))
        for source in ["ap", "apis", "api,gpu", "*", ""] { #expect(!scope.pays(for: .source(ShortText(source)!))) }
        #expect(!scope.pays(for: .anything) && CreditScope.everything.pays(for: .anything))
    }

    @Test func `what is available depends on what it is for, and a scoped lot burns before one for everything`() {
        var ledger = ledger()
        ledger.grant("ann", "2", expires: ledger.now + .days(1))
        ledger.grant("ann", "3", for: CreditScope("api")!)
        ledger.purchase("ann", "10")
        #expect(ledger.account("ann").available == Money("12") && ledger.account("ann").promo == Money("5"))
        #expect(available(ledger, for: .source("api")) == Money("15"))
        #expect(available(ledger, for: .source("gpu")) == Money("12"))
        #expect(ledger.command(charge(ledger, Money("12.5")!, "gpu")).rejection?.code == "INSUFFICIENT")
        // The rest of it does not expire; the other one of the same priority does, and still burns later.
        #expect(lots(ledger).map(\.origin.scope.text.string) == ["api", "*", "*"])
        let charged = ledger.command(charge(ledger, Money("4")!, "api")).event!
        #expect(charged.after.available == Money("11") && charged.after.promo == Money("1"))
        #expect(ledger.command(charge(ledger, Money("11")!, "gpu")).event?.after.available == .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `sessions are admitted, held for and posted against credit that pays for nothing else`() {
        var ledger = ledger()
        ledger.grant("ann", "1", for: .sessions)
        #expect(ledger.account("ann").available == .zero)
        #expect(ledger.command(charge(ledger, Money("0.01")!, "api")).rejection?.code == "INSUFFICIENT")
        #expect(ledger.start("s1", "ann", .gpu, ttl: .days(1)).event != nil)
        #expect(ledger.account("ann").held > .zero && ledger.account("ann").available == .zero)
        ledger.pass(.minutes(30))
        let stopped = ledger.stop("s1").event!
        #expect(stopped.facts.charge?.amount == Money("0.0625") && stopped.after.debt.isZero)
        #expect(available(ledger, for: .session) == Money("0.9375") && stopped.after.available == .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `usage takes the lots that pay for it before it is posted, and nothing changes when it is`() {
        var ledger = ledger()
        ledger.grant("ann", "3", for: CreditScope("session_runtime,api")!)
        ledger.grant("ann", "1", for: CreditScope("storage_creation,api")!)
        ledger.purchase("ann", "10")
        ledger.start("s1", "ann", .gpu, ttl: .days(20))
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "r", kind: .filestore, megabytes: 100_000)))
        // Nobody is there for hours: the session uses more than it holds, storage accrues.
        ledger.wait(.hours(9))
        ledger.restart(downtime: .hours(9))
        let before = [CreditUse.anything, .source("api"), .session, .storage].map { available(ledger, for: $0) }
        #expect(before[0] == Money("10"))
        #expect(before[1] > Money("10")! && before[1] < Money("14")!)
        // What accrued is not there for an API call, although no lot was touched yet.
        #expect(ledger.account("ann").promo + ledger.account("ann").held == Money("4"))
        // The clock stands still; every posting and the hold of a new lease is made.
        let now = ledger.now
        ledger.settle()
        let held = ledger.session("s1")!.held
        let after = [CreditUse.anything, .source("api"), .session, .storage].map {
            available(ledger, for: $0, at: now)
        }
        #expect(after[0] == before[0] && after[1] + held >= before[1])
        ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("r"))))
        ledger.stop("s1")
        #expect(ledger.account("ann").paid == Money("10") && ledger.account("ann").debt.isZero)
        #expect(ledger.problems() == [])
    }

    @Test func `usage that its own lots do not cover takes from what is for everything, then becomes debt`() {
        var ledger = ledger()
        ledger.grant("ann", "0.5", for: .sessions)
        ledger.grant("ann", "0.25")
        ledger.grant("ann", "5", for: CreditScope("api")!)
        ledger.start("s1", "ann", .gpu, ttl: .days(20))
        ledger.wait(.hours(5))  // 0.625
        ledger.restart(downtime: .hours(5))
        #expect(available(ledger, for: .anything) > Money("0.1")! && available(ledger, for: .anything) < Money("0.15")!)
        #expect(available(ledger, for: .source("api")) > Money("5.1")!)
        let record = SessionRecord(
            session: "s2", user: ledger.hash("ann"), tier: .gpu, from: ledger.now - .hours(8), to: ledger.now,
            arguments: .zero)
        let recorded = ledger.command(.sessionRecord(record)).event!
        #expect(recorded.facts.charge?.amount == .dollar && recorded.after.debt > .zero)
        ledger.stop("s1")
        let account = ledger.account("ann")
        #expect(account.promo == Money("5") && account.available == .zero && account.held.isZero)
        #expect(account.debt > Money("0.86")! && account.debt < Money("0.88")!)
        #expect(ledger.problems() == [])
    }

    @Test func `holds pin within scope, and what is captured beyond them stays within it`() {
        var ledger = ledger()
        ledger.grant("ann", "2", for: CreditScope("job")!)
        ledger.grant("ann", "3", for: CreditScope("api")!)
        ledger.grant("ann", "1")
        func place(_ amount: String) -> Decided {
            ledger.command(
                .holdPlace(
                    HoldPlace(
                        user: ledger.hash("ann"), amount: Money(amount)!, timeToLive: .hours(1), source: "job")))
        }
        #expect(place("3.01").rejection?.code == "INSUFFICIENT")
        let hold = place("1.5").event!
        #expect(hold.after.available == .dollar && hold.after.held == Money("1.5"))
        #expect(available(ledger, for: .source("job")) == Money("1.5"))
        let id: HoldID = hold.id(shard: 0)
        let captured = ledger.command(
            .holdCapture(HoldCapture(hold: id, amount: Money("4")!, final: true, over: true))
        ).event!
        #expect(captured.after.debt == .dollar && captured.after.available == .zero)
        #expect(ledger.account("ann").promo == Money("3") && ledger.problems() == [])
    }

    @Test func `only so many lots may pay for certain sources only`() {
        var ledger = ledger()
        ledger.user("bob")
        func grant(_ user: ShortText, _ scope: CreditScope) -> Command {
            .creditGrant(
                CreditGrant(user: ledger.hash(user), amount: .dollar, kind: .promo, scope: scope, reason: []))
        }
        for _ in 0..<64 { #expect(ledger.command(grant("ann", .sessions)).event != nil) }
        let refused = ledger.command(grant("ann", .sessions)).rejection
        #expect(
            refused?.code == "ERR" && refused?.text.contains("at most 64") == true, "\(String(describing: refused))")
        #expect(ledger.command(grant("ann", .everything)).event != nil)
        // Nor by a transfer, until one of them is used up.
        #expect(ledger.command(grant("bob", .sessions)).event != nil)
        let transfer = Command.creditTransfer(
            CreditTransfer(from: ledger.hash("bob"), to: ledger.hash("ann"), amount: .dollar, reason: []))
        #expect(ledger.command(transfer).rejection?.code == "ERR")
        let back = Command.creditTransfer(
            CreditTransfer(from: ledger.hash("ann"), to: ledger.hash("bob"), amount: .dollar, reason: []))
        #expect(ledger.command(back).event != nil && ledger.command(transfer).event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `transfers, refunds and expiry keep the scope`() {
        var ledger = ledger()
        ledger.user("bob")
        let expires = ledger.now + .days(1)
        ledger.grant("ann", "2", expires: expires, for: CreditScope("api")!)
        ledger.grant("ann", "1")
        let charged = ledger.command(charge(ledger, Money("1.5")!, "api")).event!
        let lots = [lots(ledger)[0].origin]
        ledger.command(.creditRefund(CreditRefund(charge: charged, lots: lots, amount: nil, reason: [])))
        #expect(available(ledger, for: .source("api")) == Money("3") && ledger.account("ann").available == .dollar)
        ledger.command(
            .creditTransfer(
                CreditTransfer(from: ledger.hash("ann"), to: ledger.hash("bob"), amount: Money("2.25")!, reason: [])))
        #expect(ledger.account("bob").available == Money("0.25") && ledger.account("bob").promo == Money("2.25"))
        #expect(ledger.account("ann").available == Money("0.75"))
        ledger.pass(.days(1), step: .hours(1))
        #expect(ledger.account("bob").promo == Money("0.25") && ledger.problems() == [])
    }

    @Test func `empty_at knows which lots pay for what`() {
        var ledger = ledger()
        func emptyAt() -> TimeSpan {
            let user = ledger.machine.lookUp(user: ledger.hash("ann"))!
            return ledger.machine.emptyAt(user, at: ledger.now) - ledger.now
        }
        ledger.grant("ann", "1", for: .sessions)
        ledger.grant("ann", "50", for: CreditScope("api")!)
        ledger.start("s1", "ann", .gpu, ttl: .days(20))
        #expect(abs((emptyAt() - .hours(8)).nanoseconds) < 1_000)
        // Storage finds nothing at once, whatever there is for sessions.
        ledger.grant("ann", "0.6", for: .storage)
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "r", kind: .filestore, megabytes: 100_000)))
        #expect(abs((emptyAt() - .hours(8)).nanoseconds) < 1_000_000)
        ledger.stop("s1")
        // 17.00 a month of 31 days.
        let hours = (emptyAt()).nanoseconds / 3_600_000_000_000
        #expect(hours == 26)
        // Either may use it: together they burn it sooner.
        ledger.grant("ann", "1")
        #expect(emptyAt() > .hours(69) && emptyAt() < .hours(71))
        ledger.start("s2", "ann", .gpu, ttl: .days(20))
        // The session has 1.00 of its own and the one for everything; its own 0.60 outlasts that for storage.
        #expect(abs((emptyAt() - .hours(16)).nanoseconds) < 1_000_000)
    }

    /// In random days: of each posting that a timer makes, what was available just before is available just after; and
    /// what INSUFFICIENT says is there is there, to the nano-USD.
    @Test(arguments: 1...12)
    func `what is available for a use can be spent on it, all of it and no more`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &+ 3_300)
        func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
        func cents(_ range: ClosedRange<Int64>) -> String { "\(Money(nanos: number(range) * 10_000_000))" }
        var ledger = ledger()
        for round in 0..<20 {
            ledger.purchase("ann", "10")
            for _ in 0..<number(1...6) {
                ledger.grant(
                    "ann", cents(1...200), expires: ledger.now + .hours(number(8...60)),
                    for: Wishes.scopes.randomElement(using: &random)!)
            }
            ledger.start(ShortText("s\(round)")!, "ann", .gpu, ttl: .days(number(1...20)))
            ledger.command(
                .storageCreate(
                    StorageCreate(
                        user: ledger.hash("ann"), resource: ShortText("r\(round)")!, kind: .filestore,
                        megabytes: number(1...60_000))))
            let gap = TimeSpan.minutes(number(5...600))
            ledger.wait(gap)
            ledger.restart(downtime: gap)
            if number(0...1) == 0 { ledger.settle() }
            for use in ["api", "gpu", "job"] as [ShortText] {
                // A command fires what is due first, and events move the ledger's instant on: look at what it meets.
                var events = -1
                while events < ledger.journal.count {
                    events = ledger.journal.count
                    ledger.settle()
                }
                let (there, everything) = (available(ledger, for: .source(use)), available(ledger, for: .movement))
                guard there > .zero, ledger.account("ann").debt.isZero else { continue }
                let other = available(ledger, for: .storage)
                let more = ledger.command(charge(ledger, there + Money(nanos: 1), use))
                #expect(more.rejection == .insufficient(available: there, needed: there + Money(nanos: 1)))
                let some = number(0...1) == 0 ? there : Money(nanos: number(1...there.nanos))
                let charged = ledger.command(charge(ledger, some, use)).event
                #expect(charged?.facts.charge?.settlement.debt == .zero)
                #expect(available(ledger, for: .source(use)) <= there - some)
                #expect(available(ledger, for: .movement) <= everything - some)
                #expect(available(ledger, for: .storage) >= min(other, .zero) - Money(nanos: 40))
            }
            if number(0...2) == 0 { ledger.stop(ShortText("s\(number(0...Int64(round)))")!) }
        }
        #expect(ledger.problems() == [])
    }

    // MARK: Views

    @Test func `readers are sent to the ledger only while usage may take from scoped lots`() {
        var ledger = ledger()
        ledger.grant("ann", "2", for: .sessions)
        ledger.purchase("ann", "10")
        let quiet = ledger.machine.accountView(UserOrdinal(0), at: ledger.now)
        #expect(quiet.exact(at: ledger.now + .days(3))?.available == Money("10"))
        ledger.command(
            .storageCreate(
                StorageCreate(user: ledger.hash("ann"), resource: "r", kind: .filestore, megabytes: 100_000)))
        let busy = ledger.machine.accountView(UserOrdinal(0), at: ledger.now)
        #expect(busy.exact(at: ledger.now + .seconds(1)) == nil)
        for hours in [0, 1, 20] as [Int64] {
            let later = ledger.now + .hours(hours)
            let exact = ledger.machine.userRow(UserOrdinal(0), at: later).account.available
            #expect(busy.lowerBound(at: later) <= exact && busy.lowerBound(at: later) >= exact - Money("0.01")!)
        }
    }
}
