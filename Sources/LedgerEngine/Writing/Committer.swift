internal import LedgerCore
internal import LedgerStorage
internal import Synchronization

/// Makes units durable, in order, and only then tells the world: log, views, durable LSN, batches, waiters.
///
/// Committing is a role that one thread at a time has: usually the committer's own, which syncs one unit while the
/// writer decides the next; or the writer itself, when nothing else waits and handing over would only cost time. A unit
/// without events goes the same way, behind its predecessors.
///
///     writer ── queue ──► append to the log ──► taken ──► durable: destroy keys, publish, complete, wake
///
/// The local journal makes a unit durable while it takes it. Another log may take several and say so later; those wait
/// in `taken`, in order.
///
/// The first failure is final: all that wait are told that the outcome is unknown, nothing is ever written again, and
/// `onFatal` is called, once.
///
/// Unchecked Sendable: `queue`, `taken`, `spare`, `isBusy`, `isStopping`, `isQuietWanted`, `hasNews`, `fault`,
/// `isAnnounced` and `waiters` are touched under the monitor only; appending to the log belongs to the role, which
/// changes hands under the monitor too.
final class Committer: @unchecked Sendable {
    private let log: any CommitLog
    private let keys: KeyStore
    private let views: Views
    private let latencies: LatencyLog
    private let monitor = Monitor()
    private var queue: [CommitUnit] = []
    /// Taken by the log, durable later.
    private var taken: [CommitUnit] = []
    private var spare: [CommitUnit] = []
    private var isBusy = false
    private var isStopping = false
    /// The writer waits until nothing is under way.
    private var isQuietWanted = false
    /// The log has changed by itself.
    private var hasNews = false
    private var fault: EngineError?
    private var isAnnounced = false
    private var waiters: Waiters
    private var thread: NamedThread?

    private let durable: Atomic<UInt64>
    /// The writer could not go on: poke it when a unit was taken or is done.
    private let writerWaits = Atomic<Bool>(false)
    let meters = Meters()
    private let onRoom: @Sendable () -> Void
    private let onFatal: @Sendable (EngineError) -> Void
    private let onDurable: @Sendable (LSN) -> Void
    private let onRules: @Sendable ([CommitUnit.LoadedRule]) -> Void

    /// Counters for INFO.
    final class Meters: Sendable {
        /// Units given to the log; the local journal syncs once for nearly every one.
        let batches = Atomic<UInt64>(0)
        let events = Atomic<UInt64>(0)
        let bytes = Atomic<UInt64>(0)
        let lastSync = Atomic<UInt64>(0)
        /// Monotonic nanoseconds of the last journal batch that no closing batch covers yet; 0: none.
        let uncovered = Atomic<UInt64>(0)
    }

    /// How many units may wait; the writer stops deciding when there are more.
    private static let depth = 2
    /// How many the log may have taken that are not durable.
    private static let mostTaken = 8

    /// `waiterCapacity`: how many may wait for an LSN. `onRoom`: the writer, who asked, may look again. `onDurable`:
    /// `durableLSN` has grown. `onRules`: sources that became durable.
    init(
        log: any CommitLog, keys: KeyStore, views: Views, latencies: LatencyLog, waiterCapacity: Int,
        onRoom: @escaping @Sendable () -> Void,
        onDurable: @escaping @Sendable (LSN) -> Void,
        onRules: @escaping @Sendable ([CommitUnit.LoadedRule]) -> Void,
        onFatal: @escaping @Sendable (EngineError) -> Void
    ) {
        self.log = log
        self.keys = keys
        self.views = views
        self.latencies = latencies
        waiters = Waiters(capacity: waiterCapacity)
        self.onRoom = onRoom
        self.onDurable = onDurable
        self.onRules = onRules
        self.onFatal = onFatal
        durable = Atomic(log.durable.value)
        log.onChange { [weak self] in self?.look() }
    }

    func start() {
        thread = NamedThread.start("committer") { [self] in run() }
    }

    /// Commits what is queued, waits for what the log has taken, then ends the thread.
    func stop() {
        monitor.withLock {
            isStopping = true
            monitor.wake()
        }
        thread?.join()
        thread = nil
        for completion in monitor.withLock({ waiters.takeAll() }) { completion(.none) }
    }

    /// The last LSN that is on disk *and* published.
    var durableLSN: LSN { LSN(durable.load(ordering: .acquiring)) }

    /// Nothing waits and nothing is under way.
    var isQuiet: Bool { monitor.withLock { !isBusy && queue.isEmpty && taken.isEmpty } }

    /// Waits until what was handed over has been given to the log; whether nothing is under way then. The writer calls
    /// it, who hands over nothing meanwhile.
    func becomeQuiet() -> Bool {
        monitor.withLock {
            isQuietWanted = true
            monitor.wait { !isBusy && queue.isEmpty || fault != nil }
            isQuietWanted = false
            return fault == nil && taken.isEmpty
        }
    }

