internal import Glibc
internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// A start, from a path to a running engine: recover, check the clock, begin a new ledger if there is none, fill the
/// read views, put the parts together.
struct Opening {
    private let configuration: EngineConfiguration
    private let logger: Logger
    private let disk: any Disk

    init(_ configuration: EngineConfiguration, _ logger: Logger) {
        precondition(configuration.segmentBytes >= 4 << 20, "a segment holds several batches of the largest size")
        self.configuration = configuration
        self.logger = logger
        disk = configuration.disk
    }

    func open() throws(EngineError) -> Engine.Opened {
        let path = configuration.path
        let began = MonotonicTime.now
        // What a new ledger needs is looked at before there is one.
        let isVacant = try attempt { () throws(StorageError) in try DataDirectory.kind(of: path, on: disk) == .vacant }
        let sources = isVacant ? try ruleSources() : []
        let wished = try adminSecret(isVacant)
        let lock = try attempt { () throws(StorageError) in
            try isVacant
                ? LockedDirectory.create(
                    path, on: disk, identity: LedgerIdentity(uuid: .random()), segmentBytes: configuration.segmentBytes)
                : LockedDirectory.open(path, on: disk)
        }
        let tightened = tightenSecrets(lock.directory)
        var recovered = try recover(lock)
        let journal = recovered.journal
        let report = recovered.report
        var state = recovered.takeState()
        let seconds = Double(MonotonicTime.now - began) / 1e9
        let isNew = state.lastLSN.isNone
        guard isNew || state.isDriven == (configuration.driven != nil) else {
            throw EngineError(
                .clock,
                state.isDriven
                    ? "the time of the ledger in \(configuration.path) is driven by its clients: only serve --clock driven opens it"
                    : "the ledger in \(configuration.path) goes by the machine's clock: only a new one can be driven")
        }

        let clock = configuration.clock
        clock.start(after: isNew ? nil : max(report.lastAlive, state.lastTime))
        let openingKeys = Lap.now
        let keys = try attempt { () throws(StorageError) in try KeyStore(lock.directory, ledgerIsNew: isNew) }
        // An end between a deletion and its key, or a key file of before: nobody is to see what is forgotten.
        let deleted = state.deletedUsers
        let destroyed = try attempt { () throws(StorageError) in try keys.destroy(deleted) }
        if destroyed > 0 {
            logger.notice(
                "keys of deleted users were still there, and are destroyed", metadata: ["keys": "\(destroyed)"])
        }
        let keysTook = Lap.now - openingKeys
        let pepper = try attempt { () throws(StorageError) in
            try Pepper.open(lock.directory, at: configuration.pepperFile, ledgerIsNew: isNew)
        }
        var secret: PassportSecret?
        if isNew {
            let minted = wished ?? PassportSecret.mint()
            // Before anything depends on it: a ledger whose only passport nobody knows cannot be entered.
            try configuration.keepAdminSecret(minted)
            try begin(
                &state, journal, keys, pepper, minted, sources.isEmpty ? try ruleSources() : sources, at: clock.now())
            secret = minted
        }

        let views = Views(seed: state.names.hash(Names.Space.key, ["views"]).high)
        let reads = ReadPath(
            views: views, pepper: pepper, keys: keys, passportUse: PassportUse(disk, directory: configuration.path))
        let publishing = Lap.now
        publish(state, in: views, at: clock.now())
        let usersTook = keysTook + (Lap.now - publishing)
        var rules = ruleBook(state)
        let paceFile = RecoveryPaceFile(disk, directory: configuration.path)
        let parts = assemble(
            state, rules.loaded, journal, keys, pepper, reads, paceFile, tailEvents: report.replayedEvents,
            unread: configuration.isFork ? nil : report.unread)
        parts.upkeep.goRound()
        if !isNew {
            parts.checkpoints.learn(
                start: RecoveryPace.Size(
                    events: UInt64(report.replayedEvents),
                    snapshotBytes: journal.snapshots.first { $0.lsn == report.snapshotLSN }?.fileBytes ?? 0,
                    historyBytes: configuration.checksHistoryFirst ? journal.historyBytes : 0, users: state.userCount),
                report.took, users: usersTook.wall, seconds: Double(MonotonicTime.now - began) / 1e9)
        }
        let overdue = state.overdue(at: clock.now())
        let notices = tightened + notices(report, seconds, isNew: isNew, overdue, clock.now())
        let engine = Engine(
            parts, state: state, rules: rules.takeBook(),
            pausedSince: isNew || configuration.isFork ? nil : max(report.lastAlive, Timestamp(seconds: 0)))
        engine.start(historyThreads: configuration.historyThreads)
        return Engine.Opened(engine: engine, adminSecret: secret, notices: notices)
    }

