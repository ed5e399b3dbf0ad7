internal import LedgerCore
internal import LedgerStorage

/// Scripts and transactions: run here, under a savepoint that holds until their last word.
extension Writer {
    func run(_ program: any Program, _ entry: WorkBatch.Entry, _ unit: CommitUnit, _ refusal: String?) -> WorkResult {
        var request = Request(
            actor: entry.actor, key: entry.key, origin: program.origin,
            command: .scriptRun(ScriptRun(script: program.script ?? [], first: .none, value: [])))
        if let known = state.remembered(request, at: unit.time) {
            program.wasAnswered()
            return .outcome(known)
        }
        let savepoint = state.openSavepoint(unit.decision)
        let mark = UnitMark(unit, freshEmails.count)
        let ledger = ProgramLedger(self, unit, first: state.lastLSN.next, by: entry.actor, refusal)
        origin = program.origin
        defer { origin = .command }
        var outcome: Outcome?
        var isKept = false
        switch program.run(ledger) {
        case .takeBack: break
        case .keep(let value):
            let hasChanged = state.lastLSN >= ledger.first
            if let tooLarge = ledger.tooLarge {
                let advice =
                    program.origin == .transaction ? " (with redis-py: pipeline(transaction=False))" : ""
                outcome = .rejected(
                    .invalid(
                        "this would be \(tooLarge) bytes in one step, and at most \(state.groupLimit) go: do it in "
                            + "parts\(advice)"))
            } else if let script = program.script, hasChanged || entry.key != nil {
                request.command = .scriptRun(
                    ScriptRun(script: script, first: hasChanged ? ledger.first : .none, value: value))
                let ended = decide(request, unit, refusal)
                if case .accepted = ended { isKept = true } else { outcome = ended }
            } else {
                isKept = true
            }
        }
        if !isKept {
            state.rollBack(to: savepoint, &unit.decision)
            takeBack(unit, to: mark)
        }
        state.closeSavepoint()
        return outcome.map { .outcome($0) } ?? .program
    }

    /// One command of a program, counted like any other.
    func answer(_ entry: WorkBatch.Entry, counted unit: CommitUnit, _ refusal: String?) -> WorkResult {
        let began = MonotonicTime.now
        let result = answer(entry, unit, refusal)
        statistics.count(entry.item.name, took: MonotonicTime.now &- began, rejected: result.isRejection)
        return result
    }

    /// What a unit had gathered besides events.
    struct UnitMark {
        let emails: Int
        let deleted: Int
        let rules: Int
        let requests: Int
        let limits: Limits?
        let users: Int

        init(_ unit: CommitUnit, _ users: Int) {
            (emails, deleted, rules) = (unit.emails.count, unit.deleted.count, unit.rules.count)
            (requests, limits, self.users) = (unit.requests.count, unit.limits, users)
        }
    }

    private func takeBack(_ unit: CommitUnit, to mark: UnitMark) {
        unit.emails.removeSubrange(mark.emails...)
        unit.deleted.removeSubrange(mark.deleted...)
        unit.rules.removeSubrange(mark.rules...)
        for (passport, limit) in unit.requests[mark.requests...] {
            parts.reads.withdraw(passport, requestsPerHour: limit, at: unit.time)
        }
        unit.requests.removeSubrange(mark.requests...)
        unit.limits = mark.limits
        let users = UInt32(state.userCount)
        if freshEmails.count > mark.users { freshEmails = freshEmails.filter { $0.key < users } }
        changedEmail = nil
    }
}
