internal import LedgerCore
internal import LedgerStorage
internal import Synchronization

/// Makes units durable, in order, and only then tells the world: journal, views, durable LSN, batches, waiters.
///
/// Committing is a role that one thread at a time has: usually the committer's own, which syncs one unit while the
/// writer decides the next; or the writer itself, when nothing else waits and handing over would only cost time. A unit
/// without events goes the same way, behind its predecessors.
///
/// The first failure is final: whoever waits is told that the outcome is unknown, nothing is ever written again, and
/// `onFatal` is called, once.
///
/// Unchecked Sendable: `queue`, `spare`, `isBusy`, `isStopping`, `fault`, `isAnnounced` and `waiters` are touched under
/// the monitor only; `buffer` and the journal's writer belong to whoever has the role, which changes hands under the
/// monitor too.
final class Committer: @unchecked Sendable {
    private let journal: Journal
    private let keys: KeyStore
    private let views: Views
    private let monitor = Monitor()
    private var queue: [CommitUnit] = []
    private var spare: [CommitUnit] = []
    private var isBusy = false
    private var isStopping = false
    private var fault: EngineError?
    private var isAnnounced = false
    private var waiters: Waiters
    private let buffer = BatchBuffer()
    private var thread: EngineThread?

    private let durable: Atomic<UInt64>
    /// The writer could not go on: poke it when a unit was taken or is done.
    private let writerWaits = Atomic<Bool>(false)
    let meters = Meters()
    private let onRoom: @Sendable () -> Void
    private let onFatal: @Sendable (EngineError) -> Void
    private let onRules: @Sendable ([CommitUnit.LoadedRule]) -> Void

    /// Counters for INFO.
    final class Meters: Sendable {
        let batches = Atomic<UInt64>(0)
        let events = Atomic<UInt64>(0)
        let bytes = Atomic<UInt64>(0)
        let lastSync = Atomic<UInt64>(0)
        /// Monotonic nanoseconds of the last journal batch that no closing batch covers yet; 0: none.
        let uncovered = Atomic<UInt64>(0)
    }

    /// How many units may wait; the writer stops deciding when there are more.
    private static let depth = 2

    /// `waiterCapacity`: how many may wait for an LSN. `onRoom`: the writer, who asked, may look again. `onRules`:
    /// sources that became durable.
    init(
        journal: Journal, keys: KeyStore, views: Views, waiterCapacity: Int, onRoom: @escaping @Sendable () -> Void,
        onRules: @escaping @Sendable ([CommitUnit.LoadedRule]) -> Void,
        onFatal: @escaping @Sendable (EngineError) -> Void
    ) {
        self.journal = journal
        self.keys = keys
        self.views = views
        waiters = Waiters(capacity: waiterCapacity)
        self.onRoom = onRoom
        self.onRules = onRules
        self.onFatal = onFatal
        durable = Atomic(journal.durableLSN.value)
    }

    func start() {
        thread = EngineThread.start("committer") { [self] in run() }
    }

