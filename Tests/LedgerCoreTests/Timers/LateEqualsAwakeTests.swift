import LedgerTestKit
import Testing

@testable import LedgerCore

/// However late a timer fires, it decides what it would have decided at the instant at which it was due. Generated over
/// all ordered pairs of what becomes due, at one instant, a nanosecond apart and minutes apart, each lived three times:
/// awake; asleep, with every timer fired at the end of the gap; and down, with a start that says how long.
@Suite struct LateEqualsAwakeTests {
    /// How much later the second is due, and whether its user has nothing left.
    static let ways: [(offset: TimeSpan, isTight: Bool)] = [
        (.zero, false), (.zero, true), (TimeSpan(nanoseconds: 1), true), (.minutes(4), true),
    ]

    @Test(arguments: Due.allCases)
    func `a ledger that slept or was down decides what one that was awake decided, for every pair`(first: Due) throws {
        for second in Due.allCases {
            for (offset, isTight) in Self.ways {
                try compare(
                    TimerScene(first, second, offset: offset, isTight: isTight),
                    "\(first), \(second) \(offset.nanoseconds) ns later, tight: \(isTight)")
            }
        }
    }

    @Test(arguments: 1...8)
    func `three to five of them at random on two users do not change that`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 500)
        for round in 0..<10 {
            let scene = TimerScene(kinds: Int.random(in: 3...5, using: &random), using: &random)
            try compare(scene, "seed \(seed), round \(round): \(scene.due.map(\.kind))")
        }
    }

    private func compare(_ scene: TimerScene, _ name: String) throws {
        var awake = scene.run(.awake)
        var asleep = scene.run(.asleep)
        var isSame = try same(awake.ledger, asleep.ledger, from: awake.before)
        #expect(isSame, "\(name): asleep")
        try compareDown(scene, awake, name)
        // Whatever is decided afterwards is the same as well: an hour more, and an end to everything.
        finish(&awake.ledger)
        finish(&asleep.ledger)
        isSame = try same(awake.ledger, asleep.ledger, from: awake.before)
        let problems = asleep.ledger.machine.violations()
        #expect(isSame && problems == [], "\(name): asleep, afterwards")
    }

    private func same(_ awake: borrowing TestLedger, _ late: borrowing TestLedger, from before: Int) throws -> Bool {
        let (expected, found) = (try awake.normalEvents(from: before), try late.normalEvents(from: before))
        return expected == found && awake.rows() == late.rows()
    }

    private func finish(_ ledger: inout TestLedger) {
        ledger.advance(to: ledger.now + .hours(1))
        for number in 0..<5 {
            let name = ShortText("x\(number)")!
            ledger.now = ledger.now + .seconds(1)
            ledger.stop(name)
            ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource(name))))
        }
    }

    // MARK: Down

    /// The same up to the first that needs somebody to be heard or told; of that, what is shifted and by how much.
    private func compareDown(_ scene: TimerScene, _ awake: borrowing TimerScene.Run, _ name: String) throws {
        var down = scene.run(.down)
        let before = awake.before
        let expected = try awake.ledger.normalEvents(from: before + 1)
        let found = try down.ledger.normalEvents(from: before + 1)
        let first = expected.firstIndex { Self.needsSomebody($0.event) } ?? expected.count
        #expect(found.prefix(first) == expected.prefix(first), "\(name)")
        let since = try down.ledger.journal[before].event().time
        guard first < expected.count else {
            #expect(found.count == expected.count, "\(name)")
            let isSame = awake.ledger.timelessRows() == down.ledger.timelessRows()
            #expect(isSame, "\(name)")
            return
        }
        let event = expected[first].event
        switch event.body {
        case .sessionExhausting(let exhausting):
            // The same, at the same instant; but the grace counts from when somebody could be told.
            guard first < found.count, case .sessionExhausting(let late) = found[first].event.body else {
                Issue.record("\(name): no deadline was set")
                return
            }
            #expect(late.session == exhausting.session && late.pins == exhausting.pins, "\(name)")
            #expect(late.emptyAt == exhausting.emptyAt && found[first].event.asOf == event.asOf, "\(name)")
            #expect(late.deadline == deadline(late, found[first].event, since: since), "\(name)")
        case .sessionClosed(let closed) where event.user == TimerScene.debtorNumber && closed.reason == .funds:
            // What runs on debt owes more by then than it may: it ends when somebody can be told.
            let end = try down.ledger.journal[(before + 1)...].map { try $0.event() }.first {
                if case .sessionClosed(let end) = $0.body { end.session == closed.session } else { false }
            }
            #expect(end?.asOf == max(event.asOf, since), "\(name)")
        case .sessionClosed(let closed):
            down.ledger.advance(to: scene.gapEnd + scene.gap)
            try checkEnd(of: closed, event, down.ledger.journal[(before + 1)...], scene.gap, since: since, name)
        default: Issue.record("\(name): \(event.body) needs nobody")
        }
        let problems = down.ledger.machine.violations()
        #expect(problems == [], "\(name)")
    }

    private func deadline(_ exhausting: SessionExhausting, _ event: Event, since: Timestamp) -> Timestamp {
        event.user == TimerScene.debtorNumber ? .never : max(max(exhausting.emptyAt, event.asOf), since) + .seconds(60)
    }

    /// Silence and deadlines count anew: a session ends so much later as nobody was there. What comes in that time may
    /// change its fate: credit that renews it, or want of credit.
    private func checkEnd(
        of closed: SessionClosed, _ event: Event, _ journal: ArraySlice<Journaled>, _ gap: TimeSpan, since: Timestamp,
        _ name: String
    ) throws {
        for late in try journal.map({ try $0.event() }) where late.asOf >= event.asOf {
            switch late.body {
            case .sessionClosed(let end) where end.session == closed.session:
                #expect(end.reason == closed.reason && late.asOf == event.asOf + gap, "\(name)")
                let until = closed.reason == .lost ? closed.usage.through : closed.usage.through + gap
                #expect(end.usage.through == until, "\(name)")
                return
            case .sessionExhausting(let exhausting) where exhausting.session == closed.session:
                #expect(late.asOf <= event.asOf + gap, "\(name)")
                if closed.reason == .lost {
                    #expect(exhausting.deadline == deadline(exhausting, late, since: since), "\(name)")
                }
                return
            case .leaseRenewed(let renewed) where renewed.session == closed.session && closed.reason == .funds:
                #expect(late.asOf > event.asOf && late.asOf <= event.asOf + gap, "\(name)")
                return
            default: break
            }
        }
        Issue.record("\(name): a session did not end")
    }

    private static func needsSomebody(_ event: Event) -> Bool {
        switch event.body {
        case .sessionExhausting: true
        case .sessionClosed(let closed): closed.reason == .lost || closed.reason == .funds
        default: false
        }
    }
}

