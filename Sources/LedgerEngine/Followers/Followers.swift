internal import LedgerCore
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// Runs all followers, on one thread of low priority: each in its turn is handed what lies together (a batch, a frame),
/// and sleeps when it has everything. One that fails is left alone for a while that doubles, and the others go on.
///
/// While there is no follower there is no thread, and a commit pays one atomic exchange.
///
/// Unchecked Sendable: `seats` (the list and what is in them), `isStarted`, `isStopping`, `hasChanged` and `thread` are
/// touched under the monitor only.
final class Followers: @unchecked Sendable {
    private let reader: JournalReader
    /// The last event that anybody may see.
    private let last: Atomic<UInt64>
    private let logger: Logger
    private let firstPause: UInt64
    private let monitor = Monitor()
    private var seats: [Seat] = []
    private var isStarted = false
    private var isStopping = false
    private var hasChanged = false
    private var thread: NamedThread?
    /// The thread has looked at everything that was durable, and sleeps.
    private let isAsleep = Atomic<Bool>(false)

    private final class Seat {
        let follower: any Follower
        var position = LSN.none
        /// Whether `position` still holds; else the follower is asked.
        var isSettled = false
        var failures = 0
        var error: String?
        var pause: UInt64
        /// Monotonic.
        var notBefore: UInt64 = 0

        init(_ follower: any Follower, pause: UInt64) {
            self.follower = follower
            self.pause = pause
        }
    }

    /// One turn hands out no more events than this.
    private static let turn = 4096
    private static let longestPause: UInt64 = 30_000_000_000

    /// `firstPause`: nanoseconds that a follower is left alone after its first failure.
    init(
        reader: JournalReader, durable: LSN, logger: Logger, firstPause: UInt64
    ) {
        self.reader = reader
        self.logger = logger
        self.firstPause = firstPause
        last = Atomic(durable.value)
    }

    /// From now on events are handed out.
    func start() {
        monitor.withLock {
            isStarted = true
            startThread()
        }
    }

    /// Lets it follow from where it wants to. The first one starts the thread. Nothing happens after `stop`.
    func add(_ follower: any Follower) {
        monitor.withLock {
            precondition(!seats.contains { $0.follower.name == follower.name }, "two followers have one name")
            guard !isStopping else { return }
            seats.append(Seat(follower, pause: firstPause))
            change()
            startThread()
        }
    }

    private func startThread() {
        guard isStarted, !isStopping, thread == nil, !seats.isEmpty else { return }
        thread = NamedThread.start("followers", nice: 5) { [self] in run() }
    }

    /// Lets it go. It may be taking its last slice when this returns.
    func remove(_ name: String) {
        monitor.withLock {
            seats.removeAll { $0.follower.name == name }
            change()
        }
    }

    private func change() {
        hasChanged = true
        monitor.wake()
    }

    private var durable: LSN { LSN(last.load(ordering: .acquiring)) }

    /// More has become durable. One thread at a time.
    func durable(through lsn: LSN) {
        last.store(lsn.value, ordering: .releasing)
        guard isAsleep.exchange(false, ordering: .acquiringAndReleasing) else { return }
        monitor.withLock { change() }
    }

    /// Ends the thread and waits for it, and so for the slice that it is handing out. What is left is for the next
    /// start.
    func stop() {
        let thread = monitor.withLock { () -> NamedThread? in
            isStopping = true
            monitor.wake()
            defer { self.thread = nil }
            return self.thread
        }
        thread?.join()
    }

    var status: [FollowerStatus] {
        let last = durable.value
        return monitor.withLock {
            seats.map { seat in
                let taken = seat.position.isNone ? 0 : seat.position.value - 1
                return FollowerStatus(
                    name: seat.follower.name, position: seat.position, lag: last > taken ? last - taken : 0,
                    failures: seat.failures, error: seat.error)
            }
        }
    }

    // MARK: The thread

    private func run() {
        while let seats = monitor.withLock({ isStopping ? nil : self.seats }) {
            let (last, now) = (durable, MonotonicTime.now)
            var hasMoved = false
            for seat in seats where serve(seat, through: last, at: now) { hasMoved = true }
            if !hasMoved { sleep(seats, since: last, now) }
        }
    }

    /// Until something is durable, a pause is over, a follower comes or goes, or the end.
    private func sleep(_ seats: [Seat], since last: LSN, _ began: UInt64) {
        monitor.withLock {
            // Those who were not served because of it.
            let pause = seats.map(\.notBefore).filter { $0 > began }.min()
            let now = MonotonicTime.now
            // Set before the last look at what is durable: a thread that makes more durable sees it, or is seen.
            _ = isAsleep.exchange(true, ordering: .acquiringAndReleasing)
            monitor.wait(nanoseconds: pause.map { $0 > now ? $0 - now : 0 }) {
                isStopping || hasChanged || durable > last
            }
            hasChanged = false
            isAsleep.store(false, ordering: .relaxed)
        }
    }

    /// Hands it what comes next. Whether it has gone on.
    private func serve(_ seat: Seat, through last: LSN, at now: UInt64) -> Bool {
        let (isReady, known) = monitor.withLock { () -> (Bool, LSN?) in
            (now >= seat.notBefore, seat.isSettled ? seat.position : nil)
        }
        guard isReady else { return false }
        do throws(FollowerError) {
            let position: LSN
            if let known {
                position = known
            } else {
                position = max(try seat.follower.position(), LSN(1))
                guard position.value <= last.value + 1 else {
                    throw FollowerError("it wants event \(position.value), the ledger ends with \(last.value)")
                }
                settle(seat, at: position)
            }
            guard let events = try slice(from: position, through: last) else { return false }
            let next = try seat.follower.take(events)
            guard next >= events.first, next <= events.next else {
                throw FollowerError(
                    "it was given events \(events.first.value) to \(events.next.value - 1) and wants \(next.value)")
            }
            settle(seat, at: next)
            guard next == events.first else { return true }
            monitor.withLock { seat.notBefore = MonotonicTime.now + firstPause }
            return false
        } catch {
            fail(seat, error)
            return false
        }
    }

    private func slice(from position: LSN, through last: LSN) throws(FollowerError) -> EventSlice? {
        do throws(StorageError) {
            return try reader.slice(from: position, through: last, limit: Self.turn)
        } catch {
            throw FollowerError("\(error)")
        }
    }

    private func settle(_ seat: Seat, at position: LSN) {
        let failures = monitor.withLock { () -> Int in
            // Asked where it stands after a failure, it has not gone on yet.
            let hasMoved = seat.isSettled
            seat.position = position
            seat.isSettled = true
            guard hasMoved else { return 0 }
            defer { (seat.failures, seat.error, seat.pause) = (0, nil, firstPause) }
            return seat.failures
        }
        if failures > 0 { logger.info("a follower goes on", metadata: ["follower": "\(seat.follower.name)"]) }
    }

    private func fail(_ seat: Seat, _ error: FollowerError) {
        let isNew = monitor.withLock { () -> Bool in
            defer { seat.error = error.description }
            seat.isSettled = false
            seat.failures += 1
            seat.notBefore = MonotonicTime.now + seat.pause
            seat.pause = min(seat.pause * 2, Self.longestPause)
            return seat.error != error.description
        }
        // Once for each reason, not for each attempt.
        if isNew {
            logger.warning(
                "a follower failed; it is tried again",
                metadata: ["follower": "\(seat.follower.name)", "fault": "\(error)"])
        }
    }
}
