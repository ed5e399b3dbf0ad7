internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// One item: what the writer answers to each.
extension Writer {
    /// Looks ahead in a batch: three items for the place in the index, two for the row, one for its lot.
    func prefetch(_ batch: WorkBatch) {
        let next = batch.results.count
        for step in PrefetchStep.allCases {
            let index = next + PrefetchStep.allCases.count - step.rawValue
            if index < batch.count, let user = batch.entries[index].user { state.prefetch(user, step) }
        }
    }

    func answer(_ entry: WorkBatch.Entry, _ unit: CommitUnit, _ refusal: String?) -> WorkResult {
        let (actor, key) = (entry.actor, entry.key)
        // Published state let it in; what was decided since counts for reads as it does for commands.
        guard state.refusal(of: actor, at: unit.time) == nil else { return .refused }
        switch entry.item {
        case .command(let command), .issue(let command, _):
            let request = Request(actor: actor, key: key, labels: entry.labels, origin: origin, command: command)
            return .outcome(decide(request, unit, refusal))
        case .admit(let start, let proof):
            let request = Request(
                actor: actor, key: key, labels: entry.labels, origin: origin, command: .sessionStart(start))
            return .outcome(admit(request, proof, unit, refusal))
        case .verify(let proof):
            return .verified(verify(proof, unit))
        case .query(let query):
            return .query(withLastUse(state.read(query, at: unit.time)))
        case .quote(let user, let tier, let duration):
            return quote(user, tier, duration, at: unit.time)
        case .usageQuote(let user, let meter, let billionths):
            return quote(user, meter, billionths, at: unit.time)
        case .barrier:
            return .barrier(state.lastLSN)
        case .ruleLoad(let name, let source, let verdict):
            return .outcome(load(name, source, verdict, actor, key, unit, refusal))
        case .ruleActivate(let name, let version, let at, let verdict):
            return .outcome(activate(name, version, at, verdict, actor, key, unit, refusal))
        case .dryRun(let item, let key, let labels):
            return .dryRun(dryRun(item, actor, key, labels, unit, refusal))
        case .ruleMaterial(let name, let version):
            return .ruleMaterial(material(name, version, at: unit.time))
        case .storageSizes(let users):
            return .storageSizes(storageSizes(of: users))
        case .info:
            return .info(info(at: unit.time))
        case .clock:
            var report = ClockReport(now: unit.time, status: parts.clock.discipline())
            report.overdue = state.overdue(at: report.accepted)
            report.isDriven = parts.driven != nil
            return .clock(report)
        case .program(let program): return run(program, entry, unit, refusal)
        case .clockSet(let time, _):
            if let always = parts.gate.always { return .outcome(.rejected(.readOnly(always))) }
            if let reason = whyNotSet(time) { return .outcome(.rejected(.invalid(reason))) }
            return .barrier(state.lastLSN)
        }
    }

    private func whyNotSet(_ time: Timestamp) -> String? {
        guard let driven = parts.driven else {
            return
                "this ledger goes by the machine's clock: CLOCK SET is for one that was begun by serve --clock driven"
        }
        let now = driven.now()
        return time < now ? "the ledger's time is \(now) already, and only rises" : nil
    }

    /// prepare → price → decide: the middle of the whole system.
    func decide(_ request: Request, _ unit: CommitUnit, _ refusal: String?) -> Outcome {
        if let refusal {
            if let known = state.remembered(request, at: unit.time) { return known }
            guard case .clockAccept = request.command, parts.gate.clockRefusal != nil, hasRoom() else {
                return .rejected(.readOnly(refusal))
            }
            // First the pause so far: the event that ends it is a sign of life.
            if pauses.isOpen { resume(unit) }
        }
        guard request.command.hasClearText else { return decide(sealed: request, unit) }
        var request = request
        do throws(StorageError) {
            if isTrial { cover(&request.command) } else { try seal(&request.command, unit) }
        } catch {
            return .rejected(whyUnsealed(error))
        }
        defer { changedEmail = nil }
        return decide(sealed: request, unit)
    }