    var hasFailed: Bool { monitor.withLock { fault != nil } }

    // MARK: The writer's side

    /// Before the writer looks once more whether it can go on, and sleeps if it cannot.
    func pokeWhenThereIsRoom() { writerWaits.store(true, ordering: .sequentiallyConsistent) }

    private func pokeWriter() {
        if writerWaits.exchange(false, ordering: .sequentiallyConsistent) { onRoom() }
    }

    /// An empty unit, or nil when too many wait already.
    func begin() -> CommitUnit? {
        monitor.withLock {
            guard queue.count < Self.depth, taken.count < Self.mostTaken else { return nil }
            return spare.popLast() ?? CommitUnit()
        }
    }

    /// Takes back the last unit that waits, if it has room: further decisions join it and share its sync.
    func reopen() -> CommitUnit? {
        monitor.withLock {
            guard let last = queue.last, last.decision.batch.byteCount < CommitUnit.target else { return nil }
            return queue.removeLast()
        }
    }

    /// Batches of the largest size that the log certainly takes behind the units on their way to it.
    var room: Int {
        // In this order: a unit that goes to the log meanwhile counts twice, not never.
        let reserved = monitor.withLock { queue.reduce(isBusy ? 3 : 0) { $0 + Self.batches(for: $1) } }
        return log.room - reserved
    }

    private static func batches(for unit: CommitUnit) -> Int {
        unit.decision.batch.isEmpty ? 0 : 1 + unit.decision.batch.byteCount / (JournalFormat.maximumPayload / 2)
    }

    /// Hands a unit over to the committer's thread.
    func push(_ unit: CommitUnit) {
        monitor.withLock {
            queue.append(unit)
            monitor.wake()
        }
    }

    /// Commits it on the calling thread if nothing is under way; false: nothing was done.
    func commitInline(_ unit: CommitUnit) -> Bool {
        guard takeRole(whenQuiet: false) else { return false }
        commit(unit)
        return true
    }

    /// Between two batches of an idle ledger: says that everything is durable and that the ledger is alive at `time`.
    /// The writer calls it, so that no later decision bears an earlier time.
    func writeClosing(at time: Timestamp) {
        guard takeRole(whenQuiet: true) else { return }
        do throws(StorageError) {
            try log.noteAlive(at: time)
            meters.uncovered.store(0, ordering: .relaxed)
        } catch {
            fail(error)
            abandon()
        }
        dropRole()
    }

    private func takeRole(whenQuiet: Bool) -> Bool {
        monitor.withLock {
            guard !isBusy, queue.isEmpty, fault == nil, !whenQuiet || taken.isEmpty else { return false }
            isBusy = true
            return true
        }
    }

    private func dropRole() {
        monitor.withLock {
            isBusy = false
            if !queue.isEmpty || isStopping || hasNews || isQuietWanted { monitor.wake() }
        }
    }

    /// The log has changed by itself. Any thread.
    private func look() {
        monitor.withLock {
            hasNews = true
            monitor.wake()
        }
    }

    // MARK: Waiting for an LSN

    func wait(for lsn: LSN, _ completion: @escaping @Sendable (LSN) -> Void) -> Waiting {
        let (waiting, now) = monitor.withLock { () -> (Waiting, LSN) in
            if lsn <= durableLSN { return (.over, durableLSN) }
            if fault != nil || isStopping { return (.over, .none) }
            return (waiters.add(lsn, completion).map { .until($0) } ?? .full, .none)
        }
        if case .over = waiting { completion(now) }
        return waiting
    }

    /// Its completion will not be called any more, unless that has begun already.
    func cancel(_ ticket: WaitTicket) {
        // Let go of outside the lock: whatever the closure held may end with it.
        _ = monitor.withLock { waiters.remove(ticket) }
    }

    var waiterCount: Int { monitor.withLock { waiters.count } }

    private func wakeWaiters() {
        let lsn = durableLSN
        for completion in monitor.withLock({ waiters.takeDue(lsn) }) { completion(lsn) }
    }

    // MARK: Committing

    private enum Step {
        case commit(CommitUnit)
        case look
        case end
    }

    private func run() {
        while true {
            let step = monitor.withLock { () -> Step in
                monitor.wait { !isBusy && (hasNews || !queue.isEmpty || (isStopping && taken.isEmpty)) }
                guard hasNews || !queue.isEmpty else { return .end }
                isBusy = true
                if hasNews {
                    hasNews = false
                    return .look
                }
                return .commit(queue.removeFirst())
            }
            switch step {
            case .commit(let unit):
                pokeWriter()
                commit(unit)
            case .look:
                if let error = log.fault { fail(error) }
                settle()
            case .end: return
            }
        }
    }

