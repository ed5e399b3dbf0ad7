/// RULE ACTIVATE: which version prices from now on, or from an instant to come.
package struct RuleActivate: CommandType {
    package static let name: StaticString = "RULE ACTIVATE"
    package var consequence: Consequence { .rulesChanged }
    package var name: RuleName
    package var identity: RuleIdentity
    /// nil: now.
    package var at: Timestamp?
    /// What the rule asks for every type × tier or kind, computed by the engine before the command is decided.
    package var book: PriceBook
    package init(name: RuleName, identity: RuleIdentity, at: Timestamp?, book: PriceBook) {
        self.name = name
        self.identity = identity
        self.at = at
        self.book = book
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard let rule = ledger.rule(name, identity) else { throw .notFound(.rule) }
        if let at, at > decision.now {
            let event = RuleScheduled(name: name, identity: identity, version: rule.version, at: at, book: book)
            return .accepted(ledger.commit(event, &decision))
        }
        if let index = ledger.activeVersion(name), ledger.store.rules[index].version == rule.version {
            throw .invalid("this version is active already")
        }
        let event = RuleActivated(
            name: name, identity: identity, version: rule.version, book: book, rollback: false, scheduled: .none)
        return .accepted(ledger.commit(event, &decision))
    }
}

/// RULE ROLLBACK: the version that was active before.
package struct RuleRollback: CommandType {
    package static let name: StaticString = "RULE ROLLBACK"
    package var consequence: Consequence { .rulesChanged }
    package var name: RuleName
    package init(name: RuleName) { self.name = name }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard let previous = ledger.previousRule(name), let rule = ledger.rule(name, previous) else {
            throw .noVersionBefore
        }
        let event = RuleActivated(
            name: name, identity: previous, version: rule.version, book: rule.book, rollback: true, scheduled: .none)
        return .accepted(ledger.commit(event, &decision))
    }
}

package struct RuleScheduled: EventType {
    package static let code = EventCode.ruleScheduled
    package static let isAboutUser = false
    package static let blank = RuleScheduled(
        name: .sessionRuntime, identity: .none, version: 0, at: .never, book: PriceBook())
    package var body: EventBody { .ruleScheduled(self) }

    package var name: RuleName
    package var identity: RuleIdentity
    package var version: UInt32
    package var at: Timestamp
    package var book: PriceBook

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try name.code(with: &c)
        try c.rule(&identity)
        try c.small(&version)
        try c.time(&at)
        try book.code(with: &c)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.rule(name, identity) != nil ? nil : "schedules a rule that was never loaded"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        // One activation of a version waits at a time: a later word replaces an earlier one.
        let (name, identity) = (name, identity)
        ledger.store.scheduled.removeAll { $0.name == name && $0.identity == identity }
        ledger.store.scheduled.append(
            ScheduledRule(lsn: header.lsn, name: name, identity: identity, at: at, book: book))
        ledger.store.timers.push(TimerEntry(due: at, kind: .activation, born: header.lsn.value))
    }
}

package struct RuleActivated: EventType {
    package static let code = EventCode.ruleActivated
    package static let isAboutUser = false
    package static let blank = RuleActivated(
        name: .sessionRuntime, identity: .none, version: 0, book: PriceBook(), rollback: false, scheduled: .none)
    package var body: EventBody { .ruleActivated(self) }

    package var name: RuleName
    package var identity: RuleIdentity
    package var version: UInt32
    package var book: PriceBook
    package var rollback: Bool
    /// The `RuleScheduled` event that asked for it, when a timer fired it.
    package var scheduled: LSN

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try name.code(with: &c)
        try c.rule(&identity)
        try c.small(&version)
        try book.code(with: &c)
        try c.bool(&rollback)
        try c.lsn(&scheduled)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        let (name, version) = (name, version)
        guard ledger.store.rules.contains(where: { $0.name == name && $0.version == version }) else {
            return "activates a rule that was never loaded"
        }
        let before = ledger.store.active.first { $0.name == name }?.versions.count ?? 0
        return !rollback || before > 1 ? nil : "rolls back a rule that has no version before"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        let (name, version) = (name, version)
        let index = ledger.store.rules.firstIndex { $0.name == name && $0.version == version }!
        if !book.rows.isEmpty { ledger.store.rules[index].book = book }
        var settled = identity
        if let place = ledger.store.active.firstIndex(where: { $0.name == name }) {
            if rollback {
                // What was rolled back does not come again by an activation that was asked for before.
                let left = ledger.store.active[place].versions.removeLast()
                settled = ledger.store.rules.first { $0.name == name && $0.version == left }?.identity ?? settled
            } else if ledger.store.active[place].versions.last != version {
                // A scheduled activation may find its version active already: a rollback must not come back to it.
                ledger.store.active[place].versions.append(version)
            }
            ledger.store.active[place].since = header.asOf
        } else {
            ledger.store.active.append(ActiveRule(name: name, versions: [version], since: header.asOf))
            ledger.store.active.sort { $0.name < $1.name }
        }
        ledger.store.scheduled.removeAll { $0.name == name && $0.identity == settled }
        ledger.activations &+= 1
    }
}
