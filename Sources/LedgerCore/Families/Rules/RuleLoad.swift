/// RULE LOAD: journals a source, for all time, before it is first used.
package struct RuleLoad: CommandType {
    package static let name: StaticString = "RULE LOAD"
    package var consequence: Consequence { .ruleLoaded(self) }
    package var name: RuleName
    package var identity: RuleIdentity
    package var source: [UInt8]
    package init(name: RuleName, identity: RuleIdentity, source: [UInt8]) {
        self.name = name
        self.identity = identity
        self.source = source
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        if case .meter(let meter) = name, ledger.meter(meter) == nil { throw .notFound(.meter) }
        if let known = ledger.rule(name, identity) { throw .ruleExists(version: known.version) }
        guard source.count <= 16 * 1024 else { throw .invalid("a rule's source is at most 16 KiB") }
        let name = name
        let version = UInt32(ledger.store.rules.count { $0.name == name }) + 1
        return .accepted(
            ledger.commit(RuleLoaded(name: name, identity: identity, version: version, source: source), &decision))
    }
}

package struct RuleLoaded: EventType {
    package static let code = EventCode.ruleLoaded
    package static let isAboutUser = false
    package static let blank = RuleLoaded(name: .sessionRuntime, identity: .none, version: 0, source: [])
    package var body: EventBody { .ruleLoaded(self) }

    package var name: RuleName
    package var identity: RuleIdentity
    package var version: UInt32
    package var source: [UInt8]

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try name.code(with: &c)
        try c.rule(&identity)
        try c.small(&version)
        try c.bytes(&source)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        var rule = Rule()
        (rule.name, rule.version, rule.identity, rule.source) = (name, version, identity, source)
        rule.loaded = header.asOf
        ledger.store.rules.append(rule)
    }
}
