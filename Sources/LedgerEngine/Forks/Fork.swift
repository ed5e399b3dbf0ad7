package import LedgerCore
internal import LedgerStorage
package import Logging

/// The whole ledger in another world: an engine of its own over what the journal held at one moment, with a clock that
/// its owner moves on. Whatever happens in it stays in its memory and is gone with it.
package final class Fork: Sendable {
    package let engine: Engine
    /// The last event that both worlds have.
    package let lsn: LSN
    package let users: Int
    /// What its clock showed at first.
    package let began: Timestamp
    private let clock: ManualClock
    /// By user: what could be spent, and what was owed, in nano-USD, when it began.
    private let before: [(available: Int64, debt: Int64)]

    init(_ engine: Engine, _ clock: ManualClock, at lsn: LSN) {
        (self.engine, self.clock, self.lsn) = (engine, clock, lsn)
        var before: [(Int64, Int64)] = []
        while let view = engine.reads.view(UserOrdinal(UInt32(before.count))) {
            before.append((view.available.nanos, view.debt.nanos))
        }
        self.before = before
        users = before.count
        began = clock.now()
    }

    package var now: Timestamp { clock.now() }

    /// Moves time on, and waits until everything that is due by then has happened. Not for an event loop.
    package func advance(to time: Timestamp) throws(EngineError) {
        guard time >= clock.now() else { throw EngineError(.clock, "the fork is at \(clock.now()) already") }
        guard time <= .lastOfClocks else {
            throw EngineError(.clock, "a ledger's time ends at \(Timestamp.lastOfClocks)")
        }
        clock.set(time)
        let done = Latch()
        let batch = WorkBatch(capacity: 1) { _ in done.open() }
        batch.append(.barrier)
        guard engine.submit(batch) else { throw EngineError(.stopped, "the fork was dropped") }
        done.wait()
    }

    /// What is different from the world it came from.
    package struct Difference: Sendable {
        package struct User: Sendable {
            package var user: ShortText
            package var events: Int
            package var availableBefore: Money
            package var available: Money
            package var debtBefore: Money
            package var debt: Money
            /// Charged to them since.
            package var spent: Money
            /// When the first of their sessions ended for want of credit; nil: none did.
            package var exhausted: Timestamp?
            package var sessionsEnded: Int

            var change: Int64 {
                (available.nanos &- availableBefore.nanos) &- (debt.nanos &- debtBefore.nanos)
            }
        }
        package var events = 0
        package var last = LSN.none
        package var now = Timestamp.distantPast
        package var spent = Money.zero
        package var usersChanged = 0
        package var sessionsExhausted = 0
        /// Those whom it changed most, first.
        package var users: [User] = []
    }

    /// Reads everything that was decided in it. Not for an event loop. `count`: users at most.
    package func difference(count: Int) throws(EngineError) -> Difference {
        struct Sum {
            var events = 0
            var spent: Int64 = 0
            var exhausted: Timestamp?
            var ended = 0
        }
        var found = Difference()
        var sums: [UserOrdinal: Sum] = [:]
        var next = lsn.next
        while let slice = try engine.tail(from: next) {
            var failure: StateError?
            slice.visit { (journaled: JournaledEvent) -> Bool in
                do throws(StateError) {
                    let event = try Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time)
                    found.events += 1
                    guard event.user != .none else { return true }
                    var sum = sums[event.user] ?? Sum()
                    sum.events += 1
                    if let charge = event.facts.charge {
                        sum.spent &+= charge.amount.nanos
                        found.spent.nanos &+= charge.amount.nanos
                    }
                    if case .sessionClosed(let closed) = event.body {
                        sum.ended += 1
                        if closed.reason == .funds {
                            sum.exhausted = min(sum.exhausted ?? event.asOf, event.asOf)
                            found.sessionsExhausted += 1
                        }
                    }
                    sums[event.user] = sum
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
            if let failure { throw EngineError(.state, "\(failure)") }
            next = slice.next
        }
        found.last = engine.durableLSN
        found.now = clock.now()
        found.usersChanged = sums.count
        for (ordinal, sum) in sums {
            let isOld = Int(ordinal.value) < before.count
            let old: (available: Int64, debt: Int64) = isOld ? before[Int(ordinal.value)] : (0, 0)
            let view = engine.reads.view(ordinal)
            found.users.append(
                Difference.User(
                    user: engine.reads.userID(ordinal), events: sum.events,
                    availableBefore: Money(nanos: old.available), available: view?.available ?? .zero,
                    debtBefore: Money(nanos: old.debt), debt: view?.debt ?? .zero, spent: Money(nanos: sum.spent),
                    exhausted: sum.exhausted, sessionsEnded: sum.ended))
        }
        found.users.sort { a, b in
            let (one, other) = (a.change.magnitude, b.change.magnitude)
            return one != other ? one > other : a.user.string < b.user.string
        }
        found.users.removeSubrange(min(count, found.users.count)...)
        return found
    }

    /// Ends it. Not for an event loop.
    package func drop() { engine.stop() }
}

extension Engine {
    /// Begins a fork: loads the newest snapshot and replays what came after it, as a start does, so it takes as long as
    /// that: two to five seconds for a million users, and as much memory as the ledger itself. Not for an event loop.
    package func fork(logger: Logger) throws(EngineError) -> Fork {
        guard configuration.reading?.through == nil else {
            throw EngineError(.state, "a fork begins where the ledger is: there is none of the past")
        }
        var configuration = try copied()
        configuration.isFork = true
        let clock = ManualClock(now())
        if isDriven { configuration.driven = clock } else { configuration.clock = clock }
        let engine = try Engine.open(configuration, logger: logger).engine
        return Fork(engine, clock, at: engine.durableLSN)
    }
}
