internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// The one who decides: an actor on a thread of its own that owns the ledger's state. Its work is synchronous from the
/// first look at a command to its last event, once per batch, so there is no re-entrancy to think about.
///
/// A drain takes what waits, opens a unit, fires the timers that are due, decides every item in order, copies the views
/// of the accounts it touched, and hands the unit over. Nothing it decides is visible to anybody before it is durable.
actor Writer {
    nonisolated let executor: PinnedExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    nonisolated let drained = Latch()

    var state: StateMachine
    var rules: RuleBook
    private let parts: Parts

    /// Batches taken from the mailbox; those before `nextTaken` are worked off.
    private var taken: [WorkBatch] = []
    private var nextTaken = 0
    /// Since when commands are refused; the pause counts as downtime.
    private var pausedSince: Timestamp?
    private var timersFired: UInt64 = 0
    private var statistics = CommandStatistics()
    private var publishedUsers: Int
    private var publishedPassports: Int
    /// Clear e-mails of users created in the unit that is open, by ordinal.
    private var freshEmails: [UInt32: [UInt8]] = [:]
    /// By user: the last unit part (`epoch`) that copied the user's view.
    private var copied: [UInt32] = []
    private var epoch: UInt32 = 0
    /// Monotonic: when a line about texts that cannot be sealed may be logged again.
    private var nextSealingLine: UInt64 = 0

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
        let slowLog: SlowLog
        let logger: Logger
        let version: ShortText
        let keyRetention: TimeSpan
        let keyCapacity: UInt64
        let closingDelay: UInt64?
        /// Fills in what the writer does not know.
        let info: @Sendable (inout EngineInfo) -> Void
        /// Asks for a spare segment.
        let needRoom: @Sendable () -> Void
    }

    private static let timersPerDrain = 4096
    private static let timersPerGroup = 64
    private static let itemsPerUnit = 8192
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
        self.pausedSince = pausedSince
    }

    // MARK: - A drain

    /// Works off everything that waits. Returns how many nanoseconds it may be left alone; nil: until it is poked.
    func drain() -> UInt64? {
        while true {
            if nextTaken == taken.count {
                taken.removeAll(keepingCapacity: true)
                nextTaken = 0
                parts.mailbox.take(into: &taken)
            }
            if parts.committer.hasFailed {
                giveUp()
                return nil
            }
            let now = parts.clock.now()
            let hasWork = nextTaken < taken.count || !parts.aside.isEmpty
            let refusal = parts.gate.refusal
            if refusal != nil, pausedSince == nil { pausedSince = now }
            let resumes = refusal == nil && pausedSince != nil
            let isDue = refusal == nil && (state.nextTimer.map { $0 <= now } ?? false)
            guard hasWork || resumes || isDue else {
                openIfDrained()
                return idle(now)
            }
            if refusal == nil, !hasRoom() {
                parts.committer.pokeWhenThereIsRoom()
                parts.needRoom()
                guard hasRoom() else { return nil }
            }
            // Timers and a resumption need a unit of their own time.
            let reopened = isDue || resumes ? nil : parts.committer.reopen()
            guard let unit = reopened ?? begin() else { return nil }
            if reopened == nil { unit.time = now }
            // From the last one on, not behind it: a unit that is taken up again may go on with the user it left off
            // with, whom the batch does not name twice.
            let touchedUsers = max(0, unit.events.touchedUsers.count - 1)
            let touchedPassports = unit.events.touchedPassports.count
            if resumes { resume(unit) }
            // Nothing is decided before what was due earlier: more timers than one unit takes come in units of their
            // own.
            let isCurrent = reopened != nil || refusal != nil || fireTimers(unit)
            if isCurrent {
                work(unit, refusal)
                workAside(unit, refusal)
            }
            close(unit, touchedUsers, touchedPassports)
            let isLast = nextTaken == taken.count && parts.mailbox.isEmpty && parts.aside.isEmpty
            if !(isLast && parts.committer.commitInline(unit)) { parts.committer.push(unit) }
        }
    }

    /// Whether the journal certainly has zero-filled room for another unit behind those on their way.
    private func hasRoom() -> Bool {
        let room = parts.journal.batchesOfRoom - parts.committer.reservedBatches
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
        parts.committer.writeClosing(at: parts.clock.now())
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
            batch.results = Array(repeating: .unknownOutcome, count: batch.items.count)
            batch.complete(batch)
        }
        nextTaken = taken.count
        openIfDrained()
    }

    /// Says how long nobody could decide, before any timer fires: leases are extended by it.
    private func resume(_ unit: CommitUnit) {
        let downtime = max(TimeSpan.zero, unit.time - (pausedSince ?? unit.time))
        pausedSince = nil
        let start = EngineStart(
            version: parts.version, downtime: downtime, keyRetention: parts.keyRetention, keyCapacity: parts.keyCapacity
        )
        let outcome = state.decide(
            Request(actor: .none, command: .engineStart(start)), price: .none, at: unit.time, into: &unit.events)
        unit.endGroup()
        if case .rejected(let rejection) = outcome {
            parts.logger.error("the start was not recorded", metadata: ["reason": "\(rejection.text)"])
        }
    }

    /// Fires what is due, as much as fits in a unit. Returns whether that was all.
    private func fireTimers(_ unit: CommitUnit) -> Bool {
        var fired = 0
        var isDone = false
        while !isDone, fired < Self.timersPerDrain, unit.events.bytes.count < CommitUnit.target {
            let count = state.fireTimers(at: unit.time, limit: Self.timersPerGroup, into: &unit.events)
            unit.endGroup()
            fired += count
            isDone = count < Self.timersPerGroup
        }
        if fired > 0 {
            timersFired += UInt64(fired)
            followActivations()
        }
        return isDone
    }

    /// Decides items until there are no more or the unit is full. A batch belongs to the unit that has its last item.
    private func work(_ unit: CommitUnit, _ refusal: String?) {
        var items = 0
        var began = MonotonicTime.now
        while nextTaken < taken.count {
            let batch = taken[nextTaken]
            while batch.results.count < batch.items.count {
                guard items < Self.itemsPerUnit, unit.events.bytes.count < CommitUnit.target else { return }
                began = workItem(of: batch, unit, refusal, since: began)
                items += 1
            }
            nextTaken += 1
            unit.batches.append(batch)
        }
    }

    /// One long read, where the unit has come to its end: however many wait, others wait for one of them.
    private func workAside(_ unit: CommitUnit, _ refusal: String?) {
        guard let batch = parts.aside.takeFirst() else { return }
        var began = MonotonicTime.now
        while batch.results.count < batch.items.count { began = workItem(of: batch, unit, refusal, since: began) }
        unit.batches.append(batch)
    }

    /// Decides the next item of a batch; returns when it was done.
    private func workItem(
        of batch: WorkBatch, _ unit: CommitUnit, _ refusal: String?, since began: UInt64
    ) -> UInt64 {
        let index = batch.results.count
        let result = answer(batch.items[index], by: batch.actors[index], unit, refusal)
        unit.endGroup()
        let ended = MonotonicTime.now
        note(batch.items[index], result, took: ended &- began, at: unit.time)
        batch.results.append(result)
        return ended
    }

    /// Copies what readers may see once the unit is durable.
    private func close(_ unit: CommitUnit, _ firstUser: Int, _ firstPassport: Int) {
        unit.lastLSN = state.lastLSN
        unit.booksSum = state.booksSum
        epoch &+= 1
        while publishedUsers < state.userCount {
            let ordinal = UserOrdinal(UInt32(publishedUsers))
            let row = state.userRow(ordinal, at: unit.time)
            unit.users.append(
                CommitUnit.NewUser(
                    ordinal: ordinal, hash: state.names.user(row.id), id: row.id,
                    email: freshEmails.removeValue(forKey: ordinal.value) ?? clear(row.email, ordinal)))
            unit.accounts.append(
                CommitUnit.Account(view: state.accountView(ordinal, at: unit.time), lastEvent: row.lastEvent))
            copied.append(epoch)
            publishedUsers += 1
        }
        for user in unit.events.touchedUsers[firstUser...] where copied[Int(user.value)] != epoch {
            copied[Int(user.value)] = epoch
            unit.accounts.append(
                CommitUnit.Account(
                    view: state.accountView(user, at: unit.time), lastEvent: state.lastEvent(of: user)))
        }
        while publishedPassports < state.passportCount {
            unit.passports.append(PassportView(state.passportView(PassportOrdinal(UInt32(publishedPassports)))))
            publishedPassports += 1
        }
        for passport in unit.events.touchedPassports[firstPassport...] {
            unit.passports.append(PassportView(state.passportView(passport)))
        }
        freshEmails.removeAll(keepingCapacity: true)
    }

    // MARK: - One item

    private func answer(
        _ item: WorkItem, by actor: PassportOrdinal, _ unit: CommitUnit, _ refusal: String?
    ) -> WorkResult {
        // Published state let it in; what was decided since counts for reads as it does for commands.
        guard state.refusal(of: actor, at: unit.time) == nil else { return .refused }
        switch item {
        case .command(let request, _):
            return .outcome(decide(request, unit, refusal))
        case .admit(let request, let proof):
            return .outcome(admit(request, proof, unit, refusal))
        case .verify(let proof):
            return .verified(verify(proof, at: unit.time))
        case .query(let query):
            return .query(withLastUse(state.read(query, at: unit.time)))
        case .quote(let user, let tier, let duration):
            return quote(user, tier, duration, at: unit.time)
        case .barrier:
            return .barrier(state.lastLSN)
        case .ruleLoad(let actor, let key, let name, let source, let verdict):
            return .outcome(load(name, source, verdict, actor, key, unit, refusal))
        case .ruleActivate(let actor, let key, let name, let version, let at, let verdict):
            return .outcome(activate(name, version, at, verdict, actor, key, unit, refusal))
        case .ruleMaterial(let name, let version):
            return .ruleMaterial(material(name, version, at: unit.time))
        case .storageSizes(let users):
            return .storageSizes(storageSizes(of: users))
        case .info:
            return .info(info(at: unit.time))
        }
    }

    /// prepare → price → decide: the middle of the whole system.
    func decide(_ request: Request, _ unit: CommitUnit, _ refusal: String?) -> Outcome {
        if let refusal {
            if let known = state.remembered(request, at: unit.time) { return known }
            guard case .clockAccept = request.command, refusal == parts.gate.clockRefusal, hasRoom() else {
                return .rejected(.readOnly(refusal))
            }
        }
        var request = request
        do throws(StorageError) {
            try seal(&request.command)
        } catch {
            return .rejected(whyUnsealed(error))
        }
        let price: PriceInput
        if let query = state.prepare(request, at: unit.time) {
            do throws(RuleError) { price = .priced(try rules.price(query)) } catch { price = .failed(error.text) }
        } else {
            price = .none
        }
        let outcome = state.decide(request, price: price, at: unit.time, into: &unit.events)
        if case .accepted = outcome { follow(request.command, unit) }
        return outcome
    }

    /// What the engine itself has to do about an accepted command.
    private func follow(_ command: Command, _ unit: CommitUnit) {
        switch command {
        case .ruleLoad(let load):
            unit.rules.append(CommitUnit.LoadedRule(identity: load.identity, name: load.name, source: load.source))
        case .ruleActivate, .ruleRollback:
            followActivations()
        case .limitSet:
            unit.limits = state.limits
        case .clockAccept:
            parts.clock.accept()
            _ = parts.gate.setClock(nil)
        default:
            break
        }
    }

    // MARK: Passports

    /// Adds what the ledger itself does not know.
    private func withLastUse(_ result: QueryResult) -> QueryResult {
        func add(_ row: PassportRow) -> PassportRow {
            var row = row
            row.lastUsed = parts.reads.passportUse.lastUse(row.ordinal)
            return row
        }
        switch result {
        case .passport(let row): return .passport(add(row))
        case .passports(let rows, let next): return .passports(rows.map(add), next: next)
        default: return result
        }
    }

    private func verify(_ proof: PassportProof, at now: Timestamp) -> VerifyResult {
        let passport = state.lookUp(passport: proof.id).map { PassportView(state.passportView($0)) }
        let account = passport.map { state.accountView($0.user, at: now) }
        return parts.reads.verify(proof, passport: passport, account: { _ in account }, at: now)
    }

    private func admit(_ request: Request, _ proof: PassportProof, _ unit: CommitUnit, _ refusal: String?) -> Outcome {
        // Asked again, the first answer counts: nothing is verified anew, and no request of the user's hour is used up.
        if let known = state.remembered(request, at: unit.time) { return known }
        if let refusal { return .rejected(.readOnly(refusal)) }
        guard case .sessionStart(var start) = request.command else {
            preconditionFailure("something else than a session was to be admitted")
        }
        switch verify(proof, at: unit.time) {
        case .rejected(let rejection): return .rejected(rejection)
        case .valid(let verified):
            guard verified.passport.permissions.contains(.write) else {
                return .rejected(.denied("the user's passport lacks the permission write"))
            }
            start.user = state.names.user(state.passportView(verified.passport.ordinal).userID)
            start.admitted = verified.passport.ordinal
            var request = request
            request.command = .sessionStart(start)
            return decide(request, unit, nil)
        }
    }

    // MARK: Personal text

    /// Encrypts what a command carries in the clear, under the key of the user it is about.
    private func seal(_ command: inout Command) throws(StorageError) {
        switch command {
        case .userCreate(var create):
            guard !create.email.isEmpty || !create.name.isEmpty else { return }
            let ordinal = UserOrdinal(UInt32(state.userCount))
            try parts.keys.ensureKey(ordinal, isNewUser: true)
            freshEmails[ordinal.value] = create.email
            create.email = try seal(create.email, ordinal)
            create.name = try seal(create.name, ordinal)
            command = .userCreate(create)
        case .userSet(var set):
            guard case .name(let name) = set.change else { return }
            set.change = .name(try seal(name, state.lookUp(user: set.user)))
            command = .userSet(set)
        case .passportCreate(var create):
            create.name = try seal(create.name, state.lookUp(user: create.user))
            command = .passportCreate(create)
        case .creditGrant(var grant):
            grant.reason = try seal(grant.reason, state.lookUp(user: grant.user))
            command = .creditGrant(grant)
        case .creditCharge(var charge):
            guard !charge.description.isEmpty else { return }
            charge.description = try seal(charge.description, state.lookUp(user: charge.user))
            command = .creditCharge(charge)
        case .creditAdjust(var adjust):
            adjust.reason = try seal(adjust.reason, state.lookUp(user: adjust.user))
            command = .creditAdjust(adjust)
        case .creditRefund(var refund):
            refund.reason = try seal(refund.reason, refund.charge.user == .none ? nil : refund.charge.user)
            command = .creditRefund(refund)
        case .sessionCancel(let session, let reason):
            guard !reason.isEmpty else { return }
            var user: UserOrdinal?
            if case .session(let row) = state.read(.session(session), at: state.lastTime) { user = row.user }
            command = .sessionCancel(session: session, reason: try seal(reason, user))
        default:
            return
        }
    }

    /// Without a user the command will be refused anyway: the text goes nowhere.
    private func seal(_ text: SealedText, _ user: UserOrdinal?) throws(StorageError) -> SealedText {
        guard !text.isEmpty, let user else { return [] }
        try parts.keys.ensureKey(user, hasSealedText: state.hasSealedText(user))
        return try parts.keys.seal(text, user)
    }

    private func clear(_ sealed: SealedText, _ user: UserOrdinal) -> [UInt8] {
        guard !sealed.isEmpty else { return [] }
        do throws(StorageError) {
            return try parts.keys.open(sealed, user)
        } catch {
            parts.logger.error("a user's text cannot be opened", metadata: ["fault": "\(error)"])
            return []
        }
    }

    private func whyUnsealed(_ error: StorageError) -> Rejection {
        // Each command that comes meets it: one line a second says so.
        let now = MonotonicTime.now
        if now >= nextSealingLine {
            parts.logger.error("a text cannot be sealed", metadata: ["fault": "\(error)"])
            nextSealingLine = now + 1_000_000_000
        }
        return error.reason == .destroyedKey
            ? .invalid("the user's key was destroyed") : .readOnly("the text cannot be sealed: \(error)")
    }

    // MARK: Notes

    private func note(_ item: WorkItem, _ result: WorkResult, took nanoseconds: UInt64, at time: Timestamp) {
        let kind = item.kind
        statistics.count(kind, took: nanoseconds, rejected: result.isRejection)
        if nanoseconds >= parts.slowLog.threshold {
            parts.slowLog.record(describe(item), at: time, took: nanoseconds)
        }
    }

    /// Name and user, never a secret or a free text.
    private func describe(_ item: WorkItem) -> String {
        let name = WorkItem.kinds[item.kind]
        guard let hash = item.user, let user = state.lookUp(user: hash) else { return name }
        return "\(name) \(state.userRow(user, at: state.lastTime).id)"
    }

    private func info(at now: Timestamp) -> EngineInfo {
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

extension WorkResult {
    var isRejection: Bool {
        switch self {
        case .outcome(.rejected), .query(.rejected), .verified(.rejected), .refused: true
        default: false
        }
    }
}

extension WorkItem {
    /// The user it names, for SLOWLOG.
    fileprivate var user: Hash128? {
        switch self {
        case .quote(let user, _, _): return user
        case .command(let request, _):
            switch request.command {
            case .userSet(let command): return command.user
            case .passportCreate(let command): return command.user
            case .creditPurchase(let command): return command.user
            case .creditGrant(let command): return command.user
            case .creditCharge(let command): return command.user
            case .creditAdjust(let command): return command.user
            case .holdPlace(let command): return command.user
            case .sessionStart(let command): return command.user
            case .sessionRecord(let command): return command.user
            case .storageCreate(let command): return command.user
            case .spacePurchase(let command): return command.user
            default: return nil
            }
        default: return nil
        }
    }
}

/// Opens once; whoever waits goes on.
final class Latch: @unchecked Sendable {  // `isOpen` is touched under the monitor only
    private let monitor = Monitor()
    private var isOpen = false

    func open(if condition: Bool = true) {
        guard condition else { return }
        monitor.withLock {
            isOpen = true
            monitor.wake()
        }
    }
    func wait() { monitor.withLock { _ = monitor.wait { isOpen } } }
}