    /// The caller has the role, and loses it.
    private func commit(_ unit: CommitUnit) {
        let isWhole = monitor.withLock {
            taken.append(unit)
            return fault == nil
        }
        if isWhole, !unit.decision.batch.isEmpty {
            do throws(StorageError) { try write(unit) } catch { fail(error) }
        }
        settle()
    }

    /// Tells the world of the units that are durable by now; after a failure, that nobody knows. The caller has the
    /// role, and loses it.
    private func settle() {
        let durable = log.durable
        while let unit = takeDurable(through: durable) {
            guard destroyKeys(unit) else { break }
            publish(unit)
            for batch in unit.batches { batch.complete(batch) }
            unit.removeAll()
            wakeWaiters()
            monitor.withLock { if spare.count < Self.depth + 2 { spare.append(unit) } }
        }
        if hasFailed { abandon() }
        dropRole()
        pokeWriter()
    }

    /// What cannot be undone comes after durability, and before anybody is told. Where it fails the unit waits again,
    /// for the end: the next start does it.
    private func destroyKeys(_ unit: CommitUnit) -> Bool {
        do throws(StorageError) {
            try keys.destroy(unit.deleted)
            return true
        } catch {
            monitor.withLock { taken.insert(unit, at: 0) }
            fail(error)
            return false
        }
    }

    private func takeDurable(through lsn: LSN) -> CommitUnit? {
        monitor.withLock {
            guard fault == nil, let first = taken.first, first.lastLSN <= lsn else { return nil }
            return taken.removeFirst()
        }
    }

    /// After a failure: everybody who waits is told, then `onFatal` is, once.
    private func abandon() {
        let (units, unserved, failure) = monitor.withLock {
            () -> ([CommitUnit], [@Sendable (LSN) -> Void], EngineError?) in
            defer {
                taken.removeAll()
                queue.removeAll()
                isAnnounced = true
            }
            return (taken + queue, waiters.takeAll(), isAnnounced ? nil : fault)
        }
        for unit in units {
            unit.disown()
            for batch in unit.batches { batch.complete(batch) }
        }
        for completion in unserved { completion(.none) }
        if let failure { onFatal(failure) }
    }

    /// Gives the unit to the log, once the keys that its texts need are durable.
    private func write(_ unit: CommitUnit) throws(StorageError) {
        try keys.sync()
        let began = MonotonicTime.now
        let batch = unit.decision.batch.bytes
        try log.append(
            LogUnit(
                payload: batch, borders: unit.borders, firstLSN: unit.decision.batch.firstLSN,
                baseTime: unit.decision.batch.baseTime, booksSum: unit.booksSum))
        let ended = MonotonicTime.now
        meters.lastSync.store(ended - began, ordering: .relaxed)
        latencies.record(.sync, since: began)
        meters.batches.wrappingAdd(1, ordering: .relaxed)
        meters.events.wrappingAdd(UInt64(unit.decision.batch.count), ordering: .relaxed)
        meters.bytes.wrappingAdd(UInt64(unit.decision.batch.byteCount), ordering: .relaxed)
        meters.uncovered.store(ended, ordering: .relaxed)
    }

    private func publish(_ unit: CommitUnit) {
        var fresh = 0
        for (index, account) in unit.accounts.enumerated() {
            if index + 4 < unit.accounts.count { views.prefetch(unit.accounts[index + 4].view.user) }
            if fresh < unit.users.count, unit.users[fresh].ordinal == account.view.user {
                let user = unit.users[fresh]
                user.email.withUnsafeBytes {
                    views.add(
                        user.ordinal, hash: user.hash, id: user.id, email: $0, account.view,
                        lastEvent: account.lastEvent)
                }
                fresh += 1
            } else {
                views.store(account.view, lastEvent: account.lastEvent)
            }
        }
        precondition(fresh == unit.users.count, "a new user came without an account")
        for passport in unit.passports { views.store(passport) }
        for change in unit.emails { change.email.withUnsafeBytes { views.setEmail(change.user, $0) } }
        for user in unit.deleted { views.setEmail(user, UnsafeRawBufferPointer(start: nil, count: 0)) }
        if let limits = unit.limits { views.store(limits) }
        if !unit.rules.isEmpty { onRules(unit.rules) }
        guard unit.lastLSN.value > durable.load(ordering: .relaxed) else { return }
        durable.store(unit.lastLSN.value, ordering: .releasing)
        onDurable(unit.lastLSN)
    }

    /// The caller has the role, and calls `abandon` before it gives it up.
    private func fail(_ error: StorageError) {
        monitor.withLock { if fault == nil { fault = EngineError(error) } }
    }
}

extension CommitUnit {
    /// Nobody knows what became of it.
    func disown() {
        for batch in batches {
            for index in batch.results.indices { batch.results[index] = .unknownOutcome }
        }
    }
}