/// Order and instants: what `as of` promises.
@Suite struct AsOfTests {
    @Test(arguments: 1...6)
    func `the instant of a decision never goes back, but to what was due inside the last batch`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 900)
        for _ in 0..<4 {
            let scene = TimerScene(kinds: 5, using: &random)
            for mode in [TimerScene.Mode.awake, .asleep, .down] {
                let run = scene.run(mode)
                var latest = Timestamp.distantPast
                var batchOfLatest = Timestamp.distantPast
                for (event, base) in zip(run.ledger.journal, run.ledger.batchTimes) {
                    let event = try event.event()
                    #expect(event.asOf <= event.time)
                    if event.asOf < latest {
                        #expect(event.origin == .timer && event.asOf > batchOfLatest, "seed \(seed), \(mode)")
                    } else {
                        (latest, batchOfLatest) = (event.asOf, base)
                    }
                }
            }
        }
    }

    /// Commands of one batch are recorded a nanosecond apart. What becomes due between two of them is decided with the
    /// next batch, as of then, and finds that nothing was decided behind its back: credit that had expired was not
    /// spent, what had ended was not used.
    @Test func `what is due between two commands of one batch changes nothing that was decided after it`() throws {
        var ledger = TestLedger()
        ledger.user("ann")
        ledger.wait(.hours(1))
        var decision = Decision()
        let start = ledger.now
        func decide(_ ledger: inout TestLedger, _ decision: inout Decision, _ command: Command) -> Outcome {
            ledger.machine.decide(
                Request(actor: .none, command: command),
                price: TestLedger.listPrice(.purchaseBonus(type: .pro, amount: .zero)),
                at: start, into: &decision)
        }
        let user = ledger.hash("ann")
        func charge(_ amount: String) -> Command {
            .creditCharge(CreditCharge(user: user, amount: Money(amount)!, source: "api"))
        }
        // As of start: a lot that is good for three nanoseconds.
        let short = CreditGrant(
            user: user, amount: Money("5")!, kind: .promo, expires: start + TimeSpan(nanoseconds: 3), reason: [])
        _ = decide(&ledger, &decision, .creditGrant(short))
        _ = decide(
            &ledger, &decision, .creditGrant(CreditGrant(user: user, amount: Money("1")!, kind: .promo, reason: [])))
        guard case .accepted = decide(&ledger, &decision, charge("2")) else {
            Issue.record("refused while it was good")
            return
        }
        // From here on it is gone, though its timer has not fired.
        guard case .rejected(let rejection) = decide(&ledger, &decision, charge("2")) else {
            Issue.record("spent a dead lot")
            return
        }
        #expect(rejection == .insufficient(available: Money("1")!, needed: Money("2")!))
        _ = decide(&ledger, &decision, charge("0.5"))
        let events = Journaled.events(of: decision.batch)
        decision.batch.removeAll()
        let fired = ledger.machine.fireTimers(at: start + .seconds(1), limit: 64, into: &decision)
        #expect(fired.isDone && fired.fired == 1)
        let expired = try Journaled.events(of: decision.batch)[0].event()
        guard case .lotExpired(let lot) = expired.body else {
            Issue.record("\(expired.body)")
            return
        }
        #expect(lot.amount == Money("3"))
        #expect(expired.asOf == start + TimeSpan(nanoseconds: 3))
        #expect(expired.asOf <= (try events.last!.event()).asOf)
        #expect(ledger.machine.violations() == [])
    }

    /// SPEC 9: wherever in a batch it was decided.
    @Test func `what ends after a duration ends exactly so long after its own beginning`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .admin)
        ledger.user("bob")
        ledger.purchase("bob", "10")
        ledger.wait(.hours(1))
        let start = ledger.now
        for number in 0..<20 {
            // All at one instant of the clock: each begins a nanosecond after the last.
            ledger.start(ShortText("s\(number)")!, "ann", .gpu, ttl: .hours(1))
            ledger.command(
                .holdPlace(
                    HoldPlace(user: ledger.hash("bob"), amount: Money("0.1")!, timeToLive: .hours(1), source: "job")))
        }
        #expect(ledger.now == start)
        ledger.wait(.hours(5))
        ledger.settle()
        var (sessions, holds) = (0, 0)
        var placed: [HoldID: Timestamp] = [:]
        for journaled in ledger.journal {
            let event = try journaled.event()
            switch event.body {
            case .sessionClosed(let closed):
                sessions += 1
                #expect(closed.usage.through - closed.started == .seconds(3_600))
                #expect(event.asOf == closed.usage.through)
            case .holdPlaced: placed[event.id(shard: 0)] = event.asOf
            case .holdReleased(let released):
                holds += 1
                #expect(event.asOf - placed[released.hold]! == .seconds(3_600))
            default: break
            }
        }
        #expect(sessions == 20 && holds == 20)
    }
}
