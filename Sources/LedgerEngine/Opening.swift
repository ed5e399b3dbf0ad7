internal import Glibc
internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// A start, from a path to a running engine: recover, check the clock, begin a new ledger if there is none, fill the
/// read views, put the parts together.
struct Opening {
    let configuration: EngineConfiguration
    let logger: Logger
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
        let reading = configuration.reading
        let sources = isVacant && reading == nil ? try ruleSources() : []
        let wished = try adminSecret(isVacant)
        let lock = try attempt { () throws(StorageError) in
            try isVacant && configuration.reading == nil
                ? LockedDirectory.create(
                    path, on: disk, identity: LedgerIdentity(uuid: .random()), segmentBytes: configuration.segmentBytes)
                : LockedDirectory.open(path, on: disk)
        }
        let tightened = tightenSecrets(lock.directory)
        var ahead: ViewsAhead?
        var recovered = try recover(lock) { if ahead == nil, $0.userCount > 0 { ahead = ViewsAhead($0) } }
        let journal = recovered.journal
        let report = recovered.report
        var state = recovered.takeState()
        let seconds = Double(MonotonicTime.now - began) / 1e9
        let isNew = state.lastLSN.isNone
        guard isNew || reading != nil || state.isDriven == (configuration.driven != nil) else {
            throw EngineError(
                .clock,
                state.isDriven
                    ? "the time of the ledger in \(configuration.path) is driven by its clients: only serve --clock driven opens it"
                    : "the ledger in \(configuration.path) goes by the machine's clock: only a new one can be driven")
        }

        let clock = configuration.clock
        if let reading {
            reading.clock.set(reading.instant(last: state.lastTime, isDriven: state.isDriven))
        } else {
            clock.start(after: isNew ? nil : max(report.lastAlive, state.lastTime))
        }
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

        let views = ahead?.views ?? Views(of: state)
        ahead = nil
        let reads = ReadPath(
            views: views, pepper: pepper, keys: keys, passportUse: PassportUse(disk, directory: configuration.path))
        let publishing = Lap.now
        publish(state, in: views, at: clock.now())
        let usersTook = keysTook + (Lap.now - publishing)
        var rules = ruleBook(state)
        let paceFile = RecoveryPaceFile(disk, directory: configuration.path)
        let parts = assemble(
            state, rules.loaded, journal, keys, pepper, reads, paceFile, tailEvents: report.replayedEvents,
            unread: configuration.isOfCopy ? nil : report.unread)
        parts.upkeep.goRound()
        if !isNew, reading == nil {
            parts.checkpoints.learn(
                start: RecoveryPace.Size(
                    events: UInt64(report.replayedEvents),
                    snapshotBytes: journal.snapshots.first { $0.lsn == report.snapshotLSN }?.fileBytes ?? 0,
                    historyBytes: configuration.checksHistoryFirst ? journal.historyBytes : 0, users: state.userCount),
                report.took, users: usersTook.wall, seconds: Double(MonotonicTime.now - began) / 1e9)
        }
        let overdue = state.overdue(at: clock.now())
        let notices =
            reading != nil
            ? [] : tightened + notices(report, seconds, isNew: isNew, overdue, clock.now())
        let engine = Engine(
            parts, state: state, rules: rules.takeBook(),
            pausedSince: isNew || configuration.isOfCopy ? nil : max(report.lastAlive, Timestamp(seconds: 0)))
        engine.start(historyThreads: configuration.historyThreads)
        return Engine.Opened(engine: engine, adminSecret: secret, notices: notices)
    }

    private func attempt<R: ~Copyable>(_ body: () throws(StorageError) -> R) throws(EngineError) -> R {
        do throws(StorageError) { return try body() } catch { throw EngineError(error) }
    }

    private func recover(
        _ lock: LockedDirectory, loaded: (borrowing StateMachine) -> Void
    ) throws(EngineError) -> Recovered<StateMachine> {
        let options = Recovery.Options(
            segmentBytes: configuration.segmentBytes,
            checksHistory: configuration.checksHistoryFirst && !configuration.isOfCopy)
        return try attempt { () throws(StorageError) in
            guard let reading = configuration.reading else {
                return try Recovery.open(lock, as: StateMachine.self, options: options, loaded: loaded)
            }
            return try Recovery.read(lock, through: reading.through, as: StateMachine.self, options: options)
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

    // MARK: Parts

    private func assemble(
        _ state: borrowing StateMachine, _ rules: [CommitUnit.LoadedRule], _ journal: Journal, _ keys: KeyStore,
        _ pepper: Pepper, _ reads: ReadPath, _ paceFile: RecoveryPaceFile, tailEvents: Int, unread: HistoryCheck?
    ) -> EngineParts {
        let configuration = configuration
        let logger = logger
        let clock = configuration.clock
        let gate = Gate(logger: logger, always: configuration.reading?.refusal)
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
            passportUse: reads.passportUse, isReading: configuration.reading != nil, logger: logger,
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
            timersPerUnit: configuration.timersPerUnit, pauseLimit: configuration.pauseLimit,
            lastSign: Pauses.LastSign(),
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
                let frames = checkpoints.lastFrames
                (info.lastSnapshotFrames, info.lastSnapshotFramesReused) = (frames.all, frames.reused)
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
}
