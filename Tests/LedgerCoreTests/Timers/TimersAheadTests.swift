import Glibc
import LedgerTestKit
import Testing

@testable import LedgerCore

/// Commands about one user that do not wait for what is due to others.
@Suite struct TimersAheadTests {
    /// Random months, lived twice: once awake, and once with hardly any timer on time, each command behind no more than
    /// it needs. Every answer is the same, and so is all that happens to each user.
    @Test(arguments: 1...seeds)
    func `a twin that lets commands pass decides for each user as one who is awake`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &* 23_000)
        var (passed, waited, ahead) = (0, 0, 0)
        for round in 0..<6 {
            var twins = PassingTwins()
            try live(&twins, "seed \(seed), round \(round)", using: &random)
            passed += twins.passed
            waited += twins.waited
            ahead += try twins.passing.journal.filter { try $0.event().origin == .timerAhead }.count
        }
        #expect(passed > 100 && waited > 50 && ahead > 50, "\(passed) \(waited) \(ahead)")
    }

    private static let seeds = getenv("FLORIN_MONEY_SEEDS").flatMap { Int(String(cString: $0)) } ?? 6

    private func live(_ twins: inout PassingTwins, _ name: String, using random: inout SeededGenerator) throws {
        var wishes = Wishes()
        var read = 0
        Wishes.prepare(&twins.passing)
        Wishes.prepare(&twins.awake)
        for step in 0..<240 {
            let longest: Int64 = Int.random(in: 0..<12, using: &random) == 0 ? 300_000 : 9_000
            let span = TimeSpan.seconds(Int64.random(in: 1...longest, using: &random))
            twins.pass(span, most: Int.random(in: 0...2, using: &random))
            let (command, key) = wishes.next(twins.passing, using: &random)
            // A refund names events, which have other numbers here.
            if case .creditRefund = command { continue }
            let outcome = twins.decide(command, key: key, actor: Wishes.actor(twins.passing, using: &random))
            if let event = outcome.passing.event { wishes.note(event) }
            try wishes.note(twins.passing, from: &read)
            if let difference = outcome.difference ?? twins.difference(for: command) {
                Issue.record("\(name), step \(step): \(command.name): \(difference)")
                return
            }
        }
        let problems = twins.passing.problems()
        #expect(problems == [], "\(name): with timers that are due")
        twins.pass(.days(3), most: 0)
        twins.passing.settle()
        for user in 0..<UInt32(twins.awake.machine.userCount) {
            let (found, expected) = try (
                twins.passing.told(UserOrdinal(user)), twins.awake.told(UserOrdinal(user))
            )
            let first = zip(found, expected).first { $0 != $1 }
            #expect(first == nil && found.count == expected.count, "\(name): user \(user)")
        }
        let isBalanced = twins.passing.books() == twins.awake.books()
        #expect(isBalanced && twins.passing.machine.violations() == [], "\(name)")
    }
}

/// One ledger that is awake, and one that lets commands pass.
private struct PassingTwins: ~Copyable {
    var passing = TestLedger()
    var awake = TestLedger()
    /// Commands that did not wait while something was due, and that did.
    private(set) var (passed, waited) = (0, 0)
    private var holds: [HoldID: HoldID] = [:]
    /// A time at which nothing is about to happen, so that both decide at one instant: many late events, a nanosecond
    /// each, would else move one of them.
    private let quiet = TimeSpan(nanoseconds: 1_000_000)

    mutating func pass(_ span: TimeSpan, most: Int) {
        var end = awake.now + span
        awake.advance(to: end)
        while let due = awake.machine.nextTimer, due <= end + quiet {
            end = end + quiet
            awake.advance(to: end)
        }
        passing.now = end
        if most > 0 { passing.settle(atMost: most) }
    }

    mutating func decide(
        _ command: Command, key: IdempotencyKey?, actor: PassportOrdinal
    ) -> (passing: Decided, difference: String?) {
        let isLate = passing.machine.nextTimer.map { $0 <= passing.now } ?? false
        if passing.settle(before: command.dueBefore, actor: actor) {
            if isLate { passed += 1 }
        } else {
            waited += 1
        }
        passing.now = passing.now + quiet
        awake.now = passing.now
        passing.price = Prices.price(of: passing.machine)
        awake.price = Prices.price(of: awake.machine)
        let here = passing.decide(command, key: key, actor: actor)
        let there = awake.decide(translated(command), key: key, actor: actor)
        if case .holdPlaced = here.event?.body, let placed = there.event {
            holds[here.event!.id(shard: 0)] = placed.id(shard: 0)
        }
        let (text, expected) = (Self.text(here), Self.text(there))
        return (here, text == expected ? nil : "\(text); awake: \(expected)")
    }

    /// Holds have the numbers of events.
    private func translated(_ command: Command) -> Command {
        switch command {
        case .holdCapture(var it):
            it.hold = holds[it.hold] ?? it.hold
            return .holdCapture(it)
        case .holdVoid(let it): return .holdVoid(HoldVoid(hold: holds[it.hold] ?? it.hold))
        default: return command
        }
    }

    private static func text(_ decided: Decided) -> String {
        switch decided {
        case .accepted(let event): "\(Told(event))"
        case .replayed: "replayed"
        case .recorded: "recorded"
        case .rejected(let rejection): rejection.text
        }
    }

    /// How the accounts of the user differ whom it was about; nil: they do not.
    func difference(for command: Command) -> String? {
        guard let user = awake.machine.user(of: command.subject), Int(user.value) < awake.machine.userCount else {
            return nil
        }
        let expected = awake.machine.image(user, at: awake.now)
        let found = passing.machine.image(user, at: passing.now)
        return found == expected ? nil : "\(found); awake: \(expected)"
    }
}

/// What an event says but for numbers of events.
private struct Told: Equatable {
    var code: EventCode
    var (asOf, from, to) = (Timestamp.distantPast, Timestamp.distantPast, Timestamp.distantPast)
    var words: String
    var after: AccountImage

    init(_ event: Event) {
        code = event.body.code
        (asOf, from, to) = (event.asOf, event.effectiveFrom, event.effectiveTo)
        let facts = event.facts
        let paid = facts.charge.map { charge in
            "\(charge.amount) \(charge.source) \(charge.settlement.held.total) \(charge.settlement.free.total) "
                + "\(charge.settlement.debt)"
        }
        let moved = facts.movement.map { "\($0.isCredit) \($0.amount) \($0.source)" }
        words = "\(paid ?? "") \(moved ?? "") \(event.labels.text)"
        after = event.after
    }
}

extension TestLedger {
    fileprivate func books() -> [String: Int128] {
        guard case .books(let rows) = machine.read(.books, at: now) else { return [:] }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.account, $0.balance) })
    }

    fileprivate func told(_ user: UserOrdinal) throws -> [Told] {
        try journal.map { try $0.event() }.filter { $0.user == user }.map { Told($0) }
    }
}