    private func attempt<R: ~Copyable>(_ body: () throws(StorageError) -> R) throws(EngineError) -> R {
        do throws(StorageError) { return try body() } catch { throw EngineError(error) }
    }

    private func recover(_ lock: LockedDirectory) throws(EngineError) -> Recovered<StateMachine> {
        try attempt { () throws(StorageError) in
            try Recovery.open(
                lock, as: StateMachine.self,
                options: Recovery.Options(
                    segmentBytes: configuration.segmentBytes,
                    checksHistory: configuration.checksHistoryFirst && !configuration.isFork))
        }
    }

    private func ruleSources() throws(EngineError) -> [RuleSource] {
        switch configuration.rules {
        case .builtIn: return RuleSource.defaults
        case .sources(let sources): return sources
        case .directory(let path):
            do throws(RuleError) { return try RuleSource.read(directory: path) } catch {
                throw EngineError(.rules, error.text)
            }
        }
    }

    private func adminSecret(_ isVacant: Bool) throws(EngineError) -> PassportSecret? {
        guard let text = configuration.adminSecret else { return nil }
        guard let secret = PassportSecret(text) else {
            throw EngineError(
                .adminPassport,
                "FLORIN_ADMIN_PASSPORT is not a passport: fl_, ten characters, _, and 49 more with a checksum"
                    + (isVacant
                        ? "" : "; \(configuration.path) holds a ledger already, which does not need it: unset it"))
        }
        return secret
    }

    /// What this says goes among the notices. A disk in memory has no modes.
    private func tightenSecrets(_ directory: DataDirectory) -> [String] {
        guard disk is PosixDisk else { return [] }
        let pepper = configuration.pepperFile ?? directory.pepper
        return [pepper, directory.keys, Engine.adminPassportFile(in: directory.path)].compactMap(OwnerOnly.tighten)
    }

    // MARK: A new ledger

    private func begin(
        _ state: inout StateMachine, _ journal: Journal, _ keys: KeyStore, _ pepper: Pepper, _ secret: PassportSecret,
        _ sources: [RuleSource], at now: Timestamp
    ) throws(EngineError) {
        let proof = PassportProof(id: secret.id, digest: pepper.digest(secret.bytes))
        let emailHash = Array(FirstStart.adminEmail.utf8).withUnsafeBytes { address in
            guard let hash = try? pepper.emailHash(address) else { preconditionFailure("the admin has no address") }
            return hash
        }
        let decision = try FirstStart.decide(
            into: &state, identity: journal.directory.identity, isDriven: configuration.driven != nil,
            sources: sources, secret: secret,
            start: engineStart(downtime: .zero), keys: keys, reads: proof, emailHash: emailHash, at: now)
        let (first, base) = (decision.batch.firstLSN, decision.batch.baseTime)
        let border = LogUnit.Border(events: decision.batch.count, bytes: decision.batch.byteCount)
        let payload = decision.batch.bytes
        let booksSum = state.booksSum
        try attempt { () throws(StorageError) in
            try keys.sync()
            try journal.append(
                LogUnit(payload: payload, borders: [border], firstLSN: first, baseTime: base, booksSum: booksSum))
        }
    }

    private var version: ShortText { ShortText(configuration.version) ?? "?" }

    private func engineStart(downtime: TimeSpan) -> EngineStart {
        EngineStart(
            version: version, downtime: downtime, keyRetention: configuration.keyRetention,
            keyCapacity: configuration.keyCapacity)
    }

    // MARK: What readers see

    /// Fills the views, passports on a thread of their own. E-mails stay sealed there until ``EmailOpener`` comes to
    /// them.
    private func publish(_ state: borrowing StateMachine, in views: Views, at now: Timestamp) {
        withUnsafePointer(to: state) { state in
            // Both threads only read, and this one does not go on before the other has ended.
            nonisolated(unsafe) let state = state
            let passports = NamedThread.start("passports") {
                for number in 0..<state.pointee.passportCount {
                    views.fill(PassportView(state.pointee.passportView(PassportOrdinal(UInt32(number)))))
                }
            }
            for number in 0..<state.pointee.userCount {
                publish(UserOrdinal(UInt32(number)), of: state.pointee, in: views, at: now)
            }
            passports.join()
        }
        views.index(users: state.userCount, passports: state.passportCount)
        views.store(state.limits)
    }

    private func publish(
        _ user: UserOrdinal, of state: borrowing StateMachine, in views: Views, at now: Timestamp
    ) {
        let row = state.userRow(user, at: now)
        row.email.sealedBytes.withUnsafeBytes {
            views.fill(
                user, hash: state.names.user(row.id), id: row.id, sealedEmail: $0, state.accountView(user, at: now),
                lastEvent: row.lastEvent)
        }
    }

