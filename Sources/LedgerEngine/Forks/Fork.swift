package import LedgerCore
internal import LedgerStorage
package import Logging

/// The whole ledger in another world: an engine of its own over what the journal held at one moment, with a clock that
/// its owner moves on. Whatever happens in it stays in its memory and is gone with it.
package final class Fork: Sendable {
    /// What a user takes in a ledger, in bytes: a row, indexes, a view, e-mail and name, a lot; from above. A million
    /// of them were measured at 937 each in a server, and at 750 to 760 in a fork (*Performance*).
    package static let bytesPerUser = 1 << 10
    /// What the rows and indexes that an event leaves behind take, from above: a session or a lot, a KEY. Most leave
    /// nothing. What the journal takes is counted apart.
    package static let bytesPerEvent = 256

    package let engine: Engine
    /// The last event that both worlds have.
    package let lsn: LSN
    package let users: Int
    /// What its clock showed at first.
    package let began: Timestamp
    private let clock: ManualClock
    private let disk: OverlayDisk
    /// What the copied files took.
    private let bytesAtFirst: Int
    /// By user: what could be spent, and what was owed, in nano-USD, when it began.
    private let before: [(available: Int64, debt: Int64)]

    init(_ engine: Engine, _ clock: ManualClock, _ disk: OverlayDisk, at lsn: LSN) {
        (self.engine, self.clock, self.disk, self.lsn) = (engine, clock, disk, lsn)
        bytesAtFirst = disk.byteCount
        began = clock.now()
        var before: [(Int64, Int64)] = []
        while let view = engine.reads.view(UserOrdinal(UInt32(before.count))) {
            before.append((view.lowerBound(at: began).nanos, view.debt.nanos))
        }
        self.before = before
        users = before.count
    }

    package var now: Timestamp { clock.now() }

    /// Memory that it has taken since it began, in bytes: that of its files as it is, that of its tables reckoned from
    /// its events and new users, from above. Cost: some loads.
    package var grown: Int {
        let events = Int(clamping: engine.durableLSN.value &- lsn.value)
        let newUsers = max(0, engine.reads.userCount - users)
        return max(0, disk.byteCount - bytesAtFirst) + events * Self.bytesPerEvent + newUsers * Self.bytesPerUser
    }

    /// Nothing is decided in it any more, for this reason, and no timer fires; nil: as ever. Reads go on.
    package func holdStill(_ reason: String?) { engine.holdStill(reason) }

    // MARK: Time

    /// How often `whyNot` is asked, in nanoseconds.
    private static let look: UInt64 = 20_000_000

    /// Moves time on, and waits until everything that is due by then has happened. In pieces: between them, and every
    /// 20 ms, `whyNot` is asked. A reason ends it there and is returned; the fork holds still for it then, at the end
    /// of the piece, of which something may still be due. Not for an event loop.
    package func advance(to time: Timestamp, unless whyNot: () -> String? = { nil }) throws(EngineError) -> String? {
        guard time >= clock.now() else { throw EngineError(.clock, "the fork is at \(clock.now()) already") }
        guard time <= .lastOfClocks else {
            throw EngineError(.clock, "a ledger's time ends at \(Timestamp.lastOfClocks)")
        }
        // Long enough to cost nothing where nothing happens, and the less the more does.
        var piece = TimeSpan.hours(1)
        repeat {
            if let reason = whyNot() { return stop(reason) }
            let began = MonotonicTime.now
            let rest = time - clock.now()
            clock.set(rest <= piece ? time : clock.now() + piece)
            if let reason = try settle(unless: whyNot) { return stop(reason) }
            let took = MonotonicTime.now - began
            if took < Self.look {
                piece = min(.days(1), piece + piece)
            } else if took > 5 * Self.look {
                piece = max(.minutes(1), TimeSpan(nanoseconds: piece.nanoseconds / 2))
            }
        } while clock.now() < time
        return nil
    }

    /// Waits until everything that is due has happened.
    private func settle(unless whyNot: () -> String?) throws(EngineError) -> String? {
        let done = Latch()
        let batch = WorkBatch(capacity: 1) { _ in done.open() }
        batch.append(.barrier)
        guard engine.submit(batch) else { throw EngineError(.stopped, "the fork was dropped") }
        while !done.wait(nanoseconds: Self.look) {
            guard let reason = whyNot() else { continue }
            holdStill(reason)
            done.wait()
            return reason
        }
        return nil
    }

    private func stop(_ reason: String) -> String {
        holdStill(reason)
        return reason
    }

    // MARK: What became of it

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
            package var spent: MoneySum
            /// When the first of their sessions ended for want of credit; nil: none did.
            package var exhausted: Timestamp?
            package var sessionsEnded: Int

            var change: Int128 {
                Int128(available.nanos) - Int128(availableBefore.nanos) - Int128(debt.nanos) + Int128(debtBefore.nanos)
            }
        }
        package var events = 0
        package var last = LSN.none
        package var now = Timestamp.distantPast
        package var spent = MoneySum.zero
        package var usersChanged = 0
        package var sessionsExhausted = 0
        /// Those whom it changed most, first.
        package var users: [User] = []
    }

    /// Reads everything that was decided in it. Not for an event loop. `count`: users at most.
    package func difference(count: Int) throws(EngineError) -> Difference {
        struct Sum {
            var events = 0
            var spent = MoneySum.zero
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
                        sum.spent += charge.amount
                        found.spent += charge.amount
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
                    availableBefore: Money(nanos: old.available), available: view?.lowerBound(at: found.now) ?? .zero,
                    debtBefore: Money(nanos: old.debt), debt: view?.debt ?? .zero, spent: sum.spent,
                    exhausted: sum.exhausted, sessionsEnded: sum.ended))
        }
        found.users.sort { a, b in
            let (one, other) = (a.change.magnitude, b.change.magnitude)
            return one != other ? one > other : a.user.string < b.user.string
        }
        found.users.removeSubrange(min(count, found.users.count)...)
        try ask(about: &found.users)
        return found
    }

    /// What was seen of users is of when something last happened to them, or a bound: what they have now is asked.
    private func ask(about users: inout [Difference.User]) throws(EngineError) {
        guard !users.isEmpty else { return }
        let done = Latch()
        let batch = WorkBatch(capacity: users.count) { _ in done.open() }
        for user in users { batch.append(.query(.user(engine.names.user(user.user)))) }
        guard engine.submit(batch) else { throw EngineError(.stopped, "the fork was dropped") }
        done.wait()
        for (place, result) in batch.results.enumerated() {
            guard case .query(.user(let row)) = result else { continue }
            (users[place].available, users[place].debt) = (row.account.available, row.account.debt)
        }
    }

    /// Ends it, whatever is still due. Not for an event loop.
    package func drop() {
        holdStill("the fork was dropped")
        engine.stop()
    }
}

extension Engine {
    /// Begins a fork: loads the newest snapshot and replays what came after it, as a start does, so it takes as long as
    /// that (one to two seconds for a million users) and as much memory as the ledger itself. Not for an event loop.
    package func fork(logger: Logger) throws(EngineError) -> Fork {
        guard configuration.reading?.through == nil else {
            throw EngineError(.state, "a fork begins where the ledger is: there is none of the past")
        }
        var configuration = try copied()
        configuration.isFork = true
        let clock = ManualClock(now())
        if isDriven { configuration.driven = clock } else { configuration.clock = clock }
        guard let disk = configuration.disk as? OverlayDisk else { preconditionFailure("a fork over no copy") }
        let engine = try Engine.open(configuration, logger: logger).engine
        return Fork(engine, clock, disk, at: engine.durableLSN)
    }
}
