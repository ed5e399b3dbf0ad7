/// One loaded version of a rule. Rules are few, and none is ever removed.
struct Rule: Recordable, Equatable {
    var name = RuleName.sessionRuntime
    var version: UInt32 = 0
    var identity = RuleIdentity.none
    var source: [UInt8] = []
    var loaded = Timestamp.distantPast
    /// The last activation's answers.
    var book = PriceBook()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try name.code(with: &c)
        try c.small(&version)
        try c.rule(&identity)
        try c.bytes(&source)
        try c.time(&loaded)
        try book.code(with: &c)
    }
}

/// Which version of a rule counts, and which counted before it.
struct ActiveRule: Recordable, Equatable {
    var name = RuleName.sessionRuntime
    /// Versions in the order in which they became active; the last one counts.
    var versions: [UInt32] = []
    var since = Timestamp.distantPast

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try name.code(with: &c)
        var wrapped = versions.map(Number.init)
        try c.list(&wrapped, blank: Number(value: 0))
        versions = wrapped.map(\.value)
        try c.time(&since)
    }

    private struct Number: Recordable {
        var value: UInt32
        mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.small(&value) }
    }
}

/// An activation that waits for its time.
struct ScheduledRule: Recordable, Equatable {
    var lsn = LSN.none
    var name = RuleName.sessionRuntime
    var identity = RuleIdentity.none
    var at = Timestamp.never
    var book = PriceBook()

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.lsn(&lsn)
        try name.code(with: &c)
        try c.rule(&identity)
        try c.time(&at)
        try book.code(with: &c)
    }
}

extension StateMachine {
    /// The place in `store.rules` of the version that counts.
    func activeVersion(_ name: RuleName) -> Int? {
        guard let version = store.active.first(where: { $0.name == name })?.versions.last else { return nil }
        return store.rules.firstIndex { $0.name == name && $0.version == version }
    }

    func rule(_ name: RuleName, _ identity: RuleIdentity) -> Rule? {
        store.rules.first { $0.name == name && $0.identity == identity }
    }

    package func ruleSource(_ identity: RuleIdentity) -> (name: RuleName, source: [UInt8])? {
        store.rules.first { $0.identity == identity }.map { ($0.name, $0.source) }
    }
    /// Rules that have an active version.
    package var activeRules: [RuleName] { store.active.map(\.name) }
    package func activeRule(_ name: RuleName) -> RuleIdentity? {
        activeVersion(name).map { store.rules[$0].identity }
    }
    package func ruleIdentity(_ name: RuleName, version: UInt32) -> RuleIdentity? {
        store.rules.first { $0.name == name && $0.version == version }?.identity
    }
    package func previousRule(_ name: RuleName) -> RuleIdentity? {
        guard let versions = store.active.first(where: { $0.name == name })?.versions, versions.count >= 2 else {
            return nil
        }
        return ruleIdentity(name, version: versions[versions.count - 2])
    }
}
