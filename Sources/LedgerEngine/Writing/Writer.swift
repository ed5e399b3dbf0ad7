internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// The one who decides: an actor on a thread of its own that owns the ledger's state. Its work is synchronous from the
/// first look at a command to its last event, once per batch, so there is no re-entrancy to think about.
///
/// A drain takes what waits, opens a unit, fires the timers that are due (``fireTimers(_:)`` says how many), decides
/// the items in order, copies the views of the accounts it touched, and hands the unit over. Nothing it decides is
/// visible to anybody before it is durable.
actor Writer {
    nonisolated let executor: PinnedExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    nonisolated let drained = Latch()

    var state: StateMachine
    var rules: RuleBook
    let parts: Parts

    /// Batches taken from the mailbox; those before `nextTaken` are worked off.
    private var taken: [WorkBatch] = []
    private var nextTaken = 0
    /// More was due than the unit that is open has room for.
    var isBehind = false
    /// And what is next waits for all of it.
    var isHeldUp = false
    /// No unit has begun since CLOCK SET moved the clock: one that waits has a time of before.
    private var clockWasSet = false
    var pauses: Pauses
    var timersFired: UInt64 = 0
    var statistics = CommandStatistics()
    /// The snapshot whose rows are being handed out.
    var capture: Capture?
    private var publishedUsers: Int
    private var publishedPassports: Int
    /// Clear e-mails of users created in the unit that is open, by ordinal.
    var freshEmails: [UInt32: [UInt8]] = [:]
    /// The clear e-mail that the command under way gives a user who is there.
    var changedEmail: (user: UserOrdinal, email: [UInt8])?
    var origin = EventOrigin.command
    var isTrial = false  // What is decided now is taken back: nothing outside of the state may follow from it.
    /// By user: the last unit part (`epoch`) that copied the user's view.
    private var copied: [UInt32] = []
    private var epoch: UInt32 = 0
    /// Of the state's activations, those that the rule book knows.
    var followedActivations: UInt64 = 0
    var nextSealingLine: UInt64 = 0  // Monotonic: before, no line about texts that cannot be sealed is logged.

    /// What the writer works with and does not own.
    struct Parts: Sendable {
        let executor: PinnedExecutor
        let mailbox: Mailbox
        /// Long reads, a batch each: one for every load of the others.
        let aside: Mailbox
        let committer: Committer
        let journal: Journal
        let keys: KeyStore
        let reads: ReadPath
        let gate: Gate
        let clock: any LedgerClock
        /// The same, where clients move it.
        let driven: ManualClock?
        let desk: CaptureDesk
        let slowLog: SlowLog
        let latencies: LatencyLog
        let logger: Logger
        let version: ShortText
        let keyRetention: TimeSpan
        let keyCapacity: UInt64
        let closingDelay: UInt64?
        let timersPerUnit: Int
        let pauseLimit: TimeSpan
        let lastSign: Pauses.LastSign
        /// Fills in what the writer does not know.
        let info: @Sendable (inout EngineInfo) -> Void
        /// Asks for a spare segment.
        let needRoom: @Sendable () -> Void
    }

    private static let itemsPerUnit = 8192
    /// Beside timers that are due still: as many, about, as of them in front.
    private static let itemsBesideTimers = 1024
    /// Journal batches that one more unit may need.
    private static let batchesPerUnit = 3

    /// `pausedSince`: the last sign of life of a ledger whose start was not recorded yet; the first drain that may
    /// decide does.
    init(state: consuming sending StateMachine, rules: consuming RuleBook, parts: Parts, pausedSince: Timestamp?) {
        executor = parts.executor
        publishedUsers = state.userCount
        publishedPassports = state.passportCount
        copied = Array(repeating: 0, count: state.userCount)
        self.state = state
        self.rules = rules
        self.parts = parts
        pauses = Pauses(since: pausedSince, limit: parts.pauseLimit, lastSign: parts.lastSign)
    }

    // MARK: - A drain

    /// Works off everything that waits. Returns how many nanoseconds it may be left alone; nil: until it is poked.
    func drain() -> UInt64? {
        while true {
            let step = step()
            switch step {
            case .goesOn: _ = goOnCapturing(isIdle: false)
            case .rest(let patience):
                guard let pause = goOnCapturing(isIdle: true) else { return patience }
                if pause > 0 { return min(patience ?? .max, pause) }
            }
        }
    }

    /// For a thread that has brought a little work and has nothing else to do until it is durable: does that much on
    /// this thread. What is due besides is left to the writer's own.
    func drainBriefly() -> UInt64? {
        let now = parts.clock.now()
        guard state.nextTimer.map({ $0 > now }) ?? true, !pauses.isOpen else { return 0 }
        for _ in 0..<2 {
            if case .rest(let patience) = step() { return patience }
        }
        return 0
    }

    private enum Step {
        case goesOn
        case rest(UInt64?)
    }

    /// One unit, if there is something to decide.
    private func step() -> Step {
        if nextTaken == taken.count {
            taken.removeAll(keepingCapacity: true)
            nextTaken = 0
            parts.mailbox.take(into: &taken)
        }
        if parts.committer.hasFailed {
            giveUp()
            return .rest(nil)
        }
        drive()
        let look = parts.clock.look()
        let now = look.time
        let hasWork = nextTaken < taken.count || !parts.aside.isEmpty
        let refusal = parts.gate.refusal
        pauses.note(look, isRefused: refusal != nil)
        let resumes = refusal == nil && pauses.isOpen
        let isDue = refusal == nil && (state.nextTimer.map { $0 <= now } ?? false)
        guard hasWork || resumes || isDue else {
            pauses.canDecide(at: look)
            openIfDrained()
            return .rest(min(idle(now) ?? .max, Pauses.round))
        }
        if refusal == nil, !hasRoom() {
            parts.committer.pokeWhenThereIsRoom()
            parts.needRoom()
            guard hasRoom() else { return .rest(nil) }
        }
        // Timers, and what ends a pause, need a unit of their own time.
        let reopened = isDue || pauses.isOpen || clockWasSet ? nil : parts.committer.reopen()
        guard let unit = reopened ?? begin() else { return .rest(nil) }
        pauses.canDecide(at: look)
        if reopened == nil {
            unit.time = now
            clockWasSet = false
        }
        // From the last one on, not behind it: a unit that is taken up again may go on with the user it left off
        // with, whom the batch does not name twice.
        let touchedUsers = max(0, unit.decision.batch.touchedUsers.count - 1)
        let touchedPassports = unit.decision.batch.touchedPassports.count
        if resumes { resume(unit) }
        // More timers than one unit takes come in several. Meanwhile nothing is decided before what is due to those
        // whom it is about.
        isBehind = reopened == nil && refusal == nil && !fireTimers(unit)
        work(unit, refusal)
        workAside(unit, refusal)
        close(unit, touchedUsers, touchedPassports)
        let isLast = nextTaken == taken.count && parts.mailbox.isEmpty && parts.aside.isEmpty
        if !(isLast && parts.committer.commitInline(unit)) { parts.committer.push(unit) }
        return .goesOn
    }

    /// Moves a driven clock on where that is asked next. Until then it stands: a unit has one time.
    private func drive() {
        guard let driven = parts.driven, nextTaken < taken.count, let next = nextClockSet(in: taken[nextTaken]),
            // What is due at its time of before comes at that, unless it cannot.
            parts.gate.refusal != nil || state.nextTimer.map({ $0 > driven.now() }) ?? true
        else { return }
        if let downFrom = next.downFrom { pauses.begin(at: max(driven.now(), downFrom)) }
        driven.set(next.time)
        clockWasSet = true
    }

    /// The next item of a batch, if it is a CLOCK SET that moves the clock on.
    private func nextClockSet(in batch: WorkBatch) -> (time: Timestamp, downFrom: Timestamp?)? {
        guard let driven = parts.driven, batch.results.count < batch.count else { return nil }
        let entry = batch.entries[batch.results.count]
        guard case .clockSet(let time, let downFrom) = entry.item, time > driven.now(),
            state.refusal(of: entry.actor, at: driven.now()) == nil
        else { return nil }
        return (time, downFrom)
    }

    /// Whether the journal certainly has zero-filled room for another unit behind those on their way.
    func hasRoom() -> Bool {
        let room = parts.committer.room
        if room < 2 * Self.batchesPerUnit { parts.needRoom() }
        return room >= Self.batchesPerUnit
    }

    private func begin() -> CommitUnit? {
        if let unit = parts.committer.begin() { return unit }
        parts.committer.pokeWhenThereIsRoom()
        return parts.committer.begin()
    }

    private func idle(_ now: Timestamp) -> UInt64? {
        var patience: UInt64?
        if parts.gate.refusal == nil, let next = state.nextTimer { patience = parts.clock.delay(until: next) }
        guard let delay = parts.closingDelay else { return patience }
        // What is on its way will want a closing batch as well: look again then.
        guard parts.committer.isQuiet else { return min(patience ?? .max, delay) }
        let since = parts.committer.meters.uncovered.load(ordering: .relaxed)
        guard since != 0 else { return patience }
        let passed = MonotonicTime.now &- since
        guard passed >= delay else { return min(patience ?? .max, delay - passed) }
        parts.committer.writeClosing(at: parts.lastSign.time)
        return patience
    }

    private func openIfDrained() {
        drained.open(
            if: parts.mailbox.isClosed && parts.mailbox.isEmpty && parts.aside.isClosed && parts.aside.isEmpty)
    }

    /// The journal failed: nothing that waits was decided, but nobody need know that much.
    private func giveUp() {
        while let batch = parts.aside.takeFirst() { taken.append(batch) }
        for batch in taken[nextTaken...] {
            batch.results = Array(repeating: .unknownOutcome, count: batch.count)
            batch.complete(batch)
        }
        nextTaken = taken.count
        openIfDrained()
    }

    /// Says how long nobody could decide, before any timer fires: leases are extended by it.
    func resume(_ unit: CommitUnit) {
        let isStart = pauses.isStart
        let downtime = pauses.end(at: unit.time)
        if !isStart {
            parts.logger.notice(
                "nothing could be decided for a while: that counts as downtime",
                metadata: ["seconds": "\(downtime.nanoseconds / 1_000_000_000)"])
        }
        let start = EngineStart(
            version: parts.version, downtime: downtime, keyRetention: parts.keyRetention, keyCapacity: parts.keyCapacity
        )
        let outcome = state.decide(
            Request(actor: .none, command: .engineStart(start)), price: .none, at: unit.time, into: &unit.decision)
        unit.endGroup()
        if case .rejected(let rejection) = outcome {
            parts.logger.error("the start was not recorded", metadata: ["reason": "\(rejection.text)"])
        }
    }

    /// Decides items until there are no more or the unit is full. A batch belongs to the unit that has its last item.
    private func work(_ unit: CommitUnit, _ refusal: String?) {
        var items = 0
        let most = isBehind ? Self.itemsBesideTimers : Self.itemsPerUnit
        var began = MonotonicTime.now
        while nextTaken < taken.count {
            let batch = taken[nextTaken]
            while batch.results.count < batch.count {
                prefetch(batch)
                guard items < most, unit.decision.batch.byteCount < CommitUnit.target, nextClockSet(in: batch) == nil,
                    !isBehind || mayPass(batch.entries[batch.results.count], unit)
                else { return }
                began = workItem(of: batch, unit, refusal, since: began)
                items += 1
            }
            nextTaken += 1
            unit.batches.append(batch)
        }
    }

    /// One long read, where the unit has come to its end: however many wait, others wait for one of them.
    private func workAside(_ unit: CommitUnit, _ refusal: String?) {
        guard let next = parts.aside.first else { return }
        // Who waits here keeps nobody.
        let wasHeldUp = isHeldUp
        let mayPass = !isBehind || next.entries.allSatisfy { self.mayPass($0, unit) }
        isHeldUp = wasHeldUp
        guard mayPass, let batch = parts.aside.takeFirst() else { return }
        var began = MonotonicTime.now
        while batch.results.count < batch.count { began = workItem(of: batch, unit, refusal, since: began) }
        unit.batches.append(batch)
    }

    /// Decides the next item of a batch; returns when it was done.
    private func workItem(
        of batch: WorkBatch, _ unit: CommitUnit, _ refusal: String?, since began: UInt64
    ) -> UInt64 {
        let entry = batch.entries[batch.results.count]
        let result = answer(entry, unit, refusal)
        unit.endGroup()
        let ended = MonotonicTime.now
        note(entry.item, result, took: ended &- began, at: unit.time)
        batch.results.append(result)
        return ended
    }

    /// Copies what readers may see once the unit is durable.
    private func close(_ unit: CommitUnit, _ firstUser: Int, _ firstPassport: Int) {
        unit.lastLSN = state.lastLSN
        unit.booksSum = state.booksSum
        pin(unit)
        epoch &+= 1
        while publishedUsers < state.userCount {
            let ordinal = UserOrdinal(UInt32(publishedUsers))
            let id = state.userID(ordinal)
            let email = freshEmails.removeValue(forKey: ordinal.value) ?? clear(state.email(of: ordinal), ordinal)
            unit.users.append(
                CommitUnit.NewUser(ordinal: ordinal, hash: state.names.user(id), id: id, email: email))
            unit.accounts.append(account(ordinal, at: unit.time))
            copied.append(epoch)
            publishedUsers += 1
        }
        for user in unit.decision.batch.touchedUsers[firstUser...] where copied[Int(user.value)] != epoch {
            copied[Int(user.value)] = epoch
            unit.accounts.append(account(user, at: unit.time))
        }
        while publishedPassports < state.passportCount {
            unit.passports.append(PassportView(state.passportView(PassportOrdinal(UInt32(publishedPassports)))))
            publishedPassports += 1
        }
        for passport in unit.decision.batch.touchedPassports[firstPassport...] {
            unit.passports.append(PassportView(state.passportView(passport)))
        }
        freshEmails.removeAll(keepingCapacity: true)
    }

    private func account(_ user: UserOrdinal, at time: Timestamp) -> CommitUnit.Account {
        CommitUnit.Account(view: state.accountView(user, at: time), lastEvent: state.lastEvent(of: user))
    }

    /// A batch that answers from this unit's events keeps their bytes.
    private func pin(_ unit: CommitUnit) {
        let batch = unit.decision.batch.memory
        let (first, base) = (unit.decision.batch.firstLSN, unit.decision.batch.baseTime)
        guard !first.isNone else { return }
        for work in unit.batches { work.pin(batch, first: first, base: base) }
        // One that is not worked off yet may have results in here.
        if nextTaken < taken.count, !taken[nextTaken].results.isEmpty {
            taken[nextTaken].pin(batch, first: first, base: base)
        }
    }

    func info(at now: Timestamp) -> EngineInfo {
        var info = EngineInfo()
        info.now = now
        info.readOnly = parts.gate.refusal
        info.lastLSN = state.lastLSN
        info.booksSum = state.booksSum
        if case .books(let rows) = state.read(.books, at: now) { info.books = rows }
        info.counts = state.counts
        info.commands = statistics.table
        info.timersFired = timersFired
        info.nextTimer = state.nextTimer
        info.mailbox = parts.mailbox.count
        info.mailboxCapacity = parts.mailbox.capacity
        parts.info(&info)
        return info
    }
}