    /// Commits what is queued, then ends the thread.
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
    var isQuiet: Bool { monitor.withLock { !isBusy && queue.isEmpty } }

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
            guard queue.count < Self.depth else { return nil }
            return spare.popLast() ?? CommitUnit()
        }
    }

    /// Takes back the last unit that waits, if it has room: further decisions join it and share its sync.
    func reopen() -> CommitUnit? {
        monitor.withLock {
            guard let last = queue.last, last.events.bytes.count < CommitUnit.target else { return nil }
            return queue.removeLast()
        }
    }

    /// Journal batches that units on their way may still need.
    var reservedBatches: Int {
        monitor.withLock { queue.reduce(isBusy ? 3 : 0) { $0 + Self.batches(for: $1) } }
    }

    private static func batches(for unit: CommitUnit) -> Int {
        unit.events.isEmpty ? 0 : 1 + unit.events.bytes.count / (JournalFormat.maximumPayload / 2)
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
        guard takeRole() else { return false }
        commit(unit)
        return true
    }

    /// Between two batches of an idle ledger: says that everything is durable and that the ledger is alive at `time`.
    /// The writer calls it, so that no later decision bears an earlier time.
    func writeClosing(at time: Timestamp) {
        guard takeRole() else { return }
        do throws(StorageError) {
            try journal.writer.writeClosing(time: time)
            meters.uncovered.store(0, ordering: .relaxed)
        } catch {
            fail(error)
            abandon()
        }
        dropRole()
    }

    private func takeRole() -> Bool {
        monitor.withLock {
            guard !isBusy, queue.isEmpty, fault == nil else { return false }
            isBusy = true
            return true
        }
    }

    private func dropRole() {
        monitor.withLock {
            isBusy = false
            if !queue.isEmpty || isStopping { monitor.wake() }
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

    private func run() {
        while true {
            let next = monitor.withLock { () -> CommitUnit? in
                monitor.wait { !isBusy && (isStopping || !queue.isEmpty) }
                guard !queue.isEmpty else { return nil }
                isBusy = true
                return queue.removeFirst()
            }
            guard let next else { return }
            pokeWriter()
            commit(next)
        }
    }

    /// The caller has the role, and loses it.
    private func commit(_ unit: CommitUnit) {
        var isKnown = monitor.withLock { fault == nil }
        if isKnown {
            do throws(StorageError) {
                if !unit.events.isEmpty { try write(unit) }
            } catch {
                isKnown = false
                fail(error)
            }
        }
        if isKnown { publish(unit) } else { unit.disown() }
        for batch in unit.batches { batch.complete(batch) }
        unit.removeAll()
        if isKnown {
            wakeWaiters()
        } else {
            abandon()
        }
        monitor.withLock {
            isBusy = false
            if spare.count < Self.depth + 2 { spare.append(unit) }
            if !queue.isEmpty || isStopping { monitor.wake() }
        }
        pokeWriter()
    }

    /// After a failure: everybody who waits is told, then `onFatal` is, once.
    private func abandon() {
        let (units, unserved, failure) = monitor.withLock {
            () -> ([CommitUnit], [@Sendable (LSN) -> Void], EngineError?) in
            defer {
                queue.removeAll()
                isAnnounced = true
            }
            return (queue, waiters.takeAll(), isAnnounced ? nil : fault)
        }
        for unit in units {
            unit.disown()
            for batch in unit.batches { batch.complete(batch) }
        }
        for completion in unserved { completion(.none) }
        if let failure { onFatal(failure) }
    }

    /// Journals the unit in batches of at most 1 MiB, cut between groups.
    private func write(_ unit: CommitUnit) throws(StorageError) {
        try keys.sync()
        let began = MonotonicTime.now
        var failure: StorageError?
        unit.events.bytes.withUnsafeBytes { bytes in
            do throws(StorageError) { try writeBatches(bytes, unit) } catch { failure = error }
        }
        if let failure { throw failure }
        let ended = MonotonicTime.now
        meters.lastSync.store(ended - began, ordering: .relaxed)
        meters.events.wrappingAdd(UInt64(unit.events.count), ordering: .relaxed)
        meters.bytes.wrappingAdd(UInt64(unit.events.bytes.count), ordering: .relaxed)
        meters.uncovered.store(ended, ordering: .relaxed)
    }

    private func writeBatches(_ bytes: UnsafeRawBufferPointer, _ unit: CommitUnit) throws(StorageError) {
        var cursor = EventCursor(bytes)
        var written = 0  // events in the journal
        var done = 0  // events in the journal or the buffer
        func flush() throws(StorageError) {
            guard !buffer.isEmpty else { return }
            let first = LSN(unit.events.firstLSN.value + UInt64(written))
            let time = Timestamp(nanoseconds: unit.events.baseTime.nanoseconds + Int64(written))
            try journal.writer.append(buffer, firstLSN: first, baseTime: time, booksSum: unit.booksSum)
            meters.batches.wrappingAdd(1, ordering: .relaxed)
            buffer.removeAll()
            written = done
        }
        buffer.removeAll()
        for border in unit.borders {
            let groupBytes = Self.bytes(of: border - done, from: cursor)
            if !buffer.fits(groupBytes) { try flush() }
            while done < border {
                guard let event = cursor.next() else { preconditionFailure("a unit holds fewer events than it counts") }
                // Only a group larger than a whole batch is cut inside.
                if !buffer.fits(event.count) { try flush() }
                buffer.append(event)
                done += 1
            }
        }
        precondition(done == unit.events.count, "a unit ends with events that are in no group")
        try flush()
    }

    /// Bytes of the next `count` events as they lie in the buffer, each with its four bytes of length.
    private static func bytes(of count: Int, from cursor: EventCursor) -> Int {
        var cursor = cursor
        let start = cursor.offset
        for _ in 0..<count { _ = cursor.next() }
        return cursor.offset - start
    }

    private func publish(_ unit: CommitUnit) {
        var fresh = 0
        for account in unit.accounts {
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
        if let limits = unit.limits { views.store(limits) }
        if !unit.rules.isEmpty { onRules(unit.rules) }
        durable.store(max(unit.lastLSN.value, durable.load(ordering: .relaxed)), ordering: .releasing)
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
