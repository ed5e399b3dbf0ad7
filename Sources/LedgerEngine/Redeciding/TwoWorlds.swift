internal import LedgerCore

/// Two worlds, event by event: what they charge, and when sessions end in them.
///
/// Memory: the users of whom a session ended for want of credit; the sessions that have ended in one world and not in
/// the other, and those that were not let in.
struct TwoWorlds {
    private struct Side {
        var sum = MoneySum.zero
        var owed = MoneySum.zero
        var exhausted: Set<UInt32> = []
        /// Sessions that the other side has not ended.
        var ended: [ShortText: End] = [:]

        mutating func add(_ event: Counted) {
            if let price = event.price { sum += price }
            if let debt = event.charge?.settlement.debt { owed += debt }
            if event.isExhaustion { exhausted.insert(event.user.value) }
        }
    }

    /// What of an event counts here.
    private struct Counted {
        let user: UserOrdinal
        /// Of what the rule priced.
        let price: Money?
        let charge: Facts.Charge?
        let session: ShortText
        let isExhaustion: Bool

        init(_ event: Event, _ rule: RuleName) {
            let (part, facts) = (event.priced, event.facts)
            let isPriced = part.map { $0.pricing.query.rule == rule && $0.pricing.priced.rule != .none } ?? false
            (user, charge, session) = (event.user, facts.charge, facts.session)
            price = isPriced ? part?.amount : nil
            var isExhaustion = false
            if case .sessionClosed(let it) = event.body { isExhaustion = it.reason == .funds }
            self.isExhaustion = isExhaustion
        }
    }

    private struct Refusal: Hashable {
        let command: String
        let code: String
    }

    private let rule: RuleName
    private let count: Int
    private var old = Side()
    private var new = Side()
    private var refusals: [Refusal: (count: Int, amount: MoneySum)] = [:]
    /// Sessions that were not let in.
    private var missing: [ShortText: Refusal] = [:]
    private var endedEarlier = 0
    private var earlierBy = Int128(0)
    private var endedLater = 0
    private var early: [(session: ShortText, here: End, then: End?)] = []

    /// `count`: so many sessions are named at most.
    init(_ rule: RuleName, count: Int) {
        self.rule = rule
        self.count = count
    }

    /// The same event in both.
    mutating func both(_ event: Event) {
        let counted = Counted(event, rule)
        old.add(counted)
        new.add(counted)
    }

    mutating func recorded(_ event: Event) {
        let counted = Counted(event, rule)
        old.add(counted)
        if !missing.isEmpty, let charge = counted.charge, let refusal = missing[counted.session] {
            refusals[refusal]?.amount += charge.amount
        }
        guard case .sessionClosed(let it) = event.body, missing[it.external] == nil else { return }
        if let here = new.ended.removeValue(forKey: it.external) {
            compare(it.external, here, End(user: event.user, at: event.asOf, reason: it.reason))
        } else {
            old.ended[it.external] = End(user: event.user, at: event.asOf, reason: it.reason)
        }
    }

    mutating func decided(_ event: Event) {
        new.add(Counted(event, rule))
        guard case .sessionClosed(let it) = event.body else { return }
        if let then = old.ended.removeValue(forKey: it.external) {
            compare(it.external, End(user: event.user, at: event.asOf, reason: it.reason), then)
        } else {
            new.ended[it.external] = End(user: event.user, at: event.asOf, reason: it.reason)
        }
    }

    /// A command of the journal that is refused now; `events`: what it gave then.
    mutating func refuse(_ command: String, _ code: String, _ events: [Event]) {
        let refusal = Refusal(command: command, code: code)
        var entry = refusals[refusal] ?? (0, .zero)
        entry.count += 1
        for event in events {
            if let charge = event.facts.charge { entry.amount += charge.amount }
            if case .sessionStarted(let it) = event.body { missing[it.session] = refusal }
        }
        refusals[refusal] = entry
    }

    private mutating func compare(_ session: ShortText, _ here: End, _ then: End) {
        if here.isCut, here.at < then.at {
            earlierBy += Int128((then.at - here.at).nanoseconds)
            note(session, here, then)
        } else if then.isCut, here.at > then.at {
            endedLater += 1
        }
    }

    private mutating func note(_ session: ShortText, _ here: End, _ then: End?) {
        endedEarlier += 1
        if early.count < count { early.append((session, here, then)) }
    }

    /// Fills in what was found of them; returns whose the sessions are that are named, in their order.
    mutating func finish(_ report: inout RedecisionReport) -> [UserOrdinal] {
        for (session, here) in new.ended.sorted(by: { $0.value.at < $1.value.at }) where here.isCut {
            note(session, here, nil)
        }
        endedLater += old.ended.values.count { $0.isCut }
        report.refused = refusals.map {
            RedecisionReport.Refused(
                command: $0.key.command, code: $0.key.code, count: $0.value.count, amount: $0.value.amount)
        }
        report.refused.sort { ($1.count, $0.command, $0.code) < ($0.count, $1.command, $1.code) }
        report.ended = early.map {
            RedecisionReport.Ended(
                session: $0.session, user: ShortText(), ended: $0.here.at, reason: $0.here.reason.text,
                recorded: $0.then?.at ?? .never, recordedReason: $0.then?.reason.text)
        }
        (report.endedEarlier, report.earlierBy, report.endedLater) = (endedEarlier, earlierBy, endedLater)
        (report.old, report.new, report.owedOld, report.owedNew) = (old.sum, new.sum, old.owed, new.owed)
        (report.exhaustedOld, report.exhaustedNew) = (old.exhausted.count, new.exhausted.count)
        return early.map(\.here.user)
    }
}

/// How a session ended.
private struct End {
    let user: UserOrdinal
    let at: Timestamp
    let reason: SessionClosed.Reason
    /// For want of credit, or at a cap.
    var isCut: Bool { reason == .funds || reason == .cap }
}
