internal import LedgerCommands
internal import LedgerCore
internal import LedgerStorage

/// What is told of it.
extension Redecision {
    /// Everything was taken.
    mutating func finish() throws(StorageError) -> RedecisionReport {
        try drain()
        for (place, user) in worlds.finish(&report).enumerated() {
            report.ended[place].user = ledger.userID(user)
        }
        report.unknown = unknown
        return report
    }

    private var unknown: [String] {
        var unknown = [
            "what was refused then and is not in the journal: most refusals without a KEY",
            "limits of requests an hour: they are not journaled, and refuse nothing here",
            "whether OVER was said with a charge that credit covered: it counts as not said",
            "what a user who is refused, or whose session ends earlier, would have done instead",
        ]
        if report.letIn > 0 {
            unknown.append("how long admissions would have run that were refused then: they are counted, not begun")
        }
        if hasScripts {
            unknown.append("what a script would have done after another answer: its commands are decided as they were")
        }
        return unknown
    }

    mutating func differ(_ event: Event, _ text: String) {
        if report.differences.count < draft.count { report.differences.append("LSN \(event.lsn.value), \(text)") }
    }

    /// Of a command that was accepted in both worlds. `others`: what it gave here.
    mutating func compare(_ event: Event, _ others: [Event], isEqual: Bool) {
        if isEqual || !report.isSame && Self.areAlike(group.events, others) {
            report.alike += 1
        } else {
            report.unlike += 1
            let (then, now) = (Self.charged(group.events), Self.charged(others))
            let amounts = then == now ? "another receipt" : "\(then) was charged, \(now) would be"
            differ(event, "\(event.body.code): \(amounts)")
        }
    }

    private static func charged(_ events: [Event]) -> MoneySum {
        events.reduce(into: MoneySum.zero) { sum, event in
            if let charge = event.facts.charge { sum += charge.amount }
        }
    }

    /// The same kinds of events of the same users with the same amounts: numbers and balances may be others.
    private static func areAlike(_ some: [Event], _ others: [Event]) -> Bool {
        some.count == others.count
            && zip(some, others).allSatisfy { one, other in
                let (a, b) = (one.facts, other.facts)
                return one.body.code == other.body.code && one.user == other.user
                    && a.charge?.amount == b.charge?.amount && a.movement?.amount == b.movement?.amount
                    && a.hold?.captured == b.hold?.captured && a.hold?.released == b.hold?.released
            }
    }

    // MARK: What only remembers

    /// A refusal, or an answer that a key got again.
    mutating func again(_ event: Event) throws(StorageError) {
        if case .refused(let it) = event.body, let admission = it.admission {
            let kind = it.rejection.kind
            if kind == .insufficient || kind == .debt { tryAgain(admission, event) }
        }
        decision.batch.removeAll()
        ledger.recordAgain(event, at: group.time, into: &decision)
        decided.fill(from: decision.batch)
        if report.isSame, !group.withBytes(of: 0, { decided.isNext($0) }) {
            differ(event, "\(event.body.code): not as it was")
        }
        while !decided.isEmpty { try here(decided.takeNext()) }
        for event in group.events { worlds.recorded(event) }
    }

    /// Whether an admission would be let in that was refused for want of credit. It is taken back: nobody knows how
    /// long it would have run.
    private mutating func tryAgain(_ admission: RefusedAdmission, _ event: Event) {
        let start = SessionStart(
            user: behind.user(event, ledger), session: admission.session, tier: admission.tier,
            timeToLive: admission.timeToLive, reserveFull: admission.reserveFull)
        decision.batch.removeAll()
        let savepoint = ledger.openSavepoint(decision)
        let outcome = decide(Request(actor: event.actor, command: .sessionStart(start)), at: group.time)
        ledger.rollBack(to: savepoint, &decision)
        ledger.closeSavepoint()
        guard case .accepted = outcome else { return }
        report.letIn += 1
        if report.isSame { differ(event, "an admission that was refused is let in") }
    }
}