    private func decide(sealed request: Request, _ unit: CommitUnit) -> Outcome {
        let price = price(state.prepare(request, at: unit.time))
        let outcome = state.decide(request, price: price, at: unit.time, into: &unit.decision)
        if case .accepted = outcome, !isTrial { follow(request.command, unit) }
        return outcome
    }

    /// What the engine itself has to do about an accepted command.
    private func follow(_ command: Command, _ unit: CommitUnit) {
        switch command.consequence {
        case .none: break
        case .ruleLoaded(let load):
            unit.rules.append(CommitUnit.LoadedRule(identity: load.identity, name: load.name, source: load.source))
        case .rulesChanged: followActivations()
        case .limitsChanged: unit.limits = state.limits
        case .clockAccepted:
            parts.clock.accept()
            _ = parts.gate.setClock(nil)
            pauses.step(from: unit.time, to: parts.clock.now())
        case .emailChanged:
            if let (user, email) = changedEmail { unit.emails.append(CommitUnit.NewEmail(user: user, email: email)) }
        case .userDeleted(let user):
            if let user = state.lookUp(user: user) { unit.deleted.append(user) }
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
        if case .passport(let row) = result { return .passport(add(row)) }
        if case .passports(let rows, let next) = result { return .passports(rows.map(add), next: next) }
        return result
    }

    private func verify(_ proof: PassportProof, _ unit: CommitUnit) -> VerifyResult {
        let passport = state.lookUp(passport: proof.id).map { PassportView(state.passportView($0)) }
        let account = passport.map { state.accountView($0.user, at: unit.time) }
        let limit = account.map { state.limits[$0.type, .requestsPerHour] }
        let result = parts.reads.verify(
            proof, passport: passport, account: { _ in account }, counting: !isTrial, requestsPerHour: limit,
            at: unit.time)
        if case .valid(let verified) = result, let limit, origin != .command {
            unit.requests.append((verified, limit))
        }
        return result
    }

    func admit(_ request: Request, _ proof: PassportProof, _ unit: CommitUnit, _ refusal: String?) -> Outcome {
        // Asked again, the first answer counts: nothing is verified anew, and no request of the user's hour is used up.
        if let known = state.remembered(request, at: unit.time) { return known }
        if let refusal { return .rejected(.readOnly(refusal)) }
        guard case .sessionStart(var start) = request.command else {
            preconditionFailure("something else than a session was to be admitted")
        }
        switch verify(proof, unit) {
        case .rejected(let rejection): return .rejected(rejection)
        case .valid(let verified):
            guard verified.passport.permissions.contains(.write) else {
                return .rejected(.denied("the user's passport lacks the permission write"))
            }
            start.user = state.names.user(state.userID(verified.passport.user))
            start.admitted = verified.passport.ordinal
            var request = request
            request.command = .sessionStart(start)
            return decide(request, unit, nil)
        }
    }
}

extension Writer {
    // MARK: Notes

    func note(_ item: WorkItem, _ result: WorkResult, took nanoseconds: UInt64, at time: Timestamp) {
        var isOver = true
        if case .program(let program) = item, case .program = result { isOver = program.isOver }
        if isOver { statistics.count(item.name, took: nanoseconds, rejected: result.isRejection) }
        if nanoseconds >= parts.slowLog.threshold {
            parts.slowLog.record(describe(item), at: time, took: nanoseconds)
        }
    }

    /// Name and user, never a secret or a free text.
    private func describe(_ item: WorkItem) -> String {
        guard let user = state.user(of: item.subject), Int(user.value) < state.userCount else { return "\(item.name)" }
        return "\(item.name) \(state.userID(user))"
    }
}

extension WorkResult {
    var isRejection: Bool {
        switch self {
        case .outcome(.rejected), .query(.rejected), .verified(.rejected), .refused: true
        case .none, .barrier, .outcome, .verified, .query, .quote, .usageQuote, .dryRun, .ruleMaterial, .storageSizes,
            .info, .clock, .program,
            .unknownOutcome:
            false
        }
    }
}