    private struct Rules: ~Copyable {
        var book = RuleBook()
        var loaded: [CommitUnit.LoadedRule] = []
        /// An empty book stays, for the reason that `Recovered.takeState()` gives.
        mutating func takeBook() -> RuleBook {
            var taken = RuleBook()
            swap(&taken, &book)
            return taken
        }
    }

    private func ruleBook(_ state: borrowing StateMachine) -> Rules {
        var rules = Rules()
        if case .rules(let rows) = state.read(.rules, at: state.lastTime) {
            for row in rows {
                guard let rule = state.ruleSource(row.identity) else { continue }
                rules.loaded.append(CommitUnit.LoadedRule(identity: row.identity, name: row.name, source: rule.source))
            }
        }
        for name in state.activeRules {
            guard let identity = state.activeRule(name) else { continue }
            rules.book.activate(name, identity) {
                String(decoding: state.ruleSource(identity)?.source ?? [], as: UTF8.self)
            }
        }
        return rules
    }

    // MARK: Parts

    private func assemble(
        _ state: borrowing StateMachine, _ rules: [CommitUnit.LoadedRule], _ journal: Journal, _ keys: KeyStore,
        _ pepper: Pepper, _ reads: ReadPath, _ paceFile: RecoveryPaceFile, tailEvents: Int, unread: HistoryCheck?
    ) -> EngineParts {
        let configuration = configuration
        let logger = logger
        let clock = configuration.clock
        let gate = Gate(logger: logger)
        let mailbox = Mailbox(capacity: configuration.mailboxCapacity)
        let aside = Mailbox(capacity: configuration.asideCapacity)
        let executor = PinnedExecutor()
        let pokeWriter: @Sendable () -> Void = { [weak executor] in executor?.poke() }
        let history = History(
            reader: journal.reader, reads: reads, keys: keys, clock: clock, logger: logger, shard: state.shard,
            capacity: configuration.historyCapacity)
        history.remember(rules)
        let askWriter: @Sendable (WorkItem) -> WorkResult? = { item in
            let done = Latch()
            let batch = WorkBatch(capacity: 1) { _ in done.open() }
            batch.append(item)
            guard mailbox.push(batch) else { return nil }
            pokeWriter()
            done.wait()
            return batch.results[0]
        }
        history.askWriter { query in
            guard case .query(let result) = askWriter(.query(query)) else { return nil }
            return result
        }
        let log = configuration.log(journal)
        let latencies = LatencyLog(clock: clock)
        journal.writer.onRotation = { latencies.record(.segment, since: $0) }
        let followers = Followers(
            reader: journal.reader, durable: log.durable, logger: logger,
            firstPause: UInt64(max(0, configuration.followerPause.nanoseconds)))
        for follower in configuration.followers { followers.add(follower) }
        let committer = Committer(
            log: log, keys: keys, views: reads.views, latencies: latencies,
            waiterCapacity: configuration.waiterCapacity,
            onRoom: pokeWriter, onDurable: { followers.durable(through: $0) },
            onRules: { [weak history] in history?.remember($0) },
            onFatal: { error in
                logger.critical("the journal failed: nothing more is recorded", metadata: ["fault": "\(error)"])
                mailbox.close()
                aside.close()
                pokeWriter()
                // Not here: this may be the writer's thread, and the writer still has to tell those who wait for it.
                NamedThread.start("fatal") { configuration.onFatal(error) }.detach()
            })
        let desk = CaptureDesk(pokeWriter: pokeWriter)
        let audits = Audits(
            journal: journal, mode: configuration.checkpoints, clock: clock, logger: logger, gate: gate,
            pokeWriter: pokeWriter, onDifference: { [weak desk] in desk?.cancelIfBusy() })
        var isOff = false
        if case .never = configuration.checkpoints { isOff = true }
        let checkpoints = Checkpoints(
            journal: journal, isOff: isOff, desk: desk, audits: audits, replayTarget: configuration.replayTarget,
            clock: clock,
            logger: logger, meters: committer.meters, latencies: latencies, gate: gate, paceFile: paceFile,
            checksHistory: configuration.checksHistoryFirst, tailBytes: Int64(tailEvents) * 256, pokeWriter: pokeWriter)
        let upkeep = Upkeep(
            journal: journal, clock: clock, gate: gate, checkpoints: checkpoints, latencies: latencies,
            passportUse: reads.passportUse, logger: logger,
            hasFailed: { [weak committer] in committer?.hasFailed ?? true }, pokeWriter: pokeWriter)
        let historyCheck = BackgroundHistoryCheck(unread, logger: logger)
        let started = clock.now()
        let identity = journal.directory.identity
        let parts = Writer.Parts(
            executor: executor, mailbox: mailbox, aside: aside, committer: committer, journal: journal, keys: keys,
            reads: reads,
            gate: gate,
            clock: clock, driven: configuration.driven,
            desk: desk,
            slowLog: SlowLog(threshold: configuration.slowLogThreshold, capacity: configuration.slowLogCapacity),
            latencies: latencies,
            logger: logger,
            version: version, keyRetention: configuration.keyRetention, keyCapacity: configuration.keyCapacity,
            closingDelay: configuration.closingDelay.map { UInt64(max(0, $0.nanoseconds)) },
            pauseLimit: configuration.pauseLimit, lastSign: Pauses.LastSign(),
            info: { [weak upkeep] info in
                info.version = configuration.version
                info.ledger = "\(identity.uuid)"
                info.started = started
                info.clock = upkeep?.clockStatus ?? ClockStatus()
                info.durableLSN = committer.durableLSN
                info.batches = committer.meters.batches.load(ordering: .relaxed)
                info.syncs = info.batches
                info.events = committer.meters.events.load(ordering: .relaxed)
                info.journalBytes = committer.meters.bytes.load(ordering: .relaxed)
                info.lastSyncNanoseconds = committer.meters.lastSync.load(ordering: .relaxed)
                info.residentBytes = residentBytes()
                let last = journal.snapshots.last
                info.lastSnapshotLSN = last?.lsn ?? .none
                info.lastSnapshotTime = last?.time ?? .distantPast
                info.snapshots = journal.snapshots.count
                info.snapshotInProgress = checkpoints.isRunning
                info.lastSnapshotStatus = checkpoints.lastStatus
                let audit = audits.status
                (info.auditedLSN, info.auditedTime, info.auditVerdict) = (audit.lsn, audit.time, audit.verdict)
                let users = info.counts.first { $0.name == "users" }?.count ?? 0
                info.recoverySeconds = checkpoints.recoverySeconds(users: users)
                info.historyCheck = historyCheck.status
                info.followers = followers.status
            },
            needRoom: { [weak upkeep] in upkeep?.poke() })
        return EngineParts(
            configuration: configuration,
            writer: parts, pepper: pepper, history: history,
            examiner: RuleExaminer(
                capacity: configuration.ruleCapacity, shadows: Shadows(followers: followers, history: history),
                clock: clock, ask: askWriter),
            backtester: Backtester(capacity: configuration.backtestCapacity, history, journal, ask: askWriter),
            upkeep: upkeep,
            checkpoints: checkpoints, historyCheck: historyCheck, followers: followers,
            emails: EmailOpener(userCount: state.userCount, reads: reads))
    }

