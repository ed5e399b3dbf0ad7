internal import LedgerCore

/// DRYRUN: a command is decided by the code that decides it, within a savepoint, looked at, and taken back before
/// anybody else's turn comes.
///
/// Nothing outside of the state follows from it: no key is made, no rule kept, no clock stepped, no request of an hour
/// used up; ``isTrial`` says so where it matters. What a command destroys or shows happens after durability, and so
/// never.
extension Writer {
    /// Of more events than these, only their number is told.
    static let mostEventsShown = 1000

    func dryRun(
        _ item: WorkItem, _ actor: PassportOrdinal, _ key: IdempotencyKey?, _ labels: Labels, _ unit: CommitUnit,
        _ refusal: String?
    ) -> Tried {
        isTrial = true
        defer { isTrial = false }
        var tried = Tried()
        let (count, bytes, books) = (unit.decision.batch.count, unit.decision.batch.byteCount, books(at: unit.time))
        let savepoint = state.openSavepoint(unit.decision)
        switch item {
        case .command(let command), .issue(let command, _):
            (tried.email, tried.name) = (command.clearEmail, command.clearName)
            tried.outcome = decide(
                Request(actor: actor, key: key, labels: labels, command: command), unit, refusal)
        case .admit(let start, let proof):
            let request = Request(actor: actor, key: key, labels: labels, command: .sessionStart(start))
            tried.outcome = admit(request, proof, unit, refusal)
        case .ruleLoad(let name, let source, let verdict):
            tried.outcome = load(name, source, verdict, actor, key, unit, refusal)
        case .ruleActivate(let name, let version, let at, let verdict):
            tried.outcome = activate(name, version, at, verdict, actor, key, unit, refusal)
        case .barrier, .verify, .query, .quote, .usageQuote, .dryRun, .ruleMaterial, .storageSizes, .info, .clock,
            .clockSet, .program:
            preconditionFailure("what changes nothing was to be tried")
        }
        if unit.decision.batch.count > count {
            look(at: unit, from: count, bytes, &tried)
            tried.books = changes(from: books, to: self.books(at: unit.time))
        }
        state.rollBack(to: savepoint, &unit.decision)
        state.closeSavepoint()
        return tried
    }

    /// Reads the events that were decided behind the first `count`, whose bytes end at `start`.
    private func look(at unit: CommitUnit, from count: Int, _ start: Int, _ tried: inout Tried) {
        let end = min(unit.decision.batch.count, count + Self.mostEventsShown)
        var (lsn, offset) = (LSN(unit.decision.batch.firstLSN.value + UInt64(count)), start)
        for _ in count..<end {
            let event = unit.decision.batch.reference(to: lsn, from: offset)
            tried.add(given(unit, event))
            (lsn, offset) = (lsn.next, Int(event.offset + event.length))
        }
        tried.others = unit.decision.batch.count - end
        if case .accepted(let answer) = tried.outcome { tried.answer = given(unit, answer) }
    }

    private func given(_ unit: CommitUnit, _ reference: EventReference) -> Tried.Given {
        let (lsn, start) = (reference.lsn, Int(reference.offset))
        let index = Int64(lsn.value - unit.decision.batch.firstLSN.value)
        let time = Timestamp(nanoseconds: unit.decision.batch.baseTime.nanoseconds + index)
        let bytes = UnsafeRawBufferPointer(rebasing: unit.decision.batch.bytes[start..<start + Int(reference.length)])
        do throws(StateError) {
            let event = try Event(decoding: bytes, lsn: lsn, time: time)
            let user = event.user == .none ? ShortText() : state.userID(event.user)
            return Tried.Given(event: event, user: user)
        } catch {
            preconditionFailure("an event of our own cannot be read: \(error)")
        }
    }

    private func books(at now: Timestamp) -> [BookRow] {
        guard case .books(let rows) = state.read(.books, at: now) else { return [] }
        return rows
    }

    private func changes(from before: [BookRow], to after: [BookRow]) -> [Tried.Change] {
        let before = Dictionary(before.map { ($0.account, $0.balance) }) { $1 }
        return after.compactMap { row in
            let change = row.balance - (before[row.account] ?? 0)
            return change == 0 ? nil : Tried.Change(account: row.account, amount: change)
        }
    }
}