    private func notices(
        _ report: RecoveryReport, _ seconds: Double, isNew: Bool, _ overdue: Overdue, _ now: Timestamp
    ) -> [String] {
        guard !isNew else { return ["a new ledger in \(configuration.path)"] }
        for warning in report.warnings { logger.warning("\(warning)") }
        var notices: [String] = []
        let hundredths = Int(seconds * 100)
        let snapshot = report.snapshotLSN.map { "snapshot at LSN \($0.value)" } ?? "the first event"
        notices.append(
            "recovered from \(snapshot) and \(report.replayedEvents) events through LSN \(report.lastLSN.value) in "
                + "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s")
        if let torn = report.tornTail { notices.append("\(torn)") }
        for rejected in report.rejectedSnapshots { logger.warning("a snapshot could not be used: \(rejected)") }
        let away = now - report.lastAlive
        if away > .seconds(60), report.lastAlive > .distantPast {
            notices.append(
                "nobody was there for \(away.nanoseconds / 1_000_000_000) s since \(report.lastAlive): timers catch up now"
            )
            if overdue != Overdue() {
                notices.append(
                    "due meanwhile: \(overdue.lots) lots expire with at most \(Money(nanos: Int64(clamping: overdue.credit))) of credit, "
                        + "less what was used while they were good; \(overdue.holds) holds expire, \(overdue.sessions) sessions reached their time to live"
                )
            }
        }
        return notices
    }
}

/// Memory in use, from `/proc/self/statm`; 0 where that cannot be read.
private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, 256, file) != nil else { return 0 }
    let words = line.prefix { $0 != 0 }.split(separator: CChar(UInt8(ascii: " ")))
    guard words.count > 1 else { return 0 }
    return (Int(String(decoding: words[1].map { UInt8(bitPattern: $0) }, as: UTF8.self)) ?? 0)
        * Int(sysconf(Int32(_SC_PAGESIZE)))
}
